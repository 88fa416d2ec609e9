"""Convolutional nets for images: tables of rules, each equal to its source."""

from __future__ import annotations

import re

from torch import nn

from .. import init
from ..init import Scheme
from ..planning import Rule, role, rule, select, type_named
from ._entry import recipe
from ._residual import layer_scale_rule
from ._shared import IDENTITY, globs
from ._types import CONVOLUTION, NORM

FAN_OUT = init.kaiming_normal(mode="fan_out", nonlinearity="relu")
FAN_OUT_BY_SHAPE = init.kaiming_normal(mode="fan_out", nonlinearity="relu", fans="tensor")
"""As torch counts it, all groups together."""
TORCH_LINEAR = rule(nn.Linear, name="linear", weight=init.torch_default(), bias=init.torch_default())
LAST_NORM = rule(NORM & role("norm.out"), name="last norm of a branch", weight=init.zeros(), bias=init.zeros())
"""Each residual branch starts at zero."""
GROUPS = (
    "In grouped convolutions torchvision counts the outputs of all groups, so that their variance is the number of "
    "groups too small; {name} counts those of one.",
    "对于分组卷积，torchvision 计入所有组的输出，方差因而小了组数倍；{name} 只计一组的输出。",
)


def _groups(name: str) -> tuple[str, str]:
    return GROUPS[0].format(name=name), GROUPS[1].format(name=name)


def residual_net(convolution: Scheme, bias: Scheme, *, zero_last: bool) -> tuple[Rule, ...]:
    """The rules of a ResNet: one scheme for all convolutions, norms the identity, torch's linear layer."""
    return (
        *((LAST_NORM,) if zero_last else ()),
        IDENTITY,
        rule(CONVOLUTION, name="convolution", weight=convolution, bias=bias),
        TORCH_LINEAR,
    )


@recipe(
    "resnet",
    family="vision",
    summary=(
        "convolutions N(0, 2/fan_out), the last norm of each branch zero, linear layers torch's",
        "卷积用 N(0, 2/fan_out)，每个残差分支的最后一个归一化为零，线性层用 torch 默认值",
    ),
    source="He et al. 2015 (1502.01852), equation 14; He et al. 2016 (1512.03385); Goyal et al. 2017 (1706.02677), 5.1",
    differs=_groups("resnet"),
)
def resnet(*, zero_init_last: bool = True) -> tuple[Rule, ...]:
    """A ResNet or ResNeXt, the fans those of the layer; ``zero_init_last`` starts each residual branch at zero."""
    return residual_net(FAN_OUT, init.zeros(), zero_last=zero_init_last)


@recipe(
    "resnet.torchvision",
    family="vision",
    summary=(
        "convolutions N(0, 2/fan_out), norms the identity, linear layers torch's",
        "卷积用 N(0, 2/fan_out)，归一化层为恒等，线性层用 torch 默认值",
    ),
    source="torchvision, models/resnet.py; transformers, models/resnet/modeling_resnet.py and models/regnet",
    checked=(
        "torchvision.models.resnet18",
        "torchvision.models.resnext50_32x4d",
        "transformers.ResNetForImageClassification",
        "transformers.RegNetForImageClassification",
    ),
    differs=_groups("resnet"),
)
def resnet_torchvision(*, zero_init_residual: bool = False) -> tuple[Rule, ...]:
    """torchvision's ResNet, and transformers' ResNet and RegNet, which start the same."""
    return residual_net(FAN_OUT_BY_SHAPE, init.torch_default(), zero_last=zero_init_residual)


@recipe(
    "resnet.timm",
    family="vision",
    summary=(
        "as resnet.torchvision, the last norm of each branch zero",
        "同 resnet.torchvision，但每个残差分支的最后一个归一化为零",
    ),
    source="timm, models/resnet.py",
    checked=("timm.resnet18", "timm.seresnet50", "timm.resnext50_32x4d"),
    differs=_groups("resnet"),
)
def resnet_timm(*, zero_init_last: bool = True) -> tuple[Rule, ...]:
    """timm's ResNet; gates on channels are convolutions like the others, with torch's biases."""
    one_dimensional = rule(nn.Conv1d, name="gate", weight=init.torch_default(), bias=init.torch_default())
    return (one_dimensional, *residual_net(FAN_OUT_BY_SHAPE, init.torch_default(), zero_last=zero_init_last))


