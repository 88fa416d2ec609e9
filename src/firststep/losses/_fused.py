"""The sum of a loss in one pass, where torch has it and nothing else is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from ._asked import Asked
from ._reduce import Total
from ._spec import LossSpec


def fusible(spec: LossSpec, tensors: Sequence[Tensor], asked: Asked) -> bool:
    """Whether nothing is asked for that the one pass could not give."""
    return (
        asked.reduction != "none"
        and asked.weight is None
        and asked.mask is None
        and asked.class_weight is None
        and isinstance(asked.denominator, str)
        and asked.denominator in ("weight", "valid")
        and (
            spec.class_target is None
            or (asked.ignore_index is not None and not tensors[spec.class_target].dtype.is_floating_point)
        )
    )


def fused(spec: LossSpec, tensors: Sequence[Tensor], options: Mapping[str, Any], asked: Asked) -> Any:
    """The loss, or None where torch has not these options."""
    assert spec.fused is not None
    if spec.class_target is None:
        count = tensors[0].numel()
        if asked.reduction == "mean" and count:
            return spec.fused(*tensors, reduction="mean", **options)
        value = spec.fused(*tensors, reduction="sum", **options)
        total = None if value is None else Total(value, value.new_full((), float(count)))
    else:
        target = tensors[spec.class_target].long()
        given = [target if i == spec.class_target else one for i, one in enumerate(tensors)]
        value = spec.fused(*given, ignore_index=asked.ignore_index, **options)
        total = None if value is None else Total(value, (target != asked.ignore_index).sum().to(value.dtype))
    if total is None or asked.reduction == "total":
        return total
    return total.sum if asked.reduction == "sum" else total.mean(empty=asked.empty)
