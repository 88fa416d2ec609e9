"""Similarity of images at several scales."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ._invariances import SWAP
from ._spec import Curve, Equivalent, Limit, LossSpec, Minimum, Option, Paper, Plot, Start, Text
from ._ssim import IMAGES, OPTIONS, RANGE_TRAP, alike, as_written, check_size, draw_images, moments, with_contrast

_BETAS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Of the five scales, finest first (Wang, Simoncelli, Bovik 2003, sec. 3.2)."""

_LEAST = 1e-8
"""A scale's mean term is taken for this where it is less, or negative: it must have a power."""


def ms_ssim_loss(
    input: Tensor,
    target: Tensor,
    *,
    data_range: float = 1.0,
    window_size: int = 11,
    sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    betas: tuple[float, ...] = _BETAS,
) -> Tensor:
    """As :func:`ssim_loss`, but for the terms themselves, which may be small: their powers are what is multiplied.

    A scale's mean term below 1e-8 counts as 1e-8 and has no gradient; the other scales keep theirs. An odd last row or
    column is dropped where the size is halved.
    """
    check_size("ms_ssim_loss", input, window_size, len(betas))
    c1, c2 = (k1 * data_range) ** 2, (k2 * data_range) ** 2
    total, difference = input + target, input - target
    logarithm: Tensor | float = 0.0
    for scale, beta in enumerate(betas):
        if scale:
            total, difference = F.avg_pool2d(total, 2), F.avg_pool2d(difference, 2)
        mean_s, mean_d, var_s, var_d = moments(total, difference, window_size, sigma)
        same = alike(var_s, var_d, c2)
        if scale == len(betas) - 1:
            same = same * alike(mean_s, mean_d, c1)
        logarithm = logarithm + beta * same.mean((2, 3)).clamp(min=_LEAST).log()
    return -torch.expm1(torch.as_tensor(logarithm)).mean(1)


MS_SSIM = LossSpec(
    name="ms_ssim_loss",
    module="MSSSIMLoss",
    title=Text("Multi-scale structural similarity", "多尺度结构相似性"),
    aliases=("ms-ssim", "msssim", "multiscale ssim", "多尺度结构相似度"),
    family="image",
    purpose=Text(
        "SSIM at several scales, each half as large as the one before: fine detail and layout at once.",
        "在多个尺度（逐级减半）上计算 SSIM：同时兼顾细节与布局。",
    ),
    formula=(
        r"1 - (\bar{l c})_M^{\beta_M} \prod_{j=1}^{M-1} \bar{c}_j^{\beta_j}, \quad l = \frac{2 \mu_x \mu_y + "
        r"C_1}{\mu_x^2 "
        r"+ \mu_y^2 + C_1}, \quad c = \frac{2 \sigma_{xy} + C_2}{\sigma_x^2 + \sigma_y^2 + C_2}"
    ),
    papers=(
        Paper(
            "Wang, Simoncelli, Bovik 2003",
            "Multiscale Structural Similarity for Image Quality Assessment",
            "Asilomar 2003",
            "eq. 7",
        ),
    ),
    arguments=IMAGES,
    unit="image",
    options=(
        *OPTIONS,
        Option(
            "betas",
            Text(
                "β, exponents of the scales, finest first; their number is that of the scales",
                "β，各尺度的指数，最细者在前；其个数即尺度数",
            ),
        ),
    ),
    required={"window_size": 3, "betas": (0.4, 0.6)},
    code="""
>>> target = torch.linspace(0, 1, 64 * 64).reshape(1, 1, 64, 64)
>>> loss = losses.MSSSIMLoss(betas=(0.3, 0.3, 0.4))  # three scales: 44 pixels are enough
>>> loss(0.5 * target, target)
tensor(0.2189)
""",
    draw=lambda generator, n: draw_images(generator, n, 1, 6, 7),
    start=Start(
        Text(
            "near 1: for a flat output of 0 the contrast terms are C_2 / (σ² + C_2)",
            "接近 1：输出全为 0 时对比度项为 C_2 / (σ² + C_2)",
        ),
        lambda input, target, **options: as_written(input, target, **{"betas": _BETAS, **options}).mean(),
    ),
    minimum=Minimum(Text("0", "0"), lambda *_, **__: 0.0, lambda input, target, **_: (target, target)),
    kernel=ms_ssim_loss,
    invariances=(SWAP,),
    limits=(
        Limit(
            Text("betas=(1.0,) is ssim_loss", "betas=(1.0,) 即 ssim_loss"),
            {"betas": (1.0,)},
            lambda input, target: as_written(input, target, window_size=3),
        ),
    ),
    hazards=(
        RANGE_TRAP,
        Text(
            "Five scales and a window of 11 take images of 176 pixels and more.",
            "五个尺度、窗口为 11 时，图像至少为 176 像素。",
        ),
        Text(
            "Where images contradict each other, a scale's mean contrast term is negative and has no power: it "
            "counts as 1e-8, without a gradient.",
            "两图相反时，某尺度的平均对比度项为负，无法取幂：按 1e-8 计，且无梯度。",
        ),
        Text(
            "Pixel for pixel it asks little of brightness and colour: add l1_loss.",
            "它对亮度与颜色几乎没有逐像素约束：应加上 l1_loss。",
        ),
    ),
    avoid=Text(
        "Images are small, or training begins from noise: ssim_loss or l1_loss.",
        "图像较小，或从噪声开始训练时：用 ssim_loss 或 l1_loss。",
    ),
    equivalents=(
        Equivalent(
            "pytorch_msssim.MS_SSIM",
            Text(
                "the similarity itself; negative terms become 0, and with them the product; pads odd sizes; "
                "data_range=255 by default",
                "返回相似度本身；负项取 0，乘积随之为 0；对奇数尺寸填充；默认 data_range=255",
            ),
        ),
        Equivalent(
            "tf.image.ssim_multiscale",
            Text("the similarity itself; negative terms become 0", "返回相似度本身；负项取 0"),
        ),
    ),
    plot=Plot(
        Text("contrast of the input, that of the target being 1", "输入的对比度，目标为 1"),
        -1.0,
        3.0,
        lambda x: with_contrast(x, 44),
        (
            Curve("β = 1", {"window_size": 11, "betas": (1.0,)}),
            Curve("β = 0.3, 0.3, 0.4", {"window_size": 11, "betas": (0.3, 0.3, 0.4)}),
        ),
    ),
)

SPECS = (MS_SSIM,)
