"""``firststep doctor``: what serves the fills on this machine."""

from __future__ import annotations

import argparse
import json

from .. import rng


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("doctor", help="show whether the fast kernels serve here, and if not, why")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print what serves; 1 when the native kernel is missing or wrong and nobody asked for that."""
    found = rng.show_config()
    print(json.dumps(found.to_dict(), indent=2) if arguments.json else found)
    return 0 if found.ok else 1
