"""What passes through the layers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from torch import nn

from ...losses import Text
from .._finding import Clue, Found
from .._rule import Check
from ..probe._evidence import Evidence
from ..probe._layer import Layer
from ._chain import RECTIFIERS, Weighted, before, is_norm, learned, leaves, module, scaled_down, signal, typed, weighted

_LOST, _FAINT, _LOUD, _LOUDER = 3e-5, 0.02, 10.0, 15.0
"""The first is sure where the outputs themselves are lost with it, and at a third where biases hold them up."""
_SLOPES = {
    **dict.fromkeys(RECTIFIERS, math.sqrt(0.5)), "leaky_relu": math.sqrt(0.5), "gelu": 0.58, "silu": 0.58,
    "mish": 0.6, "sigmoid": 0.25, "softmax": 0.25,
}  # fmt: skip
"""By how much an activation changes the rms of small inputs."""


def _apart(evidence: Evidence) -> list[tuple[Layer, float]]:
    """The layers before the last one, and the rms of what tells examples apart in each.

    Activations instead, where the weights are not in layers.
    """
    chain = [one for one in leaves(evidence) if 0 < one.rms < math.inf]
    if len(chain) < 3:
        chain = [one for one in evidence.layers if one.function and 0 < one.rms < math.inf] + chain[-1:]
    chain = [one for one in chain if not isinstance(module(evidence, one), (nn.Embedding, nn.EmbeddingBag))]
    known = [one for one in chain if not math.isnan(one.spread)]
    if 2 * len(known) > len(chain):
        while known and known[0].spread == 0:
            known.pop(0)
        sizes = [(one, max(signal(one), 1e-9 * one.rms)) for one in known]
    else:
        sizes = [(one, one.rms) for one in chain]
    sizes = sizes[:-1]
    if len(sizes) > 3 and sizes[-1][1] < 0.05 * sizes[-2][1]:  # one small layer alone, such as a branch's last
        sizes = sizes[:-1]
    return sizes


def _sustained(sizes: Sequence[tuple[Layer, float]]) -> bool:
    """Whether no single layer makes half of the change."""
    logs = [math.log(size) for _, size in sizes]
    steps = [abs(b - a) for a, b in pairwise(logs)]
    return max(steps) <= max(0.5, 1.4 / len(steps)) * abs(logs[-1] - logs[0])


def _promised(evidence: Evidence, of: Sequence[Weighted]) -> tuple[float, float]:
    """By the weights alone: the gain of a layer, and of a layer with its activation; geometric means."""
    if not of:
        return math.nan, math.nan
    gain = math.exp(sum(math.log(one.gain) for one in of) / len(of))
    kinds = Counter(one.kind for one in evidence.layers if one.function)
    slope = _SLOPES.get(kinds.most_common(1)[0][0], 1.0) if kinds else 1.0
    return gain, gain * slope


def _faint(evidence: Evidence) -> list[tuple[Layer, float]]:
    """All layers, where every one of them has weights far smaller than any scheme's, and nothing makes up for it."""
    of = weighted(evidence)
    if len(of) < 3 or any(one.gain >= 0.3 for one in of):
        return []
    sizes = [(one.layer, signal(one.layer)) for one in of]
    return sizes if min(size for _, size in sizes) > 0 and sizes[-1][1] < _FAINT * sizes[0][1] else []


