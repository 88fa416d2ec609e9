"""Schemes without chance and ICNR, each against another library or a closed form."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
import scipy.signal
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from firststep import init, rng
from firststep.errors import SchemeError
from firststep.init import Fans, Part, Scheme, Site
from firststep.init._trigonometry import LARGEST, log, power, sincos


def assert_moments(scheme: Scheme, site: Site | tuple[int, ...]) -> None:
    """A table without chance has its expected moments exactly, up to float64 rounding."""
    values, expected = scheme.sample(site, seed=0, dtype=torch.float64), scheme.expected(site)
    assert values.mean().item() == pytest.approx(expected.mean, abs=1e-13)
    assert values.var(correction=0).item() == pytest.approx(expected.variance, abs=1e-13)
    assert expected.low <= values.min() <= values.max() <= expected.high
    assert expected.kurtosis == 1.0


# Identity


@pytest.mark.parametrize("shape", [(3, 3), (2, 5), (5, 2), (1, 1)])
def test_eye_is_torchs(shape: tuple[int, int]) -> None:
    assert torch.equal(init.eye().sample(shape, seed=0), torch.eye(*shape))
    assert torch.equal(init.identity(gain=-2.0).sample(shape, seed=0), -2 * torch.eye(*shape))
    assert_moments(init.eye(), shape)
    assert_moments(init.identity(gain=-2.0), shape)


def test_identity_in_each_gate_and_expert() -> None:
    rnn = nn.GRU(3, 4)
    w = init.identity(gain=0.5).sample(init.site_of(rnn, "weight_hh_l0"), seed=0)
    assert torch.equal(w, 0.5 * torch.eye(4).repeat(3, 1))
    scheme = init.eye().layout("expert in out", blocks=2)
    w = scheme.sample((3, 2, 6), seed=0)
    assert torch.equal(w, torch.eye(2, 3).repeat(3, 1, 2))
    assert_moments(scheme, (3, 2, 6))


# Dirac


@pytest.mark.parametrize("groups", [1, 2, 3])
@pytest.mark.parametrize("kernel", [(3,), (4, 3), (1, 2, 5)])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_dirac_is_torchs(groups: int, kernel: tuple[int, ...], channels: int) -> None:
    shape = (groups * 3, channels, *kernel)
    expected = torch.nn.init.dirac_(torch.empty(shape), groups)
    assert torch.equal(init.dirac(groups=groups).sample(shape, seed=0), expected)
    assert_moments(init.dirac(groups=groups), shape)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_dirac_takes_the_layers_groups_and_passes_the_input_on(groups: int) -> None:
    conv = nn.Conv1d(8, 8, 5, padding=2, groups=groups, bias=False)
    init.dirac().fill_(conv.weight, seed=0, site=init.site_of(conv, "weight"))
    x = torch.randn(2, 8, 9, generator=torch.Generator().manual_seed(0))
    assert torch.equal(conv(x), x)


# ICNR


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_icnr_then_pixel_shuffle_is_nearest_neighbour_upsampling(scale: int) -> None:
    conv = nn.Conv2d(5, 4 * scale**2, 3, padding=1, bias=False)
    scheme = init.icnr(init.he_normal(), scale=scale)
    scheme.fill_(conv.weight, seed=0, site=init.site_of(conv, "weight"))
    x = torch.randn(1, 5, 6, 6, generator=torch.Generator().manual_seed(0))
    small = init.he_normal().sample((4, 5, 3, 3), seed=0)
    expected = F.interpolate(F.conv2d(x, small, padding=1), scale_factor=scale, mode="nearest")
    torch.testing.assert_close(F.pixel_shuffle(conv(x), scale), expected)


def test_icnr_expects_what_its_inner_scheme_does_on_the_small_layer() -> None:
    shape, small = (32, 5, 3, 3), (8, 5, 3, 3)
    for inner in (init.xavier_uniform(), init.xavier_normal(fans="tensor"), init.normal(std=0.3)):
        assert init.icnr(inner).expected(shape) == inner.expected(small)


def test_icnr_spells_and_serialises_its_inner_scheme() -> None:
    scheme = init.icnr(init.normal(std=0.5), scale=3)
    assert repr(scheme) == "icnr(inner=normal(std=0.5), scale=3)"
    assert scheme.to_dict() == {"scheme": "icnr", "inner": {"scheme": "normal", "std": 0.5}, "scale": 3}


# Positions


def whisper(length: int, channels: int) -> np.ndarray:
    """The layout as Whisper's paper code states it: timescales by the exponential of even logarithms."""
    step = math.log(10000) / (channels // 2 - 1)
    angle = np.arange(length)[:, None] * np.exp(-step * np.arange(channels // 2))[None]
    return np.concatenate([np.sin(angle), np.cos(angle)], axis=1)


def transformer(length: int, channels: int) -> np.ndarray:
    angle = np.arange(length)[:, None] / 10000 ** (np.arange(0, channels, 2) / channels)[None]
    return np.stack([np.sin(angle), np.cos(angle)], axis=2).reshape(length, channels)


def patches(height: int, width: int, channels: int) -> np.ndarray:
    """Row by row; sine and cosine of x, then of y."""
    omega = 1 / 10000 ** (np.arange(channels // 4) / (channels / 4))
    rows = []
    for y in range(height):
        for x in range(width):
            rows.append(np.concatenate([np.sin(x * omega), np.cos(x * omega), np.sin(y * omega), np.cos(y * omega)]))
    return np.stack(rows)


@pytest.mark.parametrize(("length", "channels"), [(1, 4), (7, 6), (1500, 16)])
def test_tables_of_positions(length: int, channels: int) -> None:
    for scheme, expected in [
        (init.sinusoids(), whisper(length, channels)),
        (init.interleaved_sinusoids(), transformer(length, channels)),
    ]:
        table = scheme.sample((length, channels), seed=0, dtype=torch.float64)
        torch.testing.assert_close(table, torch.from_numpy(expected), rtol=0, atol=1e-12)
        assert_moments(scheme, (length, channels))


@pytest.mark.parametrize("grid", [(1, 1), (3, 5), (14, 14)])
@pytest.mark.parametrize("extra_tokens", [0, 1])
def test_a_grids_table_is_that_of_mae_and_dit(grid: tuple[int, int], extra_tokens: int) -> None:
    positions = math.prod(grid) + extra_tokens
    scheme = init.sincos_2d(grid=grid, extra_tokens=extra_tokens)
    table = scheme.sample((1, positions, 16), seed=0, dtype=torch.float64)[0]
    assert not table[:extra_tokens].any()
    torch.testing.assert_close(table[extra_tokens:], torch.from_numpy(patches(*grid, 16)), rtol=0, atol=1e-12)
    assert_moments(scheme, (1, positions, 16))


def test_moco_v3_has_row_and_column_change_places() -> None:
    """Its ``torch.meshgrid(grid_w, grid_h)`` indexes ij: the first half of the channels varies slowest."""
    h, w, channels = 3, 3, 8
    grid_w, grid_h = torch.meshgrid(torch.arange(w), torch.arange(h), indexing="ij")
    omega = 1.0 / 10000 ** (torch.arange(channels // 4, dtype=torch.float64) / (channels // 4))
    x, y = grid_w.flatten()[:, None] * omega, grid_h.flatten()[:, None] * omega
    moco = torch.cat([x.sin(), x.cos(), y.sin(), y.cos()], dim=1)
    ours = init.sincos_2d(grid=(h, w)).sample((h * w, channels), seed=0, dtype=torch.float64)
    torch.testing.assert_close(ours.roll(channels // 2, dims=1), moco, rtol=0, atol=1e-14)


def test_other_timescales_and_leading_dimensions() -> None:
    table = init.interleaved_sinusoids(max_timescale=100).sample((2, 3, 5, 4), seed=0, dtype=torch.float64)
    assert table[1, 2, 4, 2].item() == pytest.approx(math.sin(4 / 10))
    assert (table == table[0, 0]).all()
    for scheme in (init.sinusoids(max_timescale=1), init.interleaved_sinusoids(max_timescale=1)):
        assert_moments(scheme, (9, 6))
    assert_moments(init.sincos_2d(grid=(2, 3), max_timescale=1), (6, 8))


def test_long_tables_are_filled_in_chunks() -> None:
    table = init.sinusoids().sample((3000, 128), seed=0, dtype=torch.float64)
    torch.testing.assert_close(table, torch.from_numpy(whisper(3000, 128)), rtol=0, atol=1e-12)


# Fourier kernels and S4D


@pytest.mark.parametrize("window", [None, "hann", "hamming", "blackman"])
@pytest.mark.parametrize("scaling", [None, "density", "spectrum"])
@pytest.mark.parametrize("periodic", [False, True])
def test_stft_is_keras_in_torchs_layout(window: str | None, scaling: str | None, periodic: bool) -> None:
    """Keras: cos or sin of ``-2 pi t f / (2 (bins - 1))`` times the window over its scaling, ``(T, 1, bins)``."""
    frame, bins = 10, 7
    weights = np.ones(frame) if window is None else scipy.signal.get_window(window, frame, fftbins=periodic)
    norm = {None: 1.0, "density": np.sqrt((weights**2).sum()), "spectrum": np.abs(weights).sum()}[scaling]
    if window is None:
        norm = 1.0
    angle = -2 * np.pi * np.arange(frame)[:, None, None] * np.arange(bins) / (2 * (bins - 1))
    for side, kernel in (("real", np.cos(angle)), ("imag", np.sin(angle))):
        scheme = init.stft(side=side, window=window, scaling=scaling, periodic=periodic)  # type: ignore[arg-type]
        keras = torch.from_numpy(kernel * weights[:, None, None] / norm)
        ours = scheme.sample((bins, 1, frame), seed=0, dtype=torch.float64)
        torch.testing.assert_close(ours, keras.permute(2, 1, 0), rtol=0, atol=1e-14)
        assert_moments(scheme, (bins, 1, frame))


def test_stft_kernels_make_a_spectrogram() -> None:
    """Against ``torch.stft`` of one second of noise, periodic window, no scaling."""
    x = torch.randn(1, 256, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    n = 16
    window = torch.hann_window(n, dtype=torch.float64)
    expected = torch.stft(x, n, hop_length=4, window=window, center=False, return_complex=True)
    for side, part in (("real", expected.real), ("imag", expected.imag)):
        kernel = init.stft(side=side, scaling=None, periodic=True)  # type: ignore[arg-type]
        w = kernel.sample((n // 2 + 1, 1, n), seed=0, dtype=torch.float64)
        torch.testing.assert_close(F.conv1d(x.unsqueeze(1), w, stride=4), part)


def test_a_frame_of_one_sample_has_a_window_of_one() -> None:
    assert init.stft(side="real").sample((2, 1, 1), seed=0).flatten().tolist() == [1.0, 1.0]


def test_s4d_real() -> None:
    table = init.s4d_real().sample((3, 16), seed=0, dtype=torch.float64)
    torch.testing.assert_close(table, torch.arange(1, 17, dtype=torch.float64).log().repeat(3, 1))
    assert_moments(init.s4d_real(), (3, 16))


# The arithmetic under the tables


@settings(max_examples=200, deadline=None)
@given(angle=st.floats(-LARGEST, LARGEST))
def test_sincos_is_within_2e_16(angle: float) -> None:
    sine, cosine = sincos(torch.tensor([angle], dtype=torch.float64))
    with mpmath.workprec(200):
        assert abs(mpmath.mpf(sine.item()) - mpmath.sin(angle)) < 2e-16
        assert abs(mpmath.mpf(cosine.item()) - mpmath.cos(angle)) < 2e-16


def test_sincos_has_the_same_bits_at_any_place_of_a_tensor() -> None:
    angle = torch.linspace(-50, 1000, 1001, dtype=torch.float64)
    sine, cosine = sincos(angle)
    singly = [sincos(a.view(1)) for a in angle]
    assert torch.equal(sine, torch.cat([s for s, _ in singly]))
    assert torch.equal(cosine, torch.cat([c for _, c in singly]))


def test_angles_beyond_the_reduction_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^angles up to 1048576 can be reduced, given 1048577\.0$"):
        sincos(torch.tensor([LARGEST + 1.0], dtype=torch.float64))


@settings(max_examples=100, deadline=None)
@given(n=st.integers(1, 10**6), base=st.floats(1, 1e6), exponent=st.floats(-1, 0))
def test_power_and_log_are_correctly_rounded(n: int, base: float, exponent: float) -> None:
    with mpmath.workprec(300):
        assert log(n) == float(mpmath.log(n))
        assert power(base, exponent) == float(mpmath.power(base, exponent))


# Regions


CASES: list[tuple[Scheme, Site]] = [
    (init.eye(), Site.of_shape((5, 7))),
    (init.identity(gain=2.0), Site((3, 4, 6), (Part(2), Part(4)), axis=2, stacked=1)),
    (init.dirac(groups=2), Site.of_shape((6, 2, 3))),
    (init.dirac(), Site.of_shape((3, 4, 2, 3))),
    (init.icnr(init.normal()), Site.of_shape((12, 3, 2))),
    (init.icnr(init.orthogonal()), Site.of_shape((12, 2, 2))),
    (init.icnr(init.xavier_normal()), Site((16, 3), (Part(8, Fans(3, 8)), Part(8, Fans(3, 4))))),
    (init.sinusoids(), Site.of_shape((2, 9, 6))),
    (init.interleaved_sinusoids(), Site.of_shape((9, 6))),
    (init.sincos_2d(grid=(3, 2), extra_tokens=2), Site.of_shape((1, 8, 8))),
    (init.stft(side="imag"), Site.of_shape((5, 1, 8))),
    (init.s4d_real(), Site.of_shape((3, 6))),
]


@settings(max_examples=100, deadline=None)
@given(
    case=st.sampled_from(CASES), dtype=st.sampled_from([torch.float64, torch.float32, torch.bfloat16]), data=st.data()
)
def test_regions_equal_slices(case: tuple[Scheme, Site], dtype: torch.dtype, data: st.DataObject) -> None:
    scheme, site = case
    region = rng.Region.whole(site.shape)
    for dim, extent in enumerate(site.shape):
        start = data.draw(st.integers(0, extent))
        region = region.narrow(dim, start, data.draw(st.integers(0, extent - start)))
    slices = tuple(slice(o, o + s) for o, s in zip(region.offsets, region.sizes, strict=True))
    whole = scheme.sample(site, seed=5, dtype=dtype)
    assert torch.equal(scheme.sample(site, seed=5, dtype=dtype, region=region), whole[slices])


@pytest.mark.parametrize(
    ("scheme", "shape"),
    [
        (init.eye(), (0, 3)),
        (init.dirac(), (0, 3, 2)),
        (init.dirac(), (3, 0, 2)),
        (init.icnr(init.he_normal()), (0, 3)),
        (init.sinusoids(), (0, 4)),
        (init.interleaved_sinusoids(), (3, 0)),
        (init.sincos_2d(grid=(2, 2)), (4, 0)),
        (init.s4d_real(), (2, 0)),
    ],
)
def test_no_elements(scheme: Scheme, shape: tuple[int, ...]) -> None:
    assert scheme.sample(shape, seed=0).shape == shape
    assert scheme.expected(shape).variance >= 0


# Errors


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: init.identity(gain=math.inf), "identity(gain=inf): expected a finite number"),
        (
            lambda: init.eye().sample((3, 3, 3), seed=0),
            "eye() fills matrices, and a tensor of shape (3, 3, 3) is none: expected 2 dimensions. "
            "Use init.dirac() for a convolution",
        ),
        (
            lambda: init.eye().sample(Site((3, 4), (Part(4),), axis=1, stacked=1), seed=0),
            "eye() fills matrices, and a tensor of shape (3, 4) is none: expected 2 dimensions besides the 1 stacked. "
            "Use init.dirac() for a convolution",
        ),
        (
            lambda: init.dirac(groups=0),
            "dirac(groups=0): expected a whole number >= 1, or None for the layer's own",
        ),
        (
            lambda: init.dirac().sample((3, 3), seed=0),
            "dirac() fills kernels (out, in, k...), and a tensor of shape (3, 3) is none: expected 3, 4 or 5 "
            "dimensions. Use init.eye() for a matrix",
        ),
        (
            lambda: init.dirac(groups=2).sample((3, 3, 1), seed=0),
            "dirac(groups=2) on a tensor of shape (3, 3, 1): expected a number of groups that divides the 3 outputs, "
            "given 2",
        ),
        (lambda: init.icnr(0.1), "icnr(0.1): expected a scheme, such as init.kaiming_normal()"),
        (lambda: init.icnr(init.ones(), scale=0), "icnr(scale=0): expected a whole number >= 1, such as 2"),
        (
            lambda: init.icnr(init.ones()).sample((6, 3), seed=0),
            "icnr(inner=ones()) repeats each kernel 4 times along dimension 0, and a tensor of shape (6, 3) has 6 "
            "outputs there: expected a multiple of 4",
        ),
        (
            lambda: init.icnr(init.ones()).sample((), seed=0),
            "icnr(inner=ones()) repeats each kernel 4 times along dimension 0, and a tensor of shape () has no outputs "
            "there: expected a multiple of 4",
        ),
        (lambda: init.sinusoids(max_timescale=0.5), "sinusoids(max_timescale=0.5): expected a number >= 1"),
        (
            lambda: init.sinusoids().sample((4,), seed=0),
            "sinusoids() fills tables (..., positions, channels), and a tensor of shape (4,) is none: expected at "
            "least 2 dimensions",
        ),
        (
            lambda: init.sinusoids().sample((3, 2), seed=0),
            "sinusoids() on a tensor of shape (3, 2): expected an even number of channels, at least 4, given 2",
        ),
        (
            lambda: init.interleaved_sinusoids().sample((3, 5), seed=0),
            "interleaved_sinusoids() on a tensor of shape (3, 5): expected an even number of channels, given 5",
        ),
        (
            lambda: init.sinusoids().sample((2**20 + 1, 4), seed=0, device="meta"),
            "sinusoids() on a tensor of shape (1048577, 4): expected at most 1048576 positions, given 1048577",
        ),
        (
            lambda: init.sincos_2d(grid=(3,)),
            "sincos_2d(grid=(3,)): expected rows and columns of patches, such as grid=(14, 14)",
        ),
        (
            lambda: init.sincos_2d(grid=(3, 3), extra_tokens=-1),
            "sincos_2d(extra_tokens=-1): expected a whole number >= 0",
        ),
        (
            lambda: init.sincos_2d(grid=(2, 2)).sample((4, 6), seed=0),
            "sincos_2d(grid=(2, 2)) on a tensor of shape (4, 6): expected channels in multiples of 4, given 6",
        ),
        (
            lambda: init.sincos_2d(grid=(2, 2), extra_tokens=1).sample((4, 8), seed=0),
            "sincos_2d(grid=(2, 2), extra_tokens=1) on a tensor of shape (4, 8): expected 5 positions, given 4",
        ),
        (
            lambda: init.s4d_real().sample((), seed=0),
            "s4d_real() on a tensor of shape (): expected at least 1 dimension",
        ),
        (lambda: init.stft(side="reel"), "stft(side='reel'): expected one of 'real', 'imag'. Did you mean 'real'?"),
        (
            lambda: init.stft(side="real", window="kaiser"),
            "stft(window='kaiser'): expected one of 'hann', 'hamming', 'blackman'.",
        ),
        (
            lambda: init.stft(side="real", scaling="power"),
            "stft(scaling='power'): expected one of 'density', 'spectrum'.",
        ),
        (
            lambda: init.stft(side="real").sample((5, 2, 8), seed=0),
            "stft(side='real') fills the kernel of a Conv1d with one input channel, and a tensor of shape (5, 2, 8) is "
            "none: expected a shape (F // 2 + 1, 1, T), F >= 2 frequencies and a frame of T >= 1 samples",
        ),
        (
            lambda: init.stft(side="real").sample((5, 1, 2), seed=0),
            "stft(side='real') on a tensor of shape (5, 1, 2): the window of 2 samples is all zero; use a longer frame",
        ),
        (
            lambda: init.extend_embedding_(torch.empty(3, 4), torch.empty(4, 4)),
            "extend_embedding_ was given new of shape (3, 4) and old of shape (4, 4); expected (rows, d) and (n, "
            "d) with 1 <= n <= rows",
        ),
        (
            lambda: init.extend_embedding_(torch.empty(3, 4, dtype=torch.int64), torch.empty(2, 4)),
            "extend_embedding_ was given torch.int64 and torch.float32; expected floating-point dtypes",
        ),
        (
            lambda: init.extend_embedding_(torch.empty(3, 4), torch.empty(2, 4), spread=-1.0),
            "extend_embedding_(spread=-1.0): expected a finite number >= 0",
        ),
    ],
)
def test_errors(make: object, message: str) -> None:
    with pytest.raises(SchemeError) as error:
        make()  # type: ignore[operator]
    assert str(error.value) == message
