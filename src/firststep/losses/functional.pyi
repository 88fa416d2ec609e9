"""Written by tools/make_stubs.py from the declarations. Do not edit: make docs."""

from collections.abc import Sequence
from typing import Any, Literal, overload

from torch import Tensor

from ._reduce import Denominator, Reduction, Total

from ._reduce import reduce as reduce

@overload
def cross_entropy(
    input: Tensor,
    target: Tensor,
    *,
    label_smoothing: float = 0.0,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
    class_weight: Tensor | None = None,
) -> Tensor:
    """One of C classes per sample, with label smoothing if asked."""

@overload
def cross_entropy(
    input: Tensor,
    target: Tensor,
    *,
    label_smoothing: float = 0.0,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
    class_weight: Tensor | None = None,
) -> Total: ...

@overload
def soft_target_cross_entropy(
    input: Tensor,
    target: Tensor,
    *,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """The target is a distribution over C classes: labels by several people, mixed images, a teacher."""

@overload
def soft_target_cross_entropy(
    input: Tensor,
    target: Tensor,
    *,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    *,
    pos_weight: float | Tensor | None = None,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Independent yes-or-no labels, one or many per sample; masks leave out the labels nobody knows."""

@overload
def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    *,
    pos_weight: float | Tensor | None = None,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def softmax_focal_loss(
    input: Tensor,
    target: Tensor,
    *,
    gamma: float = 2.0,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
    class_weight: Tensor | None = None,
) -> Tensor:
    """One of C classes per sample, where most samples are easy and would drown the few hard ones."""

@overload
def softmax_focal_loss(
    input: Tensor,
    target: Tensor,
    *,
    gamma: float = 2.0,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
    class_weight: Tensor | None = None,
) -> Total: ...

@overload
def sigmoid_focal_loss(
    input: Tensor,
    target: Tensor,
    *,
    gamma: float = 2.0,
    alpha: float | None = None,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Independent labels of which very few are positive, as the anchors of a detector."""

@overload
def sigmoid_focal_loss(
    input: Tensor,
    target: Tensor,
    *,
    gamma: float = 2.0,
    alpha: float | None = None,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def log_cosh_loss(
    input: Tensor,
    target: Tensor,
    *,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Squared error for small errors, absolute error for large ones, smooth everywhere."""

@overload
def log_cosh_loss(
    input: Tensor,
    target: Tensor,
    *,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def info_nce_loss(
    query: Tensor,
    key: Tensor,
    *,
    temperature: float | Tensor = 0.07,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Pull each query to its key and push it from the other keys of the batch."""

@overload
def info_nce_loss(
    query: Tensor,
    key: Tensor,
    *,
    temperature: float | Tensor = 0.07,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...