@recipe(
    "vgg",
    family="vision",
    summary=(
        "convolutions N(0, 2/fan_out), linear layers N(0, 0.01^2), biases zero",
        "卷积用 N(0, 2/fan_out)，线性层用 N(0, 0.01^2)，偏置为零",
    ),
    source="torchvision, models/vgg.py; timm, models/vgg.py",
    checked=("torchvision.models.vgg11", "torchvision.models.vgg11_bn", "timm.vgg11"),
    differs=(
        "Simonyan and Zisserman 2014 (1409.1556) drew N(0, 0.1^2), and began deep nets with layers of a shallow one.",
        "Simonyan 和 Zisserman 2014 (1409.1556) 用 N(0, 0.1^2)，并以浅网络的层作为深网络的起点。",
    ),
)
def vgg() -> tuple[Rule, ...]:
    """VGG with the start that libraries give it."""
    return (
        IDENTITY,
        rule(CONVOLUTION, name="convolution", weight=FAN_OUT, bias=init.zeros()),
        rule(nn.Linear, name="linear", weight=init.normal(std=0.01), bias=init.zeros()),
    )


@recipe(
    "densenet",
    family="vision",
    summary=(
        "convolutions N(0, 2/fan_in), the linear layer torch's with bias zero",
        "卷积用 N(0, 2/fan_in)，线性层用 torch 默认值、偏置为零",
    ),
    source="Huang et al. 2017 (1608.06993); torchvision, models/densenet.py; timm, models/densenet.py",
    checked=("torchvision.models.densenet121", "timm.densenet121"),
)
def densenet() -> tuple[Rule, ...]:
    """DenseNet."""
    return (
        IDENTITY,
        rule(CONVOLUTION, name="convolution", weight=init.kaiming_normal(), bias=init.zeros()),
        rule(nn.Linear, name="linear", weight=init.torch_default(), bias=init.zeros()),
    )


@recipe(
    "squeezenet",
    family="vision",
    summary=(
        "convolutions uniform with variance 2/fan_in, the last one N(0, 0.01^2), biases zero",
        "卷积用方差 2/fan_in 的均匀分布，最后一个用 N(0, 0.01^2)，偏置为零",
    ),
    source="Iandola et al. 2016 (1602.07360); torchvision, models/squeezenet.py",
    checked=("torchvision.models.squeezenet1_0", "torchvision.models.squeezenet1_1"),
)
def squeezenet() -> tuple[Rule, ...]:
    """SqueezeNet, whose head is a convolution."""
    return (
        rule(role("head"), name="head", weight=init.normal(std=0.01), bias=init.zeros()),
        rule(CONVOLUTION, name="convolution", weight=init.kaiming_uniform(), bias=init.zeros()),
        IDENTITY,
    )


@recipe(
    "googlenet",
    family="vision",
    summary=("convolutions and linear layers N(0, 0.01^2)", "卷积与线性层用 N(0, 0.01^2)"),
    source="torchvision, models/googlenet.py",
    checked=("torchvision.models.googlenet",),
    differs=(
        "torchvision writes a truncated normal whose bounds, -2 and 2, lie 200 std away and cut off nothing.",
        "torchvision 写的是截断正态，但界限 -2 与 2 相当于 200 个标准差，没有截断任何值。",
    ),
)
def googlenet() -> tuple[Rule, ...]:
    """GoogLeNet as torchvision builds it."""
    return _inception(init.trunc_normal_torch(std=0.01), init.torch_default())


_AUXILIARY = r"(.*\.)?aux[^.]*\."
_AUXILIARY_CONVOLUTION = select(re.compile(rf"{_AUXILIARY}conv1(\..*)?", re.IGNORECASE)) & CONVOLUTION
_AUXILIARY_LINEAR = select(re.compile(rf"{_AUXILIARY}(.*\.)?fc", re.IGNORECASE)) & nn.Linear


