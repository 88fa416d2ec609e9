"""Written by tools/make_stubs.py from the declarations. Do not edit: make docs."""

from collections.abc import Sequence
from typing import Any, Literal, overload

from torch import Tensor

from ._reduce import Denominator, Reduction

from . import functional as functional
from ._build import Loss as Loss
from ._call import Asked as Asked
from ._call import watching as watching
from ._catalog import Catalog as Catalog
from ._combine import Combined as Combined
from ._combine import UncertaintyWeighting as UncertaintyWeighting
from ._combine import WeightedSum as WeightedSum
from ._crf import crf_decode as crf_decode
from ._curves import curves as curves
from ._distribution import DistributionNLLLoss as DistributionNLLLoss
from ._facts import LANGUAGES as LANGUAGES
from ._facts import Language as Language
from ._facts import say as say
from ._families import FAMILIES as FAMILIES
from ._gather import gather_with_gradient as gather_with_gradient
from ._grpo import group_advantage as group_advantage
from ._kto import kto_reference_point as kto_reference_point
from ._language import sequence_log_prob as sequence_log_prob
from ._long_tail import class_balanced_weight as class_balanced_weight
from ._markdown import page as page
from ._mixup import mixup_loss as mixup_loss
from ._ordinal import coral_decode as coral_decode
from ._ordinal import corn_decode as corn_decode
from ._reduce import Total as Total
from ._reduce import reduce as reduce
from ._shapes import sizes as sizes
from ._show import listing as listing
from ._show import text as text
from ._spec import LossSpec as LossSpec
from ._spec import Text as Text

catalog: Catalog

