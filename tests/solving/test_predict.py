"""The prediction against closed forms, SciPy, and Monte Carlo with the weights drawn anew each time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from scipy import integrate
from torch import Tensor, nn

import firststep as fs
from firststep.errors import SolveError
from firststep.solving import predict
from firststep.solving._gaussian import overlaps, softmax_overlap

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


class Op(nn.Module):
    """A random linear map to 256 features, then an operation."""

    def __init__(self, function: Callable[[Tensor, Tensor, Tensor], Tensor], inputs: int = 256) -> None:
        super().__init__()
        self.layer, self.end, self.function = nn.Linear(inputs, 256), nn.Identity(), function
        self.other, self.third = nn.Linear(inputs, 256), nn.Linear(inputs, 256)

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.function(self.layer(x), self.other(x), self.third(x)))


OPERATIONS: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "custom gelu": lambda a, b, c: 0.5 * a * (1 + torch.tanh(0.79788 * (a + 0.044715 * a**3))),
    "relu": lambda a, b, c: F.relu(a),
    "swiglu": lambda a, b, c: F.silu(a) * b,
    "glu": lambda a, b, c: F.glu(torch.cat([a, b], -1), -1),
    "relu of a residual": lambda a, b, c: F.relu(F.relu(a) + 0.5 * b),
    "difference": lambda a, b, c: 2 * a - F.relu(b),
    "maximum": lambda a, b, c: torch.maximum(a, b),
    "mean of positions": lambda a, b, c: F.relu(a).mean(1, keepdim=True),
    "sum of positions": lambda a, b, c: a.sum(1),
    "layer norm": lambda a, b, c: F.layer_norm(F.relu(a), (256,)),
    "written rms norm": lambda a, b, c: F.relu(a) * torch.rsqrt(F.relu(a).pow(2).mean(-1, keepdim=True) + 1e-6),
    "batch norm": lambda a, b, c: F.batch_norm(F.relu(a).flatten(0, 1), None, None, training=True),
    "dropout": lambda a, b, c: F.dropout(F.relu(a), 0.3, training=True),
    "softmax of positions": lambda a, b, c: (2 * a).softmax(1),
    "attention": lambda a, b, c: F.scaled_dot_product_attention(a, b, F.relu(c)),
    "causal attention": lambda a, b, c: F.scaled_dot_product_attention(a, b, c, is_causal=True),
    "written attention": lambda a, b, c: ((a @ b.transpose(1, 2)) / 16).softmax(-1) @ F.relu(c),
    "concatenation": lambda a, b, c: torch.cat([a, F.relu(b)], -1),
    "average pool": lambda a, b, c: F.avg_pool1d(F.relu(a).transpose(1, 2), 4),
    "max pool": lambda a, b, c: F.max_pool1d(F.relu(a).transpose(1, 2), 4),
    "max pool of silu": lambda a, b, c: F.max_pool1d(F.silu(a).transpose(1, 2), 4),
    "max pool of a square": lambda a, b, c: F.max_pool1d((a * a).transpose(1, 2), 2),
    "mean of max pool": lambda a, b, c: F.max_pool1d(F.relu(a).transpose(1, 2), 2).mean(-1),
    "grouped attention": lambda a, b, c: F.scaled_dot_product_attention(
        heads(a), heads(b)[:, :2], F.relu(heads(c)[:, :2]), enable_gqa=True
    ),
    "far mask": lambda a, b, c: (a @ b.transpose(1, 2) / 16 - 100 * torch.ones(8, 8).triu(1)).softmax(-1) @ c,
    "bilinear": lambda a, b, c: torch.einsum("btf,bsf->bts", a, b) / 16,
    "chunks": lambda a, b, c: a.chunk(2, -1)[0] * torch.sigmoid(a.chunk(2, -1)[1]),
    "padding": lambda a, b, c: F.pad(a, (0, 256)),
    "masked": lambda a, b, c: a.masked_fill(torch.arange(256) < 100, 0.0),
    "written into": lambda a, b, c: into(a),
    "prelu": lambda a, b, c: F.prelu(a, torch.tensor([0.25])),
    "normalized": lambda a, b, c: 5 * F.normalize(a, dim=-1),
}


def heads(a: Tensor) -> Tensor:
    """8 heads of 32 features."""
    return a.unflatten(-1, (8, 32)).transpose(1, 2)


def into(a: Tensor) -> Tensor:
    """Values written through a view."""
    found = torch.zeros(a.shape[0], a.shape[1], 256)
    found[:, :4] = a[:, :4]
    return found


@pytest.mark.parametrize("name", list(OPERATIONS))
def test_every_operation_against_monte_carlo(name: str) -> None:
    """40 draws of 16 examples of 8 positions and 256 features: the std is known to about 1 %, 3 % is allowed.

    Where the prediction is right, a failure takes more than three standard errors: fewer than 1 in 300 seeds.
    """
    model = Op(OPERATIONS[name])
    start = (0.0, 1 / (3 * 256))  # torch's U(±1 / sqrt(256))
    moments = {f"{one}.{kind}": start for one in ("layer", "other", "third") for kind in ("weight", "bias")}
    x = torch.randn(16, 8, 256, generator=torch.Generator().manual_seed(1)) + 0.5
    predicted = predict(model, x, moments)["end"].std

    torch.manual_seed(0)
    squares = []
    for _ in range(40):
        for layer in (model.layer, model.other, model.third):
            layer.reset_parameters()
        with torch.no_grad():
            squares.append(model(x).var(correction=0).item())

    assert predicted == pytest.approx(math.sqrt(sum(squares) / len(squares)), rel=0.03)


CONVOLUTIONS: dict[str, Callable[[], nn.Module]] = {
    "padded": lambda: nn.Conv2d(16, 64, 3, padding=1),
    "grouped and strided": lambda: nn.Conv2d(16, 64, 3, stride=2, groups=4),
    "dilated": lambda: nn.Conv1d(16, 64, 3, dilation=2, padding=2),
    "transposed": lambda: nn.ConvTranspose2d(16, 64, 4, stride=2, padding=1),
}


@pytest.mark.parametrize("name", list(CONVOLUTIONS))
def test_convolutions_against_monte_carlo(name: str) -> None:
    """60 draws on 8 images: the std is known to about 0.8 %, 3 % is allowed."""
    torch.manual_seed(0)
    layer = CONVOLUTIONS[name]()
    x = torch.randn(
        8, 16, *[10] * (1 if isinstance(layer, nn.Conv1d) else 2), generator=torch.Generator().manual_seed(1)
    )
    predicted = predict(layer, x)[""].std

    torch.manual_seed(0)
    squares = []
    for _ in range(60):
        layer.reset_parameters()  # pyright: ignore
        squares.append(layer(x).var(correction=0).item())
    assert predicted == pytest.approx(math.sqrt(sum(squares) / 60), rel=0.03)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_recurrent_layers_against_monte_carlo(kind: type[nn.RNNBase]) -> None:
    """20 draws of 256 units: within 10 %, as the state is taken as normal."""
    torch.manual_seed(0)
    layer: Any = kind(64, 256, batch_first=True)
    x = torch.randn(16, 12, 64, generator=torch.Generator().manual_seed(1))
    predicted = predict(layer, x)[""].std

    torch.manual_seed(0)
    squares = []
    for _ in range(20):
        layer.reset_parameters()
        squares.append(layer(x)[0].var(correction=0).item())
    assert predicted == pytest.approx(math.sqrt(sum(squares) / 20), rel=0.1)


CELLS: dict[str, Callable[[], nn.Module]] = {
    "LSTMCell": lambda: nn.LSTMCell(64, 256),
    "GRUCell": lambda: nn.GRUCell(64, 256),
    "RNNCell": lambda: nn.RNNCell(64, 256),
}


class Stepped(nn.Module):
    """Four steps of a cell."""

    def __init__(self, cell: nn.Module) -> None:
        super().__init__()
        self.cell, self.end = cell, nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        state: Any = None
        for step in range(4):
            state = self.cell(x[:, step], state)
        return self.end(state[0] if isinstance(state, tuple) else state)


class PackedLstm(nn.Module):
    """Half of the sequences end in the middle."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.end = nn.LSTM(64, 256, batch_first=True), nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        ends = torch.tensor([4] * 8 + [2] * 8)
        packed = nn.utils.rnn.pack_padded_sequence(x, ends, batch_first=True)
        return self.end(nn.utils.rnn.pad_packed_sequence(self.cell(packed)[0], batch_first=True)[0])


@pytest.mark.parametrize("name", [*CELLS, "packed"])
def test_cells_and_packed_sequences_against_monte_carlo(name: str) -> None:
    """20 draws of 256 units, known to 1 %; within 5 %, as the state is taken as normal."""
    torch.manual_seed(0)
    model: Any = PackedLstm() if name == "packed" else Stepped(CELLS[name]())
    x = torch.randn(16, 4, 64, generator=torch.Generator().manual_seed(1))
    signal = predict(model, x)

    torch.manual_seed(0)
    squares = []
    for _ in range(20):
        model.cell.reset_parameters()
        squares.append(model(x).var(correction=0).item())
    assert signal.notes == ()
    assert signal["end"].std == pytest.approx(math.sqrt(sum(squares) / 20), rel=0.05)


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
