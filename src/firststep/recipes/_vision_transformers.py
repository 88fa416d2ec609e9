"""The vision transformer as those who wrote it start it."""

from __future__ import annotations

from .. import init
from ..init import Scheme
from ..planning import Rule, role, rule, select
from . import _tokens as parts
from ._entry import recipe
from ._shared import globs
from ._types import CONVOLUTION, LINEAR

_SMALL = init.normal(std=1e-6)
_ZERO = init.zeros()


def _jax(head_bias: Scheme) -> tuple[Rule, ...]:
    """Pools and the layer before the head are those of flax's Dense and of big_vision's MAPHead."""
    xavier = init.xavier_uniform()
    return (
        parts.tokens(position=init.normal(std=0.02), class_token=_ZERO, registers=_SMALL, mask=_ZERO),
        rule("*", name="probe of a pool", latent=xavier.layout("token in out"), probe=xavier.layout("token in out")),
        rule(
            (select("*pooler*") | select("*pre_logits*")) & LINEAR,
            name="layer before the head",
            weight=init.lecun_normal(),
            bias=_ZERO,
        ),
        rule(role("head"), name="head", weight=_ZERO, bias=head_bias),
        rule(parts.MLP & LINEAR, name="MLP", weight=xavier, bias=_SMALL),
        *parts.each_by_itself(xavier),
        rule(CONVOLUTION, name="patches", weight=init.lecun_normal(), bias=_ZERO),
        parts.norms(),
        parts.layer_scale(1e-5),
        parts.position_table(init.normal(std=0.02)),
    )


_JAX = "Dosovitskiy et al. 2021 (2010.11929); google-research/vision_transformer, vit_jax/models_vit.py"


@recipe(
    "vit.jax",
    family="vision",
    summary=(
        "as the authors' JAX code: xavier uniform for each of q, k, v; MLP biases N(0, 1e-6^2); head zero",
        "与作者的 JAX 代码一致：q、k、v 各自 xavier 均匀；MLP 偏置 N(0, 1e-6^2)；分类头为零",
    ),
    source=_JAX + "; big_vision, models/vit.py, for a pool that attends",
    checked=("timm.models.vision_transformer.VisionTransformer", "transformers.ViTForImageClassification"),
    differs=(
        "timm's mode of this name counts the fans of a packed qkv together, which makes its weights 0.71 times as "
        "large, draws the class token and cuts positions off: vit.timm_jax. The JAX code has no registers; they are "
        "drawn as timm draws them.",
        "timm 的同名模式把打包的 qkv 合在一起计算扇入扇出，权重因此只有 0.71 倍，并随机初始化类别标记、截断位置嵌入："
        "见 vit.timm_jax。JAX 代码没有寄存器标记，这里按 timm 的方式随机初始化。",
    ),
)
def vit_jax() -> tuple[Rule, ...]:
    """The ViT of the paper's own code."""
    return _jax(_ZERO)


@recipe(
    "vit.jax_nlhb",
    family="vision",
    summary=(
        "vit.jax with head biases -log C, so that each of C classes starts near the probability 1 / C under a sigmoid",
        "即 vit.jax，但分类头偏置为 -log C：用 sigmoid 时，C 个类别的初始概率都接近 1 / C",
    ),
    source=_JAX + "; timm, models/vision_transformer.py, weight_init='jax_nlhb'",
    checked=("timm.models.vision_transformer.VisionTransformer",),
)
def vit_jax_nlhb() -> tuple[Rule, ...]:
    """``vit.jax`` for a sigmoid loss; C is counted from the head."""
    return _jax(init.scaled(init.constant(-1.0), by="log(fan_out)"))


@recipe(
    "vit",
    family="vision",
    summary=("the vision transformer as its authors start it: vit.jax", "按作者的方式初始化 ViT：即 vit.jax"),
    source=_JAX,
    checked=("timm.models.vision_transformer.VisionTransformer", "transformers.ViTForImageClassification"),
    differs=(
        "Every library starts it otherwise: vit.timm, vit.torchvision, vit.hf.",
        "各个库的初始化都不相同：见 vit.timm、vit.torchvision、vit.hf。",
    ),
)
def vit() -> tuple[Rule, ...]:
    """The paper's, since a name without a library stands for the paper."""
    return _jax(_ZERO)


def _timm_tokens() -> tuple[Rule, ...]:
    """Tokens, and what is in timm's other blocks and pools."""
    return (
        parts.tokens(
            position=init.trunc_normal_torch(std=0.02),
            class_token=_SMALL,
            registers=_SMALL,
            distillation=init.trunc_normal_torch(std=0.02),
            mask=_ZERO,
        ),
        rule("*", name="latent of a pool", latent=init.scaled(init.trunc_normal_tf(std=1.0), by="1/sqrt(fan_in)")),
        rule("*", name="bias of a parallel block", mlp_bias=_ZERO),
        rule(
            "*",
            name="weights of differential attention",
            **globs({"lambda_[qk]?": init.normal(std=0.1), "lambda_[ab]": _ZERO}),
        ),
    )


