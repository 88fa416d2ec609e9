"""All or nothing: what a calibration leaves as it was, when it succeeds and when it is interrupted anywhere."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from firststep.calibration import Target, actnorm, calibrate, gradinit, head_bias, metainit, unit_variance

from .measured import std

X = torch.randn(40, 6, generator=torch.Generator().manual_seed(1))
Y = torch.randint(0, 3, (40,), generator=torch.Generator().manual_seed(2))
TARGETS: list[Target] = [
    unit_variance(tol=1e-4, center=True, orthonormal=True),
    actnorm(),
    head_bias(),
    gradinit(steps=3),
    metainit(steps=3),
]
NAMES = [target.name for target in TARGETS]


class Net(nn.Module):
    """Everything that a forward pass could change: statistics, noise, attributes, caches, a layer that runs twice."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.norm = nn.Linear(6, 8), nn.BatchNorm1d(8)
        self.normed = nn.utils.parametrizations.weight_norm(nn.Linear(8, 8))
        self.again, self.drop, self.head = nn.Linear(8, 8), nn.Dropout(0.5), nn.Linear(8, 3)
        self.steps, self.cache, self.kept = 0, [], torch.zeros(2)
        self.stop_at: int | None = None

    def forward(self, x: Tensor) -> Tensor:
        self.steps += 1
        self.cache.append(self.steps)
        self.kept += 1
        if self.steps == self.stop_at:
            raise KeyboardInterrupt
        x = torch.tanh(self.norm(self.enter(x)) + torch.rand(1) + random.random() + float(np.random.rand()))
        x = self.again(torch.tanh(self.again(self.drop(self.normed(x)))))
        return self.head(x)


def made(stop_at: int | None = None) -> Net:
    torch.manual_seed(0)
    net = Net()
    net.stop_at = stop_at
    net.head.weight.grad = torch.ones(3, 8)
    net.again.eval()
    net.head.bias.requires_grad_(True)
    return net


