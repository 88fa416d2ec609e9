"""Data and starts of every form."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import firststep as fs
from firststep.comparing import compare

from .small import X, Y, small


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
