"""Policy losses against the papers' equations, and the advantages of groups."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from firststep import losses
from firststep.errors import LossError
from firststep.losses import functional as LF
from firststep.testing import check_loss

Array = NDArray[np.float64]


def one_token(ratio: float, advantage: float, low: float, high: float, dual: float | None) -> float:
    """The negative objective of one token: PPO's equation 7, and the bound of the dual clip."""
    objective = min(ratio * advantage, min(max(ratio, 1 - low), 1 + high) * advantage)
    if dual is not None and advantage < 0:
        objective = max(objective, dual * advantage)
    return -objective


def ppo(
    log_prob: Array,
    old: Array,
    advantage: Array,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    dual_clip: float | None = None,
) -> Array:
    values = np.zeros_like(log_prob)
    for at in np.ndindex(*log_prob.shape):
        ratio = math.exp(log_prob[at]) / math.exp(old[at])
        values[at] = one_token(ratio, advantage[at], clip_low, clip_high, dual_clip)
    return values


def grpo(log_prob: Array, old: Array, reference: Array, advantage: Array, beta: float = 0.04, **clip: Any) -> Array:
    values = ppo(log_prob, old, np.repeat(advantage[:, None], log_prob.shape[1], 1), **clip)
    for at in np.ndindex(*log_prob.shape):
        share = math.exp(reference[at]) / math.exp(log_prob[at])
        values[at] += beta * (share - math.log(share) - 1)
    return values


REFERENCES: list[tuple[str, Callable[..., Any], dict[str, Any]]] = [
    ("ppo_clip_loss", ppo, {}),
    ("ppo_clip_loss", ppo, {"clip_low": 0.1, "clip_high": 0.28}),
    ("ppo_clip_loss", ppo, {"clip_low": 1.0, "clip_high": 5.0}),
    ("ppo_clip_loss", ppo, {"dual_clip": 1.1}),
    ("grpo_loss", grpo, {}),
    ("grpo_loss", grpo, {"beta": 1.0, "clip_low": 0.05, "clip_high": 0.4, "dual_clip": 1.2}),
]


@pytest.mark.parametrize(("name", "reference", "options"), REFERENCES)
@pytest.mark.parametrize("seed", [0, 1])
def test_values_and_gradients_are_those_of_the_formula(
    name: str, reference: Callable[..., Any], options: dict[str, Any], seed: int
) -> None:
    check_loss(name, options=options, reference=reference, laws=["reference"], seed=seed).raise_if_failed()


@pytest.mark.parametrize(
    ("log_ratio", "advantage", "dual_clip", "value", "slope"),
    [
        (1e4, 1.0, None, -1.2, 0.0),
        (1e4, -1.0, None, math.exp(20), 0.0),
        (1e4, -1.0, 3.0, 3.0, 0.0),
        (-1e4, 1.0, None, 0.0, 0.0),
        (-1e4, -1.0, None, 0.8, 0.0),
        (15.0, -1.0, None, math.exp(15), math.exp(15)),
        (0.1, 2.0, None, -2 * math.exp(0.1), -2 * math.exp(0.1)),
        (0.0, 0.0, None, 0.0, 0.0),
    ],
)
def test_ratios_beyond_float32(
    log_ratio: float, advantage: float, dual_clip: float | None, value: float, slope: float
) -> None:
    log_prob = torch.tensor([log_ratio], requires_grad=True)
    loss = LF.ppo_clip_loss(log_prob, torch.zeros(1), torch.tensor([advantage]), dual_clip=dual_clip)
    (gradient,) = torch.autograd.grad(loss, log_prob)
    assert float(loss.detach()) == pytest.approx(value, rel=1e-5)
    assert float(gradient) == pytest.approx(slope, rel=1e-5)


@pytest.mark.parametrize("far", [-1e4, -50.0, 50.0, 1e4])
def test_the_divergence_pulls_back_from_any_distance(far: float) -> None:
    """The reference gives the token a log-probability higher by ``far``."""
    log_prob = torch.zeros(1, 1, requires_grad=True)
    loss = LF.grpo_loss(log_prob, torch.zeros(1, 1), torch.full((1, 1), far), torch.zeros(1), beta=1.0)
    (gradient,) = torch.autograd.grad(loss, log_prob)
    expected = -far - 1 if far < 0 else math.exp(10) * (1 + far - 10) - far - 1
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-5)
    assert float(gradient) == pytest.approx(1.0 if far < 0 else 1 - math.exp(10), rel=1e-5)


