"""Schemes with a variance from the fans: formulas, torch's and JAX's meaning, spelling, messages."""

from __future__ import annotations

import functools
import json
import math

import pytest
import scipy.stats
import torch
import torch.nn.functional as F
from torch import nn

from firststep import init, rng
from firststep.errors import SchemeError
from firststep.init import Fans, Site, site_of
from firststep.init._scaling import DISTRIBUTIONS

SHAPE = (96, 40, 3, 3)
IN, OUT = 360, 864
AVERAGE = (IN + OUT) / 2
C = 0.87962566103423978
N = math.prod(SHAPE)


def uniform(bound: float):
    return scipy.stats.uniform(-bound, 2 * bound)


def cut(std: float, at: float = 2.0):
    return scipy.stats.truncnorm(-at, at, 0, std)


normal = functools.partial(scipy.stats.norm, 0)

# The formulas of the sources, written out.
FORMULAS = [
    (init.xavier_uniform(), uniform(math.sqrt(6 / (IN + OUT)))),
    (init.xavier_uniform(gain=2.0), uniform(2 * math.sqrt(6 / (IN + OUT)))),
    (init.xavier_normal(), normal(math.sqrt(2 / (IN + OUT)))),
    (init.xavier_normal(gain="tanh"), normal(5 / 3 * math.sqrt(2 / (IN + OUT)))),
    (init.kaiming_uniform(a=math.sqrt(5)), uniform(1 / math.sqrt(IN))),
    (init.kaiming_uniform(mode="fan_out", nonlinearity="relu"), uniform(math.sqrt(6 / OUT))),
    (init.kaiming_normal(), normal(math.sqrt(2 / IN))),
    (init.kaiming_normal(mode="fan_out", nonlinearity="linear"), normal(1 / math.sqrt(OUT))),
    (init.kaiming_normal(nonlinearity="selu"), normal(0.75 / math.sqrt(IN))),
    (init.kaiming_normal(nonlinearity="gelu"), normal(1.53353044120 / math.sqrt(IN))),
    (init.lecun_uniform(), uniform(math.sqrt(3 / IN))),
    (init.lecun_normal(), cut(math.sqrt(1 / IN) / C)),
    (init.glorot_normal_jax(), cut(math.sqrt(1 / AVERAGE) / C)),
    (init.he_normal_jax(), cut(math.sqrt(2 / IN) / C)),
    (init.variance_scaling(), cut(math.sqrt(1 / IN) / C)),
    (init.variance_scaling(3.0, "fan_geo_avg", "uniform"), uniform(math.sqrt(9 / math.sqrt(IN * OUT)))),
    (init.variance_scaling(0.5, "fan_avg", "normal"), normal(math.sqrt(0.5 / AVERAGE))),
    (init.caffe2_xavier(), uniform(math.sqrt(3 / IN))),
    (init.caffe2_msra(), normal(math.sqrt(2 / OUT))),
    (init.goog_uniform(), uniform(1 / math.sqrt(OUT))),
    (init.goog_routing_uniform(), uniform(1 / math.sqrt(IN + OUT))),
    (init.uniform_unit_scaling(nonlinearity="relu"), uniform(math.sqrt(2) * math.sqrt(3 / IN))),
    (init.small_init(), normal(math.sqrt(2 / (5 * IN)))),
    (init.small_init(dim=512), normal(math.sqrt(2 / (5 * 512)))),
    (init.wang(num_layers=44), normal(2 / (44 * math.sqrt(IN)))),
    (init.wang(num_layers=44, dim=512), normal(2 / (44 * math.sqrt(512)))),
    (init.mitchell_in(), cut(1 / math.sqrt(IN), 3)),
    (init.mitchell_out(layer=3), cut(1 / math.sqrt(2 * IN * 4), 3)),
    (init.torch_default(), uniform(1 / math.sqrt(IN))),
    (init.torch_default_rnn(hidden_size=64), uniform(1 / 8)),
]