def timm(std: float, layer_scale: float, *first: Rule) -> tuple[Rule, ...]:
    """timm's default mode, with rules that go before those of the layers."""
    return (
        *_timm_tokens(),
        *first,
        *parts.linear(init.trunc_normal_torch(std=std)),
        parts.convolutions(),
        parts.norms(),
        parts.layer_scale(layer_scale),
        parts.position_table(init.trunc_normal_torch(std=0.02)),
    )


@recipe(
    "vit.timm",
    family="vision",
    summary=(
        "N(0, 0.02^2) for every linear layer, biases zero, patches as torch starts a convolution",
        "所有线性层 N(0, 0.02^2)，偏置为零，图块卷积用 torch 的默认初值",
    ),
    source="timm, models/vision_transformer.py, weight_init=''",
    checked=("timm.models.vision_transformer.VisionTransformer",),
    differs=(
        "Its trunc_normal_ cuts off at the absolute values ±2, 100 standard deviations away.",
        "其 trunc_normal_ 在绝对值 ±2 处截断，即 100 个标准差之外。",
    ),
)
def vit_timm(*, std: float = 0.02, layer_scale: float = 1e-5) -> tuple[Rule, ...]:
    """What ``timm.create_model("vit_...")`` starts from; ``layer_scale`` is its ``init_values``."""
    return timm(std, layer_scale)


@recipe(
    "vit.fix_init",
    family="vision",
    summary=(
        "vit.timm, and the last layer of each residual branch in block l, from 0, divided by sqrt(2 (l + 1))",
        "即 vit.timm，且第 l 个块（从 0 起）每个残差分支的最后一层再除以 sqrt(2 (l + 1))",
    ),
    source="Bao et al. 2022, BEiT (2106.08254), section 2.5; timm, models/vision_transformer.py, fix_init=True",
    checked=("timm.models.vision_transformer.VisionTransformer",),
)
def vit_fix_init(*, std: float = 0.02, layer_scale: float = 1e-5) -> tuple[Rule, ...]:
    """BEiT's rescaling in a plain ViT; the number of the block is counted."""
    return timm(std, layer_scale, parts.residual(init.scaled(init.trunc_normal_torch(std=std), by=parts.RESCALED)))


@recipe(
    "vit.timm_jax",
    family="vision",
    summary=(
        "timm's weight_init='jax': xavier uniform, a packed qkv counted as one; MLP biases N(0, 1e-6^2); head zero",
        "timm 的 weight_init='jax'：xavier 均匀，打包的 qkv 视为一个矩阵；MLP 偏置 N(0, 1e-6^2)；分类头为零",
    ),
    source="timm, models/vision_transformer.py, weight_init='jax'",
    checked=("timm.models.vision_transformer.VisionTransformer", "timm.models.deit.VisionTransformerDistilled"),
    differs=(
        "The JAX code counts the fans of q, k and v one by one: vit.jax.",
        "JAX 代码分别计算 q、k、v 的扇入扇出：见 vit.jax。",
    ),
)
def vit_timm_jax(*, layer_scale: float = 1e-5) -> tuple[Rule, ...]:
    """What timm gives under the name of JAX."""
    return (
        *_timm_tokens(),
        rule(role("head"), name="head", weight=_ZERO, bias=_ZERO),
        rule(parts.MLP & LINEAR, name="MLP", weight=init.xavier_uniform(), bias=_SMALL),
        *parts.xavier_as_one(),
        rule(CONVOLUTION, name="patches", weight=init.lecun_normal(), bias=_ZERO),
        parts.norms(),
        parts.layer_scale(layer_scale),
        parts.position_table(init.trunc_normal_torch(std=0.02)),
    )


@recipe(
    "vit.moco",
    family="vision",
    summary=(
        "xavier uniform, for each of q, k, v and for the patches as a matrix; fixed sines and cosines as positions",
        "xavier 均匀，q、k、v 各自计算，图块卷积视为矩阵；位置为固定的正弦余弦",
    ),
    source="Chen et al. 2021, MoCo v3 (2104.02057); facebookresearch/moco-v3, vits.py",
    differs=(
        "timm's mode of this name leaves the patches to torch and draws the positions: vit.timm_moco.",
        "timm 的同名模式保留 torch 的图块卷积初值，并随机初始化位置嵌入：见 vit.timm_moco。",
    ),
)
def vit_moco(*, grid: tuple[int, int] | None = None, extra_tokens: int = 1) -> tuple[Rule, ...]:
    """MoCo v3's ViT. Frozen positions and patches are set too.

    Args:
        grid: rows and columns of patches, where they are no square.
        extra_tokens: positions before those of the patches; 0 without a class token.
    """
    xavier = init.xavier_uniform()
    return (
        parts.fixed_positions(init.sincos_2d(grid=grid, extra_tokens=extra_tokens, row_first=True)),
        parts.tokens(class_token=_SMALL),
        *parts.each_by_itself(xavier),
        rule(
            role("embedding.patch") & ~select("*.proj.*"),  # a stem of several convolutions keeps torch's start
            name="patches",
            frozen=True,
            weight=xavier.layout("out in in in"),
            bias=_ZERO,
        ),
        parts.convolutions("stem"),
        parts.norms(),
    )


