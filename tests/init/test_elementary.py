"""Schemes with given numbers: moments against closed forms and scipy, measured values, spelling, messages."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import pytest
import scipy.integrate
import scipy.stats
import torch
import torch.nn.functional as F
from torch import nn

from firststep import init
from firststep.errors import SchemeError
from firststep.init import Moments, Site, site_of
from firststep.rng import Region

N = 2**16


def truncated(low: float, high: float, loc: float, scale: float):
    return scipy.stats.truncnorm(low, high, loc, scale)


DRAWS = [
    (init.uniform(), scipy.stats.uniform(0, 1)),
    (init.uniform(-0.5, 1.5), scipy.stats.uniform(-0.5, 2)),
    (init.uniform_keras(), scipy.stats.uniform(-0.05, 0.1)),
    (init.uniform_jax(), scipy.stats.uniform(0, 0.01)),
    (init.normal(), scipy.stats.norm(0, 1)),
    (init.normal(mean=-1.0, std=0.02), scipy.stats.norm(-1, 0.02)),
    (init.normal_keras(mean=0.5), scipy.stats.norm(0.5, 0.05)),
    (init.normal_jax(), scipy.stats.norm(0, 0.01)),
    (init.trunc_normal(std=0.02), truncated(-2, 2, 0, 0.02)),
    (init.trunc_normal(mean=1.0, std=0.5, bounds=(-1, 3)), truncated(-1, 3, 1, 0.5)),
    (init.trunc_normal(std=0.02, bounds=(-3, 3), corrected=True), truncated(-3, 3, 0, 0.02 / 0.98657839)),
    (init.trunc_normal_torch(), truncated(-2, 2, 0, 1)),
    (init.trunc_normal_torch(mean=0.5, std=2.0, a=0.0, b=1.0), truncated(-0.25, 0.25, 0.5, 2)),
    (init.trunc_normal_tf(), truncated(-2, 2, 0, 0.05)),
    (init.trunc_normal_tf(mean=1.0, std=0.1), truncated(-2, 2, 1, 0.1)),
    (init.trunc_normal_jax(), truncated(-2, 2, 0, 0.01)),
    (init.depth_scaled_normal(num_layers=12), scipy.stats.norm(0, 0.02 / math.sqrt(24))),
    (init.depth_scaled_normal(num_layers=9, std=0.3, residuals_per_layer=1), scipy.stats.norm(0, 0.1)),
    (init.log_uniform(1e-3, 10.0), scipy.stats.loguniform(1e-3, 10)),
    (init.log_uniform(1.0, 1.0001), scipy.stats.loguniform(1, 1.0001)),
]


def id_of(value: object) -> str:
    return repr(value) if isinstance(value, init.Scheme) else ""


@pytest.mark.parametrize(("scheme", "law"), DRAWS, ids=id_of)
def test_expected_moments_are_scipys(scheme: init.Scheme, law) -> None:
    ours = scheme.expected((4, 4))
    mean, variance, excess = law.stats("mvk")
    low, high = law.support()
    tiny = 1e-4 * math.sqrt(variance)  # c(3) above is written with 8 digits; scipy's narrow log-uniform loses some
    assert ours.mean == pytest.approx(mean, rel=1e-8, abs=tiny * 1e-4)
    assert ours.variance == pytest.approx(variance, rel=1e-7)
    if law.dist.name != "loguniform":
        assert ours.kurtosis == pytest.approx(excess + 3, rel=1e-7)
    assert (ours.low, ours.high) == (pytest.approx(low, rel=1e-8), pytest.approx(high, rel=1e-8))


@pytest.mark.parametrize("scheme", [scheme for scheme, _ in DRAWS], ids=id_of)
def test_values_have_the_expected_moments(scheme: init.Scheme) -> None:
    """n = 2^16 values: mean, variance and fourth moment within 5 standard errors, which fails once in 2e6."""
    close_to(scheme.sample((N,), seed=0, name="w", dtype=torch.float64), scheme.expected((N,)))


def close_to(values: torch.Tensor, expected: Moments) -> None:
    n, away = values.numel(), values - expected.mean
    assert away.mean().abs().item() <= 5 * expected.std / math.sqrt(n)
    error = expected.variance * math.sqrt((expected.kurtosis - 1) / n)
    assert away.square().mean().item() == pytest.approx(expected.variance, abs=5 * error)
    fourth = away.pow(4)
    assert fourth.mean().item() == pytest.approx(
        expected.kurtosis * expected.variance**2, abs=5 * fourth.std().item() / math.sqrt(n)
    )
    assert expected.low <= values.min().item()
    assert values.max().item() <= expected.high


@pytest.mark.parametrize(
    ("scheme", "value"),
    [
        (init.constant(0.3), 0.3),
        (init.zeros(), 0.0),
        (init.ones(), 1.0),
        (init.normal(mean=2.0, std=0.0), 2.0),
        (init.uniform(0.5, 0.5), 0.5),
        (init.trunc_normal(mean=0.5, std=0.0), 0.5),
        (init.trunc_normal_torch(mean=3.0, std=0.0), 2.0),
        (init.log_uniform(0.25, 0.25), 0.25),
        (init.prior_bias(), math.log(0.01 / 0.99)),
        (init.prior_bias(pi=0.5), 0.0),
        (init.head_bias(num_classes=10), -math.log(10)),
    ],
    ids=id_of,
)
def test_constants(scheme: init.Scheme, value: float) -> None:
    expected = scheme.expected((3,))
    assert (expected.mean, expected.variance, expected.kurtosis) == (pytest.approx(value), 0.0, 1.0)
    assert torch.equal(scheme.sample((3,), seed=0), torch.full((3,), value))
    assert scheme.sample((), seed=0).item() == pytest.approx(value)


def test_a_prior_bias_starts_a_sigmoid_at_pi_and_a_head_bias_near_one_in_c() -> None:
    assert init.prior_bias(pi=0.02).sample((1,), seed=0).sigmoid().item() == pytest.approx(0.02)
    assert init.head_bias(num_classes=999).sample((1,), seed=0).sigmoid().item() == pytest.approx(1 / 1000)


def test_torchs_truncated_normal_has_absolute_bounds_and_the_others_relative_ones() -> None:
    """The defect this names away: with std = 0.02 torch's truncates nothing."""
    absolute = init.trunc_normal_torch(std=0.02).sample((N,), seed=0)
    relative = init.trunc_normal_tf(std=0.02).sample((N,), seed=0)
    assert absolute.abs().max().item() > 4 * 0.02
    assert relative.abs().max().item() <= 2 * 0.02 * (1 + 1e-6)
    theirs = nn.init.trunc_normal_(torch.empty(N), std=0.02, generator=torch.Generator().manual_seed(0))
    assert theirs.abs().max().item() > 4 * 0.02


