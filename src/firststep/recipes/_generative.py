"""Models that make images: diffusion Transformers and U-Nets, GANs."""

from __future__ import annotations

import re

from torch import nn

from .. import init
from ..planning import Rule, role, rule, select, type_named
from ._entry import recipe
from ._shared import IDENTITY, globs, need_positive
from ._torch import torch_defaults
from ._types import CONVOLUTION, EMBEDDING, LINEAR, TRANSPOSED

_LAYER = select(CONVOLUTION) | LINEAR | type_named("Linear") | type_named("Conv?d")
"""Linear layers and convolutions, of torch or of a class of the same name."""
_SHIFTS = rule("*", name="table of shifts", scale_shift_table=init.variance_scaling(1.0, "fan_in", "normal"))


@recipe(
    "dit",
    family="generative",
    summary=(
        "Xavier uniform; the modulations (adaLN-Zero) and the last layer zero, so that each block is the identity",
        "Xavier 均匀；调制层（adaLN-Zero）与最后一层为零，每个块起初为恒等",
    ),
    source="Peebles and Xie 2023, DiT (2212.09748), section 3.2; facebookresearch/DiT, models.py",
    checked=("diffusers.DiTTransformer2DModel",),
    differs=(
        "Queries, keys and values in one layer take the fans of that layer, as in the source. diffusers builds its DiT "
        "from torch's default, without the zeros: dit.diffusers.",
        "查询、键、值合在一层时采用该层的扇入扇出，与来源一致。diffusers 构建 DiT 时采用 torch 默认初值，没有置零："
        "见 dit.diffusers。",
    ),
)
def dit() -> tuple[Rule, ...]:
    """DiT as its authors start it. Positions that are a frozen parameter get their table of sines and cosines."""
    zeros, small, xavier = init.zeros(), init.normal(std=0.02), init.xavier_uniform()
    last = role("head") | re.compile(r"(?:.*\.)?final_layer\..*|(?:[^.]+\.)?proj_out(?:_[12])?")
    # A patch is read as if it were the input of a linear layer.
    return (
        rule(role("modulation") | "*adaLN_modulation*", name="modulation", weight=zeros, bias=zeros),
        rule(last & LINEAR, name="last layer", weight=zeros, bias=zeros),
        rule(role("embedding.time"), name="MLP of the time", weight=small, bias=zeros),
        rule(EMBEDDING, name="embedding of the label", weight=small),
        rule(nn.Conv2d, name="patches", weight=xavier.layout("out in in in"), bias=zeros),
        rule(nn.Conv3d, name="patches of a film", weight=xavier.layout("out in in in in"), bias=zeros),
        rule(LINEAR, name="linear", weight=xavier, bias=zeros),
        IDENTITY,
        rule("*", name="positions", frozen=True, **globs({"*pos_emb*": init.sincos_2d()})),
    )


@recipe(
    "dit.diffusers",
    family="generative",
    summary=(
        "torch's default everywhere, as diffusers builds a DiT",
        "处处为 torch 默认初值，即 diffusers 构建 DiT 的方式",
    ),
    source="diffusers 0.42, models/transformers/dit_transformer_2d.py, pixart_transformer_2d.py",
    checked=("diffusers.DiTTransformer2DModel", "diffusers.PixArtTransformer2DModel"),
    differs=(
        "Not the paper's: neither the modulations nor the last layer are zero. Use dit to train one.",
        "与论文不同：调制层与最后一层均不为零。训练时请用 dit。",
    ),
)
def dit_diffusers() -> tuple[Rule, ...]:
    """A DiT as diffusers makes it, to be loaded over."""
    return (_SHIFTS, IDENTITY, *torch_defaults.make())


