"""What happens to a layer's output: a small value that planning hands to the schemes that ask for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flow:
    """What a traced model does with the output of one weight layer.

    Args:
        nonlinearity: name of the activation applied to the output, as ``init.gain`` knows it; ``"linear"`` when the
            output goes on without one; ``None`` when the trace could not tell.
        chain: number of weight layers in the plain chain this layer is a link of (layers and activations in turn,
            no normalisation, no skip, no pooling by maximum); 0 when it is in none.
        mirrored_in, mirrored_out: whether, in such a chain, the layer's input comes as pairs (u, -u), and whether its
            output may be laid out so.
    """

    nonlinearity: str | None = None
    chain: int = 0
    mirrored_in: bool = False
    mirrored_out: bool = False
