"""The catalogue: every declared loss, found by name, alias or words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import LossError, did_you_mean
from ._families import FAMILIES
from ._spec import LossSpec


class Catalog(Mapping[str, LossSpec]):
    """Losses by name. ``catalog["focal"]`` takes any name or alias, of function or class, in either language.

    Args:
        specs: the declarations.

    >>> from firststep import losses
    >>> losses.catalog["focal"].name
    'focal_loss'
    >>> losses.catalog["标签平滑"].module
    'CrossEntropyLoss'
    """

    def __init__(self, specs: tuple[LossSpec, ...]) -> None:
        order = list(FAMILIES)
        self._specs = {spec.name: spec for spec in sorted(specs, key=lambda spec: order.index(spec.family))}
        self._keys: dict[str, str] = {}
        for spec in specs:
            for key in filter(None, (spec.name, spec.module, *spec.aliases)):
                self._keys.setdefault(_plain(key), spec.name)

    def __getitem__(self, name: str) -> LossSpec:
        key = _plain(name)
        if key not in self._keys:
            near = did_you_mean(key, self._keys)
            raise LossError(
                f"there is no loss {name!r}.{near} Type losses.catalog.search({name!r}), or print(losses.catalog)"
            )
        return self._specs[self._keys[key]]

    def get(self, name: str, default: Any = None) -> Any:
        """The loss of that name, or ``default``."""
        return self[name] if name in self else default  # noqa: SIM401

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and _plain(name) in self._keys

    def __iter__(self) -> Iterator[str]:
        return iter(self._specs)

    def __len__(self) -> int:
        return len(self._specs)

    def family(self, name: str) -> list[LossSpec]:
        """The losses of a family.

        >>> from firststep import losses
        >>> losses.catalog.family("audio")[0].name
        'si_sdr_loss'
        """
        if name not in FAMILIES:
            raise LossError(
                f"there is no family {name!r}.{did_you_mean(name, FAMILIES)} Expected one of {', '.join(FAMILIES)}"
            )
        return [spec for spec in self.values() if spec.family == name]

    def search(self, words: str) -> list[LossSpec]:
        """The losses in whose declaration all the words stand, best first: names, then aliases, then prose.

        >>> from firststep import losses
        >>> losses.catalog.search("label noise")[0].family
        'noise'
        """
        asked = words.lower().split()
        scored = [(_score(spec, asked), i, spec) for i, spec in enumerate(self.values())]
        return [spec for score, _, spec in sorted(scored, key=lambda one: (-one[0], one[1])) if score]

    def _repr_markdown_(self) -> str:
        rows = (f"| `{spec.name}` | {spec.purpose.en.replace('|', '&#124;')} |" for spec in self.values())
        return "\n".join(["| loss | what for |", "|---|---|", *rows])

    def __str__(self) -> str:
        from ._show import listing

        return listing(self)


def _plain(name: str) -> str:
    """A name as it is compared: lower case, words joined."""
    return re.sub(r"[\s_\-]+", "_", name.strip().lower())


def _score(spec: LossSpec, asked: list[str]) -> int:
    """How well a loss answers: 0 unless all words are found."""
    title = " ".join((spec.name, spec.module, *spec.title)).lower()
    known = " ".join((*spec.aliases, spec.family, *FAMILIES[spec.family])).lower()
    prose = " ".join((*spec.purpose, *spec.avoid, *(text for hazard in spec.hazards for text in hazard))).lower()
    score = 0
    for word in asked:
        found = 9 * (word in title) + 3 * (word in known) + (word in prose)
        if not found:
            return 0
        score += found
    return score
