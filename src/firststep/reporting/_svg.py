"""A matplotlib figure as a piece of inline SVG whose colours and fonts belong to the page around it."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SERIES = 6
"""Number of series colours the page defines (``--series-1`` to ``--series-6``)."""

# matplotlib knows colours, not CSS variables: each variable is drawn in a colour of its own and put back in the text.
_STAND_INS = {
    "ink": "#010203",
    "muted": "#040506",
    "grid": "#070809",
    **{f"series-{i}": f"#0a0b{i:02x}" for i in range(1, SERIES + 1)},
}


@dataclass(frozen=True, slots=True)
class Svg:
    """An inline figure.

    Args:
        markup: the ``<svg>`` element, its ids unique to this figure, with no reference to anything outside.
        alt: what the figure shows, for readers who do not see it.
    """

    markup: str
    alt: str


def colour(variable: str) -> str:
    """The stand-in that :func:`inline` turns into ``var(--variable)``.

    >>> colour("ink")
    '#010203'
    """
    return _STAND_INS[variable]


@contextmanager
def style(name: str) -> Iterator[None]:
    """matplotlib's settings for a figure called ``name``: text stays text, equal figures are equal byte for byte."""
    import matplotlib

    settings: dict[Any, Any] = {
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "font.family": "DejaVu Sans",
        "font.size": 11,
        "text.color": colour("ink"),
        "axes.edgecolor": colour("muted"),
        "axes.labelcolor": colour("ink"),
        "xtick.color": colour("muted"),
        "ytick.color": colour("muted"),
        "grid.color": colour("grid"),
    }
    with matplotlib.rc_context(settings):
        yield


def inline(figure: Figure, name: str, alt: str) -> Svg:
    """Save ``figure`` as inline SVG.

    Args:
        figure: drawn under :func:`style`, in colours from :func:`colour`.
        name: unique on the page; every id in the markup starts with it.
        alt: what the figure shows, in a sentence.

    Returns:
        The figure, deterministic for a given matplotlib.
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    stream = io.StringIO()
    nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
    with warnings.catch_warnings():
        # The reader's browser has the characters that matplotlib's own font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        FigureCanvasSVG(figure).print_svg(stream, metadata=nothing)
    markup = stream.getvalue()
    markup = markup[markup.index("<svg") :]
    markup = re.sub(r"<metadata>.*?</metadata>\s*", "", markup, flags=re.S)
    # matplotlib's style sheet says `*`, which inside a page would mean the whole page.
    markup = re.sub(r'<style type="text/css">.*?</style>', "", markup, flags=re.S)
    markup = re.sub(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', r'<svg viewBox="\1" aria-hidden="true">', markup, count=1)
    markup = markup.replace("xlink:href=", "href=")
    markup = re.sub(r'\bid="', f'id="{name}-', markup)
    markup = re.sub(r'href="#', f'href="#{name}-', markup)
    markup = re.sub(r"url\(#", f"url(#{name}-", markup)
    markup = re.sub(r"font-family: [^;\"]*", "font-family: inherit", markup)
    for variable, stand_in in _STAND_INS.items():
        markup = markup.replace(stand_in, f"var(--{variable})")
    return Svg(re.sub(r"\s*\n\s*", " ", markup).strip(), alt)


_VARIABLES = re.compile(r":root \{[^}]*\}|@media \(prefers-color-scheme: dark\) \{\s*:root \{[^}]*\}\s*\}")


def standalone(figure: Svg) -> str:
    """The figure as a file of its own: a page's colours, light and dark, and its paper go with it."""
    css = resources.files("firststep.reporting").joinpath("assets/page.css").read_text(encoding="utf-8")
    own = "svg { background: var(--card); font-family: system-ui, sans-serif; }"
    style = f"<style>{' '.join(_VARIABLES.findall(css))} {own}</style>"
    opening, _, rest = figure.markup.partition(">")
    if "xmlns=" not in opening:
        opening = opening.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
    return f"{opening}>{style}{rest}\n"
