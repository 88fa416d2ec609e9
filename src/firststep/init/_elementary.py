"""Schemes whose numbers are given, not derived from the layer: constants, uniform, normal, truncated normal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from .. import rng
from ..errors import SchemeError
from ._scheme import Elementwise, at_least, finite, spelled
from ._site import Part, Site
from ._truncation import truncation_factor


@dataclass(frozen=True, repr=False)
class Drawn(Elementwise):
    """The same law for every element, whatever the layer."""

    formula: ClassVar[str] = "one law for every element"

    fixed: rng.Law

    def law(self, part: Part, site: Site) -> rng.Law:
        return self.fixed


@spelled
def constant(value: float) -> Drawn:
    """``w = value``.

    Raises:
        SchemeError: when ``value`` is not a finite number.

    >>> constant(0.3).sample((2,), seed=0)
    tensor([0.3000, 0.3000])
    """
    finite("constant", value=value)
    return Drawn(rng.Uniform(value, value))


@spelled
def zeros() -> Drawn:
    """``w = 0``.

    >>> zeros() == constant(0.0)
    True
    """
    return constant(0.0)


@spelled
def ones() -> Drawn:
    """``w = 1``.

    >>> ones().expected((8,)).mean
    1.0
    """
    return constant(1.0)


@spelled
def uniform(low: float = 0.0, high: float = 1.0) -> Drawn:
    """``w ~ U[low, high)``; torch names the bounds ``a`` and ``b`` and has the same defaults.

    Raises:
        SchemeError: when a bound is not a finite number, or ``low > high``.

    >>> round(uniform(-0.5, 0.5).expected((8,)).variance, 6)
    0.083333
    """
    finite("uniform", low=low, high=high)
    if low > high:
        raise SchemeError(f"uniform(low={low!r}, high={high!r}): expected low <= high")
    return Drawn(rng.Uniform(low, high))


@spelled
def normal(*, mean: float = 0.0, std: float = 1.0) -> Drawn:
    """``w ~ N(mean, std^2)``, torch's defaults.

    Raises:
        SchemeError: when a number is not finite, or ``std < 0``.

    >>> normal(std=0.02).expected((8,)).std
    0.02
    """
    finite("normal", mean=mean)
    at_least("normal", 0.0, std=std)
    return Drawn(rng.Normal(mean, std))


@spelled
def trunc_normal(
    *, mean: float = 0.0, std: float = 1.0, bounds: Sequence[float] = (-2.0, 2.0), corrected: bool = False
) -> Drawn:
    """A normal cut off at ``bounds``, which are in units of its std.

        w = mean + s z,   z ~ N(0, 1) given bounds[0] <= z <= bounds[1]
        s = std              when not corrected: the values' std is c(bounds) std, 0.8796 std at ±2
        s = std / c(bounds)  when corrected: the values' std is ``std``

    Libraries mean different things by this name; each meaning has a name of its own here: :func:`trunc_normal_torch`,
    :func:`trunc_normal_tf`, :func:`trunc_normal_jax`.

    Args:
        mean: mean before truncation; the mean of the values when the bounds are symmetric.
        std: std before truncation, or of the values when ``corrected``.
        bounds: low and high, in units of the std before truncation.
        corrected: whether to widen the normal so that the values have the std asked for.

    Raises:
        SchemeError: for numbers that are not finite, ``std < 0``, bounds out of order, or next to nothing of the normal
            between them.

    >>> round(trunc_normal(std=0.02).expected((8,)).std, 6)
    0.017593
    >>> round(trunc_normal(std=0.02, corrected=True).expected((8,)).std, 6)
    0.02
    """
    if isinstance(bounds, (int, float)) or len(bounds) != 2:
        raise SchemeError(
            f"trunc_normal(bounds={bounds!r}): expected two numbers in units of std, such as bounds=(-2, 2)"
        )
    low, high = bounds
    finite("trunc_normal", mean=mean, **{"bounds[0]": low, "bounds[1]": high})
    at_least("trunc_normal", 0.0, std=std)
    if low >= high:
        raise SchemeError(f"trunc_normal(bounds={tuple(bounds)!r}): expected bounds[0] < bounds[1]")
    if std == 0:
        return constant(mean)
    law = rng.TruncatedNormal(0.0, 1.0, low, high)
    parent = std / truncation_factor(law.low, law.high) if corrected else std
    return Drawn(rng.TruncatedNormal(mean, parent, mean + parent * low, mean + parent * high))


@spelled
def trunc_normal_torch(*, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0) -> Drawn:
    """``torch.nn.init.trunc_normal_``: N(mean, std^2) cut off at the absolute values ``a`` and ``b``, not corrected.

    torchvision's, timm's ``trunc_normal_`` and mmengine's mean the same. With ``std=0.02`` the default bounds lie 100
    std away and cut off nothing.

    Raises:
        SchemeError: for numbers that are not finite, ``std < 0``, ``a >= b``, or bounds with next to nothing of the
            normal between them.

    >>> trunc_normal_torch(std=0.02).expected((8,)).std
    0.02
    """
    finite("trunc_normal_torch", mean=mean, a=a, b=b)
    at_least("trunc_normal_torch", 0.0, std=std)
    if a >= b:
        raise SchemeError(f"trunc_normal_torch(a={a!r}, b={b!r}): expected a < b")
    if std == 0:
        return constant(min(max(mean, a), b))
    return Drawn(rng.TruncatedNormal(mean, std, a, b))


@spelled
def trunc_normal_tf(*, mean: float = 0.0, std: float = 0.05) -> Drawn:
    """Keras' and TensorFlow's ``TruncatedNormal``: ``mean + std z``, z cut off at ±2, not corrected.

    The values' std is 0.8796 std. timm's ``trunc_normal_tf_`` and BERT's initializer mean the same.

    >>> round(trunc_normal_tf(std=0.02).expected((8,)).std, 6)
    0.017593
    """
    return trunc_normal(mean=mean, std=std)


@spelled
def trunc_normal_jax(*, std: float = 0.01) -> Drawn:
    """``jax.nn.initializers.truncated_normal``: ``std z``, z cut off at ±2, not corrected.

    >>> trunc_normal_jax(std=0.05) == trunc_normal_tf()
    True
    """
    return trunc_normal(std=std)


@spelled
def normal_jax(*, std: float = 0.01) -> Drawn:
    """``jax.nn.initializers.normal``: N(0, std^2), std 0.01 by default.

    >>> normal_jax() == normal(std=0.01)
    True
    """
    return normal(std=std)


@spelled
def normal_keras(*, mean: float = 0.0, std: float = 0.05) -> Drawn:
    """Keras' ``RandomNormal``: N(mean, std^2), std 0.05 by default.

    >>> normal_keras() == normal(std=0.05)
    True
    """
    return normal(mean=mean, std=std)


@spelled
def uniform_jax(*, scale: float = 0.01) -> Drawn:
    """``jax.nn.initializers.uniform``: U[0, scale), on one side of zero.

    >>> uniform_jax() == uniform(0, 0.01)
    True
    """
    at_least("uniform_jax", 0.0, scale=scale)
    return uniform(0.0, scale)


@spelled
def uniform_keras(*, low: float = -0.05, high: float = 0.05) -> Drawn:
    """Keras' ``RandomUniform``: U[low, high), ±0.05 by default.

    >>> uniform_keras() == uniform(-0.05, 0.05)
    True
    """
    return uniform(low, high)


@spelled
def depth_scaled_normal(*, num_layers: int, std: float = 0.02, residuals_per_layer: int = 2) -> Drawn:
    """``w ~ N(0, std^2 / (residuals_per_layer num_layers))``: for the last weight of each residual branch.

    Args:
        num_layers: depth of the network, in blocks.
        std: std of the other weights.
        residuals_per_layer: branches in each block: 2 for attention and MLP, 1 for a block with a single branch.

    Source: Radford et al. 2019, GPT-2, section 2.3; Megatron-LM's scaled initialization.

    >>> depth_scaled_normal(num_layers=8).expected((4, 4)).std
    0.005
    """
    at_least("depth_scaled_normal", 1, num_layers=num_layers, residuals_per_layer=residuals_per_layer)
    at_least("depth_scaled_normal", 0.0, std=std)
    return normal(std=std / math.sqrt(residuals_per_layer * num_layers))


@spelled
def prior_bias(*, pi: float = 0.01) -> Drawn:
    """``b = -log((1 - pi) / pi)``: a sigmoid head that starts by giving each class the probability ``pi``.

    Raises:
        SchemeError: unless ``0 < pi < 1``.

    Source: Lin et al. 2017, Focal Loss (arXiv 1708.02002, section 4.1).

    >>> round(prior_bias().expected((80,)).mean, 4)
    -4.5951
    """
    finite("prior_bias", pi=pi)
    if not 0 < pi < 1:
        raise SchemeError(f"prior_bias(pi={pi!r}): expected a probability, 0 < pi < 1")
    return constant(-math.log((1 - pi) / pi))


@spelled
def head_bias(*, num_classes: int) -> Drawn:
    """``b = -log(num_classes)``: a sigmoid head that starts near the probability 1 / num_classes; timm's "nlhb".

    Source: timm's ``vit.jax_nlhb``, after the JAX code of Dosovitskiy et al. 2021 (arXiv 2010.11929).

    >>> round(head_bias(num_classes=1000).expected((1000,)).mean, 4)
    -6.9078
    """
    at_least("head_bias", 1, num_classes=num_classes)
    return constant(-math.log(num_classes))
