"""Solving and tracing draw from nobody's random numbers."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy
import pytest
import torch
from torch import Tensor, nn

import firststep as fs
from firststep import graph


class Draws(nn.Module):
    """Drops a branch by Python's and NumPy's dice, as stochastic depth is often written."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        keep = random.random() + float(numpy.random.rand()) + float(torch.rand(())) > -1.0
        return self.second(self.first(x)) if keep else x


@pytest.mark.parametrize(
    "work",
    [
        lambda model: fs.plan(model, "auto", example_inputs=torch.ones(2, 4)),
        lambda model: graph.trace(model),
    ],
)
def test_random_states_are_as_before(work: Callable[[nn.Module], Any]) -> None:
    def states() -> tuple[Any, ...]:
        return torch.get_rng_state().tolist(), random.getstate(), numpy.random.get_state()[1].tolist()

    model = Draws()
    before = states()
    work(model)
    assert states() == before
