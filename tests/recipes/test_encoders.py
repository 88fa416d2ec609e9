"""Encoders and towers beside their libraries' own start, and beside closed forms where the library is not to be had."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

import firststep as fs

from .conformance import differences
from .libraries import library, transformers
from .twins import expected

BERT = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 300, "intermediate_size": 96}

BART = {
    "d_model": 64, "encoder_layers": 2, "decoder_layers": 2, "encoder_ffn_dim": 96, "decoder_ffn_dim": 96,
    "encoder_attention_heads": 4, "decoder_attention_heads": 4, "vocab_size": 300, "pad_token_id": 1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("model", "config", "options"),
    [
        ("BertForPreTraining", "BertConfig", BERT),
        ("BertForSequenceClassification", "BertConfig", {**BERT, "num_labels": 7}),
        ("RobertaForMaskedLM", "RobertaConfig", {**BERT, "pad_token_id": 1}),
        ("AlbertForMaskedLM", "AlbertConfig", {**BERT, "embedding_size": 32}),
        ("ElectraForPreTraining", "ElectraConfig", {**BERT, "embedding_size": 32}),
        ("DistilBertForMaskedLM", "DistilBertConfig", {"dim": 64, "n_layers": 2, "n_heads": 4, "vocab_size": 300}),
        ("DebertaV2ForMaskedLM", "DebertaV2Config", BERT),
        ("BartForConditionalGeneration", "BartConfig", BART),
    ],
)
def test_bert_of_transformers(model: str, config: str, options: dict[str, Any]) -> None:
    assert differences(transformers(model, config, **options), "bert.hf") == []


@pytest.mark.parametrize("recipe", ["bert", "bert.tf"])
def test_bert_of_its_authors(recipe: str) -> None:
    """std 0.02 sqrt(1 - 4 phi(2) / (2 Phi(2) - 1)) = 0.0175925 between ±0.04."""
    found = expected(transformers("BertForSequenceClassification", "BertConfig", **BERT)(), recipe)
    drawn = [one for name, one in found.items() if name.endswith("weight") and "LayerNorm" not in name]
    assert len(drawn) == 2 * 6 + 3 + 2  # six matrices in each layer, three tables, pooler and classifier
    for one in drawn:
        assert one.high == pytest.approx(0.04) or one.low == pytest.approx(-0.04)
    assert found["classifier.weight"].std == pytest.approx(0.0175925, rel=1e-5)
    assert found["bert.encoder.layer.1.output.dense.bias"].std == 0.0


class Bert(nn.Module):
    """An encoder of torch's own layers."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(100, 32), nn.Parameter(torch.zeros(16, 32))
        layer = nn.TransformerEncoderLayer(32, 4, 64)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.classifier = nn.Linear(32, 3)


def test_bert_of_ones_own() -> None:
    model = Bert()
    report = fs.initialize(model, "bert.hf", seed=0)
    assert report.ok
    found = expected(model, "bert.hf")
    assert {one.std for name, one in found.items() if "norm" not in name and "bias" not in name} == {0.02}
    assert float(model.positions.detach().std()) == pytest.approx(0.02, rel=0.2)  # n = 512, 6.4 standard errors


T5 = {
    "d_model": 48,
    "d_kv": 12,
    "d_ff": 96,
    "num_layers": 2,
    "num_decoder_layers": 3,
    "num_heads": 4,
    "vocab_size": 300,
}


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("T5ForConditionalGeneration", {}),
        ("T5ForConditionalGeneration", {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}),
        ("T5EncoderModel", {}),
        ("T5ForSequenceClassification", {"num_labels": 30}),
    ],
)
def test_t5(model: str, options: dict[str, Any]) -> None:
    assert differences(transformers(model, "T5Config", **T5, **options), "t5") == []


def test_t5_on_a_factor() -> None:
    made = transformers("T5ForConditionalGeneration", "T5Config", **T5, initializer_factor=0.5)
    assert differences(made, fs.recipes.get("t5", factor=0.5), seeds=1) == []


class Attention(nn.Module):
    def __init__(self, d: int, heads: int, width: int) -> None:
        super().__init__()
        self.num_heads, self.head_dim = heads, width
        self.q_proj, self.k_proj = nn.Linear(d, heads * width, bias=False), nn.Linear(d, heads * width, bias=False)
        self.v_proj, self.o_proj = nn.Linear(d, heads * width, bias=False), nn.Linear(heads * width, d, bias=False)


class T5Block(nn.Module):
    def __init__(self, d: int) -> None:
        super().__init__()
        self.norm1, self.attention, self.norm2 = nn.RMSNorm(d), Attention(d, 3, 16), nn.RMSNorm(d)
        self.ff = nn.Sequential(nn.Linear(d, 4 * d, bias=False), nn.ReLU(), nn.Linear(4 * d, d, bias=False))


