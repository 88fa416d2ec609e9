"""Connectionist temporal classification: FS212."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from firststep.checking.rules._sequence_checks import _Sequences, _sequences, _too_short

from .examples import report
from .targets import channels, judged, silent, words

LABELS = "torch.tensor([[1, 2, 3]]).repeat(4, 1)"


def ctc(
    shape: str = "12, 4", inputs: str = "[12] * 4", lengths: str = "[3] * 4", labels: str = LABELS, more: str = ""
) -> str:
    """Four sequences of three labels over six classes."""
    return (
        "model = nn.Sequential(nn.Linear(20, 6), nn.LogSoftmax(-1))\n"
        f"inputs, lengths = torch.tensor({inputs}), torch.tensor({lengths})\n"
        f"loss = lambda output, targets: F.ctc_loss(output, targets, inputs, lengths, {more})\n"
        f"batch = torch.randn({shape}, 20), {labels}"
    )


def test_blank_word_for_word() -> None:
    assert words(ctc(labels="torch.tensor([[1, 0, 3]]).repeat(4, 1)"), "FS212") == (
        "warning",
        "targets",
        "4 of 12 labels are 0, which is the blank",
        "labels other than blank=0",
        "targets + 1, with one output more: 0 is the blank",
    )


REPEATS = "torch.tensor([[2, 2, 2]]).repeat(4, 1)"


@pytest.mark.parametrize(
    ("lines", "measured"),
    [
        (ctc(shape="4, 12"), "log-probabilities (4, 12, 6) with 4 sequences on axis 0"),
        (ctc(inputs="[13] * 4"), "input_lengths up to 13, but 12 steps"),
        (ctc(lengths="[4] * 4"), "target_lengths of 4, but 3 labels in a row"),
        (ctc(labels="torch.tensor([[1, 6, 3]]).repeat(4, 1)"), "labels from 1 to 6 beside 6 classes"),
        (
            ctc(labels="torch.tensor([[1, 5, 3]]).repeat(4, 1)", more="blank=5"),
            "4 of 12 labels are 5, which is the blank",
        ),
        (
            ctc(shape="4, 4", inputs="[4] * 4", labels=REPEATS),
            "4 of 4 sequences have fewer steps than their labels need: sequence 0 has 4, and needs 5",
        ),
    ],
)
def test_faults(lines: str, measured: str) -> None:
    assert judged(lines, "FS212").measured == measured


def test_an_infinite_loss_and_a_hidden_one() -> None:
    short = {"shape": "4, 4", "inputs": "[4] * 4", "labels": REPEATS}
    assert channels(ctc(**short), "FS212") == {"values", "run"}
    assert channels(ctc(**short, more="zero_infinity=True"), "FS212") == {"values", "settings"}


@pytest.mark.parametrize(
    "lines",
    [
        ctc(),
        ctc(labels="torch.tensor([1, 2, 3] * 4)"),
        ctc(lengths="[3, 2, 1, 3]", labels="torch.tensor([[1, 2, 3], [1, 2, 0], [1, 0, 0], [4, 5, 5]])"),
        ctc(shape="5, 4", inputs="[5] * 4", labels=REPEATS),
        ctc(shape="4, 4", inputs="[4] * 4"),
        ctc(labels="torch.tensor([[0, 1, 2]]).repeat(4, 1)", more="blank=5"),
    ],
)
def test_sound_sequences(lines: str) -> None:
    silent(lines, "FS212")


def test_too_short_is_where_torch_is_infinite() -> None:
    generator = torch.Generator().manual_seed(0)
    log_probs = torch.zeros(4, 1, 4).log_softmax(-1)
    for _ in range(40):
        length = int(torch.randint(1, 5, (), generator=generator))
        labels = torch.randint(1, 4, (1, length), generator=generator)
        lengths = torch.tensor([4]), torch.tensor([length])
        infinite = math.isinf(float(F.ctc_loss(log_probs, labels, *lengths)))
        call = _call(log_probs, labels, *lengths)
        assert (_too_short(call) is not None) == infinite


def _call(*tensors: torch.Tensor) -> _Sequences:
    scope = ctc(shape="4, 1", inputs="[4]", lengths="[1]", labels="torch.tensor([[1]])")
    call = report(scope).evidence.calls[0]
    object.__setattr__(call, "tensors", tensors)
    seen = _sequences(call)
    assert seen is not None
    return seen
