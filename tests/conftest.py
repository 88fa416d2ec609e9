"""What tests of several packages share."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest

VOID = {"meta", "link", "br", "hr", "img", "input", "path", "use", "rect", "line", "circle"}
"""Elements that stand alone, in HTML or (closed by themselves) in SVG."""


class Reading(HTMLParser):
    """A strict reading of a page: tags nest, ids are unique, nothing is fetched or run."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("href", "xlink:href", "src", "srcset", "action", "data"):
                self.links.append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture
def read_page() -> Callable[[str], Reading]:
    """Reads a page strictly; fails where it is not well formed or not self-contained."""

    def read(html: str) -> Reading:
        reading = Reading()
        reading.feed(html)
        reading.close()
        assert reading.open == []
        assert sorted(reading.ids) == sorted(set(reading.ids))
        assert not {"script", "link", "iframe", "object", "img"} & set(reading.tags)
        assert all(link.startswith("#") and link[1:] in reading.ids for link in reading.links)
        assert not re.search(r"https?://|@import|url\((?!#)|[\"'(]//", html)
        assert all(name in reading.ids for name in re.findall(r"url\(#([^)]*)\)", html))
        return reading

    return read
