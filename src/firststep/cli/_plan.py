"""``firststep plan``: what would be done to a model."""

from __future__ import annotations

import argparse
import json

from .. import _api
from ._model import build_model
from ._options import add_model, count


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("plan", help="show what rules would do to your model; nothing is touched")
    add_model(parser)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--width", type=count, metavar="N", help="columns of the table (default: the terminal's)")
    parser.add_argument("--meta", action="store_true", help="build the model on the meta device, without memory")
    parser.add_argument("--no-strict", action="store_true", help="let rules match nothing and parameters go uncovered")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the plan."""
    model = build_model(arguments.model, meta=arguments.meta)
    plan = _api.plan(model, arguments.rules or arguments.recipe, strict=not arguments.no_strict)
    print(json.dumps(plan.to_dict(), indent=2) if arguments.json else plan.table(arguments.width))
    return 0
