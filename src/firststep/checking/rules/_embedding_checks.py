"""Embeddings: their indices, their padding, and the head they are tied to."""

from __future__ import annotations

import math
from collections.abc import Iterator

from torch import nn

from ...losses import Text
from .._finding import Clue, Found
from .._rule import Check
from ..probe._evidence import Evidence
from ..probe._parameter import Parameter
from ._chain import learned, typed
from ._fit_checks import failed


def _index(evidence: Evidence) -> Iterator[Found]:
    name, layer = failed(evidence) or ("", None)
    error = evidence.crash.error if evidence.crash else ""
    if not isinstance(layer, (nn.Embedding, nn.EmbeddingBag)) or not any(word in error for word in _OUT_OF_RANGE):
        return
    rows, width = layer.num_embeddings, layer.embedding_dim
    whole = [seen for seen in evidence.inputs if not seen.facts.floating]
    over = next((seen for seen in whole if seen.facts.high >= rows or seen.facts.low < 0), None)
    long = next((seen for seen in whole if len(seen.facts.shape) > 1 and seen.facts.shape[1] > rows), None)
    if over is not None:
        what = f"{over.place} runs from {over.facts.low:.0f} to {over.facts.high:.0f}"
        fix = f"nn.{type(layer).__name__}({max(over.facts.high, rows - 1) + 1:.0f}, {width})"
        fix += " and indices from 0" if over.facts.low < 0 else ""
    else:
        what = "its indices go beyond that" if long is None else f"{long.place} is {long.facts.shape[1]} long"
        fix = f"nn.{type(layer).__name__}(more than {rows}, {width}), or shorter inputs"
    yield Found(
        place=name or "model",
        measured=f"{what}, and {name or 'model'} has {rows} rows",
        expected=f"indices from 0 to {rows - 1}",
        fix=fix,
        clues=[Clue("run", error.splitlines()[0]), Clue("values", what)],
    )


_OUT_OF_RANGE = ("range", "index_size")
"""torch's words for it, of which a bag has two."""


def _padding(evidence: Evidence) -> Iterator[Found]:
    kinds = " ".join(type(one).__name__.lower() for one in evidence.modules.values())
    attends = "attention" in kinds or "transformer" in kinds
    for name, layer in evidence.modules.items():
        if (
            not isinstance(layer, (nn.Embedding, nn.EmbeddingBag))
            or layer.padding_idx is None
            or name not in evidence.entered
        ):
            continue
        row = layer.weight.detach()[layer.padding_idx].float()
        size = float(row.square().mean().sqrt())
        if not size > 0:
            continue
        whole = [seen for seen in evidence.inputs if not seen.facts.floating]
        share = max((float((seen.tensor == layer.padding_idx).float().mean()) for seen in whole), default=0.0)
        yield Found(
            place=name or "model",
            measured=f"row {layer.padding_idx}, of padding, has rms {size:.3g}, and is {share:.0%} of the input",
            expected="0: its gradient is always 0, so that it stays as it is",
            fix=f"{typed(name)}.weight.data[{layer.padding_idx}] = 0",
            clues=[
                Clue("settings", f"padding_idx={layer.padding_idx}"),
                Clue("values", f"the rms of that row is {size:.3g}"),
            ],
            sure=share > 0.05 and len(evidence.inputs) == 1 and not attends,
        )


def _embedding(evidence: Evidence) -> Iterator[Found]:
    yield from _index(evidence)
    if evidence.crash is None:
        yield from _padding(evidence)


