"""Transformers, and what mixes positions as they do."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .start import Start, Wrapped, classes, plain, zeroed


def encoder(first: bool, layers: int = 4, n: int = 8) -> Start:
    """torch's transformer encoder over tokens, pre- or post-norm, mean pooled."""

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(100, 32)
            layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, norm_first=first)
            self.body = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
            self.head = nn.Linear(32, 5)

        def forward(self, ids: Tensor) -> Tensor:
            return self.head(self.body(self.embed(ids)).mean(1))

    return Model(), nn.CrossEntropyLoss(), (torch.randint(100, (n, 12)), classes(n, 5))


def padded(n: int = 8) -> Start:
    """Xavier over everything, the padding row too, and attention that masks it."""

    def run(m: Any, ids: Tensor) -> Tensor:
        return m.head(m.body(m.embed(ids), src_key_padding_mask=ids == 0)[:, 0])

    body = nn.TransformerEncoder(nn.TransformerEncoderLayer(32, 4, 64, batch_first=True), 2, enable_nested_tensor=False)
    model = Wrapped(run, embed=nn.Embedding(50, 32, padding_idx=0), body=body, head=nn.Linear(32, 4))
    for one in model.parameters():
        if one.ndim > 1:
            nn.init.xavier_uniform_(one)
    ids = torch.randint(1, 50, (n, 12))
    ids[:, 6:] = 0
    return model, nn.CrossEntropyLoss(), (ids, classes(n, 4))


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int, causal: bool) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.heads, self.causal = heads, causal

    def forward(self, x: Tensor) -> Tensor:
        n, t, d = x.shape
        q, k, v = self.qkv(x).view(n, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.proj(y.transpose(1, 2).reshape(n, t, d))


class _Layer(nn.Module):
    def __init__(self, width: int, heads: int, causal: bool, scale: float | None = None) -> None:
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = _Attention(width, heads, causal)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.scale = nn.Parameter(torch.full((width,), scale)) if scale else None

    def forward(self, x: Tensor) -> Tensor:
        scale = 1.0 if self.scale is None else self.scale
        x = x + scale * self.attn(self.ln1(x))
        return x + scale * self.down(F.gelu(self.up(self.ln2(x))))


def vit(scale: float | None = None, zero_head: bool = False, n: int = 16) -> Start:
    """A vision transformer; LayerScale and a zero head where asked."""

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patch = nn.Conv2d(3, 48, 4, stride=4)
            self.cls = nn.Parameter(torch.zeros(1, 1, 48))
            self.pos = nn.Parameter(torch.randn(1, 17, 48) * 0.02)
            self.blocks = nn.Sequential(*(_Layer(48, 4, False, scale) for _ in range(4)))
            self.norm, self.head = nn.LayerNorm(48), nn.Linear(48, 10)
            for module in self.modules():
                if isinstance(module, nn.Linear):
                    nn.init.trunc_normal_(module.weight, std=0.02)
                    nn.init.zeros_(module.bias)
            if zero_head:
                nn.init.zeros_(self.head.weight)

        def forward(self, x: Tensor) -> Tensor:
            x = self.patch(x).flatten(2).transpose(1, 2)
            x = torch.cat([self.cls.expand(len(x), -1, -1), x], 1) + self.pos
            return self.head(self.norm(self.blocks(x))[:, 0])

    return Model(), nn.CrossEntropyLoss(), (torch.randn(n, 3, 16, 16), classes(n))


def gpt(tied: bool = True, n: int = 4) -> Start:
    """A GPT with 0.02 everywhere and residual projections scaled by depth."""

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wte, self.wpe = nn.Embedding(65, 64), nn.Embedding(16, 64)
            self.blocks = nn.Sequential(*(_Layer(64, 4, True) for _ in range(4)))
            self.norm, self.head = nn.LayerNorm(64), nn.Linear(64, 65, bias=False)
            if tied:
                self.head.weight = self.wte.weight
            for name, p in self.named_parameters():
                if p.ndim > 1:
                    last = name.endswith(("proj.weight", "down.weight"))
                    nn.init.normal_(p, std=0.02 / math.sqrt(8) if last else 0.02)
                elif name.endswith("bias"):
                    nn.init.zeros_(p)

        def forward(self, ids: Tensor) -> Tensor:
            x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1], device=ids.device))
            return self.head(self.norm(self.blocks(x)))

    ids = torch.randint(65, (n, 17))
    return Model(), lambda out, y: F.cross_entropy(out.flatten(0, 1), y.flatten()), (ids[:, :-1], ids[:, 1:])


def t5_head(n: int = 4) -> Start:
    """A tied embedding of N(0, 1), and a scale before the head."""

    def run(m: Any, ids: Tensor) -> Tensor:
        return F.linear(m.norm(m.embed(ids)) * 64**-0.5, m.embed.weight)

    ids = torch.randint(50, (n, 13))
    return Wrapped(run, embed=nn.Embedding(50, 64), norm=nn.LayerNorm(64)), (
        lambda out, y: F.cross_entropy(out.flatten(0, 1), y.flatten())
    ), (ids[:, :-1], ids[:, 1:])  # fmt: skip


