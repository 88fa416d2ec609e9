"""Ports: what of a layer's signal is measured, and which weight and bias set it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.utils.parametrize import ParametrizationList

from ..planning import Owner, Slot, joined
from ._affine import Form, affine, is_affine
from ._asked import first_tensor
from ._recurrent import layer_input

See: TypeAlias = Callable[[tuple[Any, ...], Mapping[str, Any], Any], Tensor | None]
"""What is measured, from a call's positional arguments, keyword arguments and output."""

Slots: TypeAlias = Callable[[nn.Module, str], "Slot | None"]
"""The slot of a module's parameter, by local name."""

_NORMS = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.LocalResponseNorm)


@dataclass(frozen=True, eq=False)
class Port:
    """A signal that a weight sets the scale of.

    Args:
        name: the layer's canonical name, with the part where it has several: ``attn.q``.
        kind: the layer's type.
        module: whose calls are measured.
        weight, bias: what sets the signal's scale and its mean.
        see: what is measured.
        rows, bias_rows: which rows of weight and bias, where others are another port's.
        form: how weight and bias act, where they are a scale and a bias per channel alone.
        reads_output: whether what is measured is taken from the output, not computed from the input.
    """

    name: str
    kind: str
    module: nn.Module
    weight: Slot
    bias: Slot | None
    see: See
    rows: slice | None = None
    bias_rows: slice | None = None
    form: Form | None = None
    reads_output: bool = True

    def channel_axis(self, value: Tensor) -> int | None:
        """The axis along which the channels of what is measured lie; ``None`` when it can't be told."""
        if isinstance(self.module, nn.modules.conv._ConvNd):
            return -1 - len(self.module.kernel_size)
        if self.form is not None:
            return 1 if value.ndim > 1 and value.shape[1] == self.channels(value) else -1
        channels = self.channels(value)
        return -1 if value.ndim and value.shape[-1] == channels else None

    def channels(self, value: Tensor) -> int:
        """How many channels there are: as many as the bias has, or what the last axis of ``value`` has."""
        if self.bias_rows is not None:
            return self.bias_rows.stop - self.bias_rows.start
        if isinstance(self.module, nn.modules.conv._ConvNd):
            return self.module.out_channels
        return value.shape[-1] if self.bias is None else math.prod(self.bias.writer.shape)


@dataclass(frozen=True)
class Left:
    """A layer, or part of one, that has no port, and why."""

    name: str
    kind: str
    why: str


def ports_of(owner: Owner, slots: Slots, named: bool) -> Iterator[Port | Left]:
    """The ports of one module, in the order in which their signals arise.

    Args:
        owner: the module.
        slots: its parameters.
        named: whether the user selected it; embeddings are left unless they are.
    """
    module = owner.module
    if isinstance(module, nn.MultiheadAttention):
        yield from _attention(owner, module, slots)
    elif isinstance(module, nn.RNNBase):
        yield from _recurrent(owner, module, slots)
    elif isinstance(module, nn.RNNCellBase):
        yield _of_input(owner, module, slots, "weight_ih", "bias_ih", _argument(0, "input"))
    elif is_affine(owner):
        yield _affine(owner, module, slots)
    elif not isinstance(module, (*_NORMS, ParametrizationList)):
        yield from _plain(owner, module, slots, named)


def _plain(owner: Owner, module: nn.Module, slots: Slots, named: bool) -> Iterator[Port | Left]:
    """A layer whose output is proportional to its one matrix, but for a bias."""
    matrices = [name for name, writer in owner.writers.items() if len(writer.shape) >= 2]
    if not matrices:
        return
    name = "weight" if "weight" in matrices else matrices[0]
    if _has_layers_inside(module):
        for one in matrices:
            yield Left(joined(owner.name, one), owner.layer, "it stands beside layers, and is no layer's weight")
    elif isinstance(module, (nn.Embedding, nn.EmbeddingBag)) and not named:
        yield Left(owner.name, owner.layer, "a table of vectors is calibrated when layers= names it")
    elif len(matrices) > 1 and name != "weight":
        yield Left(owner.name, owner.layer, f"which of {', '.join(matrices)} sets its scale cannot be told")
    else:
        weight = slots(module, name)
        assert weight is not None
        yield Port(owner.name, owner.layer, module, weight, slots(module, "bias"), _of_output)


