"""Language models beside their libraries' own start, and beside closed forms where the library is not to be had."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

import firststep as fs

from .conformance import differences
from .libraries import Build, transformers

BOTH = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 300}
LLAMA = {**BOTH, "intermediate_size": 96, "num_key_value_heads": 2}
C3 = 0.9865783  # std of a standard normal cut off at 3: sqrt(1 - 6 phi(3) / (2 Phi(3) - 1))


def of(model: str, **config: Any) -> Build:
    """A model of transformers whose configuration is called as it is."""
    kind = model.replace("ForCausalLM", "").replace("LMHeadModel", "").replace("ForSequenceClassification", "")
    return transformers(model, f"{kind}Config", **config)


@pytest.mark.parametrize("model", ["GPT2LMHeadModel", "GPT2ForSequenceClassification"])
def test_gpt2(model: str) -> None:
    assert differences(of(model, n_layer=3, n_embd=96, n_head=4, vocab_size=500, n_positions=64), "gpt2") == []


def test_gpt2_with_cross_attention_and_untied() -> None:
    config = {"n_layer": 2, "n_embd": 64, "n_head": 4, "vocab_size": 300, "n_positions": 32, "initializer_range": 0.1}
    made = of("GPT2LMHeadModel", **config, add_cross_attention=True, tie_word_embeddings=False)
    assert differences(made, fs.recipes.get("gpt2", std=0.1)) == []


@pytest.mark.parametrize(
    ("model", "config"),
    [
        ("LlamaForCausalLM", LLAMA),
        ("MistralForCausalLM", LLAMA),
        ("Qwen3ForCausalLM", {**LLAMA, "head_dim": 16}),
        ("Phi3ForCausalLM", {**LLAMA, "pad_token_id": 0}),
        ("GemmaForCausalLM", {**LLAMA, "head_dim": 16}),
        ("Qwen2ForCausalLM", LLAMA),
        ("FalconForCausalLM", BOTH),
        ("OPTForCausalLM", {**BOTH, "ffn_dim": 96, "max_position_embeddings": 32, "word_embed_proj_dim": 32}),
    ],
)
def test_llama_of_transformers(model: str, config: dict[str, Any]) -> None:
    assert differences(of(model, **config), "llama.hf") == []


MIXTURE = {**LLAMA, "num_local_experts": 4, "num_experts": 4, "moe_intermediate_size": 48, "n_routed_experts": 4}
LATENT = {"q_lora_rank": 24, "kv_lora_rank": 16, "n_group": 2, "topk_group": 1, "qk_rope_head_dim": 8}


@pytest.mark.parametrize(
    "model", ["MixtralForCausalLM", "DeepseekV3ForCausalLM", "Qwen3MoeForCausalLM", "GptOssForCausalLM"]
)
def test_experts_of_transformers(model: str) -> None:
    latent = {**LATENT, "first_k_dense_replace": 1} if "Deepseek" in model else {}
    assert differences(of(model, **{**MIXTURE, **latent}), "mixtral.hf") == []


def test_gpt_neox_of_transformers() -> None:
    assert differences(of("GPTNeoXForCausalLM", **BOTH, intermediate_size=96), "gpt_neox.hf") == []


class Attention(nn.Module):
    """torchtitan's and LLaMA's own names."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.wq, self.wk = nn.Linear(d, d, bias=False), nn.Linear(d, d // 2, bias=False)
        self.wv, self.wo = nn.Linear(d, d // 2, bias=False), nn.Linear(d, d, bias=False)


class FeedForward(nn.Module):
    def __init__(self, d: int, hidden: int) -> None:
        super().__init__()
        self.w1, self.w3 = nn.Linear(d, hidden, bias=False), nn.Linear(d, hidden, bias=False)
        self.w2 = nn.Linear(hidden, d, bias=False)


class Experts(nn.Module):
    def __init__(self, d: int, hidden: int, count: int) -> None:
        super().__init__()
        self.w1, self.w3 = (nn.Parameter(torch.empty(count, hidden, d)) for _ in range(2))
        self.w2 = nn.Parameter(torch.empty(count, d, hidden))


class Mixture(nn.Module):
    def __init__(self, d: int, hidden: int, count: int) -> None:
        super().__init__()
        self.experts, self.router = Experts(d, hidden, count), nn.ModuleDict({"gate": nn.Linear(d, count, bias=False)})
        self.shared_experts = FeedForward(d, hidden)


class Block(nn.Module):
    def __init__(self, d: int, hidden: int, experts: int = 0) -> None:
        super().__init__()
        self.attention = Attention(d)
        if experts:
            self.moe = Mixture(d, hidden, experts)
        else:
            self.feed_forward = FeedForward(d, hidden)
        self.attention_norm, self.ffn_norm = nn.RMSNorm(d), nn.RMSNorm(d)


class Llama(nn.Module):
    """The parameters of a home-made LLaMA; some of its blocks with experts."""

    def __init__(self, d: int = 64, hidden: int = 160, layers: int = 3, dense: int | None = None) -> None:
        super().__init__()
        self.tok_embeddings = nn.Embedding(300, d)
        counts = [0 if dense is None or i < dense else 4 for i in range(layers)]
        self.layers = nn.ModuleList([Block(d, hidden, count) for count in counts])
        self.norm, self.output = nn.RMSNorm(d), nn.Linear(d, 300, bias=False)


def stds(model: nn.Module, recipe: str, **options: Any) -> dict[str, float]:
    """What is expected of each parameter."""
    rows = fs.plan(model, fs.recipes.get(recipe, **options)).rows
    return {row.name: row.expected.std for row in rows if row.expected is not None}


# The std of each matrix by (block l, blocks L, width d, hidden width f), typed in from the source's own code.
SOURCES: dict[str, dict[str, str]] = {
    "llama.torchtitan": {
        "q": "0.02",
        "o": "0.02 / (2 * (l + 1)) ** 0.5",
        "w1": "0.02",
        "w3": "0.02 / (2 * (l + 1)) ** 0.5",
        "w2": "0.02 / (2 * (l + 1)) ** 0.5",
        "embedding": "1.0",
        "head": "C3 * d**-0.5",
    },
    "llama.olmo": {
        "q": "C3 * 0.02",
        "o": "C3 * 0.02 / (2 * L) ** 0.5",
        "w1": "C3 * 0.02",
        "w3": "C3 * 0.02 / (2 * L) ** 0.5",
        "w2": "C3 * 0.02 / (2 * L) ** 0.5",
        "embedding": "1.0",
        "head": "C3 * d**-0.5",
    },
    "llama.megatron": {
        "q": "C3 * 0.02",
        "o": "C3 * 0.02 / (2 * L) ** 0.5",
        "w1": "C3 * 0.02",
        "w3": "C3 * 0.02",
        "w2": "C3 * 0.02 / (2 * L) ** 0.5",
        "embedding": "C3 * 0.02",
        "head": "C3 * d**-0.5",
    },
    "mitchell": {
        "q": "C3 / d**0.5",
        "o": "C3 / (2 * d * (l + 1)) ** 0.5",
        "w1": "C3 / d**0.5",
        "w3": "C3 / d**0.5",
        "w2": "C3 / (2 * f * (l + 1)) ** 0.5",
        "embedding": "C3 / d**0.5",
        "head": "C3 / d**0.5",
    },
    "normalized": {
        "q": "C3 * d**-0.5",
        "o": "C3 * d**-0.5 / (2 * L) ** 0.5",
        "w1": "C3 * d**-0.5",
        "w3": "C3 * d**-0.5",
        "w2": "C3 * d**-0.5 / (2 * L) ** 0.5",
        "embedding": "d**-0.5",
        "head": "C3 * d**-0.5",
    },
    "gpt_neox": {
        "q": "(2 / (5 * d)) ** 0.5",
        "o": "2 / L / d**0.5",
        "w1": "(2 / (5 * d)) ** 0.5",
        "w3": "(2 / (5 * d)) ** 0.5",
        "w2": "2 / L / d**0.5",
        "embedding": "(2 / (5 * d)) ** 0.5",
        "head": "(2 / (5 * d)) ** 0.5",
    },
    "gpt2.openai": dict.fromkeys(("q", "o", "w1", "w3", "w2", "embedding", "head"), "0.02"),
}


@pytest.mark.parametrize("recipe", SOURCES)
def test_a_home_made_llama_by_the_formulas_of_the_source(recipe: str) -> None:
    d, f, layers = 64, 160, 3

    def std(key: str, block: int = 0) -> float:
        return float(eval(SOURCES[recipe][key], {"C3": C3, "d": d, "f": f, "l": block, "L": layers}))

    expected = {"tok_embeddings.weight": std("embedding"), "norm.weight": 0.0, "output.weight": std("head")}
    for block in range(layers):
        name = f"layers.{block}."
        expected |= {f"{name}attention.w{x}.weight": std("q", block) for x in "qkv"}
        expected[f"{name}attention.wo.weight"] = std("o", block)
        expected |= {f"{name}feed_forward.{w}.weight": std(w, block) for w in ("w1", "w2", "w3")}
        expected |= {f"{name}{norm}.weight": 0.0 for norm in ("attention_norm", "ffn_norm")}
    assert stds(Llama(d, f, layers), recipe) == pytest.approx(expected, rel=1e-6)


def test_one_recipe_under_two_names() -> None:
    model = Llama()
    assert stds(model, "gpt_neox_20b") == stds(model, "gpt_neox")
    assert stds(model, "mixtral.hf") == stds(model, "llama.hf")


def test_olmo_by_layer() -> None:
    found = stds(Llama(), "llama.olmo", per_layer=True)
    assert found["layers.2.attention.wo.weight"] == pytest.approx(C3 * 0.02 / math.sqrt(6), rel=1e-6)


def test_experts_of_torchtitan() -> None:
    found = stds(Llama(dense=1), "deepseek_v3.torchtitan")
    for block in (1, 2):
        divided, name = 0.02 / (2 * (block + 1)) ** 0.5, f"layers.{block}.moe."
        for key in ("experts.w1", "shared_experts.w1.weight"):
            assert found[name + key] == pytest.approx(0.02, rel=1e-6)
        for key in ("experts.w2", "experts.w3", "router.gate.weight", "shared_experts.w2.weight"):
            assert found[name + key] == pytest.approx(divided, rel=1e-6)


def test_experts_of_olmo() -> None:
    found = stds(Llama(dense=0), "llama.olmo")
    divided = C3 * 0.02 / math.sqrt(6)
    for key in ("experts.w1", "experts.w2", "experts.w3", "router.gate.weight"):
        assert found[f"layers.1.moe.{key}"] == pytest.approx(divided, rel=1e-6)


def test_latent_attention_is_read() -> None:
    model = of("DeepseekV3ForCausalLM", **{**MIXTURE, **LATENT, "first_k_dense_replace": 1})()
    found = stds(model, "deepseek_v3.torchtitan")
    for key in ("q_a_proj", "q_b_proj", "kv_a_proj_with_mqa", "kv_b_proj"):
        assert found[f"model.layers.1.self_attn.{key}.weight"] == pytest.approx(0.02, rel=1e-6)
    assert found["model.layers.1.self_attn.o_proj.weight"] == pytest.approx(0.01, rel=1e-6)
    assert found["model.layers.1.mlp.experts.down_proj"] == pytest.approx(0.01, rel=1e-6)


def test_experts_in_one_parameter_have_no_fans() -> None:
    with pytest.raises(fs.FirststepError, match=r"no rule covers 'layers\.\{0\.\.2\}\.moe\.experts\.w1'"):
        fs.plan(Llama(dense=0), "mitchell")


class NanoAttention(nn.Module):
    def __init__(self, d: int) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)


