"""How accurate the values are: the normal on every 32-bit word and on a sample of 64-bit ones, and the uniform's grid.

    python benchmarks/accuracy.py --json benchmarks/results/accuracy.json     # ten minutes of one core
    python benchmarks/accuracy.py --quick

float32 normals   all 2^32 words by torch operations, against scipy's ndtri in float64, which a sample compares with
                  mpmath; both halves are computed, and are each other's negatives or are counted
float64 normals   a sample of words of every magnitude, against mpmath
float32 uniforms  all 2^24 values, their sums as whole numbers

Other devices and the kernels are not measured here: tests hold that they have the bits of torch operations.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import random
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import mpmath as mp
import numpy as np
import scipy
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from scipy.special import ndtri

from firststep import rng
from firststep.rng import Uniform
from firststep.rng._normal import ndtri32, ndtri64
from firststep.rng._sampler import make_sampler

ALL = 2**32
CHUNK = 2**17
"""Words at a time: few enough for a processor's cache."""

DIGITS = 50
Reals = NDArray[np.float64]


def main() -> int:
    """Measure, print, write the JSON file; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the numbers")
    parser.add_argument("--quick", action="store_true", help="1/256 of the words: to see that it runs")
    args = parser.parse_args()
    words, count = (2**24, 200) if args.quick else (ALL, 20_000)
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        tasks = [bar.add_task(name, total=total) for name, total in (("32 bits", words), ("mpmath", 4 * count))]
        results = {
            "with": versions(),
            "normal32": measure32(words, lambda n: bar.advance(tasks[0], n)),
            "scipy": measure_scipy(count, lambda n: bar.advance(tasks[1], n)),
            "normal64": measure64(count, lambda n: bar.advance(tasks[1], n)),
            "uniform24": measure_uniform(),
        }
    text = json.dumps(results, indent=2)
    print(text)
    if args.json is not None:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(text + "\n", encoding="utf-8")
    return 0


class Moments:
    """Sums of powers: pairwise within a chunk, exact from chunk to chunk."""

    def __init__(self) -> None:
        self._sums: list[tuple[float, ...]] = []
        self._count = 0

    def add(self, z: Reals) -> None:
        """Take the numbers of a chunk into account."""
        square = z * z
        cube = square * z
        self._sums.append(tuple(float(term.sum()) for term in (z, square, cube, square * square, cube * cube)))
        self._count += z.size

    def result(self) -> dict[str, float]:
        """Mean, variance, skewness, kurtosis and sixth moment, less what the standard normal has."""
        mean, second, third, fourth, sixth = (math.fsum(sums) / self._count for sums in zip(*self._sums, strict=True))
        variance = second - mean**2
        about_mean = third - 3 * mean * second + 2 * mean**3, fourth - 4 * mean * third + 6 * mean**2 * second
        return {
            "mean": mean,
            "variance-1": variance - 1,
            "skewness": about_mean[0] / variance**1.5,
            "kurtosis-3": (about_mean[1] - 3 * mean**4) / variance**2 - 3,
            "E[z^6]-15": sixth - 15,
        }


class Errors:
    """The largest errors of a region."""

    def __init__(self) -> None:
        self.result = {"ulp": 0.0, "absolute": 0.0}

    def add(self, z: NDArray[np.floating], true: Reals) -> None:
        """Compare; a last place is that of the true value in the dtype of ``z``."""
        error = np.abs(z - true)
        ulp = error / np.spacing(np.abs(true.astype(z.dtype)))
        for name, found in (("ulp", ulp), ("absolute", error)):
            self.result[name] = max(self.result[name], float(found.max()))


def measure32(words: int = ALL, tell: Callable[[int], object] = lambda n: None) -> dict[str, object]:
    """``ndtri32`` on ``words`` words: half of them around zero, half of them at the two ends; or all.

    Moments are those of the whole distribution, hence only told of all words.
    """
    half, quarter = 2**31, words // 4
    errors = {True: Errors(), False: Errors()}
    found, exact = Moments(), Moments()
    steps_down = not_odd = 0
    before = {+1: -math.inf, -1: -math.inf}
    for start in [*range(0, quarter, CHUNK), *range(half - quarter, half, CHUNK)]:
        a = np.arange(start, start + CHUNK)
        upper, lower = (ndtri32(torch.from_numpy(s)).numpy() for s in (a, -1 - a))
        true = reference32(a)
        errors[start < 2**30].add(upper, true)
        not_odd += int((upper != -lower).sum())
        for side, z in ((+1, upper), (-1, -lower)):  # both grow with a
            steps_down += int((np.diff(z, prepend=np.float32(before[side])) < 0).sum())
            before[side] = float(z[-1])
        if words == ALL:
            found.add(upper.astype(np.float64))
            found.add(lower.astype(np.float64))
            exact.add(true)
            exact.add(-true)
        tell(2 * CHUNK)
    steps_down += int(ndtri32(torch.tensor(0)) < ndtri32(torch.tensor(-1)))
    result = {
        "words": words,
        "centre": errors[True].result,
        "tail": errors[False].result,
        "steps_down": steps_down,
        "not_odd": not_odd,
        "least": -before[-1],
        "greatest": before[+1],
    }
    return result | ({"moments": found.result(), "moments_of_exact_quantiles": exact.result()} if words == ALL else {})


def reference32(a: NDArray[np.int64]) -> Reals:
    """The quantiles of words ``a >= 0`` of 32 bits by scipy, all in the centre or all in the tail; p is exact."""
    return ndtri(0.5 + (a + 0.5) / 2**32) if a[-1] < 2**30 else -ndtri((2**31 - 0.5 - a) / 2**32)


def measure_scipy(count: int, tell: Callable[[int], object] = lambda n: None) -> dict[str, float]:
    """How far the reference is from mpmath, on a sample of words."""
    centre, tail = sample(32, count)
    z = [*reference32(np.array(centre)), *reference32(np.array(tail))]
    true = [quantile(a, 32, tell) for a in (*centre, *tail)]
    return {"words": len(true), "relative": relative_error(z, true)}


def measure64(count: int, tell: Callable[[int], object] = lambda n: None) -> dict[str, object]:
    """``ndtri64`` on a sample of words, and on the word after each."""
    result: dict[str, object] = {}
    measured = steps_down = not_odd = 0
    relative = greatest = 0.0
    for region, words in zip(("centre", "tail"), sample(64, count), strict=True):
        z = ndtri64(torch.tensor(words))
        true = [quantile(a, 64, tell) for a in words]
        with mp.workdps(DIGITS):
            error = np.array([float(abs(x - y)) for x, y in zip(z.tolist(), true, strict=True)])
        relative = max(relative, relative_error(z.tolist(), true))
        place = np.spacing(np.array([float(y) for y in true]))
        result[region] = {"ulp": float((error / place).max()), "absolute": float(error.max())}
        steps_down += int((ndtri64(torch.tensor([min(a + 1, 2**63 - 1) for a in words])) < z).sum())
        not_odd += int((ndtri64(torch.tensor([-1 - a for a in words])) != -z).sum())
        measured += len(words)
        greatest = float(z.max())
    more = {"relative": relative, "steps_down": steps_down, "not_odd": not_odd, "greatest": greatest}
    return {"words": measured, **result, **more}


def sample(bits: int, count: int) -> tuple[list[int], list[int]]:
    """Words of every magnitude: ``count`` counted from zero, in the centre, and ``count`` from the end, in the tail."""
    generator, middle, end = random.Random(0), 2 ** (bits - 2), 2 ** (bits - 1)
    distances = [0, middle - 1]
    distances += [generator.getrandbits(generator.randrange(1, bits - 1)) for _ in range(count - 2)]
    return distances, [end - 1 - distance for distance in distances]


def quantile(a: int, bits: int, tell: Callable[[int], object] = lambda n: None) -> mp.mpf:
    """The normal quantile of a word ``a >= 0``, by mpmath's inverse error function."""
    tell(1)
    with mp.workdps(DIGITS):
        return mp.sqrt(2) * mp.erfinv((mp.mpf(a) + mp.mpf("0.5")) / mp.mpf(2) ** (bits - 1))


