"""Which rule each parameter falls to, and which rules do nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TypeAlias

from torch import nn

from ..errors import PlanError, RuleError, did_you_mean
from ..graph import Flow
from ._inventory import Inventory, Owner, Place, Slot
from ._rules import Choice, Numbered, Rule
from ._select import Candidate, Glob


@dataclass(frozen=True, eq=False)
class Claim:
    """What one rule says under one key.

    Args:
        order: position of the rule among all.
        rule: the rule.
        choice: the scheme, or ``keep``.
    """

    order: int
    rule: Numbered
    choice: Choice


Match: TypeAlias = tuple[Claim, Place | Slot]
"""The claim that won a parameter, and through which of its places."""


class Matcher:
    """Finds the first match of each parameter, and then what is wrong with the rules themselves.

    Raises:
        PlanError: when a predicate raises.
    """

    def __init__(
        self,
        stock: Inventory,
        rules: Sequence[Numbered],
        flow: Callable[[nn.Module], Flow | None],
        roles: Callable[[str], frozenset[str] | None],
    ) -> None:
        self._owners, self._rules, self._roles, self._flow = stock.owners, rules, roles, flow
        self._of_roles = [(i, rule) for i, rule in enumerate(rules) if rule.rule.selector.asks_roles()]
        self._uses = [_Use() for _ in rules]
        self._tests = [(i, rule.rule.selector.matches) for i, rule in enumerate(rules)]
        self._told = self._matching(flow)

    def of(self, slot: Slot) -> Match | None:
        """The first claim on a parameter, if there is one.

        A parameter with several owners falls to the first rule that matches any of them, through that owner.
        """
        if slot.elsewhere:
            pairs = [(claim, place) for place in slot.places for claim in self._claims(place)]
            pairs.sort(key=lambda pair: pair[0].order)
        else:
            pairs = [(claim, slot) for claim in self._claims(slot)]
        if not pairs:
            return None
        winner = pairs[0][0].order
        self._uses[winner].won = True
        if len(pairs) > 1:
            for loser, place in pairs:
                if loser.order != winner:
                    self._uses[loser.order].lost.setdefault(winner, place.name)
        return pairs[0]

    def undecided(self, slot: Slot, found: Match | None) -> Numbered | None:
        """The rule that might have won a parameter, if only the role of its layer could be told."""
        if not self._of_roles or len(slot.writer.shape) < 2 or self._roles(slot.owner.name) is not None:
            return None
        winner = len(self._rules) if found is None else found[0].order
        candidate = Candidate(slot.owner.name, slot.owner.module, self._flow, self._roles)
        before = (rule for i, rule in self._of_roles if i < winner and rule.rule.key_for(slot.local_name) is not None)
        return next((rule for rule in before if rule.rule.selector.could_match(candidate)), None)

    def unused(self) -> list[str]:
        """What of the user's own rules does nothing, and why, once every parameter has been asked about."""
        return [
            problem
            for rule, use in zip(self._rules, self._uses, strict=True)
            if rule.recipe is None
            for problem in _unused(rule, use, self._owners, self._rules)
        ]

    def _claims(self, place: Place | Slot) -> tuple[Claim, ...]:
        return self._told[place.owner.number].about(place.local_name)

    def _matching(self, flow: Callable[[nn.Module], Flow | None]) -> list[_Told]:
        """What the rules that match each module say; one value for all modules that the same rules match."""
        claims = [
            {key: Claim(i, rule, rule.rule.choice(key)) for key, _ in rule.rule.schemes}
            for i, rule in enumerate(self._rules)
        ]
        known: dict[tuple[int, ...], _Told] = {}
        found: list[_Told] = []
        for owner in self._owners:
            matching = self._that_match(Candidate(owner.name, owner.module, flow, self._roles))
            for i in matching:
                self._uses[i].owners.append(owner)
            told = known.get(matching)
            if told is None:
                told = known[matching] = _Told([(self._rules[i].rule, claims[i]) for i in matching])
            found.append(told)
        return found

    def _that_match(self, candidate: Candidate) -> tuple[int, ...]:
        """The rules that speak of a module, by position."""
        found: list[int] = []
        for i, matches in self._tests:
            try:
                if matches(candidate):
                    found.append(i)
            except RuleError as error:
                raise PlanError([f"{self._rules[i]}: {error}"]) from error
        return tuple(found)


class _Told:
    """What some rules, in order, say of a module's parameters by their local names."""

    def __init__(self, rules: Sequence[tuple[Rule, dict[str, Claim]]]) -> None:
        self._rules = rules
        self._known: dict[str, tuple[Claim, ...]] = {}
        self._kinds: dict[tuple[Claim, ...], tuple[Claim, ...]] = {}

    def about(self, local_name: str) -> tuple[Claim, ...]:
        """The claims on a parameter of this local name."""
        known = self._known.get(local_name)
        if known is None:
            keys = [(claims, rule.key_for(local_name)) for rule, claims in self._rules]
            found = tuple([claims[key] for claims, key in keys if key is not None])
            known = self._known[local_name] = self._kinds.setdefault(found, found)  # one tuple for many names
        return known


@dataclass
class _Use:
    """What one rule met."""

    owners: list[Owner] = field(default_factory=list)
    lost: dict[int, str] = field(default_factory=dict)  # by the rule that was first, the first name it took
    won: bool = False


def _unused(rule: Numbered, use: _Use, owners: Sequence[Owner], rules: Sequence[Numbered]) -> list[str]:
    """What of a rule does nothing, and why."""
    if not use.owners:
        return [_no_module(rule, owners)]
    problems = [
        _no_parameter(rule, key, use)
        for key, _ in rule.rule.schemes
        if not any(fnmatchcase(name, key) for owner in use.owners for name in _local_names(owner))
    ]
    if not use.won and use.lost:
        takers = " and ".join(str(rules[i]) for i in use.lost)
        verbs = ("stands", "takes") if len(use.lost) == 1 else ("stand", "take")
        problems.append(
            f"{rule} never applies: {takers} {verbs[0]} before it and {verbs[1]} every parameter it names, such as "
            f"{next(iter(use.lost.values()))!r}. Move it up, or delete it"
        )
    return problems


def _no_module(rule: Numbered, owners: Sequence[Owner]) -> str:
    selector = rule.rule.selector
    if isinstance(selector, Glob):
        names = [owner.name for owner in owners if owner.name]
        near = did_you_mean(selector.pattern, names)
        return f"{rule} matches no module of the model. A glob must match a module's whole name.{near}"
    layers = sorted({owner.layer for owner in owners if owner.writers or owner.absent})
    return f"{rule} matches no module of the model. Its layers with parameters are: {', '.join(layers) or 'none'}"


def _local_names(owner: Owner) -> tuple[str, ...]:
    return *owner.writers, *owner.absent, *owner.lazy


def _no_parameter(rule: Numbered, key: str, use: _Use) -> str:
    names = sorted({name for owner in use.owners for name in _local_names(owner)})
    layers = ", ".join(sorted({owner.layer for owner in use.owners}))
    have = f"{layers} has {', '.join(names)}" if names else f"{layers} has no parameters of its own"
    return f"{rule} gives a scheme to {key!r}, which no module it matches has: {have}.{did_you_mean(key, names)}"
