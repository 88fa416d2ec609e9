"""Where one example gets into the output of another: the first function whose result tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from ._following import Follower, following
from ._tree import leaves


@dataclass(frozen=True, slots=True)
class Mixer:
    """The function that mixes.

    Args:
        place: the module that called it; "model" for the whole.
        name: the function: "softmax", "view", "lstm".
        shape: of its result.
        beside: whether its result, one for all examples, is set beside what each example has, and does nothing else.
    """

    place: str
    name: str
    shape: tuple[int, ...]
    beside: bool = False


# fmt: off
REARRANGED = frozenset({
    "view", "reshape", "unflatten", "view_as", "reshape_as", "resize", "transpose", "permute", "swapaxes", "movedim",
    "t", "flip", "roll", "index_select", "gather", "take", "take_along_dim", "__getitem__", "select", "narrow", "chunk",
    "split", "unbind", "tensor_split", "cat", "stack", "concat", "flatten", "squeeze", "unsqueeze", "contiguous",
    "expand", "expand_as", "repeat", "repeat_interleave", "unfold", "__get__", "index_copy", "masked_select", "size",
    "clone", "detach", "to", "float", "rearrange",
})
# fmt: on
"""Functions that move numbers. They mix nothing, but may put an example's numbers in another's place."""

_KEEPS = frozenset({"view", "reshape", "unflatten", "flip", "roll", "index_select", "gather", "__getitem__", "cat"})


class _Heard(Follower):
    """The first run, whose results are kept."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        self.results: list[tuple[str, list[Tensor]]] = []

    def hear(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
        made = [one.detach().clone() for _, one in leaves(result) if one.is_floating_point()]
        if made:
            self.results.append((name, made))


class _Compared(Follower):
    """The second run, in which one of the examples is another.

    Args:
        model: the model.
        results: of the first run.
        other: the place of the example that changed.
        count: how many examples there are.
    """

    def __init__(self, model: nn.Module, results: Sequence[tuple[str, list[Tensor]]], other: int, count: int) -> None:
        super().__init__(model)
        self.results, self.other, self.count = results, other, count
        self.mixer: Mixer | None = None
        self._step = 0
        self._shares: dict[int, tuple[Tensor, float, bool]] = {}
        self._moved: Mixer | None = None
        self._common: dict[int, Tensor] = {}
        self._mixed: dict[int, Tensor] = {}
        self._set_beside = False

    def hear(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any], result: Any) -> None:
        if self.mixer is not None:
            self._follow(name, [one for _, one in leaves([*args, kwargs])], [one for _, one in leaves(result)])
        made = [one.detach() for _, one in leaves(result) if one.is_floating_point()]
        if not made or self._step >= len(self.results):
            return
        before_name, before = self.results[self._step]
        self._step += 1
        if before_name != name or [one.shape for one in before] != [one.shape for one in made]:
            self._step = len(self.results)  # another way through the model: nothing can be compared
            return
        given = [self._shares[id(one)] for _, one in leaves([*args, kwargs]) if id(one) in self._shares]
        whole = [one for _, one in leaves(result) if one.is_floating_point()]
        for kept, a, b in zip(whole, before, made, strict=True):
            self._judge(name, given, kept, _touched(a, b))

    def _judge(self, name: str, given: Sequence[tuple[Tensor, float, bool]], result: Tensor, touched: Tensor) -> None:
        share = float(touched.float().mean()) if touched.numel() else 0.0
        slab = _slab(touched, self.other, self.count)
        self._shares[id(result)] = (result, share, slab)
        if self.mixer is not None and not any(one[2] for one in given):
            return  # already mixed
        most = 1 / self.count + 1e-6
        here = Mixer(self.place or "model", name, tuple(result.shape))
        if name in REARRANGED:
            lost = 0 < share <= most and not slab and self.count in result.shape and any(one[2] for one in given)
            if name in _KEEPS and lost:
                self._moved = here
            return
        if share > most and share > max((one[1] for one in given), default=0.0) + 1e-6:
            self._keep(result, self._moved is None)
            self.mixer = self.mixer or self._moved or here
        elif slab:
            self._moved = None

    def _follow(self, name: str, given: Sequence[Tensor], made: Sequence[Tensor]) -> None:
        """What becomes of a number for all examples: set beside each, or mixed into what is each one's own."""
        given = [one for one in given if not isinstance(one, nn.Parameter)]
        common = [id(one) in self._common for one in given]
        mixed = any(id(one) in self._mixed for one in given)
        if mixed or (any(common) and not all(common) and name not in ("cat", "concat", "concatenate")):
            for one in made or given[:1]:  # the first, where it was written into
                self._keep(one, True)
        elif all(common) and common:
            self._common.update({id(one): one for one in made})
        elif any(common):
            self._set_beside = True

    def _keep(self, made: Tensor, alike: bool) -> None:
        """A result that has no axis of examples is one for all."""
        (self._common if alike and self.count not in made.shape else self._mixed)[id(made)] = made

    def beside(self, output: Any) -> bool:
        """Whether the output has to do with what was mixed only through what is set beside."""
        return self._set_beside and not any(id(one) in (self._mixed | self._common) for _, one in leaves(output))


def _touched(a: Tensor, b: Tensor) -> Tensor:
    """Where two results differ by more than rounding."""
    size = a[a.isfinite()].abs().amax() if bool(a.isfinite().any()) else a.new_zeros(())
    return ((a - b).abs() > 1e-6 * size) | (a.isfinite() != b.isfinite())


def _slab(touched: Tensor, other: int, count: int) -> bool:
    """Whether what differs is one example: one of the places along an axis."""
    total = int(touched.sum())
    return total > 0 and any(
        length == count and int(touched.select(axis, other).sum()) == total for axis, length in enumerate(touched.shape)
    )


def mixer(
    model: nn.Module, run: Callable[[Any], Any], given: Any, changed: Any, other: int, count: int = 2
) -> Mixer | None:
    """The function that mixes; None where none could be told.

    Args:
        model: in evaluation mode.
        run: runs it on inputs, the same noise each time.
        given: the inputs of the examples.
        changed: the same with one of them another.
        other: which one.
        count: how many examples there are.
    """
    with torch.no_grad():
        first = _Heard(model)
        with following(first):
            run(given)
        second = _Compared(model, first.results, other, count)
        with following(second):
            output = run(changed)
    if second.mixer is not None:
        return replace(second.mixer, beside=second.beside(output))
    return second._moved