def digest(net: nn.Module) -> str:
    """Of parameters, buffers, gradients, modes and attributes."""
    parts: list[bytes] = []
    for name, tensor in [*net.named_parameters(), *net.named_buffers()]:
        parts += [name.encode(), str(tensor.dtype).encode(), tensor.detach().float().numpy().tobytes()]
        parts.append(b"none" if tensor.grad is None else tensor.grad.numpy().tobytes())
    for name, module in net.named_modules():
        hooks = len(module._forward_hooks) + len(module._forward_pre_hooks)
        parts.append(f"{name} {module.training} {hooks} {sorted(module.__dict__)}".encode())
    parts.append(repr([getattr(net, key, None) for key in ("steps", "cache", "kept")]).encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def states() -> tuple[Any, ...]:
    """Of every random generator."""
    return torch.get_rng_state().tolist(), random.getstate(), repr(np.random.get_state())


def run(net: nn.Module, target: Target, **options: Any) -> None:
    loss = nn.CrossEntropyLoss()
    calibrate(net, (X, Y), target, loss=loss, seed=5, **options)


@pytest.mark.parametrize("target", TARGETS, ids=NAMES)
def test_only_the_parameters_it_reports_change(target: Target) -> None:
    net, before = made(), made()
    identities, random_states = [id(one) for one in net.parameters()], states()
    addresses = [one.data_ptr() for one in net.parameters()]

    report = calibrate(net, (X, Y), target, loss=nn.CrossEntropyLoss(), seed=5)

    assert states() == random_states
    assert [id(one) for one in net.parameters()] == identities
    assert [one.data_ptr() for one in net.parameters()] == addresses
    reported = {name for row in report.rows for name in row.parameters}
    assert reported
    old = dict(before.named_parameters())
    changed = {name for name, one in net.named_parameters() if not torch.equal(one, old[name])}
    told = {name.replace("parametrizations.weight.original0", "weight") for name in changed}
    told.discard("normed.parametrizations.weight.original1")  # v, where weights are drawn anew
    assert told == reported
    with torch.no_grad():
        for name in changed:
            net.get_parameter(name).copy_(old[name])
    assert digest(net) == digest(before)


def runs(target: Target) -> int:
    """How often the model runs, counted by a forward of the test's own."""
    count = 0

    def forward(model: nn.Module, inputs: Any) -> Any:
        nonlocal count
        count += 1
        return model(inputs)

    run(made(), target, forward=forward)
    return count


@pytest.mark.parametrize("target", TARGETS, ids=NAMES)
def test_an_interrupt_at_any_run_of_the_model_undoes_everything(target: Target) -> None:
    total = runs(target)
    assert 3 <= total < 200
    for stop in range(1, total + 1):
        net = made(stop)
        before, random_states = digest(net), states()
        with pytest.raises(KeyboardInterrupt):
            run(net, target)
        assert digest(net) == before
        assert states() == random_states


@pytest.mark.parametrize("target", TARGETS, ids=NAMES)
def test_an_interrupt_from_the_progress_function_undoes_everything(target: Target) -> None:
    net, told = made(), []
    before = digest(net)

    def progress(done: int, total: int, what: str) -> None:
        told.append((done, total))
        if done == total:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(net, target, progress=progress)
    assert digest(net) == before
    assert [done for done, _ in told] == list(range(1, told[0][1] + 1))


def test_an_interrupt_while_the_model_is_written_undoes_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """The only moment when the model itself is touched: its parameters are written one after another."""
    written = 0
    copy: Callable[..., Tensor] = Tensor.copy_

    def stop(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        nonlocal written
        if self.data_ptr() in addresses:
            written += 1
            if written == 3:
                raise KeyboardInterrupt
        return copy(self, *args, **kwargs)

    net = made()
    before, addresses = digest(net), {one.data_ptr() for one in net.parameters()}
    monkeypatch.setattr(Tensor, "copy_", stop)
    with pytest.raises(KeyboardInterrupt):
        run(net, unit_variance())
    assert written >= 3
    assert digest(net) == before


@pytest.mark.parametrize("target", TARGETS, ids=NAMES)
def test_the_result_follows_from_the_seed_alone(target: Target) -> None:
    one, two, three = made(), made(), made()
    run(one, target)
    torch.rand(7)
    random.random()
    run(two, target)
    assert digest(one) == digest(two)
    calibrate(three, (X, Y), target, loss=nn.CrossEntropyLoss(), seed=6)
    if target.name == "unit-variance":  # the noise of the model, and the weights drawn anew, are others
        assert digest(one) != digest(three)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("target", [unit_variance(), actnorm(tol=0.02), head_bias(), gradinit(steps=3)])
def test_half_precision_is_measured_in_single_and_stays_half(dtype: torch.dtype, target: Target) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 3)).to(dtype)

    report = calibrate(net, (X.to(dtype), Y), target, loss=nn.CrossEntropyLoss())

    assert {one.dtype for one in net.parameters()} == {dtype}
    assert {one.grad for one in net.parameters()} == {None}
    if target.name == "unit-variance":
        wide = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 3))
        wide.load_state_dict({name: one.float() for name, one in net.state_dict().items()})
        first, second = wide[:1](X.to(dtype).float()), wide(X.to(dtype).float())
        told = [row.after.std for row in report.rows if row.after]
        measured = [std(one) for one in (first, second)]
        assert told == [pytest.approx(one, rel=1e-5) for one in measured]
        assert max(abs(one - 1) for one in measured) <= 0.01
    loss = nn.CrossEntropyLoss()(net(X.to(dtype)), Y)
    loss.backward()
    assert net[0].weight.grad is not None
    assert net[0].weight.grad.dtype == dtype


def test_double_precision_stays_double() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 16, bias=False), nn.Tanh(), nn.Linear(16, 3, bias=False)).double()

    calibrate(net, X.double(), unit_variance(tol=1e-12))

    assert std(net(X.double())) == pytest.approx(1, abs=1e-12)


def test_inputs_are_not_written_to_and_autocast_is_off() -> None:
    class Rude(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(6, 3)

        def forward(self, x: Tensor) -> Tensor:
            out = self.layer(x.mul_(2.0))
            assert out.dtype == torch.float32
            return out

    torch.manual_seed(0)
    net, x = Rude(), X.clone()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        calibrate(net, x, unit_variance(tol=1e-4))
    assert torch.equal(x, X)
    assert std(net(X.clone())) == pytest.approx(1, abs=1e-4)


def test_a_graph_made_before_is_not_broken_and_parameters_in_shared_memory_stay_shared() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 6))
    net[2].weight = nn.Parameter(net[0].weight.data)  # another parameter over the same numbers

    report = calibrate(net, X)

    assert net[2].weight.data_ptr() == net[0].weight.data_ptr()
    assert [row.note for row in report.rows] == ["", "tied to '0', which sets it"]
    assert std(net[0](X)) == pytest.approx(1, abs=0.01)