@pytest.mark.parametrize(("scheme", "law"), FORMULAS, ids=lambda value: repr(value)[:60])
def test_expected_moments_and_values_follow_the_formula(scheme: init.Scheme, law) -> None:
    """n = 103,680 values, mean and variance within 5 standard errors: fails once in 2e6 per number."""
    expected = scheme.expected(SHAPE)
    mean, variance, excess = law.stats("mvk")
    assert expected.mean == pytest.approx(mean, abs=1e-15)
    assert expected.variance == pytest.approx(variance, rel=1e-9)
    assert expected.kurtosis == pytest.approx(excess + 3, rel=1e-8)
    assert (expected.low, expected.high) == (pytest.approx(law.support()[0]), pytest.approx(law.support()[1]))
    values = scheme.sample(SHAPE, seed=0, name="w", dtype=torch.float64)
    assert abs(values.mean().item()) <= 5 * math.sqrt(variance / N)
    error = variance * math.sqrt((expected.kurtosis - 1) / N)
    assert values.square().mean().item() == pytest.approx(variance, abs=5 * error)
    assert values.abs().max().item() <= expected.high


TORCH = [
    (init.xavier_uniform, nn.init.xavier_uniform_, {"gain": 1.7}),
    (init.xavier_normal, nn.init.xavier_normal_, {"gain": 0.3}),
    (init.kaiming_uniform, nn.init.kaiming_uniform_, {"a": 0.3}),
    (init.kaiming_uniform, nn.init.kaiming_uniform_, {"mode": "fan_out", "nonlinearity": "relu"}),
    (init.kaiming_normal, nn.init.kaiming_normal_, {"a": 0.2, "mode": "fan_out"}),
    (init.kaiming_normal, nn.init.kaiming_normal_, {"nonlinearity": "tanh"}),
]


@pytest.mark.parametrize(("ours", "theirs", "options"), TORCH, ids=lambda value: getattr(value, "__name__", str(value)))
@pytest.mark.parametrize("shape", [(96, 40, 3, 3), (300, 200), (64, 8, 5)])
def test_the_same_distribution_as_torchs_function(ours, theirs, options: dict, shape: tuple[int, ...]) -> None:
    """n >= 2560 on either side, two-sample Kolmogorov-Smirnov, p > 1e-5: once in 5,000 for all 18."""
    values = theirs(torch.empty(shape), **options, generator=torch.Generator().manual_seed(0))
    mine = ours(**options, fans="tensor").sample(shape, seed=0, name="w")
    assert scipy.stats.ks_2samp(values.flatten().numpy(), mine.flatten().numpy()).pvalue > 1e-5
    # On a bare shape the layer's fans are the tensor's.
    assert torch.equal(mine, ours(**options).sample(shape, seed=0, name="w"))


LAYERS = [
    nn.Linear(24, 400),
    nn.Conv1d(6, 90, 5, groups=3),
    nn.Conv2d(4, 90, 3),
    nn.ConvTranspose2d(40, 20, 3, groups=2, stride=2),
    nn.Bilinear(9, 30, 40),
    nn.LSTM(20, 30, bidirectional=True),
    nn.LSTM(20, 30, proj_size=9),
    nn.GRUCell(20, 30),
    nn.RNN(50, 40),
]


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_torch_default_is_what_the_layer_starts_from(layer: nn.Module) -> None:
    """torch's largest |w| of n values comes within a factor 1 - 20 / n of its bound, but for e^-20 of the seeds."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layer.reset_parameters()
    for name, parameter in layer.named_parameters():
        bound = init.torch_default().expected(site_of(layer, name)).high
        reach, n = parameter.abs().max().item(), parameter.numel()
        assert bound * (1 - 20 / n) <= reach <= bound * (1 + 1e-6), name
    if isinstance(layer, (nn.RNNBase, nn.RNNCellBase)):
        assert init.torch_default_rnn() == init.torch_default()


def test_tensor_fans_reproduce_torchs_packed_attention() -> None:
    layer = nn.MultiheadAttention(64, 4)
    bound = init.xavier_uniform(fans="tensor").expected(site_of(layer, "in_proj_weight")).high
    reach = layer.in_proj_weight.abs().max().item()
    assert bound * (1 - 20 / layer.in_proj_weight.numel()) <= reach <= bound * (1 + 1e-6)
    for name in ("bias_k", "bias_v"):
        site = site_of(nn.MultiheadAttention(64, 4, add_bias_kv=True), name)
        assert init.xavier_normal().expected(site).std == pytest.approx(math.sqrt(2 / 128))


def test_layer_fans_of_a_grouped_convolution() -> None:
    """The defect this names away: torch's fan_out of a depthwise convolution counts every channel."""
    site = site_of(nn.Conv2d(64, 64, 3, groups=64), "weight")
    scheme = init.kaiming_normal(mode="fan_out", nonlinearity="relu")
    assert scheme.expected(site).variance == pytest.approx(2 / 9)
    assert init.caffe2_msra().expected(site).variance == pytest.approx(2 / (64 * 9))


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_scale_zero_is_zeros(distribution) -> None:
    scheme = init.variance_scaling(0.0, "fan_in", distribution)
    assert not scheme.sample((5, 4), seed=0).any()
    assert scheme.expected((5, 4)).std == 0.0


