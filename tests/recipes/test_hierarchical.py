"""Swin and the MLP-Mixer beside timm, torchvision and transformers, and by closed form."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

import firststep as fs

from .conformance import differences
from .images import Law, assert_laws
from .libraries import library

TIMM: dict[str, Any] = {
    "img_size": 32, "patch_size": 2, "window_size": 4, "embed_dim": 24, "depths": (2, 1, 2), "num_heads": (2, 4, 8),
    "num_classes": 10,
}  # fmt: skip
TORCHVISION: dict[str, Any] = {
    "patch_size": [2, 2], "embed_dim": 24, "depths": [2, 2], "num_heads": [2, 4], "window_size": [4, 4],
    "num_classes": 10,
}  # fmt: skip
HF: dict[str, Any] = {
    "image_size": 32, "patch_size": 2, "embed_dim": 24, "depths": [2, 2], "num_heads": [2, 4], "window_size": 4,
    "num_labels": 10, "use_absolute_embeddings": True, "encoder_stride": 4,
}  # fmt: skip
MIXER: dict[str, Any] = {"img_size": 32, "patch_size": 8, "embed_dim": 48, "num_blocks": 3, "num_classes": 10}


def test_timms_swin() -> None:
    models = library("timm.models.swin_transformer")
    assert differences(lambda: models.SwinTransformer(**TIMM), "swin") == []


def test_torchvisions_swin() -> None:
    models = library("torchvision.models.swin_transformer")
    assert differences(lambda: models.SwinTransformer(**TORCHVISION), "swin") == []


@pytest.mark.parametrize("name", ["SwinForImageClassification", "SwinForMaskedImageModeling"])
def test_transformers_swin_as_it_is(name: str) -> None:
    transformers = library("transformers")
    config = transformers.SwinConfig(**HF)
    assert differences(lambda: getattr(transformers, name)(config), "swin.asis") == []


def test_the_authors_swin_on_transformers_model() -> None:
    """Only what transformers starts at zero, and the patches, are told from its own start."""
    transformers = library("transformers")
    config = transformers.SwinConfig(**HF)
    apart = ["*.relative_position_bias_table", "*.position_embeddings", "*.patch_embeddings.projection.*"]
    assert differences(lambda: transformers.SwinForImageClassification(config), "swin", apart=apart) == []


@pytest.mark.parametrize("options", [{}, {"qkv_bias": False}])
def test_timms_swin_v2(options: dict[str, Any]) -> None:
    models = library("timm.models.swin_transformer_v2")
    assert differences(lambda: models.SwinTransformerV2(**TIMM, **options), "swin_v2") == []


def test_torchvisions_swin_v2() -> None:
    models = library("torchvision.models.swin_transformer")
    second = {"block": models.SwinTransformerBlockV2, "downsample_layer": models.PatchMergingV2}
    assert differences(lambda: models.SwinTransformer(**TORCHVISION, **second), "swin_v2.torchvision") == []


@pytest.mark.parametrize("name", ["Swinv2ForImageClassification", "Swinv2ForMaskedImageModeling"])
def test_transformers_swin_v2(name: str) -> None:
    transformers = library("transformers")
    config = transformers.Swinv2Config(**HF)
    assert differences(lambda: getattr(transformers, name)(config), "swin_v2.hf") == []


@pytest.mark.parametrize("source", ["torchvision", "transformers"])
def test_each_block_of_the_authors_swin_v2_is_the_identity_at_first(source: str) -> None:
    """torchvision's and transformers' models with their own norms of residual branches at zero."""
    if source == "torchvision":
        models = library("torchvision.models.swin_transformer")
        second = {"block": models.SwinTransformerBlockV2, "downsample_layer": models.PatchMergingV2}
        model, block = models.SwinTransformer(**TORCHVISION, **second), "features.1.1"
    else:
        transformers = library("transformers")
        model, block = transformers.Swinv2Model(transformers.Swinv2Config(**HF)), "encoder.layers.0.blocks.1"
    fs.initialize(model, "swin_v2", seed=0)
    x = torch.randn(2, 16, 16, 24, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        if source == "torchvision":
            y = model.get_submodule(block)(x)
        else:
            x = x.flatten(1, 2)
            found = model.get_submodule(block)(x, (16, 16))
            y = found[0] if isinstance(found, tuple) else found
    assert torch.equal(x, y)


@pytest.mark.parametrize(("recipe", "flax"), [("mlp_mixer.timm", False), ("mlp_mixer.jax", True), ("mlp_mixer", True)])
def test_mixer(recipe: str, flax: bool) -> None:
    """timm has the flax variant too, as a function that its class does not call."""
    models, apply = library("timm.models.mlp_mixer"), library("timm.models").named_apply

    def source() -> nn.Module:
        model = models.MlpMixer(**MIXER)
        return apply(partial(models._init_weights, flax=True), model) if flax else model

    assert differences(source, recipe) == []


class WindowBlock(nn.Module):
    """As a course would write it: windows of 4 by 4, two heads."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.relative_position_bias_table = nn.Parameter(torch.empty(49, 2))
        self.attention = nn.MultiheadAttention(width, 2)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))


