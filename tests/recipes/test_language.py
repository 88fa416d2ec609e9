"""Language models beside transformers' own."""

from __future__ import annotations

from .conformance import differences
from .libraries import library


def test_gpt2() -> None:
    transformers = library("transformers")
    config = transformers.GPT2Config(n_layer=3, n_embd=96, n_head=4, vocab_size=500, n_positions=64)
    assert differences(lambda: transformers.GPT2LMHeadModel(config), "gpt2") == []
