"""What holds for every recipe: it is declared wholly, survives a file, and names models that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from firststep import recipes
from firststep.planning import load_rules, save_rules

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
    assert [rule.schemes for rule in read] == [rule.schemes for rule in rules]
    assert [rule.label for rule in read] == [rule.label for rule in rules]


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
