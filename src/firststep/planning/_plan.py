"""The plan: what will happen to every parameter, decided before anything is touched."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import nn

from .. import graph
from ..anatomy import Anatomy
from ..errors import PlanError, SchemeError
from ..graph import Flow
from ..init import Scheme, Site, site_of
from . import _checks as checks
from ._apply import Progress, apply, current
from ._diff import Difference, difference
from ._inventory import Inventory, Owner, Place, Slot, inventory
from ._match import Claim, Match, Matcher
from ._partial import Only, picked
from ._plan_view import plan_html, plan_text
from ._report import Report
from ._row import Row, Treatment
from ._rules import Keep, Numbered, Recipe, Rule, as_list, named_in, numbered


@dataclass(frozen=True, eq=False, repr=False)
class Plan:
    """What will happen to every parameter of a model; made by :func:`firststep.plan`. ``print`` it to see.

    Args:
        model: the model that the plan was made for; it is not touched until :meth:`apply`.
        rows: one per parameter, in order of registration.
        rules: every rule with where it stands.
        notes: what is worth knowing though no error.
    """

    model: nn.Module
    rows: tuple[Row, ...]
    rules: tuple[Numbered, ...]
    notes: tuple[str, ...]
    _stock: Inventory

    def apply(
        self, seed: int | None = None, generator: torch.Generator | None = None, progress: Progress = None
    ) -> Report:
        """Set the parameters. All or nothing: whatever goes wrong, the model and the random state are as before.

        While it runs, a copy of the parameters that are set is held, to go back to.

        Args:
            seed: decides the values, together with the parameters' names; ``None`` draws one from torch's generator,
                so that ``torch.manual_seed`` reproduces. The report tells it.
            generator: where to draw the seed from instead; not together with ``seed``.
            progress: ``True`` or ``False`` for a bar on stderr, ``None`` to show one on a terminal when the work is
                long, or a function ``(done, total, name)`` told the elements written so far, all of them, and the
                parameter just written.

        Raises:
            ApplyError: when the model changed since the plan, is on meta, a write would not take effect, or a value is
                not finite.
        """
        slots = current(self.model, self._stock)
        return apply(self.rows, slots, self.rules, seed, generator, progress)

    def diff(self, other: Plan) -> Difference:
        """What ``other`` does differently, row by row."""
        return difference(_facts(self), _facts(other))

    def to_dict(self) -> dict[str, Any]:
        """The plan as plain data, fit for JSON."""
        return {"rows": [row.to_dict() for row in self.rows], "notes": list(self.notes)}

    def table(self, width: int | None = None) -> str:
        """The plan as text, ``width`` columns wide (default: the terminal's)."""
        return plan_text(self.rows, self.rules, self.notes, width)

    def __str__(self) -> str:
        return self.table()

    def __repr__(self) -> str:
        kept = sum(row.scheme is None for row in self.rows)
        return f"<Plan: {len(self.rows)} parameters, {len(self.rows) - kept} set, {kept} kept; print it to see>"

    def _repr_html_(self) -> str:
        return plan_html(self.rows, self.rules, self.notes)


def plan(
    model: nn.Module,
    rules: Recipe | Rule | Iterable[Rule | Recipe],
    *,
    strict: bool = True,
    only: Only | None = None,
) -> Plan:
    """Decide what happens to every parameter of ``model``. Nothing is touched.

    Args:
        model: on any device, meta included.
        rules: tried in order; the first that names a parameter wins it. A recipe among them may have rules to spare.
        strict: raise when a parameter is not covered or a rule does nothing; otherwise keep it, and note it.
        only: the parameters that may be set, by default all; the others are kept, whatever the rules say of them.

    Raises:
        PlanError: with every problem found, each with the line to type.
    """
    if not isinstance(model, nn.Module):
        raise PlanError([f"a plan needs a torch.nn.Module, given {type(model).__name__}"])
    items = as_list(rules)
    entries = numbered(items)
    stock = inventory(model)
    flows, anatomy = _Flows(model), Anatomy({one.name: one.plain for one in stock.owners}, named_in(items))
    matcher, survey = Matcher(stock, entries, flows.of, anatomy.roles), _Survey(flows, anatomy)
    chosen, outside = picked(stock, only)
    found = [matcher.of(slot) for slot in stock.slots]  # also where it is not chosen: then its rule is not idle
    rows = tuple(
        [
            Row(slot.names, survey.treatment(slot, one) if slot.name in chosen else survey.untouched(slot, outside))
            for slot, one in zip(stock.slots, found, strict=True)
        ]
    )
    unused = matcher.unused()
    bare = [slot for slot, row in zip(stock.slots, rows, strict=True) if row.treatment.kept == NO_RULE]
    problems = [
        *checks.lazy_problems(stock),
        *checks.role_problems(
            [
                (slot, matcher.undecided(slot, one))
                for slot, one in zip(stock.slots, found, strict=True)
                if slot.name in chosen
            ]
        ),
        *survey.problems,
        *checks.memory_problems(stock, [row.treatment.scheme is not None for row in rows]),
        *([*checks.uncovered_problems(bare), *unused] if strict else ()),
    ]
    if problems:
        raise PlanError(problems)
    return Plan(model, rows, entries, tuple(unused), stock)


def initialize(
    model: nn.Module,
    rules: Recipe | Rule | Iterable[Rule | Recipe],
    seed: int | None = None,
    *,
    generator: torch.Generator | None = None,
    progress: Progress = None,
    strict: bool = True,
    only: Only | None = None,
) -> Report:
    """:func:`plan`, then :meth:`Plan.apply`, without a second look at the model between the two."""
    made = plan(model, rules, strict=strict, only=only)
    return apply(made.rows, made._stock.slots, made.rules, seed, generator, progress)


NO_RULE = "no rule"
FROZEN = "frozen (requires_grad=False)"
IMPOSSIBLE = "impossible"


class _Flows:
    """The model's flows, traced once, when first asked for."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model

    def of(self, module: nn.Module) -> Flow | None:
        """What the trace knows of a module."""
        return self._traced.get(id(module))

    @cached_property
    def _traced(self) -> dict[int, Flow]:
        flows = graph.trace(self._model)
        return {id(module): flows[name] for name, module in self._model.named_modules() if name in flows}


class _Survey:
    """Decides what happens to parameters, and collects what is in the way. Like parameters are asked about once."""

    def __init__(self, flows: _Flows, anatomy: Anatomy) -> None:
        self.problems: list[str] = []
        self._flows, self._anatomy = flows, anatomy
        self._known: dict[object, Treatment] = {}
        self._sites: dict[Site, Site] = {}

    def treatment(self, slot: Slot, found: Match | None) -> Treatment:
        """What happens to one parameter."""
        trained = slot.writer.requires_grad
        if found is None:
            return self._kept(slot, slot.owner, None, NO_RULE if trained else FROZEN)
        claim, place = found
        choice, rule = claim.choice, claim.rule
        if not trained and not rule.rule.frozen:
            return self._kept(slot, place.owner, rule, FROZEN)
        if isinstance(choice, Keep):
            return self._kept(slot, place.owner, rule, "fs.keep")
        problem = checks.dtype_problem(slot, choice)
        if problem is None:
            try:
                return self._set(slot, claim, place, choice)
            except SchemeError as error:
                problem = f"{slot.name!r} (shape {slot.writer.shape}, by {rule}): {error}"
        self.problems.append(problem)
        return self._kept(slot, place.owner, rule, IMPOSSIBLE)

    def untouched(self, slot: Slot, why: str) -> Treatment:
        """That of a parameter which the plan is not about."""
        return self._kept(slot, slot.owner, None, why)

    def _kept(self, slot: Slot, owner: Owner, rule: Numbered | None, why: str) -> Treatment:
        writer = slot.writer
        key = (id(rule), why, owner.layer, writer.shape, writer.dtype, writer.kind)
        if key not in self._known:
            label, where = (rule.rule.label, rule.tag) if rule else (None, "")
            self._known[key] = Treatment(
                writer.shape, writer.dtype, owner.layer, label, where, kept=why, through=writer.kind
            )
        return self._known[key]

    def _set(self, slot: Slot, claim: Claim, place: Place | Slot, scheme: Scheme) -> Treatment:
        writer, layer = slot.writer, place.owner.layer
        site = self._site(slot, place, scheme)
        key = (claim, id(site), layer, writer.dtype, writer.kind)
        known = self._known.get(key)
        if known is not None:
            return known
        named = site.named(slot.name)  # for the messages
        scheme.check(named, writer.dtype)
        done = self._known[key] = Treatment(
            shape=writer.shape,
            dtype=writer.dtype,
            layer=layer,
            rule=claim.rule.rule.label,
            where=claim.rule.tag,
            scheme=scheme,
            site=site,  # which keeps its id from becoming another's
            expected=scheme.expected(named),
            through=writer.kind,
        )
        return done

    def _site(self, slot: Slot, place: Place | Slot, scheme: Scheme) -> Site:
        """The site without a name."""
        site = site_of(place.owner.plain, place.local_name, shape=slot.writer.shape)
        flow = self._flows.of(place.owner.module) if scheme.uses_flow else None
        if flow is None and not slot.elsewhere and not scheme.uses_model:
            return site
        if scheme.uses_model:
            site = replace(site, symbols=tuple(sorted(self._anatomy.symbols(place.owner.name).items())))
        if slot.elsewhere:  # whichever layer the rule speaks of, an embedding tied to it has its padding row
            readings = [site_of(one.owner.plain, one.local_name) for one in slot.places]
            site = replace(site, zero_rows=tuple(sorted({row for one in readings for row in one.zero_rows})))
        if flow is not None:
            site = replace(
                site, nonlinearity=flow.nonlinearity, mirrored_in=flow.mirrored_in, mirrored_out=flow.mirrored_out
            )
        return self._sites.setdefault(site, site)


def _facts(one: Plan) -> dict[str, dict[str, str]]:
    """What :meth:`Plan.diff` compares, by parameter."""
    return {
        row.name: {
            "shape": str(row.shape),
            "dtype": str(row.dtype).removeprefix("torch."),
            "layer": row.layer,
            "names": ", ".join(row.names),
            "scheme": row.does,
            "fans": row.fans or "none",
        }
        for row in one.rows
    }
