"""``firststep tour``: the demonstration on real digits."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from pathlib import Path

from ..errors import FirststepError
from ._options import add_output, add_seed, count, in_folder

_NEEDS = {"sklearn": "scikit-learn", "matplotlib": "matplotlib", "jinja2": "jinja2"}


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("tour", help="see on real digits what a start does: tables, and a page with figures")
    parser.add_argument("--out", default="tour.html", metavar="FILE", help="the page (default: %(default)s)")
    add_seed(parser, "the first seed")
    parser.add_argument("--seeds", type=count, default=5, metavar="N", help="seeds per start (default: %(default)s)")
    parser.add_argument("--epochs", type=count, default=8, metavar="N", help="default: %(default)s")
    add_output(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the tour and write its page."""
    missing = [package for module, package in _NEEDS.items() if find_spec(module) is None]
    if missing:
        raise FirststepError(f"firststep tour needs {', '.join(missing)}: pip install 'firststep[tour]'")
    out = in_folder("--out", Path(arguments.out))
    # Here, not above: the other commands do without scikit-learn, matplotlib and jinja2.
    from .. import tour

    settings = tour.Settings(seed=arguments.seed, seeds=arguments.seeds, epochs=arguments.epochs)
    form = "json" if arguments.json else "quiet" if arguments.quiet else "text"
    return tour.show(settings, out, form=form)
