"""Schemes whose variance comes from the layer's fans."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import nn

from .. import rng
from ..errors import SchemeError, did_you_mean
from ._activations import Activation
from ._elementary import Drawn, normal
from ._gain import layer_gain
from ._scheme import Elementwise, at_least, finite, spelled
from ._site import MODES, Fans, Mode, Part, Site, need_fans
from ._truncation import truncation_factor

Distribution = Literal["normal", "uniform", "truncated_normal"]
DISTRIBUTIONS: tuple[Distribution, ...] = ("normal", "uniform", "truncated_normal")

FansOf = Literal["layer", "tensor"]


@dataclass(frozen=True, repr=False)
class VarianceScaling(Elementwise):
    """Mean 0 and variance scale / n, n counted from the fans."""

    formula: ClassVar[str] = "E[w] = 0, Var[w] = scale / n, n = fan_in, fan_out or a mean of both"

    scale: float
    mode: Mode
    distribution: Distribution
    fans: FansOf
    bound: float
    corrected: bool

    def law(self, part: Part, site: Site) -> rng.Law:
        return self._law_of_variance(self.scale / self._count(part, site))

    def _count(self, part: Part, site: Site) -> float:
        """n; at least 1 for a parameter without elements, which has nothing to divide by."""
        n = self._fans(part, site).of(self.mode)
        return n if site.numel else max(n, 1)

    def _fans(self, part: Part, site: Site) -> Fans:
        fans = part.fans if self.fans == "layer" else site.tensor_fans
        return need_fans(None if site.role != "weight" else fans, site, repr(self))

    def _law_of_variance(self, variance: float) -> rng.Law:
        std, half = math.sqrt(variance), math.sqrt(3 * variance)
        if self.distribution == "uniform" or std == 0:
            return rng.Uniform(-half, half)
        if self.distribution == "normal":
            return rng.Normal(0.0, std)
        parent = std / truncation_factor(-self.bound, self.bound) if self.corrected else std
        return rng.TruncatedNormal(0.0, parent, -self.bound * parent, self.bound * parent)


@spelled
def variance_scaling(
    scale: float = 1.0,
    mode: Mode = "fan_in",
    distribution: Distribution = "truncated_normal",
    *,
    fans: FansOf = "layer",
    bound: float = 2.0,
    corrected: bool = True,
) -> VarianceScaling:
    """The general form: mean 0 and variance ``v = scale / n``.

        normal            N(0, v)
        uniform           U(-sqrt(3 v), sqrt(3 v))
        truncated_normal  s z,  z ~ N(0, 1) cut off at ±bound,  s = sqrt(v) / c(bound) when corrected, else sqrt(v)

        n = fan_in, fan_out, fan_avg = (fan_in + fan_out) / 2 or fan_geo_avg = sqrt(fan_in fan_out)

    Args:
        scale: >= 0; 0 gives zeros.
        mode: what n is.
        distribution: which of the three; JAX's and Keras' truncated normal is the default here too.
        fans: ``"layer"`` counts as the layer does (groups, stride, packed blocks); ``"tensor"`` reads the bare shape,
            as ``torch.nn.init`` does.
        bound: where the truncated normal is cut off, in units of its parent's std.
        corrected: whether the variance after truncation, rather than before, is v.

    Returns:
        A scheme for weights. On a bias, or anything else without fans, it raises.

    Raises:
        SchemeError: for an impossible option.

    >>> variance_scaling(2.0, "fan_in", "normal").expected((64, 200)).std
    0.1

    Source: ``jax.nn.initializers.variance_scaling``; Glorot and Bengio 2010; He et al. 2015.
    """
    at_least("variance_scaling", 0.0, scale=scale)
    _one_of("mode", mode, MODES)
    _one_of("distribution", distribution, DISTRIBUTIONS)
    _one_of("fans", fans, ("layer", "tensor"))
    finite("variance_scaling", bound=bound)
    if bound <= 0:
        raise SchemeError(f"variance_scaling(bound={bound!r}): expected a number > 0, in units of std")
    return VarianceScaling(scale, mode, distribution, fans, bound, corrected)


def _one_of(option: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        listed = ", ".join(map(repr, known))
        raise SchemeError(
            f"variance_scaling({option}={value!r}): expected one of {listed}.{did_you_mean(str(value), known)}"
        )


Gain = float | str | nn.Module | Activation
"""A number, or an activation: torch's gain where torch's table has it, else the moment gain."""


def _squared(scheme: str, gain: Gain) -> float:
    if isinstance(gain, (int, float)):
        at_least(scheme, 0.0, gain=gain)
        return gain**2
    return layer_gain(gain) ** 2


@spelled
def xavier_uniform(*, gain: Gain = 1.0, fans: FansOf = "layer") -> VarianceScaling:
    """``w ~ U(-a, a), a = gain sqrt(6 / (fan_in + fan_out))``, also known as Glorot.

    Args:
        gain: a number, or the activation that follows.
        fans: see :func:`variance_scaling`.

    Source: Glorot and Bengio 2010, equation 16.

    >>> xavier_uniform().expected((2, 4)).high
    1.0
    """
    return variance_scaling(_squared("xavier_uniform", gain), "fan_avg", "uniform", fans=fans)


@spelled
def xavier_normal(*, gain: Gain = 1.0, fans: FansOf = "layer") -> VarianceScaling:
    """``w ~ N(0, gain^2 2 / (fan_in + fan_out))``, also known as Glorot; torch's, not truncated.

    Args:
        gain: a number, or the activation that follows.
        fans: see :func:`variance_scaling`.

    Source: Glorot and Bengio 2010, equation 12.

    >>> xavier_normal().expected((3, 5)).std
    0.5
    """
    return variance_scaling(_squared("xavier_normal", gain), "fan_avg", "normal", fans=fans)


@spelled
def kaiming_uniform(
    *,
    a: float = 0.0,
    mode: Mode = "fan_in",
    nonlinearity: str | nn.Module | Activation = "leaky_relu",
    fans: FansOf = "layer",
) -> VarianceScaling:
    """``w ~ U(-b, b), b = gain sqrt(3 / n)``, also known as He.

    Args:
        a: negative slope, for ``"leaky_relu"`` only.
        mode: ``"fan_in"`` keeps the forward signal, ``"fan_out"`` the gradient.
        nonlinearity: the activation that follows; torch's gain where torch's table has it, else the moment gain.
        fans: see :func:`variance_scaling`.

    Source: He et al. 2015 (arXiv 1502.01852, equation 10).

    >>> kaiming_uniform(nonlinearity="relu").expected((4, 6)).high
    1.0
    """
    return variance_scaling(layer_gain(nonlinearity, a) ** 2, mode, "uniform", fans=fans)


@spelled
def kaiming_normal(
    *,
    a: float = 0.0,
    mode: Mode = "fan_in",
    nonlinearity: str | nn.Module | Activation = "leaky_relu",
    fans: FansOf = "layer",
) -> VarianceScaling:
    """``w ~ N(0, gain^2 / n)``, also known as He; torch's, not truncated.

    Args:
        a: negative slope, for ``"leaky_relu"`` only.
        mode: ``"fan_in"`` keeps the forward signal, ``"fan_out"`` the gradient.
        nonlinearity: the activation that follows; torch's gain where torch's table has it, else the moment gain.
        fans: see :func:`variance_scaling`.

    Source: He et al. 2015 (arXiv 1502.01852, equation 10).

    >>> kaiming_normal(nonlinearity="relu").expected((4, 8)).std
    0.5
    """
    return variance_scaling(layer_gain(nonlinearity, a) ** 2, mode, "normal", fans=fans)


glorot_uniform = xavier_uniform
glorot_normal = xavier_normal
he_uniform = kaiming_uniform
he_normal = kaiming_normal


@spelled
def lecun_uniform() -> VarianceScaling:
    """``w ~ U(-a, a), a = sqrt(3 / fan_in)``; JAX's and Keras' too.

    Source: LeCun et al. 1998, Efficient BackProp, section 4.6.

    >>> lecun_uniform().expected((4, 3)).high
    1.0
    """
    return variance_scaling(1.0, "fan_in", "uniform")


@spelled
def lecun_normal() -> VarianceScaling:
    """``Var[w] = 1 / fan_in``, a normal cut off at ±2 of its std and corrected: JAX's, Keras' and timm's.

    Source: LeCun et al. 1998, Efficient BackProp, section 4.6; Klambauer et al. 2017 (arXiv 1706.02515) for selu.

    >>> round(lecun_normal().expected((4, 100)).std, 12)
    0.1
    """
    return variance_scaling(1.0, "fan_in", "truncated_normal")


@spelled
def glorot_normal_jax() -> VarianceScaling:
    """``Var[w] = 2 / (fan_in + fan_out)``, a normal cut off at ±2 of its std and corrected: JAX's and Keras'.

    >>> glorot_normal_jax().expected((3, 5)).std
    0.5
    """
    return variance_scaling(1.0, "fan_avg", "truncated_normal")


@spelled
def he_normal_jax() -> VarianceScaling:
    """``Var[w] = 2 / fan_in``, a normal cut off at ±2 of its std and corrected: JAX's and Keras'.

    >>> he_normal_jax().expected((4, 8)).std
    0.5
    """
    return variance_scaling(2.0, "fan_in", "truncated_normal")


lecun_normal_jax = lecun_normal
glorot_normal_keras = glorot_normal_jax
he_normal_keras = he_normal_jax
lecun_normal_keras = lecun_normal


@spelled
def caffe2_xavier() -> VarianceScaling:
    """``w ~ U(-a, a), a = sqrt(3 / fan_in)``: Caffe2's XavierFill, which counts the inputs only, off the bare shape.

    Source: fvcore's and mmengine's ``caffe2_xavier_init``; ``kaiming_uniform_(a=1)`` in torchvision's feature pyramid.

    >>> caffe2_xavier().expected((4, 3)).high
    1.0
    """
    return variance_scaling(1.0, "fan_in", "uniform", fans="tensor")


@spelled
def caffe2_msra() -> VarianceScaling:
    """``w ~ N(0, 2 / fan_out)``: Caffe2's MSRAFill, fans off the bare shape.

    Source: fvcore's ``c2_msra_fill``, ``kaiming_normal_(mode="fan_out", nonlinearity="relu")``.

    >>> caffe2_msra().expected((8, 4)).std
    0.5
    """
    return variance_scaling(2.0, "fan_out", "normal", fans="tensor")


@spelled
def goog_uniform() -> VarianceScaling:
    """``w ~ U(-a, a), a = 1 / sqrt(fan_out)``: the linear layers of EfficientNet.

    Source: timm's and torchvision's EfficientNet, after the TensorFlow original.

    >>> goog_uniform().expected((4, 3)).high
    0.5
    """
    return variance_scaling(1 / 3, "fan_out", "uniform")


@spelled
def goog_routing_uniform() -> VarianceScaling:
    """``w ~ U(-a, a), a = 1 / sqrt(fan_in + fan_out)``: the routing layers of CondConv's EfficientNet.

    Source: timm's EfficientNet, after the TensorFlow original.

    >>> goog_routing_uniform().expected((6, 3)).high
    0.3333333333333333
    """
    return variance_scaling(1 / 6, "fan_avg", "uniform")


@spelled
def uniform_unit_scaling(*, nonlinearity: str | nn.Module | Activation = "linear") -> VarianceScaling:
    """``w ~ U(-a, a), a = gain sqrt(3 / fan_in)``.

    Source: Sussillo and Abbott 2014, Random Walk Initialization (arXiv 1412.6558); allennlp's scheme of this name.

    >>> uniform_unit_scaling().expected((4, 3)).high
    1.0
    """
    return variance_scaling(layer_gain(nonlinearity) ** 2, "fan_in", "uniform")


@spelled
def small_init(*, dim: int | None = None) -> VarianceScaling | Drawn:
    """``w ~ N(0, 2 / (5 dim))``.

    Args:
        dim: width of the model; by default the layer's fan_in.

    Source: Nguyen and Salazar 2019, Transformers without Tears (arXiv 1910.05895); GPT-NeoX, xLSTM.

    >>> small_init().expected((64, 40)).std
    0.1
    """
    if dim is None:
        return variance_scaling(2 / 5, "fan_in", "normal")
    at_least("small_init", 1, dim=dim)
    return normal(std=math.sqrt(2 / (5 * dim)))


@spelled
def wang(*, num_layers: int, dim: int | None = None) -> VarianceScaling | Drawn:
    """``w ~ N(0, (2 / (num_layers sqrt(dim)))^2)``: for the last weight of each residual branch.

    Args:
        num_layers: depth of the network, in blocks.
        dim: width of the model; by default the layer's fan_in, which is larger in the last layer of an MLP.

    Source: GPT-NeoX-20B (arXiv 2204.06745, section 2.1), after Wang's mesh-transformer-jax; xLSTM.

    >>> wang(num_layers=2).expected((64, 100)).std
    0.1
    """
    at_least("wang", 1, num_layers=num_layers)
    if dim is None:
        return variance_scaling(4 / num_layers**2, "fan_in", "normal")
    at_least("wang", 1, dim=dim)
    return normal(std=2 / (num_layers * math.sqrt(dim)))


@spelled
def mitchell_in() -> VarianceScaling:
    """``w = s z, s = 1 / sqrt(fan_in)``, z ~ N(0, 1) cut off at ±3, not corrected: for weights that read the stream.

    Source: OLMo's ``mitchell`` initialization.

    >>> round(mitchell_in().expected((64, 100)).std, 6)
    0.098658
    """
    return variance_scaling(1.0, "fan_in", "truncated_normal", bound=3.0, corrected=False)


@spelled
def mitchell_out(*, layer: int) -> VarianceScaling:
    """``w = s z, s = 1 / sqrt(2 fan_in (layer + 1))``, z as in :func:`mitchell_in`: for weights that write to it.

    Args:
        layer: index of the block, from 0.

    Source: OLMo's ``mitchell`` initialization.

    >>> round(mitchell_out(layer=0).expected((64, 50)).std, 6)
    0.098658
    """
    at_least("mitchell_out", 0, layer=layer)
    return variance_scaling(1 / (2 * (layer + 1)), "fan_in", "truncated_normal", bound=3.0, corrected=False)
