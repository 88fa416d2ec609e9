"""Starts for nets with residual branches and no norms, and for the scales that branches end in."""

from __future__ import annotations

from torch import nn

from .. import init
from ..init import Scheme
from ..planning import Rule, role, rule, select, type_named
from ._entry import recipe
from ._shared import IDENTITY, alike
from ._types import CONVOLUTION, NORM

_LAYER_SCALE = ("gamma", "gamma_*", "gamma[0-9]", "lambda_?", "lambda[0-9]", "*layer_scale*", "ls[0-9]", "ls_?")
"""What libraries call the vector that a branch is multiplied by."""
_SCALAR = (
    "alpha", "alpha_*", "alpha[0-9]", "resweight*", "res_weight*", "residual_weight*", "rezero*", "re_zero*",
    "skipinit*", "skip_init*", "skip_gain",
)  # fmt: skip
"""What libraries call the scalar that a branch is multiplied by."""
_NOT_OF_A_BRANCH = NORM | type_named("*GRN") | type_named("Snake*") | type_named("*PReLU") | type_named("*Activation")
"""Layers whose own gamma or alpha is another thing."""


def layer_scale_rule(value: float) -> Rule:
    """The vectors that residual branches are multiplied by."""
    return _of_branches("layer scale", _LAYER_SCALE, init.constant(value))


def _of_branches(name: str, globs: tuple[str, ...], scheme: Scheme) -> Rule:
    return rule(~_NOT_OF_A_BRANCH, name=name, **alike(globs, scheme))


@recipe(
    "layer_scale",
    family="transformers",
    summary=(
        "the vector that each residual branch is multiplied by is 1e-5; put it before another recipe",
        "每个残差分支所乘的向量为 1e-5；放在另一个配方之前使用",
    ),
    source="Touvron et al. 2021 (2103.17239), section 2; timm, layers/layer_scale.py",
    checked=("timm.cait_xxs24_224",),
    differs=(
        "The paper starts at 0.1 up to 18 blocks, at 1e-5 with 24, and at 1e-6 beyond: value=0.1, value=1e-6.",
        "论文：不超过 18 层用 0.1，24 层用 1e-5，更深用 1e-6：value=0.1，value=1e-6。",
    ),
)
def layer_scale(*, value: float = 1e-5) -> tuple[Rule, ...]:
    """The scales alone: ``fs.plan(model, ["layer_scale", "vit.timm"])``."""
    return (layer_scale_rule(value),)


@recipe(
    "rezero",
    family="transformers",
    summary=(
        "the scalar that each residual branch is multiplied by is zero; put it before another recipe",
        "每个残差分支所乘的标量为零；放在另一个配方之前使用",
    ),
    source="Bachlechner et al. 2020 (2003.04887), section 3; the authors' rezero/transformer/rztx.py",
)
def rezero() -> tuple[Rule, ...]:
    """The scalars alone: ``fs.plan(model, ["rezero", "torch"])``."""
    return (_of_branches("scalar of a branch", _SCALAR, init.zeros()),)


@recipe(
    "skipinit",
    family="transformers",
    summary=(
        "the scalar at the end of each residual branch is zero; put it before another recipe",
        "每个残差分支末端的标量为零；放在另一个配方之前使用",
    ),
    source="De and Smith 2020 (2002.10444), section 4",
    checked=("timm.dm_nfnet_f0",),
    differs=(
        "The same start as ReZero, for nets of convolutions: the paper drops their norms and gives them biases.",
        "与 ReZero 的初值相同，用于卷积网络：论文去掉其归一化层并加上偏置。",
    ),
)
def skipinit() -> tuple[Rule, ...]:
    """The scalars alone: ``fs.plan(model, ["skipinit", "resnet"])``."""
    return (_of_branches("scalar of a branch", _SCALAR, init.zeros()),)


@recipe(
    "fixup",
    family="transformers",
    summary=(
        "the last layer of each branch zero, its others divided by L^(1/(2m-2)), head zero, no norms needed",
        "每个残差分支的最后一层为零，其余各层除以 L^(1/(2m-2))，分类头为零，无需归一化",
    ),
    source="Zhang et al. 2019 (1901.09321), section 3; the authors' cifar and imagenet models",
    differs=(
        "The authors' code leaves the first convolution at torch's default; the paper, followed here, draws it as the "
        "others outside of branches.",
        "作者代码把第一个卷积留为 torch 默认值；此处依论文，与分支之外的其他层一样抽取。",
    ),
)
def fixup() -> tuple[Rule, ...]:
    """Residual nets without norms.

    L is the number of residual branches, m the number of layers in one; both are counted. Scalars added to the stream
    start at 0, and those it is multiplied by at 1.
    """
    he = init.kaiming_normal(mode="fan_out", nonlinearity="relu")
    zero = init.zeros()
    return (
        rule(role("residual_out"), name="last layer of a branch", weight=zero, bias=zero),
        rule(role("head"), name="head", weight=zero, bias=zero),
        rule(
            role("conv.first", "conv.middle"),
            name="convolution in a branch",
            weight=init.scaled(he, by="(L*R)**(-1/(2*m-2))"),
            bias=zero,
        ),
        rule(
            role("mlp.in"),
            name="linear in a branch",
            weight=init.scaled(he, by="(L*R)**(-1/2)"),
            bias=zero,
        ),
        rule((*CONVOLUTION, nn.Linear), name="outside of branches", weight=he, bias=zero),
        IDENTITY,
        rule(
            ~(NORM | select((*CONVOLUTION, nn.Linear))),
            name="scalars",
            **alike(("bias*", "shift*", "add*"), zero),
            **alike(("scale*", "mul*"), init.ones()),
        ),
    )


RECIPES = (fixup, rezero, skipinit, layer_scale)