class Encoder(nn.Module):
    def __init__(self, d: int = 36) -> None:
        super().__init__()
        self.shared, self.blocks = nn.Embedding(100, d), nn.ModuleList([T5Block(d) for _ in range(2)])


def test_t5_of_ones_own() -> None:
    found = {name: one.std for name, one in expected(Encoder(), "t5").items()}
    assert found["blocks.1.attention.q_proj.weight"] == pytest.approx((36 * 16) ** -0.5)
    assert found["blocks.1.attention.k_proj.weight"] == pytest.approx(36**-0.5)
    assert found["blocks.1.attention.o_proj.weight"] == pytest.approx(48**-0.5)
    assert found["blocks.1.ff.0.weight"] == pytest.approx(36**-0.5)
    assert found["blocks.1.ff.2.weight"] == pytest.approx(144**-0.5)
    assert found["shared.weight"] == 1.0


TEXT = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 99, "intermediate_size": 64}
IMAGE = {"hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4, "image_size": 32, "intermediate_size": 96}
TOWERS = {"text_config": {**TEXT, "projection_size": 32}, "vision_config": {**IMAGE, "patch_size": 8}}


@pytest.mark.parametrize(
    ("model", "config", "options"),
    [
        ("CLIPModel", "CLIPConfig", {**TOWERS, "projection_dim": 40}),
        ("CLIPVisionModelWithProjection", "CLIPVisionConfig", {**IMAGE, "patch_size": 8, "projection_dim": 40}),
        ("CLIPForImageClassification", "CLIPConfig", {**TOWERS, "num_labels": 12}),
    ],
)
def test_clip_of_transformers(model: str, config: str, options: dict[str, Any]) -> None:
    assert differences(transformers(model, config, **options), "clip.asis") == []


class ClipBlock(nn.Module):
    def __init__(self, d: int) -> None:
        super().__init__()
        self.attn, self.ln_1 = nn.MultiheadAttention(d, 4), nn.LayerNorm(d)
        self.mlp = nn.Sequential()
        self.mlp.add_module("c_fc", nn.Linear(d, 4 * d))
        self.mlp.add_module("gelu", nn.GELU())
        self.mlp.add_module("c_proj", nn.Linear(4 * d, d))
        self.ln_2 = nn.LayerNorm(d)


class Transformer(nn.Module):
    def __init__(self, d: int, layers: int) -> None:
        super().__init__()
        self.resblocks = nn.Sequential(*[ClipBlock(d) for _ in range(layers)])


class Visual(nn.Module):
    def __init__(self, d: int, layers: int, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, d, 8, 8, bias=False)
        self.class_embedding = nn.Parameter(torch.empty(d))
        self.positional_embedding = nn.Parameter(torch.empty(17, d))
        self.ln_pre, self.transformer, self.ln_post = nn.LayerNorm(d), Transformer(d, layers), nn.LayerNorm(d)
        self.proj = nn.Parameter(torch.empty(d, width))


class Clip(nn.Module):
    """The parameters of OpenAI's CLIP, by its names."""

    def __init__(self, d: int = 32, layers: int = 2, image: int = 48, width: int = 40) -> None:
        super().__init__()
        self.visual = Visual(image, 3, width)
        self.transformer, self.token_embedding = Transformer(d, layers), nn.Embedding(99, d)
        self.positional_embedding = nn.Parameter(torch.empty(20, d))
        self.ln_final, self.text_projection = nn.LayerNorm(d), nn.Parameter(torch.empty(d, width))
        self.logit_scale = nn.Parameter(torch.empty(()))


def test_clip_of_openai() -> None:
    """The numbers of ``initialize_parameters`` and, for the images, of torch's constructors."""
    d, depth, image = 32, 2, 48
    found = {name: one.std for name, one in expected(Clip(d, depth, image), "clip").items()}
    text, visual = "transformer.resblocks.1.", "visual.transformer.resblocks.2."
    out = d**-0.5 * (2 * depth) ** -0.5
    torchs = (1 / 3 / image) ** 0.5  # U(-1/sqrt(fan_in), 1/sqrt(fan_in))
    assert {name: found[name] for name in found if name.startswith((text, visual)) and "ln" not in name} == (
        pytest.approx(
            {
                f"{text}attn.in_proj_weight": d**-0.5,
                f"{text}attn.in_proj_bias": 0.0,
                f"{text}attn.out_proj.weight": out,
                f"{text}attn.out_proj.bias": 0.0,
                f"{text}mlp.c_fc.weight": (2 * d) ** -0.5,
                f"{text}mlp.c_fc.bias": (1 / 3 / d) ** 0.5,
                f"{text}mlp.c_proj.weight": out,
                f"{text}mlp.c_proj.bias": (1 / 3 / (4 * d)) ** 0.5,
                f"{visual}attn.in_proj_weight": (2 / (3 * image + image)) ** 0.5,
                f"{visual}attn.in_proj_bias": 0.0,
                f"{visual}attn.out_proj.weight": torchs,
                f"{visual}attn.out_proj.bias": 0.0,
                f"{visual}mlp.c_fc.weight": torchs,
                f"{visual}mlp.c_fc.bias": torchs,
                f"{visual}mlp.c_proj.weight": torchs / 2,
                f"{visual}mlp.c_proj.bias": torchs / 2,
            }
        )
    )
    assert found["token_embedding.weight"] == 0.02
    assert found["positional_embedding"] == 0.01
    assert found["text_projection"] == pytest.approx(d**-0.5)
    assert found["visual.conv1.weight"] == pytest.approx((1 / 3 / (3 * 64)) ** 0.5)
    for name in ("class_embedding", "positional_embedding", "proj"):
        assert found[f"visual.{name}"] == pytest.approx(image**-0.5)
    assert expected(Clip(), "clip")["logit_scale"].mean == pytest.approx(math.log(1 / 0.07))


def test_clip_of_transformers_as_openai_builds_it() -> None:
    model = transformers("CLIPModel", "CLIPConfig", **TOWERS, projection_dim=40)()
    found = {name: one.std for name, one in expected(model, "clip").items()}
    text, vision = "text_model.encoder.layers.0.self_attn.", "vision_model.encoder.layers.0.self_attn."
    assert found[f"{text}q_proj.weight"] == pytest.approx(32**-0.5)
    assert found[f"{text}out_proj.weight"] == pytest.approx(128**-0.5)
    assert found[f"{vision}k_proj.weight"] == pytest.approx(96**-0.5)
    assert found["visual_projection.weight"] == pytest.approx(48**-0.5)
    assert found["vision_model.embeddings.position_embedding.weight"] == pytest.approx(48**-0.5)


@pytest.mark.parametrize(
    ("model", "config"),
    [
        ("SiglipModel", "SiglipConfig"),
        ("SiglipForImageClassification", "SiglipConfig"),
        ("Siglip2Model", "Siglip2Config"),
    ],
)
def test_siglip_of_transformers(model: str, config: str) -> None:
    towers = TOWERS if config == "SiglipConfig" else {**TOWERS, "vision_config": {**IMAGE, "num_patches": 16}}
    assert differences(transformers(model, config, **towers), "siglip.asis") == []


def test_siglip_of_its_authors() -> None:
    """flax: xavier over (in, out) of each projection, (1, d) for the probe; lecun normal with std 1/sqrt(fan_in)."""
    model = transformers("SiglipModel", "SiglipConfig", **TOWERS)()
    found = expected(model, "siglip")
    d, image = 32, 48
    assert found["logit_scale"].mean == pytest.approx(math.log(10))
    assert found["logit_bias"].mean == -10
    head = "vision_model.head."
    for name in (f"{head}attention.in_proj_weight", f"{head}attention.out_proj.weight"):
        assert found[name].high == pytest.approx(math.sqrt(6 / (image + image)))
    assert found[f"{head}probe"].high == pytest.approx(math.sqrt(6 / (1 + image)))
    assert found[f"{head}mlp.fc1.weight"].high == pytest.approx(math.sqrt(6 / (image + 96)))
    assert found[f"{head}mlp.fc2.bias"].std == 1e-6
    assert found["text_model.encoder.layers.1.self_attn.q_proj.weight"].high == pytest.approx(math.sqrt(6 / (d + d)))
    assert found["text_model.encoder.layers.1.mlp.fc1.bias"].std == 1e-6
    assert found["text_model.embeddings.token_embedding.weight"].std == pytest.approx(d**-0.5)
    assert found["vision_model.embeddings.position_embedding.weight"].std == pytest.approx(image**-0.5)
    patch, parent = found["vision_model.embeddings.patch_embedding.weight"], (3 * 64) ** -0.5
    assert patch.std == pytest.approx(parent)
    assert patch.high == pytest.approx(2 * parent / 0.87962566103423978)
    assert found["text_model.head.weight"].std == pytest.approx(d**-0.5)


def test_siglip_of_timm() -> None:
    timm = library("timm")
    model = timm.create_model("vit_base_patch16_siglip_224", depth=1, embed_dim=48, num_heads=4, img_size=32)
    found = expected(model, "siglip")
    for name in ("blocks.0.attn.qkv.weight", "attn_pool.q.weight", "attn_pool.kv.weight", "attn_pool.proj.weight"):
        assert found[name].high == pytest.approx(math.sqrt(6 / (48 + 48)))
    assert found["attn_pool.latent"].high == pytest.approx(math.sqrt(6 / 49))
    assert found["pos_embed"].std == pytest.approx(48**-0.5)
