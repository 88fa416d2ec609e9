"""The value of the loss before the first step."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from ...losses import Text
from .._finding import Clue, Found
from .._rule import Check
from ..probe._calls import LossCall
from ..probe._evidence import Evidence
from ..probe._start import Start
from ._chain import typed
from ._expected import Expected, best_constant, expectations

_NATS = 1.0
"""Logits as large as He's weights make them, of std 1.4, add at most about so much."""
_CONFIDENT = 3.0
"""A std of the logits that He's weights, which make 1.4, reach by chance only in the narrowest nets."""
_SMALL = 0.5
"""A std of logits that are small enough, whatever the loss is."""
_FAR, _LOUD = 10.0, 3.0
"""A regression loss so many times that of an output of 0, by outputs of so many times unit size."""
_TARGETS_SMALL = 30.0


def _too_high(evidence: Evidence) -> Iterator[Found]:
    for one in expectations(evidence):
        if one.logits:
            yield from _confident(evidence, one)
        elif one.values:
            yield from _far(one)
    yield from _other_unit(evidence)


_ROLES = ("policy_chosen", "policy_rejected", "reference_chosen", "reference_rejected")


def _other_unit(evidence: Evidence) -> Iterator[Found]:
    """A policy that is its reference, but for the unit: one per token, one per sequence."""
    for call, start in zip(evidence.calls, evidence.start, strict=False):
        given = {one.name: tensor for one, tensor in zip(call.spec.arguments, call.tensors, strict=False)}
        if start is None or start.expected is None or not all(name in given for name in _ROLES):
            continue
        policy, reference = (
            torch.cat([given[name].flatten().double() for name in pair]) for pair in (_ROLES[:2], _ROLES[2:])
        )
        made, wanted = float(policy.mean()), float(reference.mean())
        if policy.shape != reference.shape or not made < 0 or not wanted < 0 or 1 / _UNIT < made / wanted < _UNIT:
            continue
        text = f"log-probabilities of {made:.4g} on average by the policy, of {wanted:.4g} by the reference"
        clues = [Clue("values", text)]
        if abs(start.measured - start.expected) > 1e-3 * max(1.0, abs(start.expected)):
            same = f"{start.expected:.4g} where both are one model"
            clues.append(Clue("expected value", f"{call.name} starts at {start.measured:.4g}, and at {same}"))
        yield Found(
            place=call.inside,
            measured=text,
            expected="the same of both at the start: sums over the tokens of each answer",
            fix="take the reference's log-probabilities with the function that takes the policy's",
            clues=clues,
        )


_UNIT = 3.0
"""Models of the same tokens differ by less; a sum over three tokens or more and a mean do not."""


def _confident(evidence: Evidence, one: Expected) -> Iterator[Found]:
    excess = (one.measured - one.expected) / one.decisions
    spread, shared = one.spread
    if not excess > _NATS or spread <= _SMALL:
        return
    biased = one.bias(evidence) if shared > 0.7 * spread else None
    clues = [Clue("expected value", f"{one.name} starts at {one.measured:.4g}, {one.text} is {one.expected:.4g}")]
    if spread >= _CONFIDENT:
        about = f"logits have a standard deviation of {spread:.3g} within an example"
        clues.append(
            Clue(
                "values",
                about if one.guess is None else f"{about}: for targets at random the loss would be {one.guess:.4g}",
            )
        )
    yield Found(
        place=one.where(evidence),
        measured=f"loss {one.measured:.4g}, {excess:.3g} nats above {one.expected:.4g}"
        + ": sure of what is wrong" * (spread >= _CONFIDENT),
        expected=f"about {one.expected:.4g} ({one.text}): logits of std 1 or less within an example, not {spread:.3g}",
        fix=_smaller(evidence, one, spread, biased),
        clues=clues,
        sure=spread >= _CONFIDENT and one.by_weights(evidence) and (biased is None or excess > 3 * _NATS),
    )


