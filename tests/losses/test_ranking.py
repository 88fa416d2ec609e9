"""Ranking losses by loops over pairs and permutations, and against scikit-learn's NDCG."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import ndcg_score
from torch import Tensor

from firststep.errors import LossError
from firststep.losses import functional as LF
from firststep.losses._ranking_lists import prefix_log_sum_exp
from firststep.testing import check_loss

Array = NDArray[np.float64]


def softplus(x: float) -> float:
    return math.log(1 + math.exp(x))


def lists(one: Callable[..., float]) -> Callable[..., Array]:
    """A reference of many lists from that of one."""

    def many(scores: Array, relevance: Array, **options: Any) -> Array:
        return np.array([one(s, y, **options) for s, y in zip(scores, relevance, strict=True)])

    return many


def pairs(y: Array) -> list[tuple[int, int]]:
    return [(i, j) for i in range(len(y)) for j in range(len(y)) if y[i] > y[j]]


def ranknet(s: Array, y: Array, sigma: float = 1.0) -> float:
    return float(np.mean([softplus(-sigma * (s[i] - s[j])) for i, j in pairs(y)]))


def ndcg(order: Sequence[int], y: Array, k: int | None, gain: str) -> float:
    """scikit-learn's, whose gain is linear, of documents in an order."""
    worth = 2.0 ** np.asarray(y, dtype=float) - 1 if gain == "exponential" else np.asarray(y, dtype=float)
    places = np.zeros(len(y))
    places[list(order)] = -np.arange(len(y))
    return float(ndcg_score([worth], [places], k=k))


def ranking(s: Array, y: Array) -> list[int]:
    """The documents by falling score; of equal scores the lowest grade first."""
    return sorted(range(len(s)), key=lambda i: (-s[i], y[i]))


def lambdarank(s: Array, y: Array, sigma: float = 1.0, k: int | None = None, gain: str = "exponential") -> float:
    """Each pair is exchanged in the ranking, and NDCG computed anew."""
    order = ranking(s, y)
    now, total = ndcg(order, y, k, gain), 0.0
    for i, j in pairs(y):
        exchanged = [j if one == i else i if one == j else one for one in order]
        total += abs(ndcg(exchanged, y, k, gain) - now) * softplus(-sigma * (s[i] - s[j]))
    return total


def plackett_luce(s: Sequence[float], order: Sequence[int]) -> float:
    """The probability that documents are chosen in an order."""
    left, probability = list(range(len(s))), 1.0
    for chosen in order:
        probability *= math.exp(s[chosen]) / sum(math.exp(s[i]) for i in left)
        left.remove(chosen)
    return probability


def top_one(s: Sequence[float]) -> list[float]:
    """The probability of each document to be first: the sum over all permutations in which it is."""
    orders = list(itertools.permutations(range(len(s))))
    return [sum(plackett_luce(s, order) for order in orders if order[0] == i) for i in range(len(s))]


def listnet(s: Array, y: Array) -> float:
    return -sum(q * math.log(p) for q, p in zip(top_one(list(y)), top_one(list(s)), strict=True))


def listmle(s: Array, y: Array, ties: str = "efron") -> float:
    """Grade by grade. Efron: the mean over all orders of a grade of what is left at its l-th choice."""
    total, left = 0.0, list(range(len(s)))
    for grade in sorted(set(y.tolist()), reverse=True):
        group = [i for i in left if y[i] == grade]
        lower = sum(math.exp(s[i]) for i in left if y[i] < grade)
        orders = [tuple(group)] if ties == "given" else list(itertools.permutations(group))
        for place in range(len(group)):
            mean = sum(lower + sum(math.exp(s[i]) for i in order[place:]) for order in orders) / len(orders)
            total += math.log(mean)
        total -= sum(s[i] for i in group)
        left = [i for i in left if y[i] < grade]
    return total


def bpr(positive: Array, negative: Array) -> Array:
    return -np.log(1 / (1 + np.exp(-(positive - negative))))


