"""Selectors: which modules a rule speaks of."""

from __future__ import annotations

import functools
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, NamedTuple, TypeAlias, Union

from torch import nn

from ..errors import RuleError
from ..graph import Flow

Predicate: TypeAlias = Callable[[str, nn.Module], Any]
Spec: TypeAlias = Union[type, tuple[type, ...], str, "re.Pattern[str]", Predicate, "Selector"]

FLAGS = {"a": re.ASCII, "i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE}


class Candidate(NamedTuple):
    """A module as selectors see it: its canonical name, itself, and (found only when asked for) its flow and roles."""

    name: str
    module: nn.Module
    flow: Callable[[nn.Module], Flow | None]
    roles: Callable[[str], frozenset[str] | None]


class Selector(ABC):
    """A printable, comparable test of one module. Combine with ``&``, ``|`` and ``~``."""

    @abstractmethod
    def matches(self, candidate: Candidate) -> bool:
        """Whether the rule speaks of this module."""

    def asks_roles(self) -> bool:
        """Whether the answer depends on the roles of layers."""
        return False

    def could_match(self, candidate: Candidate) -> bool:
        """Whether the rule would speak of this module, had it the right role."""
        return self.matches(candidate)

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """The selector as plain data; :func:`._select_file.selector_from_dict` reads it back."""

    def __and__(self, other: Spec) -> Selector:
        return AllOf((*_flat(self, AllOf), *_flat(select(other), AllOf)))

    def __or__(self, other: Spec) -> Selector:
        return AnyOf((*_flat(self, AnyOf), *_flat(select(other), AnyOf)))

    def __rand__(self, other: Spec) -> Selector:
        return select(other) & self

    def __ror__(self, other: Spec) -> Selector:
        return select(other) | self

    def __invert__(self) -> Selector:
        return self.part if isinstance(self, Not) else Not(self)

    def __repr__(self) -> str:
        return f"select({self})"


def select(spec: Spec) -> Selector:
    """The selector that ``spec`` describes.

    Args:
        spec: a module type or a tuple of them (subclasses included); a glob on the module's qualified name, where
            ``*`` also crosses dots; a compiled regular expression, which must match the *whole* name, as a glob must;
            a predicate ``(name, module) -> bool``; or a selector. The root module's name is the empty string.

    Returns:
        A selector; combine selectors with ``&``, ``|`` and ``~``.

    Raises:
        RuleError: when ``spec`` is none of these.

    >>> select(nn.Linear) & ~select("head*")
    select(Linear & ~'head*')
    """
    if isinstance(spec, Selector):
        return spec
    if isinstance(spec, str):
        return Glob(spec)
    if isinstance(spec, re.Pattern):
        return Regex(spec.pattern, _flag_letters(spec.flags))
    if isinstance(spec, type):
        return OfType((spec,))
    if isinstance(spec, tuple) and spec and all(isinstance(one, type) for one in spec):
        return OfType(spec)
    if isinstance(spec, nn.Module):
        kind = type(spec).__name__
        raise RuleError(
            f"select was given a module, a {kind}; expected its type, {kind}, or its name, such as 'encoder.0'"
        )
    if callable(spec):
        return Where(spec)
    raise RuleError(
        f"select({spec!r}): expected a module type, a tuple of types, a glob on module names, a compiled regular "
        "expression, or a predicate (name, module) -> bool"
    )


def type_named(name: str) -> Selector:
    """Modules whose type, or a base of it, goes by ``name``: for layers of a library that need not be installed.

    Args:
        name: bare or qualified, or a glob of either: ``"LlamaRMSNorm"``, ``"*Norm"``.

    Raises:
        RuleError: when ``name`` is no string or empty.

    >>> type_named("*Norm") | type_named("*Norm?d")
    select(*Norm | *Norm?d)
    """
    if not isinstance(name, str) or not name:
        raise RuleError(f"type_named({name!r}): expected the name of a module type, such as 'LlamaRMSNorm' or '*Norm'")
    return OfTypeName(name)


@dataclass(frozen=True, repr=False)
class OfType(Selector):
    """Modules of one of these types, or of a subclass."""

    types: tuple[type, ...]

    def matches(self, candidate: Candidate) -> bool:
        """Whether the module is an instance."""
        return isinstance(candidate.module, self.types)

    def to_dict(self) -> dict[str, Any]:
        """``{"type": name}``, or a list of names."""
        names = [_type_name(one) for one in self.types]
        return {"type": names[0] if len(names) == 1 else names}

    def __str__(self) -> str:
        return " | ".join(one.__name__ for one in self.types)


@dataclass(frozen=True, repr=False)
class OfTypeName(Selector):
    """Modules whose type, or a base of it, has this name, bare (``MyLayer``) or qualified (``package.MyLayer``)."""

    name: str

    def matches(self, candidate: Candidate) -> bool:
        """Whether the name, or glob, fits a class in the module's method resolution order."""
        return _goes_by(type(candidate.module), self.name)

    def to_dict(self) -> dict[str, Any]:
        """``{"type": name}``."""
        return {"type": self.name}

    def __str__(self) -> str:
        return self.name.rpartition(".")[2]


@dataclass(frozen=True, repr=False)
class Glob(Selector):
    """Modules whose qualified name matches a glob, case and all."""

    pattern: str

    def matches(self, candidate: Candidate) -> bool:
        """Whether the whole name matches."""
        return fnmatchcase(candidate.name, self.pattern)

    def to_dict(self) -> dict[str, Any]:
        """``{"glob": pattern}``."""
        return {"glob": self.pattern}

    def __str__(self) -> str:
        return repr(self.pattern)


@dataclass(frozen=True, repr=False)
class Regex(Selector):
    """Modules whose whole qualified name matches a regular expression; ``flags`` are letters out of ``aimsx``."""

    pattern: str
    flags: str = ""

    def matches(self, candidate: Candidate) -> bool:
        """Whether the whole name matches."""
        return re.fullmatch(self.pattern, candidate.name, flag_bits(self.flags)) is not None

    def to_dict(self) -> dict[str, Any]:
        """``{"regex": pattern}``, with ``flags`` when there are any."""
        return {"regex": self.pattern, **({"flags": self.flags} if self.flags else {})}

    def __str__(self) -> str:
        return f"/{self.pattern}/{self.flags}"


@dataclass(frozen=True, repr=False)
class Where(Selector):
    """Modules for which a predicate ``(name, module) -> bool`` holds."""

    predicate: Predicate

    def matches(self, candidate: Candidate) -> bool:
        """Whether the predicate holds."""
        try:
            return bool(self.predicate(candidate.name, candidate.module))
        except Exception as error:
            raise RuleError(
                f"the predicate {self} raised {type(error).__name__}: {error} on module {candidate.name!r} "
                f"({type(candidate.module).__name__})"
            ) from error

    def to_dict(self) -> dict[str, Any]:
        """Impossible: a function is not data."""
        raise RuleError(
            f"the predicate {self} is a function and cannot be saved. "
            "Select by type, glob or regular expression instead"
        )

    def __str__(self) -> str:
        return getattr(self.predicate, "__name__", type(self.predicate).__name__)


@dataclass(frozen=True, repr=False)
class AllOf(Selector):
    """Modules that every part matches."""

    parts: tuple[Selector, ...]

    def matches(self, candidate: Candidate) -> bool:
        """Whether all parts match."""
        return all(part.matches(candidate) for part in self.parts)

    def asks_roles(self) -> bool:
        """Whether one part does."""
        return any(part.asks_roles() for part in self.parts)

    def could_match(self, candidate: Candidate) -> bool:
        """Whether all parts could match."""
        return all(part.could_match(candidate) for part in self.parts)

    def to_dict(self) -> dict[str, Any]:
        """``{"and": [...]}``."""
        return {"and": [part.to_dict() for part in self.parts]}

    def __str__(self) -> str:
        return " & ".join(_bracketed(part) for part in self.parts)


@dataclass(frozen=True, repr=False)
class AnyOf(Selector):
    """Modules that at least one part matches."""

    parts: tuple[Selector, ...]

    def matches(self, candidate: Candidate) -> bool:
        """Whether one part matches."""
        return any(part.matches(candidate) for part in self.parts)

    def asks_roles(self) -> bool:
        """Whether one part does."""
        return any(part.asks_roles() for part in self.parts)

    def could_match(self, candidate: Candidate) -> bool:
        """Whether one part could match."""
        return any(part.could_match(candidate) for part in self.parts)

    def to_dict(self) -> dict[str, Any]:
        """``{"or": [...]}``."""
        return {"or": [part.to_dict() for part in self.parts]}

    def __str__(self) -> str:
        return " | ".join(str(part) for part in self.parts)


@dataclass(frozen=True, repr=False)
class Not(Selector):
    """Modules that ``part`` does not match."""

    part: Selector

    def matches(self, candidate: Candidate) -> bool:
        """Whether the part does not match."""
        return not self.part.matches(candidate)

    def asks_roles(self) -> bool:
        """Whether the part does."""
        return self.part.asks_roles()

    def could_match(self, candidate: Candidate) -> bool:
        """Whether the part asks for a role, or does not match."""
        return self.asks_roles() or self.matches(candidate)

    def to_dict(self) -> dict[str, Any]:
        """``{"not": ...}``."""
        return {"not": self.part.to_dict()}

    def __str__(self) -> str:
        inner = str(self.part)
        return f"~({inner})" if isinstance(self.part, AllOf) or " | " in inner else f"~{inner}"


@functools.lru_cache(maxsize=1024)
def _goes_by(kind: type, pattern: str) -> bool:
    """Whether ``pattern`` fits the bare or the qualified name of a type or of one of its bases."""
    return any(
        fnmatchcase(name, pattern)
        for base in kind.__mro__
        for name in (base.__name__, f"{base.__module__}.{base.__qualname__}")
    )


def _type_name(one: type) -> str:
    """The public name of a torch.nn type, the qualified name of any other."""
    public = getattr(nn, one.__name__, None) is one
    return f"torch.nn.{one.__name__}" if public else f"{one.__module__}.{one.__qualname__}"


def _flat(selector: Selector, kind: type[AllOf] | type[AnyOf]) -> tuple[Selector, ...]:
    return selector.parts if isinstance(selector, kind) else (selector,)


def _bracketed(part: Selector) -> str:
    text = str(part)
    return f"({text})" if " | " in text else text


def _flag_letters(bits: int) -> str:
    return "".join(letter for letter, bit in FLAGS.items() if bits & bit)


def flag_bits(letters: str) -> int:
    return sum(FLAGS[letter] for letter in set(letters))
