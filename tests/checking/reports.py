"""Reports whose numbers are the same everywhere and whose findings do not follow from rules, to be shown."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from firststep.checking import CheckReport, Clue, Finding, check


def waves(*shape: int) -> Tensor:
    """Numbers between -1 and 1 without chance."""
    count = torch.Size(shape).numel()
    return torch.sin(torch.arange(1.0, count + 1, dtype=torch.double) ** 1.3).float().reshape(shape)


def started(model: nn.Module) -> nn.Module:
    """With weights of a size that keeps the signal's."""
    with torch.no_grad():
        for one in model.parameters():
            one.copy_(
                waves(*one.shape) * (2.0 / max(1, one[0].numel())) ** 0.5 if one.ndim > 1 else 0.1 * waves(len(one))
            )
    return model


def classes(n: int, count: int) -> Tensor:
    return torch.arange(n) % count


def finding(code: str, severity: str, place: str, **changes: str) -> Finding:
    """A finding of several sentences."""
    said = {
        "title": "Softmax before a loss that makes its own",
        "measured": "the input of CrossEntropyLoss is probabilities",
        "expected": "logits; with 4 classes the loss cannot fall below 0.744 from probabilities",
        "why": "Probabilities lie between 0 and 1, so that no class can stand out by more than 1: the loss stays above "
        "ln(1 + (C-1)/e) and its gradients are small.",
        "fix": "leave out the softmax: the loss makes its own",
    }
    clues = (Clue("graph", "a softmax made the input"), Clue("values", "all 8 rows lie in [0, 1] and sum to 1"))
    return Finding(code=code, severity=severity, place=place, evidence=clues, **{**said, **changes})  # type: ignore[arg-type]


FOUND = (
    finding("FS101", "error", "softmax (softmax)"),
    finding("FS606", "warning", "inputs", title="The inputs are not <scaled> & shifted", fix="inputs = inputs / 255"),
    finding(
        "FS605",
        "warning",
        "second.weight",
        title="Units start equal",
        fix="nn.init.xavier_normal_(model.second.weight)",
    ),
    finding("FS611", "info", "first", title="A bias does nothing"),
)


def wrong() -> CheckReport:
    """A small net with a softmax, and findings of every severity at every sort of place."""
    model = nn.Sequential()
    for name, layer in {
        "first": nn.Linear(6, 8),
        "act": nn.Tanh(),
        "second": nn.Linear(8, 8),
        "relu": nn.ReLU(),
        "head": nn.Linear(8, 4),
        "softmax": nn.Softmax(dim=1),
    }.items():
        model.add_module(name, layer)
    started(model)
    model.head.bias.requires_grad_(False)
    optimizer = torch.optim.SGD(model.first.parameters(), lr=0.1)
    made = check(model, nn.CrossEntropyLoss(), (3 * waves(8, 6), classes(8, 4)), optimizer=optimizer)
    return CheckReport(FOUND, made.evidence, ("FS301",))


def sound() -> CheckReport:
    """A linear model of which nothing is found."""
    made = check(started(nn.Linear(6, 4)), nn.CrossEntropyLoss(), (waves(8, 6), classes(8, 4)))
    return CheckReport((), made.evidence)


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.fc, self.proj = nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.proj(F.gelu(self.fc(self.norm(x))))


class Deep(nn.Module):
    def __init__(self, depth: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(12, 8)
        self.blocks = nn.Sequential(*(Block(8) for _ in range(depth)))
        self.head = nn.Linear(8, 12)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(self.embed(x)))


def _cost(output: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(output.flatten(0, 1), target.flatten()) + 0.1 * F.mse_loss(output, torch.zeros_like(output))


def deep(depth: int = 16) -> CheckReport:
    """More layers than a terminal wants, whole-number inputs and a loss of two terms."""
    words = torch.arange(24).reshape(4, 6) % 12
    made = check(started(Deep(depth)), _cost, (words, words.roll(1, 1)))
    return CheckReport((finding("FS602", "warning", f"blocks.{depth // 2}.fc"),), made.evidence)


def crashed() -> CheckReport:
    """A step that does not run, of which little is known."""
    made = check(nn.Linear(6, 4), nn.CrossEntropyLoss(), (waves(8, 7), classes(8, 4)))
    return CheckReport((finding("FS001", "error", "forward", title="The step does not run"),), made.evidence)


def not_finite() -> CheckReport:
    """A layer whose outputs are infinite."""
    model = started(nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 4)))
    with torch.no_grad():
        model[0].weight.mul_(float("inf"))
    made = check(model, nn.CrossEntropyLoss(), (waves(8, 6), classes(8, 4)))
    return CheckReport((finding("FS002", "error", "0", title="The loss is NaN"),), made.evidence)