def answers() -> tuple[tuple[Tensor, ...], Tensor]:
    """Log-probabilities of four answers of 5, 2, 7 and 1 tokens, and what counts."""
    generator = torch.Generator().manual_seed(0)
    old = -3 * torch.rand(4, 7, generator=generator, dtype=torch.float64)
    log_prob = old + 0.3 * torch.randn(4, 7, generator=generator, dtype=torch.float64)
    advantage = torch.tensor([1.0, -0.5, 0.3, -0.8], dtype=torch.float64)
    mask = torch.arange(7) < torch.tensor([5, 2, 7, 1])[:, None]
    return (log_prob, old, old + 0.1, advantage), mask


def test_three_normalizers_of_three_papers() -> None:
    tensors, mask = answers()
    values = grpo(*(one.numpy() for one in tensors))
    lengths = [5, 2, 7, 1]
    sums = [sum(values[i][t] for t in range(length)) for i, length in enumerate(lengths)]
    per_answer = sum(total / length for total, length in zip(sums, lengths, strict=True)) / 4  # GRPO
    per_token = sum(sums) / sum(lengths)  # DAPO
    constant = sum(sums) / (4 * 64)  # Dr. GRPO
    assert float(LF.grpo_loss(*tensors, mask=mask, weight=1 / mask.sum(1).double())) == pytest.approx(
        per_answer, rel=1e-12
    )
    assert float(LF.grpo_loss(*tensors, mask=mask)) == pytest.approx(per_token, rel=1e-12)
    assert float(LF.grpo_loss(*tensors, mask=mask, denominator=4 * 64)) == pytest.approx(constant, rel=1e-12)


def test_an_answer_without_tokens_does_not_count() -> None:
    tensors, mask = answers()
    mask[1] = False
    log_prob = tensors[0].requires_grad_()
    weight = 1 / mask.sum(1).clamp(min=1).double()
    value = LF.grpo_loss(*tensors, mask=mask, weight=weight)
    (slope,) = torch.autograd.grad(value, log_prob)
    rest = [0, 2, 3]
    expected = LF.grpo_loss(*(one.detach()[rest] for one in tensors), mask=mask[rest], weight=weight[rest])
    torch.testing.assert_close(value.detach(), expected)
    assert bool(torch.isfinite(slope).all())


def test_parts_of_an_update_add_to_the_whole() -> None:
    tensors, mask = answers()
    whole = LF.grpo_loss(*tensors, mask=mask)
    parts = [
        LF.grpo_loss(*(one[rows] for one in tensors), mask=mask[rows], denominator=mask.sum())
        for rows in (slice(0, 1), slice(1, 4))
    ]
    torch.testing.assert_close(parts[0] + parts[1], whole)


def test_without_a_divergence_the_reference_is_not_read() -> None:
    (log_prob, old, reference, advantage), mask = answers()
    given = LF.grpo_loss(log_prob, old, reference * torch.nan, advantage, beta=0.0, mask=mask)
    each = advantage[:, None].expand_as(old)
    torch.testing.assert_close(given, LF.ppo_clip_loss(log_prob, old, each, mask=mask))


def test_gspo_is_ppo_of_length_averages() -> None:
    """GSPO's ratio of a sequence is the geometric mean of its tokens' ratios."""
    (log_prob, old, _, advantage), mask = answers()
    lengths = mask.sum(1)
    now, then = (torch.where(mask, one, 0.0).sum(1) / lengths for one in (log_prob, old))
    expected = []
    for i, length in enumerate(lengths.tolist()):
        ratio = math.prod(math.exp(log_prob[i, t] - old[i, t]) for t in range(length)) ** (1 / length)
        expected.append(one_token(ratio, float(advantage[i]), 3e-4, 4e-4, None))
    values = LF.ppo_clip_loss(now, then, advantage, clip_low=3e-4, clip_high=4e-4, reduction="none")
    torch.testing.assert_close(values, torch.tensor(expected, dtype=torch.float64))


