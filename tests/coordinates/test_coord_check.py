"""The coordinate check: slopes against exact ones, the standard parametrization grows and muP does not."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from firststep import init, mup
from firststep.coordinates import CoordCheck, LayerSizes, coord_check
from firststep.errors import CheckError
from firststep.planning import plan, rule

WIDTHS = (64, 128, 256, 512)
X = torch.randn(32, 8, generator=torch.Generator().manual_seed(0))
BATCH = (X, torch.sin(2 * X[:, :1]))
MSE = nn.functional.mse_loss


def net(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))


RULES = mup.rescaled(
    rule(nn.Linear, weight=init.kaiming_normal(nonlinearity="relu"), bias=init.zeros()),
    base=net(64),
    delta=net(128),
    zero_output=True,
)


def start(width: int) -> nn.Sequential:
    model = net(width)
    plan(model, RULES).apply()
    return model


RATES = {"adam": (torch.optim.Adam, 0.01), "sgd": (torch.optim.SGD, 0.02)}


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_mup_is_level(optimizer: mup.Optimizer) -> None:
    """Figure 5 of arXiv 2203.03466; the output starts at zero, as its appendix D.2 advises. Seeds fixed."""
    maker, lr = RATES[optimizer]
    check = coord_check(
        start, WIDTHS, BATCH, MSE, optimizer=lambda model: maker(mup.groups(model, net(64), lr=lr, optimizer=optimizer))
    )
    assert check.ok
    slopes = [slope for layer in check.layers for slope in layer.slopes if not math.isnan(slope)]
    assert len(slopes) == 5 * 5 - 1  # the output is zero before the first step
    assert max(map(abs, slopes)) < 0.15


def test_the_standard_parametrization_grows() -> None:
    """One Adam step of lr in every weight moves a hidden pre-activation by about lr * fan_in: slope 1."""
    check = coord_check(net, WIDTHS, BATCH, MSE, optimizer=lambda model: torch.optim.Adam(model.parameters(), lr=0.01))
    assert not check.ok
    assert check.growing == ("2", "3", "4")
    hidden = next(layer for layer in check.layers if layer.name == "2")
    assert hidden.slopes[-1] == pytest.approx(1.0, abs=0.25)
    assert not next(layer for layer in check.layers if layer.name == "0").grows


def test_mup_without_its_learning_rates_grows() -> None:
    """The start alone is half of it."""
    check = coord_check(
        start, WIDTHS, BATCH, MSE, optimizer=lambda model: torch.optim.Adam(model.parameters(), lr=0.01)
    )
    assert "2" in check.growing


class Power(nn.Module):
    """An output of size ``width ** power``, whatever is trained."""

    def __init__(self, width: int, power: float) -> None:
        super().__init__()
        self.w, self.size = nn.Parameter(torch.zeros(1)), float(width) ** power

    def forward(self, x: Tensor) -> Tensor:
        return torch.full((4, 3), -self.size) + 0 * self.w


@pytest.mark.parametrize("power", [-0.5, 0.0, 0.5, 1.0])
def test_slopes_of_exact_powers(power: float) -> None:
    check = coord_check(
        lambda width: Power(width, power),
        (3, 7, 20),
        (X, X),
        lambda output, target: output.mean(),
        optimizer=lambda model: torch.optim.SGD(model.parameters(), lr=1.0),
        steps=2,
        seeds=1,
    )
    (layer,) = check.layers
    assert layer.slopes == pytest.approx((power,) * 3, abs=1e-6)
    assert layer.sizes[0] == pytest.approx([width**power for width in (3, 7, 20)], rel=1e-6)
    assert check.ok is (power <= 0.25)


def test_zeros_and_what_is_not_finite() -> None:
    zero = LayerSizes("head", ((0.0, 0.0), (1.0, 1.0)), (2, 4))
    wild = LayerSizes("fc", ((1.0, 1.0), (1.0, math.inf)), (2, 4))
    check = CoordCheck((2, 4), (zero, wild), 1)

    assert math.isnan(zero.slopes[0])
    assert not zero.grows
    assert wild.slopes[1] == math.inf
    assert check.growing == ("fc",)
    assert str(check) == (
        "Coordinate check: 2 widths, 1 step, mean of 1 seed\n"
        "\n"
        "layer  size at 2   size at 4  slope at start  largest slope\n"
        "-----  ---------  ----------  --------------  -------------  -----\n"
        "head           1           1            zero          +0.00\n"
        "fc             1  not finite           +0.00           +inf  GROWS\n"
        "\n"
        "size: mean |output| after step 1; slope: the power of the width that it grows with\n"
        "outputs grow with the width in 'fc': slope above 0.25"
    )
    assert check.to_dict()["layers"][0]["slopes"] == [None, 0.0]
    assert check.to_dict()["layers"][1]["sizes"][1] == [1.0, None]


class Twice(nn.Module):
    """One layer that runs twice, and one that gives a tuple."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.rnn = nn.Linear(8, 8), nn.GRU(8, 8, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.rnn(self.fc(self.fc(x))[:, None])[0]


