"""The inputs as the model gets them: their size and what is in them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ...losses import Text
from .._finding import Clue, Found
from .._rule import Check
from ..probe._evidence import Evidence, Seen
from ..probe._layer import Layer
from ._chain import CONVOLUTIONS, RECURRENT, Weighted, is_norm, leaves, module, weighted

_LARGE, _LARGISH, _TINY = 15.0, 5.0, 0.01


def _scale(evidence: Evidence) -> Iterator[Found]:
    for seen in evidence.inputs:
        facts = seen.facts
        large = facts.rms > _LARGISH
        tiny = facts.floating and 0 < max(abs(facts.low), abs(facts.high)) < _TINY
        if not (large or tiny) or not math.isfinite(facts.rms):
            continue
        layer = _given(evidence, seen)
        if layer is not None:
            yield _badly_scaled(evidence, seen, layer, large=large)


def _given(evidence: Evidence, seen: Seen) -> Layer | None:
    """The first layer, where it was given this very tensor: by its width, and by the size of what came out."""
    chain = leaves(evidence)
    weights = {one.layer.place: one for one in weighted(evidence)}
    for layer in chain[: 2 * len(evidence.inputs)]:
        of = module(evidence, layer)
        if isinstance(of, RECURRENT) and seen.facts.floating and seen.facts.shape[-1:] == (of.input_size,):
            return layer
        one = weights.get(layer.place)
        if one is not None and _fits(of, seen.facts.shape) and _passed(one, seen):
            return layer
    return None


def _fits(of: nn.Module | None, shape: tuple[int, ...]) -> bool:
    if isinstance(of, nn.Linear):
        return of.in_features in (shape[-1] if shape else 1, math.prod(shape[1:]))
    return isinstance(of, CONVOLUTIONS) and of.in_channels in shape[1:2]


def _passed(one: Weighted, seen: Seen) -> bool:
    """Whether the output is as large as this input makes it: any sum of n inputs with this weight's rms."""
    centre = abs(one.weight.mean) * one.fan * abs(seen.facts.mean)
    promised = math.hypot(one.gain * seen.facts.rms, centre)
    bias = 1.0 if seen.facts.rms < 1 else 0.0
    return promised / 4 < one.layer.rms < 4 * promised + bias


def _badly_scaled(evidence: Evidence, seen: Seen, layer: Layer, *, large: bool) -> Found:
    facts = seen.facts
    chain = leaves(evidence)
    after = chain[chain.index(layer) + 1 :]
    normed = bool(after) and is_norm(evidence, after[0]) and after[0].shape == layer.shape
    what = f"{seen.place} has mean {facts.mean:.4g} and std {facts.std:.3g}, from {facts.low:.4g} to {facts.high:.4g}"
    clues = [Clue("values", what), *_columns(seen)]
    if large and layer.rms > 10:
        clues.append(Clue("signals", f"the rms of the output of {layer.name}, the first layer, is {layer.rms:.3g}"))
    if not large and layer.spread < 0.05:
        clues.append(Clue("signals", f"the output of {layer.name} is its bias up to {layer.spread:.2g}"))
    bytes_ = large and facts.whole and facts.low >= 0 and facts.high <= 255 and len(facts.shape) > 2
    fix = f"{seen.place} / 255" if bytes_ else f"({seen.place} - mean) / std, by column, of the training set"
    if facts.whole and facts.high > 1e6:
        fix = f"{fix}; leave out identifiers, and take time as a difference"
    return Found(
        place=seen.place,
        measured=what,
        expected="mean about 0 and std about 1",
        fix=fix,
        clues=clues,
        sure=not normed and not (large and facts.rms <= _LARGE),
    )


def _columns(seen: Seen) -> Iterator[Clue]:
    tensor = seen.tensor
    if tensor.ndim != 2 or tensor.shape[0] < 2 or tensor.shape[1] < 2 or tensor.shape[1] > 4096:
        return
    std = tensor.double().std(0)
    some = std[std > 0]
    if some.numel() > 1 and float(some.max() / some.min()) > 1e3:
        most, least = int(std.argmax()), int(torch.where(std > 0, std, torch.inf).argmin())
        text = f"the std of column {most} is {float(some.max()):.3g}, that of column {least} {float(some.min()):.3g}"
        yield Clue("values", text)


SCALE = Check(
    code="FS606",
    title=Text("The inputs are not scaled", "输入没有缩放"),
    why=Text(
        "Weights are made for inputs of a size of about 1: larger ones make large outputs and gradients, in which a "
        "step that suits one column is far too long for another; far smaller ones drown in the biases.",
        "权重是为大小约为 1 的输入而设的：过大的输入使输出和梯度过大，适合某一列的步长对另一列太长；"
        "过小的输入被偏置淹没。",
    ),
    sound=Text(
        "The first layer's output is as large as these inputs make it with its weights, so that nothing scaled them in "
        "between; where a norm comes first they do not count, and where one follows directly it is only mentioned.",
        "第一层输出的大小正是这些输入乘以其权重所得，说明中间没有缩放；若先有归一化层则不算，若紧接归一化层则只作提示。",
    ),
    fault="""
model = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
loss = nn.CrossEntropyLoss()
images = torch.randint(256, (32, 1, 28, 28)).float()
batch = images, torch.arange(32) % 10
""",
    cure="""
batch = (images - 127.5) / 73.9, torch.arange(32) % 10
""",
    find=_scale,
)


