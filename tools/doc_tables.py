"""The docs' tables, made from the declarations they describe."""

from __future__ import annotations

import inspect
import json
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from doc_messages import messages_section

from firststep import init, recipes
from firststep.errors import SchemeError
from firststep.init import Scheme
from firststep.planning import Rule

DEPTH = Path(__file__).resolve().parent.parent / "benchmarks" / "results" / "default_depth.json"

SHAPE = (256, 128)
"""The weight whose moments the table of schemes shows."""


def schemes_table(language: str) -> str:
    """Every scheme of ``init.SCHEMES``: its call, its formula, its moments on ``SHAPE``, its source."""
    head = {
        "en": ("scheme", "what it draws", "mean", "std", "source"),
        "zh": ("方案", "取值（英文）", "均值", "标准差", "出处"),
    }[language]
    names: dict[Callable[..., Scheme], list[str]] = {}
    for name, factory in init.SCHEMES.items():
        names.setdefault(factory, []).append(name)
    return _table(head, [_scheme_row(factory, same) for factory, same in names.items()])


def _scheme_row(factory: Callable[..., Scheme], names: Sequence[str]) -> tuple[str, ...]:
    """One factory, which has more than one name when it has aliases."""
    doc = inspect.getdoc(factory) or ""
    call = f"`{names[0]}{_options(factory)}`"
    return (
        "<br>".join([call, *(f"`{alias}`" for alias in names[1:])]),
        _formula(doc),
        *_moments(factory),
        _source(doc),
    )


def _options(factory: Callable[..., Scheme]) -> str:
    """The call's options and defaults, without annotations."""
    parameters = inspect.signature(factory).parameters.values()
    return f"({', '.join(p.name if p.default is p.empty else f'{p.name}={p.default!r}' for p in parameters)})"


def _formula(doc: str) -> str:
    """The docstring's first line, and the formula set in under it, where there is one."""
    first, _, rest = doc.partition("\n")
    block = re.match(r"\n((?:    .*\n|\n)+)", f"{rest}\n")
    lines = [re.sub(r" {2,}", "  ", line.strip()) for line in block[1].splitlines()] if block else []
    return "<br>".join([_markdown(first), *(f"`{line.replace('`', '')}`" for line in lines if line)])


def _moments(factory: Callable[..., Scheme]) -> tuple[str, str]:
    required = [p for p in inspect.signature(factory).parameters.values() if p.default is p.empty]
    if required:
        return "", ""
    try:
        moments = factory().expected(SHAPE)
    except SchemeError:
        return "-", "-"
    return f"{moments.mean:.4g}", f"{moments.std:.4g}" if math.isfinite(moments.variance) else "-"


def _source(doc: str) -> str:
    found = re.search(r"^Source: (.*?)(?:\n\n|\Z)", doc, re.DOTALL | re.MULTILINE)
    return _markdown(" ".join(found[1].split())) if found else ""


def recipe_table(name: str) -> Callable[[str], str]:
    """The table of one recipe's rules."""

    def table(language: str) -> str:
        head = {"en": ("", "modules", "parameters"), "zh": ("", "模块", "参数")}[language]
        rules = recipes.get(name).rules
        return _table(head, [_rule_row(number, rule) for number, rule in enumerate(rules, start=1)])

    return table


def _rule_row(number: int, rule: Rule) -> tuple[str, ...]:
    schemes = "<br>".join(f"`{key}`: `{choice!r}`" for key, choice in rule.schemes)
    selector = "" if str(rule.selector) == rule.label else f"<br>`{rule.selector}`"
    return (str(number), f"{rule.label}{selector}", schemes)


def _markdown(text: str) -> str:
    """Docstring markup as Markdown: code in single backticks, references by their name."""
    return re.sub(r":\w+:`~?([^`]*)`", r"`\1`", text).replace("``", "`")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |\n" for line in lines)


def depth_table(language: str) -> str:
    """What ``benchmarks/default_depth.py`` measured in 30 layers: least and greatest std of any layer's output."""
    head = {
        "en": ("30 layers of", "default", "kaiming_normal", "torch"),
        "zh": ("30 层", "default", "kaiming_normal", "torch"),
    }[language]
    rows: dict[str, dict[str, str]] = {}
    for row in json.loads(DEPTH.read_text(encoding="utf-8"))["rows"]:
        if row["depth"] == 30:
            net = f"{row['kind']} {row['width']}, {row['activation']}"
            rows.setdefault(net, {})[row["start"]] = f"{row['low']:.2g} – {row['high']:.2g}"
    return _table(head, [(net, *(by[start] for start in ("default", "kaiming", "torch"))) for net, by in rows.items()])


TABLES: dict[str, Callable[[str], str]] = {
    "schemes": schemes_table,
    "default": recipe_table("default"),
    "depth": depth_table,
    "messages": messages_section,
}
"""Each generated part by the name it has in the pages; called with the language."""
