"""torch.nn's loss of sequences."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Generator, Tensor

from ._draw import logits
from ._spec import Argument, Equivalent, LossSpec, Minimum, Option, Paper, Plot, Start, Text

_FRAMES, _CLASSES, _LABELS = 9, 5, 3


def _draw(generator: Generator, n: int) -> tuple[Tensor, ...]:
    """Nine frames, five classes of which 0 is the blank, three labels."""
    log_probs = logits(generator, _FRAMES, n, _CLASSES).log_softmax(-1)
    targets = torch.randint(1, _CLASSES, (n, _LABELS), generator=generator)
    return log_probs, targets, torch.full((n,), _FRAMES), torch.full((n,), _LABELS)


def _uniform(log_probs: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
    return (torch.zeros_like(log_probs).log_softmax(-1), *others)


def _paths(log_probs: Tensor, targets: Tensor, input_lengths: Tensor, target_lengths: Tensor) -> float:
    """T ln C - ln binom(T + L - r, 2 L) over L, where r is the number of neighbours that are equal."""
    each = []
    for labels, frames, length in zip(targets.tolist(), input_lengths.tolist(), target_lengths.tolist(), strict=True):
        repeats = sum(a == b for a, b in itertools.pairwise(labels[:length]))
        count = math.comb(frames + length - repeats, 2 * length)
        each.append((frames * math.log(log_probs.shape[2]) - math.log(count)) / length)
    return sum(each) / len(each)


def _one_path(log_probs: Tensor, targets: Tensor, *lengths: Tensor) -> tuple[Tensor, ...]:
    """Label, blank, label, blank, ...: sure of one path."""
    path = torch.zeros(log_probs.shape[:2], dtype=torch.long)
    path[: 2 * targets.shape[1] : 2] = targets.T
    sure = 40 * torch.nn.functional.one_hot(path, log_probs.shape[2]).to(log_probs.dtype)
    return (sure.log_softmax(-1), targets, *lengths)


def _at(x: Tensor) -> tuple[Tensor, ...]:
    """Two frames, a blank and one label."""
    frame = torch.stack((0 * x, x)).log_softmax(0)
    return frame.expand(2, 1, 2), torch.tensor([[1]]), torch.tensor([2]), torch.tensor([1])


CTC = LossSpec(
    name="torch.nn.CTCLoss",
    module="",
    path="torch.nn.CTCLoss",
    title=Text("Connectionist temporal classification", "连接时序分类（CTC）"),
    aliases=("CTCLoss", "ctc", "ctc loss", "F.ctc_loss", "speech recognition", "ocr", "语音识别", "文字识别"),
    family="sequence",
    purpose=Text(
        "A label sequence shorter than the input and not aligned with it, as in speech and text recognition: the sum "
        "over "
        "all alignments, with blanks between labels.",
        "标签序列比输入短且未对齐，如语音识别与文字识别：对所有对齐方式求和，标签之间可有空白。",
    ),
    formula=r"-\log \sum_{\pi \to y} \prod_{t} p_t(\pi_t)",
    papers=(
        Paper(
            "Graves et al. 2006",
            "Connectionist Temporal Classification: Labelling Unsegmented Sequence Data with Recurrent Neural Networks",
            "ICML 2006",
        ),
    ),
    arguments=(
        Argument(
            "log_probs",
            "log-probabilities",
            "T N C",
            "after log_softmax over the last axis",
            "对最后一维做过 log_softmax",
        ),
        Argument("targets", "class", "N S", "labels, none of them the blank, padded", "标签，不含空白符，有补齐"),
        Argument("input_lengths", "counts", "N", "frames of each input", "每个输入的帧数"),
        Argument("target_lengths", "counts", "N", "labels of each target", "每个目标的标签数"),
    ),
    unit="sequence",
    options=(
        Option("blank", Text("the class of the blank; default 0", "空白符的类别；默认 0")),
        Option(
            "zero_infinity",
            Text(
                "0 instead of infinity for targets that cannot fit; default False",
                "目标放不下时得 0 而非无穷；默认 False",
            ),
        ),
    ),
    code="""
>>> frame = torch.tensor([0.6, 0.4]).log()  # blank, label
>>> log_probs = frame.expand(2, 1, 2)  # two frames, one sequence
>>> loss = torch.nn.CTCLoss()
>>> loss(log_probs, torch.tensor([[1]]), torch.tensor([2]), torch.tensor([1]))  # -ln(0.4² + 2 · 0.24)
tensor(0.4463)
""",
    draw=_draw,
    start=Start(
        Text(
            "(T ln C - ln binom(T + L - r, 2L)) / L, with r equal neighbours among the L labels",
            "(T ln C - ln binom(T + L - r, 2L)) / L，r 为 L 个标签中相邻相等的对数",
        ),
        _paths,
        _uniform,
    ),
    minimum=Minimum(Text("0, for log-probabilities", "0（输入为对数概率时）"), lambda *_: 0.0, _one_path),
    hazards=(
        Text(
            "The input is log-probabilities, (T, N, C): logits are taken and give values below 0; (N, T, C) is taken "
            "when N = T.",
            "输入是对数概率，形状为 (T, N, C)：logits 会被接受并得到负值；N = T 时 (N, T, C) 也会被接受。",
        ),
        Text(
            "A target needs one frame per label and one more between equal neighbours: with fewer the loss is "
            "infinite and the "
            "gradient NaN. zero_infinity=True hides such samples; count them first.",
            "每个标签至少一帧，相邻相等的标签之间还要多一帧：不足时损失为无穷，梯度为 NaN。zero_infinity=True 会把这类"
            "样本藏起来，应先数清有多少。",
        ),
        Text(
            "Labels are not checked: the blank, -1 and C or more are taken on the CPU and give a number that means "
            "nothing, "
            "read from outside the tensor for the last two.",
            "标签不做检查：在 CPU 上，空白符、-1 以及不小于 C 的标签都会得到毫无意义的数，后两者还会读到张量之外。",
        ),
        Text(
            "The mean divides each value by its number of labels first, then by N: long targets count less per label "
            "than in "
            "the sum.",
            "mean 先把每个数值除以其标签数，再除以 N：与 sum 相比，长目标的份量更小。",
        ),
        Text(
            "The gradient is right only through a log_softmax. No gradient of the gradient, no half precision on the "
            "CPU, and "
            "torch.compile(fullgraph=True) fails.",
            "只有经过 log_softmax 的梯度才正确；不支持二阶梯度，CPU 上不支持半精度，torch.compile(fullgraph=True) 会失"
            "败。",
        ),
    ),
    avoid=Text(
        "Each frame has its label (cross_entropy), labels depend on one another (linear_chain_crf_loss for tags, "
        "torchaudio.functional.rnnt_loss for streaming speech), or the order is free.",
        "每帧都有标签时（用 cross_entropy）；标签相互依赖时（标注用 linear_chain_crf_loss，流式语音用 "
        "torchaudio.functional.rnnt_loss）；或次序不定时。",
    ),
    equivalents=(
        Equivalent(
            "optax.ctc_loss",
            Text(
                "takes logits (N, T, C) and paddings; not divided by the labels",
                "接受 (N, T, C) 的 logits 与补齐标记；不除以标签数",
            ),
        ),
    ),
    plot=Plot(
        Text("logit of the label in two frames, the blank at 0", "两帧中标签的 logit，空白符为 0"), -6.0, 6.0, _at
    ),
)

SPECS = (CTC,)
