"""Whether the loss is what its numbers would give in float64."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from ...losses import Text
from .._finding import Clue, Found
from .._rule import Check
from ..probe._evidence import Evidence

_APART, _FAR = 1e-2, 0.1
"""A relative difference that is told, and one that no rounding of sound losses makes."""
_HALF = (torch.float16, torch.bfloat16)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _imprecise(evidence: Evidence) -> Iterator[Found]:
    precise = evidence.trials.precise
    dtype = next((one.facts.dtype for one in evidence.outputs if one.facts.floating), None)
    if precise is not None and dtype is not None and dtype != torch.float64 and math.isfinite(precise[0]):
        found = _differs(dtype, *precise)
        if found is not None:
            yield found
            return
    if evidence.loss_dtype in _HALF and evidence.loss and math.isfinite(evidence.loss):
        yield _coarse(evidence.loss_dtype, abs(evidence.loss))


def _differs(dtype: torch.dtype, wide: float, seen: float) -> Found | None:
    name = _name(dtype)
    text = f"the loss of the same outputs is {seen:.4g} in {name} and {wide:.4g} in float64"
    size = max(abs(wide), abs(seen) if math.isfinite(seen) else 0.0)
    apart = abs(wide - seen) / size if math.isfinite(seen) and size > 1e-3 else 0.0
    if math.isfinite(seen) and not apart > _APART:
        return None
    clues = [Clue("metamorphic", text)]
    if not math.isfinite(seen):
        clues.append(Clue("run", f"the loss is {seen}"))
    if dtype in _HALF and (apart > _FAR or not math.isfinite(seen)):
        limits = torch.finfo(dtype)
        clues.append(
            Clue(
                "settings",
                f"{name} ends at {limits.max:.4g} and keeps no number below {limits.smallest_normal / 2**10:.1g}",
            )
        )
    return Found(
        place="loss",
        measured=text,
        expected="the same within 1 %",
        fix="compute the loss in float32: loss(output.float(), ...)"
        if dtype in _HALF
        else "use log_softmax, logsumexp or a loss with logits instead of exp and log by hand",
        clues=clues,
        sure=dtype not in _HALF or apart > _FAR or not math.isfinite(seen),
    )


def _coarse(dtype: torch.dtype, loss: float) -> Found:
    step = torch.finfo(dtype).eps * 2 ** math.floor(math.log2(loss))
    text = f"near {loss:.4g} two numbers of {_name(dtype)} are {step:.3g} apart"
    return Found(
        place="loss",
        measured=f"a loss in {_name(dtype)}: {text}",
        expected="float32 for the loss, also under half precision weights",
        fix="loss(output.float(), ...)",
        clues=[Clue("settings", text)],
        sure=False,
    )


PRECISION = Check(
    code="FS406",
    title=Text("Half precision changes the loss", "半精度改变了损失值"),
    why=Text(
        "float16 ends at 65504, where a squared error of 256 already is, and numbers below 6e-8 are 0 in it; what is "
        "lost in the loss is lost in every gradient.",
        "float16 的最大值为 65504，误差到 256 时平方即溢出，小于 6e-8 的数则变为 0；损失中丢失的，梯度中同样丢失。",
    ),
    sound=Text(
        "It compares the loss of the same outputs in two precisions, so that rounding of the outputs does not count. A "
        "loss that is only coarse, by less than 10 % in half precision, is a remark.",
        "它比较同一输出在两种精度下的损失，输出本身的舍入不算在内。若仅仅是粒度较粗（半精度下相差不到 10%），"
        "则只作提示。",
    ),
    fault="""
model = nn.Linear(20, 4).half()
loss = lambda output, targets: -(output.softmax(1) * F.one_hot(targets, 4) + 1e-9).log().sum(1).mean()
batch = torch.randn(32, 20).half(), torch.arange(32) % 4
""",
    cure="""
loss = lambda output, targets: F.cross_entropy(output.float(), targets)
""",
    find=_imprecise,
)

CHECKS = (PRECISION,)
