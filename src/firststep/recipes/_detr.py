"""Detectors that read boxes off the queries of a transformer: DETR and Deformable DETR."""

from __future__ import annotations

import re

from torch import nn
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear

from .. import init
from ..init import Scheme
from ..planning import Rule, rule, select
from ._detection import backbone_rules
from ._entry import recipe
from ._types import CONVOLUTION, EMBEDDING

ZERO = init.zeros()
XAVIER = init.xavier_uniform()
DEFAULT = init.torch_default()

_TRANSFORMER = select(re.compile(r"(.*\.)?(transformer|encoder|decoder)(\..*)?")) & ~select("*backbone*")
_LAST_OF_BOXES = select(re.compile(r"(.*\.)?bbox_embed(\.\d+)?\.layers\.2"))
"""The last of the three layers of a head for boxes."""
_GRID = rule(
    select(re.compile(r".*(row|col|column)_embed(ding)?s?")) & EMBEDDING,
    name="learned grid of positions",
    weight=init.uniform(),
)
_MASK_HEAD = (
    rule(select("*mask_head*") & CONVOLUTION, name="mask head", weight=init.kaiming_uniform(a=1.0), bias=ZERO),
    rule(select("*bbox_attention*") & nn.Linear, name="attention of masks", weight=XAVIER, bias=ZERO),
)


def _transformer(packed: Scheme) -> tuple[Rule, ...]:
    """Every matrix of the transformer Glorot uniform, queries, keys and values by ``packed``; biases stay torch's."""
    return (
        rule(
            _TRANSFORMER & nn.MultiheadAttention,
            name="attention",
            in_proj_weight=packed,
            in_proj_bias=ZERO,
        ),
        rule(_TRANSFORMER & NonDynamicallyQuantizableLinear, name="attention output", weight=XAVIER, bias=ZERO),
        rule(_TRANSFORMER & nn.Linear, name="linear in the transformer", weight=XAVIER, bias=DEFAULT),
    )


def _detr(packed: Scheme, keep_backbone: bool) -> tuple[Rule, ...]:
    return (
        _GRID,
        *_MASK_HEAD,
        *_transformer(packed),
        rule(EMBEDDING, name="queries", weight=init.normal()),
        rule(select("*input_proj*") & CONVOLUTION, name="projection to the stream", weight=DEFAULT, bias=DEFAULT),
        *backbone_rules(keep_backbone),
    )


@recipe(
    "detr",
    family="detection",
    summary=(
        "the transformer Glorot uniform, queries N(0, 1), heads torch's",
        "Transformer 用 Glorot 均匀分布，查询用 N(0, 1)，检测头用 torch 默认值",
    ),
    source="Carion et al. 2020 (2005.12872), section 4; facebookresearch/detr, models/transformer.py and detr.py",
    differs=(
        "The authors' code counts queries, keys and values as one matrix, sqrt(2) too small: detr.asis. transformers "
        "draws all of it from N(0, 0.02^2): detr.hf.",
        "作者代码把查询、键、值当作一个矩阵计数，小了 sqrt(2) 倍：见 detr.asis。transformers 的见 detr.hf。",
    ),
)
def detr(*, keep_backbone: bool = False) -> tuple[Rule, ...]:
    """DETR, each of queries, keys and values with its own fans; ``keep_backbone`` leaves the backbone as loaded."""
    return _detr(XAVIER, keep_backbone)


@recipe(
    "detr.asis",
    family="detection",
    summary=(
        "as detr, queries, keys and values counted as one matrix",
        "同 detr，但查询、键、值当作一个矩阵计数",
    ),
    source="facebookresearch/detr, models/transformer.py and detr.py",
    checked=("torch.nn.Transformer",),
    differs=(
        "It follows the source; detr counts each of queries, keys and values.",
        "与源码一致；detr 分别计查询、键、值的输出。",
    ),
)
def detr_asis(*, keep_backbone: bool = False) -> tuple[Rule, ...]:
    """DETR as its authors' code starts it, and the ``nn.Transformer`` it is made of."""
    return _detr(init.xavier_uniform(fans="tensor"), keep_backbone)


def _normal_002(keep_backbone: bool) -> tuple[Rule, ...]:
    """transformers' start of whatever a model does not set itself."""
    normal = init.normal(std=0.02)
    outside = ~select("*backbone*")
    return (
        rule(outside & (*CONVOLUTION, nn.Linear), name="linear and convolution", weight=normal, bias=ZERO),
        rule(outside & EMBEDDING, name="queries", weight=normal),
        *backbone_rules(keep_backbone),
    )


