"""Losses of how alike two images look."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from ..errors import LossError
from ._draw import uniform
from ._invariances import SWAP
from ._spec import Argument, Curve, Equivalent, Invariance, Limit, LossSpec, Minimum, Option, Paper, Plot, Start, Text


def ssim_loss(
    input: Tensor,
    target: Tensor,
    *,
    data_range: float = 1.0,
    window_size: int = 11,
    sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
) -> Tensor:
    """With the difference d and the sum s of the images, ``SSIM = (1 - a)(1 - b)``,

        a = mu_d^2 / ((mu_s^2 + mu_d^2) / 2 + C_1),   b = var_d / ((var_s + var_d) / 2 + C_2).

    This is the formula in other letters. Equal images give 0 exactly, near ones cancel nothing, and no covariance is
    needed. Variances are those of images whose own mean is taken off: a large offset does not cancel them.
    """
    check_size("ssim_loss", input, window_size)
    mean_s, mean_d, var_s, var_d = moments(input + target, input - target, window_size, sigma)
    a, b = _unlike(mean_s, mean_d, (k1 * data_range) ** 2), _unlike(var_s, var_d, (k2 * data_range) ** 2)
    return (a + b - a * b).mean((1, 2, 3))


def moments(total: Tensor, difference: Tensor, window_size: int, sigma: float) -> tuple[Tensor, ...]:
    """Squared means and variances of both within each window."""
    offsets = [one.detach().mean((2, 3), keepdim=True) for one in (total, difference)]
    s, d = total - offsets[0], difference - offsets[1]
    mean_s, mean_d, square_s, square_d = _blurred(torch.cat((s, d, s * s, d * d), 1), window_size, sigma).chunk(4, 1)
    return (
        (mean_s + offsets[0]).square(),
        (mean_d + offsets[1]).square(),
        (square_s - mean_s * mean_s).clamp(min=0),
        (square_d - mean_d * mean_d).clamp(min=0),
    )


def _blurred(maps: Tensor, window_size: int, sigma: float) -> Tensor:
    """Gaussian windows wherever they fit, one axis after the other."""
    channels = maps.shape[1]
    window = _window(maps, window_size, sigma).reshape(1, 1, -1, 1).expand(channels, 1, window_size, 1)
    return F.conv2d(F.conv2d(maps, window, groups=channels), window.transpose(2, 3), groups=channels)


def _window(like: Tensor, window_size: int, sigma: float) -> Tensor:
    x = torch.arange(window_size, dtype=like.dtype, device=like.device) - (window_size - 1) / 2
    return (-0.5 * (x / sigma).square()).softmax(0)


def _unlike(s: Tensor, d: Tensor, constant: float) -> Tensor:
    return d / ((s + d) / 2 + constant)


def alike(s: Tensor, d: Tensor, constant: float) -> Tensor:
    """1 minus that."""
    return ((s - d) / 2 + constant) / ((s + d) / 2 + constant)


def check_size(name: str, images: Tensor, window_size: int, scales: int = 1) -> None:
    if scales < 1:
        raise LossError(f"{name}(betas=()): expected at least one, for the finest scale")
    height, width = images.shape[2:]
    least = window_size * 2 ** (scales - 1)
    if min(height, width) >= least:
        return
    needs = f"a window of {window_size}" if scales == 1 else f"{scales} scales with a window of {window_size}"
    fix = "" if scales == 1 else " or fewer betas"
    raise LossError(
        f"{name}: images of {height} x {width} are smaller than {least} x {least}, which {needs} asks for. "
        f"Give a smaller window_size{fix}"
    )


def _patches(images: Tensor, window_size: int) -> Tensor:
    """(N, C, places, pixels of a window)."""
    n, c = images.shape[:2]
    return F.unfold(images, window_size).reshape(n, c, window_size**2, -1).movedim(2, 3)


def as_written(
    input: Tensor,
    target: Tensor,
    *,
    data_range: float = 1.0,
    window_size: int = 11,
    sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    betas: tuple[float, ...] = (1.0,),
) -> Tensor:
    """The loss window by window, as the papers write it, where no contrast term is negative."""
    c1, c2 = (k1 * data_range) ** 2, (k2 * data_range) ** 2
    line, product = _window(input, window_size, sigma), torch.ones((), dtype=input.dtype)
    w = torch.outer(line, line).flatten()
    for left, beta in enumerate(betas, start=1 - len(betas)):
        x, y = _patches(input, window_size), _patches(target, window_size)
        mean_x, mean_y = (x * w).sum(-1, keepdim=True), (y * w).sum(-1, keepdim=True)
        covariance, power = w * (x - mean_x) * (y - mean_y), w * ((x - mean_x) ** 2 + (y - mean_y) ** 2)
        contrast = (2 * covariance.sum(-1) + c2) / (power.sum(-1) + c2)
        luminance = ((2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)).squeeze(-1)
        product = product * (contrast if left else luminance * contrast).mean(-1) ** beta
        input, target = F.avg_pool2d(input, 2), F.avg_pool2d(target, 2)
    return 1 - product.mean(1)


def draw_images(generator: Generator, *shape: int) -> tuple[Tensor, ...]:
    target = uniform(generator, *shape)
    return 0.7 * target + 0.3 * uniform(generator, *shape), target


def _mirror(_: Generator, input: Tensor, target: Tensor) -> tuple[Tensor, ...]:
    return input.flip(3), target.flip(3)


def _pixel_ssim(input: Tensor, target: Tensor) -> Tensor:
    return 1 - ((2 * input * target + 1e-4) / (input**2 + target**2 + 1e-4)).mean((1, 2, 3))


def _waves(size: int) -> Tensor:
    x = torch.linspace(0, 6 * math.pi, size)
    return 0.5 + 0.4 * torch.outer(x.sin(), x.cos()).reshape(1, 1, size, size)


def with_contrast(x: Tensor, size: int = 16) -> tuple[Tensor, ...]:
    return 0.5 + x * (_waves(size) - 0.5), _waves(size)


IMAGES = (
    Argument("input", "images", "N C H W"),
    Argument("target", "images", "N C H W"),
)
OPTIONS = (
    Option(
        "data_range",
        Text(
            "L, from the least to the greatest value that a pixel can have: 1, 2 or 255",
            "L，像素可取的最小值到最大值的范围：1、2 或 255",
        ),
        low=0.0,
        low_open=True,
    ),
    Option("window_size", Text("pixels along each side of a window", "窗口每边的像素数"), low=1),
    Option(
        "sigma",
        Text("standard deviation of the window's Gaussian weights, in pixels", "窗口高斯权重的标准差（像素）"),
        low=0.0,
        low_open=True,
    ),
    Option(
        "k1",
        Text(
            "K_1, C_1 = (K_1 L)^2 steadies the means' term where both are dark",
            "K_1，C_1 = (K_1 L)^2 在两图均暗处稳定均值项",
        ),
        low=0.0,
        low_open=True,
    ),
    Option(
        "k2",
        Text(
            "K_2, C_2 = (K_2 L)^2 steadies the variances' term where both are flat",
            "K_2，C_2 = (K_2 L)^2 在两图均平坦处稳定方差项",
        ),
        low=0.0,
        low_open=True,
    ),
)
RANGE_TRAP = Text(
    "data_range must be that of the data. Pixels in [0, 1] with data_range=255 give a loss near 0 whatever they show.",
    "data_range 必须与数据一致。像素在 [0, 1] 而 data_range=255 时，无论内容如何损失都接近 0。",
)
_WINDOW_TRAP = Text(
    "Windows lie wholly inside the image. Where libraries pad instead, borders count and values differ.",
    "窗口完全位于图像内部。有的库会填充边缘，边缘也计入，数值因此不同。",
)

SSIM = LossSpec(
    name="ssim_loss",
    module="SSIMLoss",
    title=Text("Structural similarity", "结构相似性"),
    aliases=("ssim", "structural similarity", "dssim", "结构相似度", "图像复原", "图像质量"),
    family="image",
    purpose=Text(
        "Restored or generated images beside the true ones: 1 minus the similarity of local means, contrasts and "
        "patterns.",
        "复原或生成的图像与真实图像相比：1 减去局部均值、对比度与结构的相似度。",
    ),
    formula=(
        r"1 - \frac{(2 \mu_x \mu_y + C_1)(2 \sigma_{xy} + C_2)}{(\mu_x^2 + \mu_y^2 + C_1)(\sigma_x^2 + \sigma_y^2 "
        r"+ C_2)}, \quad C_i = (K_i L)^2"
    ),
    papers=(
        Paper(
            "Wang, Bovik, Sheikh, Simoncelli 2004",
            "Image Quality Assessment: From Error Visibility to Structural Similarity",
            "IEEE Trans. Image Process. 13(4)",
            "eq. 13",
        ),
    ),
    arguments=IMAGES,
    unit="image",
    options=OPTIONS,
    required={"window_size": 3},
    code="""