def test_inverse_softplus_is_the_inverse() -> None:
    scheme = init.inverse_softplus(dt_min=1e-3, dt_max=0.1)
    dt = F.softplus(scheme.sample((N,), seed=0, dtype=torch.float64))
    # log dt is uniform: Kolmogorov-Smirnov at n = 2^16, p > 1e-6.
    u = (dt.log() - math.log(1e-3)) / math.log(100)
    assert scipy.stats.kstest(u.numpy(), "uniform").pvalue > 1e-6
    assert dt.min().item() >= 1e-3 * (1 - 1e-12)
    assert dt.max().item() <= 0.1 * (1 + 1e-12)


@pytest.mark.parametrize("floor", [0.0, 1e-4, 3e-3])
def test_inverse_softplus_moments(floor: float) -> None:
    scheme = init.inverse_softplus(floor=floor)

    def bias(t: float) -> float:
        dt = max(math.exp(t), floor)
        return dt + math.log(-math.expm1(-dt))

    low, high = math.log(1e-3), math.log(0.1)
    edge = [math.log(floor)] if floor > 1e-3 else None

    def mean_of(f: Callable[[float], float]) -> float:
        return scipy.integrate.quad(f, low, high, points=edge, epsabs=1e-13, epsrel=1e-13)[0] / (high - low)

    mean = mean_of(bias)
    variance = mean_of(lambda t: (bias(t) - mean) ** 2)
    expected = scheme.expected((8,))
    assert expected.mean == pytest.approx(mean, rel=1e-11)
    assert expected.variance == pytest.approx(variance, rel=1e-10)
    assert (expected.low, expected.high) == (pytest.approx(bias(low)), pytest.approx(bias(high)))
    close_to(scheme.sample((N,), seed=0, dtype=torch.float64), expected)


