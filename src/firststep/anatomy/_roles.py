"""Roles: what a layer does in its model, told from names, types and shapes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property

from torch import nn

from . import _vocabulary as words
from ._around import around, inside
from ._layers import CONVOLUTION, EMBEDDING, first_layer, is_linear, is_norm, is_pointwise, weighs, widths
from ._stacks import Block

ROLES = (
    "attention.query", "attention.key", "attention.value", "attention.packed", "attention.out", "attention.bias",
    "cross_attention", "mlp.in", "mlp.gate", "mlp.out", "router", "residual_out", "modulation", "shortcut",
    "experts", "conv.first", "conv.middle", "conv.last", "norm.first", "norm.last", "norm.out", "norm",
    "embedding.token", "embedding.position", "embedding.type", "embedding.label", "embedding.time",
    "embedding.patch", "head", "head.policy", "head.value", "first", "subpixel", "encoder", "decoder", "other",
)  # fmt: skip
"""All roles. A name before a dot stands for every role that begins with it."""


class Roles:
    """Reads the roles of a model's modules, each when it is asked for.

    Args:
        modules: by qualified name, in order of registration.
        blocks: by name.
        around: the block that each module is in.
    """

    def __init__(
        self, modules: Mapping[str, nn.Module], blocks: Mapping[str, Block], around: Mapping[str, Block | None]
    ) -> None:
        self._modules, self._blocks, self._around = modules, blocks, around
        self._widths: dict[str, int | None] = {}
        self._paths: dict[tuple[str, Callable[[nn.Module], bool]], list[str]] = {}

    def of(self, name: str) -> frozenset[str] | None:
        """The roles of a module; ``None`` for a weight layer in a block whose role cannot be told."""
        module = self._modules[name]
        if isinstance(module, EMBEDDING):
            return frozenset({_embedding(name)})
        block = self._around[name]
        if is_norm(module):
            return frozenset(self._norm(name, block))
        if not weighs(module):
            return frozenset({"experts"}) if block is not None and _holds_experts(name, module) else frozenset()
        if block is None or block.name == name:
            return frozenset(self._outside(name, module))
        found = set(self._inside(name, module, block))
        return frozenset(found) if found else None

    def _outside(self, name: str, module: nn.Module) -> Iterator[str]:
        if isinstance(module, nn.MultiheadAttention):
            yield "attention.packed"
        elif name in self._heads:
            yield "head"
        elif words.TIME.search(name):
            yield "embedding.time"
        elif isinstance(module, CONVOLUTION) and (name == self._first_convolution or _cuts_patches(module)):
            yield "embedding.patch"
        elif name.rpartition(".")[2].lower() == "out_proj" and isinstance(self._parent(name), nn.MultiheadAttention):
            yield "attention.out"
        else:
            yield "other"

    def _norm(self, name: str, block: Block | None) -> Iterator[str]:
        yield "norm"
        if block is None or block.name == name:
            return
        own = self._norms(block)
        if own and name == own[-1]:
            yield "norm.last"
        if own and name == own[0]:
            yield "norm.first"
        if own and name == own[-1] and self._ends_branch(name, block):
            yield "norm.out"

    def _inside(self, name: str, module: nn.Module, block: Block) -> Iterator[str]:
        """The roles of a weight layer in a block."""
        path = name[len(block.name) + 1 :].split(".")
        if self._is_shortcut(name, block):
            yield "shortcut"
        elif self._squeezes(name, block):
            yield "other"
        elif any(words.MODULATION.search(one) for one in path) or words.MODULATION.search(self._kind_of_parent(name)):
            yield "modulation"
        elif any(words.TIME.search(one) for one in path):
            yield "embedding.time"
        elif self._is_router(name, path):
            yield "router"
        elif any(words.RELATIVE.search(one) for one in path):
            yield "attention.bias"
        else:
            role = self._of_branch(name, module, block, path)
            if role is not None:
                yield role
                if role in ("attention.out", "mlp.out") or (role == "conv.last" and not self._has_linear(block)):
                    yield "residual_out"
                if role.startswith("attention.") and any(words.CROSS.search(one) for one in path):
                    yield "cross_attention"

    def _of_branch(self, name: str, module: nn.Module, block: Block, path: Sequence[str]) -> str | None:
        branch = self._branch(name, block)
        own = path[-1] if not path[-1].isdigit() or len(path) == 1 else path[-2]
        if isinstance(module, nn.MultiheadAttention):
            return "attention.packed"
        if branch is None and isinstance(module, CONVOLUTION):
            return self._convolution(name, block)
        if branch is None:
            named = _attention(own, named_only=True) in ("attention.query", "attention.key")
            branch = "attention" if named or words.ATTENTION.search(own) else None
            branch = branch or ("attention" if self._beside_queries(name) else "mlp")
        if branch == "attention":
            return _attention(own) or self._left_over(name) or self._between_heads(name)
        return self._mlp(name, own, block)

    def _branch(self, name: str, block: Block) -> str | None:
        """``attention`` or ``mlp``: by the nearest module around, inside the block, that is called so."""
        for text in self._called(name, block):
            if words.MLP.search(text):
                return "mlp"
            if words.ATTENTION.search(text):
                return "attention"
        return None

    def _called(self, name: str, block: Block) -> Iterator[str]:
        """What the modules around a layer are called inside its block, each by its own name and by its type."""
        for one in inside(name, block.name):
            yield one.rpartition(".")[2]
            yield type(self._modules[one]).__name__

    def _mlp(self, name: str, own: str, block: Block) -> str | None:
        """By name; else by shape, wider or back to the width of the block; else the last layer is the way out."""
        siblings = [one for one in self._siblings(name) if is_linear(self._modules[one])]
        if own in ("w1", "w2", "w3") and len(siblings) == 2:  # without a gate: w1 in, w2 out
            return "mlp.in" if own == "w1" else "mlp.out"
        if own == "w1" and len(siblings) == 3:
            return "mlp.gate"
        for role, pattern in (("mlp.gate", words.GATE), ("mlp.in", words.MLP_IN), ("mlp.out", words.MLP_OUT)):
            if pattern.fullmatch(own):
                return role
        sizes = widths(self._modules[name])
        if sizes is None:
            return None
        inputs, outputs = sizes
        if inputs != outputs:
            width, sequence = self.width(block), isinstance(self._parent(name), nn.Sequential)
            if sequence and name in (*siblings[:1], *siblings[-1:]) and self._returns(siblings):
                return "mlp.in" if name == siblings[0] else "mlp.out"
            return "mlp.out" if outputs == width else "mlp.in" if inputs == width else None
        if own.isdigit() and len(siblings) > 1:
            return "mlp.out" if name == siblings[-1] else "mlp.in"
        return None

    def _returns(self, names: Sequence[str]) -> bool:
        """Whether linear layers one after the other lead back to the size that they begin with."""
        first, last = (widths(self._modules[one]) for one in (names[0], names[-1]))
        return len(names) > 1 and first is not None and last is not None and first[0] == last[1]

    def _left_over(self, name: str) -> str | None:
        """The one layer of an attention module that is neither query, key nor value leads out of it."""
        rest = [one for one in self._siblings(name) if is_linear(self._modules[one]) and not _attention(_own(one))]
        return "attention.out" if rest == [name] and len(self._siblings(name)) > 1 else None

    def _between_heads(self, name: str) -> str | None:
        """A layer from all heads to all heads mixes their logits or their weights."""
        counts = [value for key, value in vars(self._modules[name.rpartition(".")[0]]).items() if "heads" in key]
        sizes = widths(self._modules[name])
        return "other" if sizes is not None and sizes[0] == sizes[1] and sizes[0] in counts else None

    def _beside_queries(self, name: str) -> bool:
        return any(
            _attention(_own(one), named_only=True) == "attention.query" for one in self._siblings(name)
        ) and bool(_attention(_own(name)))

    def _convolution(self, name: str, block: Block) -> str:
        own = self.convolutions(block)
        return "conv.last" if name == own[-1] else "conv.first" if name == own[0] else "conv.middle"

    def _has_linear(self, block: Block) -> bool:
        """Whether a linear layer leads back to the stream, so that a convolution beside it does not."""
        return bool(self._main_path(block, is_linear))

    def _is_router(self, name: str, path: Sequence[str]) -> bool:
        """A linear layer with as many outputs as there are experts beside it."""
        sizes = widths(self._modules[name])
        beside = self._modules.get(f"{name.rpartition('.')[0]}.experts")
        if "router" in (one.lower() for one in path[-2:]) or "Router" in self._kind_of_parent(name):
            return True
        return (
            isinstance(beside, nn.ModuleList)
            and sizes is not None
            and sizes[1] == len(beside)
            and words.ROUTER.fullmatch(path[-1]) is not None
        )

    def _is_shortcut(self, name: str, block: Block) -> bool:
        return any(words.SHORTCUT.search(one) for one in name[len(block.name) + 1 :].split("."))

    def within(self, block: Block) -> list[str]:
        """The names of the modules inside a block, in order of registration."""
        return self._members.get(block.name, [])

    def _siblings(self, name: str) -> list[str]:
        """The weight layers under the same parent, in order, a Sequential between them left out."""
        parent = name.rpartition(".")[0]
        module = self._modules.get(parent)
        if parent and isinstance(module, (nn.Sequential, nn.ModuleList)) and len(list(module.children())) <= 2:
            inner = [one for one in module.children() if weighs(one)]
            if len(inner) == 1 and not words.MLP.search(parent.rpartition(".")[2]):
                parent = parent.rpartition(".")[0]
        return self._near.get(parent, [])

    def _parent(self, name: str) -> nn.Module | None:
        return self._modules.get(name.rpartition(".")[0])

    def _kind_of_parent(self, name: str) -> str:
        return type(self._parent(name)).__name__

    @cached_property
    def _head(self) -> str | None:
        """The layer that makes the model's output: one that is called a head; else the last one after all blocks."""
        outside = [
            name
            for name, module in self._modules.items()
            if weighs(module)
            and self._around[name] is None
            and not isinstance(self._parent(name), nn.MultiheadAttention)
        ]
        linear = [name for name in outside if is_linear(self._modules[name])]
        pointwise = [name for name in outside if is_pointwise(self._modules[name])]
        for kind in (linear, pointwise):
            named = [name for name in kind if any(words.HEAD.fullmatch(one) for one in name.split("."))]
            if named:
                return named[-1]
        last = [name for name, module in self._modules.items() if weighs(module)][-1:]
        return last[0] if last and last[0] in linear and len(outside) < len(self._modules) else None

    @cached_property
    def _heads(self) -> frozenset[str]:
        """The layer that makes the output, and those beside it that are called a head and have its shape."""
        if self._head is None:
            return frozenset()
        parent, _, _ = self._head.rpartition(".")
        alike = (
            name
            for name, module in self._modules.items()
            if name.rpartition(".")[0] == parent
            and words.HEAD.fullmatch(name.rpartition(".")[2])
            and widths(module) == widths(self._modules[self._head])
        )
        return frozenset({self._head, *alike})

    @cached_property
    def _first_convolution(self) -> str | None:
        """The first weight layer, when it is a convolution."""
        first = first_layer(self._modules)
        return first if first is not None and isinstance(self._modules[first], CONVOLUTION) else None

    def width(self, block: Block) -> int | None:
        """The width of the stream through a block: the size of a norm, or what its layers take in most often.

        Where norms differ, as where queries and keys have their own, it is the one that most layers take in or give.
        """
        if block.name not in self._widths:
            inside = [self._modules[one] for one in self.within(block)]
            linear = [size for module in inside if is_linear(module) for size in widths(module) or ()]
            sizes = [module._parameters["weight"].numel() for module in inside if _is_scaled_norm(module)]  # pyright: ignore[reportOptionalMemberAccess]
            if not sizes:
                sizes = [pair[0] for pair in map(widths, inside) if pair is not None]
            found = max(sizes, key=lambda size: (linear.count(size), sizes.count(size))) if sizes else None
            self._widths[block.name] = found
        return self._widths[block.name]

    @cached_property
    def _members(self) -> dict[str, list[str]]:
        """The modules inside each block, in order of registration."""
        found: dict[str, list[str]] = {name: [] for name in self._blocks}
        for name in self._modules:
            for one in around(name):
                if one in found:
                    found[one].append(name)
        return found

    @cached_property
    def _near(self) -> dict[str, list[str]]:
        """The weight layers right under each module, and one level below, in order of registration."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for name, module in self._modules.items():
            if name and weighs(module):
                parent = name.rpartition(".")[0]
                found[parent].append(name)
                if parent:
                    found[parent.rpartition(".")[0]].append(name)
        return found

    def _ends_branch(self, name: str, block: Block) -> bool:
        """Whether a norm comes after all convolutions of a block; not where a norm stands before each of them."""
        convolutions, inside = self.convolutions(block), self.within(block)
        after = bool(convolutions) and inside.index(name) > inside.index(convolutions[-1])
        return after and not self._has_linear(block)

    def _squeezes(self, name: str, block: Block) -> bool:
        """Whether a layer belongs to a gate on the channels of the block."""
        return any(words.SQUEEZE.search(text) for text in self._called(name, block))

    def convolutions(self, block: Block) -> list[str]:
        """The convolutions on the main path through a block, in order of registration."""
        return self._main_path(block, _is_convolution)

    def _norms(self, block: Block) -> list[str]:
        return self._main_path(block, is_norm)

    def _main_path(self, block: Block, fits: Callable[[nn.Module], bool]) -> list[str]:
        """Modules of a kind inside a block, those on its shortcut or in a gate on its channels left out."""
        key = block.name, fits
        if key not in self._paths:
            aside = (self._is_shortcut, self._squeezes)
            inside = [one for one in self.within(block) if fits(self._modules[one])]
            self._paths[key] = [one for one in inside if not any(f(one, block) for f in aside)]
        return self._paths[key]


def _is_convolution(module: nn.Module) -> bool:
    return isinstance(module, CONVOLUTION)


def _is_scaled_norm(module: nn.Module) -> bool:
    return is_norm(module) and module._parameters.get("weight") is not None


def _own(name: str) -> str:
    """The name of a module in its parent, a number in a Sequential left out."""
    parts = name.split(".")
    return parts[-2] if parts[-1].isdigit() and len(parts) > 1 else parts[-1]


def _attention(own: str, *, named_only: bool = False) -> str | None:
    for role, pattern in (
        ("attention.query", words.QUERY),
        ("attention.key", words.KEY),
        ("attention.value", words.VALUE),
        ("attention.packed", words.PACKED),
        *(() if named_only else (("attention.out", words.ATTENTION_OUT),)),
    ):
        if pattern.fullmatch(own):
            return role
    return None


def _embedding(name: str) -> str:
    """A table looked up by tokens, positions, segments, labels, or by the distance of two positions."""
    for role, pattern in (
        ("attention.bias", words.RELATIVE),
        ("embedding.position", words.POSITION),
        ("embedding.type", words.TOKEN_TYPE),
        ("embedding.time", words.TIME),
        ("embedding.label", words.LABEL),
    ):
        if any(pattern.search(one) for one in name.split(".")):
            return role
    return "embedding.token"


def _cuts_patches(module: nn.Module) -> bool:
    """Whether a convolution steps by its own size, so that it embeds patches that do not overlap."""
    kernel, stride = tuple(module.kernel_size), tuple(module.stride)  # pyright: ignore[reportArgumentType]
    return kernel == stride and max(kernel) > 1


def _holds_experts(name: str, module: nn.Module) -> bool:
    """Whether stacked matrices of experts are parameters of the module itself."""
    stacked = any(one is not None and one.ndim >= 3 for one in module._parameters.values())
    return stacked and any(words.MLP.search(one) for one in (*name.split("."), type(module).__name__))
