"""Contrastive losses: what the similarities are scaled by."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from ...losses import Text
from .._finding import Clue, Found
from .._rule import Check
from ..probe._calls import LossCall
from ..probe._evidence import Evidence
from ..probe._similar import Similar
from ._scores import classes_of, takes_class_logits

_WEAK, _NONE = 0.7, 1.01
"""Cosines multiplied by less than the first are never meant; by less than the second there is no temperature."""
_PINNED = 0.3
"""The least share of ln N at which a floor hinders."""
_STRONG = 250.0
_SHARP = 5.0
"""A factor that only makes sense of cosines."""
_FLAT = 50.0
"""The standard deviation of logits at which a softmax of them is all or nothing."""


def _scale(evidence: Evidence) -> Iterator[Found]:
    for call in evidence.calls:
        found = _of_ours(call) if call.spec.family == "contrastive" else _of_product(call)
        if found is not None:
            yield found
            return  # the same scores the other way round are the same mistake


def _of_ours(call: LossCall) -> Found | None:
    """Our losses normalize embeddings themselves: only the scale can be wrong."""
    n, given = (call.tensors[0].shape or (0,))[0], call.options.get("temperature")
    if "logit_scale" in (one.name for one in call.spec.arguments):
        if len(call.tensors) < 3 or call.tensors[2].numel() != 1 or call.spec.name != "clip_loss":
            return None
        scale = math.exp(min(float(call.tensors[2]), 50.0))
        scale, what = min(scale, float(call.options.get("max_scale") or scale)), "logit_scale"
        set_to = f"logit_scale is {float(call.tensors[2]):.3g}, the logarithm of {scale:.3g}"
    elif given is not None and torch.as_tensor(given).numel() == 1:
        scale, what = 1 / float(given), "temperature"
        set_to = f"temperature is {float(given):.4g}: cosines are multiplied by {scale:.3g}"
    else:
        return None
    if n < 3 or _WEAK <= scale <= _STRONG:
        return None
    clues = [Clue("settings", set_to)]
    if scale < _WEAK:
        clues.append(Clue("expected value", _floor(scale, n)))
    fix = "logit_scale = torch.tensor(1 / 0.07).log()" if what == "logit_scale" else "temperature=0.07"
    return _found(call, f"cosines multiplied by {scale:.3g}", clues, f"{fix}  # cosines times 14.3")


def _of_product(call: LossCall) -> Found | None:
    """Cross-entropy over products of embeddings."""
    classes = classes_of(call) if takes_class_logits(call) else 0
    if classes < 3 or call.tensors[0].ndim != 2 or not call.tensors[0].numel():
        return None
    made, scores = call.similar, call.tensors[0].float()
    if made is not None and made.unit and len(scores) > 1:
        return _of_cosines(call, made, classes)
    if not _paired(call):
        return None
    if made is not None and abs(made.factor) >= _SHARP and max(high for _, high in made.norms) > 2:
        (a, b), (c, d) = made.norms
        return _found(
            call,
            f"embeddings of lengths {min(a, c):.3g} to {max(b, d):.3g}, products multiplied by {made.factor:.3g}",
            [
                Clue("graph", f"products of embeddings are multiplied by {made.factor:.3g}, as only cosines want it"),
                Clue(
                    "values", f"lengths run from {min(a, c):.3g} to {max(b, d):.3g}, scores have std {_std(scores):.3g}"
                ),
            ],
            "query, key = F.normalize(query, dim=-1), F.normalize(key, dim=-1)",
        )
    if _std(scores) <= _FLAT:
        return None
    clues = [
        Clue("values", f"the scores have a standard deviation of {_std(scores):.3g}: the softmax is all or nothing")
    ]
    if call.value is not None and call.value > 4 * math.log(classes):
        start = math.log(classes)
        clues.append(
            Clue("expected value", f"the loss is {call.value:.3g}; unrelated pairs cost ln {classes} = {start:.3g}")
        )
    fix = "query, key = F.normalize(query, dim=-1), F.normalize(key, dim=-1)"
    return _found(call, f"similarities with a standard deviation of {_std(scores):.3g}", clues, fix)


def _of_cosines(call: LossCall, made: Similar, classes: int) -> Found | None:
    scale = made.scale
    pinned = math.log1p((classes - 1) * math.exp(-2 * scale)) >= _PINNED * math.log(classes)
    if scale > _STRONG:
        clues = [Clue("graph", f"products of embeddings of one length, all in all times {scale:.3g}")]
        return _found(call, f"cosines multiplied by {scale:.3g}", clues, "query @ key.T / 0.07")
    if scale > _NONE or not pinned:
        return None
    clues = [Clue("graph", f"the scores are products of embeddings of one length, all in all times {scale:.3g}")]
    if scale < _WEAK:
        most = float(call.tensors[0].abs().max())
        clues.append(Clue("values", f"no score is beyond {most:.3g}"))
    clues.append(Clue("graph", _floor(scale, classes)))
    fix = "query @ key.T / 0.07  # divide by the temperature" if scale < _WEAK else "query @ key.T / 0.07"
    return _found(call, f"cosines multiplied by {scale:.3g}", clues, fix)


def _floor(scale: float, n: int) -> str:
    least = math.log1p((n - 1) * math.exp(-2 * scale))
    return f"the loss cannot fall below {least:.3f} from ln {n} = {math.log(n):.3f}: scores stay within {scale:.3g}"


def _paired(call: LossCall) -> bool:
    """Whether row i goes with column i, as in a batch of pairs."""
    scores, target = call.tensors[0], call.tensors[1]
    if scores.shape[0] != scores.shape[1] or target.ndim != 1 or target.is_floating_point():
        return False
    return bool((target == torch.arange(len(target), device=target.device)).all())


def _std(scores: torch.Tensor) -> float:
    return float(scores[scores.isfinite()].std(correction=0))


def _found(call: LossCall, measured: str, clues: list[Clue], fix: str) -> Found:
    return Found(
        place=call.inside,
        measured=measured,
        expected="cosines of -1 to 1, divided by a temperature of about 0.01 to 0.5",
        fix=fix,
        clues=clues,
    )


SIMILARITY_SCALE = Check(
    code="FS114",
    title=Text("Similarities of the wrong scale", "相似度的尺度不对"),
    why=Text(
        "A softmax over N scores that stay within s of 0 leaves a loss of ln(1 + (N-1) exp(-2s)) or more: cosines "
        "times a temperature, in place of divided by it, teach next to nothing. Scores of hundreds make the softmax "
        "all or nothing instead.",
        "若 N 个分数的绝对值都不超过 s，softmax 的损失至少为 ln(1 + (N-1) exp(-2s))：把余弦乘以温度而不是除以温度，"
        "几乎学不到东西。而分数若达到数百，softmax 会变成非此即彼。",
    ),
    sound=Text(
        "The scale is read from the graph, and counts only where all embeddings of either side have one length; a "
        "classifier's weights do not. Products of free length are judged only where they are multiplied by 5 or more, "
        "or where their standard deviation is above 50.",
        "尺度取自计算图，且只有当两侧的嵌入各自长度一致时才作判断，普通分类器的权重并非如此。"
        "长度不一的内积，只有在被放大 5 倍以上或标准差超过 50 时才会报告。",
    ),
    fault="""
model = nn.Linear(20, 16)
def loss(output):
    a, b = F.normalize(output, dim=1).chunk(2)
    return F.cross_entropy(a @ b.T * 0.07, torch.arange(len(a)))
batch = torch.randn(64, 20), None
""",
    cure="""
def loss(output):
    a, b = F.normalize(output, dim=1).chunk(2)
    return F.cross_entropy(a @ b.T / 0.07, torch.arange(len(a)))
""",
    find=_scale,
)

CHECKS = (SIMILARITY_SCALE,)
