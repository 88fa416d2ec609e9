"""Units that say nothing: always zero, or the same for every example."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from torch import nn

from ...losses import Text
from .._finding import Clue, Found
from .._rule import Check
from ..probe._evidence import Evidence
from ..probe._layer import Layer
from ._chain import (
    CONVOLUTIONS,
    RECTIFIERS,
    all_zero,
    before,
    leaves,
    module,
    scaled_down,
    typed,
    weighted,
)


def _units(evidence: Evidence, layer: Layer) -> tuple[int, bool]:
    """How many units, and whether ``dead`` looked along their axis."""
    source = before(evidence, layer)
    shape = layer.shape
    channels = source is not None and (
        isinstance(module(evidence, source), (*CONVOLUTIONS, nn.modules.batchnorm._NormBase, nn.GroupNorm))
    )
    if len(shape) < 2:
        return 0, False
    axis = 1 if channels else len(shape) - 1
    return shape[axis], axis == (1 if len(shape) >= 4 else len(shape) - 1)


def _chance(units: int, layer: Layer) -> float:
    """At most how probable, with symmetric weights: of units that never change sign, as many are on as off.

    The other sign of all of a unit's weights is as probable, whatever the inputs, so that each is off with probability
    1/2: n of them are so at least in a share p with exp(-n (ln 2 - entropy of p)), by Chernoff.
    """
    dead, on = units * layer.dead, units * layer.on
    if layer.dead <= 0.5:
        return 1.0
    p = dead / (dead + on)
    if p <= 0.5:
        return 1.0
    entropy = -sum(q * math.log(q) for q in (p, 1 - p) if q > 0)
    return math.exp((dead + on) * (entropy - math.log(2)))


def _dead(evidence: Evidence) -> Iterator[Found]:
    found: list[tuple[Layer, bool]] = []
    for layer in evidence.layers:
        source = before(evidence, layer) if layer.function else None
        if layer.kind not in RECTIFIERS or source is None or source.rms == 0 or layer.bad:
            continue
        units, along = _units(evidence, layer)
        whole = layer.low == layer.high == 0 and (units > 13 or _asleep(evidence))
        if whole or (along and layer.dead < 1 and _chance(units, layer) < 1e-6):
            found.append((layer, whole))
    if not found:
        return
    layer, whole = next((one for one in found if one[1]), found[0])
    source = before(evidence, layer)
    share = f"{1.0 if whole else layer.dead:.0%} of the units of {layer.name} are 0 for every example"
    clues = [Clue("signals", share)]
    if source is not None:
        clues += _why_dead(evidence, source)
    name = typed(source.place) if source else "layer"
    yield Found(
        place=layer.name,
        measured=share,
        expected="at most half: with symmetric weights a unit is as often above 0 as below",
        fix=f"nn.init.zeros_({name}.bias) and nn.init.kaiming_normal_({name}.weight)",
        clues=clues,
        sure=whole or len(clues) > 1,
    )


def _asleep(evidence: Evidence) -> bool:
    """Whether the first layer gets no gradient at all, over two steps."""
    first = next((one for one in evidence.parameters if one.trains and len(one.shape) > 1), None)
    return first is not None and first.reached and first.gradient == 0 and first.woken == 0


def _why_dead(evidence: Evidence, source: Layer) -> Iterator[Clue]:
    own = [one for one in evidence.parameters if one.module == source.place]
    for one in own:
        if one.local == "bias" and one.mean < -2 * one.std:
            yield Clue("values", f"the mean of {one.name} is {one.mean:.3g}")
            break
    for one in weighted(evidence):
        shift = one.weight.mean * math.sqrt(one.fan) / (one.weight.std or 1.0)
        if one.layer.place == source.place and shift < -1:
            yield Clue("values", f"the mean of {one.weight.name} is {one.weight.mean:.3g}: most weights are below 0")
            break
    if own and all(one.woken == 0 for one in own if one.trains and one.reached and not math.isnan(one.woken)):
        slept = [one for one in own if one.woken == 0]
        if slept:
            yield Clue("virtual steps", f"the gradient of {slept[0].name} stays 0 over two steps")


DEAD = Check(
    code="FS603",
    title=Text("Units are dead", "单元已死"),
    why=Text(
        "A rectifier that gives 0 for every example has no gradient: its unit does not learn, and never comes back.",
        "对每个样本都输出 0 的整流单元没有梯度：它学不到东西，也无法恢复。",
    ),
    sound=Text(
        "With weights symmetric around 0 a unit is as often below 0 for all examples as it is above, for any inputs "
        "and any number of examples; it takes more than half of the units dead, and so few always on beside them as "
        "chance gives once in a million.",
        "权重关于 0 对称时，无论输入和样本数如何，一个单元对所有样本都小于 0 与都大于 0 的概率相同；"
        "只有死亡单元超过一半，且始终激活的单元少到百万分之一概率才会出现时才会报告。",
    ),
    fault="""
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
nn.init.constant_(model[0].bias, -5.0)
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.randint(5, (32,))
""",
    cure="""
