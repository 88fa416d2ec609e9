"""Convolutional nets without residual branches beside torchvision's and timm's own, and beside their formulas."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import firststep as fs

from .conformance import differences
from .libraries import library, narrow_vgg, timm, torchvision
from .twins import constants, stds


@pytest.mark.parametrize("name", ["vgg11", "vgg11_bn"])
def test_vgg_of_torchvision(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    narrow_vgg(monkeypatch)
    assert differences(torchvision(name, num_classes=10), "vgg", seeds=1) == []


def test_vgg_of_timm() -> None:
    assert differences(timm("vgg11", num_classes=10, mlp_ratio=1 / 256), "vgg", seeds=1) == []


def test_densenet() -> None:
    options: dict[str, Any] = {"growth_rate": 8, "block_config": (2, 3, 2)}
    densenet = library("torchvision.models.densenet").DenseNet
    assert differences(lambda: densenet(num_init_features=16, num_classes=20, **options), "densenet") == []
    assert differences(timm("densenet121", num_classes=20, **options), "densenet") == []


@pytest.mark.parametrize("name", ["squeezenet1_0", "squeezenet1_1"])
def test_squeezenet(name: str) -> None:
    assert differences(torchvision(name, num_classes=20), "squeezenet") == []


def test_googlenet_and_inception() -> None:
    assert differences(torchvision("googlenet", init_weights=True), "googlenet", seeds=1) == []
    inception = torchvision("inception_v3", init_weights=True, num_classes=20)
    assert differences(inception, "inception_v3.torchvision", seeds=1) == []


def test_inception_of_timm() -> None:
    assert differences(timm("inception_v3", aux_logits=True), "inception_v3.torchvision", seeds=1) == []


def test_inception_as_its_authors_start_it() -> None:
    """A normal cut off at two std has the std 0.87962566 of what it was, by quadrature."""
    with torch.device("meta"):
        model = torchvision("inception_v3", init_weights=False)()
    plan = fs.plan(model, "inception_v3")
    found = stds(plan)
    special = {"AuxLogits.conv1.conv.weight": 0.01, "AuxLogits.fc.weight": 0.001, "fc.weight": 0.01}
    expected = {row.name: 0.87962566 * special.get(row.name, 0.1) for row in plan.rows if len(row.shape) > 1}
    assert found == pytest.approx(expected, rel=1e-7)
    assert set(constants(plan).values()) == {0.0, 1.0}
