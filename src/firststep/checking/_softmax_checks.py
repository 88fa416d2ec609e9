"""What stands before a loss that takes logits."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..losses import Text
from ._calls import LossCall
from ._evidence import Evidence
from ._finding import Clue, Found
from ._rule import Check

_CLASSES = ("classification", "imbalance", "noise", "language")


def logits_over_classes(call: LossCall) -> bool:
    """Whether the loss takes logits of exclusive classes, over which it makes its own softmax."""
    spec = call.spec
    shaped = spec.arguments[0].shape
    return spec.family in _CLASSES and spec.arguments[0].kind == "logits" and ("C" in shaped or "V" in shaped)


def _softmax_twice(evidence: Evidence) -> Iterator[Found]:
    for call in evidence.calls:
        if not logits_over_classes(call):
            continue
        axis = -1 if call.spec.arguments[0].shape.endswith("V") else 1
        input = call.tensors[0].float()
        classes = input.shape[axis]
        by_graph = call.origins[0][:1] == ("softmax",)
        sums = input.sum(axis)
        by_values = classes > 1 and bool((input >= 0).all()) and bool(((sums - 1).abs() < 1e-3).all())
        if not (by_graph or by_values):
            continue
        floor = math.log1p((classes - 1) / math.e)
        clues = []
        if by_graph:
            clues.append(Clue("graph", f"a softmax made the input of {call.name}"))
        if by_values:
            clues.append(
                Clue("values", f"all {sums.numel()} rows of the input lie in [0, 1] and sum to 1 within 0.001")
            )
        yield Found(
            place=call.inside,
            measured=f"the input of {call.name} is probabilities",
            expected=f"logits; with {classes} classes the loss cannot fall below {floor:.3f} from probabilities",
            fix="leave out the softmax: the loss makes its own",
            clues=clues,
        )


SOFTMAX_TWICE = Check(
    code="FS101",
    title=Text("Softmax before a loss that makes its own", "在自带 softmax 的损失之前又做了 softmax"),
    why=Text(
        "Probabilities lie between 0 and 1, so that no class can stand out by more than 1: the loss stays above "
        "ln(1 + (C-1)/e) and its gradients are small.",
        "概率介于 0 和 1 之间，任何类别最多只能领先 1：损失始终高于 ln(1 + (C-1)/e)，梯度也很小。",
    ),
    sound=Text(
        "It needs the node of a softmax directly before the loss, or rows that all lie in [0, 1] and sum to 1, which "
        "logits do not by chance.",
        "只有当损失之前紧接 softmax 节点，或所有行都在 [0, 1] 内且和为 1 时才会报告；logits 不会碰巧如此。",
    ),
    fault="""
model = nn.Sequential(nn.Linear(20, 10), nn.Softmax(dim=1))
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.randint(10, (32,))
""",
    cure="""
model = nn.Linear(20, 10)
""",
    find=_softmax_twice,
)

CHECKS = (SOFTMAX_TWICE,)
