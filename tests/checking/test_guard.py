"""Looking never changes: digests of everything before and after, also when it raises or is interrupted."""

from __future__ import annotations

import copy
import hashlib
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from firststep import losses
from firststep.checking import check
from firststep.checking.probe._guard import untouched


def digest(*things: Any) -> str:
    """Everything that must stay: numbers, versions, gradients, modes, hooks, attributes, random states."""
    made = hashlib.sha256()
    for piece in _pieces(things):
        made.update(piece)
    return made.hexdigest()


def _pieces(thing: Any) -> Iterator[bytes]:
    if isinstance(thing, Tensor):
        yield f"{thing.data_ptr()} {thing._version} {thing.requires_grad} {thing.dtype} {tuple(thing.shape)}".encode()
        yield (
            thing.detach().clone().view(torch.uint8).numpy().tobytes()
            if thing.numel() and thing.ndim
            else str(thing.detach()).encode()
        )
        yield from _pieces(thing.grad if thing.is_leaf else None)
    elif isinstance(thing, nn.Module):
        for name, module in thing.named_modules():
            yield name.encode()
            for key in sorted(module.__dict__):
                yield key.encode()
                yield from _pieces(module.__dict__[key])
    elif isinstance(thing, torch.optim.Optimizer):
        yield from _pieces([list(thing.state.items()), thing.param_groups])
    elif isinstance(thing, dict):
        for key, value in thing.items():
            yield from _pieces([key, value])
    elif isinstance(thing, (list, tuple)):
        for value in thing:
            yield from _pieces(value)
    elif isinstance(thing, torch.Generator):
        yield thing.get_state().numpy().tobytes()
    elif callable(thing):
        yield str(id(thing)).encode()
    else:
        yield repr(thing).encode()


def random_state() -> str:
    return digest(torch.get_rng_state().tolist(), random.getstate(), [repr(one) for one in np.random.get_state()])


