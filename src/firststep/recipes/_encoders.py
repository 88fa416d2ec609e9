"""Encoders of text, encoders with decoders, towers of text and images: tables of rules, each equal to its source."""

from __future__ import annotations

import math

from torch import nn

from .. import init
from ..init import Scheme
from ..planning import Rule, role, rule, select
from ._entry import recipe
from ._plain import plain
from ._shared import IDENTITY, globs, in_projections
from ._types import CONVOLUTION, EMBEDDING, LINEAR, NORM

FAN_IN = init.variance_scaling(1.0, "fan_in", "normal")
"""N(0, 1 / fan_in)."""
BY_WIDTH = init.scaled(init.normal(), by="1/sqrt(d)")
TABLE = init.scaled(init.normal(), by="1/sqrt(fan_in)")
"""N(0, 1 / width) for a table (rows, width)."""
VISION = select("*visual*") | select("*vision*")


@recipe(
    "bert.tf",
    family="language",
    summary=(
        "normals of std 0.02 cut off at 2 std, which leaves 0.0176; biases zero",
        "标准差 0.02 的正态，截断于 2 倍标准差，截断后为 0.0176；偏置为零",
    ),
    source="Devlin et al. 2019 (1810.04805); google-research/bert, modeling.py, create_initializer",
    differs=(
        "transformers cuts nothing off: bert.hf. Here an embedding's padding row is zero where it has one; "
        "TensorFlow's has none.",
        "transformers 不截断：见 bert.hf。嵌入若有 padding 行，此处为零；TensorFlow 的代码没有该行。",
    ),
)
def bert_tf(*, std: float = 0.02) -> tuple[Rule, ...]:
    """BERT as its authors' code builds it."""
    return plain(init.trunc_normal_tf(std=std))


@recipe(
    "bert",
    family="language",
    summary=("bert.tf, the authors' code", "bert.tf，即作者的代码"),
    source="as bert.tf",
    differs=("bert.hf is what transformers does.", "transformers 的做法见 bert.hf。"),
)
def bert(*, std: float = 0.02) -> tuple[Rule, ...]:
    """``bert.tf``."""
    return tuple(bert_tf.make(std=std))


@recipe(
    "bert.hf",
    family="language",
    summary=(
        "N(0, 0.02^2), biases and padding rows zero, norms the identity",
        "N(0, 0.02^2)，偏置与 padding 行为零，归一化层为恒等",
    ),
    source="transformers, PreTrainedModel._init_weights in modeling_utils.py; models/bert/modeling_bert.py",
    checked=(
        "transformers.BertForPreTraining",
        "transformers.BertForSequenceClassification",
        "transformers.RobertaForMaskedLM",
        "transformers.AlbertForMaskedLM",
        "transformers.ElectraForPreTraining",
        "transformers.DistilBertForMaskedLM",
        "transformers.DebertaV2ForMaskedLM",
        "transformers.BartForConditionalGeneration",
    ),
    differs=(
        "The authors' code cuts the normals off at 2 std: bert.tf.",
        "作者的代码把正态截断于 2 倍标准差：见 bert.tf。",
    ),
)
def bert_hf(*, std: float = 0.02) -> tuple[Rule, ...]:
    """BERT, and the encoders like it, as transformers builds them."""
    return plain(init.normal(std=std))


@recipe(
    "t5",
    family="language",
    summary=(
        "N(0, 1/fan_in), queries N(0, 1/(d d_kv)) as attention is not scaled, embeddings N(0, 1)",
        "N(0, 1/fan_in)；因注意力不缩放，查询为 N(0, 1/(d d_kv))；词嵌入 N(0, 1)",
    ),
    source="Raffel et al. 2020 (1910.10683); transformers, models/t5/modeling_t5.py, after mesh-tensorflow",
    checked=(
        "transformers.T5ForConditionalGeneration",
        "transformers.T5EncoderModel",
        "transformers.T5ForSequenceClassification",
    ),
    differs=(
        "transformers gives the head of T5ForTokenClassification N(0, 1), for any number of classes; here it is "
        "N(0, 1/d), like the other heads.",
        "transformers 的 T5ForTokenClassification 分类头一律为 N(0, 1)；此处与其他头一样为 N(0, 1/d)。",
    ),
)
def t5(*, factor: float = 1.0) -> tuple[Rule, ...]:
    """T5 and T5 1.1; an output layer that is not tied starts like the embedding, from N(0, 1)."""
    zeros, whole = init.zeros(), init.normal(std=factor)
    fan_in = init.scaled(whole, by="1/sqrt(fan_in)")
    return (
        rule(
            role("attention.query"),
            name="query",
            weight=init.scaled(whole, by="1/sqrt(fan_in*d_head)"),
            bias=zeros,
        ),
        rule(role("attention.bias"), name="relative positions", weight=init.scaled(whole, by="1/sqrt(d)")),
        rule(NORM, name="norm", weight=init.constant(factor), bias=zeros),
        rule(EMBEDDING, name="embedding", weight=whole),
        rule(select("*lm_head") & LINEAR, name="output layer", weight=whole, bias=zeros),
        rule(LINEAR, name="linear", weight=fan_in, bias=zeros),
    )


