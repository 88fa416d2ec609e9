"""Learning rates by width, as groups of an optimizer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

from torch import nn

from ..errors import RuleError
from ..planning import inventory
from ._widths import Base, Output, Width, widths

Optimizer = Literal["adam", "sgd"]


def groups(
    model: nn.Module,
    base: Base,
    *,
    lr: float,
    optimizer: Optimizer = "adam",
    weight_decay: float = 0.0,
    output: Output = "scaled",
    axes: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """Parameter groups whose learning rates follow the width, so that the base's best one stays the best.

        parameter                   Adam     SGD             with output="multiplied"
        input weight, bias, gain    lr       lr m_out        the same
        hidden weight               lr/m_in  lr m_out/m_in   the same
        output weight               lr/m_in  lr/m_in         Adam lr, SGD lr m_in

    with m the inputs or outputs of the layer over those in the base. Weight decay goes the other way, so that lr times
    weight decay, which is what a decoupled one takes off per step, is the same in all groups.

    Args:
        model: whose parameters are to be trained; frozen ones are left out.
        base: the model that ``lr`` was tuned on, a function that builds it, or its shapes by name.
        lr: learning rate at the base.
        optimizer: ``"adam"`` for all that normalise the gradient by element, ``"sgd"`` for those that do not.
        weight_decay: at the base.
        output: as the start was made, see :func:`rescaled`.
        axes: as for :func:`widths`.

    Returns:
        Groups for an optimizer of torch: ``torch.optim.AdamW(groups)``.

    Raises:
        RuleError: when the base does not fit, or an option is impossible.

    >>> nets = [nn.Sequential(nn.Linear(2, n), nn.Linear(n, n), nn.Linear(n, 1)) for n in (16, 64)]
    >>> [(len(group["params"]), group["lr"]) for group in groups(nets[1], nets[0], lr=0.1)]
    [(4, 0.1), (2, 0.025)]

    Source: Yang et al. 2021 (arXiv 2203.03466), tables 3 and 8. Where those say 1 for the SGD rate of a hidden weight,
    inputs and outputs are taken to grow alike; m_out/m_in is the general form, as in the authors' package.
    """
    if optimizer not in ("adam", "sgd"):
        raise RuleError(f"optimizer={optimizer!r}: expected 'adam' or 'sgd'")
    for name, value in (("lr", lr), ("weight_decay", weight_decay)):
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
            raise RuleError(f"{name}={value!r}: expected a finite number >= 0")
    sizes = widths(model, base, axes=axes, output=output)
    found: dict[float, list[nn.Parameter]] = {}
    for slot in inventory(model).slots:
        factor = _factor(sizes[slot.name], optimizer, output)
        trained = [tensor for tensor in slot.writer.tensors if tensor.requires_grad]
        if trained:
            found.setdefault(factor, []).extend(trained)  # pyright: ignore[reportArgumentType]
    return [
        {"params": params, "lr": lr * factor, "weight_decay": weight_decay / factor} for factor, params in found.items()
    ]


def _factor(size: Width, optimizer: Optimizer, output: Output) -> float:
    """What the learning rate is multiplied by."""
    if size.role == "output" and output == "multiplied":
        return 1.0 if optimizer == "adam" else size.in_ratio
    return 1 / size.in_ratio if optimizer == "adam" else size.out_ratio / size.in_ratio
