"""Diffusion models: diffusers' own, and nets built like the sources against their formulas."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
import torch
from torch import nn

import firststep as fs

from .conformance import differences
from .libraries import library
from .twins import constants, raw, stds, tree

SMALL: dict[str, Any] = {"sample_size": 8, "block_out_channels": (16, 32), "layers_per_block": 1, "norm_num_groups": 8}


def unet2d() -> nn.Module:
    blocks = {"down_block_types": ("DownBlock2D", "AttnDownBlock2D"), "up_block_types": ("AttnUpBlock2D", "UpBlock2D")}
    return library("diffusers").UNet2DModel(**SMALL, **blocks, attention_head_dim=8, num_class_embeds=7)


def unet2d_condition() -> nn.Module:
    blocks = {
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    }
    return library("diffusers").UNet2DConditionModel(**SMALL, **blocks, cross_attention_dim=24, attention_head_dim=8)


def controlnet() -> nn.Module:
    small = {key: value for key, value in SMALL.items() if key != "sample_size"}
    return library("diffusers").ControlNetModel(
        **small,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        cross_attention_dim=24,
        attention_head_dim=8,
        conditioning_embedding_out_channels=(8, 16),
    )


def unet3d() -> nn.Module:
    return library("diffusers").UNet3DConditionModel(
        **SMALL,
        down_block_types=("CrossAttnDownBlock3D", "DownBlock3D"),
        up_block_types=("UpBlock3D", "CrossAttnUpBlock3D"),
        cross_attention_dim=24,
        attention_head_dim=8,
    )


@pytest.mark.parametrize("build", [unet2d, unet2d_condition, controlnet, unet3d])
def test_the_unets_of_diffusers(build: Any) -> None:
    assert differences(build, "unet.diffusers") == []


def dit() -> nn.Module:
    return library("diffusers").DiTTransformer2DModel(
        num_attention_heads=4, attention_head_dim=12, in_channels=4, num_layers=2, sample_size=8, num_embeds_ada_norm=10
    )


def pixart() -> nn.Module:
    return library("diffusers").PixArtTransformer2DModel(
        num_attention_heads=4,
        attention_head_dim=12,
        in_channels=4,
        num_layers=2,
        sample_size=8,
        cross_attention_dim=48,
        caption_channels=20,
    )


@pytest.mark.parametrize("build", [dit, pixart])
def test_the_dits_of_diffusers(build: Any) -> None:
    assert differences(build, "dit.diffusers") == []


# dit


class DiTBlock(nn.Module):
    """A block as the authors of DiT write it: norms without weights, queries, keys and values in one layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attn = nn.Module()
        self.attn.qkv, self.attn.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Module()
        self.mlp.fc1, self.mlp.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))


def dit_by_hand() -> nn.Module:
    model = tree(
        x_embedder=tree(proj=nn.Conv2d(4, 32, 2, stride=2)),
        t_embedder=tree(mlp=nn.Sequential(nn.Linear(24, 32), nn.SiLU(), nn.Linear(32, 32))),
        y_embedder=tree(embedding_table=nn.Embedding(11, 32)),
        blocks=nn.ModuleList([DiTBlock(32) for _ in range(2)]),
        final_layer=tree(linear=nn.Linear(32, 16), adaLN_modulation=nn.Sequential(nn.SiLU(), nn.Linear(32, 64))),
    )
    model.pos_embed = nn.Parameter(torch.zeros(1, 9, 32), requires_grad=False)
    return model


