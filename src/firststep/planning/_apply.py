"""Doing what a plan says: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from .. import rng
from ..errors import ApplyError
from ..init import Scheme, Site
from ._inventory import Inventory, Slot, inventory
from ._measure import Measured, Yardstick, deviation, measure
from ._progress import Progress, Tell, silent, telling
from ._report import Report
from ._report_row import ReportRow
from ._row import Row
from ._rules import Numbered
from ._transaction import Transaction
from ._writers import Plain, Staged, Through, same


def apply(
    rows: Sequence[Row],
    slots: Sequence[Slot],
    rules: tuple[Numbered, ...],
    seed: int | None,
    generator: torch.Generator | None,
    progress: Progress,
) -> Report:
    """Set the parameters as ``rows`` say; see :meth:`Plan.apply`.

    Three steps: every check; a trial, on copies, of every write that goes through a parametrization; the writes.
    """
    if seed is not None and generator is not None:
        raise ApplyError("both seed and generator were given: expected one, since a generator only draws the seed")
    writable([(row.name, slot.writer.tensors) for row, slot in zip(rows, slots, strict=True) if row.scheme])
    with Transaction(generator) as undo:
        return written(undo, rows, slots, rules, seed, generator, progress)


def written(
    undo: Transaction,
    rows: Sequence[Row],
    slots: Sequence[Slot],
    rules: tuple[Numbered, ...],
    seed: int | None,
    generator: torch.Generator | None,
    progress: Progress,
) -> Report:
    """The writes of :func:`apply`, inside a transaction that may hold others too."""
    with torch.no_grad():
        seed = rng.draw_seed(generator) if seed is None else seed
        rng.derive_key(seed, "")  # an impossible seed is found before anything is written
        work = _Work(undo, seed)
        staged = {
            row.name: work.stage(row, slot.writer)
            for row, slot in zip(rows, slots, strict=True)
            if row.scheme is not None and isinstance(slot.writer, Through)
        }
        with telling(progress, sum(row.numel for row in rows if row.scheme is not None)) as tell:
            at_once = work.rows([(row, slot) for row, slot in zip(rows, slots, strict=True) if row.scheme], tell)
            done = [
                at_once.get(row.name) or work.row(row, slot, staged.get(row.name), tell)
                for row, slot in zip(rows, slots, strict=True)
            ]
        for row, slot in zip(rows, slots, strict=True):
            if row.name in staged and isinstance(slot.writer, Through):
                work.finish(row.name, slot.writer, staged[row.name])
        return Report(tuple(done), seed, rules)


class _Work:
    """The writes of one run."""

    def __init__(self, undo: Transaction, seed: int) -> None:
        self._undo, self._seed = undo, seed

    def stage(self, row: Row, writer: Through) -> Staged:
        """Try a write through a parametrization on a copy."""
        name, (scheme, site) = row.name, _task(row)
        value = torch.empty(writer.shape, dtype=writer.dtype, device=writer.device)
        scheme.fill_(value, seed=self._seed, name=name, site=site)
        if not measure(value).is_finite:
            raise _not_finite(row)
        return writer.stage(value, name, rng.derive_key(self._seed, name, "parametrization").philox)

    def rows(self, pairs: Sequence[tuple[Row, Slot]], tell: Tell) -> dict[str, ReportRow]:
        """Write all plain parameters of independent elements in one pass; those left out are for :meth:`row`."""
        rewrite, taken, keys = rng.Rewrite(), [], rng.Seeded(self._seed)
        ways: dict[int, _Way] = {}
        on_gpu: list[tuple[Row, _Way, Tensor, list[rng.Fill]]] = []
        for row, slot in pairs:
            if type(slot.writer) is not Plain:
                continue
            treatment, target = row.treatment, slot.writer.tensors[0]
            way = ways.get(id(treatment))
            if way is None:
                way = ways[id(treatment)] = _way(row)
            if way.law is not None and rewrite.add_whole(target, way.law, keys.digest(row.name)):
                taken.append((row, way))
                continue
            scheme, site = _task(row)
            fills = scheme.fills(target.detach(), seed=self._seed, name=row.name, site=site)
            if fills is not None and rewrite.add(target, fills):
                taken.append((row, way))
            elif fills is not None and target.is_cuda:
                on_gpu.append((row, way, target, fills))
        self._undo.undo(rewrite.restore)
        rewrite.run(None if tell is silent else _in_turn([row for row, _ in taken], tell))
        done = {
            row.name: way.report(row, Measured(way.numel, *before), Measured(way.numel, *after))
            for (row, way), (before, after) in zip(taken, rewrite.summaries(), strict=True)
        }
        return done | self._launched(on_gpu, tell)

    def _launched(self, tasks: Sequence[tuple[Row, _Way, Tensor, list[rng.Fill]]], tell: Tell) -> dict[str, ReportRow]:
        """Write tensors of a GPU with few launches."""
        before = [measure(target) for _, _, target, _ in tasks]
        for _, _, target, _ in tasks:
            self._undo.keep(target)
        rng.fill_many_([fill for *_, fills in tasks for fill in fills])
        done = {}
        for (row, way, target, _), was in zip(tasks, before, strict=True):
            done[row.name] = way.report(row, was, measure(target))
            tell(row.numel, row.name)
        return done

    def row(self, row: Row, slot: Slot, staged: Staged | None, tell: Tell) -> ReportRow:
        """Write one parameter, unless it is kept, and measure it before and after."""
        if row.scheme is None or row.expected is None:
            return ReportRow(row)
        before, after = self._plain(row, slot.writer.tensors[0]) if staged is None else self._staged(staged)
        tell(row.numel, row.name)
        return self._checked(row, before, after, staged.note if staged else "")

    def _checked(self, row: Row, before: Measured, after: Measured, note: str = "") -> ReportRow:
        assert row.scheme is not None
        assert row.expected is not None
        if not after.is_finite:
            raise _not_finite(row)
        return ReportRow(row, before, after, deviation(after, row.expected, row.dtype), note)

    def finish(self, name: str, writer: Through, staged: Staged) -> None:
        """See that a staged write has taken effect, now that everything it may depend on is written."""
        undo = writer.refresh()
        if undo is not None:
            self._undo.undo(undo)
        if not same(writer.effect(), staged.effect):
            raise ApplyError(
                f"{name!r} did not take the values asked for: its {writer.kind} parametrization depends on parameters "
                "that were set in the same call. Keep it with fs.keep, and set it in a second call"
            )

    def _plain(self, row: Row, parameter: Tensor) -> tuple[Measured, Measured]:
        scheme, site = _task(row)
        target = parameter.detach()
        before = measure(target)
        self._undo.keep(parameter)
        scheme.fill_(target, seed=self._seed, name=row.name, site=site)
        return before, measure(target)

    def _staged(self, staged: Staged) -> tuple[Measured, Measured]:
        before = measure(staged.before)
        for target, value in staged.writes:
            self._undo.keep(target)
            target.detach().copy_(value)
        return before, measure(staged.after)


class _Way(NamedTuple):
    """How rows that are treated alike are written and judged: by one law, or ``None`` when there is more to it."""

    law: rng.Law | None
    numel: int
    yardstick: Yardstick

    def report(self, row: Row, before: Measured, after: Measured) -> ReportRow:
        """The row of the report; raises when a value is not finite."""
        if not after.is_finite:
            raise _not_finite(row)
        return ReportRow(row, before, after, self.yardstick.deviation(after))


def _way(row: Row) -> _Way:
    scheme, site = _task(row)
    assert row.expected is not None
    return _Way(scheme.one_law(site), row.numel, Yardstick(row.expected, row.numel, row.dtype))


def _in_turn(rows: Sequence[Row], tell: Tell) -> Callable[[float], object]:
    """Tells of each row, in order, once the share of the work that is done has passed it."""
    waiting, total, told = list(reversed(rows)), sum(row.numel for row in rows), 0

    def passed(share: float) -> None:
        nonlocal told
        while waiting and told + waiting[-1].numel <= share * total:
            row = waiting.pop()
            told += row.numel
            tell(row.numel, row.name)

    return passed


def _task(row: Row) -> tuple[Scheme, Site]:
    assert row.scheme is not None
    assert row.site is not None
    return row.scheme, row.site


def _not_finite(row: Row) -> ApplyError:
    return ApplyError(f"{row.scheme!r} gave {row.name!r} values that are not finite. The model is as it was")


def current(model: nn.Module, stock: Inventory) -> tuple[Slot, ...]:
    """The model's parameters now, in the plan's order; an error when they are not those of the plan."""
    now = {slot.name: slot for slot in inventory(model).slots}
    problems = [f"{name!r} is new" for name in now.keys() - {slot.name for slot in stock.slots}]
    for slot in stock.slots:
        problems += [f"{slot.name!r} is gone"] if slot.name not in now else _changes(slot, now[slot.name])
    if problems:
        more = f", and {len(problems) - 1} more" if len(problems) > 1 else ""
        raise ApplyError(f"the model changed since the plan: {sorted(problems)[0]}{more}. Plan again, then apply")
    return tuple(now[slot.name] for slot in stock.slots)


def writable(targets: Sequence[tuple[str, tuple[Tensor, ...]]]) -> None:
    """Raise ApplyError when a parameter to be set has no memory of its own here."""
    empty = [name for name, tensors in targets for tensor in tensors if tensor.is_meta]
    if empty:
        more = f" and {len(empty) - 1} more are" if len(empty) > 1 else " is"
        raise ApplyError(
            f"{empty[0]!r}{more} on the meta device, without memory to write to. "
            'Call model.to_empty(device="cpu") (or "cuda"), then apply'
        )
    for name, tensors in targets:
        for tensor in tensors:
            if type(tensor) is not nn.Parameter and is_traceable_wrapper_subclass(tensor):
                raise ApplyError(
                    f"{name!r} is a {type(tensor).__name__}, whose parts lie in other tensors, and cannot be written. "
                    "Initialize the model before it is sharded or quantized"
                )


def _changes(old: Slot, new: Slot) -> list[str]:
    """How a parameter differs from the planned one, in words."""
    was, now = old.writer, new.writer
    once = not (old.elsewhere or new.elsewhere)
    if once and isinstance(was, Plain) and isinstance(now, Plain) and was.same_as(now):
        return []
    if old.names != new.names:
        tie = "Tie them again (to_empty breaks ties)"
        return [f"{old.name!r} was one parameter with the names {_listed(old)} and now has {_listed(new)}. {tie}"]
    facts = [
        ("shape", was.shape, now.shape),
        ("dtype", was.dtype, now.dtype),
        ("parametrization", was.kind or "none", now.kind or "none"),
        ("requires_grad", was.requires_grad, now.requires_grad),
    ]
    changed = [f"{old.name!r} had {fact} {a} and now has {b}" for fact, a, b in facts if a != b]
    # Giving a meta parameter memory replaces it; any other replacement is somebody else's parameter.
    replaced = was.device.type != "meta" and any(a is not b for a, b in zip(was.tensors, now.tensors, strict=False))
    return changed or ([f"{old.name!r} was replaced by another parameter"] if replaced else [])


def _listed(slot: Slot) -> str:
    return ", ".join(map(repr, slot.names))
