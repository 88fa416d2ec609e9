"""Stacks: the blocks that a model repeats, in order, and how many there are."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from torch import nn

from ._around import around
from ._layers import is_norm, weighs
from ._vocabulary import LISTED, PARALLEL


@dataclass(frozen=True, slots=True)
class Block:
    """One block of a stack.

    Args:
        name: its qualified name.
        stack: the name that all blocks of the stack share, their numbers replaced by ``*``.
        index: its number in the stack, from 0, in order of registration.
        layers: how many blocks the stack has.
    """

    name: str
    stack: str
    index: int
    layers: int


def blocks_of(modules: Mapping[str, nn.Module], named: Sequence[str] = ()) -> dict[str, Block]:
    """The blocks of a model, by their names.

    A block is one of several modules of one type that are numbered beside each other, each with two weight layers or
    more: the members of a ``ModuleList``, or ``layer1`` and ``layer2``. A list that holds a single one counts as well.
    Where such modules stand inside each other the innermost are the blocks. Blocks whose names differ in numbers only
    make one stack: the stages of a ResNet are one, an encoder and a decoder two.

    Args:
        modules: by qualified name, in order of registration.
        named: globs of the names of blocks; given, they alone are blocks.
    """
    found = [name for name in modules if any(fnmatchcase(name, one) for one in named)] if named else _found(modules)
    stacks: defaultdict[str, list[str]] = defaultdict(list)
    for name in found:
        stacks[_starred(name)].append(name)
    return {name: Block(name, stack, i, len(names)) for stack, names in stacks.items() for i, name in enumerate(names)}


def block_around(name: str, blocks: Mapping[str, Block]) -> Block | None:
    """The block that a module is in, or is; the innermost one."""
    return next((blocks[one] for one in (name, *around(name)) if one in blocks), None)


def _found(modules: Mapping[str, nn.Module]) -> list[str]:
    """The names of the innermost modules that are repeated."""
    repeated = _repeated(modules)
    outer = {one for name in repeated for one in around(name)}
    return [name for name in repeated if name not in outer]


def _repeated(modules: Mapping[str, nn.Module]) -> list[str]:
    """Modules that are numbered beside others of their type, with two weight layers or more each; and those that are
    alone in their stage, where other stages have several."""
    families: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for name, module in modules.items():
        parent, _, own = name.rpartition(".")
        numbered = LISTED.fullmatch(own)
        if numbered is None or PARALLEL.search(numbered[1] or parent.rpartition(".")[2]):
            continue
        if _layers_below(module) >= 2 and not _only_holds(module):
            families[parent, numbered[1]].append(name)
    found: list[str] = []
    for (parent, _), names in families.items():
        kinds: defaultdict[type, list[str]] = defaultdict(list)
        for name in names:
            kinds[type(modules[name])].append(name)
        alone = len(names) == 1 and isinstance(modules.get(parent), (nn.ModuleList, nn.Sequential))
        for kind, alike in kinds.items():
            if (len(alike) > 1 or alone) and not (kind is nn.Sequential and _nested(alike, modules)):
                found += alike
    like = {(_starred(name), type(modules[name])) for name in found if type(modules[name]) is not nn.Sequential}
    numbered_alone = [names[0] for names in families.values() if len(names) == 1 and names[0] not in found]
    found += [name for name in numbered_alone if (_starred(name), type(modules[name])) in like]
    order = {name: i for i, name in enumerate(modules)}
    return sorted(found, key=order.__getitem__)


def _nested(names: Sequence[str], modules: Mapping[str, nn.Module]) -> bool:
    """Whether plain containers hold layers one after the other and nothing else: parts of a net, no blocks."""
    return not any(
        is_norm(module) or len(list(module.children())) for name in names for module in modules[name].children()
    )


def _only_holds(module: nn.Module) -> bool:
    """Whether a container is no block: a dictionary, or a list unless it holds parts of several kinds, such as an
    attention and an MLP."""
    if not isinstance(module, nn.ModuleList):
        return isinstance(module, nn.ModuleDict)
    kinds = {type(one) for one in module}
    return len(kinds) < 2 or not any(list(one.children()) for one in module)


def _layers_below(module: nn.Module) -> int:
    return sum(weighs(one) for one in module.modules())


def _starred(name: str) -> str:
    """What the blocks of a stack share of their names."""
    return re.sub(r"\d+", "*", name)
