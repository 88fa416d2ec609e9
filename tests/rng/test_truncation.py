"""Exact truncation: against mpmath, to the last bit."""

from fractions import Fraction

import mpmath as mp
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from firststep.rng._sampler import _mulhi32, _mulhi64
from firststep.rng._truncation import FRACTION_BITS, phi, word_range


def mp_phi(z):
    return mp.erfc(-mp.mpf(z.numerator) / z.denominator / mp.sqrt(2)) / 2


@settings(deadline=None)
@given(st.fractions(-10, 10, max_denominator=2**60).filter(lambda z: abs(z) < 10))
@example(Fraction(0))
@example(Fraction(999, 100))
@example(Fraction(-999, 100))
def test_phi(z):
    with mp.workprec(600):
        assert abs(phi(z) - mp_phi(z) * 2**FRACTION_BITS) < 2**100


@settings(deadline=None)
@given(
    st.floats(-1e3, 1e3),
    st.floats(1e-3, 1e3),
    st.floats(-12, 12),
    st.floats(-12, 12),
    st.sampled_from([32, 64]),
)
def test_word_range(mean, std, first, second, bits):
    low, high = sorted((mean + first * std, mean + second * std))
    with mp.workprec(600):
        begin, end = (
            int(mp.floor(mp_phi((Fraction(x) - Fraction(mean)) / Fraction(std)) * 2**bits + mp.mpf("0.5")))
            for x in (low, high)
        )
    assert word_range(mean, std, low, high, bits=bits) == (begin - 2 ** (bits - 1), end - begin)


@pytest.mark.parametrize("bits", [32, 64])
def test_far_bounds_take_every_word(bits):
    assert word_range(0.0, 1.0, -50.0, 1e300, bits=bits) == (-(2 ** (bits - 1)), 2**bits)
    assert word_range(0.0, 5e-324, -1.0, 1.0, bits=bits) == (-(2 ** (bits - 1)), 2**bits)


def test_two_sigma_in_words():
    """Phi(2) - Phi(-2) = 0.9544997..."""
    first, width = word_range(0.0, 1.0, -2.0, 2.0, bits=32)
    assert first == -(width // 2)
    assert abs(width - 0.954499736103641585599 * 2**32) <= 1  # each end is rounded by itself


@settings(deadline=None)
@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64))
@example(2**64 - 1, 2**64)
@example(2**64 - 1, 2**64 - 1)
def test_upper_half_of_a_product(word, factor):
    signed = word - 2**64 if word >= 2**63 else word
    assert _mulhi64(torch.tensor(signed), factor).item() % 2**64 == word * factor >> 64
    word, factor = word >> 32, factor >> 32
    assert _mulhi32(torch.tensor(word), factor).item() == word * factor >> 32
