"""The recipe "torch" against torch: every layer that torch constructs, by the distribution of its parameters."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from firststep import recipes
from firststep.planning import Plan, plan

LAYERS: dict[str, Callable[[], nn.Module]] = {
    "Linear": lambda: nn.Linear(50, 40),
    "Bilinear": lambda: nn.Bilinear(12, 20, 10),
    "Conv1d": lambda: nn.Conv1d(20, 30, 5),
    "Conv2d grouped": lambda: nn.Conv2d(32, 32, 3, groups=32),
    "Conv3d": lambda: nn.Conv3d(4, 8, 3),
    "ConvTranspose1d": lambda: nn.ConvTranspose1d(20, 30, 5, stride=2),
    "ConvTranspose2d": lambda: nn.ConvTranspose2d(16, 24, 4, stride=2, groups=2),
    "ConvTranspose3d": lambda: nn.ConvTranspose3d(4, 8, 3),
    "Embedding": lambda: nn.Embedding(50, 20, padding_idx=3),
    "EmbeddingBag": lambda: nn.EmbeddingBag(50, 20),
    "BatchNorm1d": lambda: nn.BatchNorm1d(10),
    "BatchNorm2d": lambda: nn.BatchNorm2d(10),
    "SyncBatchNorm": lambda: nn.SyncBatchNorm(10),
    "InstanceNorm2d": lambda: nn.InstanceNorm2d(10, affine=True),
    "LayerNorm": lambda: nn.LayerNorm(10),
    "GroupNorm": lambda: nn.GroupNorm(2, 10),
    "RMSNorm": lambda: nn.RMSNorm(10),
    "RNN": lambda: nn.RNN(10, 20, 2, bidirectional=True),
    "LSTM": lambda: nn.LSTM(10, 20, proj_size=8),
    "GRU": lambda: nn.GRU(10, 20),
    "RNNCell": lambda: nn.RNNCell(10, 20),
    "LSTMCell": lambda: nn.LSTMCell(10, 20),
    "GRUCell": lambda: nn.GRUCell(10, 20),
    "MultiheadAttention": lambda: nn.MultiheadAttention(32, 4, add_bias_kv=True),
    "MultiheadAttention kdim": lambda: nn.MultiheadAttention(32, 4, kdim=20, vdim=24),
    "PReLU": lambda: nn.PReLU(5),
    "TransformerEncoderLayer": lambda: nn.TransformerEncoderLayer(32, 4, 64),
    "AdaptiveLogSoftmax": lambda: nn.AdaptiveLogSoftmaxWithLoss(32, 50, [10, 20]),
}

SAMPLES = 4000
P = 1e-6
"""Probability of a false failure per random parameter; there are about 60 of them, and seeds are fixed."""


def planned(make: Callable[[], nn.Module]) -> Plan:
    return plan(make(), recipes.get("torch"))


def pooled(make: Callable[[], nn.Module], start: Callable[[nn.Module, int], object]) -> dict[str, Tensor]:
    """Every parameter's elements over enough starts for SAMPLES numbers."""
    counts = {name: p.numel() for name, p in make().named_parameters()}
    found: dict[str, list[Tensor]] = {name: [] for name in counts}
    for seed in range(-(-SAMPLES // min(counts.values()))):
        wanted = {name for name, n in counts.items() if sum(map(torch.numel, found[name])) < SAMPLES}
        torch.manual_seed(seed)
        model = make()
        start(model, seed)
        for name in wanted:
            found[name].append(model.get_parameter(name).detach().flatten().clone())
        if seed >= 20:  # parameters of a few elements: 20 starts of them say enough
            break
    return {name: torch.cat(parts) for name, parts in found.items()}


@pytest.mark.parametrize("kind", LAYERS)
def test_every_parameter_has_torchs_distribution(kind: str) -> None:
    """Two-sample Kolmogorov-Smirnov on the elements of up to 21 starts, false failure 1e-6 each; constants exactly."""
    make = LAYERS[kind]
    theirs = pooled(make, lambda model, seed: None)
    ours = pooled(make, lambda model, seed: plan(model, recipes.get("torch")).apply(seed))

    for name, numbers in theirs.items():
        if numbers.unique().numel() == 1:
            assert torch.equal(numbers, ours[name]), name
        else:
            assert stats.ks_2samp(numbers.numpy(), ours[name].numpy()).pvalue > P, name


@pytest.mark.parametrize("kind", LAYERS)
def test_the_expected_bounds_are_torchs(kind: str) -> None:
    """A uniform's bound, found to a part in n by the largest of n numbers, tells fans apart that a test of shape may
    not: no number of torch's lies beyond ours, and the largest of SAMPLES is within 2 % of it."""
    theirs = pooled(LAYERS[kind], lambda model, seed: None)
    for row in planned(LAYERS[kind]).rows:
        assert row.expected is not None
        numbers = theirs[row.name]
        largest = numbers.abs().max().item()
        if row.expected.kurtosis == pytest.approx(1.8):
            assert largest <= row.expected.high * (1 + 1e-6), row.name
            # P(largest < 0.98 bound) = 0.98^n, below 1e-17 for n >= 2000.
            if numbers.numel() >= 2000:
                assert largest >= 0.98 * row.expected.high, row.name


def test_the_reports_own_test_agrees() -> None:
    for make in LAYERS.values():
        assert planned(make).apply(seed=0).ok
