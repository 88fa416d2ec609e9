"""The form of a scheme: a small frozen value that knows its formula, its moments and how to fill a region."""

from __future__ import annotations

import functools
import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, ParamSpec, TypeVar

import torch
from torch import Tensor

from .. import rng
from ..errors import SchemeError
from ._site import Part, Site

P = ParamSpec("P")
S = TypeVar("S", bound="Scheme")


@dataclass(frozen=True, slots=True)
class Moments:
    """What the values of a parameter should look like.

    Args:
        mean, variance: first moment and second central moment.
        low, high: support; no value lies outside.
        kurtosis: fourth central moment over the squared variance (3 for a normal, 1.8 for a uniform); 1 says that the
            second moment is not random at all, as for a constant or an orthogonal matrix.
    """

    mean: float
    variance: float
    low: float = -math.inf
    high: float = math.inf
    kurtosis: float = 3.0

    @property
    def std(self) -> float:
        """Standard deviation."""
        return math.sqrt(self.variance)

    @property
    def second_moment(self) -> float:
        """E[w^2]."""
        return self.variance + self.mean**2

    @staticmethod
    def mixture(weights: Sequence[float], moments: Sequence[Moments]) -> Moments:
        """Moments of a draw that follows ``moments[i]`` with probability proportional to ``weights[i]``."""
        pairs = [(w, m) for w, m in zip(weights, moments, strict=True) if w > 0]
        if len(pairs) == 1:
            return pairs[0][1]
        if not pairs:
            return moments[0] if moments else Moments(0.0, 0.0, 0.0, 0.0, 1.0)
        total = math.fsum(w for w, _ in pairs)
        mean = math.fsum(w * m.mean for w, m in pairs) / total
        variance = math.fsum(w * (m.variance + (m.mean - mean) ** 2) for w, m in pairs) / total
        # E[(x - mean)^4] of each part about the common mean; the third central moment of the parts is taken as 0.
        fourth = math.fsum(
            w * (m.kurtosis * m.variance**2 + 6 * m.variance * (m.mean - mean) ** 2 + (m.mean - mean) ** 4)
            for w, m in pairs
        )
        kurtosis = fourth / total / variance**2 if variance > 0 else 1.0
        return Moments(mean, variance, min(m.low for _, m in pairs), max(m.high for _, m in pairs), kurtosis)


@dataclass(frozen=True, slots=True)
class Draw:
    """Where values come from: a seed and a canonical name."""

    seed: int
    name: str

    def key(self, purpose: str = "") -> rng.Key:
        """The key of this draw's stream; ``purpose`` names a second stream of the same parameter."""
        return rng.derive_key(self.seed, self.name, purpose)


class Scheme(ABC):
    """A rule for the values of one parameter. Subclasses are frozen dataclasses; values compare equal by field.

    Printing gives the call that makes the scheme, ``to_dict`` the same as plain data.
    """

    formula: ClassVar[str]
    """The distribution, in one line."""

    _spelling: tuple[str, dict[str, Any]]

    def expected(self, site: Site | Sequence[int]) -> Moments:
        """Mean, variance, support and kurtosis of the values on ``site`` (or on a bare shape)."""
        site = as_site(site)
        self.check(site)
        return with_zero_rows(self._moments(site), site)

    def check(self, site: Site, dtype: torch.dtype | None = None) -> None:
        """Raise :class:`SchemeError` when this scheme cannot fill ``site`` (in ``dtype``)."""
        self._check(site)
        if dtype is not None and dtype.is_floating_point and site.numel:
            moments, limit = self._moments(site), torch.finfo(dtype).max
            if max(abs(moments.low), abs(moments.high)) > limit:
                raise SchemeError(
                    f"{self} on {site} reaches {max(abs(moments.low), abs(moments.high)):.4g}, beyond the largest "
                    f"{str(dtype).removeprefix('torch.')}, {limit:.4g}. Use a smaller std or a wider dtype"
                )

    def fill_(
        self,
        tensor: Tensor,
        *,
        seed: int,
        name: str = "",
        site: Site | None = None,
        region: rng.Region | None = None,
    ) -> Tensor:
        """Fill ``tensor`` in place with the values of ``region`` (default: all) of the parameter ``name``.

        The values depend on ``seed``, ``name``, the global index and the scheme, and on nothing else.

        Raises:
            SchemeError: when the scheme cannot fill this site; the tensor is untouched.
        """
        site = Site.of_shape(region.shape if region else tensor.shape, name) if site is None else site
        region = rng.Region.whole(site.shape) if region is None else region
        if tuple(tensor.shape) != region.sizes or region.shape != site.shape:
            raise SchemeError(
                f"{self} was asked to fill {region} of {site} into a tensor of shape {tuple(tensor.shape)}; "
                "expected the region's sizes and the site's shape"
            )
        self.check(site, tensor.dtype)
        if tensor.is_meta or tensor.numel() == 0:
            return tensor
        with torch.no_grad():
            self._fill(tensor, site, region, Draw(seed, name))
            for row in site.zero_rows:
                start, length = region.overlap(0, row, row + 1)
                tensor.narrow(0, start if length else 0, length).zero_()
        return tensor

    def sample(
        self,
        shape: Sequence[int] | Site,
        *,
        seed: int,
        name: str = "",
        dtype: torch.dtype | None = None,
        device: torch.device | str | None = None,
        region: rng.Region | None = None,
    ) -> Tensor:
        """A new tensor with the values of ``region`` (default: all) of the parameter ``name``."""
        site = as_site(shape)
        sizes = site.shape if region is None else region.sizes
        return self.fill_(
            torch.empty(sizes, dtype=dtype, device=device), seed=seed, name=name, site=site, region=region
        )

    def to_dict(self) -> dict[str, Any]:
        """The scheme as plain data: ``{"scheme": name, **options}``; ``init.from_dict`` reads it back."""
        name, options = self._spelling
        return {"scheme": name, **options}

    def describe(self, site: Site) -> str:
        """What is printed in a plan's row; by default the call itself."""
        return repr(self)

    def __repr__(self) -> str:
        name, options = self._spelling
        return f"{name}({', '.join(f'{k}={v!r}' for k, v in options.items())})"

    @abstractmethod
    def _moments(self, site: Site) -> Moments: ...

    def _check(self, site: Site) -> None:
        """Raise SchemeError when ``site`` is impossible; the default accepts everything."""

    @abstractmethod
    def _fill(self, tensor: Tensor, site: Site, region: rng.Region, draw: Draw) -> None: ...


