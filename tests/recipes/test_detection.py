"""Detectors beside torchvision's own, and beside the numbers of their papers."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

import firststep as fs

from .conformance import differences
from .libraries import Build, library, narrow_vgg
from .twins import constants, stds

MODULES = {
    "retinanet_resnet50_fpn": "retinanet",
    "fcos_resnet50_fpn": "fcos",
    "fasterrcnn_resnet50_fpn": "faster_rcnn",
    "fasterrcnn_resnet50_fpn_v2": "faster_rcnn",
    "maskrcnn_resnet50_fpn": "mask_rcnn",
    "keypointrcnn_resnet50_fpn": "keypoint_rcnn",
}


def torchvision(name: str, monkeypatch: pytest.MonkeyPatch) -> Build:
    """A detector of torchvision's, on a ResNet of four blocks in place of sixteen."""
    resnet, detection = library("torchvision.models.resnet"), library("torchvision.models.detection")
    if name in MODULES:
        module = library(f"torchvision.models.detection.{MODULES[name]}")

        def small(weights: None, norm_layer: type[nn.Module] = nn.BatchNorm2d, **options: Any) -> nn.Module:
            return resnet.ResNet(resnet.BasicBlock, [1, 1, 1, 1], norm_layer=norm_layer)

        monkeypatch.setattr(module, "resnet50", small)
    return lambda: getattr(detection, name)(weights=None, weights_backbone=None, num_classes=7)