@pytest.mark.parametrize("shape", [(0, 0), (0, 5), (5, 0), (0, 3, 2)])
def test_a_weight_without_elements_is_no_error(shape: tuple[int, ...]) -> None:
    """torch.nn.init.xavier_uniform_ divides by zero on (0, 0)."""
    for scheme in (init.xavier_uniform(), init.kaiming_normal(), init.lecun_normal(), init.torch_default()):
        assert scheme.sample(shape, seed=0).shape == shape


def test_fans_below_one_are_kept() -> None:
    site = site_of(nn.ConvTranspose2d(2, 4, 1, stride=2), "weight")
    assert site.parts[0].fans == Fans(0.5, 4)
    assert init.variance_scaling(1.0, "fan_in", "normal").expected(site).variance == pytest.approx(2.0)


def test_a_packed_parameter_is_filled_block_by_block() -> None:
    site = site_of(nn.GRU(20, 30), "weight_ih_l0", name="weight_ih_l0")
    scheme = init.xavier_uniform()
    assert scheme.expected(site).high == pytest.approx(math.sqrt(6 / 50))
    whole = scheme.sample(site, seed=3, name="w")
    region = rng.Region((90, 20), (25, 3), (40, 9))
    assert torch.equal(scheme.sample(site, seed=3, name="w", region=region), whole[25:65, 3:12])


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("glorot_uniform", "xavier_uniform"),
        ("glorot_normal", "xavier_normal"),
        ("he_uniform", "kaiming_uniform"),
        ("he_normal", "kaiming_normal"),
        ("lecun_normal_jax", "lecun_normal"),
        ("lecun_normal_keras", "lecun_normal"),
        ("he_normal_keras", "he_normal_jax"),
        ("glorot_normal_keras", "glorot_normal_jax"),
    ],
)
def test_aliases_are_the_same_schemes(alias: str, name: str) -> None:
    assert getattr(init, alias)() == getattr(init, name)() == init.from_dict({"scheme": alias})


def test_special_names_equal_the_general_form() -> None:
    assert init.he_normal_jax() == init.variance_scaling(2.0)
    assert init.xavier_uniform() == init.variance_scaling(1.0, "fan_avg", "uniform")


@pytest.mark.parametrize("scheme", [scheme for scheme, _ in FORMULAS], ids=repr)
def test_plain_data_gives_the_scheme_back(scheme: init.Scheme) -> None:
    data = json.loads(json.dumps(scheme.to_dict()))
    again = init.from_dict(data)
    assert again == scheme
    assert repr(again) == repr(scheme)
    laid = scheme.layout("expert in out", blocks=(2, 3))
    assert init.from_dict(json.loads(json.dumps(laid.to_dict()))) == laid


def test_activations_may_be_given_by_name_function_or_module() -> None:
    for silu in ("silu", "swish", F.silu, nn.SiLU()):
        assert init.kaiming_normal(nonlinearity=silu) == init.kaiming_normal(nonlinearity="silu")
        assert init.xavier_normal(gain=silu) == init.xavier_normal(gain="silu")
    assert init.kaiming_uniform(nonlinearity=nn.LeakyReLU(0.2)) == init.kaiming_uniform(a=0.2)


