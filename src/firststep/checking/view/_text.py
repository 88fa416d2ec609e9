"""The report as text that fits a terminal; without colours, which are laid over it where a terminal shows them."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...reporting import text_table
from .._finding import Finding, listed
from ._rows import LAYER_COLUMNS, layer_row, legend, located, shown
from ._words import Beginning, beginnings, counted, ignored, lines, number, said, verdict

if TYPE_CHECKING:
    from rich.text import Text

    from .._report import CheckReport

_DEFAULT, _LEAST, _WIDEST_PROSE = 100, 50, 100
_MOST_ROWS = 40
_WORD = 10
"""The width of the words before a finding's statements."""

_STYLES = {
    r"(?m)^  error +FS\d+": "bold red",
    r"(?m)^  warning +FS\d+": "bold yellow",
    r"(?m)^  info +FS\d+": "bold blue",
    r"(?m)^[a-z][a-z ,]+$": "bold",
    r"(?m)^    fix +.*(?:\n {14}.*)*": "green",
    r"(?m)^    (?:measured|expected|least|then|why|seen)(?= )": "dim",
    r"(?m)^-[- ]+$": "dim",
}


def text(report: CheckReport, width: int | None) -> str:
    """The report: verdict, loss, findings, layers, parameters.

    Args:
        report: the report.
        width: columns; the terminal's by default.
    """
    width = max(shutil.get_terminal_size((_DEFAULT, 24)).columns if width is None else width, _LEAST)
    parts = [
        [verdict(report)],
        list(_losses(report, width)),
        list(_findings(report, width)),
        list(_layers(report, width)),
        list(_parameters(report, width)),
    ]
    return "\n\n".join("\n".join(part) for part in parts if part)


def coloured(report: CheckReport, width: int | None) -> Text:
    """The same with rich's colours, which its console leaves out where nobody would see them."""
    from rich.text import Text

    made = Text(text(report, width), no_wrap=True, overflow="ignore")
    first = "bold red" if report.of("error") else "bold yellow" if report.of("warning") else "bold green"
    made.stylize(first, 0, len(verdict(report)))
    for pattern, style in _STYLES.items():
        made.highlight_regex(pattern, style)
    return made


def _filled(text: str, width: int, first: str, later: str) -> list[str]:
    return textwrap.wrap(
        " ".join(text.split()),
        min(width, _WIDEST_PROSE),
        initial_indent=first,
        subsequent_indent=later,
        break_on_hyphens=False,
    ) or [first.rstrip()]


def _losses(report: CheckReport, width: int) -> Iterator[str]:
    found = beginnings(report)
    if found:
        yield "loss at the start"
    for one in found:
        inside = f", in {one.place}" if one.place not in ("", "loss") else ""
        yield from _filled(f"{one.name}{inside}", width, "  ", "      ")
        for word, text in _beginning(one):
            yield from _filled(text, width, f"    {word:<{_WORD}}", " " * (4 + _WORD))


def _beginning(one: Beginning) -> Iterator[tuple[str, str]]:
    yield from said(one)
    if one.after:
        steps = "a virtual step" if len(one.after) == 1 else f"{len(one.after)} virtual steps"
        yield "then", f"{', '.join(map(number, one.after))} after {steps}"


def _findings(report: CheckReport, width: int) -> Iterator[str]:
    if report.findings:
        yield "findings"
    for i, one in enumerate(report.findings):
        if i:
            yield ""
        yield from _finding(one, width)
    for one in report.failed:
        yield from _filled(f"could not judge this model: {one}", width, "  ", "    ")
    if report.ignored:
        yield from _filled(ignored(report), width, "" if not report.findings else "  ", "  ")


def _finding(one: Finding, width: int) -> Iterator[str]:
    head = f"  {one.severity:<{_WORD}}"
    yield from _filled(f"{one.code}  {one.title}, at {one.place}", width, head, " " * (4 + _WORD))
    for word, text in lines(one):
        pieces = text.splitlines() or [""]
        for j, piece in enumerate(pieces):
            yield from _filled(piece, width, f"    {'' if j else word:<{_WORD}}", " " * (4 + _WORD))
    for j, clue in enumerate(one.evidence):
        yield from _filled(
            f"{clue.channel}: {clue.text}", width, f"    {'' if j else 'seen':<{_WORD}}", " " * (6 + _WORD)
        )


def _layers(report: CheckReport, width: int) -> Iterator[str]:
    layers, found = report.evidence.layers, located(report)
    if not layers:
        return
    yield "layers, in the order in which they ran"
    cells = [layer_row(layer, found.get(i, [])) for i, layer in enumerate(layers)]
    used = [j for j, name in enumerate(LAYER_COLUMNS) if j < 4 or any(row[j] not in ("", "0") for row in cells)]
    columns = [LAYER_COLUMNS[j] for j in used]
    rows: list[list[str]] = []
    left = 0
    for one in shown(len(layers), found, _MOST_ROWS):
        if isinstance(one, range):
            left += len(one)
            rows.append([f"... {len(one)} more", *[""] * (len(columns) - 1)])
        else:
            rows.append([cells[one][j] for j in used])
    numeric = [j for j, name in enumerate(columns) if name not in ("layer", "kind", "output", "finding")]
    optional = [columns.index(name) for name in ("output", "kind", "zero", "saturated", "dead") if name in columns]
    table = text_table(columns, rows, numeric=numeric, width=width, optional=optional)
    yield table
    yield from _filled(legend(layers, table.partition("\n")[0].split()), width, "  ", "  ")
    if left:
        yield from _filled(
            f"{left} of {len(layers)} layers are left out; .save(path) shows them all", width, "  ", "  "
        )


def _parameters(report: CheckReport, width: int) -> Iterator[str]:
    evidence = report.evidence
    every, trained = evidence.parameters, evidence.trained
    if not every:
        return
    yield "parameters"
    elements = counted(sum(one.numel for one in every), "element")
    frozen = f", {counted(len(every) - len(trained), 'frozen parameter')}" if len(every) > len(trained) else ""
    yield from _filled(f"{counted(len(every), 'parameter')}, {elements}{frozen}", width, "  ", "      ")
    for what, names in _exceptions(report):
        if names:
            yield from _filled(f"{counted(len(names), 'parameter')} {what}: {listed(names, 5)}", width, "  ", "      ")


def _exceptions(report: CheckReport) -> Iterator[tuple[str, list[str]]]:
    trained = report.evidence.trained
    if any(one.reached for one in trained):
        yield "not reached by the loss", [one.name for one in trained if not one.reached]
        yield "with a gradient of 0", [one.name for one in trained if one.reached and one.gradient == 0]
    yield "not in the optimizer", [one.name for one in trained if one.optimized is False]
