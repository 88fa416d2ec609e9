"""The vision transformer's recipes beside timm, torchvision and transformers, and by closed form."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

import firststep as fs

from .conformance import differences
from .images import CourseViT, Law, ListedViT, assert_laws
from .libraries import library

TIMM: dict[str, Any] = {
    "img_size": 32, "patch_size": 8, "embed_dim": 48, "depth": 3, "num_heads": 4, "num_classes": 10,
}  # fmt: skip
HF: dict[str, Any] = {
    "hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 96, "image_size": 32,
    "patch_size": 8,
}  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [
        {"reg_tokens": 2, "init_values": 1e-5, "qk_norm": True, "pre_norm": True},
        {"global_pool": "map", "class_token": False},
        {"global_pool": "avg", "qkv_bias": False, "num_classes": 0},
        {"block_fn": "ParallelScalingBlock", "qkv_bias": False},
        {"block_fn": "DiffParallelScalingBlock"},
        {"block_fn": "ParallelThingsBlock"},
        {"block_fn": "ResPostBlock"},
    ],
)
def test_timm(options: dict[str, Any]) -> None:
    models = library("timm.models.vision_transformer")
    options = {key: getattr(models, one) if key == "block_fn" else one for key, one in options.items()}
    assert differences(lambda: models.VisionTransformer(**{**TIMM, **options}), "vit.timm") == []


@pytest.mark.parametrize(
    ("recipe", "options"),
    [
        ("vit.fix_init", {"fix_init": True, "init_values": 1e-5}),
        ("vit.timm_jax", {"weight_init": "jax", "reg_tokens": 2, "init_values": 1e-5}),
        ("vit.timm_jax", {"weight_init": "jax", "global_pool": "map", "class_token": False}),
        ("vit.timm_moco", {"weight_init": "moco", "reg_tokens": 2, "init_values": 1e-5}),
    ],
)
def test_timms_other_modes(recipe: str, options: dict[str, Any]) -> None:
    models = library("timm.models.vision_transformer")
    assert differences(lambda: models.VisionTransformer(**TIMM, **options), recipe) == []


@pytest.mark.parametrize(("recipe", "mode"), [("vit", "jax"), ("vit.jax", "jax"), ("vit.jax_nlhb", "jax_nlhb")])
def test_timms_mode_of_jax_is_not_jaxs(recipe: str, mode: str) -> None:
    """It counts the fans of the packed qkv together, and draws the class token."""
    models = library("timm.models.vision_transformer")
    apart = ["blocks.*.attn.qkv.weight", "cls_token"]
    assert differences(lambda: models.VisionTransformer(**TIMM, weight_init=mode), recipe, apart=apart) == []


def test_a_pool_that_attends_has_a_matrix_for_keys_and_values() -> None:
    """big_vision's MAPHead: each of q, k, v by itself, the probe of shape (1, 1, 48) by fans 1 and 48."""
    models = library("timm.models.vision_transformer")
    model = models.VisionTransformer(**TIMM, global_pool="map", class_token=False)
    high = {row.name: row.expected.high for row in fs.plan(model, "vit.jax").rows if row.expected is not None}
    assert high["attn_pool.q.weight"] == pytest.approx(0.25)  # sqrt(6 / 96)
    assert high["attn_pool.kv.weight"] == pytest.approx(0.25)
    assert high["attn_pool.latent"] == pytest.approx(0.34992711)  # sqrt(6 / 49)
    assert high["blocks.0.attn.qkv.weight"] == pytest.approx(0.25)


@pytest.mark.parametrize("stem", [False, True])
def test_torchvision(stem: bool) -> None:
    models = library("torchvision.models.vision_transformer")
    sizes = {"image_size": 32, "patch_size": 8, "num_layers": 3, "num_heads": 4, "hidden_dim": 48, "mlp_dim": 96}
    convolutions = (
        [models.ConvStemConfig(out_channels=c, kernel_size=3, stride=2) for c in (8, 16, 24)] if stem else None
    )
    extra = {"num_classes": 10, "representation_size": 20, "conv_stem_configs": convolutions}
    assert differences(lambda: models.VisionTransformer(**sizes, **extra), "vit.torchvision") == []


@pytest.mark.parametrize("name", ["ViTForImageClassification", "ViTModel", "ViTForMaskedImageModeling"])
def test_transformers(name: str) -> None:
    transformers = library("transformers")
    config = transformers.ViTConfig(**HF, num_labels=10, encoder_stride=8)
    assert differences(lambda: getattr(transformers, name)(config), "vit.hf") == []


