"""Every reason a plan is refused for, word for word."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from firststep import init
from firststep.errors import PlanError, RuleError
from firststep.planning import Plan, Recipe, Rule, keep, plan, rule, select

ZEROS = init.zeros()


class Scaled(nn.Module):
    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(*shape))


def problems(model: nn.Module, *rules: Rule | Recipe) -> tuple[str, ...]:
    with pytest.raises(PlanError) as caught:
        plan(model, rules)
    return caught.value.problems


def sane(model: nn.Module, *rules: Rule | Recipe) -> Plan:
    return plan(model, rules, strict=False)


LINEAR = rule(nn.Linear, weight=ZEROS, bias=ZEROS)


def test_an_uncovered_parameter() -> None:
    model = nn.Sequential(nn.Linear(3, 3), Scaled(8))

    assert problems(model, LINEAR) == (
        "no rule covers '1.scale' (shape (8,), in Scaled). Add fs.rule(Scaled, scale=init.ones()), "
        "or fs.rule(Scaled, scale=fs.keep) to leave it as it is",
    )
    row = sane(model, LINEAR).rows[-1]
    assert (row.scheme, row.rule, row.kept) == (None, None, "no rule")


def test_uncovered_parameters_of_like_layers_are_one_problem() -> None:
    model = nn.ModuleList([nn.Linear(3, 2) for _ in range(5)])

    assert problems(model, rule(nn.Linear, bias=ZEROS)) == (
        "no rule covers '{0..4}.weight' (5 parameters, each of shape (2, 3), in Linear). "
        "Add fs.rule(nn.Linear, weight=init.xavier_normal()), or fs.rule(nn.Linear, weight=fs.keep) "
        "to leave it as it is",
    )


def test_an_uncovered_parameter_whose_name_is_no_identifier() -> None:
    model = nn.ParameterList([nn.Parameter(torch.zeros(2))])

    assert problems(model) == (
        "no rule covers '0' (shape (2,), in ParameterList). Add fs.rule(nn.ParameterList, **{\"0\": init.zeros()}), "
        'or fs.rule(nn.ParameterList, **{"0": fs.keep}) to leave it as it is',
    )


def test_a_type_that_matches_no_module() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    unused = rule(nn.Conv3d, weight=ZEROS)

    message = "rule 2 (Conv3d) matches no module of the model. Its layers with parameters are: Linear"
    assert problems(model, LINEAR, unused) == (message,)
    assert sane(model, LINEAR, unused).notes == (message,)


def test_a_glob_that_matches_no_module() -> None:
    model = nn.Sequential()
    model.add_module("encoder", nn.Linear(3, 3))

    assert problems(model, LINEAR, rule("encodr", weight=ZEROS)) == (
        "rule 2 ('encodr') matches no module of the model. A glob must match a module's whole name. "
        "Did you mean 'encoder'?",
    )


def test_any_rule_on_a_model_without_parameters() -> None:
    assert problems(nn.ReLU(), rule(nn.Linear, weight=ZEROS)) == (
        "rule 1 (Linear) matches no module of the model. Its layers with parameters are: none",
    )
    assert plan(nn.ReLU(), []).rows == ()


def test_a_wholly_shadowed_rule() -> None:
    model = nn.Sequential(nn.Linear(3, 3))
    late = rule("0", name="head", weight=init.ones())

    message = (
        "rule 2 (head) never applies: rule 1 (Linear) stands before it and takes every parameter it names, such as "
        "'0.weight'. Move it up, or delete it"
    )
    assert problems(model, LINEAR, late) == (message,)
    assert sane(model, LINEAR, late).notes == (message,)


def test_a_rule_shadowed_by_two() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Conv1d(1, 1, 1))
    conv = rule(nn.Conv1d, weight=ZEROS, bias=ZEROS)

    assert problems(model, LINEAR, conv, rule("*", weight=init.ones())) == (
        "rule 3 ('*') never applies: rule 1 (Linear) and rule 2 (Conv1d) stand before it and take every parameter it "
        "names, such as '0.weight'. Move it up, or delete it",
    )


def test_a_rule_shadowed_in_part_applies() -> None:
    model = nn.Sequential(nn.Linear(3, 3))

    assert not plan(model, [rule(nn.Linear, weight=ZEROS), rule(nn.Linear, weight=init.ones(), bias=ZEROS)]).notes


def test_a_key_that_names_no_parameter() -> None:
    assert problems(nn.Linear(3, 3), rule(nn.Linear, wieght=ZEROS, **{"*": ZEROS})) == (
        "rule 1 (Linear) gives a scheme to 'wieght', which no module it matches has: Linear has bias, weight. "
        "Did you mean 'weight'?",
    )


def test_a_key_for_modules_without_parameters() -> None:
    assert problems(nn.Sequential(nn.Linear(3, 3), nn.ReLU()), LINEAR, rule(nn.ReLU, **{"*": keep})) == (
        "rule 2 (ReLU) gives a scheme to '*', which no module it matches has: ReLU has no parameters of its own.",
    )


def test_a_parameter_registered_as_none_is_no_problem() -> None:
    plan(nn.Linear(3, 3, bias=False), LINEAR)
    plan(nn.BatchNorm2d(3, affine=False), rule(nn.BatchNorm2d, weight=init.ones(), bias=ZEROS))


def test_a_recipe_may_have_rules_to_spare() -> None:
    recipe = Recipe(name="r", rules=(rule(nn.Conv3d, weight=ZEROS), LINEAR, LINEAR), source="", summary="")

    assert not plan(nn.Linear(3, 3), recipe).notes


def test_a_scheme_impossible_for_the_shape() -> None:
    (message,) = problems(Scaled(8), rule(Scaled, scale=init.xavier_normal()))

    assert message.startswith("'scale' (shape (8,), by rule 1 (Scaled)): ")
    assert "fan_in" in message
    assert plan_fails_loosely(Scaled(8), rule(Scaled, scale=init.xavier_normal()))


def plan_fails_loosely(model: nn.Module, one: Rule) -> bool:
    """strict=False does not forgive the impossible."""
    try:
        plan(model, one, strict=False)
    except PlanError:
        return True
    return False


def test_values_beyond_the_dtype() -> None:
    (message,) = problems(Scaled(8).half(), rule(Scaled, scale=init.constant(1e6)))

    assert message.startswith("'scale' (shape (8,), by rule 1 (Scaled)): constant(value=1000000.0)")


def test_a_lazy_module() -> None:
    model = nn.Sequential(nn.LazyLinear(4), nn.Linear(4, 2))

    assert problems(model, LINEAR) == (
        "'0' (LazyLinear) is lazy: no shape is known yet of its weight and bias. "
        "Run one batch through the model first, then plan",
    )
    model(torch.zeros(1, 3))
    assert len(plan(model, LINEAR).rows) == 4


def test_parameters_that_share_part_of_their_memory() -> None:
    model = nn.Module()
    memory = torch.zeros(6)
    model.a, model.b = nn.Parameter(memory[:4]), nn.Parameter(memory[2:])

    assert problems(model, rule("", **{"*": ZEROS})) == (
        "'a' (shape (4,)) and 'b' (shape (4,)) share memory without being the same parameter, so that setting one "
        "changes the other. Tie them wholly, or give both fs.keep",
    )
    plan(model, rule("", **{"*": keep}))


def test_the_transposed_share_memory_too() -> None:
    model = nn.Module()
    model.a = nn.Parameter(torch.zeros(2, 3))
    model.b = nn.Parameter(model.a.detach().t())

    (message,) = problems(model, rule("", **{"*": ZEROS}))
    assert message.startswith("'a' (shape (2, 3)) and 'b' (shape (3, 2)) share memory")


def test_memory_shared_by_other_dtypes() -> None:
    model = nn.Module()
    model.a = nn.Parameter(torch.zeros(4))
    model.b = nn.Parameter(model.a.detach().view(torch.float16))

    (message,) = problems(model, rule("", **{"*": ZEROS}))
    assert message.startswith("'a' (shape (4,)) and 'b' (shape (8,)) share memory")


def test_columns_of_one_matrix_share_nothing() -> None:
    model = nn.Module()
    memory = torch.zeros(4, 6)
    model.a, model.b = nn.Parameter(memory[:, :3]), nn.Parameter(memory[:, 3:])

    plan(model, rule("", a=init.ones(), b=ZEROS)).apply(0)

    assert memory[:, :3].eq(1).all()
    assert memory[:, 3:].eq(0).all()


def test_an_expanded_parameter() -> None:
    model = nn.Module()
    model.w = nn.Parameter(torch.zeros(4, 1).expand(4, 4))

    assert problems(model, rule("", w=ZEROS)) == (
        "'w' (shape (4, 4)) is expanded: several of its elements are one number in memory. "
        "Replace it with nn.Parameter(p.detach().clone()), or give it fs.keep",
    )
    plan(model, rule("", w=keep))


@pytest.mark.parametrize("dtype", [torch.int64, torch.complex64])
def test_parameters_that_no_scheme_fills(dtype: torch.dtype) -> None:
    model = nn.Module()
    model.codes = nn.Parameter(torch.zeros(4, dtype=dtype), requires_grad=False)

    assert plan(model, []).rows[0].kept == "frozen (requires_grad=False)"
    name = str(dtype).removeprefix("torch.")
    assert problems(model, rule("", frozen=True, codes=init.normal())) == (
        f"'codes' holds {name}, and normal() makes real floating-point numbers. Give it fs.keep, and fill it yourself",
    )


def test_all_problems_are_told_at_once() -> None:
    model = nn.Sequential(nn.Linear(3, 3), Scaled(8), nn.LazyLinear(2))
    rules = [rule("0", weight=ZEROS, bais=ZEROS), rule(nn.Conv2d, weight=ZEROS)]

    with pytest.raises(PlanError) as caught:
        plan(model, rules)

    assert len(caught.value.problems) == 5
    assert str(caught.value).startswith("5 problems:\n  1. '2' (LazyLinear) is lazy: ")


def test_a_predicate_that_raises() -> None:
    def broken(name: str, module: nn.Module) -> bool:
        raise KeyError("no such")

    with pytest.raises(PlanError) as caught:
        plan(nn.Linear(2, 2), rule(broken, weight=ZEROS))
    assert str(caught.value) == "rule 1 (broken): the predicate broken raised KeyError: 'no such' on module '' (Linear)"
    assert isinstance(caught.value.__cause__, RuleError)


def test_a_model_is_a_module() -> None:
    with pytest.raises(PlanError) as caught:
        plan("net", [])  # type: ignore[arg-type]
    assert str(caught.value) == "a plan needs a torch.nn.Module, given str"


def test_a_rule_for_tied_parameters_only_may_be_shadowed() -> None:
    model = nn.Module()
    model.emb, model.head = nn.Embedding(5, 3), nn.Linear(3, 5, bias=False)
    model.head.weight = model.emb.weight

    (message,) = problems(model, rule(nn.Embedding, weight=ZEROS), rule(nn.Linear, weight=ZEROS))
    assert message == (
        "rule 2 (Linear) never applies: rule 1 (Embedding) stands before it and takes every parameter it names, such "
        "as 'head.weight'. Move it up, or delete it"
    )


def test_a_combined_selector_is_named_in_full() -> None:
    (message,) = problems(nn.Linear(2, 2), LINEAR, rule(select(nn.Linear) & "head.*", weight=ZEROS))
    assert message.startswith("rule 2 (Linear & 'head.*') matches no module of the model. ")
