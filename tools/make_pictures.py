"""Draw the READMEs' pictures: the tour's test accuracy and its signal by layer, as SVG files of their own.

    python tools/make_pictures.py        # about a minute; writes docs/images/*.svg

A page gives its figures their colours by CSS variables; a file of its own carries them with it, light and dark.
"""

from __future__ import annotations

from pathlib import Path

import torch

from firststep.reporting import standalone
from firststep.tour import Settings
from firststep.tour._data import load_digits
from firststep.tour._figures import convergence, signals
from firststep.tour._starts import starts
from firststep.tour._train import run_all

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"


def main() -> None:
    torch.set_num_threads(1)
    result = run_all(starts(), load_digits(), Settings(), lambda start: None)
    IMAGES.mkdir(exist_ok=True)
    for name, figure in (("accuracy", convergence(result)[0]), ("signal", signals(result)[0])):
        (IMAGES / f"{name}.svg").write_text(standalone(figure), encoding="utf-8")


if __name__ == "__main__":
    main()