def test_a_dit_by_hand() -> None:
    plan = fs.plan(dit_by_hand(), "dit")
    found = {name: value for name, value in stds(plan).items() if not name.startswith("blocks.1")}
    assert found.pop("pos_embed") > 0
    assert found == pytest.approx(
        {
            "x_embedder.proj.weight": math.sqrt(2 / (4 * 2 * 2 + 32)),
            "t_embedder.mlp.0.weight": 0.02,
            "t_embedder.mlp.2.weight": 0.02,
            "y_embedder.embedding_table.weight": 0.02,
            "blocks.0.attn.qkv.weight": math.sqrt(2 / (32 + 96)),
            "blocks.0.attn.proj.weight": math.sqrt(2 / 64),
            "blocks.0.mlp.fc1.weight": math.sqrt(2 / 160),
            "blocks.0.mlp.fc2.weight": math.sqrt(2 / 160),
        }
    )
    assert set(constants(plan).values()) == {0.0}


def test_the_frozen_positions_of_a_dit() -> None:
    """Of patch (y, x) the first half of the channels tell x, the second y: sin(p w) and cos(p w), w = 1e4^(-i/8)."""
    model = dit_by_hand()
    fs.initialize(model, "dit", seed=0)
    omega = torch.tensor([1e4 ** (-i / 8) for i in range(8)], dtype=torch.float64)
    for place in range(9):
        waves = [p * omega for p in (place % 3, place // 3)]
        expected = torch.cat([part for wave in waves for part in (wave.sin(), wave.cos())])
        assert torch.allclose(model.pos_embed[0, place].double(), expected, atol=1e-6)  # type: ignore[index]


def test_the_dit_of_diffusers_gets_its_zeros() -> None:
    plan = fs.plan(dit(), "dit")
    zero = {name for name in constants(plan) if name.endswith("weight")}
    assert zero == {"transformer_blocks.0.norm1.linear.weight", "transformer_blocks.1.norm1.linear.weight"} | {
        "proj_out_1.weight",
        "proj_out_2.weight",
    }
    assert stds(plan)["pos_embed.proj.weight"] == pytest.approx(math.sqrt(2 / (4 * 2 * 2 + 48)))


# U-Nets


class ResBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.in_layers = nn.Sequential(nn.GroupNorm(4, inputs), nn.SiLU(), nn.Conv2d(inputs, outputs, 3))
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(32, outputs))
        last = nn.Conv2d(outputs, outputs, 3)
        self.out_layers = nn.Sequential(nn.GroupNorm(4, outputs), nn.SiLU(), nn.Dropout(0.0), last)
        self.skip_connection = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)


class AttentionBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.qkv, self.proj_out = (
            nn.GroupNorm(4, width),
            nn.Conv1d(width, 3 * width, 1),
            nn.Conv1d(width, width, 1),
        )


def guided_diffusion() -> nn.Module:
    """The shape and the names of guided diffusion's U-Net."""
    return tree(
        time_embed=nn.Sequential(nn.Linear(8, 32), nn.SiLU(), nn.Linear(32, 32)),
        label_emb=nn.Embedding(5, 32),
        input_blocks=nn.ModuleList(
            [
                nn.Sequential(nn.Conv2d(3, 8, 3)),
                nn.Sequential(ResBlock(8, 8), AttentionBlock(8)),
                nn.Sequential(tree(op=nn.Conv2d(8, 8, 3, stride=2))),
                nn.Sequential(ResBlock(8, 16)),
            ]
        ),
        middle_block=nn.Sequential(ResBlock(16, 16), AttentionBlock(16), ResBlock(16, 16)),
        output_blocks=nn.ModuleList(
            [
                nn.Sequential(ResBlock(32, 16), AttentionBlock(16), tree(conv=nn.Conv2d(16, 16, 3))),
                nn.Sequential(ResBlock(24, 8)),
            ]
        ),
        out=nn.Sequential(nn.GroupNorm(4, 8), nn.SiLU(), nn.Conv2d(8, 3, 3)),
    )


