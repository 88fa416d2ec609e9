"""Structural similarity beside windows laid by hand, SciPy's Gaussian filter, and numbers known in closed form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.signal import correlate2d
from torch import Tensor

from firststep import LossError, losses
from firststep.testing import check_loss

Array = NDArray[np.float64]
F = losses.functional


def window(size: int, sigma: float) -> Array:
    x = np.arange(size) - (size - 1) / 2
    weights = np.exp(-(x[:, None] ** 2 + x**2) / (2 * sigma**2))
    return weights / weights.sum()


def terms(x: Array, y: Array, w: Array, c1: float, c2: float) -> tuple[Array, Array]:
    """Luminance and contrast-structure at each place of one channel (Wang et al. 2004, eq. 6, 9, 10)."""

    def mean(image: Array) -> Array:
        return correlate2d(image, w, mode="valid")

    mx, my = mean(x), mean(y)
    vx, vy, cov = mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my
    return (2 * mx * my + c1) / (mx**2 + my**2 + c1), (2 * cov + c2) / (vx + vy + c2)


def ssim(
    input: Array,
    target: Array,
    data_range: float = 1.0,
    window_size: int = 11,
    sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
) -> Array:
    w, values = window(window_size, sigma), []
    for x, y in zip(input, target, strict=True):
        maps = [terms(a, b, w, (k1 * data_range) ** 2, (k2 * data_range) ** 2) for a, b in zip(x, y, strict=True)]
        values.append(1 - np.mean([light * contrast for light, contrast in maps]))
    return np.array(values)


def halved(image: Array) -> Array:
    rows, columns = image.shape[0] // 2, image.shape[1] // 2
    return image[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2).mean((1, 3))


def ms_ssim(
    input: Array,
    target: Array,
    betas: tuple[float, ...] = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333),
    data_range: float = 1.0,
    window_size: int = 11,
    sigma: float = 1.5,
) -> Array:
    w, values = window(window_size, sigma), []
    for x, y in zip(input, target, strict=True):
        products = []
        for a, b in zip(x, y, strict=True):
            product = 1.0
            for scale, beta in enumerate(betas):
                light, contrast = terms(a, b, w, (0.01 * data_range) ** 2, (0.03 * data_range) ** 2)
                last = scale == len(betas) - 1
                product *= (light * contrast if last else contrast).mean() ** beta
                a, b = halved(a), halved(b)
            products.append(product)
        values.append(1 - np.mean(products))
    return np.array(values)


@pytest.mark.parametrize(
    "options",
    [
        {"window_size": 3},
        {"window_size": 4, "sigma": 0.8},
        {"window_size": 3, "data_range": 3.0, "k1": 0.05, "k2": 0.2},
        {"window_size": 1},
    ],
)
def test_values_and_gradients_are_those_of_windows_laid_by_hand(options: dict[str, Any]) -> None:
    check_loss("ssim_loss", options=options, reference=ssim, laws=["reference"]).raise_if_failed()


@pytest.mark.parametrize(
    "options",
    [
        {"window_size": 3, "betas": (0.4, 0.6)},
        {"window_size": 2, "betas": (0.2, 0.5), "data_range": 2.0, "sigma": 0.7},
        {"window_size": 1, "betas": (0.1, 0.3, 0.6)},
    ],
)
def test_several_scales_are_those_of_windows_laid_by_hand(options: dict[str, Any]) -> None:
    check_loss("ms_ssim_loss", options=options, reference=ms_ssim, laws=["reference"]).raise_if_failed()


def pictures(*shape: int, noise: float = 0.3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    target = torch.rand(shape, generator=generator, dtype=torch.float64)
    return (1 - noise) * target + noise * torch.rand(shape, generator=generator, dtype=torch.float64), target


def test_the_defaults_are_the_paper_s() -> None:
    x, y = pictures(2, 3, 24, 19)

    values = F.ssim_loss(x, y, reduction="none")

    torch.testing.assert_close(values, torch.from_numpy(ssim(x.numpy(), y.numpy())), rtol=1e-10, atol=0)


def test_scikit_image_s_way_with_scipy_s_filter_gives_the_same() -> None:
    x, y = pictures(1, 1, 30, 30)
    a, b = x[0, 0].numpy(), y[0, 0].numpy()

    def mean(image: Array) -> Array:
        return gaussian_filter(image, sigma=1.5, truncate=3.5)

    mx, my = mean(a), mean(b)
    vx, vy, cov = mean(a * a) - mx**2, mean(b * b) - my**2, mean(a * b) - mx * my
    full = (2 * mx * my + 1e-4) * (2 * cov + 9e-4) / ((mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4))

    assert float(F.ssim_loss(x, y)) == pytest.approx(1 - full[5:-5, 5:-5].mean(), rel=1e-9)


@pytest.mark.parametrize("shape", [(1, 2, 176, 176), (1, 1, 181, 190)])
def test_five_scales_are_the_paper_s_and_odd_rows_are_dropped(shape: tuple[int, ...]) -> None:
    x, y = pictures(*shape)

    value = F.ms_ssim_loss(x, y, reduction="none")

    torch.testing.assert_close(value, torch.from_numpy(ms_ssim(x.numpy(), y.numpy())), rtol=1e-9, atol=0)


def test_flat_images_differ_by_their_means_alone() -> None:
    x, y = torch.full((1, 1, 12, 12), 0.2, dtype=torch.float64), torch.full((1, 1, 12, 12), 0.6, dtype=torch.float64)

    assert float(F.ssim_loss(x, y)) == pytest.approx(1 - (2 * 0.2 * 0.6 + 1e-4) / (0.04 + 0.36 + 1e-4), rel=1e-12)
    assert float(F.ssim_loss(255 * x, 255 * y, data_range=255.0)) == pytest.approx(float(F.ssim_loss(x, y)), rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_equal_images_give_exactly_zero(dtype: torch.dtype, offset: float) -> None:
    x = (pictures(2, 3, 44, 44)[0] + offset).to(dtype).requires_grad_()

    one, many = F.ssim_loss(x, x.detach()), F.ms_ssim_loss(x, x.detach(), betas=(0.5, 0.3, 0.2))

    assert float(one.detach()) == float(many.detach()) == 0
    assert torch.equal(torch.autograd.grad(one, x)[0], torch.zeros_like(x))
    assert float(torch.autograd.grad(many, x)[0].abs().max()) < 1e-9


@pytest.mark.parametrize("loss", [F.ssim_loss, F.ms_ssim_loss])
def test_black_images_are_alike_in_bfloat16(loss: Any) -> None:
    """torchmetrics issue 1290: 1.3245 for the similarity of equal zeros."""
    black = torch.zeros(1, 1, 176, 176, dtype=torch.bfloat16)

    assert float(loss(black, black)) == 0


def test_float32_keeps_small_differences_and_large_offsets() -> None:
    x, y = pictures(1, 3, 40, 40, noise=1e-4)
    exact = float(F.ssim_loss(x, y))

    assert exact < 1e-6
    # Rounding the images to float32 costs 6e-8 of noise of 1e-4.
    assert float(F.ssim_loss(x.float(), y.float())) == pytest.approx(exact, rel=2e-3)

    moved = [(one + 1000).float() for one in pictures(1, 3, 40, 40)]
    exact = float(F.ssim_loss(*(one.double() for one in moved)))
    assert float(F.ssim_loss(*moved)) == pytest.approx(exact, rel=1e-4)
    assert exact > 0.01


def test_a_negative_is_worse_than_noise_and_never_nan() -> None:
    wave = torch.sin(torch.arange(176, dtype=torch.float64) * (2 * torch.pi / 40))
    x = (0.5 + 0.4 * torch.outer(wave, wave)).reshape(1, 1, 176, 176).requires_grad_()
    negative = 1 - x.detach()

    assert 1.5 < float(F.ssim_loss(x, negative).detach()) <= 2
    value = F.ms_ssim_loss(x, negative)
    (gradient,) = torch.autograd.grad(value, x)
    # Each scale's mean counts as 1e-8, and the exponents sum to 1.0001.
    assert float(value.detach()) == pytest.approx(1 - 1e-8**1.0001, rel=1e-12)
    assert torch.equal(gradient, torch.zeros_like(gradient))


def test_a_scale_that_contradicts_does_not_silence_the_others() -> None:
    """A fine chequered pattern of the wrong sign on a coarse one that is right."""
    i = torch.arange(64)
    fine = ((i[:, None] + i) % 2 * 2.0 - 1).reshape(1, 1, 64, 64)
    coarse = torch.sin(i / 6).reshape(1, 1, 1, 64).expand(1, 1, 64, 64)
    x, y = (0.5 + 0.2 * coarse + 0.1 * fine).requires_grad_(), 0.5 + 0.3 * coarse - 0.1 * fine
    assert float(F.ms_ssim_loss(x, y, betas=(1.0, 0.0)).detach()) == pytest.approx(1 - 1e-8, abs=1e-7)

    value = F.ms_ssim_loss(x, y, betas=(0.1, 0.9))
    (gradient,) = torch.autograd.grad(value, x)

    assert bool(torch.isfinite(value))
    assert bool(torch.isfinite(gradient).all())
    assert float(gradient.abs().max()) > 0
    assert float(F.ms_ssim_loss(x - 2 * gradient, y, betas=(0.1, 0.9)).detach()) < float(value.detach())


def test_images_that_no_window_fits_into_are_an_error() -> None:
    with pytest.raises(
        LossError,
        match=r"^ssim_loss: images of 8 x 20 are smaller than 11 x 11, which a window of 11 asks for\. "
        r"Give a smaller window_size$",
    ):
        F.ssim_loss(torch.zeros(1, 3, 8, 20), torch.zeros(1, 3, 8, 20))
    with pytest.raises(
        LossError,
        match=r"^ms_ssim_loss: images of 175 x 300 are smaller than 176 x 176, which 5 scales with a window of 11 "
        r"asks for\. Give a smaller window_size or fewer betas$",
    ):
        F.ms_ssim_loss(torch.zeros(1, 3, 175, 300), torch.zeros(1, 3, 175, 300))
    with pytest.raises(LossError, match=r"^ms_ssim_loss\(betas=\(\)\): expected at least one, for the finest scale$"):
        F.ms_ssim_loss(torch.zeros(1, 3, 20, 20), torch.zeros(1, 3, 20, 20), betas=())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"data_range": 0.0}, r"^ssim_loss\(data_range=0\.0\): expected a number > 0$"),
        ({"window_size": 0}, r"^ssim_loss\(window_size=0\): expected a number >= 1$"),
        ({"sigma": -1.0}, r"^ssim_loss\(sigma=-1\.0\): expected a number > 0$"),
    ],
)
def test_options_out_of_range_are_an_error(options: dict[str, Any], message: str) -> None:
    with pytest.raises(LossError, match=message):
        F.ssim_loss(torch.zeros(1, 1, 12, 12), torch.zeros(1, 1, 12, 12), **options)