_LAST = (
    select(
        re.compile(
            r"(?:.*\.)?out_layers\.\d+|(?:.*\.)?proj_out|(?:.*\.)?out\.\d+"  # guided diffusion
            r"|.*resnets\.\d+\.conv2|.*attentions\.\d+\.to_out\.0|(?:.*\.)?conv_out"  # diffusers
            r"|(?:.*\.)?(?:enc|dec)\.\d+x\d+_(?:[^.]*\.(?:conv1|proj)|aux_conv)|(?:.*\.)?out_conv"  # EDM
            r"|(?:.*\.)?final_conv"
        )
    )
    | (role("conv.last", "attention.out") & ~select(re.compile(r".*\.(?:op|conv)|.*sampl.*|.*transformer_blocks.*")))
) & _LAYER
"""The last layer of each branch of a U-Net, and of all: by the names of libraries, or by its place in a block."""

_POOLED = rule("*", name="positions of a pool", positional_embedding=init.variance_scaling(1.0, "fan_out", "normal"))


@recipe(
    "unet.adm",
    family="generative",
    summary=(
        "torch's default; the last layer of each branch and of all zero",
        "torch 默认初值；每个分支的最后一层与整个网络的最后一层为零",
    ),
    source="Dhariwal and Nichol 2021 (2105.05233); openai/guided-diffusion, guided_diffusion/unet.py, zero_module",
    checked=("diffusers.UNet2DModel", "diffusers.UNet2DConditionModel"),
    differs=(
        "diffusers builds its U-Nets without the zeros: unet.diffusers.",
        "diffusers 构建的 U-Net 没有置零：见 unet.diffusers。",
    ),
)
def unet_adm() -> tuple[Rule, ...]:
    """The U-Net of guided diffusion."""
    zeros = init.zeros()
    return (
        rule(_LAST, name="last of a branch", weight=zeros, bias=zeros),
        _POOLED,
        IDENTITY,
        *torch_defaults.make(),
    )


@recipe(
    "unet.ddpmpp",
    family="generative",
    summary=(
        "Xavier uniform, biases zero; the last layer of each branch times 1e-5; queries, keys and values smaller",
        "Xavier 均匀，偏置为零；每个分支的最后一层乘以 1e-5；查询、键、值更小",
    ),
    source="Song et al. 2021 (2011.13456), DDPM++ and NCSN++, as NVlabs/edm, training/networks.py, SongUNet has them",
    checked=("diffusers.UNet2DModel",),
    differs=(
        "Queries, keys and values in one layer are times sqrt(0.2), as in the source; in layers of their own times "
        "sqrt(0.1), which is the same variance and that of Song's code.",
        "查询、键、值合在一层时乘以 sqrt(0.2)，与来源一致；各自成层时乘以 sqrt(0.1)，方差相同，亦即 Song 的代码所用。",
    ),
)
def unet_ddpmpp() -> tuple[Rule, ...]:
    """The U-Net of score-based models."""
    zeros, xavier = init.zeros(), init.xavier_uniform()
    packed, alone = (init.scaled(xavier, by=by) for by in ("sqrt(0.2)", "sqrt(0.1)"))
    queries = role("attention.query", "attention.key", "attention.value")
    return (
        rule(_LAST, name="last of a branch", weight=init.scaled(xavier, by="1e-5"), bias=zeros),
        rule(role("attention.packed") | "*qkv", name="queries, keys, values", weight=packed, bias=zeros),
        rule(queries, name="queries, keys or values", weight=alone, bias=zeros),
        rule(_LAYER, name="linear and conv", weight=xavier, bias=zeros),
        rule(EMBEDDING, name="embedding", weight=init.normal()),
        IDENTITY,
    )