def _content(evidence: Evidence) -> Iterator[Found]:
    for seen in evidence.inputs:
        if seen.facts.bad and seen.facts.floating:
            yield from _bad(evidence, seen)
    if evidence.n is not None and evidence.n > 1:
        yield from _repeated(evidence, evidence.n)


def _bad(evidence: Evidence, seen: Seen) -> Iterator[Found]:
    """NaN and infinity; minus infinity among zeros alone is how a mask is written."""
    tensor = seen.tensor
    failed = evidence.loss is not None and not math.isfinite(evidence.loss)
    odd = tensor.isnan() | (tensor == torch.inf)
    below = not odd.any()
    if below and failed and seen.facts.std > 0:
        odd = tensor == -torch.inf
    count = int(odd.sum())
    if not count:
        return
    kind = "NaN" if tensor.isnan().any() else "-inf" if below else "infinite"
    text = f"{count} of {tensor.numel()} values of {seen.place} are {kind}{_where(odd)}"
    rows = f"leave these rows out, or torch.nan_to_num({seen.place}) with a column that says where"
    yield Found(
        place=seen.place,
        measured=text,
        expected="finite numbers",
        fix="torch.log1p(counts) in place of torch.log(counts), where they are logarithms of 0" if below else rows,
        clues=[Clue("values", text), *([Clue("run", f"the loss is {evidence.loss}")] if failed else [])],
        sure=failed,
    )


def _where(odd: Tensor) -> str:
    """In which columns of a table, or in how many examples."""
    if odd.ndim == 2:
        columns = odd.any(0).nonzero().flatten().tolist()
        named = f", in column{'s' if len(columns) > 1 else ''} {', '.join(map(str, columns[:5]))}"
        return named + (" and others" if len(columns) > 5 else "")
    rows = odd.flatten(1).any(1) if odd.ndim > 1 else odd
    return f", in {int(rows.sum())} of {len(rows)} examples" if odd.ndim else ""


def _repeated(evidence: Evidence, n: int) -> Iterator[Found]:
    given = [seen for seen in evidence.inputs if seen.tensor.ndim and seen.tensor.shape[0] == n]
    if not given or any(seen.facts.bad for seen in given):
        return
    if all(bool((seen.tensor == seen.tensor[:1]).all()) for seen in given):
        yield Found(
            place=given[0].place,
            measured=f"all {n} examples of the batch have the same inputs",
            expected="examples that differ",
            fix="look at how the batch is made: an index that never changes, or images that failed to load",
            clues=[Clue("values", f"each of the {n} rows of {given[0].place} equals the first")],
            sure=evidence.targets_differ or given[0].facts.zero == 1,
        )
        return
    for seen in given[:1]:
        if seen.tensor.ndim == 2 and seen.facts.floating and n >= 8:
            yield from _constant(seen, n)


def _constant(seen: Seen, n: int) -> Iterator[Found]:
    same = (seen.tensor == seen.tensor[:1]).all(0)
    if seen.facts.zero > 0.5:  # sparse columns, such as rare categories and words
        same &= seen.tensor[0] != 0
    still = same.nonzero().flatten().tolist()
    if 0 < len(still) < seen.tensor.shape[1]:
        yield Found(
            place=seen.place,
            measured=f"{len(still)} of {seen.tensor.shape[1]} columns are the same in all {n} examples, "
            f"the first is column {still[0]}",
            expected="columns that differ, unless they seldom do",
            fix=f"leave them out where they are constant in the whole training set: column {still[0]}",
            clues=[Clue("values", f"column {still[0]} is {float(seen.tensor[0, still[0]]):.3g} in all {n} examples")],
            sure=False,
        )


CONTENT = Check(
    code="FS608",
    title=Text("The inputs hold NaN, or nothing that differs", "输入含 NaN，或没有任何差异"),
    why=Text(
        "One NaN in a batch makes the whole step NaN; inputs that do not differ leave nothing to tell examples apart.",
        "批次中一个 NaN 会使整步变为 NaN；没有差异的输入无法区分样本。",
    ),
    sound=Text(
        "NaN and infinity count where they reach the loss, and minus infinity among zeros is taken for a mask; equal "
        "inputs count where the targets differ, or where they are all 0. Constant columns are only mentioned.",
        "NaN 和无穷到达损失时才算，零之间的负无穷视为掩码；"
        "输入全部相同且目标不同、或输入全为 0 时才算。常数列只作提示。",
    ),
    fault="""
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
inputs = torch.randn(32, 20)
inputs[3, 7] = float("nan")
loss = nn.CrossEntropyLoss()
batch = inputs, torch.arange(32) % 5
""",
    cure="""
batch = torch.nan_to_num(inputs), torch.arange(32) % 5
""",
    find=_content,
)

CHECKS = (SCALE, CONTENT)
