"""State spaces beside their libraries' own start, and beside closed forms where the library is not to be had."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

import firststep as fs

from .conformance import differences
from .libraries import transformers
from .twins import expected

MAMBA = {"hidden_size": 48, "num_hidden_layers": 2, "vocab_size": 200, "state_size": 8, "conv_kernel": 4}
MAMBA2 = {**MAMBA, "num_heads": 6, "head_dim": 16, "n_groups": 2, "expand": 2, "chunk_size": 16}
RWKV = {"hidden_size": 48, "attention_hidden_size": 64, "num_hidden_layers": 3, "vocab_size": 200, "context_length": 32}
XLSTM = {
    "hidden_size": 64,
    "embedding_dim": 64,
    "num_hidden_layers": 3,
    "num_blocks": 3,
    "num_heads": 4,
    "vocab_size": 99,
}


def started(model: nn.Module, recipe: str) -> dict[str, torch.Tensor]:
    fs.initialize(model, recipe, seed=0)
    return {name: one.detach() for name, one in model.named_parameters()}


@pytest.mark.parametrize("rescale", [False, True])
def test_mamba_of_transformers(rescale: bool) -> None:
    made = transformers("MambaForCausalLM", "MambaConfig", **MAMBA, rescale_prenorm_residual=rescale)
    assert differences(made, fs.recipes.get("mamba.asis", rescale=rescale)) == []


@pytest.mark.parametrize("rescale", [False, True])
def test_mamba2_of_transformers(rescale: bool) -> None:
    made = transformers("Mamba2ForCausalLM", "Mamba2Config", **MAMBA2, rescale_prenorm_residual=rescale)
    assert differences(made, fs.recipes.get("mamba2.asis", rescale=rescale)) == []


class Mixer(nn.Module):
    """Mamba's parameters by the names of its authors' code."""

    def __init__(self, d: int, rank: int = 4, state: int = 8, inner: int = 96) -> None:
        super().__init__()
        self.in_proj = nn.Linear(d, 2 * inner, bias=False)
        self.conv1d = nn.Conv1d(inner, inner, 4, groups=inner, padding=3)
        self.x_proj = nn.Linear(inner, rank + 2 * state, bias=False)
        self.dt_proj = nn.Linear(rank, inner)
        self.A_log, self.D = nn.Parameter(torch.empty(inner, state)), nn.Parameter(torch.empty(inner))
        self.out_proj = nn.Linear(inner, d, bias=False)


class Layer(nn.Module):
    def __init__(self, d: int, mixer: nn.Module, mlp: bool) -> None:
        super().__init__()
        self.norm, self.mixer = nn.RMSNorm(d), mixer
        if mlp:
            self.norm2, self.mlp = nn.RMSNorm(d), nn.Sequential()
            self.mlp.add_module("fc1", nn.Linear(d, 4 * d))
            self.mlp.add_module("fc2", nn.Linear(4 * d, d))


class Mamba(nn.Module):
    def __init__(self, mixer: Callable[[int], nn.Module] = Mixer, layers: int = 3, mlp: bool = False) -> None:
        super().__init__()
        self.embedding, self.norm_f = nn.Embedding(200, 48), nn.RMSNorm(48)
        self.layers = nn.ModuleList([Layer(48, mixer(48), mlp) for _ in range(layers)])


@pytest.mark.parametrize("mlp", [False, True])
def test_mamba_of_its_authors(mlp: bool) -> None:
    """torch's U(-1/sqrt(n), 1/sqrt(n)), divided by sqrt(L) in out_proj, by sqrt(2 L) beside an MLP."""
    model, branches = Mamba(mlp=mlp), 2 if mlp else 1
    found = expected(model, "mamba")
    mixer = "layers.1.mixer."
    assert found[f"{mixer}in_proj.weight"].high == pytest.approx(48**-0.5)
    assert found[f"{mixer}x_proj.weight"].high == pytest.approx(96**-0.5)
    assert found[f"{mixer}conv1d.weight"].high == found[f"{mixer}conv1d.bias"].high == pytest.approx(0.5)
    assert found[f"{mixer}dt_proj.weight"].high == pytest.approx(0.5)
    assert found[f"{mixer}out_proj.weight"].high == pytest.approx((96 * branches * 3) ** -0.5)
    assert found["embedding.weight"].std == 0.02
    if mlp:
        assert found["layers.0.mlp.fc2.weight"].high == pytest.approx((192 * 2 * 3) ** -0.5)
        assert found["layers.0.mlp.fc1.bias"].std == 0.0
    values = started(model, "mamba")
    assert values[f"{mixer}A_log"][5].exp().tolist() == pytest.approx([1, 2, 3, 4, 5, 6, 7, 8], rel=1e-6)
    assert torch.equal(values[f"{mixer}D"], torch.ones(96))
    step = nn.functional.softplus(values[f"{mixer}dt_proj.bias"])
    # Of 96 steps, log-uniform in [0.001, 0.1], none is below 0.002 or above 0.05 with probability 0.85^96 = 2e-7 each.
    assert 0.000999 < float(step.min()) < 0.002
    assert 0.05 < float(step.max()) < 0.1001


