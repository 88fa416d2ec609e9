"""DeiT, CaiT, XCiT, BEiT, MAE and DINO beside timm and transformers, and by closed form."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

import firststep as fs

from .conformance import differences
from .images import CourseViT, Law, assert_laws
from .libraries import library

TIMM: dict[str, Any] = {
    "img_size": 32, "patch_size": 8, "embed_dim": 48, "depth": 3, "num_heads": 4, "num_classes": 10,
}  # fmt: skip
HF: dict[str, Any] = {
    "hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 96, "image_size": 32,
    "patch_size": 8,
}  # fmt: skip


def test_timms_deit() -> None:
    models, plain = library("timm.models.deit"), library("timm.models.vision_transformer")
    assert differences(lambda: models.VisionTransformerDistilled(**TIMM), "deit.timm") == []
    third: dict[str, Any] = {**TIMM, "init_values": 1e-6, "no_embed_class": True}  # DeiT III
    assert differences(lambda: plain.VisionTransformer(**third), "deit.timm") == []


def test_timms_deit_differs_from_the_authors_in_the_class_token_alone() -> None:
    models = library("timm.models.deit")
    assert differences(lambda: models.VisionTransformerDistilled(**TIMM), "deit", apart=["cls_token"]) == []


@pytest.mark.parametrize("name", ["DeiTForImageClassificationWithTeacher", "DeiTForMaskedImageModeling"])
def test_transformers_deit(name: str) -> None:
    transformers = library("transformers")
    config = transformers.DeiTConfig(**HF, num_labels=10, encoder_stride=8)
    assert differences(lambda: getattr(transformers, name)(config), "deit.hf") == []


def test_cait() -> None:
    models = library("timm.models.cait")
    assert differences(lambda: models.Cait(**TIMM, init_values=1e-5), "cait") == []
    deep = fs.recipes.get("cait", layer_scale=1e-6)
    assert differences(lambda: models.Cait(**TIMM, init_values=1e-6, qkv_bias=False), deep) == []


@pytest.mark.parametrize(("options", "eta"), [({}, 1.0), ({"eta": 1e-5, "tokens_norm": True, "patch_size": 16}, 1e-5)])
def test_xcit(options: dict[str, Any], eta: float) -> None:
    models = library("timm.models.xcit")
    recipe = fs.recipes.get("xcit", layer_scale=eta)
    assert differences(lambda: models.Xcit(**{**TIMM, **options}), recipe) == []


@pytest.mark.parametrize(
    "options",
    [
        {"use_rel_pos_bias": True, "init_values": 0.1},
        {"use_shared_rel_pos_bias": True, "use_abs_pos_emb": False, "swiglu_mlp": True, "scale_mlp": True},
        {"qkv_bias": False, "global_pool": "token"},
    ],
)
def test_timms_beit(options: dict[str, Any]) -> None:
    models = library("timm.models.beit")
    assert differences(lambda: models.Beit(**TIMM, **options), "beit") == []


def test_a_head_that_is_not_shrunk() -> None:
    models = library("timm.models.beit")
    recipe = fs.recipes.get("beit", head_scale=1.0, layer_scale=1e-5)
    assert differences(lambda: models.Beit(**TIMM, head_init_scale=0.0, init_values=1e-5), recipe) == []


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("BeitForImageClassification", "BeitConfig"),
        ("BeitForMaskedImageModeling", "BeitConfig"),
        ("Data2VecVisionForImageClassification", "Data2VecVisionConfig"),
    ],
)
def test_transformers_beit(name: str, config: str) -> None:
    transformers = library("transformers")
    options: dict[str, Any] = {
        **HF, "num_labels": 10, "use_mask_token": True, "use_absolute_position_embeddings": True, "vocab_size": 40,
        "use_relative_position_bias": True, "use_mean_pooling": name != "BeitForMaskedImageModeling",
    }  # fmt: skip
    made = getattr(transformers, config)(**options)
    assert differences(lambda: getattr(transformers, name)(made), "beit.hf") == []


def test_transformers_mae_as_it_is() -> None:
    transformers = library("transformers")
    assert differences(lambda: transformers.ViTMAEForPreTraining(mae_config()), "mae.asis") == []


def mae_config() -> Any:
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    return library("transformers").ViTMAEConfig(**HF, **{f"decoder_{key}": size for key, size in sizes.items()})


def test_mae_gives_transformers_model_its_positions() -> None:
    """Both tables by the sines of the column, which the authors' ``meshgrid(grid_w, grid_h)`` puts first."""
    model = library("transformers").ViTMAEForPreTraining(mae_config())
    encoder, decoder = model.vit.embeddings.position_embeddings, model.decoder.decoder_pos_embed
    assert not encoder.any()  # as transformers leaves them, though they are frozen
    assert not decoder.any()
    fs.initialize(model, "mae", seed=0)
    for table, width in ((encoder[0], 48), (decoder[0], 32)):
        assert not table[0].any()
        for patch in range(16):
            row, column = divmod(patch, 4)
            omega = 10000 ** (-2 / (width / 4))
            assert table[1 + patch, 2].item() == pytest.approx(math.sin(column * omega), abs=1e-6)
            assert table[1 + patch, width // 2 + 2].item() == pytest.approx(math.sin(row * omega), abs=1e-6)
    # The authors' qkv is one matrix of 3 * 48 rows: sqrt(6 / 192) for each of transformers' three.
    high = model.vit.layers[0].attention.q_proj.weight.abs().max().item()
    assert 0.98 * 0.1767767 < high <= 0.1767767  # P(high < 0.98 bound) = 0.98^2304 < 1e-20


def test_positions_of_patches_alone() -> None:
    """A model that pools has no class token: 16 positions of 16 patches."""
    model = library("timm.models.vision_transformer").VisionTransformer(**TIMM, class_token=False, global_pool="avg")
    for name, channel in (("mae", 0), ("vit.moco", 24)):  # sin(column) in the first or in the second half
        fs.initialize(model, fs.recipes.get(name, extra_tokens=0), seed=0)
        found = model.pos_embed[0, :, channel].reshape(4, 4)
        torch.testing.assert_close(found, torch.arange(4).sin().expand(4, 4), rtol=0, atol=1e-6)


@pytest.mark.parametrize("options", [{"init_values": 1e-5}, {"init_values": 1e-5, "reg_tokens": 4, "img_size": 40}])
def test_dinov2_is_timms(options: dict[str, Any]) -> None:
    models = library("timm.models.vision_transformer")
    assert differences(lambda: models.VisionTransformer(**{**TIMM, **options}), "dinov2") == []


@pytest.mark.parametrize(
    ("recipe", "name", "config", "options"),
    [
        ("dinov2.hf", "Dinov2ForImageClassification", "Dinov2Config", {}),
        ("dinov2.hf", "Dinov2WithRegistersModel", "Dinov2WithRegistersConfig", {"use_swiglu_ffn": True}),
        ("dinov3.hf", "DINOv3ViTModel", "DINOv3ViTConfig", {"num_register_tokens": 4, "use_gated_mlp": True}),
    ],
)
def test_transformers_dino(recipe: str, name: str, config: str, options: dict[str, Any]) -> None:
    transformers = library("transformers")
    made = getattr(transformers, config)(**{**HF, **options})
    assert differences(lambda: getattr(transformers, name)(made), recipe) == []


@pytest.mark.parametrize(("recipe", "stay"), [("dinov2.hf", True), ("dinov2", False)])
def test_registers_that_start_equal_stay_equal(recipe: str, stay: bool) -> None:
    """The reason why dinov2 draws them: two steps of gradient descent on transformers' model."""
    transformers = library("transformers")
    config = transformers.Dinov2WithRegistersConfig(**HF)
    model = transformers.Dinov2WithRegistersModel(config)
    fs.initialize(model, recipe, seed=0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    for _ in range(2):
        optimizer.zero_grad()
        model(pixel_values=images).last_hidden_state.square().mean().backward()
        optimizer.step()
    registers = model.embeddings.register_tokens[0]
    assert registers.any()
    assert torch.equal(registers, registers[:1].expand_as(registers)) is stay


PLAIN: dict[str, Law] = {"*norm*.weight": ("constant", 1), "*norm*.bias": ("constant", 0)}
BY_TORCH: dict[str, Law] = {"patches.*": ("uniform", 0.14433757)}  # 1 / sqrt(48)
LAWS: dict[str, dict[str, Law]] = {
    "deit": {**PLAIN, **BY_TORCH, "*bias": ("constant", 0), "*": ("normal", 0.02)},
    "deit.timm": {**PLAIN, **BY_TORCH, "cls_token": ("normal", 1e-6), "*bias": ("constant", 0), "*": ("normal", 0.02)},
    "deit.hf": {
        **PLAIN,
        "cls_token": ("constant", 0),
        "pos_embedding": ("constant", 0),
        "*bias": ("constant", 0),
        "*": ("normal", 0.02),
    },
    "cait": {**PLAIN, **BY_TORCH, "*bias": ("constant", 0), "*": ("normal", 0.02)},
    "beit": {
        **PLAIN,
        **BY_TORCH,
        "*bias": ("constant", 0),
        "blocks.0.*.out_proj.weight": ("normal", 0.014142136),  # 0.02 / sqrt(2)
        "blocks.1.*.out_proj.weight": ("normal", 0.01),
        "blocks.2.*.out_proj.weight": ("normal", 0.0081649658),  # 0.02 / sqrt(6)
        "blocks.2.mlp.2.weight": ("normal", 0.0081649658),
        "blocks.[01].mlp.2.weight": ("table", 0),
        "head.weight": ("normal", 2e-5),
        "*": ("normal", 0.02),
    },
    "beit.pretrain": {
        **PLAIN,
        "*bias": ("constant", 0),
        "blocks.0.*.out_proj.weight": ("cut at 1", 0.0076305309),  # 0.02 * 0.53956009 / sqrt(2)
        "blocks.1.mlp.2.weight": ("cut at 1", 0.0053956009),
        "blocks.*.out_proj.weight": ("table", 0),
        "blocks.*.mlp.2.weight": ("table", 0),
        "*": ("cut at 1", 0.0107912018),
    },
    "mae": {
        **PLAIN,
        "pos_embedding": ("table", 0),
        "cls_token": ("normal", 0.02),
        "patches.weight": ("uniform", 0.27386128),  # sqrt(6 / (48 + 32))
        "patches.bias": ("uniform", 0.14433757),
        "*in_proj_weight": ("uniform", 0.21650635),  # sqrt(6 / 128)
        "*out_proj.weight": ("uniform", 0.30618622),  # sqrt(6 / 64)
        "*mlp.?.weight": ("uniform", 0.19364917),  # sqrt(6 / 160)
        "head.weight": ("uniform", 0.37796447),  # sqrt(6 / 42)
        "*bias": ("constant", 0),
    },
    "dinov2": {**PLAIN, **BY_TORCH, "cls_token": ("normal", 1e-6), "*bias": ("constant", 0), "*": ("normal", 0.02)},
}


@pytest.mark.parametrize("recipe", LAWS)
def test_a_vit_on_torchs_attention(recipe: str) -> None:
    assert_laws(CourseViT(), recipe, LAWS[recipe])


class Tokens(nn.Module):
    """The parameters that a model of these families may have beside its layers."""

    def __init__(self) -> None:
        super().__init__()
        for name in ("cls_token", "dist_token", "mask_token", "register_tokens", "gamma_1", "pos_embed"):
            setattr(self, name, nn.Parameter(torch.empty(1, 1, 64)))
        self.relative_position_bias_table = nn.Parameter(torch.empty(49, 4))


@pytest.mark.parametrize(
    ("recipe", "laws"),
    [
        ("deit", {"cls": 0.02, "dist": 0.02, "mask": 0, "gamma": 1e-4, "pos": 0.02}),
        ("dinov2", {"cls": 1e-6, "dist": 0.02, "mask": 0, "register": 1e-6, "gamma": 1e-5, "pos": 0.02}),
        ("beit", {"cls": 0.02, "mask": 0.02, "relative": 0, "gamma": 0.1, "pos": 0.02}),
        ("beit.pretrain", {"cls": 0.0107912, "mask": 0.0107912, "relative": 0, "gamma": 0.1, "pos": 0.0107912}),
    ],
)
def test_tokens(recipe: str, laws: dict[str, float]) -> None:
    """The std of what is drawn, the value of what is not; what the source has not is left to the user."""
    plan = fs.plan(Tokens(), recipe, strict=False)
    found = {row.name.partition("_")[0]: row.expected for row in plan.rows if row.expected is not None}
    assert {key: one.std or one.mean for key, one in found.items()} == pytest.approx(laws, rel=1e-5)
