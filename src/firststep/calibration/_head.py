"""Finding the head: the layer whose bias is added to the model's output."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..errors import CalibrationError
from ._asked import scores
from ._observe import observe
from ._ports import Port
from ._spread import Spread
from ._target import Job


class Head(NamedTuple):
    """The last layer.

    Args:
        port: the layer.
        axis: of the scores, along which its outputs lie; ``None`` where there is one output and no axis for it.
        scores: the model's output as it was found.
    """

    port: Port
    axis: int | None
    scores: Tensor

    @property
    def outputs(self) -> int:
        """How many numbers the head gives."""
        return 1 if self.axis is None else self.scores.shape[self.axis]


def find_head(job: Job) -> Head:
    """The last layer of those chosen whose bias, moved, moves the model's output by as much.

    Raises:
        CalibrationError: when there is none.
    """
    ports = [port for port in job.chosen.ports if port.bias is not None]
    if not ports:
        raise CalibrationError(
            f"calibrate(target='head-bias'): no layer of {_meant(job)} has a bias to set. Build the head with bias=True"
        )
    before = scores(job.asked.run()).detach()
    order = observe(job.asked, ports, lambda port, *_: Spread(1, torch.zeros(()), torch.zeros(()))).order
    for port in reversed(order):
        axis = _axis(job, port, before)
        if axis is not False:
            return Head(port, axis, before)
    last = f", not even that of {order[-1].name!r}, the last one" if order else ""
    raise CalibrationError(
        f"calibrate(target='head-bias'): no bias of {_meant(job)} is simply added to the model's output{last}. The "
        "output must be the scores of a layer with a bias, before softmax or sigmoid: leave that out, with a loss that "
        "takes scores, or type forward=lambda model, inputs: ... that returns them"
    )


def _axis(job: Job, port: Port, before: Tensor) -> int | bool | None:
    """Along which axis of the output the bias is added; False when it is not."""
    assert port.bias is not None
    bias = port.bias.writer.tensors[0]
    if bias.ndim != 1:
        return False
    generator, kept = torch.Generator().manual_seed(0), bias.detach().clone()
    move = torch.randn(bias.shape, generator=generator).to(bias)
    try:
        bias.data.add_(move)
        after = scores(job.asked.run()).detach()
    finally:
        bias.data.copy_(kept)
    if after.shape != before.shape:
        return False
    moved, room = after - before, 1e-5 * (1 + float(before.abs().max()))
    for axis in (-1, *range(before.ndim - 1)) if before.ndim else ():
        if before.shape[axis] == len(move):
            shape = [1] * before.ndim
            shape[axis] = -1
            if bool(((moved - move.reshape(shape)).abs() <= room).all()):
                return axis
    return None if len(move) == 1 and bool(((moved - move).abs() <= room).all()) else False


def _meant(job: Job) -> str:
    names = [repr(owner.name) for owner in job.chosen.owners]
    return "the model" if len(names) == len({id(owner.module) for owner in job.stock.owners}) else ", ".join(names)
