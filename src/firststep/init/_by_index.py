"""Values that follow from their place: a formula in the index along the last dimension."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from .. import rng
from ..errors import SchemeError
from ._formula import need_symbols, symbols_in, value_of
from ._moments import Moments, table_moments
from ._scheme import Draw, Scheme, spelled
from ._site import Site

_OWN = frozenset({"i", "n"})


@dataclass(frozen=True, repr=False)
class ByIndex(Scheme):
    """The same row everywhere: a formula in the index along the last dimension."""

    formula: ClassVar[str] = "w[..., i] = a formula in i, the size n, and the numbers of the model"

    text: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "uses_model", bool(symbols_in(self.text) - _OWN))

    def row(self, site: Site) -> tuple[float, ...]:
        """The values along the last dimension of ``site``.

        Raises:
            SchemeError: when the model does not tell a number that the formula asks for, or a value is no number.
        """
        if not site.shape:
            raise SchemeError(f"{self!r} on {site}: expected at least 1 dimension")
        need_symbols(self.text, _OWN | dict(site.symbols).keys(), repr(self), site)
        return _row(self.text, site.shape[-1], site.symbols)

    def _check(self, site: Site) -> None:
        self.row(site)

    def _moments(self, site: Site) -> Moments:
        return table_moments(self.row(site))

    def _fill(self, tensor: Tensor, site: Site, region: rng.Region, draw: Draw) -> None:
        first = region.offsets[-1]
        values = self.row(site)[first : first + region.sizes[-1]]
        tensor.copy_(torch.tensor(values, dtype=torch.float64, device="cpu"))


@functools.lru_cache(maxsize=1024)
def _row(text: str, n: int, symbols: tuple[tuple[str, float], ...]) -> tuple[float, ...]:
    known = {**dict(symbols), "n": float(n)}
    return tuple([value_of(text, {**known, "i": float(i)}) for i in range(n)])


@spelled
def by_index(formula: str) -> ByIndex:
    """``w[..., i] = formula``: values that follow from their place along the last dimension, 0 <= i < n.

    The mathematical functions are the platform's: values are equal across machines to rounding, not to the bit.

    Args:
        formula: numbers, ``+ - * / % **``, ``sqrt``, ``log``, ``exp``, ``i``, ``n``, and the numbers of the model that
            :func:`scaled` knows, such as ``l`` and ``L``.

    Raises:
        SchemeError: for a formula that cannot be read; when used, for a number that the model does not tell, on a
            scalar, or for a value that is no finite number.

    Source: RWKV's decays and mixes (Peng et al. 2023, arXiv 2305.13048, appendix) are one use, xLSTM's forget gates,
    ``by_index("3 + 3*i/(n-1)")``, another.

    >>> by_index("i / n").sample((2, 4), seed=0)
    tensor([[0.0000, 0.2500, 0.5000, 0.7500],
            [0.0000, 0.2500, 0.5000, 0.7500]])
    """
    symbols_in(formula)
    return ByIndex(formula)
