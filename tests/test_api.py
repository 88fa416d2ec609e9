"""The public face: every form that rules may have, and what a user can import."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import firststep as fs
from firststep import init

RULE = fs.rule(nn.Linear, weight=init.normal(std=0.1), bias=init.zeros())


def values(rules: object, seed: int = 0) -> list[torch.Tensor]:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2))
    fs.initialize(model, rules, seed)  # type: ignore[arg-type]
    return [p.detach() for p in model.parameters()]


def test_rules_in_every_form(tmp_path: Path) -> None:
    for name in ("rules.yaml", "rules.json"):
        fs.save_rules(RULE, tmp_path / name)
    expected = values([RULE])
    forms = (
        RULE,
        (RULE,),
        iter([RULE]),
        fs.recipes.get("tutorial"),
        "tutorial",
        [fs.rule("0", weight=init.normal(std=0.1)), "tutorial"],
        tmp_path / "rules.yaml",
        str(tmp_path / "rules.json"),
        [tmp_path / "rules.yaml"],
    )
    for rules in forms:
        for a, b in zip(expected, values(rules), strict=True):
            assert torch.equal(a, b)


def test_initialize_is_plan_and_apply() -> None:
    first, second = nn.Linear(4, 4), nn.Linear(4, 4)
    report = fs.initialize(first, "torch", 5)
    again = fs.plan(second, "torch").apply(seed=5)

    assert torch.equal(first.weight, second.weight)
    assert not report.diff(again)
    assert report.seed == again.seed == 5


def test_the_default_recipe_is_the_default() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))

    assert not fs.plan(model).diff(fs.plan(model, "default"))
    assert fs.initialize(model, seed=0).ok


def test_strict_is_handed_on() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Conv1d(1, 1, 1))

    with pytest.raises(fs.PlanError):
        fs.plan(model, RULE)
    assert fs.plan(model, RULE, strict=False).rows[-1].kept == "no rule"
    with pytest.raises(fs.PlanError):
        fs.initialize(model, RULE)
    assert fs.initialize(model, RULE, strict=False).ok


def test_generator_and_progress_are_handed_on() -> None:
    told: list[str] = []
    one, two = (
        fs.initialize(
            nn.Linear(2, 2),
            RULE,
            generator=torch.Generator().manual_seed(1),
            progress=lambda done, total, name: told.append(name),
        )
        for _ in range(2)
    )

    assert one.seed == two.seed
    assert told == ["weight", "bias"] * 2


def test_an_unknown_name_has_a_suggestion() -> None:
    with pytest.raises(fs.RuleError, match=r"Did you mean 'default'\?"):
        fs.plan(nn.Linear(2, 2), "defualt")


@pytest.mark.parametrize("rules", [[3], [nn.Linear], nn.Linear, 3])
def test_what_is_no_rule(rules: object) -> None:
    with pytest.raises(fs.RuleError, match="among the rules: expected"):
        fs.plan(nn.Linear(2, 2), rules)  # type: ignore[arg-type]


def test_one_except_catches_every_error() -> None:
    for error in (fs.SchemeError, fs.RuleError, fs.PlanError, fs.ApplyError, fs.CheckError):
        assert issubclass(error, fs.FirststepError)
        assert issubclass(error, ValueError)


def test_the_public_face() -> None:
    public = {name for name in vars(fs) if not name.startswith("_")}
    modules = set(
        "errors graph anatomy coordinates comparing planning rng reporting running testing tour cli checking".split()  # noqa: SIM905
    )
    errors = set("Firststep Scheme Rule Plan Apply Loss Check Checkpoint Solve Calibration Compare".split())  # noqa: SIM905
    values = "Plan Report Rule CheckReport Finding CoordCheck CalibrationReport Comparison"
    rooms = "init losses recipes mup calibration solving"
    functions = """
        plan initialize load rule keep select role load_rules save_rules missing_from top_layers extend_embedding
        coord_check check calibrate compare show_config
    """
    assert public - modules == {*f"{values} {rooms} {functions}".split(), *(f"{one}Error" for one in errors)}
    assert fs.__version__


def test_a_gpt2_sized_model_is_planned_at_once() -> None:
    import time

    class Block(nn.Module):
        def __init__(self, d: int) -> None:
            super().__init__()
            self.ln1, self.ln2 = nn.LayerNorm(d), nn.LayerNorm(d)
            self.attn, self.fc, self.proj = nn.MultiheadAttention(d, 12), nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    with torch.device("meta"):
        model = nn.Sequential(nn.Embedding(50257, 768), *(Block(768) for _ in range(12)), nn.Linear(768, 50257))
    fs.plan(model, "torch")
    started = time.perf_counter()
    fs.plan(model, "torch")

    assert time.perf_counter() - started < 1.5  # 0.05 s on an idle core; room for a busy machine


def test_auto_solves_for_the_model() -> None:
    model = nn.Sequential(nn.Linear(64, 256), nn.Tanh(), nn.Linear(256, 10))
    x = torch.randn(512, 64)
    report = fs.initialize(model, "auto", seed=0, example_inputs=x)
    assert report.ok
    assert float(model(x).detach().std()) == pytest.approx(0.5, rel=0.25)  # of 10 units: 1 std is 7 %


def test_rules_go_before_auto() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    plan = fs.plan(model, [fs.rule("2", weight=fs.init.zeros()), "auto"], example_inputs=torch.randn(3, 4))
    assert {row.name: repr(row.scheme) for row in plan.rows}["2.weight"] == "zeros()"


@pytest.mark.parametrize(
    ("rules", "inputs", "message"),
    [
        (
            "auto",
            None,
            'the recipe "auto" is solved for a model from a run on inputs, and there are none: fs.plan(model, "auto", '
            "example_inputs=x), with x what model(x) takes; on meta it needs no memory",
        ),
        ("torch", torch.ones(1, 4), 'example_inputs go with "auto": fs.plan(model, "auto", example_inputs=x)'),
        (
            ["auto", "torch"],
            torch.ones(1, 4),
            "\"auto\" has a rule for every parameter, so that 'torch' never applies: move it up",
        ),
    ],
)
def test_what_auto_needs(rules: object, inputs: torch.Tensor | None, message: str) -> None:
    with pytest.raises(fs.RuleError) as caught:
        fs.plan(nn.Linear(4, 2), rules, example_inputs=inputs)  # type: ignore[arg-type]
    assert str(caught.value) == message
