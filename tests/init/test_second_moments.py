"""What fans mean: the second moments of a layer's output and of its input's gradient."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from firststep import init
from firststep.init import site_of


class Times(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ self.weight


def second_moment_of_output(layer: nn.Module, x: torch.Tensor, scheme: init.Scheme) -> float:
    """E[y^2] of a layer whose weight the scheme fills and whose bias is zero, away from the border."""
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            site = site_of(layer, name, name=name)
            (scheme if site.role == "weight" else init.zeros()).fill_(parameter, seed=0, name=name, site=site)
        y = layer(x)
    inner = (slice(None), slice(None), *(slice(8, -8) for _ in range(y.dim() - 2)))
    return y[inner].square().mean().item()


def test_variance_one_over_fan_in_keeps_the_second_moment_of_every_layer() -> None:
    """E[y^2] = E[x^2] = 1. Weights and inputs are both drawn: with W weights and X inputs the relative std of the mean
    is about sqrt(2 / W + 2 / X) <= 1.2 % here; 6 % is 5 of those: one failure in 2e6."""
    draw = torch.Generator().manual_seed(0)
    cases = [
        (nn.Linear(256, 512), (256, 256)),
        (nn.Conv2d(64, 32, 3), (4, 64, 32, 32)),
        (nn.Conv2d(64, 64, 3, groups=4), (4, 64, 32, 32)),
        (nn.Conv1d(4096, 4096, 5, groups=4096), (1, 4096, 64)),
        (nn.ConvTranspose2d(16, 64, 4, stride=2), (4, 16, 24, 24)),
        (nn.ConvTranspose1d(64, 64, 6, stride=3, groups=2), (4, 64, 200)),
        (Times(256, 512), (256, 256)),
    ]
    for layer, shape in cases:
        x = torch.randn(shape, generator=draw)
        scheme = init.variance_scaling(1.0, "fan_in", "normal")
        if isinstance(layer, Times):
            scheme = scheme.layout("in out")
        assert second_moment_of_output(layer, x, scheme) == pytest.approx(1.0, rel=0.06), layer


def test_a_bilinear_layer_keeps_second_moments_both_ways() -> None:
    """As above, with two inputs: relative std about 1.5 %, and 10 % is 6 of those: one failure in 5e8."""
    draw = torch.Generator().manual_seed(0)
    layer, site = nn.Bilinear(48, 32, 64, bias=False), site_of(nn.Bilinear(48, 32, 64), "weight")
    for mode in ("fan_in", "fan_out"):
        init.variance_scaling(1.0, mode, "normal").fill_(layer.weight, seed=0, site=site)
        x1, x2 = torch.randn(512, 48, generator=draw, requires_grad=True), torch.randn(512, 32, generator=draw)
        y = layer(x1, x2)
        y.backward(torch.randn(y.shape, generator=draw))
        moment = y if mode == "fan_in" else x1.grad
        assert moment.square().mean().item() == pytest.approx(1.0, rel=0.1)


def test_variance_one_over_fan_out_keeps_the_second_moment_of_the_gradient() -> None:
    """As above, of the input's gradient for unit gradients of the output: away from the border and at stride 1."""
    draw = torch.Generator().manual_seed(0)
    scheme = init.variance_scaling(1.0, "fan_out", "normal")
    for layer, shape in [
        (nn.Linear(256, 512), (256, 256)),
        (nn.Conv2d(64, 64, 3, groups=4), (4, 64, 32, 32)),
        (nn.ConvTranspose2d(32, 32, 4, stride=2), (2, 32, 32, 32)),
    ]:
        x = torch.randn(shape, generator=draw, requires_grad=True)
        second_moment_of_output(layer, x.detach(), scheme)
        y = layer(x)
        y.backward(torch.randn(y.shape, generator=draw))
        inner = (slice(None), slice(None), *(slice(8, -8) for _ in range(x.dim() - 2)))
        assert x.grad[inner].square().mean().item() == pytest.approx(1.0, rel=0.06), layer


def test_packed_attention_has_the_scale_of_separate_projections() -> None:
    """torch's own start has 1 / sqrt(2) of it. n = 3 * 2^16: 5 sqrt(2 / n) fails once in 2e6."""
    site = site_of(nn.MultiheadAttention(256, 4), "in_proj_weight")
    scheme = init.xavier_uniform()
    assert scheme.expected(site).variance == pytest.approx(1 / 256)
    values = scheme.sample(site, seed=0, name="in_proj_weight")
    assert values.var().item() == pytest.approx(1 / 256, rel=5 * math.sqrt(0.8 / values.numel()))
    assert init.xavier_uniform(fans="tensor").expected(site).variance == pytest.approx(2 / (256 + 768))
