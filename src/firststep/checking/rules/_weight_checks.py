"""The parameters' own values."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from torch import nn

from ...losses import Text
from .._finding import Clue, Found, listed
from .._rule import Check
from ..probe._evidence import Evidence
from ..probe._layer import Layer
from ..probe._parameter import Parameter
from ._chain import NORMS, learned, leaves, module, output_layers, typed, weighted
from ._layer_checks import DEPTH

_STALE = 1e-30
_HUGE = 1e6


def _symmetric(evidence: Evidence) -> Iterator[Found]:
    heads = output_layers(evidence)
    equal = [one for one in evidence.trained if one.alike > 0.5 and one.alike_after > 0.5 and _has_units(one)]
    equal = [one for one in equal if one.reached and not _head(evidence, one, heads)]
    equal = [one for one in equal if not (one.constant and one.mean == 0) and one.woken != 0]
    if not equal:
        yield from _broken_by_noise(evidence)
    for one in equal[:1]:
        more = f", and {len(equal) - 1} more" if len(equal) > 1 else ""
        rows = f"{one.alike:.0%} of the {one.shape[0]} rows of {one.name} equal another row"
        yield Found(
            place=one.name,
            measured=f"{rows}{more}",
            expected="rows that differ: each row is a unit",
            fix=f"random values: nn.init.kaiming_normal_({typed(one.name)}), or fs.initialize(model, seed=0)",
            clues=[
                Clue("values", rows),
                Clue("virtual steps", f"after the virtual steps {one.alike_after:.0%} of them still do"),
            ],
        )
    yield from _cloned(evidence)


def _cloned(evidence: Evidence) -> Iterator[Found]:
    """Modules that are copies of one, and get the same inputs and gradients."""
    for group in evidence.clones[:1]:
        names = listed(group)
        yield Found(
            place=group[0],
            measured=f"{names} hold the same weights and get the same gradients",
            expected="weights that differ: each module draws its own",
            fix=f"make each anew in place of copy.deepcopy, or fs.initialize({typed(group[1])}, seed=1)",
            clues=[
                Clue("values", f"all parameters of {names} are equal"),
                Clue("signals", "so are their gradients"),
                Clue("virtual steps", "after the virtual steps the parameters are equal still"),
            ],
        )


def _head(evidence: Evidence, one: Parameter, heads: set[str]) -> bool:
    """Whether it belongs to the loss or to an output layer, or is a matrix that may make an output."""
    ends = {axis for seen in evidence.outputs for axis in (seen.facts.shape[1:2] + seen.facts.shape[-1:])}
    return one.of_loss or (one.module in heads if hasattr(nn, one.owner) else one.shape[-1] in ends)


def _broken_by_noise(evidence: Evidence) -> Iterator[Found]:
    """Constant matrices of hidden layers that dropout tells apart; and a model of nothing but zeros."""
    heads = output_layers(evidence)
    noisy = any(isinstance(one, nn.modules.dropout._DropoutNd) and one.p > 0 for one in evidence.modules.values())
    matrices = [one for one in evidence.trained if len(one.shape) > 1 and _has_units(one) and one.reached]
    zeros = len(matrices) > 1 and all(one.constant and one.mean == 0 for one in matrices)
    places = {one.layer.place for one in weighted(evidence)} - heads
    for one in matrices:
        still = one.constant and one.mean != 0 and one.module in places and one.shape[1] > 1 and noisy
        if not zeros and not still:
            continue
        text = f"all {one.numel} values of {one.name} are {one.mean:.3g}"
        more = [Clue("virtual steps", f"the gradient of {one.name} stays 0 over two steps")] if one.woken == 0 else []
        yield Found(
            place=one.name,
            measured=f"{text}, and so is every other matrix" if zeros else f"{text}: only dropout tells its rows apart",
            expected="rows that differ: each row is a unit",
            fix=f"random values: nn.init.kaiming_normal_({typed(one.name)}), or fs.initialize(model, seed=0)",
            clues=[Clue("values", text), *more],
        )
        return


def _has_units(one: Parameter) -> bool:
    """Embeddings have rows that a batch does not use, which stay as they are."""
    return "mbedding" not in one.owner and one.shape[0] > 1 and one.numel > one.shape[0]


SYMMETRIC = Check(
    code="FS605",
    title=Text("Units start equal and stay equal", "单元初始相同且始终相同"),
    why=Text(
        "Units with equal weights get equal gradients: a layer of any width learns what a single unit could.",
        "权重相同的单元得到相同的梯度：无论多宽，这一层只能学到单个单元能学的东西。",
    ),
    sound=Text(
        "The rows are equal before and after the virtual steps. Layers that start at zero behind or before random ones "
        "get rows that differ by then; the last layer, whose units have targets of their own, and embeddings do not "
        "count. Of modules that start as copies of one, only those count that get the same gradients and are equal "
        "after the steps: neither stacked layers nor slow copies are.",
        "虚拟步之前和之后各行都相同才会报告。与随机层相邻的零初始化层此时各行已不同；"
        "最后一层的单元各有目标，它和嵌入层都不算。"
        "互为副本的模块只有梯度也相同、且虚拟步之后仍相等才算：堆叠的层和慢速副本都不会。",
    ),
    fault="""
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
for layer in (model[0], model[2]):
    nn.init.constant_(layer.weight, 0.1)
    nn.init.zeros_(layer.bias)
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.arange(32) % 5
""",
    cure="""
