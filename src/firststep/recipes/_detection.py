"""Detectors of boxes on feature maps: heads, pyramids, and the net under them. Each table equal to its source."""

from __future__ import annotations

import re

from torch import nn

from .. import init
from ..planning import Rule, keep, rule, select, type_named
from ._convnets import FAN_OUT_BY_SHAPE, residual_net
from ._entry import recipe
from ._shared import IDENTITY, globs
from ._types import CONVOLUTION, TRANSPOSED

ZERO = init.zeros()
_ALL_KEPT = globs({"*": keep})
KEPT = rule("*backbone*", name="backbone", **_ALL_KEPT)
"""The net under a detector, as it was loaded."""
PYRAMID = rule(select("*fpn*") & CONVOLUTION, name="feature pyramid", weight=init.caffe2_xavier(), bias=ZERO)
_PROPOSALS = rule(select("*rpn*") & CONVOLUTION, name="region proposals", weight=init.normal(std=0.01), bias=ZERO)
_CLASSES = select(re.compile(r"(.*[._])?(cls_logits|cls_score|retina_cls|conv_cls|fcos_cls|gfl_cls)")) & CONVOLUTION


def backbone_rules(keep_backbone: bool) -> tuple[Rule, ...]:
    """What a head stands on: a ResNet as torchvision starts it, or kept as it was loaded."""
    return (*((KEPT,) if keep_backbone else ()), *residual_net(FAN_OUT_BY_SHAPE, init.torch_default(), zero_last=False))


def _one_stage(pi: float, keep_backbone: bool) -> tuple[Rule, ...]:
    small = init.normal(std=0.01)
    return (
        rule(_CLASSES, name="class logits", weight=small, bias=init.prior_bias(pi=pi)),
        PYRAMID,
        rule(select("*head*") & CONVOLUTION, name="head", weight=small, bias=ZERO),
        rule(type_named("Scale"), name="scale of a level", scale=init.ones()),
        *backbone_rules(keep_backbone),
    )


@recipe(
    "retinanet",
    family="detection",
    summary=(
        "heads N(0, 0.01^2), the bias of the class logits such that each class begins at probability pi",
        "检测头用 N(0, 0.01^2)，类别 logit 的偏置使每一类的初始概率为 pi",
    ),
    source="Lin et al. 2017 (1708.02002), section 4.1; torchvision, models/detection/retinanet.py",
    checked=("torchvision.models.detection.retinanet_resnet50_fpn",),
)
def retinanet(*, pi: float = 0.01, keep_backbone: bool = False) -> tuple[Rule, ...]:
    """RetinaNet on a ResNet with a feature pyramid; ``keep_backbone`` leaves what is called backbone as loaded."""
    return _one_stage(pi, keep_backbone)


@recipe(
    "fcos",
    family="detection",
    summary=(
        "heads N(0, 0.01^2), the bias of the class logits such that each class begins at probability pi",
        "检测头用 N(0, 0.01^2)，类别 logit 的偏置使每一类的初始概率为 pi",
    ),
    source="Tian et al. 2019 (1904.01355); torchvision, models/detection/fcos.py",
    checked=("torchvision.models.detection.fcos_resnet50_fpn",),
)
def fcos(*, pi: float = 0.01, keep_backbone: bool = False) -> tuple[Rule, ...]:
    """FCOS, which starts as RetinaNet does."""
    return _one_stage(pi, keep_backbone)


_PREDICTORS = (
    "torchvision leaves the two linear predictors, and the layers before them, at torch's default: {name}.torchvision.",
    "torchvision 的两个线性预测层及其之前的全连接层保留 torch 默认值：见 {name}.torchvision。",
)


def _predictors(name: str) -> tuple[str, str]:
    return _PREDICTORS[0].format(name=name), _PREDICTORS[1].format(name=name)


def _faster(keep_backbone: bool) -> tuple[Rule, ...]:
    """Fast R-CNN's predictors on a head of Caffe2's fills."""
    box_head, linear = select("*box_head*"), nn.Linear
    return (
        PYRAMID,
        _PROPOSALS,
        rule(select("*cls_score") & linear, name="class predictor", weight=init.normal(std=0.01), bias=ZERO),
        rule(select("*bbox_pred") & linear, name="box predictor", weight=init.normal(std=0.001), bias=ZERO),
        rule(box_head & CONVOLUTION, name="box head, convolution", weight=init.caffe2_msra(), bias=ZERO),
        rule(box_head & linear, name="box head, linear", weight=init.caffe2_xavier(), bias=ZERO),
        *backbone_rules(keep_backbone),
    )


