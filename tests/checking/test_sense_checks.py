"""Targets that do not matter, and losses with the wrong sign."""

from __future__ import annotations

import pytest

from .examples import first, report, said, told

WORDS = [
    (
        "FS405",
        "predictions as targets",
        """
model = nn.Linear(20, 10)
loss = lambda output, targets: F.cross_entropy(output, output.argmax(1))
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
        "error",
        "loss",
        "the loss does not depend on the targets: CrossEntropyLoss is given the predictions' own classes as targets",
        "a loss that compares each output with its own target",
        "look at which tensor the loss is given as targets: loss(output, targets)",
        [
            "the targets, handed to other examples or replaced, change neither loss nor gradient",
            "CrossEntropyLoss is given the predictions' own classes as targets",
        ],
    ),
    (
        "FS405",
        "means alone",
        """
model = nn.Linear(20, 1)
loss = lambda output, targets: (output.mean() - targets.mean()) ** 2
batch = torch.randn(32, 20), torch.randn(32, 1)
""",
        "info",
        "loss",
        "a loss of the targets as a set: which belongs to which example does not matter",
        "a loss that compares each output with its own target",
        "look at which tensor the loss is given as targets: loss(output, targets)",
        [
            "handing the targets to other examples changes neither loss nor gradient",
            "giving all examples one target changes the loss by 1.54e+04 %",
        ],
    ),
    (
        "FS408",
        "cross-entropy negated",
        """
model = nn.Linear(20, 10)
nn.init.zeros_(model.weight), nn.init.zeros_(model.bias)
loss = lambda output, targets: -F.cross_entropy(output, targets)
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
        "error",
        "loss",
        "CrossEntropyLoss with a minus before it: loss -2.303",
        "a loss that is less for better outputs: it is minimized",
        "turn the sign of the loss: a log-likelihood or a score is minimized as its negative",
        [
            "where CrossEntropyLoss grows by 1, the loss falls by 1",
            "the loss is -2.303, and CrossEntropyLoss is never below 0",
        ],
    ),
    (
        "FS408",
        "squares negated",
        """
model = nn.Linear(1, 1, bias=False)
nn.init.constant_(model.weight, 1.0)
loss = lambda output, targets: -((output - targets) ** 2).mean()
x = 1.0 - 2 * (torch.arange(8)[:, None] % 2)
batch = x, -x
""",
        "error",
        "loss",
        "outputs reordered to agree with the targets cost 0, and to contradict them -4",
        "a loss that is less for better outputs: it is minimized",
        "turn the sign of the loss: a log-likelihood or a score is minimized as its negative",
        ["outputs reordered to agree with the targets cost 0, and to contradict them -4", "the loss is -4, below 0"],
    ),
]

