"""The start that torch's own layers give themselves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from .. import rng
from ._scheme import Elementwise, at_least, spelled
from ._site import Part, Site, need_fans


@dataclass(frozen=True, repr=False)
class TorchDefault(Elementwise):
    """U(-1/sqrt(n), 1/sqrt(n)) for weights and biases alike."""

    formula: ClassVar[str] = "U(-1/sqrt(n), 1/sqrt(n)), n as torch counts it for the layer"

    count: float | None

    def law(self, part: Part, site: Site) -> rng.Law:
        n = site.torch_fan if self.count is None else self.count
        if n is None:
            n = need_fans(None, site, repr(self)).fan_in
        bound = 1 / math.sqrt(n) if n > 0 else 0.0
        return rng.Uniform(-bound, bound)


@spelled
def torch_default() -> TorchDefault:
    """What ``reset_parameters`` of torch's layers does: ``U(-1/sqrt(n), 1/sqrt(n))``, weight and bias alike.

        Linear, Conv, ConvTranspose   n = size(1) * kernel of the weight (torch writes kaiming_uniform_(a=sqrt(5)))
        Bilinear                      n = in1_features
        RNN, LSTM, GRU, their cells   n = hidden_size
        any other weight              n = size(1) * kernel

    The variance of a weight is 1 / (3 n): a third of what keeps a linear signal. Norms, embeddings and attention start
    otherwise in torch.

    Raises:
        SchemeError: when used, on a parameter that has no n: less than 2 dimensions, and of no layer named above.

    >>> torch_default().expected((8, 4)).high
    0.5

    Source: ``reset_parameters`` in torch's ``linear.py``, ``conv.py`` and ``rnn.py``.
    """
    return TorchDefault(None)


@spelled
def torch_default_rnn(*, hidden_size: int | None = None) -> TorchDefault:
    """``U(-1/sqrt(H), 1/sqrt(H))``: the start of torch's recurrent layers, for all their parameters.

    Args:
        hidden_size: H; by default that of the layer. A recurrent module of your own has to say.

    >>> torch_default_rnn(hidden_size=16).expected((8,)).high
    0.25
    """
    if hidden_size is not None:
        at_least("torch_default_rnn", 1, hidden_size=hidden_size)
    return TorchDefault(hidden_size)
