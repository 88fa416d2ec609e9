"""What kind of output goes with what kind of loss: regression and likelihoods."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from torch import Tensor

from ...losses import Text
from .._finding import Clue, Found
from .._rule import Check
from ..probe._calls import LossCall
from ..probe._evidence import Evidence
from ._bounded_checks import bound
from ._scores import RAW, count, head, share

_MISSED = 0.01
"""The least share of the targets' variance out of reach."""
_UNMET = r"Expected parameter (\w+).*constraint (?:GreaterThan\w*\(lower_bound=0|Positive)"
"""What torch.distributions raises of a scale that is not positive."""
_POSITIVE = frozenset({"softplus", "exp", "square", "abs", "sigmoid", "relu"})


def _regresses(call: LossCall) -> bool:
    known = call.spec.family in ("regression", "probabilistic") and call.name != "PoissonNLLLoss"
    return known and call.kinds[:2] == ("values", "values")


def _out_of_reach(evidence: Evidence) -> Iterator[Found]:
    for call in evidence.calls:
        if not _regresses(call) or call.options.get("mask") is not None:
            continue
        index = 1 if not call.origins[0] and call.origins[1] else 0  # loss(target, output) is the same loss
        found = bound(evidence, call, index)
        if found is None:
            continue
        known, place, clue = found
        target = call.tensors[1 - index].double()
        missed = target - target.clamp(known.low, known.high)
        least, spread = float(missed.square().mean()), float(target.var(correction=0))
        outside = missed.abs() > 1e-3 * spread**0.5
        if not least >= _MISSED * spread or not bool(outside.any()) or _marked(call, target[outside]):
            continue
        low, high = float(target.min()), float(target.max())
        part = f", {100 * least / spread:.3g} % of their variance" if spread else ""
        values = f"{count(outside)} targets are out of reach: a mean squared error of {least:.3g} stays{part}"
        scaled = f", or scale the targets to {known.text}" if known.width < math.inf else ""
        yield Found(
            place=place,
            measured=f"the output went through {known.kind}: {_worded(known.text)}; targets run from {low:.3g} "
            f"to {high:.3g}",
            expected="an output that can reach every target",
            fix=f"leave out the {known.kind} after the last layer{scaled}",
            clues=[clue, Clue("values", values)],
        )


def _worded(text: str) -> str:
    return f"it stays in {text}" if text.startswith("[") else f"it is {text}"


def _marked(call: LossCall, outside: Tensor) -> bool:
    """Whether all of them are one number that marks what is missing, in a loss whose elements can be left out."""
    return call.reduction == "none" and bool((outside == outside.flatten()[0]).all())


OUT_OF_REACH = Check(
    code="FS111",
    title=Text("The output cannot reach the targets", "输出无法达到目标值"),
    why=Text(
        "An activation after the last layer keeps the output in an interval; of targets outside of it the loss keeps "
        "what is missing, and the activation saturates at its end.",
        "最后一层之后的激活把输出限制在一个区间内；目标在区间之外时，损失中总会留下无法达到的部分，激活也会在端点饱和。",
    ),
    sound=Text(
        "It compares the interval of the activation in the graph, with what it was scaled by, with the targets "
        "themselves: a sigmoid with targets in [0, 1] and a tanh with targets in [-1, 1] stay silent, as do single "
        "targets a little beyond.",
        "它把计算图中激活函数（含其后的缩放）的区间与目标本身比较：sigmoid 配 [0, 1] 的目标、tanh 配 [-1, 1] 的目标"
        "都不会报告，个别略微越界的目标也不会。",
    ),
    fault="""
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1), nn.ReLU())
loss = nn.MSELoss()
batch = torch.randn(32, 20), torch.randn(32, 1)
""",
    cure="""
model = model[:-1]
""",
    find=_out_of_reach,
)


def _indices_as_values(evidence: Evidence) -> Iterator[Found]:
    whole = {seen.tensor.numel() for seen in evidence.targets if not seen.facts.floating}
    for call in evidence.calls:
        if not _regresses(call) or call.spec.family != "regression":
            continue
        output, target = call.tensors[:2]
        columns = output.shape[-1] if output.ndim > 1 else 0
        if output.numel() == target.numel() in whole:
            yield from _one_number_each(call)
        if columns < 2 or target.shape not in (output.shape[:-1], (*output.shape[:-1], 1)) or not target.numel():
            continue
        seen = call.seen[1]
        if not (seen.whole and seen.low >= 0 and seen.low < seen.high < columns):
            continue
        text = f"the targets are whole, {seen.low:g} to {seen.high:g}, and each has {columns} outputs"
        clues = [Clue("values", text), *_whichever_column(call)]
        if call.error:
            clues.append(Clue("run", f"the loss raised {call.error.splitlines()[0]}"))
        yield Found(
            place="targets",
            measured=f"{call.name} of {tuple(output.shape)} outputs and {tuple(target.shape)} class indices",
            expected="a loss over classes, or one-hot targets of the output's shape",
            fix="loss = nn.CrossEntropyLoss()  # targets: torch.long, one per example",
            clues=clues,
            sure=not call.seen[1].floating or target.numel() in whole,
        )


