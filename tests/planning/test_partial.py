"""Plans about a part of a model: the others are kept, and what is set is what a whole initialization would set."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from firststep import init, planning
from firststep.errors import PlanError
from firststep.planning import Only, Recipe, missing_from, plan, rule, top_layers

RULES = Recipe(
    name="rules",
    source="",
    summary="",
    rules=(
        rule(nn.Linear, weight=init.kaiming_normal(), bias=init.normal(std=0.1)),
        rule(nn.Embedding, weight=init.normal()),
        rule(nn.LayerNorm, weight=init.normal(mean=1.0, std=0.1), bias=init.zeros()),
    ),
)


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.fc = nn.LayerNorm(4), nn.Linear(4, 4)


class Net(nn.Module):
    """A language model in small: the head is tied to the embedding."""

    def __init__(self, layers: int = 3) -> None:
        super().__init__()
        self.embed = nn.Embedding(7, 4)
        self.blocks = nn.ModuleList([Block() for _ in range(layers)])
        self.norm = nn.LayerNorm(4)
        self.head = nn.Linear(4, 7)
        self.head.weight = self.embed.weight


def set_names(model: nn.Module, only: Only) -> list[str]:
    return [row.name for row in plan(model, RULES, only=only).rows if row.scheme]


def problem(model: nn.Module, only: Only) -> str:
    with pytest.raises(PlanError) as caught:
        plan(model, RULES, only=only)
    return str(caught.value)


TOP = ["blocks.2.norm.weight", "blocks.2.norm.bias", "blocks.2.fc.weight", "blocks.2.fc.bias"]
AFTER = ["norm.weight", "norm.bias", "head.bias"]


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        ("blocks.2", TOP),
        ("blocks.2.*", TOP),
        ("*.2.*.bias", ["blocks.2.norm.bias", "blocks.2.fc.bias"]),
        ("norm", ["norm.weight", "norm.bias"]),
        ("head", ["embed.weight", "head.bias"]),  # its weight is the embedding's, under the name it is drawn by
        (["norm.bias", "blocks.0.fc.bias"], ["blocks.0.fc.bias", "norm.bias"]),
        (top_layers(1), [*TOP, *AFTER]),  # not the weight that is the embedding too
        (top_layers(1, blocks="blocks"), [*TOP, *AFTER]),
        ([top_layers(1), "embed"], ["embed.weight", *TOP, *AFTER]),
        (missing_from(["embed.weight", "norm.weight", *TOP]), None),
        (missing_from(["head.weight", "norm.weight", *TOP]), None),  # the embedding, under its other name
    ],
)  # fmt: skip
def test_what_is_meant(only: Only, expected: list[str] | None) -> None:
    if expected is None:
        below = [name.replace("2", str(i), 1) for i in (0, 1) for name in TOP]
        expected = [*below, "norm.bias", "head.bias"]
    assert set_names(Net(), only) == expected


@pytest.mark.parametrize("only", ["blocks.1", top_layers(2), ["head.bias", "norm"], missing_from(["embed.weight"])])
def test_values_are_those_of_a_whole_initialization_and_the_rest_is_untouched(only: Only) -> None:
    whole, part = Net(), Net()
    before = {name: tensor.clone() for name, tensor in part.state_dict().items()}
    planning.initialize(whole, RULES, 5)
    report = planning.initialize(part, RULES, 5, only=only)

    chosen = {name for one in report.rows if one.after for name in one.row.names}
    assert 0 < len(chosen) < len(before)
    for name, tensor in part.state_dict().items():
        assert torch.equal(tensor, whole.state_dict()[name] if name in chosen else before[name]), name


def test_why_the_others_are_kept() -> None:
    reasons = {
        "outside only": ["head"],
        "below the top 2 blocks": top_layers(2),
        "below the top block": top_layers(1),
        "in the checkpoint": missing_from(["embed.weight"]),
    }
    for reason, only in reasons.items():
        assert reason in {row.kept for row in plan(Net(), RULES, only=only).rows}


def test_rules_need_not_cover_the_others_nor_be_used_on_them() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc, self.scale = nn.Linear(2, 2), nn.Parameter(torch.zeros(2))

    rules = [rule(nn.Linear, weight=init.xavier_normal(), bias=init.zeros())]
    assert [row.kept for row in plan(Odd(), rules, only="fc").rows if row.scheme is None] == ["outside only"]
    with pytest.raises(PlanError, match="no rule covers 'scale'"):
        plan(Odd(), rules, only="scale")
    # A rule whose parameters are all outside is no idle rule, an idle one is still told.
    assert set_names(Net(), "head.bias") == ["head.bias"]
    with pytest.raises(PlanError, match="matches no module"):
        plan(Net(), [RULES, rule(nn.Conv2d, weight=init.zeros())], only="head.bias")


def test_impossible_schemes_outside_are_no_problem() -> None:
    rules = [rule("norm", weight=init.xavier_normal(), bias=init.zeros()), RULES]
    assert set_names(Net(), "head.bias") == ["head.bias"]
    assert [row.name for row in plan(Net(), rules, only="head.bias").rows if row.scheme] == ["head.bias"]


def test_frozen_parameters_stay_frozen() -> None:
    model = Net()
    model.norm.requires_grad_(False)
    assert plan(model, RULES, only="norm").rows[-2].kept == "frozen (requires_grad=False)"


class Shared(nn.Module):
    """One block, used three times, as in ALBERT."""

    def __init__(self) -> None:
        super().__init__()
        block = Block()
        self.layers = nn.ModuleList([block, block, block])
        self.head = nn.Linear(4, 2)


def test_a_block_that_is_also_used_below_is_not_on_top() -> None:
    assert set_names(Shared(), top_layers(1)) == ["head.weight", "head.bias"]
    assert set_names(Shared(), top_layers(3))[:2] == ["layers.0.norm.weight", "layers.0.norm.bias"]


def test_the_outermost_list_counts() -> None:
    stages = nn.Sequential(*[nn.Sequential(Block(), Block()) for _ in range(2)])
    assert len(set_names(nn.Sequential(nn.Linear(4, 4), stages), top_layers(1))) == 8


def test_a_parametrized_weight_is_missing_or_there_or_torn() -> None:
    model = nn.Sequential(parametrizations.weight_norm(nn.Linear(2, 2)), nn.Linear(2, 2))
    g, v = (f"0.parametrizations.weight.original{i}" for i in (0, 1))

    assert set_names(model, missing_from([g, v, "0.bias"])) == ["1.weight", "1.bias"]
    assert "0.weight" in set_names(model, missing_from(["0.bias"]))
    assert problem(model, missing_from([g])) == (
        "'0.weight' is computed from several tensors (weight_norm), and the checkpoint lacks "
        "'0.parametrizations.weight.original1'"
    )


def two_towers() -> nn.Module:
    model = nn.Module()
    model.encoder, model.decoder = Net(), Net()
    return model


@pytest.mark.parametrize(
    ("model", "only", "message"),
    [
        (Net(), "haed", "only='haed' names no parameter, and no module that has one. Did you mean 'head'?"),
        (
            Net(),
            ["blok", 3],
            "only=3: expected a name or glob of parameters or modules such as 'head', fs.top_layers(2), "
            "fs.missing_from(checkpoint), or several of these in a list",
        ),
        (
            Net(),
            ["blok", "zzz"],
            "2 problems:\n"
            "  1. only='blok' names no parameter, and no module that has one. Did you mean 'blocks'?\n"
            "  2. only='zzz' names no parameter, and no module that has one.",
        ),
        (Net(), top_layers(4), "top_layers(4): 'blocks' has 3 blocks"),
        (
            nn.Sequential(nn.Linear(2, 2), nn.ReLU()),
            top_layers(1),
            "top_layers(1): the model has no stack of like blocks. Name the module whose children the blocks are: "
            'top_layers(1, blocks="...")',
        ),
        (
            two_towers(),
            top_layers(1),
            "top_layers(1): the model has 2: 'encoder.blocks', 'decoder.blocks'. Name the module whose children the "
            'blocks are: top_layers(1, blocks="...")',
        ),
        (
            Net(),
            top_layers(1, blocks="block"),
            "top_layers(1, blocks='block'): no module with children is called so. Did you mean 'blocks'?",
        ),
        (
            nn.ModuleDict({"layers": Shared().layers}),
            top_layers(2),
            "top_layers(2): every parameter there is also used below",
        ),
    ],
)
def test_messages(model: nn.Module, only: Only, message: str) -> None:
    assert problem(model, only) == message


@pytest.mark.parametrize("count", [0, -1, True, 1.5])
def test_a_count_of_blocks(count: int) -> None:
    with pytest.raises(PlanError) as caught:
        top_layers(count)
    assert str(caught.value) == f"top_layers({count!r}): expected a whole number of blocks >= 1"