def _faster_torchvision(keep_backbone: bool) -> tuple[Rule, ...]:
    return (
        PYRAMID,
        _PROPOSALS,
        rule(select("*box_head*") & CONVOLUTION, name="box head, convolution", weight=FAN_OUT_BY_SHAPE, bias=ZERO),
        *backbone_rules(keep_backbone),
    )


_KEYPOINTS = rule(
    select("*keypoint*") & (*CONVOLUTION, *TRANSPOSED), name="keypoint head", weight=FAN_OUT_BY_SHAPE, bias=ZERO
)


@recipe(
    "faster_rcnn",
    family="detection",
    summary=(
        "proposals and classes N(0, 0.01^2), boxes N(0, 0.001^2), pyramid and box head U(±sqrt(3/fan_in))",
        "候选框与类别用 N(0, 0.01^2)，边框用 N(0, 0.001^2)，金字塔与框头用 U(±sqrt(3/fan_in))",
    ),
    source="Girshick 2015 (1504.08083), section 2.3; Ren et al. 2015 (1506.01497), section 3.1; detectron2, roi_heads",
    differs=_predictors("faster_rcnn"),
)
def faster_rcnn(*, keep_backbone: bool = False) -> tuple[Rule, ...]:
    """Faster R-CNN as the papers and detectron2 start it."""
    return _faster(keep_backbone)


@recipe(
    "faster_rcnn.torchvision",
    family="detection",
    summary=(
        "proposals N(0, 0.01^2), pyramid U(±sqrt(3/fan_in)), linear layers torch's",
        "候选框用 N(0, 0.01^2)，特征金字塔用 U(±sqrt(3/fan_in))，线性层用 torch 默认值",
    ),
    source="torchvision, models/detection/rpn.py and faster_rcnn.py, ops/feature_pyramid_network.py",
    checked=(
        "torchvision.models.detection.fasterrcnn_resnet50_fpn",
        "torchvision.models.detection.fasterrcnn_resnet50_fpn_v2",
    ),
    differs=_predictors("faster_rcnn"),
)
def faster_rcnn_torchvision(*, keep_backbone: bool = False) -> tuple[Rule, ...]:
    """Faster R-CNN as torchvision builds it."""
    return _faster_torchvision(keep_backbone)


@recipe(
    "mask_rcnn",
    family="detection",
    summary=(
        "as faster_rcnn; the mask head N(0, 2/fan_out), its last layer N(0, 0.001^2)",
        "同 faster_rcnn；掩码头用 N(0, 2/fan_out)，其最后一层用 N(0, 0.001^2)",
    ),
    source="He et al. 2017 (1703.06870); detectron2, modeling/roi_heads/mask_head.py",
    differs=_predictors("mask_rcnn"),
)
def mask_rcnn(*, keep_backbone: bool = False) -> tuple[Rule, ...]:
    """Mask R-CNN as detectron2 starts it."""
    last = select("*mask_head.predictor") | select("*mask_fcn_logits")
    mask = select("*mask_head*") | select("*mask_predictor*")
    return (
        rule(last & CONVOLUTION, name="mask predictor", weight=init.normal(std=0.001), bias=ZERO),
        rule(mask & (*CONVOLUTION, *TRANSPOSED), name="mask head", weight=init.caffe2_msra(), bias=ZERO),
        *_faster(keep_backbone),
    )


@recipe(
    "mask_rcnn.torchvision",
    family="detection",
    summary=(
        "as faster_rcnn.torchvision; the mask head and its predictor N(0, 2/fan_out)",
        "同 faster_rcnn.torchvision；掩码头及其预测层用 N(0, 2/fan_out)",
    ),
    source="torchvision, models/detection/mask_rcnn.py",
    checked=("torchvision.models.detection.maskrcnn_resnet50_fpn",),
    differs=_predictors("mask_rcnn"),
)
def mask_rcnn_torchvision(*, keep_backbone: bool = False) -> tuple[Rule, ...]:
    """Mask R-CNN as torchvision builds it; the predictor's biases stay torch's."""
    predictor = select("*mask_predictor*") & (*CONVOLUTION, *TRANSPOSED)
    return (
        rule(select("*mask_head*") & CONVOLUTION, name="mask head", weight=FAN_OUT_BY_SHAPE, bias=ZERO),
        rule(predictor, name="mask predictor", weight=FAN_OUT_BY_SHAPE, bias=init.torch_default()),
        *_faster_torchvision(keep_backbone),
    )


