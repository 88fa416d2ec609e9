"""Image transformers written by hand, and what is expected of their parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from fnmatch import fnmatchcase

import pytest
import torch
from torch import nn

import firststep as fs
from firststep.init import Moments

WIDTH, PATCH, CLASSES = 32, 4, 10


class Block(nn.Module):
    """As a course would write it, on torch's attention."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attn = nn.MultiheadAttention(WIDTH, 4, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))


class CourseViT(nn.Module):
    """On images of 16 by 16: 16 patches of 4 by 4, of 3 colours."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, PATCH, stride=PATCH)
        self.cls_token = nn.Parameter(torch.empty(1, 1, WIDTH))
        self.pos_embedding = nn.Parameter(torch.empty(1, 17, WIDTH))
        self.blocks = nn.ModuleList([Block() for _ in range(3)])
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, CLASSES)


class FeedForward(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH)
        )


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.heads, self.norm = 4, nn.LayerNorm(WIDTH)
        self.to_qkv, self.to_out = nn.Linear(WIDTH, 3 * WIDTH, bias=False), nn.Sequential(nn.Linear(WIDTH, WIDTH))


class ListedViT(nn.Module):
    """With blocks that are lists, and patches made by a linear layer, as ``vit_pytorch`` has them."""

    def __init__(self) -> None:
        super().__init__()
        self.to_patch_embedding = nn.Sequential(nn.LayerNorm(48), nn.Linear(48, WIDTH), nn.LayerNorm(WIDTH))
        self.cls_token = nn.Parameter(torch.empty(1, 1, WIDTH))
        self.pos_embedding = nn.Parameter(torch.empty(1, 17, WIDTH))
        self.layers = nn.ModuleList([nn.ModuleList([Attention(), FeedForward()]) for _ in range(3)])
        self.mlp_head = nn.Linear(WIDTH, CLASSES)


Law = tuple[str, float]
"""``uniform`` and its bound, ``normal`` and its std, ``constant``, a ``table`` to be looked at elsewhere; ``cut at k``
and the std of the values of a normal that is cut off at k of its own std."""

_CUT = {"cut at 1": (1.0, 0.53956009), "cut at 2": (2.0, 0.87962566)}
"""Where, and the std after the cut over the one before it, by quadrature."""


def assert_laws(model: nn.Module, recipe: object, laws: Mapping[str, Law]) -> None:
    """Every parameter's expected moments are those of the law under the first glob that fits its name."""
    plan = fs.plan(model, recipe)  # type: ignore[arg-type]
    unused = set(laws)
    for row in plan.rows:
        glob = next((glob for glob in laws if fnmatchcase(row.name, glob)), None)
        assert glob is not None, f"no law for {row.name}"
        unused.discard(glob)
        assert row.expected is not None, row.name
        _assert_law(row.name, row.expected, *laws[glob])
    assert not unused
    assert plan.apply(seed=0).ok


def _assert_law(name: str, found: Moments, kind: str, number: float) -> None:
    if kind == "constant":
        assert (found.mean, found.variance) == pytest.approx((number, 0), rel=1e-6, abs=1e-12), name
    elif kind != "table":
        assert found.mean == 0, name
        std = number / math.sqrt(3) if kind == "uniform" else number
        assert found.std == pytest.approx(std, rel=1e-6), name
        assert found.kurtosis == pytest.approx({"uniform": 1.8, "normal": 3}.get(kind, found.kurtosis), abs=1e-5), name
    if kind == "uniform":
        assert (-found.low, found.high) == pytest.approx((number, number), rel=1e-6), name
    elif kind in _CUT:
        at, factor = _CUT[kind]
        assert (-found.low, found.high) == pytest.approx((at * number / factor,) * 2, rel=1e-6), name