EMBEDDING = Check(
    code="FS610",
    title=Text("An embedding's index or padding row is wrong", "嵌入的索引或填充行有误"),
    why=Text(
        "An index beyond the table fails, on a GPU with an error that names another place; a padding row that is not 0 "
        "adds the same noise to every short example, and is never trained.",
        "超出表的索引会出错，在 GPU 上错误还指向别处；非零的填充行给每个短样本加上相同的噪声，且永不训练。",
    ),
    sound=Text(
        "torch sets the padding row to 0, and only a later initialization overwrites it. Where attention or a second "
        "input can mask the padding it is only mentioned.",
        "torch 会把填充行设为 0，只有之后的初始化才会覆盖它。若注意力或另一输入能屏蔽填充，则只作提示。",
    ),
    fault="""
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(50, 16, padding_idx=0), nn.Linear(16, 4)
        nn.init.normal_(self.embed.weight)
    def forward(self, ids):
        return self.head(self.embed(ids).mean(1))
model, loss = Model(), nn.CrossEntropyLoss()
ids = torch.randint(1, 50, (32, 12))
ids[:, 8:] = 0
batch = ids, torch.arange(32) % 4
""",
    cure="""
with torch.no_grad():
    model.embed.weight[0] = 0
""",
    find=_embedding,
)


def _tied(evidence: Evidence) -> list[Parameter]:
    """Embedding tables that make the output too: a head that shares them, or a product with the table itself."""
    tables = [one for one in evidence.parameters if "mbedding" in one.owner or len(one.names) > 1]
    tables = [one for one in tables if len(one.shape) == 2 and one.trains]
    ends = {axis for seen in evidence.outputs if seen.facts.floating for axis in seen.facts.shape[1:]}
    found = []
    for one in tables:
        owners = {type(evidence.modules.get(name.rpartition(".")[0])).__name__ for name in one.names}
        shared = len(one.names) > 1 and any("mbedding" in owner for owner in owners)
        others = [two for two in evidence.parameters if two is not one and two.shape[:1] == one.shape[:1]]
        if one.shape[0] in ends and (shared or not others) and one.shape[0] > 2:
            found.append(one)
    return found


def _loud_head(evidence: Evidence) -> Iterator[Found]:
    for one in _tied(evidence):
        gain = one.std * math.sqrt(one.shape[1])
        ends = [seen for seen in evidence.outputs if seen.facts.floating and one.shape[0] in seen.facts.shape[1:]]
        size = max((seen.facts.std for seen in ends), default=0.0)
        if gain > 3 and size > 3 and not learned(evidence):
            yield Found(
                place=one.name,
                measured=f"the tied embedding has std {one.std:.3g}: the logits have std {size:.3g}",
                expected=f"logits of a size of about 1 or less: an embedding of std {1 / math.sqrt(one.shape[1]):.3g}",
                fix=f"nn.init.normal_({typed(one.name)}, std=0.02)",
                clues=[
                    Clue("values", f"std {one.std:.3g} times the root of the width {one.shape[1]} is {gain:.3g}"),
                    Clue("signals", f"the logits have std {size:.3g}"),
                ],
            )


TIED = Check(
    code="FS615",
    title=Text("A tied embedding makes the logits too large", "共享的嵌入使 logits 过大"),
    why=Text(
        "An embedding starts as N(0, 1); as an output layer it sums d such numbers, and logits of the size of the root "
        "of d make the first loss many times that of guessing.",
        "嵌入初始为 N(0, 1)；作为输出层它对 d 个这样的数求和，大小为 √d 的 logits 使初始损失是随机猜测的许多倍。",
    ),
    sound=Text(
        "The table's std times the root of its width and the std of the logits must both be beyond 3: a table of 0.02 "
        "or a scale before the head stays silent.",
        "表的标准差乘以宽度的平方根与 logits 的标准差都要超过 3：标准差 0.02 的表，或输出前的缩放，都不会报告。",
    ),
    fault="""
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.norm = nn.Embedding(50, 64), nn.LayerNorm(64)
        self.head = nn.Linear(64, 50, bias=False)
        self.head.weight = self.embed.weight
    def forward(self, ids):
        return self.head(self.norm(self.embed(ids)))
model = Model()
loss = lambda output, target: F.cross_entropy(output.flatten(0, 1), target.flatten())
ids = torch.randint(50, (8, 13))
batch = ids[:, :-1], ids[:, 1:]
""",
    cure="""
nn.init.normal_(model.embed.weight, std=0.02)
""",
    find=_loud_head,
)

CHECKS = (EMBEDDING, TIED)