FAULTS = [
    (
        "FS405",
        "unused target by hand",
        """
model = nn.Linear(20, 5)
loss = lambda o, y: -(o.softmax(1) * o.log_softmax(1)).sum(1).mean()
batch = torch.randn(32, 20), torch.arange(32) % 5
""",
    ),
    (
        "FS405",
        "mse with itself",
        """
model = nn.Linear(20, 5)
loss = lambda o, y: F.mse_loss(o, o.detach() + 1)
batch = torch.randn(32, 20), torch.randn(32, 5)
""",
    ),
    (
        "FS405",
        "sorted targets",
        """
model = nn.Linear(20, 1)
loss = lambda o, y: F.mse_loss(o, y.sort(0).values.mean().expand_as(o))
batch = torch.randn(32, 20), torch.randn(32, 1)
""",
    ),
    (
        "FS405",
        "constant column",
        """
model = nn.Linear(20, 4)
loss = lambda o, y: F.cross_entropy(o, y[:, 1])
batch = torch.randn(32, 20), torch.stack([torch.arange(32) % 4, torch.zeros(32, dtype=torch.long)], 1)
""",
    ),
    (
        "FS408",
        "bce negated by hand",
        """
model = nn.Linear(20, 1)
loss = lambda o, y: (y * F.logsigmoid(o) + (1 - y) * F.logsigmoid(-o)).mean()
batch = torch.randn(32, 20), (torch.arange(32)[:, None] % 2).float()
""",
    ),
    (
        "FS408",
        "log-likelihood of log-probabilities",
        """
model = nn.Sequential(nn.Linear(20, 5), nn.LogSoftmax(1))
loss = lambda o, y: o.gather(1, y[:, None]).mean()
batch = torch.randn(32, 20), torch.arange(32) % 5
""",
    ),
    (
        "FS408",
        "dice score",
        """
model = nn.Conv2d(3, 1, 1)
def loss(o, y):
    p = o.sigmoid()
    return (2 * (p * y).sum() + 1) / (p.sum() + y.sum() + 1)
batch = torch.randn(4, 3, 8, 8), torch.rand(4, 1, 8, 8).round()
""",
    ),
    (
        "FS408",
        "accuracy",
        """
model = nn.Linear(20, 5)
loss = lambda o, y: o.softmax(1).gather(1, y[:, None]).mean()
batch = torch.randn(32, 20), torch.arange(32) % 5
""",
    ),
    (
        "FS408",
        "mse negated by hand",
        """
model = nn.Linear(20, 3)
loss = lambda o, y: -((o - y) ** 2).mean()
batch = torch.randn(32, 20), torch.randn(32, 3)
""",
    ),
    (
        "FS408",
        "negated sum of two",
        """
model = nn.Linear(20, 4)
def loss(o, y):
    each = F.cross_entropy(o, y, reduction="none")
    return -each.mean()
batch = torch.randn(32, 20), torch.arange(32) % 4
""",
    ),
    (
        "FS408",
        "negated times 2 in place",
        """
model = nn.Linear(20, 4)
def loss(o, y):
    value = F.cross_entropy(o, y)
    return value * -2
batch = torch.randn(32, 20), torch.arange(32) % 4
""",
    ),
    (
        "FS408",
        "cosine similarity minimized",
        """
model = nn.Linear(20, 6)
loss = lambda o, y: F.cosine_similarity(o, y).mean() - 1
batch = torch.randn(32, 20), torch.randn(32, 6)
""",
    ),
    (
        "FS408",
        "ours negated",
        """
model = nn.Linear(20, 6)
mse = losses.MSELoss()
loss = lambda o, y: -mse(o, y)
batch = torch.randn(32, 20), torch.randn(32, 6)
""",
    ),
    (
        "FS408",
        "tokens log-likelihood",
        """
model = nn.Sequential(nn.Embedding(50, 16), nn.Linear(16, 50))
loss = lambda o, y: o.log_softmax(-1).gather(-1, y.unsqueeze(-1)).mean()
batch = torch.randint(50, (4, 16)), torch.randint(50, (4, 16))
""",
    ),
    (
        "FS408",
        "one minus",
        """
model = nn.Linear(20, 4)
loss = lambda o, y: 1 - F.cross_entropy(o, y)
batch = torch.randn(32, 20), torch.arange(32) % 4
""",
    ),
    (
        "FS408",
        "exp of minus",
        """
model = nn.Linear(20, 4)
loss = lambda o, y: (-F.mse_loss(o, y)).exp()
batch = torch.randn(32, 20), torch.randn(32, 4)
""",
    ),
    (
        "FS408",
        "vae with recon negated",
        """
class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.e, self.d = nn.Linear(20, 8), nn.Linear(4, 20)
    def forward(self, x):
        mu, logvar = self.e(x).chunk(2, -1)
        return self.d(mu + torch.randn_like(mu) * (logvar / 2).exp()), mu, logvar
def loss(out, x):
    recon, mu, logvar = out
    return -F.mse_loss(recon, x) - 0.5 * (1 + logvar - mu ** 2 - logvar.exp()).mean()
model = VAE()
x = torch.rand(32, 20)
batch = x, x
""",
    ),
    (
        "FS405",
        "mse of itself",
        """
model = nn.Linear(20, 4)
loss = lambda o, y: F.mse_loss(o, o)
batch = torch.randn(32, 20), torch.randn(32, 4)
""",
    ),
    (
        "FS405",
        "targets in another order",
        """
model = nn.Linear(20, 4)
loss = lambda o, y: F.cross_entropy(o, y[torch.randperm(len(y))])
batch = torch.randn(32, 20), torch.arange(32) % 4
""",
    ),
    (
        "FS405",
        "real targets turned round",
        """
model = nn.Linear(20, 4)
loss = lambda o, y: F.mse_loss(o, y.flip(0))
batch = torch.randn(32, 20), torch.randn(32, 4)
""",
    ),
]


@pytest.mark.parametrize("case", WORDS, ids=[one[1] for one in WORDS])
def test_word_for_word(case: tuple) -> None:
    code, _, lines, *wanted, clues = case
    one = first(report(lines), code)
    assert said(one) == wanted
    assert [clue.text for clue in one.evidence] == clues


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("case", FAULTS, ids=[one[1] for one in FAULTS])
def test_other_forms_are_named(case: tuple[str, str, str], seed: int) -> None:
    code, _, lines = case
    found = report(lines, seed)
    assert code in found.codes, told(found)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("name", "severity"),
    [("log-likelihood of log-probabilities", "error"), ("dice score", "warning"), ("accuracy", "warning")],
)
def test_scores_are_more_than_told(name: str, severity: str, seed: int) -> None:
    found = report(next(lines for _, other, lines in FAULTS if other == name), seed)
    assert [one.severity for one in found.findings if one.code == "FS408"] == [severity], told(found)


@pytest.mark.parametrize(
    "lines",
    [
        # ordered classes: a high output says that the class is a later one
        """
model = nn.Linear(20, 6)
def loss(o, y):
    later = (y[:, None] > torch.arange(6)).float()
    return -(later * F.logsigmoid(o) + (1 - later) * F.logsigmoid(-o)).mean()
batch = torch.randn(32, 20), torch.arange(32) % 5
""",
        """
model = nn.Linear(20, 6)
loss = lambda o, y: -(-o).log_softmax(1).gather(1, y[:, None]).mean()
batch = torch.randn(32, 20), torch.arange(32) % 6
""",
    ],
)
def test_outputs_that_mean_something_else(lines: str) -> None:
    found = report(lines)
    assert found.ok, told(found)
