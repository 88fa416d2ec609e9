"""The drawing by hand: its marks, its escapes, its scales."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firststep.reporting import Canvas, Scale, Shape, room

SHAPES: tuple[Shape, ...] = ("dot", "ring", "diamond", "triangle", "bar", "cross")


def test_marks_differ_in_shape_and_tell_their_title(read_page):
    outlines = set()
    for shape in SHAPES:
        sheet = Canvas(20, 20)
        sheet.mark((10, 10), shape, colour="error", title="a < b")
        markup = sheet.svg("one").markup
        read_page(f"<body>{markup}</body>")
        assert "<title>a &lt; b</title>" in markup
        outlines.add(re.sub(r"var\([^)]*\)|<title.*", "", markup))
    assert len(outlines) == len(SHAPES)


def test_colours_are_the_pages():
    sheet = Canvas(20, 20)
    sheet.line([(0, 0), (5, 5.123)], stroke="series-1", dash="2 3")
    sheet.rect((1, 1), (2, 2), fill="card", stroke="grid", radius=2, opacity=0.5)
    sheet.text(3, 4, "x", anchor="middle", bold=True, turn=40)
    markup = sheet.svg("a picture").markup

    assert set(re.findall(r"var\(--([a-z0-9-]+)\)", markup)) == {"series-1", "card", "grid", "ink"}
    assert not re.search("#[0-9a-f]{3}", markup)
    assert 'transform="rotate(-40 3 4)"' in markup
    assert sheet.svg("a picture").alt == "a picture"


@given(st.floats(1e-9, 1e9), st.floats(1.001, 1e9), st.booleans())
def test_ticks_are_round_and_within(low, ratio, log):
    scale = Scale(low, low * ratio, 0.0, 100.0, log=log)
    ticks = scale.ticks(6)

    assert len(ticks) <= 8
    assert ticks == sorted(set(ticks))
    assert all(-0.1 <= scale(tick) <= 100.1 for tick in ticks)


def test_a_scale_of_one_number_is_its_middle():
    assert Scale(2.0, 2.0, 0.0, 100.0)(2.0) == 50.0
    assert Scale(2.0, 2.0, 0.0, 100.0).ticks() == [2.0]


@pytest.mark.parametrize(("text", "wide"), [("", 0), ("abc", 18), ("损失", 20)])
def test_room(text, wide):
    assert room(text, 10) == pytest.approx(wide)