@recipe(
    "inception_v3",
    family="vision",
    summary=(
        "normals cut off at 2 std: convolutions 0.1, the auxiliary head's 0.01 and 0.001, the head 0.01",
        "在 2 个标准差处截断的正态：卷积 0.1，辅助分类头 0.01 与 0.001，分类头 0.01",
    ),
    source="tensorflow/models, inception/inception/inception_model.py and slim/inception_model.py (slim/ops.py)",
    differs=(
        "torchvision's and timm's normals are not cut off, and the auxiliary convolution's 0.01 never reaches it, "
        "since it is set on the module around it: inception_v3.torchvision.",
        "torchvision 与 timm 的正态未被截断，辅助卷积的 0.01 设在其外层模块上，从未生效：见 inception_v3.torchvision。",
    ),
)
def inception_v3() -> tuple[Rule, ...]:
    """Inception-v3 as its authors started it; their biases are zero."""
    zero = init.zeros()
    return (
        rule(_AUXILIARY_CONVOLUTION, name="auxiliary convolution", weight=init.trunc_normal(std=0.01), bias=zero),
        rule(_AUXILIARY_LINEAR, name="auxiliary head", weight=init.trunc_normal(std=0.001), bias=zero),
        rule(nn.Linear, name="linear", weight=init.trunc_normal(std=0.01), bias=zero),
        *_inception(init.trunc_normal(std=0.1), zero),
    )


@recipe(
    "inception_v3.torchvision",
    family="vision",
    summary=(
        "convolutions and the head N(0, 0.1^2), the auxiliary head N(0, 0.001^2)",
        "卷积与分类头用 N(0, 0.1^2)，辅助分类头用 N(0, 0.001^2)",
    ),
    source="torchvision, models/inception.py; timm, models/inception_v3.py",
    checked=("torchvision.models.inception_v3", "timm.inception_v3"),
    differs=(
        "It follows the source, where the auxiliary convolution's 0.01 never reaches it. The authors' is inception_v3.",
        "与源码一致：其中辅助卷积的 0.01 从未生效；作者的初值见 inception_v3。",
    ),
)
def inception_v3_torchvision() -> tuple[Rule, ...]:
    """Inception-v3 as torchvision and timm build it."""
    default = init.torch_default()
    return (
        rule(_AUXILIARY_LINEAR, name="auxiliary head", weight=init.trunc_normal_torch(std=0.001), bias=default),
        *_inception(init.trunc_normal_torch(std=0.1), default),
    )


def _inception(weight: Scheme, bias: Scheme) -> tuple[Rule, ...]:
    return (
        IDENTITY,
        rule((*CONVOLUTION, nn.Linear), name="convolution and linear", weight=weight, bias=bias),
    )


@recipe(
    "regnet",
    family="vision",
    summary=(
        "convolutions N(0, 2/fan_out), linear N(0, 0.01^2), the last norm of each branch zero",
        "卷积用 N(0, 2/fan_out)，线性层用 N(0, 0.01^2)，每个残差分支的最后一个归一化为零",
    ),
    source="timm, models/regnet.py",
    checked=("timm.regnetx_002", "timm.regnety_002"),
    differs=(
        "The authors' pycls and torchvision count the outputs of all groups: regnet.torchvision. transformers starts "
        "it as resnet.torchvision.",
        "作者的 pycls 与 torchvision 计入所有组的输出：见 regnet.torchvision。transformers 同 resnet.torchvision。",
    ),
)
def regnet(*, zero_init_last: bool = True) -> tuple[Rule, ...]:
    """RegNet as timm builds it, the fans those of the layer."""
    return (*((LAST_NORM,) if zero_init_last else ()), *_regnet(FAN_OUT, init.zeros()))


@recipe(
    "regnet.torchvision",
    family="vision",
    summary=(
        "convolutions N(0, 2/fan_out), the outputs of all groups counted; linear N(0, 0.01^2)",
        "卷积用 N(0, 2/fan_out)，计入所有组的输出；线性层用 N(0, 0.01^2)",
    ),
    source="Radosavovic et al. 2020 (2003.13678), pycls; torchvision, models/regnet.py",
    checked=("torchvision.models.regnet_y_400mf",),
    differs=_groups("regnet"),
)
def regnet_torchvision() -> tuple[Rule, ...]:
    """RegNet as torchvision builds it; biases of convolutions, which gates on channels have, stay torch's."""
    return _regnet(FAN_OUT_BY_SHAPE, init.torch_default())


def _regnet(convolution: Scheme, bias: Scheme) -> tuple[Rule, ...]:
    return (
        IDENTITY,
        rule(CONVOLUTION, name="convolution", weight=convolution, bias=bias),
        rule(nn.Linear, name="linear", weight=init.normal(std=0.01), bias=init.zeros()),
    )


