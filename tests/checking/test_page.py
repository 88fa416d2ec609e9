"""The report as a page: whole, self-contained, readable in light and dark, and in a real browser."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from firststep import reporting
from firststep.checking import CheckReport
from firststep.checking.view._page import page

from . import reports

MAKERS = [reports.wrong, reports.sound, reports.deep, reports.crashed, reports.not_finite]
EACH = pytest.mark.parametrize("make", MAKERS, ids=lambda one: one.__name__)
Make = Callable[[], CheckReport]


def html(report: CheckReport) -> str:
    return reporting.render(page(report))


@EACH
def test_whole_self_contained_and_small(make: Make, read_page: Callable[[str], Any]) -> None:
    text = html(make())
    reading = read_page(text)

    assert len(text.encode()) < 2**20
    assert "findings" in reading.ids
    assert reading.links == [f"#{key}" for key in reading.ids if key in {one[1:] for one in reading.links}]
    assert "NaN" not in re.sub(r">[^<]*<", "><", text)  # no place on a canvas is NaN


def test_everything_found_stands_there_escaped(read_page: Callable[[str], Any]) -> None:
    text = html(reports.wrong())
    words = "\n".join(read_page(text).words)

    assert words.count("1 error, 2 warnings: fix these before the first step; 1 info.") == 1
    for one in reports.FOUND:
        for part in (one.code, one.title, one.place, one.measured, one.expected, one.why, one.fix):
            assert part in words
        assert all(clue.text in words for clue in one.evidence)
    assert "Found and ignored, as asked: FS301." in words
    assert "在自带 softmax 的损失之前又做了 softmax" in words
    assert "<code>nn.init.xavier_normal_(model.second.weight)</code>" in text


def test_a_fix_that_can_be_typed_is_code_to_copy() -> None:
    text = html(reports.wrong())

    assert re.findall(r'<pre tabindex="0"><code>(.*?)</code>', text) == [
        "inputs = inputs / 255",
        "nn.init.xavier_normal_(model.second.weight)",
    ]


def test_marks_are_told_apart_without_colour() -> None:
    """A diamond, two triangles and a ring above the layers, each on its line; the same shapes on the badges."""
    signal = next(one for one in re.findall(r"<svg.*?</svg>", html(reports.wrong()), re.S) if "activations, rms" in one)
    diamonds = re.findall(r"<polygon points=\"[^\"]*\" fill=\"var\(--error\)\"", signal)
    triangles = re.findall(r"<polygon points=\"[^\"]*\" fill=\"var\(--warning\)\"", signal)
    rings = re.findall(r"<circle [^>]*fill=\"var\(--card\)\" stroke=\"var\(--info\)\"", signal)

    assert (len(diamonds), len(triangles), len(rings)) == (1, 2, 1)
    assert [points.count(" ") for points in re.findall(r'<polygon points="([^"]*)" fill="var\(--(?:e|w)', signal)] == [
        2,
        2,
        3,
    ]
    for code in ("FS101", "FS605", "FS606", "FS611"):
        assert f">{code}</text>" in signal


def test_the_parameters_table_and_pictures() -> None:
    report = reports.wrong()
    text = html(report)

    for one in report.evidence.parameters:
        assert f'short">{one.name}</td>' in text
    assert text.count("Values of ") == 3
    assert ">frozen</td>" in text
    scaled = report.evidence.parameters[0].std * 6**0.5
    assert f">{scaled:.3g}</td>" in text


def test_the_examples_matrix_is_the_models(read_page: Callable[[str], Any]) -> None:
    report = reports.sound()

    assert report.evidence.dependency == tuple(tuple(float(i == j) for j in range(3)) for i in range(3))
    assert "the output of each of 3 examples depends on the input of each: 0 on others." in html(report)


def test_two_renderings_are_the_same() -> None:
    assert html(reports.wrong()) == html(reports.wrong())


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [500, 1280])
def test_in_a_browser(browse: Callable[..., dict[str, Any]], width: int, dark: bool) -> None:
    seen = browse(html(reports.wrong()), width, dark=dark)

    assert (seen["clashes"], seen["cut"], seen["unreachable"], seen["console"]) == ([], [], [], [])
    assert seen["wide"] <= 0
    light, black = "rgb(252, 251, 249)", "rgb(21, 23, 26)"
    assert seen["paper"] == (black if dark else light)


@EACH
def test_every_report_opens_in_a_browser(browse: Callable[..., dict[str, Any]], make: Make) -> None:
    seen = browse(html(make()), 900)

    assert (seen["clashes"], seen["cut"], seen["unreachable"], seen["console"]) == ([], [], [], [])


def test_in_a_notebook_it_is_a_frame_of_its_own(read_page: Callable[[str], Any]) -> None:
    report = reports.wrong()
    text = report._repr_html_()
    frame = re.search(r'<iframe title="[^"]*" sandbox srcdoc="([^"]*)"', text)

    assert frame is not None
    assert unescape(frame[1]) == html(report)
    assert text.startswith("<p>1 error, 2 warnings: fix these before the first step; 1 info</p>")


def test_saves_whole_and_returns_the_path(tmp_path: Path) -> None:
    report = reports.sound()
    path = report.save(str(tmp_path / "start.html"))

    assert path == tmp_path / "start.html"
    assert path.read_text(encoding="utf-8") == html(report)
    assert [one.name for one in tmp_path.iterdir()] == ["start.html"]
    with pytest.raises(FileNotFoundError):
        report.save(tmp_path / "no" / "start.html")


def test_importing_brings_no_page_maker_and_a_page_needs_no_matplotlib(tmp_path: Path) -> None:
    code = (
        "import sys, torch; before = set(sys.modules); import firststep as fs; from torch import nn; "
        "assert not {'matplotlib', 'jinja2'} & (set(sys.modules) - before); "
        "sys.modules['matplotlib'] = None; "
        "r = fs.check(nn.Linear(3, 2), nn.CrossEntropyLoss(), (torch.randn(4, 3), torch.tensor([0, 1, 0, 1]))); "
        f"r.save({str(tmp_path / 'a.html')!r})"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert (tmp_path / "a.html").exists()
