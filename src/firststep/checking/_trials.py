"""The same thing done to a changed batch: what should not matter, and what should."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ._asked import Asked
from ._tree import batch_axis, chosen, detached, examples, fresh, leaves, mapped

_FEW = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """What came out; None where a trial could not be made.

    The model's, in evaluation mode, on two examples:

    Args:
        unstable: by how much two runs on the same input differ, relative to the output's rms.
        leak: by how much the output of one example changes when the other's inputs become zeros, likewise.
        leak_gradient: the rms of the gradient of one example's output by the other example's first activation, over
            that by its own.
        coupled: whether the output has an axis of the batch's length beyond the first, as a matrix of similarities.
        blank: by how much the output of the example whose inputs become zeros changes, likewise.

    The loss's, on up to eight of the batch's outputs:

    Args:
        doubled: the loss of these examples twice over, over their loss.
        shuffled: by how much the loss changes when the targets are handed to other examples, relative.
        together: by how much it changes when outputs and targets are reordered alike, relative.
        halves: the mean of the losses of two halves over the loss of the whole.
        precise: the loss in float64 of the same outputs, and the loss as it is.
    """

    unstable: float | None = None
    leak: float | None = None
    leak_gradient: float | None = None
    coupled: bool = False
    blank: float | None = None
    doubled: float | None = None
    shuffled: float | None = None
    together: float | None = None
    halves: float | None = None
    precise: tuple[float, float] | None = None


def tried(asked: Asked, output: Any) -> Trials:
    """Make all trials that the batch allows. Modules are left in evaluation mode.

    Args:
        asked: what to try.
        output: of the model on the whole batch.
    """
    n = examples(asked.inputs) if asked.targets is None else examples(asked.inputs, asked.targets)
    of_loss = {} if n is None else _of_loss(asked, detached(output), n)
    for module in asked.modules:
        module.eval()
    return Trials(**_of_model(asked, n), **of_loss)


def _attempt(trial: Callable[[], Any]) -> Any:
    """None where the model or the loss does not stand the changed batch."""
    try:
        return trial()
    except Exception:
        return None


def _of_model(asked: Asked, n: int | None) -> dict[str, Any]:
    if n is None:
        return {}
    pair = chosen(asked.inputs, [0, min(1, n - 1)], n)
    before = _noise(asked)
    one = _attempt(lambda: _outputs(asked, pair))
    if one is None:
        return {}
    found: dict[str, Any] = {"unstable": 0.0}
    if _noise(asked) != before:  # random numbers were drawn
        found["unstable"] = _unstable(asked, n)
    if any(batch_axis(tensor, 2) is None for tensor in one):
        return found
    blank = mapped(lambda tensor: torch.cat((tensor[:1], torch.zeros_like(tensor[1:]))), pair)
    other = _attempt(lambda: _outputs(asked, blank))
    if other is None:
        return found
    found |= {"blank": _change(one, other, 1), "leak": _change(one, other, 0)}
    if found["leak"] == 0:
        found["leak_gradient"] = 0.0
        return found
    if not found["unstable"]:  # noise of other origin than torch's
        found["unstable"] = _unstable(asked, n)
    found["leak_gradient"] = _attempt(lambda: _leak_gradient(asked, pair))
    if n > 2 and any(list(tensor.shape).count(2) > 1 for tensor in one):
        three = _attempt(lambda: _outputs(asked, chosen(asked.inputs, [0, 1, 2], n))) or []
        found["coupled"] = any(_grew(two, tensor) for two, tensor in zip(one, three, strict=False))
    return found


def _noise(asked: Asked) -> tuple[bytes, ...]:
    """The state of torch's random numbers on the model's devices."""
    devices = {tensor.device for _, tensor in leaves(asked.inputs) if tensor.device.type == "cuda"}
    states = [torch.get_rng_state(), *(torch.cuda.get_rng_state(device) for device in devices)]
    return tuple(state.numpy().tobytes() for state in states)


def _unstable(asked: Asked, n: int) -> float | None:
    """On several examples, so that the noise does not look alike twice by chance."""
    few = chosen(asked.inputs, range(min(n, _FEW)), n)
    return _attempt(lambda: _apart(_outputs(asked, few), _outputs(asked, few)))


def _grew(two: Tensor, three: Tensor) -> bool:
    """Whether more than one axis grows with the batch."""
    return two.ndim == three.ndim and sum(a != b for a, b in zip(two.shape, three.shape, strict=True)) > 1


def _outputs(asked: Asked, inputs: Any) -> list[Tensor]:
    with torch.no_grad():
        output = asked.run(fresh(inputs))
    return [tensor.detach().float() for _, tensor in leaves(output) if tensor.is_floating_point()]


def _apart(one: list[Tensor], two: list[Tensor]) -> float:
    """The largest rms distance of two outputs, relative to the first's rms."""
    pairs = [(a, b) for a, b in zip(one, two, strict=True) if a.shape == b.shape]
    return max((_relative((a - b).square().mean(), a) for a, b in pairs), default=0.0)