@recipe(
    "unet.edm_adm",
    family="generative",
    summary=(
        "torch's default; the last layer of each branch and the augmentation zero; labels N(0, 1)",
        "torch 默认初值；每个分支的最后一层与数据增强层为零；标签层为 N(0, 1)",
    ),
    source="Karras et al. 2022 (2206.00364); NVlabs/edm, training/networks.py, DhariwalUNet",
)
def unet_edm_adm() -> tuple[Rule, ...]:
    """ADM's U-Net as EDM has it."""
    default, zeros = init.torch_default(), init.zeros()
    return (
        rule("*map_label", name="labels", weight=init.normal()),
        rule("*map_augment", name="augmentation", weight=zeros),
        rule(_LAST, name="last of a branch", weight=zeros, bias=zeros),
        rule(_LAYER, name="linear and conv", weight=default, bias=default),
        IDENTITY,
    )


@recipe(
    "unet.diffusers",
    family="generative",
    summary=(
        "torch's default, as diffusers builds its U-Nets; the zero convolutions of a ControlNet zero",
        "torch 默认初值，即 diffusers 构建 U-Net 的方式；ControlNet 的零卷积为零",
    ),
    source="diffusers 0.42, models/unets, models/controlnets/controlnet.py, zero_module",
    checked=(
        "diffusers.UNet2DModel",
        "diffusers.UNet2DConditionModel",
        "diffusers.UNet3DConditionModel",
        "diffusers.ControlNetModel",
    ),
    differs=(
        "guided diffusion, whose U-Net this is, sets the last layer of each branch to zero: unet.adm.",
        "该 U-Net 源自 guided diffusion，后者把每个分支的最后一层置零：见 unet.adm。",
    ),
)
def unet_diffusers() -> tuple[Rule, ...]:
    """A U-Net, or a ControlNet, as diffusers makes it."""
    zeros = init.zeros()
    controls = re.compile(
        r"(?:.*\.)?controlnet_(?:down_blocks|blocks|single_blocks)\.\d+|(?:.*\.)?controlnet_mid_block"
        r"|(?:.*\.)?controlnet_cond_embedding\.conv_out|(?:.*\.)?controlnet_x_embedder"
    )
    return (
        rule(controls, name="zero convolutions", weight=zeros, bias=zeros),
        rule("*temp_convs.*.conv4.3", name="last convolution over time", weight=zeros, bias=zeros),
        rule(type_named("GaussianFourierProjection"), name="waves", frozen=True, weight=init.normal(std=16.0)),
        _SHIFTS,
        IDENTITY,
        *torch_defaults.make(),
    )


@recipe(
    "edm2",
    family="generative",
    summary=(
        "weights N(0, 1), which the layers normalize, gains zero",
        "权重为 N(0, 1)，由各层自行归一化；增益为零",
    ),
    source="Karras et al. 2024 (2312.02696), section 2; NVlabs/edm2, training/networks_edm2.py, MPConv",
)
def edm2() -> tuple[Rule, ...]:
    """Magnitude-preserving layers: ``w / |w| gain / sqrt(fan_in)`` is what they multiply by."""
    return (
        rule(type_named("MPConv") | _LAYER, name="linear and conv", weight=init.normal(), bias=init.zeros()),
        rule("*", name="gains", **globs({"*gain*": init.zeros()})),
    )


@recipe(
    "dcgan",
    family="generative",
    summary=(
        "convolutions N(0, 0.02^2); BatchNorm N(1, 0.02^2) with biases zero",
        "卷积为 N(0, 0.02^2)；BatchNorm 为 N(1, 0.02^2)，偏置为零",
    ),
    source="Radford et al. 2016 (1511.06434), section 4; pytorch/examples, dcgan/main.py, weights_init",
    differs=(
        "Linear layers and biases of convolutions are not spoken of and start as torch has them.",
        "来源未提及线性层与卷积的偏置，它们按 torch 默认初值。",
    ),
)
def dcgan() -> tuple[Rule, ...]:
    """Generator and discriminator of DCGAN."""
    convolutions = (*CONVOLUTION, *TRANSPOSED)
    return (
        rule(convolutions, name="convolution", weight=init.normal(std=0.02), bias=init.torch_default()),
        rule(type_named("BatchNorm?d"), name="BatchNorm", weight=init.normal(mean=1.0, std=0.02), bias=init.zeros()),
        *torch_defaults.make(),
    )


