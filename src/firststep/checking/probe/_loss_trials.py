"""Trials of the loss alone, on up to eight of the batch's outputs: other targets, other outputs, more of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ._asked import Asked
from ._tree import attempt, batch_axis, chosen, detached, fresh, leaves, mapped

_FEW, _LARGEST = 8, 2**22
"""So many examples; fewer where their outputs are of more elements, but two."""
_APART = 1e-2
"""Outputs that differ by less, relative to their size, tell nothing about which of them stands beside which target."""
_MARKS = (-100.0, -1.0, 255.0, -999.0, 0.0)
"""What people write where there is no target."""


def of_loss(asked: Asked, output: Any, n: int) -> dict[str, Any]:
    """What came of the trials, by name as in :class:`Trials`; None where a loss does not stand one."""
    output = detached(output)
    if any(batch_axis(tensor, n) is None for _, tensor in leaves(output)):
        return {}
    few = _Few(asked, output, n)
    whole, again = attempt(few.cost), attempt(few.cost)
    if whole is None or again is None or abs(again - whole) > 1e-6 * abs(whole):  # it draws, or remembers
        return {}
    found = {"precise": attempt(lambda: _precise(asked, output, n, few))}
    if not math.isfinite(whole):
        return found
    size, order, turned = abs(whole) or 1.0, few.order, [*few.order[1:], 0]
    given = asked.targets is not None
    trials: dict[str, Callable[[], Any]] = {
        "doubled": lambda: few.cost(order * 2) / whole if whole else None,
        "tripled": lambda: few.cost(order * 3) / whole if whole else None,
        "shuffled": lambda: abs(few.cost(order, turned) - whole) / size if given else None,
        "pairing": lambda: few.pairing(turned) if given else None,
        "replaced": lambda: abs(few.cost(order, [0] * few.count) - whole) / size if given else None,
        "together": lambda: abs(few.cost(turned) - whole) / size,
        "halves": lambda: few.halves() / whole if whole and few.count > 1 else None,
        "zeros": lambda: (few.of(mapped(_zeros, few.outputs), few.targets), whole),
        "right": few.right,
        "probabilities": few.probabilities,
        "normalized": few.normalized,
        "uncounted": lambda: few.uncounted(whole) if whole else None,
    }
    return found | {name: attempt(trial) for name, trial in trials.items()}


def _precise(asked: Asked, output: Any, n: int, few: _Few) -> tuple[float, float]:
    """In half precision of the whole batch, since sums end where the type does."""
    half = any(tensor.dtype in (torch.float16, torch.bfloat16) for _, tensor in leaves(output))
    some = _Few(asked, output, n, most=n) if half else few
    return some.precise(), some.cost()


def _zeros(tensor: Tensor) -> Tensor:
    return torch.zeros_like(tensor) if tensor.is_floating_point() else tensor


def _ripples(tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point():
        return tensor
    return torch.arange(1.0, tensor.numel() + 1, device=tensor.device).sin().reshape(tensor.shape).to(tensor.dtype)


class _Few:
    """A few of the outputs, with their targets."""

    def __init__(self, asked: Asked, output: Any, n: int, most: int = _FEW) -> None:
        self.asked, self.n = asked, n
        each = max((tensor.numel() // n for _, tensor in leaves(output)), default=0)
        self.count = min(n, most, max(2, _LARGEST // max(each, 1)))
        self.order = list(range(self.count))
        self.outputs, self.targets = (chosen(tree, self.order, n) for tree in (output, asked.targets))

    def of(self, outputs: Any, targets: Any) -> float:
        """The loss of these outputs and targets."""
        with torch.no_grad():
            return float(self.asked.cost(fresh(outputs), fresh(targets)).double().mean())

    def cost(self, index: list[int] | None = None, target_index: list[int] | None = None) -> float:
        """The loss of these examples, beside the targets of those."""
        index = self.order if index is None else index
        other = index if target_index is None else target_index
        return self.of(chosen(self.outputs, index, self.count), chosen(self.targets, other, self.count))

    def halves(self) -> float:
        """The mean of the losses of two halves, each as often as it has examples."""
        half = self.count // 2
        parts = half * self.cost(self.order[:half]) + (self.count - half) * self.cost(self.order[half:])
        return parts / self.count

    def precise(self) -> float:
        """The loss in float64."""

        def widen(tensor: Tensor) -> Tensor:
            return tensor.double() if tensor.is_floating_point() else tensor

        device = next((tensor.device.type for _, tensor in leaves(self.outputs)), "cpu")
        with torch.no_grad(), torch.autocast(device, enabled=False):
            return float(self.asked.cost(mapped(widen, self.outputs), mapped(widen, self.targets)).double().mean())

    def pairing(self, turned: list[int]) -> float | None:
        """By how much the gradient by the outputs changes when targets are handed on; None where nothing differs."""
        if not self._apart(turned):
            return None
        one = self._gradients(self.targets)
        two = self._gradients(chosen(self.targets, turned, self.count))
        size = sum(float(a.double().square().sum()) for a in one)
        apart = sum(float((a - b).double().square().sum()) for a, b in zip(one, two, strict=True))
        return math.sqrt(apart / size) if size else None

    def _apart(self, turned: list[int]) -> bool:
        """Whether both outputs and targets differ from example to example."""
        others = leaves(chosen(self.targets, turned, self.count))
        same = all(torch.equal(a, b) for (_, a), (_, b) in zip(leaves(self.targets), others, strict=True))
        return not same and any(_spread(one, self.count) > _APART for _, one in leaves(self.outputs))

    def _gradients(self, targets: Any) -> list[Tensor]:
        made = mapped(lambda one: one.detach().clone().requires_grad_(one.is_floating_point()), self.outputs)
        wanted = [one for _, one in leaves(made) if one.requires_grad]
        with torch.enable_grad():
            # a copy, since a loss may write into what it is given, and a leaf stands no writing
            value = self.asked.cost(mapped(lambda one: one * 1 if one.requires_grad else one, made), fresh(targets))
            found = torch.autograd.grad(value.mean(), wanted, allow_unused=True)
        return [torch.zeros_like(a) if b is None else b for a, b in zip(wanted, found, strict=True)]

    def right(self) -> tuple[float, float] | None:
        """The loss where an output was reordered to go with the targets, and where against them."""
        targets = [one for _, one in leaves(self.targets)]
        for _, output in leaves(self.outputs):
            pair = _agreeing(output, targets[0]) if len(targets) == 1 else None
            if pair is not None:
                agree, contradict = (self.of(self._with(output, one), self.targets) for one in pair)
                return agree, contradict
        return None

    def probabilities(self) -> tuple[float, ...] | None:
        """The loss of a yes or no where the output is the targets themselves, and others: see :class:`Trials`."""
        outputs, targets = ([one for _, one in leaves(tree)] for tree in (self.outputs, self.targets))
        if len(outputs) != 1 or len(targets) != 1 or outputs[0].shape != targets[0].shape:
            return None
        yes = targets[0].to(outputs[0].dtype)
        if not outputs[0].is_floating_point() or set(yes.unique().tolist()) != {0.0, 1.0}:
            return None
        others = (yes, 1 - yes, 3 * yes - 1, 2 - 3 * yes, 2 * yes)
        return tuple(self.of(self._with(outputs[0], one), self.targets) for one in others)

    def normalized(self) -> tuple[float, float] | None:
        """For one row of scores and one class per example: see :class:`Trials`."""
        outputs, targets = ([one for _, one in leaves(tree)] for tree in (self.outputs, self.targets))
        if len(outputs) != 1 or len(targets) != 1 or outputs[0].ndim != 2 or targets[0].shape != outputs[0].shape[:1]:
            return None
        scores, right = outputs[0], targets[0]
        if not scores.is_floating_point() or right.is_floating_point() or not 0 <= int(right.min()):
            return None
        shift = torch.linspace(-1, 2, len(scores), dtype=scores.dtype, device=scores.device).unsqueeze(1)
        whole, moved = self.cost(), self.of(self._with(scores, scores + shift), self.targets)
        certain = F.one_hot(right.long(), scores.shape[1]).to(scores.dtype)
        return abs(moved - whole) / (abs(whole) or 1.0), self.of(self._with(scores, certain), self.targets)

    def _with(self, output: Tensor, other: Tensor) -> Any:
        """The outputs with one of them in the place of another."""
        return mapped(lambda one: other if one is output else one, self.outputs)

    def uncounted(self, whole: float) -> tuple[str, float] | None:
        """What marks that a target does not count, where the loss of what counts is a sum over two halves of it.

        A mean over what counts is about half that sum; only under a denominator that is always the same is it equal.
        """
        outputs = self.outputs
        if not any(bool(one.any()) for _, one in leaves(outputs)):  # a zero head: of it a target of 0 costs nothing
            outputs = mapped(_ripples, outputs)
            whole = self.of(outputs, self.targets)
        for path, mark in self._marks():
            parts = [self.of(outputs, one) for one in self._split(path, mark)]
            if len(parts) == 2 and all(parts) and abs(sum(parts) / whole - 1) < 1e-4:
                return f"targets{path}", mark
        return None

    def _marks(self) -> Iterator[tuple[str, float]]:
        """Targets and values that may say that something does not count."""
        whole = dict(leaves(self.asked.targets))
        for path, few in leaves(self.targets):
            flags = bool(((few == 0) | (few == 1)).all())
            if flags and bool((whole[path] == 0).any()):
                if _is_mask(few, [one for other, one in leaves(self.targets) if other != path]):
                    yield path, 0.0
            elif not flags:
                there = [mark for mark in (*_MARKS, math.nan) if bool(_marked(whole[path], mark).any())]
                yield from ((path, mark) for mark in there if mark or not self._linear(path))

    def _linear(self, path: str) -> bool:
        """Whether the loss is a sum of products with this target, to which 0 adds nothing."""
        twice = self._changed(path, lambda one: one * 2)
        if not all(one.is_floating_point() for where, one in leaves(self.targets) if where == path):
            return False
        whole = self.cost()
        return abs(self.of(self.outputs, twice) - 2 * whole) < 1e-3 * abs(whole)

    def _split(self, path: str, mark: float) -> Iterator[Any]:
        """The targets twice, each time with every other one that counts marked as not counting."""
        for odd in (0, 1):

            def blanked(one: Tensor, odd: int = odd) -> Tensor:
                counts = ~_marked(one, mark)
                place = counts.flatten().cumsum(0).reshape(one.shape)
                return torch.where(counts & (place % 2 == odd), torch.full_like(one, mark), one)

            yield self._changed(path, blanked)

    def _changed(self, path: str, change: Callable[[Tensor], Tensor]) -> Any:
        """The targets with one of them changed."""
        wanted = dict(leaves(self.targets))[path]
        return mapped(lambda one: change(one) if one is wanted else one, self.targets)


def _marked(tensor: Tensor, mark: float) -> Tensor:
    if math.isnan(mark):
        return tensor.isnan()
    if not tensor.is_floating_point() and not tensor.dtype.is_signed and mark < 0:
        return torch.zeros_like(tensor, dtype=torch.bool)
    return tensor == mark


def _is_mask(flags: Tensor, others: list[Tensor]) -> bool:
    """Whether zeros and ones may say which of another target's elements count; one-hot rows are classes."""
    beside = any(one.ndim >= flags.ndim and one.shape[: flags.ndim] == flags.shape for one in others)
    rows = flags.flatten(1).sum(1) if flags.ndim > 1 else None
    one_hot = rows is not None and flags.shape[1] > 1 and bool((rows == 1).all())
    return beside and not one_hot


