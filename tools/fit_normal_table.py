"""Fit the polynomials of the inverse normal CDF and write them to src/firststep/rng/_table32.py and _table64.py.

Usage: ``python tools/fit_normal_table.py``. How accurate the tables are is what benchmarks/accuracy.py measures.

Both tables cover the upper half of the distribution, z > 0, of a word of w = 32 or 64 bits:

    octave k   f in [2^k, 2^(k+1)), k = -1 .. w-3:   z = -ndtri(2^k (1.5 + u) / 2^w),     u in [-0.5, 0.5)
    end        f = 2^(w-2), reached by rounding:     the last octave's value at u = 0.5
    centre     x in (0, 0.5):                        z = ndtri(0.5 + x / 2)

Each octave is interpolated at the Chebyshev nodes of u with 60 digits, written in powers of u and rounded once. The
centre is x times a polynomial, so that it is relatively accurate near 0: in powers of x for 32 bits, with the factor x
multiplied in, of u = x - 1/4 for 64 bits, with the factor x left to the caller.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import mpmath as mp
import numpy as np

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "firststep" / "rng"
DIGITS = 60


class Kind(NamedTuple):
    """What one table is made for."""

    bits: int
    degree: int
    dtype: type[np.floating]

    @property
    def rows(self) -> int:
        """Octaves, then the end row, then the centre."""
        return self.bits + 1


KIND32 = Kind(32, 8, np.float32)
KIND64 = Kind(64, 20, np.float64)


def ndtri_upper(p: mp.mpf) -> mp.mpf:
    """The z > 0 with upper tail mass p <= 1/2, by Newton's steps on log(Phi(-z)), to working precision."""
    z = mp.sqrt(-2 * mp.log(2 * p)) if p < mp.mpf("0.05") else mp.mpf(1) - 2 * p
    while True:
        tail = mp.erfc(z / mp.sqrt(2)) / 2
        step = mp.log(tail / p) * tail / mp.npdf(z)
        z += step
        if abs(step) <= mp.eps * 16 * abs(z):
            return z


def interpolate(function: Callable[[mp.mpf], mp.mpf], degree: int, middle: mp.mpf, half: mp.mpf) -> list[mp.mpf]:
    """Coefficients, constant first, in powers of ``v - middle``, of the polynomial through Chebyshev's nodes."""
    nodes = [mp.cos(mp.pi * (2 * i + 1) / (2 * degree + 2)) for i in range(degree + 1)]
    powers = mp.matrix([[node**d for d in range(degree + 1)] for node in nodes])
    values = mp.matrix([function(middle + half * node) for node in nodes])
    scaled = mp.lu_solve(powers, values)
    return [scaled[d] / half**d for d in range(degree + 1)]


def octave(kind: Kind, k: int) -> list[float]:
    """Row of the octave f in [2^k, 2^(k+1)), in powers of u = f / 2^k - 1.5."""
    with mp.workdps(DIGITS):
        scale = mp.mpf(2) ** (k - kind.bits)
        return _rounded(kind, interpolate(lambda t: ndtri_upper(t * scale), kind.degree, mp.mpf(1.5), mp.mpf(0.5)))


def centre(kind: Kind) -> list[float]:
    """Row of the centre: z in powers of x (32 bits, constant term 0), or z / x in powers of x - 1/4 (64 bits)."""
    with mp.workdps(DIGITS):
        quarter = mp.mpf(1) / 4
        if kind.bits == 64:
            return _rounded(kind, interpolate(_slope, kind.degree, quarter, quarter))
        shifted = interpolate(_slope, kind.degree - 1, quarter, quarter)
        plain = [
            mp.fsum(shifted[j] * mp.binomial(j, d) * (-quarter) ** (j - d) for j in range(d, kind.degree))
            for d in range(kind.degree)
        ]
        return _rounded(kind, [mp.mpf(0), *plain])


def _slope(x: mp.mpf) -> mp.mpf:
    return ndtri_upper(mp.mpf(0.5) - x / 2) / x


def end(kind: Kind, last: list[float]) -> list[float]:
    """Row of f = 2^(bits-2): the last octave's value at u = 0.5, rounded step by step as the package does."""
    value = kind.dtype(last[-1])
    for coefficient in reversed(last[:-1]):
        value = kind.dtype(kind.dtype(value * kind.dtype(0.5)) + kind.dtype(coefficient))
    return [float(value)] + [0.0] * kind.degree


def table(kind: Kind) -> list[list[float]]:
    """All rows, in the order the package looks them up."""
    octaves = [octave(kind, k) for k in range(-1, kind.bits - 2)]
    return [*octaves, end(kind, octaves[-1]), centre(kind)]


def _rounded(kind: Kind, coefficients: list[mp.mpf]) -> list[float]:
    """Each coefficient rounded once, to nearest, to the table's precision."""
    precision = np.finfo(kind.dtype).nmant + 1
    with mp.workprec(precision):
        return [float(+c) for c in coefficients]


def source(kind: Kind, rows: list[list[float]]) -> str:
    """The text of the package's file."""
    per_line = 5 if kind.bits == 32 else 4
    lines = [
        f'"""Inverse normal CDF for {kind.bits}-bit words, written and explained by tools/fit_normal_table.py."""',
        "",
        f"DEGREE = {kind.degree}",
        "",
        "# One paragraph per row: octaves from f = 1/2 up, the end, the centre. Constant term first.",
        'ROWS = """',
    ]
    for row in rows:
        texts = [_short_hex(value) for value in row]
        lines += [" ".join(texts[i : i + per_line]) for i in range(0, len(texts), per_line)]
        lines.append("")
    lines[-1] = '"""'
    return "\n".join(lines) + "\n"


def _short_hex(value: float) -> str:
    mantissa, exponent = value.hex().split("p")
    return f"{mantissa.rstrip('0').rstrip('.') if value else '0x0'}p{exponent}"


def main() -> None:
    """Write both files."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    for kind in (KIND32, KIND64):
        path = PACKAGE / f"_table{kind.bits}.py"
        path.write_text(source(kind, table(kind)))
        print("wrote", path.name)


if __name__ == "__main__":
    main()
