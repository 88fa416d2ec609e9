"""``firststep losses``: the catalogue in a terminal."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .. import losses
from ..errors import FirststepError
from ..losses import LossSpec
from ..reporting import loss_picture, replacing, standalone


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("losses", help="list the losses, show, plot or search them")
    _common(parser)
    parser.set_defaults(run=_list, family=None)
    actions = parser.add_subparsers(metavar="ACTION")
    listing = _action(actions, "list", "every loss in one line, by family", _list)
    listing.add_argument("--family", choices=list(losses.FAMILIES), help="only this family")
    showing = _action(actions, "show", "purpose, formula, code, traps and value at initialization of one loss", _show)
    showing.add_argument("name", metavar="NAME", help="any name or alias, such as focal")
    plotting = _action(actions, "plot", "draw value and gradient of one loss into a file", _plot)
    plotting.add_argument("name", metavar="NAME", help="any name or alias, such as focal")
    plotting.add_argument("--out", metavar="FILE", type=Path, help="an .svg file (default: NAME.svg)")
    searching = _action(actions, "search", "the losses in whose description all the words stand", _search)
    searching.add_argument("words", metavar="WORD", nargs="+")


def _action(actions: Any, name: str, help: str, run: Any) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=help)
    _common(parser, argparse.SUPPRESS)
    parser.set_defaults(run=run)
    return parser


def _common(parser: argparse.ArgumentParser, suppress: Any = None) -> None:
    language, as_json = ("en", False) if suppress is None else (suppress, suppress)
    parser.add_argument("--lang", choices=losses.LANGUAGES, default=language, help="language (default: en)")
    parser.add_argument("--json", action="store_true", default=as_json, help="print JSON instead of text")


def _list(arguments: argparse.Namespace) -> int:
    found = losses.catalog.family(arguments.family) if arguments.family else list(losses.catalog.values())
    return _print(found, arguments)


def _search(arguments: argparse.Namespace) -> int:
    found = losses.catalog.search(" ".join(arguments.words))
    if not found and not arguments.json:
        print(f"no loss has all of these words: {' '.join(arguments.words)}. Try fewer, or: firststep losses")
        return 1
    return _print(found, arguments)


def _print(found: Iterable[LossSpec], arguments: argparse.Namespace) -> int:
    if arguments.json:
        print(json.dumps([_summary(spec, arguments.lang) for spec in found], indent=2, ensure_ascii=False))
    else:
        print(losses.listing(found, arguments.lang))
    return 0


def _summary(spec: LossSpec, language: losses.Language) -> dict[str, Any]:
    return {
        "name": spec.name,
        "module": spec.module or spec.path,
        "family": spec.family,
        "title": losses.say(spec.title, language),
        "purpose": losses.say(spec.purpose, language),
        "formula": spec.formula,
        "ours": spec.ours,
    }


def _show(arguments: argparse.Namespace) -> int:
    spec = losses.catalog[arguments.name]
    if arguments.json:
        page = losses.page(spec, arguments.lang)
        print(json.dumps({**_summary(spec, arguments.lang), "markdown": page}, indent=2, ensure_ascii=False))
    else:
        print(losses.text(spec, arguments.lang))
    return 0


def _plot(arguments: argparse.Namespace) -> int:
    spec = losses.catalog[arguments.name]
    file = arguments.out or Path(f"{spec.name}.svg")
    if arguments.json:
        lines = [line._asdict() for line in losses.curves(spec)]
        print(json.dumps({"name": spec.name, "curves": lines}, ensure_ascii=False))
        return 0
    if find_spec("matplotlib") is None:
        raise FirststepError("firststep losses plot needs matplotlib: pip install matplotlib")
    if file.suffix != ".svg" or not file.parent.is_dir():
        raise FirststepError(f"--out {file}: expected a file that ends with .svg, in a folder that exists")
    with replacing(file) as scratch:
        scratch.write_text(standalone(loss_picture(spec, arguments.lang)), encoding="utf-8")
    print(f"{losses.say(spec.title, arguments.lang)}: value and gradient are drawn in {file}")
    return 0
