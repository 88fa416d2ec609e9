"""Options that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import FirststepError


def add_model(parser: argparse.ArgumentParser) -> None:
    """``pkg.module:build``, and the rules for it."""
    parser.add_argument(
        "model", metavar="MODULE:FUNCTION", help="a function that takes nothing and returns the model, as net:build"
    )
    rules = parser.add_mutually_exclusive_group()
    rules.add_argument("--recipe", metavar="NAME", default="default", help="a named recipe (default: %(default)s)")
    rules.add_argument("--rules", metavar="FILE", help="a file of rules, .yaml or .json")


def add_output(parser: argparse.ArgumentParser) -> None:
    """``--json`` or ``--quiet``."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")


def in_folder(option: str, path: Path) -> Path:
    """The path, when its folder is there to be written to; asked before the work, not after it."""
    if not path.parent.is_dir():
        raise FirststepError(
            f"{option} {path}: there is no folder {path.parent}. Make it first: mkdir -p {path.parent}"
        )
    return path


def page_at(path: str) -> Path:
    """The page that ``--html`` names, when it can be written."""
    page = Path(path)
    if page.suffix not in (".html", ".htm"):
        raise FirststepError(f"--html {page}: expected a name that ends in .html")
    return in_folder("--html", page)


def count(text: str) -> int:
    """An argument that must be a whole number from 1 up."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number, at least 1, given {text!r}")
    return int(text)


def seed(text: str) -> int:
    """An argument that torch takes for a seed, with room to count up from it."""
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value < 2**63:
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 to 2**63 - 1, given {text!r}")
    return value


def add_seed(parser: argparse.ArgumentParser, meaning: str) -> None:
    """``--seed``."""
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help=f"{meaning} (default: %(default)s)")
