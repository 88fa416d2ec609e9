"""More rows for an embedding and what is tied to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .. import rng
from ..errors import ApplyError, PlanError, did_you_mean
from ..init import extend_embedding_
from ._apply import writable
from ._inventory import Inventory, Place, Slot, inventory
from ._names import joined
from ._transaction import Transaction
from ._writers import Plain

_SIZES: dict[type, str] = {nn.Embedding: "num_embeddings", nn.EmbeddingBag: "num_embeddings", nn.Linear: "out_features"}
"""The attribute that holds the number of rows, by kind of layer."""


@dataclass(frozen=True)
class Extended:
    """What :func:`extend_embedding` did. ``print`` it to see.

    Args:
        names: every name of every parameter that grew.
        old, rows: how many rows there were and are.
        spread: of the new rows, as a share of the old rows' covariance.
        seed: decides the new rows, together with the parameters' names.
    """

    names: tuple[str, ...]
    old: int
    rows: int
    spread: float
    seed: int

    def __str__(self) -> str:
        form = "at their mean" if self.spread == 0 else f"around their mean, {self.spread:g} of their covariance"
        new = (
            f"{self.rows - self.old} new ones {form}, with seed {self.seed}" if self.rows > self.old else "no new ones"
        )
        return f"{', '.join(self.names)}: {self.old} rows kept, {new}"


def extend_embedding(
    model: nn.Module,
    layers: str | Sequence[str],
    rows: int,
    seed: int | None = None,
    *,
    spread: float = 1e-9,
    generator: torch.Generator | None = None,
) -> Extended:
    """Give an embedding more rows: the old ones as they are, new ones drawn around their mean. All or nothing.

        w_new ~ N(mean(old), spread * Cov(old))

    What is tied to the embedding grows with it: an output layer, and its bias, whose new elements are drawn about the
    mean of its old ones in the same way. The parameters are new objects, so make the optimizer afterwards.

    Args:
        model: in memory, not on meta.
        layers: name of an ``Embedding``, an ``EmbeddingBag`` or a ``Linear`` whose outputs are the vocabulary, or
            several: an embedding and an output layer that is not tied to it.
        rows: how many rows there shall be, at least as many as there are.
        seed: decides the new rows, together with the parameters' names; ``None`` draws one from torch's generator.
        spread: 1 matches the covariance of the old rows, 0 takes their mean itself. The default is next to the mean,
            but new tokens differ.
        generator: where to draw the seed from instead; not together with ``seed``.

    Returns:
        :class:`Extended`. ``num_embeddings`` and ``out_features`` are set; a ``padding_idx`` row stays what it was and
        does not count for the mean. A vocabulary size that is kept elsewhere, as in ``model.config``, is yours to set.

    Raises:
        PlanError: when a layer is none of these, or the rows do not fit; the model is untouched.
        ApplyError: on meta, or when both ``seed`` and ``generator`` are given.

    >>> net = nn.Sequential(nn.Embedding(10, 4), nn.Linear(4, 10))
    >>> net[1].weight = net[0].weight
    >>> print(extend_embedding(net, "0", 12, seed=0))
    0.weight, 1.weight, 1.bias: 10 rows kept, 2 new ones around their mean, 1e-09 of their covariance, with seed 0

    Source: :func:`firststep.init.extend_embedding_`.
    """
    if seed is not None and generator is not None:
        raise ApplyError("both seed and generator were given: expected one, since a generator only draws the seed")
    stock = inventory(model)
    named = [_weight(stock, name) for name in ([layers] if isinstance(layers, str) else layers)]
    slots = {slot.name: slot for weight in named for slot in (weight, *_biases(stock, weight))}.values()
    old = _rows(named, rows)
    writable([(slot.name, slot.writer.tensors) for slot in slots])
    with Transaction(generator) as undo, torch.no_grad():
        seed = rng.draw_seed(generator) if seed is None else seed
        grown = [(slot, _grown(slot, rows, spread, rng.derive_key(seed, slot.name, "new rows"))) for slot in slots]
        for slot, parameter in grown:
            for place in slot.places:
                _put(place, parameter, rows, undo.undo)
        return Extended(tuple(name for slot in slots for name in slot.names), old, rows, spread, seed)


def _weight(stock: Inventory, layer: str) -> Slot:
    """The weight of a layer that has a row per token."""
    found = next((slot for slot in stock.slots if joined(layer, "weight") in slot.names), None)
    kind = "no such module has a weight" if found is None else ""
    if found is not None:
        odd = [place for place in found.places if place.local_name != "weight" or _size(place.owner.module) is None]
        kind = f"{odd[0].name!r} belongs to a {odd[0].owner.layer}" if odd else ""
        kind = kind or (f"its weight is computed by {found.writer.kind}" if type(found.writer) is not Plain else "")
    if kind or found is None:
        known = [owner.name for owner in stock.owners if owner.writers and _size(owner.module) is not None]
        raise PlanError(
            [
                f"extend_embedding({layer!r}): {kind}; expected the name of an Embedding, an EmbeddingBag or a Linear."
                f"{did_you_mean(str(layer), known) if found is None else ''}"
            ]
        )
    return found


def _size(module: nn.Module) -> str | None:
    return next((name for kind, name in _SIZES.items() if isinstance(module, kind)), None)


def _biases(stock: Inventory, weight: Slot) -> list[Slot]:
    """The biases of the output layers that have this weight."""
    names = {joined(place.owner.name, "bias") for place in weight.places if isinstance(place.owner.module, nn.Linear)}
    return [slot for slot in stock.slots if names & set(slot.names)]


def _rows(weights: Sequence[Slot], rows: int) -> int:
    """How many rows there are."""
    if isinstance(rows, bool) or not isinstance(rows, int):
        raise PlanError([f"extend_embedding(rows={rows!r}): expected a whole number"])
    sizes = {slot.name: slot.writer.shape[0] for slot in weights}
    if len(set(sizes.values())) != 1:
        listed = ", ".join(f"{name!r} {size}" for name, size in sizes.items()) or "no layer"
        raise PlanError([f"extend_embedding: expected layers with as many rows each, given {listed}"])
    (old,) = set(sizes.values())
    if rows < old:
        raise PlanError([f"extend_embedding(rows={rows}): {next(iter(sizes))!r} has {old} rows already"])
    return old


def _grown(slot: Slot, rows: int, spread: float, key: rng.Key) -> nn.Parameter:
    """The parameter with its new rows."""
    old = slot.writer.tensors[0].detach()
    padding = {
        index % old.shape[0]
        for place in slot.places
        if (index := getattr(place.owner.module, "padding_idx", None)) is not None
    }
    used = [row for row in range(old.shape[0]) if row not in padding] or list(padding)
    matrix = old.reshape(old.shape[0], -1)
    seen = matrix[used] if padding else matrix
    generator = torch.Generator().manual_seed(key.philox)
    fresh = extend_embedding_(
        matrix.new_empty((len(seen) + rows - len(old), matrix.shape[1])), seen, spread=spread, generator=generator
    )
    new = torch.cat([old, fresh[len(seen) :].reshape(-1, *old.shape[1:])])
    return nn.Parameter(new, requires_grad=slot.writer.requires_grad)


def _put(place: Place, parameter: Tensor, rows: int, undo: Callable[[Callable[[], object]], None]) -> None:
    """Register the parameter at a place, and write down its size."""
    module, key, size = place.owner.module, place.local_name, _size(place.owner.module)
    was: dict[str, Any] = {} if size is None or key != "weight" else {size: getattr(module, size)}
    old = module._parameters[key]
    undo(lambda: (module._parameters.__setitem__(key, old), module.__dict__.update(was)))
    module._parameters[key] = parameter  # pyright: ignore[reportArgumentType]
    module.__dict__.update(dict.fromkeys(was, rows))
