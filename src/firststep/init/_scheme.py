"""The form of a scheme: a small frozen value that knows its formula, its moments and how to fill a region."""

from __future__ import annotations

import functools
import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from itertools import pairwise
from typing import Any, ClassVar, ParamSpec, TypeVar

import torch
from torch import Tensor

from .. import rng
from ..errors import SchemeError, did_you_mean
from ._activations import activation_name
from ._layout import Layout
from ._moments import Moments as Moments
from ._moments import constant_moments, law_moments
from ._site import Part, Site

P = ParamSpec("P")
S = TypeVar("S", bound="Scheme")


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

    uses_flow: ClassVar[bool] = False
    """Whether the values depend on what follows the layer: planning then traces the model for it."""

    uses_model: ClassVar[bool] = False
    """Whether the values depend on numbers of the model around the layer: planning then counts them."""

    @property
    def _call(self) -> tuple[str, dict[str, Any]]:
        """Name and options of the call that makes this scheme; of the class itself for one made without a factory."""
        own = fields(self) if is_dataclass(self) else ()
        return self.__dict__.get("_spelling") or (type(self).__name__, {f.name: getattr(self, f.name) for f in own})

    def expected(self, site: Site | Sequence[int]) -> Moments:
        """Mean, variance, support and kurtosis of the values on ``site`` (or on a bare shape)."""
        site = as_site(site)
        self.check(site)
        return with_zero_rows(self._moments(site), site)

    def check(self, site: Site, dtype: torch.dtype | None = None) -> None:
        """Raise :class:`SchemeError` when this scheme cannot fill ``site`` (in ``dtype``)."""
        self._check(site)
        if dtype is not None and dtype.is_floating_point and site.numel:
            self._check_dtype(site, dtype)

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

    def one_law(self, site: Site) -> rng.Law | None:
        """The law of every element on ``site``, where all are independent draws of one and no more is done."""
        return None

    def fills(self, tensor: Tensor, *, seed: int, name: str, site: Site) -> list[rng.Fill] | None:
        """What :meth:`fill_` draws, so that many tensors can be filled at once; ``None`` when there is more to it.

        The fills share no element, and together they cover ``tensor``, which holds all of ``site``. Nothing is checked.
        """
        region = rng.Region.whole(site.shape)
        found = self._fills(tensor, site, region, Draw(seed, name))
        if found is None or not site.zero_rows:
            return found
        return [one for fill in found for one in _around_zero_rows(fill, site.zero_rows)]

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
        name, options = self._call
        return {"scheme": name, **{k: list(v) if isinstance(v, tuple) else v for k, v in options.items()}}

    def layout(
        self,
        axes: str,
        *,
        blocks: int | Sequence[int] = 1,
        groups: int = 1,
        stride: int | Sequence[int] = 1,
    ) -> Laid:
        """This scheme for a raw parameter of your own module, whose shape is to be read as ``axes`` says.

        Args:
            axes: one word per dimension, see :func:`fans`: ``"in out"`` for ``x @ W``, ``"expert in out"`` for experts.
            blocks: how many equal blocks the first ``out`` axis packs (3 for q, k, v), or their sizes (unequal for
                grouped queries); each is filled with its own fans.
            groups: groups of a convolution.
            stride: stride of a transposed convolution.

        Returns:
            A scheme.

        Raises:
            SchemeError: for axes that cannot be read; when used, for axes that do not fit the shape.

        >>> from firststep import init
        >>> scheme = init.lecun_normal().layout("expert in out")
        >>> scheme.expected((8, 64, 256)).std
        0.125
        """
        return Laid(self, Layout(axes, _tupled(blocks), groups, _tupled(stride)))

    def describe(self, site: Site) -> str:
        """What is printed in a plan's row; by default the call itself."""
        return repr(self)

    def __repr__(self) -> str:
        name, options = self._call
        return f"{name}({', '.join(f'{k}={v!r}' for k, v in options.items())})"

    @abstractmethod
    def _moments(self, site: Site) -> Moments: ...

    def _check(self, site: Site) -> None:  # noqa: B027  a hook, not a duty
        """Raise SchemeError when ``site`` is impossible; the default accepts everything."""

    def _check_dtype(self, site: Site, dtype: torch.dtype) -> None:
        """Raise SchemeError when the values on ``site`` do not fit ``dtype``."""
        moments, limit = self._moments(site), torch.finfo(dtype).max
        reach = max((abs(bound) for bound in (moments.low, moments.high) if math.isfinite(bound)), default=0.0)
        if reach > limit:
            raise SchemeError(
                f"{self} on {site} reaches {reach:.4g}, beyond the largest {str(dtype).removeprefix('torch.')}, "
                f"{limit:.4g}. Use a smaller scale or a wider dtype"
            )

    @abstractmethod
    def _fill(self, tensor: Tensor, site: Site, region: rng.Region, draw: Draw) -> None: ...

    def _fills(self, tensor: Tensor, site: Site, region: rng.Region, draw: Draw) -> list[rng.Fill] | None:
        """What :meth:`_fill` draws, when it does nothing else."""
        return None


