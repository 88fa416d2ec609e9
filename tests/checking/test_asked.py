"""What may be asked, in which forms, and what is said where it may not."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from firststep import losses
from firststep.checking import check
from firststep.errors import CheckError, FirststepError

X, Y = torch.randn(6, 4), torch.randint(3, (6,))


def loss_of(model: Any, loss: Any, batch: Any, **given: Any) -> float:
    report = check(model, loss, batch, **given)
    assert report.evidence.crash is None, report.evidence.crash
    assert report.evidence.loss is not None
    return report.evidence.loss


@pytest.mark.parametrize(
    ("arguments", "given", "words"),
    [
        (
            ("model", nn.MSELoss(), (X, Y)),
            {},
            "check(model, ...): expected a torch.nn.Module, was given str. "
            "Type fs.check(model, loss, (inputs, targets))",
        ),
        (
            (nn.Linear(4, 3), "mse", (X, Y)),
            {},
            "check(..., loss, ...): expected a loss module or a function, was given str. "
            "Type nn.CrossEntropyLoss(), or lambda output, targets: ..., or None for a model that returns its loss",
        ),
        (
            (nn.Linear(4, 3), nn.CrossEntropyLoss, (X, Y)),
            {},
            "check(..., loss, ...): was given the class CrossEntropyLoss. Type CrossEntropyLoss()",
        ),
        (
            (nn.Linear(4, 3), nn.CrossEntropyLoss(), X),
            {},
            "check(..., batch): expected a pair (inputs, targets), was given Tensor. "
            "Several inputs go in a tuple or dict: (inputs, targets) = ((a, b), y). Without targets: (inputs, None)",
        ),
        (
            (nn.Linear(4, 3), nn.CrossEntropyLoss(), (X, X, Y)),
            {},
            "check(..., batch): expected a pair (inputs, targets), was given 3 values. "
            "Several inputs go in a tuple or dict: (inputs, targets) = ((a, b), y). Without targets: (inputs, None)",
        ),
        (
            (nn.ReLU(), nn.CrossEntropyLoss(), (X, Y)),
            {},
            "check(model, ...): ReLU has no parameters: there is no start to check",
        ),
        (
            (nn.Linear(4, 3, device="meta"), nn.CrossEntropyLoss(), (X, Y)),
            {},
            "check(model, ...): 2 parameters are on the meta device, weight for one: they have no values yet. "
            "Type model.to_empty(device='cpu') and fs.initialize(model, seed=0) first",
        ),
        (
            (nn.Linear(4, 3), nn.CrossEntropyLoss(), (X, Y)),
            {"ignore": {"softmax"}},
            "check(ignore={'softmax'}): there is no such code. The documentation's page checks lists all",
        ),
        (
            (nn.Linear(4, 3), nn.CrossEntropyLoss(), (X, Y)),
            {"task": "vision"},
            "check(task='vision'): expected None or one of 'causal-lm'",
        ),
    ],
)
def test_what_is_no_start_is_refused_in_words(arguments: Any, given: Any, words: str) -> None:
    with pytest.raises(CheckError) as error:
        check(*arguments, **given)
    assert str(error.value) == words
    assert isinstance(error.value, FirststepError)


def test_a_model_without_a_loss_of_its_own_needs_one() -> None:
    class Bare(nn.Linear):
        def forward(self, input: Tensor) -> Any:
            return {"output": super().forward(input)}

    report = check(Bare(4, 3), None, (X, None))
    assert report.evidence.crash is not None
    assert report.evidence.crash.error == (
        "CheckError: check(model, None, ...): the model returned dict without a loss. Give the loss: "
        "fs.check(model, loss, (inputs, targets))"
    )


class Two(nn.Module):
    """Takes two inputs, returns a pair."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        return self.layer(a), self.layer(b)


def test_tuples_are_positional_and_spread_out_where_the_loss_takes_more() -> None:
    model, other = Two(), torch.randn(6, 4)
    with torch.no_grad():
        a, b = model(X, other)
    assert loss_of(model, losses.InfoNCELoss(), ((X, other), None)) == pytest.approx(
        float(losses.functional.info_nce_loss(a, b)), rel=1e-5
    )
    sign = torch.ones(6)
    assert loss_of(model, nn.CosineEmbeddingLoss(), ((X, other), sign)) == pytest.approx(
        float(F.cosine_embedding_loss(a, b, sign)), rel=1e-5
    )
    whole = loss_of(model, lambda output, target: F.mse_loss(output[0], target), ((X, other), torch.zeros(6, 3)))
    assert whole == pytest.approx(float(a.square().mean().detach()), rel=1e-5)


def test_dicts_are_keywords_and_the_models_own_loss_is_taken() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def forward(self, inputs: Tensor, labels: Tensor) -> Any:
            logits = self.layer(inputs)
            return OrderedDict(loss=F.cross_entropy(logits, labels), logits=logits)

    model = Own()
    report = check(model, None, ({"inputs": X, "labels": Y}, None))
    assert report.evidence.loss == pytest.approx(float(F.cross_entropy(model.layer(X), Y).detach()), rel=1e-6)
    assert [call.name for call in report.evidence.calls] == ["CrossEntropyLoss"]


