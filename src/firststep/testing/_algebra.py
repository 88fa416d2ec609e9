"""Laws of a batch: what reductions, copies, masks, weights, order and parts must give."""

from __future__ import annotations

import torch
from torch import Tensor

from ._outcome import HOLDS, Outcome, fail, skip
from ._subject import Args, Subject

_ROWS = 6
_EXACT = 1e-9
"""Relative: float64 sums in another order."""


def same(a: Tensor, b: Tensor, what: str, tolerance: float = _EXACT) -> Outcome:
    """Whether two results agree, relative to the larger."""
    a, b = a.detach(), b.detach()
    if a.shape != b.shape:
        return fail(f"{what}: shapes {tuple(a.shape)} and {tuple(b.shape)}")
    if not a.numel():
        return HOLDS
    scale = max(float(b.abs().max()), 1.0)
    off = float((a - b).abs().max()) / scale
    return HOLDS if off <= tolerance else fail(f"{what}: {_short(a)} against {_short(b)}")


def _short(values: Tensor) -> str:
    return f"{float(values):.6g}" if values.numel() == 1 else f"values of mean {float(values.mean()):.6g}"


def first_failure(*outcomes: Outcome) -> Outcome:
    """The first that fails, or that all hold."""
    return next((one for one in outcomes if one.status == "fails"), HOLDS)


def reductions(loss: Subject) -> Outcome:
    """sum = the sum of none, mean = their mean; an explicit denominator divides the sum."""
    if "reduction" not in loss.takes:
        return skip("it takes no reduction")
    args = loss.draw(_ROWS)
    each, total, mean = (loss(args, reduction) for reduction in ("none", "sum", "mean"))
    found = [same(total, each.sum(), "sum")]
    count = loss(args, "total").count if "total" in loss.takes else each.numel()
    found.append(same(mean, each.sum() / count, "mean against sum over count"))
    if "denominator" in loss.takes:
        found.append(same(loss(args, denominator=7.0), each.sum() / 7, "denominator=7"))
    return first_failure(*found)


def duplicates(loss: Subject) -> Outcome:
    """The mean of the batch twice is the mean of the batch."""
    if not loss.spec.separable:
        return skip("values depend on the whole batch")
    args = loss.draw(_ROWS)
    return same(loss(loss.joined(args, args)), loss(args), "the batch twice")


def masking(loss: Subject) -> Outcome:
    """Rows that are masked or ignored change neither value nor gradient."""
    args, others = loss.draw(_ROWS), loss.draw(3, seed=1)
    both, found = loss.joined(args, others), []
    value, gradient = loss.gradients(args)
    if "mask" in loss.takes:
        found += _as_if_absent(
            loss, both, value, gradient, "masked", mask=loss.mask(both, [True] * _ROWS + [False] * 3)
        )
    position = loss.spec.class_target
    if position is not None and not args[position].dtype.is_floating_point and "ignore_index" in loss.takes:
        ignored = both[position].clone()
        ignored[_ROWS:] = -100
        both = (*both[:position], ignored, *both[position + 1 :])
        found += _as_if_absent(loss, both, value, gradient, "ignored")
    return first_failure(*found) if found else skip("it takes no mask and ignores no target")


def _as_if_absent(
    loss: Subject, both: Args, value: Tensor, gradient: Args, what: str, **asked: Tensor
) -> list[Outcome]:
    with_them, slopes = loss.gradients(both, **asked)
    found = [same(with_them, value, f"{what} rows in the mean")]
    for i, before, after in zip(loss.differentiable, gradient, slopes, strict=True):
        axis = loss.axis(i)
        if axis is None:
            found.append(same(after, before, f"the gradient of parameters beside {what} rows"))
            continue
        kept, rest = after.split([before.shape[axis], after.shape[axis] - before.shape[axis]], axis)
        found.append(same(kept, before, f"the gradient beside {what} rows"))
        found.append(same(rest, torch.zeros_like(rest), f"the gradient of {what} rows"))
    return found


def weights(loss: Subject) -> Outcome:
    """A weight of k is worth k copies."""
    if "weight" not in loss.takes:
        return skip("it takes no weight for each sample")
    args = loss.draw(_ROWS)
    copies = [1, 3, 0, 2, 1, 1]
    if not loss.spec.separable:
        return skip("values depend on the whole batch")
    repeated = loss.rows(args, [i for i, times in enumerate(copies) for _ in range(times)])
    weight = torch.tensor(copies, dtype=torch.float64)
    return same(loss(args, weight=weight), loss(repeated), "weights against copies")


def permutation(loss: Subject) -> Outcome:
    """Samples in another order: the values in that order, the same mean."""
    args = loss.draw(_ROWS)
    order = [3, 1, 5, 0, 2, 4]
    moved = loss.rows(args, order)
    found = [same(loss(moved), loss(args), "the mean in another order")]
    if "reduction" in loss.takes:
        each = loss(args, "none")
        if each.ndim and len(each) == _ROWS:
            found.append(same(loss(moved, "none"), each[order], "the values in another order"))
    return first_failure(*found)


def empty(loss: Subject) -> Outcome:
    """A batch of no samples gives 0, with a zero gradient that is there."""
    return _nothing(loss, loss.rows(loss.draw(_ROWS), []), "no samples")


def all_masked(loss: Subject) -> Outcome:
    """A batch in which nothing counts gives 0, with a zero gradient that is there."""
    args, position = loss.draw(_ROWS), loss.spec.class_target
    if "mask" in loss.takes:
        return _nothing(loss, args, "all masked", mask=loss.mask(args, [False] * _ROWS))
    if position is not None and not args[position].dtype.is_floating_point and "ignore_index" in loss.takes:
        ignored = torch.full_like(args[position], -100)
        return _nothing(loss, (*args[:position], ignored, *args[position + 1 :]), "all ignored")
    return skip("it takes no mask and ignores no target")


def _nothing(loss: Subject, args: Args, what: str, **asked: Tensor) -> Outcome:
    value, gradients = loss.gradients(args, **asked)
    found = [same(value, torch.zeros_like(value), what)]
    found += [same(one, torch.zeros_like(one), f"the gradient, {what}") for one in gradients]
    return first_failure(*found) if bool(torch.isfinite(value)) else fail(f"{what}: {float(value)}")


def chunks(loss: Subject) -> Outcome:
    """The totals of parts add to the total of the whole."""
    if "total" not in loss.takes or not loss.spec.separable:
        return skip("values depend on the whole batch" if "total" in loss.takes else "it gives no total")
    args = loss.draw(_ROWS)
    parts = [loss(loss.rows(args, rows), "total") for rows in ([0, 1], [2, 3, 4, 5])]
    return same((parts[0] + parts[1]).mean(), loss(args), "parts against the whole")
