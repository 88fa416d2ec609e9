"""Nets of depthwise convolutions: EfficientNet, MobileNet, MnasNet. Tables of rules, each equal to its source."""

from __future__ import annotations

from torch import nn

from .. import init
from ..init import Scheme
from ..planning import Rule, rule, select, type_named
from ._convnets import FAN_OUT, FAN_OUT_BY_SHAPE
from ._entry import recipe
from ._shared import IDENTITY
from ._types import CONVOLUTION

_GROUPS = (
    "torchvision counts the outputs of all groups, so that a depthwise convolution of C channels starts C times too "
    "small in variance.",
    "torchvision 计入所有组的输出，C 通道的逐深度卷积的方差因而小了 C 倍。",
)


def _mobile(convolution: Scheme, linear: Scheme) -> tuple[Rule, ...]:
    zero = init.zeros()
    return (
        IDENTITY,
        rule(select(CONVOLUTION) | type_named("CondConv2d"), name="convolution", weight=convolution, bias=zero),
        rule(select("*routing_fn*") & nn.Linear, name="routing", weight=init.goog_routing_uniform(), bias=zero),
        rule(nn.Linear, name="linear", weight=linear, bias=zero),
    )


@recipe(
    "efficientnet",
    family="vision",
    summary=(
        "convolutions N(0, 2/fan_out), linear layers U(±1/sqrt(fan_out)), biases zero",
        "卷积用 N(0, 2/fan_out)，线性层用 U(±1/sqrt(fan_out))，偏置为零",
    ),
    source="Tan and Le 2019 (1905.11946); tensorflow/tpu, models/official/efficientnet; timm, _efficientnet_builder.py",
    checked=(
        "timm.efficientnet_b0",
        "timm.efficientnet_cc_b0_4e",
        "timm.mobilenetv2_100",
        "timm.mobilenetv3_small_100",
        "timm.mixnet_s",
    ),
    differs=(
        f"{_GROUPS[0]} That is efficientnet.torchvision. transformers draws every weight, BatchNorm's too, from "
        "N(0, 0.02^2).",
        f"{_GROUPS[1]}见 efficientnet.torchvision。transformers 的所有权重（包括 BatchNorm 的）都取自 N(0, 0.02^2)。",
    ),
)
def efficientnet() -> tuple[Rule, ...]:
    """EfficientNet, MobileNet, MixNet and MnasNet as the TensorFlow originals and timm start them.

    The fans are those of the layer; each expert of a conditional convolution is drawn as a convolution of its own.
    """
    return _mobile(FAN_OUT, init.goog_uniform())


@recipe(
    "efficientnet.torchvision",
    family="vision",
    summary=(
        "as efficientnet, the outputs of all groups counted",
        "同 efficientnet，但计入所有组的输出",
    ),
    source="torchvision, models/efficientnet.py",
    checked=("torchvision.models.efficientnet_b0", "torchvision.models.efficientnet_v2_s"),
    differs=_GROUPS,
)
def efficientnet_torchvision() -> tuple[Rule, ...]:
    """EfficientNet as torchvision builds it."""
    return _mobile(FAN_OUT_BY_SHAPE, init.goog_uniform())


@recipe(
    "mobilenet",
    family="vision",
    summary=(
        "convolutions N(0, 2/fan_out), linear layers N(0, 0.01^2), biases zero",
        "卷积用 N(0, 2/fan_out)，线性层用 N(0, 0.01^2)，偏置为零",
    ),
    source="torchvision, models/mobilenetv2.py and models/mobilenetv3.py, with the fans of the layer",
    differs=(
        f"{_GROUPS[0]} That is mobilenet.torchvision. timm starts MobileNets as efficientnet.",
        f"{_GROUPS[1]}见 mobilenet.torchvision。timm 的 MobileNet 用 efficientnet 的初值。",
    ),
)
def mobilenet() -> tuple[Rule, ...]:
    """MobileNet-V2 and V3 with torchvision's rules, the fans those of the layer."""
    return _mobile(FAN_OUT, init.normal(std=0.01))


@recipe(
    "mobilenet.torchvision",
    family="vision",
    summary=("as mobilenet, the outputs of all groups counted", "同 mobilenet，但计入所有组的输出"),
    source="torchvision, models/mobilenetv2.py and models/mobilenetv3.py",
    checked=("torchvision.models.mobilenet_v2", "torchvision.models.mobilenet_v3_small"),
    differs=_GROUPS,
)
def mobilenet_torchvision() -> tuple[Rule, ...]:
    """MobileNet-V2 and V3 as torchvision builds them."""
    return _mobile(FAN_OUT_BY_SHAPE, init.normal(std=0.01))


@recipe(
    "mnasnet",
    family="vision",
    summary=(
        "convolutions N(0, 2/fan_out), linear layers U(±1/sqrt(fan_out)), biases zero",
        "卷积用 N(0, 2/fan_out)，线性层用 U(±1/sqrt(fan_out))，偏置为零",
    ),
    source="Tan et al. 2019 (1807.11626); tensorflow/tpu, models/official/mnasnet; timm, _efficientnet_builder.py",
    checked=("timm.mnasnet_small",),
    differs=(
        f"{_GROUPS[0]} Its linear layer is sqrt(3) times wider: mnasnet.torchvision.",
        f"{_GROUPS[1]}其线性层的范围宽 sqrt(3) 倍：见 mnasnet.torchvision。",
    ),
)
def mnasnet() -> tuple[Rule, ...]:
    """MnasNet as its authors start it, which is how they start EfficientNet."""
    return _mobile(FAN_OUT, init.goog_uniform())


@recipe(
    "mnasnet.torchvision",
    family="vision",
    summary=(
        "convolutions N(0, 2/fan_out) of all groups, the linear layer U(±sqrt(3/fan_out))",
        "卷积用 N(0, 2/fan_out)（计入所有组），线性层用 U(±sqrt(3/fan_out))",
    ),
    source="torchvision, models/mnasnet.py",
    checked=("torchvision.models.mnasnet0_5",),
    differs=_GROUPS,
)
def mnasnet_torchvision() -> tuple[Rule, ...]:
    """MnasNet as torchvision builds it."""
    return _mobile(FAN_OUT_BY_SHAPE, init.variance_scaling(1.0, "fan_out", "uniform"))


RECIPES = (efficientnet, efficientnet_torchvision, mobilenet, mobilenet_torchvision, mnasnet, mnasnet_torchvision)
