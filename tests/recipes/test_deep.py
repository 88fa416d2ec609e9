"""DeepNorm, Sub-LN and T-Fixup against the numbers of their papers, and of the code that differs."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

import firststep as fs
from firststep import recipes
from firststep.errors import PlanError

from .libraries import library
from .twins import stds, tree

D, F = 32, 64
N, M, L = 2, 5, 3
XAVIER = {"square": math.sqrt(2 / (2 * D)), "mlp": math.sqrt(2 / (D + F))}
"""The std of Xavier's start for a (32, 32) matrix and for one between 32 and 64."""


def transformer() -> nn.Module:
    return tree(embed=nn.Embedding(50, D), body=nn.Transformer(D, 4, N, M, F, batch_first=True), head=nn.Linear(D, 50))


def encoder() -> nn.Module:
    return nn.TransformerEncoder(nn.TransformerEncoderLayer(D, 4, F, batch_first=True), L)


def of_parts(query_key: float, value: float) -> float:
    """The std over a packed projection, two thirds of which are queries and keys."""
    return math.sqrt((2 * query_key**2 + value**2) / 3)


def branch(prefix: str, factor: float, query_key: float = 1.0) -> dict[str, float]:
    """The stds of an attention and an MLP: xavier's of each, values, ways out and the MLP times ``factor``."""
    square, mlp = XAVIER["square"], factor * XAVIER["mlp"]
    return {
        f"{prefix}.self_attn.in_proj_weight": of_parts(query_key * square, factor * square),
        f"{prefix}.self_attn.out_proj.weight": factor * square,
        f"{prefix}.linear1.weight": mlp,
        f"{prefix}.linear2.weight": mlp,
    }


def cross(prefix: str, factor: float, query_key: float = 1.0) -> dict[str, float]:
    square = XAVIER["square"]
    return {
        f"{prefix}.multihead_attn.in_proj_weight": of_parts(query_key * square, factor * square),
        f"{prefix}.multihead_attn.out_proj.weight": factor * square,
    }


DEEPNORM = 0.87 * (N**4 * M) ** (-1 / 16), (12 * M) ** -0.25
MAGNETO = math.sqrt(math.log(3 * M) * math.log(2 * N) / 3), math.sqrt(math.log(3 * M))
T_FIXUP = 0.67 * N**-0.25, (9 * M) ** -0.25

# recipe: factor of the encoder, of the decoder, of the attention between them, of queries and keys, of the embedding
PAIRS = {
    "deepnorm": (*DEEPNORM, DEEPNORM[1], 1.0, 1.0),
    "magneto": (*MAGNETO, 1.0, 1.0, 1.0),
    "t_fixup": (*T_FIXUP, T_FIXUP[1], 1.0, (9 * N) ** -0.25),
    "t_fixup.fairseq": (*T_FIXUP, T_FIXUP[1], math.sqrt(0.5), (9 * N) ** -0.25),
}


@pytest.mark.parametrize("name", PAIRS)
def test_an_encoder_with_a_decoder(name: str) -> None:
    first, second, between, query_key, table = PAIRS[name]
    found = {key: value for key, value in stds(fs.plan(transformer(), name)).items() if key.endswith("weight")}
    expected = {"embed.weight": table / math.sqrt(D), "head.weight": 1 / math.sqrt(D)}
    for i in range(N):
        expected |= branch(f"body.encoder.layers.{i}", first, query_key)
    for i in range(M):
        expected |= branch(f"body.decoder.layers.{i}", second, query_key)
        expected |= cross(f"body.decoder.layers.{i}", between, query_key)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(("name", "factor"), [("deepnorm", (8 * L) ** -0.25), ("magneto", math.sqrt(math.log(2 * L)))])
def test_a_single_stack(name: str, factor: float) -> None:
    expected = {key: value for i in range(L) for key, value in branch(f"layers.{i}", factor).items()}
    assert stds(fs.plan(encoder(), name)) == pytest.approx(expected)


def test_t_fixup_has_no_number_for_a_single_stack() -> None:
    with pytest.raises(PlanError, match=r"asks for N, which cannot be told of .layers\.0\."):
        fs.plan(encoder(), "t_fixup")


def test_values_alone_are_scaled_in_a_packed_projection() -> None:
    """n = 1024 numbers in each part: the std of a sample is within 5 / sqrt(2 n) = 11 % but once in 2 million."""
    model = encoder()
    fs.initialize(model, "deepnorm", seed=0)
    weight = model.get_parameter("layers.1.self_attn.in_proj_weight").detach()
    assert [part.std().item() / XAVIER["square"] for part in weight.split(D)] == pytest.approx(
        [1, 1, (8 * L) ** -0.25], rel=0.11
    )


# torchscale's code: every number is torch's U(-1/sqrt(fan_in), 1/sqrt(fan_in)), those of the branch times the factor
ASIS: dict[str, Callable[[int, int], tuple[float, float, float]]] = {
    "deepnorm.asis": lambda n, m: (1.15 * (n**4 * m) ** (-1 / 16), (12 * m) ** -0.25, (12 * m) ** -0.25),
    "magneto.asis": lambda n, m: (
        math.sqrt(math.log(3 * m) * math.log(2 * n) / 3),
        math.sqrt(math.log(3 * m)),
        1.0,
    ),
}


