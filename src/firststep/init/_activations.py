"""Activations by name: their functions, and the name of a function or module."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..errors import SchemeError, did_you_mean

Activation = Callable[[Tensor], Tensor]

_PLAIN: dict[str, Activation] = {
    "linear": lambda z: z,
    "relu": F.relu,
    "gelu": F.gelu,
    "gelu_tanh": lambda z: F.gelu(z, approximate="tanh"),
    "quick_gelu": lambda z: z * torch.sigmoid(1.702 * z),
    "silu": F.silu,
    "mish": F.mish,
    "selu": F.selu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": F.softplus,
    "softsign": F.softsign,
    "logsigmoid": F.logsigmoid,
    "tanhshrink": F.tanhshrink,
    "hardtanh": F.hardtanh,
    "hardsigmoid": F.hardsigmoid,
    "hardswish": F.hardswish,
    "relu6": F.relu6,
    "relu_squared": lambda z: F.relu(z).square(),
    "sin": torch.sin,
}

_SHAPED: dict[str, tuple[Callable[[Tensor, float], Tensor], float]] = {
    "leaky_relu": (F.leaky_relu, 0.01),
    "elu": (F.elu, 1.0),
    "celu": (F.celu, 1.0),
}
"""Activations with one number, and its default: written in brackets, as in ``"leaky_relu(0.2)"``."""

_ALIASES = {
    "identity": "linear",
    "conv1d": "linear",
    "conv2d": "linear",
    "conv3d": "linear",
    "conv_transpose1d": "linear",
    "conv_transpose2d": "linear",
    "conv_transpose3d": "linear",
    "swish": "silu",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu2": "relu_squared",
}

_MODULES: dict[type[nn.Module], Callable[[Any], str | None]] = {
    nn.Identity: lambda m: "linear",
    nn.ReLU: lambda m: "relu",
    nn.LeakyReLU: lambda m: f"leaky_relu({m.negative_slope!r})",
    nn.PReLU: lambda m: f"leaky_relu({m.init!r})",
    nn.ELU: lambda m: _with_number("elu", m.alpha),
    nn.CELU: lambda m: _with_number("celu", m.alpha),
    nn.SELU: lambda m: "selu",
    nn.GELU: lambda m: "gelu_tanh" if m.approximate == "tanh" else "gelu",
    nn.SiLU: lambda m: "silu",
    nn.Mish: lambda m: "mish",
    nn.Tanh: lambda m: "tanh",
    nn.Sigmoid: lambda m: "sigmoid",
    nn.Softplus: lambda m: "softplus" if (m.beta, m.threshold) == (1, 20) else None,
    nn.Softsign: lambda m: "softsign",
    nn.LogSigmoid: lambda m: "logsigmoid",
    nn.Tanhshrink: lambda m: "tanhshrink",
    nn.Hardtanh: lambda m: "hardtanh" if (m.min_val, m.max_val) == (-1, 1) else None,
    nn.Hardsigmoid: lambda m: "hardsigmoid",
    nn.Hardswish: lambda m: "hardswish",
    nn.ReLU6: lambda m: "relu6",
}

_TRANSFORMERS = {
    "GELUActivation": "gelu",
    "NewGELUActivation": "gelu_tanh",
    "GELUTanh": "gelu_tanh",
    "PytorchGELUTanh": "gelu_tanh",
    "FastGELUActivation": "gelu_tanh",
    "QuickGELUActivation": "quick_gelu",
    "ReLUSquaredActivation": "relu_squared",
    "SiLUActivation": "silu",
}
"""Activations of ``transformers.activations``, known by class name, so that it need not be installed."""

_FUNCTIONS: dict[Callable[..., Any], str] = {
    function: name
    for name, functions in {
        "relu": (F.relu, F.relu_, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_),
        "leaky_relu": (F.leaky_relu, F.leaky_relu_),
        "elu": (F.elu, F.elu_),
        "celu": (F.celu, torch.celu),
        "selu": (F.selu, torch.selu),
        "gelu": (F.gelu,),
        "silu": (F.silu,),
        "mish": (F.mish,),
        "tanh": (F.tanh, torch.tanh, torch.tanh_, Tensor.tanh, Tensor.tanh_),
        "sigmoid": (F.sigmoid, torch.sigmoid, torch.sigmoid_, Tensor.sigmoid, Tensor.sigmoid_),
        "softplus": (F.softplus,),
        "softsign": (F.softsign,),
        "logsigmoid": (F.logsigmoid,),
        "tanhshrink": (F.tanhshrink,),
        "hardtanh": (F.hardtanh,),
        "hardsigmoid": (F.hardsigmoid,),
        "hardswish": (F.hardswish,),
        "relu6": (F.relu6,),
        "sin": (torch.sin, torch.sin_, Tensor.sin, Tensor.sin_),
    }.items()
    for function in functions
}

_SPELLING = re.compile(r"(?P<name>\w+)(?:\((?P<number>[^()]+)\))?")


def activation_name(activation: object) -> str | None:
    """The name of an activation given as a module, a function or a name; ``None`` when it has none.

    A module with a number of its own has it in brackets. A PReLU is a leaky ReLU with the slope it starts from.

    >>> activation_name(torch.relu), activation_name(nn.GELU(approximate="tanh")), activation_name("swish")
    ('relu', 'gelu_tanh', 'silu')
    >>> activation_name(nn.LeakyReLU(0.2)), activation_name(nn.Softmax(dim=1))
    ('leaky_relu(0.2)', None)
    """
    if isinstance(activation, str):
        found = _parse(activation)
        return None if found is None else found[0] if found[1] is None else f"{found[0]}({found[1]!r})"
    if isinstance(activation, nn.Module):
        return _module_name(activation)
    try:
        return _FUNCTIONS.get(activation)  # pyright: ignore[reportArgumentType]
    except TypeError:  # not hashable
        return None


def activation_function(name: str, param: float | None = None) -> Activation:
    """The function that ``name`` stands for, elementwise on tensors.

    Args:
        name: a name, with its number in brackets where it takes one: ``"leaky_relu(0.2)"``.
        param: the number, if it is not in the name.

    Raises:
        SchemeError: for a name that is not known, and for a number to an activation that takes none.

    >>> activation_function("leaky_relu(0.5)")(torch.tensor([-2.0, 1.0]))
    tensor([-1.,  1.])
    """
    found = _parse(name)
    if found is None:
        known = [*_PLAIN, *_SHAPED, *_ALIASES]
        raise SchemeError(
            f"unknown activation {name!r}.{did_you_mean(name, known)} Known: {', '.join(sorted(known))}; "
            "any other can be given as a function of a tensor"
        )
    base, number = found
    number = param if number is None else number
    if base in _SHAPED:
        function, default = _SHAPED[base]
        slope = default if number is None else float(number)
        return lambda z: function(z, slope)
    if number is not None:
        raise SchemeError(f"activation {base!r} takes no number, given {number!r}; those that do: {', '.join(_SHAPED)}")
    return _PLAIN[base]


def split_name(name: str) -> tuple[str, float | None]:
    """A name that is known in two parts: ``("leaky_relu", 0.2)`` for ``"leaky_relu(0.2)"``."""
    return _parse(name) or (name, None)


def _parse(name: str) -> tuple[str, float | None] | None:
    match = _SPELLING.fullmatch(name.strip())
    if match is None:
        return None
    base = _ALIASES.get(match["name"], match["name"])
    if match["number"] is None:
        return (base, None) if base in _PLAIN or base in _SHAPED else None
    try:
        return (base, float(match["number"])) if base in _SHAPED else None
    except ValueError:
        return None


def _module_name(module: nn.Module) -> str | None:
    kind = type(module)
    if kind.__module__ == "transformers.activations":
        return _TRANSFORMERS.get(kind.__name__)
    for base in kind.__mro__:
        if base in _MODULES:  # a subclass with a forward of its own is another function
            return _MODULES[base](module) if kind.forward is base.forward else None
    return None


def _with_number(name: str, number: float) -> str:
    return name if number == _SHAPED[name][1] else f"{name}({number!r})"
