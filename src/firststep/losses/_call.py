"""One call of a loss: check the shapes, leave out what is ignored, run the kernel, reduce."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

import torch
from torch import Tensor

from ..errors import LossError, did_you_mean
from ._asked import Asked as Asked
from ._fused import fused, fusible
from ._reduce import fit, reduce
from ._shapes import check, sizes
from ._spec import LossSpec, Option

_HALF = (torch.bfloat16, torch.float16)


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


Watcher: TypeAlias = Callable[[LossSpec, Sequence[Tensor], Mapping[str, Any], Asked, Callable[[], Any]], Any]
"""Told of a call, and given a function that carries it out: what it returns is returned."""

_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


@contextmanager
def watching(watcher: Watcher) -> Iterator[None]:
    """Hand every eager call of our losses inside the block to ``watcher``, as a torch function mode sees torch's."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


def evaluate(spec: LossSpec, tensors: Sequence[Tensor], options: Mapping[str, Any], asked: Asked) -> Any:
    """The loss of these tensors. Half precision is widened, also inside autocast: the values are float32."""
    watcher = None if torch.compiler.is_compiling() else _watcher.get()
    if watcher is None:
        return _checked(spec, tensors, options, asked)
    return watcher(spec, tensors, options, asked, lambda: _checked(spec, tensors, options, asked))


def _checked(spec: LossSpec, tensors: Sequence[Tensor], options: Mapping[str, Any], asked: Asked) -> Any:
    _fit(spec, tensors)
    device = tensors[0].device.type
    if device == "meta" or not torch.is_autocast_enabled(device):
        return _evaluate(spec, tensors, options, asked)
    with torch.autocast(device, enabled=False):
        return _evaluate(spec, tensors, options, asked)


def _fit(spec: LossSpec, tensors: Sequence[Tensor]) -> None:
    """Whether shapes and dtypes fit. What was found to fit is not looked at again: a training step repeats itself."""
    if torch.compiler.is_compiling() or not all(isinstance(one, Tensor) for one in tensors):
        check(spec.name, spec.arguments, tensors)
        return
    forms = tuple((one.dtype, one.shape) for one in tensors)
    if forms not in spec.fitting:
        check(spec.name, spec.arguments, tensors)
        if len(spec.fitting) >= _REMEMBERED:
            spec.fitting.clear()
        spec.fitting.add(forms)


_REMEMBERED = 256


def _evaluate(spec: LossSpec, tensors: Sequence[Tensor], options: Mapping[str, Any], asked: Asked) -> Any:
    assert spec.kernel is not None
    tensors = [one.float() if one.dtype in _HALF else one for one in tensors]
    if spec.fused is not None and fusible(spec, tensors, asked):
        value = fused(spec, tensors, options, asked)
        if value is not None:
            return value
    tensors, weight, mask = _without_ignored(spec, tensors, asked)
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


def _without_ignored(
    spec: LossSpec, tensors: Sequence[Tensor], asked: Asked
) -> tuple[Sequence[Tensor], Tensor | None, Tensor | None]:
    """The tensors with class 0 for what is ignored; the weight with the classes' own; the mask of what counts."""
    weight, mask, position = asked.weight, asked.mask, spec.class_target
    if position is None or tensors[position].dtype.is_floating_point:
        return tensors, weight, mask
    target = tensors[position].long()
    if asked.ignore_index is not None:
        counts = target != asked.ignore_index
        target = torch.where(counts, target, 0)
        mask = _both(spec.name, counts, mask)
    if asked.class_weight is not None:
        each = asked.class_weight[target]
        weight = each if weight is None else each * fit(spec.name, "weight", weight, each.shape)
    return [*tensors[:position], target, *tensors[position + 1 :]], weight, mask


def _both(name: str, counts: Tensor, mask: Tensor | None) -> Tensor:
    """What counts by both: all that the kernel or ``ignore_index`` leaves, and all that the user's mask does."""
    if mask is None:
        return counts
    if mask.ndim > counts.ndim and mask.shape[: counts.ndim] == counts.shape:  # of more axes than the target has
        return counts.reshape(counts.shape + (1,) * (mask.ndim - counts.ndim)) & fit(name, "mask", mask, mask.shape)
    return counts & fit(name, "mask", mask, counts.shape)


def _whole(spec: LossSpec, tensors: Sequence[Tensor], mask: Tensor | None) -> Tensor | None:
    """The mask in the shape that the kernel takes."""
    if mask is None:
        return None
    shape = sizes(spec.arguments, tensors, spec.mask_shape)
    return fit(spec.name, "mask", mask, shape).expand(shape)


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
