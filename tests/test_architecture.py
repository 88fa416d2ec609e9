"""The order that ARCHITECTURE.md draws: imports point one way, and private names stay in their room."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import firststep

SOURCE = Path(firststep.__file__).parent
MODULES = sorted(SOURCE.rglob("*.py"))

_VALUES = {"errors", "rng", "init"}
_PLANS = {*_VALUES, "running", "graph", "anatomy", "planning", "mup"}
_STARTS = {*_PLANS, "recipes", "solving", "calibration", "_api"}
_SHOWN = {*_STARTS, "losses", "reporting"}

BELOW = {
    "errors": set(),
    "rng": {"errors"},
    "init": {"errors", "rng"},
    "running": set(),
    "graph": {"errors", "init", "running"},
    "anatomy": {"errors"},
    "planning": {*_VALUES, "graph", "anatomy", "running"},
    "mup": {*_VALUES, "graph", "anatomy", "planning"},
    "recipes": _PLANS,
    "solving": {*_VALUES, "graph", "planning", "running"},
    "calibration": {*_VALUES, "graph", "anatomy", "planning", "running"},
    "losses": {"errors"},
    "testing": {"errors", "losses", "checking"},
    "_api": {*_PLANS, "recipes", "solving"},
    "reporting": {*_STARTS, "losses"},
    "coordinates": {"errors", "planning", "reporting"},
    "comparing": _SHOWN,
    "checking": {*_VALUES, "losses", "reporting", "running"},
    "tour": {*_SHOWN, "checking", "comparing"},
    "cli": {*_SHOWN, "checking", "comparing", "tour"},
}
"""What each room may import. ``__init__`` and ``__main__`` stand above all of them."""


def room(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[tuple[str, ...]]:
    """The modules of firststep that a file imports, each as its path below the package, with the name taken."""
    package = list(path.relative_to(SOURCE).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1] + (node.module.split(".") if node.module else [])
            yield from ((*base, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "firststep":
            yield from ((*(node.module or "").split(".")[1:], alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")[1:]) for alias in node.names if alias.name.startswith("firststep"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_imports_point_one_way(path: Path) -> None:
    here = room(path)
    if here in ("__init__", "__main__"):
        return
    for target in imported(path):
        there = target[0]
        assert there == here or there in BELOW[here], f"{here} imports {'.'.join(target)}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_private_modules_are_imported_inside_their_room_only(path: Path) -> None:
    for target in imported(path):
        if target[0] != room(path) and room(path) != "__init__":
            assert not any(part.startswith("_") for part in target[1:]), f"{room(path)} imports {'.'.join(target)}"