nn.init.kaiming_normal_(model[0].weight)
nn.init.xavier_normal_(model[2].weight)
""",
    find=_symmetric,
)


def _no_numbers(evidence: Evidence) -> Iterator[Found]:
    for one in evidence.parameters:
        passed = next((layer for layer in leaves(evidence) if layer.place == one.module), None)
        clues = list(_odd(one, passed, evidence))
        if clues:
            how = "xavier_uniform" if len(one.shape) > 1 else "zeros" if one.local == "bias" else "ones"
            yield Found(
                place=one.name,
                measured=clues[0].text,
                expected="values that somebody set: finite, and neither huge nor vanishing",
                fix=f"nn.init.{how}_({one.name if one.of_loss else typed(one.name)})",
                clues=clues,
            )
            return


def _odd(one: Parameter, layer: Layer | None, evidence: Evidence) -> Iterator[Clue]:
    if not one.trains or one.numel == 0:
        return
    if one.bad:
        yield Clue("values", f"{one.bad} of the {one.numel} values of {one.name} are NaN or infinite")
        if evidence.loss is not None and not math.isfinite(evidence.loss):
            yield Clue("run", f"the loss is {evidence.loss}")
    elif one.largest > _HUGE:
        yield Clue("values", f"the largest value of {one.name} is {one.largest:.3g}")
        if layer is not None and (layer.bad or layer.rms > _HUGE):
            yield Clue("signals", f"the rms of the output of {layer.name} is {layer.rms:.3g}")
    elif 0 < one.largest < _STALE:
        yield Clue("values", f"the largest value of {one.name} is {one.largest:.3g}, as of memory nobody wrote to")
        if layer is not None and one.local == "weight" and layer.spread < 1e-6:
            yield Clue("signals", f"the output of {layer.name} is the same for every example")


NUMBERS = Check(
    code="FS607",
    title=Text("A parameter holds no proper numbers", "参数中不是正常的数值"),
    why=Text(
        "torch.empty gives whatever the memory holds: NaN, huge or vanishing numbers, and other ones in every run.",
        "torch.empty 给出内存中原有的内容：NaN、极大或极小的数，且每次运行都不同。",
    ),
    sound=Text(
        "NaN and infinite values, values beyond a million, and parameters whose largest value is below 1e-30 but not "
        "zero do not come from any initializer.",
        "任何初始化方法都不会给出 NaN、无穷、超过一百万的值，或最大值小于 1e-30 却不为零的参数。",
    ),
    fault="""
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
with torch.no_grad():
    model[0].weight[3, 4] = float("nan")
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.arange(32) % 5
""",
    cure="""