@pytest.mark.parametrize("name", ASIS)
def test_torchscale_scales_torchs_start_and_its_biases(name: str) -> None:
    first, second, between = ASIS[name](N, M)
    found = stds(fs.plan(transformer(), name))
    wide, narrow = 1 / math.sqrt(3 * D), 1 / math.sqrt(3 * F)
    for prefix, factor in (("body.encoder.layers.1", first), ("body.decoder.layers.4", second)):
        for own in ("weight", "bias"):
            assert found[f"{prefix}.self_attn.in_proj_{own}"] == pytest.approx(of_parts(wide, factor * wide))
            assert found[f"{prefix}.self_attn.out_proj.{own}"] == pytest.approx(factor * wide)
            assert found[f"{prefix}.linear1.{own}"] == pytest.approx(factor * wide)
            assert found[f"{prefix}.linear2.{own}"] == pytest.approx(factor * narrow)
    assert found["body.decoder.layers.0.multihead_attn.out_proj.bias"] == pytest.approx(between * wide)
    assert found["embed.weight"] == found["head.weight"] == pytest.approx(1 / math.sqrt(D))


class Packed(nn.Module):
    """Attention whose queries, keys and values come out of one layer, beside an MLP."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.num_heads = 4
        self.attn = tree(**{name: nn.Linear(D, 3 * D), "proj": nn.Linear(D, D)})
        self.attn.num_heads = 4  # type: ignore[assignment]
        self.mlp = tree(fc1=nn.Linear(D, F), fc2=nn.Linear(F, D))
        self.norm1, self.norm2 = nn.LayerNorm(D), nn.LayerNorm(D)


def test_one_layer_for_queries_keys_and_values() -> None:
    """All queries come first in most models, so that the values are the last third."""
    model = tree(blocks=nn.ModuleList([Packed("qkv") for _ in range(L)]))
    fs.initialize(model, "deepnorm", seed=0)
    thirds = model.get_parameter("blocks.0.attn.qkv.weight").detach().split(D)
    assert [part.std().item() / XAVIER["square"] for part in thirds] == pytest.approx(
        [1, 1, (8 * L) ** -0.25], rel=0.11
    )


def test_queries_keys_and_values_by_head() -> None:
    """GPT-NeoX keeps those of each head together: rows (head, one of three, 8), 3 * 256 numbers in each."""
    model = tree(blocks=nn.ModuleList([Packed("query_key_value") for _ in range(L)]))
    fs.initialize(model, "deepnorm", seed=0)
    rows = model.get_parameter("blocks.0.attn.query_key_value.weight").detach().view(4, 3, 8, D)
    found = [rows[:, part].std().item() / XAVIER["square"] for part in range(3)]
    assert found == pytest.approx([1, 1, (8 * L) ** -0.25], rel=0.11)


def test_the_heads_of_gpt_neox_are_counted() -> None:
    transformers = library("transformers")
    config = transformers.GPTNeoXConfig(
        hidden_size=D, num_attention_heads=4, intermediate_size=F, num_hidden_layers=L, vocab_size=50
    )
    model = transformers.GPTNeoXModel(config)
    fs.initialize(model, "deepnorm", seed=0)
    rows = model.get_parameter("layers.0.attention.query_key_value.weight").detach().view(4, 3, 8, D)
    found = [rows[:, part].std().item() / XAVIER["square"] for part in range(3)]
    assert found == pytest.approx([1, 1, (8 * L) ** -0.25], rel=0.11)


def test_layers_of_their_own_in_transformers() -> None:
    transformers = library("transformers")
    config = transformers.BertConfig(
        hidden_size=D, num_attention_heads=4, intermediate_size=F, num_hidden_layers=L, vocab_size=50
    )
    found = stds(fs.plan(transformers.BertModel(config, add_pooling_layer=False), "deepnorm"))
    layer, factor = "encoder.layer.1", (8 * L) ** -0.25
    assert {key: value for key, value in found.items() if key.startswith(layer)} == pytest.approx(
        {
            f"{layer}.attention.self.query.weight": XAVIER["square"],
            f"{layer}.attention.self.key.weight": XAVIER["square"],
            f"{layer}.attention.self.value.weight": factor * XAVIER["square"],
            f"{layer}.attention.output.dense.weight": factor * XAVIER["square"],
            f"{layer}.intermediate.dense.weight": factor * XAVIER["mlp"],
            f"{layer}.output.dense.weight": factor * XAVIER["mlp"],
        }
    )


def test_biases_are_zero_and_norms_the_identity() -> None:
    for name in ("deepnorm", "magneto", "t_fixup"):
        model = transformer()
        fs.initialize(model, name, seed=0)
        for key, p in model.named_parameters():
            if key.endswith("bias"):
                assert not p.any(), key
            elif "norm" in key:
                assert torch.equal(p, torch.ones_like(p)), key


def test_an_embedding_of_the_decoders_own() -> None:
    model = transformer()
    model.body.decoder.tokens = nn.Embedding(50, D)  # type: ignore[union-attr]
    plan = stds(fs.plan(model, recipes.get("t_fixup")))
    assert plan["body.decoder.tokens.weight"] == pytest.approx((9 * M) ** -0.25 / math.sqrt(D))
