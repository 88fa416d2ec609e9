"""Tasks for starts: real data that come with scikit-learn, and two sequence tasks made up."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from _nets import Encoder, Last, cnn, mlp, resnet
from sklearn import datasets
from torch import Tensor, nn

Data = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Task:
    """A net, its data, and the loss to reach.

    Args:
        build: makes the net.
        data: makes inputs and targets.
        loss: of output and target.
        target: the loss to reach.
        lrs: the learning rates of Adam that each start may choose from.
        own: the recipe of this architecture, where there is one.
        steps: of each run.
        batch: examples a step.
    """

    build: Callable[[], nn.Module]
    data: Callable[[], Data]
    loss: Callable[[Tensor, Tensor], Tensor]
    target: float
    lrs: tuple[float, ...]
    own: str = ""
    steps: int = 200
    batch: int = 64


def digits() -> Data:
    """1,797 handwritten digits as 64 standardised numbers, in ten classes."""
    pixels, classes = datasets.load_digits(return_X_y=True)
    return _standardised(pixels), torch.tensor(classes)


def digit_images() -> Data:
    """The same as images of 8 x 8."""
    pixels, classes = digits()
    return pixels.reshape(-1, 1, 8, 8), classes


def digit_rows() -> Data:
    """The same as sequences of eight rows."""
    pixels, classes = digits()
    return pixels.reshape(-1, 8, 8), classes


def digit_pixels() -> Data:
    """The same as sequences of 32 pairs of pixels."""
    pixels, classes = digits()
    return pixels.reshape(-1, 32, 2), classes


def tumours() -> Data:
    """569 tumours by 30 measurements, benign or not."""
    measurements, classes = datasets.load_breast_cancer(return_X_y=True)
    return _standardised(measurements), torch.tensor(classes)


def diabetes() -> Data:
    """442 patients by ten measurements, and how far their disease went in a year, standardised."""
    measurements, progress = datasets.load_diabetes(return_X_y=True)
    return _standardised(measurements), _standardised(progress.reshape(-1, 1))


def adding(n: int = 2048, length: int = 30) -> Data:
    """Sequences of numbers in [0, 1], two of them marked: their sum is asked (Hochreiter & Schmidhuber 1997)."""
    generator = torch.Generator().manual_seed(0)
    numbers, marks = torch.rand(n, length, generator=generator), torch.zeros(n, length)
    half = length // 2
    for begin in (0, half):
        marks[torch.arange(n), torch.randint(begin, begin + half, (n,), generator=generator)] = 1.0
    return torch.stack([numbers, marks], 2), (numbers * marks).sum(1, keepdim=True)


def reversing(n: int = 4096, length: int = 12, vocabulary: int = 10) -> Data:
    """Sequences of tokens, to be said backwards."""
    tokens = torch.randint(vocabulary, (n, length), generator=torch.Generator().manual_seed(0))
    return tokens, tokens.flip(1)


def tokens_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy over all places."""
    return F.cross_entropy(logits, targets.flatten())


def _standardised(values) -> Tensor:
    found = torch.tensor(values, dtype=torch.float32)
    return (found - found.mean(0)) / found.std(0).clamp_min(1e-3)


def _encoder(norm_first: bool) -> nn.Module:
    return Encoder(10, 12, 6, norm_first=norm_first)


def _lstm(inputs: int, width: int, outputs: int) -> nn.Module:
    return Last(nn.LSTM(inputs, width, batch_first=True), outputs)


def _rnn() -> nn.Module:
    return Last(nn.RNN(2, 48, batch_first=True), 10)


def _mlp(
    depth: int, activation: Callable[[], nn.Module], inputs: int = 64, outputs: int = 10
) -> Callable[[], nn.Module]:
    return functools.partial(mlp, inputs, outputs, depth, activation)


LOW, MIDDLE, HIGH = (3e-4, 1e-3, 3e-3), (1e-3, 3e-3, 1e-2), (1e-2, 3e-2, 1e-1)

TASKS: dict[str, Task] = {
    "MLP, 10 x relu, digits": Task(_mlp(10, nn.ReLU), digits, F.cross_entropy, 0.3, lrs=MIDDLE),
    "MLP, 30 x relu, digits": Task(_mlp(30, nn.ReLU), digits, F.cross_entropy, 0.5, lrs=LOW),
    "MLP, 30 x tanh, digits": Task(_mlp(30, nn.Tanh), digits, F.cross_entropy, 0.5, lrs=LOW),
    "MLP, 20 x gelu, tumours": Task(_mlp(20, nn.GELU, 30, 2), tumours, F.cross_entropy, 0.1, lrs=LOW),
    "MLP, 20 x silu, diabetes": Task(_mlp(20, nn.SiLU, 10, 1), diabetes, F.mse_loss, 0.5, lrs=LOW),
    "CNN, 16 x relu, no norm, digits": Task(
        functools.partial(cnn, 16), digit_images, F.cross_entropy, 0.5, own="vgg", lrs=LOW, batch=32
    ),
    "ResNet, 12 blocks, no norm, digits": Task(
        functools.partial(resnet, 12), digit_images, F.cross_entropy, 0.5, lrs=MIDDLE, batch=32
    ),
    "LSTM, rows of digits": Task(
        functools.partial(_lstm, 8, 48, 10), digit_rows, F.cross_entropy, 0.3, own="lstm.jozefowicz", lrs=MIDDLE
    ),
    "LSTM, adding, 30 steps": Task(
        functools.partial(_lstm, 2, 32, 1), adding, F.mse_loss, 0.05, own="lstm.jozefowicz", lrs=HIGH, steps=300
    ),
    "RNN, tanh, pairs of pixels": Task(_rnn, digit_pixels, F.cross_entropy, 0.8, lrs=MIDDLE),
    "transformer, 6 pre-norm, reversing": Task(
        functools.partial(_encoder, True), reversing, tokens_loss, 0.5, own="gpt2", lrs=MIDDLE, batch=32
    ),
    "transformer, 6 post-norm, reversing": Task(
        functools.partial(_encoder, False), reversing, tokens_loss, 0.5, own="deepnorm", lrs=LOW, batch=32, steps=250
    ),
}