class Everything(nn.Module):
    """All that a forward pass may write to."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.utils.parametrizations.spectral_norm(nn.Conv2d(3, 4, 3))
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(4, 5)
        self.tied = self.head
        self.frozen = nn.Linear(4, 4).requires_grad_(False)
        self.register_buffer("steps", torch.zeros(()))
        self.memory = torch.zeros(4)
        self.count = 0
        self.seen: list[int] = []
        self.noise = torch.Generator().manual_seed(3)
        self.handle = self.head.register_forward_hook(lambda *_: None)

    def forward(self, x: Tensor) -> Tensor:
        self.count += 1
        self.seen.append(self.count)
        self.steps += 1
        x = self.drop(self.norm(self.conv(x)).relu_()).mean((2, 3))
        self.memory.add_(x.detach().mean(0))
        self.memory = self.memory * 2
        random.random()
        np.random.rand()
        x = x + 0.0 * torch.rand(x.shape, generator=self.noise)
        return self.tied(x + self.frozen(x))


@pytest.fixture
def start() -> tuple[Everything, tuple[Tensor, Tensor], torch.optim.Optimizer]:
    torch.manual_seed(0)
    model = Everything()
    model.frozen.eval()
    batch = torch.randn(6, 3, 8, 8), torch.randint(5, (6,))
    optimizer = torch.optim.Adam(model.parameters())
    nn.CrossEntropyLoss()(model(batch[0]), batch[1]).backward()
    optimizer.step()
    return model, batch, optimizer


def test_nothing_changes(start: Any) -> None:
    model, batch, optimizer = start
    before = digest(model, batch, optimizer), random_state()
    report = check(model, nn.CrossEntropyLoss(), batch, optimizer=optimizer)
    assert report.evidence.crash is None
    assert (digest(model, batch, optimizer), random_state()) == before


def test_the_loss_is_kept_too() -> None:
    model, loss = nn.Linear(8, 4), losses.ArcFaceLoss(num_classes=3, embedding_dim=4)
    batch = torch.randn(6, 8), torch.randint(3, (6,))
    before = digest(model, loss, batch)
    assert check(model, loss, batch).evidence.loss is not None
    assert digest(model, loss, batch) == before


class Stops(nn.Module):
    """Raises after it has changed something, at a given call."""

    def __init__(self, error: type[BaseException], at: int) -> None:
        super().__init__()
        self.layer, self.norm, self.at, self.error, self.count = nn.Linear(4, 4), nn.BatchNorm1d(4), at, error, 0

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.layer(x))
        self.count += 1
        if self.count >= self.at:
            raise self.error("stopped")
        return x


@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_nor_when_interrupted(at: int) -> None:
    model, batch = Stops(KeyboardInterrupt, at), (torch.randn(6, 4), torch.randint(4, (6,)))
    before = digest(model, batch), random_state()
    with pytest.raises(KeyboardInterrupt):
        check(model, nn.CrossEntropyLoss(), batch)
    assert (digest(model, batch), random_state()) == before


@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_nor_when_the_model_raises(at: int) -> None:
    model, batch = Stops(RuntimeError, at), (torch.randn(6, 4), torch.randint(4, (6,)))
    before = digest(model, batch), random_state()
    report = check(model, nn.CrossEntropyLoss(), batch)
    assert ("FS001" in report.codes) == (at == 1)
    assert (digest(model, batch), random_state()) == before


def test_a_graph_made_before_still_runs_backward(start: Any) -> None:
    model, (inputs, targets), _ = start
    twin = copy.deepcopy(model)
    loss = nn.CrossEntropyLoss()
    torch.manual_seed(1)
    value = loss(model(inputs), targets)
    check(model, loss, (inputs, targets))
    model.zero_grad()
    value.backward()
    torch.manual_seed(1)
    twin.zero_grad()
    loss(twin(inputs), targets).backward()
    for ours, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        assert (ours.grad is None) == (theirs.grad is None)
        if ours.grad is not None:
            torch.testing.assert_close(ours.grad, theirs.grad, rtol=0, atol=0)


def test_a_model_that_writes_to_its_weights_is_put_back() -> None:
    class Clips(nn.Linear):
        def forward(self, input: Tensor) -> Tensor:
            with torch.no_grad():
                self.weight.clamp_(-0.01, 0.01)
            return super().forward(input)

    model = Clips(4, 3)
    before = model.weight.clone()
    check(model, nn.CrossEntropyLoss(), (torch.randn(5, 4), torch.randint(3, (5,))))
    assert torch.equal(model.weight, before)


def test_inputs_written_to_are_the_users_no_more() -> None:
    model, batch = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 3)), (torch.randn(5, 4), torch.randint(3, (5,)))
    before = digest(batch)
    check(model, nn.CrossEntropyLoss(), batch)
    assert digest(batch) == before


@pytest.mark.parametrize("break_at", range(4))
def test_what_cannot_be_copied_leaves_all_as_it_was(break_at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    before, clone, calls = digest(model), Tensor.clone, iter(range(100))

    def failing(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if next(calls) == break_at:
            raise MemoryError
        return clone(self, *args, **kwargs)

    monkeypatch.setattr(Tensor, "clone", failing)
    with pytest.raises(MemoryError), untouched([model]):
        pass
    monkeypatch.undo()
    assert digest(model) == before


def _compiled(model: nn.Module) -> Any:
    return torch.compile(model, backend="eager")


@pytest.mark.parametrize("wrap", [_compiled, nn.DataParallel])
def test_wrapped_models_are_looked_into(wrap: Callable[[nn.Module], Any]) -> None:
    inner = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
    model = wrap(inner)
    before = digest(inner)
    report = check(model, nn.CrossEntropyLoss(), (torch.randn(5, 4), torch.randint(3, (5,))))
    assert [layer.name for layer in report.evidence.layers] == ["0", "1 (relu)", "2"]
    assert digest(inner) == before
