"""Distributions and limits of the laws, against scipy and by counting; error texts word for word."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from firststep import rng
from firststep.errors import SchemeError
from firststep.rng import Bits, Normal, TruncatedNormal, Uniform
from firststep.rng._normal import ndtri32

KEY = rng.derive_key(0, "fc.weight")
N = 200_000
FLOATS = [torch.float32, torch.float64, torch.bfloat16, torch.float16]
FLOAT8 = [torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz]


def draw(law, dtype=torch.float32, n=N, key=KEY):
    return rng.fill_(torch.empty(n, dtype=dtype), law, key)


def truncnorm(law):
    a, b = (law.low - law.mean) / law.std, (law.high - law.mean) / law.std
    return stats.truncnorm(a, b, loc=law.mean, scale=law.std)


CASES = [
    (Normal(0.0, 1.0), stats.norm()),
    (Normal(3.0, 0.02), stats.norm(3.0, 0.02)),
    (Uniform(-0.3, 0.7), stats.uniform(-0.3, 1.0)),
    *(
        (law, truncnorm(law))
        for law in (
            TruncatedNormal(0.0, 1.0, -2.0, 2.0),
            TruncatedNormal(0.5, 2.0, -1.0, 0.0),
            TruncatedNormal(0.0, 1.0, 5.0, 6.0),
            TruncatedNormal(0.0, 1.0, -7.5, -7.0),
            TruncatedNormal(1.0, 1.0, 1.001, 1.002),
            TruncatedNormal(0.0, 1.0, -40.0, 40.0),
        )
    ),
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("law", "expected"), CASES, ids=[str(law) for law, _ in CASES])
def test_kolmogorov_smirnov(law, expected, dtype):
    """n = 200,000, fixed keys; each of the 18 cases fails a right generator with probability 1e-5."""
    values = draw(law, dtype).double().numpy()
    assert stats.kstest(values, expected.cdf).pvalue > 1e-5


@pytest.mark.parametrize(("law", "expected"), CASES, ids=[str(law) for law, _ in CASES])
def test_mean_and_variance(law, expected):
    """n = 200,000; within 5 standard errors, each false-failing with probability 6e-7."""
    values = draw(law, torch.float64)
    variance, kurtosis = expected.var(), float(expected.stats(moments="k")) + 3
    if not 1 <= kurtosis <= 30:  # scipy cancels in short and far intervals: a bound for densities like these
        kurtosis = 9.0
    assert abs(values.mean().item() - expected.mean()) < 5 * math.sqrt(variance / N)
    if variance > 1e-6:
        assert abs(values.var().item() / variance - 1) < 5 * math.sqrt((kurtosis - 1) / N)


def test_streams_of_names_seeds_and_neighbours_are_uncorrelated():
    """n = 200,000 pairs each; |r| sqrt(n) < 5, false-failing with probability 6e-7 per pair."""
    reference = draw(Normal(0.0, 1.0), torch.float64)
    others = [
        draw(Normal(0.0, 1.0), torch.float64, key=key)
        for key in (rng.derive_key(0, "fc.bias"), rng.derive_key(1, "fc.weight"), rng.derive_key(0, "fc.weight", "a"))
    ]
    others += [reference.roll(shift) for shift in (1, 2, 3, 4)]
    for other in others:
        assert abs((reference * other).mean().item()) * math.sqrt(N) < 5


@pytest.mark.parametrize("dtype", [*FLOATS, *FLOAT8])
@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-1.0, 1.0), (-0.1, 0.1), (0.7, 1.3), (-3.0, -0.3)])
def test_uniform_stays_below_high_in_every_dtype(dtype, low, high):
    """All bounds hold both in float64 and compared in the dtype, at the words where they are tightest."""
    law = Uniform(low, high)
    values = draw(law, dtype)
    least, greatest = rng.support(law, dtype)
    assert low <= least <= greatest < high
    assert greatest < torch.tensor(high, dtype=torch.float64).to(dtype).double()
    assert least <= values.double().min()
    assert values.double().max() <= greatest


def test_uniform_reaches_the_last_number_below_high():
    """In bfloat16 a quarter of the last gap rounds up to 1.0 without the clamp: 2^-9 of the values."""
    assert rng.support(Uniform(0.0, 1.0), torch.bfloat16) == (0.0, 1 - 2**-8)
    assert rng.support(Uniform(0.0, 1.0), torch.float16) == (0.0, 1 - 2**-11)
    assert rng.support(Uniform(0.0, 1.0), torch.float32) == (0.0, 1 - 2**-24)
    assert rng.support(Uniform(0.0, 1.0), torch.float64) == (0.0, 1 - 2**-53)
    assert rng.support(Uniform(-1.0, 1.0), torch.float32) == (-1.0, 1 - 2**-23)
    assert draw(Uniform(0.0, 1.0), torch.bfloat16).max().item() == 1 - 2**-8


def test_uniform_is_the_documented_formula():
    words = rng.fill_(torch.empty(1000, dtype=torch.int64), Bits(), KEY)
    expected = (words >> 8).double() * 2.0**-24 * 4.0 - 2.0  # exact in float32
    assert torch.equal(draw(Uniform(-2.0, 2.0), n=1000).double(), expected)
    upper, lower = words[0::2], words[1::2]
    expected = ((upper << 21) | (lower >> 11)).double() * 2.0**-53
    assert torch.equal(draw(Uniform(0.0, 1.0), torch.float64, n=500), expected)


@pytest.mark.parametrize("dtype", [*FLOATS, *FLOAT8])
@pytest.mark.parametrize("law", [law for law, _ in CASES if isinstance(law, TruncatedNormal)][:4], ids=str)
def test_truncated_stays_within_bounds_in_every_dtype(law, dtype):
    values = draw(law, dtype, n=20_000).double()
    least, greatest = rng.support(law, dtype)
    assert law.low <= least <= values.min()
    assert values.max() <= greatest <= law.high


def test_bounds_that_the_dtype_cannot_hold():
    """Near 3, bfloat16 numbers are 2^-6 apart: values in [3.001, 3.0234] can only become 3.015625."""
    least, greatest = rng.support(TruncatedNormal(0.0, 1.0, 3.001, 3.1), torch.bfloat16)
    assert (least, greatest) == (3 + 2**-6, 3 + 6 * 2**-6)


def test_far_bounds_change_nothing():
    """Bounds beyond every word: the normal quantile of word - 2^31, so nothing piles up on a bound."""
    words = rng.fill_(torch.empty(N, dtype=torch.int64), Bits(), KEY)
    expected = ndtri32(words - 2**31) * 0.5 + 1.0
    assert torch.equal(draw(TruncatedNormal(1.0, 0.5, -99.0, 99.0)), expected)
    tail = draw(TruncatedNormal(0.0, 1.0, 1.0, 6.0), torch.bfloat16)
    assert tail.max().item() < 5


def test_narrow_tail_keeps_its_resolution():
    """[5, 6] std holds about 1200 32-bit words; 200,000 draws from 64-bit words hardly collide in float32."""
    assert draw(TruncatedNormal(0.0, 1.0, 5.0, 6.0)).unique().numel() > 170_000


def test_truncated_is_increasing_in_the_word():
    for law in (TruncatedNormal(0.0, 1.0, -2.0, 1.0), TruncatedNormal(0.0, 1.0, 4.0, 5.5)):
        order = rng.fill_(torch.empty(N, dtype=torch.int64), Bits(), KEY).argsort()
        values = draw(law, n=N)[order] if law.low < 0 else draw(law, n=N // 2)[(order[order % 2 == 0] // 2)]
        assert (values.diff() >= 0).all()


@settings(deadline=None)
@given(st.floats(-6, 6), st.floats(0.1, 5), st.sampled_from(FLOATS))
def test_any_interval_holds_its_values(low, length, dtype):
    """Intervals of at least 0.1 hold a number of every dtype: below 8, bfloat16's are 2^-5 apart."""
    law = TruncatedNormal(0.0, 1.0, low, low + length)
    least, greatest = rng.support(law, dtype)
    values = draw(law, dtype, n=64).double()
    assert law.low <= least <= values.min()
    assert values.max() <= greatest <= law.high


