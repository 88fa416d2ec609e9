"""All recipes by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import RuleError, did_you_mean
from ..planning import Recipe
from . import (
    _convnets,
    _deep,
    _default,
    _detection,
    _detr,
    _encoders,
    _generative,
    _hierarchical,
    _image_transformers,
    _implicit,
    _language,
    _lora,
    _mobile,
    _mup,
    _policies,
    _recurrent,
    _residual,
    _speech,
    _state_space,
    _torch,
    _tutorial,
    _vision_transformers,
)
from ._entry import Entry

_FILES = (
    _default,
    _torch,
    _tutorial,
    _convnets,
    _mobile,
    _residual,
    _detection,
    _detr,
    _language,
    _encoders,
    _speech,
    _state_space,
    _vision_transformers,
    _image_transformers,
    _hierarchical,
    _deep,
    _generative,
    _implicit,
    _recurrent,
    _policies,
    _mup,
    _lora,
)
ENTRIES: Mapping[str, Entry] = {entry.name: entry for file in _FILES for entry in file.RECIPES}
"""The declarations by name."""


def names() -> tuple[str, ...]:
    """The recipes' names.

    >>> from firststep import recipes
    >>> "default" in recipes.list()
    True
    """
    return tuple(ENTRIES)


def get(
    name: str, *, roles: Mapping[str, str] | None = None, blocks: str | Sequence[str] | None = None, **options: Any
) -> Recipe:
    """The recipe called ``name``, for ``fs.plan(model, [own, recipe])``: rules of your own go before it.

    Its ``rules`` are an ordered tuple. In a list of your own, ``[own, *recipe.rules]``, each of them must be of use, as
    your own rules must; as a recipe it may have rules to spare.

    Args:
        name: one of ``fs.recipes.list()``.
        roles: what layers do whose role cannot be told, by globs on their names: ``{"blocks.*.mix": "mlp.out"}``, with
            one of ``fs.recipes.ROLES``. It goes before what is found.
        blocks: a glob, or several, on the names of the blocks that a model repeats, where they are not found.
        **options: of the recipe; ``firststep recipes show NAME`` lists them.

    Raises:
        RuleError: when there is no such recipe, role or option, with the nearest name.

    >>> get("tutorial").rules[0]
    rule(Conv2d, weight=xavier_normal(), bias=constant(value=0.3))
    """
    return entry(name).recipe(roles, blocks, options)


def entry(name: str) -> Entry:
    """The declaration of the recipe called ``name``.

    Raises:
        RuleError: when there is none, with the nearest name.
    """
    if name == "auto":
        raise RuleError('"auto" is no table, it is solved for a model: fs.plan(model, "auto", example_inputs=x)')
    if name not in ENTRIES:
        raise RuleError(
            f"no recipe is called {name!r}.{did_you_mean(name, ENTRIES)} Expected one of fs.recipes.list(), or a path "
            "that ends in .yaml or .json"
        )
    return ENTRIES[name]