REFERENCES: list[tuple[str, Callable[..., Any], dict[str, Any]]] = [
    ("ranknet_loss", lists(ranknet), {}),
    ("ranknet_loss", lists(ranknet), {"sigma": 2.5}),
    ("lambdarank_loss", lists(lambdarank), {}),
    ("lambdarank_loss", lists(lambdarank), {"k": 2}),
    ("lambdarank_loss", lists(lambdarank), {"k": 99, "sigma": 0.5}),
    ("lambdarank_loss", lists(lambdarank), {"gain": "linear"}),
    ("lambdarank_loss", lists(lambdarank), {"gain": "linear", "k": 3}),
    ("listnet_loss", lists(listnet), {}),
    ("listmle_loss", lists(listmle), {}),
    ("listmle_loss", lists(listmle), {"ties": "given"}),
    ("bpr_loss", bpr, {}),
]
LISTS = ("ranknet_loss", "lambdarank_loss", "listnet_loss", "listmle_loss")


@pytest.mark.parametrize(("name", "reference", "options"), REFERENCES)
def test_values_and_gradients_are_those_of_the_formula(
    name: str, reference: Callable[..., Any], options: dict[str, Any]
) -> None:
    check_loss(name, options=options, reference=reference, laws=["reference"]).raise_if_failed()


LAWS = ["gradcheck", "gradgradcheck", "vmap", "compile", "start", "minimum", "half", "masking", "all_masked", "no_sync"]


@pytest.mark.parametrize(("name", "options"), [(name, options) for name, _, options in REFERENCES if options])
def test_the_laws_hold_at_other_options(name: str, options: dict[str, Any]) -> None:
    check_loss(name, options=options, laws=LAWS).raise_if_failed()


def some_lists() -> tuple[list[Tensor], list[Tensor]]:
    """Scores and grades of 5, 2, 7 and 1 documents."""
    generator = torch.Generator().manual_seed(3)
    sizes = (5, 2, 7, 1)
    scores = [torch.randn(n, generator=generator, dtype=torch.float64) for n in sizes]
    return scores, [torch.arange(n) % 4 for n in sizes]


@pytest.mark.parametrize(
    ("name", "options"), [*((name, {}) for name in LISTS), *((name, more) for name, _, more in REFERENCES if more)]
)
@pytest.mark.parametrize("filler", [0.0, 1e4, math.nan])
@pytest.mark.parametrize("grade", [0, 9, -1])
def test_padding_changes_nothing(name: str, options: dict[str, Any], filler: float, grade: int) -> None:
    """Wherever it stands, whatever it holds: values and gradients are those of the lists alone."""
    scores, relevance = some_lists()
    places = [[1, 3, 4, 6, 8], [0, 8], [0, 1, 2, 4, 5, 7, 8], [3]]
    padded = torch.full((4, 9), filler, dtype=torch.float64)
    grades, mask = torch.full((4, 9), grade), torch.zeros(4, 9, dtype=torch.bool)
    for row, (place, s, y) in enumerate(zip(places, scores, relevance, strict=True)):
        padded[row, place], grades[row, place], mask[row, place] = s, y, True
    padded.requires_grad_()
    function = getattr(LF, name)
    total = function(padded, grades, mask=mask, reduction="total", **options)
    (slope,) = torch.autograd.grad(total.sum, padded)

    assert float(total.count) == (4 if name.startswith("list") else 3)  # one document alone is no pair
    values = function(padded, grades, mask=mask, reduction="none", **options)
    for row, (place, s, y) in enumerate(zip(places, scores, relevance, strict=True)):
        alone = s.clone().unsqueeze(0).requires_grad_()
        value = function(alone, y.unsqueeze(0), reduction="none", **options)
        (expected,) = torch.autograd.grad(value.sum(), alone)
        torch.testing.assert_close(values[row : row + 1], value)
        torch.testing.assert_close(slope[row, place], expected[0])
    assert not bool(slope[~mask].any())


