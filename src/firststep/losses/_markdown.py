"""A loss as Markdown: what notebooks render, and what the documentation's pages are."""

from __future__ import annotations

from collections.abc import Iterator

from ._facts import Language, Part, facts, say
from ._families import FAMILIES
from ._spec import LossSpec


def page(spec: LossSpec, language: Language = "en", *, picture: str = "") -> str:
    """The page of a loss.

    Args:
        spec: its declaration.
        language: of the prose.
        picture: the path of its drawing, from the page; none by default.
    """
    names = f"`losses.functional.{spec.name}`, `losses.{spec.module}`" if spec.kernel else f"`{spec.path}`"
    blocks = [
        f"# {say(spec.title, language)}",
        f"{names} · {say(FAMILIES[spec.family], language)}",
        say(spec.purpose, language),
    ]
    for part in facts(spec, language):
        blocks += [f"## {part.heading}", *_part(part)]
        if part.code and picture:
            blocks.append(f"![{say(spec.title, language)}]({picture})")
    return "\n\n".join(blocks) + "\n"


def _part(part: Part) -> Iterator[str]:
    if part.formula:
        yield f"$$\n{part.formula}\n$$"
    if part.code:
        yield from _code(part.code)
    if part.rows:
        width = len(part.rows[0])
        yield "\n".join(
            ["|" + " |" * width, "|" + "---|" * width, *(f"| {' | '.join(map(_cell, row))} |" for row in part.rows)]
        )
    if part.prose:
        yield part.prose
    if part.items:
        yield "\n".join(f"- {item}" for item in part.items)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _code(doctest: str) -> Iterator[str]:
    """What is typed, and what it prints, as two blocks for each answer; plain code as it is."""
    if not doctest.startswith(">>>"):
        yield f"```python\n{doctest}\n```"
        return
    typed: list[str] = []
    printed: list[str] = []
    for line in doctest.splitlines():
        if line.startswith((">>> ", "... ", ">>>", "...")):
            if printed:
                yield from _blocks(typed, printed)
                typed, printed = [], []
            typed.append(line[4:])
        else:
            printed.append(line)
    yield from _blocks(typed, printed)


def _blocks(typed: list[str], printed: list[str]) -> Iterator[str]:
    yield "```python\n" + "\n".join(typed) + "\n```"
    if printed:
        yield "```text\n" + "\n".join(printed) + "\n```"