class Elementwise(Scheme):
    """A scheme whose elements are independent draws of one law per part."""

    @abstractmethod
    def law(self, part: Part, site: Site) -> rng.Law:
        """The law of the elements of ``part``."""

    def part_moments(self, part: Part, site: Site) -> Moments:
        """The moments of the values of ``part``."""
        return law_moments(self.law(part, site))

    def _check(self, site: Site) -> None:
        for part in parts_of(site):
            self.law(part, site)

    def _check_dtype(self, site: Site, dtype: torch.dtype) -> None:
        for part in parts_of(site):
            try:
                rng.support(self.law(part, site), dtype)
            except SchemeError as error:
                raise SchemeError(f"{self} on {site}: {error}") from error

    def _moments(self, site: Site) -> Moments:
        parts = parts_of(site)
        return Moments.mixture([p.size for p in parts], [self.part_moments(p, site) for p in parts])

    def one_law(self, site: Site) -> rng.Law | None:
        plain = type(self)._fill is Elementwise._fill and len(site.parts) <= 1 and not site.zero_rows
        return self.law(parts_of(site)[0], site) if plain else None

    def _fill(self, tensor: Tensor, site: Site, region: rng.Region, draw: Draw) -> None:
        rng.fill_many_(self._draws(tensor, site, region, draw))

    def _fills(self, tensor: Tensor, site: Site, region: rng.Region, draw: Draw) -> list[rng.Fill] | None:
        more = type(self)._fill is not Elementwise._fill  # in a subclass
        return None if more else self._draws(tensor, site, region, draw)

    def _draws(self, tensor: Tensor, site: Site, region: rng.Region, draw: Draw) -> list[rng.Fill]:
        key = draw.key()
        return [rng.Fill(piece, self.law(part, site), key, box) for part, piece, box in pieces(tensor, site, region)]


class Transformed(Elementwise):
    """A scheme whose elements are a function of independent draws; :meth:`part_moments` is of the function's values."""

    @abstractmethod
    def part_moments(self, part: Part, site: Site) -> Moments: ...

    @abstractmethod
    def transform(self, values: Tensor) -> Tensor:
        """Maps drawn values, of any shape, to the scheme's."""

    def _check_dtype(self, site: Site, dtype: torch.dtype) -> None:
        Scheme._check_dtype(self, site, dtype)  # the law's own reach is not the values'

    def _fill(self, tensor: Tensor, site: Site, region: rng.Region, draw: Draw) -> None:
        for part, piece, box in pieces(tensor, site, region):
            rng.fill_(piece, self.law(part, site), draw.key(), box, transform=self.transform)


@dataclass(frozen=True, repr=False)
class Laid(Scheme):
    """A scheme with its own reading of the shape, made by :meth:`Scheme.layout`."""

    formula: ClassVar[str] = "that of the scheme it wraps"

    scheme: Scheme
    reading: Layout

    def __post_init__(self) -> None:
        object.__setattr__(self, "uses_flow", self.scheme.uses_flow)
        object.__setattr__(self, "uses_model", self.scheme.uses_model)

    def check(self, site: Site, dtype: torch.dtype | None = None) -> None:
        self.scheme.check(self.reading.read(site), dtype)

    def describe(self, site: Site) -> str:
        return f"{self.scheme.describe(self.reading.read(site))}{self.reading}"

    def to_dict(self) -> dict[str, Any]:
        """As for any scheme, the reading under ``"layout"``."""
        return {**self.scheme.to_dict(), "layout": self.reading.to_dict()}

    def __repr__(self) -> str:
        return f"{self.scheme!r}{self.reading}"

    def _moments(self, site: Site) -> Moments:
        return self.scheme._moments(self.reading.read(site))

    def _fill(self, tensor: Tensor, site: Site, region: rng.Region, draw: Draw) -> None:
        self.scheme._fill(tensor, self.reading.read(site), region, draw)

    def one_law(self, site: Site) -> rng.Law | None:
        return self.scheme.one_law(self.reading.read(site))

    def _fills(self, tensor: Tensor, site: Site, region: rng.Region, draw: Draw) -> list[rng.Fill] | None:
        return self.scheme._fills(tensor, self.reading.read(site), region, draw)


