"""Whether the loss asks for the targets at all, and in the right direction."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator

import torch
from torch import Tensor

from ...losses import Text
from .._finding import Clue, Found
from .._rule import Check
from ..probe._calls import LossCall
from ..probe._evidence import Evidence
from ..probe._targets import classes
from ._reduction_checks import summed
from ._scores import head, log_sums_to_one

_SAME = 1e-6
"""A relative change of the value that is rounding."""
_GRADIENT = 1e-5


def _unpaired(evidence: Evidence) -> Iterator[Found]:
    trials = evidence.trials
    shuffled, pairing, replaced = trials.shuffled, trials.pairing, trials.replaced
    yield from _reordered(evidence)
    if evidence.loss == 0:
        yield from _itself(evidence)
    if shuffled is None or pairing is None or replaced is None or not evidence.loss:
        return
    if shuffled > _SAME or pairing > _GRADIENT:
        return
    if _broadcasts(evidence) or _reconstructs(evidence) or _too_small(evidence):
        return
    if replaced > _SAME:
        yield _found(
            "a loss of the targets as a set: which belongs to which example does not matter",
            [
                Clue("metamorphic", "handing the targets to other examples changes neither loss nor gradient"),
                Clue("metamorphic", f"giving all examples one target changes the loss by {100 * replaced:.3g} %"),
            ],
            sure=False,
        )
    elif not _said_unused(evidence):
        yield _ignores(evidence)


def _ignores(evidence: Evidence) -> Found:
    clues = [Clue("metamorphic", "the targets, handed to other examples or replaced, change neither loss nor gradient")]
    call, text = _target_made(evidence)
    if text:
        clues.append(Clue("values", text))
    measured = f"the loss does not depend on the targets{': ' + text if text else ''}"
    return _found(measured, clues, _meant_to(evidence, call), call.inside if call else "loss")


def _reordered(evidence: Evidence) -> Iterator[Found]:
    """Outputs in the batch's order beside targets in another."""
    calls = [one for one in evidence.calls if len(one.tensors) > 1 and one.kinds[1] in _SUPERVISED]
    for seen in evidence.targets:
        beside = [one for one in calls if _alike(one.tensors[1], seen.tensor)]
        if any(torch.equal(one.tensors[1], seen.tensor) for one in beside):  # as in mixup, beside the others
            continue
        for call in beside:
            in_order = any(
                _alike(call.tensors[0], one.tensor) and torch.equal(call.tensors[0], one.tensor)
                for one in evidence.outputs
            )
            if not in_order or not _same_rows(call.tensors[1], seen.tensor):
                continue
            away = (
                (call.tensors[1] != seen.tensor).flatten(1).any(1)
                if seen.tensor.ndim > 1
                else call.tensors[1] != seen.tensor
            )
            text = f"{int(away.sum())} of {len(away)} outputs stand beside another example's target"
            yield _found(
                f"{text} in {call.name}",
                [Clue("values", f"the same targets in another order: {text}")],
                True,
                call.inside,
            )


def _alike(one: Tensor, two: Tensor) -> bool:
    return one.shape == two.shape and one.dtype == two.dtype and one.device == two.device and one.ndim > 0


def _same_rows(one: Tensor, two: Tensor) -> bool:
    """Whether they have the same rows, each as often, in whatever order."""
    if not 1 < len(one) <= 2**14 or torch.equal(one, two):
        return False
    rows = [tensor.reshape(len(tensor), -1).unique(dim=0, return_counts=True) for tensor in (one, two)]
    return all(a.shape == b.shape and torch.equal(a, b) for a, b in zip(*rows, strict=True))


def _itself(evidence: Evidence) -> Iterator[Found]:
    """A loss of exactly 0, since what is compared is one and the same."""
    for call in evidence.calls:
        if len(call.tensors) < 2 or call.kinds[1] not in _SUPERVISED or not call.origins[1]:
            continue
        one, two = call.tensors[:2]
        if call.spec.family == "regression" and one.shape == two.shape and torch.equal(one, two):
            text = f"{call.name} is given the output as its own target"
            clues = [
                Clue("values", f"all {one.numel()} elements of the two are equal, and the loss is 0"),
                Clue("graph", f"the target has a gradient: {call.origins[1][0]} made it"),
            ]
            yield _found(f"the loss does not depend on the targets: {text}", clues, True, call.inside)


def _found(measured: str, clues: list[Clue], sure: bool, where: str = "loss") -> Found:
    return Found(
        place=where,
        measured=measured,
        expected="a loss that compares each output with its own target",
        fix="look at which tensor the loss is given as targets: loss(output, targets)",
        clues=clues,
        sure=sure,
    )


