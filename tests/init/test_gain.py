"""Gains against closed forms, mpmath and torch's table; names of activations."""

from __future__ import annotations

import functools
import math

import mpmath
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from firststep import init
from firststep.errors import SchemeError
from firststep.init._activations import activation_function, activation_name
from firststep.init._gain import gain, layer_gain, torch_gain
from firststep.init._quadrature import integrate

PUBLISHED = {
    "relu": 1.414214,
    "leaky_relu(0.2)": 1.386750,
    "gelu": 1.533530,
    "gelu_tanh": 1.533581,
    "quick_gelu": 1.539459,
    "silu": 1.676532,
    "mish": 1.486848,
    "elu": 1.245198,
    "selu": 1.000000,
    "tanh": 1.592537,
    "sigmoid": 1.846229,
    "softplus": 1.041867,
    "hardswish": 1.736657,
    "hardtanh": 1.392036,
    "softsign": 2.337533,
    "relu_squared": 0.816497,
    "sin": 1.520867,
}


def sigmoid(z):
    return 1 / (1 + mpmath.exp(-z))


BY_MPMATH = {
    "gelu": lambda z: z * mpmath.ncdf(z),
    "gelu_tanh": lambda z: z / 2 * (1 + mpmath.tanh(mpmath.sqrt(2 / mpmath.pi) * (z + mpmath.mpf("0.044715") * z**3))),
    "silu": lambda z: z * sigmoid(z),
    "mish": lambda z: z * mpmath.tanh(mpmath.log1p(mpmath.exp(z))),
    "tanh": mpmath.tanh,
    "sigmoid": sigmoid,
    "softplus": lambda z: mpmath.log1p(mpmath.exp(z)),
    "logsigmoid": lambda z: -mpmath.log1p(mpmath.exp(-z)),
    "tanhshrink": lambda z: z - mpmath.tanh(z),
    "softsign": lambda z: z / (1 + abs(z)),
    "elu": lambda z: z if z > 0 else mpmath.expm1(z),
    "elu(0.5)": lambda z: z if z > 0 else mpmath.expm1(z) / 2,
    "celu(2.0)": lambda z: z if z > 0 else 2 * mpmath.expm1(z / 2),
    "hardswish": lambda z: z * min(max(z + 3, 0), 6) / 6,
    "hardsigmoid": lambda z: min(max(z + 3, 0), 6) / 6,
    "relu6": lambda z: min(max(z, 0), 6),
    "hardtanh": lambda z: min(max(z, -1), 1),
}

CLOSED = {
    "linear": 1.0,
    "relu": math.sqrt(2),
    "leaky_relu": math.sqrt(2 / (1 + 0.01**2)),
    "leaky_relu(0.2)": math.sqrt(2 / (1 + 0.2**2)),
    "selu": 1.0,  # Klambauer et al. 2017 choose the constants for this
    "relu_squared": 1 / math.sqrt(1.5),
    "sin": 1 / math.sqrt((1 - math.exp(-2)) / 2),
}


@pytest.mark.parametrize(("name", "number"), PUBLISHED.items())
def test_published_numbers(name: str, number: float) -> None:
    assert gain(name) == pytest.approx(number, abs=6e-7)


@pytest.mark.parametrize(("name", "number"), CLOSED.items())
def test_closed_forms(name: str, number: float) -> None:
    assert gain(name) == pytest.approx(number, rel=1e-11)


@pytest.mark.parametrize("name", BY_MPMATH)
def test_against_integration_by_mpmath(name: str) -> None:
    with mpmath.workdps(25):
        edges = [-15, -9, -6, -3, -1, 0, 1, 3, 6, 9, 15]
        moment = mpmath.quad(lambda z: BY_MPMATH[name](z) ** 2 * mpmath.npdf(z), edges)
        expected = float(1 / mpmath.sqrt(moment))
    # torch's hardsigmoid and hardswish are as exact as the others in float64.
    assert gain(name) == pytest.approx(expected, rel=2e-11)


@pytest.mark.parametrize("threshold", [0.3, 1 / 3, 2.7182])
def test_jumps_and_kinks_off_the_grid(threshold: float) -> None:
    tail = (1 - math.erf(threshold / math.sqrt(2))) / 2
    step = 1 / math.sqrt(tail)
    assert gain(lambda z: (z > threshold).double()) == pytest.approx(step, rel=1e-9)
    density = math.exp(-(threshold**2) / 2) / math.sqrt(2 * math.pi)
    shrunk = 2 * ((1 + threshold**2) * tail - threshold * density)
    assert gain(nn.Softshrink(threshold)) == pytest.approx(1 / math.sqrt(shrunk), rel=1e-9)