class CrossEntropyLoss(Loss):
    """One of C classes per sample, with label smoothing if asked."""

    def __init__(
        self,
        *,
        label_smoothing: float = 0.0,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
        ignore_index: int | None = -100,
        class_weight: Tensor | None = None,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class SoftTargetCrossEntropyLoss(Loss):
    """The target is a distribution over C classes: labels by several people, mixed images, a teacher."""

    def __init__(
        self,
        *,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class BCEWithLogitsLoss(Loss):
    """Independent yes-or-no labels, one or many per sample; masks leave out the labels nobody knows."""

    def __init__(
        self,
        *,
        pos_weight: float | Tensor | None = None,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class Poly1CrossEntropyLoss(Loss):
    """Cross-entropy whose first polynomial term has a weight of its own, one number to tune for a task."""

    def __init__(
        self,
        *,
        epsilon: float = 1.0,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
        ignore_index: int | None = -100,
        class_weight: Tensor | None = None,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class SparsemaxLoss(Loss):
    """A classifier whose probabilities, the sparsemax of its scores, are exactly 0 for most classes."""

    def __init__(
        self,
        *,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
        ignore_index: int | None = -100,
        class_weight: Tensor | None = None,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class AsymmetricLoss(Loss):
    """Many labels per sample, nearly all negative, some of them negative by mistake: a focus for each sign, and negatives that are easy enough are dropped."""

    def __init__(
        self,
        *,
        gamma_negative: float = 4.0,
        gamma_positive: float = 1.0,
        shift: float = 0.05,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class HingeLoss(Loss):
    """Yes-or-no labels as -1 and 1, each to be right by a margin; beyond it nothing is asked for."""

    def __init__(
        self,
        *,
        margin: float = 1.0,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class FocalLoss(Loss):
    """One of C classes per sample, where most samples are easy and would drown the few hard ones."""

    def __init__(
        self,
        *,
        gamma: float = 2.0,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
        ignore_index: int | None = -100,
        class_weight: Tensor | None = None,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class SigmoidFocalLoss(Loss):
    """Independent labels of which very few are positive, as the anchors of a detector."""

    def __init__(
        self,
        *,
        gamma: float = 2.0,
        alpha: float | None = None,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class LogitAdjustedCrossEntropyLoss(Loss):
    """Long-tailed classes, when all classes count alike at test time: the prior is added in training and left out at prediction."""

    def __init__(
        self,
        *,
        prior: Tensor,
        tau: float = 1.0,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
        ignore_index: int | None = -100,
        class_weight: Tensor | None = None,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class BalancedSoftmaxLoss(Loss):
    """Long-tailed classes, when all classes count alike at test time; it takes the counts and nothing to tune."""

    def __init__(
        self,
        *,
        counts: Tensor,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
        ignore_index: int | None = -100,
        class_weight: Tensor | None = None,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class LDAMLoss(Loss):
    """Long-tailed classes with cosine scores: the rarer the class, the larger the margin it must win by."""

    def __init__(
        self,
        *,
        counts: Tensor,
        max_margin: float = 0.5,
        scale: float = 30.0,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
        ignore_index: int | None = -100,
        class_weight: Tensor | None = None,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class ClassBalancedCrossEntropyLoss(Loss):
    """Classes weighed by the inverse of their effective number of samples, between equal weights and 1/n."""

    def __init__(
        self,
        *,
        counts: Tensor,
        beta: float = 0.9999,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
        ignore_index: int | None = -100,
        class_weight: Tensor | None = None,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class GeneralizedCrossEntropyLoss(Loss):
    """Some labels are wrong: between cross-entropy (q = 0), which learns them by heart, and the mean absolute error (q = 1), which hardly learns."""

    def __init__(
        self,
        *,
        q: float = 0.7,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
        ignore_index: int | None = -100,
        class_weight: Tensor | None = None,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class SymmetricCrossEntropyLoss(Loss):
    """Some labels are wrong: cross-entropy to learn the hard classes, and its reverse, which is bounded, against the noise."""

    def __init__(
        self,
        *,
        alpha: float = 0.1,
        beta: float = 1.0,
        log_zero: float = -4.0,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
        ignore_index: int | None = -100,
        class_weight: Tensor | None = None,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class ActivePassiveLoss(Loss):
    """Many labels are wrong, up to most of them: a normalized loss, robust but weak, with a bounded one to make up for it."""

    def __init__(
        self,
        *,
        alpha: float = 1.0,
        beta: float = 1.0,
        active: str = "nce",
        passive: str = "rce",
        gamma: float = 0.5,
        log_zero: float = -4.0,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
        ignore_index: int | None = -100,
        class_weight: Tensor | None = None,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class BiTemperedLogisticLoss(Loss):
    """Some labels are wrong: t1 < 1 bounds what one sample can cost, t2 > 1 gives probabilities heavy tails near the boundary."""

    def __init__(
        self,
        *,
        t1: float = 0.8,
        t2: float = 1.4,
        label_smoothing: float = 0.0,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
        ignore_index: int | None = -100,
        class_weight: Tensor | None = None,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class DiceLoss(Loss):
    """Segmentation whose classes take very different shares of the image: each class counts the same."""

    def __init__(
        self,
        *,
        activation: str = "softmax",
        include_background: bool = True,
        absent: str = "skip",
        smooth: float = 0.0,
        batch: bool = False,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
        ignore_index: int | None = -100,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class JaccardLoss(Loss):
    """Segmentation that is scored by intersection over union."""

    def __init__(
        self,
        *,
        activation: str = "softmax",
        include_background: bool = True,
        absent: str = "skip",
        smooth: float = 0.0,
        batch: bool = False,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
        ignore_index: int | None = -100,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class GeneralizedDiceLoss(Loss):
    """Segmentation of classes of very different sizes: one score per image, each class weighted by its size."""

    def __init__(
        self,
        *,
        weighting: str = "square",
        activation: str = "softmax",
        include_background: bool = True,
        absent: str = "skip",
        batch: bool = False,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
        ignore_index: int | None = -100,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class DiceCELoss(Loss):
    """The usual loss of medical segmentation: Dice evens out the classes, cross-entropy reaches every pixel."""

    def __init__(
        self,
        *,
        dice_weight: float = 1.0,
        ce_weight: float = 1.0,
        activation: str = "softmax",
        include_background: bool = True,
        absent: str = "skip",
        smooth: float = 0.0,
        batch: bool = False,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
        ignore_index: int | None = -100,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class TverskyLoss(Loss):
    """Segmentation where a missed pixel and a false one are not equally bad: small lesions, for instance."""

    def __init__(
        self,
        *,
        alpha: float = 0.3,
        beta: float = 0.7,
        activation: str = "softmax",
        include_background: bool = True,
        absent: str = "skip",
        smooth: float = 0.0,
        batch: bool = False,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
        ignore_index: int | None = -100,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class FocalTverskyLoss(Loss):
    """Tversky's loss raised to a power, so that images and classes of middling overlap count more or less."""

    def __init__(
        self,
        *,
        alpha: float = 0.3,
        beta: float = 0.7,
        gamma: float = 1.3333333333333333,
        activation: str = "softmax",
        include_background: bool = True,
        absent: str = "skip",
        smooth: float = 0.0,
        batch: bool = False,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
        ignore_index: int | None = -100,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class LovaszSoftmaxLoss(Loss):
    """Segmentation scored by the IoU of its masks: the loss equals 1 - IoU where all probabilities are 0 or 1."""

    def __init__(
        self,
        *,
        classes: str = "present",
        batch: bool = False,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
        ignore_index: int | None = -100,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class LovaszHingeLoss(Loss):
    """One foreground, scored by IoU: the Lovász extension over hinge errors."""

    def __init__(
        self,
        *,
        batch: bool = False,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class IoULoss(Loss):
    """Boxes that overlap their targets already: 1 minus intersection over union, whatever their size."""

    def __init__(
        self,
        *,
        mode: str = "linear",
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class GIoULoss(Loss):
    """Boxes that may miss their targets: IoU, and the empty share of the box around both."""

    def __init__(
        self,
        *,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class DIoULoss(Loss):
    """Boxes that may miss their targets: IoU, and the distance of the centres, which draws them together at once."""

    def __init__(
        self,
        *,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class CIoULoss(Loss):
    """The usual box loss of one-stage detectors: IoU, the distance of the centres, and the aspect ratio."""

    def __init__(
        self,
        *,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class QualityFocalLoss(Loss):
    """Scores whose label is a quality between 0 and 1, such as the IoU of the box, and mostly 0."""

    def __init__(
        self,
        *,
        beta: float = 2.0,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class VarifocalLoss(Loss):
    """Scores that are to rank boxes by quality: positives weigh as much as their quality, easy negatives little."""

    def __init__(
        self,
        *,
        alpha: float = 0.75,
        gamma: float = 2.0,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class DistributionFocalLoss(Loss):
    """A number predicted as a distribution over the bins 0 to n, such as the distance to each side of a box."""

    def __init__(
        self,
        *,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class MSELoss(Loss):
    """Real numbers whose errors are about as large everywhere; it learns the mean of the target."""

    def __init__(
        self,
        *,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class L1Loss(Loss):
    """Real numbers among outliers; it learns the median of the target."""

    def __init__(
        self,
        *,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class HuberLoss(Loss):
    """Half the squared error up to delta, then a straight line: exact on good data, calm about outliers."""

    def __init__(
        self,
        *,
        delta: float = 1.0,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class SmoothL1Loss(Loss):
    """The absolute error with its corner rounded off below beta, as in box regression."""

    def __init__(
        self,
        *,
        beta: float = 1.0,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class LogCoshLoss(Loss):
    """Squared error for small errors, absolute error for large ones, smooth everywhere."""

    def __init__(
        self,
        *,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class CharbonnierLoss(Loss):
    """The absolute error with a rounded tip of width epsilon: the usual loss of image restoration."""

    def __init__(
        self,
        *,
        epsilon: float = 0.001,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class GeneralRobustLoss(Loss):
    """One number, alpha, sets how little outliers count: 2 is least squares, 1 pseudo-Huber, 0 Cauchy, -2 Geman-McClure, -inf Welsch."""

    def __init__(
        self,
        *,
        alpha: float = 1.0,
        scale: float = 1.0,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class AdaptiveRobustLoss(Loss):
    """The general robust loss with a learned shape and scale for each channel: the data say how heavy their tails are."""

    def __init__(
        self,
        *,
        num_dims: int,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class QuantileLoss(Loss):
    """The value that the target stays below with a given probability, such as the demand to stock for."""

    def __init__(
        self,
        *,
        quantile: float = 0.5,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class MultiQuantileLoss(Loss):
    """Several quantiles of each target from one head: a forecast with its range."""

    def __init__(
        self,
        *,
        quantiles: Sequence[float] | Tensor,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class GaussianNLLLoss(Loss):
    """Regression that also says how sure it is: a mean and a variance for every target."""

    def __init__(
        self,
        *,
        full: bool = False,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        log_variance: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class BetaNLLLoss(Loss):
    """The Gaussian likelihood with each sample weighted by σ^2β, so that the mean learns from uncertain samples too."""

    def __init__(
        self,
        *,
        beta: float = 0.5,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        log_variance: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class StudentTNLLLoss(Loss):
    """A location and a scale for every target, with tails heavy enough that outliers do not spoil them."""

    def __init__(
        self,
        *,
        df: float = 4.0,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        log_scale: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class CRPSGaussianLoss(Loss):
    """A mean and a variance for every target, judged in the target's own units and calmly about outliers."""

    def __init__(
        self,
        *,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        log_variance: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class CRPSEnsembleLoss(Loss):
    """M predictions for every target, as samples of its distribution: near the target, and as far apart as it varies."""

    def __init__(
        self,
        *,
        fair: bool = False,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class InfoNCELoss(Loss):
    """Pull each query to its key and push it from the other keys of the batch."""

    def __init__(
        self,
        *,
        temperature: float | Tensor = 0.07,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        query: Tensor,
        key: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class NTXentLoss(Loss):
    """Two views of each sample, without labels: each of the 2N views is to find the other among 2N - 1."""

    def __init__(
        self,
        *,
        temperature: float | Tensor = 0.5,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        first: Tensor,
        second: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class CLIPLoss(Loss):
    """Pairs of two kinds, images and texts: each finds its partner in the batch. The temperature is learned."""

    def __init__(
        self,
        *,
        max_scale: float = 100.0,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        image: Tensor,
        text: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class SigLIPLoss(Loss):
    """Pairs of images and texts, each combination of the batch judged by itself: it works with small batches too."""

    def __init__(
        self,
        *,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        image: Tensor,
        text: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class SupervisedContrastiveLoss(Loss):
    """Embeddings with labels: each sample is to be near all others of its label and far from the rest."""

    def __init__(
        self,
        *,
        temperature: float | Tensor = 0.1,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        embeddings: Tensor,
        labels: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class TripletMarginLoss(Loss):
    """Given triplets: the anchor is to be nearer to the positive than to the negative, by a margin."""

    def __init__(
        self,
        *,
        margin: float | None = 1.0,
        swap: bool = False,
        squared: bool = False,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        anchor: Tensor,
        positive: Tensor,
        negative: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class BatchHardTripletLoss(Loss):
    """Embeddings with labels: each anchor with the farthest sample of its label and the nearest of another."""

    def __init__(
        self,
        *,
        margin: float | None = 0.2,
        squared: bool = False,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        embeddings: Tensor,
        labels: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class SemiHardTripletLoss(Loss):
    """Embeddings with labels: each pair of a label with the nearest sample of another that is farther off."""

    def __init__(
        self,
        *,
        margin: float | None = 0.2,
        squared: bool = False,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        embeddings: Tensor,
        labels: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class ArcFaceLoss(Loss):
    """Embeddings for telling classes apart by angle, trained as a classifier that must be right by an angle m."""

    def __init__(
        self,
        *,
        num_classes: int,
        embedding_dim: int,
        scale: float = 64.0,
        margin: float = 0.5,
        easy_margin: bool = False,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
        ignore_index: int | None = -100,
        class_weight: Tensor | None = None,
    ) -> None: ...
    def __call__(
        self,
        embeddings: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class CosFaceLoss(Loss):
    """As ArcFace, with the margin taken from the cosine: the true class must be right by m of cosine."""

    def __init__(
        self,
        *,
        num_classes: int,
        embedding_dim: int,
        scale: float = 64.0,
        margin: float = 0.35,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
        ignore_index: int | None = -100,
        class_weight: Tensor | None = None,
    ) -> None: ...
    def __call__(
        self,
        embeddings: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class DistillationLoss(Loss):
    """A student learns the whole distribution that a teacher gives, not only its first choice."""

    def __init__(
        self,
        *,
        temperature: float = 1.0,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        student: Tensor,
        teacher: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class ReverseDistillationLoss(Loss):
    """A student too small for all that the teacher does learns its main choices well, and leaves out the rest."""

    def __init__(
        self,
        *,
        temperature: float = 1.0,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        student: Tensor,
        teacher: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class JSDistillationLoss(Loss):
    """Between forward and reverse KL: bounded, and finite even where one rules out what the other does not."""

    def __init__(
        self,
        *,
        beta: float = 0.5,
        temperature: float = 1.0,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        student: Tensor,
        teacher: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class DecoupledDistillationLoss(Loss):
    """Distillation whose two parts are weighed apart, so that what the teacher thinks of the other classes is not lost where it is sure of the target."""

    def __init__(
        self,
        *,
        alpha: float = 1.0,
        beta: float = 8.0,
        temperature: float = 4.0,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
        ignore_index: int | None = -100,
        class_weight: Tensor | None = None,
    ) -> None: ...
    def __call__(
        self,
        student: Tensor,
        teacher: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class CORALLoss(Loss):
    """Classes with an order, as grades, stages or ages: far off is worse than close by."""

    def __init__(
        self,
        *,
        importance_weights: Tensor | None = None,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
        ignore_index: int | None = -100,
        class_weight: Tensor | None = None,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class CORNLoss(Loss):
    """Classes with an order, without a restriction on the last layer: is it above this threshold, given that it is above the one before?"""

    def __init__(
        self,
        *,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
        ignore_index: int | None = -100,
        class_weight: Tensor | None = None,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class RankNetLoss(Loss):
    """Documents of a list by pairs: the one of the higher grade is to have the higher score."""

    def __init__(
        self,
        *,
        sigma: float = 1.0,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        scores: Tensor,
        relevance: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class BPRLoss(Loss):
    """Recommend from clicks alone: an item that the user took is to score higher than one drawn at random."""

    def __init__(
        self,
        *,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        positive: Tensor,
        negative: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class LambdaRankLoss(Loss):
    """As RankNet, each pair weighed by how much NDCG changes if the two documents change places: the top of the list counts most."""

    def __init__(
        self,
        *,
        sigma: float = 1.0,
        k: int | None = None,
        gain: str = "exponential",
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        scores: Tensor,
        relevance: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class ListNetLoss(Loss):
    """A list as a whole: the softmax of the scores is to be the softmax of the relevance."""

    def __init__(
        self,
        *,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        scores: Tensor,
        relevance: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class ListMLELoss(Loss):
    """A list as a whole: the probability of the right order, when documents are chosen one after the other by the softmax of their scores."""

    def __init__(
        self,
        *,
        ties: str = "efron",
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        scores: Tensor,
        relevance: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class DPOLoss(Loss):
    """Train a language model on pairs of a chosen and a rejected answer, without a reward model. With label smoothing it is the conservative cDPO."""

    def __init__(
        self,
        *,
        beta: float = 0.1,
        label_smoothing: float = 0.0,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        policy_chosen: Tensor,
        policy_rejected: Tensor,
        reference_chosen: Tensor,
        reference_rejected: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class RobustDPOLoss(Loss):
    """DPO where a known share of the pairs is the wrong way round: its mean is that of DPO on the right ones."""

    def __init__(
        self,
        *,
        beta: float = 0.1,
        label_smoothing: float = 0.1,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        policy_chosen: Tensor,
        policy_rejected: Tensor,
        reference_chosen: Tensor,
        reference_rejected: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class IPOLoss(Loss):
    """Pairs of answers, with a margin to reach and not to pass: it does not drive the ratio to infinity where every pair agrees."""

    def __init__(
        self,
        *,
        beta: float = 0.1,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        policy_chosen: Tensor,
        policy_rejected: Tensor,
        reference_chosen: Tensor,
        reference_rejected: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class KTOLoss(Loss):
    """Answers marked good or bad one by one, without pairs: thumbs up and down."""

    def __init__(
        self,
        *,
        beta: float = 0.1,
        desirable_weight: float = 1.0,
        undesirable_weight: float = 1.0,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        policy: Tensor,
        reference: Tensor,
        desirable: Tensor,
        kl: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class SimPOLoss(Loss):
    """Pairs of answers without a reference model: the mean log-probability of a token is the reward, and the chosen answer is to lead by a margin."""

    def __init__(
        self,
        *,
        beta: float = 2.0,
        gamma: float = 0.5,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        chosen: Tensor,
        rejected: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class ORPOLoss(Loss):
    """Fine-tuning and preferences in one step, without a reference model: the likelihood of the chosen answer, plus a penalty on the odds of the rejected one."""

    def __init__(
        self,
        *,
        beta: float = 0.1,
        nll_weight: float = 1.0,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        chosen: Tensor,
        rejected: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class RewardModelLoss(Loss):
    """Train a model that scores answers, from pairs of which one was preferred."""

    def __init__(
        self,
        *,
        margin: float | Tensor = 0.0,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        chosen: Tensor,
        rejected: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class PPOClipLoss(Loss):
    """Make actions with a positive advantage likelier and others less likely, but not by more than the clip allows, from samples that an older policy drew."""

    def __init__(
        self,
        *,
        clip_low: float = 0.2,
        clip_high: float = 0.2,
        dual_clip: float | None = None,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        log_prob: Tensor,
        old_log_prob: Tensor,
        advantage: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class GRPOLoss(Loss):
    """Train a language model on several answers to each prompt, each with a reward: better than its group becomes likelier. What the tokens are divided by is said, not hidden: the mask and the denominator make it GRPO, DAPO or Dr. GRPO."""

    def __init__(
        self,
        *,
        beta: float = 0.04,
        clip_low: float = 0.2,
        clip_high: float = 0.2,
        dual_clip: float | None = None,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        log_prob: Tensor,
        old_log_prob: Tensor,
        reference_log_prob: Tensor,
        advantage: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class LanguageModelCrossEntropyLoss(Loss):
    """The next token of every position, the vocabulary on the last axis as language models give it; a z-loss keeps the logits from drifting."""

    def __init__(
        self,
        *,
        z_loss: float = 0.0,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
        ignore_index: int | None = -100,
        class_weight: Tensor | None = None,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class MoELoadBalanceLoss(Loss):
    """Keep the router of a mixture of experts from sending most tokens to a few of them; added to the main loss with a weight near 0.01."""

    def __init__(
        self,
        *,
        top_k: int = 1,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class RouterZLoss(Loss):
    """Keep the logits of a mixture's router small, so that its softmax is not rounded to one expert; added with a weight near 0.001."""

    def __init__(
        self,
        *,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class LinearChainCRFLoss(Loss):
    """A tag for each step of a sequence, where neighbouring tags depend on each other: entities, segments. crf_decode finds the best path."""

    def __init__(
        self,
        *,
        K: int,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
        ignore_index: int | None = -100,
    ) -> None: ...
    def __call__(
        self,
        emissions: Tensor,
        tags: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class CoxLoss(Loss):
    """Times until an event, some of them only known to be longer (censored): who has it before whom, and how much more likely."""

    def __init__(
        self,
        *,
        ties: str = "efron",
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        log_hazard: Tensor,
        time: Tensor,
        event: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class SSIMLoss(Loss):
    """Restored or generated images beside the true ones: 1 minus the similarity of local means, contrasts and patterns."""

    def __init__(
        self,
        *,
        data_range: float = 1.0,
        window_size: int = 11,
        sigma: float = 1.5,
        k1: float = 0.01,
        k2: float = 0.03,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class MSSSIMLoss(Loss):
    """SSIM at several scales, each half as large as the one before: fine detail and layout at once."""

    def __init__(
        self,
        *,
        data_range: float = 1.0,
        window_size: int = 11,
        sigma: float = 1.5,
        k1: float = 0.01,
        k2: float = 0.03,
        betas: tuple[float, ...] = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333),
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...

class SISDRLoss(Loss):
    """Separation and enhancement of speech and music: minus the SI-SDR, in decibels, whatever the output's loudness."""

    def __init__(
        self,
        *,
        zero_mean: bool = True,
        eps: float = 1e-10,
        reduction: Reduction = "mean",
        denominator: Denominator = "weight",
        empty: float = 0.0,
    ) -> None: ...
    def __call__(
        self,
        input: Tensor,
        target: Tensor,
        *,
        weight: Tensor | None = None,
        mask: Tensor | None = None,
        denominator: Denominator = "weight",
    ) -> Any: ...
