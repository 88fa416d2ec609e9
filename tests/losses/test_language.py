"""Losses of language models and routers against the papers' equations."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax

from firststep import losses
from firststep.errors import LossError
from firststep.losses import functional as LF
from firststep.testing import check_loss

Array = NDArray[np.float64]


def language_model(input: Array, target: NDArray[np.int64], z_loss: float = 0.0) -> Array:
    values = np.zeros(target.shape)
    for at in np.ndindex(*target.shape):
        log_z = logsumexp(input[at])
        values[at] = log_z - input[at][target[at]] + z_loss * log_z**2
    return values


def load_balance(input: Array, top_k: int = 1) -> Array:
    """One value for each token, whose mean is E times the sum of f_i P_i."""
    tokens, experts = input.shape
    load = np.zeros(experts)
    for row in input:
        for expert in sorted(range(experts), key=lambda i: -row[i])[:top_k]:
            load[expert] += 1 / (tokens * top_k)
    return np.array([experts * sum(f * p for f, p in zip(load, softmax(row), strict=True)) for row in input])


def router_z(input: Array) -> Array:
    return np.array([logsumexp(row) ** 2 for row in input])


REFERENCES: list[tuple[str, Callable[..., Any], dict[str, Any]]] = [
    ("language_model_cross_entropy", language_model, {}),
    ("language_model_cross_entropy", language_model, {"z_loss": 1e-4}),
    ("language_model_cross_entropy", language_model, {"z_loss": 0.5}),
    ("moe_load_balance_loss", load_balance, {}),
    ("moe_load_balance_loss", load_balance, {"top_k": 2}),
    ("moe_load_balance_loss", load_balance, {"top_k": 4}),
    ("router_z_loss", router_z, {}),
]


@pytest.mark.parametrize(("name", "reference", "options"), REFERENCES)
def test_values_and_gradients_are_those_of_the_formula(
    name: str, reference: Callable[..., Any], options: dict[str, Any]
) -> None:
    check_loss(name, options=options, reference=reference, laws=["reference"]).raise_if_failed()


@pytest.mark.parametrize("z_loss", [0.0, 1e-4])
def test_logits_of_ten_thousand_in_float32(z_loss: float) -> None:
    rows = [[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4], [1e4, 1e4, 9999.0], [0.0, 1e4, -3.0], [80.0, 90.0, -1e4]]
    for row in rows:
        for target in range(3):
            input = torch.tensor([row], requires_grad=True)
            loss = LF.language_model_cross_entropy(input, torch.tensor([target]), z_loss=z_loss)
            (slope,) = torch.autograd.grad(loss, input)
            with mpmath.workdps(50):
                each = [mpmath.exp(mpmath.mpf(one)) for one in row]
                log_z = mpmath.log(sum(each))
                expected = log_z - row[target] + z_loss * log_z**2
                exact = [(one / sum(each)) * (1 + 2 * z_loss * log_z) - (i == target) for i, one in enumerate(each)]
            assert float(loss.detach()) == pytest.approx(float(expected), rel=1e-5, abs=1e-6)
            np.testing.assert_allclose(slope[0].numpy(), [float(one) for one in exact], rtol=1e-5, atol=1e-5)


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 5, 7, generator=generator), torch.randint(0, 7, (2, 5), generator=generator)


@pytest.mark.parametrize("z_loss", [0.0, 0.01])
def test_ignored_and_masked_tokens_do_not_count(z_loss: float) -> None:
    input, target = batch()
    mask = torch.rand(2, 5, generator=torch.Generator().manual_seed(1)) < 0.5
    each = language_model(input.double().numpy(), target.numpy(), z_loss)
    expected = each[mask.numpy()].mean()
    ignored = torch.where(mask, target, -100)
    padded = torch.where(mask, target, 99)
    for found in (
        LF.language_model_cross_entropy(input, target, z_loss=z_loss, mask=mask),
        LF.language_model_cross_entropy(input, ignored, z_loss=z_loss),
        LF.language_model_cross_entropy(input, padded, z_loss=z_loss, ignore_index=99),
    ):
        assert float(found) == pytest.approx(expected, rel=1e-6)


def test_class_weights_go_with_the_last_axis() -> None:
    input, target = batch()
    weight = torch.arange(1.0, 8.0)
    found = LF.language_model_cross_entropy(input, target, class_weight=weight)
    torch.testing.assert_close(found, F.cross_entropy(input.flatten(0, 1), target.flatten(), weight))
    square = torch.randn(7, 7, 7, generator=torch.Generator().manual_seed(2))  # no axis gives itself away
    labels = torch.randint(0, 7, (7, 7), generator=torch.Generator().manual_seed(3))
    each = LF.language_model_cross_entropy(square, labels, class_weight=weight, reduction="none")
    by_hand = language_model(square.double().numpy(), labels.numpy()) * weight.numpy()[labels.numpy()]
    np.testing.assert_allclose(each.numpy(), by_hand, rtol=1e-5)


def test_packed_tokens_and_batches_are_the_same() -> None:
    input, target = batch()
    for z_loss in (0.0, 0.1):
        whole = LF.language_model_cross_entropy(input, target, z_loss=z_loss)
        packed = LF.language_model_cross_entropy(input.flatten(0, 1), target.flatten(), z_loss=z_loss)
        torch.testing.assert_close(packed, whole)
    one = LF.language_model_cross_entropy(input[0, 0], target[0, 0])
    assert float(one) == pytest.approx(language_model(input[0].double().numpy(), target[0].numpy())[0], rel=1e-6)


def test_an_ignored_token_may_have_impossible_logits() -> None:
    """The first token of the vocabulary, which stands in for what is ignored, is often one that is masked out."""
    input, target = batch()
    input[..., 0] = -torch.inf
    target = target.clamp(min=1)
    target[:, 3:] = -100
    input.requires_grad_()
    loss = LF.language_model_cross_entropy(input, target, z_loss=0.01)
    (slope,) = torch.autograd.grad(loss, input)
    expected = language_model(input.detach()[:, :3].double().numpy(), target[:, :3].numpy(), 0.01).mean()
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-6)
    assert bool(torch.isfinite(slope).all())
    assert float(slope[:, 3:].abs().max()) == 0


def test_unshifted_tokens_are_refused_by_their_shape() -> None:
    logits, tokens = torch.zeros(2, 4, 9), torch.zeros(2, 5, dtype=torch.long)
    with pytest.raises(LossError, match=r"^language_model_cross_entropy: target has shape \(2, 5\) beside input"):
        LF.language_model_cross_entropy(logits, tokens)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_log_probabilities_of_sequences(dtype: torch.dtype) -> None:
    input, target = batch()
    input = (10 * input).to(dtype)
    mask = torch.tensor([[False, False, True, True, True], [False, True, True, False, False]])
    each = -language_model(input.double().numpy(), target.numpy())
    expected = [sum(each[0][2:]), sum(each[1][1:3])]
    found = losses.sequence_log_prob(input, target, mask)
    assert found.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)
    ignored = losses.sequence_log_prob(input, torch.where(mask, target, -100))
    torch.testing.assert_close(ignored, found)
    means = losses.sequence_log_prob(input, target, mask, average=True)
    np.testing.assert_allclose(means.numpy(), [expected[0] / 3, expected[1] / 2], rtol=1e-5)
    both = losses.sequence_log_prob(input, torch.where(torch.arange(5) == 2, -100, target), mask, average=True)
    np.testing.assert_allclose(both.numpy(), [sum(each[0][3:]) / 2, each[1][1]], rtol=1e-5)
    np.testing.assert_allclose(losses.sequence_log_prob(input, target).numpy(), each.sum(1), rtol=1e-5)
    every = losses.sequence_log_prob(input, target, average=True, ignore_index=None)
    np.testing.assert_allclose(every.numpy(), each.mean(1), rtol=1e-5)


def test_a_sequence_of_which_nothing_counts() -> None:
    input, target = batch()
    input.requires_grad_()
    for average in (False, True):
        found = losses.sequence_log_prob(input, target, torch.zeros(2, 5, dtype=torch.bool), average=average)
        (slope,) = torch.autograd.grad(found.sum(), input)
        assert found.tolist() == [0.0, 0.0]
        assert float(slope.abs().max()) == 0


def test_a_sequence_log_probability_is_what_dpo_takes() -> None:
    logits = torch.zeros(2, 3, 8, requires_grad=True)
    target, other = torch.tensor([[1, 2, 3], [4, 5, 6]]), torch.tensor([[7, 6, 5], [0, 1, 2]])
    chosen, rejected = losses.sequence_log_prob(logits, target), losses.sequence_log_prob(logits, other)
    loss = LF.dpo_loss(chosen, rejected, chosen.detach(), rejected.detach())
    assert float(loss.detach()) == pytest.approx(math.log(2))
    (slope,) = torch.autograd.grad(loss, logits)
    assert float(slope[0, 0, 1]) < 0 < float(slope[0, 0, 7])


def test_sequences_of_the_wrong_shape() -> None:
    with pytest.raises(LossError) as error:
        losses.sequence_log_prob(torch.zeros(3, 8), torch.zeros(3, dtype=torch.long))
    assert str(error.value) == "sequence_log_prob: input has shape (3, 8), expected (N, T, V)"


def test_balance_is_one_and_collapse_is_the_number_of_experts() -> None:
    even = torch.eye(8).repeat(4, 1) * 20
    assert float(LF.moe_load_balance_loss(even)) == pytest.approx(1.0, rel=1e-6)
    collapsed = torch.zeros(32, 8).index_fill(1, torch.tensor([3]), 50.0)
    assert float(LF.moe_load_balance_loss(collapsed)) == pytest.approx(8.0, rel=1e-6)


@pytest.mark.parametrize("top_k", [1, 2])
def test_the_mean_is_the_equation_of_the_paper(top_k: int) -> None:
    input = torch.randn(40, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    probability = input.softmax(1)
    chosen = F.one_hot(input.topk(top_k, dim=1).indices, 6).sum(1).double()
    expected = 6 * (chosen.mean(0) / top_k * probability.mean(0)).sum()
    torch.testing.assert_close(LF.moe_load_balance_loss(input, top_k=top_k), expected)


def test_padding_has_no_load() -> None:
    input = torch.randn(10, 4, generator=torch.Generator().manual_seed(0))
    padding = torch.zeros(30, 4).index_fill(1, torch.tensor([0]), 9.0)
    both, mask = torch.cat((input, padding)).requires_grad_(), torch.arange(40) < 10
    loss = LF.moe_load_balance_loss(both, mask=mask)
    torch.testing.assert_close(loss.detach(), LF.moe_load_balance_loss(input))
    (slope,) = torch.autograd.grad(loss, both)
    assert float(slope[10:].abs().max()) == 0 < float(slope[:10].abs().max())


def test_balance_is_not_the_least_value() -> None:
    """Three quarters of the tokens barely prefer the first expert, the rest are sure of the second."""
    input = torch.tensor([[1e-6, 0.0]] * 75 + [[0.0, 50.0]] * 25, dtype=torch.float64)
    assert float(LF.moe_load_balance_loss(input)) == pytest.approx(0.875, rel=1e-5)


def test_more_experts_than_there_are() -> None:
    with pytest.raises(LossError) as error:
        LF.moe_load_balance_loss(torch.zeros(3, 4), top_k=5)
    assert str(error.value) == "moe_load_balance_loss(top_k=5): there are 4 experts"
    with pytest.raises(LossError) as error:
        LF.moe_load_balance_loss(torch.zeros(3, 4), top_k=0)
    assert str(error.value) == "moe_load_balance_loss(top_k=0): expected a number >= 1"


def test_router_logits_of_ten_thousand() -> None:
    input = torch.tensor([[1e4, 0.0], [-1e4, -1e4]], requires_grad=True)
    loss = LF.router_z_loss(input, reduction="none")
    (slope,) = torch.autograd.grad(loss.sum(), input)
    np.testing.assert_allclose(loss.detach().numpy(), [1e8, (1e4 - math.log(2)) ** 2], rtol=1e-6)
    np.testing.assert_allclose(slope.numpy(), [[2e4, 0.0], [-(1e4 - math.log(2)), -(1e4 - math.log(2))]], rtol=1e-3)