def test_modules_functions_and_names_agree() -> None:
    assert gain("silu") == gain(F.silu) == gain(nn.SiLU()) == gain(lambda z: z * z.sigmoid()) == gain("swish")
    assert gain("leaky_relu", 0.2) == gain("leaky_relu(0.2)") == gain(nn.LeakyReLU(0.2))
    assert gain(nn.PReLU(init=0.3)) == gain("leaky_relu", 0.3)
    assert gain(torch.exp) == pytest.approx(math.exp(-1), rel=1e-11)
    assert gain(functools.partial(F.gelu, approximate="tanh")) == gain("gelu_tanh")


def test_a_module_is_not_changed_and_works_in_evaluation_mode() -> None:
    module = nn.Sequential(nn.ReLU(inplace=True), nn.Dropout(0.5))
    state = torch.get_rng_state()
    assert gain(module) == pytest.approx(math.sqrt(2), rel=1e-11)
    assert module.training
    assert torch.equal(torch.get_rng_state(), state)
    prelu = nn.Sequential(nn.PReLU())
    assert gain(prelu) == pytest.approx(math.sqrt(2 / (1 + 0.25**2)), rel=1e-11)
    assert prelu[0].weight.dtype == torch.float32


NAMES = [
    "linear",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "selu",
]


@pytest.mark.parametrize("name", NAMES)
def test_torch_kind_is_torchs_table(name: str) -> None:
    expected = nn.init.calculate_gain(name)
    assert torch_gain(name) == gain(name, kind="torch") == layer_gain(name) == expected


@pytest.mark.parametrize("slope", [0, 0.2, 1, -3.5])
def test_torch_leaky_relu(slope: float) -> None:
    expected = nn.init.calculate_gain("leaky_relu", slope)
    assert torch_gain("leaky_relu", slope) == gain("leaky_relu", slope, kind="torch") == expected
    assert gain(nn.LeakyReLU(slope), kind="torch") == layer_gain("leaky_relu", slope) == expected


@pytest.mark.parametrize(("name", "param"), [("gelu", None), ("leaky_relu", True), ("leaky_relu", "0.2"), ("Relu", 1)])
def test_torch_errors(name: str, param: object) -> None:
    with pytest.raises(ValueError) as theirs:
        nn.init.calculate_gain(name, param)  # pyright: ignore
    with pytest.raises(SchemeError) as ours:
        torch_gain(name, param)  # pyright: ignore
    assert str(ours.value) == str(theirs.value)


def test_layer_gain_is_torchs_where_torch_has_one() -> None:
    assert layer_gain(F.tanh) == layer_gain(nn.Tanh()) == 5 / 3
    assert layer_gain("gelu") == layer_gain(F.gelu) == gain("gelu")
    assert layer_gain("leaky_relu(0.2)", 0.5) == torch_gain("leaky_relu", 0.2)
    assert layer_gain("elu(0.5)") == gain("elu(0.5)")
    assert layer_gain(lambda z: 2 * z) == 0.5


MODULES = [
    (nn.Identity(), "linear"),
    (nn.ReLU(), "relu"),
    (nn.LeakyReLU(), "leaky_relu(0.01)"),
    (nn.PReLU(), "leaky_relu(0.25)"),
    (nn.ELU(), "elu"),
    (nn.ELU(0.5), "elu(0.5)"),
    (nn.CELU(), "celu"),
    (nn.SELU(), "selu"),
    (nn.GELU(), "gelu"),
    (nn.GELU("tanh"), "gelu_tanh"),
    (nn.SiLU(), "silu"),
    (nn.Mish(), "mish"),
    (nn.Tanh(), "tanh"),
    (nn.Sigmoid(), "sigmoid"),
    (nn.Softplus(), "softplus"),
    (nn.Softsign(), "softsign"),
    (nn.LogSigmoid(), "logsigmoid"),
    (nn.Tanhshrink(), "tanhshrink"),
    (nn.Hardtanh(), "hardtanh"),
    (nn.Hardsigmoid(), "hardsigmoid"),
    (nn.Hardswish(), "hardswish"),
    (nn.ReLU6(), "relu6"),
]
Z = torch.linspace(-7, 7, 57, dtype=torch.float64)


@pytest.mark.parametrize(("module", "name"), MODULES, ids=lambda value: str(value))
def test_a_module_and_its_name_are_the_same_function(module: nn.Module, name: str) -> None:
    assert activation_name(module) == name
    assert torch.equal(activation_function(name)(Z), module.double()(Z))


