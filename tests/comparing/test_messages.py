"""What is refused, word for word, and before anything is trained."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import firststep as fs
from firststep.comparing import compare
from firststep.errors import CompareError

X, Y = torch.randn(20, 4), torch.randn(20, 1)
ONE = nn.Linear(4, 1)


def build() -> nn.Module:
    return nn.Linear(4, 1)


def on_meta() -> nn.Module:
    with torch.device("meta"):
        return build()


def sharing() -> nn.Module:
    return nn.Sequential(nn.Identity(), ONE)


class Stream(IterableDataset[Any]):
    """Examples in no order."""

    def __iter__(self) -> Any:
        return iter([(X[0], Y[0])])


def differing(batches: list[Any]) -> Any:
    """A function of the seed that does not heed it."""

    def data(seed: int) -> Any:
        batches.append(0)
        return [(X[len(batches) :][:4], Y[:4])]

    return data


FORMS = (
    "a pair of tensors (inputs, targets), a Dataset, a DataLoader, or a function of the seed that returns the batches"
)
EXAMPLE = 'Type inits={"ours": "default", "as built": None}'

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a model": (
        {"build": ONE},
        "compare(build, ...): was given a Linear; expected a function that returns a new model in each call. Type "
        "def build(): return nn.Sequential(...), or lambda: copy.deepcopy(model)",
    ),
    "no function": ({"build": 3}, "compare(build, ...): expected a function that returns a model, was given 3"),
    "no module": (
        {"build": lambda: (build(), 1)},
        "compare(build, ...): build() returned tuple; expected a torch.nn.Module",
    ),
    "the same model": (
        {"build": lambda: ONE},
        "compare(build, ...): build() returned the same parameters twice, so that a second run would go on where the "
        "first ended. Build anew in each call: def build(): return nn.Sequential(...)",
    ),
    "the same parameters": (
        {"build": sharing},
        "compare(build, ...): build() returned the same parameters twice, so that a second run would go on where the "
        "first ended. Build anew in each call: def build(): return nn.Sequential(...)",
    ),
    "on meta": (
        {"build": on_meta},
        "compare(build, ...): build() returned a model on the meta device, whose parameters have no memory. Build it "
        "on the device to train on",
    ),
    "nothing to train": (
        {"build": lambda: build().requires_grad_(False), "inits": ["as built"]},
        "compare(build, ...): the model has no parameter with requires_grad=True to train",
    ),
    "no starts": ({"inits": {}}, f"compare(inits=...): there is no start to compare. {EXAMPLE}"),
    "one name": (
        {"inits": "default"},
        "compare(inits=...): expected a mapping from labels to rules, or a list of recipes' names; was given "
        f"'default'. {EXAMPLE}",
    ),
    "a rule without a label": (
        {"inits": [fs.rule(nn.Linear, weight=fs.init.zeros(), bias=fs.init.zeros())]},
        "compare(inits=[...]): a list holds names of recipes and paths of rules files, was given Rule. Give it a "
        'label: inits={"mine": ...}',
    ),
    "a label twice": (
        {"inits": ["default", "default"]},
        "compare(inits=...): 'default' is there twice. Give each start a label of its own in a dict",
    ),
    "a number for a label": (
        {"inits": {1: "default"}},
        "compare(inits=...): expected labels that are text, was given 1",
    ),
    "a number for a start": (
        {"inits": {"a": 3.0}},
        "compare(inits=...): 'a' is 3.0; expected rules as fs.initialize takes them, a function (model, seed), or None "
        "for the model as built",
    ),
    "a start that does not fit": (
        {"inits": {"fine": "default", "mine": fs.rule(nn.Conv2d, weight=fs.init.zeros())}},
        "compare(inits=...): the start 'mine' does not fit the model. ",
    ),
    "an unknown recipe": (
        {"inits": ["as built", "defualt"]},
        "compare(inits=...): the start 'defualt' does not fit the model. no recipe is called 'defualt'",
    ),
    "no data": ({"data": (X[:0], Y[:0])}, "compare(data=...): the pair of tensors holds no example"),
    "an empty dataset": (
        {"data": TensorDataset(X[:0], Y[:0])},
        "compare(data=...): the dataset holds no example",
    ),
    "an empty loader": (
        {"data": DataLoader(TensorDataset(X, Y), batch_size=64, drop_last=True)},
        "compare(data=...): the DataLoader gave no batch",
    ),
    "lengths that differ": (
        {"data": ({"x": X}, Y[:19])},
        "compare(data=...): axis 0 of inputs and targets counts the examples, and differs: shapes (20, 4), (19, 1)",
    ),
    "numbers": (
        {"data": ([1, 2], [3, 4])},
        f"compare(data=...): expected {FORMS}; was given a pair whose inputs hold no tensor",
    ),
    "three values": ({"data": (X, X, Y)}, f"compare(data=...): expected {FORMS}; was given 3 values"),
    "nothing": ({"data": None}, f"compare(data=...): expected {FORMS}; was given NoneType"),
    "a stream": (
        {"data": Stream()},
        "compare(data=...): an IterableDataset has no order. Type data=DataLoader(dataset, ...)",
    ),
    "a batch size for a loader": (
        {"data": DataLoader(TensorDataset(X, Y)), "batch_size": 8},
        "compare(batch_size=8): the size of the batches is the loader's own here. Leave batch_size out",
    ),
    "a batch size for a function": (
        {"data": lambda seed: [(X, Y)], "batch_size": 8},
        "compare(batch_size=8): the size of the batches is the function's own here. Leave batch_size out",
    ),
    "a function of no batches": (
        {"data": lambda seed: 3},
        "compare(data=...): the function of the seed returned int; expected batches, such as a list, a generator or a "
        "DataLoader",
    ),
    "too few batches": (
        {"data": lambda seed: iter([(X, Y)] * 3)},
        "compare(data=...): the function of the seed gave 3 batches and cannot be read again. Return as many as there "
        "are steps, or a list or a DataLoader, which start over",
    ),
    "batches that are no pairs": (
        {"data": DataLoader(TensorDataset(X, X, Y))},
        "compare(data=...): expected batches that are pairs (inputs, targets), got 3 values. Several inputs go in a "
        "tuple or dict: ((a, b), targets); without targets: (inputs, None)",
    ),
    "data that differ": (
        {"data": differing([])},
        "compare(data=...): in seed 0, 'as built' got another batch than 'default' at step 0, so that the two cannot "
        "be compared. Give data that is the same for the same seed: tensors, or data=lambda seed: ... that builds its "
        "batches anew from the seed",
    ),
    "a class of losses": (
        {"loss": nn.MSELoss},
        "compare(loss=...): expected a module or function of (output, targets), was given the class MSELoss. Type "
        "MSELoss()",
    ),
    "no loss": (
        {"loss": None},
        "compare(loss=...): expected a module or function of (output, targets), was given None",
    ),
    "a loss per example": (
        {"loss": nn.MSELoss(reduction="none")},
        "compare(loss=...): the loss returned a tensor of shape (20, 1); expected one number. Type loss=lambda output, "
        "targets: your_loss(output, targets).mean()",
    ),
    "a loss of floats": (
        {"loss": lambda output, target: 1.0},
        "compare(loss=...): the loss returned float; expected a tensor of one number",
    ),
    "a loss cut off": (
        {"loss": lambda output, target: (output.detach() - target).square().mean()},
        "compare(loss=...): the loss does not depend on the model's parameters: somewhere between them and the loss "
        "the graph is cut, by detach(), item(), argmax() or torch.no_grad()",
    ),
    "no steps": ({"steps": 0}, "compare(steps=0): expected a whole number, at least 1"),
    "half a step": ({"steps": 1.5}, "compare(steps=1.5): expected a whole number, at least 1"),
    "no seeds": ({"seeds": 0}, "compare(seeds=0): expected a whole number, at least 1"),
    "a seed twice": (
        {"seeds": [1, 1]},
        "compare(seeds=[1, 1]): expected a number of seeds, or a list of different ones",
    ),
    "a rate of 0": (
        {"lrs": (0.1, 0.0)},
        "compare(lrs=(0.1, 0.0)): expected learning rates above 0, such as lrs=(1e-3, 1e-2)",
    ),
    "no target": ({"target": float("nan")}, "compare(target=nan): expected a loss to reach, such as target=0.5"),
    "an optimizer": (
        {"optimizer": torch.optim.SGD(ONE.parameters(), lr=0.1)},
        "compare(optimizer=...): expected a function of the parameters, was given SGD. Every model needs its own: type "
        "optimizer=torch.optim.SGD, or lambda parameters: torch.optim.SGD(parameters, lr=0.1)",
    ),
    "rates without an argument": (
        {"optimizer": lambda parameters: torch.optim.SGD(parameters, lr=0.1), "lrs": (0.1, 1.0)},
        "compare(optimizer=..., lrs=...): the optimizer's function has no argument lr. Type optimizer=lambda "
        "parameters, lr: torch.optim.SGD(parameters, lr=lr)",
    ),
    "no optimizer": (
        {"optimizer": lambda parameters: None},
        "compare(optimizer=...): returned NoneType, expected an optimizer. Type optimizer=lambda parameters: "
        "torch.optim.SGD(parameters, lr=0.1)",
    ),
}
BEGINNINGS = {"a start that does not fit", "an unknown recipe"}
"""Whose messages go on with what the plan says."""


@pytest.mark.parametrize("case", WRONG)
def test_wrong_arguments_word_for_word(case: str) -> None:
    given, message = WRONG[case]
    options: dict[str, Any] = {
        "build": build,
        "inits": ["default", "as built"],
        "data": (X, Y),
        "loss": nn.MSELoss(),
        "steps": 5,
        "seeds": 2,
    }
    before = torch.get_rng_state()
    with pytest.raises(CompareError) as error:
        compare(**{**options, **given})

    said = str(error.value)
    assert said.startswith(message) if case in BEGINNINGS else said == message
    assert torch.equal(torch.get_rng_state(), before)


def test_every_start_is_planned_before_anything_is_trained() -> None:
    def loss(output: Tensor, target: Tensor) -> Tensor:
        raise AssertionError("trained")

    with pytest.raises(CompareError, match="the start 'b' does not fit"):
        compare(build, {"a": "default", "b": fs.rule("nothing.*", weight=fs.init.zeros())}, (X, Y), loss)


def test_what_a_model_raises_passes_through() -> None:
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        compare(lambda: nn.Linear(5, 1), ["as built"], (X, Y), nn.MSELoss())


def test_unknown_labels_and_files(tmp_path: Any) -> None:
    result = compare(build, ["default"], (X, Y), nn.MSELoss(), steps=1, seeds=1)

    with pytest.raises(CompareError) as error:
        _ = result["defalt"]
    assert str(error.value) == "no start is called 'defalt'. Did you mean 'default'?"
    with pytest.raises(CompareError) as error:
        result.save(tmp_path / "a.pdf")
    assert str(error.value) == f"save({str(tmp_path / 'a.pdf')!r}): expected a name that ends in .html or .svg"
    assert list(tmp_path.iterdir()) == []
