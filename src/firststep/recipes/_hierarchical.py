"""Swin and the MLP-Mixer."""

from __future__ import annotations

import math

from .. import init
from ..init import Scheme
from ..planning import Rule, role, rule
from . import _tokens as parts
from ._entry import recipe
from ._types import CONVOLUTION, LINEAR

_ZERO = init.zeros()
_SCALE = rule(
    "*", name="logits and biases of attention", logit_scale=init.constant(math.log(10)), q_bias=_ZERO, v_bias=_ZERO
)
"""Cosine attention starts at a temperature of 1 / 10."""


def _swin(std: float, *first: Rule) -> tuple[Rule, ...]:
    cut = init.trunc_normal_torch(std=std)
    return (
        parts.tokens(position=cut, mask=cut),
        *first,
        *parts.linear(cut),
        parts.convolutions(),
        parts.norms(),
    )


def _table(scheme: Scheme) -> Rule:
    return rule("*", name="table of relative positions", relative_position_bias_table=scheme)


@recipe(
    "swin",
    family="vision",
    summary=(
        "N(0, 0.02^2) for linear layers and the table of relative positions, patches as torch starts them",
        "线性层与相对位置偏置表为 N(0, 0.02^2)，图块卷积用 torch 的默认初值",
    ),
    source="Liu et al. 2021 (2103.14030); microsoft/Swin-Transformer, models/swin_transformer.py",
    checked=("timm.models.swin_transformer.SwinTransformer", "torchvision.models.SwinTransformer"),
    differs=(
        "transformers starts the table, and absolute positions, at zero: swin.asis.",
        "transformers 的偏置表与绝对位置为零：见 swin.asis。",
    ),
)
def swin(*, std: float = 0.02) -> tuple[Rule, ...]:
    """Swin as its authors, timm and torchvision start it."""
    return _swin(std, _table(init.trunc_normal_torch(std=0.02)))


@recipe(
    "swin.asis",
    family="vision",
    summary=(
        "transformers' Swin as it is: N(0, 0.02^2) for linear layers and patches; tables and positions zero",
        "transformers 的 Swin 原样：线性层与图块为 N(0, 0.02^2)；偏置表与位置为零",
    ),
    source="transformers, models/swin/modeling_swin.py",
    checked=("transformers.SwinForImageClassification", "transformers.SwinForMaskedImageModeling"),
    differs=(
        "The authors' code draws the table from N(0, 0.02^2): swin.",
        "作者的代码把偏置表初始化为 N(0, 0.02^2)：见 swin。",
    ),
)
def swin_asis(*, std: float = 0.02) -> tuple[Rule, ...]:
    """What transformers gives; ``std`` is its ``initializer_range``."""
    return (_table(_ZERO), *_transformers(std))


def _transformers(std: float) -> tuple[Rule, ...]:
    return (parts.tokens(position=_ZERO, mask=_ZERO), *parts.one_scheme(init.normal(std=std)))


@recipe(
    "swin_v2",
    family="vision",
    summary=(
        "N(0, 0.02^2) for linear layers; the norms that end residual branches start at zero; logits times 10",
        "线性层为 N(0, 0.02^2)；残差分支末尾的归一化从零开始；logit 乘以 10",
    ),
    source="Liu et al. 2022 (2111.09883); microsoft/Swin-Transformer, models/swin_transformer_v2.py",
    checked=("timm.models.swin_transformer_v2.SwinTransformerV2",),
    differs=(
        "torchvision and transformers start those norms at one: swin_v2.torchvision, swin_v2.hf.",
        "torchvision 与 transformers 的这些归一化从一开始：见 swin_v2.torchvision、swin_v2.hf。",
    ),
)
def swin_v2(*, std: float = 0.02) -> tuple[Rule, ...]:
    """Swin V2, each block the identity at first."""
    after = role("norm.first", "norm.last")
    return _swin(std, _SCALE, rule(after, name="norm of a residual branch", weight=_ZERO, bias=_ZERO))


