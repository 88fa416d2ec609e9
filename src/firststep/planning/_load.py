"""Loading a checkpoint into a model, and initializing exactly what it lacks: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import ApplyError, CheckpointError, did_you_mean
from ._apply import writable, written
from ._checkpoint import Checkpoint, Rename, read, translated
from ._names import pattern, template
from ._partial import MissingFrom, Stored
from ._plan import plan
from ._progress import Progress
from ._report import Report
from ._rules import Recipe, Rule
from ._tables import counted, listed, text_width
from ._transaction import Transaction
from ._writers import Through


@dataclass(frozen=True, repr=False)
class Loaded:
    """What :func:`load` did to a model. ``print`` it to see.

    Args:
        report: what was drawn; the parameters that were loaded are kept there, as ``in the checkpoint``.
        names: the model's tensors that were loaded, parameters and buffers, each under its first name.
        buffers: persistent buffers that the checkpoint lacks; they stay as they were.
        ignored: the checkpoint's names that were ignored, as asked.
        cast: pairs of a checkpoint's dtype and the model's, where they differ.
        source: the path, or ``"a state dict"``.
    """

    report: Report
    names: tuple[str, ...]
    buffers: tuple[str, ...]
    ignored: tuple[str, ...]
    cast: tuple[tuple[torch.dtype, torch.dtype], ...]
    source: str

    @property
    def drawn(self) -> tuple[str, ...]:
        """The parameters that were missing and have been initialized."""
        return tuple(one.row.name for one in self.report.rows if one.after is not None)

    @property
    def ok(self) -> bool:
        """Whether every value that was drawn is as expected."""
        return self.report.ok

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data, fit for JSON."""
        lists = {key: list(getattr(self, key)) for key in ("names", "drawn", "buffers", "ignored")}
        cast = [[_short(one), _short(other)] for one, other in self.cast]
        return {"source": self.source, **lists, "cast": cast, "report": self.report.to_dict()}

    def table(self, width: int | None = None) -> str:
        """The report as text, ``width`` columns wide (default: the terminal's)."""
        room = text_width(width)
        lines = [f"Loaded {counted(len(self.names), 'tensor')} from {self.source}; {self._of_the_others()}"]
        lines += listed("not in the checkpoint, left as they are", _alike([*self._kept(), *self.buffers]), room)
        lines += listed("in the checkpoint, ignored", _alike(self.ignored), room)
        lines += listed("cast", (f"{_short(one)} to {_short(other)}" for one, other in self.cast), room)
        return "\n".join([*lines, *(["", self.report.table(width)] if self.drawn else [])])

    def _kept(self) -> list[str]:
        outside = MissingFrom(frozenset()).outside
        return [f"{one.row.name} ({one.row.kept})" for one in self.report.rows if one.row.kept not in (None, outside)]

    def _of_the_others(self) -> str:
        if not self.drawn:
            return "no parameter was drawn"
        return f"{counted(len(self.drawn), 'parameter')} drawn with seed {self.report.seed}"

    def __str__(self) -> str:
        return self.table()

    def __repr__(self) -> str:
        return f"<Loaded: {len(self.names)} tensors loaded, {len(self.drawn)} parameters drawn; print it to see>"


def load(
    model: nn.Module,
    checkpoint: Checkpoint,
    rules: Recipe | Rule | Iterable[Rule | Recipe],
    seed: int | None = None,
    *,
    rename: Rename = None,
    ignore: str | Iterable[str] = (),
    generator: torch.Generator | None = None,
    progress: Progress = None,
    strict: bool = True,
) -> Loaded:
    """:func:`firststep.load`, with rules that are ready.

    >>> from firststep import init
    >>> from firststep.planning import rule
    >>> old, new = nn.Sequential(nn.Linear(2, 3)), nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    >>> done = load(new, old.state_dict(), rule(nn.Linear, weight=init.normal(), bias=init.zeros()), seed=0)
    >>> done.names, done.drawn
    (('0.weight', '0.bias'), ('1.weight', '1.bias'))
    """
    if seed is not None and generator is not None:
        raise ApplyError("both seed and generator were given: expected one, since a generator only draws the seed")
    state = read(checkpoint)
    given, ignored = translated(state, rename, ignore)
    made = plan(model, rules, strict=strict, only=MissingFrom(frozenset(given)))
    stored, sources = Stored(made._stock), {name: state[old] for name, old in given.items()}
    problems = _misfits(stored, sources, given)
    if problems:
        raise CheckpointError(problems)
    pairs = _pairs(stored, sources)
    slots = made._stock.slots
    writable([(name, (target,)) for name, target, _ in pairs])
    writable([(row.name, slot.writer.tensors) for row, slot in zip(made.rows, slots, strict=True) if row.scheme])
    with Transaction(generator) as undo, torch.no_grad():
        for _, target, source in pairs:
            undo.keep(target)
            target.detach().copy_(source)
        for slot in slots:
            back = slot.writer.refresh() if isinstance(slot.writer, Through) else None
            if back is not None:
                undo.undo(back)
        return Loaded(
            written(undo, made.rows, slots, made.rules, seed, generator, progress),
            tuple(name for name, *_ in pairs),
            tuple(_lacking_buffers(stored, sources)),
            ignored,
            tuple(dict.fromkeys((one.dtype, target.dtype) for _, target, one in pairs if one.dtype != target.dtype)),
            str(checkpoint) if isinstance(checkpoint, (str, Path)) else "a state dict",
        )


