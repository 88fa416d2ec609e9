"""Targets of language models: the tokens that come after, not those that are there."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from ...losses import Text
from .._finding import Clue, Found
from .._rule import Check
from ..probe._calls import LossCall
from ..probe._evidence import Evidence, Seen
from ..probe._targets import Classes, classes, place

_FEWEST = 8
"""Targets that agree by chance are fewer."""


def _unshifted(evidence: Evidence) -> Iterator[Found]:
    causal, present = evidence.asked.task == "causal-lm", evidence.trials.present
    steady = (evidence.trials.unstable or 0.0) < 1e-6
    if causal and present == 0:
        return  # the model moves its inputs by a place itself
    for call in evidence.calls:
        seen = classes(call)
        if seen is None or seen.indices is None or call.error:
            continue
        for given in filter(_is_tokens, evidence.inputs):
            delay, count = _delay(call, seen, given)
            if delay is None or (delay and not causal):
                continue
            at = "their own place" if not delay else "the place before"
            clues = [Clue("values", f"all {count} targets that count are the tokens of {given.place} at {at}")]
            if causal and steady and present is not None and present > 1e-4:
                text = f"the output at a place changes by {present:.2%} of its rms when the token there does"
                clues.append(Clue("metamorphic", text))
            yield Found(
                place=place(call),
                measured=f"the targets are the tokens of {given.place} at {at}: the loss asks to copy them",
                expected="the token that comes after: at place t of the targets, that of place t + 1",
                fix="inputs = ids[:, :-1] and targets = ids[:, 1:], or output[:, :-1] and targets[:, 1:] in the loss",
                clues=clues,
                sure=causal and len(clues) > 1,
            )
            return


def _is_tokens(seen: Seen) -> bool:
    """Whether an input is whole numbers from 0, along a second axis, and not the labels themselves."""
    facts, words = seen.facts, seen.place.lower()
    whole = not seen.tensor.is_floating_point() and seen.tensor.dtype != torch.bool and facts.low >= 0
    return whole and len(facts.shape) == 2 and facts.shape[1] > 1 and "label" not in words and "target" not in words


def _delay(call: LossCall, seen: Classes, given: Seen) -> tuple[int | None, int]:
    """By how many places the targets lag behind the tokens, where they are no later tokens; and how many count."""
    position = call.spec.class_target or 1
    if math.prod(call.seen[position].shape) != math.prod(given.facts.shape):
        return None, 0
    length = given.tensor.shape[1]
    rows = min(seen.target.numel() // length, given.tensor.shape[0])
    targets = seen.target.flatten()[: rows * length].view(rows, length)
    counted, tokens = _counted(seen, targets), given.tensor[:rows].to(targets.device)
    if not rows or targets[counted].unique().numel() < 2 or _same(targets, tokens, counted, -1):
        return None, 0
    found = (delay for delay in (0, 1) if _same(targets, tokens, counted, delay))
    return next(found, None), int(counted.sum())


def _counted(seen: Classes, targets: Tensor) -> Tensor:
    mask = seen.call.options.get("mask")
    counted = torch.ones_like(targets, dtype=torch.bool)
    if isinstance(mask, Tensor) and mask.numel() >= targets.numel():
        counted = (mask.flatten()[: targets.numel()] != 0).view(targets.shape).to(targets.device)
    return counted if seen.ignored is None else counted & (targets != seen.ignored)


def _same(targets: Tensor, tokens: Tensor, counted: Tensor, delay: int) -> bool:
    """Whether each target that counts is the token so many places before, where there is one."""
    length = targets.shape[1]
    here, there = slice(max(delay, 0), length + min(delay, 0)), slice(max(-delay, 0), length - max(delay, 0))
    counts = counted[:, here]
    agree = targets[:, here] == tokens[:, there]
    return int(counts.sum()) >= _FEWEST and bool(agree[counts].all())


UNSHIFTED = Check(
    code="FS219",
    title=Text("A language model is asked for the token it was given", "语言模型的目标就是输入的词元"),
    why=Text(
        "It learns to copy in one step of depth: the loss falls to nothing, and generated text repeats a single token.",
        "模型只需照抄输入：损失很快降到零，生成的文本只会重复同一个词元。",
    ),
    sound=Text(
        "It compares what the loss was given, after any shift that the model or the loss makes, at the places that "
        'count. Only task="causal-lm" says that copying is not meant, and there the output must change with the token '
        "at its own place; else it is only mentioned, since autoencoders do copy. Masked language models have other "
        "tokens where they count.",
        '它比较的是损失实际得到的目标（模型或损失内部的移位之后），且只看计入的位置。只有 task="causal-lm" '
        "表明不是有意照抄，并且输出须随同一位置的词元而变；否则只作提示，因为自编码器本来就要复现输入。"
        "掩码语言模型在计入的位置上输入已被替换。",
    ),
    fault="""
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.body = nn.Embedding(50, 32), nn.GRU(32, 32, batch_first=True)
        self.head = nn.Linear(32, 50)
    def forward(self, ids):
        return self.head(self.body(self.embed(ids))[0])
model = Model()
loss = lambda output, target: F.cross_entropy(output.flatten(0, 1), target.flatten())
ids = torch.randint(50, (8, 13))
batch = ids, ids
task = "causal-lm"
""",
    cure="""
batch = ids[:, :-1], ids[:, 1:]
""",
    find=_unshifted,
)

CHECKS = (UNSHIFTED,)
