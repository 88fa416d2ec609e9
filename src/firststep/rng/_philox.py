"""Philox4x32-10, the source of every word."""

from __future__ import annotations

import torch
from torch import Tensor

from ._key import Key

_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10
_MASK = 0xFFFFFFFF


def philox(block: Tensor, key: Key) -> Tensor:
    """The four words of each block.

    A counter of four 32-bit words (the block's number, then ``key.stream``, low half first) goes through ten rounds

        (c0, c1, c2, c3) <- (hi(M1 c2) ^ c1 ^ k0,  lo(M1 c2),  hi(M0 c0) ^ c3 ^ k1,  lo(M0 c0)),

    and after each round the key words advance by the Weyl constants, modulo 2^32.

    Args:
        block: block numbers, int64, any shape, read as unsigned.
        key: the stream.

    Returns:
        Words in [0, 2^32), int64, shape ``[*block.shape, 4]``, on the device of ``block``.

    Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011, section 3.3.
    """
    c0, c1 = block & _MASK, block >> 32
    c2, c3 = torch.full_like(c0, key.stream & _MASK), torch.full_like(c0, key.stream >> 32)
    k0, k1 = key.philox & _MASK, key.philox >> 32
    for _ in range(_ROUNDS):
        product0, product1 = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]  # int64 wraps, which keeps all 64 bits
        # Only c0 and c2 are multiplied, so only they need clean upper halves; c1 and c3 are cleaned at the end.
        c0 = (product1 >> 32).bitwise_xor_(c1).bitwise_xor_(k0).bitwise_and_(_MASK)
        c2 = (product0 >> 32).bitwise_xor_(c3).bitwise_xor_(k1).bitwise_and_(_MASK)
        c1, c3 = product1, product0
        k0, k1 = (k0 + _WEYL[0]) & _MASK, (k1 + _WEYL[1]) & _MASK
    return torch.stack((c0, c1, c2, c3), dim=-1).bitwise_and_(_MASK)
