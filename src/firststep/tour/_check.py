"""The check of the tour's model, and of the same model after two slips."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from .. import checking
from ..checking import CheckReport
from ._data import Digits
from ._starts import OURS, starts
from ._train import begin

SLIPS = """\
for layer in model:
    if isinstance(layer, nn.Linear):
        nn.init.constant_(layer.weight, 0.1)      # all units of a layer alike
model.add_module("softmax", nn.Softmax(dim=1))    # the loss makes its own softmax"""
"""What is done to the second model, as it is shown and run."""

_EXAMPLES = 64


@dataclass(frozen=True, slots=True)
class Checks:
    """Two reports.

    Args:
        sound: of our start.
        slipped: of our start after :data:`SLIPS`; what was found before is not reported again.
    """

    sound: CheckReport
    slipped: CheckReport


def checks(digits: Digits, seed: int) -> Checks:
    """Check our start, as it is and after two slips, on the first digits."""
    ours = next(start for start in starts() if start.key == OURS)
    batch = digits.train_images[:_EXAMPLES], digits.train_classes[:_EXAMPLES]
    model = begin(ours, seed)
    sound = checking.check(model, nn.CrossEntropyLoss(), batch)
    exec(SLIPS, {"nn": nn, "model": model})
    return Checks(sound, checking.check(model, nn.CrossEntropyLoss(), batch, ignore=sound.codes))