def test_what_was_not_detached_has_no_gradient() -> None:
    log_prob = torch.tensor([-1.0, -2.0], requires_grad=True)
    (gradient,) = torch.autograd.grad(LF.ppo_clip_loss(log_prob, log_prob, torch.ones(2)), log_prob)
    assert gradient.tolist() == [0.0, 0.0]


def expected_advantage(rewards: list[float], groups: list[int], scale: str) -> list[float]:
    found = []
    for reward, group in zip(rewards, groups, strict=True):
        own = [one for one, other in zip(rewards, groups, strict=True) if other == group]
        by = {"none": 1.0, "group": np.std(own, ddof=1) + 1e-4 if len(own) > 1 else 1.0}
        by["batch"] = np.std(rewards, ddof=1) + 1e-4
        found.append(float((reward - np.mean(own)) / by[scale]))
    return found


@pytest.mark.parametrize("scale", ["group", "batch", "none"])
def test_advantages_of_groups_in_any_order(scale: Any) -> None:
    rewards = [0.3, 1.0, -2.0, 0.5, 7.0, 1.5, 0.1, 4.0]
    groups = [42, -7, 42, 1000, -7, 42, 3, -7]  # 1000 and 3 are alone
    given = torch.tensor(rewards, dtype=torch.float64)
    found = losses.group_advantage(given, groups=torch.tensor(groups), scale=scale)
    np.testing.assert_allclose(found.numpy(), expected_advantage(rewards, groups, scale), rtol=1e-12, atol=1e-12)
    assert found[3] == found[6] == 0
    by_size = losses.group_advantage(given, group_size=4, scale=scale)
    expected = expected_advantage(rewards, [0] * 4 + [1] * 4, scale)
    np.testing.assert_allclose(by_size.numpy(), expected, rtol=1e-12, atol=1e-12)


def test_equal_rewards_have_no_advantage() -> None:
    found = losses.group_advantage(torch.full((12,), 0.1), group_size=3)
    assert float(found.abs().max()) < 1e-3
    assert losses.group_advantage(torch.zeros(4), group_size=4).tolist() == [0.0] * 4


def test_rewards_of_any_dtype() -> None:
    solved = torch.tensor([True, False, False, True])
    expected = losses.group_advantage(solved.float(), group_size=2)
    for rewards in (solved, solved.long(), solved.bfloat16()):
        torch.testing.assert_close(losses.group_advantage(rewards, group_size=2), expected)
    assert losses.group_advantage(solved.double(), group_size=2).dtype == torch.float64


@pytest.mark.parametrize(
    ("shape", "given", "message"),
    [
        (6, {}, "group_advantage: give either group_size or groups"),
        (6, {"group_size": 2, "groups": torch.zeros(6)}, "group_advantage: give either group_size or groups"),
        (6, {"group_size": 4}, "group_advantage: 6 rewards do not make groups of 4"),
        (6, {"group_size": 0}, "group_advantage: 6 rewards do not make groups of 0"),
        (
            6,
            {"groups": torch.zeros(5)},
            "group_advantage: groups has shape (5,) beside rewards of shape (6,): expected the same",
        ),
        ((2, 3), {"group_size": 3}, "group_advantage: rewards has shape (2, 3), expected (N,)"),
        (
            6,
            {"group_size": 3, "scale": "std"},
            "group_advantage(scale='std'): expected one of 'group', 'batch', 'none'",
        ),
    ],
)
def test_what_makes_no_groups(shape: Any, given: dict[str, Any], message: str) -> None:
    with pytest.raises(LossError) as error:
        losses.group_advantage(torch.zeros(shape), **given)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clip_low": 1.5}, "ppo_clip_loss(clip_low=1.5): expected 0 <= clip_low <= 1"),
        ({"clip_high": -0.1}, "ppo_clip_loss(clip_high=-0.1): expected a number >= 0"),
        ({"dual_clip": 0.5}, "ppo_clip_loss(dual_clip=0.5): expected a number >= 1"),
    ],
)
def test_options_out_of_range(options: dict[str, float], message: str) -> None:
    with pytest.raises(LossError) as error:
        LF.ppo_clip_loss(torch.zeros(2), torch.zeros(2), torch.zeros(2), **options)
    assert str(error.value) == message
