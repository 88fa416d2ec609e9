"""Very deep Transformers: the branches' weights made smaller, or larger, with the depth."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from torch import nn

from .. import init
from ..init import Elementwise
from ..planning import Rule, Selector, role, rule, select
from ._entry import recipe
from ._shared import IDENTITY, alike
from ._types import CONVOLUTION, EMBEDDING, LINEAR

_ATTENTION = select(nn.MultiheadAttention)
_PACKED = role("attention.packed") & ~_ATTENTION
_KEYS_AND_VALUES = _PACKED & re.compile(r"(?:.*\.)?(?:(?:to_|w_?)?kv(?:_proj)?|key_value)")
_BY_HEAD = _PACKED & "*query_key_value"
_SIZE = init.variance_scaling(1.0, "fan_in", "normal")
"""N(0, 1 / d) for an embedding of width d, and for the output layer that reads a stream of width d."""


class _Branch(NamedTuple):
    """What the layers of some blocks start from.

    Args:
        query_key: queries and keys.
        value: values.
        other: the way out of the attention, and the MLP.
        bias: of queries and keys.
        value_bias, other_bias: of the others.
    """

    query_key: Elementwise
    value: Elementwise
    other: Elementwise
    bias: Elementwise
    value_bias: Elementwise
    other_bias: Elementwise


def _three(query_key: Elementwise, value: Elementwise, *, by_head: bool = False) -> Elementwise:
    """Queries, keys and values in one parameter."""
    return (
        query_key if query_key == value else init.by_part(query=query_key, key=query_key, value=value, by_head=by_head)
    )


def _two(key: Elementwise, value: Elementwise) -> Elementwise:
    """Keys and values in one parameter."""
    return key if key == value else init.by_part(key=key, value=value)


def _rules(where: Selector | None, name: str, branch: _Branch) -> Iterator[Rule]:
    """The rules of the blocks at ``where``; of all that are left when it is ``None``."""
    query_key, value, bias, value_bias = branch.query_key, branch.value, branch.bias, branch.value_bias

    def one(selector: Selector, what: str, weight: Elementwise, bias: Elementwise) -> Rule:
        return rule(here(selector), name=f"{what}{name}", weight=weight, bias=bias)

    def here(selector: Selector) -> Selector:
        return selector if where is None else selector & where

    yield rule(
        here(_ATTENTION),
        name=f"attention{name}",
        in_proj_weight=_three(query_key, value),
        q_proj_weight=query_key,
        k_proj_weight=query_key,
        v_proj_weight=value,
        in_proj_bias=_three(bias, value_bias),
        bias_k=init.xavier_normal(),
        bias_v=init.xavier_normal(),
    )
    by_head = _three(query_key, value, by_head=True), _three(bias, value_bias, by_head=True)
    yield one(_KEYS_AND_VALUES, "keys and values", _two(query_key, value), _two(bias, value_bias))
    yield one(_BY_HEAD, "queries, keys, values by head", *by_head)
    yield one(_PACKED, "queries, keys, values", _three(query_key, value), _three(bias, value_bias))
    yield one(role("attention.value"), "values", value, value_bias)
    yield one(role("attention.query", "attention.key"), "queries, keys", query_key, bias)
    yield one(role("attention.out", "mlp"), "way out, MLP", branch.other, branch.other_bias)


def _scaled_branch(base: Elementwise, by: str | None) -> _Branch:
    """Values, way out and MLP times a number; biases zero."""
    scaled, zeros = init.scaled(base, by=by) if by else base, init.zeros()
    return _Branch(base, scaled, scaled, zeros, zeros, zeros)


def _rest(base: Elementwise) -> tuple[Rule, ...]:
    """Norms, embeddings and what stands outside of the branches, as fairseq has it; a ViT's tokens as BERT's."""
    zeros = init.zeros()
    return (
        IDENTITY,
        rule(EMBEDDING, name="embedding", weight=_SIZE),
        rule(role("head"), name="head", weight=_SIZE, bias=zeros),
        rule(LINEAR, name="linear", weight=base, bias=zeros),
        rule(CONVOLUTION, name="convolution", weight=base, bias=zeros),
        rule("*", name="tokens and positions", **alike(("*pos_emb*", "*cls_*"), init.normal(std=0.02))),
    )


_RESIDUAL_IN_FORWARD = (
    "The residual's factor alpha is the model's to apply: (2 L)^(1/4), and with encoder and decoder "
    "0.81 (N^4 M)^(1/16) and (3 M)^(1/4).",
    "残差系数 alpha 须由模型自己施加：(2 L)^(1/4)；有编码器和解码器时分别为 0.81 (N^4 M)^(1/16) 与 (3 M)^(1/4)。",
)


@recipe(
    "deepnorm",
    family="transformers",
    summary=(
        "Xavier normal; values, attention outputs and MLPs times beta, which falls with the depth",
        "Xavier 正态；值投影、注意力输出与 MLP 再乘以随深度减小的 beta",
    ),
    source="Wang et al. 2022, DeepNet (2203.00555), figure 2",
    checked=("torch.nn.Transformer", "torch.nn.TransformerEncoder", "transformers.BertModel"),
    differs=(
        f"{_RESIDUAL_IN_FORWARD[0]} The encoder's beta is 0.87 (N^4 M)^(-1/16); torchscale's code has 1.15, its "
        "inverse: deepnorm.asis.",
        f"{_RESIDUAL_IN_FORWARD[1]} 编码器的 beta 为 0.87 (N^4 M)^(-1/16)；torchscale 的代码误作其倒数 1.15："
        "见 deepnorm.asis。",
    ),
)
def deepnorm() -> Iterator[Rule]:
    """DeepNet's start; one stack of L blocks, or an encoder of N and a decoder of M, all counted."""
    base = init.xavier_normal()
    encoder, decoder = "0.87 * (N**4 * M)**(-1/16)", "(12*M)**(-1/4)"
    yield from _rules(role("encoder"), " of the encoder", _scaled_branch(base, encoder))
    yield from _rules(role("decoder"), " of the decoder", _scaled_branch(base, decoder))
    yield from _rules(None, "", _scaled_branch(base, "(8*L)**(-1/4)"))
    yield from _rest(base)


