"""The prediction against closed forms, SciPy and autograd; what is given to it, and what it says."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from scipy import integrate
from torch import Tensor, nn

import firststep as fs
from firststep.errors import SolveError
from firststep.solving import plan_auto, predict
from firststep.solving._gaussian import overlaps, softmax_overlap

from .nets import Op

META = "meta"


def normal_mean(f: Callable[[float], float]) -> float:
    """E[f(z)] for z ~ N(0, 1), by SciPy's adaptive quadrature."""
    density = 1 / math.sqrt(2 * math.pi)
    value, _ = integrate.quad(lambda z: f(z) * math.exp(-z * z / 2) * density, -12, 12, points=[0], limit=200)
    return value


def test_a_relu_chain_halves_and_doubles() -> None:
    """He et al. 2015: Var[y_l] = n/2 Var[w] Var[y_(l-1)]."""
    layers = [one for _ in range(10) for one in (nn.Linear(100, 100, bias=False), nn.ReLU())]
    moments = {f"{2 * i}.weight": (0.0, 1.5 / 100) for i in range(10)}

    signal = predict(nn.Sequential(*layers), torch.empty(8, 100, device=META), moments)

    # The mean over the few features of one net takes a part of 1 / 100 of what all examples share.
    for i in range(10):
        assert signal[str(2 * i)].std ** 2 == pytest.approx(1.5 * 0.75**i, rel=0.02)


def test_tanh_layers_follow_the_recursion_of_poole() -> None:
    layers = [one for _ in range(5) for one in (nn.Linear(1000, 1000, bias=False), nn.Tanh())]
    moments = {f"{2 * i}.weight": (0.0, 2.0 / 1000) for i in range(5)}

    signal = predict(nn.Sequential(*layers), torch.empty(8, 1000, device=META), moments)

    q = 2.0
    for i in range(5):
        assert signal[str(2 * i)].std ** 2 == pytest.approx(q, rel=2e-3)
        q = 2.0 * normal_mean(lambda z, q=q: math.tanh(math.sqrt(q) * z) ** 2)


@pytest.mark.parametrize(("name", "f"), [("Tanh", math.tanh), ("Sigmoid", lambda x: 1 / (1 + math.exp(-x)))])
def test_chi_and_growth_by_scipy(name: str, f: Callable[[float], float]) -> None:
    model = nn.Sequential(nn.Linear(512, 512, bias=False), getattr(nn, name)())

    row = predict(model, torch.empty(4, 512, device=META), {"0.weight": (0.0, 1.44 / 512)})["1"]

    h, s = 1e-5, 1.2
    square = normal_mean(lambda z: f(s * z) ** 2)
    slope = normal_mean(lambda z: ((f(s * z + h) - f(s * z - h)) / (2 * h)) ** 2)
    assert row.chi == pytest.approx(1.44 * slope / square, rel=1e-4)
    growth = normal_mean(lambda z: f(s * z) * (f(s * z + h) - f(s * z - h)) / (2 * h) * s * z) / square
    assert row.growth == pytest.approx(growth, rel=1e-3)
    assert row.xi == pytest.approx(1 / abs(math.log(1.44 * slope / square)), rel=1e-2)


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(400, 400, bias=False)
        self.end = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        return self.end(y + y)


def test_a_value_added_to_itself_is_four_times_as_strong() -> None:
    signal = predict(Twice(), torch.empty(4, 400, device=META), {"layer.weight": (0.0, 1 / 400)})

    assert signal["end"].std == pytest.approx(2.0, rel=2e-3)


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(400, 400, bias=False) for _ in range(3))
        self.end = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = x + layer(x)
        return self.end(x)


def test_residual_sums_double() -> None:
    moments = {f"layers.{i}.weight": (0.0, 1 / 400) for i in range(3)}

    signal = predict(Residual(), torch.empty(4, 400, device=META), moments)

    assert signal["end"].std ** 2 == pytest.approx(8.0, rel=5e-3)
    assert signal["layers.0"].gradient ** 2 == pytest.approx(4.0, rel=1e-9)  # two more sums follow it