@recipe(
    "swin_v2.torchvision",
    family="vision",
    summary=(
        "N(0, 0.02^2) for linear layers; every norm starts at one; logits times 10",
        "线性层为 N(0, 0.02^2)；所有归一化从一开始；logit 乘以 10",
    ),
    source="torchvision, models/swin_transformer.py",
    checked=("torchvision.models.SwinTransformer",),
    differs=(
        "The authors' code starts the norms of residual branches at zero: swin_v2.",
        "作者的代码把残差分支的归一化从零开始：见 swin_v2。",
    ),
)
def swin_v2_torchvision(*, std: float = 0.02) -> tuple[Rule, ...]:
    """What torchvision gives."""
    return _swin(std, _SCALE)


@recipe(
    "swin_v2.hf",
    family="vision",
    summary=(
        "N(0, 0.02^2) for linear layers and patches; every norm starts at one; logits times 10; positions zero",
        "线性层与图块为 N(0, 0.02^2)；所有归一化从一开始；logit 乘以 10；位置为零",
    ),
    source="transformers, models/swinv2/modeling_swinv2.py",
    checked=("transformers.Swinv2ForImageClassification",),
    differs=(
        "The authors' code starts the norms of residual branches at zero: swin_v2.",
        "作者的代码把残差分支的归一化从零开始：见 swin_v2。",
    ),
)
def swin_v2_hf(*, std: float = 0.02) -> tuple[Rule, ...]:
    """What transformers gives; ``std`` is its ``initializer_range``."""
    return (_SCALE, *_transformers(std))


def _mixer(weight: Scheme, mlp_bias: Scheme) -> tuple[Rule, ...]:
    return (
        rule(role("head"), name="head", weight=_ZERO, bias=_ZERO),
        rule(parts.MLP & LINEAR, name="MLP", weight=weight, bias=mlp_bias),
        *parts.linear(weight),
        rule(CONVOLUTION, name="patches", weight=init.lecun_normal(), bias=_ZERO),
        parts.norms(),
    )


_MIXER = "Tolstikhin et al. 2021 (2105.01601); google-research/vision_transformer, vit_jax/models_mixer.py"


@recipe(
    "mlp_mixer",
    family="vision",
    summary=(
        "the MLP-Mixer as its authors start it: mlp_mixer.jax",
        "按作者的方式初始化 MLP-Mixer：即 mlp_mixer.jax",
    ),
    source=_MIXER,
    checked=("timm.models.mlp_mixer.MlpMixer",),
    differs=(
        "timm's default is xavier uniform with biases N(0, 1e-6^2): mlp_mixer.timm.",
        "timm 的默认值为 xavier 均匀、偏置 N(0, 1e-6^2)：见 mlp_mixer.timm。",
    ),
)
def mlp_mixer() -> tuple[Rule, ...]:
    """The paper's, since a name without a library stands for the paper."""
    return _mixer(init.lecun_normal(), _ZERO)


@recipe(
    "mlp_mixer.jax",
    family="vision",
    summary=(
        "as the authors' JAX code, flax's defaults: lecun normal, biases zero, head zero",
        "与作者的 JAX 代码（flax 默认值）一致：lecun 正态，偏置为零，分类头为零",
    ),
    source=_MIXER,
    checked=("timm.models.mlp_mixer.MlpMixer",),
)
def mlp_mixer_jax() -> tuple[Rule, ...]:
    """The Mixer of the paper's own code."""
    return _mixer(init.lecun_normal(), _ZERO)


@recipe(
    "mlp_mixer.timm",
    family="vision",
    summary=(
        "xavier uniform, MLP biases N(0, 1e-6^2), patches lecun normal, head zero",
        "xavier 均匀，MLP 偏置 N(0, 1e-6^2)，图块为 lecun 正态，分类头为零",
    ),
    source="timm, models/mlp_mixer.py",
    checked=("timm.models.mlp_mixer.MlpMixer",),
)
def mlp_mixer_timm() -> tuple[Rule, ...]:
    """timm's default."""
    return _mixer(init.xavier_uniform(), init.normal(std=1e-6))


RECIPES = (
    swin,
    swin_asis,
    swin_v2,
    swin_v2_torchvision,
    swin_v2_hf,
    mlp_mixer,
    mlp_mixer_jax,
    mlp_mixer_timm,
)
