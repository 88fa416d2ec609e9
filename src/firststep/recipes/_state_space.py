"""State spaces and linear recurrences over a sequence: tables of rules, each equal to its source."""

from __future__ import annotations

from typing import Any

from .. import init
from ..init import Scheme
from ..planning import Rule, role, rule, select, type_named
from ._entry import recipe
from ._shared import IDENTITY, globs
from ._types import CONVOLUTION, EMBEDDING, LINEAR, NORM

BY_DEPTH = init.scaled(init.torch_default(), by="1/sqrt(R*L)")
"""torch's own start, divided by the root of the number of residual branches in all blocks."""


@recipe(
    "mamba",
    family="language",
    summary=(
        "A = -1..-N, D = 1, steps log-uniform in [0.001, 0.1], way out divided by sqrt(L), else torch's own start",
        "A = -1..-N，D = 1，步长在 [0.001, 0.1] 上对数均匀，输出投影除以 sqrt(L)，其余为 torch 默认",
    ),
    source=(
        "Gu and Dao 2023 (2312.00752), section 3.6; mamba_ssm, modules/mamba_simple.py and models/mixer_seq_simple.py"
    ),
    differs=(
        "transformers draws projections and embeddings from N(0, 0.1^2), and does not divide the way out by default: "
        "mamba.asis.",
        "transformers 的投影与词嵌入取自 N(0, 0.1^2)，且默认不除输出投影：见 mamba.asis。",
    ),
)
def mamba(*, std: float = 0.02) -> tuple[Rule, ...]:
    """Mamba as its authors' code builds it; a block that has an MLP as well counts as two branches.

    Args:
        std: of the embedding.
    """
    return (*_selective(), *_authors(std))


@recipe(
    "mamba.asis",
    family="language",
    summary=("mamba with projections and embeddings N(0, 0.1^2)", "mamba，但投影与词嵌入为 N(0, 0.1^2)"),
    source="transformers, models/mamba/modeling_mamba.py",
    checked=("transformers.MambaForCausalLM",),
    differs=(
        "mamba is what the authors' code does. rescale=True is transformers' rescale_prenorm_residual.",
        "作者代码的做法见 mamba。rescale=True 对应 transformers 的 rescale_prenorm_residual。",
    ),
)
def mamba_asis(*, std: float = 0.1, rescale: bool = False) -> tuple[Rule, ...]:
    """Mamba as transformers builds it."""
    return (*_selective(), *_transformers(std, rescale))


@recipe(
    "mamba2",
    family="language",
    summary=(
        "A = -U(1, 16), D = 1, steps log-uniform in [0.001, 0.1], way out divided by sqrt(L), else torch's own start",
        "A = -U(1, 16)，D = 1，步长在 [0.001, 0.1] 上对数均匀，输出投影除以 sqrt(L)，其余为 torch 默认",
    ),
    source="Dao and Gu 2024 (2405.21060); mamba_ssm, modules/mamba2.py and models/mixer_seq_simple.py",
    differs=(
        "transformers sets A = -1..-H over the heads and draws projections and embeddings from N(0, 0.1^2): "
        "mamba2.asis.",
        "transformers 把各头的 A 设为 -1..-H，投影与词嵌入取自 N(0, 0.1^2)：见 mamba2.asis。",
    ),
)
def mamba2(*, std: float = 0.02) -> tuple[Rule, ...]:
    """Mamba-2 as its authors' code builds it.

    Args:
        std: of the embedding.
    """
    return (_heads(init.log_of_uniform(1.0, 16.0)), *_authors(std))


@recipe(
    "mamba2.asis",
    family="language",
    summary=(
        "mamba2 with A = -1..-H, projections and embeddings N(0, 0.1^2)",
        "mamba2，但 A = -1..-H，投影与词嵌入为 N(0, 0.1^2)",
    ),
    source="transformers, models/mamba2/modeling_mamba2.py",
    checked=("transformers.Mamba2ForCausalLM",),
    differs=(
        "mamba2 is what the authors' code does. rescale=True is transformers' rescale_prenorm_residual.",
        "作者代码的做法见 mamba2。rescale=True 对应 transformers 的 rescale_prenorm_residual。",
    ),
)
def mamba2_asis(*, std: float = 0.1, rescale: bool = False) -> tuple[Rule, ...]:
    """Mamba-2 as transformers builds it."""
    return (_heads(init.s4d_real()), *_transformers(std, rescale))