def _logits(scale: float) -> Rule:
    return rule("*", name="logit scale", logit_scale=init.constant(scale))


@recipe(
    "clip",
    family="language",
    summary=(
        "text: d^(-1/2) into a branch, (2 L d)^(-1/2) out of it; images: torch's own start",
        "文本塔：分支输入 d^(-1/2)，分支输出 (2 L d)^(-1/2)；图像塔：torch 的默认初值",
    ),
    source="Radford et al. 2021 (2103.00020); openai/CLIP, clip/model.py, initialize_parameters",
    differs=(
        "transformers has the scales of the attention's way in and way out changed round, in both towers: clip.asis.",
        "transformers 在两座塔中都把注意力输入与输出的尺度弄反了：见 clip.asis。",
    ),
)
def clip() -> tuple[Rule, ...]:
    """CLIP as OpenAI's code builds it, with a transformer or a ResNet for the images.

    d and L are those of each tower. Of the transformer for images only the class token, the positions and the
    projection have a scale of their own; its blocks are as torch constructs them, xavier uniform over the packed
    queries, keys and values.
    """
    zeros, default = init.zeros(), init.torch_default()
    branch, out = BY_WIDTH, init.scaled(init.normal(), by="1/sqrt(2*L*d)")
    projection = init.scaled(init.normal(), by="1/sqrt(fan_out)")  # a bare (in, out) is read as (out, in)
    packed = init.variance_scaling(0.5, "fan_avg", "uniform")  # xavier over (3 d, d), for one of the three
    return (
        _logits(math.log(1 / 0.07)),
        rule(NORM & select("*visual*.layer*.bn3"), name="last norm of a ResNet's branch", weight=zeros, bias=zeros),
        IDENTITY,
        rule(select("*attnpool*") & LINEAR, name="attention pool", weight=FAN_IN, bias=default),
        rule("*", name="projections", text_projection=projection, proj=projection),
        rule(select("*_projection") & LINEAR, name="projections", weight=FAN_IN, bias=zeros),
        rule(VISION, name="tokens of the image", **globs({"class_embedding": BY_WIDTH, "*pos*": TABLE})),
        rule(VISION & select(EMBEDDING), name="positions of the image", weight=TABLE),
        rule(
            VISION & role("attention.query", "attention.key", "attention.value") & LINEAR,
            name="attention of the image",
            weight=packed,
            bias=zeros,
        ),
        rule(VISION & role("attention.out") & LINEAR, name="attention of the image", weight=default, bias=zeros),
        rule(
            VISION & select(nn.MultiheadAttention),
            name="attention of the image",
            in_proj_bias=zeros,
            **in_projections(packed),
        ),
        rule(VISION & (LINEAR | select(CONVOLUTION)), name="layers of the image", weight=default, bias=default),
        rule("*", name="positions of the text", **globs({"*pos*": init.normal(std=0.01)})),
        rule(role("embedding.position"), name="positions of the text", weight=init.normal(std=0.01)),
        rule(EMBEDDING, name="embedding", weight=init.normal(std=0.02)),
        rule(role("attention.out"), name="attention output", weight=out, bias=zeros),
        rule(role("mlp.out"), name="mlp output", weight=out, bias=default),
        *_attention_in(branch),
        rule(role("mlp.in"), name="mlp", weight=init.scaled(init.normal(), by="1/sqrt(2*d)"), bias=default),
        rule(LINEAR, name="linear", weight=FAN_IN, bias=zeros),
    )


def _attention_in(scheme: Scheme) -> tuple[Rule, ...]:
    """Queries, keys and values, packed or not."""
    zeros = init.zeros()
    return (
        rule(nn.MultiheadAttention, name="attention", in_proj_bias=zeros, **in_projections(scheme)),
        rule(
            role("attention.query", "attention.key", "attention.value", "attention.packed") & LINEAR,
            name="attention",
            weight=scheme,
            bias=zeros,
        ),
    )


@recipe(
    "clip.asis",
    family="language",
    summary=(
        "(2 L d)^(-1/2) into the attention and out of the MLP, d^(-1/2) out of the attention, in both towers",
        "两座塔中，注意力输入与 MLP 输出为 (2 L d)^(-1/2)，注意力输出为 d^(-1/2)",
    ),
    source="transformers, models/clip/modeling_clip.py",
    checked=(
        "transformers.CLIPModel",
        "transformers.CLIPVisionModelWithProjection",
        "transformers.CLIPForImageClassification",
    ),
    differs=(
        "OpenAI's code divides the attention's way out by sqrt(2 L), not its way in, and leaves the transformer for "
        "images as torch starts it: clip.",
        "OpenAI 的代码除以 sqrt(2 L) 的是注意力输出而非输入，且图像塔保持 torch 的默认初值：见 clip。",
    ),
)
def clip_asis() -> tuple[Rule, ...]:
    """CLIP as transformers builds it; d and L are those of each tower."""
    zeros, small = init.zeros(), init.normal(std=0.02)
    deep = init.scaled(init.normal(), by="1/sqrt(2*L*d)")
    return (
        _logits(2.6592),
        IDENTITY,
        rule("*", name="class token", class_embedding=BY_WIDTH),
        rule(EMBEDDING, name="embedding", weight=small),
        rule(CONVOLUTION, name="patches", weight=small, bias=zeros),
        *_attention_in(deep),
        rule(role("attention.out"), name="attention output", weight=BY_WIDTH, bias=zeros),
        rule(role("mlp.in"), name="mlp", weight=init.scaled(init.normal(), by="1/sqrt(2*d)"), bias=zeros),
        rule(role("mlp.out"), name="mlp output", weight=deep, bias=zeros),
        rule(LINEAR, name="projections", weight=FAN_IN, bias=zeros),
    )