def test_another_std() -> None:
    transformers = library("transformers")
    config = transformers.ViTConfig(**HF, initializer_range=0.05)
    recipe = fs.recipes.get("vit.hf", std=0.05)
    assert differences(lambda: transformers.ViTForImageClassification(config), recipe) == []


PLAIN: dict[str, Law] = {"*norm*.weight": ("constant", 1), "*norm*.bias": ("constant", 0)}
JAX: dict[str, Law] = {
    **PLAIN,
    "cls_token": ("constant", 0),
    "pos_embedding": ("normal", 0.02),
    "patches.weight": ("cut at 2", 0.14433757),  # 1 / sqrt(48)
    "*in_proj_weight": ("uniform", 0.30618622),  # sqrt(6 / 64), for each of q, k, v
    "*out_proj.weight": ("uniform", 0.30618622),
    "*mlp.?.weight": ("uniform", 0.19364917),  # sqrt(6 / 160)
    "*mlp.?.bias": ("normal", 1e-6),
    "head.weight": ("constant", 0),
    "*": ("constant", 0),
}
TIMMS: dict[str, Law] = {
    **PLAIN,
    "cls_token": ("normal", 1e-6),
    "patches.*": ("uniform", 0.14433757),
    "*bias": ("constant", 0),
    "*": ("normal", 0.02),
}
LAWS: dict[str, dict[str, Law]] = {
    "vit": JAX,
    "vit.jax": JAX,
    "vit.jax_nlhb": {"head.bias": ("constant", -2.30258509), **JAX},
    "vit.timm": TIMMS,
    "vit.fix_init": {
        "blocks.0.attn.out_proj.weight": ("normal", 0.014142136),  # 0.02 / sqrt(2)
        "blocks.1.attn.out_proj.weight": ("normal", 0.01),
        "blocks.2.attn.out_proj.weight": ("normal", 0.0081649658),  # 0.02 / sqrt(6)
        "blocks.2.mlp.2.weight": ("normal", 0.0081649658),
        "blocks.[01].mlp.2.weight": ("table", 0),
        **TIMMS,
    },
    "vit.timm_jax": {
        **JAX,
        "cls_token": ("normal", 1e-6),
        "*in_proj_weight": ("uniform", 0.21650635),  # sqrt(6 / 128)
    },
    "vit.moco": {
        **PLAIN,
        "pos_embedding": ("table", 0),
        "cls_token": ("normal", 1e-6),
        "patches.weight": ("uniform", 0.27386128),  # sqrt(6 / (48 + 32))
        "*in_proj_weight": ("uniform", 0.30618622),
        "*out_proj.weight": ("uniform", 0.30618622),
        "*mlp.?.weight": ("uniform", 0.19364917),
        "head.weight": ("uniform", 0.37796447),  # sqrt(6 / 42)
        "*bias": ("constant", 0),
    },
    "vit.torchvision": {
        **PLAIN,
        "cls_token": ("constant", 0),
        "pos_embedding": ("normal", 0.02),
        "patches.weight": ("normal", 0.14433757),
        "*in_proj_weight": ("uniform", 0.21650635),
        "*out_proj.weight": ("uniform", 0.1767767),  # 1 / sqrt(32)
        "*mlp.?.weight": ("uniform", 0.19364917),
        "*mlp.?.bias": ("normal", 1e-6),
        "*": ("constant", 0),
    },
    "vit.hf": {**PLAIN, "*bias": ("constant", 0), "*": ("normal", 0.02)},
}


@pytest.mark.parametrize("recipe", LAWS)
def test_a_vit_on_torchs_attention(recipe: str) -> None:
    assert_laws(CourseViT(), recipe, LAWS[recipe])


@pytest.mark.parametrize(
    ("recipe", "bound"), [("vit.jax", 0.30618622), ("vit.timm_jax", 0.21650635), ("vit.torchvision", 0.21650635)]
)
def test_a_vit_with_blocks_that_are_lists(recipe: str, bound: float) -> None:
    model = ListedViT()
    found = {row.name: row.expected for row in fs.plan(model, recipe).rows}
    for layer in range(3):
        qkv, bias = found[f"layers.{layer}.0.to_qkv.weight"], found[f"layers.{layer}.1.net.3.bias"]
        assert qkv is not None
        assert bias is not None
        assert qkv.high == pytest.approx(bound, rel=1e-6)
        assert bias.std == 1e-6
    assert fs.initialize(model, recipe, seed=0).ok
    assert not model.mlp_head.weight.any()