def test_values_in_half_precision_are_the_rounded_ones() -> None:
    for scheme in (init.log_uniform(1e-3, 1.0), init.inverse_softplus()):
        single = scheme.sample((999,), seed=0, name="b")
        for dtype in (torch.bfloat16, torch.float16):
            assert torch.equal(scheme.sample((999,), seed=0, name="b", dtype=dtype), single.to(dtype))


def test_gate_bias_sets_the_sum_of_the_two_biases() -> None:
    layer = nn.LSTM(3, 4, num_layers=2)
    scheme = init.gate_bias(forget=1.0, input=-2.0)
    for name, parameter in layer.named_parameters():
        if name.startswith("bias"):
            scheme.fill_(parameter, seed=0, name=name, site=site_of(layer, name))
    for index in range(2):
        total = getattr(layer, f"bias_ih_l{index}") + getattr(layer, f"bias_hh_l{index}")
        assert [part.unique().item() for part in total.chunk(4)] == [-2.0, 1.0, 0.0, 0.0]  # torch's order i, f, g, o
    expected = scheme.expected(site_of(layer, "bias_ih_l0"))
    assert (expected.mean, expected.low, expected.high) == (-0.25, -2.0, 1.0)


def test_gate_bias_of_a_gru_is_what_its_forward_adds() -> None:
    cell = nn.GRUCell(2, 1)
    with torch.no_grad():
        for name, parameter in cell.named_parameters():
            scheme = init.gate_bias(update=30.0, new=0.5) if "bias" in name else init.zeros()
            scheme.fill_(parameter, seed=0, name=name, site=site_of(cell, name))
        kept = cell(torch.ones(1, 2), torch.tensor([[0.7]]))
        cell.bias_ih[1] = -30.0  # the update gate shut: the new state is tanh(0.5)
        new = cell(torch.ones(1, 2), torch.tensor([[0.7]]))
    assert kept.item() == pytest.approx(0.7)
    assert new.item() == pytest.approx(math.tanh(0.5))


def test_gate_bias_without_gates_is_zero() -> None:
    assert init.gate_bias().sample(site_of(nn.RNN(2, 3), "bias_ih_l0"), seed=0).tolist() == [0.0] * 3


def test_chrono_bias() -> None:
    hidden, t_max = 2**14, 200.0
    layer = nn.LSTM(1, hidden, device="meta")
    site, second = site_of(layer, "bias_ih_l0"), site_of(layer, "bias_hh_l0")
    scheme = init.chrono_bias(t_max=t_max)
    values = scheme.sample(site, seed=0, name="b", dtype=torch.float64)
    i, f, g, o = values.chunk(4)
    assert torch.equal(i, -f)
    assert not g.any()
    assert not o.any()
    assert not scheme.sample(second, seed=0, name="b").any()
    # exp(b_f) is uniform on (1, t_max - 1): Kolmogorov-Smirnov at n = 2^14, p > 1e-6.
    assert scipy.stats.kstest(f.exp().numpy(), scipy.stats.uniform(1, t_max - 2).cdf).pvalue > 1e-6
    region = Region.whole((4 * hidden,)).narrow(0, hidden - 5, 2 * hidden)
    part = scheme.sample(site, seed=0, name="b", dtype=torch.float64, region=region)
    assert torch.equal(part, values[hidden - 5 : 3 * hidden - 5])
    forget = scipy.stats.uniform(1, t_max - 2)
    second_moment = forget.expect(lambda x: math.log(x) ** 2) / 2
    expected = scheme.expected(site)
    assert (expected.mean, expected.variance) == (pytest.approx(0, abs=1e-12), pytest.approx(second_moment, rel=1e-9))
    assert (expected.low, expected.high) == (pytest.approx(-math.log(199)), pytest.approx(math.log(199)))
    assert scheme.expected(second) == init.zeros().expected((4,))


