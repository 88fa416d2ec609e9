"""What does not count and is counted all the same: padding in the denominator."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from ...losses import Text
from .._finding import Clue, Found
from .._rule import Check
from ..probe._calls import LossCall
from ..probe._evidence import Evidence, Seen
from ..probe._targets import classes
from ._reduction_checks import summed


def _uncounted(evidence: Evidence) -> Iterator[Found]:
    """A mean over what counts; the trial finds a denominator that is always the same."""
    share = summed(evidence)
    if share is None or abs(share) > 3e-2:  # of a sum the same would be true
        return
    told = _by_trial(evidence)
    call = next((one for one in evidence.calls if _divides_by_all(one)), None)
    if told is None and call is None:
        return
    # without either, a weight of 0 may as well be from a clamp
    clues, uneven = [], call is not None and _ignored(call) is not None
    if told is not None:
        seen, mark, differs = told
        # as much of each example may be meant, as a constant; not so where the loss itself marks what is left out
        uneven = uneven or differs or (call is not None and _of_parts(seen))
        text = f"{_marks(seen, mark)}: {100 * _left_out(seen, mark):.3g} % do not count"
        clues.append(
            Clue(
                "metamorphic",
                "the losses of two halves of what counts add up to that of all; two means would come to twice as much",
            )
        )
    else:
        text = "a part does not count"
    if call is not None:
        clues.append(Clue("graph", _weights(call)))
        text = _text(call) if told is None else text
    positive = evidence.loss is not None and evidence.loss > 0
    yield Found(
        place=call.inside if call else "loss",
        measured=f"{text}, and are in the denominator",
        expected="the sum of what counts, divided by how much counts",
        fix=_fix(evidence, told[0] if told else None),
        clues=clues,
        sure=uneven and positive,
    )


def _by_trial(evidence: Evidence) -> tuple[Seen, float, bool] | None:
    """Which target marks what does not count, by what, and whether by another number in every example."""
    if evidence.trials.uncounted is None:
        return None
    where, mark = evidence.trials.uncounted
    seen = next((one for one in evidence.targets if one.place == where), None)
    if seen is None or not seen.tensor.ndim:
        return None
    out = _out(seen.tensor, mark)
    if out.ndim < 2 or out.shape[1] < 2:
        return seen, mark, False  # whole examples: a weight of 0 as much as padding
    counts = out.flatten(1).sum(1)
    return seen, mark, bool((counts != counts[0]).any())


def _of_parts(seen: Seen) -> bool:
    """Whether a mark is of parts of examples, and not of whole ones."""
    return seen.tensor.ndim > 1 and seen.tensor.shape[1] > 1


def _out(tensor: Tensor, mark: float) -> Tensor:
    return tensor.isnan() if math.isnan(mark) else tensor == mark


def _left_out(seen: Seen, mark: float) -> float:
    return float(_out(seen.tensor, mark).float().mean())


def _marks(seen: Seen, mark: float) -> str:
    return f"{seen.place} is {mark:g} where nothing counts"


def _divides_by_all(call: LossCall) -> bool:
    """Whether the values of a call that do not count are among those that the loss divides by."""
    counts, all_of_them = _counted(call)
    return 0 < counts < all_of_them and _denominator(call) == all_of_them


def _counted(call: LossCall) -> tuple[int, int]:
    """How many values count, and how many there are: by the ignored targets, and by weights that are 0."""
    weight = call.weight
    if weight is None or weight.numel() == 0:
        return 0, 0
    ignored = _ignored(call)
    if call.reduction == "sum" and ignored is not None:
        return int((~ignored).sum()), ignored.numel()
    if call.reduction == "none" and weight.ndim:
        out = weight == 0
        if ignored is not None and ignored.shape == out.shape:
            out = out | ignored
        return int((~out).sum()), out.numel()
    return 0, 0


def _ignored(call: LossCall) -> Tensor | None:
    """Where targets are ignored; None where none are."""
    seen = classes(call)
    indices = None if seen is None else seen.indices
    if seen is None or indices is None or seen.ignored is None or not bool((indices == seen.ignored).any()):
        return None
    return indices == seen.ignored


def _denominator(call: LossCall) -> int | None:
    """What every value that counts is divided by; None where that differs, or is no whole number."""
    weight = call.weight
    if weight is None:
        return None
    there = weight[weight != 0].double()
    if not there.numel() or not bool(there.isfinite().all()):
        return None
    low, high = float(there.min()), float(there.max())
    if low <= 0 or high - low > 1e-5 * high or abs(1 / high - round(1 / high)) > 1e-4 / high:
        return None
    return round(1 / high)


def _weights(call: LossCall) -> str:
    counts, all_of_them = _counted(call)
    return f"{counts} of {all_of_them} values of {call.name} count, and each is divided by {all_of_them}"


def _text(call: LossCall) -> str:
    counts, all_of_them = _counted(call)
    return f"{all_of_them - counts} of {all_of_them} values do not count"


def _fix(evidence: Evidence, seen: Seen | None) -> str:
    if any("ignore_index" in one.options for one in evidence.calls) and seen is not None:
        return 'reduction="mean", which divides by what counts'
    if seen is not None and seen.tensor.dtype == torch.long:
        return "divide by (targets != ignore_index).sum(), not by targets.numel()"
    return "(loss * mask).sum() / mask.sum(), or a loss of ours with mask=mask"


UNCOUNTED = Check(
    code="FS304",
    title=Text("What is left out counts in the denominator", "被忽略的部分仍计入分母"),
    why=Text(
        "The loss and its gradient shrink with the share of padding, so that batches of short sequences teach less and "
        "the value says more about padding than about errors.",
        "损失与梯度随填充比例缩小：短序列多的批次学得更少，数值反映的是填充多少而不是误差大小。",
    ),
    sound=Text(
        "A mean over what counts, also one for each sequence, is not the sum of the means over two halves. Where whole "
        "examples are left out, or as much of each by a loss that nobody knows, or the loss is not above 0, it is only "
        "told.",
        "对有效部分取均值（包括逐序列取均值）时，两半的均值相加不等于总体。若被略去的是整个样本、或未知损失中每个样本"
        "略去一样多、或损失不为正，则仅作提示。",
    ),
    fault="""
model = nn.Linear(20, 12)
loss = lambda output, targets: ((output - targets[0]) ** 2 * targets[1]).mean()
batch = torch.randn(32, 20), (torch.randn(32, 12), (torch.arange(12) < torch.arange(32)[:, None] % 9 + 2).float())
""",
    cure="""
loss = lambda output, targets: ((output - targets[0]) ** 2 * targets[1]).sum() / targets[1].sum()
""",
    find=_uncounted,
    at_most="warning",
)

CHECKS = (UNCOUNTED,)
