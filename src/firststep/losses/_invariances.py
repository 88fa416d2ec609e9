"""Changes of tensors that many losses do not see."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from ._draw import logits, uniform
from ._spec import Invariance, Text


def _shift(generator: Generator, input: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
    return (input + logits(generator, len(input), *(1 for _ in input.shape[1:])), *others)


def _stretch(generator: Generator, input: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
    return (input * uniform(generator, len(input), *(1 for _ in input.shape[1:]), low=0.5, high=3.0), *others)


def _move(generator: Generator, input: Tensor, target: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
    by = logits(generator, len(input), *(1 for _ in input.shape[1:]))
    return (input + by, target + by, *others)


def _swap(generator: Generator, first: Tensor, second: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
    return (second, first, *others)


def _relabel(generator: Generator, embeddings: Tensor, labels: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
    names = torch.randperm(int(labels.max()) + 1, generator=generator)
    return (embeddings, names[labels], *others)


SHIFT = Invariance(Text("the same number added to all scores of a sample", "给一个样本的所有得分加上同一个数"), _shift)
STRETCH = Invariance(
    Text("the first argument's rows multiplied by positive numbers", "第一个参数的各行乘以正数"), _stretch
)
MOVE = Invariance(Text("the same number added to input and target", "给输入和目标加上同一个数"), _move)
SWAP = Invariance(Text("the first two arguments exchanged", "交换前两个参数"), _swap)
RELABEL = Invariance(Text("the labels renamed", "标签改名"), _relabel)