GATES = [init.gate_bias(forget=1.0, new=-2.0), init.chrono_bias(t_max=50), init.inverse_softplus(floor=0.0)]


@pytest.mark.parametrize("scheme", [*(scheme for scheme, _ in DRAWS), *GATES], ids=repr)
def test_plain_data_gives_the_scheme_back(scheme: init.Scheme) -> None:
    again = init.from_dict(json.loads(json.dumps(scheme.to_dict())))
    assert again == scheme
    assert repr(again) == repr(scheme)


def test_spelling() -> None:
    assert repr(init.normal(std=0.02)) == "normal(std=0.02)"
    assert repr(init.uniform(-1, 2)) == "uniform(low=-1, high=2)"
    assert repr(init.zeros()) == "zeros()"
    assert repr(init.trunc_normal(std=0.5, bounds=[-1, 3])) == "trunc_normal(std=0.5, bounds=(-1, 3))"
    assert init.trunc_normal(bounds=(-1, 3), corrected=True).to_dict() == {
        "scheme": "trunc_normal",
        "bounds": [-1, 3],
        "corrected": True,
    }
    assert init.prior_bias().to_dict() == {"scheme": "prior_bias"}
    assert init.gate_bias(forget=1.0).to_dict() == {"scheme": "gate_bias", "forget": 1.0}
    assert init.constant(0.3).describe(Site.of_shape((2,))) == "constant(value=0.3)"
    assert len({init.zeros(), init.constant(0), init.uniform(0, 0)}) == 1


LSTM_BIAS = site_of(nn.LSTM(2, 2), "bias_ih_l0", name="rnn.bias_ih_l0")
LSTM_WEIGHT = site_of(nn.LSTM(2, 2), "weight_ih_l0", name="rnn.weight_ih_l0")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: init.constant(math.nan), "constant(value=nan): expected a finite number"),
        (lambda: init.constant(True), "constant(value=True): expected a finite number"),
        (lambda: init.constant("1"), "constant(value='1'): expected a finite number"),
        (lambda: init.uniform(1, 0), "uniform(low=1, high=0): expected low <= high"),
        (lambda: init.uniform(0, math.inf), "uniform(high=inf): expected a finite number"),
        (lambda: init.normal(std=-1), "normal(std=-1): expected a number >= 0"),
        (lambda: init.normal(mean=None), "normal(mean=None): expected a finite number"),
        (
            lambda: init.trunc_normal(bounds=2),
            "trunc_normal(bounds=2): expected two numbers in units of std, such as bounds=(-2, 2)",
        ),
        (lambda: init.trunc_normal(bounds=(2, -2)), "trunc_normal(bounds=(2, -2)): expected bounds[0] < bounds[1]"),
        (lambda: init.trunc_normal(bounds=(0, math.inf)), "trunc_normal(bounds[1]=inf): expected a finite number"),
        (lambda: init.trunc_normal_torch(a=1, b=1), "trunc_normal_torch(a=1, b=1): expected a < b"),
        (lambda: init.uniform_jax(scale=-1), "uniform_jax(scale=-1): expected a number >= 0"),
        (lambda: init.prior_bias(pi=1), "prior_bias(pi=1): expected a probability, 0 < pi < 1"),
        (lambda: init.head_bias(num_classes=0), "head_bias(num_classes=0): expected a number >= 1"),
        (lambda: init.depth_scaled_normal(num_layers=0), "depth_scaled_normal(num_layers=0): expected a number >= 1"),
        (lambda: init.log_uniform(0, 1), "log_uniform(low=0, high=1): expected 0 < low <= high"),
        (
            lambda: init.inverse_softplus(dt_min=0.2),
            "inverse_softplus(dt_min=0.2, dt_max=0.1): expected 0 < dt_min <= dt_max",
        ),
        (lambda: init.inverse_softplus(floor=-1), "inverse_softplus(floor=-1): expected a number >= 0"),
        (lambda: init.chrono_bias(t_max=2), "chrono_bias(t_max=2): expected a number > 2"),
        (lambda: init.gate_bias(cell=math.inf), "gate_bias(cell=inf): expected a finite number"),
        (
            lambda: init.gate_bias(forget=1.0).expected(LSTM_WEIGHT),
            "gate_bias(forget=1.0) is for the biases of gates, and 'rnn.weight_ih_l0' of shape (8, 2) is none. "
            "Use init.constant(value) here",
        ),
        (
            lambda: init.gate_bias(update=1.0).expected(LSTM_BIAS),
            "gate_bias(update=1.0) names the gates update, and 'rnn.bias_ih_l0' of shape (8,) has the gates input, "
            "forget, cell, output",
        ),
        (
            lambda: init.chrono_bias(t_max=9).expected(site_of(nn.Linear(2, 2), "bias")),
            "chrono_bias(t_max=9) names the gates input, forget, and a tensor of shape (2,) has no gates",
        ),
        (
            lambda: init.normal(std=2e4).sample(Site.of_shape((2,), "w"), seed=0, dtype=torch.float16),
            "normal(std=20000.0) on 'w' of shape (2,): Normal(mean=0.0, std=20000.0) reaches 1.268e+05, beyond the "
            "largest float16, 6.55e+04. Use smaller numbers or a wider dtype",
        ),
        (
            lambda: init.log_uniform(1, 1e5).sample(Site.of_shape((2,), "w"), seed=0, dtype=torch.float16),
            "log_uniform(low=1, high=100000.0) on 'w' of shape (2,) reaches 1e+05, beyond the largest float16, "
            "6.55e+04. Use a smaller scale or a wider dtype",
        ),
    ],
)
def test_messages(call, message: str) -> None:
    with pytest.raises(SchemeError) as error:
        call()
    assert str(error.value) == message


