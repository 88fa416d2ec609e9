"""Every law, held to every loss of ours; and the laws themselves, held to losses that break them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from firststep import LossError, losses
from firststep.testing import LAWS, check_loss

OURS = [spec.name for spec in losses.catalog.values() if spec.kernel is not None]


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("name", OURS)
def test_every_loss_obeys_every_law(name: str, law: str) -> None:
    check_loss(name, laws=[law]).raise_if_failed()


def broken(law: str) -> object:
    """A loss that breaks one law and is called as cross-entropy is."""

    def loss(input: Tensor, target: Tensor, reduction: str = "mean", ignore_index: int = -100) -> Tensor:
        keep = target != ignore_index
        safe = torch.where(keep, target, 0)
        values = nn.functional.cross_entropy(input, safe, reduction="none")
        values = torch.where(keep, values, 0.0)
        count = keep.sum().clamp(min=1)
        if law == "reductions":
            count = count + 1 if reduction == "mean" else count
        if law == "duplicates":
            count = count.double().sqrt()
        if law == "masking":
            count = torch.as_tensor(len(target)).clamp(min=1)
        if law == "permutation":
            values = values * torch.arange(1, len(values) + 1)
        if law == "start":
            values = 2 * values
        if law == "minimum":
            values = values - 1
        if law == "invariances":
            values = values + input[:, 0] ** 2
        if law == "gradcheck":
            values = values + input.detach().sum(1)
        if law == "gradgradcheck":
            values = _Once.apply(values)
        if law == "half":
            values = values.exp().log()
        if law == "compile":
            torch._dynamo.graph_break()
        if law in ("no_sync", "vmap") and float(values.sum()) < -1:
            values = -values
        if law == "empty":
            count = torch.as_tensor(float(len(target)))
        if law == "all_masked":
            count = keep.sum()
        if law == "pure":
            values = values + torch.rand(())
        if reduction == "none":
            return values
        return values.sum() if reduction == "sum" else values.sum() / count

    return loss


class _Once(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, values: Tensor) -> Tensor:
        return values**2

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: object, gradient: Tensor) -> Tensor:
        return gradient


NEEDS_OURS = ("weights", "limits", "chunks")


@pytest.mark.parametrize("law", [law for law in LAWS if law not in NEEDS_OURS])
def test_a_loss_that_breaks_a_law_is_told_so(law: str) -> None:
    assert check_loss(broken(""), like="cross_entropy", laws=[law]).ok

    report = check_loss(broken(law), like="cross_entropy", laws=[law])

    assert report.failed == [law]
    with pytest.raises(AssertionError, match=f"loss does not obey: {law}"):
        report.raise_if_failed()


def test_a_reference_that_differs_in_value_or_gradient_is_seen() -> None:
    import numpy as np

    def right(input: np.ndarray, target: np.ndarray) -> np.ndarray:
        return np.array([np.log(np.exp(row).sum()) - row[y] for row, y in zip(input, target, strict=True)])

    def wrong(input: np.ndarray, target: np.ndarray) -> np.ndarray:
        return right(input, target) + 1e-6

    assert check_loss("cross_entropy", laws=["reference"], reference=right).ok
    report = check_loss("cross_entropy", laws=["reference"], reference=wrong)
    assert report.outcomes["reference"].detail.startswith("value: values of mean")


def test_torch_losses_fail_where_they_are_known_to() -> None:
    assert check_loss(nn.CrossEntropyLoss(), like="cross_entropy").failed == ["empty", "all_masked"]


PUBLISHED = json.loads((Path(__file__).parents[2] / "benchmarks" / "results" / "laws.json").read_text(encoding="utf-8"))


@pytest.mark.skipif(torch.__version__ != PUBLISHED["version"], reason="the table is of another torch")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PUBLISHED["torch"])
def test_the_published_table_of_torch_is_what_is_found(name: str) -> None:
    report = check_loss(name)

    assert {law: one.status for law, one in report.outcomes.items()} == {
        law: one["status"] for law, one in PUBLISHED["torch"][name].items()
    }


def test_a_naive_formula_is_found_out() -> None:
    def naive(input: Tensor, target: Tensor) -> Tensor:
        return torch.cosh(input - target).log().mean()

    report = check_loss(naive, like="log_cosh_loss")

    assert report.failed == ["half", "empty"]
    assert report.outcomes["half"].detail == "bfloat16 at 1e4: a gradient is not finite"
    assert report.outcomes["reductions"].status == "does not apply"


def test_what_is_not_known_is_asked_for() -> None:
    with pytest.raises(LossError, match=r"what should it be\? Type like='focal'"):
        check_loss(lambda x, y: x)
    with pytest.raises(LossError, match=r"there is no law 'gradchek'\. Did you mean 'gradcheck'\?"):
        check_loss("focal", laws=["gradchek"])


def test_an_exception_that_is_not_needed_fails() -> None:
    import dataclasses

    spec = losses.catalog["log_cosh_loss"]
    declared = dataclasses.replace(spec, exceptions={"vmap": losses.Text("because", "")})
    report = check_loss("log_cosh_loss", like=declared, laws=["vmap"])

    assert report.outcomes["vmap"].detail == "it holds, though it is declared an exception: because"


def test_a_report_prints_as_a_table() -> None:
    report = check_loss("log_cosh_loss", laws=["start", "limits"])

    assert str(report) == (
        "Laws of log_cosh_loss: 0 of 2 fail\n  start   holds\n  limits  does not apply  none is declared"
    )