def test_guided_diffusion() -> None:
    model = guided_diffusion()
    plan = fs.plan(model, "unet.adm")
    kernels = {name for name, p in model.named_parameters() if p.dim() > 2}
    zero = {name for name in constants(plan) if name in kernels}
    assert zero == {name for name in kernels if "out_layers.3" in name or "proj_out" in name or name == "out.2.weight"}
    assert len(zero) == 10
    for name, std in stds(plan).items():
        if name in kernels:
            fan_in = model.get_parameter(name)[0].numel()
            assert std == pytest.approx(1 / math.sqrt(3 * fan_in)), name
    assert stds(plan)["label_emb.weight"] == 1


def test_a_unet_by_hand() -> None:
    """Names that say nothing of a library: the last convolution of a block is told by its place."""

    class Block(nn.Module):
        def __init__(self, inputs: int, outputs: int) -> None:
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(inputs, outputs, 3), nn.Conv2d(outputs, outputs, 3)
            self.norm1, self.norm2 = nn.GroupNorm(4, inputs), nn.GroupNorm(4, outputs)
            self.time = nn.Linear(32, outputs)
            self.shortcut = nn.Conv2d(inputs, outputs, 1)

    model = tree(
        stem=nn.Conv2d(3, 8, 3),
        down=nn.ModuleList([Block(8, 16), Block(16, 16)]),
        up=nn.ModuleList([Block(32, 16), Block(24, 8)]),
        final_conv=nn.Conv2d(8, 3, 1),
    )
    weights = {name: value for name, value in constants(fs.plan(model, "unet.adm")).items() if not value}
    assert {name for name in weights if name.endswith("weight")} == {
        *(f"{side}.{i}.conv2.weight" for side in ("down", "up") for i in range(2)),
        "final_conv.weight",
    }


def edm_block(inputs: int, outputs: int) -> nn.Module:
    return tree(
        norm0=raw("GroupNorm", weight=(inputs,), bias=(inputs,)),
        conv0=raw("Conv2d", weight=(outputs, inputs, 3, 3), bias=(outputs,)),
        affine=raw("Linear", weight=(outputs, 32), bias=(outputs,)),
        norm1=raw("GroupNorm", weight=(outputs,), bias=(outputs,)),
        conv1=raw("Conv2d", weight=(outputs, outputs, 3, 3), bias=(outputs,)),
        skip=raw("Conv2d", weight=(outputs, inputs, 1, 1), bias=(outputs,)),
        norm2=raw("GroupNorm", weight=(outputs,), bias=(outputs,)),
        qkv=raw("Conv2d", weight=(3 * outputs, outputs, 1, 1), bias=(3 * outputs,)),
        proj=raw("Conv2d", weight=(outputs, outputs, 1, 1), bias=(outputs,)),
    )


def edm(**more: nn.Module) -> nn.Module:
    """The shape and the names of EDM's U-Nets, whose layers are of classes of their own."""
    return tree(
        map_layer0=raw("Linear", weight=(32, 8), bias=(32,)),
        map_label=raw("Linear", weight=(32, 10)),
        map_augment=raw("Linear", weight=(32, 9)),
        enc=nn.ModuleDict(
            {"8x8_conv": raw("Conv2d", weight=(16, 3, 3, 3), bias=(16,)), "8x8_block0": edm_block(16, 24)}
        ),
        dec=nn.ModuleDict({"8x8_in0": edm_block(24, 24)}),
        **more,
    )