@recipe(
    "siglip",
    family="language",
    summary=(
        "attention and MLP xavier uniform, MLP biases N(0, 1e-12), positions and tokens N(0, 1/d), else lecun normal",
        "注意力与 MLP 为 xavier 均匀，MLP 偏置 N(0, 1e-12)，位置与词嵌入 N(0, 1/d)，其余为 lecun 正态",
    ),
    source=(
        "Zhai et al. 2023 (2303.15343), section 3.2; big_vision, models/vit.py, models/proj/image_text/two_towers.py"
    ),
    differs=(
        "transformers' lecun normal is 1.137 times too wide and not cut off; it counts the fans of packed attention as "
        "of one matrix, gives its way out the lecun normal, and starts scale and bias of the logits at 0: "
        "siglip.asis.",
        "transformers 的 lecun 正态宽了 1.137 倍且未截断；它把打包的注意力当作一个矩阵计算 fan，"
        "其输出用 lecun 正态，logit 的尺度与偏置从 0 开始：见 siglip.asis。",
    ),
)
def siglip() -> tuple[Rule, ...]:
    """SigLIP as big_vision builds it: flax's fans, each of q, k and v for itself; t = log 10 and b = -10."""
    xavier, zeros = init.xavier_uniform(), init.zeros()
    return (
        rule("*", name="logits", logit_scale=init.constant(math.log(10)), logit_bias=init.constant(-10.0)),
        rule("*", name="probe", probe=xavier.layout("probe in out"), latent=xavier.layout("probe in out")),
        rule(select("*qkv") & LINEAR, name="packed attention", weight=xavier.layout("out in", blocks=3), bias=zeros),
        rule(select("*kv") & LINEAR, name="packed attention", weight=xavier.layout("out in", blocks=2), bias=zeros),
        *_siglip(xavier, init.lecun_normal(), xavier),
    )


@recipe(
    "siglip.asis",
    family="language",
    summary=(
        "siglip with the lecun normal, the packed fans and the zero logits of transformers",
        "siglip，但采用 transformers 的 lecun 正态、打包 fan 与零 logit",
    ),
    source="transformers, models/siglip/modeling_siglip.py and initialization.py",
    checked=("transformers.SiglipModel", "transformers.SiglipForImageClassification", "transformers.Siglip2Model"),
    differs=("siglip follows the authors' code.", "siglip 遵循作者的代码。"),
)
def siglip_asis() -> tuple[Rule, ...]:
    """SigLIP as transformers builds it."""
    packed = init.xavier_uniform(fans="tensor")
    wide = init.variance_scaling(1 / 0.87962566103423978**2, "fan_in", "normal")  # cut off at ±2, beyond all draws
    return (
        rule("*", name="logits", logit_scale=init.zeros(), logit_bias=init.zeros()),
        rule("*", name="probe", probe=packed),
        rule(role("head") & select("*classifier"), name="classifier", weight=FAN_IN, bias=init.zeros()),
        *_siglip(packed, wide, wide),
    )


def _siglip(attention: Scheme, else_: Scheme, pooled: Scheme) -> tuple[Rule, ...]:
    """What the two have in common; ``pooled`` is for the way out of the pooling head's attention."""
    zeros, xavier = init.zeros(), init.xavier_uniform()
    mlp = role("mlp.in", "mlp.out") | select("*.fc1") | select("*.fc2")
    return (
        IDENTITY,
        rule(EMBEDDING, name="embedding", weight=TABLE),
        rule("*", name="positions", **globs({"*pos*": BY_WIDTH})),
        rule(nn.MultiheadAttention, name="pooling", in_proj_bias=zeros, **in_projections(attention)),
        rule(select("*head.attention.out_proj"), name="pooling, way out", weight=pooled, bias=zeros),
        rule(mlp & LINEAR, name="mlp", weight=xavier, bias=init.normal(std=1e-6)),
        rule((role("attention") | select("*attn_pool.*")) & LINEAR, name="attention", weight=xavier, bias=zeros),
        rule(LINEAR | select(CONVOLUTION), name="patches and heads", weight=else_, bias=zeros),
    )


RECIPES = (bert, bert_tf, bert_hf, t5, clip, clip_asis, siglip, siglip_asis)