class Mixer2(nn.Module):
    """Mamba-2's parameters by the names of its authors' code."""

    def __init__(self, d: int, heads: int = 64) -> None:
        super().__init__()
        self.in_proj, self.conv1d = nn.Linear(d, 320, bias=False), nn.Conv1d(112, 112, 4, groups=112)
        self.dt_bias, self.A_log = nn.Parameter(torch.empty(heads)), nn.Parameter(torch.empty(heads))
        self.D, self.norm = nn.Parameter(torch.empty(heads)), nn.RMSNorm(96)
        self.out_proj = nn.Linear(96, d, bias=False)


def test_mamba2_of_its_authors() -> None:
    """A ~ U(1, 16): E[log A] = (16 log 16 - 15) / 15."""
    model = Mamba(Mixer2)
    found = expected(model, "mamba2")
    mixer = "layers.2.mixer."
    decay = found[f"{mixer}A_log"]
    assert decay.mean == pytest.approx((16 * math.log(16) - 15) / 15, rel=1e-9)
    assert (decay.low, decay.high) == (0.0, pytest.approx(math.log(16)))
    assert found[f"{mixer}dt_bias"].high == pytest.approx(math.log(math.expm1(0.1)))
    assert found[f"{mixer}out_proj.weight"].high == pytest.approx((96 * 3) ** -0.5)
    assert found[f"{mixer}in_proj.weight"].high == pytest.approx(48**-0.5)
    assert found[f"{mixer}conv1d.bias"].high == pytest.approx(0.5)


def test_rwkv4_of_transformers() -> None:
    assert differences(transformers("RwkvForCausalLM", "RwkvConfig", **RWKV), "rwkv4.asis") == []


def test_rwkv4_of_its_author() -> None:
    """The numbers of RWKV_Init and of the two mixes, for block 1 of 3."""
    model = transformers("RwkvForCausalLM", "RwkvConfig", **RWKV)()
    values = started(model, "rwkv4")
    block, d, wide, layer, layers = "rwkv.blocks.1.", 48, 64, 1, 3
    ratio, rest = layer / (layers - 1), 1 - layer / layers
    decay = [-5 + 8 * (h / (wide - 1)) ** (0.7 + 1.3 * ratio) for h in range(wide)]
    assert values[f"{block}attention.time_decay"].tolist() == pytest.approx(decay, rel=1e-6)
    zigzag = [math.log(0.3) + ((i + 1) % 3 - 1) * 0.5 for i in range(wide)]
    assert values[f"{block}attention.time_first"].tolist() == pytest.approx(zigzag, rel=1e-6)
    assert values[f"{block}attention.time_first"][:3].tolist() == pytest.approx([-1.204, -0.704, -1.704], abs=1e-3)
    mixes = {
        "attention.time_mix_key": [(i / d) ** rest for i in range(d)],
        "attention.time_mix_value": [(i / d) ** rest + 0.3 * ratio for i in range(d)],
        "attention.time_mix_receptance": [(i / d) ** (0.5 * rest) for i in range(d)],
        "feed_forward.time_mix_key": [(i / d) ** rest for i in range(d)],
        "feed_forward.time_mix_receptance": [(i / d) ** rest for i in range(d)],
    }
    for name, numbers in mixes.items():
        assert values[block + name].flatten().tolist() == pytest.approx(numbers, rel=1e-6)
    for name in ("attention.key", "attention.receptance", "attention.output", "feed_forward.value"):
        assert not values[f"{block}{name}.weight"].any()
    gains = {
        f"{block}attention.value": math.sqrt(wide / d),
        f"{block}feed_forward.key": 2.0,
        "head": 0.5 * math.sqrt(200 / d),
        "rwkv.embeddings": 1e-4 * math.sqrt(200),
    }
    for name, gain in gains.items():
        singular = torch.linalg.svdvals(values[f"{name}.weight"].double())
        assert singular.tolist() == pytest.approx([gain] * d, rel=1e-5)