def test_jaxs_start_on_transformers_model() -> None:
    transformers = library("transformers")
    laws: dict[str, Law] = {
        "*layernorm*.weight": ("constant", 1),
        "*position_embeddings": ("normal", 0.02),
        "*projection.weight": ("cut at 2", 0.07216878),  # 1 / sqrt(3 * 64)
        "*_proj.weight": ("uniform", 0.25),  # sqrt(6 / 96)
        "*fc?.weight": ("uniform", 0.20412415),  # sqrt(6 / 144)
        "*fc?.bias": ("normal", 1e-6),
        "*": ("constant", 0),
    }
    assert_laws(transformers.ViTForImageClassification(transformers.ViTConfig(**HF)), "vit.jax", laws)


def test_queries_of_their_own_get_the_law_that_a_packed_matrix_gives_them() -> None:
    """transformers' q, k, v under recipes that count them as one, and under those that do not."""
    transformers = library("transformers")
    model = transformers.ViTForImageClassification(transformers.ViTConfig(**HF))
    for recipe, bound in {"vit.timm_jax": 0.1767767, "vit.torchvision": 0.1767767, "vit.jax": 0.25}.items():
        rows = {row.name: row.expected for row in fs.plan(model, recipe).rows}
        for letter in "qkv":
            moments = rows[f"vit.layers.1.attention.{letter}_proj.weight"]
            assert moments is not None
            assert moments.high == pytest.approx(bound, rel=1e-6)  # sqrt(6 / 192), sqrt(6 / 96)


class LayerNorm(nn.Module):
    """A norm with parameters under other names, one of which is layer scale's in other models."""

    def __init__(self) -> None:
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.empty(32)), nn.Parameter(torch.empty(32))


@pytest.mark.parametrize(("recipe", "std"), [("vit.jax", 0.02), ("vit.timm", 0.02), ("vit.hf", 0.02)])
def test_a_table_of_positions_and_a_norm_of_ones_own(recipe: str, std: float) -> None:
    model = CourseViT()
    del model.pos_embedding
    model.position_embedding, model.norm = nn.Embedding(17, 32), LayerNorm()
    rows = {row.name: row.expected for row in fs.plan(model, recipe).rows}
    table = rows["position_embedding.weight"]
    assert table is not None
    assert table.std == pytest.approx(std)
    fs.initialize(model, recipe, seed=0)
    assert model.norm.gamma.eq(1).all()
    assert model.norm.beta.eq(0).all()


def test_mocos_positions_are_set_though_they_are_frozen() -> None:
    """Its first quarter of the channels is sin(row * omega): rows of 4 patches, behind a class token of zeros."""
    model = CourseViT()
    model.pos_embedding.requires_grad_(False)
    model.patches.requires_grad_(False)
    fs.initialize(model, "vit.moco", seed=0)
    table = model.pos_embedding[0]
    assert not table[0].any()
    for patch in range(16):
        row, column = divmod(patch, 4)
        assert table[1 + patch, 1].item() == pytest.approx(math.sin(row * 10000 ** (-1 / 8)), abs=1e-6)
        assert table[1 + patch, 17].item() == pytest.approx(math.sin(column * 10000 ** (-1 / 8)), abs=1e-6)
    assert model.patches.weight.abs().max() > 0.2
    assert not model.patches.bias.any()
    wide = fs.recipes.get("vit.moco", grid=(2, 8))
    fs.initialize(model, wide, seed=0)
    assert torch.equal(model.pos_embedding[0, 1, 16:], model.pos_embedding[0, 9, 16:])


def test_a_layer_before_the_head_is_not_the_head() -> None:
    """transformers' pooler, as flax's Dense: Var = 1 / fan_in, cut off at two of its std."""
    transformers = library("transformers")
    model = transformers.ViTModel(transformers.ViTConfig(**HF))
    rows = {row.name: row.expected for row in fs.plan(model, "vit.jax").rows}
    moments = rows["pooler.dense.weight"]
    assert moments is not None
    assert moments.std == pytest.approx(0.14433757)  # 1 / sqrt(48)
    assert moments.high == pytest.approx(2 * 0.14433757 / 0.87962566)
