"""Norms of transformers are the identity at the start, whether they multiply by their weight or by 1 + weight."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import firststep as fs

from .libraries import library

NORMS = {
    "diffusion_gemma": "DiffusionGemma", "gemma": "Gemma", "gemma2": "Gemma2", "gemma3": "Gemma3",
    "gemma3n": "Gemma3n", "gemma4": "Gemma4", "llama": "Llama", "minimax_m3_vl": "MiniMaxM3VL",
    "qwen3_5": "Qwen3_5", "qwen3_next": "Qwen3Next", "qwen4_exp": "Qwen4ExpText",
    "recurrent_gemma": "RecurrentGemma", "step3p7": "Step3p7", "t5gemma": "T5Gemma", "vaultgemma": "VaultGemma",
}  # fmt: skip


@pytest.mark.parametrize("recipe", ["default", "gpt2", "llama.hf"])
@pytest.mark.parametrize("family", NORMS)
def test_a_norm_gives_size_1(family: str, recipe: str) -> None:
    module = library(f"transformers.models.{family}.modeling_{family}")
    norm = getattr(module, f"{NORMS[family]}RMSNorm")(64)
    for parameter in norm.parameters():
        parameter.data.fill_(7.0)
    model = nn.Sequential(norm)
    fs.plan(model, recipe, strict=False).apply(seed=0)
    x = 5 * torch.randn(50, 64, generator=torch.Generator().manual_seed(0))
    assert model(x).square().mean().sqrt().item() == pytest.approx(1.0, abs=1e-4)
