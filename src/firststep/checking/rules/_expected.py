"""What a loss would be of a model that knows nothing: by its closed form, or by what it is for outputs of 0."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..probe._calls import LossCall
from ..probe._evidence import Evidence
from ..probe._start import Start
from ..probe._targets import binary, classes, counted
from ._scores import class_axis, takes_class_logits, takes_log_probabilities

_LOGARITHMIC = ("classification", "imbalance", "language")
_ALSO = ("coral_loss", "corn_loss", "ranknet_loss", "bpr_loss", "listnet_loss", "reward_model_loss", "cox_loss")
_NOT = ("ldam_loss", "MultiMarginLoss", "MultiLabelMarginLoss", "hinge_loss", "sparsemax_loss", "router_z_loss")
_REAL = ("quantile_loss", "multi_quantile_loss", "crps_ensemble_loss")

_NO_SIZE = ("affine", "log_softmax", "softmax", "log", "sigmoid", "logsigmoid")
"""Functions between the logits and the loss."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Expected:
    """A loss beside what it should be.

    Args:
        name: of the loss.
        place: where it was called.
        measured, expected: its value, and that of a model that knows nothing.
        text: the expected value's formula.
        output, target: what was compared.
        axis: of the classes in ``output``; None where every number of it is a decision of its own.
        logits: whether the output is logits, or what is as good: logarithms of probabilities.
        decisions: how many guesses one value is of.
        call: it, where the loss is known.
    """

    name: str
    place: str
    measured: float
    expected: float
    text: str
    output: Tensor
    target: Tensor | None
    axis: int | None = None
    logits: bool = False
    decisions: float = 1.0
    call: LossCall | None = None

    @property
    def values(self) -> bool:
        """Whether real numbers are compared with real numbers."""
        return not self.logits and self.target is not None

    @property
    def sizes(self) -> tuple[float, float]:
        """The rms of outputs and of targets."""
        target = self.output if self.target is None else self.target
        return _rms(self.output), _rms(target)

    @property
    def spread(self) -> tuple[float, float]:
        """How far logits are from each other within an example, and how much of it is the same for all examples."""
        logits = self.output.float()
        if self.axis is not None:
            logits = logits - logits.mean(self.axis, keepdim=True)
        if not bool(logits.isfinite().all()):  # classes that are masked
            return math.nan, 0.0
        return _rms(logits), _rms(logits.mean(0)) if logits.ndim > 1 else abs(float(logits.mean()))

    @property
    def guess(self) -> float | None:
        """The loss of a softmax over classes, were the targets drawn at random."""
        if self.axis is None or self.call is None or self.call.spec.family not in ("classification", "language"):
            return None
        logits = self.output.float()
        return float((logits.logsumexp(self.axis) - logits.mean(self.axis)).mean())

    def layer(self, evidence: Evidence) -> str | None:
        """The layer that made the output: the last one of its width; None where there is none."""
        width = self.output.shape[-1 if self.axis is None else self.axis] if self.output.ndim else 1
        for layer in reversed(evidence.layers):
            if not layer.function and width in layer.shape[-1:] + layer.shape[1:2]:
                return layer.place
        return None

    def by_weights(self, evidence: Evidence) -> bool:
        """Whether a layer's weights made the logits, and no distance, product of activations or squashing function."""
        if self.call is None:
            origin = next((one.origin for one in evidence.outputs if one.facts.floating), ())
        else:
            origin = () if self.call.similar is not None else self.call.origins[0]
        made = next((name for name in origin if name not in _NO_SIZE), "")
        return made in ("linear", "convolution")

    def where(self, evidence: Evidence) -> str:
        """The layer's name, or where the loss was called."""
        layer = self.layer(evidence)
        return self.place if layer is None else layer or "model"

    def bias(self, evidence: Evidence) -> str | None:
        """The bias that makes the part of the logits that all examples share."""
        width = 1 if self.axis is None else self.output.shape[self.axis]
        shared = self.spread[1]
        for one in reversed(evidence.parameters):
            size = one.rms if self.axis is None else one.std
            fits = one.shape == (width,) or (self.axis is None and one.shape == self.output.shape[1:2])
            if one.local == "bias" and fits and size > 0.7 * shared:
                return one.name
        return None


def _rms(tensor: Tensor) -> float:
    return float(tensor.double().square().mean().sqrt()) if tensor.numel() else math.nan