def test_bounds_with_next_to_nothing_between_them_are_an_error() -> None:
    with pytest.raises(SchemeError, match="too little to draw from"):
        init.trunc_normal(bounds=(9, 10))
    with pytest.raises(SchemeError, match="too little to draw from"):
        init.trunc_normal_torch(std=0.1, a=1, b=2)


def test_a_failed_fill_leaves_the_tensor_as_it_was() -> None:
    tensor = torch.full((2,), 7.0, dtype=torch.float16)
    with pytest.raises(SchemeError):
        init.normal(std=2e4).fill_(tensor, seed=0)
    with pytest.raises(SchemeError) as error:
        init.zeros().fill_(tensor, seed=0, site=Site.of_shape((3,), "w"))
    assert str(error.value) == (
        "zeros() was asked to fill Region(shape=(3,), offsets=(0,), sizes=(3,)) of 'w' of shape (3,) into a tensor of "
        "shape (2,); expected the region's sizes and the site's shape"
    )
    assert tensor.tolist() == [7.0, 7.0]


def test_meta_and_empty_tensors_are_left_alone() -> None:
    assert init.ones().sample((3,), seed=0, device="meta").is_meta
    assert init.normal().sample((0, 3), seed=0).shape == (0, 3)
    assert init.normal().expected((0, 3)) == init.normal().expected((2, 3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: init.normal(0.02),
            "init.normal: too many positional arguments. Options go by name: init.normal(mean=0.0, std=1.0)",
        ),
        (
            lambda: init.normal(sdt=0.02),
            "init.normal: got an unexpected keyword argument 'sdt'. Did you mean 'std'? "
            "Options go by name: init.normal(mean=0.0, std=1.0)",
        ),
        (
            lambda: init.sparse(std=0.1),
            "init.sparse: missing a required keyword-only argument: 'sparsity'. "
            "Options go by name: init.sparse(sparsity=..., std=0.01)",
        ),
    ],
)
def test_a_wrong_call_says_how_to_call(call: Callable[[], object], message: str) -> None:
    with pytest.raises(TypeError) as error:
        call()
    # Python 3.10 and 3.11 say "argument", later ones "keyword-only argument"
    assert str(error.value).replace("required argument", "required keyword-only argument") == message
