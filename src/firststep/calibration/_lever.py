"""A lever: what is multiplied or set so that the layer sees its weight, or its bias, changed."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.utils.parametrizations import _WeightNorm

from ..errors import ApplyError
from ..planning import Parametrized, Plain, Slot, Through, WeightNormed, same
from ._bench import Bench


class Lever:
    """One parameter of the model on the bench, written in place or through its parametrization.

    Under weight_norm, ``w = g v / |v|``, the lever is the magnitude g where that is enough. Every value is computed
    from the one at the start and rounded to what the parameter is stored in, so that the reported numbers are those
    the user will find.

    Args:
        slot: the parameter.
        bench: where its copy is.
    """

    def __init__(self, slot: Slot, bench: Bench) -> None:
        self.slot, self.name, self._bench = slot, slot.name, bench
        self._plain = slot.writer.tensors[0] if isinstance(slot.writer, Plain) else _magnitude(slot)
        self.value = self._seen()

    @property
    def frozen(self) -> bool:
        """Whether what would be written is not trained."""
        return not (self.slot.writer if self._plain is None else self._plain).requires_grad

    @property
    def tensor(self) -> Tensor | None:
        """The one tensor that the layer's weight is proportional to; ``None`` under most parametrizations."""
        return self._plain

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the parameter as its layer sees it."""
        return self.slot.writer.shape

    def times(self, factor: Tensor) -> str:
        """Multiply the weight by a factor that broadcasts; returns why that can't be, empty when it is done."""
        if isinstance(self.slot.writer, Through) and self._plain is not None:
            fits = factor.numel() == 1 or torch.broadcast_shapes(factor.shape, self._plain.shape) == self._plain.shape
            if not fits:
                return f"its weight_norm has no magnitude for each channel (g has shape {tuple(self._plain.shape)})"
        return self.put(self.value * factor.to(self.value))

    def put(self, value: Tensor) -> str:
        """Write a value; returns why that can't be, empty when it is done."""
        why = self._write(value)
        if not why:
            self.value = value
        return why

    def redraw(self, value: Tensor) -> str:
        """Write a whole new weight, whatever stands before it; returns why that can't be, empty when it is done."""
        writer = self.slot.writer
        if isinstance(writer, Plain):
            return self.put(value)
        assert isinstance(writer, Through)
        why = self._through(writer, value)
        if not why:
            self.value = self._seen()
        return why

    def _seen(self) -> Tensor:
        writer = self.slot.writer
        source = writer.effect() if self._plain is None and isinstance(writer, Through) else self._plain
        assert source is not None
        return source.detach().clone()

    def _write(self, value: Tensor) -> str:
        if not bool(torch.isfinite(self._bench.rounded(value, self._target)).all()):
            return f"it would hold values that {str(self._bench.dtype(self._target)).removeprefix('torch.')} cannot"
        if self._plain is not None:
            self._plain.data.copy_(self._bench.rounded(value, self._plain))
            return ""
        assert isinstance(self.slot.writer, Through)
        return self._through(self.slot.writer, value)

    def _through(self, writer: Through, value: Tensor) -> str:
        try:
            staged = writer.stage(value, self.name, 0)
        except ApplyError:
            return f"its {writer.kind} parametrization fixes its scale"
        keeps_state = any(not isinstance(one, torch.nn.Parameter) for one, new in staged.writes if not same(new, one))
        if not same(staged.effect, value) or keeps_state:
            return f"its {writer.kind} parametrization fixes its scale"
        for target, new in staged.writes:
            target.data.copy_(self._bench.rounded(new, target))
        return ""

    @property
    def _target(self) -> Tensor:
        return self.slot.writer.tensors[0] if self._plain is None else self._plain


def _magnitude(slot: Slot) -> Tensor | None:
    """weight_norm's g, where nothing else stands between it and the layer."""
    writer = slot.writer
    if isinstance(writer, WeightNormed):
        return writer.tensors[0]
    if isinstance(writer, Parametrized):
        lists = getattr(slot.owner.module.parametrizations, slot.local_name)
        if len(lists) == 1 and isinstance(lists[0], _WeightNorm):
            return writer.tensors[0]
    return None
