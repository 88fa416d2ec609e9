"""Rules: which scheme each parameter of the selected modules gets."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

from torch import Tensor

from .. import init
from ..anatomy import Named
from ..errors import RuleError
from ..init import Scheme
from ._select import Selector, Spec, select


@dataclass(frozen=True)
class Keep:
    """Leave the parameter as it is, on purpose."""

    def __repr__(self) -> str:
        return "keep"


keep = Keep()
"""Given in place of a scheme: the parameter stays as it is, on purpose."""

Choice: TypeAlias = Scheme | Keep


@dataclass(frozen=True)
class Rule:
    """What to do with the parameters of some modules; made by :func:`rule`.

    Args:
        selector: which modules.
        schemes: pairs of a parameter's local name, exact or a glob, and its scheme or ``keep``.
        name: what the rule is called in print; ``None`` says to describe the selector.
        frozen: whether parameters with ``requires_grad=False`` are set as well.
    """

    selector: Selector
    schemes: tuple[tuple[str, Choice], ...]
    name: str | None = None
    frozen: bool = False

    @property
    def label(self) -> str:
        """The rule's name, or the selector in words."""
        return str(self.selector) if self.name is None else self.name

    def key_for(self, local_name: str) -> str | None:
        """The key that speaks of a parameter: its own name before any glob, globs in the order written."""
        for key, _ in self.schemes:
            if key == local_name:
                return key
        for key, _ in self.schemes:
            if fnmatchcase(local_name, key):
                return key
        return None

    def choice(self, key: str) -> Choice:
        """The scheme, or ``keep``, under ``key``."""
        return dict(self.schemes)[key]

    def __str__(self) -> str:
        return f"{self.label}: {', '.join(f'{key}={choice!r}' for key, choice in self.schemes)}"

    def __repr__(self) -> str:
        parts = [str(self.selector)]
        if self.name is not None:
            parts.append(f"name={self.name!r}")
        if self.frozen:
            parts.append("frozen=True")
        return f"rule({', '.join([*parts, *(f'{key}={choice!r}' for key, choice in self.schemes)])})"


@dataclass(frozen=True)
class Recipe:
    """A named table of rules. Unlike a user's own list, some of its rules may match nothing.

    Args:
        name: how it is asked for.
        rules: in order; the first match per parameter wins.
        source: where the rules come from.
        summary: what they do, in one line.
        named: what the user said of the model's parts, for the roles and numbers that the rules ask for.
    """

    name: str
    rules: tuple[Rule, ...]
    source: str
    summary: str
    named: Named = field(default_factory=Named)


def rule(select_: Spec, /, *, name: str | None = None, frozen: bool = False, **schemes: Choice) -> Rule:
    """One rule: these modules' parameters get these schemes.

    Rules are tried in order and the first that names a parameter wins it, as in a chain of if and elif.

    Args:
        select_: which modules: a type, a tuple of types, a glob on qualified names, a compiled regular expression, a
            predicate ``(name, module) -> bool``, or a combination of selectors; see :func:`select`.
        name: what the rule is called in print; by default the selector is described.
        frozen: also set parameters with ``requires_grad=False``, which otherwise stay as they are.
        **schemes: the scheme, or ``keep``, by the parameter's own name. A key may be a glob; ``"*"`` is any parameter.
            The exact name goes before globs.

    Raises:
        RuleError: when a value is not a scheme, or there is none.

    >>> from torch import nn
    >>> rule(nn.Conv2d, weight=init.xavier_normal(), bias=init.constant(0.3))
    rule(Conv2d, weight=xavier_normal(), bias=constant(value=0.3))
    >>> rule("head.*", **{"*": keep})
    rule('head.*', *=keep)
    """
    selector = select(select_)
    if name is not None and (not isinstance(name, str) or not name):
        raise RuleError(f"rule({selector}, name={name!r}): expected a string that is not empty")
    if not isinstance(frozen, bool):
        raise RuleError(f"rule({selector}, frozen={frozen!r}): expected True or False")
    if not schemes:
        raise RuleError(
            f"rule({selector}) has no scheme: expected one by parameter name, such as "
            f'rule({selector}, weight=init.xavier_normal()), or **{{"*": fs.keep}} to leave all as they are'
        )
    for key, value in schemes.items():
        if not isinstance(value, (Scheme, Keep)):
            raise RuleError(f"rule({selector}, {_not_a_scheme(key, value)}")
    return Rule(selector, tuple(schemes.items()), name, frozen)


def _not_a_scheme(key: str, value: Any) -> str:
    """What was given instead of a scheme, and the line to type."""
    if isinstance(value, (bool, int, float)):
        return f"{key}={value!r}): expected a scheme, not a number. Write {key}=init.constant({value!r})"
    if isinstance(value, Tensor):
        return f"{key}=<a tensor>): expected a scheme; copy a tensor yourself after fs.initialize, with {key}=fs.keep"
    if value is None:
        return f"{key}=None): expected a scheme. Write {key}=fs.keep to leave it as it is"
    name = getattr(value, "__name__", value if isinstance(value, str) else "")
    # torch's truncated normal has absolute bounds, and another name here.
    factory = init.SCHEMES.get({"trunc_normal_": "trunc_normal_torch"}.get(name, name.rstrip("_")))
    if factory is None:
        return f"{key}={value!r}): expected a scheme such as init.xavier_normal(), or fs.keep"
    given = repr(value) if isinstance(value, str) else f"<{name}>"
    kind = "a string" if isinstance(value, str) else "a function"
    if name.endswith("_"):
        kind = "an in-place function"
    return f"{key}={given}): expected a scheme, not {kind}. Write {key}=init.{_call(factory)}"


def _call(factory: Callable[..., Scheme]) -> str:
    """How the factory is called: its required options spelled with dots, ``constant(value=...)``."""
    required = [p.name for p in inspect.signature(factory).parameters.values() if p.default is p.empty]
    return f"{factory.__name__}({', '.join(f'{name}=...' for name in required)})"


@dataclass(frozen=True)
class Numbered:
    """A rule and where it stands: its number in the user's list, or in a recipe that may have rules to spare."""

    rule: Rule
    number: int
    recipe: str | None = None

    @property
    def tag(self) -> str:
        """A short reference, ``2`` or ``torch.2``."""
        return str(self.number) if self.recipe is None else f"{self.recipe}.{self.number}"

    def __str__(self) -> str:
        return f"rule {self.tag} ({self.rule.label})"


def as_list(rules: Recipe | Rule | Iterable[Rule | Recipe]) -> list[Any]:
    """What was given as rules, one or many."""
    return list(rules) if isinstance(rules, Iterable) and not isinstance(rules, str) else [rules]


def named_in(items: Iterable[Rule | Recipe]) -> Named:
    """What the recipes among ``items`` were told of the model's parts."""
    told = [item.named for item in items if isinstance(item, Recipe)]
    return Named(tuple(glob for one in told for glob in one.blocks), tuple(pair for one in told for pair in one.roles))


def numbered(rules: Recipe | Rule | Iterable[Rule | Recipe]) -> tuple[Numbered, ...]:
    """All rules in order, each with its number.

    Raises:
        RuleError: when an item is neither a rule nor a recipe.
    """
    found: list[Numbered] = []
    own = 0
    for item in as_list(rules):
        if isinstance(item, Recipe):
            found += [Numbered(one, i, item.name) for i, one in enumerate(item.rules, start=1)]
        elif isinstance(item, Rule):
            own += 1
            found.append(Numbered(item, own))
        else:
            raise RuleError(f"{item!r} among the rules: expected fs.rule(...), a recipe or a recipe's name")
    return tuple(found)
