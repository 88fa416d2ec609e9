"""Rules that several image transformers share: tokens and positions, layer scale, norms, packed projections."""

from __future__ import annotations

import math

from torch import nn

from .. import init
from ..init import Scheme
from ..planning import Rule, role, rule, select
from ._shared import alike, globs, in_projections
from ._types import CONVOLUTION, LINEAR, NORM

_NAMES = {
    "position": ("*pos*emb*",),
    "class_token": ("cls", "cls_*", "class_*"),
    "registers": ("registers", "reg*_token*"),
    "distillation": ("dist*_token",),
    "mask": ("mask_token*",),
}
"""What libraries call the tokens of an image, parameters of modules of many types."""

_LAYER_SCALE = ("gamma", "gamma?", "gamma_?", "lambda1", "lambda_?", "ls?", "layer_scale*")

PACKED = role("attention.packed") | select("*qkv*")
"""One matrix for queries, keys and values."""
PAIRED = select("*kv") & ~select("*qkv")
"""One matrix for keys and values."""
MLP = role("mlp") | select("*mlp*")
"""The layers of an MLP, in a block or in a pool that attends."""
RESCALED = "1/sqrt(2*(l + 1))"
"""By what BEiT multiplies the last layer of each residual branch in block l, from 0."""


def residual(weight: Scheme) -> Rule:
    """The last layer of each residual branch."""
    return rule(role("residual_out") & LINEAR, name="residual projection", weight=weight, bias=init.zeros())


def tokens(**schemes: Scheme) -> Rule:
    """Tokens and positions that are parameters of the model itself, by what they are: see ``_NAMES``."""
    named = {glob: scheme for kind, scheme in schemes.items() for glob in _NAMES[kind]}
    return rule("*", name="tokens and positions", **globs(named))


def fixed_positions(scheme: Scheme) -> Rule:
    """Positions that are not trained: parameters that are frozen."""
    return rule("*", name="fixed positions", frozen=True, **alike(_NAMES["position"], scheme))


def position_table(scheme: Scheme) -> Rule:
    """Positions that are looked up in an embedding."""
    return rule(role("embedding.position"), name="position table", weight=scheme)


def layer_scale(value: float) -> Rule:
    """The factors on the channels of a residual branch, under the names that libraries give them."""
    return rule("*", name="layer scale", **alike(_LAYER_SCALE, init.constant(value)))


def norms() -> Rule:
    """Every norm the identity. It stands before :func:`layer_scale`, which has a gamma too."""
    ones, zeros = init.ones(), init.zeros()
    return rule(NORM, name="norm", weight=ones, bias=zeros, gamma=ones, beta=zeros)


def convolutions(name: str = "patches") -> Rule:
    """Every convolution as torch starts it."""
    return rule(CONVOLUTION, name=name, weight=init.torch_default(), bias=init.torch_default())


def linear(weight: Scheme) -> tuple[Rule, ...]:
    """Every matrix product alike, those of torch's attention too; biases zero."""
    return (
        rule(nn.MultiheadAttention, name="torch's attention", **in_projections(weight), in_proj_bias=init.zeros()),
        rule(LINEAR, name="linear", weight=weight, bias=init.zeros()),
    )


def one_scheme(weight: Scheme, *, convolution: str = "patches") -> tuple[Rule, ...]:
    """:func:`linear`, and convolutions by the same scheme, under the name ``convolution``; norms the identity."""
    return (
        *linear(weight),
        rule(CONVOLUTION, name=convolution, weight=weight, bias=init.zeros()),
        norms(),
    )


def each_by_itself(weight: Scheme) -> tuple[Rule, ...]:
    """:func:`linear`, the parts of a packed projection with fans of their own."""
    return (
        rule(PAIRED & nn.Linear, name="keys and values", weight=weight.layout("out in", blocks=2), bias=init.zeros()),
        rule(
            PACKED & nn.Linear,
            name="queries, keys and values",
            weight=weight.layout("out in", blocks=3),
            bias=init.zeros(),
        ),
        *linear(weight),
    )


def xavier_as_one() -> tuple[Rule, ...]:
    """:func:`linear` with xavier uniform, the fans of queries, keys and values counted as those of one matrix.

    Where they are three, of as many outputs as inputs, a gain of 1/sqrt(2) gives them the same law.
    """
    each = role("attention.query", "attention.key", "attention.value") & LINEAR
    return (
        rule(each, name="query, key or value", weight=init.xavier_uniform(gain=math.sqrt(0.5)), bias=init.zeros()),
        *linear(init.xavier_uniform(fans="tensor")),
    )
