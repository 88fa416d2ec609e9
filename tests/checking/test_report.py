"""The report as a value: what it says of itself, as data, and when it raises."""

from __future__ import annotations

import json
import math

import pytest
import torch
from torch import nn

import firststep as fs
from firststep.checking import CheckReport
from firststep.testing import assert_sound_start

from . import reports

SOFT = nn.Sequential(nn.Linear(6, 4), nn.Softmax(dim=1))
BATCH = reports.waves(8, 6), reports.classes(8, 4)


def test_ok_is_no_error_and_no_warning() -> None:
    evidence = reports.sound().evidence

    assert CheckReport((), evidence).ok
    assert CheckReport((reports.finding("FS611", "info", "first"),), evidence).ok
    assert not CheckReport((reports.finding("FS611", "warning", "first"),), evidence).ok


def test_codes_and_severities() -> None:
    report = reports.wrong()

    assert report.codes == ("FS101", "FS606", "FS605", "FS611")
    assert [one.code for one in report.of("warning")] == ["FS606", "FS605"]
    assert repr(report) == "<CheckReport: 1 error, 2 warning, 1 info; print it to see>"


def test_ignored_codes_are_not_reported_but_named() -> None:
    report = fs.check(SOFT, nn.CrossEntropyLoss(), BATCH, ignore={"FS101"})

    assert "FS101" not in report.codes
    assert report.ignored == ("FS101",)
    assert "Found and ignored, as asked: FS101" in str(report)


def test_raise_if_word_for_word() -> None:
    report = CheckReport(reports.FOUND[:2], reports.sound().evidence)
    said = (
        "FS101 Softmax before a loss that makes its own (softmax (softmax)): the input of CrossEntropyLoss is "
        "probabilities. leave out the softmax: the loss makes its own"
    )
    with pytest.raises(fs.CheckError) as error:
        report.raise_if()
    assert str(error.value) == f"1 found before the first step:\n{said}"
    with pytest.raises(fs.CheckError) as error:
        report.raise_if("warning")
    assert str(error.value) == (
        f"2 found before the first step:\n{said}\nFS606 The inputs are not <scaled> & shifted (inputs): the input of "
        "CrossEntropyLoss is probabilities. inputs = inputs / 255"
    )
    with pytest.raises(fs.CheckError) as error:
        report.raise_if("fatal")  # type: ignore[arg-type]
    assert str(error.value) == "raise_if('fatal'): expected one of 'error', 'warning', 'info'"


def test_raise_if_returns_the_report_otherwise() -> None:
    report = CheckReport(reports.FOUND[1:2], reports.sound().evidence)

    assert report.raise_if() is report


@pytest.mark.parametrize("make", [reports.wrong, reports.deep, reports.crashed, reports.not_finite])
def test_as_data_it_is_json_and_comes_back(make) -> None:
    report = make()
    data = json.loads(report.to_json(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))

    assert data == json.loads(json.dumps(report.to_dict()))
    assert data["ok"] == report.ok
    assert [one["code"] for one in data["findings"]] == [one.code for one in report.findings]
    assert data["findings"][0]["evidence"] == [
        {"channel": clue.channel, "text": clue.text} for clue in report.findings[0].evidence
    ]
    assert [one["name"] for one in data["parameters"]] == [one.name for one in report.evidence.parameters]
    assert [one["rms"] for one in data["layers"]] == [
        one.rms if math.isfinite(one.rms) else None for one in report.evidence.layers
    ]


def test_histograms_count_every_element() -> None:
    model = nn.Linear(500, 300)
    report = fs.check(model, nn.MSELoss(), (torch.randn(4, 500), torch.randn(4, 300)))
    weight, bias = (one.histogram for one in report.evidence.parameters)

    assert weight is not None
    assert bias is not None
    assert sum(bias.counts) == 300
    assert sum(weight.counts) == 50_000  # every third of 150,000: of large ones a sample, evenly spaced
    assert list(bias.counts) == torch.histc(model.bias.detach(), 24).int().tolist()


class Leaks(nn.Module):
    """Subtracts the mean of the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x - x.mean(0))


def test_the_dependency_of_a_leaking_model_is_its_jacobian() -> None:
    """Of six examples: d(x_i - mean)/d x_j is 5/6 for the own input and -1/6 for each other."""
    report = fs.check(reports.started(Leaks()), nn.CrossEntropyLoss(), BATCH)
    found = report.evidence.dependency

    assert found is not None
    assert len(found) == 6
    for i, row in enumerate(found):
        assert row == pytest.approx([1.0 if j == i else 0.2 for j in range(6)])


def test_of_whole_numbers_the_first_activation_stands_in() -> None:
    found = reports.deep(1).evidence.dependency

    assert found == tuple(tuple(float(i == j) for j in range(3)) for i in range(3))


def test_no_dependency_of_one_example() -> None:
    report = fs.check(nn.Linear(6, 4), nn.CrossEntropyLoss(), (reports.waves(1, 6), reports.classes(1, 4)))

    assert report.evidence.dependency is None


def test_assert_sound_start_says_what_the_report_says() -> None:
    with pytest.raises(AssertionError) as error:
        assert_sound_start(SOFT, nn.CrossEntropyLoss(), BATCH)

    assert str(error.value) == f"\n{fs.check(SOFT, nn.CrossEntropyLoss(), BATCH).text(100)}"


def test_assert_sound_start_returns_the_report() -> None:
    model = reports.started(nn.Linear(6, 4))

    assert assert_sound_start(model, nn.CrossEntropyLoss(), BATCH).ok
    assert assert_sound_start(SOFT, nn.CrossEntropyLoss(), BATCH, ignore={"FS101"}).ignored == ("FS101",)


def test_assert_sound_start_word_for_word() -> None:
    with pytest.raises(fs.CheckError) as error:
        assert_sound_start(SOFT, nn.CrossEntropyLoss(), BATCH, severity="fatal")  # type: ignore[arg-type]

    assert str(error.value) == "assert_sound_start(severity='fatal'): expected one of 'error', 'warning', 'info'"
