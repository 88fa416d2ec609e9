"""Trials of the model on two examples: noise, what an output depends on, and what it should not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ._asked import Asked
from ._dependency import sources, weighed
from ._following import following
from ._mixing import mixer
from ._noise import Noise
from ._tree import attempt, batch_axis, chosen, fresh, leaves, mapped

_LEAK = 1e-5
_FEW = 8


def of_model(asked: Asked, n: int, whole: Any) -> dict[str, Any]:
    """Make all trials that the batch allows.

    Args:
        asked: what to try, its modules in evaluation mode.
        n: the number of examples.
        whole: the output of the whole batch, which tells along which axis examples stand.
    """
    pair = chosen(asked.inputs, [0, min(1, n - 1)], n)
    torch.manual_seed(asked.seed)
    before = _state(asked)
    one = attempt(lambda: _outputs(asked, pair))
    if one is None:
        found = attempt(lambda: _of_whole(asked, n)) or {}
        return found | (_future(asked, asked.inputs, n) if asked.task == "causal-lm" else {})
    found: dict[str, Any] = {"unstable": 0.0}
    if _state(asked) != before:  # random numbers were drawn
        found |= _unstable(asked, n)
    axes = _axes(_floating(whole), one, n)
    found["coupled"] = any(_grew(a, b) for a, b in zip(_floating(whole), one, strict=False)) and n != 2
    if asked.task == "causal-lm":
        found |= _future(asked, pair, 2)
    if all(axis is None for axis in axes):
        return found
    others = [attempt(lambda i=i: _outputs(asked, _blanked(pair, i))) for i in (0, 1)]
    if others[1] is not None:
        found["blank"] = _change(one, others[1], axes, 1)
    changes = [_change(one, other, axes, 1 - i) if other is not None else math.nan for i, other in enumerate(others)]
    known = [change for change in changes if not math.isnan(change)]
    if not known:
        return found
    found["leak"] = leak = max(known)
    if leak <= _LEAK:
        turned = attempt(lambda: _outputs(asked, chosen(pair, [1, 0], 2)))
        placed = None if turned is None else max(_moved(one, turned, axes, i) for i in (0, 1))
        return found | {"placed": placed, "leak_gradient": 0.0 if leak == 0 else None}
    if not found["unstable"]:  # noise of other origin than torch's
        found |= _unstable(asked, n)
    other = changes.index(leak)
    run = lambda inputs: _run(asked, inputs)  # noqa: E731
    found["leak_gradient"] = attempt(lambda: _leak_gradient(asked, pair, axes))
    found["mixer"] = attempt(lambda: mixer(asked.model, run, pair, _blanked(pair, other), other))
    found["across"] = attempt(lambda: _across(asked, pair, one, axes))
    found["elsewhere"] = bool(attempt(lambda: _elsewhere(asked, n)))
    return found


def _of_whole(asked: Asked, n: int) -> dict[str, Any]:
    """The leak alone, for a model that runs on batches of this size only: the first example is cleared."""
    if n < 3:
        return {}
    cleared = _blanked(asked.inputs, 0, n)
    one, two = _outputs(asked, asked.inputs), _outputs(asked, cleared)
    axes = [batch_axis(tensor, n) for tensor in one]
    changes = [0.0, *(_change(one, two, axes, example) for example in range(1, n))]
    found: dict[str, Any] = {
        "coupled": any(list(tensor.shape).count(n) > 1 for tensor in one),
        "unstable": _apart(one, _outputs(asked, asked.inputs)),
        "leak": max(changes),
    }
    if found["leak"] > _LEAK:
        run = lambda inputs: _run(asked, inputs)  # noqa: E731
        found["leak_gradient"] = attempt(lambda: _whole_gradient(asked, n, axes, changes.index(max(changes))))
        found["mixer"] = attempt(lambda: mixer(asked.model, run, asked.inputs, cleared, 0, n))
        found["elsewhere"] = bool(attempt(lambda: _elsewhere(asked, n)))
    return found


def _elsewhere(asked: Asked, n: int) -> bool:
    """Whether each example's input makes the output of one example, and not always its own; the first and the last."""
    one, moved = _outputs(asked, asked.inputs), False
    axes = [batch_axis(tensor, n) for tensor in one]
    for example in {0, 1, n - 1}:
        two = _outputs(asked, _blanked(asked.inputs, example, n))
        changed = [i for i in range(n) if _change(one, two, axes, i) > _LEAK]
        if len(changed) != 1:
            return False
        moved = moved or changed[0] != example
    return moved


def _whole_gradient(asked: Asked, n: int, axes: Sequence[int | None], example: int) -> float | None:
    """The rms of the gradient of an example's output by all others' inputs over that by its own."""
    with torch.enable_grad(), sources(asked.model, asked.inputs, n) as (given, heard):
        torch.manual_seed(asked.seed)
        outputs = _floating(asked.run(given))
    parts = [o.select(a, example) for o, a in zip(outputs, axes, strict=False) if a is not None and o.requires_grad]
    if not parts or not heard:
        return None
    total = torch.stack([weighed(part) for part in parts]).sum()
    known = [(g, batch_axis(g, n)) for g in torch.autograd.grad(total, heard, allow_unused=True) if g is not None]
    squares = [g.transpose(0, axis).flatten(1).double().square().mean(1) for g, axis in known if axis is not None]
    each = torch.stack(squares).sum(0)
    own, other = float(each[example]), float(each.sum() - each[example]) / (n - 1)
    return math.sqrt(other / own) if own else (math.inf if other else None)


