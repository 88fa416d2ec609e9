"""What image transformers add: several heads, talking heads, biases from an MLP, parallel branches, blocks in lists."""

from __future__ import annotations

from torch import nn

from .read import anatomy


class TalkingHeads(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.num_heads = 4
        self.qkv, self.proj = nn.Linear(32, 96), nn.Linear(32, 32)
        self.proj_l, self.proj_w = nn.Linear(4, 4), nn.Linear(4, 4)
        self.cpb_mlp = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 4, bias=False))


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.attn = nn.LayerNorm(32), TalkingHeads()
        self.mlp = nn.Sequential(nn.Linear(32, 64), nn.GELU(), nn.Linear(64, 32))


class Distilled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(Block(), Block())
        self.pre_classifier = nn.Linear(32, 32)
        self.head, self.head_dist = nn.Linear(32, 10), nn.Linear(32, 10)


def test_every_head_of_the_heads_shape_is_one() -> None:
    found = anatomy(Distilled())
    assert found.roles("head") == found.roles("head_dist") == {"head"}
    assert "head" not in (found.roles("pre_classifier") or set())


def test_layers_between_heads_and_biases_from_positions() -> None:
    found = anatomy(Distilled())
    assert found.roles("blocks.1.attn.proj_l") == found.roles("blocks.1.attn.proj_w") == {"other"}
    assert found.roles("blocks.1.attn.proj") == {"attention.out", "residual_out"}
    assert found.roles("blocks.0.attn.cpb_mlp.0") == found.roles("blocks.0.attn.cpb_mlp.2") == {"attention.bias"}
    assert found.symbols("blocks.0.attn.proj")["R"] == 2


class Parallel(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(32)
        self.in_proj, self.attn_out_proj, self.mlp_out_proj = nn.Linear(32, 224), nn.Linear(32, 32), nn.Linear(128, 32)


def test_branches_side_by_side_end_in_a_layer_each() -> None:
    found = anatomy(nn.Sequential(Parallel(), Parallel(), Parallel()))
    assert found.roles("2.attn_out_proj") == {"attention.out", "residual_out"}
    assert found.roles("2.mlp_out_proj") == {"mlp.out", "residual_out"}
    assert found.symbols("2.mlp_out_proj") == {"l": 2, "L": 3, "R": 2, "d": 32}


class FeedForward(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.LayerNorm(32), nn.Linear(32, 64), nn.GELU(), nn.Dropout(), nn.Linear(64, 32))


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.to_qkv = nn.LayerNorm(32), nn.Linear(32, 96, bias=False)
        self.to_out = nn.Sequential(nn.Linear(32, 32), nn.Dropout())


def test_a_block_may_be_a_list_of_an_attention_and_an_mlp() -> None:
    model = nn.Module()
    model.layers = nn.ModuleList([nn.ModuleList([Attention(), FeedForward()]) for _ in range(3)])
    found = anatomy(model)
    assert {block.stack: block.layers for block in found.blocks.values()} == {"layers.*": 3}
    assert found.roles("layers.1.0.to_qkv") == {"attention.packed"}
    assert found.roles("layers.1.0.to_out.0") == {"attention.out", "residual_out"}
    assert found.roles("layers.1.1.net.1") == {"mlp.in"}
    assert found.roles("layers.1.1.net.4") == {"mlp.out", "residual_out"}
    assert found.symbols("layers.1.1.net.4") == {"l": 1, "L": 3, "R": 2, "d": 32}


def test_lists_of_blocks_are_no_blocks() -> None:
    stages = nn.ModuleList([nn.ModuleList([Block(), Block()]), nn.ModuleList([Block(), Block(), Block()])])
    assert {block.stack: block.layers for block in anatomy(stages).blocks.values()} == {"*.*": 5}


def test_an_mlp_over_the_tokens_is_told_by_its_way_back() -> None:
    """16 tokens in a stream of width 32; in the second one the hidden size is the width."""
    for hidden in (24, 32):
        blocks = nn.ModuleList()
        for _ in range(2):
            block = nn.Module()
            block.norm = nn.LayerNorm(32)
            block.token_mixing = nn.Sequential(nn.Linear(16, hidden), nn.GELU(), nn.Linear(hidden, 16))
            blocks.append(block)
        found = anatomy(blocks)
        assert found.roles("1.token_mixing.0") == {"mlp.in"}
        assert found.roles("1.token_mixing.2") == {"mlp.out", "residual_out"}
