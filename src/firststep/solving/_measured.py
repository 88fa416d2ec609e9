"""The moments of parameters: as their numbers have them, or as they are given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import SolveError, did_you_mean
from ..init import Moments, Scheme, Site, looks_linear, site_of
from ..planning import Row
from ._record import Record
from ._walk import Spread, Use

_LOOKS_LINEAR = type(looks_linear())


class Measured:
    """Moments of parameters, measured when first asked for unless they are given."""

    def __init__(self, model: nn.Module, run: Record, given: Mapping[str, Spread]) -> None:
        self._model, self._given = model, dict(given)
        self._names = {name: group[0] for group in run.parameters.values() for name in group}

    def spread(self, name: str, use: Use) -> Spread:
        """See :class:`Source`."""
        known = self._given.get(self._names.get(name, name))
        if known is None:
            known = self._given[name] = spread_of(*self._tensor(name))
        return known

    def _tensor(self, name: str) -> tuple[Tensor, Site]:
        owner, _, local = name.rpartition(".")
        module = self._model.get_submodule(owner)
        tensor: Tensor = getattr(module, local).detach()
        if tensor.is_meta:
            raise SolveError(
                f"{name!r} is on meta and has no numbers to measure. Give its moments: "
                f"predict(model, inputs, {{{name!r}: (mean, second_moment), ...}}), or a plan's rows"
            )
        return tensor, site_of(module, local, shape=tuple(tensor.shape))


def moments_of(given: Mapping[str, Any] | Iterable[Any] | None, run: Record) -> dict[str, Spread]:
    """What is given, by each parameter's first name.

    Raises:
        SolveError: for a name that no parameter has, and for anything but rows and pairs of numbers.
    """
    if given is None:
        return {}
    first = {name: group[0] for group in run.parameters.values() for name in group}
    found: dict[str, Spread] = {}
    pairs = given.items() if isinstance(given, Mapping) else ((getattr(row, "name", row), row) for row in given)
    for name, one in pairs:
        if name not in first:
            raise SolveError(
                f"moments are given for {name!r}, and the model has no such parameter.{did_you_mean(str(name), first)}"
            )
        if isinstance(one, Row):
            if one.scheme is not None:
                found[first[name]] = spread_of_row(one)
        elif isinstance(one, Moments):
            found[first[name]] = Spread(one.mean, one.second_moment)
        else:
            found[first[name]] = Spread(*_pair(name, one))
    return found


def _pair(name: str, one: Any) -> tuple[float, float]:
    try:
        mean, second = (float(number) for number in one)
    except (TypeError, ValueError):
        raise SolveError(
            f"moments of {name!r}: expected (mean, second moment) or a plan's row, given {one!r}"
        ) from None
    if second < mean**2:
        raise SolveError(f"moments of {name!r}: the second moment {second:g} is below the squared mean {mean**2:g}")
    return mean, second


def spread_of_row(row: Row) -> Spread:
    """What a plan's row will make of a parameter."""
    scheme, site, expected = row.scheme, row.site, row.expected
    assert scheme is not None
    assert site is not None
    assert expected is not None
    return planned(scheme, site, expected)


def planned(scheme: Scheme, site: Site, expected: Moments) -> Spread:
    """The moments that a scheme gives a parameter."""
    mirrored = isinstance(scheme, _LOOKS_LINEAR)
    by_part = getattr(scheme, "part_moments", None)  # of schemes whose elements are independent
    parts = [by_part(part, site) for part in site.parts] if by_part else []
    return Spread(
        expected.mean,
        expected.second_moment,
        mirrored_in=mirrored and site.mirrored_in,
        mirrored_out=mirrored and site.mirrored_out,
        centred=mirrored and len(site.shape) > 2,
        gates=tuple((one.mean, one.second_moment) for one in parts) if len(parts) > 1 else (),
    )


def spread_of(tensor: Tensor, site: Site) -> Spread:
    """The moments of a parameter's numbers."""
    x = tensor.to("cpu", torch.float64)
    mean, second = _two_moments(x)
    gates: tuple[tuple[float, float], ...] = ()
    if len(site.parts) > 1 and site.axis == 0:
        gates = tuple(_two_moments(piece) for piece in x.split([part.size for part in site.parts]))
    if x.dim() < 2:
        return Spread(mean, second, gates=gates)
    return Spread(mean, second, _paired(x, 1), _paired(x, 0), _centred(x), gates)


def _two_moments(x: Tensor) -> tuple[float, float]:
    return (x.mean().item(), x.square().mean().item()) if x.numel() else (0.0, 0.0)


def _paired(x: Tensor, dim: int) -> bool:
    """Whether the second half along ``dim`` is minus the first."""
    size = x.shape[dim]
    if size < 2 or size % 2:
        return False
    first, second = x.narrow(dim, 0, size // 2), x.narrow(dim, size // 2, size // 2)
    return bool(first.any()) and torch.equal(first, -second)


def _centred(x: Tensor) -> bool:
    """Whether a convolution's kernel is zero off its centre."""
    if x.dim() < 3 or x[0, 0].numel() == 1:
        return False
    off = x.clone()
    off[(slice(None), slice(None), *((size - 1) // 2 for size in x.shape[2:]))] = 0.0
    return not off.any()
