"""What holds for every recipe: it is declared wholly, survives a file, and names models that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import nn

import firststep as fs
from firststep import init, recipes
from firststep.errors import PlanError
from firststep.planning import load_rules, rule, save_rules

from .libraries import library

LIBRARIES = ("torchvision", "timm", "transformers", "diffusers", "peft", "torch")
each = pytest.mark.parametrize("name", recipes.list())


@each
def test_it_is_declared_in_both_languages(name: str) -> None:
    entry = recipes.entry(name)
    assert entry.family in recipes.FAMILIES
    assert entry.source
    texts = [entry.summary, *([entry.differs] if entry.differs else [])]
    for text in texts:
        assert text.en.isascii() or not re.search(r"[\u4e00-\u9fff]", text.en)
        assert re.search(r"[\u4e00-\u9fff]", text.zh)
    assert not entry.summary.en.endswith(".")


@each
def test_it_survives_a_file(name: str, tmp_path: Path) -> None:
    rules = recipes.entry(name).shown().rules
    save_rules(rules, tmp_path / "rules.yaml")
    read = load_rules(tmp_path / "rules.yaml")
    assert [one.schemes for one in read] == [one.schemes for one in rules]
    assert [one.label for one in read] == [one.label for one in rules]


def test_the_models_it_was_checked_against_exist() -> None:
    known = {name: library(name) for name in LIBRARIES}
    for entry in recipes.ENTRIES.values():
        for model in entry.checked:
            head, *rest = model.split(".")
            if head == "timm" and len(rest) == 1:
                assert rest[0] in known["timm"].list_models()
            elif head in known and rest and re.fullmatch(r"[\w.]+", model):
                found = known[head]
                for part in rest:
                    found = getattr(found, part, None) or library(f"{found.__name__}.{part}")


def test_a_rule_of_ones_own_goes_before_a_recipe() -> None:
    """The tutorial's Linear has std 0.1 and bias 0, its convolution bias 0.3; its rule of BatchNorm2d is to spare."""
    own = rule("1", weight=init.constant(7.0))
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Linear(4, 5))
    fs.initialize(model, [own, recipes.get("tutorial")], seed=0)
    conv, linear = model
    assert linear.weight.eq(7).all()
    assert linear.bias.eq(0).all()
    assert conv.bias.allclose(torch.tensor(0.3))
    with pytest.raises(PlanError, match=r"rule 4 \(BatchNorm2d\) matches no module of the model"):
        fs.plan(model, [own, *recipes.get("tutorial").rules])