def test_ddpmpp_is_edms() -> None:
    model = edm()
    model.dec["8x8_aux_conv"] = raw("Conv2d", weight=(3, 24, 3, 3), bias=(3,))  # type: ignore[index, operator]
    plan = fs.plan(model, "unet.ddpmpp")
    found = {name: value for name, value in stds(plan).items() if "in0" not in name}
    assert found == pytest.approx(
        {
            "map_layer0.weight": math.sqrt(2 / 40),
            "map_label.weight": math.sqrt(2 / 42),
            "map_augment.weight": math.sqrt(2 / 41),
            "enc.8x8_conv.weight": math.sqrt(2 / (27 + 144)),
            "enc.8x8_block0.conv0.weight": math.sqrt(2 / (144 + 216)),
            "enc.8x8_block0.affine.weight": math.sqrt(2 / (32 + 24)),
            "enc.8x8_block0.conv1.weight": 1e-5 * math.sqrt(2 / (216 + 216)),
            "enc.8x8_block0.skip.weight": math.sqrt(2 / (16 + 24)),
            "enc.8x8_block0.qkv.weight": math.sqrt(0.2) * math.sqrt(2 / (24 + 72)),
            "enc.8x8_block0.proj.weight": 1e-5 * math.sqrt(2 / 48),
            "dec.8x8_aux_conv.weight": 1e-5 * math.sqrt(2 / (216 + 27)),
        }
    )
    assert {name for name, value in constants(plan).items() if value} == {
        f"{block}.norm{i}.weight" for block in ("enc.8x8_block0", "dec.8x8_in0") for i in range(3)
    }


@pytest.mark.parametrize("build", [unet2d, unet2d_condition])
def test_the_unets_of_diffusers_get_adms_zeros(build: Any) -> None:
    """The second convolution of each ResNet block, the way out of each attention block, the last convolution."""
    plan = fs.plan(build(), "unet.adm")
    zero = {name for name, value in constants(plan).items() if not value and name.endswith("weight")}
    ways_out = r".*resnets\.\d+\.conv2\.weight|.*attentions\.\d+\.(?:to_out\.0|proj_out)\.weight|conv_out\.weight"
    assert zero == {name for name, _ in build().named_parameters() if re.fullmatch(ways_out, name)}
    assert len(zero) > 8


def test_ddpmpp_gives_queries_of_their_own_the_same_variance() -> None:
    """sqrt(0.2 * 2 / (C + 3 C)) packed, sqrt(0.1 * 2 / (C + C)) alone."""
    name = "down_blocks.1.attentions.0.to_q.weight"
    assert stds(fs.plan(unet2d(), "unet.ddpmpp"))[name] == pytest.approx(math.sqrt(0.2 * 2 / (4 * 32)))


def test_edms_adm() -> None:
    model = edm(
        out_norm=raw("GroupNorm", weight=(24,), bias=(24,)), out_conv=raw("Conv2d", weight=(3, 24, 3, 3), bias=(3,))
    )
    plan = fs.plan(model, "unet.edm_adm")
    found = {name: value for name, value in stds(plan).items() if "in0" not in name}
    fans = {"map_layer0": 8, "enc.8x8_conv": 27, "enc.8x8_block0.conv0": 144, "enc.8x8_block0.affine": 32}
    fans |= {"enc.8x8_block0.skip": 16, "enc.8x8_block0.qkv": 24}
    uniform = {f"{name}.{own}": 1 / math.sqrt(3 * fan) for name, fan in fans.items() for own in ("weight", "bias")}
    assert found == pytest.approx({**uniform, "map_label.weight": 1})
    zero = {name for name, value in constants(plan).items() if not value and "norm" not in name and "in0" not in name}
    layers = ("enc.8x8_block0.conv1", "enc.8x8_block0.proj", "out_conv")
    assert zero == {f"{name}.{own}" for name in layers for own in ("weight", "bias")} | {"map_augment.weight"}


def test_edm2() -> None:
    block = tree(conv_res0=raw("MPConv", weight=(8, 8, 3, 3)), emb_linear=raw("MPConv", weight=(8, 16)))
    block.emb_gain = nn.Parameter(torch.ones([]))
    model = tree(enc=nn.ModuleDict({"8x8_block0": block}))
    model.out_gain = nn.Parameter(torch.ones([]))
    plan = fs.plan(model, "edm2")
    assert stds(plan) == {"enc.8x8_block0.conv_res0.weight": 1, "enc.8x8_block0.emb_linear.weight": 1}
    assert constants(plan) == {"enc.8x8_block0.emb_gain": 0, "out_gain": 0}
