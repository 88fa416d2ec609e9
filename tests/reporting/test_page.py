"""The page: all its blocks, escaped, self-contained."""

from __future__ import annotations

import re

import pytest

from firststep.reporting import (
    Badge,
    Card,
    Code,
    Facts,
    Figures,
    Line,
    Page,
    Points,
    Section,
    Table,
    Tagged,
    Text,
    chart,
    render,
    save,
    text_table,
)


def _card() -> Card:
    blocks = (Facts([("term", "词", "said & done")]), Code("x < y"), Tagged([("tag", "seen <here>")]))
    return Card("card-1", Badge("bad", "error"), "Wrong <so>", blocks, "错误", "E1", "net.0")


def _page() -> Page:
    figure = chart("fig", [Line("a", [1.0, 2.0])], x=[0, 1], y_label="y", alt='a "quoted" picture')
    table = Table(("name", "std"), [("w<1>", "0.1"), ("b", "0.2")], numeric=[1], code=[0], slots=[1, 2], marked=[1])
    return Page(
        title="Title & more",
        title_zh="标题",
        lead="Lead.",
        sections=(
            Section("first", "First", (Text("<b>not bold</b>"), Points(["one", "two"]), Code("a < b")), "第一"),
            Section("second", "Second", (table, Figures([figure], "caption", "wide"))),
            Section("third", "Third", (_card(),)),
        ),
        footer="Foot.",
        badges=(Badge("2 things", "warning"), Badge("fine", "good"), Badge("aside", "info")),
    )


def test_holds_every_block_escaped(read_page):
    html = render(_page())
    reading = read_page(html)

    assert {"first", "second"} <= set(reading.ids)
    assert reading.links[:2] == ["#first", "#second"]
    for text in ("Title & more", "标题", "<b>not bold</b>", "one", "a < b", "w<1>", "caption", "Foot."):
        assert text in reading.words
    assert "b" not in reading.tags
    assert 'aria-label="a &#34;quoted&#34; picture"' in html
    assert reading.tags.count("svg") == 1 + 4
    assert "card-1" in reading.ids
    for text in ("2 things", "bad", "Wrong <so>", "错误", "E1", "net.0", "said & done", "x < y", "tag", "词"):
        assert any(text in word for word in reading.words), text


def test_marks_what_the_table_says():
    html = render(_page())

    assert html.count('<tr class="marked">') == 1
    assert html.count('class="swatch series-') == 2
    assert html.count('<td class="number short">') == 2
    assert html.count('<td class="code short">') == 2


def test_everything_that_may_scroll_is_reached_by_keyboard():
    html = render(_page())

    assert html.count('<div class="scroll" tabindex="0" role="region"') == 1
    assert html.count('<div class="charts wide" tabindex="0" role="region"') == 1
    assert html.count("<pre") == html.count('<pre tabindex="0">') == 2


def test_defines_every_colour_in_light_and_in_dark():
    html = render(_page())
    used = set(re.findall(r"var\((--[a-z0-9-]+)\)", html))
    light, dark = html.split("@media (prefers-color-scheme: dark)", 1)

    for variable in used:
        assert f"{variable}:" in light
        assert f"{variable}:" in dark.split("* {", 1)[0]


def _luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.1."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_colours_are_readable_on_the_paper(scheme):
    block = re.findall(r":root \{(.*?)\}", render(_page()), flags=re.S)[scheme]
    colours = dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", block))

    for paper in ("paper", "card", "warn"):
        for name in ("ink", "muted"):
            pair = sorted((_luminance(colours[name]), _luminance(colours[paper])))
            assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5, (name, paper)
    for name in (*(f"series-{slot}" for slot in range(1, 7)), "error", "warning", "info", "good"):
        pair = sorted((_luminance(colours[name]), _luminance(colours["card"])))
        assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5, name


def test_saves_what_it_renders(tmp_path):
    save(_page(), tmp_path / "page.html")

    assert (tmp_path / "page.html").read_text(encoding="utf-8") == render(_page())


def test_refuses_a_ragged_table():
    with pytest.raises(ValueError, match=re.escape("Table has 2 columns, and a row of 1 cells: ['x']")):
        Table(("a", "b"), [("x",)])


def test_text_table_that_must_fit_drops_what_it_may_and_breaks_the_rest():
    columns, rows = ("layer", "kind", "rms"), [("encoder.blocks.11.attention.norm", "LayerNorm", "1.25")]

    wide = text_table(columns, rows, numeric=[2], width=80, optional=[1])
    narrow = text_table(columns, rows, numeric=[2], width=30, optional=[1])
    assert "LayerNorm" in wide
    assert narrow.splitlines() == [
        "layer                      rms",
        "------------------------  ----",
        "encoder.blocks.11.        1.25",
        "  attention.norm",
    ]
    assert "x" * 40 in text_table(("x" * 40,), [], numeric=[0], width=20)


def test_text_table_without_rows():
    assert text_table(("a", "bc"), []) == "a  bc\n-  --"
