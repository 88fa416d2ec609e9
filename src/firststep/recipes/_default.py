"""The default recipe: every layer hands on a signal as strong as the one it was given.

The strength of a signal is its second moment. A layer and the activation after it keep it together
(``variance_preserving``). Over a long plain chain of them scale alone cannot, so there pairs of units cancel the bend
of the activation (``looks_linear``). Norms start as the identity, biases at zero, an LSTM's forget gate open.
"""

from __future__ import annotations

from torch import nn

from .. import init
from ..planning import Rule, chain, role, rule, select, type_named
from ._entry import recipe

CHAIN = 6
"""Plain chains of at least this many layers start looking linear: see benchmarks/chain_length.py for the choice."""

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
RECURRENT = (nn.RNNBase, nn.RNNCellBase)
LSTMS = (nn.LSTM, nn.LSTMCell)


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
    plain_layers = (nn.Linear, nn.Bilinear, *CONVOLUTIONS)
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
        rule((nn.Embedding, nn.EmbeddingBag), name="embedding", weight=init.normal()),
        rule(type_named("*Norm") | type_named("*Norm?d"), name="norm", weight=init.ones(), bias=init.zeros()),
        rule(nn.PReLU, weight=init.constant(0.25)),
        rule(
            nn.MultiheadAttention,
            name="attention",
            in_proj_weight=init.variance_preserving(),
            q_proj_weight=init.variance_preserving(),
            k_proj_weight=init.variance_preserving(),
            v_proj_weight=init.variance_preserving(),
            in_proj_bias=init.zeros(),
            bias_k=init.xavier_normal(),
            bias_v=init.xavier_normal(),
        ),
        rule(
            select(LSTMS),
            name="LSTM",
            **{
                "weight_ih*": init.variance_preserving(),
                "weight_h*": init.orthogonal(),
                "bias*": init.gate_bias(forget=1.0),
            },
        ),
        rule(
            select(RECURRENT),
            name="recurrent",
            **{"weight_ih*": init.variance_preserving(), "weight_hh*": init.orthogonal(), "bias*": init.zeros()},
        ),
    )


RECIPES = (default,)
