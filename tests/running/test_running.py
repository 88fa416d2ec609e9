"""Calling a model, copies to run on, random states: what planning, calibration, comparing and the check share."""

from __future__ import annotations

import random
from typing import Any

import numpy
import pytest
import torch
from torch import Tensor, nn

from firststep.running import called, kept, on_copies, unwrapped


class Takes(nn.Module):
    """Gives back what it was called with."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return args, kwargs


class One(nn.Module):
    def forward(self, items: Any, mask: Any = None) -> Any:
        return (items, mask), {}


@pytest.mark.parametrize(
    ("model", "inputs", "expected"),
    [
        (Takes(), 1, ((1,), {})),
        (Takes(), (1, 2), ((1, 2), {})),
        (Takes(), {"a": 1}, ((), {"a": 1})),
        (One(), (1, 2), ((1, 2), {})),
        (One(), [1, 2], (([1, 2], None), {})),
        (nn.Bilinear(1, 1, 1), [torch.ones(1), torch.ones(1)], None),
    ],
)
def test_a_model_is_called_as_its_inputs_say(model: nn.Module, inputs: Any, expected: Any) -> None:
    found = called(model, inputs)
    assert expected is None or found == expected


def test_wrappers_are_looked_through() -> None:
    inner = nn.Linear(2, 2)
    compiled = nn.Module()
    compiled._orig_mod = inner  # as torch.compile holds it
    assert unwrapped(nn.DataParallel(compiled)) is inner
    assert unwrapped("no module") == "no module"


def test_parameters_of_one_memory_share_their_copy_and_come_back() -> None:
    shared = torch.zeros(3)
    one, two, other = nn.Parameter(shared), nn.Parameter(shared), nn.Parameter(torch.zeros(3))
    one.grad = torch.ones(3)
    back = on_copies([one, two, other], Tensor.clone)
    with torch.no_grad():
        one.add_(1)
    assert two.eq(1).all()
    assert other.eq(0).all()
    assert one.grad is None
    back()
    assert one.data_ptr() == two.data_ptr() == shared.data_ptr()
    assert shared.eq(0).all()
    assert one.grad is not None


def test_every_random_state_is_kept() -> None:
    own = torch.Generator().manual_seed(3)

    def drawn() -> tuple[float, float, float, float]:
        return float(torch.rand(())), random.random(), float(numpy.random.rand()), float(torch.rand((), generator=own))

    with kept(own):
        first = drawn()
    assert drawn() == first
