"""What a check costs: its time in units of one training step, and its peak memory beside that of a step.

    python benchmarks/check.py --json out/check.json
    python benchmarks/check.py --only mlp resnet --turns 3

A training step is the forward pass, the backward pass and AdamW's update, on the same model and batch, timed in turn
with the check in one process. Memory is the growth of the resident peak by the first call in a process of its own, so
that a step's gradients and optimizer state count; Linux only.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from _machine import machine
from _peak import CLEAR, growth
from _timing import interleaved
from torch import Tensor, nn

import firststep as fs

Start = tuple[nn.Module, nn.Module, tuple[Tensor, Tensor]]


class Attention(nn.Module):
    """Causal or full self-attention with one projection for all three."""

    def __init__(self, width: int, heads: int, causal: bool) -> None:
        super().__init__()
        self.qkv, self.proj, self.heads, self.causal = (
            nn.Linear(width, 3 * width),
            nn.Linear(width, width),
            heads,
            causal,
        )

    def forward(self, x: Tensor) -> Tensor:
        n, length, width = x.shape
        q, k, v = self.qkv(x).view(n, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.proj(mixed.transpose(1, 2).reshape(n, length, width))


class Block(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, width: int, heads: int, causal: bool) -> None:
        super().__init__()
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads, causal)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm_1(x))
        return x + self.mlp(self.norm_2(x))


class GPT(nn.Module):
    """GPT-2's shape: 124 million parameters with the defaults; the head is the embedding."""

    def __init__(self, vocabulary: int = 50257, width: int = 768, blocks: int = 12) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(1024, width)
        self.blocks = nn.Sequential(*(Block(width, 12, causal=True) for _ in range(blocks)))
        self.norm = nn.LayerNorm(width)
        for one in self.parameters():
            if one.ndim > 1:
                nn.init.normal_(one, std=0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.tokens(tokens) + self.positions.weight[: tokens.shape[1]]
        return (self.norm(self.blocks(x)) @ self.tokens.weight.T).flatten(0, 1)


class ViT(nn.Module):
    """ViT-B/16's shape: 86 million parameters."""

    def __init__(self, width: int = 768, blocks: int = 12) -> None:
        super().__init__()
        self.patch, self.position = nn.Conv2d(3, width, 16, 16), nn.Parameter(0.02 * torch.randn(196, width))
        self.blocks = nn.Sequential(*(Block(width, 12, causal=False) for _ in range(blocks)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 1000)

    def forward(self, images: Tensor) -> Tensor:
        x = self.patch(images).flatten(2).transpose(1, 2) + self.position
        return self.head(self.norm(self.blocks(x)).mean(1))


class Residual(nn.Module):
    """A basic residual block."""

    def __init__(self, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        self.conv_1, self.norm_1 = nn.Conv2d(inner, outer, 3, stride, 1, bias=False), nn.BatchNorm2d(outer)
        self.conv_2, self.norm_2 = nn.Conv2d(outer, outer, 3, 1, 1, bias=False), nn.BatchNorm2d(outer)
        self.way = nn.Identity() if inner == outer else nn.Conv2d(inner, outer, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.way(x) + self.norm_2(self.conv_2(F.relu(self.norm_1(self.conv_1(x))))))


def mlp() -> Start:
    """Three linear layers on 128 examples."""
    model = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
    return model, nn.CrossEntropyLoss(), (torch.randn(128, 784), torch.randint(10, (128,)))


def resnet() -> Start:
    """ResNet-18's shape on 32 images of 32 x 32: 11 million parameters."""
    widths = [(64, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1), (256, 512, 2)]
    blocks = [Residual(*one) for one in [*widths, (512, 512, 1)]]
    stem = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    model = nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))
    return model, nn.CrossEntropyLoss(), (torch.randn(32, 3, 32, 32), torch.randint(10, (32,)))


def vit() -> Start:
    """ViT-B/16's shape on 8 images of 224 x 224."""
    return ViT(), nn.CrossEntropyLoss(), (torch.randn(8, 3, 224, 224), torch.randint(1000, (8,)))


class TokenLoss(nn.Module):
    """Cross-entropy over the tokens of all sequences."""

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(logits, targets.flatten())


def gpt() -> Start:
    """GPT-2 124M's shape on 4 sequences of 256 tokens."""
    tokens = torch.randint(50257, (4, 257))
    return GPT(), TokenLoss(), (tokens[:, :-1], tokens[:, 1:])


STARTS: dict[str, Callable[[], Start]] = {"mlp": mlp, "resnet": resnet, "vit": vit, "gpt": gpt}


def calls(name: str) -> tuple[Callable[[], object], Callable[[], object]]:
    """A check and a training step of the same start."""
    torch.manual_seed(0)
    model, loss, (inputs, targets) = STARTS[name]()
    optimizer = torch.optim.AdamW(model.parameters())

    def step() -> None:
        optimizer.zero_grad()
        loss(model(inputs), targets).backward()
        optimizer.step()

    return lambda: fs.check(model, loss, (inputs, targets), optimizer=optimizer), step


def measured(name: str, turns: int) -> dict[str, Any]:
    """One line."""
    check, step = calls(name)
    timing = interleaved(check, step, turns=turns)
    row = {"start": name, "what": (STARTS[name].__doc__ or "").rstrip("."), "check": timing.ours, "step": timing.torch}
    row["steps"] = timing.ours / timing.torch
    if CLEAR.exists():
        peaks = [_alone(name, what) for what in ("check", "step")]
        row |= {"check_mib": peaks[0], "step_mib": peaks[1], "memory": peaks[0] / peaks[1]}
    return row


def _alone(name: str, what: str) -> float:
    """The growth of the peak in a process of its own, in MiB."""
    command = [sys.executable, __file__, "--alone", name, what]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> int:
    """Run the cases, print the table, write the JSON file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the numbers")
    parser.add_argument(
        "--only", nargs="+", metavar="START", default=list(STARTS), choices=list(STARTS), help="of these"
    )
    parser.add_argument("--turns", type=int, default=5, metavar="N", help="calls of each (default: 5)")
    parser.add_argument("--alone", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.alone:
        for call in calls("mlp"):  # loads what both need
            call()
        check, step = calls(args.alone[0])
        print(growth(check if args.alone[1] == "check" else step))
        return 0
    print(f"{'':8}{'check':>10}{'step':>10}{'steps':>8}{'memory':>10}")
    rows = []
    for name in args.only:
        row = measured(name, args.turns)
        rows.append(row)
        memory = f"{row['memory']:.2f}" if "memory" in row else ""
        print(f"{name:8}{row['check']:8.3f} s{row['step']:8.3f} s{row['steps']:8.2f}{memory:>10}")
    if args.json is not None:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps({"machine": machine(), "starts": rows}, indent=2) + "\n", encoding="utf-8")
        print(f"written: {args.json}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
