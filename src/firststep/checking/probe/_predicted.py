"""How large a layer's output should be by its weights: the prediction beside which the measured rms stands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from ...init import site_of
from ._sample import real, rms

_KNOWN = (
    nn.Linear,
    nn.Bilinear,
    nn.Embedding,
    *(nn.Conv1d, nn.Conv2d, nn.Conv3d),
    *(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
)


def predicted(module: nn.Module, inputs: Sequence[Any]) -> float:
    """The rms of the output that weights of this size would give, were they drawn independently with mean 0.

        E[out²] = fan_in * E[weight²] * E[in²] + E[bias²]

    with the ``fan_in`` of :func:`firststep.init.site_of`, so with the groups and with the stride of a transposed
    convolution; padding counts for nothing. The input of a Bilinear is the products of its two inputs' elements, and
    that of an Embedding picks one row: fan_in * E[in²] = 1.

    Args:
        module: a layer that has just run; its weights are taken as they are.
        inputs: its positional arguments in that call.

    Returns:
        NaN for other layers, for those with a ``forward`` of their own, for weights that a parametrization computes,
        and where a number is not finite or cannot be read.

    >>> import torch
    >>> layer = nn.Linear(100, 8, bias=False)
    >>> _ = nn.init.constant_(layer.weight, 0.1)
    >>> round(predicted(layer, [torch.full((4, 100), 2.0)]), 6)
    2.0
    """
    if not _known(module) or not inputs:
        return math.nan
    try:
        found = _second_moment(module, inputs)
    except RuntimeError:  # under vmap, or where the weight was moved away since
        return math.nan
    return math.sqrt(found) if math.isfinite(found) else math.nan


def _known(module: nn.Module) -> bool:
    """Whether it is computed as its type says, from a weight that is one."""
    if "parametrizations" in module._modules:
        return False
    kind = type(module)
    if kind.__name__ == "Conv1D":  # of transformers
        weight = module._parameters.get("weight")
        return weight is not None and weight.ndim == 2
    return any(issubclass(kind, one) and kind.forward is one.forward for one in _KNOWN)


def _second_moment(module: nn.Module, inputs: Sequence[Any]) -> float:
    weight: Any = module.weight
    if isinstance(module, nn.Embedding):
        return rms(weight) ** 2
    given = _given(inputs[:2] if isinstance(module, nn.Bilinear) else inputs[:1])
    fans = site_of(module, "weight", shape=tuple(weight.shape)).parts[0].fans
    if fans is None:
        return math.nan
    bias: Any = module.bias
    return fans.fan_in * rms(weight) ** 2 * given + (0.0 if bias is None else rms(bias) ** 2)


def _given(inputs: Sequence[Any]) -> float:
    """The mean square of the input; of two, that of the products of their elements."""
    if not all(isinstance(one, Tensor) and one.is_floating_point() for one in inputs):
        return math.nan
    if len(inputs) == 1:
        return rms(inputs[0]) ** 2
    first, second = (real(one).double().square().mean(-1) for one in inputs)
    return float((first * second).mean())
