"""Pairing, repetition, what is put back, planted differences and equal starts."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import firststep as fs
from firststep import losses
from firststep.comparing import Comparison, compare
from firststep.comparing._data import digest

X = torch.randn(96, 8, generator=torch.Generator().manual_seed(0))
Y = torch.tanh(X[:, :2].sum(1, keepdim=True))


def build() -> nn.Sequential:
    return nn.Sequential(nn.Linear(8, 24), nn.ReLU(), nn.Dropout(0.1), nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, 1))


def times(factor: float, offset: int = 0) -> Callable[[nn.Module, int], None]:
    """A start: the default recipe, all weights times a factor, with other seeds."""

    def write(model: nn.Module, seed: int) -> None:
        fs.initialize(model, "default", seed=seed + offset)
        with torch.no_grad():
            for one in model.parameters():
                one.mul_(factor)

    return write


def small(inits: Any, data: Any = (X, Y), loss: Any = nn.functional.mse_loss, **options: Any) -> Comparison:
    """A comparison that takes little time."""
    return compare(build, inits, data, loss, **{"steps": 30, "batch_size": 16, **options})


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
    calls = 0

    def loss(output: Tensor, target: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        if calls > at:
            raise KeyboardInterrupt
        return nn.functional.mse_loss(output, target)

    before = states()
    with pytest.raises(KeyboardInterrupt):
        small(["default", "torch"], loss=loss)
    assert states() == before


class Noisy(Dataset[Any]):
    """Examples with noise drawn from every global generator."""

    def __len__(self) -> int:
        return 40

    def __getitem__(self, i: int) -> Any:
        noise = 0.1 * (torch.randn(8) + random.random() + float(np.random.rand()))
        return X[i] + noise, Y[i]


def numbered(seed: int) -> Iterator[Any]:
    generator = torch.Generator().manual_seed(seed)
    for _ in range(20):
        index = torch.randint(96, (16,), generator=generator)
        yield X[index], Y[index]


FORMS: dict[str, Any] = {
    "dataset": (Noisy(), 16),
    "loader": (DataLoader(Noisy(), batch_size=8, shuffle=True), None),
    "loader with its own generator": (
        DataLoader(TensorDataset(X, Y), batch_size=8, shuffle=True, generator=torch.Generator().manual_seed(1)),
        None,
    ),
    "function that yields": (numbered, None),
    "function that returns a list": (lambda seed: list(numbered(seed))[:3], None),
    "function that returns a loader": (lambda seed: DataLoader(Noisy(), batch_size=8, shuffle=True), None),
}


@pytest.mark.parametrize("form", FORMS)
def test_data_of_every_form_is_paired_and_repeats(form: str) -> None:
    data, size = FORMS[form]
    first, second = (small(["default", "as built"], data, batch_size=size, seeds=2, steps=20) for _ in range(2))

    assert first.to_dict() == second.to_dict()
    assert first.batches[0] != first.batches[1] or form == "function that returns a list"


def test_inputs_by_position_by_name_and_by_a_function() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = nn.Linear(8, 1), nn.Linear(8, 1)

        def forward(self, a: Tensor, b: Tensor) -> Tensor:
            return self.left(a) + self.right(b)

    forms: list[tuple[Any, Any]] = [
        ((X, 2 * X), None),
        ({"a": X, "b": 2 * X}, None),
        (X, lambda model, inputs: model(inputs, 2 * inputs)),
    ]
    curves = [
        compare(Two, ["as built"], (inputs, Y), nn.MSELoss(), steps=5, seeds=1, forward=forward).outcomes[0].curves
        for inputs, forward in forms
    ]
    assert curves[0] == curves[1] == curves[2]


@pytest.mark.parametrize("factor", [100.0, 0.0], ids=["a hundred times too large", "zero"])
def test_a_planted_difference_is_found_from_either_side(factor: float) -> None:
    inits = {"sound": times(1.0), "planted": times(factor)}
    result = small(inits, steps=60, lrs=(1e-2,))
    turned = small(dict(reversed(inits.items())), steps=60, lrs=(1e-2,))
    duel, other = result["planted"].duel, turned["sound"].duel

    assert duel is not None
    assert other is not None
    assert (duel.finding, duel.worse, duel.p) == ("worse", 7, 2 / 2**7)
    assert (other.finding, other.better, other.p) == ("better", 7, 2 / 2**7)
    assert result["planted"].final.low > result["sound"].final.high
    assert result.verdict.startswith("planted is worse than sound: median loss at the end ")
    assert result.verdict.endswith(" in 7 of 7 seeds (p = 0.016).")


def test_the_same_start_twice_is_equal_in_every_seed() -> None:
    result = small({"one": "default", "other": "default"})
    duel = result["other"].duel

    assert result["one"].curves == result["other"].curves
    assert duel is not None
    assert (duel.equal, duel.p, duel.finding) == (7, 1.0, "within noise")
    assert result.verdict.startswith("other and one are equal in every seed: median loss at the end ")


def test_the_same_law_with_other_draws_is_within_noise() -> None:
    """Ten seeds, drawn once and for all: a start with other values of the same laws is not called different."""
    result = small({"one": times(1.0), "other": times(1.0, offset=1000)}, seeds=10)
    duel = result["other"].duel

    assert duel is not None
    assert duel.equal == 0
    assert duel.finding == "within noise"
    assert "Between other and one the difference is within noise: " in result.verdict


def test_five_seeds_are_too_few_and_it_is_said() -> None:
    result = small({"sound": "default", "huge": times(100.0)}, seeds=5)

    assert result["huge"].duel is not None
    assert result["huge"].duel.finding == "too few seeds"
    assert "in all 5 seeds, which is too few to tell it from chance (p = 0.062)" in result.verdict
    assert result.verdict.endswith("Type seeds=6.")


def test_a_run_that_diverges_ends_there_and_counts_as_worst() -> None:
    def explodes(model: nn.Module, seed: int) -> None:
        fs.initialize(model, "default", seed=seed)
        if seed % 2:
            with torch.no_grad():
                model[0].weight.fill_(math.nan)  # type: ignore[index]

    told: list[tuple[int, int, str]] = []
    result = small(
        {"sound": "default", "broken": explodes}, seeds=4, steps=10, progress=lambda *what: told.append(what)
    )
    broken = result["broken"]

    assert [curve[0] == math.inf for curve in broken.curves] == [False, True, False, True]
    assert broken.diverged == 2
    assert broken.final.high == math.inf
    assert "broken diverged in 2 of 4 seeds." in result.verdict
    assert told[-1][:2] == (80, 80)
    assert json.loads(result.to_json())["starts"][1]["final"]["high"] is None


def test_starts_are_judged_at_the_rate_that_suits_each() -> None:
    """A linear model whose loss falls the faster the larger the rate, up to where gradient descent diverges."""
    x = torch.eye(8).repeat(4, 1)
    y = x @ torch.ones(8, 1)
    result = compare(
        lambda: nn.Linear(8, 1, bias=False),
        {"as built": None, "zero": lambda model, seed: nn.init.zeros_(model.weight)},  # type: ignore[arg-type]
        (x, y),
        nn.MSELoss(),
        optimizer=torch.optim.SGD,
        lrs=(0.01, 1.0, 100.0),
        batch_size=32,
        steps=40,
        seeds=6,
    )
    for outcome in result.outcomes:
        assert outcome.lr == 1.0
        assert [rate for rate, _ in outcome.tried] == [0.01, 1.0, 100.0]
        assert outcome.tried[1][1] == outcome.final.median
        assert outcome.tried[1][1] < outcome.tried[0][1] < outcome.tried[2][1]
        # Each weight's error shrinks by 1 - 2 lr / 8 a step: its square by 0.5625.
        assert outcome.curves[0][1] / outcome.curves[0][0] == pytest.approx(0.5625, rel=1e-5)
    assert result["zero"].curves[0][0] == pytest.approx(1.0)
    assert "best learning rate" not in result.verdict


def test_a_rate_at_the_edge_is_said() -> None:
    result = small(["default", "torch"], lrs=(1e-5, 1e-3), seeds=6)

    assert result.verdict.endswith(
        "The best learning rate of default and torch, 0.001, is the highest that was tried: try higher ones."
    )


def test_steps_to_a_target_and_runs_that_never_arrive() -> None:
    result = small({"sound": "default", "zero": times(0.0)}, target=0.25, steps=60, lrs=(3e-3,))
    sound, zero = result["sound"].to_target, result["zero"].to_target
    smooth = [np.convolve(curve, np.ones(3) / 3, "valid") for curve in result["sound"].curves]

    assert result.window == 3
    assert sound is not None
    assert zero is not None
    expected = [int(np.argmax(one <= 0.25)) + 2 for one in smooth]
    assert (sound.low, sound.high) == (min(expected), max(expected))
    assert sound.median == float(np.median(expected))
    assert result["sound"].arrivals == tuple(map(float, expected))
    assert zero.median == math.inf
    assert result["zero"].duel is not None
    assert result["zero"].duel.finding == "worse"


def test_no_start_that_reaches_the_target_is_no_verdict() -> None:
    result = small(["default", "torch"], target=1e-9, seeds=2, steps=5)

    assert result.verdict == ("No start reaches a loss of 1e-09 within 5 steps: give more steps, or a higher target.")


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


def test_rules_lists_files_and_iterators_are_starts(tmp_path: Any) -> None:
    rules = [fs.rule(nn.Linear, weight=fs.init.normal(std=0.3), bias=fs.init.zeros())]
    path = tmp_path / "rules.json"
    fs.save_rules(rules, path)
    result = small({"list": rules, "one": rules[0], "iterator": iter(rules), "file": path}, seeds=2, steps=4)

    first = result["list"].curves
    assert all(one.curves == first for one in result.outcomes)
    assert result["one"].what == "Linear: weight=normal(std=0.3), bias=zeros()"
    assert result["file"].what == str(path)


def test_scales_solved_from_the_graph_are_a_start_among_others() -> None:
    """The same as solving by hand on the first batch of the seed."""

    def by_hand(model: nn.Module, seed: int) -> None:
        torch_order = torch.Generator().manual_seed(seed)
        first = X[torch.randperm(96, generator=torch_order)[:16]]
        fs.plan(model, "auto", example_inputs=first).apply(seed=seed)

    result = small({"auto": "auto", "listed": ["auto"], "by hand": by_hand}, seeds=2, steps=4)
    assert result["auto"].curves == result["listed"].curves == result["by hand"].curves


def test_a_recipe_that_runs_the_model_is_given_the_first_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    from firststep import _api

    given: list[Any] = []

    def plan(model: nn.Module, rules: Any, **options: Any) -> Any:
        given.append(options.get("example_inputs"))
        return real(model, "default")

    real = _api.plan
    monkeypatch.setattr(_api, "plan", plan)
    small({"solved": "auto", "default": "default"}, seeds=1, steps=2)

    with_inputs = [one for one in given if one is not None]
    assert len(with_inputs) == 2
    assert all(one.shape == (16, 8) for one in with_inputs)
    assert given.count(None) == 2
