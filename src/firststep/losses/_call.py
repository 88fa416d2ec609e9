"""One call of a loss: check the shapes, leave out what is ignored, run the kernel, reduce."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..errors import LossError, did_you_mean
from ._reduce import Denominator, Reduction, Total, fit, reduce
from ._shapes import check, sizes
from ._spec import LossSpec, Option

_HALF = (torch.bfloat16, torch.float16)


class Asked(NamedTuple):
    """What every loss may be asked for beside its own options."""

    reduction: Reduction = "mean"
    weight: Tensor | None = None
    mask: Tensor | None = None
    denominator: Denominator = "weight"
    empty: float = 0.0
    ignore_index: int | None = -100
    class_weight: Tensor | None = None


def shared(spec: LossSpec) -> tuple[str, ...]:
    """The fields of :class:`Asked` that a loss takes."""
    one_value = spec.unit == "batch"
    left_out = {"weight", "denominator"} if one_value else set()
    if one_value and not spec.masks_itself:
        left_out |= {"mask"}
    if spec.class_target is None or (one_value and not spec.masks_itself):
        left_out |= {"ignore_index", "class_weight"}
    if spec.masks_itself:
        left_out |= {"class_weight"}
    return tuple(field for field in Asked._fields if field not in left_out and field not in spec.defaults)


def evaluate(spec: LossSpec, tensors: Sequence[Tensor], options: Mapping[str, Any], asked: Asked) -> Any:
    """The loss of these tensors. Half precision is widened, also inside autocast: the values are float32."""
    check(spec.name, spec.arguments, tensors)
    device = tensors[0].device.type
    if device == "meta" or not torch.is_autocast_enabled(device):
        return _evaluate(spec, tensors, options, asked)
    with torch.autocast(device, enabled=False):
        return _evaluate(spec, tensors, options, asked)


def _evaluate(spec: LossSpec, tensors: Sequence[Tensor], options: Mapping[str, Any], asked: Asked) -> Any:
    assert spec.kernel is not None
    tensors = [one.float() if one.dtype in _HALF else one for one in tensors]
    total = _fused(spec, tensors, options, asked) if _fusible(spec, tensors, asked) else None
    if isinstance(total, Tensor):
        return total
    if total is not None:
        if asked.reduction == "sum":
            return total.sum
        return total if asked.reduction == "total" else total.mean(empty=asked.empty)
    weight, mask = asked.weight, asked.mask
    position = spec.class_target
    if position is not None and not tensors[position].dtype.is_floating_point:
        target = tensors[position].long()
        if asked.ignore_index is not None:
            counts = target != asked.ignore_index
            target = torch.where(counts, target, 0)
            mask = _both(spec.name, counts, mask)
        if asked.class_weight is not None:
            each = asked.class_weight[target]
            weight = each if weight is None else each * fit(spec.name, "weight", weight, each.shape)
        tensors = [*tensors[:position], target, *tensors[position + 1 :]]
    if spec.masks_itself:
        values, mask = spec.kernel(*tensors, mask=_whole(spec, tensors, mask), **options), None
    else:
        values = spec.kernel(*tensors, **options)
    if isinstance(values, tuple):
        values, counts = values
        mask = _both(spec.name, counts, mask)
    return reduce(
        values,
        reduction=asked.reduction,
        weight=weight,
        mask=mask,
        denominator=asked.denominator,
        empty=asked.empty,
        name=spec.name,
    )


def _both(name: str, counts: Tensor, mask: Tensor | None) -> Tensor:
    """What counts by both: all that the kernel or ``ignore_index`` leaves, and all that the user's mask does."""
    return counts if mask is None else counts & fit(name, "mask", mask, counts.shape)


def _whole(spec: LossSpec, tensors: Sequence[Tensor], mask: Tensor | None) -> Tensor | None:
    """The mask in the shape that the kernel takes."""
    if mask is None:
        return None
    shape = sizes(spec.arguments, tensors, spec.mask_shape)
    return fit(spec.name, "mask", mask, shape).expand(shape)


def _fusible(spec: LossSpec, tensors: Sequence[Tensor], asked: Asked) -> bool:
    """Whether nothing is asked for that torch's one-pass sum could not give."""
    return (
        spec.fused is not None
        and asked.reduction in ("mean", "sum", "total")
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


def _fused(
    spec: LossSpec, tensors: Sequence[Tensor], options: Mapping[str, Any], asked: Asked
) -> Total | Tensor | None:
    assert spec.fused is not None
    if spec.class_target is None:
        count = tensors[0].numel()
        if asked.reduction == "mean" and count:
            return spec.fused(*tensors, reduction="mean", **options)
        value = spec.fused(*tensors, reduction="sum", **options)
        return None if value is None else Total(value, value.new_full((), float(count)))
    target = tensors[spec.class_target].long()
    tensors = [target if i == spec.class_target else one for i, one in enumerate(tensors)]
    value = spec.fused(*tensors, ignore_index=asked.ignore_index, **options)
    return None if value is None else Total(value, (target != asked.ignore_index).sum().to(value.dtype))


def check_options(spec: LossSpec, options: Mapping[str, Any], known: Sequence[str]) -> None:
    """Whether the options are known, within their bounds, and complete.

    Raises:
        LossError: for a number or word that is not allowed.
        TypeError: for an option that does not exist or is missing, as Python does.
    """
    declared = {option.name: option for option in spec.options}
    for name, value in options.items():
        if name not in spec.defaults:
            takes = ", ".join([*spec.defaults, *known])
            raise TypeError(
                f"{spec.name} has no option {name!r}.{did_you_mean(name, takes.split(', '))} It takes {takes}"
            )
        if name in declared:
            _check_option(spec.name, declared[name], value)


def _check_option(name: str, option: Option, value: Any) -> None:
    if option.choices:
        if value not in option.choices:
            expected = ", ".join(map(repr, option.choices))
            raise LossError(f"{name}({option.name}={value!r}): expected one of {expected}")
        return
    if isinstance(value, bool) or not isinstance(value, (int, float)) or (option.low is None and option.high is None):
        return
    low = option.low is None or (value > option.low if option.low_open else value >= option.low)
    high = option.high is None or (value < option.high if option.high_open else value <= option.high)
    if not (low and high):
        raise LossError(f"{name}({option.name}={value!r}): expected {bounds(option)}")


def bounds(option: Option) -> str:
    """What an option's numbers must be, in words.

    >>> from ._spec import Text
    >>> bounds(Option("gamma", Text("", ""), low=0.0))
    'a number >= 0'
    >>> bounds(Option("q", Text("", ""), low=0.0, high=1.0, low_open=True))
    '0 < q <= 1'
    """
    below, above = "<" if option.low_open else "<=", "<" if option.high_open else "<="
    if option.low is not None and option.high is not None:
        return f"{option.low:g} {below} {option.name} {above} {option.high:g}"
    if option.low is not None:
        return f"a number {'>' if option.low_open else '>='} {option.low:g}"
    return f"a number {above} {option.high:g}"
