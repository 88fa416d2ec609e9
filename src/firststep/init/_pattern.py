"""The form of a scheme without chance: each value is a function of its place in the tensor."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor

from .. import rng
from ._scheme import Draw, Scheme
from ._site import Site


class Pattern(Scheme):
    """A scheme whose values do not depend on the seed."""

    @abstractmethod
    def values(self, site: Site, region: rng.Region) -> Tensor:
        """The values of ``region``, float64 on the CPU, of a shape that broadcasts to the region's sizes."""

    def _fill(self, tensor: Tensor, site: Site, region: rng.Region, draw: Draw) -> None:
        tensor.copy_(self.values(site, region))
