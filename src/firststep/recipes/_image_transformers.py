"""DeiT, CaiT, XCiT, BEiT, MAE and DINO: vision transformers with tokens, scales and pretexts of their own."""

from __future__ import annotations

from .. import init
from ..init import Scheme
from ..planning import Rule, role, rule
from . import _tokens as parts
from ._entry import recipe
from ._types import CONVOLUTION
from ._vision_transformers import timm

_ZERO = init.zeros()


def _cut(std: float, layer_scale: float, **other_tokens: Scheme) -> tuple[Rule, ...]:
    """The table of the DeiT family: everything timm's trunc_normal_, patches as torch starts them."""
    cut = init.trunc_normal_torch(std=std)
    return (
        parts.tokens(position=cut, class_token=cut, **other_tokens),
        *parts.linear(cut),
        parts.convolutions("convolution"),
        parts.norms(),
        parts.layer_scale(layer_scale),
        parts.position_table(cut),
    )


def _transformers(std: float, layer_scale: float, **of_tokens: Scheme) -> tuple[Rule, ...]:
    """transformers' base class: N(0, std^2) for linear layers and patches."""
    return (
        parts.tokens(**of_tokens),
        *parts.one_scheme(init.normal(std=std), convolution="convolution"),
        parts.layer_scale(layer_scale),
    )


@recipe(
    "deit",
    family="vision",
    summary=(
        "N(0, 0.02^2) for linear layers, positions and both tokens; biases zero",
        "线性层、位置与两个标记均为 N(0, 0.02^2)；偏置为零",
    ),
    source="Touvron et al. 2021 (2012.12877); facebookresearch/deit, models.py on timm 0.3.2",
    differs=(
        "timm draws the class token from N(0, 1e-6^2): deit.timm. transformers starts tokens and positions at zero: "
        "deit.hf.",
        "timm 的类别标记取自 N(0, 1e-6^2)：见 deit.timm。transformers 的标记与位置为零：见 deit.hf。",
    ),
)
def deit(*, std: float = 0.02, layer_scale: float = 1e-4) -> tuple[Rule, ...]:
    """DeiT, and DeiT III with its ``layer_scale``."""
    return _cut(std, layer_scale, distillation=init.trunc_normal_torch(std=std), mask=_ZERO)


@recipe(
    "deit.timm",
    family="vision",
    summary=(
        "vit.timm, with the distillation token from N(0, 0.02^2)",
        "即 vit.timm，蒸馏标记取自 N(0, 0.02^2)",
    ),
    source="timm, models/deit.py",
    checked=("timm.models.deit.VisionTransformerDistilled", "timm.models.vision_transformer.VisionTransformer"),
)
def deit_timm(*, std: float = 0.02, layer_scale: float = 1e-6) -> tuple[Rule, ...]:
    """What timm's DeiT and DeiT III start from; ``layer_scale`` is their ``init_values``."""
    return timm(std, layer_scale)


@recipe(
    "deit.hf",
    family="vision",
    summary=(
        "N(0, 0.02^2) for linear layers and patches; tokens, positions and biases zero",
        "线性层与图块为 N(0, 0.02^2)；标记、位置与偏置为零",
    ),
    source="transformers, models/deit/modeling_deit.py",
    checked=("transformers.DeiTForImageClassificationWithTeacher", "transformers.DeiTModel"),
    differs=(
        "The authors' code draws tokens and positions: deit.",
        "作者的代码随机初始化标记与位置：见 deit。",
    ),
)
def deit_hf(*, std: float = 0.02) -> tuple[Rule, ...]:
    """What transformers gives; ``std`` is its ``initializer_range``."""
    return _transformers(std, 1.0, position=_ZERO, class_token=_ZERO, distillation=_ZERO, mask=_ZERO)


@recipe(
    "cait",
    family="vision",
    summary=(
        "N(0, 0.02^2) for linear layers, class token and positions; layer scale 1e-5",
        "线性层、类别标记与位置为 N(0, 0.02^2)；层缩放为 1e-5",
    ),
    source="Touvron et al. 2021 (2103.17239), section 2; timm, models/cait.py",
    checked=("timm.models.cait.Cait",),
    differs=(
        "The paper's layer scale is 0.1 up to 18 blocks, 1e-5 for 24, 1e-6 for more; timm's class has 1e-4.",
        "论文的层缩放：18 块以内为 0.1，24 块为 1e-5，更深为 1e-6；timm 的类默认为 1e-4。",
    ),
)
def cait(*, std: float = 0.02, layer_scale: float = 1e-5) -> tuple[Rule, ...]:
    """CaiT, its talking heads and its class attention included."""
    return _cut(std, layer_scale)