def _one_number_each(call: LossCall) -> Iterator[Found]:
    """Whole-number targets that may be grades, and may be classes."""
    seen = call.seen[1]
    levels = len(call.tensors[1].unique())
    if seen.whole and seen.low == 0 and 2 <= seen.high == levels - 1:
        yield Found(
            place="targets",
            measured=f"{call.name} of whole numbers: each of 0 to {seen.high:g} occurs",
            expected="targets whose order and distances mean something, as counts and grades",
            fix=f"nn.Linear(..., {levels}) and loss = nn.CrossEntropyLoss(), if they are classes",
            clues=[Clue("values", f"the batch's targets are of a whole-number dtype, with {levels} levels from 0")],
            sure=False,
        )


def _whichever_column(call: LossCall) -> list[Clue]:
    """Whether the loss stays what it is where the outputs of each example change places."""
    try:
        same = float(call.again().float().mean())
        turned = float(call.again([call.tensors[0].flip(-1), *call.tensors[1:]]).float().mean())
    except Exception:  # the shapes do not go together
        return []
    if abs(same - turned) > 1e-5 * abs(same):
        return []
    return [Clue("metamorphic", "the loss stays the same where the outputs of each example change places")]


INDICES_AS_VALUES = Check(
    code="FS112",
    title=Text("A regression loss on class indices", "对类别编号使用回归损失"),
    why=Text(
        "Every output of an example is pulled towards the number of its class, so that all outputs become the same: "
        "which class has which number decides what is learned.",
        "每个样本的所有输出都被拉向类别编号，最终变得相同：学到什么取决于类别如何编号。",
    ),
    sound=Text(
        "It needs whole targets below the number of outputs, one for several outputs each. One output for one number, "
        "as with counts, ages or grades, stays silent; floating-point targets make it a remark.",
        "只有当目标是小于输出个数的整数、且一个目标对应多个输出时才会报告。一个输出对应一个数（计数、年龄、等级）"
        "不会报告；浮点目标只作提示。",
    ),
    fault="""
model = nn.Linear(20, 10)
loss = lambda output, target: F.mse_loss(output, target[:, None].float())
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    cure="""
loss = nn.CrossEntropyLoss()
""",
    find=_indices_as_values,
)


def _not_positive(evidence: Evidence) -> Iterator[Found]:
    for call in evidence.calls:
        for index, argument in enumerate(call.spec.arguments[: len(call.tensors)]):
            if call.name == "GaussianNLLLoss" and argument.kind == "positive":
                yield from _variance(call, index)
            elif argument.name in ("log_variance", "log_scale") and argument.kind == "values":
                yield from _logarithm(evidence, call, index)
    crash = evidence.crash
    if crash is not None:
        said = re.search(_UNMET, crash.error, re.DOTALL)
        if said:
            yield Found(
                place=crash.where,
                measured=f"the {said[1]} of a distribution is not positive",
                expected=f"a {said[1]} above 0, whatever the weights",
                fix=f"{said[1]} = F.softplus(x) + 1e-6",
                clues=[Clue("run", f"torch raised {crash.error.splitlines()[0]}")],
            )


def _variance(call: LossCall, index: int) -> Iterator[Found]:
    variance = call.tensors[index]
    below = variance <= 0
    clues = []
    if bool(below.any()):
        clues.append(Clue("values", f"{count(below)} variances are 0 or below"))
    made = next((one for one in call.origins[index] if one != "affine"), "")
    if made in RAW:
        clues.append(Clue("graph", f"{made} made the variances: nothing keeps them above 0"))
    if clues and call.error:
        clues.append(Clue("run", f"the loss raised {call.error.splitlines()[0]}"))
    if clues:
        low, high = call.seen[index].low, call.seen[index].high
        yield Found(
            place=call.inside,
            measured=f"the variances of {call.name} run from {low:.3g} to {high:.3g}",
            expected="variances above 0, whatever the weights",
            fix="var = F.softplus(x) + 1e-6  # or losses.GaussianNLLLoss(), which takes log-variances as they come",
            clues=clues,
        )


def _logarithm(evidence: Evidence, call: LossCall, index: int) -> Iterator[Found]:
    found = bound(evidence, call, index)
    if found is None or found[0].kind not in _POSITIVE or found[0].low < 0 or not call.tensors[index].numel():
        return
    known, place, clue = found
    name = call.spec.arguments[index].name
    yield Found(
        place=place,
        measured=f"{name} of {call.name} went through {known.kind}: {_worded(known.text)}",
        expected="a logarithm, of either sign: the loss takes its exponential, which from such numbers is 1 or more",
        fix=f"leave out the {known.kind}: hand in the layer's own output",
        clues=[clue, Clue("values", f"no number of {name} is below {float(call.tensors[index].min()):.3g}")],
    )


NOT_POSITIVE = Check(
    code="FS113",
    title=Text("A variance that is not kept positive, or is taken for its logarithm", "方差未保证为正，或被当成对数"),
    why=Text(
        "A likelihood divides by the variance and takes its logarithm: at 0 it is infinite, below it is not defined. A "
        "variance in the place of its logarithm can never fall below 1.",
        "似然要除以方差并取其对数：方差为 0 时无穷大，为负则无定义。若把方差放在对数方差的位置，它永远不会小于 1。",
    ),
    sound=Text(
        "It needs variances that are 0 or below, or a layer's own output in their place; after a softplus, an "
        "exponential, a square or a clamp it is silent. A logarithm is judged by the activation in the graph only.",
        "只有当方差小于等于 0，或直接使用层的输出时才会报告；经过 softplus、指数、平方或 clamp 之后不会报告。"
        "对数方差只按计算图中的激活判断。",
    ),
    fault="""
model = nn.Linear(20, 2)
loss = lambda output, target: F.gaussian_nll_loss(output[:, 0], target, output[:, 1])
batch = torch.randn(32, 20), torch.randn(32)
""",
    cure="""
loss = lambda output, target: F.gaussian_nll_loss(output[:, 0], target, F.softplus(output[:, 1]) + 1e-3)
""",
    find=_not_positive,
)


def _rate_or_logarithm(evidence: Evidence) -> Iterator[Found]:
    for call in evidence.called("PoissonNLLLoss"):
        rates, logged = call.tensors[0], bool(call.options.get("log_input", True))
        if logged:
            found = bound(evidence, call)
            if found is None or found[0].kind not in _POSITIVE or found[0].low < 0 or not rates.numel():
                continue
            clues = [found[2], Clue("values", f"all {rates.numel()} numbers are {float(rates.min()):.3g} or more")]
            yield _poisson(found[1], "rates, and log_input=True", "log-rates, of either sign", "log_input=False", clues)
            continue
        below = rates < 0
        made = (head(call.origins[0]) or ("",))[0]
        clues = [Clue("values", f"{count(below)} rates are below 0")] if bool(below.any()) else []
        if made in RAW:
            clues.append(Clue("graph", f"{made} made the rates: nothing keeps them above 0"))
        if call.value is not None and not math.isfinite(call.value):
            clues.append(Clue("run", f"the loss is {call.value}"))
        if clues and clues[0].channel != "run":
            what = f"a layer's own output, {share(below)} below 0, and log_input=False"
            yield _poisson(call.inside, what, "rates above 0", "log_input=True", clues)


def _poisson(place: str, measured: str, expected: str, option: str, clues: list[Clue]) -> Found:
    return Found(
        place=place,
        measured=f"the input of PoissonNLLLoss is {measured}",
        expected=expected,
        fix=f"loss = nn.PoissonNLLLoss({option})",
        clues=clues,
    )


RATE_OR_LOGARITHM = Check(
    code="FS118",
    title=Text("A Poisson rate taken for its logarithm, or the other way round", "泊松速率与其对数混淆"),
    why=Text(
        "With log_input=True the loss takes the exponential of the input, so that from numbers above 0 no rate is "
        "below 1; with log_input=False it takes the logarithm, and that of a negative number is NaN.",
        "log_input=True 时损失对输入取指数，若输入总为正，速率永远不小于 1；log_input=False 时损失取对数，"
        "负数的对数为 NaN。",
    ),
    sound=Text(
        "Log-rates after an activation that is never negative are not log-rates; rates from a layer's own output are "
        "not kept positive. A softplus or an exponential with log_input=False is silent, as is a bare layer with True.",
        "经过恒非负激活的不是对数速率；层的原始输出作速率则无法保证为正。softplus 或指数配 log_input=False、"
        "原始输出配 True 都不会报告。",
    ),
    fault="""
model = nn.Sequential(nn.Linear(20, 1), nn.Softplus())
loss = nn.PoissonNLLLoss()
batch = torch.randn(32, 20), torch.randint(5, (32, 1)).float()
""",
    cure="""
loss = nn.PoissonNLLLoss(log_input=False)
""",
    find=_rate_or_logarithm,
)

CHECKS = (OUT_OF_REACH, INDICES_AS_VALUES, NOT_POSITIVE, RATE_OR_LOGARITHM)
