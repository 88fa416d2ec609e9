"""From how many layers on a plain chain is better started looking linear: test accuracy on scikit-learn's digits.

MLPs of 128 units, Adam, batches of 64; mean accuracy over seeds after the first and after the fourth epoch, with both
schemes everywhere. Run: ``python benchmarks/chain_length.py [--json FILE]`` (about two minutes on one core).
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import Tensor, nn

import firststep as fs
from firststep import init
from firststep.init import Scheme

SCHEMES: dict[str, Scheme] = {
    "variance_preserving": init.variance_preserving(),
    "looks_linear": init.looks_linear(),
}
ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "silu": nn.SiLU}
WIDTH, BATCH, EPOCHS, TRAIN = 128, 64, 4, 1400


def data() -> tuple[Tensor, Tensor]:
    """Standardised images and labels, shuffled once."""
    images, labels = (torch.as_tensor(array) for array in load_digits(return_X_y=True))
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    return ((images - images.mean()) / images.std()).float()[order], labels[order]


def build(depth: int, activation: str) -> nn.Sequential:
    """``depth`` layers, an activation after each but the last."""
    sizes = [64, *[WIDTH] * (depth - 1), 10]
    layers = [m for a, b in itertools.pairwise(sizes) for m in (nn.Linear(a, b), ACTIVATIONS[activation]())]
    return nn.Sequential(*layers[:-1])


def train(model: nn.Sequential, images: Tensor, labels: Tensor, *, lr: float, seed: int) -> list[float]:
    """Test accuracy after each epoch."""
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    generator = torch.Generator().manual_seed(seed)
    accuracies = []
    for _ in range(EPOCHS):
        for batch in torch.randperm(TRAIN, generator=generator).split(BATCH):
            optimizer.zero_grad()
            F.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimizer.step()
        with torch.no_grad():
            accuracies.append((model(images[TRAIN:]).argmax(1) == labels[TRAIN:]).float().mean().item())
    return accuracies


def mean_accuracies(depth: int, activation: str, scheme: Scheme, lr: float, seeds: int) -> tuple[float, float]:
    """After the first and after the last epoch."""
    images, labels = data()
    runs: list[Sequence[float]] = []
    for seed in range(seeds):
        model = build(depth, activation)
        fs.initialize(model, [fs.rule(nn.Linear, weight=scheme, bias=init.zeros())], seed=seed)
        runs.append(train(model, images, labels, lr=lr, seed=seed))
    return sum(run[0] for run in runs) / seeds, sum(run[-1] for run in runs) / seeds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for activation, depth, name, lr in itertools.product(ACTIVATIONS, (2, 3, 4, 5, 6, 8), SCHEMES, (3e-3, 1e-3, 3e-4)):
        first, last = mean_accuracies(depth, activation, SCHEMES[name], lr, options.seeds)
        rows.append({"activation": activation, "layers": depth, "scheme": name, "lr": lr, "first": first, "last": last})
        print(f"{activation:<5} {depth:>2} layers  lr {lr:<6g} {name:<20} {first:.3f} {last:.3f}", flush=True)
    if options.json:
        options.json.write_text(json.dumps({"seeds": options.seeds, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