nn.init.kaiming_normal_(model[0].weight)
""",
    find=_no_numbers,
)


def _spurious(evidence: Evidence) -> Iterator[Found]:
    found: list[Layer] = []
    for one, following in pairwise(evidence.layers):
        norm = module(evidence, following)
        biased = getattr(module(evidence, one), "bias", None) is not None
        plain = not isinstance(module(evidence, one), NORMS) and not one.function and not following.function
        if plain and biased and one.shape == following.shape and isinstance(norm, nn.modules.batchnorm._BatchNorm):
            found.append(one)
    if found:
        more = f", and {len(found) - 1} more layers" if len(found) > 1 else ""
        yield Found(
            place=found[0].name,
            measured=f"{found[0].name} has a bias directly before a batch norm{more}",
            expected="no bias there: the norm takes the mean out",
            fix=f"{typed(found[0].place)}.bias = None, or bias=False where it is made",
            clues=[Clue("settings", f"{found[0].name}.bias is followed by a batch norm")],
        )


SPURIOUS = Check(
    code="FS611",
    title=Text("A bias before a batch norm does nothing", "批归一化前的偏置不起作用"),
    why=Text(
        "The norm subtracts the mean, and the bias with it: a parameter that is trained in vain.",
        "归一化会减去均值，偏置也随之消失：这个参数白白训练。",
    ),
    sound=Text(
        "It costs little and harms nothing, so that it is only mentioned.", "代价很小、没有害处，因此只作提示。"
    ),
    fault="""
model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 5))
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.arange(32) % 5
""",
    cure="""
model[0] = nn.Linear(20, 64, bias=False)
""",
    find=_spurious,
    at_most="info",
)


def _too_wide(evidence: Evidence) -> Iterator[Found]:
    size = max(
        (one.facts.std for one in evidence.outputs if one.facts.floating and one.facts.std < math.inf), default=0
    )
    large = [one for one in weighted(evidence) if one.gain > 3 and _set_at_random(one.weight)]
    if not large or size < 10 or learned(evidence) or any(DEPTH.find(evidence)):
        return
    one = next((one for one in large if _stays_large(evidence, one.layer)), None)
    if one is not None:
        yield Found(
            place=one.layer.name,
            measured=f"the std of {one.weight.name} is {one.weight.std:.3g} with a fan-in of {one.fan:g}",
            expected=f"about {math.sqrt(1 / one.fan):.3g} to {math.sqrt(2 / one.fan):.3g}: its outputs are "
            f"{one.gain:.3g} times as large as its inputs",
            fix=f"nn.init.kaiming_normal_({typed(one.weight.name)}, nonlinearity='relu')",
            clues=[
                Clue("values", f"the rms of {one.weight.name} times the root of its fan-in is {one.gain:.3g}"),
                Clue("signals", f"the output's std is {size:.3g}, and no layer after {one.layer.name} makes it small"),
            ],
        )


def _set_at_random(one: Parameter) -> bool:
    """Whether a weight is trained, tied to none, and neither constant nor no number at all."""
    return one.trains and not one.constant and one.largest < _HUGE and len(one.names) == 1


def _stays_large(evidence: Evidence, layer: Layer) -> bool:
    """Whether no layer from here to the output makes the signal small again."""
    chain, heads = leaves(evidence), output_layers(evidence)
    after = chain[next(i for i, one in enumerate(chain) if one is layer) :]
    return layer.rms >= 3 and all(one.place in heads or one.rms >= 3 for one in after)


WIDE = Check(
    code="FS612",
    title=Text("Weights too large for their fan-in", "权重相对其扇入过大"),
    why=Text(
        "A sum of n inputs grows with the root of n: the loss starts high, and falls only as the weights shrink.",
        "n 个输入之和随 n 的平方根增大：损失从很高处开始，只有权重缩小才会下降。",
    ),
    sound=Text(
        "The weights are more than three times what keeps the size, the output is larger than 10 and no layer between "
        "them is small again, as one behind a norm, a sine or a saturating activation is.",
        "权重超过保持大小所需的三倍，输出大于 10，且其间没有哪一层又变小（在归一化、正弦或饱和激活之后会变小）。",
    ),
    fault="""
model = nn.Sequential(nn.Linear(100, 200), nn.ReLU(), nn.Linear(200, 10))
for layer in (model[0], model[2]):
    nn.init.normal_(layer.weight)
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 100), torch.arange(32) % 10
""",
    cure="""
for layer in (model[0], model[2]):
    nn.init.xavier_normal_(layer.weight)
nn.init.normal_(model[2].weight, std=0.01)
""",
    find=_too_wide,
)


CHECKS = (SYMMETRIC, NUMBERS, SPURIOUS, WIDE)