@pytest.mark.parametrize("variance", [0.1, 1.0, 15.0, 100.0])
def test_the_squared_weights_of_a_softmax_of_two_by_scipy(variance: float) -> None:
    """w = sigmoid(d), d ~ N(0, 2 variance): E[w^2 + (1 - w)^2]."""
    std = math.sqrt(2 * variance)

    def squares(z: float) -> float:
        w = 1 / (1 + math.exp(-std * z))
        return w * w + (1 - w) ** 2

    assert softmax_overlap(2, variance) == pytest.approx(normal_mean(squares), rel=1e-3)


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.9, 0.999, 1.0])
def test_overlaps_of_relu_and_of_fast_waves_by_closed_forms(correlation: float) -> None:
    """Cho and Saul 2009 for ReLU; E[sin(a x) sin(a y)] = exp(-a^2) sinh(a^2 c), a = 6 being too fast for a series."""
    angle = math.acos(correlation)
    relu = (math.sin(angle) + (math.pi - angle) * correlation) / (2 * math.pi)
    assert overlaps(torch.relu, 0.0, 1.0, [correlation])[1] == pytest.approx([relu], abs=2e-4)

    wave = (math.exp(36 * (correlation - 1)) - math.exp(-36 * (correlation + 1))) / 2
    assert overlaps(lambda x: torch.sin(6 * x), 0.0, 1.0, [correlation])[1] == pytest.approx([wave], abs=1e-6)


class Offset(nn.Module):
    """A norm whose weight is kept as its difference from 1, as Gemma's."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.end = nn.Parameter(torch.full((256,), 0.5)), nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.end(x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True)) * (1.0 + self.weight.float()))


def test_a_weight_around_one() -> None:
    assert predict(Offset(), torch.randn(64, 256))["end"].std == pytest.approx(1.5, rel=0.01)


class Types(nn.Module):
    """The same index everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.end = nn.Embedding(2, 256), nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.table(torch.zeros(x.shape[:2], dtype=torch.long)).mean(1))


def test_one_index_at_all_positions_is_not_averaged_away() -> None:
    assert predict(Types(), torch.randn(4, 8, 16), {"table.weight": (0.0, 1.0)})["end"].std == pytest.approx(
        1, rel=0.01
    )


class Whole(nn.Module):
    """Inside inference_mode a linear layer is one operation, and no product and sum."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.next, self.end = nn.Linear(64, 256), nn.Linear(256, 256, bias=False), nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        with torch.inference_mode():
            return self.end(self.next(torch.relu(self.layer(x))))


def test_a_linear_layer_that_is_one_operation() -> None:
    """sqrt(64 / 16 + 1), halved in square by the ReLU and doubled by the next layer."""
    moments = {"layer.weight": (0.0, 1 / 16), "layer.bias": (0.0, 1.0), "next.weight": (0.0, 2 / 256)}

    signal = predict(Whole(), torch.empty(8, 64, device=META), moments)

    assert signal["layer"].std == pytest.approx(math.sqrt(5), rel=0.01)
    assert signal["end"].std == pytest.approx(math.sqrt(5), rel=0.01)


def test_inside_inference_mode() -> None:
    model = nn.Sequential(nn.Conv1d(8, 8, 3), nn.BatchNorm1d(8), nn.SELU(), nn.Flatten(), nn.Linear(48, 4))
    x = torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        inside, plan = predict(model, x), plan_auto(model, x)

    assert inside == predict(model, x)
    assert plan.signal == plan_auto(model, x).signal
    assert all(layer.known for layer in inside)


class Asks(nn.Module):
    """Looks at numbers that depend on no input."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(64, 64)
        self.register_buffer("mask", torch.tensor([True, False]))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) if bool(self.mask.any()) and int(torch.arange(3).sum()) == 3 else x


def test_numbers_that_are_known_may_be_looked_at_on_meta() -> None:
    signal = predict(Asks(), torch.empty(4, 64, device=META), {"layer.weight": (0.0, 1 / 16), "layer.bias": (0.0, 0.0)})

    assert signal["layer"].std == pytest.approx(2.0, rel=0.01)  # sqrt(64 / 16)


