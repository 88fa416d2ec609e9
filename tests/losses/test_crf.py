"""The linear-chain CRF beside the enumeration of all paths."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from firststep import LossError, losses
from firststep.testing import check_loss

Array = NDArray[np.float64]
F = losses.functional


def path_score(z: Array, path: tuple[int, ...], transitions: Array, start: Array, end: Array) -> float:
    score = start[path[0]] + end[path[-1]] + sum(z[t, tag] for t, tag in enumerate(path))
    return score + sum(transitions[a, b] for a, b in itertools.pairwise(path))


def crf(emissions: Array, tags: Array, transitions: Array, start: Array, end: Array) -> Array:
    values = []
    for z, y in zip(emissions, tags, strict=True):
        paths = itertools.product(range(z.shape[1]), repeat=len(z))
        every = np.array([path_score(z, path, transitions, start, end) for path in paths])
        values.append(np.logaddexp.reduce(every) - path_score(z, tuple(y), transitions, start, end))
    return np.array(values)


def best(z: Array, transitions: Array, start: Array, end: Array) -> tuple[int, ...]:
    paths = itertools.product(range(z.shape[1]), repeat=len(z))
    return max(paths, key=lambda path: path_score(z, path, transitions, start, end))


def drawn(n: int, t: int, k: int, seed: int = 0) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    shapes = ((n, t, k), (k, k), (k,), (k,))
    emissions, *own = (torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes)
    return emissions, torch.randint(k, (n, t), generator=generator), *own


@pytest.mark.parametrize("seed", [0, 1])
def test_values_and_gradients_are_those_of_all_paths(seed: int) -> None:
    check_loss("linear_chain_crf_loss", reference=crf, laws=["reference"], seed=seed).raise_if_failed()


def test_one_step_is_cross_entropy() -> None:
    emissions, tags, transitions, start, end = drawn(5, 1, 4)

    values = F.linear_chain_crf_loss(emissions, tags, transitions, start, end, reduction="none")

    expected = torch.nn.functional.cross_entropy((emissions[:, 0] + start + end), tags[:, 0], reduction="none")
    torch.testing.assert_close(values, expected)


def test_a_uniform_model_of_padded_sequences_starts_at_their_mean_length_times_ln_k() -> None:
    emissions, tags, *_ = drawn(3, 6, 5)
    lengths = torch.tensor([6, 2, 4])
    tags = torch.where(torch.arange(6) < lengths[:, None], tags, -100)
    loss = losses.LinearChainCRFLoss(K=5).double()

    assert float(loss(0 * emissions, tags).detach()) == pytest.approx(4 * math.log(5))
    assert float(loss(0 * emissions, tags, denominator=lengths.sum()).detach()) == pytest.approx(math.log(5))


KEEP = torch.tensor([
    [True, True, True, True, True],
    [True, True, False, False, False],  # padded at the end
    [False, False, True, True, True],  # at the beginning
    [False, True, False, True, True],  # with a special token and a piece of a word left out
    [False, False, True, False, False],
])  # fmt: skip


def test_steps_that_do_not_count_are_passed_over_wherever_they_stand() -> None:
    emissions, tags, *own = drawn(5, 5, 3)
    emissions = torch.where(KEEP.unsqueeze(2), emissions, 1e6).requires_grad_()
    ignored = torch.where(KEEP, tags, -100)

    by_tags = F.linear_chain_crf_loss(emissions, ignored, *own, reduction="none")
    by_mask = F.linear_chain_crf_loss(emissions, tags, *own, mask=KEEP, ignore_index=None, reduction="none")
    (gradient,) = torch.autograd.grad(by_tags.sum(), emissions)

    z, parts = emissions.detach(), [one.numpy() for one in own]
    expected = [crf(z[i : i + 1, KEEP[i]].numpy(), tags[i : i + 1, KEEP[i]].numpy(), *parts)[0] for i in range(5)]
    torch.testing.assert_close(by_tags.detach(), torch.tensor(expected, dtype=torch.float64))
    assert torch.equal(by_mask, by_tags)
    assert torch.equal(gradient[~KEEP], torch.zeros_like(gradient[~KEEP]))
    assert not bool((gradient[KEEP] == 0).any())


def test_a_sequence_of_which_no_step_counts_does_not_count() -> None:
    emissions, tags, *own = drawn(2, 4, 3)
    tags[1] = -100

    total = F.linear_chain_crf_loss(emissions, tags, *own, reduction="total")

    assert float(total.count) == 1
    assert float(total.mean()) == pytest.approx(
        crf(emissions[:1].numpy(), tags[:1].numpy(), *(one.numpy() for one in own))[0]
    )


def test_a_whole_sequence_may_be_masked() -> None:
    emissions, tags, *own = drawn(3, 4, 3)
    keep = torch.tensor([True, False, True])

    value = F.linear_chain_crf_loss(emissions, tags, *own, mask=keep)

    assert float(value) == pytest.approx(float(F.linear_chain_crf_loss(emissions[keep], tags[keep], *own)))


def test_forbidden_transitions_leave_the_sum_over_paths_and_have_finite_gradients() -> None:
    emissions, _, transitions, start, end = drawn(2, 4, 3)
    tags = torch.tensor([[0, 0, 1, 2], [1, 1, 1, 1]])
    transitions[0, 2] = transitions[2, 0] = start[2] = end[0] = -math.inf
    transitions[2] = -math.inf  # nothing follows the third tag
    leaves = [one.requires_grad_() for one in (emissions, transitions, start, end)]

    values = F.linear_chain_crf_loss(emissions, tags, *leaves[1:], reduction="none")
    gradients = torch.autograd.grad(values.sum(), leaves)

    with np.errstate(invalid="ignore"):
        expected = crf(*(one.detach().numpy() for one in (emissions, tags, *leaves[1:])))
    torch.testing.assert_close(values.detach(), torch.from_numpy(expected))
    assert all(bool(torch.isfinite(one).all()) for one in gradients)
    assert torch.equal(gradients[1][2], torch.zeros(3, dtype=torch.float64))
    assert float(gradients[2][2]) == 0


def test_a_tag_that_no_path_reaches_has_no_gradient_and_no_nan() -> None:
    emissions, _, transitions, start, end = drawn(1, 3, 3)
    transitions[:, 2] = start[2] = -math.inf
    emissions.requires_grad_()

    value = F.linear_chain_crf_loss(emissions, torch.tensor([[0, 1, 0]]), transitions, start, end)
    (gradient,) = torch.autograd.grad(value, emissions)

    assert torch.equal(gradient[:, :, 2], torch.zeros(1, 3, dtype=torch.float64))
    torch.testing.assert_close(gradient.sum(2), torch.zeros(1, 3, dtype=torch.float64))


def test_a_true_path_over_a_forbidden_transition_costs_1e30_with_finite_gradients() -> None:
    emissions, tags, transitions, start, end = (
        one.float() if one.is_floating_point() else one for one in drawn(1, 3, 2)
    )
    tags[0] = torch.tensor([0, 1, 1])
    transitions[0, 1] = -math.inf
    emissions.requires_grad_()

    value = F.linear_chain_crf_loss(emissions, tags, transitions, start, end)
    (gradient,) = torch.autograd.grad(value, emissions)

    assert float(value.detach()) == pytest.approx(1e30)
    assert bool(torch.isfinite(gradient).all())


def test_float32_keeps_the_small_loss_of_a_long_sequence_that_is_almost_right() -> None:
    """log Z and the true path's score are near 20 000 here, where float32 has steps of 0.002."""
    emissions, tags, *own = drawn(1, 2000, 4)
    emissions = 0.1 * emissions + 10 * torch.nn.functional.one_hot(tags, 4)

    exact = float(F.linear_chain_crf_loss(emissions, tags, *own))
    value = float(F.linear_chain_crf_loss(emissions.float(), tags, *(one.float() for one in own)))

    assert 0.1 < exact < 2
    assert value == pytest.approx(exact, rel=1e-3)


