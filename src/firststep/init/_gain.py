"""Gains: the factor that keeps the strength of a signal through an activation."""

from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ..errors import SchemeError
from ._activations import Activation, activation_name, split_name
from ._activations import activation_function as activation_function
from ._quadrature import integrate

Kind = Literal["moment", "torch"]

_REACH = 24
"""Points beyond 24 std weigh less than 1e-125."""

_TORCH_ONES = (
    "linear",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "sigmoid",
)
_TORCH = {**dict.fromkeys(_TORCH_ONES, 1.0), "tanh": 5.0 / 3, "relu": math.sqrt(2.0), "selu": 3.0 / 4}


def gain(activation: str | nn.Module | Activation, param: float | None = None, *, kind: Kind = "moment") -> float:
    """The factor by which an activation's input must be scaled to keep the signal's strength.

        moment:  1 / sqrt(E[f(z)^2]),  z ~ N(0, 1)
        torch:   torch.nn.init.calculate_gain's table

    The expectation is a Gauss quadrature against the normal density in float64, on panels that close in on kinks, so
    that it is as exact for relu as for gelu. The result is rounded to 12 digits, to be equal on every machine.

    Args:
        activation: a name (``"gelu"``, ``"leaky_relu(0.2)"``), a module, or an elementwise function of a tensor.
        param: the number of ``leaky_relu`` (negative slope), ``elu`` or ``celu`` (alpha), when given by name.
        kind: which of the two. They differ for tanh (1.59 and 5/3), sigmoid (1.85 and 1) and selu (1 and 3/4), and
            torch's has no gelu, silu, elu, mish or softplus.

    Returns:
        A positive number.

    Raises:
        SchemeError: for a name that is not known; for a function that is zero, not finite, or grows so fast that
            ``E[f(z)^2]`` is infinite; for one that does not keep the shape.

    >>> gain("relu"), gain(torch.nn.functional.silu), gain("tanh", kind="torch")
    (1.41421356237, 1.67653247033, 1.6666666666666667)

    Source: He et al. 2015 (arXiv 1502.01852) for relu; the same condition for any activation.
    """
    if kind not in ("moment", "torch"):
        raise SchemeError(f"gain(kind={kind!r}): expected 'moment' or 'torch'")
    name = activation if isinstance(activation, str) else activation_name(activation)
    if kind == "torch":
        if name is None:
            raise SchemeError(f"torch's table has no gain for {_shown(activation)}. Use gain(f), the moment gain")
        return torch_gain(*_with_param(name, param))
    if name is not None:
        return _named_gain(name, param)
    if param is not None:
        raise SchemeError(f"gain({_shown(activation)}, param={param!r}): a number goes with a name only")
    if not callable(activation):
        raise SchemeError(f"gain({activation!r}): expected a name, a module or a function of a tensor")
    return _moment_gain(_as_float64(activation), _shown(activation))


def torch_gain(nonlinearity: str, param: float | None = None) -> float:
    """``torch.nn.init.calculate_gain``: same names, same numbers, same errors.

    Args:
        nonlinearity: one of torch's names.
        param: the negative slope of ``"leaky_relu"``, 0.01 by default; unused otherwise.

    Raises:
        SchemeError: for any other name, and for a slope that is no number.

    >>> torch_gain("leaky_relu", 0.2) == math.sqrt(2 / (1 + 0.2**2))
    True
    """
    if nonlinearity in _TORCH:
        return _TORCH[nonlinearity]
    if nonlinearity != "leaky_relu":
        raise SchemeError(f"Unsupported nonlinearity {nonlinearity}")
    slope = 0.01 if param is None else param
    if isinstance(slope, bool) or not isinstance(slope, (int, float)):
        raise SchemeError(f"negative_slope {slope} not a valid number")
    return math.sqrt(2.0 / (1 + slope**2))


def layer_gain(activation: str | nn.Module | Activation, param: float | None = None) -> float:
    """The gain that Kaiming's and Xavier's schemes use: torch's where torch's table has it, else the moment gain.

    So that ``nonlinearity="tanh"`` means what it means in torch, and ``nonlinearity="gelu"`` means something.
    """
    name = activation if isinstance(activation, str) else activation_name(activation)
    if name is not None:
        base, slope = _with_param(name, param)
        if base in _TORCH or base == "leaky_relu":
            return torch_gain(base, slope)
        return _named_gain(name, None)
    return gain(activation)


def _with_param(name: str, param: float | None) -> tuple[str, float | None]:
    """Name and number, the number in brackets first."""
    base, number = split_name(name)
    return (base, param) if number is None else (base, number)


@functools.lru_cache(maxsize=256)
def _named_gain(name: str, param: float | None) -> float:
    return _moment_gain(activation_function(name, param), repr(name))


def _moment_gain(f: Activation, shown: str) -> float:
    def integrand(z: Tensor) -> Tensor:
        return _values(f, z, shown).square() * (-z * z / 2).exp() / math.sqrt(2 * math.pi)

    moment, error = integrate(integrand, [float(z) for z in range(-_REACH, _REACH + 1)])
    ends = integrand(torch.tensor([-_REACH, _REACH], dtype=torch.float64, device="cpu")).sum().item()
    if not error + ends <= 1e-9 * moment < math.inf:
        raise SchemeError(f"the activation {shown} has no finite E[f(z)^2] for z ~ N(0, 1) that could be computed")
    if moment == 0:
        raise SchemeError(f"the activation {shown} is zero: no gain can keep the signal")
    return float(f"{1 / math.sqrt(moment):.12g}")


def _values(f: Activation, z: Tensor, shown: str) -> Tensor:
    with torch.no_grad():
        values = f(z.clone())  # the activation may work in place
    if not isinstance(values, Tensor) or values.shape != z.shape:
        got = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
        raise SchemeError(
            f"the activation {shown} made {got} of a tensor of shape {tuple(z.shape)}; expected an elementwise function"
        )
    return values.to(torch.float64)


def _as_float64(activation: Callable[..., Any]) -> Activation:
    """A module in evaluation mode and float64, as a copy; a function as it is."""
    if isinstance(activation, nn.Module):
        return copy.deepcopy(activation).to("cpu", torch.float64).eval()
    return activation


def _shown(activation: object) -> str:
    return getattr(activation, "__name__", None) or repr(activation)
