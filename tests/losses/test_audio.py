"""SI-SDR beside its formula, the angle it stands for, and what it says of silence."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from firststep import LossError, losses
from firststep.testing import check_loss

Array = NDArray[np.float64]
F = losses.functional


def si_sdr(input: Array, target: Array, zero_mean: bool = True, eps: float = 1e-10) -> Array:
    values = []
    for x, y in zip(input, target, strict=True):
        if zero_mean:
            x, y = x - x.mean(), y - y.mean()
        scaled = (x @ y) / (y @ y) * y
        error, whole = x - scaled, x @ x
        values.append(-10 * np.log10((scaled @ scaled / whole + eps) / (error @ error / whole + eps)))
    return np.array(values)


@pytest.mark.parametrize("options", [{}, {"zero_mean": False}, {"eps": 1e-2}])
def test_values_and_gradients_are_those_of_the_formula(options: dict[str, Any]) -> None:
    check_loss("si_sdr_loss", options=options, reference=si_sdr, laws=["reference"]).raise_if_failed()


def waves(length: int = 400) -> tuple[Tensor, Tensor]:
    """Two tones that know nothing of each other, each of energy length / 2."""
    t = 2 * torch.pi * torch.arange(length, dtype=torch.float64) / length
    return torch.sin(5 * t), torch.sin(17 * t)


@pytest.mark.parametrize("decibel", [-20.0, 0.0, 13.0, 60.0])
def test_of_a_target_and_orthogonal_noise_it_is_the_signal_to_noise_ratio(decibel: float) -> None:
    tone, noise = waves()
    output = 3.7 * (tone + 10 ** (-decibel / 20) * noise) + 0.4  # louder, and off by a constant

    assert float(F.si_sdr_loss(output[None], tone[None])) == pytest.approx(-decibel, abs=5e-4)


def test_the_best_and_the_worst_are_bounded_by_eps() -> None:
    tone, noise = waves()

    assert float(F.si_sdr_loss(-2 * tone[None], tone[None])) == pytest.approx(-100, abs=1e-6)
    assert float(F.si_sdr_loss(noise[None], tone[None])) == pytest.approx(100, abs=1e-6)
    assert float(F.si_sdr_loss(tone[None], tone[None], eps=1e-3)) == pytest.approx(-10 * math.log10(1001), abs=1e-9)


def test_float32_does_not_cancel_near_perfection() -> None:
    tone, noise = waves(16_000)
    output, target = ((tone + 1e-4 * noise).float(), tone.float())

    value = float(F.si_sdr_loss(output[None], target[None]))

    assert value == pytest.approx(float(F.si_sdr_loss(output[None].double(), target[None].double())), abs=1e-2)
    assert value == pytest.approx(-80, abs=0.1)


@pytest.mark.parametrize("scale", [1e-15, 1e-4, 1e4, 1e12])
def test_loudness_does_not_matter_in_float32(scale: float) -> None:
    tone, noise = (one.float()[None] for one in waves())
    expected = float(F.si_sdr_loss(tone + noise, tone))

    assert float(F.si_sdr_loss(scale * (tone + noise), tone)) == pytest.approx(expected, abs=1e-4)
    assert float(F.si_sdr_loss(tone + noise, scale * tone)) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("silence", [0.0, 0.1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_silent_output_is_worth_0_decibel_and_is_led_to_the_target(silence: float, dtype: torch.dtype) -> None:
    tone = waves()[0].to(dtype)
    output = torch.full((1, 400), silence, dtype=dtype).requires_grad_()

    value = F.si_sdr_loss(output, tone[None])
    (gradient,) = torch.autograd.grad(value, output)

    assert float(value.detach()) == pytest.approx(0, abs=1e-6)
    torch.testing.assert_close(gradient[0], -20 / math.log(10) * tone / 200, rtol=1e-4, atol=1e-7)
    assert float(F.si_sdr_loss((output - gradient).detach(), tone[None])) < -50


def test_a_silent_target_does_not_count() -> None:
    tone, noise = waves()
    outputs = torch.stack((tone + noise, noise)).requires_grad_()
    targets = torch.stack((tone, torch.full_like(tone, 0.1)))

    both, first = F.si_sdr_loss(outputs, targets), F.si_sdr_loss(outputs[:1], targets[:1])
    (gradient,) = torch.autograd.grad(both, outputs)

    assert float(both.detach()) == float(first.detach())
    assert float(F.si_sdr_loss(outputs, targets, reduction="total").count) == 1
    assert torch.equal(gradient[1], torch.zeros_like(tone))
    assert bool(torch.isfinite(gradient).all())

    nothing = F.si_sdr_loss(outputs[1:], targets[1:])
    assert float(nothing.detach()) == 0
    assert torch.equal(torch.autograd.grad(nothing, outputs)[0], torch.zeros_like(outputs))


def test_silence_beside_silence_is_zero() -> None:
    silent = torch.zeros(2, 50, requires_grad=True)

    value = F.si_sdr_loss(silent, torch.zeros(2, 50))

    assert float(value.detach()) == 0
    assert torch.equal(torch.autograd.grad(value, silent)[0], torch.zeros(2, 50))


def test_each_channel_has_a_value_of_its_own() -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(3, 2, 64, generator=generator, dtype=torch.float64) for _ in range(2))

    values = F.si_sdr_loss(x, y, reduction="none")

    assert values.shape == (3, 2)
    torch.testing.assert_close(
        values.flatten(), torch.from_numpy(si_sdr(x.numpy().reshape(6, 64), y.numpy().reshape(6, 64)))
    )


def test_without_zero_mean_a_constant_is_part_of_the_signal() -> None:
    x, y = torch.tensor([[1.0, 1.0, 1.0, 1.0]]), torch.tensor([[1.0, 1.0, 1.0, -1.0]])

    # The angle between them is 60 degrees, of tangent squared 3.
    assert float(F.si_sdr_loss(x, y, zero_mean=False)) == pytest.approx(10 * math.log10(3), abs=1e-5)


def test_shapes_and_options_that_do_not_fit_are_an_error() -> None:
    with pytest.raises(LossError, match=r"^si_sdr_loss: target has shape \(2, 50\) beside input of shape \(2, 1, 50\)"):
        F.si_sdr_loss(torch.zeros(2, 1, 50), torch.zeros(2, 50))
    with pytest.raises(LossError, match=r"^si_sdr_loss\(eps=0\.0\): expected a number > 0$"):
        F.si_sdr_loss(torch.zeros(2, 50), torch.zeros(2, 50), eps=0.0)


@pytest.mark.parametrize("zero_mean", [True, False])
def test_signals_without_samples_do_not_count(zero_mean: bool) -> None:
    x = torch.zeros(2, 0, requires_grad=True)
    value = F.si_sdr_loss(x, torch.zeros(2, 0), zero_mean=zero_mean)
    assert value.item() == 0.0
    assert torch.autograd.grad(value, x)[0].shape == (2, 0)