@pytest.mark.parametrize("size", [1.0, 30.0, 1e4])
def test_decoding_finds_the_best_of_all_paths(size: float) -> None:
    emissions, _, *own = drawn(6, 5, 3, seed=4)

    tags = losses.crf_decode(size * emissions, *own)

    expected = [best(z, *(one.numpy() for one in own)) for z in (size * emissions).numpy()]
    assert tags.tolist() == [list(path) for path in expected]


def test_decoding_passes_over_steps_that_do_not_count() -> None:
    emissions, _, *own = drawn(5, 5, 3, seed=2)
    parts = [one.numpy() for one in own]

    tags = losses.crf_decode(emissions, *own, mask=KEEP)

    for i in range(5):
        assert tuple(tags[i, KEEP[i]].tolist()) == best(emissions[i, KEEP[i]].numpy(), *parts)
    assert bool((tags[~KEEP] == -100).all())
    rows = losses.crf_decode(emissions, *own, mask=torch.tensor([True, False, True, True, True]))
    assert torch.equal(rows[1], torch.full((5,), -100))
    assert tuple(rows[0].tolist()) == best(emissions[0].numpy(), *parts)


def test_decoding_keeps_to_what_is_allowed_and_asks_for_no_gradient() -> None:
    emissions, _, transitions, start, end = drawn(20, 6, 3, seed=1)
    transitions[0, 0] = transitions[1, 2] = start[1] = -math.inf
    transitions.requires_grad_()

    tags = losses.crf_decode(emissions.bfloat16(), transitions.bfloat16(), start.bfloat16(), end.bfloat16())

    pairs = set(zip(tags[:, :-1].flatten().tolist(), tags[:, 1:].flatten().tolist(), strict=True))
    assert pairs.isdisjoint({(0, 0), (1, 2)})
    assert pairs
    assert 1 not in tags[:, 0].tolist()
    assert not tags.requires_grad