@pytest.mark.parametrize("law", [Uniform(0.3, 0.3), Normal(0.3, 0.0), TruncatedNormal(9.0, 1.0, 0.3, 0.3)], ids=str)
@pytest.mark.parametrize("dtype", [*FLOATS, torch.float8_e5m2])
def test_constants(law, dtype):
    constant = torch.tensor(0.3).to(dtype) if dtype != torch.float64 else torch.tensor(0.3, dtype=dtype)
    assert (draw(law, dtype, n=9).double() == constant.double()).all()
    assert rng.support(law, dtype) == (constant.double().item(),) * 2


def test_support_of_the_normal():
    """The extreme words' quantiles: ndtri(2^-33) and ndtri(2^-65)."""
    for dtype, tail in ((torch.float32, 2.0**-33), (torch.float64, 2.0**-65)):
        low, high = rng.support(Normal(1.0, 2.0), dtype)
        assert high == pytest.approx(1 + 2 * stats.norm.isf(tail), rel=1e-6)
        assert low == pytest.approx(1 - 2 * stats.norm.isf(tail), rel=1e-6)
    assert rng.support(Normal(0.0, math.sqrt(2)), torch.complex64) == rng.support(Normal(0.0, 1.0), torch.float32)
    assert rng.support(Bits(), torch.int64) == (0.0, 2.0**32 - 1)


