"""Pairing, repetition, and what is put back."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from firststep import losses
from firststep.comparing import compare
from firststep.comparing._data import digest

from .small import X, Y, build, small


def test_every_start_of_a_seed_sees_the_same_batches_in_the_same_order() -> None:
    seen: list[bytes] = []

    def loss(output: Tensor, target: Tensor) -> Tensor:
        seen.append(digest(target))
        return nn.functional.mse_loss(output, target)

    result = small(["default", "torch", "as built"], loss=loss, seeds=3, steps=13, lrs=(1e-3, 1e-2))
    runs = np.array(seen).reshape(3, 6, 13)

    for seed in range(3):
        assert len({tuple(run) for run in runs[seed].tolist()}) == 1
    assert len(set(runs[:, 0].reshape(-1).tolist())) == 39  # other batches with other seeds, and in each step
    assert len(set(result.batches)) == 3


def test_a_pass_holds_every_example_once() -> None:
    seen: list[float] = []

    def loss(output: Tensor, target: Tensor) -> Tensor:
        seen.extend(target.flatten().tolist())
        return nn.functional.mse_loss(output, target)

    small(["default"], loss=loss, seeds=1, steps=6)
    assert sorted(seen) == sorted(Y.flatten().tolist())


def test_the_smaller_last_batch_of_a_pass_is_left_out() -> None:
    """96 examples in batches of 40: two in a pass, which share none."""
    seen: list[list[float]] = []

    def loss(output: Tensor, target: Tensor) -> Tensor:
        seen.append(target.flatten().tolist())
        return nn.functional.mse_loss(output, target)

    small(["default"], loss=loss, seeds=1, steps=4, batch_size=40)
    assert [len(batch) for batch in seen] == [40] * 4
    assert not set(seen[0]) & set(seen[1])
    assert not set(seen[2]) & set(seen[3])


def test_the_same_again_and_the_seeds_are_what_was_asked() -> None:
    first, second = (small(["default", "as built"], seeds=[3, 5]) for _ in range(2))
    alone = small(["as built"], seeds=[5])

    assert first.to_dict() == second.to_dict()
    assert first.seeds == (3, 5)
    assert first["as built"].curves[1] == alone["as built"].curves[0]
    assert first["as built"].curves[0] != first["as built"].curves[1]


def test_a_curve_is_what_a_loop_of_ones_own_gives() -> None:
    """Without dropout: the factory under the seed, the recipe, Adam, and batches of a shuffle by the seed."""

    def plain() -> nn.Module:
        return nn.Sequential(nn.Linear(8, 24), nn.Tanh(), nn.Linear(24, 1))

    result = compare(plain, ["as built"], (X, Y), nn.MSELoss(), steps=20, seeds=[4], batch_size=32)
    torch.manual_seed(4)
    model = plain()
    optimizer, order, losses = torch.optim.Adam(model.parameters()), torch.Generator().manual_seed(4), []
    while len(losses) < 20:
        for index in torch.randperm(96, generator=order).split(32):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(X[index]), Y[index])
            losses.append(loss.item())
            loss.backward()
            optimizer.step()

    outcome = result["as built"]
    assert list(outcome.curves[0]) == losses[:20]
    assert outcome.first.median == losses[0]
    assert outcome.final.median == losses[19]  # the window of 20 steps is 1
    assert outcome.area.median == pytest.approx(sum(losses[:20]) / 20)


def states() -> list[Any]:
    numpy = np.random.get_state()
    return [torch.get_rng_state().tolist(), random.getstate(), str(numpy[1]), numpy[2], torch.get_num_threads()]  # type: ignore[index]


def test_random_states_threads_data_and_loss_are_as_before() -> None:
    generator = torch.Generator().manual_seed(11)
    loader = DataLoader(TensorDataset(X, Y), batch_size=16, shuffle=True, generator=generator)
    before, own, x = states(), generator.get_state(), X.clone()

    small(["default"], loader, losses.HuberLoss(), batch_size=None, seeds=2, steps=8)

    assert states() == before
    assert torch.equal(generator.get_state(), own)
    assert torch.equal(x, X)


@pytest.mark.parametrize("at", [0, 7, 40])
def test_an_interrupt_passes_through_and_puts_the_random_states_back(at: int) -> None:
    generator = torch.Generator().manual_seed(11)
    loader = DataLoader(TensorDataset(X, Y), batch_size=16, shuffle=True, generator=generator)
    calls = 0

    def loss(output: Tensor, target: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        if calls > at:
            raise KeyboardInterrupt
        return nn.functional.mse_loss(output, target)

    before, own = states(), generator.get_state()
    with pytest.raises(KeyboardInterrupt):
        small(["default", "torch"], loader, loss, batch_size=None)
    assert states() == before
    assert torch.equal(generator.get_state(), own)


def test_one_model_is_there_at_a_time() -> None:
    """A run leaves nothing behind: when a model is built, at most one other is alive."""
    import gc
    import weakref

    alive: list[Any] = []
    most = 0

    def counted() -> nn.Module:
        nonlocal most
        gc.collect()
        most = max(most, sum(one() is not None for one in alive))
        model = build()
        alive.append(weakref.ref(model))
        return model

    compare(counted, ["default", "torch"], (X, Y), nn.MSELoss(), steps=2, seeds=4)
    assert len(alive) == 2 + 8
    assert most <= 1


def test_a_loss_with_parameters_trains_and_stays_as_it_was() -> None:
    """An offset in the loss has the gradient 1: after t steps of gradient descent it is -0.01 t."""

    class Offset(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.offset = nn.Parameter(torch.zeros(()))

        def forward(self, output: Tensor, target: Tensor) -> Tensor:
            return nn.functional.mse_loss(output, target) + self.offset

    loss = Offset()
    options: dict[str, Any] = {"seeds": 1, "steps": 10, "optimizer": torch.optim.SGD, "lrs": (0.01,)}
    with_offset, alone = (small(["default"], loss=one, **options)["default"].curves[0] for one in (loss, nn.MSELoss()))

    assert loss.offset.item() == 0.0
    assert loss.offset.grad is None
    assert [a - b for a, b in zip(with_offset, alone, strict=True)] == pytest.approx(
        [-0.01 * t for t in range(10)], abs=1e-6
    )