def _through_depth(evidence: Evidence) -> Iterator[Found]:
    sizes = _apart(evidence)
    faint = _faint(evidence)
    if faint and not any(is_norm(evidence, one) for one in leaves(evidence)):
        of = weighted(evidence)
        gain, rate = _promised(evidence, of)
        yield _told(faint, faint[-1][1] / faint[0][1], gain, rate, of, agree=True)
        return
    if len(sizes) < 3 or not _sustained(sizes):
        return
    places = {one.place for one, _ in sizes}
    weights = [one for one in weighted(evidence) if one.layer.place in places]
    if weights and all(one.weight.constant for one in weights):
        return  # no scale to speak of: FS605
    normed = any(is_norm(evidence, one) for one in leaves(evidence))
    gain, rate = _promised(evidence, weights)
    factor = sizes[-1][1] / sizes[0][1]
    if factor < _LOST and not scaled_down(evidence):
        found = _told(sizes, factor, gain, rate, weights, agree=rate < 0.8)
        lost = factor < _LOST / 3 or sizes[-1][0].rms < 1e-3 * sizes[0][0].rms
        yield replace(found, sure=lost)
    elif not normed and ((factor > _LOUD and gain > 2.5 and rate > 1.5) or (factor > _LOUDER and len(sizes) > 5)):
        yield _told(sizes, factor, gain, rate, weights, agree=rate > 1.25)


def _told(
    sizes: Sequence[tuple[Layer, float]],
    factor: float,
    gain: float,
    rate: float,
    weights: Sequence[Weighted],
    *,
    agree: bool,
) -> Found:
    first, last = sizes[0][0], sizes[-1][0]
    clues = list(_along(sizes, factor))
    if agree:
        text = f"the weights' rms times the root of the fan-in is {gain:.3g}: {rate:.3g} per layer"
        clues.append(Clue("values", text))
    off = [one for one in weights if (one.gain > 2.5 if factor > 1 else one.gain < 0.3)]
    return Found(
        place=(off[0].layer if off else last).name,
        measured=f"from {first.name} to {last.name} the signal {'grows' if factor > 1 else 'shrinks'} by {factor:.3g}",
        expected="about the same size in every layer",
        fix="fs.initialize(model, seed=0); a norm or a residual connection holds the size too",
        clues=clues,
    )


def _along(sizes: Sequence[tuple[Layer, float]], factor: float) -> Iterator[Clue]:
    """What passes through, forward and backward."""
    (first, start), (last, end) = sizes[0], sizes[-1]
    steps = len(sizes) - 1
    yield Clue("signals", f"examples are {start:.3g} apart after {first.name} and {end:.3g} after {last.name}")
    yield Clue("signals", f"that is a factor of {factor ** (1 / steps):.3g} per layer over {steps} layers")
    if first.gradient > 0 and last.gradient > 0:
        yield Clue("signals", f"the gradient's rms is {last.gradient:.3g} there and {first.gradient:.3g} here")


DEPTH = Check(
    code="FS601",
    title=Text("The signal shrinks or grows from layer to layer", "信号逐层缩小或放大"),
    why=Text(
        "A factor per layer becomes its power over depth: what tells examples apart drowns in the biases, or outputs "
        "and gradients overflow; the gradient on the way back does the same.",
        "每层一个因子，随深度变成其幂：区分样本的信号被偏置淹没，或输出与梯度溢出；反向传播的梯度也是如此。",
    ),
    sound=Text(
        "It follows what tells examples apart up to the last hidden layer: norms and residual connections restore it, "
        "and one small layer, a branch that starts at zero or a scale meant to be small do not count. torch's default "
        "weights lose a factor of 0.3 to 0.6 per layer, which stays silent up to about ten plain layers.",
        "它跟踪区分样本的信号直到最后一个隐藏层：归一化和残差连接会恢复信号；单个较小的层、从零开始的分支、"
        "有意设小的缩放都不算。torch 的默认权重每层损失 0.3 到 0.6 倍，约十层以内的普通网络不会报告。",
    ),
    fault="""
model = nn.Sequential(
    nn.Linear(20, 64), nn.ReLU(), *[one for _ in range(20) for one in (nn.Linear(64, 64), nn.ReLU())], nn.Linear(64, 5)
)
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.randint(5, (32,))
""",
    cure="""
for layer in model:
    if isinstance(layer, nn.Linear):
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)
nn.init.normal_(model[-1].weight, std=0.01)
""",
    find=_through_depth,
)


