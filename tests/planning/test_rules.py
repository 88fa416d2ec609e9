"""Rules: how they are written, print and refuse what is no scheme."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from firststep import init
from firststep.errors import RuleError
from firststep.planning import Recipe, keep, rule
from firststep.planning._rules import numbered


def test_prints_as_the_call() -> None:
    one = rule(nn.Conv2d, name="convs", frozen=True, weight=init.xavier_normal(), bias=keep)

    assert repr(one) == "rule(Conv2d, name='convs', frozen=True, weight=xavier_normal(), bias=keep)"
    assert str(one) == "convs: weight=xavier_normal(), bias=keep"
    assert rule(nn.Conv2d, bias=keep).label == "Conv2d"


def test_compares_and_hashes_by_value() -> None:
    make = lambda std: rule(nn.Linear, weight=init.normal(std=std))  # noqa: E731

    assert make(0.1) == make(0.1)
    assert make(0.1) != make(0.2)
    assert len({make(0.1), make(0.1)}) == 1


def test_exact_key_before_globs_and_globs_in_order() -> None:
    one = rule("*", **{"*": keep, "weight*": init.ones(), "weight": init.zeros()})

    assert [one.key_for(name) for name in ("weight", "weight_hh_l0", "bias")] == ["weight", "*", "*"]
    assert one.choice("weight") == init.zeros()
    assert rule("*", weight=keep).key_for("bias") is None


def test_a_parameter_may_be_called_select() -> None:
    assert rule("*", select_=keep).schemes == (("select_", keep),)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"bias": 0.3},
            "rule(Conv2d, bias=0.3): expected a scheme, not a number. Write bias=init.constant(0.3)",
        ),
        (
            {"weight": nn.init.xavier_normal_},
            "rule(Conv2d, weight=<xavier_normal_>): expected a scheme, not an in-place function. "
            "Write weight=init.xavier_normal()",
        ),
        (
            {"weight": nn.init.constant_},
            "rule(Conv2d, weight=<constant_>): expected a scheme, not an in-place function. "
            "Write weight=init.constant(value=...)",
        ),
        (
            {"weight": nn.init.trunc_normal_},
            "rule(Conv2d, weight=<trunc_normal_>): expected a scheme, not an in-place function. "
            "Write weight=init.trunc_normal_torch()",
        ),
        (
            {"bias": init.zeros},
            "rule(Conv2d, bias=<zeros>): expected a scheme, not a function. Write bias=init.zeros()",
        ),
        (
            {"bias": "zeros"},
            "rule(Conv2d, bias='zeros'): expected a scheme, not a string. Write bias=init.zeros()",
        ),
        ({"bias": "nought"}, "rule(Conv2d, bias='nought'): expected a scheme such as init.xavier_normal(), or fs.keep"),
        ({"bias": None}, "rule(Conv2d, bias=None): expected a scheme. Write bias=fs.keep to leave it as it is"),
        (
            {"bias": torch.zeros(2)},
            "rule(Conv2d, bias=<a tensor>): expected a scheme; "
            "copy a tensor yourself after fs.initialize, with bias=fs.keep",
        ),
        (
            {},
            "rule(Conv2d) has no scheme: expected one by parameter name, such as "
            'rule(Conv2d, weight=init.xavier_normal()), or **{"*": fs.keep} to leave all as they are',
        ),
        ({"name": "", "bias": keep}, "rule(Conv2d, name=''): expected a string that is not empty"),
        ({"frozen": 1, "bias": keep}, "rule(Conv2d, frozen=1): expected True or False"),
    ],
)
def test_says_what_to_type(options: dict[str, Any], message: str) -> None:
    with pytest.raises(RuleError) as caught:
        rule(nn.Conv2d, **options)
    assert str(caught.value) == message


def test_numbers_count_a_users_rules_and_each_recipes_own() -> None:
    own, other = rule("a", weight=keep), rule("b", weight=keep)
    recipe = Recipe(name="gpt", rules=(other, own), source="", summary="")

    assert [one.tag for one in numbered([own, recipe, other])] == ["1", "gpt.1", "gpt.2", "2"]
    assert [str(one) for one in numbered(own)] == ["rule 1 ('a')"]
    assert [one.tag for one in numbered(recipe)] == ["gpt.1", "gpt.2"]


@pytest.mark.parametrize("given", [["gpt2"], "gpt2", 3])
def test_only_rules_and_recipes_are_numbered(given: Any) -> None:
    with pytest.raises(RuleError) as caught:
        numbered(given)
    what = repr(given[0]) if isinstance(given, list) else repr(given)
    assert str(caught.value) == f"{what} among the rules: expected fs.rule(...), a recipe or a recipe's name"
