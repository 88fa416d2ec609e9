"""Whether it runs at all."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ...losses import Text
from .._finding import Clue, Found
from .._rule import Check
from ..probe._evidence import Evidence


def _crashed(evidence: Evidence) -> Iterator[Found]:
    crash = evidence.crash
    if crash is not None:
        yield Found(
            place=crash.where,
            measured=crash.error.splitlines()[0],
            expected="a step that runs",
            fix="see the other findings; where there are none, the message says what torch or the model did not take",
            clues=[Clue("run", f"the {crash.where} pass raised {crash.error}")],
        )


RUNS = Check(
    code="FS001",
    title=Text("The step does not run", "训练步无法运行"),
    why=Text("Nothing can be learned from a batch that raises.", "会抛出异常的批次学不到任何东西。"),
    sound=Text("It repeats an exception that was raised.", "它只是转述已经抛出的异常。"),
    fault="""
model = nn.Linear(20, 10)
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 21), torch.randint(10, (32,))
""",
    cure="""
model = nn.Linear(21, 10)
""",
    find=_crashed,
)


def _not_finite(evidence: Evidence) -> Iterator[Found]:
    if evidence.loss is None or math.isfinite(evidence.loss):
        return
    first = next((layer for layer in evidence.layers if layer.bad), None)
    bad = next((seen for seen in evidence.inputs if seen.facts.bad), None)
    clues = [Clue("run", f"the loss is {evidence.loss}")]
    if bad is not None:
        clues.append(Clue("values", f"{bad.facts.bad} elements of {bad.place} are NaN or infinite"))
    elif first is not None:
        clues.append(Clue("signals", f"{first.bad} outputs of {first.name} are NaN or infinite, the first such layer"))
    place = bad.place if bad else first.name if first else "loss"
    yield Found(
        place=place,
        measured=f"loss {evidence.loss}",
        expected="a finite number",
        fix=f"look at {place}: the first place where a number is not finite",
        clues=clues,
    )


FINITE = Check(
    code="FS002",
    title=Text("The loss is NaN or infinite", "损失为 NaN 或无穷"),
    why=Text("One step makes every parameter NaN.", "一步之后所有参数都会变成 NaN。"),
    sound=Text("No training can go on from a loss that is no finite number.", "损失不是有限数时，训练无法继续。"),
    fault="""
model = nn.Linear(20, 1)
loss = lambda output, target: (output.log() - target).square().mean()
batch = torch.randn(32, 20), torch.randn(32, 1)
""",
    cure="""
loss = nn.MSELoss()
""",
    find=_not_finite,
)


def _gradient_not_finite(evidence: Evidence) -> Iterator[Found]:
    if evidence.loss is None or not math.isfinite(evidence.loss):
        return
    bad = [one for one in evidence.parameters if one.gradient_bad]
    if not bad:
        return
    last = bad[-1]
    yield Found(
        place=last.name,
        measured=f"the gradient of {len(bad)} of {len(evidence.trained)} parameters is NaN or infinite, "
        f"the loss is {evidence.loss:.4g}",
        expected="finite numbers",
        fix="keep sqrt, log, division and norm away from 0, as in (x + 1e-6).sqrt(); torch.where does not shield them",
        clues=[
            Clue("run", f"{last.gradient_bad} of {last.numel} elements of the gradient of {last.name} are not finite")
        ],
    )


GRADIENT_FINITE = Check(
    code="FS003",
    title=Text("The gradient is NaN or infinite", "梯度为 NaN 或无穷"),
    why=Text(
        "The loss looks sound, and the first step makes the parameters NaN.",
        "损失看起来正常，但第一步就会让参数变成 NaN。",
    ),
    sound=Text(
        "No step can be made along a gradient that is no finite number.", "梯度不是有限数时，无法迈出任何一步。"
    ),
    fault="""
model = nn.Linear(20, 10)
loss = lambda output, target: F.mse_loss(torch.where(output > 0, output.sqrt(), 0.0), target)
batch = torch.randn(32, 20), torch.rand(32, 10)
""",
    cure="""
loss = nn.MSELoss()
""",
    find=_gradient_not_finite,
)

CHECKS = (RUNS, FINITE, GRADIENT_FINITE)
