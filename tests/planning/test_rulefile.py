"""Rules in files: they come back as they were, run no code, and say what is wrong and where."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import nn

from firststep import init
from firststep.errors import RuleError
from firststep.planning import Recipe, Rule, keep, load_rules, plan, rule, save_rules, select

RULES = [
    rule(nn.Conv2d, weight=init.xavier_normal(), bias=init.constant(0.3)),
    rule((nn.Linear, nn.Bilinear), name="dense", frozen=True, weight=init.normal(std=1e-5), bias=keep),
    rule("encoder.*.fc?", **{"weight*": init.orthogonal(), "*": init.zeros()}),
    rule(re.compile(r"head\d", re.I), weight=init.variance_scaling(2.0, "fan_out", "uniform")),
    rule((select(nn.Linear) & ~select("head.*")) | "tail", weight=init.trunc_normal(std=0.02)),
]


@pytest.mark.parametrize("suffix", ["yaml", "yml", "json"])
def test_rules_come_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"rules.{suffix}"
    save_rules(RULES, path)

    assert load_rules(path) == RULES
    assert load_rules(str(path)) == RULES


def test_every_recipe_rule_without_a_predicate_comes_back(tmp_path: Path) -> None:
    recipe = Recipe(name="r", rules=tuple(RULES), source="", summary="")
    save_rules(recipe, tmp_path / "rules.json")

    assert load_rules(tmp_path / "rules.json") == RULES


def test_what_is_written_is_plain(tmp_path: Path) -> None:
    save_rules(RULES[:2], tmp_path / "rules.yaml")

    assert (tmp_path / "rules.yaml").read_text() == (
        "firststep: 1\n"
        "rules:\n"
        "- select:\n"
        "    type: torch.nn.Conv2d\n"
        "  schemes:\n"
        "    weight: xavier_normal\n"
        "    bias:\n"
        "      scheme: constant\n"
        "      value: 0.3\n"
        "- name: dense\n"
        "  select:\n"
        "    type:\n"
        "    - torch.nn.Linear\n"
        "    - torch.nn.Bilinear\n"
        "  frozen: true\n"
        "  schemes:\n"
        "    weight:\n"
        "      scheme: normal\n"
        "      std: 1.0e-05\n"
        "    bias: keep\n"
    )


class Mine(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.empty(3))


def test_a_users_type_is_matched_by_name(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    save_rules(rule(Mine, scale=init.ones()), path)
    (loaded,) = load_rules(path)
    model = Mine()
    plan(model, loaded).apply(0)

    assert model.scale.tolist() == [1.0, 1.0, 1.0]
    save_rules(loaded, tmp_path / "again.yaml")
    assert (tmp_path / "again.yaml").read_text() == path.read_text()


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_by_hand_numbers_may_have_exponents(tmp_path: Path) -> None:
    path = written(
        tmp_path / "rules.yaml",
        "firststep: 1\nrules:\n- {select: {glob: '*'}, schemes: {weight: {scheme: normal, std: 2e-2}, bias: zeros}}\n",
    )

    assert load_rules(path) == [rule("*", weight=init.normal(std=0.02), bias=init.zeros())]


def one_rule(**changes: Any) -> dict[str, Any]:
    data: dict[str, Any] = {"select": {"glob": "*"}, "schemes": {"weight": "zeros"}, **changes}
    return {"firststep": 1, "rules": [{key: value for key, value in data.items() if value is not ...}]}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "expected a mapping with 'firststep: 1' and 'rules', a list"),
        ({"rules": []}, "expected a mapping with 'firststep: 1' and 'rules', a list"),
        ({"firststep": 2, "rules": []}, "expected a mapping with 'firststep: 1' and 'rules', a list"),
        (
            {"firststep": 1, "rules": [], "ruels": 3},
            "unknown key 'ruels': expected firststep, rules. Did you mean 'rules'?",
        ),
        (
            {"firststep": 1, "rules": [3]},
            "rule 1: expected a mapping with 'select' and 'schemes', given 3",
        ),
        (one_rule(schemes=...), "rule 1: expected 'select', and 'schemes' as a mapping from parameter names"),
        (one_rule(select=...), "rule 1: expected 'select', and 'schemes' as a mapping from parameter names"),
        (
            one_rule(shcemes={}),
            "rule 1: unknown key 'shcemes': expected select, schemes, name, frozen. Did you mean 'schemes'?",
        ),
        (
            one_rule(select={"type": "torch.nn.Conv2D"}),
            "rule 1: select: torch.nn has no module type 'Conv2D'. Did you mean 'Conv2d'?",
        ),
        (one_rule(frozen="yes"), "rule 1: rule('*', frozen='yes'): expected True or False"),
        (one_rule(name=3), "rule 1: rule('*', name=3): expected a string that is not empty"),
        (
            one_rule(schemes={"bias": 0.3}),
            "rule 1: bias: 0.3: expected 'keep', a scheme's name, or a mapping such as {scheme: constant, value: 0.3}",
        ),
        (one_rule(schemes={}), None),
        (one_rule(schemes={"weight": "xavier_norml"}), "xavier_normal"),
        (one_rule(schemes={"weight": {"scheme": "normal", "sdt": 1.0}}), "sdt"),
        (one_rule(schemes={"weight": {"scheme": "normal", "std": "wide"}}), "std"),
        (one_rule(schemes={"weight": {"std": 1.0}}), "scheme"),
    ],
)
@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, data: Any, message: str | None, suffix: str) -> None:
    path = written(tmp_path / f"rules.{suffix}", (json.dumps if suffix == "json" else yaml.safe_dump)(data))

    with pytest.raises(RuleError) as caught:
        load_rules(path)

    found = str(caught.value)
    assert found.startswith(str(path))
    if message is not None and " " in message:
        separator = ", " if message.startswith("rule 1") else ": "
        assert found == f"{path}{separator}{message}"
    elif message is not None:
        assert found.startswith(f"{path}, rule 1: ")
        assert message in found


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("r.json", "{", "is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("r.json", '{"firststep": 1, "firststep": 1}', "the key 'firststep' stands twice in one mapping"),
        ("r.yaml", "firststep: 1\nfirststep: 1\n", "the key 'firststep' stands twice in one mapping"),
        ("r.yaml", "a: [", None),
        ("r.yaml", "!!python/object/apply:os.system ['echo no']", None),
    ],
)
def test_broken_files(tmp_path: Path, name: str, text: str, message: str | None) -> None:
    path = written(tmp_path / name, text)

    with pytest.raises(RuleError) as caught:
        load_rules(path)

    assert str(caught.value).startswith(f"{path}: is not YAML: " if message is None else f"{path}: {message}")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(RuleError) as caught:
        load_rules(tmp_path / "no.json")
    assert str(caught.value) == f"{tmp_path / 'no.json'}: cannot be read: No such file or directory"


@pytest.mark.parametrize("use", [load_rules, lambda path: save_rules([], path)])
def test_another_kind_of_file(use: Any) -> None:
    with pytest.raises(RuleError) as caught:
        use("rules.toml")
    assert str(caught.value) == "rules.toml: expected a file that ends in .yaml, .yml, .json"


def test_without_pyyaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(RuleError) as caught:
        save_rules(RULES, tmp_path / "rules.yaml")
    assert str(caught.value) == "YAML files need PyYAML: pip install firststep[yaml], or use a .json file"
    save_rules(RULES, tmp_path / "rules.json")


def test_a_predicate_cannot_be_saved(tmp_path: Path) -> None:
    def chosen(name: str, module: nn.Module) -> bool:
        return True

    rules: list[Rule] = [RULES[0], rule(chosen, weight=init.zeros())]
    with pytest.raises(RuleError) as caught:
        save_rules(rules, tmp_path / "rules.json")
    assert str(caught.value) == (
        "rule 2 (chosen): the predicate chosen is a function and cannot be saved. "
        "Select by type, glob or regular expression instead"
    )
    assert not (tmp_path / "rules.json").exists()


@pytest.mark.parametrize("suffix", [".yaml", ".json"])
def test_a_formula_that_looks_like_a_number_stays_text(suffix: str, tmp_path: Path) -> None:
    rules = [rule(nn.Linear, weight=init.scaled(init.normal(), by="1e-5"))]
    save_rules(rules, tmp_path / f"rules{suffix}")
    assert load_rules(tmp_path / f"rules{suffix}") == rules