nn.init.zeros_(model[0].bias)
""",
    find=_dead,
)


def _varies(evidence: Evidence) -> bool:
    """Whether the inputs differ from example to example."""
    return any(
        seen.tensor.ndim and seen.tensor.shape[0] == evidence.n and bool((seen.tensor != seen.tensor[:1]).any())
        for seen in evidence.inputs
    )


def _plainly_varies(evidence: Evidence) -> bool:
    """Whether the inputs are neither tiny nor as good as the same."""
    given = [seen for seen in evidence.inputs if seen.facts.floating and seen.tensor.ndim and seen.facts.rms > 1e-3]
    return any(
        seen.tensor.shape[0] == evidence.n and float((seen.tensor - seen.tensor[:1]).abs().max()) > 0.1 * seen.facts.rms
        for seen in given
    )


def _same(evidence: Evidence) -> Iterator[Found]:
    if evidence.n is None or evidence.n < 2 or not _varies(evidence) or scaled_down(evidence):
        return
    for layer in leaves(evidence):
        earlier = _earlier(evidence, layer)
        if earlier and earlier[-1].rms > 0 and _single(module(evidence, layer), layer.shape):
            found = _found(evidence, layer, earlier[-1], "is its bias: it normalizes over a single element")
            yield replace(found, fix=f"leave out {typed(layer.place)}, or normalize over an axis of more elements")
            return
    if any(one.function and one.low == one.high == 0 for one in evidence.layers):
        return  # dead units: FS603
    chain = [one for one in evidence.layers if one.rms > 0 and not math.isnan(one.spread)]
    last = next((i for i in range(len(chain), 0, -1) if not chain[i - 1].spread < 1e-5), 0)
    if last and last < len(chain):
        layer, source = chain[last], chain[last - 1]
        if source.spread > 1e3 * layer.spread + 1e-3 and not all_zero(evidence, layer) and _no_zero_head(evidence):
            found = _found(evidence, layer, source, "is the same for every example")
            yield replace(found, sure=not _looked_up(evidence, layer, source))
    elif chain and last == len(chain):
        yield from _same_output(evidence, chain[-1])
    elif chain:
        yield from _lost_at_once(evidence, chain[0])


def _looked_up(evidence: Evidence, layer: Layer, source: Layer) -> bool:
    """Whether an index is computed between them: with few codes, all examples may well start at the same one."""
    after, until = (len(_earlier(evidence, one)) for one in (source, layer))
    return any(after < position <= until for position in evidence.lookups)


def _earlier(evidence: Evidence, layer: Layer) -> list[Layer]:
    return list(evidence.layers[: next((i for i, one in enumerate(evidence.layers) if one is layer), 0)])


def _single(norm: nn.Module | None, shape: tuple[int, ...]) -> bool:
    """Whether a norm has a single element to normalize over, from which it takes its mean: itself."""
    if isinstance(norm, nn.LayerNorm):
        return math.prod(norm.normalized_shape) == 1
    if isinstance(norm, nn.GroupNorm):
        return norm.num_channels == norm.num_groups and math.prod(shape[2:]) == 1
    return False


def _no_zero_head(evidence: Evidence) -> bool:
    chain = leaves(evidence)
    return bool(chain) and chain[-1].rms > 0 and not all_zero(evidence, chain[-1])


def _same_output(evidence: Evidence, source: Layer) -> Iterator[Found]:
    """After the last layer: a mean over the batch, a softmax over one element."""
    outputs = [seen for seen in evidence.outputs if seen.facts.floating and seen.facts.shape[:1] == (evidence.n,)]
    alike = [seen for seen in outputs if seen.facts.rms > 0 and bool((seen.tensor == seen.tensor[:1]).all())]
    if outputs and len(alike) == len(outputs) and source.spread > 1e-3 and _no_zero_head(evidence):
        text = f"{alike[0].place} is the same for every example, after {source.name}, which is not"
        yield Found(
            place=alike[0].place,
            measured=f"{alike[0].place} is the same for all {evidence.n} examples",
            expected="outputs that differ where inputs do",
            fix="look for a softmax over an axis of length 1 or a mean over the batch after the last layer",
            clues=[Clue("signals", text), *_blank(evidence)],
        )


def _lost_at_once(evidence: Evidence, first: Layer) -> Iterator[Found]:
    """In the first layer: its bias outweighs what its weights make of the inputs, which is little and not nothing."""
    blank = evidence.trials.blank
    own = next((one for one in evidence.parameters if one.module == first.place and one.local == "weight"), None)
    if own is None or not own.trains or not 1e-6 < first.spread < 1e-5 or blank is None or not blank < 1e-4:
        return
    if any(all_zero(evidence, layer) for layer in leaves(evidence)) or not _plainly_varies(evidence):
        return
    yield Found(
        place=first.name,
        measured=f"the output of {first.name} is its bias: the inputs make {first.spread:.2g} of it",
        expected="outputs that differ where inputs do",
        fix=f"{typed(first.place)}.reset_parameters()",
        clues=[
            Clue("signals", f"examples are {first.spread:.2g} of the output's size apart in {first.name}"),
            *_blank(evidence),
        ],
    )


def _blank(evidence: Evidence) -> Iterator[Clue]:
    blank = evidence.trials.blank
    if blank is not None and blank < 1e-4:
        yield Clue(
            "metamorphic", f"the output changes by {blank:.2g} of its size when the inputs are replaced by zeros"
        )


def _found(evidence: Evidence, layer: Layer, source: Layer, what: str) -> Found:
    return Found(
        place=layer.name,
        measured=f"the output of {layer.name} {what}",
        expected="outputs that differ where inputs do",
        fix=f"look at what {layer.name} is given: an axis of length 1, a mean over the batch, or units that saturate",
        clues=[
            Clue("signals", f"examples are {source.spread:.3g} of the output's size apart in {source.name}"),
            Clue("signals", f"they are {layer.spread:.2g} of it apart in {layer.name}"),
            *_blank(evidence),
        ],
    )


SAME = Check(
    code="FS604",
    title=Text("What tells the examples apart is lost in one layer", "区分样本的信息在某一层丢失"),
    why=Text(
        "Where all examples look alike the model learns the mean target, and what stands before gets no gradient.",
        "所有样本看起来都一样时，模型只能学到目标的均值，其前面的层得不到梯度。",
    ),
    sound=Text(
        "The inputs differ and the layer before still tells examples apart, none after it does, and neither zero "
        "weights nor a scale that is meant to start small explain it. Where a code is looked up in between, by argmin "
        "or argmax, it is a remark, since all examples may start at the same code.",
        "输入各不相同，前一层仍能区分样本，其后各层都不能，且零权重或有意设小的缩放都无法解释。"
        "若其间用 argmin 或 argmax 查表，则只作提示，因为所有样本起初可能落在同一个码上。",
    ),
    fault="""
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1), nn.LayerNorm(1), nn.Linear(1, 5))
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.arange(32) % 5
""",
    cure="""
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 8), nn.LayerNorm(8), nn.Linear(8, 5))
""",
    find=_same,
)

CHECKS = (DEAD, SAME)
