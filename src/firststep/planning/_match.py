"""Which rule each parameter falls to, and which rules do nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from torch import nn

from ..errors import PlanError, RuleError, did_you_mean
from ..graph import Flow
from ._inventory import Inventory, Owner, Place, Slot
from ._rules import Choice, Numbered
from ._select import Candidate, Glob


@dataclass(frozen=True)
class Match:
    """The rule that won a parameter, through which of its places, and what it says."""

    rule: Numbered
    place: Place
    choice: Choice


@dataclass
class _Use:
    """What one rule met."""

    owners: list[Owner] = field(default_factory=list)
    lost: dict[Numbered, Place] = field(default_factory=dict)  # by the rule that was first, the first place it took
    won: bool = False


def match(
    stock: Inventory, rules: Sequence[Numbered], flow: Callable[[nn.Module], Flow | None]
) -> tuple[dict[Slot, Match], list[str]]:
    """The first match of every parameter that has one, and what is wrong with the rules themselves.

    A parameter with several owners falls to the first rule that matches any of them, through that owner.

    Raises:
        PlanError: when a predicate raises.
    """
    uses = [_Use() for _ in rules]
    matching = _matching(stock.owners, rules, flow, uses)
    matches: dict[Slot, Match] = {}
    for slot in stock.slots:
        claims = sorted(
            (i, j, key)
            for j, place in enumerate(slot.places)
            for i in matching[place.owner]
            if (key := rules[i].rule.key_for(place.local_name)) is not None
        )
        for n, (i, j, key) in enumerate(claims):
            if n == 0:
                uses[i].won = True
                matches[slot] = Match(rules[i], slot.places[j], rules[i].rule.choice(key))
            elif i != claims[0][0]:
                uses[i].lost.setdefault(rules[claims[0][0]], slot.places[j])
    return matches, [
        problem
        for rule, use in zip(rules, uses, strict=True)
        if rule.recipe is None
        for problem in _unused(rule, use, stock.owners)
    ]


def _matching(
    owners: Sequence[Owner],
    rules: Sequence[Numbered],
    flow: Callable[[nn.Module], Flow | None],
    uses: Sequence[_Use],
) -> dict[Owner, list[int]]:
    """The rules that match each module, in order."""
    found: dict[Owner, list[int]] = {}
    for owner in owners:
        candidate = Candidate(owner.name, owner.module, flow)
        found[owner] = [i for i, rule in enumerate(rules) if _matches(rule, candidate)]
        for i in found[owner]:
            uses[i].owners.append(owner)
    return found


def _matches(rule: Numbered, candidate: Candidate) -> bool:
    try:
        return rule.rule.selector.matches(candidate)
    except RuleError as error:
        raise PlanError([f"{rule}: {error}"]) from error


def _unused(rule: Numbered, use: _Use, owners: Sequence[Owner]) -> list[str]:
    """What of a rule does nothing, and why."""
    if not use.owners:
        return [_no_module(rule, owners)]
    names = dict.fromkeys(name for one in use.owners for name in (*one.writers, *one.absent, *one.lazy))
    problems = [
        _no_parameter(rule, key, use, sorted(names))
        for key, _ in rule.rule.schemes
        if not any(fnmatchcase(name, key) for name in names)
    ]
    if not use.won and use.lost:
        takers = " and ".join(str(taker) for taker in use.lost)
        verbs = ("stands", "takes") if len(use.lost) == 1 else ("stand", "take")
        place = next(iter(use.lost.values()))
        problems.append(
            f"{rule} never applies: {takers} {verbs[0]} before it and {verbs[1]} every parameter it names, such as "
            f"{place.name!r}. Move it up, or delete it"
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


def _no_parameter(rule: Numbered, key: str, use: _Use, names: list[str]) -> str:
    layers = ", ".join(sorted({owner.layer for owner in use.owners}))
    have = f"{layers} has {', '.join(names)}" if names else f"{layers} has no parameters of its own"
    return f"{rule} gives a scheme to {key!r}, which no module it matches has: {have}.{did_you_mean(key, names)}"