@recipe(
    "nfnet",
    family="vision",
    summary=(
        "convolutions N(0, 1/fan_in) with gain 1, SkipInit's scalars zero, the head N(0, 0.01^2)",
        "卷积用 N(0, 1/fan_in)、增益为 1，SkipInit 标量为零，分类头用 N(0, 0.01^2)",
    ),
    source="Brock et al. 2021 (2102.06171); De and Smith 2020 (2002.10444); timm, models/nfnet.py",
    checked=("timm.dm_nfnet_f0",),
    differs=(
        "timm's NF-ResNets, NF-RegNets and ECA-NFNets have no such scalar and begin with the gain of the last "
        "convolution zero: nf_resnet.",
        "timm 的 NF-ResNet、NF-RegNet 与 ECA-NFNet 没有该标量，而以最后一个卷积的增益为零开始：见 nf_resnet。",
    ),
)
def nfnet(*, zero_init_fc: bool = False) -> tuple[Rule, ...]:
    """A net without norms whose residual branches end in a scalar that starts at zero."""
    return (rule("*", name="SkipInit", skipinit_gain=init.zeros()), *_normalizer_free(zero_init_fc))


@recipe(
    "nf_resnet",
    family="vision",
    summary=(
        "as nfnet, but the last convolution of each branch has gain zero",
        "同 nfnet，但每个残差分支的最后一个卷积增益为零",
    ),
    source="Brock et al. 2021 (2101.08692); timm, models/nfnet.py",
    checked=("timm.nf_resnet50", "timm.nf_regnet_b0", "timm.eca_nfnet_l0"),
)
def nf_resnet(*, zero_init_fc: bool = False) -> tuple[Rule, ...]:
    """A ResNet or RegNet without norms, of weight-standardized convolutions with a gain per output."""
    return (rule(role("conv.last"), name="last gain of a branch", gain=init.zeros()), *_normalizer_free(zero_init_fc))


def _normalizer_free(zero_init_fc: bool) -> tuple[Rule, ...]:
    head = init.zeros() if zero_init_fc else init.normal(std=0.01)
    fan_in = init.kaiming_normal(nonlinearity="linear")
    return (
        rule(nn.Conv1d, name="gate", weight=init.torch_default(), bias=init.torch_default()),
        rule(CONVOLUTION, name="convolution", weight=fan_in, bias=init.zeros(), gain=init.ones()),
        rule(nn.Linear, name="head", weight=head, bias=init.zeros()),
    )


@recipe(
    "convnext",
    family="vision",
    summary=(
        "convolutions and linear layers N(0, 0.02^2), biases zero, layer scale 1e-6, GRN zero",
        "卷积与线性层用 N(0, 0.02^2)，偏置为零，LayerScale 为 1e-6，GRN 为零",
    ),
    source="Liu et al. 2022 (2201.03545); Woo et al. 2023 (2301.00808); timm, models/convnext.py",
    checked=(
        "timm.convnext_atto",
        "timm.convnextv2_atto",
        "torchvision.models.convnext_tiny",
        "transformers.ConvNextForImageClassification",
        "transformers.ConvNextV2ForImageClassification",
    ),
    differs=(
        "The sources write a truncated normal whose bounds, -2 and 2, lie 100 std away and cut off nothing. Of the "
        "values that timm draws one in 2^24 is -2.",
        "各源码写的是截断正态，但界限 -2 与 2 相当于 100 个标准差，没有截断任何值。timm 的值每 2^24 个有一个为 -2。",
    ),
)
def convnext(*, layer_scale: float = 1e-6, head_init_scale: float = 1.0) -> tuple[Rule, ...]:
    """ConvNeXt and ConvNeXt-V2; ``head_init_scale`` multiplies the weight of the head."""
    head = init.trunc_normal_torch(std=0.02 * head_init_scale)
    return (
        rule(type_named("*GRN") | type_named("GlobalResponseNorm*"), name="GRN", **globs({"*": init.zeros()})),
        layer_scale_rule(layer_scale),
        IDENTITY,
        rule(role("head"), name="head", weight=head, bias=init.zeros()),
        rule(
            (*CONVOLUTION, nn.Linear),
            name="convolution and linear",
            weight=init.trunc_normal_torch(std=0.02),
            bias=init.zeros(),
        ),
    )


RECIPES = (
    resnet,
    resnet_torchvision,
    resnet_timm,
    vgg,
    densenet,
    squeezenet,
    googlenet,
    inception_v3,
    inception_v3_torchvision,
    regnet,
    regnet_torchvision,
    nfnet,
    nf_resnet,
    convnext,
)
