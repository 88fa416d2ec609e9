"""``firststep recipes``: the named tables of rules."""

from __future__ import annotations

import argparse
import json
import textwrap
from typing import Any

from .. import recipes
from ..planning import text_width
from ..recipes import Entry
from ..reporting import text_table

_WORDS = {
    "en": ("recipe", "what it does", "source", "options", "checked against", "differs"),
    "zh": ("配方", "作用", "来源", "选项", "对照模型", "差异"),
}


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("recipes", help="list the recipes, or show one")
    _common(parser)
    parser.set_defaults(run=_list, family=None)
    actions = parser.add_subparsers(metavar="ACTION")
    listing = actions.add_parser("list", help="every recipe in one line, by family")
    listing.add_argument("--family", choices=list(recipes.FAMILIES), help="only this family")
    showing = actions.add_parser("show", help="the rules of one recipe, and their source")
    showing.add_argument("name", metavar="NAME")
    for action, run in ((listing, _list), (showing, _show)):
        _common(action, argparse.SUPPRESS)
        action.set_defaults(run=run)


def _common(parser: argparse.ArgumentParser, suppress: Any = None) -> None:
    language, as_json = ("en", False) if suppress is None else (suppress, suppress)
    parser.add_argument("--lang", choices=list(_WORDS), default=language, help="language (default: en)")
    parser.add_argument("--json", action="store_true", default=as_json, help="print JSON instead of text")


def _list(arguments: argparse.Namespace) -> int:
    found = [one for one in recipes.ENTRIES.values() if arguments.family in (None, one.family)]
    if arguments.json:
        print(json.dumps([_about(one) for one in found], indent=2, ensure_ascii=False))
        return 0
    language = arguments.lang
    for family, titles in recipes.FAMILIES.items():
        rows = [(one.name, getattr(one.summary, language)) for one in found if one.family == family]
        if rows:
            print(f"{titles[('en', 'zh').index(language)]}\n")
            print(text_table(_WORDS[language][:2], rows, width=text_width(None)), end="\n\n")
    return 0


def _show(arguments: argparse.Namespace) -> int:
    entry = recipes.entry(arguments.name)
    rules = entry.shown().rules
    if arguments.json:
        data = {**_about(entry), "rules": [str(rule) for rule in rules]}
        print(json.dumps(data, indent=2, ensure_ascii=False))
        return 0
    language = arguments.lang
    _, _, source, options, checked, differs = _WORDS[language]
    said = {
        entry.name: getattr(entry.summary, language),
        source: entry.source,
        options: entry.option_words(),
        checked: ", ".join(entry.checked),
        differs: getattr(entry.differs, language) if entry.differs else "",
    }
    for word, text in said.items():
        if text:
            print(_filled(f"{word}: {text}", "  "))
    print("\nThe first rule that names a parameter wins it:" if language == "en" else "\n每个参数归首条提到它的规则：")
    for i, rule in enumerate(rules, start=1):
        print(_filled(f"{i:3}. {rule}", " " * 7))
    return 0


def _filled(text: str, indent: str) -> str:
    return textwrap.fill(text, text_width(None), subsequent_indent=indent, break_on_hyphens=False)


def _about(entry: Entry) -> dict[str, Any]:
    """The declaration as plain data."""
    return {
        "name": entry.name,
        "family": entry.family,
        "summary": entry.summary.en,
        "summary_zh": entry.summary.zh,
        "source": entry.source,
        "options": entry.option_words(),
        "checked": list(entry.checked),
        "differs": entry.differs.en if entry.differs else None,
    }
