"""Roles and blocks: of torch's own models, of home-made ones, and of transformers'."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
import torch
from torch import Tensor, nn

from firststep.anatomy import Anatomy, named
from firststep.errors import RuleError

from ..recipes.libraries import library


def roles(model: nn.Module, **said: Mapping[str, str]) -> dict[str, set[str] | None]:
    """The roles of every layer with parameters, numbers in names replaced where all agree."""
    modules = dict(model.named_modules())
    anatomy = Anatomy(modules, named(said.get("roles"), None))
    found: dict[str, set[str] | None] = {}
    for name, module in modules.items():
        told = anatomy.roles(name)
        if told is None or (told and any(True for _ in module.parameters(recurse=False))):
            found[re.sub(r"\b\d+\b", "*", name)] = None if told is None else set(told)
    return found


class Head(nn.Module):
    """One head of attention, as tutorials write it."""

    def __init__(self, width: int, size: int) -> None:
        super().__init__()
        self.key, self.query, self.value = (nn.Linear(width, size, bias=False) for _ in range(3))


class MultiHead(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList([Head(width, width // heads) for _ in range(heads)])
        self.proj = nn.Linear(width, width)


class TutorialBlock(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.sa = MultiHead(width, heads)
        self.ffwd = nn.Sequential(nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width), nn.Dropout(0.1))
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)


class TutorialGPT(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.token_embedding_table, self.position_embedding_table = nn.Embedding(65, 32), nn.Embedding(16, 32)
        self.blocks = nn.Sequential(*[TutorialBlock(32, 4) for _ in range(3)])
        self.ln_f, self.lm_head = nn.LayerNorm(32), nn.Linear(32, 65)


def test_a_gpt_written_by_hand() -> None:
    assert roles(TutorialGPT()) == {
        "token_embedding_table": {"embedding.token"},
        "position_embedding_table": {"embedding.position"},
        "blocks.*.sa.heads.*.key": {"attention.key"},
        "blocks.*.sa.heads.*.query": {"attention.query"},
        "blocks.*.sa.heads.*.value": {"attention.value"},
        "blocks.*.sa.proj": {"attention.out", "residual_out"},
        "blocks.*.ffwd.*": {"mlp.out", "residual_out"},
        "blocks.*.ln1": {"norm", "norm.first"},
        "blocks.*.ln2": {"norm", "norm.last"},
        "ln_f": {"norm"},
        "lm_head": {"head"},
    }
    anatomy = Anatomy(dict(TutorialGPT().named_modules()))
    assert anatomy.roles("blocks.1.ffwd.0") == {"mlp.in"}
    assert anatomy.symbols("blocks.2.sa.proj") == {"l": 2, "L": 3, "R": 2, "d": 32}
    assert anatomy.symbols("lm_head") == {"L": 3, "d": 32}


def test_encoder_and_decoder_of_torch() -> None:
    model = nn.Transformer(32, 4, num_encoder_layers=2, num_decoder_layers=3, dim_feedforward=64, batch_first=True)
    anatomy = Anatomy(dict(model.named_modules()))
    assert anatomy.symbols("encoder.layers.1.linear2") == {"l": 1, "L": 2, "R": 2, "N": 2, "M": 3, "d": 32}
    assert anatomy.symbols("decoder.layers.0.self_attn.out_proj") == {
        "l": 0,
        **dict.fromkeys("LRM", 3),
        "N": 2,
        "d": 32,
        "h": 4,
        "d_head": 8,
    }
    assert anatomy.roles("encoder.layers.0.linear1") == {"mlp.in", "encoder"}
    assert anatomy.roles("decoder.layers.0.self_attn") == {"attention.packed", "decoder"}
    assert anatomy.roles("decoder.layers.2.multihead_attn.out_proj") == {
        *("attention.out", "cross_attention", "residual_out", "decoder")
    }


class Residual(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs)
        if inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))


def test_the_stages_of_a_resnet_are_one_stack() -> None:
    model = nn.Module()
    model.stem = nn.Conv2d(3, 8, 3)
    model.layer1 = nn.Sequential(Residual(8, 8), Residual(8, 8))
    model.layer2 = nn.Sequential(Residual(8, 16), Residual(16, 16))
    model.fc = nn.Linear(16, 10)
    anatomy = Anatomy(dict(model.named_modules()))
    assert {name: (block.index, block.layers) for name, block in anatomy.blocks.items()} == {
        "layer1.0": (0, 4),
        "layer1.1": (1, 4),
        "layer2.0": (2, 4),
        "layer2.1": (3, 4),
    }
    assert anatomy.roles("layer2.0.conv1") == {"conv.first"}
    assert anatomy.roles("layer2.0.conv2") == {"conv.last", "residual_out"}
    assert anatomy.roles("layer2.0.bn2") == {"norm", "norm.last", "norm.out"}
    assert anatomy.roles("layer2.0.downsample.0") == {"shortcut"}
    assert anatomy.roles("layer2.0.downsample.1") == {"norm"}
    assert anatomy.roles("stem") == {"embedding.patch"}
    assert anatomy.roles("fc") == {"head"}


def test_a_plain_net_has_no_blocks() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))
    anatomy = Anatomy(dict(model.named_modules()))
    assert anatomy.blocks == {}
    assert anatomy.roles("0") == {"other", "first"}


class Odd(nn.Module):
    """A block whose layers have names that say nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.alpha, self.beta = nn.LayerNorm(16), nn.Linear(16, 16), nn.Linear(16, 16)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.beta(torch.relu(self.alpha(self.norm(x))))


def test_what_cannot_be_told_may_be_named() -> None:
    model = nn.Sequential(Odd(), Odd())
    assert roles(model)["*.alpha"] is None
    said = roles(model, roles={"*.alpha": "mlp.in", "*.beta": "mlp.out"})
    assert said["*.alpha"] == {"mlp.in"}
    assert said["*.beta"] == {"mlp.out", "residual_out"}


def test_a_role_that_there_is_not() -> None:
    with pytest.raises(RuleError) as caught:
        named({"a.*": "residual_ut"}, None)
    assert str(caught.value).startswith(
        "roles={'a.*': 'residual_ut'}: there is no such role. Did you mean 'residual_out'? Expected one of attention."
    )


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        ("GPT2LMHeadModel", {"n_layer": 2}, {"transformer.h.*.attn.c_proj", "transformer.h.*.mlp.c_proj"}),
        (
            "BertModel",
            {"num_hidden_layers": 2},
            {"encoder.layer.*.attention.output.dense", "encoder.layer.*.output.dense"},
        ),
        (
            "T5Model",
            {"num_layers": 2},
            {
                "encoder.block.*.layer.*.SelfAttention.o",
                "encoder.block.*.layer.*.DenseReluDense.wo",
                "decoder.block.*.layer.*.SelfAttention.o",
                "decoder.block.*.layer.*.EncDecAttention.o",
                "decoder.block.*.layer.*.DenseReluDense.wo",
            },
        ),
        ("LlamaModel", {"num_hidden_layers": 2}, {"layers.*.self_attn.o_proj", "layers.*.mlp.down_proj"}),
    ],
)
def test_the_ends_of_residual_branches_in_transformers(kind: str, options: dict[str, int], expected: set[str]) -> None:
    transformers = library("transformers")
    model_class = getattr(transformers, kind)
    with torch.device("meta"):
        model = model_class(model_class.config_class(**options))
    found = roles(model)
    assert None not in found.values()
    assert {name for name, told in found.items() if "residual_out" in (told or ())} == expected
