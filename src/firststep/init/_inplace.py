"""The functions of ``torch.nn.init``, under the same names, with the same arguments and the same meaning.

Each draws one 64-bit seed from ``generator`` (torch's own by default) and fills the tensor by the scheme of its name.
The numbers are not torch's; their distribution is, for every dtype and memory layout. Beyond torch's: half precision
and float8 throughout, ``generator`` honoured by :func:`sparse_` as well, activations such as ``"gelu"`` as
``nonlinearity``, and errors that leave the tensor as it was.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor
from torch.overrides import handle_torch_function, has_torch_function

from .. import rng
from ..errors import SchemeError
from ._elementary import normal, trunc_normal_torch, uniform
from ._gain import torch_gain
from ._identity import dirac, eye
from ._orthogonal import orthogonal
from ._scaling import kaiming_normal, kaiming_uniform, xavier_normal, xavier_uniform
from ._scheme import Scheme
from ._site import Mode, Site, need_fans, tensor_fans
from ._sparse import sparse

P = ParamSpec("P")
R = TypeVar("R")


def _overridable(function: Callable[P, R]) -> Callable[P, R]:
    """Let tensor subclasses and modes with ``__torch_function__`` take the call over, as torch's own functions do."""

    @functools.wraps(function)
    def dispatched(*args: P.args, **kwargs: P.kwargs) -> R:
        tensors = (*args[:1], *((kwargs["tensor"],) if "tensor" in kwargs else ()))
        if has_torch_function(tensors):
            return handle_torch_function(dispatched, tensors, *args, **kwargs)
        return function(*args, **kwargs)

    return dispatched


def _draw(tensor: Tensor, scheme: Scheme, generator: torch.Generator | None) -> Tensor:
    """Fill ``tensor`` with a fresh draw of ``scheme``; the generator moves only when there is something to fill."""
    if not (tensor.is_floating_point() or tensor.is_complex()):
        raise SchemeError(f"{scheme} was asked to fill a tensor of {tensor.dtype}; expected a floating-point dtype")
    site = Site.of_shape(tensor.shape)
    scheme.check(site, tensor.dtype)
    if tensor.is_meta or tensor.numel() == 0:
        return tensor
    return scheme.fill_(tensor, seed=rng.draw_seed(generator), site=site)


@_overridable
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Fill ``tensor`` by :func:`uniform`: U[a, b).

    >>> bool((uniform_(torch.empty(3, 5), 2.0, 3.0) >= 2.0).all())
    True
    """
    return _draw(tensor, uniform(a, b), generator)


@_overridable
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Fill ``tensor`` by :func:`normal`: N(mean, std^2).

    >>> normal_(torch.empty(3, 5), std=0.02).shape
    torch.Size([3, 5])
    """
    return _draw(tensor, normal(mean=mean, std=std), generator)


@_overridable
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fill ``tensor`` by :func:`trunc_normal_torch`: N(mean, std^2) cut off at the absolute values ``a`` and ``b``.

    Warns, as torch does, when the mean lies more than 2 std outside [a, b].

    >>> bool((trunc_normal_(torch.empty(3, 5), std=0.02, a=-0.04, b=0.04).abs() <= 0.04).all())
    True
    """
    scheme = trunc_normal_torch(mean=mean, std=std, a=a, b=b)
    if not tensor.is_meta and not a - 2 * std <= mean <= b + 2 * std:
        warnings.warn(
            f"mean is more than 2 std from [a, b] in trunc_normal_: mean={mean}, std={std}, a={a}, b={b}. Few normals "
            "lie there, nearly all of them at one end; are the bounds, which are absolute, what you meant?",
            stacklevel=3,
        )
    return _draw(tensor, scheme, generator)


@_overridable
def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill ``tensor`` with ``val``, any number its dtype holds; infinities too.

    >>> constant_(torch.empty(2), 0.3)
    tensor([0.3000, 0.3000])
    """
    with torch.no_grad():
        return tensor.fill_(val)


@_overridable
def ones_(tensor: Tensor) -> Tensor:
    """Fill ``tensor`` with 1.

    >>> ones_(torch.empty(2))
    tensor([1., 1.])
    """
    return constant_(tensor, 1.0)


