"""What tests of calibration share: measuring by hooks of their own, and models to measure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

X = torch.randn(200, 10, generator=torch.Generator().manual_seed(1))


def outputs(model: nn.Module, run: Callable[[], Any], kinds: tuple[type, ...]) -> dict[str, list[Tensor]]:
    """What every module of these types gives in one run without dropout, in the order of the run."""
    found: dict[str, list[Tensor]] = {}
    names = {module: name for name, module in model.named_modules()}

    def hook(module: nn.Module, args: Any, output: Any) -> None:
        found.setdefault(names[module], []).append(output[0] if isinstance(output, tuple) else output)

    handles = [module.register_forward_hook(hook) for module in names if isinstance(module, kinds)]
    training = model.training
    with torch.no_grad():
        model.eval()
        run()
        model.train(training)
    for handle in handles:
        handle.remove()
    return found


def std(value: Tensor) -> float:
    """Of all elements, in float64."""
    return float(value.detach().double().std(correction=0))


def stds(model: nn.Module, x: Tensor, *kinds: type) -> dict[str, float]:
    """The std of each layer's outputs, in float64, over all its calls."""
    found = outputs(model, lambda: model(x), kinds)
    return {name: std(torch.cat([one.flatten() for one in many])) for name, many in found.items()}


def farthest(measured: dict[str, float]) -> float:
    """How far from 1 the std of any layer is."""
    return max(abs(one - 1) for one in measured.values())


def deep(width: int = 32, depth: int = 12) -> nn.Sequential:
    """A deep chain from torch's own start, whose signal dies out."""
    torch.manual_seed(0)
    inner = [layer for _ in range(depth) for layer in (nn.Tanh(), nn.Linear(width, width))]
    return nn.Sequential(nn.Linear(10, width), *inner)


def weight_normed(layer: nn.Linear, *, old: bool) -> tuple[nn.Module, Tensor, Tensor]:
    """The layer under weight norm, by torch's older hook or as a parametrization; its g and v."""
    if old:
        with pytest.warns(FutureWarning, match="weight_norm"):
            normed = nn.utils.weight_norm(layer)
        return normed, normed.weight_g, normed.weight_v
    normed = nn.utils.parametrizations.weight_norm(layer)
    parts = normed.parametrizations.weight
    return normed, parts.original0, parts.original1