def _broadcasts(evidence: Evidence) -> bool:
    """Whether output and targets broadcast, of which another check tells."""
    pairs = [(one.tensors[0], one.tensors[1]) for one in evidence.calls if len(one.tensors) > 1]
    if not pairs and len(evidence.outputs) == len(evidence.targets) == 1:
        pairs = [(evidence.outputs[0].tensor, evidence.targets[0].tensor)]
    return any(a.shape != b.shape and a.numel() == b.numel() and b.is_floating_point() for a, b in pairs)


def _too_small(evidence: Evidence) -> bool:
    """Whether targets are so small beside the outputs that what they change is rounding."""
    made = max((one.facts.rms for one in evidence.outputs if one.facts.floating), default=0.0)
    floating = [one.facts.std for one in evidence.targets if one.facts.floating]
    return len(floating) == len(evidence.targets) and not max(floating, default=0.0) > 1e-2 * made


def _reconstructs(evidence: Evidence) -> bool:
    """Whether what is compared with is the input, so that targets are only carried along."""
    inputs = [one.tensor for one in evidence.inputs if one.facts.floating]
    others = [one.tensor for one in evidence.outputs] + [t for call in evidence.calls for t in call.tensors[1:2]]
    return any(
        a.numel() == b.numel() and torch.equal(a.flatten(), b.flatten().to(a.dtype))
        for a in inputs
        for b in others
        if a.device == b.device
    )


def _said_unused(evidence: Evidence) -> bool:
    """Whether the loss's last parameter is called _, as people call what they do not use."""
    loss = evidence.asked.loss
    try:
        names = list(inspect.signature(loss.forward if isinstance(loss, torch.nn.Module) else loss).parameters)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError):
        return False
    return bool(names) and names[-1].startswith("_")


_SUPERVISED = ("class", "probabilities", "flags", "signs", "values", "counts")


def _target_made(evidence: Evidence) -> tuple[LossCall | None, str]:
    """The call that should have been given the targets, and what it was given instead."""
    for call in evidence.calls:
        kinds = call.kinds[1:2]
        if (
            not kinds
            or kinds[0] not in _SUPERVISED
            or call.spec.family in ("contrastive", "distillation", "preference")
        ):
            continue
        target = call.tensors[1]
        seen = classes(call)
        if (
            seen is not None
            and seen.indices is not None
            and torch.equal(seen.input.argmax(seen.axis), seen.indices.long())
        ):
            return call, f"{call.name} is given the predictions' own classes as targets"
        if target.numel() and bool((target == target.flatten()[0]).all()):
            return call, f"{call.name} is given {float(target.flatten()[0]):.4g} as the target of everything"
        return call, ""
    return None, ""


def _meant_to(evidence: Evidence, call: LossCall | None) -> bool:
    """Whether the loss must have meant to use the targets: one loss per example, of one output of several numbers.

    Of several outputs one may be what the others are compared with; and where examples are compared with each other,
    targets may only be carried along.
    """
    outputs = [one for one in evidence.outputs if one.facts.floating]
    if len(outputs) != 1 or summed(evidence) is None:
        return False
    several = outputs[0].tensor.numel() > len(outputs[0].tensor)
    if call is None:
        return several and not evidence.calls
    return several or not _constant(call)


