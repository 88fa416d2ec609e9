"""Where the tour's start matters less: the same four starts with batch norm in every block, with Adam, at other rates.

Run from the repository's root: python benchmarks/starts_elsewhere.py. Takes about a minute.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable

import torch
from torch import nn

import firststep as fs
from firststep import init
from firststep.tour._data import Digits, load_digits
from firststep.tour._net import build
from firststep.tour._starts import Start, starts

SEEDS, EPOCHS, BATCH = 3, 3, 64
Optimizer = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]


def with_norms() -> nn.Sequential:
    """The tour's net, with batch norm after every hidden linear layer too."""
    layers: list[nn.Module] = []
    for name, module in build().named_children():
        layers.append(module)
        if name.startswith("linear"):
            assert isinstance(module, nn.Linear)
            layers.append(nn.BatchNorm1d(module.out_features))
    return nn.Sequential(*layers)


def sgd(rate: float) -> Optimizer:
    """Plain SGD, as the tour has it."""
    return lambda parameters: torch.optim.SGD(parameters, lr=rate, momentum=0.9)


NORM = fs.rule(nn.BatchNorm1d, name="norm of vectors", weight=init.ones(), bias=init.zeros())

CASES: dict[str, tuple[Callable[[], nn.Sequential], Optimizer]] = {
    "the tour's": (build, sgd(0.02)),
    "learning rate 0.005": (build, sgd(0.005)),
    "learning rate 0.05": (build, sgd(0.05)),
    "Adam, its default rate": (build, torch.optim.Adam),
    "batch norm everywhere": (with_norms, sgd(0.02)),
}


def begin(make: Callable[[], nn.Sequential], start: Start, seed: int) -> nn.Sequential:
    """A model at ``start``; batch norm of vectors, which the starts do not name, as the identity."""
    torch.manual_seed(seed)
    model = make()
    if start.rules is not None:
        # Not strict: the default recipe has a rule for norms, which leaves this one nothing to do.
        own = [start.rules] if isinstance(start.rules, str) else list(start.rules)
        fs.initialize(model, [*own, NORM], seed=seed, strict=False)
    return model


def accuracies(model: nn.Sequential, optimizer: torch.optim.Optimizer, digits: Digits, seed: int) -> list[float]:
    """Test accuracy after each epoch."""
    order, found = torch.Generator().manual_seed(seed), []
    for _ in range(EPOCHS):
        model.train()
        for batch in torch.randperm(len(digits.train_classes), generator=order).split(BATCH):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(digits.train_images[batch]), digits.train_classes[batch]).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            found.append((model(digits.test_images).argmax(1) == digits.test_classes).double().mean().item())
    return found


def main() -> None:
    """Print, by case and start, the median test accuracy after the first and the last epoch."""
    torch.set_num_threads(1)
    digits = load_digits()
    print(f"{'test accuracy (median of 3 seeds)':34}{'start':16}{'1 epoch':>8}{f'{EPOCHS} epochs':>10}")
    for case, (make, optimizer) in CASES.items():
        for start in starts():
            runs = []
            for seed in range(SEEDS):
                model = begin(make, start, seed)
                runs.append(accuracies(model, optimizer(model.parameters()), digits, seed))
            first, last = (statistics.median(run[i] for run in runs) for i in (0, -1))
            print(f"{case:34}{start.label:16}{first:8.3f}{last:10.3f}")


if __name__ == "__main__":
    main()
