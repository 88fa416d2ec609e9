"""Small formulas in the numbers of a model: ``"1/sqrt(2*L)"``. Reading one runs no code but the arithmetic it names."""

from __future__ import annotations

import ast
import functools
import math
import operator
from collections.abc import Callable, Iterable, Mapping

from ..errors import SchemeError
from ._site import Part, Site

_OPERATIONS: Mapping[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_FUNCTIONS: Mapping[str, Callable[[float], float]] = {"sqrt": math.sqrt, "log": math.log, "exp": math.exp}


OF_FANS = frozenset({"fan_in", "fan_out"})
"""The names that a layer tells by itself; all others are numbers of the model around it."""


@functools.lru_cache(maxsize=256)
def symbols_in(formula: str) -> frozenset[str]:
    """The names that a formula asks for.

    Raises:
        SchemeError: when the text is no formula.

    >>> sorted(symbols_in("sqrt(d) / (2*L)"))
    ['L', 'd']
    """
    names = {node.id for node in ast.walk(_parsed(formula)) if isinstance(node, ast.Name)}
    return frozenset(names - _FUNCTIONS.keys())


def value_of(formula: str, symbols: Mapping[str, float]) -> float:
    """The number that a formula is, given those it asks for.

    Raises:
        SchemeError: when the result is no finite number.

    >>> value_of("1/sqrt(2*L)", {"L": 8})
    0.25
    """
    try:
        found = _evaluate(_parsed(formula), symbols)
    except (ArithmeticError, ValueError) as error:
        raise SchemeError(f"the formula {formula!r} has no value at {dict(symbols)}: {error}") from None
    if isinstance(found, complex) or not math.isfinite(found):
        raise SchemeError(f"the formula {formula!r} has no value at {dict(symbols)}: it is {found}")
    return float(found)


def value_at(formula: str, part: Part, site: Site, scheme: str) -> float:
    """The number that a formula is on a part of ``site``, in its fans and the numbers of the model.

    Raises:
        SchemeError: when a number is not told, or the result is no finite number.
    """
    fans = {} if part.fans is None else {"fan_in": part.fans.fan_in, "fan_out": part.fans.fan_out}
    known = {**dict(site.symbols), **fans}
    need_symbols(formula, known, scheme, site)
    return value_of(formula, known)


def need_symbols(formula: str, known: Iterable[str], scheme: str, site: object) -> None:
    """Raise SchemeError when a formula asks for more than is known, saying what it is that ``site`` does not tell."""
    missing = sorted(symbols_in(formula) - set(known))
    if missing:
        raise SchemeError(
            f"{scheme} asks for {', '.join(missing)}, which cannot be told of {site}. It is told of a layer in a "
            f"stack of blocks; write the number into the formula instead of {missing[0]}"
        )


@functools.lru_cache(maxsize=256)
def _parsed(formula: str) -> ast.expr:
    try:
        tree = ast.parse(formula, mode="eval").body
    except (SyntaxError, ValueError, TypeError):
        raise SchemeError(_unreadable(formula)) from None
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            known = isinstance(node.func, ast.Name) and node.func.id in _FUNCTIONS
            fits = known and len(node.args) == 1 and not node.keywords
        elif isinstance(node, ast.Constant):
            fits = isinstance(node.value, (int, float)) and not isinstance(node.value, bool)
        else:
            fits = isinstance(node, (ast.BinOp, ast.UnaryOp, ast.USub, ast.Name, ast.Load, *_OPERATIONS))
        if not fits:
            raise SchemeError(_unreadable(formula))
    return tree


def _unreadable(formula: object) -> str:
    return (
        f"{formula!r} is no formula: expected numbers, names, + - * / % **, and {', '.join(_FUNCTIONS)}, "
        "such as '1/sqrt(2*L)'"
    )


def _evaluate(node: ast.expr, symbols: Mapping[str, float]) -> float:
    if isinstance(node, ast.Constant):
        return float(node.value)  # pyright: ignore[reportArgumentType]  _parsed lets numbers pass only
    if isinstance(node, ast.Name):
        return symbols[node.id]
    if isinstance(node, ast.UnaryOp):
        return -_evaluate(node.operand, symbols)
    if isinstance(node, ast.Call):
        return _FUNCTIONS[node.func.id](_evaluate(node.args[0], symbols))  # pyright: ignore[reportAttributeAccessIssue]
    assert isinstance(node, ast.BinOp)
    return _OPERATIONS[type(node.op)](_evaluate(node.left, symbols), _evaluate(node.right, symbols))
