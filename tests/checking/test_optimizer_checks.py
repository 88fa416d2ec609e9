"""FS505, FS506, FS507 and FS509: whether the optimizer holds what is trained, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from firststep import losses
from firststep.checking import CheckReport, check

from .designs.start import plain
from .examples import told
from .test_gradient_checks import X, Y, of


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def report(model: nn.Module, parameters: Any, loss: Any = None) -> CheckReport:
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    return check(model, loss or nn.CrossEntropyLoss(), (X, Y), optimizer=optimizer)


def test_left_out_word_for_word() -> None:
    model = plain([20, 64, 64, 10])
    one = of(report(model, [*model[0].parameters(), *model[2].parameters()]), "FS505")
    assert (one.severity, one.place) == ("warning", "4")
    assert one.measured == "2 trained parameters are not in the optimizer: 4.weight, 4.bias"
    assert one.expected == "every parameter that asks for a gradient"
    fix = "torch.optim.AdamW(model.parameters()), or requires_grad_(False) for what is to stay as it is"
    assert one.fix == fix


def test_all_left_out_is_an_error() -> None:
    model, other = plain([20, 64, 10]), plain([20, 7, 3])
    found = report(model, other.parameters())
    assert of(found, "FS505").severity == of(found, "FS506").severity == "error", told(found)


def test_made_again_word_for_word() -> None:
    stale = list(plain([20, 64, 10]).parameters())
    found = report(plain([20, 64, 10]), stale)
    one = of(found, "FS506")
    assert (one.severity, one.place) == ("error", "optimizer")
    assert one.measured == "the optimizer holds 4 tensors of the same shapes as those it lacks"
    assert one.expected == "the model's own parameters"
    assert "FS505" not in found.codes, told(found)


def test_a_head_that_was_replaced() -> None:
    model = plain([20, 64, 100])
    parameters = list(model.parameters())
    model[2] = nn.Linear(64, 10)
    found = report(model, parameters)
    assert of(found, "FS506").severity == "error", told(found)


def test_twice() -> None:
    model = plain([20, 64, 10])
    with pytest.warns(UserWarning, match="duplicate"):
        found = report(model, [*model.parameters(), *model[0].parameters()])
    one = of(found, "FS506")
    assert (one.severity, one.measured) == ("warning", "2 tensors are in the optimizer more than once")


def test_frozen_ones_are_a_remark() -> None:
    model = plain([20, 64, 10])
    model[0].requires_grad_(False)
    one = of(report(model, model.parameters()), "FS507")
    assert one.severity == "info"
    assert one.measured == "2 frozen parameters are in the optimizer: 0.weight, 0.bias"


def test_parameters_of_the_loss_word_for_word() -> None:
    model, loss = plain([20, 64, 16]), losses.ArcFaceLoss(num_classes=10, embedding_dim=16)
    one = of(report(model, model.parameters(), loss), "FS509")
    assert (one.severity, one.place) == ("warning", "loss")
    said = "the loss has 1 trained parameters, loss.centers, and the optimizer does not hold them"
    assert one.measured == said
    assert one.fix == "torch.optim.AdamW([*model.parameters(), *loss.parameters()])"


def test_parameters_of_the_loss_without_an_optimizer() -> None:
    loss = losses.ArcFaceLoss(num_classes=10, embedding_dim=16)
    one = of(check(plain([20, 64, 16]), loss, (X, Y)), "FS509")
    assert one.severity == "info"


def groups(kind: str, model: nn.Module) -> Any:
    """What sound optimizers hold."""
    if kind == "all":
        return model.parameters()
    if kind == "decay":
        return [
            {"params": [one for one in model.parameters() if one.ndim > 1], "weight_decay": 0.1},
            {"params": [one for one in model.parameters() if one.ndim < 2], "weight_decay": 0.0},
        ]
    if kind == "matrices":
        return [one for one in model.parameters() if one.ndim > 1]
    if kind == "head":
        return model[-1].parameters()
    return [*model.parameters(), *nn.Linear(3, 4).parameters()]


@pytest.mark.parametrize("kind", ["all", "decay", "matrices", "head", "another network too"])
def test_sound_optimizers(kind: str) -> None:
    model = plain([20, 64, 64, 10])
    found = report(model, groups(kind, model))
    assert not [one for one in found.findings if one.severity != "info"], told(found)


def test_frozen_and_left_out_is_sound() -> None:
    model = plain([20, 64, 10])
    model[0].requires_grad_(False)
    found = report(model, model[2].parameters())
    assert not [one for one in found.codes if one.startswith("FS5")], told(found)


def test_a_critic_with_an_optimizer_of_its_own_is_sound() -> None:
    model = nn.Sequential()
    model.add_module("actor", plain([20, 64, 16]))
    model.add_module("critic", plain([16, 64, 10]))
    found = report(model, model.actor.parameters())
    assert not [one for one in found.findings if one.severity != "info"], told(found)


def test_tied_weights_are_one() -> None:
    model = nn.Sequential(nn.Linear(20, 20), nn.ReLU(), nn.Linear(20, 20), nn.Linear(20, 10))
    model[2].weight = model[0].weight
    found = report(model, model.parameters())
    assert not [one for one in found.codes if one.startswith("FS5")], told(found)


def test_an_optimizer_without_groups_is_left_alone() -> None:
    """One of another kind, that steps and keeps its parameters in its own way."""

    class Own:
        def step(self) -> None: ...

    found = check(plain([20, 64, 10]), nn.CrossEntropyLoss(), (X, Y), optimizer=Own())
    assert not [one for one in found.codes if one.startswith("FS5")], told(found)