>>> target = torch.linspace(0, 1, 256).reshape(1, 1, 16, 16)
>>> losses.SSIMLoss()(target, target)
tensor(0.)
>>> losses.SSIMLoss()(0.5 * target, target)  # half the contrast
tensor(0.3479)
""",
    draw=lambda generator, n: draw_images(generator, n, 2, 4, 5),
    start=Start(
        Text(
            "near 1: the mean of C_1 C_2 / ((μ² + C_1)(σ² + C_2)) below it for a flat output of 0",
            "接近 1：输出全为 0 时比 1 小 C_1 C_2 / ((μ² + C_1)(σ² + C_2)) 的均值",
        ),
        lambda input, target, **options: as_written(input, target, **options).mean(),
        note=Text("Noise that knows nothing of the target gives about 1.", "与目标无关的噪声约为 1。"),
    ),
    minimum=Minimum(Text("0", "0"), lambda *_, **__: 0.0, lambda input, target, **_: (target, target)),
    kernel=ssim_loss,
    invariances=(SWAP, Invariance(Text("both images mirrored", "两幅图像同时镜像"), _mirror)),
    limits=(
        Limit(
            Text(
                "window_size=1 compares pixels: (x - y)² / (x² + y² + C_1)",
                "window_size=1 逐像素比较：(x - y)² / (x² + y² + C_1)",
            ),
            {"window_size": 1},
            _pixel_ssim,
        ),
    ),
    hazards=(
        RANGE_TRAP,
        _WINDOW_TRAP,
        Text(
            "Where both images are dark, the means' term is steep: C_1 is 1e-4 for a range of 1.",
            "两幅图像都很暗处，均值项变化陡峭：范围为 1 时 C_1 为 1e-4。",
        ),
    ),
    avoid=Text(
        "Colours and exact values matter: add l1_loss, as restoration does, or use charbonnier_loss.",
        "颜色与精确数值重要时：如图像复原那样加上 l1_loss，或用 charbonnier_loss。",
    ),
    equivalents=(
        Equivalent(
            "pytorch_msssim.SSIM",
            Text(
                "the similarity itself, 1 minus this; data_range=255 by default",
                "返回相似度本身，即 1 减去本损失；默认 data_range=255",
            ),
        ),
        Equivalent(
            "skimage.metrics.structural_similarity",
            Text(
                "the similarity itself, equal with gaussian_weights=True, sigma=1.5, use_sample_covariance=False",
                "返回相似度本身；gaussian_weights=True、sigma=1.5、use_sample_covariance=False 时相同",
            ),
        ),
        Equivalent(
            "kornia.losses.SSIMLoss", Text("half of this, pads the borders by default", "为本损失的一半，默认填充边缘")
        ),
        Equivalent("piq.SSIMLoss", Text("shrinks images of 384 pixels and more first", "先缩小 384 像素及以上的图像")),
    ),
    plot=Plot(
        Text("contrast of the input, that of the target being 1", "输入的对比度，目标为 1"),
        -1.0,
        3.0,
        with_contrast,
        (
            Curve("L = 1", {"window_size": 11}),
            Curve("L = 10", {"window_size": 11, "data_range": 10.0}),
            Curve("L = 255", {"window_size": 11, "data_range": 255.0}),
        ),
    ),
)

SPECS = (SSIM,)
