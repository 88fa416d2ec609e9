"""Names: the modules around a module, innermost first."""

from __future__ import annotations

from collections.abc import Iterator


def around(name: str) -> Iterator[str]:
    """The names of the modules around the one called ``name``, innermost first, the root left out.

    >>> list(around("blocks.3.mlp.fc1"))
    ['blocks.3.mlp', 'blocks.3', 'blocks']
    """
    while name := name.rpartition(".")[0]:
        yield name


def inside(name: str, outer: str) -> Iterator[str]:
    """The names of the modules around the one called ``name`` that are inside ``outer``, innermost first.

    >>> list(inside("blocks.3.mlp.fc1", "blocks"))
    ['blocks.3.mlp', 'blocks.3']
    """
    return (one for one in around(name) if len(one) > len(outer))
