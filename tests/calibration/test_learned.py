"""GradInit and MetaInit against brute force, closed forms and derivatives taken in another way."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from firststep.calibration import calibrate, gradinit, metainit
from firststep.errors import CalibrationError

X = torch.randn(50, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
Y = torch.randint(0, 3, (50,), generator=torch.Generator().manual_seed(2))


class One(nn.Module):
    """A model of one number, whose output is what a function makes of it."""

    def __init__(self, w: float) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor([[w]], dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return self.w * x


def net(width: int = 8, gain: float = 1.0) -> nn.Sequential:
    torch.manual_seed(0)
    made = nn.Sequential(nn.Linear(4, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 3))
    with torch.no_grad():
        for one in made.parameters():
            one.mul_(gain)
    return made.double()


def grid(low: float, high: float) -> np.ndarray:
    return np.linspace(low, high, 200_001)


def test_gradinit_finds_the_scale_of_a_brute_force_grid() -> None:
    """L(w) = log cosh(w - 2) + w^2 / 20 from w = 0.7: not quadratic, its best scale is not where g = 0 alone."""

    def loss(w: Any, lib: Any) -> Any:
        return lib.log(lib.cosh(w - 2)) + w**2 / 20

    eta, gamma, w = 0.3, 5.0, 0.7
    m = grid(0.01, 5)
    slope = np.tanh(m * w - 2) + m * w / 10
    later = np.where(abs(slope) <= gamma, loss(m * w - eta * slope, np), np.inf)
    best = m[later.argmin()]

    model = One(w)
    report = calibrate(
        model,
        torch.ones(1, dtype=torch.float64),
        gradinit(eta=eta, gamma=gamma, steps=400, lr=0.05),
        loss=lambda output: loss(output, torch).sum(),
    )

    (row,) = report.rows
    assert row.factor is not None
    assert row.factor.low == pytest.approx(best, rel=5e-5)
    assert model.w.item() == pytest.approx(best * w, rel=5e-5)
    figures = {figure.name: figure for figure in report.figures}
    assert figures["loss after one step"].after == pytest.approx(later.min(), rel=1e-5)
    start = math.tanh(w - 2) + w / 10
    assert figures["loss after one step"].before == pytest.approx(loss(w - eta * start, np), rel=1e-9)
    assert figures["gradient norm (L2)"].before == pytest.approx(abs(start), rel=1e-9)


def test_gradinit_stops_at_the_bound_of_the_gradient() -> None:
    """L = exp(w): with eta = 0.3 a step from larger w ends lower, so the best scale is where the norm is gamma."""
    gamma, w = math.exp(3.5), 3.0
    m = grid(0.01, 2)
    slope = np.exp(m * w)
    later = np.where(slope <= gamma, np.exp(m * w - 0.3 * slope), np.inf)
    best = m[later.argmin()]
    assert best == pytest.approx(3.5 / 3, rel=1e-4)

    model = One(w)
    calibrate(
        model,
        torch.ones(1, dtype=torch.float64),
        gradinit(eta=0.3, gamma=gamma, steps=400),
        loss=lambda output: output.exp().sum(),
    )

    assert model.w.item() == pytest.approx(3.5, abs=2e-4)
    assert math.exp(model.w.item()) <= gamma


def test_gradinit_for_adam_steps_by_the_sign() -> None:
    """L = (w - 1)^2 with a step of 0.25 against the sign: the loss after it is least from w = 0.75 or 1.25."""
    model = One(0.1)

    report = calibrate(
        model,
        torch.ones(1, dtype=torch.float64),
        gradinit(optimizer="adam", eta=0.25, gamma=10.0, steps=600, lr=0.1),
        loss=lambda output: (output - 1).square().sum(),
    )

    assert abs(model.w.item() - 1) == pytest.approx(0.25, abs=1e-6)
    assert {figure.name for figure in report.figures} == {"loss", "loss after one step", "gradient norm (L1)"}


def one_step(model: nn.Module, eta: float, kind: str) -> float:
    """The loss after a real step of torch's optimizer."""
    kinds = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}
    optimizer = kinds[kind](model.parameters(), lr=eta)
    F.cross_entropy(model(X), Y).backward()
    optimizer.step()
    return F.cross_entropy(model(X), Y).item()


