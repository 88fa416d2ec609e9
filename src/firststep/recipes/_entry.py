"""The declaration of a recipe: its function, and all that is told of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from ..anatomy import named
from ..errors import RuleError, did_you_mean
from ..planning import Recipe, Rule

Family = Literal[
    "general", "vision", "detection", "transformers", "language", "generative", "implicit", "recurrent", "rl"
]
FAMILIES: Mapping[Family, tuple[str, str]] = {
    "general": ("Any model", "任何模型"),
    "vision": ("Images", "图像"),
    "detection": ("Detection heads", "检测头"),
    "transformers": ("Deep transformers and residual nets", "深层 Transformer 与残差网络"),
    "language": ("Language, speech and text with images", "语言、语音与图文"),
    "generative": ("Images made", "图像生成"),
    "implicit": ("Fields and coordinates", "隐式表示"),
    "recurrent": ("Recurrent nets", "循环网络"),
    "rl": ("Reinforcement learning", "强化学习"),
}
"""The families, with their titles in English and Chinese."""


class Text(NamedTuple):
    """A sentence or a few in both languages of the documentation."""

    en: str
    zh: str


@dataclass(frozen=True)
class Entry:
    """One recipe; made by :func:`recipe`, called by :func:`firststep.recipes.get`.

    Args:
        name: how it is asked for: the architecture, and after a dot the source it equals.
        make: the function that gives the rules; its options are keyword-only.
        family: where it stands in the list.
        summary: what it does, in one line.
        source: paper and file.
        checked: the models of libraries that the tests hold it to, by their public names.
        differs: where others differ, and where the source itself is followed or not.
        example: options to show it with, where some are required.
        call: the recipe as it is typed, where the example's values do not print as code.
    """

    name: str
    make: Callable[..., Iterable[Rule]]
    family: Family
    summary: Text
    source: str
    checked: tuple[str, ...] = ()
    differs: Text | None = None
    example: Mapping[str, Any] = field(default_factory=dict)
    call: str = ""

    @property
    def options(self) -> Mapping[str, inspect.Parameter]:
        """What the recipe may be asked with."""
        return inspect.signature(self.make).parameters

    def shown(self) -> Recipe:
        """The recipe as it is shown: under the options of the example."""
        return self.recipe(None, None, self.example)

    def typed(self) -> str:
        """What to type for it: its name, or a call of ``fs.recipes.get`` with the example's options."""
        options = "".join(f", {key}={value!r}" for key, value in self.example.items())
        return self.call or (f'fs.recipes.get("{self.name}"{options})' if options else f'"{self.name}"')

    def option_words(self) -> str:
        """The options as they are typed, each with its default; empty where there are none."""
        return ", ".join(
            f"{name}=..." if one.default is one.empty else f"{name}={one.default!r}"
            for name, one in self.options.items()
        )

    def recipe(
        self, roles: Mapping[str, str] | None, blocks: str | Sequence[str] | None, options: Mapping[str, Any]
    ) -> Recipe:
        """The rules under these options.

        Raises:
            RuleError: for an option that there is not, or one that is missing.
        """
        takes = self.options
        for option in options:
            if option not in takes:
                raise RuleError(
                    f"the recipe {self.name!r} has no option {option!r}.{did_you_mean(option, takes)} It takes "
                    f"{', '.join((*takes, 'roles', 'blocks'))}"
                )
        missing = [name for name, one in takes.items() if one.default is one.empty and name not in options]
        if missing:
            raise RuleError(
                f"the recipe {self.name!r} needs {', '.join(missing)}: "
                f"fs.recipes.get({self.name!r}, {', '.join(f'{name}=...' for name in missing)})"
            )
        return Recipe(self.name, tuple(self.make(**options)), self.source, self.summary.en, named(roles, blocks))


def recipe(
    name: str,
    *,
    family: Family,
    summary: tuple[str, str],
    source: str,
    checked: Sequence[str] = (),
    differs: tuple[str, str] | None = None,
    example: Mapping[str, Any] | None = None,
    call: str = "",
) -> Callable[[Callable[..., Iterable[Rule]]], Entry]:
    """Declare the function below it as a recipe; see :class:`Entry`."""

    def declare(make: Callable[..., Iterable[Rule]]) -> Entry:
        words = None if differs is None else Text(*differs)
        return Entry(name, make, family, Text(*summary), source, tuple(checked), words, example or {}, call)

    return declare