@_overridable
def zeros_(tensor: Tensor) -> Tensor:
    """Fill ``tensor`` with 0.

    >>> zeros_(torch.empty(2))
    tensor([0., 0.])
    """
    return constant_(tensor, 0.0)


@_overridable
def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix by :func:`eye`: 1 on the diagonal, 0 elsewhere.

    >>> eye_(torch.empty(2, 3))
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    return eye().fill_(tensor, seed=0)


@_overridable
def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill a convolution's kernel by :func:`dirac`: it passes its input on.

    >>> dirac_(torch.empty(1, 1, 3))
    tensor([[[0., 1., 0.]]])
    """
    return dirac(groups=groups).fill_(tensor, seed=0)


@_overridable
def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Fill ``tensor`` by :func:`xavier_uniform`, with the fans of its bare shape.

    >>> bool((xavier_uniform_(torch.empty(2, 4)).abs() <= 1.0).all())
    True
    """
    return _draw(tensor, xavier_uniform(gain=gain), generator)


@_overridable
def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Fill ``tensor`` by :func:`xavier_normal`, with the fans of its bare shape.

    >>> xavier_normal_(torch.empty(2, 4)).shape
    torch.Size([2, 4])
    """
    return _draw(tensor, xavier_normal(gain=gain), generator)


@_overridable
def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: Mode = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fill ``tensor`` by :func:`kaiming_uniform`, with the fans of its bare shape.

    Warns, as torch does, when there is no element to fill.

    >>> bool((kaiming_uniform_(torch.empty(4, 6), nonlinearity="relu").abs() <= 1.0).all())
    True
    """
    if _warned_empty(tensor):
        return tensor
    return _draw(tensor, kaiming_uniform(a=a, mode=_lower(mode), nonlinearity=nonlinearity), generator)


@_overridable
def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: Mode = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: torch.Generator | None = None,
) -> Tensor:
    """Fill ``tensor`` by :func:`kaiming_normal`, with the fans of its bare shape.

    Warns, as torch does, when there is no element to fill.

    >>> kaiming_normal_(torch.empty(4, 6), mode="fan_out").shape
    torch.Size([4, 6])
    """
    if _warned_empty(tensor):
        return tensor
    return _draw(tensor, kaiming_normal(a=a, mode=_lower(mode), nonlinearity=nonlinearity), generator)


@_overridable
def orthogonal_(tensor: Tensor, gain: float = 1, generator: torch.Generator | None = None) -> Tensor:
    """Fill ``tensor``, read as ``(first, all others)``, by :func:`orthogonal`.

    >>> w = orthogonal_(torch.empty(3, 5))
    >>> torch.allclose(w @ w.T, torch.eye(3), atol=1e-6)
    True
    """
    return _draw(tensor, orthogonal(gain=gain), generator)


@_overridable
def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: torch.Generator | None = None) -> Tensor:
    """Fill a matrix by :func:`sparse`: ``ceil(sparsity * rows)`` zeros in each column, N(0, std^2) elsewhere.

    >>> (sparse_(torch.empty(10, 3), 0.3) == 0).sum(0)
    tensor([3, 3, 3])
    """
    return _draw(tensor, sparse(sparsity=sparsity, std=std), generator)


def calculate_gain(nonlinearity: str, param: int | float | None = None) -> float:
    """torch's gain of an activation, ``gain(nonlinearity, param, kind="torch")``; :func:`gain` knows any activation.

    >>> calculate_gain("tanh") == 5 / 3
    True
    """
    return torch_gain(nonlinearity, param)


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """The fans of a bare shape; underscored as in torch, where libraries import it all the same."""
    fans = need_fans(tensor_fans(tensor.shape), Site.of_shape(tensor.shape), "_calculate_fan_in_and_fan_out")
    return int(fans.fan_in), int(fans.fan_out)


def _warned_empty(tensor: Tensor) -> bool:
    if 0 not in tensor.shape:
        return False
    warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=4)
    return True


def _lower(mode: Mode) -> Mode:
    """torch takes ``mode`` in any case."""
    return mode.lower()  # pyright: ignore[reportReturnType]
