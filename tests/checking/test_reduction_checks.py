"""Sums, means and halves."""

from __future__ import annotations

import pytest

from .examples import first, report, said, told

WORDS = [
    (
        "FS301",
        "sum",
        """
model = nn.Linear(20, 10)
loss = nn.CrossEntropyLoss(reduction="sum")
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
        "info",
        "loss",
        "a sum over the examples: the gradient grows to 32 times that of one example",
        "a mean, that stays the same for a batch of another size",
        'reduction="mean"; to keep the sum, divide the learning rate by the batch size',
        [
            "the loss of the same examples twice and three times over is 2 and 3 times theirs",
            'CrossEntropyLoss was asked for reduction="sum"',
        ],
    ),
    (
        "FS301",
        "half of it a sum",
        """
model = nn.Linear(20, 2)
def loss(output, targets):
    squares = (output - targets) ** 2
    return squares.mean() + squares.mean(1).sum() / 8
batch = torch.randn(32, 20), torch.randn(32, 2)
""",
        "info",
        "loss",
        "50 % of the loss is a sum over the examples",
        "all terms means, or all sums: otherwise their balance changes with the batch size",
        'reduction="mean"; to keep the sum, divide the learning rate by the batch size',
        ["the loss of the same examples twice and three times over is 1.5 and 2 times theirs"],
    ),
    (
        "FS302",
        "divergence of one-hot targets",
        """
model = nn.Sequential(nn.Linear(20, 4), nn.LogSoftmax(1))
nn.init.zeros_(model[0].weight), nn.init.zeros_(model[0].bias)
loss = nn.KLDivLoss()
batch = torch.randn(8, 20), F.one_hot(torch.arange(8) % 4, 4).float()
""",
        "warning",
        "loss",
        "a divergence divided by 4, the number of classes",
        "the mean over the 8 distributions in (8, 4)",
        'reduction="batchmean"',
        [
            'reduction="mean" divides by all 32 elements, not by the 8 distributions',
            "a divergence is 1.386 on average, and the loss says 0.3466",
        ],
    ),
    (
        "FS303",
        "no reduction",
        """
model = nn.Linear(20, 10)
loss = nn.CrossEntropyLoss(reduction="none")
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
        "error",
        "loss",
        "32 numbers of shape (32,)",
        "one number: loss.backward() raises for several",
        "loss.mean()",
        ["the loss is of shape (32,)", 'CrossEntropyLoss was asked for reduction="none"'],
    ),
    (
        "FS305",
        "weights in the second half",
        """
model = nn.Linear(20, 1)
nn.init.zeros_(model.weight), nn.init.zeros_(model.bias)
loss = lambda output, targets: ((output - targets[0]) ** 2 * targets[1]).sum() / targets[1].sum()
late = (torch.arange(32)[:, None] % 8 > 3).float()
batch = torch.randn(32, 20), (3 * late, 1 + 9 * late)
""",
        "info",
        "loss",
        "the mean of the losses of two halves is 0.55 times the loss of the whole",
        "a mean over as many values in every part of the batch",
        "to accumulate gradients, sum the losses and divide by what counts in all parts together",
        ["the mean of the losses of two halves is 0.55 times the loss of the whole"],
    ),
]

FAULTS = [
    (
        "FS301",
        "sum of bce",
        """
model = nn.Linear(20, 1)
loss = nn.BCEWithLogitsLoss(reduction="sum")
batch = torch.randn(32, 20), (torch.arange(32)[:, None] % 2).float()
""",
    ),
    (
        "FS301",
        "ours sum",
        """
model = nn.Linear(20, 5)
loss = losses.CrossEntropyLoss(reduction="sum")
batch = torch.randn(32, 20), torch.arange(32) % 5
""",
    ),
    (
        "FS301",
        "one term a sum",
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
    return F.mse_loss(recon, x) - 0.5 * (1 + logvar - mu ** 2 - logvar.exp()).sum()
model = VAE()
x = torch.rand(32, 20)
batch = x, x
""",
    ),
    (
        "FS302",
        "kl log target",
        """
model = nn.Linear(20, 5)
loss = lambda o, y: F.kl_div(o.log_softmax(1), y.log_softmax(1), log_target=True)
batch = torch.randn(32, 20), torch.randn(32, 5)
""",
    ),
    (
        "FS302",
        "kl of tokens",
        """
model = nn.Linear(20, 7)
loss = lambda o, y: F.kl_div(o.log_softmax(-1), y, reduction="mean")
batch = torch.randn(8, 6, 20), torch.randn(8, 6, 7).softmax(-1)
""",
    ),
    (
        "FS302",
        "kl of pixels",
        """
model = nn.Conv2d(3, 4, 1)
loss = lambda o, y: nn.KLDivLoss()(o.log_softmax(1), y)
batch = torch.randn(4, 3, 6, 6), torch.randn(4, 4, 6, 6).softmax(1)
""",
    ),
    (
        "FS303",
        "squares per example",
        """
model = nn.Linear(20, 3)
loss = lambda o, y: ((o - y) ** 2).mean(1)
batch = torch.randn(32, 20), torch.randn(32, 3)
""",
    ),
    (
        "FS303",
        "model returns logits",
        """
model = nn.Linear(20, 3)
loss = None
batch = torch.randn(32, 20), None
""",
    ),
    (
        "FS305",
        "multi-head halves",
        """
model = nn.Linear(20, 6)
loss = lambda o, y: losses.functional.cross_entropy(o, y[0], mask=y[1])
batch = 3 * torch.randn(32, 20), (torch.arange(32) % 6, torch.arange(32) % 8 > 2)
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