def pieces(tensor: Tensor, site: Site, region: rng.Region) -> list[tuple[Part, Tensor, rng.Region]]:
    """The parts of ``site`` that ``region`` touches, each with its view of ``tensor`` and its own region."""
    if not site.shape:
        return [(parts_of(site)[0], tensor, region)]
    found, start = [], 0
    for part in parts_of(site):
        local, length = region.overlap(site.axis, start, start + part.size)
        if length:
            found.append((part, tensor.narrow(site.axis, local, length), region.narrow(site.axis, local, length)))
        start += part.size
    return found


def _around_zero_rows(fill: rng.Fill, rows: Sequence[int]) -> Iterator[rng.Fill]:
    """``fill`` cut along its first dimension, the rows that are held at zero filled with it."""
    region = fill.region or rng.Region.whole(fill.out.shape)
    start, stop = region.offsets[0], region.offsets[0] + region.sizes[0]
    held = sorted(row for row in set(rows) if start <= row < stop)
    edges = [start, *(edge for row in held for edge in (row, row + 1)), stop]
    for begin, end in pairwise(edges):
        if begin < end:
            law = rng.Uniform(0.0, 0.0) if begin in held and end == begin + 1 else fill.law
            place = 0, begin - start, end - begin
            yield rng.Fill(fill.out.narrow(*place), law, fill.key, region.narrow(*place))


def parts_of(site: Site) -> tuple[Part, ...]:
    """The parts of ``site``; one for a scalar."""
    return site.parts or (Part(site.shape[site.axis] if site.shape else 1),)


def as_site(site: Site | Sequence[int]) -> Site:
    """``site`` itself, or the site of a bare shape."""
    return site if isinstance(site, Site) else Site.of_shape(site)


def with_zero_rows(moments: Moments, site: Site) -> Moments:
    """``moments`` of a site some of whose rows are held at zero."""
    if not site.zero_rows or not site.numel:
        return moments
    rows, zeros = site.shape[0], len(set(site.zero_rows))
    return Moments.mixture([rows - zeros, zeros], [moments, constant_moments(0.0)])


def spelled(factory: Callable[P, S]) -> Callable[P, S]:
    """Make a factory's schemes print and serialise as the call that made them, defaults left out.

    An activation given as a function or module is spelled by its name. One that has no name cannot be, and the scheme
    then keeps the spelling of the general form that the factory called.
    """
    signature = inspect.signature(factory)
    defaults = {name: p.default for name, p in signature.parameters.items()}

    @functools.wraps(factory)
    def make(*args: P.args, **kwargs: P.kwargs) -> S:
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(_how_to_call(factory.__name__, signature, kwargs, error)) from None
        scheme = factory(*args, **kwargs)
        options = {k: _plain(v) for k, v in given.items() if v != defaults[k]}
        if not any(callable(v) for v in options.values()):
            object.__setattr__(scheme, "_spelling", (factory.__name__, options))
        return scheme

    return make


def _how_to_call(name: str, signature: inspect.Signature, given: Iterable[str], error: TypeError) -> str:
    """What is wrong with a call of a factory, and the call to type."""
    takes = signature.parameters
    hint = "".join(did_you_mean(option, takes) for option in given if option not in takes)
    options = ", ".join(f"{p.name}={'...' if p.default is p.empty else repr(p.default)}" for p in takes.values())
    return f"init.{name}: {error}.{hint} Options go by name: init.{name}({options})"


def _plain(value: Any) -> Any:
    return (activation_name(value) or value) if callable(value) else _tupled(value)


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


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
