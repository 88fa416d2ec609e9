"""Names through wrappers, tied parameters, what is looked at and what is not touched."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
from torch.nn.parallel import DataParallel, DistributedDataParallel

from firststep import init
from firststep.planning import plan, rule
from firststep.planning._inventory import inventory
from firststep.planning._names import child_name

RULES = [rule("body", weight=init.normal(), bias=init.zeros()), rule("head", weight=init.normal(std=0.1))]


def net() -> nn.Sequential:
    model = nn.Sequential()
    model.add_module("body", nn.Linear(3, 4))
    model.add_module("head", nn.Linear(4, 2, bias=False))
    return model


def values(model: nn.Module) -> list[torch.Tensor]:
    plan(model, RULES).apply(0)
    return [p.detach().clone() for p in model.parameters()]


PLAIN = ["body.weight", "body.bias", "head.weight"]


compiled = functools.partial(torch.compile, backend="eager")
"""A real OptimizedModule; the default backend would only be slower to import."""


@pytest.mark.parametrize("wrap", [compiled, checkpoint_wrapper, DataParallel])
def test_a_wrapper_changes_neither_names_nor_values(wrap: object) -> None:
    expected, wrapped = values(net()), wrap(net())  # type: ignore[operator]

    assert [row.name for row in plan(wrapped, RULES).rows] == PLAIN
    for a, b in zip(expected, values(wrapped), strict=True):
        assert torch.equal(a, b)


def test_inner_wrappers_are_looked_through() -> None:
    model = net()
    model.body = checkpoint_wrapper(compiled(model.body))  # type: ignore[assignment]

    assert [row.name for row in plan(model, RULES).rows] == PLAIN


@pytest.mark.filterwarnings("ignore")
def test_ddp(process_group: None) -> None:
    expected, wrapped = values(net()), DistributedDataParallel(compiled(net()))

    assert [row.name for row in plan(wrapped, RULES).rows] == PLAIN
    for a, b in zip(expected, values(wrapped), strict=True):
        assert torch.equal(a, b)


def test_fsdp_keeps_its_module_under_a_name_of_its_own() -> None:
    assert child_name("encoder", nn.Module(), "_fsdp_wrapped_module") == "encoder"


def test_module_is_dropped_below_data_parallel_only() -> None:
    model = nn.Module()
    model.module = nn.Linear(2, 2)

    assert [slot.name for slot in inventory(model).slots] == ["module.weight", "module.bias"]
    assert [slot.name for slot in inventory(DataParallel(model)).slots] == ["module.weight", "module.bias"]


def test_the_root_has_parameters_of_its_own() -> None:
    assert [slot.name for slot in inventory(nn.Linear(2, 2)).slots] == ["weight", "bias"]


def tied() -> nn.Module:
    model = nn.Module()
    model.emb, model.head = nn.Embedding(6, 3), nn.Linear(3, 6, bias=False)
    model.head.weight = model.emb.weight
    return model


def test_a_tied_parameter_is_set_once_and_shows_all_names() -> None:
    model = tied()
    done = plan(model, [rule(nn.Linear, weight=init.normal(std=0.1))])

    (row,) = done.rows
    assert (row.name, row.names, row.layer) == ("emb.weight", ("emb.weight", "head.weight"), "Linear")
    done.apply(0)
    assert model.head.weight is model.emb.weight
    assert torch.equal(model.emb.weight, init.normal(std=0.1).sample((6, 3), seed=0, name="emb.weight"))


def test_the_first_rule_that_matches_any_owner_wins_a_tied_parameter() -> None:
    model = tied()
    padded = nn.Embedding(6, 3, padding_idx=0)
    padded.weight = model.emb.weight
    model.emb = padded
    by_head, by_emb = rule(nn.Linear, weight=init.ones()), rule(nn.Embedding, weight=init.normal())

    first = plan(model, [by_emb, by_head], strict=False).rows[0]
    assert (first.rule, first.site.zero_rows) == ("Embedding", (0,))  # type: ignore[union-attr]
    second = plan(model, [by_head, by_emb], strict=False).rows[0]
    # The padding row belongs to the parameter, whichever rule wins it.
    assert (second.rule, second.site.zero_rows) == ("Linear", (0,))  # type: ignore[union-attr]


def test_aliases_of_the_same_memory_are_one_parameter() -> None:
    model = tied()
    model.head.weight = nn.Parameter(model.emb.weight.detach())
    assert model.head.weight is not model.emb.weight

    done = plan(model, rule("*", weight=init.normal()))

    assert done.rows[0].names == ("emb.weight", "head.weight")
    assert done.apply(0).ok
    assert torch.equal(model.head.weight, model.emb.weight)


def test_places_of_aliases_keep_their_order() -> None:
    model = nn.Module()
    a, b = nn.Parameter(torch.zeros(3)), nn.Parameter(torch.zeros(2))
    model.first, model.other, model.alias, model.again = a, b, nn.Parameter(a.detach()), a

    slots = inventory(model).slots

    assert [slot.names for slot in slots] == [("first", "alias", "again"), ("other",)]
    assert [place.local_name for place in slots[0].places] == ["first", "alias", "again"]


def apart(*tensors: torch.Tensor) -> bool:
    model = nn.ParameterList([nn.Parameter(tensor) for tensor in tensors])
    return inventory(model).apart


def test_what_is_apart_at_a_glance() -> None:
    memory, like = torch.zeros(4, 6), torch.zeros(2, 3, 4, 4).to(memory_format=torch.channels_last)

    assert apart(torch.zeros(3), torch.zeros(3), torch.zeros(3).half(), torch.tensor(1.0))
    assert apart(memory[:2], memory[2:])
    assert apart(like, like.clone(), torch.zeros(2, 3).t())
    assert apart(torch.zeros(0, 3), torch.zeros(0, 3))
    assert apart(torch.zeros(3, device="meta"), torch.zeros(3, device="meta"))


def test_what_must_be_looked_at_closely() -> None:
    memory, on_meta = torch.zeros(4, 6), torch.zeros(6, device="meta")

    assert not apart(memory, memory)
    assert not apart(torch.zeros(9), memory[:3], memory[2:], torch.zeros(9))
    assert not apart(memory, memory[1:2], torch.zeros(3))
    assert not apart(memory[:, :3], memory[:, 3:])  # which shows to have nothing in common
    assert not apart(torch.zeros(4, 1).expand(4, 4))
    assert not apart(on_meta[:3], on_meta[3:])


def test_rows_that_differ_in_name_alone_share_the_rest() -> None:
    model = nn.ModuleList([nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 4), nn.Linear(3, 3).double()])

    rows = plan(model, rule(nn.Linear, weight=init.normal(), bias=init.zeros())).rows[::2]

    assert rows[0].treatment is rows[1].treatment
    assert rows[0] != rows[1]
    assert len({id(row.treatment) for row in rows}) == 3
    assert [row.site and row.site.name for row in rows] == [row.name for row in rows]
    assert repr(rows[1]).startswith("Row(name='1.weight', names=('1.weight',), shape=(3, 3), dtype=torch.float32, ")


def test_aliases_on_meta_are_one_parameter() -> None:
    with torch.device("meta"):
        model = tied()
    model.head.weight = nn.Parameter(model.emb.weight.detach())

    assert [slot.names for slot in inventory(model).slots] == [("emb.weight", "head.weight")]


def test_empty_parameters_are_not_aliases() -> None:
    model = nn.ParameterList([nn.Parameter(torch.zeros(0)), nn.Parameter(torch.zeros(0))])

    assert [slot.names for slot in inventory(model).slots] == [("0",), ("1",)]


def test_a_shared_module_goes_by_both_names() -> None:
    model = nn.Module()
    model.a = model.b = nn.Linear(2, 2, bias=False)

    done = plan(model, rule("b", weight=init.normal()))

    assert done.rows[0].names == ("a.weight", "b.weight")
    assert torch.equal(done.apply(0) and model.a.weight, init.normal().sample((2, 2), seed=0, name="a.weight"))


def test_a_module_inside_itself_is_entered_once() -> None:
    model = nn.Linear(2, 2)
    model.add_module("me", model)

    assert [slot.name for slot in inventory(model).slots] == ["weight", "bias"]


def test_deep_copied_layers_get_different_values() -> None:
    layer = nn.TransformerEncoderLayer(4, 2, 8)
    model = nn.ModuleList([layer, copy.deepcopy(layer)])
    rules = [
        rule(nn.LayerNorm, weight=init.ones(), bias=init.zeros()),
        rule("*", **{"*weight": init.normal(), "*bias": init.zeros()}),
    ]

    plan(model, rules).apply(0)

    first, second = (one.linear1.weight for one in model)
    assert not torch.equal(first, second)  # type: ignore[arg-type]


def test_layer_names_are_those_before_parametrization() -> None:
    model = nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))

    assert {owner.layer for owner in inventory(model).owners} >= {"Linear"}


@contextmanager
def unchanged(model: nn.Module) -> Iterator[None]:
    """Fails when anything that a model holds changes in the block."""

    def picture() -> list[object]:
        state = [tensor.detach().clone() for tensor in [*model.parameters(), *model.buffers()]]
        modules = [(id(m), m.training, len(m._forward_pre_hooks), sorted(vars(m))) for m in model.modules()]
        grads = [p.grad is None for p in model.parameters()]
        versions = [p._version for p in model.parameters()]
        return [*state, modules, grads, versions, torch.get_rng_state()]

    before = picture()
    yield
    for a, b in zip(before, picture(), strict=True):
        assert torch.equal(a, b) if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor) else a == b


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_planning_touches_nothing() -> None:
    model = nn.Sequential(
        nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4)),
        nn.utils.parametrizations.orthogonal(nn.Linear(4, 4)),
        nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)),
        nn.utils.weight_norm(nn.Linear(4, 4)),
        nn.utils.spectral_norm(nn.Linear(4, 4)),
        nn.Dropout(),
        nn.LSTM(4, 4),
    )

    with unchanged(model):
        done = plan(model, rule("*", **{"*weight*": init.ones(), "*bias*": init.zeros()}))
        str(done), repr(done), done.to_dict(), done.diff(done), done._repr_html_()
    assert len(done.rows) == 14