def _torchscale_branch(by: str | None) -> _Branch:
    """torch's own start times a number, biases too, as torchscale has it."""
    default = init.torch_default()
    scaled = init.scaled(default, by=by) if by else default
    return _Branch(default, scaled, scaled, default, scaled, scaled)


def _torchscale_rest() -> tuple[Rule, ...]:
    default = init.torch_default()
    return (
        IDENTITY,
        rule(role("embedding.position"), name="positions", weight=init.normal()),
        rule(EMBEDDING, name="embedding", weight=_SIZE),
        rule(role("head"), name="head", weight=_SIZE, bias=default),
        rule(LINEAR, name="linear", weight=default, bias=default),
        rule(CONVOLUTION, name="convolution", weight=default, bias=default),
    )


@recipe(
    "deepnorm.asis",
    family="transformers",
    summary=(
        "torchscale's DeepNorm: torch's default, values, attention outputs and MLPs scaled with their biases",
        "torchscale 的 DeepNorm：torch 默认初值，值投影、注意力输出与 MLP 连同偏置一起缩放",
    ),
    source="torchscale 0.3.0, architecture/encoder.py and decoder.py, deepnorm=True",
    differs=(
        "Not the paper's: nothing calls the Xavier start that its attention defines, and with encoder and decoder the "
        "encoder is multiplied by 1.15 (N^4 M)^(-1/16), where the paper has 0.87.",
        "与论文不同：其注意力模块定义的 Xavier 初始化从未被调用；有编码器和解码器时编码器乘以 1.15 (N^4 M)^(-1/16)，"
        "而论文为 0.87。",
    ),
)
def deepnorm_asis() -> Iterator[Rule]:
    """DeepNorm as torchscale's code has it."""
    yield from _rules(role("encoder"), " of the encoder", _torchscale_branch("1.15 * (N**4 * M)**(-1/16)"))
    yield from _rules(role("decoder"), " of the decoder", _torchscale_branch("(12*M)**(-1/4)"))
    yield from _rules(None, "", _torchscale_branch("(8*L)**(-1/4)"))
    yield from _torchscale_rest()


@recipe(
    "magneto",
    family="transformers",
    summary=(
        "Xavier normal; values, attention outputs and MLPs times gamma, which grows with log(depth), for Sub-LN",
        "Xavier 正态；值投影、注意力输出与 MLP 再乘以随 log(深度) 增大的 gamma，用于 Sub-LN",
    ),
    source="Wang et al. 2022, Foundation Transformers (2210.06423), figure 2",
    checked=("torch.nn.Transformer", "torch.nn.TransformerEncoder"),
    differs=(
        "Sub-LN, a second norm in each branch, is the model's to have. torchscale's code starts from torch's default "
        "and scales biases too: magneto.asis.",
        "Sub-LN（每个分支的第二个归一化层）须由模型自带。torchscale 的代码从 torch 默认初值出发，且偏置也被缩放："
        "见 magneto.asis。",
    ),
)
def magneto() -> Iterator[Rule]:
    """Sub-LN's start; the attention from decoder to encoder is not scaled, as the authors' torchscale leaves it."""
    base = init.xavier_normal()
    yield from _rules(role("cross_attention"), " to the encoder", _scaled_branch(base, None))
    yield from _rules(role("encoder"), " of the encoder", _scaled_branch(base, "sqrt(log(3*M) * log(2*N) / 3)"))
    yield from _rules(role("decoder"), " of the decoder", _scaled_branch(base, "sqrt(log(3*M))"))
    yield from _rules(None, "", _scaled_branch(base, "sqrt(log(2*L))"))
    yield from _rest(base)


