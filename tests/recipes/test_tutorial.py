"""The recipe of the tutorial, and the table of recipes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from firststep import init, recipes
from firststep.errors import RuleError
from firststep.planning import Recipe, load_rules, plan, save_rules


def test_the_tutorials_chain_of_isinstance() -> None:
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.Linear(8, 4))
    plan(model, recipes.get("tutorial")).apply(seed=0)

    assert torch.equal(model[0].weight, init.xavier_normal().sample((8, 1, 3, 3), seed=0, name="0.weight"))  # type: ignore[arg-type]
    assert torch.equal(model[2].weight, init.normal(std=0.1).sample((4, 8), seed=0, name="2.weight"))  # type: ignore[arg-type]
    assert model[0].bias.eq(0.3).all()  # type: ignore[union-attr]
    assert model[1].weight.eq(1).all()  # type: ignore[union-attr]
    for zero in (model[1].bias, model[2].bias):
        assert zero.eq(0).all()  # type: ignore[union-attr]


def test_every_recipe_says_what_it_is() -> None:
    assert recipes.list()[:3] == ("default", "torch", "tutorial")
    for name in recipes.list():
        recipe = recipes.entry(name).shown()
        assert isinstance(recipe, Recipe)
        assert recipe.name == name
        assert recipe.rules
        assert recipe.source
        assert recipe.summary


@pytest.mark.parametrize("name", ["torch", "tutorial"])
def test_a_recipe_survives_a_file(name: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    recipe = recipes.get(name)
    save_rules(recipe, tmp_path / "rules.yaml")
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.Linear(8, 4))
    stored = Recipe(name=name, rules=tuple(load_rules(tmp_path / "rules.yaml")), source="", summary="")

    assert not plan(model, recipe).diff(plan(model, stored))


def test_an_unknown_recipe() -> None:
    with pytest.raises(RuleError) as caught:
        recipes.get("tutorail")
    assert str(caught.value) == (
        "no recipe is called 'tutorail'. Did you mean 'tutorial'? Expected one of fs.recipes.list(), or a path that "
        "ends in .yaml or .json"
    )