def _spread(tensor: Tensor, n: int) -> float:
    axis = batch_axis(tensor, n)
    if axis is None or not tensor.is_floating_point() or not tensor.numel():
        return 0.0
    wide = tensor.float()
    size = float(wide.square().mean().sqrt())
    return float((wide - wide.mean(axis, keepdim=True)).square().mean().sqrt()) / size if size else 0.0


def _agreeing(output: Tensor, target: Tensor) -> tuple[Tensor, Tensor] | None:
    """The outputs reordered to agree with the targets, and to contradict them; None where that is not clear.

    The numbers stay the same ones, so that probabilities stay probabilities: for classes the greatest of each row
    changes its place with that of the right class, for real numbers the order becomes that of the targets.
    """
    if not output.is_floating_point():
        return None
    if target.is_floating_point() or target.dtype == torch.bool:
        if target.shape != output.shape or not bool((target != target.flatten()[:1]).any()):
            return None
        rank, values = target.flatten().float().argsort().argsort(), output.flatten().sort().values
        return values[rank].reshape(output.shape), values.flip(0)[rank].reshape(output.shape)
    axis = next((a for a in (1, output.ndim - 1) if _without(output, a) == tuple(target.shape)), None)
    if axis is None or output.shape[axis] < 2 or int(target.max()) >= output.shape[axis] or int(target.min()) < 0:
        return None
    rows, index = output.movedim(axis, -1), target.long().unsqueeze(-1)
    if bool((rows == rows[..., :1]).all()):
        return None
    both = (_swapped(rows, index, rows.argmax(-1, True)), _swapped(rows, index, rows.argmin(-1, True)))
    return both[0].movedim(-1, axis), both[1].movedim(-1, axis)


def _without(tensor: Tensor, axis: int) -> tuple[int, ...] | None:
    shape = tuple(tensor.shape)
    return shape[:axis] + shape[axis + 1 :] if 0 < axis < tensor.ndim else None


def _swapped(rows: Tensor, one: Tensor, two: Tensor) -> Tensor:
    """The elements at two places of every row exchanged."""
    first, second = rows.gather(-1, one), rows.gather(-1, two)
    return rows.scatter(-1, two, first).scatter(-1, one, second)
