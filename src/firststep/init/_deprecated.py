"""Names that mean a scheme here and, given a tensor, what they meant in early versions of torch.

``init.normal(std=0.02)`` is a scheme. ``init.normal(tensor)`` is torch's old name of ``init.normal_(tensor)``, which
still works there with a FutureWarning; so it does here.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeVar, cast, overload

from torch import Tensor

from . import _elementary, _identity, _inplace, _orthogonal, _scaling, _sparse
from ._scheme import Scheme

P = ParamSpec("P")
Q = ParamSpec("Q")
S = TypeVar("S", bound=Scheme, covariant=True)


class Either(Protocol[P, Q, S]):
    """A factory of schemes that also takes a tensor first."""

    __name__: str

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> S: ...
    @overload
    def __call__(self, *args: Q.args, **kwargs: Q.kwargs) -> Tensor: ...


def either(factory: Callable[P, S], in_place: Callable[Q, Tensor]) -> Either[P, Q, S]:
    """``factory``, or ``in_place`` with a warning when the first argument is a tensor."""

    @functools.wraps(factory)
    def choose(*args: object, **kwargs: object) -> Scheme | Tensor:
        if not isinstance(args[0] if args else kwargs.get("tensor"), Tensor):
            return cast("Callable[..., Scheme]", factory)(*args, **kwargs)
        old, new = factory.__name__, in_place.__name__
        warnings.warn(
            f"init.{old}(tensor) is deprecated in favor of init.{new}(tensor); "
            f"without a tensor, init.{old} makes a scheme",
            FutureWarning,
            stacklevel=2,
        )
        return cast("Callable[..., Tensor]", in_place)(*args, **kwargs)

    choose.__module__ = __name__  # where pickle finds it
    return cast("Either[P, Q, S]", choose)


uniform = either(_elementary.uniform, _inplace.uniform_)
normal = either(_elementary.normal, _inplace.normal_)
constant = either(_elementary.constant, _inplace.constant_)
eye = either(_identity.eye, _inplace.eye_)
dirac = either(_identity.dirac, _inplace.dirac_)
xavier_uniform = either(_scaling.xavier_uniform, _inplace.xavier_uniform_)
xavier_normal = either(_scaling.xavier_normal, _inplace.xavier_normal_)
kaiming_uniform = either(_scaling.kaiming_uniform, _inplace.kaiming_uniform_)
kaiming_normal = either(_scaling.kaiming_normal, _inplace.kaiming_normal_)
orthogonal = either(_orthogonal.orthogonal, _inplace.orthogonal_)
sparse = either(_sparse.sparse, _inplace.sparse_)
