"""The report as text, against golden files; and its colours."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
import rich.console

from firststep.checking import CheckReport, verdict
from firststep.checking.view._rows import BEFORE, position, shown

from . import reports

Golden = Callable[[str, str], None]
ALL = [reports.wrong, reports.sound, reports.deep, reports.crashed, reports.not_finite]


@pytest.mark.parametrize("make", ALL, ids=lambda one: one.__name__)
def test_in_a_terminal_of_100_columns(golden: Golden, make: Callable[[], CheckReport]) -> None:
    text = make().text(100)

    golden(f"report_{make.__name__}", text)
    assert max(map(len, text.splitlines())) <= 100
    assert "deep" in make.__name__ or text.isascii()  # a formula of the catalogue has a square
    assert not any(line != line.rstrip() for line in text.splitlines())


def test_in_a_narrow_terminal(golden: Golden) -> None:
    text = reports.wrong().text(60)

    golden("report_wrong_60", text)
    assert max(map(len, text.splitlines())) <= 60


def test_the_terminals_width_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    report = reports.wrong()
    for width in (70, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        assert str(report) == report.text(width)
    monkeypatch.setenv("COLUMNS", "5")
    assert str(report) == report.text(50)


@pytest.mark.parametrize(
    ("which", "line"),
    [
        ((0, 1, 2, 3), "1 error, 2 warnings: fix these before the first step; 1 info"),
        ((0,), "1 error: fix this before the first step"),
        ((1,), "1 warning: look at this before the first step"),
        ((1, 2), "2 warnings: look at these before the first step"),
        ((3,), "No error and no warning before the first step; 1 info"),
        ((), "No error and no warning before the first step"),
    ],
)
def test_the_verdict_in_one_line(which: tuple[int, ...], line: str) -> None:
    report = CheckReport(tuple(reports.FOUND[i] for i in which), reports.sound().evidence)

    assert verdict(report) == line
    assert str(report).startswith(f"{line}\n")


def _console(**options: object) -> tuple[rich.console.Console, io.StringIO]:
    stream = io.StringIO()
    return rich.console.Console(file=stream, width=100, **options), stream  # type: ignore[arg-type]


def test_rich_colours_it_on_a_terminal_and_changes_no_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)
    report = reports.wrong()
    plain, plainly = _console()
    plain.print(report, soft_wrap=True)
    bright, brightly = _console(force_terminal=True, color_system="standard")
    bright.print(report, soft_wrap=True)

    assert plainly.getvalue() == f"{report}\n"
    assert "\x1b[1;31m" in brightly.getvalue()
    assert "\x1b" not in str(report)


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    console, stream = _console(force_terminal=True)
    console.print(reports.wrong(), soft_wrap=True)

    assert "\x1b[1;31m" not in stream.getvalue()


def test_long_tables_say_how_much_they_leave_out() -> None:
    text = reports.deep(30).text(100)

    assert "layers are left out; .save(path) shows them all" in text
    assert text.count("\n... ") == 2
    assert len(text.splitlines()) < 80
    assert "blocks.15.fc" in text


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("first", 0),
        ("first.weight", 0),
        ("act (tanh)", 1),
        ("second.bias", 2),
        ("softmax (softmax)", 5),
        ("inputs['x']", BEFORE),
        ("targets", 6),
        ("loss.weight", 6),
        ("backward", 6),
        ("nowhere", None),
        ("first.nowhere.weight", None),
    ],
)
def test_where_a_finding_belongs(place: str, expected: int | None) -> None:
    assert position(place, reports.wrong().evidence.layers) == expected


def test_a_containers_place_is_its_last_layer() -> None:
    layers = reports.deep(2).evidence.layers

    assert layers[position("blocks.0", layers) or 0].name == "blocks.0.proj"
    assert layers[position("blocks", layers) or 0].name == "blocks.1.proj"
    assert position("weight", reports.sound().evidence.layers) == 0


def test_what_is_wanted_is_shown() -> None:
    rows = list(shown(1000, {500}, 40))

    assert 500 in rows
    assert sum(len(one) for one in rows if isinstance(one, range)) == 1000 - 40
