"""``firststep recipes``: the named tables of rules."""

from __future__ import annotations

import argparse
import json

from .. import recipes
from ..reporting import text_table


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("recipes", help="list the recipes, or show one")
    parser.set_defaults(run=_list, json=False)
    actions = parser.add_subparsers(metavar="ACTION")
    listing = actions.add_parser("list", help="every recipe in one line")
    listing.add_argument("--json", action="store_true", help="print JSON instead of a table")
    listing.set_defaults(run=_list)
    showing = actions.add_parser("show", help="the rules of one recipe, and their source")
    showing.add_argument("name", metavar="NAME")
    showing.add_argument("--json", action="store_true", help="print JSON instead of text")
    showing.set_defaults(run=_show)


def _list(arguments: argparse.Namespace) -> int:
    found = [recipes.get(name) for name in recipes.names()]
    if arguments.json:
        print(json.dumps([{"name": one.name, "summary": one.summary, "source": one.source} for one in found], indent=2))
    else:
        print(text_table(("recipe", "what it does"), [(one.name, one.summary) for one in found]))
    return 0


def _show(arguments: argparse.Namespace) -> int:
    recipe = recipes.get(arguments.name)
    if arguments.json:
        data = {"name": recipe.name, "summary": recipe.summary, "source": recipe.source}
        print(json.dumps({**data, "rules": [str(rule) for rule in recipe.rules]}, indent=2))
        return 0
    print(f"{recipe.name}: {recipe.summary}\nsource: {recipe.source}\n")
    print("The first rule that names a parameter wins it:")
    for i, rule in enumerate(recipe.rules, start=1):
        print(f"{i:3}. {rule}")
    return 0
