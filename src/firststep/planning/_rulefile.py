"""Rules in YAML and JSON files. Reading runs no code: types are looked up by name, schemes in a table."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .. import init
from ..errors import FirststepError, RuleError, did_you_mean
from ._rules import Choice, Keep, Recipe, Rule, keep, numbered, rule
from ._select_file import selector_from_dict

FORMAT = 1
"""Version of the files' form; written under ``firststep`` at the top."""

_TOP, _FIELDS = ("firststep", "rules"), ("select", "schemes", "name", "frozen")
_SUFFIXES = (".yaml", ".yml", ".json")
_EXPONENT = "tag:yaml.org,2002:float", re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
"""Numbers that YAML 1.2 has and PyYAML takes for text."""


def save_rules(rules: Recipe | Rule | Iterable[Rule | Recipe], path: str | Path) -> None:
    """Write rules to a ``.yaml`` or ``.json`` file that :func:`load_rules` reads back.

    A type is written by its name: torch's as ``torch.nn.Linear``, any other qualified by its module. When read back,
    such a name matches the types of the model's modules and their bases.

    Raises:
        RuleError: for a predicate, which cannot be saved, and for another kind of file.

    >>> import tempfile
    >>> from torch import nn
    >>> path = Path(tempfile.mkdtemp()) / "rules.json"
    >>> save_rules([rule(nn.Linear, weight=init.normal(std=0.1), bias=keep)], path)
    >>> load_rules(path)
    [rule(Linear, weight=normal(std=0.1), bias=keep)]
    """
    path = _known(path)
    data = {"firststep": FORMAT, "rules": []}
    for one in numbered(rules):
        try:
            data["rules"].append(_rule_dict(one.rule))
        except RuleError as error:
            raise RuleError(f"{one}: {error}") from None
    path.write_text(_dump(data, path), encoding="utf-8")


def load_rules(path: str | Path) -> list[Rule]:
    """Read rules from a ``.yaml`` or ``.json`` file.

    The file is a mapping with ``firststep: 1`` and ``rules``, a list. A rule has ``select`` (one of ``type``, ``glob``,
    ``regex``, ``chain``, ``and``, ``or``, ``not``), ``schemes`` by parameter name (``keep``, a scheme's name, or a
    mapping of ``scheme`` and its options), and, if wanted, ``name`` and ``frozen``.

    Raises:
        RuleError: naming the file and the rule, for anything that is not known or not valid.
    """
    path = _known(path)
    try:
        data = _parse(path.read_text(encoding="utf-8"), path)
    except OSError as error:
        raise RuleError(f"{path}: cannot be read: {error.strerror}") from error
    except RuleError as error:
        raise RuleError(f"{path}: {error}") from None
    if not isinstance(data, Mapping) or data.get("firststep") != FORMAT or not isinstance(data.get("rules"), list):
        raise RuleError(f"{path}: expected a mapping with 'firststep: {FORMAT}' and 'rules', a list")
    try:
        _only(data, _TOP)
    except RuleError as error:
        raise RuleError(f"{path}: {error}") from None
    return [_read(one, f"{path}, rule {i}") for i, one in enumerate(data["rules"], start=1)]


def _rule_dict(one: Rule) -> dict[str, Any]:
    data: dict[str, Any] = {} if one.name is None else {"name": one.name}
    data["select"] = one.selector.to_dict()
    if one.frozen:
        data["frozen"] = True
    data["schemes"] = {key: _choice_dict(choice) for key, choice in one.schemes}
    return data


def _choice_dict(choice: Choice) -> str | dict[str, Any]:
    """``keep``, the name of a scheme without options, or a mapping."""
    if isinstance(choice, Keep):
        return "keep"
    data = choice.to_dict()
    return data["scheme"] if len(data) == 1 else data


def _read(data: object, where: str) -> Rule:
    try:
        if not isinstance(data, Mapping):
            raise RuleError(f"expected a mapping with 'select' and 'schemes', given {data!r}")
        _only(data, _FIELDS)
        if "select" not in data or not isinstance(data.get("schemes"), Mapping):
            raise RuleError("expected 'select', and 'schemes' as a mapping from parameter names")
        schemes = {str(key): _read_choice(str(key), value) for key, value in data["schemes"].items()}
        selector = selector_from_dict(data["select"])
        return rule(selector, name=data.get("name"), frozen=data.get("frozen", False), **schemes)
    except FirststepError as error:
        raise RuleError(f"{where}: {error}") from None


def _read_choice(key: str, value: object) -> Choice:
    if value == "keep":
        return keep
    if isinstance(value, str):
        value = {"scheme": value}
    if not isinstance(value, Mapping):
        raise RuleError(
            f"{key}: {value!r}: expected 'keep', a scheme's name, or a mapping such as {{scheme: constant, value: 0.3}}"
        )
    return init.from_dict(dict(value))


def _only(data: Mapping[Any, Any], known: tuple[str, ...]) -> None:
    for key in data:
        if key not in known:
            raise RuleError(f"unknown key {key!r}: expected {', '.join(known)}.{did_you_mean(str(key), known)}")


def _known(path: str | Path) -> Path:
    path = Path(path)
    if path.suffix not in _SUFFIXES:
        raise RuleError(f"{path}: expected a file that ends in {', '.join(_SUFFIXES)}")
    return path


def _parse(text: str, path: Path) -> Any:
    if path.suffix == ".json":
        try:
            return json.loads(text, object_pairs_hook=_unique)
        except json.JSONDecodeError as error:
            raise RuleError(f"is not JSON: {error}") from None
    yaml = _yaml()

    class Loader(yaml.SafeLoader):
        """Plain data only, as safe_load, but ``1e-3`` is a number (YAML 1.2) and a key may not stand twice."""

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            return _unique(
                [(self.construct_object(k, deep=True), self.construct_object(v, deep=True)) for k, v in node.value]
            )

    Loader.add_implicit_resolver(*_EXPONENT)
    try:
        return yaml.load(text, Loader)
    except yaml.YAMLError as error:
        raise RuleError(f"is not YAML: {error}") from None


def _unique(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    seen: dict[Any, Any] = {}
    for key, value in pairs:
        if key in seen:
            raise RuleError(f"the key {key!r} stands twice in one mapping")
        seen[key] = value
    return seen


def _dump(data: dict[str, Any], path: Path) -> str:
    if path.suffix == ".json":
        return json.dumps(data, indent=2) + "\n"
    yaml = _yaml()

    class Dumper(yaml.SafeDumper):
        """As safe_dump, with quotes around the text ``1e-3``, which would be read as a number."""

    Dumper.add_implicit_resolver(*_EXPONENT)
    return yaml.dump(data, Dumper=Dumper, sort_keys=False, allow_unicode=True)


def _yaml() -> Any:
    try:
        import yaml
    except ImportError:
        raise RuleError("YAML files need PyYAML: pip install firststep[yaml], or use a .json file") from None
    return yaml
