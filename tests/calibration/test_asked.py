"""What may be asked and in which form, what is said of what may not, and what the report shows."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from firststep import planning
from firststep.calibration import (
    TARGETS,
    CalibrationReport,
    actnorm,
    calibrate,
    gradinit,
    head_bias,
    metainit,
    unit_variance,
)
from firststep.errors import CalibrationError, FirststepError

X = torch.randn(64, 4, generator=torch.Generator().manual_seed(1))
Y = torch.randint(0, 3, (64,), generator=torch.Generator().manual_seed(2))


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))


class Two(nn.Module):
    """Two inputs, the second by name."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, a: Tensor, *, b: Tensor | None = None) -> Tensor:
        return self.a(a) if b is None else self.a(a) + self.b(b)

    def encode(self, pair: list[Tensor]) -> Tensor:
        return self(pair[0], b=pair[1])


@pytest.mark.parametrize(
    ("batch", "options", "reached"),
    [
        (X, {}, ["a"]),
        ((X, None), {}, ["a"]),
        (((X,), None), {}, ["a"]),
        ((X,), {}, ["a"]),
        ({"a": X, "b": X}, {}, ["a", "b"]),
        (({"a": X, "b": X}, Y), {}, ["a", "b"]),
        (([X, X], Y), {"forward": lambda model, pair: model.encode(pair)}, ["a", "b"]),
    ],
)
def test_batches_of_every_form(batch: Any, options: dict[str, Any], reached: list[str]) -> None:
    report = calibrate(Two(), batch, **options)
    assert [row.layer for row in report.changed] == reached


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # what torch.compile imports is deprecated in part
def test_wrappers_are_looked_through() -> None:
    wrapped = nn.DataParallel(net())
    compiled = torch.compile(net())

    assert [row.layer for row in calibrate(wrapped, X).rows] == ["0", "2"]
    assert isinstance(compiled, nn.Module)
    assert [row.layer for row in calibrate(compiled, X).rows] == ["0", "2"]


@pytest.mark.parametrize(
    ("layers", "chosen"),
    [
        (nn.Linear, ["0", "2"]),
        ("2", ["2"]),
        (planning.select(nn.Linear) & ~planning.select("0"), ["2"]),
        (planning.chain(2), ["0", "2"]),
        (planning.type_named("Lin*"), ["0", "2"]),
    ],
)
def test_layers_takes_whatever_a_rule_does(layers: Any, chosen: list[str]) -> None:
    assert [row.layer for row in calibrate(net(), X, layers=layers).rows] == chosen


def test_a_name_stands_for_the_target_with_its_defaults() -> None:
    made = {"unit-variance": unit_variance(), "actnorm": actnorm(), "head-bias": head_bias()}
    made |= {"gradinit": gradinit(), "metainit": metainit()}
    assert {name: make() for name, make in TARGETS.items()} == made
    assert {target.name: target for target in made.values()} == made


@pytest.mark.parametrize(
    ("target", "text"),
    [
        (unit_variance(), "unit_variance()"),
        (unit_variance(tol=0.1, center=True), "unit_variance(tol=0.1, center=True)"),
        (head_bias(task="sigmoid"), "head_bias(task='sigmoid')"),
        (gradinit(optimizer="adam", gamma=math.inf), "gradinit(optimizer='adam', gamma=inf)"),
        (metainit(steps=7), "metainit(steps=7)"),
    ],
)
def test_a_target_prints_as_the_call_that_made_it(target: Any, text: str) -> None:
    assert repr(target) == text


def poisoned(value: float) -> nn.Sequential:
    made = net()
    with torch.no_grad():
        made[0].weight[0, 0] = value
    return made