def _mapping(lr_multiplier: float) -> Rule:
    """The mapping network, whose layers divide by what they multiply with in each call."""
    need_positive("lr_multiplier", lr_multiplier, 0.01)
    layers = re.compile(r"(?:.*\.)?mapping\.fc\d+|(?:.*\.)?style\.\d+")
    return rule(layers, name="mapping network", weight=init.normal(std=1 / lr_multiplier), bias=init.zeros())


@recipe(
    "stylegan2",
    family="generative",
    summary=(
        "weights N(0, 1), scaled in each call; the mapping network's divided by its learning rate's multiplier; "
        "styles start at 1, noise at 0",
        "权重为 N(0, 1)，每次前向时缩放；映射网络的权重再除以其学习率倍数；样式从 1 开始，噪声从 0 开始",
    ),
    source="Karras et al. 2020 (1912.04958); NVlabs/stylegan3, training/networks_stylegan2.py",
    differs=(
        "rosinality's stylegan2-pytorch is the same under other names, which are known too.",
        "rosinality 的 stylegan2-pytorch 与之相同，仅名称不同，也能识别。",
    ),
)
def stylegan2(*, lr_multiplier: float = 0.01) -> tuple[Rule, ...]:
    """Generator and discriminator; ``lr_multiplier`` is that of the mapping network."""
    normal, zeros = init.normal(), init.zeros()
    return (
        _mapping(lr_multiplier),
        rule(select("*affine") | "*modulation", name="style", weight=normal, bias=init.ones()),
        rule(type_named("NoiseInjection"), name="noise", weight=zeros),
        rule(
            "*",
            name="all others",
            weight=normal,
            bias=zeros,
            const=normal,
            input=normal,
            noise_strength=zeros,
        ),
    )


@recipe(
    "stylegan3",
    family="generative",
    summary=(
        "as stylegan2; the transform of the input starts as the identity",
        "同 stylegan2；输入的变换从恒等开始",
    ),
    source="Karras et al. 2021 (2106.12423); NVlabs/stylegan3, training/networks_stylegan3.py",
)
def stylegan3(*, lr_multiplier: float = 0.01) -> tuple[Rule, ...]:
    """The generator; its discriminator is that of stylegan2."""
    identity = init.by_index("0**i")  # 1, 0, 0, 0: cosine and sine of the turn, the two shifts
    return (
        rule("*input.affine", name="transform of the input", weight=init.zeros(), bias=identity),
        *stylegan2.make(lr_multiplier=lr_multiplier),
    )


@recipe(
    "icnr",
    family="generative",
    summary=(
        "the weight of each convolution before nn.PixelShuffle starts as nearest-neighbour upsampling",
        "每个 nn.PixelShuffle 之前的卷积权重从最近邻上采样开始",
    ),
    source="Aitken et al. 2017 (1707.02937); fastai, layers.py, icnr_init",
    differs=(
        "It is put before another recipe: fs.initialize(model, ['icnr', 'default']). A convolution before a function "
        "instead of the module has to be named: roles={'up.conv': 'subpixel'}.",
        "置于另一配方之前使用：fs.initialize(model, ['icnr', 'default'])。若其后是函数而非模块，须指名该卷积："
        "roles={'up.conv': 'subpixel'}。",
    ),
)
def icnr(*, scale: int = 2) -> tuple[Rule, ...]:
    """For an upscaling by ``scale``; the small layer that is repeated starts He normal."""
    return (rule(role("subpixel"), name="before the shuffle", weight=init.icnr(init.kaiming_normal(), scale=scale)),)


RECIPES = (
    dit,
    dit_diffusers,
    unet_adm,
    unet_ddpmpp,
    unet_edm_adm,
    unet_diffusers,
    edm2,
    dcgan,
    stylegan2,
    stylegan3,
    icnr,
)