def _affine(owner: Owner, module: nn.Module, slots: Slots) -> Port | Left:
    """A scale and a bias per channel."""
    first, second = (slots(module, name) for name in owner.writers)
    found = None if first is None or second is None else affine(module, first, second)
    if found is None:
        return Left(owner.name, owner.layer, f"how {' and '.join(owner.writers)} act cannot be told")
    return Port(owner.name, owner.layer, module, found.scale, found.bias, _of_output, form=found.form)


def _of_output(args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any) -> Tensor | None:
    """The output itself, or the first tensor in it."""
    return first_tensor(output)


def _attention(owner: Owner, module: nn.MultiheadAttention, slots: Slots) -> Iterator[Port]:
    """The projections to queries, keys and values, each from its input, then the output projection."""
    width = module.embed_dim
    for place, (part, argument) in enumerate({"q": "query", "k": "key", "v": "value"}.items()):
        rows = slice(place * width, (place + 1) * width)
        packed = slots(module, "in_proj_weight")
        weight = packed or slots(module, f"{part}_proj_weight")
        assert weight is not None
        yield Port(
            joined(owner.name, part),
            owner.layer,
            module,
            weight,
            slots(module, "in_proj_bias"),
            _projected(module, None if packed is None else rows, part, rows, _argument(place, argument)),
            None if packed is None else rows,
            rows,
            reads_output=False,
        )
    out = slots(module.out_proj, "weight")
    assert out is not None
    bias = slots(module.out_proj, "bias")
    yield Port(joined(owner.name, "out_proj"), owner.layer, module, out, bias, _of_output)


def _projected(module: nn.MultiheadAttention, packed: slice | None, part: str, rows: slice, take: See) -> See:
    """A projection of an attention's input, with its bias."""

    def see(args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any) -> Tensor | None:
        value = take(args, kwargs, output)
        weight = getattr(module, f"{part}_proj_weight") if packed is None else module.in_proj_weight[packed]
        bias = module.in_proj_bias
        return None if value is None else F.linear(value, weight, None if bias is None else bias[rows])

    return see


def _recurrent(owner: Owner, module: nn.RNNBase, slots: Slots) -> Iterator[Port]:
    """What each layer's input adds to its gates: the output is bounded, and no weight brings it to unit variance."""
    for layer in range(module.num_layers):
        for end in ("", "_reverse") if module.bidirectional else ("",):
            local = f"l{layer}{end}"
            yield _of_input(
                owner, module, slots, f"weight_ih_{local}", f"bias_ih_{local}", layer_input(module, layer), local
            )


def _of_input(owner: Owner, module: nn.Module, slots: Slots, weight: str, bias: str, take: See, part: str = "") -> Port:
    """A linear function of the layer's input that the layer computes inside."""

    def see(args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any) -> Tensor | None:
        value = take(args, kwargs, output)
        return None if value is None else F.linear(value, getattr(module, weight), getattr(module, bias, None))

    slot = slots(module, weight)
    assert slot is not None
    name = joined(owner.name, part) if part else owner.name
    return Port(name, owner.layer, module, slot, slots(module, bias), see, reads_output=False)


def _argument(place: int, name: str) -> See:
    """An argument of a call, given by position or by name."""
    return lambda args, kwargs, _: args[place] if len(args) > place else kwargs.get(name)


def _has_layers_inside(module: nn.Module) -> bool:
    inner = (child for name, child in module.named_children() if name != "parametrizations")
    return any(True for child in inner for _ in child.parameters())
