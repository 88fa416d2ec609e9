"""The rms that a layer's weights predict: against closed forms, and where it stands in text, page and data."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import firststep as fs
from firststep import reporting
from firststep.checking import CheckReport
from firststep.checking.probe._layer import Layer
from firststep.checking.view._page import page

from . import reports

STAR = "*: over 3 times off, as weights or inputs are correlated, or where most is padding"


def checked(model: nn.Module, inputs: object, forward: Callable[..., Tensor] | None = None) -> CheckReport:
    """With a loss that takes any output."""
    return fs.check(model, lambda output, _: output.square().mean(), (inputs, torch.zeros(1)), forward=forward)


def layer(model: nn.Module, inputs: object, place: str = "") -> Layer:
    return next(one for one in checked(model, inputs).evidence.layers if one.place == place and not one.function)


def drawn(*shape: int, std: float = 1.0, seed: int = 0) -> Tensor:
    return std * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def filled(model: nn.Module, std: float, bias: float = 0.0) -> nn.Module:
    with torch.no_grad():
        for i, (name, one) in enumerate(model.named_parameters()):
            one.fill_(bias) if name.endswith("bias") else one.copy_(drawn(*one.shape, std=std, seed=i + 1))
    return model


def moment(tensor: Tensor) -> float:
    return float(tensor.detach().double().square().mean())


def test_a_linear_layer_by_its_closed_form() -> None:
    """The prediction within the rounding of the moments; s sqrt(fan_in) and the measured rms within 4 standard errors.

    The root of the mean of n squared normal numbers has a relative error of 1 / sqrt(2 n): 0.0031 for the 51,200
    weights, 0.0022 for the inputs. Measured and predicted rms differ by chance only as far as the covariances of
    weights and of inputs, each off by 1 / sqrt(rows), agree: 1 / (2 sqrt(512 * 1024)) = 0.0007. False failures: 1 in
    16,000 each.
    """
    std, inputs = 0.3, drawn(1024, 100)
    model = filled(nn.Linear(100, 512), std)
    seen = layer(model, inputs)

    exact = math.sqrt(100 * moment(model.weight) * moment(inputs))  # pyright: ignore[reportArgumentType]
    assert seen.predicted == pytest.approx(exact, rel=1e-5)
    assert seen.predicted == pytest.approx(std * math.sqrt(100), rel=4 * math.hypot(0.0031, 0.0022))
    assert seen.rms == pytest.approx(seen.predicted, rel=4 * 0.0007)


def test_the_bias_counts() -> None:
    """3-4-5: 9 * (1/3)^2 * 3^2 + 4^2 = 25."""
    model = nn.Linear(9, 7)
    nn.init.constant_(model.weight, 1 / 3)
    nn.init.constant_(model.bias, -4.0)

    assert layer(model, torch.full((5, 9), 3.0)).predicted == pytest.approx(5.0, rel=1e-6)


FANS: dict[str, tuple[nn.Module, Tensor, float]] = {
    "Conv2d": (nn.Conv2d(8, 32, 3), drawn(4, 8, 20, 20), 8 * 9),
    "Conv2d with 4 groups": (nn.Conv2d(8, 32, 3, groups=4), drawn(4, 8, 20, 20), 2 * 9),
    "Conv2d of each channel": (nn.Conv2d(64, 64, 3, groups=64), drawn(4, 64, 20, 20), 9),
    "Conv2d with a stride": (nn.Conv2d(8, 32, 3, stride=2), drawn(4, 8, 21, 21), 8 * 9),
    "Conv1d": (nn.Conv1d(16, 64, 5), drawn(4, 16, 200), 16 * 5),
    "Conv3d": (nn.Conv3d(4, 32, 3), drawn(2, 4, 9, 9, 9), 4 * 27),
    "ConvTranspose2d with a stride": (nn.ConvTranspose2d(16, 16, 4, stride=2, padding=1), drawn(4, 16, 16, 16), 16 * 4),
    "ConvTranspose2d with groups": (nn.ConvTranspose2d(16, 16, 4, 4, groups=4), drawn(4, 16, 12, 12), 4),
    "ConvTranspose1d": (nn.ConvTranspose1d(16, 32, 8, stride=4, padding=2), drawn(4, 16, 64), 16 * 2),
}


@pytest.mark.parametrize("name", FANS)
def test_convolutions_by_their_fans(name: str) -> None:
    """Fans counted by hand; what was measured within 5%.

    Over 100 draws its relative standard deviation is at most 0.75%, Conv3d's. The padding of the first transposed
    convolution cuts half the taps at 1 place in 16 on each axis, 3.1% of the rms, with a deviation of 0.27%. So 5% is
    more than 6 standard deviations.
    """
    model, inputs, fan = FANS[name]
    filled(model, 0.2, bias=0.1)
    seen = layer(model, inputs)

    weight: Tensor = model.weight  # type: ignore[assignment]
    assert seen.predicted == pytest.approx(math.sqrt(fan * moment(weight) * moment(inputs) + 0.01), rel=1e-5)
    assert seen.rms == pytest.approx(seen.predicted, rel=0.05)


def test_a_convolution_of_groups_whose_numbers_are_whole() -> None:
    """Weights of +-1 on inputs of +-1: the root of 2 channels of 9 taps, exactly."""
    model = nn.Conv2d(4, 4, 3, groups=2, bias=False)
    with torch.no_grad():
        model.weight.copy_(drawn(*model.weight.shape).sign())

    assert layer(model, drawn(2, 4, 8, 8).sign()).predicted == pytest.approx(math.sqrt(18), rel=1e-6)


def test_an_embedding_gives_rows_of_its_table() -> None:
    """Each word as often as every other: equal to rounding. One word alone: what its row is apart."""
    model = filled(nn.Embedding(50, 16), 0.02)
    table: Tensor = model.weight  # type: ignore[assignment]
    words = torch.arange(50).reshape(10, 5)
    every, one = layer(model, words), layer(model, words * 0 + 3)

    assert every.predicted == one.predicted == pytest.approx(math.sqrt(moment(table)), rel=1e-5)
    assert every.rms == pytest.approx(every.predicted, rel=1e-6)
    assert one.rms == pytest.approx(math.sqrt(moment(table[3])), rel=1e-5)


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Bilinear(20, 30, 64)

    def forward(self, pair: Tensor) -> Tensor:
        return self.layer(*pair.split([20, 30], -1))


def test_a_bilinear_layer_sums_over_the_products() -> None:
    """First inputs all 2, second ones all 3: 600 products of 6. The rms of 64 units: within 4 of 1 / sqrt(2 * 64)."""
    model = filled(Pair(), 0.5)
    seen = layer(model, torch.cat([torch.full((8, 20), 2.0), torch.full((8, 30), 3.0)], -1), "layer")

    expected = 6 * math.sqrt(600 * moment(model.layer.weight))  # type: ignore[union-attr, arg-type]
    assert seen.predicted == pytest.approx(expected, rel=1e-5)
    assert seen.rms == pytest.approx(expected, rel=4 / math.sqrt(128))


class Conv1D(nn.Module):
    """As transformers has it: the weight is (in, out)."""

    def __init__(self, out: int, given: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.empty(given, out)), nn.Parameter(torch.zeros(out))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight + self.bias


def test_the_conv1d_of_transformers_is_read_as_in_by_out() -> None:
    """Its fan is the first axis, 320, not the last, 5."""
    model, inputs = filled(Conv1D(5, 320), 0.1), drawn(64, 320)
    weight: Tensor = model.weight  # type: ignore[assignment]

    assert layer(model, inputs).predicted == pytest.approx(math.sqrt(320 * moment(weight) * moment(inputs)), rel=1e-5)


def test_correlated_weights_on_correlated_inputs_differ_by_the_known_factor() -> None:
    """Equal weights w on ones: n w instead of sqrt(n) w. 100 inputs: 10 times, marked; 4 inputs: 2 times, not."""
    for n, factor, starred in ((100, 10.0, True), (4, 2.0, False)):
        model = nn.Linear(n, 6, bias=False)
        nn.init.constant_(model.weight, 0.25)
        report = checked(model, torch.ones(3, n))
        seen = report.evidence.layers[0]

        assert seen.rms == pytest.approx(n * 0.25, rel=1e-6)
        assert seen.rms / seen.predicted == pytest.approx(factor, rel=1e-6)
        assert (f"{seen.predicted:.3g}*" in report.text(100)) is starred
        assert (STAR in " ".join(report.text(100).split())) is starred
        html = reporting.render(page(report))
        assert (f">{seen.predicted:.3g}*</td>" in html, f"{STAR}." in html) == (starred, starred)


def test_an_output_far_below_its_prediction_is_marked_too() -> None:
    """Weights that cancel: 0 on equal inputs."""
    model = nn.Linear(4, 3, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([1.0, -1.0, 1.0, -1.0]).expand(3, 4))
    report = checked(model, torch.ones(2, 4))

    assert (report.evidence.layers[0].rms, report.evidence.layers[0].predicted) == (0.0, pytest.approx(2.0))
    assert re.search(r"Linear +2 x 3 +0 +2\*", report.text(100))


class Scaled(nn.Linear):
    def forward(self, input: Tensor) -> Tensor:
        return 10 * super().forward(input)


class ByName(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(input=x)


UNKNOWN: dict[str, tuple[nn.Module, object, str]] = {
    "a norm": (nn.LayerNorm(3), drawn(4, 3), ""),
    "a recurrent layer": (nn.RNN(3, 3), drawn(4, 2, 3), ""),
    "a forward of its own": (Scaled(3, 2), drawn(4, 3), ""),
    "a computed weight": (nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)), drawn(4, 3), ""),
    "inputs by name": (ByName(), drawn(4, 3), "layer"),
    "infinite inputs": (nn.Linear(3, 2), torch.full((4, 3), math.inf), ""),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_where_nothing_is_known_nothing_is_said(name: str) -> None:
    model, inputs, place = UNKNOWN[name]
    report = checked(model, inputs, (lambda model, x: model(x)[0]) if isinstance(model, nn.RNN) else None)

    assert all(math.isnan(one.predicted) for one in report.evidence.layers)
    assert place in {one.place for one in report.evidence.layers}
    assert "predicted" not in report.text(100)
    assert "predicted" not in reporting.render(page(report)).partition("<svg")[2].partition("</svg>")[0]


def test_half_precision_and_autocast() -> None:
    """In bfloat16, numbers of 8 bits: 256 weights of 0.5 on inputs of 2 make 16."""
    model = nn.Linear(256, 4, bias=False)
    nn.init.constant_(model.weight, 0.5)
    inputs = torch.full((2, 256), 2.0)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(model, inputs).predicted == 16.0
    assert layer(model.bfloat16(), inputs.bfloat16()).predicted == 16.0


def test_a_layer_called_twice_is_predicted_from_each_of_its_inputs() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4, bias=False)

        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.layer(10 * self.layer(x)))

    model = Twice()
    nn.init.eye_(model.layer.weight)  # E[w²] = 1/4, so that fan_in E[w²] = 1: the size of each input
    seen = [one for one in checked(model, torch.ones(3, 4)).evidence.layers if not one.function]

    assert [one.predicted for one in seen] == pytest.approx([1.0, 10.0])
    assert [one.rms for one in seen] == pytest.approx([1.0, 10.0])


def test_text_and_data_say_it() -> None:
    report = reports.wrong()
    first = report.evidence.layers[0]
    told = json.loads(report.to_json())["layers"]

    assert "predicted: the rms that independent weights of this size would give" in " ".join(report.text(100).split())
    assert re.search(rf"first +Linear +8 x 8 +{first.rms:.3g} +{first.predicted:.3g} ", report.text(100))
    assert [one["predicted"] for one in told] == [
        None if one.function else one.predicted for one in report.evidence.layers
    ]


def test_the_page_shows_it_in_the_table_and_as_short_lines_in_the_picture() -> None:
    report = reports.wrong()
    text = reporting.render(page(report))
    signal = next(one for one in re.findall(r"<svg.*?</svg>", text, re.S) if "activations, rms" in one)
    flat = [
        (float(x1), float(x2))
        for x1, y1, x2, y2 in re.findall(
            r'<polyline points="([\d.]+),([\d.]+) ([\d.]+),([\d.]+)" fill="none" stroke="var\(--ink\)"', signal
        )
        if y1 == y2
    ]

    linear = [one for one in report.evidence.layers if not one.function]
    assert len(linear) == 3
    assert len(flat) == len(linear) + 1  # and one in the legend
    assert all(0 < x2 - x1 <= 18.1 for x1, x2 in flat)
    assert ">predicted from the weights 按权重预测</text>" in signal
    for one in linear:
        assert f"{one.place}: {one.rms:.3g}, predicted {one.predicted:.3g}</title>" in signal
        assert f">{one.predicted:.3g}</td>" in text
    assert "A short line by a dot: the rms that independent weights of this size would give." in text
    assert "predicted: the rms that independent weights of this size would give;" in text