@recipe(
    "detr.hf",
    family="detection",
    summary=("everything above the backbone N(0, 0.02^2), biases zero", "骨干之上一律用 N(0, 0.02^2)，偏置为零"),
    source="transformers, models/detr/modeling_detr.py",
    checked=("transformers.DetrForObjectDetection",),
    differs=(
        "The authors draw the transformer Glorot uniform and queries from N(0, 1): detr.",
        "作者的 Transformer 用 Glorot 均匀分布，查询用 N(0, 1)：见 detr。",
    ),
)
def detr_hf(*, keep_backbone: bool = False) -> tuple[Rule, ...]:
    """DETR as transformers starts it."""
    return (_GRID, *_MASK_HEAD, *_normal_002(keep_backbone))


def _deformable(points: int) -> tuple[Rule, ...]:
    """Deformable attention and what belongs to it."""
    return (
        rule(
            "*.sampling_offsets",
            name="sampling points",
            weight=ZERO,
            bias=init.sampling_offsets(points=points),
        ),
        rule("*.attention_weights", name="attention weights", weight=ZERO, bias=ZERO),
        rule(
            select("*.value_proj") | select("*.output_proj") | select("*reference_points"),
            name="deformable attention",
            weight=XAVIER,
            bias=ZERO,
        ),
        rule("*", name="levels", level_embed=init.normal()),
    )


@recipe(
    "deformable_detr",
    family="detection",
    summary=(
        "each head samples along its own ray, attention even; logits begin at probability pi, boxes at their anchors",
        "每个头沿各自方向采样，注意力均匀；类别 logit 从概率 pi 开始，边框从参考点开始",
    ),
    source="Zhu et al. 2021 (2010.04159); fundamentalvision/Deformable-DETR, models/deformable_detr.py",
    differs=(
        "transformers draws the heads and the other matrices from N(0, 0.02^2), without the prior of the classes: "
        "deformable_detr.hf. The authors count the packed queries, keys and values as one matrix.",
        "transformers 的检测头与其余矩阵用 N(0, 0.02^2)，且没有类别先验：见 deformable_detr.hf。"
        "作者把打包的查询、键、值当作一个矩阵计数。",
    ),
)
def deformable_detr(
    *, pi: float = 0.01, points: int = 4, refine: bool = False, two_stage: bool = False, keep_backbone: bool = False
) -> tuple[Rule, ...]:
    """Deformable DETR as its authors start it.

    ``points`` is the number of sampling points of a head on a level. ``refine`` is for boxes that each decoder block
    refines: only the first block's head then begins at small boxes. ``two_stage``: none does.
    """
    small_boxes = init.by_index("-(i - i % 2)")  # x and y 0, width and height -2
    first = select(re.compile(r"(.*\.)?bbox_embed\.0\.layers\.2")) if refine else _LAST_OF_BOXES
    return (
        *(() if two_stage else (rule(first, name="boxes, small", weight=ZERO, bias=small_boxes),)),
        rule(_LAST_OF_BOXES, name="boxes", weight=ZERO, bias=ZERO),
        rule(select("*class_embed*") & nn.Linear, name="classes", weight=DEFAULT, bias=init.prior_bias(pi=pi)),
        rule(select("*bbox_embed*") & nn.Linear, name="layers before the boxes", weight=DEFAULT, bias=DEFAULT),
        *_deformable(points),
        rule(select("*input_proj*") & CONVOLUTION, name="projection to the stream", weight=XAVIER, bias=ZERO),
        *_detr(XAVIER, keep_backbone),
    )


@recipe(
    "deformable_detr.hf",
    family="detection",
    summary=(
        "each head samples along its own ray, attention even; the rest N(0, 0.02^2), biases zero",
        "每个头沿各自方向采样，注意力均匀；其余用 N(0, 0.02^2)，偏置为零",
    ),
    source="transformers, models/deformable_detr/modeling_deformable_detr.py",
    checked=("transformers.DeformableDetrForObjectDetection",),
    differs=(
        "The authors begin the class logits at probability 0.01 and the boxes at their anchors: deformable_detr.",
        "作者的类别 logit 从概率 0.01 开始，边框从参考点开始：见 deformable_detr。",
    ),
)
def deformable_detr_hf(*, points: int = 4, keep_backbone: bool = False) -> tuple[Rule, ...]:
    """Deformable DETR as transformers starts it."""
    return (_GRID, *_deformable(points), *_normal_002(keep_backbone))


RECIPES = (detr, detr_asis, detr_hf, deformable_detr, deformable_detr_hf)
