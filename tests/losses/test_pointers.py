"""torch's losses are described as they are: complete, with true values, and every trap shown by torch itself."""

from __future__ import annotations

import ast
import importlib
import inspect
import math
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from firststep import losses
from firststep.testing import check_loss

NAMED = [spec for spec in losses.catalog.values() if spec.path.startswith("torch.nn.")]
TORCH = [spec for spec in NAMED if hasattr(nn, spec.path.removeprefix("torch.nn."))]  # LinearCrossEntropyLoss is new
OURS = {spec.name for spec in losses.catalog.values() if spec.kernel is not None or spec.path.startswith("firststep.")}
ELSEWHERE = [spec for spec in losses.catalog.values() if spec.name not in OURS and spec not in NAMED]
torchs = pytest.mark.parametrize("spec", TORCH, ids=[spec.name for spec in TORCH])
INF, NAN = math.inf, math.nan


def t(*values: Any) -> Tensor:
    return torch.tensor(list(values))


def slope(loss: Callable[..., Tensor], input: Tensor, *others: Tensor) -> tuple[float, list[float]]:
    """The value and the gradient by the first tensor."""
    input = input.detach().clone().requires_grad_()
    value = loss(input, *others)
    value.sum().backward()
    assert input.grad is not None
    return float(value.detach().sum()), input.grad.flatten().tolist()


def test_all_of_torchs_losses_are_there() -> None:
    deprecated = {"NLLLoss2d"}
    there = {name for name in dir(nn) if re.search(r"Loss$", name)} - deprecated

    assert len(there) == 23
    assert {spec.name for spec in TORCH} == {f"torch.nn.{name}" for name in there}


@torchs
def test_a_declaration_names_what_torch_has(spec: losses.LossSpec) -> None:
    where, _, name = spec.path.rpartition(".")
    loss = getattr(importlib.import_module(where), name)
    takes = inspect.signature(loss).parameters
    needed = {one.name for one in takes.values() if one.default is inspect.Parameter.empty}

    assert issubclass(loss, nn.Module)
    assert needed == set(spec.required)
    assert [one.name for one in spec.arguments] == [
        name.removesuffix("_") for name in list(inspect.signature(loss.forward).parameters)[1:]
    ]
    for option in spec.options:
        if option.name in spec.required or option.name == "distance_function":
            continue
        default = re.search(r"default ([^;,]+)", option.meaning.en)
        assert default, option.name
        assert ast.literal_eval(default[1]) == takes[option.name].default, option.name


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides", "ignore:Converting a tensor with requires_grad")
@torchs
def test_start_least_value_and_invariances_are_true(spec: losses.LossSpec) -> None:
    assert spec.draw
    assert spec.start
    assert spec.minimum
    check_loss(spec, laws=["start", "minimum", "invariances"]).raise_if_failed()


@pytest.mark.parametrize("spec", ELSEWHERE, ids=[spec.name for spec in ELSEWHERE])
def test_what_is_kept_elsewhere_says_where_and_how(spec: losses.LossSpec) -> None:
    assert spec.name == spec.path
    assert spec.module == ""
    assert spec.papers
    assert spec.hazards
    assert spec.aliases
    assert spec.avoid.en
    assert spec.draw is spec.start is spec.minimum is None
    assert spec.path.split(".")[0] in spec.code


def test_ours_are_found_first() -> None:
    catalog = losses.catalog

    assert "" not in catalog
    assert catalog["CrossEntropyLoss"].name == "cross_entropy"
    assert catalog["torch.nn.CrossEntropyLoss"].path == "torch.nn.CrossEntropyLoss"
    assert catalog["ctc"].name == "torch.nn.CTCLoss"
    assert catalog["sinkhorn"].name == "geomloss.SamplesLoss"
    assert catalog["语音识别"].name == "torch.nn.CTCLoss"


def test_what_is_said_to_be_ours_is() -> None:
    named = {
        name
        for spec in (*TORCH, *ELSEWHERE)
        for text in (spec.avoid.en, *(hazard.en for hazard in spec.hazards))
        for name in re.findall(r"(?<![\w.])[a-z][a-z0-9_]*(?:_loss|_entropy|_with_logits)\b", text)
    }
    paths = [one.path for spec in (*TORCH, *ELSEWHERE) for one in spec.equivalents]

    assert named - OURS == set()
    for path in paths:
        if path.startswith("firststep.losses.functional."):
            assert path.rpartition(".")[2] in OURS


def test_starts_with_other_options() -> None:
    z, target = torch.zeros(6, 5), t(0, 1, 2, 3, 4, 0)
    yes = (torch.arange(30).reshape(6, 5) % 3 == 0).float()
    log_p, p = torch.zeros(6, 5).log_softmax(1), torch.rand(6, 5, generator=torch.manual_seed(0)).softmax(1)
    entropy = -(p * p.log()).sum(1).mean()

    assert nn.CrossEntropyLoss(label_smoothing=0.3)(z, target) == pytest.approx(math.log(5))
    assert nn.CrossEntropyLoss()(z, p) == pytest.approx(math.log(5))
    assert nn.BCEWithLogitsLoss(pos_weight=torch.tensor(4.0))(z, yes) == pytest.approx(
        math.log(2) * (1 + 3 * float(yes.mean()))
    )
    assert nn.MultiMarginLoss(p=2, margin=3.0)(z, target) == pytest.approx(9 * 4 / 5)
    assert nn.MarginRankingLoss(margin=2.0)(z[:, 0], z[:, 0], torch.ones(6)) == 2.0
    assert nn.TripletMarginLoss(margin=0.2)(z, z, z) == pytest.approx(0.2)
    assert nn.KLDivLoss(reduction="batchmean")(log_p, p) == pytest.approx(float(math.log(5) - entropy), rel=1e-4)
    standard = t(-1.0, 1.0)
    assert nn.GaussianNLLLoss(full=True)(0 * standard, standard, torch.ones(2)) == pytest.approx(1.419, abs=1e-3)


def test_values_of_standard_normal_targets() -> None:
    y = torch.randn(1_000_000, generator=torch.manual_seed(0), dtype=torch.float64)
    phi, density, tail = 0.682689492137086, 0.24197072451914337, 0.317310507862914
    huber = (phi - 2 * density) / 2 + 2 * density - tail / 2  # by parts, within and beyond 1

    assert nn.L1Loss()(0 * y, y) == pytest.approx(math.sqrt(2 / math.pi), abs=2e-3)
    assert nn.HuberLoss()(0 * y, y) == pytest.approx(huber, abs=2e-3)
    assert nn.SmoothL1Loss()(0 * y, y) == pytest.approx(huber, abs=2e-3)
    assert f"{math.sqrt(2 / math.pi):.3f}" in _start("L1Loss")
    assert f"{huber:.3f}" in _start("HuberLoss")
    assert f"{huber:.3f}" in _start("SmoothL1Loss")


def _start(name: str) -> str:
    start = losses.catalog[f"torch.nn.{name}"].start
    assert start
    return start.text.en


# The traps, in the order of the declarations.