UNPAIRED = Check(
    code="FS405",
    title=Text("Outputs are not compared with their own targets", "输出没有与各自的目标比较"),
    why=Text(
        "Whatever is learned is not what the targets say: the loss may fall all the same, accuracy stays at chance.",
        "学到的东西与目标无关：损失也许照样下降，准确率却停留在随机水平。",
    ),
    sound=Text(
        "It needs a loss whose value and gradient stay the same while both outputs and targets differ from example to "
        "example, or a known one that was given the batch's targets in another order only. A loss of the targets' "
        "distribution is only told; a parameter called _, or inputs that are compared with, mean that the targets are "
        "only carried along.",
        "只有当输出与目标都因样本而异、而损失及其梯度保持不变，或已知损失只得到被打乱的目标时才会报告。"
        "只取决于目标分布的损失仅作提示；若参数名为 _，或与输入作比较，说明目标只是随批次传入。",
    ),
    fault="""
model = nn.Linear(20, 10)
loss = lambda output, targets: F.cross_entropy(output, output.argmax(1))
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    cure="""
loss = lambda output, targets: F.cross_entropy(output, targets)
""",
    find=_unpaired,
)


def _negated(evidence: Evidence) -> Iterator[Found]:
    known = [call for call in evidence.calls if call.weight is not None]
    for call in known:
        yield from _negated_call(evidence, call)
    if not evidence.calls:
        yield from _negated_unknown(evidence)


def _negated_call(evidence: Evidence, call: LossCall) -> Iterator[Found]:
    """A call with a minus before it that is all of the loss, or the one with which right outputs cost most."""
    weight, part, loss = call.weight, call.part, evidence.loss
    if weight is None or part is None or not loss or not bool((weight <= 0).all()) or not bool((weight < 0).any()):
        return
    whole, backwards = math.isclose(part, loss, rel_tol=1e-3), _backwards(evidence)
    if not whole and (backwards is None or len(evidence.calls) > 1):
        return
    factor = float(weight.double().sum())
    clues = [Clue("graph", f"where {call.name} grows by 1, the loss falls by {-factor:.4g}")]
    minimum = call.spec.minimum
    if loss < 0 and minimum is not None and minimum.text.en.startswith("0"):
        clues.append(Clue("expected value", f"the loss is {loss:.4g}, and {call.name} is never below 0"))
    if backwards is not None:
        clues.append(Clue("metamorphic", backwards))
    yield _minus(call.inside, f"{call.name} with a minus before it: loss {loss:.4g}", clues, not _constant(call))


def _constant(call: LossCall) -> bool:
    """Whether a target says nothing: a generator's loss may be a discriminator's with a minus."""
    target: Tensor | None = call.tensors[1] if len(call.tensors) > 1 else None
    return target is None or not target.numel() or bool((target == target.flatten()[0]).all())


def _negated_unknown(evidence: Evidence) -> Iterator[Found]:
    """A loss that nobody knows: is it greater where the outputs agree with the targets?"""
    text = _backwards(evidence)
    if text is None or evidence.loss is None:
        return
    clues, negative = [Clue("metamorphic", text)], evidence.loss < 0
    if negative:
        clues.append(Clue("values", f"the loss is {evidence.loss:.4g}, below 0"))
    # of products with the outputs, as a critic's, the sign may be that of the labels
    linear = evidence.trials.zeros is not None and abs(evidence.trials.zeros[0]) < 1e-6
    yield _minus(
        "loss", text, clues, (negative and (not linear or _log_probabilities(evidence))) or _squashed(evidence)
    )


def _log_probabilities(evidence: Evidence) -> bool:
    """Whether the output is logarithms of probabilities of classes, of which greater ones are better."""
    outputs = [one for one in evidence.outputs if one.facts.floating]
    if len(outputs) != 1 or outputs[0].origin[:1] != ("log_softmax",):
        return False
    tensor = outputs[0].tensor
    return tensor.ndim > 1 and any(log_sums_to_one(tensor, axis) for axis in {1, tensor.ndim - 1})


def _squashed(evidence: Evidence) -> bool:
    """Whether the loss makes probabilities of the output of a layer, which no distances are: of classes, or of yes."""
    real = all(one.facts.floating for one in evidence.targets)
    kinds = ("sigmoid", "logsigmoid") if real else ("softmax", "log_softmax")  # of ordered classes sigmoids are others
    return any(
        one.kind in kinds and head(one.origin)[:1] in (("linear",), ("convolution",)) for one in evidence.applied
    )


def _backwards(evidence: Evidence) -> str | None:
    """What right and wrong outputs cost, where the right ones cost more."""
    right = evidence.trials.right
    if right is None or not all(math.isfinite(one) for one in right):
        return None
    agree, contradict = right
    if not agree - contradict > 1e-3 * max(abs(agree), abs(contradict)):
        return None
    return f"outputs reordered to agree with the targets cost {agree:.4g}, and to contradict them {contradict:.4g}"


def _minus(where: str, measured: str, clues: list[Clue], sure: bool) -> Found:
    return Found(
        place=where,
        measured=measured,
        expected="a loss that is less for better outputs: it is minimized",
        fix="turn the sign of the loss: a log-likelihood or a score is minimized as its negative",
        clues=clues,
        sure=sure,
    )


NEGATED = Check(
    code="FS408",
    title=Text("The loss has the wrong sign", "损失的符号反了"),
    why=Text(
        "Every step makes the model worse, and the loss runs to minus infinity.",
        "每一步都让模型变得更差，损失趋向负无穷。",
    ),
    sound=Text(
        "A known loss with a factor below 0 must be all of what is minimized: penalties and adversarial terms beside "
        "others are silent. Of an unknown one the value must be negative too, since outputs may be distances, or the "
        "loss must make probabilities of a layer's output. A target that is the same for all, as a generator's, is "
        "only told.",
        "已知损失必须带负系数且构成全部损失：与其他项并存的惩罚项或对抗项不报告。未知损失还须取负值（因为输出可能是距离），"
        "或由损失自身把某层的输出变为概率。目标全部相同（如生成器）时仅作提示。",
    ),
    fault="""
model = nn.Linear(20, 10)
loss = lambda output, targets: -F.cross_entropy(output, targets)
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    cure="""
loss = F.cross_entropy
""",
    find=_negated,
)

CHECKS = (UNPAIRED, NEGATED)