def mixer(n: int = 8) -> Start:
    """Token and channel mixing."""

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.n1, self.n2 = nn.LayerNorm(32), nn.LayerNorm(32)
            self.tokens, self.channels = plain([16, 32, 16], nn.GELU), plain([32, 64, 32], nn.GELU)

        def forward(self, x: Tensor) -> Tensor:
            x = x + self.tokens(self.n1(x).transpose(1, 2)).transpose(1, 2)
            return x + self.channels(self.n2(x))

    model = nn.Sequential(
        nn.Linear(12, 32), *(Block() for _ in range(4)), nn.LayerNorm(32), nn.Flatten(), nn.Linear(512, 10)
    )
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 16, 12), classes(n))


def queries(n: int = 8) -> Start:
    """A decoder whose queries are the same for every example, until they look at the image."""

    def run(m: Any, x: Tensor) -> Tensor:
        memory = m.patch(x).flatten(2).transpose(1, 2)
        return m.head(m.decoder(m.query.weight.expand(len(x), -1, -1), memory)).flatten(1)

    layer = nn.TransformerDecoderLayer(32, 4, 64, batch_first=True)
    model = Wrapped(
        run, patch=nn.Conv2d(3, 32, 4, 4), query=nn.Embedding(5, 32), decoder=nn.TransformerDecoder(layer, 3),
        head=nn.Linear(32, 2),
    )  # fmt: skip
    return model, nn.L1Loss(), (torch.randn(n, 3, 16, 16), torch.rand(n, 10))


def swin_bias(n: int = 8) -> Start:
    """Attention with a table of relative positions that starts at zero, and a zero position embedding."""

    def run(m: Any, x: Tensor) -> Tensor:
        h = m.norm(m.embed(x) + m.pos)
        q, k, v = m.qkv(h).view(len(x), 16, 3, 4, 8).permute(2, 0, 3, 1, 4)
        bias = m.table[torch.arange(16)[:, None] - torch.arange(16) + 15].permute(2, 0, 1)
        y = ((q @ k.transpose(-1, -2)) / 8**0.5 + bias).softmax(-1) @ v
        return m.head((h + y.transpose(1, 2).flatten(2)).mean(1))

    model = Wrapped(
        run, embed=nn.Linear(12, 32), pos=nn.Parameter(torch.zeros(16, 32)), table=nn.Parameter(torch.zeros(31, 4)),
        norm=nn.LayerNorm(32), qkv=nn.Linear(32, 96), head=nn.Linear(32, 10),
    )  # fmt: skip
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 16, 12), classes(n))


def dit(n: int = 8, depth: int = 3) -> Start:
    """A diffusion transformer: adaLN-zero and a zero head."""
    d = 32

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.n1, self.n2 = (nn.LayerNorm(d, elementwise_affine=False) for _ in range(2))
            self.attn, self.mlp = nn.MultiheadAttention(d, 4, batch_first=True), plain([d, 4 * d, d], nn.GELU)
            self.mod = nn.Sequential(nn.SiLU(), zeroed(nn.Linear(d, 6 * d)))

        def forward(self, x: Tensor, c: Tensor) -> Tensor:
            s1, b1, g1, s2, b2, g2 = self.mod(c)[:, None].chunk(6, -1)
            y = self.n1(x) * (1 + s1) + b1
            x = x + g1 * self.attn(y, y, y, need_weights=False)[0]
            return x + g2 * self.mlp(self.n2(x) * (1 + s2) + b2)

    def run(m: Any, x: Tensor, t: Tensor) -> Tensor:
        angle = t[:, None] * torch.exp(-math.log(1e4) * torch.arange(16) / 16)
        c = m.time(torch.cat([angle.sin(), angle.cos()], 1))
        h = m.patch(x) + m.pos
        for block in m.blocks:
            h = block(h, c)
        shift, scale = m.mod(F.silu(c))[:, None].chunk(2, -1)
        return m.out(m.norm(h) * (1 + scale) + shift)

    model = Wrapped(
        run, time=plain([32, d, d], nn.SiLU), patch=nn.Linear(12, d), pos=nn.Parameter(torch.randn(1, 16, d) * 0.02),
        blocks=nn.ModuleList(Block() for _ in range(depth)), norm=nn.LayerNorm(d, elementwise_affine=False),
        mod=zeroed(nn.Linear(d, 2 * d)), out=zeroed(nn.Linear(d, 12)),
    )  # fmt: skip
    return model, nn.MSELoss(), ((torch.randn(n, 16, 12), torch.rand(n) * 1000), torch.randn(n, 16, 12))


DESIGNS: dict[str, Callable[[], Start]] = {
    "pre-norm": lambda: encoder(True), "post-norm": lambda: encoder(False), "pre-norm deep": lambda: encoder(True, 10),
    "padded": padded, "vit": vit, "vit layer scale": lambda: vit(1e-6), "vit zero head": lambda: vit(zero_head=True),
    "gpt tied": gpt, "gpt untied": lambda: gpt(False), "t5 head": t5_head, "mixer": mixer, "queries": queries,
    "swin bias": swin_bias, "dit": dit,
}  # fmt: skip