@pytest.mark.parametrize("name", ["ranknet_loss", "lambdarank_loss"])
def test_lists_of_one_grade_do_not_count(name: str) -> None:
    scores = torch.tensor([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [1.0, 0.0, 2.0]], requires_grad=True)
    relevance = torch.tensor([[0, 0, 0], [2, 2, 2], [1, 0, 0]])
    function = getattr(LF, name)
    loss = function(scores, relevance)
    (slope,) = torch.autograd.grad(loss, scores)

    assert float(loss.detach()) == pytest.approx(float(function(scores[2:], relevance[2:]).detach()))
    assert not bool(slope[:2].any())
    assert bool(slope[2].all())
    assert float(function(scores[:2], relevance[:2]).detach()) == 0


def test_lists_without_documents_and_batches_without_lists_give_0() -> None:
    for name in LISTS:
        for shape in ((2, 0), (0, 3), (0, 0)):
            scores = torch.zeros(shape, requires_grad=True)
            loss = getattr(LF, name)(scores, torch.zeros(shape, dtype=torch.long))
            (slope,) = torch.autograd.grad(loss, scores)
            assert float(loss.detach()) == 0
            assert slope.shape == shape


def test_published_numbers_of_tensorflow_ranking() -> None:
    """Its documentation's examples; its pairwise loss divides the sum by the number of documents, padding included."""
    scores = torch.tensor([[0.6, 0.8, 0.0], [0.5, 0.8, 0.4]])
    relevance = torch.tensor([[1, 0, 0], [0, 1, 0]])
    mask = torch.tensor([[True, True, False], [True, True, True]])
    of_pairs = LF.ranknet_loss(scores, relevance, mask=mask, reduction="none")

    assert float(of_pairs[0] / 2) == pytest.approx(0.39906943, rel=1e-6)
    assert float((of_pairs[0] + 2 * of_pairs[1]) / 6) == pytest.approx(0.3109182, rel=1e-6)
    assert float(LF.listmle_loss(scores[:1], relevance[:1], mask=mask[:1])) == pytest.approx(0.7981389, rel=1e-6)


def test_lambdarank_gradients_are_the_lambdas_of_burges() -> None:
    """λ_i = sum over pairs of -σ |ΔNDCG| / (1 + exp(σ (s_i - s_j))), with opposite signs for i and j."""
    s, y = np.array([0.3, -1.0, 2.0, 0.1]), np.array([3, 1, 0, 2])
    order = ranking(s, y)
    now, lambdas = ndcg(order, y, None, "exponential"), np.zeros(4)
    for i, j in pairs(y):
        exchanged = [j if one == i else i if one == j else one for one in order]
        weight = abs(ndcg(exchanged, y, None, "exponential") - now)
        one = -2.0 * weight / (1 + math.exp(2.0 * (s[i] - s[j])))
        lambdas[i] += one
        lambdas[j] -= one
    scores = torch.tensor(s[None], requires_grad=True)
    (slope,) = torch.autograd.grad(LF.lambdarank_loss(scores, torch.tensor(y[None]), sigma=2.0), scores)

    np.testing.assert_allclose(slope[0].numpy(), lambdas)


def test_equal_scores_are_ranked_at_their_worst_whatever_the_order_of_the_documents() -> None:
    y = [3, 0, 2, 0, 2]
    values = {
        round(float(LF.lambdarank_loss(torch.zeros(1, 5), torch.tensor([order]))), 6)
        for order in set(itertools.permutations(y))
    }

    assert values == {round(lambdarank(np.zeros(5), np.array(y)), 6)}
    assert min(values) > 0


def test_gains_do_not_overflow() -> None:
    scores = torch.tensor([[1.0, 2.0, 3.0]], requires_grad=True)
    small, large = torch.tensor([[30, 20, 0]]), torch.tensor([[9030, 9020, 9000]])
    for relevance in (small, large):
        loss = LF.lambdarank_loss(scores, relevance)
        (slope,) = torch.autograd.grad(loss, scores)
        assert bool(torch.isfinite(loss))
        assert bool(torch.isfinite(slope).all())
    a, b = (float(LF.lambdarank_loss(scores.detach(), one)) for one in (small, large))
    assert a == pytest.approx(b, rel=1e-4)


def test_relevance_below_zero_counts_as_zero_in_lambdarank() -> None:
    scores = torch.tensor([[1.0, 2.0, 3.0, 0.5]])

    below = LF.lambdarank_loss(scores, torch.tensor([[-3, 1, -1, 2]]))
    assert float(below) == float(LF.lambdarank_loss(scores, torch.tensor([[0, 1, 0, 2]])))


