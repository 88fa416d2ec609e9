"""Written by tools/make_stubs.py from the declarations. Do not edit: make docs."""

from collections.abc import Sequence
from typing import Any, Literal, overload

from torch import Tensor

from ._reduce import Denominator, Reduction

from . import functional as functional
from ._build import Loss as Loss
from ._catalog import Catalog as Catalog
from ._curves import curves as curves
from ._facts import LANGUAGES as LANGUAGES
from ._facts import Language as Language
from ._facts import say as say
from ._families import FAMILIES as FAMILIES
from ._markdown import page as page
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

class SoftmaxFocalLoss(Loss):
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