@recipe(
    "xcit",
    family="vision",
    summary=(
        "N(0, 0.02^2) for linear layers and class token, convolutions as torch starts them, temperatures 1",
        "线性层与类别标记为 N(0, 0.02^2)，卷积用 torch 的默认初值，温度为 1",
    ),
    source="El-Nouby et al. 2021 (2106.09681); timm, models/xcit.py",
    checked=("timm.models.xcit.Xcit",),
    differs=(
        "The layer scale is 1 in models of 12 blocks, and 1e-5 in those of 24.",
        "层缩放：12 块的模型为 1，24 块的模型为 1e-5。",
    ),
)
def xcit(*, std: float = 0.02, layer_scale: float = 1.0) -> tuple[Rule, ...]:
    """XCiT; ``layer_scale`` is its eta."""
    return (rule("*", name="temperature", temperature=init.ones()), *_cut(std, layer_scale))


def _biases() -> Rule:
    """Biases of attention that are parameters of its own."""
    return rule(
        "*",
        name="biases of attention",
        q_bias=_ZERO,
        k_bias=_ZERO,
        v_bias=_ZERO,
        relative_position_bias_table=_ZERO,
    )


@recipe(
    "beit",
    family="vision",
    summary=(
        "N(0, 0.02^2), residual projections of block l divided by sqrt(2 (l + 1)), head times 0.001, bias tables zero",
        "N(0, 0.02^2)，第 l 块的残差投影除以 sqrt(2 (l + 1))，分类头乘 0.001，相对位置偏置表为零",
    ),
    source="Bao et al. 2022 (2106.08254); unilm, beit/modeling_finetune.py; timm, models/beit.py",
    checked=("timm.models.beit.Beit",),
    differs=(
        "The code of the pretext task cuts off at one standard deviation: beit.pretrain. transformers divides nothing: "
        "beit.hf. The layer scale is 0.1 in base models and 1e-5 in large ones.",
        "预训练代码在一个标准差处截断：见 beit.pretrain。transformers 不做除法：见 beit.hf。"
        "层缩放：base 模型为 0.1，large 模型为 1e-5。",
    ),
)
def beit(*, std: float = 0.02, layer_scale: float = 0.1, head_scale: float = 0.001) -> tuple[Rule, ...]:
    """BEiT with a classifier on it."""
    cut = init.trunc_normal_torch(std=std)
    return (
        _biases(),
        parts.residual(init.scaled(cut, by=parts.RESCALED)),
        rule(role("head"), name="head", weight=init.scaled(cut, by=repr(head_scale)), bias=_ZERO),
        *_cut(std, layer_scale, mask=cut),
    )


@recipe(
    "beit.pretrain",
    family="vision",
    summary=(
        "a normal of std 0.02 cut off at one std, for patches too; residual projections divided by sqrt(2 (l + 1))",
        "标准差 0.02、在一个标准差处截断的正态，图块亦然；残差投影除以 sqrt(2 (l + 1))",
    ),
    source="Bao et al. 2022 (2106.08254), section 2.5; unilm, beit/modeling_pretrain.py",
    differs=(
        "The values' own std is 0.0108. timm's BEiT, and the authors' own when fine-tuned, are not cut off: beit.",
        "数值自身的标准差为 0.0108。timm 的 BEiT 以及作者微调时的代码并不截断：见 beit。",
    ),
)
def beit_pretrain(*, std: float = 0.02, layer_scale: float = 0.1) -> tuple[Rule, ...]:
    """BEiT as it starts to be pretrained, with the layer that tells visual tokens."""
    cut = init.trunc_normal(std=std, bounds=(-1.0, 1.0))
    return (
        _biases(),
        parts.tokens(position=cut, class_token=cut, mask=cut),
        parts.residual(init.scaled(cut, by=parts.RESCALED)),
        *parts.one_scheme(cut),
        parts.layer_scale(layer_scale),
    )


@recipe(
    "beit.hf",
    family="vision",
    summary=(
        "N(0, 0.02^2) for linear layers and patches; tokens, positions, bias tables and biases zero",
        "线性层与图块为 N(0, 0.02^2)；标记、位置、偏置表与偏置为零",
    ),
    source="transformers, models/beit/modeling_beit.py",
    checked=(
        "transformers.BeitForImageClassification",
        "transformers.BeitForMaskedImageModeling",
        "transformers.Data2VecVisionForImageClassification",
    ),
    differs=(
        "The authors' code draws tokens and positions, divides residual projections and shrinks the head: beit.",
        "作者的代码随机初始化标记与位置，对残差投影做除法，并缩小分类头：见 beit。",
    ),
)
def beit_hf(*, std: float = 0.02, layer_scale: float = 0.1) -> tuple[Rule, ...]:
    """What transformers gives; ``std`` is its ``initializer_range``."""
    return (_biases(), *_transformers(std, layer_scale, position=_ZERO, class_token=_ZERO, mask=_ZERO))


