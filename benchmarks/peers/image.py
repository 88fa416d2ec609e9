"""Similarity of images."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ._peer import Peer

_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def _images(n: int, size: int) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(n, 3, size, size, generator=generator)
    return (0.7 * target + 0.3 * torch.rand(target.shape, generator=generator)).requires_grad_(), target


def _blurred(images: Tensor) -> Tensor:
    c = images.shape[1]
    window = (-0.5 * ((torch.arange(11.0) - 5) / 1.5) ** 2).softmax(0).reshape(1, 1, 11, 1).expand(c, 1, 11, 1)
    return F.conv2d(F.conv2d(images, window, groups=c), window.transpose(2, 3), groups=c)


def _terms(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The means over places of SSIM and of its contrast term, (N, C), from five blurred maps."""
    mean_x, mean_y = _blurred(x), _blurred(y)
    xx, yy, xy = mean_x * mean_x, mean_y * mean_y, mean_x * mean_y
    var_x, var_y, cov = _blurred(x * x) - xx, _blurred(y * y) - yy, _blurred(x * y) - xy
    contrast = (2 * cov + 9e-4) / (var_x + var_y + 9e-4)
    return ((2 * xy + 1e-4) / (xx + yy + 1e-4) * contrast).mean((2, 3)), contrast.mean((2, 3))


def _ssim(x: Tensor, y: Tensor) -> Tensor:
    return 1 - _terms(x, y)[0].mean()


def _ms_ssim(x: Tensor, y: Tensor) -> Tensor:
    powers = []
    for scale, weight in enumerate(_WEIGHTS):
        if scale:
            x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
        both, contrast = _terms(x, y)
        powers.append((both if scale == len(_WEIGHTS) - 1 else contrast).relu() ** weight)
    return 1 - torch.stack(powers).prod(0).mean()


PEERS = (
    Peer("ssim_loss", lambda: _images(4, 128), _ssim, "pytorch-msssim's formula"),
    Peer("ms_ssim_loss", lambda: _images(1, 192), _ms_ssim, "pytorch-msssim's formula"),
)
