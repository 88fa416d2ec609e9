"""Uniformly distributed orthonormal matrices, without a factorisation."""

from __future__ import annotations

import torch
from torch import Tensor

from .. import rng

_PANEL = 64
"""Reflections applied at a time: enough to keep a matrix product busy, few enough for a cheap triangle."""


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

    The normals under it are those that :func:`rng.fill_` draws, float64 for a float64 ``dtype`` and float32 otherwise.
    Products are done in float64, whatever ``torch.set_float32_matmul_precision`` says, and rounded once: float32
    matrices made on two machines differ in the last bit of about one element in a million, not more.

    Args:
        rows, columns: its shape.
        key: the stream of the normals.
        dtype: that of the tensor to fill.
        device: where it is made. Apple's MPS has no float64: there it is made on the CPU and copied.
        region: whose normals to use, ``rows * columns`` of them; by default all of a tensor of this shape.

    Returns:
        Tensor ``[rows, columns]``, float64 for a float64 ``dtype`` and float32 otherwise.

    >>> q = orthonormal(5, 3, key=rng.derive_key(0, "w"), dtype=torch.float32, device="cpu")
    >>> torch.allclose(q.T @ q, torch.eye(3), atol=1e-6)
    True
    """
    region = rng.Region.whole((rows, columns)) if region is None else region
    compute = torch.float64 if dtype == torch.float64 else torch.float32
    normals = torch.empty(region.sizes, dtype=compute, device=workplace(torch.device(device)))
    rng.fill_(normals, rng.Normal(0.0, 1.0), key, region)
    gaussian = normals.view(rows, columns).double()
    q = haar(gaussian.T).T if rows < columns else haar(gaussian)
    return q.to(compute).to(device)


def workplace(device: torch.device) -> torch.device:
    """Where the float64 products are done: on ``device``, on the CPU for one without float64."""
    return torch.device("cpu") if device.type == "mps" else device


def haar(gaussian: Tensor) -> Tensor:
    """The orthonormal matrix that a Gaussian one turns into, Haar-distributed.

        Q = H_1 H_2 ... H_n D,    H_j = I - 2 v_j v_j^T / |v_j|^2,    v_j = x_j + s_j |x_j| e_j,    s_j = sign(x_jj)

    x_j is column j from its diagonal element on, zero above; D is diagonal with -s_j. Each H_j carries a uniformly
    distributed direction of what is left to its axis, so Q has the law of the Q of a QR factorisation with a positive
    diagonal of R, at the price of the products alone: ``H_1 ... H_k = I - V T V^T`` with unit columns in V and
    ``T^-1 = I / 2 + striu(V^T V)``, a panel of columns at a time.

    Args:
        gaussian: ``[m, n]``, m >= n, float64, independent N(0, 1); :func:`rng.fill_` never draws a 0.

    Returns:
        Tensor ``[m, n]`` with orthonormal columns.

    Source: Stewart 1980 (SIAM J. Numer. Anal. 17, section 3); Mezzadri 2007 (arXiv math-ph/0609050, section 5); for T
    Joffrain et al. 2006 (ACM TOMS 32).
    """
    v = torch.tril(gaussian)
    sign = torch.where(v.diagonal() < 0, -1.0, 1.0).to(v.dtype)
    v.diagonal().add_(sign * torch.linalg.vector_norm(v, dim=0))
    v /= torch.linalg.vector_norm(v, dim=0)
    q = torch.zeros_like(v)
    q.diagonal().copy_(-sign)
    for start in reversed(range(0, v.shape[1], _PANEL)):
        panel = v[start:, start : start + _PANEL]
        inverse_t = torch.triu(panel.T @ panel, diagonal=1)
        inverse_t.diagonal().fill_(0.5)
        t_v = torch.linalg.solve_triangular(inverse_t, panel.T, upper=True)
        rest = q[start:, start:]
        rest.sub_(panel @ (t_v @ rest))
    return q