def test_uniform_too_short_for_its_dtype_but_not_empty():
    """1.0 is the only bfloat16 number in [1, 1.001), and the only float32 number in [1, 1 + 1e-10)."""
    assert rng.support(Uniform(1.0, 1.001), torch.bfloat16) == (1.0, 1.0)
    assert (draw(Uniform(1.0, 1 + 1e-10), n=9) == 1).all()


def test_half_precision_is_the_float32_value_rounded_once():
    for dtype in (torch.bfloat16, torch.float16):
        assert torch.equal(draw(Normal(0.0, 0.02), dtype), draw(Normal(0.0, 0.02)).to(dtype))


MASS = (
    "the bounds lie at {} and {} std from the mean, with less than 3.6e-15 of the normal between them, too little to "
    "draw from. Expected an interval that reaches to within 7.7 std of the mean and is not too short there; move a "
    "bound or use a larger std"
)
WRONG_LAWS = [
    (lambda: Uniform(1.0, 0.0), "Uniform(low=1.0, high=0.0): expected low <= high"),
    (lambda: Uniform(0.0, math.inf), "Uniform(low=0.0, high=inf): expected a finite number for high, given inf"),
    (
        lambda: Uniform(0, 10**400),
        f"Uniform(low=0, high={10**400}): expected a finite number for high, given {10**400}",
    ),
    (lambda: Normal(0.0, -1.0), "Normal(mean=0.0, std=-1.0): expected std >= 0"),
    (lambda: Normal(math.nan, 1.0), "Normal(mean=nan, std=1.0): expected a finite number for mean, given nan"),
    (lambda: Normal(0.0, "1"), "Normal(mean=0.0, std='1'): expected a finite number for std, given '1'"),
    (lambda: Normal(0.0, True), "Normal(mean=0.0, std=True): expected a finite number for std, given True"),
    (
        lambda: TruncatedNormal(0.0, 0.0, -1.0, 1.0),
        "TruncatedNormal(mean=0.0, std=0.0, low=-1.0, high=1.0): expected std > 0",
    ),
    (
        lambda: TruncatedNormal(0.0, 1.0, 1.0, -1.0),
        "TruncatedNormal(mean=0.0, std=1.0, low=1.0, high=-1.0): expected low <= high",
    ),
    (
        lambda: TruncatedNormal(0.0, 1.0, 38.0, 40.0),
        "TruncatedNormal(mean=0.0, std=1.0, low=38.0, high=40.0): " + MASS.format(38, 40),
    ),
    (
        lambda: TruncatedNormal(0.0, 1.0, 0.0, 1e-15),
        "TruncatedNormal(mean=0.0, std=1.0, low=0.0, high=1e-15): " + MASS.format(0, "1e-15"),
    ),
]


