"""What tests of several packages share."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

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


BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
LOOK = """
<script>
const boxes = [...document.querySelectorAll("svg")].map(svg => [...svg.querySelectorAll("text")]
  .filter(text => !text.getAttribute("transform")?.match(/rotate\\(-[1-9]/))
  .map(text => [text.textContent, text.getBoundingClientRect()]));
const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 2 && b.top < a.bottom - 2;
const clashes = boxes.flatMap(texts => texts.flatMap(([s, a], i) => texts.slice(i + 1)
  .filter(([t, b]) => meet(a, b)).map(([t, b]) => s + "/" + t)));
const cut = [...document.querySelectorAll("svg")].flatMap(svg => [...svg.querySelectorAll("text")]
  .filter(text => text.getBoundingClientRect().right > svg.parentElement.getBoundingClientRect().right)
  .map(text => text.textContent));
const unreachable = [...document.querySelectorAll("main *")]
  .filter(one => one.scrollWidth > one.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(one).overflowX))
  .filter(one => one.tabIndex < 0).map(one => one.className || one.tagName);
const paper = getComputedStyle(document.body).backgroundColor, ink = getComputedStyle(document.body).color;
const wide = document.documentElement.scrollWidth - window.innerWidth;
document.title = JSON.stringify({wide, clashes, cut, unreachable, paper, ink});
</script>
"""
"""What meets or leaves its figure, what scrolls and cannot be reached by keyboard, and the page's colours."""


@pytest.fixture
def browse(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Opens a page in a real browser and tells what :data:`LOOK` sees, and what the console says."""
    if BROWSER is None:
        pytest.skip("no Chromium on this machine")

    def look(html: str, width: int, *, dark: bool = False) -> dict[str, Any]:
        page = tmp_path / "looked_at.html"
        page.write_text(html.replace("</body>", LOOK + "</body>"), encoding="utf-8")
        command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
        command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
        command += ["--enable-logging=stderr", f"--blink-settings=preferredColorScheme={0 if dark else 1}"]
        command += [f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},2000", "--dump-dom"]
        run = subprocess.run([*command, page.as_uri()], capture_output=True, text=True, check=True, timeout=60)
        title = re.search(r"<title>(.*?)</title>", run.stdout)
        assert title is not None
        seen = json.loads(title[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
        return {**seen, "console": re.findall(r"CONSOLE.*", run.stderr)}

    return look
