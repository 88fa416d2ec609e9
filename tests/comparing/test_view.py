"""What is printed, written and drawn."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from firststep import reporting
from firststep.comparing import Comparison
from firststep.comparing._page import page

from . import results

GOLDEN = Path(__file__).parent / "golden"
MAKERS = [results.plain, results.rated, results.few, results.alone, results.many]
EACH = pytest.mark.parametrize("make", MAKERS, ids=lambda one: one.__name__)
Make = Callable[[], Comparison]


@EACH
@pytest.mark.parametrize("width", [100, 64])
def test_text_is_the_golden_file(make: Make, width: int) -> None:
    text = make().text(width)

    assert f"{text}\n" == (GOLDEN / f"{make.__name__}_{width}.txt").read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= width


@EACH
def test_the_page_is_whole_and_fetches_nothing(make: Make, read_page: Callable[[str], Any]) -> None:
    result = make()
    text = reporting.render(page(result))
    words = "\n".join(read_page(text).words)

    assert len(text.encode()) < 2**20
    assert "nan" not in re.sub(r">[^<]*<", "><", text).lower()
    for one in result.outcomes:
        assert one.label in words
        assert one.what in words
    for digest in result.batches:
        assert digest in words


def test_the_pictures_show_every_seed_and_every_start() -> None:
    text = reporting.render(page(results.rated()))
    strip = next(one for one in re.findall(r"<svg.*?</svg>", text, re.S) if "one dot per seed" in one)

    dots = [float(x) for x in re.findall(r'<circle[^>]*fill="var\(--series-\d\)"[^>]*><title>([^<]*)</title>', strip)]
    expected = [step for one in results.rated().outcomes for step in arrivals(one.curves)]
    assert sorted(dots) == sorted(expected)
    assert "1 never" not in strip
    many = [figure.alt for figure in page(results.many()).sections[1].blocks[0].figures]  # type: ignore[union-attr]
    assert len(many) == 4  # losses and differences, of eight others in two groups
    assert all(f"start {i}" in many[0] + many[2] for i in range(8))


def arrivals(curves: Any) -> list[float]:
    """When the mean of the last two losses is at 0.6."""
    found = []
    for curve in curves:
        means = [curve[0], *((a + b) / 2 for a, b in itertools.pairwise(curve))]
        found += [float(step) for step, mean in enumerate(means) if mean <= 0.6][:1]
    return found


@pytest.mark.parametrize(("make", "width", "dark"), [(results.rated, 1280, False), (results.many, 500, True)])
def test_in_a_browser(browse: Callable[..., dict[str, Any]], make: Make, width: int, dark: bool) -> None:
    seen = browse(reporting.render(page(make())), width, dark=dark)

    assert (seen["clashes"], seen["cut"], seen["unreachable"], seen["console"]) == ([], [], [], [])
    assert seen["wide"] <= 0
    assert seen["paper"] == ("rgb(21, 23, 26)" if dark else "rgb(252, 251, 249)")


def test_saves_whole_pages_and_pictures(tmp_path: Path) -> None:
    result = results.plain()

    assert result.save(tmp_path / "a.html") == tmp_path / "a.html"
    assert (tmp_path / "a.html").read_text(encoding="utf-8") == reporting.render(page(result))
    svg = result.save(str(tmp_path / "a.svg")).read_text(encoding="utf-8")
    assert svg.startswith("<svg")
    assert "prefers-color-scheme: dark" in svg
    assert not re.search(r"https?://(?!www.w3.org)", svg)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.html", "a.svg"]
    with pytest.raises(FileNotFoundError):
        result.save(tmp_path / "no" / "a.html")


def test_in_a_notebook_it_is_a_frame_of_its_own() -> None:
    result = results.few()
    text = result._repr_html_()
    frame = re.search(r'<iframe title="[^"]*" sandbox srcdoc="([^"]*)"', text)

    assert frame is not None
    assert unescape(frame[1]) == reporting.render(page(result))


@EACH
def test_json_has_no_infinity_and_says_everything(make: Make) -> None:
    result = make()
    data = json.loads(result.to_json())

    assert data["verdict"] == result.verdict
    assert [one["label"] for one in data["starts"]] == [one.label for one in result.outcomes]
    assert [len(one["curves"]) for one in data["starts"]] == [len(result.seeds)] * len(result.outcomes)
    assert all(len(curve) == result.steps for one in data["starts"] for curve in one["curves"])


def test_repr_says_to_print() -> None:
    assert repr(results.few()) == "<Comparison of ours, torch: 3 seeds, 40 steps; print it to see>"


def test_importing_brings_neither_matplotlib_nor_jinja() -> None:
    code = (
        "import sys, torch; before = set(sys.modules); import firststep.comparing; "
        "assert not {'matplotlib', 'jinja2'} & (set(sys.modules) - before)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