class ChannelMix(nn.Module):
    def __init__(self, d: int) -> None:
        super().__init__()
        self.time_mix_k, self.time_mix_r = (nn.Parameter(torch.empty(1, 1, d)) for _ in range(2))
        self.key, self.value = nn.Linear(d, 4 * d, bias=False), nn.Linear(4 * d, d, bias=False)
        self.receptance = nn.Linear(d, d, bias=False)


class TimeMix(nn.Module):
    def __init__(self, d: int) -> None:
        super().__init__()
        self.time_decay, self.time_first = (nn.Parameter(torch.empty(d)) for _ in range(2))
        self.time_mix_k, self.time_mix_v, self.time_mix_r = (nn.Parameter(torch.empty(1, 1, d)) for _ in range(3))
        self.key, self.value, self.receptance, self.output = (nn.Linear(d, d, bias=False) for _ in range(4))


class Block(nn.Module):
    def __init__(self, d: int) -> None:
        super().__init__()
        self.ln1, self.ln2, self.att, self.ffn = nn.LayerNorm(d), nn.LayerNorm(d), TimeMix(d), ChannelMix(d)


class Rwkv(nn.Module):
    """RWKV-4 by its author's names."""

    def __init__(self, d: int = 24) -> None:
        super().__init__()
        self.emb, self.ln_out, self.head = nn.Embedding(50, d), nn.LayerNorm(d), nn.Linear(d, 50, bias=False)
        self.blocks = nn.ModuleList([Block(d) for _ in range(4)])


def test_rwkv4_of_ones_own() -> None:
    values = started(Rwkv(), "rwkv4")
    half = [(i / 24) ** (0.5 * (1 - 2 / 4)) for i in range(24)]
    assert values["blocks.2.att.time_mix_r"].flatten().tolist() == pytest.approx(half, rel=1e-6)
    whole = [(i / 24) ** (1 - 2 / 4) for i in range(24)]
    assert values["blocks.2.ffn.time_mix_r"].flatten().tolist() == pytest.approx(whole, rel=1e-6)
    zero = {
        name.removesuffix(".weight") for name, one in values.items() if name.startswith("blocks.2") and not one.any()
    }
    parts = ("att.key", "att.receptance", "att.output", "ffn.value", "ffn.receptance", "ln1.bias", "ln2.bias")
    assert zero == {f"blocks.2.{part}" for part in parts}


def test_one_block_has_no_first_and_last() -> None:
    model = transformers("RwkvForCausalLM", "RwkvConfig", **RWKV)()
    model.rwkv.blocks = model.rwkv.blocks[:1]
    with pytest.raises(fs.FirststepError, match=r"time_decay.*has no value at .* division by zero"):
        fs.plan(model, "rwkv4")


def test_xlstm_of_transformers() -> None:
    assert differences(transformers("xLSTMForCausalLM", "xLSTMConfig", **XLSTM), "xlstm.asis") == []


def test_xlstm_of_its_authors() -> None:
    """small_init sqrt(2 / (5 d)), wang_init 2 / (L sqrt(d)), gates by their biases."""
    model = transformers("xLSTMForCausalLM", "xLSTMConfig", **XLSTM)()
    found, d, block = expected(model, "xlstm"), 64, "backbone.blocks.2."
    small, wang = math.sqrt(2 / (5 * d)), 2 / 3 / math.sqrt(d)
    for name in ("mlstm_layer.q", "mlstm_layer.v", "mlstm_layer.ogate_preact", "ffn.proj_up", "ffn.proj_up_gate"):
        assert found[f"{block}{name}.weight"].std == pytest.approx(small)
    for name in ("mlstm_layer.out_proj", "ffn.proj_down"):
        assert found[f"{block}{name}.weight"].std == pytest.approx(wang)
    assert found["backbone.embeddings.weight"].std == pytest.approx(small)
    values = started(model, "xlstm")
    assert values[f"{block}mlstm_layer.igate_preact.bias"].tolist() == [-10.0] * 4
    assert values[f"{block}mlstm_layer.fgate_preact.bias"].tolist() == [3.0, 4.0, 5.0, 6.0]
    assert not values[f"{block}mlstm_layer.fgate_preact.weight"].any()