def relative_error(z: Iterable[float], true: Iterable[mp.mpf]) -> float:
    """The largest."""
    with mp.workdps(DIGITS):
        return max(float(abs(mp.mpf(float(x)) / y - 1)) for x, y in zip(z, true, strict=True))


def measure_uniform() -> dict[str, object]:
    """U[0, 1) in float32: all 2^24 values that words have, times 2^24, as whole numbers."""
    count = 2**24
    u = make_sampler(Uniform(0.0, 1.0), torch.float32, torch.float32).values(torch.arange(count) << 8)
    k = u.double().mul(count).to(torch.int64)
    total, squares = int(k.sum()), sum(int((part * part).sum()) for part in k.split(2**14))
    return {
        "values": count,
        "wrong": int((k != torch.arange(count)).sum()),
        "least": float(u.min()),
        "1-greatest": 1 - float(u.max()),
        "mean-1/2": float(mp.mpf(total) / count**2 - 0.5),
        "12*variance-1": 12 * (squares * count - total**2) / count**4 - 1,
    }


def versions() -> dict[str, str]:
    """What was measured, and with what."""
    return {
        "torch": torch.__version__,
        "scipy": scipy.__version__,
        "numpy": np.__version__,
        "mpmath": mp.__version__,
        "python": platform.python_version(),
        "values": rng.VERSION,
    }


if __name__ == "__main__":
    sys.exit(main())
