"""The tour's data, net, starts and measurement, each against something that does not depend on them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn import datasets
from torch import nn

from firststep.tour import build
from firststep.tour._data import load_digits
from firststep.tour._net import stages
from firststep.tour._signal import measure
from firststep.tour._starts import Start, starts
from firststep.tour._train import Settings, begin, run_all


@pytest.fixture(scope="module")
def digits():
    return load_digits()


def test_every_digit_is_used_once_in_equal_proportion(digits):
    target = datasets.load_digits().target
    train, test = np.bincount(digits.train_classes), np.bincount(digits.test_classes)

    assert (train + test == np.bincount(target)).all()
    assert (np.abs(test - 0.2 * np.bincount(target)) <= 1).all()


def test_images_are_the_originals_up_to_one_affine_map(digits):
    original = datasets.load_digits().images.reshape(-1, 64)
    mean, std = digits.train_images.mean().item(), digits.train_images.std().item()
    together = torch.cat([digits.train_images, digits.test_images]).reshape(-1, 64).double().numpy()
    slope = (original.max() - original.min()) / (together.max() - together.min())
    back = np.rint((together - together.min()) * slope)

    assert abs(mean) < 1e-5
    assert abs(std - 1) < 1e-5
    assert sorted(map(tuple, back)) == sorted(map(tuple, original))


def test_the_net_has_the_tutorials_layers_and_ten_logits(digits):
    model = build()
    kinds = {type(module) for module in model}

    assert kinds == {nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.Flatten, nn.Linear}
    assert model(digits.test_images).shape == (360, 10)
    assert len(stages(model)) == sum(isinstance(module, nn.Conv2d | nn.Linear) for module in model)


def test_the_signal_of_a_net_done_by_hand():
    model = nn.Sequential(nn.Linear(2, 2, bias=True), nn.Linear(2, 1, bias=False))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[2.0, 0.0], [0.0, 3.0]]))
        model[0].bias.copy_(torch.tensor([100.0, -100.0]))
        model[1].weight.copy_(torch.tensor([[5.0, 7.0]]))
    inputs = torch.tensor([[1.0, 1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]])

    signal = measure(model, ["0", "1"], lambda output, _: output.sum(), inputs, torch.zeros(4))

    # Units of std 2 and 3 times sqrt(4/3) over the images, whatever their biases; gradients 5, 7 and 1 for each image.
    assert signal.forward == pytest.approx([np.sqrt(4 / 3 * (4 + 9) / 2), np.sqrt(4 / 3 * (100 + 441))])
    assert signal.backward == pytest.approx([np.std([5, 7] * 4, ddof=1), 0.0])
    assert signal.loss == pytest.approx(4 * (500 - 700))
    assert signal.output_std == pytest.approx(signal.forward[1])


def test_measuring_leaves_model_and_random_state_alone(digits):
    model = build().eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = torch.get_rng_state()
    measure(model, list(stages(model).values()), nn.functional.cross_entropy, digits.test_images, digits.test_classes)

    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert not model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


def _start(key: str) -> Start:
    return next(start for start in starts() if start.key == key)


@pytest.mark.parametrize(("key", "mean", "std"), [("tutorial", 0.0, 0.1), ("slip", 0.1, 1.0)])
def test_the_tutorials_line_as_meant_and_as_printed(key, mean, std):
    """n = 24,576 hidden Linear weights: the mean within 5 standard errors, the std within 5 sqrt(2 n) of its own."""
    model = begin(_start(key), seed=0)
    weights = torch.cat([m.weight.detach().flatten() for m in model if isinstance(m, nn.Linear)]).double()
    n = len(weights)

    assert abs(weights.mean().item() - mean) < 5 * std / n**0.5
    assert abs(weights.std().item() - std) < 5 * std / (2 * n) ** 0.5
    for module in model:
        if isinstance(module, nn.Conv2d):
            assert torch.equal(module.bias, torch.full_like(module.bias, 0.3))
        if isinstance(module, nn.Linear):
            assert not module.bias.any()


def test_torchs_start_is_the_model_as_constructed():
    state = torch.get_rng_state()
    ours = begin(_start("torch"), seed=11)
    assert torch.equal(torch.get_rng_state(), state)

    with torch.random.fork_rng():
        torch.manual_seed(11)
        constructed = build()
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), constructed.parameters(), strict=True))


def test_equal_starts_train_equally_and_seeds_count_up(digits):
    twins = tuple(Start(key, key, "", "", None, 1) for key in "ab")
    ticks: list[str] = []
    result = run_all(twins, digits, Settings(seed=4, seeds=2, epochs=1), lambda start: ticks.append(start.key))
    a, b = result.of("a"), result.of("b")

    assert ticks == ["a", "b", "a", "b"]
    assert [run.seed for run in a] == [4, 5]
    assert [run.losses for run in a] == [run.losses for run in b]
    assert a[0].losses != a[1].losses
    assert [len(run.accuracies) for run in a] == [2, 2]


def test_one_epoch_is_what_a_loop_by_hand_does(digits):
    start = _start("torch")
    settings = Settings(seeds=1, epochs=1)
    run = run_all((start,), digits, settings, lambda _: None).runs[0]

    model = begin(start, 0).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    order = torch.randperm(1437, generator=torch.Generator().manual_seed(0))
    losses = []
    for i in range(0, 1437, 64):
        batch = order[i : i + 64]
        loss = nn.CrossEntropyLoss(reduction="sum")(model(digits.train_images[batch]), digits.train_classes[batch])
        optimizer.zero_grad()
        (loss / len(batch)).backward()
        optimizer.step()
        losses.append(loss.item())

    assert run.losses[1] == pytest.approx(sum(losses) / 1437, rel=1e-4)


def test_settings_below_one_are_refused():
    with pytest.raises(ValueError, match=r"^Settings\(epochs=0\): expected at least 1$"):
        Settings(epochs=0)