@pytest.mark.parametrize(("kind", "eta"), [("sgd", 0.1), ("adam", 0.001)])
def test_the_loss_after_a_real_step_is_as_told_and_lower_than_without(kind: Any, eta: float) -> None:
    plain, model = net(gain=0.5), net(gain=0.5)
    target = gradinit(optimizer=kind, eta=eta, gamma=1.0 if kind == "sgd" else 50.0, steps=60)

    report = calibrate(model, (X, Y), target, loss=nn.CrossEntropyLoss())

    figures = {figure.name: figure for figure in report.figures}
    before, after = one_step(plain, eta, kind), one_step(model, eta, kind)
    assert after < before - 0.01
    # Adam's first step is eta g / (|g| + 1e-8), all but the sign.
    assert figures["loss after one step"].before == pytest.approx(before, rel=1e-6)
    assert figures["loss after one step"].after == pytest.approx(after, rel=1e-6)


def test_every_tensor_has_one_scale_and_layers_chooses_which() -> None:
    model, before = net(), net()

    report = calibrate(model, (X, Y), gradinit(steps=10), loss=nn.CrossEntropyLoss(), layers="2")

    assert [row.layer for row in report.rows] == ["2.weight", "2.bias"]
    for name, one in model.named_parameters():
        factor = {row.layer: row.factor for row in report.rows}.get(name)
        expected = before.get_parameter(name) * (factor.low if factor else 1.0)
        torch.testing.assert_close(one, expected, rtol=1e-12, atol=0)


def test_gradinit_leaves_zeros_and_frozen_and_scales_tied_tensors_once() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4), nn.Linear(4, 3)).double()
    nn.init.zeros_(model[0].bias)
    model[2].weight = model[0].weight
    model[3].weight.requires_grad_(False)

    report = calibrate(model, (X, Y), gradinit(steps=5), loss=nn.CrossEntropyLoss())

    assert {row.layer: row.note for row in report.rows} == {
        "0.weight": "",
        "0.bias": "all zero: a scale changes nothing",
        "2.bias": "",
        "3.weight": "frozen (requires_grad=False)",
        "3.bias": "",
    }
    assert model[2].weight is model[0].weight


def test_a_weight_behind_a_parametrization_has_no_scale() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4)), nn.Linear(4, 3)).double()
    weight = model[0].parametrizations.weight.original.detach().clone()

    report = calibrate(model, (X, Y), gradinit(steps=3), loss=nn.CrossEntropyLoss())

    assert {row.layer: row.note for row in report.rows if row.note} == {
        "0.weight": "its spectral_norm parametrization stands between a scale and its layer"
    }
    assert torch.equal(model[0].parametrizations.weight.original, weight)


def test_a_norm_above_gamma_is_lowered_and_said() -> None:
    report = calibrate(net(gain=3.0), (X, Y), gradinit(steps=3, gamma=1e-6), loss=nn.CrossEntropyLoss())

    figure = report.figures[-1]
    assert figure.name == "gradient norm (L2), above gamma=1e-06: more steps, or a larger gamma"
    assert figure.after < figure.before


def test_gradinit_that_is_led_astray_ends_where_it_was_best() -> None:
    """With such a learning rate every step makes it worse: all stays as it was."""
    model, before = net(), net()

    report = calibrate(model, (X, Y), gradinit(steps=5, lr=10.0, gamma=100.0), loss=nn.CrossEntropyLoss())

    assert {figure.after - figure.before for figure in report.figures} == {0.0}
    assert all(torch.equal(one, old) for one, old in zip(model.parameters(), before.parameters(), strict=True))