def _smaller(evidence: Evidence, one: Expected, spread: float, bias: str | None) -> str:
    if bias is not None:
        return f"nn.init.zeros_({typed(bias)})"
    tied = next((p for p in evidence.parameters if len(p.names) > 1 and len(p.shape) == 2 and p.std > 0.5), None)
    if tied is not None:
        return f"nn.init.normal_({typed(tied.name)}, std=0.02)  # {' and '.join(tied.names)} are one tensor"
    layer, factor = one.layer(evidence), _SMALL / spread if spread > _SMALL else 0.1
    if layer is None:
        return f"logits = {factor:.2g} * logits"
    return f"with torch.no_grad(): {typed(layer)}.weight.mul_({factor:.2g})"


def _far(one: Expected) -> Iterator[Found]:
    ratio = one.measured / one.expected if one.expected > 0 else 0.0
    made, wanted = one.sizes
    if not ratio > _FAR or not wanted > 0 or not made > wanted:
        return
    yield Found(
        place=one.place,
        measured=f"loss {one.measured:.4g}, {ratio:.3g} times that of an output of 0: outputs of rms {made:.3g}, "
        f"targets of rms {wanted:.3g}",
        expected=f"about {one.expected:.4g}, what an output of 0 costs",
        fix=f"scale the last layer by {wanted / made:.2g}, or standardize the targets",
        clues=[
            Clue(
                "expected value",
                f"{one.name} starts at {one.measured:.4g}, an output of 0 would cost {one.expected:.4g}",
            ),
            Clue("values", f"outputs are {made / wanted:.3g} times as large as targets"),
        ],
        sure=made > _LOUD or made > _TARGETS_SMALL * wanted,
    )


TOO_HIGH = Check(
    code="FS401",
    title=Text("The loss starts far above that of guessing", "初始损失远高于随机猜测"),
    why=Text(
        "The model is sure of what it cannot know: the first steps only make it unsure again, and by then activations "
        "and the optimizer's averages have been spoiled by gradients of the wrong size.",
        "模型对无从知道的事过于自信：最初的许多步只是让它重新变得不自信，而此时激活与优化器的统计量已被不当大小的梯度破坏。",
    ),
    sound=Text(
        "A model that knows nothing, and says so, costs ln C; logits of std 1.4, as He's weights make them, cost less "
        "than 1 more. It needs a std of 3, made by the weights of a layer: distances, products of embeddings and "
        "scaled cosines, which are large by design, and a head whose bias was set get a remark only.",
        "一无所知且如实表达的模型损失为 ln C；He 初始化给出标准差约 1.4 的 logits，多出不到 1。只有标准差超过 3 "
        "且由某层的权重造成时才报告；距离、嵌入的内积与缩放后的余弦按设计就偏大，与偏置已被设定的输出层一样仅作提示。",
    ),
    fault="""
model = nn.Sequential(nn.Linear(20, 64), nn.Tanh(), nn.Linear(64, 10))
nn.init.normal_(model[2].weight)
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    cure="""
with torch.no_grad():
    model[2].weight.mul_(0.1)
""",
    find=_too_high,
)


def _too_low(evidence: Evidence) -> Iterator[Found]:
    for call, start in zip(evidence.calls, evidence.start, strict=False):
        floor = start.floor if start is not None else None
        if start is None or floor is None or not start.measured < floor - _rounding(call) * max(1.0, abs(floor)):
            continue
        if floor and any(call.options.get(name) is not None for name in _WEIGHING):
            continue
        yield _below(call, start, floor)


_WEIGHING = ("weight", "class_weight", "pos_weight", "mask", "ignore_index")


def _rounding(call: LossCall) -> float:
    return 2e-2 if any(one.dtype.itemsize == 2 for one in call.tensors if one.is_floating_point()) else 1e-3


def _below(call: LossCall, start: Start, floor: float) -> Found:
    clues = [Clue("expected value", f"{call.name} is {start.measured:.4g}, and never below {floor:.4g}")]
    outside = _outside(call)
    if outside:
        clues.append(Clue("values", outside))
    return Found(
        place=call.inside,
        measured=f"loss {start.measured:.4g}" + (f": {outside}" if outside else ""),
        expected=f"at least {floor:.4g}" + (f" ({start.floor_text})" if not start.floor_text.startswith("0") else ""),
        fix=_DOMAIN_FIX.get(_domain(call), f"look at what {call.name} is given: no proper input is below"),
        clues=clues,
    )


_DOMAIN_FIX = {
    "log-probabilities": "F.log_softmax(output, dim=1) before the loss",
    "probabilities": "probabilities from 0 to 1 for the loss, or logits and a loss with logits",
}


def _domain(call: LossCall) -> str:
    """The kind of the argument that is not what it should be."""
    for seen, kind in zip(call.seen, call.kinds, strict=False):
        if (kind == "log-probabilities" and seen.high > 1e-3) or (
            kind == "probabilities" and not call.options.get("log_target") and (seen.low < -1e-3 or seen.high > 1.001)
        ):
            return kind
    return ""


def _outside(call: LossCall) -> str:
    kind = _domain(call)
    for seen, argument in zip(call.seen, call.spec.arguments, strict=False):
        if argument.kind == kind:
            return f"{argument.name}, that should be {kind}, runs from {seen.low:.4g} to {seen.high:.4g}"
    return ""


BELOW = Check(
    code="FS402",
    title=Text("The loss is below its least value", "损失低于其最小可能值"),
    why=Text(
        "A value that no proper input has says that the loss was given something else; what it then rewards is not "
        "what it is named for.",
        "正常输入不可能得到的值，说明传给损失的东西不对；此时它所优化的并非其名所指。",
    ),
    sound=Text(
        "The least value is a theorem about the loss, with the very targets and options of the call; weights that "
        "would move it are left out.",
        "最小值是关于该损失的定理，按这次调用的目标与选项计算；会改变它的权重不在此列。",
    ),
    fault="""
model = nn.Sequential(nn.Linear(20, 10), nn.Softmax(dim=1))
loss = nn.NLLLoss()
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    cure="""
model = nn.Sequential(nn.Linear(20, 10), nn.LogSoftmax(dim=1))
""",
    find=_too_low,
)


