"""The losses that were called, whoever called them: torch's functions and ours, with what they were given."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ... import losses
from ...losses import LossSpec
from ._facts import Facts, facts
from ._origin import moved, origin
from ._reach import Reach, Softmax, reach, softmax_before
from ._similar import Similar, similar
from ._tree import attempt

_TORCH = {
    F.cross_entropy: "CrossEntropyLoss",
    F.nll_loss: "NLLLoss",
    F.mse_loss: "MSELoss",
    F.l1_loss: "L1Loss",
    F.smooth_l1_loss: "SmoothL1Loss",
    F.huber_loss: "HuberLoss",
    F.binary_cross_entropy: "BCELoss",
    F.binary_cross_entropy_with_logits: "BCEWithLogitsLoss",
    F.kl_div: "KLDivLoss",
    F.poisson_nll_loss: "PoissonNLLLoss",
    F.gaussian_nll_loss: "GaussianNLLLoss",
    F.hinge_embedding_loss: "HingeEmbeddingLoss",
    F.multilabel_margin_loss: "MultiLabelMarginLoss",
    F.multilabel_soft_margin_loss: "MultiLabelSoftMarginLoss",
    F.soft_margin_loss: "SoftMarginLoss",
    F.cosine_embedding_loss: "CosineEmbeddingLoss",
    F.margin_ranking_loss: "MarginRankingLoss",
    F.multi_margin_loss: "MultiMarginLoss",
    F.triplet_margin_loss: "TripletMarginLoss",
    F.triplet_margin_with_distance_loss: "TripletMarginWithDistanceLoss",
    F.ctc_loss: "CTCLoss",
}
"""torch's loss functions, and the names under which the catalogue describes them."""

_LARGEST = 2**22
"""Elements of a tensor that are looked at; of a larger one the first rows."""


@dataclass(frozen=True, eq=False, kw_only=True)
class LossCall:
    """One call of a known loss.

    Args:
        spec: its declaration in the catalogue.
        function: called again by :meth:`again`.
        tensors: what it was given, in the order of ``spec.arguments``, without graph; of very large ones the first
            rows.
        seen: the numbers in each; for whole-number tensors, of all rows.
        origins: the functions that made each, see :func:`origin`.
        moved: whether axes of each were moved since, see :func:`moved`.
        reaches: the interval that each can reach, see :func:`reach`; None where nothing bounds it.
        similar: how the first was made, where it is a matrix of similarities.
        softmax: the one before the first, if any.
        options: everything else it was given, by name.
        inside: "loss", or the qualified name of the module that called it.
        value: what it returned, as a number: its mean, where it was asked for none or for a sum; None where it failed.
        weight: the gradient of the loss by what it returned; None where it has no part in the loss.
        part: the sum of what it returned times ``weight``: all of the loss, where that is made of it alone.
        error: what it raised.
    """

    spec: LossSpec
    function: Callable[..., Any]
    tensors: tuple[Tensor, ...]
    seen: tuple[Facts, ...]
    origins: tuple[tuple[str, ...], ...]
    options: Mapping[str, Any]
    inside: str
    value: float | None = None
    error: str = ""
    moved: tuple[bool, ...] = ()
    reaches: tuple[Reach | None, ...] = ()
    similar: Similar | None = None
    softmax: Softmax | None = None
    weight: Tensor | None = None
    part: float | None = None
    result: Tensor | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """As people write it: ``CrossEntropyLoss``, ``focal_loss``."""
        return self.spec.path.rpartition(".")[2] or self.spec.name

    @property
    def reduction(self) -> str:
        """ "mean", "sum", "none", or another word the loss knows."""
        return str(self.options.get("reduction", "mean"))

    @property
    def kinds(self) -> tuple[str, ...]:
        """What the loss expects of each tensor, such as "logits"."""
        return tuple(argument.kind for argument in self.spec.arguments)

    def again(self, tensors: Sequence[Tensor] | None = None, **changes: Any) -> Tensor:
        """The loss of other tensors, or under other options.

        Raises:
            Whatever the loss raises.
        """
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # told once already, when it was called
            return self.function(*(self.tensors if tensors is None else tensors), **{**self.options, **changes})

    def mean(self, tensors: Sequence[Tensor] | None = None) -> float:
        """The same as one number, whatever its reduction."""
        changes: dict[str, Any] = {"reduction": "mean"} if self.reduction in ("sum", "none") else {}
        return float(self.again(tensors, **changes).float().mean())