def quotient(model: nn.Module) -> float:
    """The gradient quotient of the weights, with the whole Hessian written out and its product by hand."""
    weights = {name: one.detach() for name, one in model.named_parameters() if one.ndim == 2}
    names, shapes = list(weights), [one.shape for one in weights.values()]

    def loss(flat: Tensor) -> Tensor:
        parts = flat.split([shape.numel() for shape in shapes])
        named = {name: part.reshape(shape) for name, part, shape in zip(names, parts, shapes, strict=True)}
        return F.cross_entropy(torch.func.functional_call(model, named, (X,)), Y)

    flat = torch.cat([one.flatten() for one in weights.values()])
    g, h = torch.autograd.functional.jacobian(loss, flat), torch.autograd.functional.hessian(loss, flat)
    eps = 1e-5 * torch.where(g >= 0, 1.0, -1.0).double()
    return float(((g - h @ g) / (g + eps) - 1).abs().mean())


def test_metainit_tells_and_lowers_the_gradient_quotient() -> None:
    model = net()
    before = quotient(model)

    report = calibrate(model, (X, Y), metainit(steps=40, lr=0.02), loss=nn.CrossEntropyLoss())

    figure = report.figures[0]
    assert figure.name == "gradient quotient"
    assert figure.before == pytest.approx(before, rel=1e-8)
    assert figure.after == pytest.approx(quotient(model), rel=1e-8)
    assert figure.after < 0.9 * figure.before
    assert {row.layer for row in report.rows if row.note} == {"0.bias", "2.bias", "4.bias"}
    assert {row.note for row in report.rows if row.note} == {"fewer than two dimensions"}


def test_metainit_of_one_number_ends_where_the_curvature_is_0() -> None:
    """There GQ = |L''|. With L = w^4 / 12 - w^2 it is |w^2 - 2|, 0 at the square root of 2."""
    model = One(1.0)

    calibrate(
        model,
        torch.ones(1, dtype=torch.float64),
        metainit(steps=300, lr=0.002, momentum=0.0),
        loss=lambda output: (output**4 / 12 - output**2).sum(),
    )

    assert model.w.item() == pytest.approx(math.sqrt(2), abs=0.002)


def test_metainit_that_begins_at_the_best_stays_there() -> None:
    """At the square root of 2 that quotient is 0, and a step of 0.5 away it is more than 1.5."""
    model = One(math.sqrt(2))

    report = calibrate(
        model,
        torch.ones(1, dtype=torch.float64),
        metainit(steps=5, lr=0.5),
        loss=lambda output: (output**4 / 12 - output**2).sum(),
    )

    assert model.w.item() == math.sqrt(2)
    assert report.changed == ()


def test_the_first_step_of_metainit_is_the_papers() -> None:
    """Every norm moves by lr against the sign of the quotient's slope, here from finite differences."""
    model, lr = net(), 1e-3
    expected = {}
    for name, one in model.named_parameters():
        if one.ndim == 2:
            sides = []
            for sign in (1, -1):
                moved = net()
                with torch.no_grad():
                    moved.get_parameter(name).mul_(1 + sign * 1e-6)
                sides.append(quotient(moved))
            norm = float(one.detach().norm())
            expected[name] = norm - lr * math.copysign(1, sides[0] - sides[1])

    calibrate(model, (X, Y), metainit(steps=1, lr=lr), loss=nn.CrossEntropyLoss())

    norms = {name: float(one.detach().norm()) for name, one in model.named_parameters() if one.ndim == 2}
    assert norms == {name: pytest.approx(norm, rel=1e-9) for name, norm in expected.items()}


