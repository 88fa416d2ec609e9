"""What an output depends on: its own example, and in a causal model nothing later."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ...losses import Text
from .._finding import Clue, Found
from .._rule import Check
from ..probe._evidence import Evidence
from ..probe._mixing import REARRANGED, Mixer
from ._chain import all_zero

_LEAK, _LEAK_GRADIENT = 1e-3, 1e-4
# fmt: off
_SEQUENCE = frozenset({
    "lstm", "gru", "rnn_tanh", "rnn_relu", "multi_head_attention_forward", "scaled_dot_product_attention",
    "_transformer_encoder_layer_fwd", "_native_multi_head_attention", "lstm_cell", "gru_cell", "rnn_tanh_cell",
    "rnn_relu_cell", "conv1d",
})
_MEANT = frozenset({
    "roll", "flip", "index_select", "gather", "__getitem__", "take", "take_along_dim", "cdist", "pdist", "topk", "sort",
    "argsort", "batch_norm", "index_add", "index_add_", "scatter", "scatter_", "scatter_add", "scatter_add_",
    "scatter_reduce", "scatter_reduce_", "index_reduce", "cat", "mm", "sparse_mm", "spmm", "segment_reduce", "unique",
})
_ALONG_AXIS = frozenset({
    "softmax", "log_softmax", "normalize", "mean", "sum", "std", "var", "std_mean", "var_mean", "layer_norm", "amax",
    "amin", "max", "min", "cumsum", "cumprod", "logsumexp", "norm", "softmin", "median",
})
# fmt: on


def _mixes(evidence: Evidence) -> Iterator[Found]:
    trials = evidence.trials
    leak, gradient = trials.leak, trials.leak_gradient
    if leak is None or not leak > _LEAK or trials.coupled:
        return
    noisy = not (trials.unstable or 0.0) < 1e-6
    by_graph = gradient is not None and gradient > _LEAK_GRADIENT
    if noisy and not by_graph:
        return
    mixer, sure = trials.mixer, not _may_mix(evidence, trials.mixer)
    rearranged = mixer is not None and mixer.name in REARRANGED  # a matrix of one neighbour each is a graph
    moved = trials.elsewhere and not trials.across and not sure and rearranged
    clues = [
        Clue(
            "metamorphic",
            f"when the other example's inputs become 0, an example's output changes by {leak:.2%} of its rms",
        )
    ]
    if by_graph and not moved:  # what is moved may be meant: a remark less than an error
        size = f"{gradient:.3g} times" if gradient is not None and math.isfinite(gradient) else "more than"
        clues.append(Clue("graph", f"its gradient by the other example is {size} that by its own"))
    where = f" in {mixer.name} of {mixer.place}" if mixer else ""
    what = "in place of its own input" if moved else "of the batch"
    yield Found(
        place=mixer.place if mixer else "model",
        measured=f"an example's output depends on another example {what}{where}",
        expected="outputs that depend on their own example only, in evaluation mode",
        fix="put the outputs back in the order of the inputs: output[order.argsort()] undoes x[order]"
        if moved
        else _fix(mixer)
        if sure
        else f"nothing, where axis 0 holds nodes, points or times; if it holds examples, {_fix(mixer)}",
        clues=clues,
        sure=sure or moved,
    )


def _fix(mixer: Mixer | None) -> str:
    if mixer is None:
        return "look for view or reshape in place of permute, and for functions that go along axis 0"
    if mixer.name in ("view", "reshape", "unflatten"):
        return "move axes with .transpose() or .permute(); .view() and .reshape() only cut the same numbers anew"
    if mixer.name in _SEQUENCE:
        return f"batch_first=True in {mixer.place}, or x.transpose(0, 1) before and after it"
    if mixer.name in _ALONG_AXIS:
        return f"give {mixer.name} the axis of the classes or features, such as dim=-1, not that of the examples"
    return (
        f"look at the axes of what {mixer.place} gives to {mixer.name}: the examples must stay along one of their own"
    )


def _may_mix(evidence: Evidence, mixer: Mixer | None) -> bool:
    """Whether what stands along axis 0 may be no examples: nodes, points, time steps."""
    name = mixer.name if mixer else ""
    if name in _MEANT or (mixer is None and evidence.trials.blank is None):
        return True
    if mixer is not None and mixer.beside:
        return True  # a statistic of the batch as one more feature, as discriminators have it
    if name in ("matmul", "__matmul__", "addmm", "bmm", "einsum", "baddbmm") and len(mixer.shape if mixer else ()) <= 2:
        return True  # each row a sum of rows: a graph, or attention among vectors
    if evidence.trials.across:
        return True  # axis 1 may be the examples', and axis 0 time
    each = max((len(seen.tensor.shape) - 1 - seen.facts.floating for seen in evidence.inputs), default=0)
    return each < 1 and name not in _ALONG_AXIS and name not in ("view", "reshape", "unflatten")


MIXES = Check(
    code="FS701",
    title=Text("Examples of a batch are mixed", "批次中的样本互相混合"),
    why=Text(
        "The model learns from its neighbours in the batch, which are others at every step and are not there when it "
        "is used.",
        "模型会依赖批次里的邻居，而邻居每一步都不同，使用时更不存在。",
    ),
    sound=Text(
        "Two examples are run in evaluation mode, where batch norm mixes nothing, and one of them is cleared. Matrices "
        "of similarities are left alone, and graphs, point sets, inputs with time as their first axis and a statistic "
        "of the batch as one more feature get a remark only.",
        "在评估模式下（此时批归一化不混合样本）运行两个样本并清空其中一个。相似度矩阵不在此列；图、点集、时间在首轴的输入，"
        "以及作为附加特征的批次统计量只作提示。",
    ),
    fault="""
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.LSTM(8, 32), nn.Linear(32, 5)
    def forward(self, x):
        return self.head(self.body(x)[0][:, -1])
