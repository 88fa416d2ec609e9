"""The page of each loss in both languages, and its picture, from the declaration."""

from __future__ import annotations

import functools
from pathlib import Path

from firststep import losses
from firststep.losses import LossSpec
from firststep.reporting import loss_picture, standalone

DOCS = Path(__file__).resolve().parent.parent / "docs"


@functools.cache
def files() -> dict[Path, str]:
    """Every page and picture, with its text."""
    made: dict[Path, str] = {}
    for spec in losses.catalog.values():
        for language in losses.LANGUAGES:
            picture = DOCS / "images" / "losses" / language / f"{spec.name}.svg"
            if spec.plot is not None:
                made[picture] = standalone(loss_picture(spec, language))
            made[DOCS / language / "losses" / f"{spec.name}.md"] = page(spec, language)
    return made


def page(spec: LossSpec, language: losses.Language) -> str:
    """The Markdown of a loss, with the way back."""
    drawn = f"../../images/losses/{language}/{spec.name}.svg" if spec.plot is not None else ""
    back = {"en": "All losses", "zh": "所有损失函数"}[language]
    return f"{losses.page(spec, language, picture=drawn)}\n[{back}](../losses.md)\n"


def stale() -> list[Path]:
    """Pages and pictures of losses that are not there any more."""
    wanted = files()
    found = [*DOCS.glob("*/losses/*.md"), *(DOCS / "images" / "losses").glob("*/*.svg")]
    return [path for path in found if path not in wanted]
