"""What of the batch counts at all."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ...losses import Text
from .._finding import Clue, Found
from .._rule import Check
from ..probe._calls import LossCall
from ..probe._evidence import Evidence
from ..probe._targets import Classes, classes, place, untrained


def _nothing(evidence: Evidence) -> Iterator[Found]:
    for call in evidence.calls:
        why = _empty(call)
        if why is None:
            continue
        text, fix = why
        clues = [Clue("values", text)]
        if call.value is not None and call.value != call.value:
            clues.append(Clue("run", f"{call.name} returned nan: a mean over nothing"))
        else:
            clues += untrained(evidence)
        yield Found(
            place=place(call),
            measured=text,
            expected="at least one target that counts",
            fix=fix,
            clues=clues,
        )


def _empty(call: LossCall) -> tuple[str, str] | None:
    """Why nothing counts, and what to look at."""
    seen = classes(call)
    indices = None if seen is None or seen.ignored is None else seen.indices
    if seen is not None and indices is not None and indices.numel() and bool((indices == seen.ignored).all()):
        return (
            f"all {indices.numel()} targets are {seen.ignored}, which is ignore_index",
            "look at how the targets are made, or leave such batches out",
        )
    if seen is not None and _unweighed(call, seen):
        return "every target is of a class whose weight is 0", "give weights above 0 to the classes that count"
    for name in ("mask", "weight"):
        given = call.options.get(name)
        rows = not (name == "weight" and _weighs_classes(call))
        if isinstance(given, Tensor) and given.numel() and rows and not bool((given != 0).any()):
            zero, one = ("False", "True") if name == "mask" else ("0", "above 0")
            return (
                f"all {given.numel()} elements of {name} are {zero}",
                f"turn {name} round if it marks padding: it is {one} for what counts",
            )
    if call.spec.name in ("ranknet_loss", "lambdarank_loss"):
        grades = call.tensors[1]
        if grades.ndim == 2 and grades.numel() and bool((grades == grades[:, :1]).all()):
            return (
                f"the documents of each of the {len(grades)} lists are of one grade: there is no pair",
                "give lists with documents of different relevance",
            )
    return None


def _unweighed(call: LossCall, seen: Classes) -> bool:
    weight, valid = call.options.get("class_weight" if call.spec.ours else "weight"), seen.valid
    if not isinstance(weight, Tensor) or weight.numel() != seen.count or valid is None or not valid.numel():
        return False
    inside = bool((valid >= 0).all()) and bool((valid < seen.count).all())
    return inside and bool((weight != 0).any()) and not bool((weight.flatten()[valid] != 0).any())


def _weighs_classes(call: LossCall) -> bool:
    return not call.spec.ours and (call.spec.class_target is not None or "MultiLabel" in call.name)


NOTHING = Check(
    code="FS203",
    title=Text("Nothing in the batch counts", "整批没有任何目标计入损失"),
    why=Text(
        "A mean over nothing is NaN in torch, and one such step makes every parameter NaN; elsewhere it is 0 and "
        "teaches nothing.",
        "对空集求平均在 torch 中为 NaN，一步就会使所有参数变成 NaN；在别处则为 0，什么也学不到。",
    ),
    sound=Text(
        "A batch from which something can be learned has a target that counts; a few that do not are silent.",
        "能学到东西的批次至少有一个计入的目标；部分不计入时不报告。",
    ),
    fault="""
model = nn.Linear(20, 10)
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.full((32,), -100)
""",
    cure="""
batch = batch[0], torch.arange(32) % 10
""",
    find=_nothing,
)


_SHARE = 3
"""A class like any other has at most so many times the mean share of the others."""


def _drops_class(evidence: Evidence) -> Iterator[Found]:
    for call in evidence.calls:
        seen = classes(call)
        indices = None if seen is None else seen.indices
        if seen is None or indices is None or seen.ignored is None or not 0 <= seen.ignored < seen.count:
            continue
        dropped = indices == seen.ignored
        share = float(dropped.float().mean()) if indices.numel() else 0.0
        if not 0 < share < 1 or _padding(evidence, seen, indices):
            continue
        text = f"{int(dropped.sum())} of {indices.numel()} targets are class {seen.ignored} ({100 * share:.3g} %)"
        like = _like_others(seen, indices, share)
        yield Found(
            place=place(call),
            measured=f"ignore_index={seen.ignored} is one of the {seen.count} classes: {text} and do not count",
            expected="an index that no class has, such as -100",
            fix="leave ignore_index out, or mark what does not count with -100",
            clues=[
                Clue("settings", f"ignore_index={seen.ignored} was given, and class {seen.ignored} has a logit"),
                Clue("values", f"{text}" + ", no more than of other classes" * like),
            ],
            sure=like and not _tokens(evidence, indices),
        )


def _like_others(seen: Classes, indices: Tensor, share: float) -> bool:
    """Whether the class is about as frequent as others, all of which occur: padding is not."""
    others = torch.bincount(indices[indices != seen.ignored].flatten().long().clamp(min=0)).float()
    there = others[others > 0]
    if len(there) < max(2, (seen.count - 1) // 2):
        return bool(seen.count == 2 and len(there))
    return share <= _SHARE * float(there.mean()) / indices.numel()


def _padding(evidence: Evidence, seen: Classes, indices: Tensor) -> bool:
    """Whether an embedding of the same vocabulary says that this token is padding, and targets are of positions."""
    tables = [one for one in evidence.modules.values() if isinstance(one, (nn.Embedding, nn.EmbeddingBag))]
    same = any(one.padding_idx == seen.ignored and one.num_embeddings == seen.count for one in tables)
    return same and not (indices.ndim == 1 and evidence.n == len(indices))


def _tokens(evidence: Evidence, indices: Tensor) -> bool:
    """Whether targets stand for positions rather than for examples: there, one index is often padding or void."""
    of_examples = indices.ndim == 1 and evidence.n == len(indices)
    whole = any(not one.facts.floating for one in evidence.inputs)
    return not of_examples or whole


DROPPED = Check(
    code="FS204",
    title=Text("A class is ignored that occurs", "被忽略的序号是真实出现的类别"),
    why=Text(
        "Its examples are dropped without a word, and the model never learns to predict it.",
        "该类样本被悄悄丢弃，模型永远学不会预测它。",
    ),
    sound=Text(
        "Positions of a sequence or an image may be padding: there it is only told, and not even that where an "
        "embedding of as many rows has this padding_idx. Of whole examples nobody puts in a batch what is not to "
        "count, least of all as often as each class.",
        "序列或图像的位置可能是填充，此时仅作提示；若有行数相同的嵌入以该序号为 padding_idx，则不提示。"
        "若目标对应整个样本，没有人会把不计入的样本放进批次，"
        "更不会恰与各类一样多。",
    ),
    fault="""
model = nn.Linear(20, 5)
loss = nn.CrossEntropyLoss(ignore_index=0)
batch = torch.randn(40, 20), torch.arange(40) % 5
""",
    cure="""
loss = nn.CrossEntropyLoss()
""",
    find=_drops_class,
)

CHECKS = (NOTHING, DROPPED)
