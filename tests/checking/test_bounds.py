"""What would stop an accelerator is refused in the CPU's words; every tensor is taken for one on such a device."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from firststep import losses
from firststep.checking import CheckReport, check
from firststep.checking.probe import _bounds as bounds
from firststep.checking.probe._listen import Listener, listening


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tensors on the CPU are taken for such of another device."""
    monkeypatch.setattr(bounds, "_accelerated", lambda _: True)


WRONG = {
    "classes": lambda: F.cross_entropy(torch.randn(3, 4), torch.tensor([0, 4, 1])),
    "below 0": lambda: F.nll_loss(torch.randn(3, 4), torch.tensor([0, -1, 1])),
    "a probability": lambda: F.binary_cross_entropy(torch.tensor([0.5, 1.5]), torch.tensor([1.0, 0.0])),
    "no number": lambda: F.binary_cross_entropy(torch.tensor([0.5, torch.nan]), torch.tensor([1.0, 0.0])),
    "a target": lambda: F.binary_cross_entropy(torch.tensor([0.5, 0.5]), torch.tensor([2.0, 0.0])),
    "rows": lambda: F.embedding(torch.tensor([0, 3]), torch.randn(3, 2)),
}


@pytest.mark.parametrize("name", WRONG)
def test_it_says_what_the_cpu_says(name: str, device: None) -> None:
    with pytest.raises((IndexError, RuntimeError)) as plain:
        WRONG[name]()
    with pytest.raises(plain.type) as refused, listening(Listener(nn.Identity(), None)):
        WRONG[name]()
    assert str(refused.value) == str(plain.value)
    assert refused.traceback[-1].name in ("refuse_loss", "refuse_index")


SOUND = {
    "ignored": lambda: F.cross_entropy(torch.randn(3, 4), torch.tensor([0, -100, 3])),
    "ignored by choice": lambda: F.cross_entropy(torch.randn(3, 4), torch.tensor([0, 255, 3]), ignore_index=255),
    "soft": lambda: F.cross_entropy(torch.randn(3, 4), torch.rand(3, 4)),
    "images": lambda: F.cross_entropy(torch.randn(2, 3, 4, 4), torch.randint(3, (2, 4, 4))),
    "ours": lambda: losses.functional.focal_loss(torch.randn(3, 4), torch.tensor([0, 3, 1])),
    "masked": lambda: losses.functional.coral_loss(
        torch.randn(2, 4), torch.tensor([1, 9]), mask=torch.tensor([True, False])
    ),
    "probabilities": lambda: F.binary_cross_entropy(torch.rand(5), torch.ones(5)),
    "rows": lambda: F.embedding_bag(torch.tensor([[0, 2]]), torch.randn(3, 2)),
    "no rows": lambda: F.embedding(torch.zeros(0, dtype=torch.long), torch.randn(3, 2)),
}


@pytest.mark.parametrize("name", SOUND)
def test_what_the_cpu_takes_is_not_refused(name: str, device: None) -> None:
    with listening(Listener(nn.Identity(), None)):
        SOUND[name]()


def _report(model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor) -> CheckReport:
    return check(model, nn.CrossEntropyLoss(), (inputs, targets))


def test_the_rules_explain_it(device: None) -> None:
    report = _report(nn.Linear(20, 10), torch.randn(32, 20), torch.arange(32) % 10 + 1)
    assert "FS202" in report.codes
    model = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(12, 4))
    report = _report(model, torch.arange(12).view(4, 3), torch.arange(4))
    assert "FS610" in report.codes
