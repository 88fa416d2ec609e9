"""FS111, FS112, FS113 and FS118: outputs of regression and of likelihoods."""

from __future__ import annotations

import pytest

from .examples import report, told
from .outputs import silent, started, the


def test_out_of_reach_word_for_word() -> None:
    lines = "model, loss, batch = nn.Sequential(one, nn.ReLU()), nn.MSELoss(), (x, 2 * flags - 1)"
    told_of = the(started(lines), "FS111")
    assert told_of.place == "1 (relu)"
    assert told_of.severity == "error"
    assert told_of.measured == "the output went through relu: it is at least 0; targets run from -1 to 1"
    assert told_of.expected == "an output that can reach every target"
    assert told_of.fix == "leave out the relu after the last layer"
    assert told_of.evidence[1].text == (
        "16 of 32 targets are out of reach: a mean squared error of 0.5 stays, 50 % of their variance"
    )


def test_a_bounded_output_may_be_mended_on_the_other_side() -> None:
    told_of = the(
        started("model, loss, batch = nn.Sequential(one, nn.Sigmoid()), nn.L1Loss(), (x, 9 * flags)"), "FS111"
    )
    assert told_of.measured == "the output went through sigmoid: it stays in [0, 1]; targets run from 0 to 9"
    assert told_of.fix == "leave out the sigmoid after the last layer, or scale the targets to [0, 1]"


@pytest.mark.parametrize(
    "lines",
    [
        "model, loss, batch = nn.Sequential(one, nn.Tanh()), nn.HuberLoss(), (x, 3 * normal)",
        "model, loss, batch = nn.Sequential(one, nn.Softplus()), nn.SmoothL1Loss(), (x, normal)",
        "model, loss, batch = nn.Sequential(one, nn.GELU()), nn.MSELoss(), (x, normal)",
        "model, loss, batch = nn.Sequential(one, nn.Tanh()), losses.MSELoss(), (x, 10 * flags)",
        "model, loss, batch = nn.Sequential(one, nn.ReLU()), losses.QuantileLoss(quantile=0.9), (x, normal)",
        "model, loss, batch = nn.Sequential(one, nn.Sigmoid()), lambda o, t: F.mse_loss(t, o), (x, normal)",
        "model, loss, batch = nn.Sequential(one, nn.Sigmoid()), lambda o, t: F.mse_loss(2 * o - 1, t), (x, 4 * normal)",
        "model, loss = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Sigmoid()), nn.MSELoss()\n"
        "batch = images, images",
    ],
)
def test_out_of_reach_however_written(lines: str) -> None:
    found = started(lines)
    assert the(found, "FS111").severity == "error", told(found)


def test_class_indices_word_for_word() -> None:
    lines = "model, batch, loss = net, (x, y), lambda o, t: F.mse_loss(o, t[:, None].float())"
    told_of = the(started(lines), "FS112")
    assert told_of.place == "targets"
    assert told_of.severity == "error"
    assert told_of.measured == "MSELoss of (32, 10) outputs and (32, 1) class indices"
    assert told_of.expected == "a loss over classes, or one-hot targets of the output's shape"
    assert told_of.fix == "loss = nn.CrossEntropyLoss()  # targets: torch.long, one per example"
    assert [clue.text for clue in told_of.evidence] == [
        "the targets are whole, 0 to 9, and each has 10 outputs",
        "the loss stays the same where the outputs of each example change places",
    ]


@pytest.mark.parametrize(
    ("lines", "severity"),
    [
        ("model, loss, batch = net, nn.MSELoss(), (x, y)", "error"),
        ("model, loss, batch = net, nn.L1Loss(), (x, y[:, None])", "error"),
        ("model, loss, batch = nn.Linear(20, 10), nn.HuberLoss(), (x, y.float()[:, None])", "info"),
        ("model, loss, batch = one, nn.MSELoss(), (x, y[:, None])", "info"),
    ],
)
def test_class_indices_however_written(lines: str, severity: str) -> None:
    found = started(lines)
    assert the(found, "FS112").severity == severity, told(found)


def test_variances_word_for_word() -> None:
    lines = "with torch.no_grad():\n    two.weight.zero_(), two.bias.copy_(torch.tensor([0.0, -0.5]))\n"
    lines += "model, batch = two, (x, normal)\nloss = lambda o, t: F.gaussian_nll_loss(o[:, :1], t, o[:, 1:])"
    told_of = the(started(lines), "FS113")
    assert told_of.place == "loss"
    assert told_of.severity == "error"
    assert told_of.measured == "the variances of GaussianNLLLoss run from -0.5 to -0.5"
    assert told_of.expected == "variances above 0, whatever the weights"
    assert told_of.fix.startswith("var = F.softplus(x) + 1e-6")
    assert told_of.evidence[0].text == "32 of 32 variances are 0 or below"
    assert [clue.channel for clue in told_of.evidence] == ["values", "graph", "run"]


@pytest.mark.parametrize(
    ("loss", "severity"),
    [
        ("F.gaussian_nll_loss(o[:, :1], t, o[:, 1:])", "error"),
        ("F.gaussian_nll_loss(o[:, :1], t, 0.01 * o[:, 1:] + 1)", "warning"),
        ("losses.functional.gaussian_nll_loss(o[:, :1], t, F.softplus(o[:, 1:]))", "error"),
        ("losses.functional.gaussian_nll_loss(o[:, :1], t, F.softplus(o[:, 1:]) + 1e-4)", "error"),
        ("losses.functional.student_t_nll_loss(o[:, :1], t, o[:, 1:].exp())", "error"),
        ("-torch.distributions.Normal(o[:, :1], o[:, 1:], validate_args=True).log_prob(t).mean()", "error"),
    ],
)
def test_variances_however_written(loss: str, severity: str) -> None:
    found = started(f"model, batch, loss = two, (x, normal), lambda o, t: {loss}")
    assert the(found, "FS113").severity == severity, told(found)


