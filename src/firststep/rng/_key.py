"""Keys: which stream of words a parameter draws from."""

from __future__ import annotations

import hashlib
import operator
from dataclasses import dataclass

import torch

from ..errors import FirststepError

VERSION = "firststep-1"
"""Hashed into every key: values may change between releases only when this tag does."""


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Key:
    """The 128 bits that select a stream.

    Args:
        philox: the 64-bit key of Philox4x32-10; its low half is the first key word.
        stream: the upper 64 bits of the counter; the low half is the third counter word.

    >>> Key(1, 2).digest.hex()
    '01000000000000000200000000000000'
    """

    digest: bytes
    """Both as 16 bytes, little endian."""

    def __init__(self, philox: int, stream: int) -> None:
        object.__setattr__(self, "digest", (stream << 64 | philox).to_bytes(16, "little"))

    @classmethod
    def of(cls, digest: bytes) -> Key:
        """The key with these 16 bytes."""
        key = object.__new__(cls)
        object.__setattr__(key, "digest", digest)
        return key

    @property
    def philox(self) -> int:
        """The first eight bytes."""
        return int.from_bytes(self.digest[:8], "little")

    @property
    def stream(self) -> int:
        """The other eight."""
        return int.from_bytes(self.digest[8:], "little")

    def __repr__(self) -> str:
        return f"Key(philox={self.philox}, stream={self.stream})"


def derive_key(seed: int, name: str, purpose: str = "") -> Key:
    """The key of the stream that ``name`` draws from under ``seed``.

    ``blake2b-128(VERSION, seed as 8 bytes, name, NUL + purpose)``, integers little endian, text in UTF-8, the last part
    only when there is a purpose; the first 8 bytes of the digest are ``Key.philox``, the others ``Key.stream``.

    Args:
        seed: an integer in [-2^63, 2^64 - 1]; a negative one means ``seed + 2^64``, as in ``torch.manual_seed``.
        name: canonical parameter name.
        purpose: tells several streams of one parameter apart.

    Raises:
        FirststepError: for a seed that is no integer or out of range, and for a NUL in ``name``.

    >>> derive_key(0, "fc.weight") == derive_key(0, "fc.bias")
    False
    >>> derive_key(-1, "fc.weight") == derive_key(2**64 - 1, "fc.weight")
    True
    """
    return Key.of(Seeded(seed).digest(name, purpose))


class Seeded:
    """Keys of many names under one seed, as the 16 bytes that a kernel takes.

    >>> Seeded(0).digest("fc.weight") == derive_key(0, "fc.weight").digest
    True
    """

    __slots__ = ("_begun",)

    def __init__(self, seed: int) -> None:
        self._begun = VERSION.encode() + _unsigned(seed).to_bytes(8, "little")

    def digest(self, name: str, purpose: str = "") -> bytes:
        """See :func:`derive_key`."""
        if "\0" in name:
            raise FirststepError(f"a parameter's name cannot hold a NUL character, given {name!r}")
        text = f"{name}\0{purpose}" if purpose else name
        return hashlib.blake2b(self._begun + text.encode(), digest_size=16).digest()


def draw_seed(generator: torch.Generator | None = None) -> int:
    """A 64-bit seed from ``generator``, or from torch's default CPU generator, which it advances.

    Two integers, each uniform on [0, 2^32), drawn in one call on the generator's device: the first is the low half. All
    2^64 seeds can come up, and ``torch.manual_seed`` reproduces them.

    >>> _ = torch.manual_seed(0)
    >>> first = draw_seed()
    >>> _ = torch.manual_seed(0)
    >>> draw_seed() == first
    True
    """
    device = "cpu" if generator is None else generator.device
    halves = torch.randint(0, 2**32, (2,), generator=generator, dtype=torch.int64, device=device)
    low, high = halves.tolist()
    return high << 32 | low


def _unsigned(seed: int) -> int:
    """``seed`` modulo 2^64, checked as ``torch.manual_seed`` checks it."""
    whole = hasattr(seed, "__index__") and not isinstance(seed, bool)  # numpy's integers too
    if not (whole and -(2**63) <= operator.index(seed) < 2**64):
        raise FirststepError(f"seed={seed!r}: expected an integer in [-2**63, 2**64 - 1], such as seed=0")
    return operator.index(seed) % 2**64
