"""The traps of torch's losses, each shown by torch itself, in the order of the declarations."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.gradcheck import GradcheckError
from torch.nn import functional as F

from firststep.testing import check_loss

INF, NAN = math.inf, math.nan


def t(*values: Any) -> Tensor:
    return torch.tensor(list(values))


def slope(loss: Callable[..., Tensor], input: Tensor, *others: Tensor) -> tuple[float, list[float]]:
    """The value and the gradient by the first tensor."""
    input = input.detach().clone().requires_grad_()
    value = loss(input, *others)
    value.sum().backward()
    assert input.grad is not None
    return float(value.detach().sum()), input.grad.flatten().tolist()


LINEAR = [nn.LinearCrossEntropyLoss(3, 3)] if hasattr(nn, "LinearCrossEntropyLoss") else []


@pytest.mark.parametrize("loss", [nn.CrossEntropyLoss(), nn.NLLLoss(), *LINEAR])
def test_all_ignored_is_nan(loss: nn.Module) -> None:
    assert math.isnan(loss(torch.zeros(2, 3), t(-100, -100)).detach())


def test_cross_entropy_divides_by_weights() -> None:
    z, y, w = t([1.0, 0.0], [1.0, 0.0]), t(0, 1), t(1.0, 3.0)
    mean, each = nn.CrossEntropyLoss(weight=w)(z, y), nn.CrossEntropyLoss(weight=w, reduction="none")(z, y)
    halves = (nn.CrossEntropyLoss()(z, t(0, -100)) + nn.CrossEntropyLoss()(z, y)) / 2

    assert mean == pytest.approx(float(each.sum() / 4))
    assert each.mean() == pytest.approx(float(2 * mean))
    assert halves != pytest.approx(float(nn.CrossEntropyLoss()(torch.cat((z, z)), t(0, -100, 0, 1))))


def test_cross_entropy_with_a_masked_class() -> None:
    z = t([1.0, 2.0, -INF])

    assert nn.CrossEntropyLoss()(z, t(0)).isfinite()
    assert nn.CrossEntropyLoss(label_smoothing=0.1)(z, t(0)) == INF
    assert math.isnan(nn.CrossEntropyLoss()(z, t([0.5, 0.5, 0.0])))


def test_cross_entropy_takes_what_it_should_not() -> None:
    loss = nn.CrossEntropyLoss()

    assert loss(torch.randn(2, 3, 3), torch.zeros(2, 3, dtype=torch.long)).isfinite()  # (N, T, C)
    assert loss(F.one_hot(t(3), 10).float(), t(3)) == pytest.approx(math.log(1 + 9 / math.e))  # probabilities
    assert loss(torch.zeros(1, 3), torch.ones(1, 3)) == pytest.approx(3 * math.log(3))  # a target of sum 3


def test_cross_entropy_in_half_precision() -> None:
    assert nn.CrossEntropyLoss()(torch.zeros(1, 50257).bfloat16(), t(0)) == 10.8125
    many = torch.zeros(10000, 1000).half()
    assert nn.CrossEntropyLoss(reduction="sum")(many, torch.zeros(10000, dtype=torch.long)) == INF


def test_nll_takes_logits_and_probabilities() -> None:
    assert nn.NLLLoss()(t([2.0, 1.0]), t(0)) == -2.0
    assert nn.NLLLoss()(t([0.7, 0.3]), t(0)) == pytest.approx(-0.7)


def test_multi_margin_divides_by_all_classes_and_by_all_samples() -> None:
    few, many = torch.zeros(1, 2), torch.full((1, 20), -9.0)
    many[0, :2] = 0
    w = t(1.0, 10.0, 1.0)

    assert nn.MultiMarginLoss()(few, t(0)) == 0.5
    assert nn.MultiMarginLoss()(many, t(0)) == pytest.approx(1 / 20)
    assert nn.MultiMarginLoss(weight=w)(torch.zeros(2, 3), t(0, 1)) == pytest.approx(11 * 2 / 3 / 2)


def test_multi_margin_and_multilabel_margin_lack() -> None:
    z = torch.randn(1, 3, dtype=torch.float64, requires_grad=True)

    with pytest.raises(RuntimeError, match="target out of range"):
        nn.MultiMarginLoss()(torch.zeros(1, 3), t(-100))
    for loss, y in ((nn.MultiMarginLoss(), t(0)), (nn.MultiLabelMarginLoss(), t([0, -1, -1]))):
        with pytest.raises(RuntimeError, match=r"derivative for .* is not implemented"):
            torch.autograd.gradgradcheck(lambda x, loss=loss, y=y: loss(x, y), z)
        with pytest.raises(NotImplementedError, match="not implemented for 'BFloat16'"):
            loss(torch.zeros(1, 3).bfloat16(), y)


@pytest.mark.skipif(not hasattr(nn, "LinearCrossEntropyLoss"), reason="new in torch 2.13")
def test_linear_cross_entropy_keeps_the_logits_unless_told() -> None:
    sizes: list[int] = []

    def pack(saved: Tensor) -> Tensor:
        sizes.append(saved.numel())
        return saved

    x, y = torch.randn(512, 16, requires_grad=True), torch.zeros(512, dtype=torch.long)
    largest = []
    for options in (None, nn.LinearCrossEntropyOptions()):
        sizes.clear()
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda saved: saved):
            nn.LinearCrossEntropyLoss(16, 4000, options=options)(x, y)
        largest.append(max(sizes, default=0))

    assert largest[0] == 512 * 4000
    assert largest[1] < 512 * 4000 / 10


@pytest.mark.skipif(not hasattr(nn, "LinearCrossEntropyLoss"), reason="new in torch 2.13")
def test_linear_cross_entropy_in_chunks_goes_back_once() -> None:
    chunks = nn.LinearCrossEntropyOptions()
    x, y = torch.randn(8, 4, requires_grad=True), torch.zeros(8, dtype=torch.long)
    value = nn.LinearCrossEntropyLoss(4, 5, options=chunks)(x, y)
    value.backward(retain_graph=True)

    with pytest.raises(RuntimeError, match="chunked backward called twice"):
        value.backward()
    value = nn.LinearCrossEntropyLoss(4, 5, options=chunks)(x, y)
    (first,) = torch.autograd.grad(value, x, create_graph=True)
    with pytest.raises(RuntimeError):
        first.sum().backward()
    with pytest.warns(UserWarning, match="options.* ignored"):
        nn.LinearCrossEntropyLoss(4, 5, options=chunks, label_smoothing=0.1)(x, y)
    with pytest.warns(UserWarning, match="options.* ignored"):
        nn.LinearCrossEntropyLoss(4, 5, options=chunks)(x, torch.full((8, 5), 0.2))


@pytest.mark.skipif(not hasattr(nn, "LinearCrossEntropyLoss"), reason="new in torch 2.13")
def test_linear_cross_entropy_has_parameters_and_takes_rows() -> None:
    loss = nn.LinearCrossEntropyLoss(4, 5)

    assert [tuple(one.shape) for one in loss.parameters()] == [(5, 4)]
    with pytest.raises(RuntimeError, match="expected input with dimensionality 1 or 2, got 3"):
        loss(torch.randn(2, 3, 4), torch.zeros(2, 3, dtype=torch.long))


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
def test_adaptive_softmax_gives_later_clusters_less() -> None:
    tail = nn.AdaptiveLogSoftmaxWithLoss(16, 10, [3, 6]).tail
    starved = nn.AdaptiveLogSoftmaxWithLoss(8, 10, [3, 6])
    last = starved.log_prob(torch.randn(4, 8))[:, 6:]

    assert [len(one[0].weight) for one in tail] == [4, 1]  # pyright: ignore
    assert len(starved.tail[1][0].weight) == 0  # pyright: ignore
    assert torch.equal(last, last[:, :1].expand_as(last))


def test_adaptive_softmax_lacks() -> None:
    loss = nn.AdaptiveLogSoftmaxWithLoss(16, 10, [3, 6])

    assert not {"reduction", "weight", "ignore_index"} & set(inspect.signature(type(loss)).parameters)
    assert math.isnan(loss(torch.zeros(0, 16), torch.zeros(0, dtype=torch.long)).loss.detach())
    with pytest.raises(RuntimeError, match="Target values should be in"):
        loss(torch.zeros(2, 16), t(0, -100))
    assert check_loss("torch.nn.AdaptiveLogSoftmaxWithLoss", laws=["compile"]).failed == ["compile"]


def test_bce_after_a_sigmoid_stops_learning() -> None:
    def loss(z: Tensor, y: Tensor) -> Tensor:
        return nn.BCELoss()(z.sigmoid(), y)

    assert slope(loss, t(17.0), t(0.0)) == (100.0, [0.0])
    value, gradient = slope(nn.BCEWithLogitsLoss(), t(17.0), t(0.0))
    assert value == pytest.approx(17.0)
    assert gradient == pytest.approx([1.0])
    with pytest.raises(RuntimeError, match="all elements of input should be between 0 and 1"):
        nn.BCELoss()(t(1.5), t(1.0))
    with pytest.raises(RuntimeError, match="all elements of target should be between 0 and 1"):
        nn.BCELoss()(t(0.5), t(2.0))


def test_bce_with_logits_weighs_columns() -> None:
    image, first = torch.zeros(1, 2, 1, 2), torch.tensor([1.0, 0.0]).reshape(1, 2, 1, 1).expand(1, 2, 1, 2)
    w = t(1.0, 10.0)
    columns = nn.BCEWithLogitsLoss(pos_weight=w, reduction="none")(image, first)
    channels = nn.BCEWithLogitsLoss(pos_weight=w.reshape(2, 1, 1), reduction="none")(image, first)

    assert columns[0, 0, 0].tolist() == pytest.approx([math.log(2), 10 * math.log(2)])
    assert channels[0, 0, 0].tolist() == pytest.approx([math.log(2), math.log(2)])
    with pytest.raises(RuntimeError, match="must match the size"):
        nn.BCEWithLogitsLoss(pos_weight=w)(torch.zeros(1, 2, 1, 3), torch.zeros(1, 2, 1, 3))


def test_bce_with_logits_takes_any_target_and_no_infinity() -> None:
    loss = nn.BCEWithLogitsLoss()

    assert loss(t(3.0), t(255.0)) < -700
    assert math.isnan(loss(t(-INF), t(0.0)))
    assert math.isnan(loss(t(INF), t(1.0)))
    assert [round(float(loss(t(0.5), t(y))), 3) for y in (1.0, 0.0)] == [0.474, 0.974]  # after a sigmoid


def test_soft_margin_overflows() -> None:
    loss = nn.SoftMarginLoss()

    for dtype, last in ((torch.float32, -88.0), (torch.bfloat16, -88.0), (torch.float16, -11.0)):
        y = torch.ones(1, dtype=dtype)
        assert slope(loss, torch.tensor([last], dtype=dtype), y) == (-last, [-1.0])
        value, gradient = slope(loss, torch.tensor([last - 1], dtype=dtype), y)
        assert value == INF
        assert math.isnan(gradient[0])
    value, gradient = slope(loss, t(3.0), t(0.0))
    assert value == pytest.approx(math.log(2))
    assert gradient == [0.0]


def test_soft_margin_is_binary_cross_entropy() -> None:
    z, y = t(2.0, -1.0, 0.3), t(1.0, -1.0, -1.0)

    assert torch.allclose(nn.SoftMarginLoss()(z, y), nn.BCEWithLogitsLoss()(z, (y + 1) / 2))


def test_multilabel_soft_margin_takes_index_lists_and_divides_by_labels() -> None:
    loss = nn.MultiLabelSoftMarginLoss

    assert loss()(torch.ones(1, 3), t([0.0, 2.0, -1.0])).isfinite()
    assert loss(weight=t(3.0, 0.0, 0.0))(torch.zeros(1, 3), torch.ones(1, 3)) == pytest.approx(math.log(2))
    assert loss(weight=t(6.0, 0.0, 0.0))(torch.zeros(1, 3), torch.ones(1, 3)) == pytest.approx(2 * math.log(2))


def test_multilabel_margin_reads_a_list() -> None:
    loss, x = nn.MultiLabelMarginLoss(), t([0.1, 0.2, 0.4, 0.8])

    assert loss(x, t([3, 0, -1, 1])) == pytest.approx(0.85)
    assert loss(x, t([1, 0, 0, 1])) == pytest.approx(2.9)
    assert loss(x, t([3, 3, -1, -1])) == pytest.approx(2 * float(loss(x, t([3, -1, -1, -1]))))
    assert loss(x, t([-1, 3, 0, 1])) == 0


def test_margin_ranking_is_content_with_equal_scores_and_blind_to_zero_labels() -> None:
    assert nn.MarginRankingLoss()(t(0.0, 0.0), t(0.0, 0.0), t(1.0, -1.0)) == 0
    value, gradient = slope(nn.MarginRankingLoss(margin=1.0), t(-3.0), t(2.0), t(0.0))
    assert (value, gradient) == (1.0, [0.0])


def test_hinge_embedding() -> None:
    loss = nn.HingeEmbeddingLoss()

    assert loss(t(-5.0), t(1.0)) == -5.0
    assert [float(loss(t(x), t(0.0))) for x in (-3.0, 0.5, 3.0)] == [1.0, 1.0, 3.0]
    assert loss(torch.zeros(3, 1), torch.ones(3)) == 0  # broadcast, without a warning
    assert nn.HingeEmbeddingLoss(reduction="none")(torch.zeros(3, 1), torch.ones(3)).shape == (3, 3)
    assert slope(loss, t(math.sqrt(2)), t(-1.0)) == (0.0, [0.0])


def test_cosine_embedding() -> None:
    loss, a = nn.CosineEmbeddingLoss(), t([1.0, 2.0])

    assert slope(loss, a, -a, t(0)) == (0.0, [0.0, 0.0])
    long = t([17.0, 0.0]).half()
    assert slope(loss, long, long, t(1).half()) == (1.0, [0.0, 0.0])
    assert loss(long.float(), long.float(), t(1)) == 0
    zero = t([0.0, 0.0])
    assert math.isnan(loss(zero.half(), t([1.0, 0.0]).half(), t(1).half()))
    assert slope(loss, zero, t([1.0, 0.0]), t(1))[1][0] == pytest.approx(-1e6)
    with pytest.raises(RuntimeError, match="1D target tensor expects 2D input"):
        loss(torch.randn(3, 4, 5), torch.randn(3, 4, 5), torch.ones(3))


def test_cosine_embedding_of_random_directions() -> None:
    d = 64
    a, b = torch.randn(2, 50_000, d, generator=torch.manual_seed(0))

    assert nn.CosineEmbeddingLoss()(a, b, -torch.ones(50_000)) == pytest.approx(0.4 / math.sqrt(d), rel=0.02)


def test_triplet_margin() -> None:
    loss, zero = nn.TripletMarginLoss(), torch.zeros(1, 2)
    anchors, positives, negatives = t([0.0, 0.0], [0.0, 0.0]), t([1.0, 0.0], [0.0, 0.0]), t([1.0, 0.0], [9.0, 0.0])

    assert loss(anchors, positives, negatives) == 0.5  # of 1 and 0
    assert loss(zero, t([3.0, 0.0]), t([2.0, 0.0])) == pytest.approx(2.0)  # squares would give 6
    p, n = t([256.0, 23.0]), t([256.0, 22.5])
    assert loss(zero, p, n) == pytest.approx(1.04, abs=5e-3)
    assert loss(zero.bfloat16(), p.bfloat16(), n.bfloat16()) == 4.0
    assert loss(torch.zeros(3, 2), torch.zeros(1, 2), torch.zeros(3, 2)) == 1.0


def test_triplet_with_a_similarity_or_a_lambda() -> None:
    import pickle

    backwards = nn.TripletMarginWithDistanceLoss(distance_function=nn.CosineSimilarity())
    a = t([1.0, 0.0])

    assert backwards(a, a, -a) == 3.0
    assert nn.TripletMarginWithDistanceLoss(distance_function=lambda x, y: 1 - F.cosine_similarity(x, y))(a, a, -a) == 0
    with pytest.raises((AttributeError, pickle.PicklingError)):
        pickle.dumps(nn.TripletMarginWithDistanceLoss(distance_function=lambda x, y: x - y))


@pytest.mark.parametrize("loss", [nn.L1Loss(), nn.MSELoss(), nn.SmoothL1Loss(), nn.HuberLoss()])
def test_a_column_beside_a_row_is_broadcast_with_a_warning(loss: nn.Module) -> None:
    column, row = t([0.0], [1.0], [2.0]), t(0.0, 1.0, 2.0)

    with pytest.warns(UserWarning, match="Using a target size"):
        assert loss(column, row) > 0


def test_absolute_error() -> None:
    assert slope(nn.L1Loss(reduction="none"), t(1e-6, 100.0), torch.zeros(2))[1] == [1.0, 1.0]
    assert nn.L1Loss(reduction="sum")(torch.ones(70000).half(), torch.zeros(70000).half()) == INF


def test_squared_error() -> None:
    assert nn.MSELoss()(t(256.0).half(), t(0.0).half()) == INF
    assert nn.MSELoss()(t(255.0).half(), t(0.0).half()) < INF
    assert slope(nn.MSELoss(), t(3.0), t(1.0))[1] == [4.0]
    assert F.mse_loss(t(1.0, 2.0), torch.zeros(2), weight=t(1.0, 3.0)) == pytest.approx((1 + 3 * 4) / 4)


def test_smooth_l1_and_huber_differ_by_their_width() -> None:
    x = torch.linspace(-5, 5, 41)
    for width in (0.3, 1.0, 2.0):
        smooth, huber = nn.SmoothL1Loss(beta=width)(x, 0 * x), nn.HuberLoss(delta=width)(x, 0 * x)
        assert huber == pytest.approx(float(width * smooth))
        assert slope(nn.SmoothL1Loss(beta=width), t(4.0), t(0.0))[1] == [1.0]
        assert slope(nn.HuberLoss(delta=width), t(4.0), t(0.0))[1] == pytest.approx([width])
        assert slope(nn.SmoothL1Loss(beta=width), t(0.1), t(0.0))[1] == pytest.approx([0.1 / width])
    prices, guesses = t(250_000.0, 410_000.0), t(240_000.0, 400_000.0)
    assert nn.HuberLoss()(guesses, prices) == pytest.approx(float(nn.L1Loss()(guesses, prices)), rel=1e-4)


def test_kl_divergence() -> None:
    loss = nn.KLDivLoss(reduction="batchmean")
    p, q = t([0.7, 0.2, 0.1]), torch.full((1, 3), 1 / 3)
    true = float((p * (p / q).log()).sum())

    assert loss(q.log(), p) == pytest.approx(true)
    with pytest.warns(UserWarning, match="reduction: 'mean' divides the total loss"):
        assert nn.KLDivLoss()(q.log(), p) == pytest.approx(true / 3)
    assert loss(q, p) < 0  # probabilities
    assert loss(t([3.0, 0.0, 0.0]), p) < 0  # logits
    assert math.isnan(loss(p, q.log()))  # exchanged
    half = t([0.5, 0.5, 0.0])
    assert math.isnan(loss(half.log(), half))
    assert math.isnan(nn.KLDivLoss(reduction="batchmean", log_target=True)(q.log(), half.log()))


def test_poisson() -> None:
    loss = nn.PoissonNLLLoss()

    for dtype, last in ((torch.float32, 88.0), (torch.float16, 11.0)):
        y = torch.ones(1, dtype=dtype)
        assert loss(torch.tensor([last], dtype=dtype), y).isfinite()
        assert slope(loss, torch.tensor([last + 1], dtype=dtype), y) == (INF, [INF])
    assert loss(t(0.5), t(-3.0)).isfinite()
    assert loss(t(0.5), t(1.5)).isfinite()
    assert nn.PoissonNLLLoss(reduction="none")(torch.zeros(3, 1), torch.ones(3)).shape == (3, 3)
    assert math.isnan(nn.PoissonNLLLoss(log_input=False)(t(-1.0), t(2.0)))
    full = nn.PoissonNLLLoss(full=True, reduction="none")(torch.zeros(2), t(1.0, 2.0))
    stirling = 2 * math.log(2) - 2 + math.log(4 * math.pi) / 2
    assert full.tolist() == pytest.approx([1.0, 1.0 + stirling])


def test_gaussian() -> None:
    loss, zero, one = nn.GaussianNLLLoss(), t(0.0), t(1.0)

    value, gradient = slope(lambda v: loss(zero, one, v), zero)
    assert value == pytest.approx(5e5, rel=1e-3)
    assert gradient[0] == pytest.approx(-5e11, rel=1e-3)
    value, gradient = slope(lambda v: loss(zero.half(), one.half(), v), zero.half())
    assert value == INF
    assert math.isnan(gradient[0])
    assert loss(zero, t(3.0), t(3.0)) > loss(zero, t(3.0), t(9.0))  # a standard deviation in its place
    assert nn.GaussianNLLLoss(reduction="none")(torch.zeros(3, 1), torch.ones(3), torch.ones(3, 1)).shape == (3, 3)
    assert loss(torch.zeros(3, 2), torch.ones(3, 2), torch.ones(3)).isfinite()
    assert check_loss("torch.nn.GaussianNLLLoss", laws=["compile", "no_sync"]).failed == ["compile", "no_sync"]


def ctc(log_probs: Tensor, labels: list[int], **options: Any) -> Tensor:
    n, count = log_probs.shape[1], len(labels)
    return nn.CTCLoss(**options)(
        log_probs, torch.tensor([labels] * n), torch.full((n,), len(log_probs)), torch.full((n,), count)
    )


def test_ctc_takes_logits_and_batch_first() -> None:
    assert ctc(torch.full((3, 1, 4), 5.0), [1]) < 0
    frames = torch.randn(4, 4, 5).log_softmax(-1)
    assert ctc(frames, [1, 2]) != pytest.approx(float(ctc(frames.transpose(0, 1), [1, 2])))


def test_ctc_without_room() -> None:
    log_probs = torch.zeros(3, 1, 4).log_softmax(-1)

    assert ctc(log_probs, [1, 2, 3]).isfinite()
    assert ctc(log_probs, [1, 1]).isfinite()  # three frames: 1, blank, 1
    assert ctc(log_probs[:2], [1, 1]) == INF
    value, gradient = slope(lambda x: ctc(x, [1, 2, 3, 1]), log_probs)
    assert value == INF
    assert all(math.isnan(one) for one in gradient)
    assert slope(lambda x: ctc(x, [1, 2, 3, 1], zero_infinity=True), log_probs) == (0.0, [0.0] * 12)


@pytest.mark.parametrize("label", [-1, 4])
def test_ctc_reads_outside_of_the_tensor(label: int) -> None:
    found = []
    for outside in (-2.0, 3.0):
        memory = torch.full((3, 1, 6), -2.0)
        memory[..., 0] = memory[..., 5] = outside
        found.append(float(ctc(memory[..., 1:5], [label])))

    assert found[0] != found[1]
    assert ctc(torch.zeros(3, 1, 4).log_softmax(-1), [0]).isfinite()  # the blank as a label


def test_ctc_divides_by_labels_first() -> None:
    log_probs = torch.randn(9, 2, 5, generator=torch.manual_seed(0)).log_softmax(-1)
    given = (log_probs, t([1, 2, 3, 4], [1, 0, 0, 0]), t(9, 9), t(4, 1))
    each = nn.CTCLoss(reduction="none")(*given)

    assert nn.CTCLoss()(*given) == pytest.approx(float((each[0] / 4 + each[1]) / 2))


def test_ctc_lacks() -> None:
    z = torch.randn(3, 1, 4, dtype=torch.float64, requires_grad=True)

    assert torch.autograd.gradcheck(lambda x: ctc(x.log_softmax(-1), [1]), z)
    with pytest.raises(GradcheckError):
        torch.autograd.gradcheck(lambda x: ctc(x, [1]), z.detach().log_softmax(-1).requires_grad_())
    with pytest.raises(RuntimeError, match=r"derivative for .* is not implemented"):
        torch.autograd.gradgradcheck(lambda x: ctc(x.log_softmax(-1), [1]), z)
    with pytest.raises(NotImplementedError, match="not implemented for 'BFloat16'"):
        ctc(z.detach().bfloat16(), [1])
    assert check_loss("torch.nn.CTCLoss", laws=["compile"]).failed == ["compile"]