def _is_output(evidence: Evidence, layer: Layer) -> bool:
    """Whether an activation makes an output, or what a loss takes."""
    made = [seen.origin[:1] for seen in evidence.outputs if seen.facts.shape == layer.shape]
    made += [
        by[:1]
        for call in evidence.calls
        for by, tensor in zip(call.origins, call.tensors, strict=False)
        if tuple(tensor.shape) == layer.shape
    ]
    later = [one for one in evidence.layers if one.kind == layer.kind and one.function]
    return (layer.kind,) in made and later[-1] is layer


_ENDS = {"tanh": (-0.97, 0.97), "sigmoid": (0.015, 0.985)}


def _saturated(evidence: Evidence) -> Iterator[Found]:
    stuck = [] if learned(evidence) else [one for one in evidence.layers if one.kind in _ENDS and _at_both_ends(one)]
    hidden = [one for one in stuck if not _is_output(evidence, one)]
    for layer in (hidden or stuck)[:1]:
        low, high = _ENDS[layer.kind]
        share = f"{layer.saturated:.0%} of the outputs of {layer.name} lie beyond {low:g} and {high:g}"
        source = before(evidence, layer)
        yield Found(
            place=layer.name,
            measured=share,
            expected=f"most outputs where a {layer.kind} is steep: inputs of a size of about 1",
            fix=f"nn.init.xavier_normal_({typed(source.place) if source else 'layer'}.weight), and inputs of std 1",
            clues=[Clue("signals", share), *_blocked(layer, source), *_too_large(evidence, source, layer)],
            sure=bool(hidden),
        )


def _at_both_ends(one: Layer) -> bool:
    """Whether most outputs are at the ends, at both of them, and not the same ones for every example."""
    low, high = _ENDS[one.kind]
    return one.saturated > 0.5 and one.low < low and one.high > high and not one.spread < 0.3


def _blocked(layer: Layer, source: Layer | None) -> Iterator[Clue]:
    if source is not None and source.gradient < 0.5 * layer.gradient:
        text = f"the gradient's rms falls from {layer.gradient:.3g} behind it to {source.gradient:.3g} before it"
        yield Clue("signals", text)


def _too_large(evidence: Evidence, source: Layer | None, layer: Layer) -> Iterator[Clue]:
    width = layer.shape[-1] if layer.shape else 0
    for one in weighted(evidence):
        if source is not None and one.layer.place == source.place and one.gain > 2:
            text = f"the rms of {one.weight.name} times the root of its fan-in is {one.gain:.3g}, against 1"
            yield Clue("values", text)
            return
    for one in evidence.parameters:
        raw = source is None and len(one.shape) == 2 and not hasattr(nn, one.owner) and one.shape[1] == width
        if raw and (size := one.rms * math.sqrt(one.shape[0])) > 2:
            yield Clue("values", f"the rms of {one.name} times the root of its length is {size:.3g}, against 1")
            return
    for seen in evidence.inputs:
        if seen.facts.floating and seen.facts.rms > 5:
            yield Clue("values", f"the rms of {seen.place} is {seen.facts.rms:.3g}")
            return


SATURATED = Check(
    code="FS602",
    title=Text("Hidden units are saturated", "隐藏单元已饱和"),
    why=Text(
        "Where a tanh or a sigmoid is flat its gradient is close to 0, and what stands before it does not learn.",
        "在 tanh 或 sigmoid 平坦的地方梯度接近 0，其前面的层学不到东西。",
    ),
    sound=Text(
        "More than half of the outputs lie at the ends, at both of them, and differ from example to example: gates "
        "that are meant to be open or closed do so by their bias, the same for every example.",
        "需要超过一半的输出位于两端，且两端都有，并随样本而变：有意打开或关闭的门由偏置决定，对每个样本都相同。",
    ),
    fault="""
model = nn.Sequential(nn.Linear(30, 200), nn.Tanh(), nn.Linear(200, 27))
nn.init.normal_(model[0].weight)
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 30), torch.randint(27, (32,))
""",
    cure="""
nn.init.xavier_normal_(model[0].weight)
""",
    find=_saturated,
)

CHECKS = (DEPTH, SATURATED)
