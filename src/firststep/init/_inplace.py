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
from typing import Any, NamedTuple, TypeVar, cast

import torch
from torch import Tensor
from torch.overrides import handle_torch_function, has_torch_function_unary

from .. import rng
from ..errors import SchemeError
from ._elementary import Drawn, normal, trunc_normal_torch, uniform
from ._gain import torch_gain
from ._identity import dirac, eye
from ._orthogonal import orthogonal
from ._scaling import kaiming_normal, kaiming_uniform, xavier_normal, xavier_uniform
from ._scheme import Scheme
from ._site import Mode, Site, need_fans, tensor_fans
from ._sparse import sparse

S = TypeVar("S", bound=Callable[..., Tensor])


def _overridable(function: S) -> S:
    """Let tensor subclasses and modes with ``__torch_function__`` take the call over, as torch's own functions do."""

    @functools.wraps(function)
    def dispatched(tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if has_torch_function_unary(tensor):
            return handle_torch_function(dispatched, (tensor,), tensor, *args, **kwargs)
        return function(tensor, *args, **kwargs)

    return cast("S", dispatched)


def _draw(
    function: Callable[..., Tensor],
    tensor: Tensor,
    make: Callable[..., Scheme],
    generator: torch.Generator | None,
    *options: Any,
) -> Tensor:
    """Fill ``tensor`` with a fresh draw of ``make(*options)``; the generator moves only when something is filled.

    All that does not depend on the numbers drawn is worked out once for like calls. A tensor or mode with
    ``__torch_function__`` gets the call ``function(tensor, *options)`` instead.
    """
    if has_torch_function_unary(tensor):
        return handle_torch_function(function, (tensor,), tensor, *options, generator=generator)
    try:
        ready = _ready(make, tensor.shape, tensor.dtype, *options)
    except TypeError:  # an option that cannot be looked up: the scheme says what it expected
        ready = _ready.__wrapped__(make, tensor.shape, tensor.dtype, *options)
    if ready.drawn is not None and ready.drawn.quickly(tensor, generator):
        return tensor
    if tensor.is_meta or tensor.numel() == 0:
        return tensor
    return ready.scheme.fill_(tensor, seed=rng.draw_seed(generator), site=ready.site)


class _Ready(NamedTuple):
    """What a call comes to: a scheme on the site of a bare shape, and its law where one is all there is to it."""

    scheme: Scheme
    site: Site
    drawn: rng.Drawn | None


@functools.lru_cache(maxsize=4096, typed=True)
def _ready(make: Callable[..., Scheme], shape: torch.Size, dtype: torch.dtype, *options: Any) -> _Ready:
    scheme = make(*options)
    if not (dtype.is_floating_point or dtype.is_complex):
        raise SchemeError(f"{scheme} was asked to fill a tensor of {dtype}; expected a floating-point dtype")
    site = Site.of_shape(shape)
    scheme.check(site, dtype)
    law = scheme.one_law(site)
    return _Ready(scheme, site, None if law is None else rng.Drawn(law, dtype))


@functools.lru_cache(maxsize=1024, typed=True)
def _drawn(make: Callable[..., Drawn], dtype: torch.dtype, *options: Any) -> rng.Drawn | None:
    """The law of an elementary scheme, whatever the shape; ``None`` when :func:`_draw` is to say what is wrong."""
    try:
        return rng.Drawn(make(*options).fixed, dtype)
    except SchemeError:
        return None


def _normal(mean: float, std: float) -> Drawn:
    return normal(mean=mean, std=std)


def _trunc_normal(mean: float, std: float, a: float, b: float) -> Scheme:
    return trunc_normal_torch(mean=mean, std=std, a=a, b=b)


def _xavier_uniform(gain: float) -> Scheme:
    return xavier_uniform(gain=gain)


def _xavier_normal(gain: float) -> Scheme:
    return xavier_normal(gain=gain)


def _kaiming_uniform(a: float, mode: Mode, nonlinearity: str) -> Scheme:
    return kaiming_uniform(a=a, mode=mode, nonlinearity=nonlinearity)


def _kaiming_normal(a: float, mode: Mode, nonlinearity: str) -> Scheme:
    return kaiming_normal(a=a, mode=mode, nonlinearity=nonlinearity)


def _orthogonal(gain: float) -> Scheme:
    return orthogonal(gain=gain)


def _sparse(sparsity: float, std: float) -> Scheme:
    return sparse(sparsity=sparsity, std=std)


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Fill ``tensor`` by :func:`uniform`: U[a, b).

    >>> bool((uniform_(torch.empty(3, 5), 2.0, 3.0) >= 2.0).all())
    True
    """
    if not has_torch_function_unary(tensor):
        drawn = _drawn(uniform, tensor.dtype, a, b)
        if drawn is not None and drawn.quickly(tensor, generator):
            return tensor
    return _draw(uniform_, tensor, uniform, generator, a, b)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Fill ``tensor`` by :func:`normal`: N(mean, std^2).

    >>> normal_(torch.empty(3, 5), std=0.02).shape
    torch.Size([3, 5])
    """
    if not has_torch_function_unary(tensor):
        drawn = _drawn(_normal, tensor.dtype, mean, std)
        if drawn is not None and drawn.quickly(tensor, generator):
            return tensor
    return _draw(normal_, tensor, _normal, generator, mean, std)


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
    _trunc_normal(mean, std, a, b)  # what cannot be is found first
    if not tensor.is_meta and not a - 2 * std <= mean <= b + 2 * std:
        warnings.warn(
            f"mean is more than 2 std from [a, b] in trunc_normal_: mean={mean}, std={std}, a={a}, b={b}. Few normals "
            "lie there, nearly all of them at one end; are the bounds, which are absolute, what you meant?",
            stacklevel=3,
        )
    return _draw(trunc_normal_, tensor, _trunc_normal, generator, mean, std, a, b)


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


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Fill ``tensor`` by :func:`xavier_uniform`, with the fans of its bare shape.

    >>> bool((xavier_uniform_(torch.empty(2, 4)).abs() <= 1.0).all())
    True
    """
    return _draw(xavier_uniform_, tensor, _xavier_uniform, generator, gain)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
    """Fill ``tensor`` by :func:`xavier_normal`, with the fans of its bare shape.

    >>> xavier_normal_(torch.empty(2, 4)).shape
    torch.Size([2, 4])
    """
    return _draw(xavier_normal_, tensor, _xavier_normal, generator, gain)


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
    return _draw(kaiming_uniform_, tensor, _kaiming_uniform, generator, a, _lower(mode), nonlinearity)


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
    return _draw(kaiming_normal_, tensor, _kaiming_normal, generator, a, _lower(mode), nonlinearity)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: torch.Generator | None = None) -> Tensor:
    """Fill ``tensor``, read as ``(first, all others)``, by :func:`orthogonal`.

    >>> w = orthogonal_(torch.empty(3, 5))
    >>> torch.allclose(w @ w.T, torch.eye(3), atol=1e-6)
    True
    """
    return _draw(orthogonal_, tensor, _orthogonal, generator, gain)


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: torch.Generator | None = None) -> Tensor:
    """Fill a matrix by :func:`sparse`: ``ceil(sparsity * rows)`` zeros in each column, N(0, std^2) elsewhere.

    >>> (sparse_(torch.empty(10, 3), 0.3) == 0).sum(0)
    tensor([3, 3, 3])
    """
    return _draw(sparse_, tensor, _sparse, generator, sparsity, std)


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
