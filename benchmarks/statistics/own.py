"""Checks of our own, independent of any battery: laws per stream, and what neighbouring keys have in common.

From the repository's root: python benchmarks/statistics/own.py. Takes about a minute on one core.

Every number is fixed by the keys, so a run repeats exactly. Each check gives one p-value, uniform on [0, 1] where
firststep's words are as good as random (nearly so: chi-square is the limit law), and is said to fail below ALPHA. The
chance that any check fails on true random numbers is at most their number times ALPHA; it is printed with the verdict.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from keys import derive, streams
from numpy.typing import NDArray
from scipy import stats

from firststep import rng

ALPHA = 1e-4
N = 2**20
"""Values of each stream in a check of its law."""
KEYS, LENGTH, GROUPS = 512, 4096, 32
"""Neighbouring keys, and elements of each, in the checks of what they have in common; groups of such keys."""


def values(name: str, law: rng.Law, dtype: torch.dtype) -> NDArray[Any]:
    """N values of a law: the first 64 of each of the stream's first 16,384 keys, or all of its only key."""
    stream = streams()[name]
    keys = derive(stream, min(stream.keys, N // 64))
    each = N // len(keys)
    return torch.cat([rng.fill_(torch.empty(each, dtype=dtype), law, key) for key in keys]).numpy()


@functools.cache
def words(name: str) -> NDArray[np.uint32]:
    """The stream's words, N of them as for ``values``."""
    return values(name, rng.Bits(), torch.int64).astype(np.uint32)


def as_bits(word: NDArray[np.uint32]) -> NDArray[np.float32]:
    """``[..., 32]``: each bit as -1 or 1, highest first."""
    bits = np.unpackbits(np.ascontiguousarray(word).astype(">u4").view(np.uint8)).reshape(*word.shape, 32)
    return bits.astype(np.float32) * 2 - 1


def law_check(name: str, law: rng.Law, dtype: torch.dtype, cdf: stats.rv_continuous) -> float:
    """Kolmogorov-Smirnov: n = N; at ALPHA it tolerates a CDF that is off by 2.2 / sqrt(N) = 0.0022."""
    return float(stats.kstest(values(name, law, dtype).astype(np.float64), cdf.cdf).pvalue)


def bit_check(name: str) -> float:
    """Ones at each of the 32 places among N words: sum of the squared z-scores, chi-square with 32 degrees."""
    z = as_bits(words(name)).sum(0, dtype=np.float64) / np.sqrt(N)
    return float(stats.chi2.sf((z**2).sum(), 32))


def weight_check(name: str) -> float:
    """Ones in each of N words: chi-square of how often each number of ones came, binomial(32, 1/2), tails pooled."""
    return _chi_square(np.bitwise_count(words(name)))


def block(name: str, law: rng.Law, keys: int = KEYS) -> NDArray[Any]:
    """``[keys, LENGTH]``: the first elements of each of the stream's first keys."""
    dtype = torch.int64 if isinstance(law, rng.Bits) else torch.float32
    rows = [rng.fill_(torch.empty(LENGTH, dtype=dtype), law, key) for key in derive(streams()[name], keys)]
    return torch.stack(rows).numpy()


@functools.cache
def correlations(name: str) -> NDArray[np.float64]:
    """``[GROUPS, pairs]``: Pearson's r of the normals of every two of KEYS neighbouring keys, n = LENGTH each."""
    normals = block(name, rng.Normal(0.0, 1.0), GROUPS * KEYS).reshape(GROUPS, KEYS, LENGTH)
    above = np.triu_indices(KEYS, 1)
    return np.stack([np.asarray(np.corrcoef(group.astype(np.float64)))[above] for group in normals])


def largest_check(name: str) -> float:
    """max |r| against its null: r^2 is beta(1/2, (n - 2) / 2), and the pairs are nearly independent."""
    r = correlations(name)
    null = stats.beta(0.5, (LENGTH - 2) / 2)
    largest = float(np.square(r).max())
    limit = null.isf(ALPHA / r.size)
    print(f"{name:8} max |r| = {largest**0.5:.4f} of {r.size:,} pairs; below ALPHA from {limit**0.5:.4f} on")
    return float(-np.expm1(r.size * np.log1p(-null.sf(largest))))


def total_check(name: str) -> float:
    """All r together: (n - 1) sum r^2 is near normal, mean the pairs' number P, variance 2 P (n - 2) / (n + 1)."""
    r = correlations(name)
    z = ((LENGTH - 1) * np.square(r).sum() - r.size) / np.sqrt(2 * r.size * (LENGTH - 2) / (LENGTH + 1))
    return float(2 * stats.norm.sf(abs(z)))


def cross_check(name: str) -> float:
    """Bit p of a word and bit q of the next key's same word: 32 x 32 sums of products, chi-square, 1024 degrees."""
    bits = as_bits(block(name, rng.Bits()).astype(np.uint32))
    here, after = bits[:-1].reshape(-1, 32), bits[1:].reshape(-1, 32)
    z = (here.T @ after) / np.sqrt(len(here))  # whole numbers below 2^24, which float32 adds exactly
    return float(stats.chi2.sf((z.astype(np.float64) ** 2).sum(), 1024))


def difference_check(name: str) -> float:
    """Bits in which a word and the next key's same word differ: chi-square against binomial(32, 1/2), tails pooled."""
    word = block(name, rng.Bits()).astype(np.uint32)
    return _chi_square(np.bitwise_count(word[0::2] ^ word[1::2]).ravel())


def _chi_square(ones: NDArray[np.uint8]) -> float:
    """Against binomial(32, 1/2); the outermost numbers pooled, so that each class expects 10 at least."""
    expected = stats.binom.pmf(np.arange(33), 32, 0.5) * ones.size
    low = int(np.argmax(np.cumsum(expected) >= 10))
    counted = np.bincount(np.clip(ones, low, 32 - low), minlength=33)[low : 33 - low]
    pooled = expected[low : 33 - low].copy()
    pooled[0] += expected[:low].sum()
    pooled[-1] += expected[33 - low :].sum()
    return float(stats.chisquare(counted, pooled).pvalue)


LAWS: dict[str, tuple[rng.Law, torch.dtype, Any]] = {
    "KS, normals, float32": (rng.Normal(0.0, 1.0), torch.float32, stats.norm()),
    "KS, normals, float64": (rng.Normal(0.0, 1.0), torch.float64, stats.norm()),
    "KS, uniforms, float32": (rng.Uniform(0.0, 1.0), torch.float32, stats.uniform()),
}


def own_checks() -> dict[str, Callable[[str], float]]:
    """What is checked of each stream by itself."""
    laws = {
        f"{title}, n = {N:,}": functools.partial(law_check, law=law, dtype=dtype, cdf=cdf)
        for title, (law, dtype, cdf) in LAWS.items()
    }
    return laws | {f"ones at each place, n = {N:,}": bit_check, f"ones in a word, n = {N:,}": weight_check}


def neighbour_checks() -> dict[str, Callable[[str], float]]:
    """What is checked of neighbouring keys."""
    return {
        f"largest correlation, {GROUPS} groups of {KEYS} keys x {LENGTH}": largest_check,
        f"sum of squared correlations, {GROUPS} groups of {KEYS} keys x {LENGTH}": total_check,
        f"bits against the next key's, {KEYS} keys x {LENGTH}": cross_check,
        f"bits that differ from the next key's, {KEYS} keys x {LENGTH}": difference_check,
    }


def run(checks: dict[str, Callable[[str], float]], names: Sequence[str]) -> list[float]:
    """Each check of each stream: its p-value, printed and returned."""
    p_values = []
    for (title, check), name in itertools.product(checks.items(), names):
        p_values.append(check(name))
        print(
            f"{name:8} {title:66} p = {p_values[-1]:.4f}{'  below ALPHA' if p_values[-1] < ALPHA else ''}", flush=True
        )
    return p_values


def main() -> None:
    """Run every check on the streams, and those of neighbours on one with a fault in its keys."""
    p_values = run(own_checks(), ("one", "seeds", "names", "tensors")) + run(neighbour_checks(), ("seeds", "names"))
    below = sum(p < ALPHA for p in p_values)
    print(
        f"{len(p_values)} checks, {below} below {ALPHA}, the smallest p = {min(p_values):.4f}; "
        f"on true random numbers any is below with probability at most {len(p_values) * ALPHA:.4f}"
    )
    found = sum(p < ALPHA for p in run(neighbour_checks(), ("control",)))
    print(f"control, every 128th key its predecessor's: {found} of {len(neighbour_checks())} checks find it")


if __name__ == "__main__":
    main()
