"""The tables are what the tool makes, and are accurate: against mpmath and scipy."""

import importlib.util
import sys
from pathlib import Path

import mpmath as mp
import numpy as np
import pytest
import torch
from scipy.special import ndtri

from firststep.rng import _table32, _table64
from firststep.rng._normal import Z_MAX_32, Z_MAX_64, ndtri32, ndtri64

ROOT = Path(__file__).parents[2]


def script(folder, name):
    """A program of the repository, as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[name]


@pytest.fixture(scope="module")
def tool():
    yield from script("tools", "fit_normal_table")


@pytest.fixture(scope="module")
def accuracy():
    yield from script("benchmarks", "accuracy")


def rows(module):
    numbers = [float.fromhex(number) for number in module.ROWS.split()]
    return [numbers[i : i + module.DEGREE + 1] for i in range(0, len(numbers), module.DEGREE + 1)]


@pytest.mark.parametrize(("bits", "octaves"), [(32, (-1, 0, 13, 29)), (64, (-1, 31, 61))])
def test_rows_are_the_tools(tool, bits, octaves):
    kind, made = (tool.KIND32, rows(_table32)) if bits == 32 else (tool.KIND64, rows(_table64))
    assert len(made) == kind.rows
    for k in octaves:
        assert made[k + 1] == tool.octave(kind, k)
    assert made[-2] == tool.end(kind, made[-3])
    assert made[-1] == tool.centre(kind)


def test_the_file_is_the_tools_text(tool):
    for kind, module in ((tool.KIND32, _table32), (tool.KIND64, _table64)):
        assert Path(module.__file__).read_text() == tool.source(kind, rows(module))


def test_the_tools_quantile_is_mpmaths(tool):
    with mp.workdps(80):
        for p in ("1e-20", "1e-5", "0.04", "0.06", "0.3", "0.49999"):
            expected = -mp.sqrt(2) * mp.erfinv(2 * mp.mpf(p) - 1)
            assert abs(tool.ndtri_upper(mp.mpf(p)) / expected - 1) < mp.mpf("1e-55")


def test_float32_accuracy_on_a_sample(accuracy):
    """2^22 words around zero and at the ends; docs/en/values.md has what the script found on all of them."""
    measured = accuracy.measure32(words=2**22)
    assert measured["centre"]["ulp"] < 3.5
    assert measured["tail"]["ulp"] < 1.8
    assert measured["tail"]["absolute"] < 4.9e-7
    assert measured["steps_down"] == measured["not_odd"] == 0
    assert -measured["least"] == measured["greatest"] == pytest.approx(6.338, abs=1e-3)


def test_float64_accuracy_on_a_sample(accuracy):
    measured = accuracy.measure64(250)
    assert measured["relative"] < 6e-16
    assert measured["steps_down"] == measured["not_odd"] == 0
    assert measured["greatest"] == pytest.approx(9.155, abs=1e-3)


def test_the_reference_is_mpmaths(accuracy):
    assert accuracy.measure_scipy(250)["relative"] < 1e-15


def test_moments_of_known_numbers(accuracy):
    """Of 0, 0, 0, 4 by hand: mean 1, variance 3, third and fourth central moment 6 and 21, sixth power 1024."""
    moments = accuracy.Moments()
    for part in ([0.0, 0.0], [0.0, 4.0]):
        moments.add(np.array(part))
    expected = {"mean": 1, "variance-1": 2, "skewness": 6 / 3**1.5, "kurtosis-3": 21 / 9 - 3, "E[z^6]-15": 1009}
    assert moments.result() == pytest.approx(expected)


def test_the_grid_of_the_uniform(accuracy):
    """k / 2^24, k = 0 .. 2^24 - 1: mean (1 - 2^-24) / 2, variance (1 - 2^-48) / 12."""
    expected = {"values": 2**24, "wrong": 0, "least": 0.0, "1-greatest": 2.0**-24}
    assert accuracy.measure_uniform() == {**expected, "mean-1/2": -(2.0**-25), "12*variance-1": -(2.0**-48)}


def test_float32_against_scipy_on_random_words():
    words = np.random.default_rng(0).integers(0, 2**32, 500_000)
    signed = (words + 2**31) % 2**32
    true = ndtri((signed + 0.5) / 2**32)
    z = ndtri32(torch.from_numpy(words)).numpy()
    assert np.all(np.abs(z - true) <= 3.5 * np.spacing(np.abs(true.astype(np.float32))))


def mp_quantile(signed, bits):
    """The quantile by mpmath's own inverse error function."""
    with mp.workdps(60):
        p = (mp.mpf(signed) + mp.mpf(2) ** (bits - 1) + mp.mpf("0.5")) / mp.mpf(2) ** bits
        return mp.sqrt(2) * mp.erfinv(2 * p - 1)


def test_float64_at_selected_words():
    words = [
        0,
        1,
        -1,
        2**61,
        2**62 - 1,
        2**62,
        -(2**62),
        2**63 - 2**40,
        -(2**63) + 2**20,
        2**63 - 2,
        2**63 - 1,
        -(2**63),
    ]
    for word, z in zip(words, ndtri64(torch.tensor(words)).tolist(), strict=True):
        assert abs(z / mp_quantile(word, 64) - 1) < 6e-16


@pytest.mark.parametrize(("bits", "ndtri_n"), [(32, ndtri32), (64, ndtri64)])
def test_quantile_is_odd_about_minus_one_half(bits, ndtri_n):
    s = torch.tensor([0, 1, 5, 1000, 2 ** (bits - 2) - 1, 2 ** (bits - 2), 2 ** (bits - 1) - 1])
    assert torch.equal(ndtri_n(s), -ndtri_n(-1 - s))


@pytest.mark.parametrize(("bits", "ndtri_n"), [(32, ndtri32), (64, ndtri64)])
def test_monotone_across_every_seam(bits, ndtri_n):
    """Three hundred neighbours on each side of every boundary between rows; float64 may step down by its rounding."""
    around = torch.arange(-300, 301)
    last = 2 ** (bits - 1) - 1
    slack = 0.0 if bits == 32 else 4e-16
    for seam in [last - 2**k for k in range(bits - 1)]:
        z = ndtri_n(seam + around.clamp(max=last - seam))
        assert (z.diff() >= -slack * z[:-1]).all(), seam


def test_bounds_on_the_quantile():
    for bits, ndtri_n, z_max in ((32, ndtri32, Z_MAX_32), (64, ndtri64, Z_MAX_64)):
        greatest = ndtri_n(torch.tensor(2 ** (bits - 1) - 1)).item()
        assert z_max - 1e-3 < greatest <= z_max


def test_moments_of_the_float32_normal_on_a_grid():
    """Every 4096th word: the rectangle rule on the quantile, whose own error is below 1e-5."""
    z = ndtri32(torch.arange(2048, 2**32, 4096)).double()
    assert z.mean().item() == pytest.approx(0, abs=1e-6)
    assert z.var(correction=0).item() == pytest.approx(1, abs=2e-5)
    assert (z**4).mean().item() == pytest.approx(3, abs=5e-4)
