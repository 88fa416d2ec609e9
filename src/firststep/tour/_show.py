"""The tour as it is told on a terminal."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import rich.console
import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .. import _api, checking, reporting
from ..planning import Plan, Report
from . import _summary
from ._check import SLIPS, Checks, checks
from ._data import CLASSES, Digits, load_digits
from ._page import environment, page
from ._starts import Start, starts
from ._summary import EXPECTED_LOSS, counted
from ._train import Result, Settings, begin, construct, look, run_all

Form = Literal["text", "json", "quiet"]


def show(settings: Settings, out: Path, *, form: Form = "text") -> int:
    """Plan, apply, train, compare, and write the page.

    Args:
        settings: seeds, epochs and the rest.
        out: where the page goes; written whole at the end, or not at all.
        form: tables as the tour goes along, one JSON document at its end, or nothing.

    Returns:
        The exit code: 0, or 1 when the report marks a parameter as off.
    """
    began = time.monotonic()
    told = rich.console.Console(quiet=form != "text", highlight=False, markup=False, emoji=False, soft_wrap=True)
    all_starts = starts()
    with _one_thread():
        digits = load_digits()
        plan, report = _plan_and_apply(settings.seed, told)
        _first_losses(all_starts, digits, settings.seed, told)
        result = _train(all_starts, digits, settings, told, quiet=form == "quiet")
        checked = _check(digits, settings.seed, told)
        reporting.save(page(result, plan, report, checked), out)
        data = as_data(result, plan, report, checked)
    _heading(told, f"7. The same with figures: {out}")
    told.print(f"Open it in a browser. The tour took {time.monotonic() - began:.0f} seconds.")
    if form == "json":
        print(json.dumps(data, indent=2, allow_nan=False))
    return 0 if report.ok else 1


@contextmanager
def _one_thread() -> Iterator[None]:
    """For a net this small a second thread costs more than it brings, and sums would depend on the number of cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _plan_and_apply(seed: int, told: rich.console.Console) -> tuple[Plan, Report]:
    plan = _api.plan(construct(seed), "default")
    _heading(told, "1. The plan: nothing is touched yet")
    told.print(str(plan))
    report = plan.apply(seed=seed)
    _heading(told, f"2. Applied with seed {seed}: before and after, expected and measured")
    told.print(str(report))
    return plan, report


def _first_losses(all_starts: Sequence[Start], digits: Digits, seed: int, told: rich.console.Console) -> None:
    _heading(told, "3. The loss before the first step")
    told.print(f"Should be about ln {CLASSES} = {EXPECTED_LOSS:.3f}: ten digits, none preferred. It is:")
    rows = []
    for start in all_starts:
        signal = look(begin(start, seed), digits)
        rows.append((start.label, _summary.number(signal.loss), _summary.number(signal.output_std), start.what))
    told.print(reporting.text_table(("start", "loss", "std of logits", "what"), rows, numeric=(1, 2)))


def _train(
    all_starts: tuple[Start, ...], digits: Digits, settings: Settings, told: rich.console.Console, *, quiet: bool
) -> Result:
    n, m = settings.seeds, settings.epochs
    _heading(told, f"4. Training: {len(all_starts)} starts, {counted(n, 'seed')} each, {counted(m, 'epoch')}")
    told.print(reporting.text_table(("start", "why it is here"), [(start.label, start.why) for start in all_starts]))
    columns = (TextColumn("{task.description:<14}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(
        *columns,
        console=rich.console.Console(stderr=True),
        transient=True,
        disable=quiet or not sys.stderr.isatty(),
    ) as progress:
        task = progress.add_task("", total=len(all_starts) * n * m)

        def tick(start: Start) -> None:
            progress.update(task, advance=1, description=start.label)

        result = run_all(all_starts, digits, settings, tick)
    _heading(told, f"5. Results: median (range) over {counted(n, 'seed')}")
    told.print(reporting.text_table(_summary.COLUMNS, _summary.table(result), numeric=range(1, 5)))
    told.print()
    told.print(reporting.text_table(_summary.DUEL_COLUMNS, _summary.duels(result), numeric=(1, 2)))
    told.print()
    for sentence in (_summary.headline(result), *_summary.statements(result)):
        told.print(sentence, soft_wrap=False)
    return result


def _check(digits: Digits, seed: int, told: rich.console.Console) -> Checks:
    checked = checks(digits, seed)
    _heading(told, "6. The check: firststep.check(model, loss, batch)")
    told.print(f"This model: {checking.verdict(checked.sound)}.")
    _list(checked.sound, told)
    told.print(
        f"\nAfter two slips, each of which trains without an error message:\n\n{textwrap.indent(SLIPS, '    ')}\n"
    )
    told.print(f"{checking.verdict(checked.slipped)}.")
    _list(checked.slipped, told)
    return checked


def _list(report: checking.CheckReport, told: rich.console.Console) -> None:
    rows = [(one.severity, one.code, one.title, one.place) for one in report.findings]
    if rows:
        told.print()
        told.print(reporting.text_table(("severity", "code", "what", "where"), rows))


def _heading(told: rich.console.Console, text: str) -> None:
    told.print(f"\n{text}", style="bold")


def as_data(result: Result, plan: Plan, report: Report, checked: Checks) -> dict[str, Any]:
    """The whole tour as plain data; what is not finite is ``None``, which JSON can hold."""
    return _finite(
        {
            "settings": dataclasses.asdict(result.settings),
            "environment": dict(environment()),
            "expected_loss": EXPECTED_LOSS,
            "stages": list(result.stages),
            "starts": [
                {
                    "key": start.key,
                    "label": start.label,
                    "what": start.what,
                    "why": start.why,
                    "runs": [dataclasses.asdict(run) for run in result.of(start.key)],
                }
                for start in result.starts
            ],
            "statements": [_summary.headline(result), *_summary.statements(result)],
            "plan": plan.to_dict(),
            "report": report.to_dict(),
            "checks": {
                name: {"ok": one.ok, "findings": one.to_dict()["findings"]}
                for name, one in (("sound", checked.sound), ("slipped", checked.slipped))
            },
        }
    )


def _finite(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