class Log(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return (x - x.abs().max()).log()


MESSAGES: list[tuple[Callable[[], object], str]] = [
    (
        lambda: calibrate(torch.relu, X),  # pyright: ignore[reportArgumentType]
        "calibrate(model, ...): expected a torch.nn.Module, was given builtin_function_or_method. "
        "Type fs.calibrate(model, (inputs, targets))",
    ),
    (lambda: calibrate(nn.ReLU(), X), "calibrate(model, ...): ReLU has no parameters to calibrate"),
    (
        lambda: calibrate(nn.Sequential(nn.LazyLinear(3)), X),
        "calibrate(model, ...): '0.weight' is lazy: its shape is not known yet. "
        "Run the model once on a batch, then initialize and calibrate",
    ),
    (
        lambda: calibrate(net().to("meta"), X),
        "calibrate(model, ...): '0.weight' is on the meta device: it has no values yet. "
        "Type model.to_empty(device='cpu') and fs.initialize(model, seed=0) first",
    ),
    (
        lambda: calibrate(net(), (X, Y), "gradinit", loss=nn.CrossEntropyLoss),
        "calibrate(loss=...): expected a loss module or a function, was given the class CrossEntropyLoss. "
        "Type loss=nn.CrossEntropyLoss(), or loss=lambda output, targets: ...",
    ),
    (
        lambda: calibrate(net(), (X, Y), "gradinit", loss="mse"),  # pyright: ignore[reportArgumentType]
        "calibrate(loss=...): expected a loss module or a function, was given str. "
        "Type loss=nn.CrossEntropyLoss(), or loss=lambda output, targets: ...",
    ),
    (
        lambda: calibrate(net(), X, seed=0.5),  # pyright: ignore[reportArgumentType]
        "calibrate(seed=0.5): expected a whole number, such as seed=0",
    ),
    (
        lambda: calibrate(net(), X, "unit-varience"),
        "calibrate(target='unit-varience'): expected one of 'unit-variance', 'head-bias', 'actnorm', 'gradinit', "
        "'metainit', or a value such as calibration.unit_variance(tol=0.1). Did you mean 'unit-variance'?",
    ),
    (
        lambda: calibrate(nn.Sequential(), X),
        "calibrate(model, ...): Sequential has no parameters to calibrate",
    ),
    (
        lambda: calibrate(nn.ModuleDict({"encoder": net()}), X, layers="encodr.0"),
        "calibrate(layers='encodr.0') matches no module of the model. A glob must match a module's whole name. "
        "Did you mean 'encoder.0'? Its layers with parameters are: Linear",
    ),
    (
        lambda: calibrate(net(), X, layers=nn.ReLU),
        "calibrate(layers=ReLU) matches ReLU, and none of them has a weight that sets the scale of its output. "
        "Select layers such as nn.Linear or nn.Conv2d",
    ),
    (
        lambda: calibrate(net(), X, layers=7),  # pyright: ignore[reportArgumentType]
        "calibrate(layers=...): select(7): expected a module type, a tuple of types, a glob on module names, a "
        "compiled regular expression, or a predicate (name, module) -> bool",
    ),
    (
        lambda: calibrate(net(), torch.full((2, 4), math.nan)),
        "calibrate(batch=...): inputs holds values that are not finite; a calibration from them would spread them to "
        "the weights. Clean the batch first",
    ),
    (
        lambda: calibrate(Two(), ({"a": X, "b": X / 0}, None)),
        "calibrate(batch=...): inputs['b'] holds values that are not finite; a calibration from them would spread "
        "them to the weights. Clean the batch first",
    ),
    (
        lambda: calibrate(poisoned(math.inf), X),
        "calibrate: the layer '0' (Linear) gives values that are not finite, so that nothing after it can be "
        "measured. Initialize the model first, with fs.initialize(model, seed=0), or look at it with "
        "fs.check(model, loss, batch)",
    ),
    (
        lambda: calibrate(nn.Sequential(nn.Linear(4, 8), Log(), nn.Linear(8, 3)), X),
        "calibrate: the layer '1' (Log) gives values that are not finite, so that nothing after it can be "
        "measured. Initialize the model first, with fs.initialize(model, seed=0), or look at it with "
        "fs.check(model, loss, batch)",
    ),
    (lambda: unit_variance(tol=0.0), "unit_variance(tol=0.0): expected a finite number > 0"),
    (lambda: unit_variance(steps=0), "unit_variance(steps=0): expected a whole number >= 1"),
    (
        lambda: unit_variance(center=1),  # pyright: ignore[reportArgumentType]
        "unit_variance(center=1): expected True or False",
    ),
    (lambda: actnorm(tol=-1.0), "actnorm(tol=-1.0): expected a finite number > 0"),
    (
        lambda: gradinit(optimizer="adamw"),  # pyright: ignore[reportArgumentType]
        "gradinit(optimizer='adamw'): expected 'sgd' or 'adam'",
    ),
    (lambda: gradinit(gamma=math.nan), "gradinit(gamma=nan): expected a finite number > 0"),
    (lambda: metainit(momentum=1.0), "metainit(momentum=1.0): expected a number with 0 <= momentum < 1"),
]


@pytest.mark.parametrize(("call", "message"), MESSAGES, ids=[message[:60] for _, message in MESSAGES])
def test_messages(call: Callable[[], object], message: str) -> None:
    with pytest.raises(CalibrationError) as caught:
        call()
    assert str(caught.value) == message
    assert isinstance(caught.value, FirststepError)


def test_an_error_of_the_model_comes_through_and_changes_nothing() -> None:
    model = net()
    before = [one.clone() for one in model.parameters()]
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        calibrate(model, torch.randn(3, 5))
    assert all(torch.equal(one, old) for one, old in zip(model.parameters(), before, strict=True))


def exact() -> CalibrationReport:
    """Numbers that come out alike on every machine: powers of two."""
    model = nn.Sequential(nn.Linear(1, 1), nn.Tanh(), nn.Linear(1, 1), nn.Linear(1, 1), nn.Linear(1, 1))
    with torch.no_grad():
        for one in model.parameters():
            one.fill_(0.25)
        model[0].bias.zero_()
        model[2].bias.zero_()
        model[4].weight.zero_()
    model[3].requires_grad_(False)
    return calibrate(model, torch.tensor([[-8.0], [8.0]]))


def test_the_report_as_text() -> None:
    assert exact().table(100) == (
        "Calibration to unit_variance(): 2 layers changed, 2 left\n"
        "\n"
        "               weight  output before        after\n"
        "layer  type     times     mean / std   mean / std\n"
        "-------------------------------------------------\n"
        "0      Linear     0.5          0 / 2        0 / 1\n"
        "2      Linear    5.25      0 / 0.241        0 / 1\n"
        "3      Linear       -  0.25 / 0.0603  0.25 / 0.25\n"
        "4      Linear       -       0.25 / 0     0.25 / 0\n"
        "\n"
        "left as they are\n"
        "  3 (Linear): frozen (requires_grad=False)\n"
        "  4 (Linear): its weight is all zero"
    )


def test_the_report_of_a_layer_that_the_batch_does_not_reach() -> None:
    model = nn.ModuleDict({"used": nn.Linear(1, 1), "spare": nn.Linear(1, 1)})
    for one in model.parameters():
        nn.init.constant_(one, 0.25)

    report = calibrate(model, torch.tensor([[-8.0], [8.0]]), forward=lambda parts, x: parts["used"](x))

    assert report.table(100) == (
        "Calibration to unit_variance(): 1 layer changed, 1 left\n"
        "\n"
        "               weight  output before       after\n"
        "layer  type     times     mean / std  mean / std\n"
        "------------------------------------------------\n"
        "used   Linear     0.5       0.25 / 2    0.25 / 1\n"
        "\n"
        "left as they are\n"
        "  spare (Linear): the batch does not reach it"
    )


def test_the_report_as_data() -> None:
    report = exact()

    data = json.loads(report.to_json())

    assert data == report.to_dict()
    assert data["target"] == {"name": "unit-variance", "tol": 0.01, "steps": 10, "center": False, "orthonormal": False}
    assert data["rows"][0] == {
        "layer": "0",
        "kind": "Linear",
        "parameters": ["0.weight"],
        "factor": {"low": 0.5, "high": 0.5},
        "shift": None,
        "before": {"mean": 0.0, "std": 2.0},
        "after": {"mean": 0.0, "std": 1.0},
        "tries": 1,
        "note": "",
    }
    assert [row.layer for row in report.changed] == ["0", "2"]
    assert [row.layer for row in report.left] == ["3", "4"]
    assert repr(report) == "<CalibrationReport: unit-variance, 2 layers changed, 2 left; print it to see>"
    assert "<table>" in report._repr_html_()


def test_progress_is_told_and_is_quiet_otherwise(capfd: pytest.CaptureFixture[str]) -> None:
    told: list[tuple[int, int, str]] = []
    calibrate(net(), X, progress=lambda *step: told.append(step))
    assert told == [(1, 2, "0"), (2, 2, "2")]
    told.clear()
    calibrate(net(), (X, Y), gradinit(steps=3), loss=nn.CrossEntropyLoss(), progress=lambda *step: told.append(step))
    assert [(done, total) for done, total, _ in told] == [(1, 3), (2, 3), (3, 3)]
    assert told[0][2].startswith("loss after one step 1.")
    calibrate(net(), X)
    assert capfd.readouterr() == ("", "")