def _blanked(inputs: Any, example: int, count: int = 2) -> Any:
    """One of the examples with zeros for inputs."""

    def blank(tensor: Tensor) -> Tensor:
        axis = batch_axis(tensor, count)
        if axis is None:
            return tensor
        parts = list(tensor.split(1, axis))
        parts[example] = torch.zeros_like(parts[example])
        return torch.cat(parts, axis)

    return mapped(blank, inputs)


def _run(asked: Asked, inputs: Any) -> Any:
    """The same noise every time, so that only the inputs make a difference."""
    torch.manual_seed(asked.seed)
    return asked.run(fresh(inputs))


def _floating(tree: Any) -> list[Tensor]:
    return [tensor for _, tensor in leaves(tree) if tensor.is_floating_point() and tensor.ndim]


def _outputs(asked: Asked, inputs: Any) -> list[Tensor]:
    with torch.no_grad():
        return [tensor.detach().float() for tensor in _floating(_run(asked, inputs))]


def _axes(whole: Sequence[Tensor], pair: Sequence[Tensor], n: int) -> list[int | None]:
    """Along which axis of each output the two examples stand: where the whole batch's is longer, or at the start."""
    if n == 2 or len(whole) != len(pair) or any(a.ndim != b.ndim for a, b in zip(whole, pair, strict=True)):
        return [batch_axis(one, 2) for one in pair]
    found: list[int | None] = []
    for a, b in zip(whole, pair, strict=True):
        apart = [i for i in range(a.ndim) if a.shape[i] != b.shape[i]]
        found.append(apart[0] if len(apart) == 1 and a.shape[apart[0]] == n and b.shape[apart[0]] == 2 else None)
    return found


def _grew(whole: Tensor, pair: Tensor) -> bool:
    """Whether more than one axis grows with the batch."""
    return whole.ndim == pair.ndim and sum(a != b for a, b in zip(whole.shape, pair.shape, strict=True)) > 1


def _state(asked: Asked) -> tuple[bytes, ...]:
    """Of torch's random numbers on the model's devices."""
    devices = {tensor.device for _, tensor in leaves(asked.inputs) if tensor.device.type == "cuda"}
    states = [torch.get_rng_state(), *(torch.cuda.get_rng_state(device) for device in devices)]
    return tuple(state.numpy().tobytes() for state in states)


def _unstable(asked: Asked, n: int) -> dict[str, Any]:
    """By how much two runs differ, on several examples so that noise does not look alike by chance, and what drew."""
    few = chosen(asked.inputs, range(min(n, _FEW)), n)
    noise = Noise(asked.model)

    def runs() -> float:
        one = _outputs(asked, few)
        with torch.no_grad(), following(noise):
            return _apart(one, [tensor.detach().float() for tensor in _floating(asked.run(fresh(few)))])

    return {"unstable": attempt(runs), "noise": tuple(noise.drawn)}


def _apart(one: Sequence[Tensor], two: Sequence[Tensor]) -> float:
    """The largest rms distance of two outputs, relative to the first's rms."""
    pairs = [(a, b) for a, b in zip(one, two, strict=False) if a.shape == b.shape]
    return max((_relative((a - b).square().mean(), a) for a, b in pairs), default=0.0)


def _relative(square: Tensor, to: Tensor) -> float:
    size = to.square().mean()
    return float((square / size).sqrt()) if float(size) else float(square.sqrt())


def _change(one: Sequence[Tensor], two: Sequence[Tensor], axes: Sequence[int | None], example: int) -> float:
    """By how much the output of one of the two examples changed, relative to its rms; of several the most."""
    worst = 0.0
    for a, b, axis in zip(one, two, axes, strict=False):
        if axis is not None and a.shape == b.shape:
            first, second = (tensor.select(axis, example) for tensor in (a, b))
            worst = max(worst, _relative((first - second).square().mean(), first))
    return worst


def _moved(one: Sequence[Tensor], turned: Sequence[Tensor], axes: Sequence[int | None], example: int) -> float:
    """As :func:`_change`, of an example that stands in the other place."""
    back = [two if axis is None else two.flip(axis) for two, axis in zip(turned, axes, strict=False)]
    return _change(one, back, axes, example)


def _leak_gradient(asked: Asked, pair: Any, axes: Sequence[int | None]) -> float | None:
    """The rms of the gradient of one example's output by the other's input over that by its own, of both the larger."""
    with torch.enable_grad(), sources(asked.model, pair, 2) as (given, heard):
        torch.manual_seed(asked.seed)
        outputs = _floating(asked.run(given))
    if not heard:
        return None
    worst = []
    for i in (0, 1):
        parts = [o.select(a, i) for o, a in zip(outputs, axes, strict=False) if a is not None and o.requires_grad]
        if not parts:
            return None
        total = torch.stack([weighed(part) for part in parts]).sum()
        gradients = torch.autograd.grad(total, heard, retain_graph=True, allow_unused=True)
        known = [(g, batch_axis(g, 2)) for g in gradients if g is not None]
        own, other = (
            sum(float(g.select(axis, j).double().square().mean()) for g, axis in known if axis is not None)
            for j in (i, 1 - i)
        )
        if own or other:
            worst.append(math.sqrt(other / own) if own else math.inf)
    return max(worst, default=None)


