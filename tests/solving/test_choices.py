"""What single parameters are given, and the strength that follows from it."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from firststep.solving import plan_auto, predict

META = torch.empty(8, 256, device="meta")


class Branches(nn.Module):
    """Four branches of a kind on a trunk."""

    def __init__(self, branch: type[nn.Module]) -> None:
        super().__init__()
        self.stem, self.end = nn.Linear(256, 256), nn.Identity()
        self.blocks = nn.ModuleList(branch() for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = x + block(x)
        return self.end(x)


class Normed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.norm = nn.Linear(256, 256), nn.LayerNorm(256)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.layer(x))


class Rectified(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(256, 256)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.layer(x))


def test_the_norm_at_the_end_of_a_branch_has_its_share() -> None:
    """1 / sqrt(4), so that four branches of second moment 1/4 add one trunk of 1."""
    plan = plan_auto(Branches(Normed), META)

    rows = {row.name: row for row in plan.rows}
    assert {repr(rows[f"blocks.{i}.norm.weight"].scheme) for i in range(4)} == {"constant(value=0.5)"}
    assert plan.signal["end"].std ** 2 == pytest.approx(2.0, rel=0.01)


def test_an_activation_at_the_end_of_a_branch_has_its_share() -> None:
    """Before a ReLU 1/4 of the trunk: its output, of second moment 1/8, is what four of them add."""
    plan = plan_auto(Branches(Rectified), META)

    assert [plan.signal[f"blocks.{i}.layer"].std ** 2 for i in range(4)] == pytest.approx([0.25] * 4, rel=0.01)


class Widened(nn.Module):
    """A shortcut that changes the width, as in a ResNet."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.short = nn.Linear(256, 256), nn.Linear(256, 512)
        self.up, self.down, self.head = nn.Linear(256, 512), nn.Linear(512, 512), nn.Linear(512, 8)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        return self.head(self.short(x) + self.down(F.relu(self.up(x))))


def test_a_shortcut_keeps_the_trunk_as_strong_as_it_is() -> None:
    """E[relu(z)^2] = 1/2 through the shortcut; the only branch adds as much."""
    signal = plan_auto(Widened(), META).signal

    assert signal["short"].std ** 2 == pytest.approx(0.5, rel=0.01)
    assert signal["down"].std ** 2 == pytest.approx(0.5, rel=0.01)


class Gated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gate, self.up, self.down = nn.Linear(256, 512), nn.Linear(256, 512), nn.Linear(512, 512)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(torch.sigmoid(self.gate(x)) * self.up(0.1 * x))


def test_what_is_gated_has_second_moment_one() -> None:
    signal = plan_auto(Gated(), META).signal

    assert signal["up"].std == pytest.approx(1.0, rel=0.01)
    assert signal["down"].std == pytest.approx(0.5, rel=0.01)


class Placed(nn.Module):
    """Learned positions added to what is twice as strong as usual."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.places, self.end = nn.Linear(64, 256), nn.Parameter(torch.zeros(1, 32, 256)), nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.end(2 * self.layer(x) + self.places)


def test_learned_positions_are_as_strong_as_what_they_are_added_to() -> None:
    plan = plan_auto(Placed(), torch.empty(8, 32, 64, device="meta"))

    places = next(row for row in plan.rows if row.name == "places").expected
    assert places is not None
    assert places.std == pytest.approx(2 * plan.signal["layer"].std, rel=0.01)
    assert plan.signal["end"].std == pytest.approx(math.sqrt(2) * places.std, rel=0.02)


def test_the_slope_of_a_prelu() -> None:
    """f(z) = z or z / 4: E[f^2] = 17/32, E[f] = 3/4 E[relu]; the next weight makes up for it."""
    plan = plan_auto(nn.Sequential(nn.Linear(256, 1024), nn.PReLU(), nn.Linear(1024, 8)), META)

    rows = {row.name: row for row in plan.rows}
    assert repr(rows["1.weight"].scheme) == "constant(value=0.25)"
    assert plan.signal["1"].std ** 2 == pytest.approx(17 / 32 - 9 / 16 / (2 * math.pi), rel=0.01)
    assert rows["2.weight"].expected is not None
    assert rows["2.weight"].expected.variance == pytest.approx(0.25 / (1024 * 17 / 32), rel=0.01)


def test_a_frozen_weight_stays_and_is_reckoned_with() -> None:
    model = nn.Sequential(nn.Linear(256, 256, bias=False), nn.Identity(), nn.Linear(256, 512))
    frozen = nn.init.normal_(model[0].weight, std=0.25, generator=torch.Generator().manual_seed(0))
    frozen.requires_grad_(False)
    before = frozen.clone()

    plan = plan_auto(model, META)
    plan.apply(seed=0)

    assert torch.equal(frozen, before)
    assert plan.signal["0"].std == pytest.approx(4.0, rel=0.01)  # sqrt(256) 0.25
    assert plan.signal["2"].std == pytest.approx(0.5, rel=0.01)


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
def test_a_plain_rnn_keeps_its_state(nonlinearity: str) -> None:
    """Once it has settled, as strong after 31 steps as after 9, up to the chance of one draw of 256 units."""
    model = nn.RNN(64, 256, nonlinearity=nonlinearity, batch_first=True)
    x = torch.randn(32, 31, 64, generator=torch.Generator().manual_seed(1))

    plan = plan_auto(model, x)
    plan.apply(seed=0)

    assert repr(next(row for row in plan.rows if row.name == "weight_hh_l0").scheme) == "orthogonal()"
    with torch.no_grad():
        strengths = model(x)[0].square().mean((0, 2)).sqrt()[8:]
    assert (strengths.max() / strengths.min()).item() < 1.2


def test_what_a_plain_rnn_reads_adds_to_its_state() -> None:
    """E[z^2] = 1 before the ReLU: 1/2 from the state, which is E[relu(z)^2], and 1/2 from the example."""
    x = 3 * torch.randn(32, 31, 64, generator=torch.Generator().manual_seed(1))

    rows = {row.name: row for row in plan_auto(nn.RNN(64, 256, nonlinearity="relu", batch_first=True), x).rows}

    read = rows["weight_ih_l0"].expected
    assert read is not None
    assert 64 * read.variance * x.square().mean().item() == pytest.approx(0.5, rel=0.01)


def test_a_bilinear_layer() -> None:
    """E[y^2] = in1 in2 E[w^2] E[x1^2] E[x2^2] + E[b^2]."""
    model = nn.Bilinear(64, 32, 512)
    pair = torch.empty(8, 64, device="meta"), torch.empty(8, 32, device="meta")

    row = predict(model, pair, {"weight": (0.0, 4 / (64 * 32)), "bias": (0.0, 1.0)})[""]

    assert row.std**2 == pytest.approx(5.0, rel=0.01)