model = Model()
loss = nn.CrossEntropyLoss()
batch = torch.randn(16, 12, 8), torch.arange(16) % 5
""",
    cure="""
model.body = nn.LSTM(8, 32, batch_first=True)
""",
    find=_mixes,
)


def _same(evidence: Evidence) -> list[str]:
    """The outputs that are the same for all examples, to the last bits."""
    found = []
    for seen in evidence.outputs:
        tensor = seen.tensor
        if evidence.n is None or evidence.n < 2 or tensor.ndim == 0 or tensor.shape[0] < 2 or not tensor.numel():
            continue
        if not tensor.is_floating_point() or seen.facts.bad or seen.facts.shape[0] != evidence.n:
            continue
        apart = float((tensor.double() - tensor[:1].double()).abs().max())
        if apart <= 1e-6 * max(seen.facts.rms, 1e-30):
            found.append(seen.place)
    return found


def _varies(evidence: Evidence) -> bool:
    return any(s.tensor.ndim and bool((s.tensor != s.tensor[:1]).any()) for s in evidence.inputs)


def _only_noise(evidence: Evidence) -> Iterator[Found]:
    """Outputs that differ by the random numbers alone, where the loss goes by examples."""
    trials = evidence.trials
    if trials.blank != 0 or trials.leak != 0 or not (trials.unstable or 0.0) > 1e-3 or not trials.noise:
        return
    if not _varies(evidence) or not (trials.pairing or 0.0) > 1e-3:
        return  # a generator draws its own noise, and its loss asks for no particular answer to each input
    if any(one.largest == 0 and one.local != "bias" for one in evidence.parameters):
        return  # a gate that starts at zero
    name = trials.noise[0].name
    clues = [Clue("metamorphic", "with zeros for inputs and the same random numbers the output changes by 0")]
    if evidence.dependency is not None and not any(map(any, evidence.dependency)):
        clues.append(Clue("graph", "the output has no gradient by any input"))
    yield Found(
        place="output",
        measured=f"output is made from the random numbers of {name} alone, and not from the inputs",
        expected="outputs that differ where inputs do",
        fix=f"use the input in forward: what {name} draws must not take its place",
        clues=clues,
    )


def _ignores(evidence: Evidence) -> Iterator[Found]:
    yield from _only_noise(evidence)
    blank = evidence.trials.blank
    floating = [seen for seen in evidence.outputs if seen.tensor.is_floating_point() and seen.tensor.ndim]
    same = _same(evidence)
    if not same or len(same) < len(floating) or not _varies(evidence) or blank is None or not blank <= 1e-6:
        return
    if any(layer.spread > 1e-3 for layer in evidence.layers):
        return  # a layer loses it, which other checks name, or a head or a gate starts at zero
    if any(all_zero(evidence, layer) for layer in evidence.layers if not layer.function):
        return
    exact = all(seen.tensor.element_size() >= 4 for seen in floating)
    alike = sum(layer.spread < 1e-5 for layer in evidence.layers)
    yield Found(
        place=same[0],
        measured=f"{same[0]} is the same for all {evidence.n} examples, and so are the outputs of {alike} layers",
        expected="outputs that differ where inputs do",
        fix="use the input in forward: nothing of it arrives at the first layer",
        clues=[
            Clue("values", f"all {evidence.n} rows of {same[0]} are equal, and the inputs are not"),
            Clue("metamorphic", f"with zeros for inputs the output changes by {blank:.3g} of its rms"),
        ],
        sure=exact,
    )


IGNORES = Check(
    code="FS702",
    title=Text("The output does not depend on the input", "输出与输入无关"),
    why=Text(
        "Every example gets the same answer; only the mean of the targets can be learned.",
        "每个样本得到同样的答案，只能学到目标的均值。",
    ),
    sound=Text(
        "A head or a gate that starts at zero gives the same output for all examples too, but the layers before it "
        "examples apart: one such layer is enough for silence, and so is a layer whose weights are all 0. Outputs made "
        "of noise are named only where the loss wants a particular answer for each example, so no generator is.",
        "从零开始的输出层或门也会让所有样本输出相同，但它之前的层能区分样本：只要有一个这样的层、或有权重全为零的层，就不报告。"
        "仅由噪声产生的输出，只有当损失要求每个样本有特定答案时才报告，因此生成器不在此列。",
    ),
    fault="""
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(20, 64), nn.Linear(64, 10)
    def forward(self, x):
        out = torch.zeros_like(x)
        return self.two(F.relu(self.one(out)))
