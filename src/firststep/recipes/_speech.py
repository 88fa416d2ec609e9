"""Models of speech: tables of rules, each equal to its source."""

from __future__ import annotations

from .. import init
from ..init import Scheme
from ..planning import Rule, role, rule, select
from ._entry import recipe
from ._plain import plain
from ._shared import IDENTITY
from ._types import CONVOLUTION, EMBEDDING, LINEAR

WAVES = role("embedding.position") & select("*encoder*")
"""The encoder's table of positions, which is not trained where it is a parameter at all."""


@recipe(
    "whisper",
    family="language",
    summary=(
        "N(0, 0.02^2), biases zero, the encoder's positions sines and cosines",
        "N(0, 0.02^2)，偏置为零，编码器位置为正弦与余弦",
    ),
    source="transformers, models/whisper/modeling_whisper.py",
    checked=("transformers.WhisperForConditionalGeneration", "transformers.WhisperForAudioClassification"),
    differs=(
        "OpenAI's code leaves torch's own start in all layers: whisper.openai.",
        "OpenAI 的代码保留 torch 各层的默认初值：见 whisper.openai。",
    ),
)
def whisper(*, std: float = 0.02) -> tuple[Rule, ...]:
    """Whisper as transformers builds it. The encoder's positions are set though they are frozen."""
    return (
        rule(WAVES, name="encoder's positions", frozen=True, weight=init.sinusoids()),
        rule("*", name="weights of a sum over the layers", layer_weights=init.by_index("1/n")),
        *plain(init.normal(std=std)),
    )


@recipe(
    "whisper.openai",
    family="language",
    summary=(
        "torch's own start, embeddings N(0, 1), the encoder's positions sines and cosines",
        "torch 的默认初值，词嵌入 N(0, 1)，编码器位置为正弦与余弦",
    ),
    source="Radford et al. 2022 (2212.04356); openai/whisper, whisper/model.py",
    differs=(
        "The code allocates the decoder's positions and never sets them; here they are N(0, 0.02^2).",
        "该代码只为解码器位置分配内存而从不设值；此处为 N(0, 0.02^2)。",
    ),
)
def whisper_openai() -> tuple[Rule, ...]:
    """Whisper as OpenAI's released code builds it."""
    default, positions = init.torch_default(), init.normal(std=0.02)
    return (
        rule(WAVES, name="encoder's positions", frozen=True, weight=init.sinusoids()),
        rule(select("*encoder*"), name="encoder's positions", frozen=True, positional_embedding=init.sinusoids()),
        rule("*", name="decoder's positions", positional_embedding=positions),
        rule(role("embedding.position"), name="decoder's positions", weight=positions),
        rule(EMBEDDING, name="embedding", weight=init.normal()),
        IDENTITY,
        rule(LINEAR | select(CONVOLUTION), name="linear and conv", weight=default, bias=default),
    )


@recipe(
    "wav2vec2",
    family="language",
    summary=(
        "convolutions N(0, 2/fan_in), positions N(0, 4/(k d)), the transformer N(0, 0.02^2), projections torch's own",
        "卷积 N(0, 2/fan_in)，位置卷积 N(0, 4/(k d))，Transformer N(0, 0.02^2)，投影为 torch 默认",
    ),
    source="Baevski et al. 2020 (2006.11477); fairseq, models/wav2vec/wav2vec2.py",
    checked=("transformers.Wav2Vec2ForPreTraining", "transformers.Wav2Vec2ForCTC"),
    differs=(
        "transformers means to set the convolution of positions the same way, but writes to a weight that weight_norm "
        "computes, so that torch's own start stays: wav2vec2.asis.",
        "transformers 本想同样设置位置卷积，却写到了由 weight_norm 计算出的权重上，"
        "因此仍是 torch 默认初值：见 wav2vec2.asis。",
    ),
)
def wav2vec2(*, std: float = 0.02) -> tuple[Rule, ...]:
    """wav2vec 2.0 as fairseq builds it: features, positions by convolution, transformer, quantizer."""
    return _wav2vec2(init.variance_scaling(4.0, "fan_out", "normal", fans="tensor"), std)


@recipe(
    "wav2vec2.asis",
    family="language",
    summary=(
        "wav2vec2, but torch's own start for the convolution of positions",
        "wav2vec2，但位置卷积为 torch 默认初值",
    ),
    source="transformers, models/wav2vec2/modeling_wav2vec2.py",
    checked=("transformers.Wav2Vec2ForPreTraining", "transformers.Wav2Vec2ForCTC"),
    differs=("wav2vec2 sets it as fairseq does.", "wav2vec2 与 fairseq 一致。"),
)
def wav2vec2_asis(*, std: float = 0.02) -> tuple[Rule, ...]:
    """wav2vec 2.0 as transformers builds it."""
    return _wav2vec2(init.torch_default(), std)


def _wav2vec2(positions: Scheme, std: float) -> tuple[Rule, ...]:
    zeros, default, uniform = init.zeros(), init.torch_default(), init.uniform()
    projections = select("*feature_projection.projection") | select("*post_extract_proj")
    for name in ("*project_hid", "*project_q", "*project_inp", "*final_proj"):
        projections |= select(name)
    return (
        rule(
            "*", name="mask and codes", masked_spec_embed=uniform, mask_emb=uniform, codevectors=uniform, vars=uniform
        ),
        rule(select("*quantizer.weight_proj"), name="choice of a code", weight=init.normal(), bias=zeros),
        rule(projections & LINEAR, name="projections", weight=default, bias=default),
        rule(select("*pos_conv*") & CONVOLUTION, name="positions", weight=positions, bias=zeros),
        rule(CONVOLUTION, name="features", weight=init.kaiming_normal(), bias=default),
        rule("*", name="weights of a sum over the layers", layer_weights=init.by_index("1/n")),
        *plain(init.normal(std=std)),
    )


RECIPES = (whisper, whisper_openai, wav2vec2, wav2vec2_asis)