@recipe(
    "vit.timm_moco",
    family="vision",
    summary=(
        "timm's weight_init='moco': xavier uniform, for each of q, k, v; biases zero",
        "timm 的 weight_init='moco'：xavier 均匀，q、k、v 各自计算；偏置为零",
    ),
    source="timm, models/vision_transformer.py, weight_init='moco'",
    checked=("timm.models.vision_transformer.VisionTransformer",),
    differs=(
        "MoCo v3's own code starts the patches as a matrix and fixes the positions: vit.moco.",
        "MoCo v3 自己的代码把图块卷积视为矩阵，并固定位置嵌入：见 vit.moco。",
    ),
)
def vit_timm_moco(*, layer_scale: float = 1e-5) -> tuple[Rule, ...]:
    """What timm gives under the name of MoCo."""
    return (
        *_timm_tokens(),
        *parts.each_by_itself(init.xavier_uniform()),
        parts.convolutions(),
        parts.norms(),
        parts.layer_scale(layer_scale),
    )


@recipe(
    "vit.torchvision",
    family="vision",
    summary=(
        "attention as torch starts it; MLP xavier uniform, biases N(0, 1e-6^2); patches N(0, 1 / fan_in); head zero",
        "注意力用 torch 的默认初值，MLP 为 xavier 均匀、偏置 N(0, 1e-6^2)，图块 N(0, 1 / fan_in)，分类头为零",
    ),
    source="torchvision, models/vision_transformer.py",
    checked=("torchvision.models.VisionTransformer",),
    differs=(
        "torch counts the fans of the packed q, k, v together: its weights are 0.71 times those of vit.jax.",
        "torch 把打包的 q、k、v 合在一起计算扇入扇出：其权重是 vit.jax 的 0.71 倍。",
    ),
)
def vit_torchvision() -> tuple[Rule, ...]:
    """torchvision's ViT, a stem of convolutions included.

    Its truncated normal cuts off at the absolute values ±2, beyond 6 standard deviations of any patch of colours.
    """
    by_inputs = init.variance_scaling(1.0, "fan_in", "normal")
    return (
        parts.tokens(position=init.normal(std=0.02), class_token=_ZERO),
        rule(select("*pre_logits*") & LINEAR, name="layer before the head", weight=by_inputs, bias=_ZERO),
        rule(role("head"), name="head", weight=_ZERO, bias=_ZERO),
        rule(parts.MLP & LINEAR, name="MLP", weight=init.xavier_uniform(), bias=_SMALL),
        rule(role("attention.out"), name="attention output", weight=init.torch_default(), bias=_ZERO),
        *parts.xavier_as_one(),
        rule(
            select("*.conv_last") | select("conv_last"),
            name="last of a stem",
            weight=init.variance_scaling(2.0, "fan_out", "normal"),
            bias=_ZERO,
        ),
        rule(role("embedding.patch") & ~select("*conv_proj.*"), name="patches", weight=by_inputs, bias=_ZERO),
        parts.convolutions("stem"),
        parts.norms(),
        parts.position_table(init.normal(std=0.02)),
    )


@recipe(
    "vit.hf",
    family="vision",
    summary=(
        "N(0, 0.02^2) for linear layers, patches, tokens and positions; biases zero",
        "线性层、图块、标记与位置均为 N(0, 0.02^2)；偏置为零",
    ),
    source="transformers, models/vit/modeling_vit.py",
    checked=(
        "transformers.ViTForImageClassification",
        "transformers.ViTModel",
        "transformers.ViTForMaskedImageModeling",
    ),
)
def vit_hf(*, std: float = 0.02) -> tuple[Rule, ...]:
    """What transformers gives; ``std`` is its ``initializer_range``."""
    cut, plain = init.trunc_normal_torch(std=std), init.normal(std=std)
    return (
        parts.tokens(position=cut, class_token=cut, mask=_ZERO),
        *parts.one_scheme(plain),
        parts.position_table(cut),
    )


RECIPES = (
    vit,
    vit_jax,
    vit_jax_nlhb,
    vit_timm,
    vit_fix_init,
    vit_timm_jax,
    vit_moco,
    vit_timm_moco,
    vit_torchvision,
    vit_hf,
)
