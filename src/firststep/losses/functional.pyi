"""Written by tools/make_stubs.py from the declarations. Do not edit: make docs."""

from collections.abc import Sequence
from typing import Any, Literal, overload

from torch import Tensor

from ._reduce import Denominator, Reduction, Total

from ._distribution import distribution_nll_loss as distribution_nll_loss
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
def poly1_cross_entropy(
    input: Tensor,
    target: Tensor,
    *,
    epsilon: float = 1.0,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
    class_weight: Tensor | None = None,
) -> Tensor:
    """Cross-entropy whose first polynomial term has a weight of its own, one number to tune for a task."""

@overload
def poly1_cross_entropy(
    input: Tensor,
    target: Tensor,
    *,
    epsilon: float = 1.0,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
    class_weight: Tensor | None = None,
) -> Total: ...

@overload
def sparsemax_loss(
    input: Tensor,
    target: Tensor,
    *,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
    class_weight: Tensor | None = None,
) -> Tensor:
    """A classifier whose probabilities, the sparsemax of its scores, are exactly 0 for most classes."""

@overload
def sparsemax_loss(
    input: Tensor,
    target: Tensor,
    *,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
    class_weight: Tensor | None = None,
) -> Total: ...

@overload
def asymmetric_loss(
    input: Tensor,
    target: Tensor,
    *,
    gamma_negative: float = 4.0,
    gamma_positive: float = 1.0,
    shift: float = 0.05,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Many labels per sample, nearly all negative, some of them negative by mistake: a focus for each sign, and negatives that are easy enough are dropped."""

@overload
def asymmetric_loss(
    input: Tensor,
    target: Tensor,
    *,
    gamma_negative: float = 4.0,
    gamma_positive: float = 1.0,
    shift: float = 0.05,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def hinge_loss(
    input: Tensor,
    target: Tensor,
    *,
    margin: float = 1.0,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Yes-or-no labels as -1 and 1, each to be right by a margin; beyond it nothing is asked for."""

@overload
def hinge_loss(
    input: Tensor,
    target: Tensor,
    *,
    margin: float = 1.0,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def focal_loss(
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
def focal_loss(
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
def logit_adjusted_cross_entropy(
    input: Tensor,
    target: Tensor,
    *,
    prior: Tensor,
    tau: float = 1.0,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
    class_weight: Tensor | None = None,
) -> Tensor:
    """Long-tailed classes, when all classes count alike at test time: the prior is added in training and left out at prediction."""

@overload
def logit_adjusted_cross_entropy(
    input: Tensor,
    target: Tensor,
    *,
    prior: Tensor,
    tau: float = 1.0,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
    class_weight: Tensor | None = None,
) -> Total: ...

@overload
def balanced_softmax_loss(
    input: Tensor,
    target: Tensor,
    *,
    counts: Tensor,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
    class_weight: Tensor | None = None,
) -> Tensor:
    """Long-tailed classes, when all classes count alike at test time; it takes the counts and nothing to tune."""

@overload
def balanced_softmax_loss(
    input: Tensor,
    target: Tensor,
    *,
    counts: Tensor,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
    class_weight: Tensor | None = None,
) -> Total: ...

@overload
def ldam_loss(
    input: Tensor,
    target: Tensor,
    *,
    counts: Tensor,
    max_margin: float = 0.5,
    scale: float = 30.0,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
    class_weight: Tensor | None = None,
) -> Tensor:
    """Long-tailed classes with cosine scores: the rarer the class, the larger the margin it must win by."""

@overload
def ldam_loss(
    input: Tensor,
    target: Tensor,
    *,
    counts: Tensor,
    max_margin: float = 0.5,
    scale: float = 30.0,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
    class_weight: Tensor | None = None,
) -> Total: ...

@overload
def class_balanced_cross_entropy(
    input: Tensor,
    target: Tensor,
    *,
    counts: Tensor,
    beta: float = 0.9999,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
    class_weight: Tensor | None = None,
) -> Tensor:
    """Classes weighed by the inverse of their effective number of samples, between equal weights and 1/n."""

@overload
def class_balanced_cross_entropy(
    input: Tensor,
    target: Tensor,
    *,
    counts: Tensor,
    beta: float = 0.9999,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
    class_weight: Tensor | None = None,
) -> Total: ...

@overload
def generalized_cross_entropy(
    input: Tensor,
    target: Tensor,
    *,
    q: float = 0.7,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
    class_weight: Tensor | None = None,
) -> Tensor:
    """Some labels are wrong: between cross-entropy (q = 0), which learns them by heart, and the mean absolute error (q = 1), which hardly learns."""

@overload
def generalized_cross_entropy(
    input: Tensor,
    target: Tensor,
    *,
    q: float = 0.7,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
    class_weight: Tensor | None = None,
) -> Total: ...

@overload
def symmetric_cross_entropy(
    input: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.1,
    beta: float = 1.0,
    log_zero: float = -4.0,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
    class_weight: Tensor | None = None,
) -> Tensor:
    """Some labels are wrong: cross-entropy to learn the hard classes, and its reverse, which is bounded, against the noise."""

@overload
def symmetric_cross_entropy(
    input: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.1,
    beta: float = 1.0,
    log_zero: float = -4.0,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
    class_weight: Tensor | None = None,
) -> Total: ...

@overload
def active_passive_loss(
    input: Tensor,
    target: Tensor,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    active: str = "nce",
    passive: str = "rce",
    gamma: float = 0.5,
    log_zero: float = -4.0,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
    class_weight: Tensor | None = None,
) -> Tensor:
    """Many labels are wrong, up to most of them: a normalized loss, robust but weak, with a bounded one to make up for it."""

@overload
def active_passive_loss(
    input: Tensor,
    target: Tensor,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    active: str = "nce",
    passive: str = "rce",
    gamma: float = 0.5,
    log_zero: float = -4.0,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
    class_weight: Tensor | None = None,
) -> Total: ...

@overload
def bi_tempered_logistic_loss(
    input: Tensor,
    target: Tensor,
    *,
    t1: float = 0.8,
    t2: float = 1.4,
    label_smoothing: float = 0.0,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
    class_weight: Tensor | None = None,
) -> Tensor:
    """Some labels are wrong: t1 < 1 bounds what one sample can cost, t2 > 1 gives probabilities heavy tails near the boundary."""

@overload
def bi_tempered_logistic_loss(
    input: Tensor,
    target: Tensor,
    *,
    t1: float = 0.8,
    t2: float = 1.4,
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
def dice_loss(
    input: Tensor,
    target: Tensor,
    *,
    activation: str = "softmax",
    include_background: bool = True,
    absent: str = "skip",
    smooth: float = 0.0,
    batch: bool = False,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
) -> Tensor:
    """Segmentation whose classes take very different shares of the image: each class counts the same."""

@overload
def dice_loss(
    input: Tensor,
    target: Tensor,
    *,
    activation: str = "softmax",
    include_background: bool = True,
    absent: str = "skip",
    smooth: float = 0.0,
    batch: bool = False,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
) -> Total: ...

@overload
def jaccard_loss(
    input: Tensor,
    target: Tensor,
    *,
    activation: str = "softmax",
    include_background: bool = True,
    absent: str = "skip",
    smooth: float = 0.0,
    batch: bool = False,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
) -> Tensor:
    """Segmentation that is scored by intersection over union."""

@overload
def jaccard_loss(
    input: Tensor,
    target: Tensor,
    *,
    activation: str = "softmax",
    include_background: bool = True,
    absent: str = "skip",
    smooth: float = 0.0,
    batch: bool = False,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
) -> Total: ...

@overload
def generalized_dice_loss(
    input: Tensor,
    target: Tensor,
    *,
    weighting: str = "square",
    activation: str = "softmax",
    include_background: bool = True,
    absent: str = "skip",
    batch: bool = False,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
) -> Tensor:
    """Segmentation of classes of very different sizes: one score per image, each class weighted by its size."""

@overload
def generalized_dice_loss(
    input: Tensor,
    target: Tensor,
    *,
    weighting: str = "square",
    activation: str = "softmax",
    include_background: bool = True,
    absent: str = "skip",
    batch: bool = False,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
) -> Total: ...

@overload
def dice_ce_loss(
    input: Tensor,
    target: Tensor,
    *,
    dice_weight: float = 1.0,
    ce_weight: float = 1.0,
    activation: str = "softmax",
    include_background: bool = True,
    absent: str = "skip",
    smooth: float = 0.0,
    batch: bool = False,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
) -> Tensor:
    """The usual loss of medical segmentation: Dice evens out the classes, cross-entropy reaches every pixel."""

@overload
def dice_ce_loss(
    input: Tensor,
    target: Tensor,
    *,
    dice_weight: float = 1.0,
    ce_weight: float = 1.0,
    activation: str = "softmax",
    include_background: bool = True,
    absent: str = "skip",
    smooth: float = 0.0,
    batch: bool = False,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
) -> Total: ...

@overload
def tversky_loss(
    input: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.3,
    beta: float = 0.7,
    activation: str = "softmax",
    include_background: bool = True,
    absent: str = "skip",
    smooth: float = 0.0,
    batch: bool = False,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
) -> Tensor:
    """Segmentation where a missed pixel and a false one are not equally bad: small lesions, for instance."""

@overload
def tversky_loss(
    input: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.3,
    beta: float = 0.7,
    activation: str = "softmax",
    include_background: bool = True,
    absent: str = "skip",
    smooth: float = 0.0,
    batch: bool = False,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
) -> Total: ...

@overload
def focal_tversky_loss(
    input: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.3,
    beta: float = 0.7,
    gamma: float = 1.3333333333333333,
    activation: str = "softmax",
    include_background: bool = True,
    absent: str = "skip",
    smooth: float = 0.0,
    batch: bool = False,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
) -> Tensor:
    """Tversky's loss raised to a power, so that images and classes of middling overlap count more or less."""

@overload
def focal_tversky_loss(
    input: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.3,
    beta: float = 0.7,
    gamma: float = 1.3333333333333333,
    activation: str = "softmax",
    include_background: bool = True,
    absent: str = "skip",
    smooth: float = 0.0,
    batch: bool = False,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
) -> Total: ...

@overload
def lovasz_softmax_loss(
    input: Tensor,
    target: Tensor,
    *,
    classes: str = "present",
    batch: bool = False,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
) -> Tensor:
    """Segmentation scored by the IoU of its masks: the loss equals 1 - IoU where all probabilities are 0 or 1."""

@overload
def lovasz_softmax_loss(
    input: Tensor,
    target: Tensor,
    *,
    classes: str = "present",
    batch: bool = False,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
) -> Total: ...

@overload
def lovasz_hinge_loss(
    input: Tensor,
    target: Tensor,
    *,
    batch: bool = False,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """One foreground, scored by IoU: the Lovász extension over hinge errors."""

@overload
def lovasz_hinge_loss(
    input: Tensor,
    target: Tensor,
    *,
    batch: bool = False,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def iou_loss(
    input: Tensor,
    target: Tensor,
    *,
    mode: str = "linear",
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Boxes that overlap their targets already: 1 minus intersection over union, whatever their size."""

@overload
def iou_loss(
    input: Tensor,
    target: Tensor,
    *,
    mode: str = "linear",
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def giou_loss(
    input: Tensor,
    target: Tensor,
    *,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Boxes that may miss their targets: IoU, and the empty share of the box around both."""

@overload
def giou_loss(
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
def diou_loss(
    input: Tensor,
    target: Tensor,
    *,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Boxes that may miss their targets: IoU, and the distance of the centres, which draws them together at once."""

@overload
def diou_loss(
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
def ciou_loss(
    input: Tensor,
    target: Tensor,
    *,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """The usual box loss of one-stage detectors: IoU, the distance of the centres, and the aspect ratio."""

@overload
def ciou_loss(
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
def quality_focal_loss(
    input: Tensor,
    target: Tensor,
    *,
    beta: float = 2.0,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Scores whose label is a quality between 0 and 1, such as the IoU of the box, and mostly 0."""

@overload
def quality_focal_loss(
    input: Tensor,
    target: Tensor,
    *,
    beta: float = 2.0,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def varifocal_loss(
    input: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.75,
    gamma: float = 2.0,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Scores that are to rank boxes by quality: positives weigh as much as their quality, easy negatives little."""

@overload
def varifocal_loss(
    input: Tensor,
    target: Tensor,
    *,
    alpha: float = 0.75,
    gamma: float = 2.0,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def distribution_focal_loss(
    input: Tensor,
    target: Tensor,
    *,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """A number predicted as a distribution over the bins 0 to n, such as the distance to each side of a box."""

@overload
def distribution_focal_loss(
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
def mse_loss(
    input: Tensor,
    target: Tensor,
    *,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Real numbers whose errors are about as large everywhere; it learns the mean of the target."""

@overload
def mse_loss(
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
def l1_loss(
    input: Tensor,
    target: Tensor,
    *,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Real numbers among outliers; it learns the median of the target."""

@overload
def l1_loss(
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
def huber_loss(
    input: Tensor,
    target: Tensor,
    *,
    delta: float = 1.0,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Half the squared error up to delta, then a straight line: exact on good data, calm about outliers."""

@overload
def huber_loss(
    input: Tensor,
    target: Tensor,
    *,
    delta: float = 1.0,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    *,
    beta: float = 1.0,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """The absolute error with its corner rounded off below beta, as in box regression."""

@overload
def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    *,
    beta: float = 1.0,
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
def charbonnier_loss(
    input: Tensor,
    target: Tensor,
    *,
    epsilon: float = 0.001,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """The absolute error with a rounded tip of width epsilon: the usual loss of image restoration."""

@overload
def charbonnier_loss(
    input: Tensor,
    target: Tensor,
    *,
    epsilon: float = 0.001,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def general_robust_loss(
    input: Tensor,
    target: Tensor,
    *,
    alpha: float = 1.0,
    scale: float = 1.0,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """One number, alpha, sets how little outliers count: 2 is least squares, 1 pseudo-Huber, 0 Cauchy, -2 Geman-McClure, -inf Welsch."""

@overload
def general_robust_loss(
    input: Tensor,
    target: Tensor,
    *,
    alpha: float = 1.0,
    scale: float = 1.0,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def adaptive_robust_loss(
    input: Tensor,
    target: Tensor,
    alpha_logit: Tensor,
    log_scale: Tensor,
    *,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """The general robust loss with a learned shape and scale for each channel: the data say how heavy their tails are."""

@overload
def adaptive_robust_loss(
    input: Tensor,
    target: Tensor,
    alpha_logit: Tensor,
    log_scale: Tensor,
    *,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def quantile_loss(
    input: Tensor,
    target: Tensor,
    *,
    quantile: float = 0.5,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """The value that the target stays below with a given probability, such as the demand to stock for."""

@overload
def quantile_loss(
    input: Tensor,
    target: Tensor,
    *,
    quantile: float = 0.5,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def multi_quantile_loss(
    input: Tensor,
    target: Tensor,
    *,
    quantiles: Sequence[float] | Tensor,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Several quantiles of each target from one head: a forecast with its range."""

@overload
def multi_quantile_loss(
    input: Tensor,
    target: Tensor,
    *,
    quantiles: Sequence[float] | Tensor,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    log_variance: Tensor,
    *,
    full: bool = False,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Regression that also says how sure it is: a mean and a variance for every target."""

@overload
def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    log_variance: Tensor,
    *,
    full: bool = False,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def beta_nll_loss(
    input: Tensor,
    target: Tensor,
    log_variance: Tensor,
    *,
    beta: float = 0.5,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """The Gaussian likelihood with each sample weighted by σ^2β, so that the mean learns from uncertain samples too."""

@overload
def beta_nll_loss(
    input: Tensor,
    target: Tensor,
    log_variance: Tensor,
    *,
    beta: float = 0.5,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def student_t_nll_loss(
    input: Tensor,
    target: Tensor,
    log_scale: Tensor,
    *,
    df: float = 4.0,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """A location and a scale for every target, with tails heavy enough that outliers do not spoil them."""

@overload
def student_t_nll_loss(
    input: Tensor,
    target: Tensor,
    log_scale: Tensor,
    *,
    df: float = 4.0,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def crps_gaussian_loss(
    input: Tensor,
    target: Tensor,
    log_variance: Tensor,
    *,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """A mean and a variance for every target, judged in the target's own units and calmly about outliers."""

@overload
def crps_gaussian_loss(
    input: Tensor,
    target: Tensor,
    log_variance: Tensor,
    *,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def crps_ensemble_loss(
    input: Tensor,
    target: Tensor,
    *,
    fair: bool = False,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """M predictions for every target, as samples of its distribution: near the target, and as far apart as it varies."""

@overload
def crps_ensemble_loss(
    input: Tensor,
    target: Tensor,
    *,
    fair: bool = False,
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

@overload
def nt_xent_loss(
    first: Tensor,
    second: Tensor,
    *,
    temperature: float | Tensor = 0.5,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Two views of each sample, without labels: each of the 2N views is to find the other among 2N - 1."""

@overload
def nt_xent_loss(
    first: Tensor,
    second: Tensor,
    *,
    temperature: float | Tensor = 0.5,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def clip_loss(
    image: Tensor,
    text: Tensor,
    logit_scale: Tensor,
    *,
    max_scale: float = 100.0,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Pairs of two kinds, images and texts: each finds its partner in the batch. The temperature is learned."""

@overload
def clip_loss(
    image: Tensor,
    text: Tensor,
    logit_scale: Tensor,
    *,
    max_scale: float = 100.0,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def siglip_loss(
    image: Tensor,
    text: Tensor,
    logit_scale: Tensor,
    logit_bias: Tensor,
    *,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Pairs of images and texts, each combination of the batch judged by itself: it works with small batches too."""

@overload
def siglip_loss(
    image: Tensor,
    text: Tensor,
    logit_scale: Tensor,
    logit_bias: Tensor,
    *,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def supervised_contrastive_loss(
    embeddings: Tensor,
    labels: Tensor,
    *,
    temperature: float | Tensor = 0.1,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Embeddings with labels: each sample is to be near all others of its label and far from the rest."""

@overload
def supervised_contrastive_loss(
    embeddings: Tensor,
    labels: Tensor,
    *,
    temperature: float | Tensor = 0.1,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    margin: float | None = 1.0,
    swap: bool = False,
    squared: bool = False,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Given triplets: the anchor is to be nearer to the positive than to the negative, by a margin."""

@overload
def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    margin: float | None = 1.0,
    swap: bool = False,
    squared: bool = False,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def batch_hard_triplet_loss(
    embeddings: Tensor,
    labels: Tensor,
    *,
    margin: float | None = 0.2,
    squared: bool = False,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Embeddings with labels: each anchor with the farthest sample of its label and the nearest of another."""

@overload
def batch_hard_triplet_loss(
    embeddings: Tensor,
    labels: Tensor,
    *,
    margin: float | None = 0.2,
    squared: bool = False,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def semi_hard_triplet_loss(
    embeddings: Tensor,
    labels: Tensor,
    *,
    margin: float | None = 0.2,
    squared: bool = False,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Embeddings with labels: each pair of a label with the nearest sample of another that is farther off."""

@overload
def semi_hard_triplet_loss(
    embeddings: Tensor,
    labels: Tensor,
    *,
    margin: float | None = 0.2,
    squared: bool = False,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def arcface_loss(
    embeddings: Tensor,
    target: Tensor,
    centers: Tensor,
    *,
    scale: float = 64.0,
    margin: float = 0.5,
    easy_margin: bool = False,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
    class_weight: Tensor | None = None,
) -> Tensor:
    """Embeddings for telling classes apart by angle, trained as a classifier that must be right by an angle m."""

@overload
def arcface_loss(
    embeddings: Tensor,
    target: Tensor,
    centers: Tensor,
    *,
    scale: float = 64.0,
    margin: float = 0.5,
    easy_margin: bool = False,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
    class_weight: Tensor | None = None,
) -> Total: ...

@overload
def cosface_loss(
    embeddings: Tensor,
    target: Tensor,
    centers: Tensor,
    *,
    scale: float = 64.0,
    margin: float = 0.35,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
    class_weight: Tensor | None = None,
) -> Tensor:
    """As ArcFace, with the margin taken from the cosine: the true class must be right by m of cosine."""

@overload
def cosface_loss(
    embeddings: Tensor,
    target: Tensor,
    centers: Tensor,
    *,
    scale: float = 64.0,
    margin: float = 0.35,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
    class_weight: Tensor | None = None,
) -> Total: ...

@overload
def distillation_loss(
    student: Tensor,
    teacher: Tensor,
    *,
    temperature: float = 1.0,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """A student learns the whole distribution that a teacher gives, not only its first choice."""

@overload
def distillation_loss(
    student: Tensor,
    teacher: Tensor,
    *,
    temperature: float = 1.0,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def reverse_distillation_loss(
    student: Tensor,
    teacher: Tensor,
    *,
    temperature: float = 1.0,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """A student too small for all that the teacher does learns its main choices well, and leaves out the rest."""

@overload
def reverse_distillation_loss(
    student: Tensor,
    teacher: Tensor,
    *,
    temperature: float = 1.0,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def js_distillation_loss(
    student: Tensor,
    teacher: Tensor,
    *,
    beta: float = 0.5,
    temperature: float = 1.0,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Between forward and reverse KL: bounded, and finite even where one rules out what the other does not."""

@overload
def js_distillation_loss(
    student: Tensor,
    teacher: Tensor,
    *,
    beta: float = 0.5,
    temperature: float = 1.0,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def decoupled_distillation_loss(
    student: Tensor,
    teacher: Tensor,
    target: Tensor,
    *,
    alpha: float = 1.0,
    beta: float = 8.0,
    temperature: float = 4.0,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
    class_weight: Tensor | None = None,
) -> Tensor:
    """Distillation whose two parts are weighed apart, so that what the teacher thinks of the other classes is not lost where it is sure of the target."""

@overload
def decoupled_distillation_loss(
    student: Tensor,
    teacher: Tensor,
    target: Tensor,
    *,
    alpha: float = 1.0,
    beta: float = 8.0,
    temperature: float = 4.0,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
    class_weight: Tensor | None = None,
) -> Total: ...

@overload
def coral_loss(
    input: Tensor,
    target: Tensor,
    *,
    importance_weights: Tensor | None = None,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
    class_weight: Tensor | None = None,
) -> Tensor:
    """Classes with an order, as grades, stages or ages: far off is worse than close by."""

@overload
def coral_loss(
    input: Tensor,
    target: Tensor,
    *,
    importance_weights: Tensor | None = None,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
    class_weight: Tensor | None = None,
) -> Total: ...

@overload
def corn_loss(
    input: Tensor,
    target: Tensor,
    *,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
    class_weight: Tensor | None = None,
) -> Tensor:
    """Classes with an order, without a restriction on the last layer: is it above this threshold, given that it is above the one before?"""

@overload
def corn_loss(
    input: Tensor,
    target: Tensor,
    *,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
    class_weight: Tensor | None = None,
) -> Total: ...

@overload
def ranknet_loss(
    scores: Tensor,
    relevance: Tensor,
    *,
    sigma: float = 1.0,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Documents of a list by pairs: the one of the higher grade is to have the higher score."""

@overload
def ranknet_loss(
    scores: Tensor,
    relevance: Tensor,
    *,
    sigma: float = 1.0,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def bpr_loss(
    positive: Tensor,
    negative: Tensor,
    *,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Recommend from clicks alone: an item that the user took is to score higher than one drawn at random."""

@overload
def bpr_loss(
    positive: Tensor,
    negative: Tensor,
    *,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def lambdarank_loss(
    scores: Tensor,
    relevance: Tensor,
    *,
    sigma: float = 1.0,
    k: int | None = None,
    gain: str = "exponential",
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """As RankNet, each pair weighed by how much NDCG changes if the two documents change places: the top of the list counts most."""

@overload
def lambdarank_loss(
    scores: Tensor,
    relevance: Tensor,
    *,
    sigma: float = 1.0,
    k: int | None = None,
    gain: str = "exponential",
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def listnet_loss(
    scores: Tensor,
    relevance: Tensor,
    *,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """A list as a whole: the softmax of the scores is to be the softmax of the relevance."""

@overload
def listnet_loss(
    scores: Tensor,
    relevance: Tensor,
    *,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def listmle_loss(
    scores: Tensor,
    relevance: Tensor,
    *,
    ties: str = "efron",
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """A list as a whole: the probability of the right order, when documents are chosen one after the other by the softmax of their scores."""

@overload
def listmle_loss(
    scores: Tensor,
    relevance: Tensor,
    *,
    ties: str = "efron",
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def dpo_loss(
    policy_chosen: Tensor,
    policy_rejected: Tensor,
    reference_chosen: Tensor,
    reference_rejected: Tensor,
    *,
    beta: float = 0.1,
    label_smoothing: float = 0.0,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Train a language model on pairs of a chosen and a rejected answer, without a reward model. With label smoothing it is the conservative cDPO."""

@overload
def dpo_loss(
    policy_chosen: Tensor,
    policy_rejected: Tensor,
    reference_chosen: Tensor,
    reference_rejected: Tensor,
    *,
    beta: float = 0.1,
    label_smoothing: float = 0.0,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def robust_dpo_loss(
    policy_chosen: Tensor,
    policy_rejected: Tensor,
    reference_chosen: Tensor,
    reference_rejected: Tensor,
    *,
    beta: float = 0.1,
    label_smoothing: float = 0.1,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """DPO where a known share of the pairs is the wrong way round: its mean is that of DPO on the right ones."""

@overload
def robust_dpo_loss(
    policy_chosen: Tensor,
    policy_rejected: Tensor,
    reference_chosen: Tensor,
    reference_rejected: Tensor,
    *,
    beta: float = 0.1,
    label_smoothing: float = 0.1,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def ipo_loss(
    policy_chosen: Tensor,
    policy_rejected: Tensor,
    reference_chosen: Tensor,
    reference_rejected: Tensor,
    *,
    beta: float = 0.1,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Pairs of answers, with a margin to reach and not to pass: it does not drive the ratio to infinity where every pair agrees."""

@overload
def ipo_loss(
    policy_chosen: Tensor,
    policy_rejected: Tensor,
    reference_chosen: Tensor,
    reference_rejected: Tensor,
    *,
    beta: float = 0.1,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def kto_loss(
    policy: Tensor,
    reference: Tensor,
    desirable: Tensor,
    kl: Tensor,
    *,
    beta: float = 0.1,
    desirable_weight: float = 1.0,
    undesirable_weight: float = 1.0,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Answers marked good or bad one by one, without pairs: thumbs up and down."""

@overload
def kto_loss(
    policy: Tensor,
    reference: Tensor,
    desirable: Tensor,
    kl: Tensor,
    *,
    beta: float = 0.1,
    desirable_weight: float = 1.0,
    undesirable_weight: float = 1.0,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def simpo_loss(
    chosen: Tensor,
    rejected: Tensor,
    *,
    beta: float = 2.0,
    gamma: float = 0.5,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Pairs of answers without a reference model: the mean log-probability of a token is the reward, and the chosen answer is to lead by a margin."""

@overload
def simpo_loss(
    chosen: Tensor,
    rejected: Tensor,
    *,
    beta: float = 2.0,
    gamma: float = 0.5,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def orpo_loss(
    chosen: Tensor,
    rejected: Tensor,
    *,
    beta: float = 0.1,
    nll_weight: float = 1.0,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Fine-tuning and preferences in one step, without a reference model: the likelihood of the chosen answer, plus a penalty on the odds of the rejected one."""

@overload
def orpo_loss(
    chosen: Tensor,
    rejected: Tensor,
    *,
    beta: float = 0.1,
    nll_weight: float = 1.0,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def reward_model_loss(
    chosen: Tensor,
    rejected: Tensor,
    *,
    margin: float | Tensor = 0.0,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Train a model that scores answers, from pairs of which one was preferred."""

@overload
def reward_model_loss(
    chosen: Tensor,
    rejected: Tensor,
    *,
    margin: float | Tensor = 0.0,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def ppo_clip_loss(
    log_prob: Tensor,
    old_log_prob: Tensor,
    advantage: Tensor,
    *,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    dual_clip: float | None = None,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Make actions with a positive advantage likelier and others less likely, but not by more than the clip allows, from samples that an older policy drew."""

@overload
def ppo_clip_loss(
    log_prob: Tensor,
    old_log_prob: Tensor,
    advantage: Tensor,
    *,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    dual_clip: float | None = None,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def grpo_loss(
    log_prob: Tensor,
    old_log_prob: Tensor,
    reference_log_prob: Tensor,
    advantage: Tensor,
    *,
    beta: float = 0.04,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    dual_clip: float | None = None,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Train a language model on several answers to each prompt, each with a reward: better than its group becomes likelier. What the tokens are divided by is said, not hidden: the mask and the denominator make it GRPO, DAPO or Dr. GRPO."""

@overload
def grpo_loss(
    log_prob: Tensor,
    old_log_prob: Tensor,
    reference_log_prob: Tensor,
    advantage: Tensor,
    *,
    beta: float = 0.04,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    dual_clip: float | None = None,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def language_model_cross_entropy(
    input: Tensor,
    target: Tensor,
    *,
    z_loss: float = 0.0,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
    class_weight: Tensor | None = None,
) -> Tensor:
    """The next token of every position, the vocabulary on the last axis as language models give it; a z-loss keeps the logits from drifting."""

@overload
def language_model_cross_entropy(
    input: Tensor,
    target: Tensor,
    *,
    z_loss: float = 0.0,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
    class_weight: Tensor | None = None,
) -> Total: ...

@overload
def moe_load_balance_loss(
    input: Tensor,
    *,
    top_k: int = 1,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Keep the router of a mixture of experts from sending most tokens to a few of them; added to the main loss with a weight near 0.01."""

@overload
def moe_load_balance_loss(
    input: Tensor,
    *,
    top_k: int = 1,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def router_z_loss(
    input: Tensor,
    *,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Keep the logits of a mixture's router small, so that its softmax is not rounded to one expert; added with a weight near 0.001."""

@overload
def router_z_loss(
    input: Tensor,
    *,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def linear_chain_crf_loss(
    emissions: Tensor,
    tags: Tensor,
    transitions: Tensor,
    start: Tensor,
    end: Tensor,
    *,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
) -> Tensor:
    """A tag for each step of a sequence, where neighbouring tags depend on each other: entities, segments. crf_decode finds the best path."""

@overload
def linear_chain_crf_loss(
    emissions: Tensor,
    tags: Tensor,
    transitions: Tensor,
    start: Tensor,
    end: Tensor,
    *,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
    ignore_index: int | None = -100,
) -> Total: ...

@overload
def cox_loss(
    log_hazard: Tensor,
    time: Tensor,
    event: Tensor,
    *,
    ties: str = "efron",
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Times until an event, some of them only known to be longer (censored): who has it before whom, and how much more likely."""

@overload
def cox_loss(
    log_hazard: Tensor,
    time: Tensor,
    event: Tensor,
    *,
    ties: str = "efron",
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def ssim_loss(
    input: Tensor,
    target: Tensor,
    *,
    data_range: float = 1.0,
    window_size: int = 11,
    sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Restored or generated images beside the true ones: 1 minus the similarity of local means, contrasts and patterns."""

@overload
def ssim_loss(
    input: Tensor,
    target: Tensor,
    *,
    data_range: float = 1.0,
    window_size: int = 11,
    sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def ms_ssim_loss(
    input: Tensor,
    target: Tensor,
    *,
    data_range: float = 1.0,
    window_size: int = 11,
    sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    betas: tuple[float, ...] = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333),
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """SSIM at several scales, each half as large as the one before: fine detail and layout at once."""

@overload
def ms_ssim_loss(
    input: Tensor,
    target: Tensor,
    *,
    data_range: float = 1.0,
    window_size: int = 11,
    sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
    betas: tuple[float, ...] = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333),
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...

@overload
def si_sdr_loss(
    input: Tensor,
    target: Tensor,
    *,
    zero_mean: bool = True,
    eps: float = 1e-10,
    reduction: Literal["mean", "sum", "none"] = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Tensor:
    """Separation and enhancement of speech and music: minus the SI-SDR, in decibels, whatever the output's loudness."""

@overload
def si_sdr_loss(
    input: Tensor,
    target: Tensor,
    *,
    zero_mean: bool = True,
    eps: float = 1e-10,
    reduction: Literal["total"],
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Total: ...
