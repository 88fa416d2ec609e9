"""The anatomy of a model: its blocks, the roles of its layers, and the numbers a formula may ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from torch import nn

from ..errors import RuleError, did_you_mean
from ._places import Places
from ._roles import ROLES, Roles
from ._stacks import Block, block_around, blocks_of
from ._vocabulary import EXPERTS

SYMBOLS = {
    "l": "number of the block in its stack, from 0",
    "L": "blocks in the stack",
    "R": "residual branches in the block",
    "m": "convolutions in a row in the block",
    "N": "blocks in the encoder, where there is a decoder",
    "M": "blocks in the decoder, where there is an encoder",
    "d": "width of the stream through the block",
    "h": "heads of the attention",
    "d_head": "width of a head",
}
"""What :meth:`Anatomy.symbols` may tell."""

_HEADS = ("num_heads", "num_attention_heads", "n_heads", "n_head", "heads", "nhead", "num_attn_heads")
_HEAD_WIDTHS = ("head_dim", "key_value_proj_dim", "d_kv", "attention_head_size", "head_size", "dim_head")


@dataclass(frozen=True, slots=True)
class Named:
    """What a user says of the model's parts: globs of blocks' names, and of layers' names with their roles."""

    blocks: tuple[str, ...] = ()
    roles: tuple[tuple[str, str], ...] = ()


def named(roles: Mapping[str, str] | None, blocks: str | Sequence[str] | None) -> Named:
    """Names checked.

    Args:
        roles: role by glob on qualified names.
        blocks: one glob on the names of blocks, or several.

    Raises:
        RuleError: for a role that there is not.
    """
    for pattern, role in (roles or {}).items():
        if role not in ROLES:
            raise RuleError(
                f"roles={{{pattern!r}: {role!r}}}: there is no such role.{did_you_mean(str(role), ROLES)} "
                f"Expected one of {', '.join(ROLES)}"
            )
    globs = (blocks,) if isinstance(blocks, str) else tuple(blocks or ())
    return Named(globs, tuple((roles or {}).items()))


class Anatomy:
    """What can be told of a model's parts without running it.

    Args:
        modules: by canonical qualified name, in order of registration, the root under the empty string.
        named: what the user says of them; it goes before what is found.
    """

    def __init__(self, modules: Mapping[str, nn.Module], named: Named = Named()) -> None:
        self._modules, self._named = modules, named
        self.blocks: dict[str, Block] = blocks_of(modules, named.blocks)
        """The blocks by name, in order of registration."""
        self._around = {name: block_around(name, self.blocks) for name in modules}
        self._roles = Roles(modules, self.blocks, self._around)
        self._places = Places(modules, plain=not self.blocks)
        self._layers = {block.stack: block.layers for block in self.blocks.values()}
        self._told: dict[str, frozenset[str] | None] = {}
        self._counted: dict[str, int] = {}
        self._beside: dict[str, dict[str, float]] = {}

    def roles(self, name: str) -> frozenset[str] | None:
        """The roles of a module; ``None`` for a weight layer in a block whose role cannot be told."""
        if name not in self._told:
            self._told[name] = self._role_of(name)
        return self._told[name]

    def symbols(self, name: str) -> dict[str, float]:
        """The numbers that are known at a module, by the names in :data:`SYMBOLS`."""
        block = self._around[name]
        if block is None:
            return self._outside(name)
        width, own = self._roles.width(block), self._counterparts(block)
        heads = self._heads(name, block)
        branch = {"R": self._branches(block) or None, "m": len(self._roles.convolutions(block)) or None}
        found = {"l": block.index, "L": block.layers, **branch, "d": width, **own, **heads}
        return {key: float(value) for key, value in found.items() if value is not None}

    def _role_of(self, name: str) -> frozenset[str] | None:
        said = [role for pattern, role in self._named.roles if fnmatchcase(name, pattern)]
        roles = self._roles.of(name) if not said else frozenset(said)
        if said and said[0] in ("attention.out", "mlp.out", "conv.last"):
            roles = frozenset({*said, "residual_out"})
        if roles is None:
            return None
        block = self._around[name]
        known = self._outside(name) if block is None else self._counterparts(block)
        path = (name if block is None else block.stack).split(".")
        sides = {side for side in ("encoder", "decoder") if "N" in known and side in path}
        return roles | self._places.of(name) | sides

    def _outside(self, name: str) -> dict[str, float]:
        """What a module outside of all blocks is told: of the stack in or beside it, or of encoder and decoder."""
        around = name
        while True:
            if around not in self._beside:
                self._beside[around] = self._of_stacks_in(around)
            if self._beside[around] or not around:
                return self._beside[around]
            around = around.rpartition(".")[0]

    def _of_stacks_in(self, around: str) -> dict[str, float]:
        """The numbers of the one stack inside a module, and of encoder and decoder where there are both."""
        inside = [block for block in self.blocks.values() if not around or block.name.startswith(f"{around}.")]
        stacks = {block.stack: block for block in inside}
        both = next((own for block in stacks.values() if (own := self._counterparts(block))), {})
        block = next(iter(stacks.values())) if len(stacks) == 1 else None
        one = {} if block is None else {"L": block.layers, "d": self._roles.width(block)}
        return {key: float(value) for key, value in {**one, **both}.items() if value is not None}

    def _counterparts(self, block: Block) -> dict[str, int]:
        """How long encoder and decoder are, for a block in a model that has both."""
        layers, here = self._layers, block.stack.split(".")
        for mine, other in (("encoder", "decoder"), ("decoder", "encoder")):
            if mine in here:
                there = ".".join(other if part == mine else part for part in here)
                if there in layers:
                    both = {mine: block.layers, other: layers[there]}
                    return {"N": both["encoder"], "M": both["decoder"]}
        return {}

    def _branches(self, block: Block) -> int:
        """Layers that end a residual branch; the experts of one MLP, shared ones too, end one branch together."""
        if block.name not in self._counted:
            last = [
                name
                for name in self._roles.within(block)
                if {"residual_out", "experts"} & (self.roles(name) or frozenset())
            ]
            self._counted[block.name] = len({EXPERTS.split(name, maxsplit=1)[0] for name in last})
        return self._counted[block.name]

    def _heads(self, name: str, block: Block) -> dict[str, int | None]:
        """The heads' number and width, as the nearest module around says."""
        while len(name) >= len(block.name):
            module = self._modules[name]
            heads, width = _attribute(vars(module), _HEADS), _attribute(vars(module), _HEAD_WIDTHS)
            if heads is None and width is not None:  # as in transformers, whose layers keep the model's configuration
                heads = _attribute(getattr(vars(module).get("config"), "__dict__", {}), _HEADS)
            if heads is not None or width is not None:
                stream = self._roles.width(block)
                if width is None and heads and stream is not None and stream % heads == 0:
                    width = stream // heads
                return {"h": heads, "d_head": width}
            name = name.rpartition(".")[0]
        return {}


def _attribute(values: Mapping[str, object], names: Sequence[str]) -> int | None:
    for name in names:
        value = values.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return None
