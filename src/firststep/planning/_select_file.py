"""Selectors read from plain data; no code is run."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from ..errors import RuleError, did_you_mean
from ._select import FLAGS, AllOf, AnyOf, Glob, Not, OfType, OfTypeName, Regex, Selector, flag_bits
from ._select_place import chain, role


def selector_from_dict(data: object) -> Selector:
    """The selector that :meth:`Selector.to_dict` wrote. Types are looked up by name; no code is run.

    Raises:
        RuleError: when a key, a torch.nn type or a pattern is not known or not valid.

    >>> selector_from_dict({"and": [{"type": "torch.nn.Linear"}, {"not": {"glob": "head*"}}]})
    select(Linear & ~'head*')
    """
    if not isinstance(data, Mapping) or len(data) != 1 + ("flags" in data):
        raise RuleError(f"select: {data!r}: expected one of {_KINDS_LISTED}, such as {{type: torch.nn.Linear}}")
    kind = next(key for key in data if key != "flags")
    if kind not in _READERS:
        raise RuleError(f"select: unknown key {kind!r}: expected one of {_KINDS_LISTED}.{did_you_mean(kind, _READERS)}")
    if "flags" in data and kind != "regex":
        raise RuleError(f"select: 'flags' goes with 'regex', not with {kind!r}")
    return _READERS[kind](data[kind], data.get("flags", ""))


def _read_types(value: Any, _: Any) -> Selector:
    names = value if isinstance(value, list) else [value]
    if not names or not all(isinstance(name, str) and name for name in names):
        raise RuleError(f"select: type: {value!r}: expected a type's name or a list of names")
    found = [_read_type(name) for name in names]
    types = tuple(one for one in found if isinstance(one, type))
    if len(types) == len(found):
        return OfType(types)
    parts = tuple(OfType((one,)) if isinstance(one, type) else one for one in found)
    return parts[0] if len(parts) == 1 else AnyOf(parts)


def _read_type(name: str) -> type | OfTypeName:
    if not name.startswith("torch.nn."):
        return OfTypeName(name)
    known = {key: value for key, value in vars(nn).items() if isinstance(value, type) and issubclass(value, nn.Module)}
    bare = name.removeprefix("torch.nn.")
    if bare in known:
        return known[bare]
    if "." in bare:
        return OfTypeName(name)
    raise RuleError(f"select: torch.nn has no module type {bare!r}.{did_you_mean(bare, known)}")


def _read_glob(value: Any, _: Any) -> Selector:
    if not isinstance(value, str):
        raise RuleError(f"select: glob: {value!r}: expected a string")
    return Glob(value)


def _read_regex(value: Any, flags: Any) -> Selector:
    if not isinstance(value, str) or not isinstance(flags, str) or not set(flags) <= set(FLAGS):
        raise RuleError(f"select: regex: {value!r} with flags {flags!r}: expected a string, and letters out of 'aimsx'")
    try:
        re.compile(value, flag_bits(flags))
    except re.error as error:
        raise RuleError(f"select: regex: {value!r} is not a regular expression: {error}") from None
    return Regex(value, flags)


def _read_roles(*, sure: bool) -> Callable[[Any, Any], Selector]:
    def read(value: Any, _: Any) -> Selector:
        return role(*(value if isinstance(value, list) else [value]), sure=sure)

    return read


def _read_parts(kind: type[AllOf] | type[AnyOf], key: str) -> Callable[[Any, Any], Selector]:
    def read(value: Any, _: Any) -> Selector:
        if not isinstance(value, list) or not value:
            raise RuleError(f"select: {key}: {value!r}: expected a list of selectors")
        return kind(tuple(selector_from_dict(part) for part in value))

    return read


_READERS: dict[str, Callable[[Any, Any], Selector]] = {
    "type": _read_types,
    "glob": _read_glob,
    "regex": _read_regex,
    "chain": lambda value, _: chain(value),
    "role": _read_roles(sure=True),
    "role_if_told": _read_roles(sure=False),
    "and": _read_parts(AllOf, "and"),
    "or": _read_parts(AnyOf, "or"),
    "not": lambda value, _: Not(selector_from_dict(value)),
}
_KINDS_LISTED = ", ".join(_READERS)