def test_poisson_word_for_word() -> None:
    told_of = the(
        started("model, loss, batch = nn.Sequential(one, nn.Softplus()), nn.PoissonNLLLoss(), (x, flags)"), "FS118"
    )
    assert told_of.place == "1 (softplus)"
    assert told_of.severity == "error"
    assert told_of.measured == "the input of PoissonNLLLoss is rates, and log_input=True"
    assert told_of.expected == "log-rates, of either sign"
    assert told_of.fix == "loss = nn.PoissonNLLLoss(log_input=False)"


@pytest.mark.parametrize(
    "lines",
    [
        "model, loss, batch = one, nn.PoissonNLLLoss(log_input=False), (x, flags)",
        "model, loss, batch = one, lambda o, t: F.poisson_nll_loss(o.exp(), t), (x, flags)",
    ],
)
def test_poisson_however_written(lines: str) -> None:
    found = started(lines)
    assert the(found, "FS118").severity == "error", told(found)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "lines",
    [
        "model, loss, batch = nn.Sequential(net, nn.Sigmoid()), nn.MSELoss(), (x, torch.rand(32, 10))",
        "model, loss, batch = nn.Sequential(net, nn.Tanh()), nn.L1Loss(), (x, 2 * torch.rand(32, 10) - 1)",
        "model, batch = nn.Sequential(two, nn.Tanh()), (x, 5 * (2 * torch.rand(32, 2) - 1))\n"
        "loss = lambda o, t: F.mse_loss(5 * o, t)",
        "model, loss = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Sigmoid()), nn.MSELoss()\n"
        "smooth = F.interpolate(torch.rand(8, 3, 8, 8), scale_factor=2, mode='bicubic'); batch = smooth, smooth",
        "class Residual(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.conv = nn.Conv2d(3, 3, 3, padding=1)\n    def forward(self, x):\n"
        "        return x + torch.tanh(self.conv(x))\n"
        "model, loss, batch = Residual(), nn.MSELoss(), (images, images + 0.5 * torch.randn(4, 3, 8, 8))",
        "def loss(o, t):\n    known = t >= 0\n"
        "    return (F.mse_loss(o, t, reduction='none') * known).sum() / known.sum()\n"
        "model, batch = nn.Sequential(one, nn.Softplus()), (x, torch.rand(32, 1)); batch[1][:8] = -100.0",
        "model, loss, batch = one, nn.MSELoss(), (x, torch.arange(32).float()[:, None] % 5)",
        "model, loss, batch = net, nn.MSELoss(), (x, F.one_hot(y, 10).float())",
        "model, loss, batch = nn.Linear(20, 5), lambda o, t: F.mse_loss(o, t.expand(-1, 5)), (x, normal)",
        *(
            f"model, batch, loss = two, (x, normal), lambda o, t: F.gaussian_nll_loss(o[:, :1], t, {variance})"
            for variance in (
                "F.softplus(o[:, 1:]) + 1e-3",
                "o[:, 1:].exp()",
                "o[:, 1:] ** 2 + 0.1",
                "F.elu(o[:, 1:]) + 1.01",
                "torch.ones_like(t)",
            )
        ),
        "model, batch = two, (x, normal)\n"
        "loss = lambda o, t: losses.functional.gaussian_nll_loss(o[:, :1], t, 5 * torch.tanh(o[:, 1:] / 5))",
        "model, loss, batch = nn.Sequential(one, nn.Softplus()), nn.PoissonNLLLoss(log_input=False), (x, flags)",
        "model, loss, batch = one, nn.PoissonNLLLoss(), (x, flags)",
    ],
)
def test_sound_starts_are_silent(lines: str, seed: int) -> None:
    silent(lines, seed, "FS111", "FS112", "FS113", "FS118")


ODD = [
    "zeros(0, 10)",
    "randn(())",
    "full((4, 10), torch.nan)",
    "full((4, 10), torch.inf)",
    "zeros(4, 0)",
    "randn(1, 1)",
]
ODD += ["randn(4)", "randn(4, 10, 3)", "randn(4, 4)"]
LOSSES = [
    "nn.CrossEntropyLoss()",
    "nn.NLLLoss()",
    "nn.BCELoss()",
    "nn.KLDivLoss()",
    "nn.MSELoss()",
    "losses.DiceLoss()",
]
LOSSES += ["losses.SSIMLoss()", "losses.GIoULoss()", "losses.InfoNCELoss(temperature=9.0)", "losses.DistillationLoss()"]
LOSSES += ["lambda o, t: F.gaussian_nll_loss(o, t, o)", "losses.MultiQuantileLoss(quantiles=(0.1, 0.9))"]


@pytest.mark.parametrize("output", ODD)
@pytest.mark.parametrize("head", ["x", "x.sigmoid()", "x.softmax(0) if x.ndim else x.exp()"])
def test_no_rule_raises_on_odd_outputs(output: str, head: str) -> None:
    model = f"""
class Odd(nn.Module):
    def __init__(self):
        super().__init__()
        self.given = nn.Parameter(torch.{output})
    def forward(self, _):
        x = self.given * 1
        return {head}
"""
    for loss in LOSSES:
        for targets in ("torch.zeros(4, dtype=torch.long)", "torch.randn(4, 10)"):
            found = report(f"{model}\nmodel, loss, batch = Odd(), {loss}, (torch.zeros(4, 1), {targets})")
            assert found.evidence.calls or found.evidence.crash, told(found)
