"""``firststep check``: what it builds, prints and writes, exit codes, and each error word for word."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import firststep as fs
from firststep.cli import main

NET = """
import torch
from torch import nn

def sound():
    return nn.Linear(20, 10), nn.CrossEntropyLoss(), (torch.randn(32, 20), torch.randint(10, (32,)))

def soft():
    model, loss, batch = sound()
    return nn.Sequential(model, nn.Softmax(dim=1)), loss, batch

def whole():
    model, loss, batch = sound()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return dict(model=model, loss=loss, batch=batch, optimizer=optimizer, forward=lambda model, x: model(x))

def part():
    return {"model": nn.Linear(2, 2)}

def more():
    return {**whole(), "optimiser": None}

def pair():
    return nn.Linear(2, 2), nn.MSELoss()

def alone():
    return nn.Linear(2, 2)

def no_pair():
    return nn.Linear(2, 2), nn.MSELoss(), torch.randn(3, 2)

def no_loss():
    return nn.Linear(2, 2), nn.MSELoss, (torch.randn(3, 2), torch.randn(3, 2))

def broken():
    raise RuntimeError("no such file: data.bin.")
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a module ``check_net`` in it, to work in."""
    (tmp_path / "check_net.py").write_text(NET)
    (tmp_path / "check_raises.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("COLUMNS", "100")
    yield tmp_path
    for name in ("check_net", "check_raises"):
        sys.modules.pop(name, None)


def expected(name: str) -> fs.CheckReport:
    """The same by the library's own call."""
    import check_net  # pyright: ignore[reportMissingImports]

    torch.manual_seed(0)
    model, loss, batch = getattr(check_net, name)()
    return fs.check(model, loss, batch)


@pytest.mark.parametrize("spec", ["check_net:{}", "check_net.py:{}", "{here}/check_net.py:{}"])
@pytest.mark.parametrize(("name", "code"), [("sound", 0), ("soft", 1)])
def test_prints_the_report(here, capsys, spec, name, code):
    assert main(["check", spec.replace("{here}", str(here)).replace("{}", name)]) == code

    streams = capsys.readouterr()
    assert streams.out == f"{expected(name)}\n"
    assert streams.err == ""


def test_a_dict_may_say_more(here, capsys):
    assert main(["check", "check_net:whole"]) == 0
    assert main(["check", "check_net:whole", "--task", "causal-lm", "--seed", "3"]) == 0
    assert "No error and no warning" in capsys.readouterr().out


def test_as_json(here, capsys):
    assert main(["check", "check_net:soft", "--json"]) == 1

    streams = capsys.readouterr()
    data = json.loads(streams.out)
    assert streams.err == ""
    assert data == json.loads(expected("soft").to_json())
    assert data["findings"][0]["code"] == "FS101"


def test_writes_the_page_and_says_so_on_stderr(here, capsys):
    assert main(["check", "check_net:soft", "--json", "--html", "start.html"]) == 1

    streams = capsys.readouterr()
    json.loads(streams.out)
    assert streams.err == "wrote start.html\n"
    assert "FS101" in (here / "start.html").read_text(encoding="utf-8")


def test_ignored_codes(here, capsys):
    assert main(["check", "check_net:soft", "--ignore", "FS101", "FS002", "--json"]) == 0

    assert json.loads(capsys.readouterr().out)["ignored"] == ["FS101"]


def test_strict_makes_warnings_fail(here, monkeypatch):
    from . import reports

    warned = fs.CheckReport(reports.FOUND[1:2], reports.sound().evidence)
    monkeypatch.setattr("firststep.checking.check", lambda *_, **__: warned)
    assert main(["check", "check_net:sound"]) == 0
    assert main(["check", "check_net:sound", "--strict"]) == 1


