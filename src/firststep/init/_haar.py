"""Uniformly distributed orthonormal matrices, without a factorisation."""

from __future__ import annotations

import torch
from torch import Tensor

from .. import rng

_PANEL = 256
"""Reflections multiplied at a time: ``ormqr`` keeps several threads busy, ``orgqr``, which makes a panel, less so."""


def orthonormal(
    rows: int,
    columns: int,
    *,
    key: rng.Key,
    dtype: torch.dtype,
    device: torch.device | str,
    region: rng.Region | None = None,
) -> Tensor:
    """A Haar-distributed matrix: orthonormal columns, or rows where they are fewer.

    The normals under it are those that :func:`rng.fill_` draws. They, and all that is done with them, are float64 for a
    float64 ``dtype`` and float32 otherwise. Two machines, or two numbers of threads, give float32 matrices that differ
    by rounding, about 1e-6 (1e-5 where columns have a million elements). While it is made, about one more matrix of its
    size is held.

    Args:
        rows, columns: its shape.
        key: the stream of the normals.
        dtype: that of the tensor to fill.
        device: where it is made, or copied to from the CPU: see :func:`workplace`.
        region: whose normals to use, ``rows * columns`` of them; by default all of a tensor of this shape.

    Returns:
        Tensor ``[rows, columns]``, float64 for a float64 ``dtype`` and float32 otherwise; the longer side is the
        contiguous one.

    >>> q = orthonormal(5, 3, key=rng.derive_key(0, "w"), dtype=torch.float32, device="cpu")
    >>> torch.allclose(q.T @ q, torch.eye(3), atol=1e-6)
    True
    """
    region = rng.Region.whole((rows, columns)) if region is None else region
    compute = torch.float64 if dtype == torch.float64 else torch.float32
    matrix = torch.empty(region.sizes, dtype=compute, device=workplace(torch.device(device)))
    matrix = rng.fill_(matrix, rng.Normal(0.0, 1.0), key, region).view(rows, columns)
    if rows < columns:
        return haar_(matrix.T).T.to(device)
    matrix = matrix.T.contiguous().T
    return haar_(matrix).to(device)


def workplace(device: torch.device) -> torch.device:
    """Where a matrix for ``device`` is made: there, but on the CPU for Apple's MPS, which has no LAPACK."""
    return torch.device("cpu") if device.type == "mps" else device


def haar_(gaussian: Tensor) -> Tensor:
    """Turn a Gaussian matrix, in place, into an orthonormal one that is Haar-distributed.

        Q = H_1 H_2 ... H_n D,    H_j = I - tau_j v_j v_j^T,    D_jj = -sign(sigma_j),    sigma_j = sign(x_jj) |x_j|
        v_j = x_j / (x_jj + sigma_j), but 1 on the diagonal,    tau_j = 2 / |v_j|^2 = 1 + x_jj / sigma_j

    x_j is column j from its diagonal element on, zero above. H_j carries the direction of x_j, uniform in the space
    that is left to it, to an axis. So Q has the law of the Q of a QR factorisation with a positive diagonal of R, and
    the factorisation, half of the work, is left out: the reflections are drawn, and LAPACK multiplies them, ``_PANEL``
    at a time from the last, to the finished columns on their right (``ormqr``) and to the identity (``orgqr``).

    As no ``matmul`` is called, neither autocast nor ``torch.set_float32_matmul_precision`` reaches the result.

    Args:
        gaussian: ``[m, n]``, m >= n, float32 or float64, independent N(0, 1), no column all zero from its diagonal on
            (:func:`rng.fill_` never draws a 0). Column-major, or LAPACK works on a copy.

    Returns:
        ``gaussian``, now with orthonormal columns.

    Source: Stewart 1980 (SIAM J. Numer. Anal. 17, section 3); Mezzadri 2007 (arXiv math-ph/0609050, section 5).
    """
    v = gaussian.tril_()
    diagonal = v.diagonal()
    sigma = torch.linalg.vector_norm(v, dim=0).copysign_(diagonal)
    tau = 1 + diagonal / sigma
    v /= diagonal + sigma  # LAPACK takes the diagonal for 1, whatever it holds
    for start in reversed(range(0, v.shape[1], _PANEL)):
        reflections = tau[start : start + _PANEL]
        panel, rest = v[start:, start : start + _PANEL], v[start:, start + _PANEL :]
        if rest.shape[1]:
            torch.ormqr(panel, reflections, rest, out=rest)
        torch.linalg.householder_product(panel, reflections, out=panel)
    v *= -sigma.sign()
    return v