@pytest.mark.parametrize("name", ["relu", "tanh", "sigmoid", "sin"])
def test_functions_and_methods_have_names(name: str) -> None:
    for function in (getattr(torch, name), getattr(torch, f"{name}_"), getattr(torch.Tensor, name)):
        assert activation_name(function) == name


@pytest.mark.parametrize(
    "name", ["elu", "celu", "selu", "gelu", "silu", "mish", "softplus", "softsign", "logsigmoid", "tanhshrink",
             "hardtanh", "hardsigmoid", "hardswish", "relu6", "leaky_relu"]
)  # fmt: skip
def test_functionals_have_names(name: str) -> None:
    function = getattr(F, name)
    assert activation_name(function) == name
    assert torch.equal(activation_function(name)(Z), function(Z))


def test_what_has_no_name() -> None:
    class Shifted(nn.ReLU):
        def forward(self, input):
            return super().forward(input - 1)

    for nameless in (Shifted(), nn.Softmax(dim=0), nn.Softplus(2), nn.Hardtanh(0, 1), torch.exp, [], lambda z: z, None):
        assert activation_name(nameless) is None
    assert [activation_name(n) for n in ("swich", "relu(0.1)", "elu(x)", "elu()", "")] == [None] * 5
    assert activation_name("swish") == "silu"
    assert activation_name("leaky_relu(.2)") == "leaky_relu(0.2)"


def test_transformers_modules_are_known_by_class_name() -> None:
    kind = type("QuickGELUActivation", (nn.Module,), {"__module__": "transformers.activations"})
    assert activation_name(kind()) == "quick_gelu"
    other = type("LaplaceActivation", (nn.Module,), {"__module__": "transformers.activations"})
    assert activation_name(other()) is None


INFINITE = " has no finite E[f(z)^2] for z ~ N(0, 1) that could be computed"
ELEMENTWISE = " of a tensor of shape (768,); expected an elementwise function"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gain("relu", kind="variance"), "gain(kind='variance'): expected 'moment' or 'torch'"),
        (lambda: gain(3), "gain(3): expected a name, a module or a function of a tensor"),
        (lambda: gain(torch.exp, 0.5), "gain(exp, param=0.5): a number goes with a name only"),
        (lambda: gain(torch.exp, kind="torch"), "torch's table has no gain for exp. Use gain(f), the moment gain"),
        (lambda: gain("gelu", kind="torch"), "Unsupported nonlinearity gelu"),
        (lambda: gain(torch.zeros_like), "the activation zeros_like is zero: no gain can keep the signal"),
        (lambda: gain(torch.log), "the activation log" + INFINITE),
        (lambda: gain(torch.reciprocal), "the activation reciprocal" + INFINITE),
        (lambda: gain(lambda z: (z * z / 2).exp()), "the activation <lambda>" + INFINITE),
        (lambda: gain(lambda z: (z * z / 4).exp()), "the activation <lambda>" + INFINITE),
        (lambda: gain(nn.GLU()), "the activation GLU(dim=-1) made (384,)" + ELEMENTWISE),
        (lambda: gain(len), "the activation len made int" + ELEMENTWISE),
        (
            lambda: activation_function("relu", 0.1),
            "activation 'relu' takes no number, given 0.1; those that do: leaky_relu, elu, celu",
        ),
    ],
)
def test_messages(call, message: str) -> None:
    with pytest.raises(SchemeError) as error:
        call()
    assert str(error.value) == message


def test_an_unknown_name_has_a_suggestion() -> None:
    with pytest.raises(SchemeError) as error:
        gain("gellu")
    assert str(error.value) == (
        "unknown activation 'gellu'. Did you mean 'gelu'? Known: celu, conv1d, conv2d, conv3d, conv_transpose1d, "
        "conv_transpose2d, conv_transpose3d, elu, gelu, gelu_new, gelu_pytorch_tanh, gelu_tanh, hardsigmoid, "
        "hardswish, hardtanh, identity, leaky_relu, linear, logsigmoid, mish, quick_gelu, relu, relu2, relu6, "
        "relu_squared, selu, sigmoid, silu, sin, softplus, softsign, swish, tanh, tanhshrink; any other can be given "
        "as a function of a tensor"
    )


def test_integrals_with_their_error_estimates() -> None:
    value, error = integrate(torch.exp, [0.0, 1.0])
    assert value == pytest.approx(math.e - 1, rel=1e-15)
    assert error < 1e-14
    value, error = integrate(lambda x: (x > math.pi / 4).double(), [0.0, 1.0])
    assert value == pytest.approx(1 - math.pi / 4, rel=1e-13)


def test_public_names() -> None:
    assert init.gain is gain
    assert init.activation_name is activation_name
