"""What a recipe costs on large models: GPT-2 124M planned and applied, a 70B LLaMA planned on meta.

    python benchmarks/recipe_cost.py --json out/recipe_cost.json

The loop beside the first is ``nn.init.normal_`` and ``zeros_`` over the same parameters, in turn with it.
Needs transformers for the models; memory on Linux only.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import torch
from _machine import machine
from _peak import CLEAR, growth
from torch import nn

import firststep as fs

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "recipes"))
from libraries import library

TURNS = 7
GOALS = {"gpt2": 0.5, "llama-70b": 5.0}
"""Seconds."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the results here")
    arguments = parser.parse_args()
    rows = [llama(), gpt2()]
    print(f"{'model':10} {'what':28} {'seconds':>8} {'goal':>5}")
    for row in rows:
        print(f"{row['model']:10} {row['what']:28} {row['seconds']:8.3f} {GOALS[str(row['model'])]:5.1f}")
        if "loop" in row:
            print(f"{'':10} {'torch.nn.init in a loop':28} {row['loop']:8.3f}")
        if row.get("memory_mib") is not None:
            print(f"{'':10} {'memory beside the model':28} {row['memory_mib']:5.0f} MiB")
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=2) + "\n", encoding="utf-8")


def gpt2() -> dict[str, object]:
    """The whole of ``fs.initialize``, best of several in turn with the loop; the first call apart."""
    transformers = library("transformers")
    with torch.device("meta"):
        model = transformers.GPT2LMHeadModel(transformers.GPT2Config())
    model = model.to_empty(device="cpu")
    model.tie_weights()
    started = time.perf_counter()
    fs.initialize(model, "gpt2", seed=0, progress=False)
    first = time.perf_counter() - started
    ours, loops = [], []
    for seed in range(TURNS):
        started = time.perf_counter()
        fs.initialize(model, "gpt2", seed=seed, progress=False)
        ours.append(time.perf_counter() - started)
        started = time.perf_counter()
        _loop(model)
        loops.append(time.perf_counter() - started)
    return {
        "model": "gpt2",
        "what": "planned, applied, reported",
        "seconds": min(ours),
        "first": first,
        "loop": min(loops),
    }


def _loop(model: nn.Module) -> None:
    for parameter in model.parameters():
        if parameter.ndim > 1:
            nn.init.normal_(parameter, std=0.02)
        else:
            nn.init.zeros_(parameter)


def llama() -> dict[str, object]:
    """The plan of LLaMA 3 70B on meta, and the growth of the resident peak."""
    transformers = library("transformers")
    config = transformers.LlamaConfig(
        vocab_size=128256,
        hidden_size=8192,
        intermediate_size=28672,
        num_hidden_layers=80,
        num_attention_heads=64,
        num_key_value_heads=8,
    )
    with torch.device("meta"):
        model = transformers.LlamaForCausalLM(config)
    memory = growth(lambda: fs.plan(model, "llama.olmo")) if CLEAR.exists() else None
    started = time.perf_counter()
    fs.plan(model, "llama.olmo")
    seconds = time.perf_counter() - started
    numel = sum(row.numel for row in fs.plan(model, "llama.olmo").rows)
    return {
        "model": "llama-70b",
        "what": f"planned, {numel / 1e9:.1f}B elements",
        "seconds": seconds,
        "memory_mib": memory,
    }


if __name__ == "__main__":
    main()