@recipe(
    "mae",
    family="vision",
    summary=(
        "xavier uniform, for the patches as a matrix; class and mask token N(0, 0.02^2); fixed sines and cosines",
        "xavier 均匀，图块卷积视为矩阵；类别与掩码标记 N(0, 0.02^2)；位置为固定的正弦余弦",
    ),
    source="He et al. 2022 (2111.06377), appendix A; facebookresearch/mae, models_mae.py",
    differs=(
        "transformers 5.24 leaves the fixed positions of encoder and decoder at zero: mae.asis.",
        "transformers 5.24 的编码器与解码器的固定位置全为零：见 mae.asis。",
    ),
)
def mae(*, grid: tuple[int, int] | None = None, extra_tokens: int = 1) -> tuple[Rule, ...]:
    """A masked autoencoder. Frozen positions are set too.

    Args:
        grid: rows and columns of patches, where they are no square.
        extra_tokens: positions before those of the patches; 0 without a class token.
    """
    xavier, normal = init.xavier_uniform(), init.normal(std=0.02)
    return (
        parts.fixed_positions(init.sincos_2d(grid=grid, extra_tokens=extra_tokens)),
        parts.tokens(class_token=normal, mask=normal),
        *parts.xavier_as_one(),
        rule(CONVOLUTION, name="patches", weight=xavier.layout("out in in in"), bias=init.torch_default()),
        parts.norms(),
    )


@recipe(
    "mae.asis",
    family="vision",
    summary=(
        "transformers' MAE as it is: N(0, 0.02^2); tokens and the fixed positions zero",
        "transformers 的 MAE 原样：N(0, 0.02^2)；标记与固定位置为零",
    ),
    source="transformers 5.24, models/vit_mae/modeling_vit_mae.py",
    checked=("transformers.ViTMAEForPreTraining",),
    differs=(
        "Positions that are zero and frozen tell the patches apart nowhere; the authors' are sines and cosines: mae.",
        "位置既为零又被冻结，图块因而无从区分；作者用的是正弦余弦：见 mae。",
    ),
)
def mae_asis(*, std: float = 0.02) -> tuple[Rule, ...]:
    """What transformers gives; its encoder skips the sines and cosines, and its decoder's are overwritten."""
    return (
        parts.fixed_positions(_ZERO),
        *_transformers(std, 1.0, class_token=_ZERO, mask=_ZERO),
    )


@recipe(
    "dinov2",
    family="vision",
    summary=(
        "vit.timm with layer scale 1e-5; registers N(0, 1e-6^2), mask token zero",
        "即 vit.timm，层缩放 1e-5；寄存器标记 N(0, 1e-6^2)，掩码标记为零",
    ),
    source="Oquab et al. 2023 (2304.07193); facebookresearch/dinov2, models/vision_transformer.py",
    checked=("timm.models.vision_transformer.VisionTransformer",),
    differs=(
        "transformers starts all registers at zero, so that they stay equal for ever: dinov2.hf.",
        "transformers 的寄存器标记全为零，它们将永远相同：见 dinov2.hf。",
    ),
)
def dinov2(*, std: float = 0.02, layer_scale: float = 1e-5) -> tuple[Rule, ...]:
    """DINOv2 and its registers."""
    return timm(std, layer_scale)


@recipe(
    "dinov2.hf",
    family="vision",
    summary=(
        "N(0, 0.02^2) for linear layers, patches, class token and positions; registers and mask token zero",
        "线性层、图块、类别标记与位置为 N(0, 0.02^2)；寄存器与掩码标记为零",
    ),
    source="transformers, models/dinov2/modeling_dinov2.py, models/dinov2_with_registers",
    checked=("transformers.Dinov2ForImageClassification", "transformers.Dinov2WithRegistersForImageClassification"),
    differs=(
        "Several registers that start equal get equal gradients; the authors' differ by N(0, 1e-6^2): dinov2.",
        "几个寄存器标记初值相同，梯度也就相同；作者的初值相差 N(0, 1e-6^2)：见 dinov2。",
    ),
)
def dinov2_hf(*, std: float = 0.02, layer_scale: float = 1.0) -> tuple[Rule, ...]:
    """What transformers gives; ``layer_scale`` is its ``layerscale_value``."""
    return _hf_dino(std, layer_scale, _ZERO)


@recipe(
    "dinov3.hf",
    family="vision",
    summary=(
        "N(0, 0.02^2) for linear layers, patches, class token and registers; mask token zero",
        "线性层、图块、类别标记与寄存器为 N(0, 0.02^2)；掩码标记为零",
    ),
    source="transformers, models/dinov3_vit/modeling_dinov3_vit.py",
    checked=("transformers.DINOv3ViTModel",),
)
def dinov3_hf(*, std: float = 0.02, layer_scale: float = 1.0) -> tuple[Rule, ...]:
    """What transformers gives; ``layer_scale`` is its ``layerscale_value``."""
    return _hf_dino(std, layer_scale, init.trunc_normal_torch(std=std))


def _hf_dino(std: float, layer_scale: float, registers: Scheme) -> tuple[Rule, ...]:
    cut = init.trunc_normal_torch(std=std)
    return (
        parts.tokens(position=cut, class_token=cut, registers=registers, mask=_ZERO),
        *parts.one_scheme(cut),
        parts.layer_scale(layer_scale),
    )


RECIPES = (
    deit,
    deit_timm,
    deit_hf,
    cait,
    xcit,
    beit,
    beit_pretrain,
    beit_hf,
    mae,
    mae_asis,
    dinov2,
    dinov2_hf,
    dinov3_hf,
)
