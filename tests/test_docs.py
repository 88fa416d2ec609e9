"""The docs are true: what is generated is up to date, what is shown runs, links lead somewhere, languages agree."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parent.parent
WHOLE_PAGES = sorted(
    page for kind in ("losses", "checks", "recipes") for page in (ROOT / "docs").glob(f"*/{kind}/*.md")
)
PAGES = [ROOT / "README.md", ROOT / "README.zh-CN.md", *sorted((ROOT / "docs").glob("*/*.md"))]
LINKED = [*PAGES, *WHOLE_PAGES, *(ROOT / name for name in ("ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"))]
FENCED = re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def short(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def make_docs() -> ModuleType:
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        return importlib.import_module("make_docs")
    finally:
        sys.path.remove(str(ROOT / "tools"))


def prose(page: Path) -> str:
    return FENCED.sub("", page.read_text(encoding="utf-8"))


def headings(page: Path) -> list[tuple[int, str]]:
    return [(len(marks), title) for marks, title in re.findall(r"^(#+) +(.+)$", prose(page), re.MULTILINE)]


def anchors(page: Path) -> set[str]:
    """The anchors a Markdown viewer gives the headings: lower case, spaces to hyphens, punctuation dropped."""
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for _, title in headings(page)}


@pytest.mark.parametrize("page", PAGES, ids=short)
def test_generated_parts_and_printed_outputs_are_up_to_date(make_docs: ModuleType, page: Path) -> None:
    assert page.read_text(encoding="utf-8") == make_docs.render(page), "run: make docs"


def test_the_pages_and_pictures_of_the_losses_are_up_to_date(make_docs: ModuleType) -> None:
    made = make_docs.loss_pages.files()

    assert [short(file) for file in made if not file.exists() or file.read_text(encoding="utf-8") != made[file]] == []
    assert make_docs.loss_pages.stale() == []


def test_the_pages_of_the_checks_are_up_to_date(make_docs: ModuleType) -> None:
    made = make_docs.check_pages.files()

    assert [short(file) for file in made if not file.exists() or file.read_text(encoding="utf-8") != made[file]] == []
    assert make_docs.check_pages.stale() == []


def test_the_pages_of_the_recipes_are_up_to_date(make_docs: ModuleType) -> None:
    made = make_docs.recipe_pages.files()

    assert [short(file) for file in made if not file.exists() or file.read_text(encoding="utf-8") != made[file]] == []
    assert make_docs.recipe_pages.stale() == []


@pytest.mark.parametrize("kind", ["losses", "checks", "recipes"])
def test_every_page_of_a_kind_is_reached_from_its_list(kind: str) -> None:
    for language in ("en", "zh"):
        page = ROOT / "docs" / language / f"{kind}.md"
        linked = {link for link in LINK.findall(prose(page)) if link.startswith(f"{kind}/")}
        assert {f"{kind}/{one.name}" for one in (page.parent / kind).glob("*.md")} == linked


@pytest.mark.parametrize("page", LINKED, ids=short)
def test_every_relative_link_resolves(page: Path) -> None:
    for link in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{short(page)} links to {link}"
        assert not anchor or unquote(anchor) in anchors(target), f"{short(page)} links to {link}"


def test_both_languages_have_the_same_pages() -> None:
    english, chinese = ({page.name for page in (ROOT / "docs" / language).rglob("*.md")} for language in ("en", "zh"))
    assert english == chinese
    assert "index.md" in english


PAIRS = [(ROOT / "README.md", ROOT / "README.zh-CN.md")] + [
    (page, ROOT / "docs" / "zh" / page.name) for page in sorted((ROOT / "docs" / "en").glob("*.md"))
]


@pytest.mark.parametrize(("english", "chinese"), PAIRS, ids=[short(english) for english, _ in PAIRS])
def test_both_languages_have_the_same_outline_and_the_same_code(english: Path, chinese: Path) -> None:
    assert [level for level, _ in headings(english)] == [level for level, _ in headings(chinese)]
    assert run_blocks(english) == run_blocks(chinese)


def run_blocks(page: Path) -> list[str]:
    """The executed blocks without their comments, which are in the page's language."""
    blocks = re.findall(
        r"^```(?:python|console) run\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    return [re.sub(r" *#.*", "", block) for block in blocks]


def test_every_page_is_reached_from_its_index() -> None:
    for language in ("en", "zh"):
        index = ROOT / "docs" / language / "index.md"
        linked = {link.partition("#")[0] for link in LINK.findall(prose(index))}
        assert {page.name for page in index.parent.glob("*.md")} - {"index.md"} <= linked