@recipe(
    "magneto.asis",
    family="transformers",
    summary=(
        "torchscale's Sub-LN: torch's default, values, attention outputs and MLPs scaled with their biases",
        "torchscale 的 Sub-LN：torch 默认初值，值投影、注意力输出与 MLP 连同偏置一起缩放",
    ),
    source="torchscale 0.3.0, architecture/encoder.py and decoder.py, subln=True",
    differs=(
        "Not the paper's: nothing calls the Xavier start that its attention defines.",
        "与论文不同：其注意力模块定义的 Xavier 初始化从未被调用。",
    ),
)
def magneto_asis() -> Iterator[Rule]:
    """Sub-LN as torchscale's code has it."""
    yield from _rules(role("cross_attention"), " to the encoder", _torchscale_branch(None))
    yield from _rules(role("encoder"), " of the encoder", _torchscale_branch("sqrt(log(3*M) * log(2*N) / 3)"))
    yield from _rules(role("decoder"), " of the decoder", _torchscale_branch("sqrt(log(3*M))"))
    yield from _rules(None, "", _torchscale_branch("sqrt(log(2*L))"))
    yield from _torchscale_rest()


_ENCODER_DECODER = (
    "For an encoder with a decoder, without norms and warm-up; a single stack is refused, as the paper derives no "
    "number for it.",
    "用于编码器加解码器，不含归一化层与预热；单个堆栈会被拒绝，因为论文没有给出其系数。",
)


def _t_fixup(query_key: Elementwise, bias: Elementwise) -> Iterator[Rule]:
    """Values, ways out and MLPs times 0.67 N^(-1/4) in the encoder, (9 M)^(-1/4) in the decoder."""
    zeros, base = init.zeros(), init.xavier_uniform()
    for side, by in (("encoder", "0.67 * N**(-1/4)"), ("decoder", "(9*M)**(-1/4)"), ("", "0.67 * N**(-1/4)")):
        smaller = init.scaled(base, by=by)
        branch = _Branch(query_key, smaller, smaller, bias, bias, zeros)
        # The last of the three is for a single stack, which has no N: it raises, and says so.
        yield from _rules(role(side) if side else None, f" of the {side}" if side else "", branch)
    yield IDENTITY
    tokens = role("embedding.token")
    source, target = (init.scaled(_SIZE, by=by) for by in ("(9*N)**(-1/4)", "(9*M)**(-1/4)"))
    yield rule(tokens & ~role("decoder"), name="embedding of the source", weight=source)
    yield rule(tokens, name="embedding of the target", weight=target)
    yield rule(EMBEDDING, name="other embeddings", weight=_SIZE)
    yield rule(role("head"), name="head", weight=_SIZE, bias=zeros)
    yield rule(LINEAR, name="linear", weight=base, bias=zeros)


@recipe(
    "t_fixup",
    family="transformers",
    summary=(
        "Xavier uniform; values, attention outputs, MLPs and embeddings made smaller with the depth, so that no norm "
        "and no warm-up are needed",
        "Xavier 均匀；值投影、注意力输出、MLP 与词嵌入随深度缩小，从而无需归一化层与预热",
    ),
    source="Huang et al. 2020, Improving Transformer Optimization Through Better Initialization (ICML), section 3",
    checked=("torch.nn.Transformer",),
    differs=(
        f"{_ENCODER_DECODER[0]} The authors' code keeps fairseq's 1/sqrt(2) on queries and keys: t_fixup.fairseq.",
        f"{_ENCODER_DECODER[1]} 作者的代码保留了 fairseq 在查询与键上的 1/sqrt(2)：见 t_fixup.fairseq。",
    ),
)
def t_fixup() -> Iterator[Rule]:
    """T-Fixup as the paper writes it."""
    yield from _t_fixup(init.xavier_uniform(), init.zeros())


@recipe(
    "t_fixup.fairseq",
    family="transformers",
    summary=(
        "t_fixup with queries and keys of gain 1/sqrt(2) and torch's biases on queries, keys and values",
        "t_fixup，但查询与键的增益为 1/sqrt(2)，查询、键、值的偏置为 torch 默认",
    ),
    source="layer6ai-labs/T-Fixup, fairseq/modules/transformer_layer.py, models/transformer.py",
    differs=_ENCODER_DECODER,
)
def t_fixup_fairseq() -> Iterator[Rule]:
    """T-Fixup as the authors' fairseq has it."""
    yield from _t_fixup(init.xavier_uniform(gain=2**-0.5), init.torch_default())


RECIPES = (deepnorm, deepnorm_asis, magneto, magneto_asis, t_fixup, t_fixup_fairseq)
