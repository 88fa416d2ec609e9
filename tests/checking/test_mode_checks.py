"""FS704 to FS707: modes, dropout and norms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from firststep.checking import check

from .examples import told
from .test_gradient_checks import X, Y, of
from .test_mixing_checks import Run


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def net(run: Callable[[Any, Tensor], Any], **more: nn.Module) -> Run:
    return Run(run, **{"one": nn.Linear(20, 64), "two": nn.Linear(64, 10), **more})


def found(model: nn.Module, loss: Any = None, batch: Any = None) -> Any:
    return check(model, loss or nn.CrossEntropyLoss(), batch or (X, Y))


def test_functional_dropout_word_for_word() -> None:
    one = of(found(net(lambda m, x: m.two(F.dropout(F.relu(m.one(x)), 0.2)))), "FS704")
    assert (one.severity, one.place) == ("warning", "model")
    assert one.measured == "two runs on the same inputs in evaluation mode differ: F.dropout(p=0.2) of model is on"
    assert one.expected == "dropout that is off in evaluation mode"
    assert one.fix == "F.dropout(x, p=0.2, training=self.training), or nn.Dropout(0.2)"


@pytest.mark.parametrize("drop", [F.dropout1d, F.alpha_dropout, torch.dropout], ids=["1d", "alpha", "torch"])
def test_other_dropouts(drop: Callable[..., Tensor]) -> None:
    more = {"train" if drop is torch.dropout else "training": True}
    report = found(net(lambda m, x: m.two(drop(m.one(x), 0.2, **more))))
    assert "FS704" in report.codes, told(report)


class MCHead(nn.Module):
    """Dropout that is meant."""

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x, 0.1, training=True)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (lambda: net(lambda m, x: m.two((h := m.one(x)) + torch.randn_like(h))), "randn_like"),
        (lambda: net(lambda m, x: m.two(torch.distributions.Normal(m.one(x), 1.0).rsample())), "normal_"),
        (lambda: net(lambda m, x: m.two(m.drop(m.one(x))), drop=MCHead()), "dropout"),
    ],
    ids=["noise", "sample", "monte carlo"],
)
def test_noise_that_may_be_meant_is_a_remark(model: Callable[[], nn.Module], said: str) -> None:
    one = of(found(model()), "FS704")
    assert one.severity == "info"
    assert said in one.measured


@pytest.mark.parametrize(
    "model",
    [
        lambda: nn.Sequential(nn.Linear(20, 64), nn.Dropout(0.5), nn.Linear(64, 10)),
        lambda: net(lambda m, x: m.two(F.dropout(m.one(x), 0.5, m.training))),
        lambda: net(lambda m, x: m.two((h := m.one(x)) + (torch.randn_like(h) if m.training else 0))),
        lambda: nn.Sequential(nn.Linear(20, 64), nn.RReLU(), nn.Linear(64, 10)),
    ],
    ids=["module", "function", "noise in training", "rrelu"],
)
def test_noise_in_training_is_sound(model: Callable[[], nn.Module]) -> None:
    report = found(model())
    assert not [one for one in report.codes if one.startswith("FS7")], told(report)


def test_evaluation_mode_is_a_remark() -> None:
    one = of(found(nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.Linear(64, 10)).eval()), "FS705")
    assert (one.severity, one.place, one.fix) == ("info", "model", "model.train()")
    assert one.measured == "model.training is False; 1 layers act otherwise in training: 1 for one"


@pytest.mark.parametrize("freeze", [True, False])
def test_a_frozen_batch_norm_is_sound(freeze: bool) -> None:
    model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.Linear(64, 10))
    if freeze:
        model[1].eval()
    assert "FS705" not in found(model).codes


def test_dropout_on_the_outputs_word_for_word() -> None:
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 10), nn.Dropout(0.3))
    one = of(found(model), "FS706")
    assert (one.severity, one.place) == ("error", "3")
    assert one.measured == "dropout with p=0.3 is the last function before the loss"
    assert one.expected == "outputs that reach the loss whole"
    assert one.fix == "put the dropout before the last layer"


def test_functional_dropout_on_the_outputs() -> None:
    one = of(found(net(lambda m, x: F.dropout(m.two(F.relu(m.one(x))), 0.3, m.training)[:, :])), "FS706")
    assert (one.severity, one.place) == ("error", "model")


def test_dropout_on_the_logits_of_probabilities() -> None:
    model = nn.Sequential(nn.Linear(20, 64), nn.Linear(64, 1), nn.Dropout(0.3), nn.Sigmoid())
    one = of(found(model, nn.BCELoss(), (X, (Y > 4).float()[:, None])), "FS706")
    assert one.place == "2"
    assert one.severity != "info"


def test_dropout_on_embeddings_is_a_remark() -> None:
    """Two dropouts of the same text are a positive pair."""
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 16), nn.Dropout(0.1))

    def loss(output: Tensor, target: Tensor) -> Tensor:
        z = F.normalize(output, dim=1)
        return F.cross_entropy(z @ z.T / 0.05, target)

    one = of(found(model, loss, (X, torch.arange(32))), "FS706")
    assert one.severity == "info"


@pytest.mark.parametrize(("p", "severity"), [(0.95, "warning"), (1.0, "error"), (0.8, "info"), (0.5, None)])
def test_heavy_dropout(p: float, severity: str | None) -> None:
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Dropout(p), nn.Linear(64, 10))
    one = next((one for one in found(model).findings if one.code == "FS706"), None)
    assert (one and one.severity) == severity
    if one:
        assert one.measured == f"dropout drops {100 * p:.0f}% of the units at 2"


def test_a_batch_of_one_with_batch_norm() -> None:
    model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10))
    report = found(model, batch=(X[:1], Y[:1]))
    one = of(report, "FS707")
    assert (one.severity, one.place) == ("error", "forward"), told(report)
    assert one.measured == "a norm in training mode was given [1, 64]: one value to take a mean and a variance of"
    assert of(found(model, batch=(X[:2], Y[:2])), "FS707").severity == "info"
    assert "FS707" not in found(model, batch=(X[:3], Y[:3])).codes
    assert "FS707" not in found(model.eval(), batch=(X[:1], Y[:1])).codes


@pytest.mark.parametrize(
    ("norm", "features"),
    [(nn.LayerNorm(1), 1), (nn.GroupNorm(8, 8), 8)],
    ids=["layer", "group"],
)
def test_a_norm_over_one_value(norm: nn.Module, features: int) -> None:
    model = nn.Sequential(nn.Linear(20, features), norm, nn.Linear(features, 10))
    one = of(found(model), "FS707")
    assert (one.severity, one.place) == ("error", "1")
    assert one.measured == f"{type(norm).__name__} normalizes over 1 value, which leaves its bias only"


@pytest.mark.parametrize(
    "model",
    [
        lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(8 * 36, 10)),
        lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.GroupNorm(8, 8), nn.Flatten(), nn.Linear(8 * 36, 10)),
        lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.InstanceNorm2d(8), nn.Flatten(), nn.Linear(8 * 36, 10)),
    ],
    ids=["batch", "group", "instance"],
)
def test_one_image_is_sound(model: Callable[[], nn.Module]) -> None:
    report = found(model(), batch=(torch.randn(1, 3, 8, 8), torch.tensor([3])))
    assert not [one for one in report.codes if one.startswith("FS7")], told(report)
