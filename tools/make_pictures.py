"""Draw the READMEs' pictures: the tour's test accuracy and its signal by layer, as SVG files of their own.

    python tools/make_pictures.py        # about a minute; writes docs/images/*.svg

A page gives its figures their colours by CSS variables; a file of its own carries them with it, light and dark.
"""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

import torch

from firststep import reporting
from firststep.reporting import Svg
from firststep.tour import Settings
from firststep.tour._data import load_digits
from firststep.tour._figures import convergence, signals
from firststep.tour._starts import starts
from firststep.tour._train import run_all

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
VARIABLES = re.compile(r":root \{[^}]*\}|@media \(prefers-color-scheme: dark\) \{\s*:root \{[^}]*\}\s*\}")


def standalone(figure: Svg, css: str) -> str:
    """The figure with its colours and its paper inside."""
    style = f"<style>{' '.join(VARIABLES.findall(css))} svg {{ background: var(--card); }}</style>"
    opening, rest = re.match(r"(<svg[^>]*>)(.*)", figure.markup, re.DOTALL).groups()  # pyright: ignore
    if "xmlns=" not in opening:
        opening = opening.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    return f"{opening}{style}{rest}\n"


def main() -> None:
    torch.set_num_threads(1)
    css = resources.files(reporting).joinpath("assets/page.css").read_text(encoding="utf-8")
    result = run_all(starts(), load_digits(), Settings(), lambda start: None)
    IMAGES.mkdir(exist_ok=True)
    for name, figure in (("accuracy", convergence(result)[0]), ("signal", signals(result)[0])):
        (IMAGES / f"{name}.svg").write_text(standalone(figure, css), encoding="utf-8")


if __name__ == "__main__":
    main()