def _across(asked: Asked, pair: Any, one: Sequence[Tensor], axes: Sequence[int | None]) -> bool | None:
    """Whether places along axis 1 know nothing of each other; None where outputs and targets have no such axis."""
    lengths = {tensor.shape[1] for _, tensor in leaves(pair) if tensor.ndim > 1}
    length = next(iter(lengths)) if len(lengths) == 1 else 0
    targets = [tensor for _, tensor in leaves(asked.targets)]
    if length < 2 or any(tensor.ndim < 2 or tensor.shape[1] != length for tensor in targets):
        return None
    if not any(
        axis == 0 and tensor.ndim > 1 and tensor.shape[1] == length for tensor, axis in zip(one, axes, strict=True)
    ):
        return None

    def cleared(keep: slice) -> Any:
        def clear(tensor: Tensor) -> Tensor:
            made = torch.zeros_like(tensor)
            made[:, keep] = tensor[:, keep]
            return made

        return mapped(lambda tensor: clear(tensor) if tensor.ndim > 1 else tensor, pair)

    for keep in (slice(0, 1), slice(1, None)):
        for a, b in zip(one, _outputs(asked, cleared(keep)), strict=True):
            if a.ndim > 1 and a.shape[1] == length:
                apart = (a[:, keep] - b[:, keep]).square().mean()
                if _relative(apart, a[:, keep]) > _LEAK:
                    return False
    return True


def _future(asked: Asked, some: Any, count: int) -> dict[str, Any]:
    """By how much early outputs change when examples take each other's inputs from some place on."""
    long = [tensor.shape[1] for _, tensor in leaves(some) if tensor.ndim > 1]
    length = max(long, default=0)
    if length < 2:
        return {}
    half = length // 2

    def swapped(tensor: Tensor, cut: int) -> Tensor:
        if tensor.ndim < 2 or tensor.shape[:2] != (count, length):
            return tensor
        return torch.cat((tensor[:, :cut], tensor[:, cut:].roll(1, 0)), 1)

    def long_outputs(inputs: Any) -> list[Tensor]:
        return [o for o in _outputs(asked, inputs) if o.ndim > 1 and o.shape[:2] == (count, length)]

    one = attempt(lambda: long_outputs(some))
    if not one:
        return {}
    found: dict[str, Any] = {}
    for cut in _cuts(length):
        two = attempt(lambda cut=cut: long_outputs(mapped(lambda tensor: swapped(tensor, cut), some)))
        if not two:
            break
        change = _apart([o[:, :cut] for o in one], [o[:, :cut] for o in two])
        if cut == half:
            found["future"] = change
            first = _first_other(some, length, half, count)
            if first is not None:
                found["present"] = _apart([o[:, first] for o in one], [o[:, first] for o in two])
        if change > _LEAK or cut == half:
            found |= {
                "future": change,
                "future_gradient": attempt(lambda cut=cut: _future_gradient(asked, some, length, cut, count)),
            }
        if change > _LEAK:
            break
    return found


def _cuts(length: int) -> list[int]:
    """The middle, and places around it: what looks ahead at every second or fourth place only passes one of them."""
    half = length // 2
    return [half, *(one for one in range(half - 3, half + 5) if one != half and 0 < one < length)]


def _first_other(some: Any, length: int, half: int, count: int) -> int | None:
    """The first place of the later half where the examples differ."""
    long = [tensor for _, tensor in leaves(some) if tensor.ndim > 1 and tensor.shape[:2] == (count, length)]
    places = range(half, length)
    return next((i for i in places if any(bool((tensor[:, i] != tensor[:1, i]).any()) for tensor in long)), None)


def _future_gradient(asked: Asked, some: Any, length: int, cut: int, count: int) -> float | None:
    """The rms of early outputs' gradient by later places over that by early ones."""
    with torch.enable_grad(), sources(asked.model, some, count) as (given, heard):
        torch.manual_seed(asked.seed)
        outputs = [o for o in _floating(asked.run(given)) if o.ndim > 1 and o.shape[:2] == (count, length)]
    heard = [one for one in heard if one.ndim > 1 and one.shape[:2] == (count, length)]
    if not heard or not outputs or not any(one.requires_grad for one in outputs):
        return None
    total = torch.stack([weighed(one[:, :cut]) for one in outputs if one.requires_grad]).sum()
    gradients = [g for g in torch.autograd.grad(total, heard, allow_unused=True) if g is not None]
    early, late = (
        sum(float(g[:, part].double().square().mean()) for g in gradients) for part in (slice(cut), slice(cut, None))
    )
    return math.sqrt(late / early) if early else None
