"""What is measured: single large tensors, many small ones, and a whole model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

import firststep as fs
from firststep import init

Calls = tuple[Callable[[], object], Callable[[], object]]
"""Our call and torch's, on the same tensors."""


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the table. ``make(shrink)`` builds the two calls, with 1/shrink of the elements."""

    name: str
    make: Callable[[int], Calls]
    turns: int = 5


def _fill(name: str, dtype: torch.dtype = torch.float32) -> Callable[[int], Calls]:
    def make(shrink: int) -> Calls:
        tensor = torch.zeros(2**24 // shrink, dtype=dtype)
        options = {"std": 0.5, "a": -1.0, "b": 1.0} if name == "trunc_normal_" else {}
        ours, theirs = getattr(init, name), getattr(nn.init, name)
        return lambda: ours(tensor, **options), lambda: theirs(tensor, **options)

    return make


def _small(shrink: int) -> Calls:
    tensors = [torch.zeros(1000) for _ in range(5000 // shrink)]
    return lambda: [init.normal_(t) for t in tensors], lambda: [nn.init.normal_(t) for t in tensors]


class _Block(nn.Module):
    """The parameters of one GPT-2 block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)


def _gpt2(blocks: int) -> nn.Module:
    with torch.device("meta"):
        model = nn.ModuleDict(
            {
                "wte": nn.Embedding(50257, 768),
                "wpe": nn.Embedding(1024, 768),
                "blocks": nn.ModuleList(_Block(768) for _ in range(blocks)),
                "ln_f": nn.LayerNorm(768),
            }
        )
    return model.to_empty(device="cpu").apply(_zero)


def _zero(module: nn.Module) -> None:
    """Touch every page, so that neither side pays for fresh memory."""
    for parameter in module.parameters(recurse=False):
        nn.init.zeros_(parameter)


def _model(shrink: int) -> Calls:
    model = _gpt2(12 if shrink == 1 else 1)
    rules = [
        fs.rule((nn.Linear, nn.Embedding), weight=init.normal(std=0.02), bias=init.zeros()),
        fs.rule(nn.LayerNorm, weight=init.ones(), bias=init.zeros()),
    ]
    return lambda: fs.plan(model, rules).apply(seed=0), lambda: _torch_loop(model)


def _torch_loop(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.02)
        elif isinstance(module, nn.LayerNorm):
            nn.init.ones_(module.weight)
        if isinstance(module, (nn.Linear, nn.LayerNorm)):
            nn.init.zeros_(module.bias)


CASES = (
    Case("uniform_ f32, 16M elements", _fill("uniform_")),
    Case("normal_ f32, 16M elements", _fill("normal_")),
    Case("trunc_normal_ f32, +-2 std, 16M elements", _fill("trunc_normal_")),
    Case("normal_ bf16, 16M elements", _fill("normal_", torch.bfloat16)),
    Case("normal_, 5,000 tensors of 1,000", _small, turns=2),
    Case("GPT-2 124M shape, plan and apply", _model, turns=2),
)
