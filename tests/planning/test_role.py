"""Rules by role."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import firststep as fs
from firststep import init, recipes
from firststep.errors import PlanError, RuleError
from firststep.planning import Recipe, Rule, load_rules, role, rule, save_rules, select


class Block(nn.Module):
    def __init__(self, inner: str = "fc1", outer: str = "fc2") -> None:
        super().__init__()
        self.norm = nn.LayerNorm(8)
        self.add_module(inner, nn.Linear(8, 8))
        self.add_module(outer, nn.Linear(8, 8))


RULES = [
    rule(role("residual_out"), weight=init.scaled(init.normal(std=0.5), by="1/sqrt(2*L)"), bias=init.zeros()),
    rule(nn.Linear, weight=init.normal(std=0.5), bias=init.zeros()),
    rule(nn.LayerNorm, weight=init.ones(), bias=init.zeros()),
]


def test_depth_is_counted() -> None:
    for layers in (2, 8):
        stds = {
            row.name: row.expected.std
            for row in fs.plan(nn.Sequential(*[Block() for _ in range(layers)]), RULES).rows
            if row.expected
        }
        assert stds["1.fc1.weight"] == 0.5
        assert stds["1.fc2.weight"] == pytest.approx(0.5 / (2 * layers) ** 0.5)


def test_a_role_that_cannot_be_told_is_an_error_that_says_how_to_name_it() -> None:
    model = nn.Sequential(Block("alpha", "beta"), Block("alpha", "beta"))
    with pytest.raises(PlanError) as caught:
        fs.plan(model, recipes.get("gpt2"))
    assert caught.value.problems[0] == (
        "the role of '0.alpha' (Linear, weight (8, 8)) in its block cannot be told, and rule gpt2.1 (residual "
        "projection) depends on it. Name it, with one of fs.recipes.ROLES: fs.recipes.get('gpt2', "
        "roles={'*.alpha': 'mlp.in'}), or 'other' for none of them"
    )
    assert len(caught.value.problems) == 2
    told = fs.plan(model, recipes.get("gpt2", roles={"*.alpha": "mlp.in", "*.beta": "mlp.out"}))
    assert {
        row.name: row.expected.std
        for row in told.rows
        if row.name.startswith("1.") and row.name.endswith("a.weight") and row.expected
    } == {
        "1.alpha.weight": 0.02,
        "1.beta.weight": pytest.approx(0.01),
    }


def test_a_rule_before_it_needs_no_role() -> None:
    model = nn.Sequential(Block("alpha", "beta"), Block("alpha", "beta"))
    fs.plan(model, [rule(nn.Linear, weight=init.ones(), bias=init.zeros()), "gpt2"])


def test_a_rule_on_norms_needs_no_role_of_other_layers() -> None:
    """Nor one on layers of another name: whatever the role of these, they are not meant."""
    model = nn.Sequential(Block("alpha", "beta"), Block("alpha", "beta"))
    no_linear = [select(nn.LayerNorm) & role("norm.last"), role("mlp.out") & select("*.gamma"), ~select("*.*")]
    rules = [rule(selector | (role("head") & nn.Conv2d), weight=init.zeros()) for selector in no_linear]
    plan = fs.plan(model, recipe_of(*rules, *RULES[1:]))
    assert {row.name: row.expected.std for row in plan.rows if row.expected}["0.alpha.weight"] == 0.5
    with pytest.raises(PlanError, match=r"the role of '0\.alpha'"):
        fs.plan(model, recipe_of(rule(~select("*.gamma") & role("head"), weight=init.zeros()), *RULES[1:]))


def recipe_of(*rules: Rule) -> Recipe:
    return Recipe("mine", rules, "", "")


def test_blocks_may_be_named() -> None:
    model = nn.ModuleDict({"first": Block(), "second": Block(), "head": nn.Linear(8, 2)})
    plan = fs.plan(model, recipes.get("gpt2", blocks=["first", "second"]))
    found = next(row for row in plan.rows if row.name == "second.fc2.weight")
    assert found.expected is not None
    assert found.expected.std == pytest.approx(0.02 / 2**0.5)  # each is a stack of one


def test_values_do_not_depend_on_what_a_layer_is_called_for() -> None:
    model = nn.Sequential(Block(), Block())
    fs.initialize(model, RULES, seed=3)
    other = nn.Sequential(Block(), Block())
    fs.initialize(other, [rule("*", name="all", **{"*": init.normal(std=0.5)})], seed=3)
    pairs = [(model[i].get_submodule("fc1").weight, other[i].get_submodule("fc1").weight) for i in range(2)]
    assert all(torch.equal(ours, theirs) for ours, theirs in pairs)


def test_roles_go_to_a_file(tmp_path) -> None:  # type: ignore[no-untyped-def]
    save_rules(RULES, tmp_path / "rules.yaml")
    assert load_rules(tmp_path / "rules.yaml")[0] == RULES[0]


def test_a_role_that_there_is_not() -> None:
    with pytest.raises(RuleError, match=r"role\('residual_ut'\): there is no such role. Did you mean 'residual_out'\?"):
        role("residual_ut")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sdt": 1.0}, "the recipe 'gpt2' has no option 'sdt'. Did you mean 'std'? It takes std, roles, blocks"),
    ],
)
def test_options_of_a_recipe(options: dict[str, float], message: str) -> None:
    with pytest.raises(RuleError) as caught:
        recipes.get("gpt2", **options)
    assert str(caught.value) == message