@pytest.mark.parametrize("ties", ["efron", "given"])
@pytest.mark.parametrize("count", [1, 2, 3, 8, 50])
def test_listmle_at_equal_scores_is_the_logarithm_of_the_number_of_orders(count: int, ties: str) -> None:
    for relevance in (torch.arange(count), torch.zeros(count, dtype=torch.long), torch.arange(count) % 3):
        value = LF.listmle_loss(torch.full((1, count), 0.7, dtype=torch.float64), relevance.unsqueeze(0), ties=ties)
        assert float(value) == pytest.approx(math.log(math.factorial(count)), abs=1e-12)


def test_listmle_is_a_likelihood_over_all_orders() -> None:
    s = torch.tensor([[0.3, -1.2, 2.0, 0.5]], dtype=torch.float64)
    orders = list(itertools.permutations(range(4)))
    values = [float(LF.listmle_loss(s, torch.tensor([order]))) for order in orders]

    assert sum(math.exp(-value) for value in values) == pytest.approx(1)
    for order, value in zip(orders, values, strict=True):
        best_first = sorted(range(4), key=lambda i: -order[i])
        assert math.exp(-value) == pytest.approx(plackett_luce(s[0].tolist(), best_first))


def test_listmle_is_the_cox_likelihood_of_one_list() -> None:
    generator = torch.Generator().manual_seed(1)
    scores, relevance = torch.randn(9, generator=generator, dtype=torch.float64), torch.arange(9) % 4
    cox = LF.cox_loss(scores, -relevance, torch.ones(9), reduction="sum")

    torch.testing.assert_close(LF.listmle_loss(scores.unsqueeze(0), relevance.unsqueeze(0)), cox)


def test_ties_given_are_in_the_order_in_which_they_stand() -> None:
    s = torch.tensor([[1.0, 0.0, 3.0]], dtype=torch.float64)
    tied, ordered = torch.tensor([[1, 1, 1]]), torch.tensor([[3, 2, 1]])

    torch.testing.assert_close(LF.listmle_loss(s, tied, ties="given"), LF.listmle_loss(s, ordered))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 9, 31])
@pytest.mark.parametrize("spread", [0.0, 1.0, 300.0, 1e4])
def test_cumulative_sums_of_exponentials(count: int, spread: float) -> None:
    """In float32 against NumPy's logaddexp in float64, in any order, and the gradient against the exact one."""
    generator = np.random.default_rng(count)
    rows = [generator.normal(size=count), np.sort(generator.normal(size=count)), -np.sort(generator.normal(size=count))]
    x = torch.tensor(spread * np.array(rows), dtype=torch.float32, requires_grad=True)
    weight = torch.tensor(generator.normal(size=(3, count)), dtype=torch.float32)
    exact = np.logaddexp.accumulate(x.detach().double().numpy(), axis=1)
    y = prefix_log_sum_exp(x)
    (slope,) = torch.autograd.grad(y, x, weight)
    given = x.detach().double().numpy()
    expected = np.zeros((3, count))
    for i in range(count):
        share = np.exp(given[:, : i + 1] - exact[:, i : i + 1])
        expected[:, : i + 1] += weight.double().numpy()[:, i : i + 1] * share

    np.testing.assert_allclose(y.detach().numpy(), exact, rtol=3e-6, atol=3e-6)
    np.testing.assert_allclose(slope.numpy(), expected, atol=2e-6 * max(spread, 1.0) ** 0.5, rtol=2e-3)


@pytest.mark.parametrize("name", LISTS)
def test_scores_of_ten_thousand_in_the_wrong_order(name: str) -> None:
    scores = torch.tensor([[1e4, 0.0, -1e4]], requires_grad=True)
    loss = getattr(LF, name)(scores, torch.tensor([[0, 1, 2]]))
    (slope,) = torch.autograd.grad(loss, scores)
    q = top_one([0.0, 1.0, 2.0])
    expected = {
        "ranknet_loss": (1e4 + 1e4 + 2e4) / 3,
        "lambdarank_loss": lambdarank_of_far_scores(),
        "listnet_loss": q[1] * 1e4 + q[2] * 2e4,
        "listmle_loss": 2e4 + 1e4,
    }

    assert float(loss.detach()) == pytest.approx(expected[name], rel=1e-5)
    assert float(slope[0, 0]) > 0 > float(slope[0, 2])