def test_a_layer_that_runs_twice_and_one_that_gives_a_tuple() -> None:
    check = coord_check(
        lambda width: Twice(),
        (1, 2),
        (X, X),
        lambda output, target: output.mean(),
        optimizer=lambda model: torch.optim.SGD(model.parameters(), lr=0.0),
        steps=1,
        seeds=1,
    )
    assert [layer.name for layer in check.layers] == ["fc", "rnn"]
    torch.manual_seed(0)
    model = Twice()
    with torch.no_grad():
        once = model.fc(X)
        expected = (once.abs().mean() + model.fc(once).abs().mean()) / 2
    assert check.layers[0].sizes[0][0] == pytest.approx(expected.item(), rel=1e-6)


def test_random_states_and_models_are_left_alone() -> None:
    state = torch.get_rng_state()
    made: list[nn.Module] = []

    def build(width: int) -> nn.Module:
        made.append(net(width))
        return made[-1]

    coord_check(
        build,
        (8, 16),
        BATCH,
        MSE,
        optimizer=lambda model: torch.optim.SGD(model.parameters(), lr=0.1),
        steps=1,
        seeds=2,
    )
    assert torch.equal(torch.get_rng_state(), state)
    assert [model[0].out_features for model in made] == [8, 8, 16, 16]
    assert not any(module._forward_hooks for model in made for module in model.modules())


def test_the_page(tmp_path: Path) -> None:
    check = CoordCheck((2, 4), (LayerSizes("fc<1>", ((1.0, 1.0), (1.0, 4.0)), (2, 4)),), 1)
    check.save(tmp_path / "check.html")
    text = (tmp_path / "check.html").read_text(encoding="utf-8")

    assert "Outputs grow with the width in &#39;fc&lt;1&gt;&#39;: slope above 0.25." in text
    assert text.count("<figure") == 1
    assert "one line per step." in text
    assert "fc<1>" not in text


SGD: Any = lambda model: torch.optim.SGD(model.parameters(), lr=0.1)  # noqa: E731


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"widths": (8,)}, "coord_check(widths=(8,)): expected two or more widths in rising order"),
        ({"widths": (16, 8)}, "coord_check(widths=(16, 8)): expected two or more widths in rising order"),
        ({"steps": 0}, "coord_check(steps=0): expected a whole number >= 1"),
        ({"seeds": True}, "coord_check(seeds=True): expected a whole number >= 1"),
        ({"build": lambda width: 3}, "coord_check: build(8) gave a int; expected a torch.nn.Module"),
        ({"loss": lambda output, target: 3.0}, "coord_check: the loss gave 3.0; expected one number in a tensor"),
        (
            {"build": lambda width: nn.Sequential(nn.Linear(8, 1), *[nn.ReLU() for _ in range(width // 8)])},
            "coord_check: the models of width 8 and 16 do not have the same layers: '2' is in one of them only",
        ),
    ],
)
def test_messages(options: dict[str, Any], message: str) -> None:
    given = {"build": net, "widths": (8, 16), "loss": MSE, "optimizer": SGD, "steps": 1, "seeds": 1, **options}
    with pytest.raises(CheckError) as caught:
        coord_check(data=BATCH, **given)
    assert str(caught.value) == message