model = Model()
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    cure="""
Model.forward = lambda self, x: self.two(F.relu(self.one(x)))
""",
    find=_ignores,
)


def _looks_ahead(evidence: Evidence) -> Iterator[Found]:
    future, gradient = evidence.trials.future, evidence.trials.future_gradient
    if evidence.asked.task != "causal-lm" or future is None or not future > 1e-4:
        return
    if not (evidence.trials.unstable or 0.0) < 1e-6 and not (gradient or 0.0) > _LEAK_GRADIENT:
        return
    clues = [Clue("metamorphic", f"other inputs later on change the earlier outputs by {future:.2%} of their rms")]
    if gradient is not None and gradient > _LEAK_GRADIENT:
        clues.append(
            Clue("graph", f"the gradient of earlier outputs by later places is {gradient:.3g} times that by earlier")
        )
    yield Found(
        place="model",
        measured="outputs depend on later inputs",
        expected="the output at place t depends on inputs up to t only",
        fix="F.scaled_dot_product_attention(q, k, v, is_causal=True), or the mask of "
        "nn.Transformer.generate_square_subsequent_mask(length)",
        clues=clues,
    )


AHEAD = Check(
    code="FS703",
    title=Text("The model looks into the future", "模型看到了未来"),
    why=Text(
        "It can copy the next token in place of predicting it: the loss falls to nothing, and generated text is noise.",
        "模型可以直接抄下一个词元而不是预测它：损失降到零，生成的文本却是噪声。",
    ),
    sound=Text(
        'It is looked at only with task="causal-lm", and a mask hides later places to the last bit.',
        '只在 task="causal-lm" 时检查；掩码会把之后的位置完全遮住。',
    ),
    fault="""
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(50, 32), nn.Linear(32, 50)
        self.body = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
        self.mask = None
    def forward(self, ids):
        return self.head(self.body(self.embed(ids), self.mask))
model = Model()
loss = lambda output, target: F.cross_entropy(output.flatten(0, 1), target.flatten())
ids = torch.randint(50, (8, 13))
batch = ids[:, :-1], ids[:, 1:]
task = "causal-lm"
""",
    cure="""
model.mask = nn.Transformer.generate_square_subsequent_mask(12)
""",
    find=_looks_ahead,
)


def _knows_its_place(evidence: Evidence) -> Iterator[Found]:
    trials = evidence.trials
    placed = trials.placed
    if placed is None or not placed > _LEAK or not (trials.unstable or 0.0) < 1e-6 or trials.coupled:
        return
    yield Found(
        place="model",
        measured=f"when two examples change places, an example's output changes by {placed:.2%} of its rms",
        expected="the same output wherever in the batch an example stands",
        fix="take the length of the sequence from the axis of positions, as x.size(1) where the batch comes first",
        clues=[Clue("metamorphic", f"two examples changed places: {placed:.2%}, though neither depends on the other")],
    )


PLACED = Check(
    code="FS708",
    title=Text("The output depends on the place in the batch", "输出取决于样本在批次中的位置"),
    why=Text(
        "What is meant for places in a sequence, as a position embedding, is added to places in the batch: it says "
        "nothing of the sequence, and the first example of a batch is treated unlike the second.",
        "本应加在序列位置上的东西（如位置编码）被加到了批次位置上：它不含序列的信息，批次中第一个样本与第二个的待遇不同。",
    ),
    sound=Text(
        "Two examples change places in evaluation mode under one random state, and outputs must follow. It "
        "is not looked at where examples know of each other, as in sequences with time first and in graphs.",
        "在评估模式与同一随机状态下交换两个样本，输出应随之交换。样本彼此相关时（时间在首轴的序列、图）不检查。",
    ),
    fault="""
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.place, self.head = nn.Embedding(50, 16), nn.Embedding(64, 16), nn.Linear(16, 4)
    def forward(self, ids):
        places = torch.arange(ids.size(0)).unsqueeze(1)
        return self.head((self.embed(ids) + self.place(places)).relu().mean(1))
model = Model()
loss = nn.CrossEntropyLoss()
batch = torch.randint(50, (16, 12)), torch.randint(4, (16,))
""",
    cure="""
class Cured(Model):
    def forward(self, ids):
        places = torch.arange(ids.size(1))
        return self.head((self.embed(ids) + self.place(places)).relu().mean(1))
model = Cured()
""",
    find=_knows_its_place,
)

CHECKS = (MIXES, IGNORES, AHEAD, PLACED)