def test_spelling() -> None:
    assert repr(init.xavier_uniform()) == "xavier_uniform()"
    assert repr(init.kaiming_normal(mode="fan_out", nonlinearity=nn.LeakyReLU(0.2))) == (
        "kaiming_normal(mode='fan_out', nonlinearity='leaky_relu(0.2)')"
    )
    assert init.kaiming_normal(nonlinearity=F.gelu).to_dict() == {"scheme": "kaiming_normal", "nonlinearity": "gelu"}
    assert repr(init.wang(num_layers=12)) == "wang(num_layers=12)"
    assert repr(init.variance_scaling(2.0, "fan_out", "uniform")) == (
        "variance_scaling(scale=2.0, mode='fan_out', distribution='uniform')"
    )


def test_an_activation_without_a_name_is_spelled_as_the_scale_it_gives() -> None:
    scheme = init.kaiming_normal(nonlinearity=lambda z: z / 2)
    assert repr(scheme) == "variance_scaling(scale=4.0, distribution='normal')"
    assert scheme == init.variance_scaling(4.0, "fan_in", "normal")


WEIGHT = Site.of_shape((5,), "norm.weight")
BIAS = site_of(nn.Linear(3, 2), "bias", name="fc.bias")
NO_FANS = (
    " needs fan_in and fan_out, and {} has none: expected at least 2 dimensions. Use init.zeros(), "
    "init.constant(value) or init.normal(std=...) here"
)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: init.xavier_normal().expected(WEIGHT),
            "xavier_normal()" + NO_FANS.format("'norm.weight' of shape (5,)"),
        ),
        (
            lambda: init.kaiming_uniform(fans="tensor").sample(BIAS, seed=0),
            "kaiming_uniform(fans='tensor')" + NO_FANS.format("'fc.bias' of shape (2,)"),
        ),
        (
            lambda: init.torch_default().expected(WEIGHT),
            "torch_default()" + NO_FANS.format("'norm.weight' of shape (5,)"),
        ),
        (lambda: init.variance_scaling(-1), "variance_scaling(scale=-1): expected a number >= 0"),
        (lambda: init.variance_scaling(math.inf), "variance_scaling(scale=inf): expected a finite number"),
        (
            lambda: init.variance_scaling(1, "fanin"),
            "variance_scaling(mode='fanin'): expected one of 'fan_in', 'fan_out', 'fan_avg', 'fan_geo_avg'. "
            "Did you mean 'fan_in'?",
        ),
        (
            lambda: init.variance_scaling(distribution="trunc_normal"),
            "variance_scaling(distribution='trunc_normal'): expected one of 'normal', 'uniform', 'truncated_normal'. "
            "Did you mean 'truncated_normal'?",
        ),
        (
            lambda: init.xavier_normal(fans="shape"),
            "variance_scaling(fans='shape'): expected one of 'layer', 'tensor'.",
        ),
        (lambda: init.xavier_uniform(gain=-2), "xavier_uniform(gain=-2): expected a number >= 0"),
        (lambda: init.wang(num_layers=0), "wang(num_layers=0): expected a number >= 1"),
        (lambda: init.wang(num_layers=2, dim=0), "wang(dim=0): expected a number >= 1"),
        (lambda: init.small_init(dim=0), "small_init(dim=0): expected a number >= 1"),
        (lambda: init.mitchell_out(layer=-1), "mitchell_out(layer=-1): expected a number >= 0"),
        (lambda: init.torch_default_rnn(hidden_size=0), "torch_default_rnn(hidden_size=0): expected a number >= 1"),
        (lambda: init.kaiming_normal(a="0.2"), "negative_slope 0.2 not a valid number"),
    ],
)
def test_messages(call, message: str) -> None:
    with pytest.raises(SchemeError) as error:
        call()
    assert str(error.value) == message


def test_an_unknown_activation_is_an_error_with_a_suggestion() -> None:
    with pytest.raises(SchemeError, match=r"^unknown activation 'reluu'\. Did you mean 'relu'\?"):
        init.kaiming_normal(nonlinearity="reluu")


def test_a_bound_that_leaves_nothing_is_an_error() -> None:
    with pytest.raises(SchemeError) as error:
        init.variance_scaling(bound=0.0)
    assert str(error.value) == "variance_scaling(bound=0.0): expected a number > 0, in units of std"
