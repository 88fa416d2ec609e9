"""Biases of gated recurrent layers, gate by gate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from .. import rng
from ..errors import SchemeError
from ._moments import Moments, constant_moments
from ._scheme import Draw, Elementwise, Transformed, finite, pieces, spelled
from ._site import Part, Site
from ._transformed import mapped_moments, widened

LSTM_GATES = ("input", "forget", "cell", "output")
GRU_GATES = ("reset", "update", "new")


@dataclass(frozen=True, repr=False)
class GateBias(Elementwise):
    """A constant for each gate, on the first of the two biases; the second is zero."""

    formula: ClassVar[str] = "b_ih + b_hh = value of the gate"

    values: tuple[tuple[str, float], ...]
    """The gates that are not zero."""

    def law(self, part: Part, site: Site) -> rng.Law:
        value = dict(self.values).get(part.label, 0.0) if site.role == "bias" else 0.0
        return rng.Uniform(value, value)

    def _check(self, site: Site) -> None:
        _need_gates(repr(self), site, [gate for gate, _ in self.values])


@spelled
def gate_bias(
    *,
    input: float = 0.0,
    forget: float = 0.0,
    cell: float = 0.0,
    output: float = 0.0,
    reset: float = 0.0,
    update: float = 0.0,
    new: float = 0.0,
) -> GateBias:
    """One value per gate of an LSTM (input, forget, cell, output) or GRU (reset, update, new), 0 by default.

    torch's recurrent layers add two biases, ``bias_ih`` and ``bias_hh``. The value goes to the first and zero to the
    second, so that their sum is the value. (In a GRU's ``new`` gate, ``bias_hh`` is behind the reset gate: it is zero.)

    Raises:
        SchemeError: when used, on a parameter that is no bias of gates, or whose layer lacks a gate that is named.

    Source: Jozefowicz et al. 2015, An Empirical Exploration of Recurrent Network Architectures: a forget bias of 1.

    >>> from firststep import init
    >>> site = init.site_of(torch.nn.LSTM(3, 2), "bias_ih_l0")
    >>> init.gate_bias(forget=1.0).sample(site, seed=0)
    tensor([0., 0., 1., 1., 0., 0., 0., 0.])
    """
    values = {
        "input": input, "forget": forget, "cell": cell, "output": output, "reset": reset, "update": update, "new": new
    }  # fmt: skip
    finite("gate_bias", **values)
    return GateBias(tuple((gate, float(value)) for gate, value in values.items() if value))


@dataclass(frozen=True, repr=False)
class ChronoBias(Transformed):
    """Forget gates that remember over a log-uniform range of times, input gates that mirror them."""

    formula: ClassVar[str] = "b_forget = log U(1, t_max - 1), b_input = -b_forget, b_cell = b_output = 0"

    t_max: float

    def law(self, part: Part, site: Site) -> rng.Law:
        drawn = site.role == "bias" and part.label in ("input", "forget")
        return rng.Uniform(1.0, self.t_max - 1) if drawn else rng.Uniform(0.0, 0.0)

    def part_moments(self, part: Part, site: Site) -> Moments:
        if self.law(part, site) == rng.Uniform(0.0, 0.0):
            return constant_moments(0.0)
        forget = mapped_moments(lambda t: t, 0.0, math.log(self.t_max - 1), density=torch.exp)
        if part.label == "forget":
            return forget
        return Moments(-forget.mean, forget.variance, -forget.high, -forget.low, forget.kurtosis)

    def transform(self, values: Tensor) -> Tensor:
        return widened(values).log().to(values.dtype)

    def _check(self, site: Site) -> None:
        _need_gates(repr(self), site, ["input", "forget"])

    def _fill(self, tensor: Tensor, site: Site, region: rng.Region, draw: Draw) -> None:
        starts, start = {}, 0
        for part in site.parts:
            starts[part.label] = start
            start += part.size
        for part, piece, box in pieces(tensor, site, region):
            law = self.law(part, site)
            if law == rng.Uniform(0.0, 0.0):
                piece.zero_()
                continue
            # The input gate of a unit takes the draw of its forget gate, negated.
            shared = _moved(box, site.axis, starts["forget"] - starts[part.label])
            rng.fill_(piece, law, draw.key(), shared, transform=self.transform)
            if part.label == "input":
                piece.neg_()


@spelled
def chrono_bias(*, t_max: float) -> ChronoBias:
    """``b_forget = log U(1, t_max - 1)``, ``b_input = -b_forget``, the other gates of the LSTM 0.

    A unit's forget gate then starts out remembering for a time spread between 2 and ``t_max`` steps. As in
    :func:`gate_bias`, the sum of the two biases is what is set.

    Args:
        t_max: the longest time, in steps, over which to remember; > 2.

    Raises:
        SchemeError: unless ``t_max`` is finite and > 2; when used, on a parameter that is no bias of an LSTM.

    Source: Tallec and Ollivier 2018, Can recurrent neural networks warp time? (arXiv 1804.11188, section 2.4).

    >>> from firststep import init
    >>> site = init.site_of(torch.nn.LSTM(3, 2), "bias_ih_l0")
    >>> b = init.chrono_bias(t_max=100).sample(site, seed=0)
    >>> torch.equal(b[:2], -b[2:4]), b[4:].tolist()
    (True, [0.0, 0.0, 0.0, 0.0])
    """
    finite("chrono_bias", t_max=t_max)
    if t_max <= 2:
        raise SchemeError(f"chrono_bias(t_max={t_max!r}): expected a number > 2")
    return ChronoBias(t_max)


def _moved(box: rng.Region, axis: int, by: int) -> rng.Region:
    offsets = tuple(offset + by if dim == axis else offset for dim, offset in enumerate(box.offsets))
    return rng.Region(box.shape, offsets, box.sizes)


def _need_gates(scheme: str, site: Site, gates: list[str]) -> None:
    labels = [part.label for part in site.parts]
    if site.role != "weight" and set(gates) <= set(labels):
        return
    if site.role == "weight":
        raise SchemeError(f"{scheme} is for the biases of gates, and {site} is none. Use init.constant(value) here")
    has = f"has the gates {', '.join(labels)}" if any(labels) else "has no gates"
    raise SchemeError(f"{scheme} names the gates {', '.join(gates)}, and {site} {has}")