@dataclass(frozen=True, slots=True)
class Applied:
    """A softmax, the sum in one, or a sigmoid that the loss itself made, outside of the model.

    Args:
        kind: the function: "softmax", "log_softmax", "logsumexp", "sigmoid", "logsigmoid"; "log" of such a one.
        origin: the functions that made what it was applied to.
        facts: the numbers it was applied to.
        axis: along which it ran, where it was said.
    """

    kind: str
    origin: tuple[str, ...]
    facts: Facts
    axis: int | None = None


def torch_call(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a call of torch's is: ``spec``, ``function``, ``given`` and ``options``; None where it is no loss."""
    if function not in _TORCH:
        return None
    spec = losses.catalog[f"torch.nn.{_TORCH[function]}"]
    try:
        given = inspect.signature(function).bind(*args, **kwargs).arguments
    except TypeError:
        return None
    names = list(inspect.signature(function).parameters)[: len(spec.arguments)]
    tensors = [given.pop(name, None) for name in names]
    return {"spec": spec, "function": function, "given": tensors, "options": given}


def our_call(spec: LossSpec, tensors: Sequence[Tensor], options: Mapping[str, Any], asked: Any) -> dict[str, Any]:
    """The same of a call of ours."""
    given = {name: value for name, value in asked._asdict().items() if value is not asked._field_defaults[name]}
    if given.get("reduction") == "total":
        given["reduction"] = "mean"
    function = getattr(losses.functional, spec.name)
    return {"spec": spec, "function": function, "given": list(tensors), "options": {**options, **given}}


def recorded(call: Mapping[str, Any], inside: str, result: Any = None, error: str = "") -> LossCall | None:
    """The record of a call; None where it was not given tensors."""
    given = [torch.as_tensor(one) if isinstance(one, (tuple, list, int)) else one for one in call["given"]]
    if not all(isinstance(one, Tensor) for one in given):
        return None
    tensors = _rows(given)
    made = LossCall(
        spec=call["spec"],
        function=call["function"],
        tensors=tensors,
        seen=tuple(facts(cut if cut.is_floating_point() else one) for cut, one in zip(tensors, given, strict=True)),
        origins=tuple(origin(one) for one in given),
        moved=tuple(moved(one) for one in given),
        reaches=tuple(reach(one) for one in given),
        similar=similar(given[0]) if given else None,
        softmax=softmax_before(given[0]) if given else None,
        options=call["options"],
        inside=inside,
        error=error,
        result=result if isinstance(result, Tensor) else None,
    )
    if error:
        return made
    return replace(made, value=attempt(made.mean))  # None for a loss of a graph's own making, that does not run twice


def weighed(call: LossCall, gradient: Tensor | None) -> LossCall:
    """With what the loss makes of it, and without the graph."""
    if call.result is None or gradient is None:
        return replace(call, result=None)
    part = float((gradient * call.result.detach()).double().sum())
    return replace(call, weight=gradient, part=part, result=None)


def _rows(tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Without graph; where one is very large, the first rows of all that have as many rows as it."""
    whole = tuple(one.detach() for one in tensors)
    largest = max(whole, key=Tensor.numel)
    if largest.numel() <= _LARGEST or largest.ndim == 0 or largest.shape[0] < 2:
        return whole
    rows = largest.shape[0]
    kept = max(1, _LARGEST * rows // largest.numel())
    return tuple(one[:kept].clone() if one.ndim and one.shape[0] == rows else one for one in whole)