def _relative(square: Tensor, to: Tensor) -> float:
    size = to.square().mean()
    return float((square / size).sqrt()) if float(size) else float(square.sqrt())


def _change(one: list[Tensor], two: list[Tensor], example: int) -> float:
    """By how much the output of one of the two examples changed, relative to its rms; of several the most."""
    worst = 0.0
    for a, b in zip(one, two, strict=True):
        axis = batch_axis(a, 2)
        if axis is not None and a.shape == b.shape:
            first = [tensor.select(axis, example) for tensor in (a, b)]
            worst = max(worst, _relative((first[0] - first[1]).square().mean(), first[0]))
    return worst


def _leak_gradient(asked: Asked, pair: Any) -> float | None:
    """By the inputs; where those are whole numbers, by the first activation that has a gradient and both examples."""
    heard: list[Tensor] = []

    def hear(_: nn.Module, __: Any, output: Any) -> Any:
        if heard or not isinstance(output, Tensor) or not output.requires_grad or output.shape[:1] != (2,):
            return None
        heard.append(output.detach().requires_grad_())
        return heard[0]

    floating = [tensor for _, tensor in leaves(pair) if tensor.is_floating_point()]
    handles = []
    if floating:
        pair = mapped(lambda one: one.detach().clone().requires_grad_(one.is_floating_point()), pair)
        heard = [tensor for _, tensor in leaves(pair) if tensor.requires_grad]
        inputs = mapped(lambda one: one * 1 if one.requires_grad else one, pair)
    else:
        inputs = fresh(pair)
        handles = [m.register_forward_hook(hear) for m in asked.model.modules() if not list(m.children())]
    try:
        with torch.enable_grad():
            output = asked.run(inputs)
            first = sum(
                tensor.select(axis, 0).square().sum()
                for _, tensor in leaves(output)
                if tensor.is_floating_point() and tensor.requires_grad and (axis := batch_axis(tensor, 2)) is not None
            )
            if not isinstance(first, Tensor) or not heard:
                return None
            gradients = torch.autograd.grad(first, heard, allow_unused=True)
    finally:
        for handle in handles:
            handle.remove()
    own = sum(float(g[0].float().square().mean()) for g in gradients if g is not None)
    other = sum(float(g[1].float().square().mean()) for g in gradients if g is not None)
    return math.sqrt(other / own) if own else None


def _of_loss(asked: Asked, output: Any, n: int) -> dict[str, Any]:
    if any(batch_axis(tensor, n) is None for _, tensor in leaves(output)):
        return {}
    few = min(n, _FEW)
    outputs, targets = (chosen(tree, range(few), n) for tree in (output, asked.targets))

    def cost(index: list[int] | None = None, target_index: list[int] | None = None) -> float:
        with torch.no_grad():
            index = list(range(few)) if index is None else index
            other = index if target_index is None else target_index
            value = asked.cost(fresh(chosen(outputs, index, few)), fresh(chosen(targets, other, few)))
            return float(value.double().mean())

    whole = _attempt(cost)
    if whole is None or not math.isfinite(whole):
        return {}
    size = abs(whole) or 1.0
    order = list(range(few))
    turned = [*order[1:], 0]
    found: dict[str, Any] = {
        "doubled": _attempt(lambda: cost(order + order) / whole) if whole else None,
        "shuffled": _attempt(lambda: abs(cost(order, turned) - whole) / size) if asked.targets is not None else None,
        "together": _attempt(lambda: abs(cost(turned) - whole) / size),
        "precise": _attempt(lambda: (_precise(asked, outputs, targets), whole)),
    }
    if few > 1 and whole:
        half = few // 2
        found["halves"] = _attempt(
            lambda: (half * cost(order[:half]) + (few - half) * cost(order[half:])) / few / whole
        )
    return found


def _precise(asked: Asked, outputs: Any, targets: Any) -> float:
    def widen(tensor: Tensor) -> Tensor:
        return tensor.double() if tensor.is_floating_point() else tensor

    with torch.no_grad(), torch.autocast(asked_device(outputs), enabled=False):
        return float(asked.cost(mapped(widen, outputs), mapped(widen, targets)).double().mean())


def asked_device(tree: Any) -> str:
    """The device type of the first tensor."""
    return next((tensor.device.type for _, tensor in leaves(tree)), "cpu")