@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        ("retinanet_resnet50_fpn", "retinanet"),
        ("fcos_resnet50_fpn", "fcos"),
        ("fasterrcnn_resnet50_fpn", "faster_rcnn.torchvision"),
        ("fasterrcnn_resnet50_fpn_v2", "faster_rcnn.torchvision"),
        ("maskrcnn_resnet50_fpn", "mask_rcnn.torchvision"),
        ("keypointrcnn_resnet50_fpn", "keypoint_rcnn.torchvision"),
        ("ssd300_vgg16", "ssd"),
        ("ssdlite320_mobilenet_v3_large", "ssdlite"),
    ],
)
def test_detectors_of_torchvision(name: str, recipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One start of each: the heads hold millions of numbers."""
    narrow_vgg(monkeypatch)
    assert differences(torchvision(name, monkeypatch), recipe, seeds=1) == []


@pytest.fixture
def mask_rcnn(monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    with torch.device("meta"):
        return torchvision("maskrcnn_resnet50_fpn", monkeypatch)()


def test_the_heads_of_the_papers(mask_rcnn: nn.Module) -> None:
    """Fast R-CNN, section 2.3: classes N(0, 0.01^2), boxes N(0, 0.001^2); the rest of the heads by Caffe2's fills."""
    plan = fs.plan(mask_rcnn, "mask_rcnn")
    found = stds(plan)
    expected = {
        "roi_heads.box_predictor.cls_score.weight": 0.01,
        "roi_heads.box_predictor.bbox_pred.weight": 0.001,
        "roi_heads.box_head.fc6.weight": math.sqrt(1 / 12544),
        "roi_heads.box_head.fc7.weight": math.sqrt(1 / 1024),
        "roi_heads.mask_head.0.0.weight": math.sqrt(2 / (256 * 9)),
        "roi_heads.mask_predictor.conv5_mask.weight": math.sqrt(2 / (256 * 4)),
        "roi_heads.mask_predictor.mask_fcn_logits.weight": 0.001,
        "rpn.head.conv.0.0.weight": 0.01,
        "rpn.head.bbox_pred.weight": 0.01,
        "backbone.fpn.layer_blocks.3.0.weight": math.sqrt(1 / (256 * 9)),
        "backbone.body.layer4.0.conv1.weight": math.sqrt(2 / (512 * 9)),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    fixed = constants(plan)
    heads = [row.name for row in plan.rows if ("roi_heads" in row.name or "rpn" in row.name) and "bias" in row.name]
    assert {fixed[name] for name in heads} == {0.0}


def test_keypoints_on_the_heads_of_the_papers() -> None:
    model = nn.ModuleDict(
        {
            "keypoint_head": nn.Conv2d(8, 16, 3),
            "keypoint_predictor": nn.ModuleDict({"kps_score_lowres": nn.ConvTranspose2d(16, 16, 4, stride=2)}),
            "box_predictor": nn.ModuleDict({"cls_score": nn.Linear(8, 3), "bbox_pred": nn.Linear(8, 12)}),
        }
    )
    assert stds(fs.plan(model, "keypoint_rcnn")) == pytest.approx(
        {
            "keypoint_head.weight": math.sqrt(2 / (16 * 9)),
            "keypoint_predictor.kps_score_lowres.weight": math.sqrt(2 / (16 * 16)),
            "box_predictor.cls_score.weight": 0.01,
            "box_predictor.bbox_pred.weight": 0.001,
        }
    )


def test_faster_rcnn_under_other_names() -> None:
    """As detectron2 names its parts."""
    model = nn.ModuleDict(
        {
            "backbone": nn.ModuleDict({"fpn_lateral2": nn.Conv2d(64, 16, 1), "res2": nn.Conv2d(3, 64, 3, bias=False)}),
            "proposal_generator": nn.ModuleDict({"rpn_head": nn.ModuleDict({"conv": nn.Conv2d(16, 16, 3)})}),
            "roi_heads": nn.ModuleDict(
                {
                    "box_head": nn.ModuleDict({"conv1": nn.Conv2d(16, 16, 3), "fc1": nn.Linear(64, 32)}),
                    "box_predictor": nn.ModuleDict({"cls_score": nn.Linear(32, 5), "bbox_pred": nn.Linear(32, 16)}),
                }
            ),
        }
    )
    assert stds(fs.plan(model, "faster_rcnn")) == pytest.approx(
        {
            "backbone.fpn_lateral2.weight": math.sqrt(1 / 64),
            "backbone.res2.weight": math.sqrt(2 / (64 * 9)),
            "proposal_generator.rpn_head.conv.weight": 0.01,
            "roi_heads.box_head.conv1.weight": math.sqrt(2 / (16 * 9)),
            "roi_heads.box_head.fc1.weight": math.sqrt(1 / 64),
            "roi_heads.box_predictor.cls_score.weight": 0.01,
            "roi_heads.box_predictor.bbox_pred.weight": 0.001,
        }
    )


@pytest.mark.parametrize("recipe", ["retinanet", "fcos"])
@pytest.mark.parametrize(("pi", "logit"), [(0.01, -4.59511985), (0.1, -2.19722458)])
def test_classes_begin_at_their_probability(recipe: str, pi: float, logit: float) -> None:
    head = nn.ModuleDict(
        {"cls_subnet": nn.Conv2d(8, 8, 3), "cls_score": nn.Conv2d(8, 20, 3), "bbox": nn.Conv2d(8, 4, 3)}
    )
    model = nn.ModuleDict({"head": head})
    fs.initialize(model, fs.recipes.get(recipe, pi=pi), seed=0)
    assert head["cls_score"].bias.unique().tolist() == pytest.approx([logit])
    assert torch.sigmoid(head["cls_score"].bias).mean().item() == pytest.approx(pi)
    assert head["bbox"].bias.unique().tolist() == [0.0]


@pytest.mark.parametrize("recipe", ["mask_rcnn", "mask_rcnn.torchvision"])
def test_a_backbone_is_kept(recipe: str, mask_rcnn: nn.Module) -> None:
    """The pyramid stands in the backbone and is not part of what was loaded."""
    plan = fs.plan(mask_rcnn, fs.recipes.get(recipe, keep_backbone=True))
    kept = {row.name for row in plan.rows if row.scheme is None}
    assert kept == {name for name, _ in mask_rcnn.named_parameters() if name.startswith("backbone.body.")}


@pytest.mark.parametrize(
    "recipe",
    [name for name in fs.recipes.list() if name.startswith(("retinanet", "fcos", "faster_rcnn", "keypoint_rcnn"))],
)
def test_a_small_backbone_is_kept(recipe: str) -> None:
    model = nn.ModuleDict({"backbone": nn.Conv2d(3, 8, 3), "head": nn.Conv2d(8, 8, 3)})
    plan = fs.plan(model, fs.recipes.get(recipe, keep_backbone=True))
    assert {row.name for row in plan.rows if row.scheme is None} == {"backbone.weight", "backbone.bias"}


def test_the_layers_under_ssd_are_kept() -> None:
    extra = nn.ModuleList([nn.Sequential(nn.Conv2d(8, 8, 3), nn.Sequential(nn.Conv2d(8, 8, 3))), nn.Conv2d(8, 8, 3)])
    below = nn.ModuleDict({"features": nn.Sequential(nn.Conv2d(3, 8, 3)), "extra": extra})
    model = nn.ModuleDict({"backbone": below, "head": nn.Conv2d(8, 4, 3)})
    for recipe, kept in (
        ("ssd", {"backbone.features.0", "backbone.extra.0.0"}),
        ("ssdlite", {"backbone.features.0"}),
    ):
        plan = fs.plan(model, fs.recipes.get(recipe, keep_backbone=True))
        assert {row.name.rpartition(".")[0] for row in plan.rows if row.scheme is None} == kept
