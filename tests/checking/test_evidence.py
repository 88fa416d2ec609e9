"""What is seen is what is there: numbers beside NumPy's, calls and origins beside what was written."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from firststep import losses
from firststep.checking import Evidence, check
from firststep.checking.probe._facts import facts
from firststep.checking.probe._origin import origin
from firststep.checking.probe._sample import bad, rms, sample


def seen(model: nn.Module, loss: Any, batch: Any, **given: Any) -> Evidence:
    return check(model, loss, batch, **given).evidence


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 3))


BATCH = torch.randn(12, 6, generator=torch.Generator().manual_seed(1)), torch.arange(12) % 3


def test_layers_in_order_with_their_numbers() -> None:
    model = net()
    layers = seen(model, nn.CrossEntropyLoss(), BATCH).layers
    assert [layer.name for layer in layers] == ["0", "1 (relu)", "2", "3 (tanh)", "4"]
    hidden = model[:2](BATCH[0]).detach().numpy()
    relu = layers[1]
    assert relu.rms == pytest.approx(np.sqrt((hidden**2).mean()), rel=1e-5)
    assert relu.zero == pytest.approx((hidden == 0).mean(), rel=1e-6)
    assert relu.dead == pytest.approx((hidden == 0).all(0).mean(), rel=1e-6)
    spread = np.sqrt(((hidden - hidden.mean(0)) ** 2).mean()) / np.sqrt((hidden**2).mean())
    assert relu.spread == pytest.approx(spread, rel=1e-5)
    assert (relu.low, relu.high) == pytest.approx((hidden.min(), hidden.max()))
    assert math.isnan(relu.saturated)


def test_gradients_by_outputs_beside_autograd() -> None:
    model = net()
    layers = {layer.name: layer for layer in seen(model, nn.CrossEntropyLoss(), BATCH).layers}
    first = model[:3](BATCH[0])
    (by_first,) = torch.autograd.grad(F.cross_entropy(model[3:](first), BATCH[1]), first)
    assert layers["2"].gradient == pytest.approx(float(by_first.square().mean().sqrt()), rel=1e-5)


def test_gradients_arrive_through_what_is_done_in_place() -> None:
    model = nn.Sequential(nn.Linear(6, 16), nn.ReLU(inplace=True), nn.Linear(16, 3))
    layers = seen(model, nn.CrossEntropyLoss(), BATCH).layers
    assert all(layer.gradient > 0 for layer in layers)


@pytest.mark.parametrize(("function", "scale"), [(torch.tanh, 1.0), (torch.sigmoid, 2.0)])
def test_saturation_is_where_the_slope_is_small(function: Any, scale: float) -> None:
    class Squash(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            return function(20 * self.layer(x))

    model = Squash()
    layer = seen(model, nn.MSELoss(), (BATCH[0], torch.zeros(12, 3))).layers[-1]
    x = (20 * model.layer(BATCH[0])).detach().requires_grad_()
    (slope,) = torch.autograd.grad(function(x).sum(), x)
    greatest = 1.0 if scale == 1.0 else 0.25
    assert layer.saturated == pytest.approx(float((slope < (1 - 0.97**2) * greatest).float().mean()), abs=0.05)


def test_parameters_and_their_gradients() -> None:
    model = net()
    model[2].requires_grad_(False)
    found = {one.name: one for one in seen(model, nn.CrossEntropyLoss(), BATCH).parameters}
    F.cross_entropy(model(BATCH[0]), BATCH[1]).backward()
    for name, tensor in model.named_parameters():
        one = found[name]
        assert (one.mean, one.std) == pytest.approx(
            (float(tensor.detach().mean()), float(tensor.detach().std(correction=0))), rel=1e-4, abs=1e-7
        )
        assert one.trains == tensor.requires_grad
        assert one.reached == (tensor.grad is not None)
        if tensor.grad is not None:
            assert one.gradient == pytest.approx(float(tensor.grad.square().mean().sqrt()), rel=1e-4)
    model.zero_grad()


def test_tied_parameters_have_all_their_names_and_the_loss_its_own() -> None:
    model = net()
    model.append(nn.Linear(8, 3))
    model[5].weight = model[4].weight
    loss = losses.CosFaceLoss(num_classes=3, embedding_dim=3)
    found = {one.name: one for one in seen(model[:5], loss, BATCH).parameters}
    assert found["loss.centers"].of_loss
    assert not found["4.weight"].of_loss


def test_zero_heads_wake_and_nets_of_zeros_sleep() -> None:
    model = net()
    nn.init.zeros_(model[4].weight)
    found = {one.name: one for one in seen(model, nn.CrossEntropyLoss(), BATCH).parameters}
    assert found["0.weight"].gradient == 0
    assert found["0.weight"].woken > 0
    assert found["4.weight"].alike == 1
    assert found["4.weight"].alike_after == 0
    for one in model.parameters():
        nn.init.zeros_(one)
    found = {one.name: one for one in seen(model, nn.CrossEntropyLoss(), BATCH).parameters}
    assert found["0.weight"].woken == 0
    assert found["4.bias"].gradient > 0 or BATCH[1].unique().numel() == 3


@pytest.mark.parametrize(
    ("loss", "name", "value"),
    [
        (nn.CrossEntropyLoss(reduction="sum"), "CrossEntropyLoss", math.log(3)),
        (lambda o, y: 2 * F.cross_entropy(o, y), "CrossEntropyLoss", math.log(3)),
        (lambda o, y: losses.functional.focal_loss(o, y), "focal_loss", (2 / 3) ** 2 * math.log(3)),
        (losses.FocalLoss(), "focal_loss", (2 / 3) ** 2 * math.log(3)),
        (lambda o, y: F.mse_loss(o, F.one_hot(y, 3).float()), "MSELoss", 1 / 3),
    ],
)
def test_known_losses_are_recognised_wherever_they_are_called(loss: Any, name: str, value: float) -> None:
    evidence = seen(net(), loss, BATCH)
    (call,) = evidence.calls
    (start,) = evidence.start
    assert call.name == name
    assert call.origins[0][0] == "linear"
    assert start is not None
    assert start.expected == pytest.approx(value, rel=1e-6)
    assert call.inside == "loss"


def test_a_formula_of_ones_own_is_no_known_loss() -> None:
    evidence = seen(net(), lambda o, y: (o.softmax(1) - F.one_hot(y, 3)).square().mean(), BATCH)
    assert evidence.calls == ()


def test_a_call_that_raises_is_kept() -> None:
    evidence = seen(net(), nn.CrossEntropyLoss(), (BATCH[0], BATCH[1] + 1))
    assert evidence.crash is not None
    assert evidence.crash.where == "loss"
    assert evidence.calls[0].error.startswith("IndexError: Target 3 is out of bounds")


def test_origins_are_read_through_views_and_scales() -> None:
    x = torch.randn(4, 3, requires_grad=True)
    w = torch.randn(3, 5, requires_grad=True)
    assert origin((x @ w).softmax(1).view(2, 10)) == ("softmax", "linear")
    assert origin((x @ w).sigmoid().unsqueeze(1).to(torch.float64)) == ("sigmoid", "linear")
    assert origin(30 * torch.tanh(x @ w / 30))[:2] == ("affine", "tanh")
    assert origin(torch.log(F.softmax(x @ w, 1) + 1e-8))[:3] == ("log", "affine", "softmax")
    assert origin(x) == ()
    assert origin((x @ w).relu() + x.sum())[:1] == ("add",)


def test_trials_of_the_model() -> None:
    def trials(model: nn.Module) -> Any:
        return seen(model, nn.CrossEntropyLoss(), BATCH).trials

    sound = trials(net())
    assert sound.leak == 0
    assert sound.unstable == 0
    assert sound.blank > 0.1

    class Mixes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x) + self.layer(x).mean(0)

    mixed = trials(Mixes())
    assert mixed.leak > 0.01
    assert mixed.leak_gradient > 0.1

    class Noisy(nn.Sequential):
        def forward(self, input: Tensor) -> Tensor:
            return F.dropout(super().forward(input), 0.5)

    assert trials(Noisy(nn.Linear(6, 3))).unstable > 0.01


def test_trials_of_the_loss() -> None:
    def trials(loss: Any) -> Any:
        return seen(net(), loss, BATCH).trials

    assert trials(nn.CrossEntropyLoss()).doubled == pytest.approx(1, rel=1e-6)
    assert trials(nn.CrossEntropyLoss(reduction="sum")).doubled == pytest.approx(2, rel=1e-6)
    assert trials(nn.CrossEntropyLoss()).shuffled > 1e-4
    assert trials(lambda o, y: o.square().mean()).shuffled == 0
    assert trials(nn.CrossEntropyLoss()).together == pytest.approx(0, abs=1e-6)
    assert trials(nn.CrossEntropyLoss()).halves == pytest.approx(1, rel=1e-6)
    weighted = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 20.0, 1.0]))
    assert abs(trials(weighted).halves - 1) > 1e-3


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.bool])
def test_facts_beside_numpy(dtype: torch.dtype) -> None:
    values = (10 * torch.randn(50, 7, generator=torch.Generator().manual_seed(0))).to(dtype)
    found, exact = facts(values), values.double().numpy()
    assert (found.low, found.high, found.mean, found.std) == pytest.approx(
        (exact.min(), exact.max(), exact.mean(), exact.std()), rel=1e-5
    )
    assert found.zero == pytest.approx((exact == 0).mean())
    assert found.whole == (dtype in (torch.int64, torch.bool))
    assert found.bad == 0


def test_facts_of_nothing_and_of_what_is_not_finite() -> None:
    assert math.isnan(facts(torch.empty(0, 3)).mean)
    found = facts(torch.tensor([math.nan, math.inf, 2.0, 4.0]))
    assert (found.bad, found.mean, found.std) == (2, 3.0, 1.0)
    assert bad(torch.tensor([1.0, -math.inf])) == 1


def test_large_tensors_are_sampled_evenly_and_their_size_is_of_all() -> None:
    values = torch.arange(3_000_000.0)
    some = sample(values, 1000)
    assert len(some) == 1000
    assert set(some.diff().tolist()) == {3000.0}
    assert rms(values) == pytest.approx(math.sqrt((3e6 - 1) * (2 * 3e6 - 1) / 6), rel=1e-4)
    assert rms(torch.tensor([1e-25, 1e-25])) == pytest.approx(1e-25, rel=1e-3)


def test_what_a_batch_is_counted_by() -> None:
    assert seen(net(), nn.CrossEntropyLoss(), BATCH).n == 12
    assert seen(net(), lambda o, y: o.square().mean(), (BATCH[0], torch.zeros(()))).n is None


def test_warnings_are_kept_and_not_shown() -> None:
    model = nn.Linear(6, 1)
    evidence = seen(model, nn.MSELoss(), (BATCH[0], torch.randn(12)))
    assert any("target size" in text for text in evidence.warnings)


def test_sparse_gradients_count_with_what_they_leave_out() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(50, 4, sparse=True), nn.Flatten(), nn.Linear(12, 3))
    batch = torch.randint(50, (8, 3)), torch.randint(3, (8,))
    evidence = seen(model, nn.CrossEntropyLoss(), batch)
    found = {one.name: one for one in evidence.parameters}
    F.cross_entropy(model(batch[0]), batch[1]).backward()
    exact = model[0].weight.grad
    assert exact is not None
    assert exact.is_sparse
    assert found["0.weight"].gradient == pytest.approx(float(exact.to_dense().square().mean().sqrt()), rel=1e-5)
    assert evidence.loss is not None
    assert evidence.loss_after[0] < evidence.loss


@pytest.mark.parametrize("kind", ["autocast", "bfloat16", "float64", "compiled", "frozen", "tied"])
def test_starts_of_every_kind_are_sound(kind: str) -> None:
    model: Any = net()
    inputs, targets = BATCH
    if kind == "bfloat16":
        model, inputs = model.bfloat16(), inputs.bfloat16()
    elif kind == "float64":
        model, inputs = model.double(), inputs.double()
    elif kind == "compiled":
        model = torch.compile(model, backend="eager")
    elif kind == "frozen":
        model[:4].requires_grad_(False)
    elif kind == "tied":
        model = nn.Sequential(model[0], nn.ReLU(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 16), nn.Linear(16, 3))
        model[4].weight = model[2].weight
    with torch.autocast("cpu", torch.bfloat16, enabled=kind == "autocast"):
        report = check(model, nn.CrossEntropyLoss(), (inputs, targets))
    assert report.ok, report.findings
    assert report.evidence.loss == pytest.approx(math.log(3), rel=0.2)
    layers = [layer for layer in report.evidence.layers if layer.kind == "Linear"]
    assert all(layer.gradient > 0 for layer in layers[-1:])
