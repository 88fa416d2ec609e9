"""Models of speech beside their libraries' own start, and beside closed forms where the library is not to be had."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

import firststep as fs

from .conformance import differences
from .libraries import transformers
from .twins import expected

WHISPER = {
    "d_model": 48, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4, "decoder_attention_heads": 4,
    "encoder_ffn_dim": 96, "decoder_ffn_dim": 96, "vocab_size": 200, "max_source_positions": 40, "num_mel_bins": 20,
    "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1,
}  # fmt: skip
WAV2VEC2 = {
    "hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96, "vocab_size": 40,
    "conv_dim": (32, 32), "conv_kernel": (5, 3), "conv_stride": (2, 2), "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4, "codevector_dim": 32, "proj_codevector_dim": 32,
    "num_codevectors_per_group": 20,
}  # fmt: skip


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("WhisperForConditionalGeneration", {}),
        (
            "WhisperForAudioClassification",
            {"use_weighted_layer_sum": True, "num_labels": 5, "classifier_proj_size": 32},
        ),
    ],
)
def test_whisper_of_transformers(model: str, options: dict[str, Any]) -> None:
    assert differences(transformers(model, "WhisperConfig", **WHISPER, **options), "whisper") == []


def test_frozen_positions_are_set() -> None:
    """w[t, i] = sin(t 10000^(-i / 23)) in the first 24 channels, the cosine in the others."""
    model = transformers("WhisperForConditionalGeneration", "WhisperConfig", **WHISPER)()
    table = model.model.encoder.embed_positions.weight
    with torch.no_grad():
        table.zero_()
    fs.initialize(model, "whisper", seed=0)
    assert not table.requires_grad
    assert float(table[7, 3]) == pytest.approx(math.sin(7 * 10000 ** (-3 / 23)), abs=1e-6)
    assert float(table[7, 24]) == pytest.approx(math.cos(7), abs=1e-6)


class Attention(nn.Module):
    def __init__(self, d: int) -> None:
        super().__init__()
        self.query, self.key = nn.Linear(d, d), nn.Linear(d, d, bias=False)
        self.value, self.out = nn.Linear(d, d), nn.Linear(d, d)


class Block(nn.Module):
    def __init__(self, d: int) -> None:
        super().__init__()
        self.attn, self.attn_ln = Attention(d), nn.LayerNorm(d)
        self.mlp, self.mlp_ln = nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, d)), nn.LayerNorm(d)


class Half(nn.Module):
    def __init__(self, d: int, audio: bool) -> None:
        super().__init__()
        if audio:
            self.conv1, self.conv2 = nn.Conv1d(20, d, 3, padding=1), nn.Conv1d(d, d, 3, stride=2, padding=1)
            self.register_buffer("positional_embedding", torch.zeros(40, d))
        else:
            self.token_embedding = nn.Embedding(200, d)
            self.positional_embedding = nn.Parameter(torch.empty(30, d))
        self.blocks = nn.ModuleList([Block(d), Block(d)])
        self.ln = nn.LayerNorm(d)


class Whisper(nn.Module):
    """The parameters of OpenAI's Whisper, by its names."""

    def __init__(self, d: int = 48) -> None:
        super().__init__()
        self.encoder, self.decoder = Half(d, audio=True), Half(d, audio=False)


def test_whisper_of_openai() -> None:
    """torch's U(-1/sqrt(n), 1/sqrt(n)) for weight and bias, N(0, 1) for tokens."""
    found = expected(Whisper(), "whisper.openai")
    for name, inputs in (("attn.query", 48), ("attn.out", 48), ("mlp.0", 48), ("mlp.2", 192)):
        for kind in ("weight", "bias"):
            assert found[f"decoder.blocks.1.{name}.{kind}"].high == pytest.approx(inputs**-0.5)
    assert found["encoder.conv1.weight"].high == found["encoder.conv1.bias"].high == pytest.approx(60**-0.5)
    assert found["decoder.token_embedding.weight"].std == 1.0
    assert found["decoder.positional_embedding"].std == 0.02


def test_whisper_of_transformers_as_openai_builds_it() -> None:
    model = transformers("WhisperForConditionalGeneration", "WhisperConfig", **WHISPER)()
    found = expected(model, "whisper.openai")
    assert found["model.encoder.layers.0.fc2.bias"].high == pytest.approx(96**-0.5)
    assert found["model.encoder.embed_positions.weight"].high == 1.0


@pytest.mark.parametrize("model", ["Wav2Vec2ForPreTraining", "Wav2Vec2ForCTC"])
@pytest.mark.parametrize("norm", [{}, {"feat_extract_norm": "layer", "conv_bias": True, "do_stable_layer_norm": True}])
def test_wav2vec2_of_transformers(model: str, norm: dict[str, Any]) -> None:
    made = transformers(model, "Wav2Vec2Config", **WAV2VEC2, **norm)
    assert differences(made, "wav2vec2.asis") == []
    # The convolution of positions: what transformers writes there has no effect.
    assert differences(made, "wav2vec2", apart=["*pos_conv_embed.conv.weight"]) == []


def test_wav2vec2_of_fairseq() -> None:
    """std = sqrt(4 / (k d)) for the convolution of positions, whatever its groups."""
    model = transformers("Wav2Vec2ForCTC", "Wav2Vec2Config", **WAV2VEC2)()
    found = expected(model, "wav2vec2")
    positions = "wav2vec2.encoder.pos_conv_embed.conv.weight"
    assert found[positions].std == pytest.approx(math.sqrt(4 / (16 * 48)))
    assert found["wav2vec2.feature_extractor.conv_layers.1.conv.weight"].std == pytest.approx(math.sqrt(2 / (32 * 3)))
    fs.initialize(model, "wav2vec2", seed=0)
    weight = model.wav2vec2.encoder.pos_conv_embed.conv.weight.detach()
    # n = 48 * 12 * 16 = 9216: 5 % are 6.8 standard errors.
    assert float(weight.std()) == pytest.approx(math.sqrt(4 / (16 * 48)), rel=0.05)