def _selective() -> tuple[Rule, ...]:
    """Mamba's own parameters: the step's projection is U(+-1/sqrt(rank))."""
    step = init.variance_scaling(1 / 3, "fan_in", "uniform")
    return (
        rule("*", name="state space", A_log=init.s4d_real(), D=init.ones()),
        rule(select("*dt_proj") & LINEAR, name="step", weight=step, bias=init.inverse_softplus()),
    )


def _heads(decay: Scheme) -> Rule:
    """Mamba-2's own parameters, one of each for a head."""
    return rule("*", name="state space", A_log=decay, D=init.ones(), dt_bias=init.inverse_softplus())


def _authors(std: float) -> tuple[Rule, ...]:
    """All else as mamba_ssm has it."""
    default = init.torch_default()
    return (
        rule(CONVOLUTION, name="convolution", weight=default, bias=default),
        *_around(default, BY_DEPTH, init.normal(std=std)),
    )


def _transformers(std: float, rescale: bool) -> tuple[Rule, ...]:
    """All else as transformers has it."""
    default, normal = init.torch_default(), init.normal(std=std)
    return (
        rule(CONVOLUTION, name="convolution", weight=default, bias=init.zeros()),
        *_around(normal, BY_DEPTH if rescale else default, normal),
    )


def _around(projection: Scheme, out: Scheme, table: Scheme) -> tuple[Rule, ...]:
    """Norms, embedding and projections."""
    zeros = init.zeros()
    return (
        rule(NORM | type_named("*NormGated"), name="norm", weight=init.ones(), bias=zeros),
        rule(EMBEDDING, name="embedding", weight=table),
        rule(select("*x_proj") & LINEAR, name="selection", weight=projection, bias=zeros),
        rule(role("residual_out"), name="way out", weight=out, bias=zeros),
        rule(LINEAR, name="linear", weight=projection, bias=zeros),
    )


CHANNEL_MIX = select("*ffn*") | select("*feed_forward*") | type_named("*ChannelMix*")


@recipe(
    "rwkv4",
    family="language",
    summary=(
        "what writes to the stream, keys and receptances zero; else orthogonal; decays and mixes by layer and channel",
        "写入主干的矩阵、键与接受度为零；其余为正交；衰减与混合系数依层与通道而定",
    ),
    source="Peng et al. 2023 (2305.13048), appendix; RWKV-LM, RWKV-v4/src/model.py",
    differs=(
        "transformers makes every time_first 1, where log 0.3 and a zigzag are meant, and no matrix zero: rwkv4.asis.",
        "transformers 把所有 time_first 设为 1（本应为 log 0.3 加锯齿），且没有任何零矩阵：见 rwkv4.asis。",
    ),
)
def rwkv4() -> tuple[Rule, ...]:
    """RWKV-4 as its author's code builds it, for two blocks or more."""
    zeros = init.zeros()
    first = init.by_index("log(0.3) + 0.5*((i+1) % 3 - 1)")
    key, receptance, value, output = (select(f"*.{name}") for name in ("key", "receptance", "value", "output"))
    silent = receptance | (CHANNEL_MIX & value) | (~CHANNEL_MIX & (key | output))
    return (*_decays(first), rule(silent & LINEAR, name="zero at the start", weight=zeros, bias=zeros), *_orthogonal())


@recipe(
    "rwkv4.asis",
    family="language",
    summary=("rwkv4 with time_first 1 and no matrix zero", "rwkv4，但 time_first 为 1，且没有零矩阵"),
    source="transformers, models/rwkv/modeling_rwkv.py",
    checked=("transformers.RwkvForCausalLM",),
    differs=("rwkv4 is what the author's code does.", "作者代码的做法见 rwkv4。"),
)
def rwkv4_asis() -> tuple[Rule, ...]:
    """RWKV-4 as transformers builds it."""
    return (*_decays(init.ones()), *_orthogonal())


def _decays(first: Scheme) -> tuple[Rule, ...]:
    """Decays -5 + 8 (i/(n-1))^(0.7 + 1.3 l/(L-1)) and mixes (i/n)^(1 - l/L), by channel i and layer l."""
    mix, half = init.by_index("(i/n)**(1 - l/L)"), init.by_index("(i/n)**(0.5*(1 - l/L))")
    value = init.by_index("(i/n)**(1 - l/L) + 0.3*l/(L-1)")
    return (
        rule(CHANNEL_MIX, name="channel mix", **globs({"time_mix_*": mix})),
        rule(
            "*",
            name="time mix",
            time_decay=init.by_index("-5 + 8*(i/(n-1))**(0.7 + 1.3*l/(L-1))"),
            time_first=first,
            **globs({"time_mix_k*": mix, "time_mix_v*": value, "time_mix_r*": half}),
        ),
    )


