"""The tour from its arguments to its page."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from firststep.cli import _tour, main
from firststep.tour import _show
from firststep.tour._check import SLIPS

SECTIONS = ["results", "convergence", "signal", "starts", "plan", "report", "check", "repeat"]


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> tuple[Path, dict, str]:
    """One small tour: its page, its JSON and what it said on stderr."""
    out = tmp_path_factory.mktemp("tour") / "page.html"
    run = subprocess.run(
        [sys.executable, "-m", "firststep", "tour", "--seeds", "2", "--epochs", "1", "--json", "--out", str(out)],
        capture_output=True,
        text=True,
        check=True,
    )
    return out, json.loads(run.stdout), run.stderr


def test_the_page_is_whole_and_self_contained(told, read_page):
    reading = read_page(told[0].read_text(encoding="utf-8"))

    assert [f"#{key}" for key in SECTIONS] == reading.links[: len(SECTIONS)]
    assert reading.tags.count("section") == len(SECTIONS)
    assert told[0].read_text(encoding="utf-8").count('role="img"') == 5
    for text in ("A good start, seen on real digits", "收敛曲线", "conv1.weight", "torch default", "as printed"):
        assert text in "\n".join(reading.words)
    assert "firststep tour --seed 0 --seeds 2 --epochs 1" in reading.words


def test_the_data_hold_every_run_and_are_plain_json(told):
    data = told[1]

    assert [start["key"] for start in data["starts"]] == ["firststep", "tutorial", "torch", "slip"]
    for start in data["starts"]:
        assert [run["seed"] for run in start["runs"]] == [0, 1]
        for run in start["runs"]:
            assert len(run["losses"]) == len(run["accuracies"]) == 2
            assert len(run["signal"]["forward"]) == len(run["signal"]["backward"]) == len(data["stages"]) == 10
    assert len(data["plan"]["rows"]) == len(data["report"]["rows"]) == 26
    assert data["report"]["ok"] is True
    assert data["expected_loss"] == pytest.approx(2.302585)


def test_the_starts_are_what_the_tour_says_they_are(told):
    """Ours and torch's begin near ln 10, the slip far above; its signal grows, torch's fades, ours does neither."""
    runs = {start["key"]: start["runs"][0] for start in told[1]["starts"]}
    growth = {key: run["signal"]["forward"][-2] / run["signal"]["forward"][2] for key, run in runs.items()}

    assert abs(runs["firststep"]["losses"][0] - 2.3026) < 1.5
    assert abs(runs["torch"]["losses"][0] - 2.3026) < 0.1
    assert runs["slip"]["losses"][0] > 1000
    assert growth["slip"] > 1000
    assert growth["torch"] < 0.02
    assert 0.25 < growth["firststep"] < 4


def test_says_nothing_on_stderr_when_nobody_watches(told):
    assert told[2] == ""


def test_prints_its_seven_steps_and_writes_the_same_page_again(told, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    assert main(["tour", "--seeds", "2", "--epochs", "1", "--out", str(tmp_path / "page.html")]) == 0

    text = capsys.readouterr().out
    headings = re.findall(r"^(\d)\. ", text, flags=re.M)
    assert headings == list("1234567")
    assert "ln 10 = 2.303" in text
    assert "\x1b" not in text
    assert (tmp_path / "page.html").read_bytes() == told[0].read_bytes()


def test_quiet_writes_the_page_and_prints_nothing(tmp_path, capsys):
    assert main(["tour", "--seeds", "1", "--epochs", "1", "--quiet", "--out", str(tmp_path / "page.html")]) == 0

    assert capsys.readouterr() == ("", "")
    assert (tmp_path / "page.html").exists()


def test_an_interrupt_while_training_leaves_no_page(tmp_path, capsys, monkeypatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_show, "run_all", interrupted)
    assert main(["tour", "--quiet", "--out", str(tmp_path / "page.html")]) == 130

    assert capsys.readouterr().err == "firststep: interrupted; no file was written\n"
    assert os.listdir(tmp_path) == []


def test_a_missing_folder_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["tour", "--out", "no/page.html"]) == 2

    assert capsys.readouterr().err == (
        "firststep: --out no/page.html: there is no folder no. Make it first: mkdir -p no\n"
    )


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--epochs", "0", "expected a whole number, at least 1, given '0'"),
        ("--seeds", "many", "expected a whole number, at least 1, given 'many'"),
        ("--seed", "-1", "expected a whole number from 0 to 2**63 - 1, given '-1'"),
        ("--seed", "x", "expected a whole number from 0 to 2**63 - 1, given 'x'"),
    ],
)
def test_wrong_numbers_are_usage_errors(capsys, option, value, message):
    with pytest.raises(SystemExit) as stop:
        main(["tour", f"{option}={value}"])

    assert stop.value.code == 2
    assert f"argument {option}: {message}" in capsys.readouterr().err


def test_says_what_to_install(capsys, monkeypatch):
    monkeypatch.setattr(_tour, "find_spec", lambda name: None if name == "sklearn" else object())
    assert main(["tour"]) == 2

    assert capsys.readouterr().err == "firststep: firststep tour needs scikit-learn: pip install 'firststep[tour]'\n"


@pytest.mark.parametrize("width", [500, 1280])
def test_in_a_browser_nothing_overlaps_or_overflows(told, browse, width):
    seen = browse(told[0].read_text(encoding="utf-8"), width)

    assert (seen["clashes"], seen["cut"], seen["console"], seen["unreachable"]) == ([], [], [], [])
    assert seen["wide"] <= 0


def test_it_ends_with_a_check_of_its_model_and_of_two_slips(told, read_page):
    checks = told[1]["checks"]

    assert checks["sound"]["ok"]
    assert not checks["slipped"]["ok"]
    assert {"FS101", "FS605"} <= {one["code"] for one in checks["slipped"]["findings"]}
    reading = read_page(told[0].read_text(encoding="utf-8"))
    assert {"slip-1", "slip-2"} <= set(reading.ids)
    assert SLIPS in reading.words