def _pairs(stored: Stored, sources: Mapping[str, Tensor]) -> list[tuple[str, Tensor, Tensor]]:
    """The model's tensors that are in the checkpoint, each under its first name, and the checkpoint's."""
    found = ((names, next((sources[name] for name in names if name in sources), None)) for names in stored.alike())
    return [(names[0], stored.tensors[names[0]], source) for names, source in found if source is not None]


def _lacking_buffers(stored: Stored, sources: Mapping[str, Tensor]) -> Iterator[str]:
    """The first names of persistent buffers that are not in the checkpoint."""
    return (one[0] for one in stored.alike() if one[0] in stored.buffers and not sources.keys() & set(one))


def _misfits(stored: Stored, sources: dict[str, Tensor], given: dict[str, str]) -> list[str]:
    """What of the checkpoint has no place in the model, or not the right form."""
    problems = _strangers([name for name in sources if name not in stored.tensors], stored, given)
    for name, source in sources.items():
        target = stored.tensors.get(name)
        if target is None:
            continue
        old = given[name]
        instead = f'ignore="{old}" initializes the model\'s instead'
        if target.shape != source.shape:
            problems.append(
                f"{old!r} has shape {tuple(source.shape)} in the checkpoint and {tuple(target.shape)} in the model; "
                f"{instead}"
            )
        elif source.is_meta or source.dtype.is_floating_point != target.dtype.is_floating_point:
            what = "on meta, without numbers" if source.is_meta else _short(source.dtype)
            problems.append(f"{old!r} is {what} in the checkpoint and {_short(target.dtype)} in the model; {instead}")
    return problems or _contradictions(stored, sources, given)


def _strangers(names: Sequence[str], stored: Stored, given: dict[str, str]) -> list[str]:
    """Names that the model does not have; one line for like ones, and one when all lack or have a leading part."""
    if not names:
        return []
    known = stored.tensors.keys()
    part = _leading_part(given, known) if len(names) == len(given) else None
    if part is not None:
        return [f"no name of the checkpoint is in the model, such as {names[0]!r}. Give rename={{{part}}}"]
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(template(name), []).append(name)
    return [
        f"{pattern([given[name] for name in group] if _same_form(group, given) else group)!r} of the checkpoint is not "
        f'in the model.{did_you_mean(group[0], known)} Leave it out with ignore="{given[group[0]]}"'
        + (", and so on" if len(group) > 1 else "")
        for group in groups.values()
    ]


def _same_form(group: Sequence[str], given: dict[str, str]) -> bool:
    """Whether the checkpoint's own names differ in whole-number segments only."""
    return len({template(given[name]) for name in group}) == 1


def _leading_part(given: dict[str, str], known: Iterable[str]) -> str | None:
    """The one rename that would bring the names together: a leading part dropped, or added."""
    names, here = set(given), set(known)
    dropped = {part for part in _parts(next(iter(names))) if all(_without(name, part) in here for name in names)}
    added = {part for one in here for part in _parts(one) if all(part + name in here for name in names)}
    fits = [f'"{part}": ""' for part in dropped] + [f'"": "{part}"' for part in added]
    return fits[0] if len(fits) == 1 else None


def _parts(name: str) -> list[str]:
    """``a.`` and ``a.b.`` of ``a.b.weight``."""
    return [name[: i + 1] for i, letter in enumerate(name) if letter == "."]


def _without(name: str, part: str) -> str | None:
    return name[len(part) :] if name.startswith(part) else None


def _contradictions(stored: Stored, sources: dict[str, Tensor], given: dict[str, str]) -> list[str]:
    """One tensor of the model that the checkpoint has under several names, with different numbers."""
    problems = []
    for names in stored.alike():
        there = [name for name in names if name in sources]
        odd = [name for name in there[1:] if not torch.equal(sources[name], sources[there[0]])]
        if odd:
            one, other = given[there[0]], given[odd[0]]
            problems.append(
                f"{one!r} and {other!r} differ in the checkpoint and are one tensor in the model. Untie them, or leave "
                f'one out with ignore="{other}"'
            )
    return problems


def _alike(names: Sequence[str]) -> list[str]:
    """Names, those that differ in whole-number segments only in one line."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(template(name), []).append(name)
    return [pattern(group) for group in groups.values()]


def _short(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
