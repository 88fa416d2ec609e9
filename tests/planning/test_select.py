"""Selectors: what they match, how they print, how they are stored."""

from __future__ import annotations

import re

import pytest
from torch import nn

from firststep.errors import RuleError
from firststep.graph import Flow
from firststep.planning import Selector, chain, select, type_named
from firststep.planning._select import Candidate
from firststep.planning._select_file import selector_from_dict


class Mixin:
    pass


class Layer(Mixin, nn.Linear):
    pass


def matches(selector: Selector, name: str, module: nn.Module, flow: Flow | None = None) -> bool:
    return selector.matches(Candidate(name, module, lambda _: flow, lambda _: frozenset()))


LINEAR = nn.Linear(2, 2)


@pytest.mark.parametrize(
    ("spec", "name", "module", "expected"),
    [
        (nn.Linear, "a", LINEAR, True),
        (nn.Linear, "a", Layer(2, 2), True),
        (Mixin, "a", Layer(2, 2), True),
        (Layer, "a", LINEAR, False),
        ((nn.Conv2d, nn.Linear), "a", LINEAR, True),
        ((nn.Conv2d, nn.Conv1d), "a", LINEAR, False),
        ("encoder.*.fc?", "encoder.3.fc1", LINEAR, True),
        ("encoder.*.fc?", "encoder.3.fc10", LINEAR, False),
        ("Encoder.*", "encoder.0", LINEAR, False),
        ("", "", LINEAR, True),
        (re.compile(r"fc\d"), "fc1", LINEAR, True),
        (re.compile(r"fc\d"), "fc10", LINEAR, False),
        (re.compile(r"fc\d"), "head.fc1", LINEAR, False),
        (re.compile(r"FC\d", re.I), "fc1", LINEAR, True),
        (lambda name, module: name == "a" and module is LINEAR, "a", LINEAR, True),
        (lambda name, module: 0, "a", LINEAR, False),
    ],
)
def test_matches(spec: object, name: str, module: nn.Module, expected: bool) -> None:
    assert matches(select(spec), name, module) is expected  # type: ignore[arg-type]


def test_combinations_follow_boolean_algebra() -> None:
    linear, head = select(nn.Linear), select("head")
    for name in ("head", "body"):
        for module in (LINEAR, nn.Conv2d(1, 1, 1)):
            a, b = matches(linear, name, module), matches(head, name, module)
            assert matches(linear & head, name, module) is (a and b)
            assert matches(linear | head, name, module) is (a or b)
            assert matches(~linear, name, module) is (not a)
            assert matches(~(linear & head), name, module) is matches(~linear | ~head, name, module)


def test_specs_combine_on_either_side() -> None:
    assert nn.Linear & select("head") == select(nn.Linear) & "head"  # type: ignore[operator]
    assert nn.Linear | select("head") == select(nn.Linear) | "head"  # type: ignore[operator]


def test_chain_reads_the_flow() -> None:
    assert matches(chain(4), "a", LINEAR, Flow(chain=4))
    assert not matches(chain(4), "a", LINEAR, Flow(chain=3))
    assert not matches(chain(4), "a", LINEAR, None)


def is_head(name: str, module: nn.Module) -> bool:
    return name == "head"


@pytest.mark.parametrize(
    ("selector", "text"),
    [
        (select(nn.Linear), "Linear"),
        (select((nn.Linear, nn.Conv2d)), "Linear | Conv2d"),
        (select("head.*"), "'head.*'"),
        (select(re.compile("a.b", re.I)), "/a.b/i"),
        (select(is_head), "is_head"),
        (chain(3), "chain(3)"),
        (select(nn.Linear) & "head" & "tail", "Linear & 'head' & 'tail'"),
        (select((nn.Linear, nn.Conv2d)) & "head", "(Linear | Conv2d) & 'head'"),
        (select(nn.Linear) | "head" | chain(2), "Linear | 'head' | chain(2)"),
        (~select(nn.Linear), "~Linear"),
        (~select((nn.Linear, nn.Conv2d)), "~(Linear | Conv2d)"),
        (~(select(nn.Linear) & "a"), "~(Linear & 'a')"),
        (selector_from_dict({"type": "pkg.mod.Layer"}), "Layer"),
    ],
)
def test_prints_as_written(selector: Selector, text: str) -> None:
    assert str(selector) == text
    assert repr(selector) == f"select({text})"


def test_not_of_not_is_the_selector() -> None:
    assert ~~select("a") == select("a")


@pytest.mark.parametrize(
    "selector",
    [
        select(nn.Linear),
        select((nn.Linear, nn.Conv2d)),
        select("head.*"),
        select(re.compile("a.b", re.I | re.X)),
        select(re.compile("a.b")),
        chain(3),
        (select(nn.Linear) & "head") | ~select(nn.Conv2d),
    ],
)
def test_survives_the_dictionary(selector: Selector) -> None:
    assert selector_from_dict(selector.to_dict()) == selector


