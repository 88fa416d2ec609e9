"""FS115, FS116 and FS117: images, quantiles and boxes."""

from __future__ import annotations

import pytest

from .examples import told
from .outputs import silent, started, the

HEAD = """
pixels = (torch.arange(4 * 3 * 32 * 32) % 256).float().reshape(4, 3, 32, 32)
unit, dull = pixels / 255, nn.Conv2d(3, 3, 3, padding=1)
bright = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.Sigmoid())
four = nn.Linear(20, 4)
centre, size = 0.4 + 0.2 * torch.rand(32, 2), 0.1 + 0.2 * torch.rand(32, 2)
corners = torch.cat([centre - size / 2, centre + size / 2], 1)
"""


def test_data_range_word_for_word() -> None:
    one = the(started(HEAD + "model, loss, batch = bright, losses.SSIMLoss(), (unit, pixels)"), "FS115")
    assert one.place == "targets"
    assert one.severity == "error"
    assert one.measured == "images from 0 to 255 and data_range=1"
    assert one.expected == "data_range as wide as the images' range, both images of the same range, from 0 up"
    assert one.fix == "target = target / 255"
    assert [clue.text for clue in one.evidence] == [
        "the target runs from 0 to 255, in whole numbers",
        "sigmoid made the output: it stays in [0, 1]",
    ]


@pytest.mark.parametrize(
    ("lines", "fix"),
    [
        ("model, loss, batch = dull, losses.SSIMLoss(), (unit, pixels)", "target = target / 255"),
        ("model, loss, batch = dull, losses.SSIMLoss(data_range=255.0), (unit, unit)", "data_range=1.0"),
        ("model, loss, batch = bright, losses.SSIMLoss(), (unit, unit / 255)", "scale the images to [0, 1] once"),
        ("model, loss, batch = dull, losses.SSIMLoss(), (unit, 2 * unit - 1)", "input, target = "),
    ],
)
def test_data_range_however_wrong(lines: str, fix: str) -> None:
    found = started(HEAD + lines)
    one = the(found, "FS115")
    assert one.severity != "info", told(found)
    assert one.fix.startswith(fix)


def test_quantile_heads_word_for_word() -> None:
    lines = "model, batch = two, (x, normal[:, 0])\nloss = losses.MultiQuantileLoss(quantiles=(0.1, 0.5, 0.9))"
    one = the(started(lines), "FS116")
    assert one.place == "loss"
    assert one.severity == "error"
    assert one.measured == "2 outputs for 3 quantiles"
    assert one.expected == "one output for each quantile along axis 1, in the same order, the least first"
    assert one.fix == "nn.Linear(..., 3)  # along axis 1"


def test_quantiles_in_no_order_are_a_remark() -> None:
    lines = "model, batch = two, (x, normal[:, 0])\nloss = losses.MultiQuantileLoss(quantiles=(0.9, 0.1))"
    found = started(lines)
    assert found.ok
    assert the(found, "FS116").fix == "quantiles=(0.1, 0.9)"


def test_centres_and_sizes_word_for_word() -> None:
    lines = "model, loss, batch = four, losses.GIoULoss(), (x, torch.cat([centre, size / 2], 1))"
    found = started(HEAD + lines)
    one = the(found, "FS117")
    assert one.place == "targets"
    assert one.severity == "warning"
    assert one.measured == "32 of 32 target boxes have no area as (x1, y1, x2, y2): (cx, cy, w, h), it seems"
    assert one.expected == "corners (x1, y1, x2, y2) with x1 < x2 and y1 < y2"
    assert one.fix == "boxes = torch.cat([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], 1)"


@pytest.mark.parametrize(
    ("lines", "measured"),
    [
        (
            "low = torch.tensor([[5.0, 100.0]]).expand(32, 2)\nmodel, loss = four, losses.CIoULoss()\n"
            "batch = x, torch.cat([low, 0 * low + 30], 1)",
            "32 of 32 target boxes have no area as (x1, y1, x2, y2): (x, y, w, h), it seems",
        ),
        (
            "model, loss, batch = nn.Sequential(four, nn.Sigmoid()), losses.GIoULoss(), (x, 640 * corners)",
            "output boxes up to ",
        ),
        (
            "def loss(o, t):\n    c, s = o.sigmoid().chunk(2, 1)\n"
            "    return losses.functional.giou_loss(torch.cat([c - s / 2, c + s / 2], 1), t)\n"
            "model, batch = four, (x, 640 * corners)",
            "output boxes up to ",
        ),
        (
            "def loss(o, t):\n    c, s = (640 * o.sigmoid()).chunk(2, 1)\n"
            "    return losses.functional.diou_loss(torch.cat([c - s / 2, c + s / 2], 1), t)\n"
            "model, batch = four, (x, corners)",
            "output boxes up to ",
        ),
    ],
)
def test_boxes_however_wrong(lines: str, measured: str) -> None:
    found = started(HEAD + lines)
    one = the(found, "FS117")
    assert one.severity != "info", told(found)
    assert one.measured.startswith(measured)


def test_output_corners_in_any_order_are_a_remark() -> None:
    found = started(HEAD + "model, loss, batch = four, losses.GIoULoss(), (x, corners)")
    one = the(found, "FS117")
    assert one.severity == "info"
    assert one.measured.endswith(" output boxes end before they begin: x2 < x1 or y2 < y1")


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "lines",
    [
        "model, loss, batch = bright, losses.SSIMLoss(), (unit, unit)",
        "model, loss, batch = dull, losses.SSIMLoss(), (unit, unit)",
        "model, batch = bright, (unit, pixels)\nssim = losses.SSIMLoss(data_range=255.0)\n"
        "loss = lambda o, t: ssim(255 * o, t)",
        "model, batch = nn.Linear(20, 3), (x, normal[:, 0])\n"
        "loss = losses.MultiQuantileLoss(quantiles=(0.1, 0.5, 0.9))",
        "def loss(o, t):\n    c, s = o.sigmoid().chunk(2, 1)\n"
        "    return losses.functional.giou_loss(torch.cat([c - s / 2, c + s / 2], 1), t)\n"
        "model, batch = four, (x, corners)",
        "anchor = 640 * corners\ndef loss(o, t):\n    low, high = (anchor + 4 * o).chunk(2, 1)\n"
        "    return losses.functional.ciou_loss(torch.cat([low, low + (high - low).abs()], 1), t)\n"
        "model, batch = four, (x, 640 * corners)",
    ],
)
def test_sound_starts_are_silent(lines: str, seed: int) -> None:
    silent(HEAD + lines, seed, "FS115", "FS116", "FS117")
