"""ArcFace and CosFace against angles by arccos, at angles where the gradient of arccos is infinite, and beyond pi."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from firststep import LossError, losses
from firststep.losses import functional
from firststep.testing import check_loss


def softmax_loss(scores: list[float], target: int) -> float:
    top = max(scores)
    return top + math.log(sum(math.exp(one - top) for one in scores)) - scores[target]


def cosines(x: Any, centers: Any) -> list[float]:
    return [float(x @ w) / math.sqrt(float(x @ x) * float(w @ w)) for w in centers]


def arcface(
    embeddings: Any, target: Any, centers: Any, scale: float = 64.0, margin: float = 0.5, easy_margin: bool = False
) -> list[float]:
    values = []
    for x, y in zip(embeddings, target, strict=True):
        found = cosines(x, centers)
        theta = math.acos(found[y])
        if easy_margin:
            moved = math.cos(theta + margin) if theta < math.pi / 2 else found[y]
        elif theta + margin < math.pi:
            moved = math.cos(theta + margin)
        else:
            moved = found[y] - margin * math.sin(margin)
        scores = [scale * (moved if j == y else one) for j, one in enumerate(found)]
        values.append(softmax_loss(scores, y))
    return values


def cosface(embeddings: Any, target: Any, centers: Any, scale: float = 64.0, margin: float = 0.35) -> list[float]:
    values = []
    for x, y in zip(embeddings, target, strict=True):
        scores = [scale * (one - margin * (j == y)) for j, one in enumerate(cosines(x, centers))]
        values.append(softmax_loss(scores, y))
    return values


ARCFACE: list[dict[str, Any]] = [
    {},
    {"scale": 8.0},
    {"scale": 8.0, "margin": 1.5},
    {"scale": 8.0, "easy_margin": True},
    {"margin": 0.0},
]
COSFACE: list[dict[str, Any]] = [{}, {"scale": 8.0}, {"scale": 8.0, "margin": 1.0}, {"margin": 0.0}]
REFERENCES: list[tuple[str, Callable[..., Any], dict[str, Any]]] = [
    *(("arcface_loss", arcface, options) for options in ARCFACE),
    *(("cosface_loss", cosface, options) for options in COSFACE),
]


@pytest.mark.parametrize(("name", "reference", "options"), REFERENCES)
def test_values_and_gradients_are_those_of_the_formula(
    name: str, reference: Callable[..., Any], options: dict[str, Any]
) -> None:
    for seed in range(3):
        check_loss(name, options=options, reference=reference, laws=["reference"], seed=seed).raise_if_failed()


def at_angle(degrees: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """One embedding at an angle to its center, and at 90 degrees to the only other."""
    angle = math.radians(degrees)
    embedding = torch.tensor([[math.cos(angle), math.sin(angle), 0.0]], dtype=torch.float64)
    return embedding, torch.tensor([0]), torch.tensor([[1.0, 0, 0], [0, 0, 1.0]], dtype=torch.float64)


@pytest.mark.parametrize(
    ("degrees", "margin", "moved"),
    [
        (30, math.radians(30), 0.5),  # cos 60
        (60, math.radians(30), 0.0),  # cos 90
        (90, math.radians(30), -0.5),  # cos 120
        (149, math.radians(30), math.cos(math.radians(179))),
        (151, math.radians(30), math.cos(math.radians(151)) - math.pi / 12),  # m sin m = pi/6 * 1/2
        (180, math.radians(30), -1 - math.pi / 12),
    ],
)
def test_angles_with_known_cosines(degrees: float, margin: float, moved: float) -> None:
    value = functional.arcface_loss(*at_angle(degrees), scale=4.0, margin=margin)

    assert float(value) == pytest.approx(math.log1p(math.exp(-4 * moved)), rel=1e-9)


def test_the_loss_never_falls_while_the_angle_grows() -> None:
    values = [float(functional.arcface_loss(*at_angle(degree), scale=4.0)) for degree in range(181)]

    assert values == sorted(values)
    # The authors' substitute begins 0.117 below cos(pi) = -1: cos(m) + m sin(m) - 1.
    steps = [after - before for before, after in itertools.pairwise(values)]
    assert 4 * 0.117 < max(steps) < 4 * 0.117 + 4 * math.radians(1)


@pytest.mark.parametrize("name", ["arcface_loss", "cosface_loss"])
@pytest.mark.parametrize("cosine", [1.0, -1.0])
@pytest.mark.parametrize("length", [1e-3, 1.0, 1e4])
def test_the_gradient_is_finite_at_a_center_and_opposite_to_it(name: str, cosine: float, length: float) -> None:
    generator = torch.Generator().manual_seed(0)
    centers = torch.randn(5, 16, generator=generator).requires_grad_()
    target = torch.arange(5)
    embeddings = (cosine * length * centers.detach()).requires_grad_()

    value = getattr(functional, name)(embeddings, target, centers)

    assert math.isfinite(float(value.detach()))
    for slope in torch.autograd.grad(value, (embeddings, centers)):
        assert torch.isfinite(slope).all()
        # At most s / |x| for each of two terms and every sample's fifth, with room for the rounding of a sine.
        assert slope.abs().max() < 200 / min(length, 1.0)


def test_a_zero_embedding_has_a_finite_gradient() -> None:
    embeddings = torch.zeros(2, 4, requires_grad=True)

    value = functional.arcface_loss(embeddings, torch.tensor([0, 1]), torch.eye(4)[:3])

    assert torch.isfinite(torch.autograd.grad(value, embeddings)[0]).all()


def test_the_module_holds_the_centers() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        loss = losses.ArcFaceLoss(num_classes=50, embedding_dim=40, scale=30.0)

    assert [(name, tuple(one.shape)) for name, one in loss.named_parameters()] == [("centers", (50, 40))]
    # 2000 normal numbers: their standard deviation scatters by 1.6 %.
    assert float(loss.centers.detach().std()) == pytest.approx(0.01, rel=0.08)
    embeddings, target = torch.ones(3, 40), torch.tensor([0, 1, 49])
    value = loss(embeddings, target)
    value.backward()
    assert loss.centers.grad is not None
    assert torch.equal(value, functional.arcface_loss(embeddings, target, loss.centers, scale=30.0))
    with pytest.raises(TypeError, match=r"^ArcFaceLoss needs 'embedding_dim', a size of its parameter 'centers'$"):
        losses.ArcFaceLoss(num_classes=3)


def test_ignored_targets_do_not_count() -> None:
    embeddings, centers = torch.eye(3), torch.eye(3)

    value = functional.cosface_loss(embeddings, torch.tensor([0, -100, 1]), centers, scale=4.0)

    assert torch.equal(value, functional.cosface_loss(embeddings[[0, 2]], torch.tensor([0, 1]), centers, scale=4.0))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("arcface_loss", {"margin": 2.0}, "arcface_loss(margin=2.0): expected 0 <= margin <= 1.5708"),
        ("arcface_loss", {"scale": 0.0}, "arcface_loss(scale=0.0): expected a number > 0"),
        ("cosface_loss", {"margin": -0.1}, "cosface_loss(margin=-0.1): expected a number >= 0"),
    ],
)
def test_options_out_of_range(name: str, options: dict[str, float], message: str) -> None:
    with pytest.raises(LossError) as error:
        getattr(functional, name)(*at_angle(10), **options)
    assert str(error.value) == message