class NanoBlock(nn.Module):
    def __init__(self, d: int) -> None:
        super().__init__()
        self.ln1, self.attn, self.ln2 = nn.LayerNorm(d), NanoAttention(d), nn.LayerNorm(d)
        self.mlp = nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, d))


class NanoGPT(nn.Module):
    """A GPT as many write it: packed attention of one's own, positions as a bare parameter."""

    def __init__(self, d: int = 48, layers: int = 5) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(200, d)
        self.pos_emb = nn.Parameter(torch.zeros(1, 32, d))
        self.blocks = nn.ModuleList([NanoBlock(d) for _ in range(layers)])
        self.ln_f, self.lm_head = nn.LayerNorm(d), nn.Linear(d, 200, bias=False)
        self.lm_head.weight = self.token_embedding.weight


def test_gpt2_of_ones_own() -> None:
    model = NanoGPT()
    found, divided = stds(model, "gpt2"), 0.02 / math.sqrt(10)
    assert found["pos_emb"] == found["token_embedding.weight"] == found["blocks.0.attn.qkv.weight"] == 0.02
    assert found["blocks.4.attn.proj.weight"] == pytest.approx(divided, rel=1e-12)
    assert found["blocks.4.mlp.2.weight"] == pytest.approx(divided, rel=1e-12)
    assert stds(model, "gpt2.openai")["pos_emb"] == 0.01
    fs.initialize(model, "gpt2", seed=0)
    measured = dict(model.named_parameters())["blocks.4.attn.proj.weight"]
    assert float(measured.detach().std()) == pytest.approx(divided, rel=0.1)  # n = 2304: 0.1 is 6.8 standard errors


class Ngpt(NanoGPT):
    """With nGPT's scales."""

    def __init__(self) -> None:
        super().__init__(d=36, layers=2)
        self.sz = nn.Parameter(torch.empty(200))
        for block in self.blocks:
            for name, size in (("sqk", 36), ("suv", 288), ("attn_alpha", 36), ("mlp_alpha", 36)):
                block.register_parameter(name, nn.Parameter(torch.empty(size)))


def test_scales_of_ngpt() -> None:
    model = Ngpt()
    fs.initialize(model, ["normalized"], seed=0)
    stored = torch.full((36,), 1 / 6)
    for name, expected in (("sqk", stored), ("attn_alpha", stored), ("mlp_alpha", stored), ("suv", torch.ones(288))):
        torch.testing.assert_close(dict(model.named_parameters())[f"blocks.1.{name}"].detach(), expected)
    torch.testing.assert_close(model.sz.detach(), torch.full((200,), 1 / 6))