class Elementwise(Scheme):
    """A scheme whose elements are independent draws of one law per part."""

    purpose: ClassVar[str] = ""

    @abstractmethod
    def law(self, part: Part, site: Site) -> rng.Law:
        """The law of the elements of ``part``."""

    @abstractmethod
    def part_moments(self, part: Part, site: Site) -> Moments:
        """The moments of ``law(part, site)`` after ``transform``."""

    def transform(self, values: Tensor) -> Tensor:
        """Maps drawn values to the scheme's; the identity unless a subclass says otherwise."""
        return values

    def _check(self, site: Site) -> None:
        for part in _parts(site):
            self.law(part, site)

    def _moments(self, site: Site) -> Moments:
        parts = _parts(site)
        return Moments.mixture([p.size for p in parts], [self.part_moments(p, site) for p in parts])

    def _fill(self, tensor: Tensor, site: Site, region: rng.Region, draw: Draw) -> None:
        key = draw.key(self.purpose)
        transformed = type(self).transform is not Elementwise.transform
        for part, piece, box in pieces(tensor, site, region):
            rng.fill_(piece, self.law(part, site), key, box, transform=self.transform if transformed else None)


def pieces(tensor: Tensor, site: Site, region: rng.Region) -> list[tuple[Part, Tensor, rng.Region]]:
    """The parts of ``site`` that ``region`` touches, each with its view of ``tensor`` and its own region."""
    if not site.shape:
        return [(_parts(site)[0], tensor, region)]
    found, start = [], 0
    for part in _parts(site):
        local, length = region.overlap(site.axis, start, start + part.size)
        if length:
            found.append((part, tensor.narrow(site.axis, local, length), region.narrow(site.axis, local, length)))
        start += part.size
    return found


def _parts(site: Site) -> tuple[Part, ...]:
    return site.parts or (Part(site.shape[site.axis] if site.shape else 1),)


def as_site(site: Site | Sequence[int]) -> Site:
    """``site`` itself, or the site of a bare shape."""
    return site if isinstance(site, Site) else Site.of_shape(site)


def with_zero_rows(moments: Moments, site: Site) -> Moments:
    """``moments`` of a site some of whose rows are held at zero."""
    if not site.zero_rows or not site.numel:
        return moments
    rows, zeros = site.shape[0], len(set(site.zero_rows))
    return Moments.mixture([rows - zeros, zeros], [moments, Moments(0.0, 0.0, 0.0, 0.0, 1.0)])


def spelled(factory: Callable[P, S]) -> Callable[P, S]:
    """Make a factory's schemes print and serialise as the call that made them, defaults left out."""
    signature = inspect.signature(factory)
    defaults = {name: p.default for name, p in signature.parameters.items()}

    @functools.wraps(factory)
    def make(*args: P.args, **kwargs: P.kwargs) -> S:
        scheme = factory(*args, **kwargs)
        given = signature.bind(*args, **kwargs).arguments
        options = {k: v for k, v in given.items() if v != defaults[k]}
        object.__setattr__(scheme, "_spelling", (factory.__name__, options))
        return scheme

    return make


def finite(scheme: str, **numbers: float) -> None:
    """Raise SchemeError unless every number is a finite real."""
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise SchemeError(f"{scheme}({name}={value!r}): expected a finite number")


def at_least(scheme: str, low: float, **numbers: float) -> None:
    """Raise SchemeError unless every number is finite and >= ``low``."""
    finite(scheme, **numbers)
    for name, value in numbers.items():
        if value < low:
            raise SchemeError(f"{scheme}({name}={value!r}): expected a number >= {low:g}")