@pytest.mark.parametrize(("make", "message"), WRONG_LAWS)
def test_impossible_laws(make, message):
    with pytest.raises(SchemeError) as error:
        make()
    assert str(error.value) == message


def test_the_documented_limit_of_truncation():
    """7.7 std is drawn from, on either side; 7.9 is not: Phi(-7.7) > 2^-48 > Phi(-7.9)."""
    TruncatedNormal(0.0, 1.0, 7.7, 99.0)
    TruncatedNormal(0.0, 1.0, -99.0, -7.7)
    with pytest.raises(SchemeError):
        TruncatedNormal(0.0, 1.0, 7.9, 99.0)


UNFIT = [
    (
        Uniform(1.0001, 1.0002),
        torch.bfloat16,
        "Uniform(low=1.0001, high=1.0002) has no value in bfloat16: no bfloat16 number lies between its bounds. "
        "Use a wider dtype or wider bounds",
    ),
    (
        Normal(0.0, 20000.0),
        torch.float16,
        "Normal(mean=0.0, std=20000.0) reaches 1.268e+05, beyond the largest float16, 6.55e+04. "
        "Use smaller numbers or a wider dtype",
    ),
    (
        Uniform(0.0, 1e6),
        torch.float16,
        "Uniform(low=0.0, high=1000000.0) reaches 1e+06, beyond the largest float16, 6.55e+04. "
        "Use smaller numbers or a wider dtype",
    ),
    (
        TruncatedNormal(1e6, 1.0, 0.0, 2e6),
        torch.float16,
        "TruncatedNormal(mean=1000000.0, std=1.0, low=0.0, high=2000000.0) reaches 1e+06, beyond the largest float16, "
        "6.55e+04. Use smaller numbers or a wider dtype",
    ),
    (
        Uniform(1e6, 1e6),
        torch.float16,
        "Uniform(low=1000000.0, high=1000000.0) reaches 1e+06, beyond the largest float16, 6.55e+04. "
        "Use smaller numbers or a wider dtype",
    ),
    (
        Uniform(-3e38, 3e38),
        torch.float32,
        "Uniform(low=-3e+38, high=3e+38): high - low overflows float32. Use closer bounds or a wider dtype",
    ),
    (Bits(), torch.float32, "Bits() was asked to fill a tensor of torch.float32; expected torch.int64"),
    (
        Normal(0.0, 1.0),
        torch.int32,
        "Normal(mean=0.0, std=1.0) was asked to fill a tensor of torch.int32; expected a floating-point dtype",
    ),
    (
        Uniform(0.0, 1.0),
        torch.complex64,
        "Uniform(low=0.0, high=1.0) was asked to fill a tensor of torch.complex64; expected a floating-point dtype",
    ),
]


@pytest.mark.parametrize(("law", "dtype", "message"), UNFIT)
def test_laws_that_a_dtype_cannot_hold(law, dtype, message):
    """support, sample_at and fill_ agree, and nothing is written."""
    out = torch.zeros(3, dtype=dtype)
    index = torch.arange(3)
    for attempt in (
        lambda: rng.support(law, dtype),
        lambda: rng.sample_at(index, law, KEY, dtype),
        lambda: rng.fill_(out, law, KEY),
        lambda: rng.fill_(torch.empty(3, dtype=dtype, device="meta"), law, KEY),
    ):
        with pytest.raises(SchemeError) as error:
            attempt()
        assert str(error.value) == message
    assert not out.any()


def test_equal_laws_give_equal_bits():
    """A negative zero compares equal to a positive one, so it must draw as one."""
    laws = rng.Uniform(-0.0, -0.0), rng.Uniform(0, 0)
    signs = [torch.signbit(rng.fill_(torch.ones(1), law, rng.derive_key(0, "w"))).item() for law in laws]
    assert laws[0] == laws[1]
    assert signs == [False, False]