_SHARE = 0.4


def _known_already(evidence: Evidence) -> Iterator[Found]:
    for one in expectations(evidence):
        constant = best_constant(one)
        if constant is None or not 0 < constant or not one.expected > 0:
            continue
        least = min(constant, one.expected)
        share = one.measured / least
        if not 0 <= share < (_SHARE if one.logits else _SHARE / 4) or one.measured < 0:
            continue
        yield Found(
            place=one.place,
            measured=f"loss {one.measured:.4g}, {100 * share:.3g} % of the {least:.4g} of a constant output",
            expected=f"about {least:.4g} from a model that has learned nothing",
            fix="where it is not trained already, see whether the inputs hold the targets",
            clues=[
                Clue("expected value", f"{one.name} starts at {one.measured:.4g}, the best constant costs {least:.4g}")
            ],
            sure=False,
        )


KNOWN = Check(
    code="FS407",
    title=Text("The loss starts far below that of guessing", "初始损失远低于随机猜测"),
    why=Text(
        "A model that has learned nothing cannot know the targets: they leak into the inputs or the output, or the "
        "model was trained before.",
        "什么都没学过的模型不可能知道目标：要么目标泄漏到了输入或输出中，要么模型已经训练过。",
    ),
    sound=Text(
        "It is only ever a remark: pretrained models, skips from input to output and warm starts are like this.",
        "它永远只是提示：预训练模型、输入到输出的直连和热启动都会如此。",
    ),
    fault="""
model = nn.Sequential(nn.Linear(20, 20))
nn.init.eye_(model[0].weight)
loss = nn.MSELoss()
x = torch.randn(32, 20)
batch = x, x + model[0].bias.detach()
""",
    cure="""
batch = x, torch.randn(32, 20)
""",
    find=_known_already,
    at_most="info",
)

CHECKS = (TOO_HIGH, BELOW, KNOWN)
