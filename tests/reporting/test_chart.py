"""The chart: what it shows, that it is the page's own, and that it is the same each time."""

from __future__ import annotations

import math
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firststep.reporting import Line, chart
from firststep.reporting._chart import spread


def _chart(name: str = "c", **options):
    lines = [
        Line("rising", [0.1, 0.5, 0.9], [0.0, 0.4, 0.8], [0.2, 0.6, 1.0], slot=1, bold=True),
        Line("level & <flat>", [0.1, 0.1, 0.1], slot=2),
    ]
    return chart(name, options.pop("lines", lines), x=range(3), y_label="accuracy", alt="Two lines.", **options)


def _texts(markup: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", markup)


def test_names_its_lines_axes_and_reference():
    texts = _texts(_chart(x_label="epoch", reference=(0.1, "guessing")).markup)

    for word in ("rising", "level &amp; &lt;flat&gt;", "accuracy", "epoch", "guessing"):
        assert word in texts


def test_is_the_same_each_time_and_well_formed(read_page):
    first, second = _chart(), _chart()

    assert first == second
    read_page(f"<body>{first.markup}{_chart('d').markup}</body>")


def test_takes_colours_and_fonts_from_the_page():
    markup = _chart().markup

    assert "var(--series-1)" in markup
    assert "var(--series-2)" in markup
    assert "var(--ink)" in markup
    assert set(re.findall(r"#[0-9a-fA-F]{6}\b", markup)) == set()
    assert set(re.findall(r"font-family: ([^;\"]*)", markup)) == {"inherit"}
    assert "<style" not in markup


def test_labels_stay_apart_and_inside():
    lines = [Line(name, [1.0, 1.0, 1.0], slot=i) for i, name in enumerate("abcd", start=1)]
    markup = _chart(lines=lines, limits=(0.0, 1.0)).markup
    heights = sorted(float(y) for y, text in re.findall(r'<text[^>]*? y="([^"]*)"[^>]*>([abcd])</text>', markup))

    assert len(heights) == 4
    assert all(b - a > 14 for a, b in pairwise(heights))


def test_a_log_axis_counts_in_powers_and_words_stand_under_it():
    lines = [Line("wide", [1e-8, 1.0, 1e6])]
    texts = _texts(_chart(lines=lines, scale="log", x_ticks=["one", "two", "three"]).markup)

    assert {"1", "10⁻⁸", "10⁶", "one", "two", "three"} <= set(texts)


def test_a_line_without_finite_end_is_named_at_the_top():
    lines = [Line("gone", [1.0, math.nan, math.nan]), Line("here", [0.5, 0.5, 0.5])]
    markup = _chart(lines=lines).markup
    height = {text: float(y) for y, text in re.findall(r'<text[^>]*? y="([^"]*)"[^>]*>(gone|here)</text>', markup)}

    assert height["gone"] < height["here"]


def test_refuses_a_colour_the_page_does_not_have():
    with pytest.raises(ValueError, match=re.escape("Line(slot=7): expected 1 to 6, the page's series colours")):
        Line("a", [1.0], slot=7)


@given(st.lists(st.floats(0, 200), min_size=1, max_size=6))
def test_spread_keeps_order_gap_and_room(wanted):
    placed = spread(wanted, 15.0, 200.0)
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])

    assert all(placed[b] - placed[a] >= 15.0 - 1e-9 for a, b in pairwise(order))
    assert all(-1e-9 <= p <= 200.0 + 1e-9 for p in placed)
