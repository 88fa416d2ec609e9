"""Every layer's output has the standard deviation asked for, measured here with hooks of the test's own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from firststep import init, rule
from firststep.calibration import CalibrationReport, calibrate, unit_variance
from firststep.planning import initialize

from .measured import X, deep, farthest, outputs, std, stds


def test_every_linear_layer_of_a_deep_chain_has_unit_std() -> None:
    net = deep()
    assert farthest(stds(net, X, nn.Linear)) > 0.8

    report = calibrate(net, X, unit_variance(tol=1e-3))

    measured = stds(net, X, nn.Linear)
    assert len(measured) == 13
    assert farthest(measured) <= 1e-3
    assert (*report.left, *report.off) == ()
    for row in report.rows:
        assert row.after is not None
        assert row.after.std == pytest.approx(measured[row.layer], abs=1e-6)


def test_only_scales_change_and_the_report_tells_them_exactly() -> None:
    net, before = deep(), deep()

    report = calibrate(net, X)

    for row in report.rows:
        old, new = before.get_submodule(row.layer), net.get_submodule(row.layer)
        assert isinstance(old, nn.Linear)
        assert isinstance(new, nn.Linear)
        assert row.parameters == (f"{row.layer}.weight",)
        assert row.factor is not None
        assert row.factor.low == pytest.approx(row.factor.high, rel=1e-6)
        torch.testing.assert_close(new.weight, old.weight * row.factor.low)
        assert torch.equal(new.bias, old.bias)


def test_before_is_what_the_untouched_model_gave() -> None:
    net = deep()
    measured = stds(net, X, nn.Linear)

    report = calibrate(net, X)

    told = {row.layer: row.before.std for row in report.rows if row.before}
    assert told == {name: pytest.approx(one, rel=1e-6) for name, one in measured.items()}


def test_without_biases_one_try_is_the_exact_answer() -> None:
    """A layer without a bias is proportional to its weight: the factor is 1 / std, by hand."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(10, 20, bias=False), nn.ReLU(), nn.Linear(20, 5, bias=False))
    with torch.no_grad():
        first = (X @ net[0].weight.T).double()  # pyright: ignore[reportOptionalOperand, reportCallIssue]
        one = 1 / first.std(correction=0)
        second = (first * one).relu() @ net[2].weight.double().T  # pyright: ignore[reportCallIssue]
        two = 1 / second.std(correction=0)

    report = calibrate(net, X, unit_variance(tol=1e-6))

    assert [row.tries for row in report.rows] == [1, 1]
    assert [row.factor.low for row in report.rows if row.factor] == [
        pytest.approx(float(one), rel=1e-5),
        pytest.approx(float(two), rel=1e-5),
    ]


def test_execution_order_counts_not_the_order_of_registration() -> None:
    class Backwards(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last, self.first = nn.Linear(16, 4), nn.Linear(10, 16)

        def forward(self, x: Tensor) -> Tensor:
            return self.last(torch.tanh(self.first(x)))

    torch.manual_seed(0)
    net = Backwards()

    report = calibrate(net, X)

    assert [row.layer for row in report.rows] == ["first", "last"]
    assert farthest(stds(net, X, nn.Linear)) <= 0.01


def test_a_layer_that_runs_several_times_is_measured_over_all_its_calls() -> None:
    class Loop(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.enter, self.again, self.between = nn.Linear(10, 16), nn.Linear(16, 16), nn.Linear(16, 16)

        def forward(self, x: Tensor) -> Tensor:
            x = self.enter(x)
            for _ in range(3):
                x = self.between(torch.tanh(self.again(x)))
            return x

    torch.manual_seed(0)
    net = Loop()

    report = calibrate(net, X, unit_variance(tol=1e-3, steps=20))

    assert (*report.left, *report.off) == ()
    assert farthest(stds(net, X, nn.Linear)) <= 1e-3


def test_center_shifts_each_bias_by_one_number() -> None:
    net, before = deep(), deep()

    report = calibrate(net, X + 2, unit_variance(tol=1e-3, center=True))

    assert (*report.left, *report.off) == ()
    for name, (y,) in outputs(net, lambda: net(X + 2), (nn.Linear,)).items():
        assert abs(float(y.double().mean())) <= 1e-3
        assert std(y.double()) == pytest.approx(1, abs=1e-3)
        shift = net.get_submodule(name).bias - before.get_submodule(name).bias  # pyright: ignore[reportOperatorIssue]
        assert std(shift) < 1e-6
    no_bias = nn.Linear(10, 4, bias=False)
    assert [row.note for row in calibrate(no_bias, X + 2, unit_variance(center=True)).rows] == [
        "it has no trained bias to centre its output with"
    ]


def test_orthonormal_draws_what_a_plan_would_and_scales_it() -> None:
    net, planned = deep(), deep()
    initialize(planned, [rule(nn.Linear, weight=init.orthogonal(), bias=init.zeros())], seed=3)

    report = calibrate(net, X, unit_variance(tol=1e-3, orthonormal=True), seed=3)

    assert (*report.left, *report.off) == ()
    for row in report.rows:
        new, drawn = net.get_submodule(row.layer).weight, planned.get_submodule(row.layer).weight
        assert isinstance(new, Tensor)
        assert isinstance(drawn, Tensor)
        scale = new.norm() / drawn.norm()
        torch.testing.assert_close(new, drawn * scale, rtol=1e-4, atol=1e-6)
    assert farthest(stds(net, X, nn.Linear)) <= 1e-3


def test_dropout_is_off_and_batch_norm_uses_the_batch() -> None:
    """The layer after batch norm sees a signal of unit variance in training; its own running statistics say 0 and 1."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(10, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 4))

    calibrate(net, 5 * X + 3, unit_variance(tol=1e-3))

    net[3].eval()  # only dropout off
    assert std(net(5 * X + 3)) == pytest.approx(1, abs=1e-3)
    net = net.eval()
    report = calibrate(net, 5 * X + 3, unit_variance(tol=1e-3))
    assert std(net(5 * X + 3)) == pytest.approx(1, abs=1e-3)
    assert isinstance(report, CalibrationReport)


def test_a_run_ends_with_the_last_layer_that_is_looked_for() -> None:
    """Two runs of the whole model measure it before and after; the run that settles layer 0 goes no further."""
    net, runs = deep(depth=3), {"0": 0, "2": 0}
    for name in runs:
        net.get_submodule(name).register_forward_hook(lambda *_, name=name: runs.__setitem__(name, runs[name] + 1))

    report = calibrate(net, X, layers="0")

    assert runs == {"0": 3 + report.rows[0].tries, "2": 2}


def test_selectors_choose_layers() -> None:
    net, before = deep(depth=3), deep(depth=3)

    report = calibrate(net, X, layers=lambda name, module: name in ("2", "6"))

    assert [row.layer for row in report.rows] == ["2", "6"]
    changed = [name for name, one in net.named_parameters() if not torch.equal(one, before.get_parameter(name))]
    assert changed == ["2.weight", "6.weight"]