KEYS = "the keys model, loss, batch, and where needed optimizer and forward"
WRONG = {
    "check_net": "expected module:function, such as net:build or net.py:build, given 'check_net'",
    "check_nett:sound": "there is no module 'check_nett' in {here} or on Python's path. Did you mean 'check_net'?",
    "check_nett.py:sound": "there is no file check_nett.py. Did you mean 'check_net.py'?",
    "check_net:sund": "check_net:sund: check_net has no attribute 'sund'. Did you mean 'sound'?",
    "check_raises.py:x": (
        "running check_raises.py failed: ZeroDivisionError: division by zero. To see where: python check_raises.py"
    ),
    "check_net:torch": "check_net:torch is a module; expected a function that returns a start",
    "check_net:pair": (
        f"check_net:pair returned a tuple of 2; expected (model, loss, (inputs, targets)), or a dict with {KEYS}"
    ),
    "check_net:alone": (
        f"check_net:alone returned a Linear; expected (model, loss, (inputs, targets)), or a dict with {KEYS}"
    ),
    "check_net:part": f"check_net:part returned a dict without loss, batch; expected {KEYS}",
    "check_net:more": (
        f"check_net:more returned a dict with the key 'optimiser'; expected {KEYS}. Did you mean 'optimizer'?"
    ),
    "check_net:broken": (
        "check_net:broken() failed: RuntimeError: no such file: data.bin. To see where: "
        "python -c 'import check_net; check_net.broken()'"
    ),
    "check_net.py:broken": (
        "check_net.py:broken() failed: RuntimeError: no such file: data.bin. To see where: "
        "python -c 'import check_net; check_net.broken()'"
    ),
    "check_net:no_pair": (
        "check(..., batch): expected a pair (inputs, targets), was given Tensor. Several inputs go in a tuple or "
        "dict: (inputs, targets) = ((a, b), y). Without targets: (inputs, None)"
    ),
    "check_net:no_loss": "check(..., loss, ...): was given the class MSELoss. Type MSELoss()",
}


@pytest.mark.parametrize("spec", WRONG)
def test_wrong_starts_word_for_word(here, capsys, spec):
    assert main(["check", spec]) == 2

    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err == f"firststep: {WRONG[spec].format(here=here)}\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--html", "start.pdf"], "--html start.pdf: expected a name that ends in .html"),
        (["--html", "no/a.html"], "--html no/a.html: there is no folder no. Make it first: mkdir -p no"),
    ],
)
def test_wrong_options_word_for_word(here, capsys, options, message):
    assert main(["check", "check_net:soft", *options]) == 2

    assert capsys.readouterr().err == f"firststep: {message}\n"


def test_what_the_check_refuses_is_said_as_the_check_says_it(here, capsys):
    with pytest.raises(fs.CheckError) as error:
        fs.check(torch.nn.Linear(2, 2), None, (torch.ones(1, 2), None), ignore={"FS1O1"})
    assert main(["check", "check_net:soft", "--ignore", "FS1O1"]) == 2

    assert capsys.readouterr().err == f"firststep: {error.value}\n"


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
def test_an_interrupt_ends_in_130_and_writes_nothing(here):
    (here / "check_slow.py").write_text(
        "import os, signal\nfrom check_net import *\n\n"
        "class Stops(nn.Linear):\n    def forward(self, x):\n        os.kill(os.getpid(), signal.SIGINT)\n\n"
        "def start():\n    return Stops(20, 10), *sound()[1:]\n"
    )
    run = subprocess.run(
        [sys.executable, "-m", "firststep", "check", "check_slow:start", "--html", "start.html"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 128 + signal.SIGINT
    assert run.stderr == "firststep: interrupted; no file was written\n"
    assert not (here / "start.html").exists()


@pytest.mark.skipif(os.name == "nt", reason="terminals are POSIX")
@pytest.mark.parametrize("plain", [False, True], ids=["colours", "NO_COLOR"])
def test_on_a_terminal_there_are_colours_unless_unwanted(here: Path, plain: bool) -> None:
    import pty

    environment = {**os.environ, "TERM": "xterm-256color"} | ({"NO_COLOR": "1"} if plain else {})
    environment = {key: value for key, value in environment.items() if plain or key != "NO_COLOR"}
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "firststep", "check", "check_net:soft"],
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    os.close(theirs)
    said = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the other end is closed
            break
        said += piece
        if not piece:
            break
    os.close(ours)

    assert process.wait() == 1
    assert b"1 error: fix this before the first step" in said
    assert (b"\x1b[1;31m" in said) != plain


def test_the_model_is_built_under_the_seed(here, capsys):
    said = []
    for seed in ("1", "1", "2"):
        assert main(["check", "check_net:sound", "--json", "--seed", seed]) == 0
        said.append(capsys.readouterr().out)

    assert said[0] == said[1] != said[2]
