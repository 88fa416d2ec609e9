"""FS114: what similarities are scaled by."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from .examples import told
from .outputs import started, the

HEAD = "model, batch = nn.Linear(20, 64), (torch.randn(64, 20), None)\n"


def pairs(scores: str, before: str = "F.normalize(o, dim=1)") -> str:
    """Cross-entropy over a matrix of similarities."""
    return f"{HEAD}def loss(o):\n    a, b = ({before}).chunk(2)\n    return F.cross_entropy({scores}, torch.arange(32))"


def test_multiplied_by_the_temperature_word_for_word() -> None:
    one = the(started(pairs("a @ b.T * 0.07")), "FS114")
    eye = 2 * torch.eye(32, dtype=torch.double) - 1
    floor = F.cross_entropy(0.07 * eye, torch.arange(32))
    assert one.place == "loss"
    assert one.severity == "error"
    assert one.measured == "cosines multiplied by 0.07"
    assert one.expected == "cosines of -1 to 1, divided by a temperature of about 0.01 to 0.5"
    assert one.fix == "query @ key.T / 0.07  # divide by the temperature"
    assert {clue.channel for clue in one.evidence} == {"graph", "values"}
    assert one.evidence[-1].text == (
        f"the loss cannot fall below {floor:.3f} from ln 32 = {math.log(32):.3f}: scores stay within 0.07"
    )


@pytest.mark.parametrize(
    ("lines", "severity"),
    [
        (pairs("a @ b.detach().T * 0.1"), "error"),
        (pairs("torch.einsum('nd,md->nm', a, b) * 0.2"), "error"),
        (pairs("0.07 * F.cosine_similarity(a[:, None], b[None], dim=-1)", "o"), "error"),
        (pairs("a @ b.T"), "warning"),
        (pairs("a @ b.T / 0.001"), "warning"),
        (pairs("a @ b.T / 0.07", "5 * o"), "error"),
        (pairs("a @ b.T", "30 * o"), "error"),
        (HEAD + "loss = lambda o: losses.functional.info_nce_loss(*o.chunk(2), temperature=1 / 0.07)", "error"),
        (HEAD + "loss = lambda o: losses.functional.nt_xent_loss(*o.chunk(2), temperature=0.001)", "warning"),
        (
            HEAD + "def loss(o):\n    z = F.normalize(o, dim=1)\n"
            "    scores = (z @ z.T * 0.5).masked_fill(torch.eye(64, dtype=torch.bool), -1e9)\n"
            "    return F.cross_entropy(scores, torch.arange(64).roll(32))",
            "error",
        ),
        (
            HEAD + "def loss(o):\n    a, b = F.normalize(o, dim=1).chunk(2)\n    scores = a @ b.T * 0.07\n"
            "    y = torch.arange(32)\n    return (F.cross_entropy(scores, y) + F.cross_entropy(scores.T, y)) / 2",
            "error",
        ),
        (
            "w = nn.Parameter(torch.randn(100, 64))\nmodel, batch = nn.Linear(20, 64), (x, torch.arange(32))\n"
            "loss = lambda o, t: F.cross_entropy(F.normalize(o, dim=1) @ F.normalize(w, dim=1).T, t)",
            "warning",
        ),
    ],
)
def test_the_wrong_scale_however_written(lines: str, severity: str) -> None:
    found = started(lines)
    assert the(found, "FS114").severity == severity, told(found)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "lines",
    [
        *(pairs(f"a @ b.T / {temperature}") for temperature in (0.02, 0.07, 0.1, 0.5)),
        pairs("nn.Parameter(torch.tensor(2.66)).exp() * a @ b.T"),
        pairs("a @ b.T / 8", "o"),
        HEAD + "loss = lambda o: losses.functional.info_nce_loss(*o.chunk(2))",
        HEAD + "clip = losses.CLIPLoss()\nloss = lambda o: clip(*o.chunk(2))",
        "w = nn.Parameter(torch.randn(100, 64))\nmodel, batch = nn.Linear(20, 64), (x, torch.arange(32))\n"
        "loss = lambda o, t: F.cross_entropy(16 * F.normalize(o, dim=1) @ F.normalize(w, dim=1).T, t)",
        "model = nn.Sequential(nn.Linear(20, 64), nn.LayerNorm(64), nn.Linear(64, 10, bias=False))\n"
        "nn.init.orthogonal_(model[2].weight, 0.3)\nbatch = x[:10], y[:10]",
        "model, batch = nn.Linear(20, 10, bias=False), (x[:10], y[:10])",
    ],
)
def test_sound_starts_are_silent(lines: str, seed: int) -> None:
    found = started(lines, seed)
    assert "FS114" not in found.codes, told(found)