class CourseSwin(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 4, stride=4)
        self.stages = nn.ModuleList([nn.Sequential(*[WindowBlock(width) for _ in range(2)]) for width in (16, 32)])
        self.merge, self.head = nn.Linear(64, 32, bias=False), nn.Linear(32, 10)


class MixerBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(32), nn.LayerNorm(32)
        self.token_mixing = nn.Sequential(nn.Linear(16, 24), nn.GELU(), nn.Linear(24, 16))
        self.channel_mixing = nn.Sequential(nn.Linear(32, 128), nn.GELU(), nn.Linear(128, 32))


class CourseMixer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 4, stride=4)
        self.blocks = nn.Sequential(MixerBlock(), MixerBlock())
        self.norm, self.head = nn.LayerNorm(32), nn.Linear(32, 10)


SWIN: dict[str, Law] = {
    "patches.*": ("uniform", 0.14433757),  # 1 / sqrt(48)
    "*norm?.weight": ("constant", 1),
    "*bias": ("constant", 0),
    "*": ("normal", 0.02),
}
LAWS: dict[str, dict[str, Law]] = {
    "swin": SWIN,
    "swin.asis": {
        "*norm?.weight": ("constant", 1), "*table": ("constant", 0), "*bias": ("constant", 0), "*": ("normal", 0.02)
    },
    "mlp_mixer.jax": {
        "*norm*.weight": ("constant", 1),
        "head.weight": ("constant", 0),
        "*bias": ("constant", 0),
        "stem.weight": ("cut at 2", 0.14433757),
        "*token_mixing.0.weight": ("cut at 2", 0.25),  # 1 / sqrt(16)
        "*token_mixing.2.weight": ("cut at 2", 0.20412415),  # 1 / sqrt(24)
        "*channel_mixing.0.weight": ("cut at 2", 0.1767767),  # 1 / sqrt(32)
        "*channel_mixing.2.weight": ("cut at 2", 0.08838835),  # 1 / sqrt(128)
    },
    "mlp_mixer.timm": {
        "*norm*.weight": ("constant", 1),
        "*norm*.bias": ("constant", 0),
        "head.*": ("constant", 0),
        "stem.weight": ("cut at 2", 0.14433757),
        "stem.bias": ("constant", 0),
        "*bias": ("normal", 1e-6),
        "*token_mixing.?.weight": ("uniform", 0.38729833),  # sqrt(6 / 40)
        "*channel_mixing.?.weight": ("uniform", 0.19364917),  # sqrt(6 / 160)
    },
}  # fmt: skip


@pytest.mark.parametrize("recipe", LAWS)
def test_models_written_by_hand(recipe: str) -> None:
    assert_laws(CourseSwin() if recipe.startswith("swin") else CourseMixer(), recipe, LAWS[recipe])


def test_cosine_attention_starts_at_ten() -> None:
    """softmax(10 cos), whatever the heads' width: logit_scale is the logarithm."""
    models = library("timm.models.swin_transformer_v2")
    model = models.SwinTransformerV2(**TIMM)
    fs.initialize(model, "swin_v2", seed=0)
    assert model.layers[0].blocks[0].attn.logit_scale.exp().flatten().tolist() == pytest.approx([10, 10])
    assert math.isclose(model.layers[0].blocks[0].attn.logit_scale[0].item(), 2.302585, rel_tol=1e-6)
