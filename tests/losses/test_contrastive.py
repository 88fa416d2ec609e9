"""InfoNCE, NT-Xent, CLIP, SigLIP and supervised contrastive losses against loops written from the papers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from firststep import LossError, losses
from firststep.losses import functional
from firststep.testing import check_loss


def cosine(a: Any, b: Any) -> float:
    return float(a @ b / math.sqrt(float(a @ a) * float(b @ b)))


def log_sum_exp(numbers: list[float]) -> float:
    top = max(numbers)
    return top + math.log(sum(math.exp(one - top) for one in numbers))


def info_nce(query: Any, key: Any, temperature: float = 0.07) -> list[float]:
    values = []
    for i, q in enumerate(query):
        scores = [cosine(q, k) / temperature for k in key]
        values.append(log_sum_exp(scores) - scores[i])
    return values


def nt_xent(first: Any, second: Any, temperature: float = 0.5) -> list[list[float]]:
    n, views = len(first), [*first, *second]
    values = []
    for i in range(2 * n):
        other = (i + n) % (2 * n)
        scores = [cosine(views[i], views[k]) / temperature for k in range(2 * n) if k != i]
        values.append(log_sum_exp(scores) - cosine(views[i], views[other]) / temperature)
    return [[values[i], values[i + n]] for i in range(n)]


def clip(image: Any, text: Any, logit_scale: Any, max_scale: float = 100.0) -> list[float]:
    temperature = 1 / min(math.exp(float(logit_scale)), max_scale)
    pairs = zip(info_nce(image, text, temperature), info_nce(text, image, temperature), strict=True)
    return [(a + b) / 2 for a, b in pairs]


def siglip(image: Any, text: Any, logit_scale: Any, logit_bias: Any) -> list[float]:
    values = []
    for i, x in enumerate(image):
        total = 0.0
        for j, y in enumerate(text):
            sign = 1.0 if i == j else -1.0
            z = math.exp(float(logit_scale)) * cosine(x, y) + float(logit_bias)
            total += math.log1p(math.exp(-sign * z))
        values.append(total)
    return values


def supervised_contrastive(embeddings: Any, labels: Any, temperature: float = 0.1) -> tuple[list[float], list[bool]]:
    values, counts = [], []
    for i, z in enumerate(embeddings):
        others = [a for a in range(len(labels)) if a != i]
        positives = [p for p in others if labels[p] == labels[i]]
        bottom = log_sum_exp([cosine(z, embeddings[a]) / temperature for a in others])
        terms = [cosine(z, embeddings[p]) / temperature - bottom for p in positives]
        values.append(-sum(terms) / len(terms) if terms else 0.0)
        counts.append(bool(terms))
    return values, counts


REFERENCES: list[tuple[str, Callable[..., Any], dict[str, float]]] = [
    *(("info_nce_loss", info_nce, {"temperature": t}) for t in (0.07, 0.5, 2.0)),
    *(("nt_xent_loss", nt_xent, {"temperature": t}) for t in (0.1, 0.5, 2.0)),
    ("clip_loss", clip, {}),
    ("clip_loss", clip, {"max_scale": 2.0}),
    ("siglip_loss", siglip, {}),
    *(("supervised_contrastive_loss", supervised_contrastive, {"temperature": t}) for t in (0.1, 0.5, 2.0)),
]


@pytest.mark.parametrize(("name", "reference", "options"), REFERENCES)
def test_values_and_gradients_are_those_of_the_formula(
    name: str, reference: Callable[..., Any], options: dict[str, float]
) -> None:
    check_loss(name, options=options, reference=reference, laws=["reference"]).raise_if_failed()


def rows(n: int, dim: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(seed))


def test_random_directions_start_as_declared() -> None:
    # ln N and at most the variance of a score, 1/(T^2 D), halved; N = 512, D = 256, T = 0.07 as in MoCo's code. One
    # mean of 512 values of standard deviation 0.9 scatters by 0.04; seeds are fixed.
    value = float(functional.info_nce_loss(rows(512, 256), rows(512, 256, seed=1)))

    assert math.log(512) + 0.2 < value < math.log(512) + 1 / (2 * 0.07**2 * 256) + 0.1


def test_siglip_starts_near_ten_with_its_own_scale_and_bias() -> None:
    loss = losses.SigLIPLoss()

    value = float(loss(rows(64, 512), rows(64, 512, seed=1)).detach())

    assert float(loss.logit_scale.detach().exp()) == pytest.approx(10)
    assert float(loss.logit_bias.detach()) == -10
    assert value == pytest.approx(10, abs=0.1)


def test_clip_starts_at_the_temperature_of_the_paper() -> None:
    loss = losses.CLIPLoss()

    assert float(loss.logit_scale.detach().exp()) == pytest.approx(1 / 0.07)
    assert [name for name, _ in loss.named_parameters()] == ["logit_scale"]
    assert loss.logit_scale.shape == ()


def test_labels_of_two_views_make_supervised_contrastive_nt_xent() -> None:
    first, second = rows(5, 8).double(), rows(5, 8, seed=1).double()
    labels = torch.arange(5).repeat(2)

    supervised = functional.supervised_contrastive_loss(
        torch.cat((first, second)), labels, temperature=0.3, reduction="none"
    )

    views = functional.nt_xent_loss(first, second, temperature=0.3, reduction="none")
    torch.testing.assert_close(supervised.reshape(2, 5).T, views)


def test_clip_is_info_nce_both_ways() -> None:
    image, text = rows(6, 8).double(), rows(6, 8, seed=1).double()

    value = functional.clip_loss(image, text, torch.tensor(math.log(5.0), dtype=torch.float64), reduction="none")

    there = functional.info_nce_loss(image, text, temperature=0.2, reduction="none")
    back = functional.info_nce_loss(text, image, temperature=0.2, reduction="none")
    torch.testing.assert_close(value, (there + back) / 2)


def test_the_scale_of_clip_is_held_and_may_come_back_from_the_bound() -> None:
    image, text = rows(6, 8), rows(6, 8, seed=1)

    def value_and_slope(t: float) -> tuple[float, float]:
        scale = torch.tensor(t, requires_grad=True)
        value = functional.clip_loss(image, text, scale)
        return float(value.detach()), float(torch.autograd.grad(value, scale)[0])

    at_bound, beyond = value_and_slope(math.log(100)), value_and_slope(1e4)
    assert beyond[0] == pytest.approx(at_bound[0], rel=1e-5)
    assert beyond[1] == 0
    assert at_bound[1] > 0
    with pytest.raises(LossError) as error:
        functional.clip_loss(image, text, torch.tensor(1.0), max_scale=0)
    assert str(error.value) == "clip_loss(max_scale=0): expected a number > 0"


@pytest.mark.parametrize("name", ["info_nce_loss", "nt_xent_loss", "supervised_contrastive_loss"])
@pytest.mark.parametrize("temperature", [0.0, -0.1])
def test_a_temperature_must_be_positive(name: str, temperature: float) -> None:
    with pytest.raises(LossError) as error:
        getattr(functional, name)(rows(3, 2), torch.zeros(3).long(), temperature=temperature)
    assert str(error.value) == f"{name}(temperature={temperature}): expected a number > 0"


def test_a_temperature_may_be_learned() -> None:
    temperature = torch.tensor(0.5, requires_grad=True)
    query, key = rows(4, 8), rows(4, 8, seed=1)

    (slope,) = torch.autograd.grad(functional.info_nce_loss(query, key, temperature=temperature), temperature)

    ends = [float(functional.info_nce_loss(query.double(), key.double(), temperature=t)) for t in (0.501, 0.499)]
    assert float(slope) == pytest.approx((ends[0] - ends[1]) / 0.002, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "own"), [("clip_loss", [1.0]), ("siglip_loss", [1.5, -3.0]), ("info_nce_loss", []), ("nt_xent_loss", [])]
)
def test_masked_pairs_are_neither_anchors_nor_negatives(name: str, own: list[float]) -> None:
    loss = getattr(functional, name)
    keep = torch.tensor([True, False, True, True, False])

    def gradients(a: torch.Tensor, b: torch.Tensor, mask: torch.Tensor | None) -> list[torch.Tensor]:
        leaves = [one.clone().requires_grad_() for one in (a, b, *(torch.tensor(x).double() for x in own))]
        value = loss(*leaves, mask=mask)
        return [value, *torch.autograd.grad(value, leaves)]

    first, second = rows(5, 4).double(), rows(5, 4, seed=1).double()
    masked, alone = gradients(first, second, keep), gradients(first[keep], second[keep], None)

    torch.testing.assert_close(masked[0], alone[0])
    for with_them, without in zip(masked[1:3], alone[1:3], strict=True):
        torch.testing.assert_close(with_them[keep], without)
        assert not with_them[~keep].any()
    for with_them, without in zip(masked[3:], alone[3:], strict=True):
        torch.testing.assert_close(with_them, without)


def test_a_masked_sample_is_nobodys_positive() -> None:
    embeddings = rows(4, 3).double()
    labels = torch.tensor([0, 0, 1, 1])

    total = functional.supervised_contrastive_loss(
        embeddings, labels, mask=torch.tensor([True, False, True, True]), reduction="total"
    )

    assert float(total.count) == 2  # the first anchor has lost its only positive
    values, _ = supervised_contrastive(embeddings[[0, 2, 3]].numpy(), [0, 1, 1])
    assert float(total.sum) == pytest.approx(values[1] + values[2])


def test_without_a_positive_nothing_counts_and_nothing_is_nan() -> None:
    embeddings = rows(3, 4).requires_grad_()

    value = functional.supervised_contrastive_loss(embeddings, torch.arange(3))
    total = functional.supervised_contrastive_loss(embeddings, torch.arange(3), reduction="total")

    assert float(value.detach()) == 0
    assert float(total.count) == 0
    assert not torch.autograd.grad(value, embeddings)[0].any()


@pytest.mark.parametrize("name", ["info_nce_loss", "nt_xent_loss"])
def test_one_sample_has_no_negatives_and_costs_nothing(name: str) -> None:
    first = rows(1, 4).requires_grad_()

    value = getattr(functional, name)(first, rows(1, 4, seed=1))

    assert float(value.detach()) == pytest.approx(0, abs=1e-6)
    assert torch.autograd.grad(value, first)[0].abs().max() < 1e-5


@pytest.mark.parametrize("spec", [s for s in losses.catalog.family("contrastive") if s.kernel], ids=lambda s: s.name)
@pytest.mark.parametrize("case", ["zero", "equal", "huge", "opposite"])
def test_gradients_are_finite_for_degenerate_embeddings(spec: losses.LossSpec, case: str) -> None:
    assert spec.draw is not None
    made = {"zero": 0 * rows(6, 8), "equal": rows(1, 8).repeat(6, 1), "huge": 1e4 * rows(6, 8)}
    embeddings = made.get(case, rows(1, 8) * torch.tensor([[1.0], [-1.0]] * 3)).requires_grad_()
    rest = [one.float() if one.is_floating_point() else one for one in spec.draw(torch.Generator(), 6)[1:]]

    value = getattr(functional, spec.name)(embeddings, *rest)

    assert math.isfinite(float(value.detach()))
    (slope,) = torch.autograd.grad(value, embeddings)
    assert torch.isfinite(slope).all()
    assert slope.abs().max() < 1e3


def test_siglip_is_never_negative_however_sure() -> None:
    eye = torch.eye(8)

    each = functional.siglip_loss(eye, eye, torch.tensor(math.log(500.0)), torch.tensor(-200.0), reduction="none")

    assert (each >= 0).all()
    assert each.max() < 1e-30


def test_every_pair_of_siglip_is_a_binary_cross_entropy() -> None:
    image, text = rows(5, 8).double(), rows(5, 8, seed=1).double()
    cosines = torch.nn.functional.cosine_similarity(image.unsqueeze(1), text.unsqueeze(0), dim=2)

    value = functional.siglip_loss(image, text, torch.tensor(1.2).double(), torch.tensor(-2.0).double())

    each = torch.nn.functional.binary_cross_entropy_with_logits(
        math.exp(float(np.float32(1.2))) * cosines - 2, torch.eye(5).double(), reduction="sum"
    )
    torch.testing.assert_close(value, each / 5)


@pytest.mark.parametrize(
    ("name", "dtypes", "words"),
    [
        ("info_nce_loss", "fd", "query is float32 and key float64, expected one dtype. Type key.to(query.dtype)"),
        ("info_nce_loss", "dh", "query is float64 and key bfloat16, expected one dtype. Type key.to(query.dtype)"),
        (
            "triplet_margin_loss",
            "ffd",
            "anchor is float32 and negative float64, expected one dtype. Type negative.to(anchor.dtype)",
        ),
    ],
)
def test_embeddings_of_two_precisions_are_refused_in_words(name: str, dtypes: str, words: str) -> None:
    kinds = {"f": torch.float32, "d": torch.float64, "h": torch.bfloat16}
    with pytest.raises(LossError) as error:
        getattr(functional, name)(*(rows(4, 3).to(kinds[one]) for one in dtypes))
    assert str(error.value) == f"{name}: {words}"


def test_half_embeddings_go_with_float32_ones() -> None:
    query, key = rows(4, 3).bfloat16(), rows(4, 3, seed=1)
    torch.testing.assert_close(functional.info_nce_loss(query, key), functional.info_nce_loss(query.float(), key))