def test_the_module_learns_its_transitions() -> None:
    """Nothing in the emissions tells the tags: only that they alternate does."""
    tags = torch.tensor([[0, 1, 0, 1, 0, 1]])
    emissions = torch.zeros(1, 6, 2)
    loss = losses.LinearChainCRFLoss(K=2)
    optimizer = torch.optim.SGD(loss.parameters(), lr=0.5)

    before = float(loss(emissions, tags).detach())
    for _ in range(30):
        optimizer.zero_grad()
        loss(emissions, tags).backward()
        optimizer.step()

    assert before == pytest.approx(6 * math.log(2))
    assert float(loss(emissions, tags).detach()) < 0.3
    assert torch.equal(losses.crf_decode(emissions, loss.transitions, loss.start, loss.end), tags)


def test_what_does_not_fit_is_an_error() -> None:
    emissions, tags, transitions, start, end = drawn(2, 4, 3)
    with pytest.raises(
        LossError, match=r"^linear_chain_crf_loss: emissions has shape \(2, 0, 3\), a sequence of no steps has no tags$"
    ):
        F.linear_chain_crf_loss(emissions[:, :0], tags[:, :0], transitions, start, end)
    with pytest.raises(
        LossError, match=r"^crf_decode: emissions has shape \(2, 0, 3\), a sequence of no steps has no tags$"
    ):
        losses.crf_decode(emissions[:, :0], transitions, start, end)
    with pytest.raises(
        LossError, match=r"^crf_decode: transitions has shape \(2, 3\) beside emissions of shape \(2, 4, 3\)"
    ):
        losses.crf_decode(emissions, transitions[:2], start, end)
    with pytest.raises(LossError, match=r"^crf_decode: mask is int64, expected bool"):
        losses.crf_decode(emissions, transitions, start, end, mask=tags)
    with pytest.raises(TypeError, match=r"^LinearChainCRFLoss needs 'K', a size of its parameter 'transitions'$"):
        losses.LinearChainCRFLoss()