@pytest.mark.parametrize("target", [gradinit(steps=2), metainit(steps=2)])
@pytest.mark.parametrize("kind", ["attention", "lstm", "weight_norm", "conv"])
def test_second_derivatives_through_layers_of_torch(target: Any, kind: str) -> None:
    torch.manual_seed(0)
    x = torch.randn(6, 5, 8)
    body = {
        "attention": lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
        "lstm": lambda: nn.LSTM(8, 8, batch_first=True),
        "weight_norm": lambda: nn.utils.parametrizations.weight_norm(nn.Linear(8, 8)),
        "conv": lambda: nn.Conv1d(5, 5, 3, padding=1),
    }[kind]()
    head = nn.Linear(8, 3)

    def forward(model: Any, inputs: Tensor) -> Tensor:
        hidden = model[0](inputs)
        return model[1]((hidden[0] if isinstance(hidden, tuple) else hidden).mean(1))

    report = calibrate(
        nn.Sequential(body, head),
        (x, torch.tensor([0, 1, 2, 0, 1, 2])),
        target,
        loss=nn.CrossEntropyLoss(),
        forward=forward,
    )

    assert any(row.parameters for row in report.rows) or report.figures[0].after == report.figures[0].before
    assert all(math.isfinite(figure.after) for figure in report.figures)


def test_a_model_that_returns_its_own_loss() -> None:
    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net()

        def forward(self, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
            return {"loss": F.cross_entropy(self.net(x), labels)}

    model = Own()
    report = calibrate(model, {"x": X, "labels": Y}, gradinit(steps=3))
    assert report.figures[0].before == pytest.approx(F.cross_entropy(net()(X), Y).item(), rel=1e-9)


@pytest.mark.parametrize("form", [lambda value: (value, {"accuracy": 0}), lambda value: {"loss": value, "n": 1}])
def test_a_loss_that_returns_more_than_its_value(form: Callable[[Tensor], Any]) -> None:
    model = net()
    report = calibrate(model, (X, Y), gradinit(steps=3), loss=lambda output, y: form(F.cross_entropy(output, y)))
    assert report.figures[0].before == pytest.approx(F.cross_entropy(net()(X), Y).item(), rel=1e-9)
    assert report.figures[0].after == pytest.approx(F.cross_entropy(model(X), Y).item(), rel=1e-9)


def test_messages() -> None:
    def message(*args: Any, **options: Any) -> str:
        with pytest.raises(CalibrationError) as caught:
            calibrate(*args, **options)
        return str(caught.value)

    assert message(net(), (X, Y), "gradinit") == (
        "calibrate(target='gradinit') needs a loss. "
        "Type fs.calibrate(model, (inputs, targets), 'gradinit', loss=nn.CrossEntropyLoss())"
    )
    assert message(net(), X, "metainit") == (
        "calibrate(loss=None): the model returned Tensor without a loss, and this target needs one. "
        "Type fs.calibrate(model, (inputs, targets), target, loss=nn.CrossEntropyLoss())"
    )
    assert message(net(), (X, Y), "metainit", loss=lambda output, targets: output.argmax()) == (
        "calibrate: the loss does not depend on any trained parameter by a path with gradients. "
        "Give a loss without .item(), .detach() or argmax in it"
    )
    assert message(net(), (X, Y), "metainit", loss=lambda output, targets: output.sum() * math.inf) == (
        "calibrate: the loss is not finite. Initialize the model first, with fs.initialize(model, seed=0), or look at "
        "it with fs.check(model, loss, batch)"
    )
    assert message(net(), (X, Y), "metainit", loss=lambda output, targets: 1.0) == (
        "calibrate(loss=...): expected the loss to return a tensor, it returned float. "
        "Type loss=lambda output, targets: ..., which returns one number"
    )
    frozen = net().requires_grad_(False)
    assert message(frozen, (X, Y), "gradinit", loss=nn.CrossEntropyLoss(), layers="0") == (
        "calibrate: none of the chosen parameters can be given a scale (0.weight: frozen (requires_grad=False); "
        "0.bias: frozen (requires_grad=False))"
    )
