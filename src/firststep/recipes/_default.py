"""The default recipe: every layer hands on a signal as strong as the one it was given.

The strength of a signal is its second moment. A layer and the activation after it keep it together
(``variance_preserving``). Over a long plain chain of them scale alone cannot, so there pairs of units cancel the bend
of the activation (``looks_linear``). Norms start as the identity, biases at zero, an LSTM's forget gate open.
"""

from __future__ import annotations

from torch import nn

from .. import init
from ..planning import Rule, chain, role, rule, type_named
from ._entry import recipe
from ._shared import FROM_ZERO, IDENTITY, attention, globs
from ._types import CONVOLUTION, EMBEDDING, LSTM, RECURRENT, TRANSPOSED

CHAIN = 6
"""Plain chains of at least this many layers start looking linear: see benchmarks/chain_length.py for the choice."""


@recipe(
    "default",
    family="general",
    summary=(
        "every layer keeps the strength of its signal; norms are the identity; biases are zero",
        "每一层都保持信号的强度；归一化层为恒等；偏置为零",
    ),
    source="He et al. 2015 (1502.01852); Balduzzi et al. 2017 (1702.08591); Xiao et al. 2018 (1806.05393)",
)
def default() -> tuple[Rule, ...]:
    """The rules of ``"default"``, in order."""
    plain_layers = (nn.Linear, nn.Bilinear, *CONVOLUTION, *TRANSPOSED)
    return (
        rule(chain(CHAIN), name="long plain chain", weight=init.looks_linear(), bias=init.zeros()),
        rule(
            role("residual_out", sure=False),
            name="end of a residual branch",
            weight=init.scaled(init.variance_preserving(), by="1/sqrt(R*L)"),
            bias=init.zeros(),
        ),
        rule(plain_layers, name="linear and conv", weight=init.variance_preserving(), bias=init.zeros()),
        rule(type_named("Conv1D"), name="transformers' Conv1D", weight=init.variance_preserving(), bias=init.zeros()),
        rule(EMBEDDING, name="embedding", weight=init.normal()),
        FROM_ZERO,
        IDENTITY,
        rule(nn.PReLU, weight=init.constant(0.25)),
        attention(init.variance_preserving(), init.xavier_normal()),
        rule(
            LSTM,
            name="LSTM",
            **globs(
                {
                    "weight_ih*": init.variance_preserving(),
                    "weight_h*": init.orthogonal(),
                    "bias*": init.gate_bias(forget=1.0),
                }
            ),
        ),
        rule(
            RECURRENT,
            name="recurrent",
            **globs({"weight_ih*": init.variance_preserving(), "weight_hh*": init.orthogonal(), "bias*": init.zeros()}),
        ),
    )


RECIPES = (default,)
