"""The example runs, prints what its golden file holds, and does what the tutorial's chapter does."""

from __future__ import annotations

import importlib
import importlib.util
import math
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn

import firststep as fs

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden" / "tutorial.txt"


@pytest.fixture(scope="module")
def tutorial() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tutorial", ROOT / "examples" / "tutorial.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_prints_its_golden_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    make_docs = importlib.import_module("make_docs")
    printed = make_docs.example(ROOT / "examples" / "tutorial.py")
    assert printed == GOLDEN.read_text(encoding="utf-8"), "run: make docs"


def test_one_layer_is_filled_as_the_chapter_fills_it(tutorial: ModuleType) -> None:
    torch.manual_seed(0)
    conv, linear = tutorial.one_layer()
    assert torch.equal(linear, torch.full((1, 10), 0.3))
    # kaiming_normal, fan_in 9: std sqrt(2/9). n = 27, 4 standard errors: 1 false failure in 15,000.
    assert abs(conv.mean().item()) < 4 * math.sqrt(2 / 9 / 27)
    assert conv.requires_grad
    assert conv.grad_fn is None


def test_the_biases_are_those_of_the_chapter(tutorial: ModuleType) -> None:
    model = tutorial.whole_model(tutorial.AS_WRITTEN)
    assert torch.equal(model.hidden.bias, torch.tensor([0.3]))
    assert torch.equal(model.output.bias, torch.tensor([0.0]))
    assert model(torch.zeros(2, 1, 5, 12)).shape == (2, 1, 3, 1)


def test_the_chapters_normal_sets_the_mean(tutorial: ModuleType) -> None:
    """torch's own call, on enough elements to see it, and the two schemes' moments beside it."""
    weight = torch.empty(400, 400)
    torch.manual_seed(0)
    nn.init.normal_(weight, 0.1)
    # n = 160,000, standard error 1/400 of the mean and 1/566 of the std; 4 of them: 1 false failure in 15,000.
    assert weight.mean().item() == pytest.approx(0.1, abs=4 / 400)
    assert weight.std().item() == pytest.approx(1.0, abs=4 / 566)
    written, meant = tutorial.AS_WRITTEN.expected((400, 400)), tutorial.AS_MEANT.expected((400, 400))
    assert (written.mean, written.std) == (0.1, 1.0)
    assert (meant.mean, meant.std) == (0.0, 0.1)


def test_the_plan_says_which_branch_each_parameter_takes(tutorial: ModuleType) -> None:
    rows = {row.name: row for row in fs.plan(tutorial.MLP(), tutorial.rules(tutorial.AS_MEANT)).rows}
    assert set(rows) == {"hidden.weight", "hidden.bias", "output.weight", "output.bias"}
    # xavier: 2 / (fan_in + fan_out) = 2 / (9 + 9)
    assert rows["hidden.weight"].expected.std == pytest.approx(1 / 3)
    assert rows["output.weight"].expected.std == pytest.approx(0.1)