@recipe(
    "keypoint_rcnn",
    family="detection",
    summary=(
        "as faster_rcnn; the keypoint head and its predictor N(0, 2/fan_out)",
        "同 faster_rcnn；关键点头及其预测层用 N(0, 2/fan_out)",
    ),
    source="He et al. 2017 (1703.06870), section 5; detectron2, modeling/roi_heads/keypoint_head.py",
    differs=_predictors("keypoint_rcnn"),
)
def keypoint_rcnn(*, keep_backbone: bool = False) -> tuple[Rule, ...]:
    """Keypoint R-CNN as detectron2 starts it."""
    return (_KEYPOINTS, *_faster(keep_backbone))


@recipe(
    "keypoint_rcnn.torchvision",
    family="detection",
    summary=(
        "as faster_rcnn.torchvision; the keypoint head and its predictor N(0, 2/fan_out)",
        "同 faster_rcnn.torchvision；关键点头及其预测层用 N(0, 2/fan_out)",
    ),
    source="torchvision, models/detection/keypoint_rcnn.py",
    checked=("torchvision.models.detection.keypointrcnn_resnet50_fpn",),
    differs=_predictors("keypoint_rcnn"),
)
def keypoint_rcnn_torchvision(*, keep_backbone: bool = False) -> tuple[Rule, ...]:
    """Keypoint R-CNN as torchvision builds it."""
    return (_KEYPOINTS, *_faster_torchvision(keep_backbone))


_VGG = select(re.compile(r"(.*\.)?backbone\.(features|extra\.0)\.\d+"))
"""The layers that torchvision's SSD takes over from VGG-16."""


@recipe(
    "ssd",
    family="detection",
    summary=(
        "heads and added layers Glorot uniform, biases zero, the scale of the first feature map 20; VGG under it",
        "检测头与新增层用 Glorot 均匀分布，偏置为零，第一个特征图的缩放为 20；骨干为 VGG",
    ),
    source="Liu et al. 2016 (1512.02325), section 3.1; torchvision, models/detection/ssd.py",
    checked=("torchvision.models.detection.ssd300_vgg16",),
)
def ssd(*, keep_backbone: bool = False) -> tuple[Rule, ...]:
    """SSD on VGG-16; ``keep_backbone`` leaves the layers of VGG as they are loaded."""
    below = _ALL_KEPT if keep_backbone else globs({"weight": FAN_OUT_BY_SHAPE, "bias": ZERO})
    return (
        rule(_VGG & CONVOLUTION, name="VGG", **below),
        rule(CONVOLUTION, name="head and added layers", weight=init.xavier_uniform(), bias=ZERO),
        rule("*", name="scale of the first feature map", scale_weight=init.constant(20.0)),
        IDENTITY,
    )


@recipe(
    "ssdlite",
    family="detection",
    summary=("every convolution N(0, 0.03^2), biases zero", "所有卷积用 N(0, 0.03^2)，偏置为零"),
    source="Sandler et al. 2018 (1801.04381), section 6.2; torchvision, models/detection/ssdlite.py",
    checked=("torchvision.models.detection.ssdlite320_mobilenet_v3_large",),
)
def ssdlite(*, keep_backbone: bool = False) -> tuple[Rule, ...]:
    """SSDLite on a MobileNet; ``keep_backbone`` leaves ``backbone.features`` as it is loaded."""
    kept = (rule("*backbone.features*", name="backbone", **_ALL_KEPT),) if keep_backbone else ()
    return (
        *kept,
        IDENTITY,
        rule(CONVOLUTION, name="convolution", weight=init.normal(std=0.03), bias=ZERO),
    )


RECIPES = (
    retinanet,
    fcos,
    faster_rcnn,
    faster_rcnn_torchvision,
    mask_rcnn,
    mask_rcnn_torchvision,
    keypoint_rcnn,
    keypoint_rcnn_torchvision,
    ssd,
    ssdlite,
)
