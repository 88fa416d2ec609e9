"""Fields and coordinates: nets that map a place to a value."""

from __future__ import annotations

import re

from .. import init
from ..errors import RuleError, did_you_mean
from ..init import Scheme
from ..planning import Rule, role, rule, type_named
from ._entry import recipe
from ._shared import need_positive
from ._torch import torch_defaults
from ._types import LINEAR

_SINE = LINEAR | type_named("Siren") | type_named("SineLayer") | type_named("SirenLayer")
"""Linear layers, and sine layers that hold their own weight."""


@recipe(
    "siren",
    family="implicit",
    summary=(
        "first layer U(+-1/fan_in), the others U(+-sqrt(6/fan_in)/omega); biases as torch has them",
        "第一层为 U(±1/fan_in)，其余为 U(±sqrt(6/fan_in)/omega)；偏置为 torch 默认",
    ),
    source="Sitzmann et al. 2020, SIREN (2006.09661), section 3.2; vsitzmann/siren, modules.py",
    differs=(
        "lucidrains' siren-pytorch draws the biases from the range of the weights.",
        "lucidrains 的 siren-pytorch 按权重的范围抽取偏置。",
    ),
)
def siren(*, omega: float = 30.0) -> tuple[Rule, ...]:
    """The first layer is the first that has weights; where there are several nets, also ``net.0`` or ``layers.0``.

    ``omega`` is the factor in ``sin(omega x)`` of the hidden layers. The last layer starts like a hidden one.
    """
    need_positive("siren: omega", omega, 30)
    uniform, bias = init.lecun_uniform(), init.torch_default()
    # U(+-sqrt(3/n)) times what makes it U(+-1/n), and U(+-sqrt(6/n)/omega).
    first, hidden = init.scaled(uniform, by="1/sqrt(3*fan_in)"), init.scaled(uniform, by=f"sqrt(2)/{float(omega)!r}")
    opening = role("first") | re.compile(r"(?:.*\.)?(?:net|layers)\.0(?:\.\w+)?")
    return (
        rule(opening & _SINE, name="first", weight=first, bias=bias),
        rule(_SINE, name="hidden", weight=hidden, bias=bias),
    )


_STARTS: dict[str, Scheme] = {
    "relu": init.kaiming_normal(),
    "softplus": init.kaiming_normal(),
    "sigmoid": init.xavier_normal(),
    "tanh": init.xavier_normal(),
    "selu": init.variance_scaling(1.0, "fan_in", "normal"),
    "elu": init.variance_scaling(1.5505188080679277, "fan_in", "normal"),
}


@recipe(
    "coordinate_mlp",
    family="implicit",
    summary=(
        "the start that SIREN's authors give nets of other activations: He, Xavier, or that of selu and elu",
        "SIREN 作者为其他激活函数的网络采用的初值：He、Xavier，或 selu 与 elu 各自的方差",
    ),
    source="vsitzmann/siren, modules.py, FCBlock; Klambauer et al. 2017 (1706.02515) for selu",
    differs=(
        "The variance of elu, 1.5505 / fan_in, is 1 / E[elu(z)^2] over z ~ N(0, 1). Biases are torch's.",
        "elu 的方差 1.5505 / fan_in 即 z ~ N(0, 1) 下的 1 / E[elu(z)^2]。偏置为 torch 默认。",
    ),
)
def coordinate_mlp(*, nonlinearity: str = "relu") -> tuple[Rule, ...]:
    """``nonlinearity``: relu, softplus, sigmoid, tanh, selu or elu."""
    if nonlinearity not in _STARTS:
        raise RuleError(
            f"coordinate_mlp: nonlinearity={nonlinearity!r}: expected one of {', '.join(_STARTS)}."
            f"{did_you_mean(str(nonlinearity), _STARTS)} For sine: fs.recipes.get('siren')"
        )
    return (rule(LINEAR, name="linear", weight=_STARTS[nonlinearity], bias=init.torch_default()),)


@recipe(
    "pinn",
    family="implicit",
    summary=(
        "Xavier normal cut off at two standard deviations; biases zero",
        "在两倍标准差处截断的 Xavier 正态；偏置为零",
    ),
    source="Raissi et al. 2019, Physics-informed neural networks; the authors' xavier_init",
    differs=(
        "The cut is not made up for, as in tf.truncated_normal: the values' std is 0.88 of Xavier's.",
        "与 tf.truncated_normal 一致，不补偿截断：实际标准差为 Xavier 的 0.88 倍。",
    ),
)
def pinn() -> tuple[Rule, ...]:
    """Physics-informed nets."""
    xavier = init.variance_scaling(1.0, "fan_avg", "truncated_normal", corrected=False)
    return (rule(LINEAR, name="linear", weight=xavier, bias=init.zeros()),)


@recipe(
    "nerf",
    family="implicit",
    summary=("Glorot uniform, biases zero", "Glorot 均匀，偏置为零"),
    source="Mildenhall et al. 2020 (2003.08934); bmild/nerf, run_nerf_helpers.py, Keras' Dense",
    differs=(
        "nerf-pytorch starts from torch's default: nerf.torch.",
        "nerf-pytorch 采用 torch 默认初值：见 nerf.torch。",
    ),
)
def nerf() -> tuple[Rule, ...]:
    """NeRF as its authors wrote it, in Keras."""
    return (rule(LINEAR, name="linear", weight=init.xavier_uniform(), bias=init.zeros()),)


@recipe(
    "nerf.torch",
    family="implicit",
    summary=("torch's default", "torch 默认初值"),
    source="yenchenlin/nerf-pytorch, run_nerf_helpers.py, nn.Linear",
)
def nerf_torch() -> tuple[Rule, ...]:
    """NeRF as nerf-pytorch has it."""
    return tuple(torch_defaults.make())


RECIPES = (siren, coordinate_mlp, pinn, nerf, nerf_torch)
