"""The same thing done to a changed batch: what should not matter, and what should."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ._asked import Asked
from ._guard import evaluating
from ._loss_trials import of_loss
from ._mixing import Mixer
from ._model_trials import of_model
from ._noise import Drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """What came out; None where a trial could not be made.

    The model's, in evaluation mode, on two examples:

    Args:
        unstable: by how much two runs on the same input differ, relative to the output's rms.
        noise: the functions that drew random numbers.
        leak: by how much the output of one example changes when the other's inputs become zeros, likewise.
        leak_gradient: the rms of the gradient of one example's output by the other example's first activation, over
            that by its own.
        mixer: the function in which one example gets into the other, where there is a leak and it can be told.
        across: whether places along axis 1 know nothing of each other, so that it may be the examples' axis; looked
            at where there is a leak; None where outputs and targets have no such axis.
        elsewhere: whether each example's input makes the output of one example, and not always its own; looked at where
            there is a leak.
        coupled: whether the output has an axis of the batch's length beyond the first, as a matrix of similarities.
        placed: by how much the output of an example changes when the two change places, likewise; where neither knows
            of the other.
        blank: by how much the output of the example whose inputs become zeros changes, likewise.
        future: by how much earlier outputs change when the inputs from the middle on become others, or from a place
            near to it where those tell nothing; for "causal-lm" only.
        present: by how much outputs change at the first place from the middle on where the inputs become others,
            likewise.
        future_gradient: the rms of their gradient by later activations, over that by earlier ones.

    The loss's, on up to eight of the batch's outputs:

    Args:
        doubled: the loss of these examples twice over, over their loss.
        tripled: the loss of these three times over, likewise.
        shuffled: by how much the loss changes when the targets are handed to other examples, relative.
        pairing: by how much its gradient by the outputs changes then, relative; None where outputs or targets do not
            differ from example to example.
        replaced: by how much the loss changes when all examples get the first one's target, relative.
        together: by how much it changes when outputs and targets are reordered alike, relative.
        halves: the mean of the losses of two halves over the loss of the whole.
        precise: the loss in float64 of the same outputs, and the loss as it is.
        zeros: the loss where all outputs are 0, and the loss as it is.
        right: the loss where the outputs were reordered to go with the targets, and where against them.
        probabilities: for targets of 0 and 1, the loss where the output is the targets, where it is the others, where
            it is beyond them by 1 in either case, and where it is twice the targets.
        normalized: for scores of classes, by how much the loss changes when a number is added to all scores of an
            example, another to each, relative; and the loss where they are 1 for the right class and 0 for the others.
        uncounted: which target says that something does not count, and by which value, where the loss of all that
            counts is the sum of the losses of two halves of it.
    """

    unstable: float | None = None
    noise: tuple[Drawn, ...] = ()
    leak: float | None = None
    leak_gradient: float | None = None
    mixer: Mixer | None = None
    across: bool | None = None
    elsewhere: bool = False
    coupled: bool = False
    placed: float | None = None
    blank: float | None = None
    future: float | None = None
    present: float | None = None
    future_gradient: float | None = None
    doubled: float | None = None
    tripled: float | None = None
    shuffled: float | None = None
    pairing: float | None = None
    replaced: float | None = None
    together: float | None = None
    halves: float | None = None
    precise: tuple[float, float] | None = None
    zeros: tuple[float, float] | None = None
    right: tuple[float, float] | None = None
    probabilities: tuple[float, ...] | None = None
    normalized: tuple[float, float] | None = None
    uncounted: tuple[str, float] | None = None


def tried(asked: Asked, n: int | None, output: Any) -> Trials:
    """Make all trials that the batch allows: of the loss as it is, of the model in evaluation mode.

    Args:
        asked: what to try.
        n: the number of examples.
        output: of the model on the whole batch.
    """
    if not n:
        return Trials()
    loss_trials = of_loss(asked, output, n)
    with evaluating(asked.modules):
        return Trials(**of_model(asked, n, output), **loss_trials)
