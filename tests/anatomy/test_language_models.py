"""What is told of language models: latent attention, norms inside of it, routers, the width outside of all blocks."""

from __future__ import annotations

import torch
from torch import nn

from firststep.anatomy import Anatomy

from ..recipes.libraries import library
from .read import anatomy


class Latent(nn.Module):
    """DeepSeek's attention: down to a narrow norm, and up again."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.wq_a, self.q_norm, self.wq_b = nn.Linear(d, 16), nn.RMSNorm(16), nn.Linear(16, d)
        self.wkv_a, self.kv_norm, self.wkv_b = nn.Linear(d, 16), nn.RMSNorm(16), nn.Linear(16, 2 * d)
        self.wo = nn.Linear(d, d)


class Gate(nn.Module):
    def __init__(self, d: int, experts: int) -> None:
        super().__init__()
        self.gate = nn.Linear(d, experts, bias=False)


class Moe(nn.Module):
    def __init__(self, d: int) -> None:
        super().__init__()
        self.router, self.w1 = Gate(d, 4), nn.Parameter(torch.empty(4, d, 2 * d))
        self.shared_experts = nn.ModuleDict({"up_proj": nn.Linear(d, 2 * d), "down_proj": nn.Linear(2 * d, d)})


class Block(nn.Module):
    def __init__(self, d: int) -> None:
        super().__init__()
        self.attention, self.moe = Latent(d), Moe(d)
        self.norm1, self.norm2 = nn.RMSNorm(d), nn.RMSNorm(d)


class Net(nn.Module):
    def __init__(self, d: int = 32) -> None:
        super().__init__()
        self.tokens, self.layers = nn.Embedding(50, d), nn.ModuleList([Block(d) for _ in range(3)])
        self.head = nn.Linear(d, 50)


def test_latent_attention() -> None:
    found = anatomy(Net())
    told = {name: found.roles(f"layers.1.attention.{name}") for name in ("wq_a", "wq_b", "wkv_a", "wkv_b", "wo")}
    assert told == {
        "wq_a": {"attention.query"},
        "wq_b": {"attention.query"},
        "wkv_a": {"attention.packed"},
        "wkv_b": {"attention.packed"},
        "wo": {"attention.out", "residual_out"},
    }


def test_names_of_transformers() -> None:
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.q_attn, self.c_attn, self.c_proj = nn.Linear(8, 8), nn.Linear(8, 16), nn.Linear(8, 8)
            self.kv_a_proj_with_mqa, self.kv_b_proj = nn.Linear(8, 4), nn.Linear(4, 8)

    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.crossattention = Attention()

    found = anatomy(nn.ModuleList([Layer(), Layer()]))
    assert found.roles("1.crossattention.q_attn") == {"attention.query", "cross_attention"}
    for name in ("c_attn", "kv_a_proj_with_mqa", "kv_b_proj"):
        assert found.roles(f"1.crossattention.{name}") == {"attention.packed", "cross_attention"}


def test_a_router_may_be_a_module_of_its_own() -> None:
    found = anatomy(Net())
    assert found.roles("layers.0.moe.router.gate") == {"router"}
    assert found.roles("layers.0.moe") == {"experts"}


def test_shared_experts_end_the_branch_of_the_others() -> None:
    transformers = library("transformers")
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 50}
    latent = {"n_routed_experts": 4, "n_group": 2, "topk_group": 1, "first_k_dense_replace": 1, "q_lora_rank": 16}
    with torch.device("meta"):
        found = anatomy(transformers.DeepseekV3ForCausalLM(transformers.DeepseekV3Config(**sizes, **latent)))
    assert found.roles("model.layers.1.mlp.experts") == {"experts"}
    assert [found.symbols(f"model.layers.{i}.self_attn.o_proj")["R"] for i in (0, 1)] == [2, 2]


def test_the_width_is_that_which_most_layers_have() -> None:
    """Norms of queries and keys come first and are as many as those of the stream."""
    assert anatomy(Net(32)).symbols("layers.2.attention.wo")["d"] == 32


def test_the_width_is_known_outside_of_all_blocks() -> None:
    net = Net(32)
    found = anatomy(net)
    for name in ("", "tokens", "head"):
        assert (found.symbols(name)["d"], found.symbols(name)["L"]) == (32, 3)
    both = nn.ModuleDict({"text": Net(32), "image": Net(48)})
    towers = anatomy(both)
    assert towers.symbols("image")["d"] == towers.symbols("image.head")["d"] == 48  # its own, and asked first
    assert towers.symbols("text.tokens")["d"] == 32
    assert towers.symbols("") == {}


def test_time_grows_with_the_model_only() -> None:
    """Roles of a layer are read from its block: no walk over all modules for each of them.

    Of 64 times the experts, a walk for each would take 4096 times as long. Counted in looks at modules, not in seconds.
    """

    class Counting(dict[str, nn.Module]):
        walks = 0

        def __iter__(self):  # type: ignore[no-untyped-def]
            Counting.walks += 1
            return super().__iter__()

        def items(self):  # type: ignore[no-untyped-def]
            Counting.walks += 1
            return super().items()

    def walks(experts: int) -> int:
        class Many(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.norm, self.gate = nn.LayerNorm(4), nn.Linear(4, experts)
                self.experts = nn.ModuleList([nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 4)) for _ in range(experts)])

        Counting.walks = 0
        modules = Counting(nn.ModuleList([Many(), Many()]).named_modules())
        found = Anatomy(modules)
        for name in list(modules):
            found.roles(name)
            found.symbols(name)
        return Counting.walks

    assert walks(64) == walks(2)
