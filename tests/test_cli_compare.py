"""``firststep compare``: what it trains, prints and writes, exit codes, and each error word for word."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
import torch

from firststep.cli import main
from firststep.comparing import Comparison, compare

NET = """
import torch
from torch import nn

def build():
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))

def task():
    x = torch.randn(64, 8)
    return build, (x, x.sum(1, keepdim=True)), nn.MSELoss()

def whole():
    build, data, loss = task()
    sgd = lambda parameters, lr=0.01: torch.optim.SGD(parameters, lr=lr)
    return dict(build=build, data=data, loss=loss, optimizer=sgd, forward=lambda m, x: m(x), inits=["torch", "default"])

def part():
    return {"build": build}

def more():
    return {**whole(), "optimiser": None}

def pair():
    return build, nn.MSELoss()

def alone():
    return build()

def wide():
    return build, (torch.randn(64, 9), torch.randn(64, 1)), nn.MSELoss()

def stops():
    def loss(output, target):
        import os, signal
        os.kill(os.getpid(), signal.SIGINT)
        return (output - target).square().mean()
    return build, task()[1], loss
"""

KEYS = "the keys build, data, loss, and where needed optimizer, forward and inits"
FEW = ["--steps", "8", "--seeds", "2"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a module ``compare_net`` in it, to work in."""
    (tmp_path / "compare_net.py").write_text(NET)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("COLUMNS", "100")
    yield tmp_path
    sys.modules.pop("compare_net", None)


def expected(inits, seed=0, **options) -> Comparison:
    """The same by the library's own call."""
    import compare_net  # pyright: ignore[reportMissingImports]

    torch.manual_seed(seed)
    build, data, loss = compare_net.task()
    return compare(build, inits, data, loss, steps=8, seeds=[seed, seed + 1], **options)


@pytest.mark.parametrize("spec", ["compare_net:task", "compare_net.py:task"])
def test_prints_the_comparison_with_the_default_recipe_first(here, capsys, spec):
    assert main(["compare", spec, *FEW]) == 0

    streams = capsys.readouterr()
    assert streams.out == f"{expected(['default', 'as built'])}\n"
    assert streams.err == ""


def test_every_option_arrives(here, capsys):
    options = ["--inits", "torch, default,as-built", "--lrs", "1e-3,0.01", "--target", "3", "--batch-size", "16"]
    assert main(["compare", "compare_net:task", *FEW, *options, "--seed", "5", "--json"]) == 0

    found = json.loads(capsys.readouterr().out)
    result = expected(["torch", "default", "as built"], seed=5, lrs=(1e-3, 0.01), target=3.0, batch_size=16)
    assert found == json.loads(result.to_json())
    assert found["seeds"] == [5, 6]


def test_a_dict_may_say_more(here, capsys):
    assert main(["compare", "compare_net:whole", *FEW, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["label"] for one in found["starts"]] == ["torch", "default"]

    assert main(["compare", "compare_net:whole", *FEW, "--json", "--inits", "tutorial"]) == 0
    assert [one["label"] for one in json.loads(capsys.readouterr().out)["starts"]] == ["tutorial"]


def test_rules_from_a_file(here, capsys):
    import firststep as fs

    rules = [fs.rule(torch.nn.Linear, weight=fs.init.normal(std=0.1), bias=fs.init.zeros())]
    fs.save_rules(rules, here / "mine.json")
    assert main(["compare", "compare_net:task", *FEW, "--inits", "mine.json"]) == 0
    assert "There is one start, mine.json: nothing to compare it with." in capsys.readouterr().out


def test_writes_the_page(here, capsys, read_page):
    assert main(["compare", "compare_net:task", *FEW, "--html", "out.html"]) == 0

    assert capsys.readouterr().err == "wrote out.html\n"
    assert "default" in read_page((here / "out.html").read_text(encoding="utf-8")).words


WRONG = {
    "compare_net:pair": f"compare_net:pair returned a tuple of 2; expected (build, data, loss), or a dict with {KEYS}",
    "compare_net:alone": (
        f"compare_net:alone returned a Sequential; expected (build, data, loss), or a dict with {KEYS}"
    ),
    "compare_net:part": f"compare_net:part returned a dict without data, loss; expected {KEYS}",
    "compare_net:more": (
        f"compare_net:more returned a dict with the key 'optimiser'; expected {KEYS}. Did you mean 'optimizer'?"
    ),
    "compare_net:tusk": "compare_net:tusk: compare_net has no attribute 'tusk'. Did you mean 'task'?",
    "compare_net:wide": (
        "compare_net:wide: training failed: RuntimeError: mat1 and mat2 shapes cannot be multiplied (32x9 and 8x16). "
        "To see where, call fs.compare in Python"
    ),
}


@pytest.mark.parametrize("spec", WRONG)
def test_wrong_tasks_word_for_word(here, capsys, spec):
    assert main(["compare", spec, *FEW]) == 2

    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err == f"firststep: {WRONG[spec]}\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--html", "out.pdf"], "--html out.pdf: expected a name that ends in .html"),
        (["--html", "no/a.html"], "--html no/a.html: there is no folder no. Make it first: mkdir -p no"),
        (
            ["--inits", "default,default"],
            "compare(inits=...): 'default' is there twice. Give each start a label of its own in a dict",
        ),
    ],
)
def test_wrong_options_word_for_word(here, capsys, options, message):
    assert main(["compare", "compare_net:task", *FEW, *options]) == 2

    assert capsys.readouterr().err == f"firststep: {message}\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--lrs", "a,b"], "argument --lrs: expected numbers separated by commas, as 1e-3,1e-2, given 'a,b'"),
        (
            ["--inits", "a,,b"],
            "argument --inits: expected names separated by commas, as default,as-built, given 'a,,b'",
        ),
        (["--seeds", "0"], "argument --seeds: expected a whole number, at least 1, given '0'"),
    ],
)
def test_wrong_usage_word_for_word(here, capsys, options, message):
    with pytest.raises(SystemExit) as stop:
        main(["compare", "compare_net:task", *options])

    assert stop.value.code == 2
    assert capsys.readouterr().err.endswith(f"error: {message}\n")


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
def test_an_interrupt_ends_in_130_and_writes_nothing(here):
    run = subprocess.run(
        [sys.executable, "-m", "firststep", "compare", "compare_net:stops", "--html", "out.html"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 128 + signal.SIGINT
    assert run.stderr == "firststep: interrupted; no file was written\n"
    assert run.stdout == ""
    assert not (here / "out.html").exists()
