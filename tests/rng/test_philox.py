"""Philox4x32-10 against the vectors published with Random123 (kat_vectors) and against plain Python integers."""

import pytest
import torch

from firststep.rng import Bits, Key, fill_, sample_at
from firststep.rng._philox import philox

PUBLISHED = {
    "zeros": (
        (0, 0, 0, 0),
        (0, 0),
        (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8),
    ),
    "ones": (
        (0xFFFFFFFF,) * 4,
        (0xFFFFFFFF,) * 2,
        (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
    ),
    "pi": (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
}


@pytest.mark.parametrize(("counter", "key", "words"), PUBLISHED.values(), ids=PUBLISHED)
def test_published_vectors(counter, key, words):
    block = counter[0] | counter[1] << 32
    signed = block - 2**64 if block >= 2**63 else block
    made = philox(torch.tensor(signed), Key(key[0] | key[1] << 32, counter[2] | counter[3] << 32))
    assert tuple(made.tolist()) == words


def python_philox(block, key):
    """Salmon et al. 2011, in Python's integers."""
    c = [block & 0xFFFFFFFF, block >> 32, key.stream & 0xFFFFFFFF, key.stream >> 32]
    k = [key.philox & 0xFFFFFFFF, key.philox >> 32]
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * c[0], 2**32)
        high1, low1 = divmod(0xCD9E8D57 * c[2], 2**32)
        c = [high1 ^ c[1] ^ k[0], low1, high0 ^ c[3] ^ k[1], low0]
        k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
    return c


def test_element_i_is_word_i_mod_4_of_block_i_over_4():
    key = Key(0x0123456789ABCDEF, 0xFEDCBA9876543210)
    bits = fill_(torch.empty(23, dtype=torch.int64), Bits(), key)
    assert bits.tolist() == [word for block in range(6) for word in python_philox(block, key)][:23]
    far = [2**31 + 1, 2**32 - 1, 2**34 + 2, 2**40 + 3, 2**62]
    sampled = sample_at(torch.tensor(far), Bits(), key, torch.int64)
    assert sampled.tolist() == [python_philox(i // 4, key)[i % 4] for i in far]