def test_attention_averages_what_the_positions_do_not_share() -> None:
    """Equal weights over n positions: c + (q - c) / n, with relu's q = 1/2 and c = E[relu]^2 = 1 / (2 pi)."""
    model = Op(lambda a, b, c: F.scaled_dot_product_attention(0 * a, 0 * b, F.relu(a)))
    x = torch.empty(4, 10, 256, device=META)

    std = predict(
        model,
        x,
        {
            "layer.weight": (0, 1 / 256),
            "layer.bias": (0, 0),
            "other.weight": (0, 1),
            "other.bias": (0, 0),
            "third.weight": (0, 1),
            "third.bias": (0, 0),
        },
    )

    c = 1 / (2 * math.pi)
    assert std["end"].mean == pytest.approx(math.sqrt(c), rel=1e-3)
    assert std["end"].std ** 2 == pytest.approx((0.5 - c) / 10, rel=0.01)


def test_the_gradient_of_a_chain_is_that_of_autograd() -> None:
    """Independent output gradients of std 1; 10 draws, 15 % is allowed."""
    torch.manual_seed(0)
    model = nn.Sequential(*[one for _ in range(5) for one in (nn.Linear(256, 256), nn.Tanh())])
    x = torch.randn(64, 256, generator=torch.Generator().manual_seed(1))
    predicted = predict(model, x)["0"].gradient

    torch.manual_seed(0)
    squares = []
    for _ in range(10):
        for layer in model:
            if isinstance(layer, nn.Linear):
                layer.reset_parameters()
        first = model[0](x).detach().requires_grad_()
        model[1:](first).backward(torch.randn(64, 256))
        assert first.grad is not None
        squares.append(first.grad.square().mean().item())
    assert predicted == pytest.approx(math.sqrt(sum(squares) / 10), rel=0.15)


def test_mirrored_weights_are_an_isometry() -> None:
    model = nn.Sequential(*[one for _ in range(12) for one in (nn.Linear(128, 128), nn.SiLU())])
    fs.initialize(model, "default", seed=0)
    x = torch.randn(256, 128, generator=torch.Generator().manual_seed(1))

    signal = predict(model, x)

    with torch.no_grad():
        for name in ("4", "12", "20"):
            measured = model[: int(name) + 1](x).std().item()
            assert signal[name].std == pytest.approx(measured, rel=0.02)


def test_an_operation_without_a_rule_is_named() -> None:
    model = Op(lambda a, b, c: torch.cumsum(a, 1))

    signal = predict(model, torch.randn(2, 4, 256))

    assert not signal["end"].known
    assert signal["layer"].known
    assert signal.notes == (
        "aten.cumsum in the model: no rule is known; its output is taken to be as strong as its strongest input",
    )
    assert "?" in str(signal)


def test_plan_rows_give_the_moments() -> None:
    model = nn.Sequential(nn.Linear(64, 512), nn.ReLU(), nn.Linear(512, 512)).to(META)
    plan = fs.plan(model, fs.rule(nn.Linear, weight=fs.init.normal(std=0.1), bias=fs.init.zeros()))

    signal = predict(model, torch.empty(8, 64, device=META), plan.rows)

    assert signal["0"].std == pytest.approx(0.8, rel=1e-3)  # sqrt(64) 0.1
    assert signal["2"].std == pytest.approx(0.8 * math.sqrt(0.5 * 512) * 0.1, rel=0.01)
    expected = {row.name: row.expected for row in plan.rows}
    assert predict(model, torch.empty(8, 64, device=META), expected) == signal


def test_messages() -> None:
    model = nn.Linear(4, 4)
    with pytest.raises(SolveError, match=r"the model has no such parameter. Did you mean 'weight'\?"):
        predict(model, torch.randn(2, 4), {"weigth": (0, 1)})
    with pytest.raises(SolveError, match=r"the second moment 1 is below the squared mean 4"):
        predict(model, torch.randn(2, 4), {"weight": (2, 1)})
    with pytest.raises(SolveError, match=r"'weight' is on meta and has no numbers to measure. Give its moments"):
        predict(model.to(META), torch.randn(2, 4))
    with pytest.raises(
        SolveError, match=r"example_inputs=3: expected a tensor, a tuple of positional arguments or a dict"
    ):
        predict(model, 3)
