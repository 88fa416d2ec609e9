"""The command line: each command, each error word for word, exit codes, files whole or absent."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
from importlib.metadata import version
from pathlib import Path

import pytest
import torch
from torch import nn

import firststep as fs
from firststep.cli import _init, main

NET = """
import torch
from torch import nn

def build():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 10))

def pair():
    return build(), nn.CrossEntropyLoss()

class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(50, 8)
        self.head = nn.Linear(8, 50, bias=False)
        self.head.weight = self.embed.weight

def overlapping():
    made = build()
    memory = torch.zeros(4)
    made.register_buffer("left", memory[:3])
    made.register_buffer("right", memory[1:])
    return made

class Holder:
    @staticmethod
    def make():
        return build()

model = build()
number = 3

def sized(width, *, depth):
    return build()

def nothing():
    pass

def broken():
    raise RuntimeError("no such file: data.bin.")

def on_meta():
    with torch.device("meta"):
        return build()

def custom():
    made = nn.Module()
    made.scale = nn.Parameter(torch.ones(3))
    return made
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a module ``cli_net`` in it, to work in."""
    (tmp_path / "cli_net.py").write_text(NET)
    (tmp_path / "cli_bad.py").write_text("import no_such_dependency\n")
    (tmp_path / "cli_raises.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("COLUMNS", "100")
    yield tmp_path
    for name in ("cli_net", "cli_bad", "cli_raises"):
        sys.modules.pop(name, None)


def test_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])

    assert stop.value.code == 0
    assert capsys.readouterr().out == f"firststep {version('firststep')}\n"


def test_no_command_is_a_usage_error(capsys):
    with pytest.raises(SystemExit) as stop:
        main([])

    assert stop.value.code == 2
    assert "the following arguments are required: COMMAND" in capsys.readouterr().err


@pytest.mark.parametrize("spec", ["build", "pair", "Tied", "Holder.make", "model", "on_meta"])
def test_plan_prints_the_plan(here, capsys, spec):
    assert main(["plan", f"cli_net:{spec}"]) == 0

    import cli_net  # pyright: ignore[reportMissingImports]

    made = cli_net.model if spec == "model" else eval(f"cli_net.{spec}()")
    model = made[0] if isinstance(made, tuple) else made
    expected = str(fs.plan(model))
    assert capsys.readouterr().out == expected + "\n"


def test_plan_as_json_and_on_meta(here, capsys):
    assert main(["plan", "cli_net:build", "--json", "--meta"]) == 0

    plan = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in plan["rows"]] == ["0.weight", "0.bias", "1.weight", "1.bias", "4.weight", "4.bias"]


def test_plan_in_a_given_width(here, capsys):
    assert main(["plan", "cli_net:build", "--width", "80"]) == 0

    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_plan_with_a_recipe_and_with_a_file_of_rules(here, capsys):
    rules = [
        fs.rule(nn.Conv2d, weight=fs.init.xavier_normal(), bias=fs.init.constant(0.3)),
        fs.rule(nn.Linear, weight=fs.init.normal(std=0.1), bias=fs.init.zeros()),
        fs.rule(nn.BatchNorm2d, weight=fs.init.ones(), bias=fs.init.zeros()),
    ]
    fs.save_rules(rules, here / "rules.json")
    assert main(["plan", "cli_net:build", "--rules", "rules.json", "--json"]) == 0
    by_file = json.loads(capsys.readouterr().out)
    assert main(["plan", "cli_net:build", "--recipe", "tutorial", "--json"]) == 0
    by_recipe = json.loads(capsys.readouterr().out)

    assert [row["scheme"] for row in by_file["rows"]] == [row["scheme"] for row in by_recipe["rows"]]


def test_plan_refuses_and_says_why_unless_told_otherwise(here, capsys):
    assert main(["plan", "cli_net:custom"]) == 2
    refused = capsys.readouterr()
    import cli_net  # pyright: ignore[reportMissingImports]

    model = cli_net.custom()
    with pytest.raises(fs.PlanError) as error:
        fs.plan(model)

    assert refused.out == ""
    assert refused.err == f"firststep: {error.value}\n"
    assert main(["plan", "cli_net:custom", "--no-strict"]) == 0


WRONG = {
    "cli_net": "expected module:function, such as net:build, given 'cli_net'",
    ":build": "expected module:function, such as net:build, given ':build'",
    "cli_nett:build": "there is no module 'cli_nett' in {here} or on Python's path. Did you mean 'cli_net'?",
    "qqq:build": "there is no module 'qqq' in {here} or on Python's path.",
    "cli_net.py:build": (
        "there is no module 'cli_net.py' in {here} or on Python's path. "
        "Write the module's name, not its file's: cli_net:build"
    ),
    "cli_bad:build": (
        "importing 'cli_bad' failed: No module named 'no_such_dependency'. Install what it needs, or fix its import"
    ),
    "cli_raises:build": (
        "importing 'cli_raises' failed: ZeroDivisionError: division by zero. To see where: "
        "python -c 'import cli_raises'"
    ),
    "cli_net:biuld": "cli_net:biuld: cli_net has no attribute 'biuld'. Did you mean 'build'?",
    "cli_net:Holder.qqq": "cli_net:Holder.qqq: Holder has no attribute 'qqq'.",
    "cli_net:number": "cli_net:number is an int; expected a function that returns a model",
    "cli_net:sized": (
        "cli_net:sized needs arguments (width, depth) and is called with none. "
        "Name a function that needs none: def build(): return ..."
    ),
    "cli_net:nothing": (
        "cli_net:nothing returned None; expected a torch.nn.Module, or a tuple whose first item is one"
    ),
    "cli_net:broken": (
        "cli_net:broken() failed: RuntimeError: no such file: data.bin. To see where: "
        "python -c 'import cli_net; cli_net.broken()'"
    ),
}


@pytest.mark.parametrize("command", ["plan", "init"])
@pytest.mark.parametrize("spec", WRONG)
def test_wrong_models_word_for_word(here, capsys, spec, command):
    arguments = [command, spec] + (["--out", "w.pt"] if command == "init" else [])
    assert main(arguments) == 2

    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err == f"firststep: {WRONG[spec].format(here=here)}\n"
    assert not (here / "w.pt").exists()


def _loaded(path: Path) -> dict[str, torch.Tensor]:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    return torch.load(path, weights_only=True)


@pytest.mark.parametrize("name", ["w.pt", "w.pth", "w.safetensors"])
def test_init_saves_what_initialize_sets(here, capsys, name):
    assert main(["init", "cli_net:build", "--recipe", "tutorial", "--seed", "7", "--out", name]) == 0

    import cli_net  # pyright: ignore[reportMissingImports]

    model = cli_net.build()
    report = fs.initialize(model, "tutorial", seed=7)
    saved = _loaded(here / name)
    assert saved.keys() == model.state_dict().keys()
    assert all(torch.equal(saved[key], value) for key, value in model.state_dict().items())
    streams = capsys.readouterr()
    assert re.sub(r"\s+", " ", streams.out).split("after")[0] == re.sub(r"\s+", " ", f"{report}\n").split("after")[0]
    assert streams.err == f"wrote {name}\n"
    assert {path.name for path in here.iterdir()} - {"__pycache__"} == {
        "cli_net.py",
        "cli_bad.py",
        "cli_raises.py",
        name,
    }


def test_init_saves_tied_weights_once_and_says_where_they_come_from(here):
    from safetensors import safe_open
    from safetensors.torch import load_model

    assert main(["init", "cli_net:Tied", "--seed", "3", "--out", "w.safetensors", "--quiet"]) == 0

    import cli_net  # pyright: ignore[reportMissingImports]

    with safe_open(here / "w.safetensors", "pt") as file:
        assert len(list(file.keys())) == 1
        metadata = file.metadata()
    assert {key: metadata[key] for key in ("format", "seed", "rules", "firststep")} == {
        "format": "pt",
        "seed": "3",
        "rules": "default",
        "firststep": version("firststep"),
    }
    loaded, direct = cli_net.Tied(), cli_net.Tied()
    assert load_model(loaded, here / "w.safetensors") == (set(), [])
    fs.initialize(direct, seed=3)
    assert torch.equal(loaded.head.weight, direct.head.weight)
    assert loaded.head.weight is loaded.embed.weight


def test_init_quiet_and_json(here, capsys):
    assert main(["init", "cli_net:build", "--out", "a.pt", "--quiet"]) == 0
    quiet = capsys.readouterr()
    assert main(["init", "cli_net:build", "--out", "b.pt", "--json"]) == 0
    spoken = capsys.readouterr()

    assert (quiet.out, quiet.err) == ("", "")
    assert json.loads(spoken.out)["seed"] == 0


def test_init_does_not_overwrite_unless_forced(here, capsys):
    (here / "w.pt").write_text("mine")
    assert main(["init", "cli_net:build", "--out", "w.pt"]) == 2

    assert capsys.readouterr().err == "firststep: w.pt exists. Add --force to replace it, or name another file\n"
    assert (here / "w.pt").read_text() == "mine"
    assert main(["init", "cli_net:build", "--out", "w.pt", "--force", "--quiet"]) == 0
    assert len(_loaded(here / "w.pt")) == 9


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("w.bin", "--out w.bin: expected a name that ends in .safetensors, .pt or .pth"),
        ("no/w.pt", "--out no/w.pt: there is no folder no. Make it first: mkdir -p no"),
    ],
)
def test_init_refuses_wrong_files_word_for_word(here, capsys, out, message):
    assert main(["init", "cli_net:build", "--out", out]) == 2

    assert capsys.readouterr().err == f"firststep: {message}\n"


@pytest.mark.skipif(os.name == "nt", reason="Windows says it in other words")
def test_what_the_system_refuses_is_said_without_a_traceback(here, capsys):
    assert main(["init", "cli_net:build", "--out", f"{'w' * 300}.pt"]) == 2

    assert re.fullmatch(r"firststep: \[Errno \d+\] File name too long: '.*w\.pt.*'\n", capsys.readouterr().err)


def test_init_says_what_to_install(here, capsys, monkeypatch):
    monkeypatch.setattr(_init, "find_spec", lambda name: None)
    assert main(["init", "cli_net:build", "--out", "w.safetensors"]) == 2

    assert capsys.readouterr().err == (
        "firststep: --out w.safetensors needs safetensors, which is not installed: pip install "
        "'firststep[safetensors]', or write w.pt\n"
    )


def test_init_leaves_no_file_when_the_model_has_no_memory(here, capsys):
    assert main(["init", "cli_net:on_meta", "--out", "w.pt"]) == 2

    assert capsys.readouterr().err.startswith("firststep: ")
    assert not (here / "w.pt").exists()


def test_init_says_what_safetensors_cannot_hold(here, capsys):
    assert main(["init", "cli_net:overlapping", "--out", "w.safetensors"]) == 2

    assert capsys.readouterr().err == (
        "firststep: --out w.safetensors: safetensors cannot hold tensors that share a part of their memory. "
        "Write w.pt\n"
    )
    assert not (here / "w.safetensors").exists()
    assert main(["init", "cli_net:overlapping", "--out", "w.pt", "--quiet"]) == 0


def test_a_missing_rules_file_is_named(here, capsys):
    assert main(["plan", "cli_net:build", "--rules", "no.yaml"]) == 2

    assert "no.yaml" in capsys.readouterr().err


def test_recipes_lists_every_recipe(capsys):
    assert main(["recipes"]) == 0
    bare = capsys.readouterr().out
    assert main(["recipes", "list"]) == 0
    listed = capsys.readouterr().out
    assert main(["recipes", "list", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)

    assert bare == listed
    names = [one["name"] for one in data]
    assert names == list(fs.recipes.list())
    assert [line.split()[0] for line in listed.splitlines() if line.split() and line.split()[0] in names] == sorted(
        names, key=lambda name: (list(fs.recipes.FAMILIES).index(fs.recipes.entry(name).family), names.index(name))
    )


def test_recipes_of_a_family_in_chinese(capsys):
    assert main(["recipes", "list", "--family", "general", "--lang", "zh"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("任何模型\n")
    assert "每一层都保持信号的强度" in text
    assert "gpt2" not in text


def test_recipes_show_tells_options_models_and_differences(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    assert main(["recipes", "show", "gpt2"]) == 0
    text = capsys.readouterr().out
    assert "\noptions: std=0.02\n" in text
    assert "\nchecked against: transformers.GPT2LMHeadModel" in text
    assert "\ndiffers: The code that OpenAI released" in text


def test_recipes_show(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    assert main(["recipes", "show", "tutorial"]) == 0
    text = capsys.readouterr().out
    assert main(["recipes", "show", "tutorial", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)

    assert text == (
        "tutorial: Conv2d xavier normal with biases 0.3, Linear N(0, 0.1^2), BatchNorm2d the identity\n"
        "source: a PyTorch tutorial's initialize_weights, with normal_(w, 0.1) read as std=0.1\n"
        "\n"
        "The first rule that names a parameter wins it:\n"
        "  1. Conv2d: weight=xavier_normal(), bias=constant(value=0.3)\n"
        "  2. Linear: weight=normal(std=0.1), bias=zeros()\n"
        "  3. BatchNorm2d: weight=ones(), bias=zeros()\n"
    )
    assert data["rules"] == [line[5:] for line in text.splitlines()[4:]]


def test_an_unknown_recipe_names_the_nearest(capsys):
    assert main(["recipes", "show", "tutorail"]) == 2
    error = capsys.readouterr().err

    assert error.startswith("firststep: no recipe is called 'tutorail'")
    assert "Did you mean 'tutorial'?" in error


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
def test_an_interrupt_ends_in_130_and_one_line(here):
    (here / "cli_slow.py").write_text(
        textwrap.dedent("""
            import os, signal
            def build():
                os.kill(os.getpid(), signal.SIGINT)
        """)
    )
    run = subprocess.run(
        [sys.executable, "-m", "firststep", "init", "cli_slow:build", "--out", "w.pt"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 128 + signal.SIGINT
    assert run.stderr == "firststep: interrupted; no file was written\n"
    assert not (here / "w.pt").exists()


@pytest.mark.skipif(os.name == "nt", reason="pipes are POSIX")
def test_a_closed_pipe_is_no_error(here):
    run = subprocess.run(
        f"{sys.executable} -m firststep plan cli_net:build --json | head -n 1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (run.stdout, run.stderr) == ("{\n", "")