def expectations(evidence: Evidence) -> Iterator[Expected]:
    """One for each call whose start is known; for a loss that nobody knows, by the trial with outputs of 0."""
    for call, start in zip(evidence.calls, evidence.start, strict=False):
        if start is not None and start.expected is not None and not call.error and math.isfinite(start.measured):
            found = _of_call(call, start)
            if found is not None and found.output.numel() and bool(found.output.isfinite().any()):
                yield found
    if not evidence.calls:
        yield from _of_unknown(evidence)


def _of_call(call: LossCall, start: Start) -> Expected | None:
    expected, spec, output = start.expected or 0.0, call.spec, call.tensors[0]
    if not output.is_floating_point() or (call.similar is not None and call.similar.unit):
        return None
    target = call.tensors[1] if len(call.tensors) > 1 else None
    common = {"name": call.name, "place": call.inside, "measured": start.measured, "expected": expected, "call": call}
    if _logarithmic(call):
        axis = class_axis(call) if takes_class_logits(call) or takes_log_probabilities(call) else None
        if axis is not None and (output.ndim < 2 or output.shape[axis] < 2):
            return None
        if spec.arguments[0].kind == "probabilities":
            output = torch.logit(output.float(), 1e-6)
        return Expected(
            **common,
            text=start.text,
            output=output,
            target=target,
            axis=axis,
            logits=True,
            decisions=_decisions(call, expected),
        )
    real = spec.family == "regression" or spec.name in _REAL
    if real and target is not None and target.is_floating_point() and spec.arguments[0].kind == "values":
        return Expected(**common, text=start.text, output=output, target=target)
    return None


def _logarithmic(call: LossCall) -> bool:
    spec = call.spec
    if call.name in _NOT or spec.name in _NOT or spec.arguments[0].kind == "embeddings":
        return False
    known = spec.family in _LOGARITHMIC and spec.arguments[0].kind in ("logits", "log-probabilities", "probabilities")
    return known or spec.name in _ALSO


def _decisions(call: LossCall, expected: float) -> float:
    if call.spec.name == "coral_loss":
        return call.tensors[0].shape[1]
    if call.spec.name == "class_balanced_cross_entropy":
        return max(expected / math.log(call.tensors[0].shape[1]), 1e-6)
    if binary(call) and call.options.get("pos_weight") is not None:
        return max(expected / math.log(2), 1e-6)
    return 1.0


def _of_unknown(evidence: Evidence) -> Iterator[Expected]:
    outputs = [one.tensor for one in evidence.outputs if one.facts.floating]
    targets = [one.tensor for one in evidence.targets]
    if evidence.trials.zeros is None or len(outputs) != 1 or len(targets) != 1 or evidence.loss is None:
        return
    expected, measured = evidence.trials.zeros
    if not math.isfinite(expected) or not expected > 0:
        return
    output, target = outputs[0], targets[0]
    common = {"name": "the loss", "place": "loss", "measured": measured, "expected": expected}
    few = output[: evidence.n and min(evidence.n, 8)]
    if target.is_floating_point() and target.shape == output.shape:
        yield Expected(**common, text="that of an output of 0", output=few, target=target[: len(few)])
        return
    axis = next((i for i in (1, output.ndim - 1) if 0 < i < output.ndim and _is_ln(expected, output.shape[i])), None)
    if axis is not None and not target.is_floating_point():
        count = output.shape[axis]
        yield Expected(**common, text=f"ln {count}", output=few, target=target[: len(few)], axis=axis, logits=True)


def _is_ln(value: float, count: int) -> bool:
    return count > 1 and math.isclose(value, math.log(count), rel_tol=1e-3)


def best_constant(one: Expected) -> float | None:
    """What the best output costs that is the same for all examples; None where it is not known."""
    if one.values and one.target is not None:
        target = one.target.double()
        middle = target.mean(0, keepdim=True) if target.ndim > 1 else target.mean()
        return one.expected * float((target - middle).square().mean() / target.square().mean())
    call = one.call
    if call is None or not one.logits or call.spec.family != "classification":
        return one.expected if call is None else None
    if binary(call):
        share = counted(call, call.tensors[1]).double().mean()
        return float(-torch.xlogy(share, share) - torch.xlogy(1 - share, 1 - share))
    seen = classes(call)
    valid = None if seen is None else seen.valid
    if valid is None or not valid.numel():
        return None
    shares = torch.bincount(valid.clamp(min=0)).double() / valid.numel()
    return float(-torch.xlogy(shares, shares).sum())