def test_an_output_with_logits_and_a_forward_of_ones_own() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def encode(self, inputs: Tensor) -> Any:
            return SimpleNamespace(logits=self.layer(inputs))

    model = Odd()
    found = loss_of(model, nn.CrossEntropyLoss(), (X, Y), forward=lambda model, inputs: model.encode(inputs))
    assert found == pytest.approx(float(F.cross_entropy(model.layer(X), Y).detach()), rel=1e-6)


def test_several_targets_are_spread_out() -> None:
    class Frames(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 5)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x).log_softmax(2).transpose(0, 1)

    model, x = Frames(), torch.randn(3, 10, 4)
    labels, lengths, sizes = torch.randint(1, 5, (3, 4)), torch.full((3,), 10), torch.full((3,), 4)
    expected = F.ctc_loss(model(x), labels, lengths, sizes)
    assert loss_of(model, nn.CTCLoss(), (x, (labels, lengths, sizes))) == pytest.approx(
        float(expected.detach()), rel=1e-5
    )


@pytest.mark.parametrize("wrap", [lambda v: (v, {"a": 1.0}), lambda v: {"loss": v}, lambda v: [v, None]])
def test_the_first_of_what_a_loss_returns_counts(wrap: Any) -> None:
    model = nn.Linear(4, 3)
    found = loss_of(model, lambda output, target: wrap(F.cross_entropy(output, target)), (X, Y))
    assert found == pytest.approx(float(F.cross_entropy(model(X), Y).detach()), rel=1e-6)


def test_a_total_is_its_mean() -> None:
    model = nn.Linear(4, 3)
    loss = losses.FocalLoss()
    assert loss_of(model, loss.total, (X, Y)) == pytest.approx(float(loss(model(X), Y).detach()), rel=1e-6)


class Logits(NamedTuple):
    logits: Tensor
    hidden: Tensor


class Named(nn.Module):
    """Returns an object with fields."""

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.kind, self.layer = kind, nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Any:
        return self.kind(logits=self.layer(x), hidden=x)


@pytest.mark.parametrize("kind", [Logits, SimpleNamespace])
@pytest.mark.parametrize(
    "loss", [lambda out, y: F.cross_entropy(out.logits, y), nn.CrossEntropyLoss(), F.cross_entropy]
)
def test_objects_with_fields_reach_the_loss_as_the_loss_takes_them(kind: Any, loss: Any) -> None:
    model = Named(kind)
    expected = float(F.cross_entropy(model.layer(X), Y).detach())
    assert loss_of(model, loss, (X, Y)) == pytest.approx(expected, rel=1e-6)


def test_a_loss_of_the_output_that_takes_targets_too_is_given_none() -> None:
    model = nn.Linear(4, 3)
    found = loss_of(model, lambda output, y: output.square().mean() if y is None else y, (X, None))
    assert found == pytest.approx(float(model(X).detach().square().mean()), rel=1e-6)


def test_a_list_is_one_argument_where_the_model_takes_one() -> None:
    class Lists(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def forward(self, images: list[Tensor]) -> Tensor:
            return torch.stack([self.layer(one) for one in images])

    assert check(Lists(), nn.CrossEntropyLoss(), (list(X), Y)).evidence.crash is None
    assert check(Two(), losses.InfoNCELoss(), ([X, X + 1], None)).evidence.crash is None


def test_an_optimizer_is_one() -> None:
    for given, what in (("adam", "str"), (torch.optim.Adam, "the class Adam")):
        with pytest.raises(CheckError) as error:
            check(nn.Linear(4, 3), nn.CrossEntropyLoss(), (X, Y), optimizer=given)
        assert str(error.value) == (
            f"check(optimizer=...): expected an optimizer of this model, was given {what}. "
            "Type torch.optim.AdamW(model.parameters())"
        )


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning", "ignore:Sparse")
def test_odd_models_and_batches_raise_nothing() -> None:
    class Graph(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def forward(self, x: Tensor, adjacency: Tensor) -> Tensor:
            return adjacency @ self.layer(x)

    class Dense(nn.Linear):
        def forward(self, input: Tensor) -> Tensor:
            return super().forward(input.to_dense())

    eye = torch.eye(6)
    for adjacency in (eye.to_sparse_csr(), eye.to_sparse_coo(), eye):
        report = check(Graph(), nn.CrossEntropyLoss(), ((X, adjacency), Y))
        assert report.evidence.crash is None, report.evidence.crash
    assert check(Dense(4, 3), nn.CrossEntropyLoss(), (X.to_sparse(), Y)).evidence.crash is None
    nested = torch.nested.nested_tensor([torch.randn(2, 4), torch.randn(3, 4)], layout=torch.jagged)
    check(nn.Linear(4, 3), lambda o, y: sum(one.mean() for one in o.unbind()), (nested, None))
    assert check(torch.jit.script(nn.Linear(4, 3)), nn.CrossEntropyLoss(), (X, Y)).ok


def test_a_rule_that_cannot_judge_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    from firststep.checking import _check

    def fails(_: Any) -> Any:
        raise ZeroDivisionError("by nothing")

    broken = dataclasses.replace(_check.CHECKS[0], find=fails)
    monkeypatch.setattr(_check, "CHECKS", (broken, *_check.CHECKS[1:]))
    report = check(nn.Linear(4, 3), nn.CrossEntropyLoss(), (X, Y))
    assert report.failed == ("FS001: ZeroDivisionError: by nothing",)
    assert report.ok
    assert "could not judge this model: FS001: ZeroDivisionError: by nothing" in report.text(100)
