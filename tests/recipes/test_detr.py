"""DETR and Deformable DETR beside transformers' and torch's own, and beside the authors' numbers."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import firststep as fs

from .conformance import differences
from .libraries import Build, library
from .twins import constants, stds


def transformers(
    name: str, *, width: int = 64, heads: int = 4, stages: tuple[int, ...] = (4,), **options: Any
) -> Build:
    """A detector of transformers', on a small ResNet.

    Its first layers are frozen, since they are meant to be loaded; here their start is compared too.
    """
    own = library("transformers")
    backbone = {
        "depths": [1, 1, 1, 1],
        "hidden_sizes": [8, 16, 24, 32],
        "embedding_size": 8,
        "layer_type": "basic",
        "out_features": [f"stage{stage}" for stage in stages],
    }
    sizes = dict.fromkeys(("encoder_layers", "decoder_layers"), 2)
    sizes |= dict.fromkeys(("encoder_attention_heads", "decoder_attention_heads"), heads)
    sizes |= dict.fromkeys(("encoder_ffn_dim", "decoder_ffn_dim"), 96)
    sizes |= {"d_model": width, "num_queries": 20}
    config = getattr(own, f"{name.partition('For')[0]}Config")(
        backbone=None,
        use_timm_backbone=False,
        use_pretrained_backbone=False,
        backbone_config=own.ResNetConfig(**backbone),
        **sizes,
        **options,
    )
    return lambda: getattr(own, name)(config).requires_grad_(True)


@pytest.mark.parametrize("positions", ["sine", "learned"])
def test_detr_of_transformers(positions: str) -> None:
    assert differences(transformers("DetrForObjectDetection", position_embedding_type=positions), "detr.hf") == []


def test_masks_of_transformers() -> None:
    made = transformers("DetrForSegmentation", width=128, heads=8, stages=(1, 2, 3, 4))
    assert differences(made, "detr.hf", seeds=2) == []


@pytest.mark.parametrize(
    "options", [{}, {"two_stage": True, "with_box_refine": True, "position_embedding_type": "learned"}]
)
def test_deformable_detr_of_transformers(options: dict[str, Any]) -> None:
    made = transformers("DeformableDetrForObjectDetection", stages=(2, 3, 4), **options)
    assert differences(made, "deformable_detr.hf") == []


def test_the_transformer_of_torch() -> None:
    """The authors go over all its matrices with xavier_uniform_, as nn.Transformer does."""
    assert differences(lambda: nn.Transformer(64, 4, 2, 2, 96), "detr.asis") == []


class Detr(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.transformer = nn.Transformer(32, 4, 2, 3, 64, batch_first=True)
        self.query_embed, self.input_proj = nn.Embedding(10, 32), nn.Conv2d(64, 32, 1)
        self.class_embed = nn.Linear(32, 7)


@pytest.mark.parametrize(("recipe", "rows"), [("detr", 32), ("detr.asis", 96)])
def test_detr(recipe: str, rows: int) -> None:
    """Queries, keys and values have 32 outputs each, or 96 as one matrix."""
    found = stds(fs.plan(Detr(), recipe))
    expected = {
        "transformer.encoder.layers.0.self_attn.in_proj_weight": math.sqrt(2 / (32 + rows)),
        "transformer.decoder.layers.2.multihead_attn.out_proj.weight": math.sqrt(2 / 64),
        "transformer.encoder.layers.1.linear1.weight": math.sqrt(2 / 96),
        "transformer.encoder.layers.1.linear1.bias": math.sqrt(1 / 32 / 3),
        "query_embed.weight": 1.0,
        "input_proj.weight": math.sqrt(1 / 64 / 3),
        "class_embed.weight": math.sqrt(1 / 32 / 3),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)


class DeformableAttention(nn.Module):
    def __init__(self, width: int, heads: int, levels: int, points: int) -> None:
        super().__init__()
        self.n_heads = heads
        self.sampling_offsets = nn.Linear(width, heads * levels * points * 2)
        self.attention_weights = nn.Linear(width, heads * levels * points)
        self.value_proj, self.output_proj = nn.Linear(width, width), nn.Linear(width, width)


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cross_attn, self.self_attn = DeformableAttention(32, 8, 3, 2), nn.MultiheadAttention(32, 8)
        self.linear1, self.linear2, self.norm = nn.Linear(32, 64), nn.Linear(64, 32), nn.LayerNorm(32)


class Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.decoder = nn.ModuleDict({"layers": nn.ModuleList([Layer() for _ in range(2)])})
        self.level_embed = nn.Parameter(torch.empty(3, 32))
        self.reference_points = nn.Linear(32, 2)


class Boxes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(32, 32), nn.Linear(32, 32), nn.Linear(32, 4)])


class DeformableDetr(nn.Module):
    """As the authors put it together, with the boxes refined by every block."""

    def __init__(self) -> None:
        super().__init__()
        self.transformer, self.query_embed = Transformer(), nn.Embedding(10, 64)
        self.class_embed = nn.ModuleList([nn.Linear(32, 7) for _ in range(2)])
        self.bbox_embed = nn.ModuleList([Boxes() for _ in range(2)])
        self.input_proj = nn.ModuleList([nn.Sequential(nn.Conv2d(16, 32, 1), nn.GroupNorm(4, 32))])


def box_biases(**options: Any) -> list[Tensor]:
    model = DeformableDetr()
    fs.initialize(model, fs.recipes.get("deformable_detr", points=2, **options), seed=0)
    return [boxes.layers[2].bias.detach() for boxes in model.bbox_embed]  # type: ignore[union-attr]


def test_deformable_detr() -> None:
    model = DeformableDetr()
    plan = fs.plan(model, fs.recipes.get("deformable_detr", points=2))
    found, fixed = stds(plan), constants(plan)
    layer = "transformer.decoder.layers.1"
    expected = {
        f"{layer}.cross_attn.value_proj.weight": math.sqrt(1 / 32),
        f"{layer}.cross_attn.output_proj.weight": math.sqrt(1 / 32),
        f"{layer}.self_attn.in_proj_weight": math.sqrt(1 / 32),
        f"{layer}.linear1.weight": math.sqrt(2 / 96),
        f"{layer}.linear1.bias": math.sqrt(1 / 32 / 3),
        "transformer.level_embed": 1.0,
        "transformer.reference_points.weight": math.sqrt(2 / 34),
        "query_embed.weight": 1.0,
        "class_embed.1.weight": math.sqrt(1 / 32 / 3),
        "bbox_embed.0.layers.1.weight": math.sqrt(1 / 32 / 3),
        "input_proj.0.0.weight": math.sqrt(2 / 48),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    zero = ("sampling_offsets.weight", "attention_weights.weight", "attention_weights.bias", "value_proj.bias")
    assert {fixed[f"{layer}.cross_attn.{name}"] for name in zero} == {0.0}
    assert fixed["class_embed.0.bias"] == pytest.approx(-math.log(99))
    assert fixed["bbox_embed.1.layers.2.weight"] == fixed["input_proj.0.0.bias"] == 0
    plan.apply(seed=0)
    bias = model.transformer.decoder.layers[0].cross_attn.sampling_offsets.bias  # type: ignore[union-attr, index]
    square = torch.tensor([[1.0, 0], [1, 1], [0, 1], [-1, 1], [-1, 0], [-1, -1], [0, -1], [1, -1]])
    rays = torch.stack([square, 2 * square], 1).unsqueeze(1).expand(8, 3, 2, 2)
    assert torch.allclose(bias.view(8, 3, 2, 2), rays, rtol=0, atol=1e-6)


def test_boxes_begin_small_or_at_their_proposals() -> None:
    small, none = [0.0, 0.0, -2.0, -2.0], [0.0, 0.0, 0.0, 0.0]
    assert [bias.tolist() for bias in box_biases()] == [small, small]
    assert [bias.tolist() for bias in box_biases(refine=True)] == [small, none]
    assert [bias.tolist() for bias in box_biases(two_stage=True)] == [none, none]


@pytest.mark.parametrize("recipe", ["detr", "detr.asis", "detr.hf", "deformable_detr", "deformable_detr.hf"])
def test_a_backbone_is_kept(recipe: str) -> None:
    model = nn.ModuleDict({"backbone": nn.Conv2d(3, 8, 3), "class_embed": nn.Linear(8, 3)})
    plan = fs.plan(model, fs.recipes.get(recipe, keep_backbone=True))
    assert {row.name for row in plan.rows if row.scheme is None} == {"backbone.weight", "backbone.bias"}
