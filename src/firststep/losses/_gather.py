"""The rows of all ranks, so that a contrastive loss sees the batch of all devices."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, group: Any) -> Tensor:
        ctx.group, ctx.rows = group, len(tensor)
        parts = [torch.empty_like(tensor) for _ in range(distributed.get_world_size(group))]
        distributed.all_gather(parts, tensor.contiguous(), group=group)
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        total = gradients[0].clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total, group=ctx.group)
        start = distributed.get_rank(ctx.group) * ctx.rows
        return total[start : start + ctx.rows], None


def gather_with_gradient(tensor: Tensor, group: Any = None) -> Tensor:
    """The tensors of all ranks, one below the other, with a gradient to each rank's own.

    Hand all tensors of a contrastive loss through it, labels too, and every rank computes the loss of the whole batch:

        image, text = gather_with_gradient(image), gather_with_gradient(text)
        loss = clip_loss(image, text)

    Each rank's rows get the sum of the gradients that all ranks have for them:

        dL/dx_r = sum_s dL_s/dx_r

    As all W ranks compute the same loss L, that is W dL/dx_r. DistributedDataParallel then averages over the ranks, and
    the parameters have the gradient of L as on one device. Where gradients are summed instead, divide the loss by W.

    Args:
        tensor: (N, ...), the same shape and dtype on every rank. Integers are gathered too, without a gradient.
        group: a process group; the default one for None.

    Returns:
        (W N, ...), the ranks in order; ``tensor`` itself where torch.distributed has not been set up, so that the same
        script runs on one device. Every rank must take part, in the backward pass too.

    >>> gather_with_gradient(torch.ones(2, 3)).shape  # no process group: one device
    torch.Size([2, 3])
    """
    if not (distributed.is_available() and distributed.is_initialized()):
        return tensor
    gathered: Tensor = _Gather.apply(tensor, group)  # pyright: ignore[reportAssignmentType]
    return gathered