def lambdarank_of_far_scores() -> float:
    """Where every difference is its own softplus."""
    order, y, total = [0, 1, 2], np.array([0, 1, 2]), 0.0
    now = ndcg(order, y, None, "exponential")
    for i, j in pairs(y):
        exchanged = [j if one == i else i if one == j else one for one in order]
        total += abs(ndcg(exchanged, y, None, "exponential") - now) * 1e4 * (i - j)
    return total


def test_bpr_keeps_its_gradient_where_the_logarithm_of_a_sigmoid_has_lost_it() -> None:
    positive = torch.tensor([-200.0], requires_grad=True)
    loss = LF.bpr_loss(positive, torch.tensor([0.0]))
    (slope,) = torch.autograd.grad(loss, positive)

    assert float(loss.detach()) == 200.0
    assert float(slope) == -1.0


def test_a_mean_over_all_pairs_is_a_weight_away() -> None:
    scores, relevance = some_lists()[0][2].reshape(1, 7), some_lists()[1][2].reshape(1, 7)
    scores, relevance = torch.cat((scores, -scores)), torch.cat((relevance, (relevance > 2).long()))
    above = relevance.unsqueeze(2) > relevance.unsqueeze(1)
    costs = torch.nn.functional.softplus(scores.unsqueeze(1) - scores.unsqueeze(2))

    weighed = LF.ranknet_loss(scores, relevance, weight=above.sum((1, 2)))
    torch.testing.assert_close(weighed, costs[above].mean())


def test_whole_lists_can_be_masked() -> None:
    scores, relevance = torch.randn(3, 4, generator=torch.Generator().manual_seed(0)), torch.arange(12).reshape(3, 4)
    for name in LISTS:
        function = getattr(LF, name)
        part = function(scores[:2], relevance[:2])
        torch.testing.assert_close(function(scores, relevance, mask=torch.tensor([True, True, False])), part)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("ranknet_loss", {"sigma": 0.0}, "ranknet_loss(sigma=0.0): expected a number > 0"),
        ("lambdarank_loss", {"k": 0}, "lambdarank_loss(k=0): expected a number >= 1"),
        ("lambdarank_loss", {"gain": "log"}, "lambdarank_loss(gain='log'): expected one of 'exponential', 'linear'"),
        ("listmle_loss", {"ties": "random"}, "listmle_loss(ties='random'): expected one of 'efron', 'given'"),
    ],
)
def test_options_out_of_range_are_told(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(LossError) as error:
        getattr(LF, name)(torch.zeros(2, 3), torch.zeros(2, 3, dtype=torch.long), **options)
    assert str(error.value) == message


def test_relevance_of_another_shape_is_told() -> None:
    with pytest.raises(LossError) as error:
        LF.listnet_loss(torch.zeros(2, 3), torch.zeros(2))
    assert str(error.value) == (
        "listnet_loss: relevance has shape (2,) beside scores of shape (2, 3). For scores (N, L) it must be (N, L), "
        "here (2, 3). Nothing is broadcast"
    )


@pytest.mark.parametrize("scale", [1e-8, 1e-3])
def test_exponential_gains_of_small_grades_do_not_cancel(scale: float) -> None:
    """For small grades they are in the ratios of the grades themselves."""
    scores, relevance = torch.tensor([[0.3, -0.2, 1.0, 0.1]]), torch.tensor([[3.0, 0.0, 1.0, 2.0]]) * scale
    exact = LF.lambdarank_loss(scores.double(), relevance.double())
    assert float(LF.lambdarank_loss(scores, relevance)) == pytest.approx(float(exact), rel=1e-5)
    assert float(exact) == pytest.approx(float(LF.lambdarank_loss(scores, relevance, gain="linear")), rel=2e-3)
