"""Schemes and selectors that ask what follows a layer: the model is traced once, and only for them."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from firststep import graph, init
from firststep.planning import chain, keep, plan, rule


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[nn.Module]:
    seen: list[nn.Module] = []
    trace = graph.trace

    def counted(model: nn.Module) -> dict[str, graph.Flow]:
        seen.append(model)
        return trace(model)

    monkeypatch.setattr(graph, "trace", counted)
    return seen


def mlp(depth: int = 4, activation: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    layers = [layer for _ in range(depth) for layer in (nn.Linear(8, 8), activation())]
    return nn.Sequential(*layers, nn.Linear(8, 2))


def test_a_scheme_is_told_the_activation_that_follows(calls: list[nn.Module]) -> None:
    model = mlp()
    done = plan(model, rule(nn.Linear, weight=init.variance_preserving(), bias=init.zeros()))

    sites = {row.name: row.site for row in done.rows}
    assert sites["0.weight"] is not None
    assert sites["0.weight"].nonlinearity == "relu"
    assert sites["8.weight"] is not None
    assert sites["8.weight"].nonlinearity == "linear"
    assert sites["0.bias"] is not None
    assert sites["0.bias"].nonlinearity is None
    assert calls == [model]


def test_the_model_is_not_traced_for_schemes_that_do_not_ask(calls: list[nn.Module]) -> None:
    plan(mlp(), rule(nn.Linear, weight=init.normal(), bias=init.zeros()))

    assert calls == []


def test_a_chain_selects_its_links(calls: list[nn.Module]) -> None:
    model = nn.ModuleDict({"deep": mlp(6), "shallow": nn.Sequential(nn.Linear(8, 8), nn.ReLU())})
    rules = [rule(chain(5), weight=init.looks_linear(), bias=init.zeros()), rule("*", **{"*": keep})]
    done = plan(model["deep"], rules, strict=False)

    assert all(row.where == "1" for row in done.rows)
    assert len(calls) == 1
    assert all(row.where == "2" for row in plan(model["shallow"], rules, strict=False).rows)


def test_a_wrapped_model_is_traced_like_a_bare_one() -> None:
    rules = rule(nn.Linear, weight=init.variance_preserving(), bias=init.zeros())
    bare, wrapped = plan(mlp(), rules), plan(torch.compile(mlp(), backend="eager"), rules)

    assert bare.to_dict() == wrapped.to_dict()
