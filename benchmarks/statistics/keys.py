"""The streams under test: their keys, as files that the C programs read, and a check that those give firststep's words.

From the repository's root: python benchmarks/statistics/keys.py write FOLDER
                            python benchmarks/statistics/keys.py check FOLDER STREAM

FOLDER gets one file of keys a stream, 64 MiB the largest; STREAM is the program that ``stream.c`` compiles to.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from firststep import rng


@dataclass(frozen=True)
class Stream:
    """Turn after turn, each key in order gives its next ``run`` words; ``under_test`` yields each (seed, name)."""

    keys: int
    run: int
    under_test: Iterator[tuple[int, str]]


def names() -> Iterator[str]:
    """layers.0.weight, layers.0.bias, layers.1.weight, ..."""
    return (f"layers.{i}.{kind}" for i in itertools.count() for kind in ("weight", "bias"))


def control() -> Iterator[tuple[int, str]]:
    """Neighbouring names again, but every 128th key is its predecessor's: a fault, which a battery must find."""
    previous = ""
    for i, name in enumerate(names()):
        yield 2, previous if i % 128 == 127 else name
        previous = name


def streams() -> dict[str, Stream]:
    """By name; no key stands in two of them."""
    return {
        "one": Stream(1, 64, iter([(0, "fc.weight")])),
        "seeds": Stream(2**16, 1, ((seed, "conv.weight") for seed in itertools.count())),
        "names": Stream(2**16, 1, ((0, name) for name in names())),
        "tensors": Stream(2**22, 64, ((1, name) for name in names())),
        "control": Stream(2**16, 1, control()),
    }


def derive(stream: Stream, count: int | None = None) -> list[rng.Key]:
    """The first ``count`` keys, by default all."""
    chosen = itertools.islice(stream.under_test, stream.keys if count is None else count)
    return [rng.derive_key(seed, name) for seed, name in chosen]


def write(folder: Path) -> None:
    """Each stream's file: number of keys, run, then each key's two numbers, little-endian 64-bit numbers all."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, stream in streams().items():
        numbers = [stream.keys, stream.run]
        for key in derive(stream):
            numbers += [key.philox, key.stream]
        np.array(numbers, dtype="<u8").tofile(folder / f"{name}.keys")
        print(f"{name}.keys: {stream.keys:,} keys, {stream.run} words of each in turn")


def expected(stream: Stream, keys: list[rng.Key], turns: int, first: int) -> torch.Tensor:
    """firststep's words of ``turns`` turns of ``keys``, each from its word ``first``."""
    count = turns * stream.run
    region = rng.Region((first + count,), (first,), (count,))
    words = [rng.fill_(torch.empty(count, dtype=torch.int64), rng.Bits(), key, region) for key in keys]
    return torch.stack(words).view(len(keys), turns, stream.run).transpose(0, 1).flatten()


def check(folder: Path, program: str) -> None:
    """Compare ``program``'s words with firststep's, from word 0 and from where block numbers pass 2^32."""
    for name, stream in streams().items():
        keys = derive(
            stream, min(stream.keys, 2**16)
        )  # of the millions of tensors only the first: one turn's beginning
        turns = {"one": 4096, "tensors": 1}.get(name, 6)
        for first in (0, 2**34 - 8):
            words = expected(stream, keys, turns, first)
            command = [program, str(folder / f"{name}.keys"), str(words.numel()), str(first // 4)]
            output = subprocess.run(command, check=True, capture_output=True).stdout
            given = torch.from_numpy(np.frombuffer(output, dtype="<u4").astype(np.int64))
            if not torch.equal(given, words):
                sys.exit(f"{name}: other words than firststep's, from word {first} of each key")
            print(
                f"{name}: {words.numel():,} words of {len(keys):,} keys, from word {first} of each, equal firststep's"
            )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["write", folder]:
            write(Path(folder))
        case ["check", folder, program]:
            check(Path(folder), program)
        case _:
            sys.exit(__doc__)