def _orthogonal() -> tuple[Rule, ...]:
    """E[w^2] = 1 / fan_in, a quarter of it in the head: gain sqrt(max(1, out / in)); embeddings of size 1e-4."""
    zeros = init.zeros()
    return (
        IDENTITY,
        rule(EMBEDDING, name="embedding", weight=init.orthogonal_rms("1e-4")),
        rule(select("*head") & LINEAR, name="head", weight=init.orthogonal_rms("0.5/sqrt(fan_in)"), bias=zeros),
        rule(LINEAR, name="linear", weight=init.orthogonal_rms(), bias=zeros),
    )


@recipe(
    "xlstm",
    family="language",
    summary=(
        "N(0, 2/(5 d)), way out N(0, 4/(L^2 d)), input gates closed at -10, forget gates open from 3 to 6",
        "N(0, 2/(5 d))，输出投影 N(0, 4/(L^2 d))，输入门偏置 -10，遗忘门偏置由 3 到 6",
    ),
    source="Beck et al. 2024 (2405.04517) and 2025 (2503.13427); NX-AI/xlstm, xlstm/blocks and xlstm/components",
    differs=(
        "transformers also sets to zero what else has 'gate' in its name, the output gate and the gate of the MLP, and "
        "counts the inputs of the MLP's way out as d: xlstm.asis. The first xLSTM drew the input gates' bias from "
        "N(0, 0.1^2).",
        "transformers 把名字含 gate 的输出门与 MLP 门也设为零，并以 MLP 输出投影的输入数作为 d：见 xlstm.asis。"
        "最初的 xLSTM 的输入门偏置取自 N(0, 0.1^2)。",
    ),
)
def xlstm() -> tuple[Rule, ...]:
    """The mLSTM of xLSTM 7B; the gates of input and forgetting begin as their biases alone."""
    gates = select("*igate*") | select("*fgate*")
    return _xlstm(gates, init.scaled(init.normal(), by="2/(L*sqrt(d))"))


@recipe(
    "xlstm.asis",
    family="language",
    summary=("xlstm with all gates zero, that of the MLP too", "xlstm，但所有门（含 MLP 的门）为零"),
    source="transformers, models/xlstm/modeling_xlstm.py, weight_mode='single'",
    checked=("transformers.xLSTMForCausalLM",),
    differs=(
        "xlstm follows the authors. With weight_mode='fused' transformers cannot be constructed: shapes do not fit.",
        "xlstm 遵循作者的做法。weight_mode='fused' 时 transformers 因形状不符而无法构造。",
    ),
)
def xlstm_asis() -> tuple[Rule, ...]:
    """xLSTM as transformers builds it."""
    return _xlstm(select("*gate*"), init.scaled(init.normal(), by="2/(L*sqrt(fan_in))"))


def _xlstm(gates: Any, down: Scheme) -> tuple[Rule, ...]:
    zeros, wang = init.zeros(), init.scaled(init.normal(), by="2/(L*sqrt(d))")
    forget = init.by_index("3 + 3*i/(n - 1 + 0**(n-1))")  # a single head has 3
    return (
        IDENTITY,
        rule(EMBEDDING, name="embedding", weight=init.small_init()),
        rule(gates & select("*igate*") & LINEAR, name="input gate", weight=zeros, bias=init.constant(-10.0)),
        rule(gates & select("*fgate*") & LINEAR, name="forget gate", weight=zeros, bias=forget),
        rule(gates & LINEAR, name="gate", weight=zeros, bias=zeros),
        rule(select("*proj_down") & LINEAR, name="mlp, way out", weight=down, bias=zeros),
        rule(select("*out_proj") & LINEAR, name="way out", weight=wang, bias=zeros),
        rule(LINEAR, name="linear", weight=init.small_init(), bias=zeros),
    )


RECIPES = (mamba, mamba_asis, mamba2, mamba2_asis, rwkv4, rwkv4_asis, xlstm, xlstm_asis)