def test_a_users_type_is_found_by_name() -> None:
    stored = select(Layer).to_dict()

    assert stored == {"type": f"{Layer.__module__}.Layer"}
    found = selector_from_dict(stored)
    assert matches(found, "a", Layer(2, 2))
    assert not matches(found, "a", LINEAR)
    assert matches(selector_from_dict({"type": "Mixin"}), "a", Layer(2, 2))
    assert found.to_dict() == stored


def test_types_known_and_by_name_mix() -> None:
    mixed = selector_from_dict({"type": ["torch.nn.Conv2d", "Layer"]})

    assert matches(mixed, "a", Layer(2, 2))
    assert matches(mixed, "a", nn.Conv2d(1, 1, 1))
    assert not matches(mixed, "a", LINEAR)


def test_a_private_torch_type_is_found_by_its_qualified_name() -> None:
    kind = nn.modules.linear.NonDynamicallyQuantizableLinear
    stored = select(kind).to_dict()

    assert stored == {"type": "torch.nn.modules.linear.NonDynamicallyQuantizableLinear"}
    assert matches(selector_from_dict(stored), "a", kind(2, 2))


KINDS = "type, glob, regex, chain, role, role_if_told, and, or, not"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("head", f"select: 'head': expected one of {KINDS}, such as {{type: torch.nn.Linear}}"),
        ({}, f"select: {{}}: expected one of {KINDS}, such as {{type: torch.nn.Linear}}"),
        ({"tpye": "x"}, f"select: unknown key 'tpye': expected one of {KINDS}. Did you mean 'type'?"),
        ({"type": "torch.nn.Linaer"}, "select: torch.nn has no module type 'Linaer'. Did you mean 'Linear'?"),
        ({"type": []}, "select: type: []: expected a type's name or a list of names"),
        ({"type": 3}, "select: type: 3: expected a type's name or a list of names"),
        ({"glob": 3}, "select: glob: 3: expected a string"),
        ({"glob": "a", "flags": "i"}, "select: 'flags' goes with 'regex', not with 'glob'"),
        (
            {"regex": "("},
            "select: regex: '(' is not a regular expression: missing ), unterminated subpattern at position 0",
        ),
        (
            {"regex": "a", "flags": "q"},
            "select: regex: 'a' with flags 'q': expected a string, and letters out of 'aimsx'",
        ),
        ({"and": []}, "select: and: []: expected a list of selectors"),
        ({"or": "x"}, "select: or: 'x': expected a list of selectors"),
        ({"chain": 0}, "chain(0): expected a whole number of layers >= 1"),
    ],
)
def test_broken_data_says_what_was_expected(data: object, message: str) -> None:
    with pytest.raises(RuleError) as caught:
        selector_from_dict(data)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            LINEAR,
            "select was given a module, a Linear; expected its type, Linear, or its name, such as 'encoder.0'",
        ),
        (
            3,
            "select(3): expected a module type, a tuple of types, a glob on module names, a compiled regular "
            "expression, or a predicate (name, module) -> bool",
        ),
        (
            (nn.Linear, "head"),
            "select((<class 'torch.nn.modules.linear.Linear'>, 'head')): expected a module type, a tuple of types, "
            "a glob on module names, a compiled regular expression, or a predicate (name, module) -> bool",
        ),
    ],
)
def test_a_wrong_spec_says_what_was_expected(spec: object, message: str) -> None:
    with pytest.raises(RuleError) as caught:
        select(spec)  # type: ignore[arg-type]
    assert str(caught.value) == message


def test_a_predicate_cannot_be_saved() -> None:
    with pytest.raises(RuleError) as caught:
        select(is_head).to_dict()
    assert str(caught.value) == (
        "the predicate is_head is a function and cannot be saved. Select by type, glob or regular expression instead"
    )


def test_a_predicate_without_a_name_prints_its_type() -> None:
    class Chosen:
        def __call__(self, name: str, module: nn.Module) -> bool:
            return True

    assert str(select(Chosen())) == "Chosen"


def test_types_by_glob() -> None:
    class LlamaRMSNorm(nn.Module):
        pass

    class NormedLinear(nn.Linear):
        pass

    norms = type_named("*Norm") | type_named("*Norm?d")
    found = [
        norms.matches(Candidate("x", module, lambda _: None, lambda _: frozenset()))
        for module in (LlamaRMSNorm(), nn.BatchNorm2d(2), nn.LayerNorm(2), NormedLinear(2, 2))
    ]
    assert found == [True, True, True, False]
    assert str(norms) == "*Norm | *Norm?d"
    assert selector_from_dict(norms.to_dict()) == norms


@pytest.mark.parametrize("name", ["", 3])
def test_a_type_is_named_by_a_string(name: object) -> None:
    with pytest.raises(RuleError) as error:
        type_named(name)  # pyright: ignore[reportArgumentType]
    assert str(error.value) == (
        f"type_named({name!r}): expected the name of a module type, such as 'LlamaRMSNorm' or '*Norm'"
    )
