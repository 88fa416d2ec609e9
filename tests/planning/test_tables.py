"""What is printed, against golden files; and the pieces it is made of."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import torch
from torch import nn

from firststep import init
from firststep.planning import THRESHOLD, Deviation, Measured, Plan, Recipe, Report, ReportRow, keep, plan, rule
from firststep.planning._names import pattern
from firststep.planning._tables import Column, counted, html_table, text_table, text_width

Golden = Callable[[str, str], None]

TUTORIAL = [
    rule(nn.Conv2d, weight=init.xavier_normal(), bias=init.constant(0.3)),
    rule(nn.Linear, weight=init.normal(std=0.1), bias=init.zeros()),
    rule(nn.BatchNorm2d, weight=init.ones(), bias=init.zeros()),
]


def net() -> nn.Sequential:
    model = nn.Sequential()
    for name, layer in {
        "conv1": nn.Conv2d(1, 16, 3),
        "norm1": nn.BatchNorm2d(16),
        "relu": nn.ReLU(),
        "conv2": nn.Conv2d(16, 32, 3),
        "norm2": nn.BatchNorm2d(32),
        "fc": nn.Linear(128, 10),
    }.items():
        model.add_module(name, layer)
    return started(model)


def started(model: nn.Module) -> nn.Module:
    """With numbers before that are the same everywhere."""
    plan(model, rule("*", frozen=True, **{"*": init.normal(std=0.05)})).apply(seed=1)
    return model


class Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.attn = nn.LayerNorm(width), nn.MultiheadAttention(width, 2)
        self.fc, self.proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)


class Transformer(nn.Module):
    def __init__(self, width: int = 16, depth: int = 12) -> None:
        super().__init__()
        self.tok, self.blocks = nn.Embedding(50, width), nn.ModuleList(Block(width) for _ in range(depth))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 50, bias=False)
        self.head.weight = self.tok.weight
        for block in self.blocks[:3]:
            block.proj.requires_grad_(False)  # type: ignore[union-attr]


GPT = Recipe(
    name="gpt",
    summary="",
    source="",
    rules=(
        rule((nn.Linear, nn.Embedding), weight=init.normal(std=0.02), bias=init.zeros()),
        rule(nn.LayerNorm, weight=init.ones(), bias=init.zeros()),
        rule(nn.MultiheadAttention, in_proj_weight=init.xavier_uniform(), in_proj_bias=init.zeros()),
        rule(nn.Conv2d, weight=init.zeros()),
    ),
)


def transformer_plan() -> Plan:
    return plan(started(Transformer()), [rule("blocks.11.fc", name="last", bias=keep), GPT])


def off_report() -> Report:
    """A report with what is wrong in every way."""
    report = plan(net(), TUTORIAL).apply(seed=0)
    found = {"conv1.weight": Deviation(6.25, 0.5), "conv2.weight": Deviation(0.1, 0.2, inside=False)}
    rows = tuple(
        ReportRow(one.row, one.before, one.after, found.get(one.row.name, one.deviation)) for one in report.rows
    )
    return Report(rows, report.seed, report.rules)


def test_plan_of_the_tutorials_net(golden: Golden) -> None:
    golden("plan", plan(net(), TUTORIAL).table(100))


def test_plan_of_a_transformer(golden: Golden) -> None:
    golden("plan_grouped", transformer_plan().table(100))


@pytest.mark.parametrize("width", [80, 60])
def test_in_a_narrow_terminal(golden: Golden, width: int) -> None:
    done = transformer_plan()
    for kind, text in {"plan": done.table(width), "report": done.apply(0).table(width)}.items():
        golden(f"{kind}_{width}", text)
        assert max(map(len, text.splitlines()[:-1])) <= width  # the last line of a report is one sentence


def test_plan_with_notes_and_other_dtypes(golden: Golden) -> None:
    model = nn.Sequential(
        nn.utils.parametrizations.weight_norm(nn.Linear(3, 4)), nn.LSTM(4, 8), nn.Linear(8, 2).double()
    )
    rules = [
        rule("0", weight=init.orthogonal(), bias=init.zeros()),
        rule(nn.LSTM, name="lstm", **{"weight*": init.orthogonal(), "bias*": init.gate_bias(forget=1.0)}),
        rule(nn.Conv2d, weight=init.zeros()),
    ]
    golden("plan_notes", plan(model, rules, strict=False).table(100))


def test_empty_plan(golden: Golden) -> None:
    golden("plan_empty", plan(nn.ReLU(), []).table(100))


def test_report_of_the_tutorials_net(golden: Golden) -> None:
    golden("report", plan(net(), TUTORIAL).apply(seed=0).table(100))


def test_report_of_a_transformer(golden: Golden) -> None:
    golden("report_grouped", transformer_plan().apply(seed=0).table(100))


def test_report_of_what_is_off(golden: Golden) -> None:
    report = off_report()

    golden("report_off", report.table(100))
    assert not report.ok
    assert [one.row.name for one in report.off] == ["conv1.weight", "conv2.weight"]


def test_report_with_notes(golden: Golden) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(3, 4)), nn.ParameterList([torch.zeros(0)]))
    plan(model, rule("*", **{"*": init.constant(0.5)})).apply(0)
    done = plan(model, rule("*", **{"*": init.constant(0.25)}))
    golden("report_notes", done.apply(seed=0).table(100))


def test_difference_of_plans(golden: Golden) -> None:
    old = plan(Transformer(depth=4), [GPT])
    other = Transformer(depth=5)
    other.norm = nn.LayerNorm(16, bias=False)
    new = plan(other, [rule("blocks.*.fc", weight=init.orthogonal()), GPT])

    golden("plan_diff", str(old.diff(new)))
    assert str(old.diff(old)) == "no difference"
    assert not old.diff(old)
    assert old.diff(new).removed == (("norm.bias", "zeros()"),)


def test_difference_of_reports(golden: Golden) -> None:
    model = net()
    first, second = (plan(model, TUTORIAL).apply(seed=seed) for seed in (0, 1))

    golden("report_diff", str(first.diff(second)))
    assert not first.diff(plan(model, TUTORIAL).apply(seed=0))
    kept = plan(model, [rule("fc", bias=keep), *TUTORIAL]).apply(seed=0)
    assert first.diff(kept).changed == (
        ("fc.bias", "scheme", "zeros()", "kept: fs.keep"),
        ("fc.bias", "mean", "0", "unchanged"),
        ("fc.bias", "std", "0", "unchanged"),
    )


def test_the_short_forms() -> None:
    done = plan(net(), [rule("fc", bias=keep), *TUTORIAL])

    assert repr(done) == "<Plan: 10 parameters, 9 set, 1 kept; print it to see>"
    assert repr(done.apply(0)) == "<Report: 10 parameters, 0 off, seed 0; print it to see>"


def test_the_terminals_width_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    done = plan(net(), TUTORIAL)
    report = done.apply(0)
    for width in (70, 120):
        monkeypatch.setenv("COLUMNS", str(width))
        assert str(done) == done.table(width)
        assert str(report) == report.table(width)
    monkeypatch.setenv("COLUMNS", "5")
    assert text_width(None) == 50
    monkeypatch.delenv("COLUMNS")
    assert text_width(90) == 90


def test_text_is_ascii() -> None:
    texts = [transformer_plan().table(100), transformer_plan().apply(0).table(100), off_report().table(100)]
    assert all(text.isascii() for text in texts)


def test_as_html_everything_is_escaped() -> None:
    done = plan(net(), [rule("conv1", name="<b>", weight=init.zeros(), bias=keep), *TUTORIAL])
    for text in (done._repr_html_(), done.apply(0)._repr_html_(), off_report()._repr_html_()):
        assert "<b>" not in text
        assert text.startswith("<table><caption>")
        assert text.count("<tr>") == text.count("</tr>")
    assert "&lt;b&gt;" in done._repr_html_()
    assert "kept: conv1.bias: fs.keep" in done.apply(0)._repr_html_()
    assert html_table("c", [Column("a\nb")], [["<x>"]], ["&"]) == (
        "<table><caption>c</caption><thead><tr><th>a\nb</th></tr></thead><tbody><tr><td>&lt;x&gt;</td></tr></tbody></table>"
        "<p>&amp;</p>"
    )


def test_as_data_it_is_json() -> None:
    done = plan(net(), [rule("fc", bias=keep), *TUTORIAL])
    data = json.loads(json.dumps(done.to_dict(), allow_nan=False))

    assert data["rows"][0] == {
        "name": "conv1.weight",
        "names": ["conv1.weight"],
        "shape": [16, 1, 3, 3],
        "dtype": "float32",
        "layer": "Conv2d",
        "rule": "Conv2d",
        "where": "2",
        "scheme": {"scheme": "xavier_normal"},
        "fans": [[9, 144]],
        "expected": {"mean": 0.0, "std": pytest.approx((2 / 153) ** 0.5), "low": None, "high": None}
        | {key: data["rows"][0]["expected"][key] for key in ("low", "high")},
        "kept": None,
        "through": "",
    }
    assert data["rows"][-1]["kept"] == "fs.keep"
    assert data["rows"][-1]["expected"] is None

    report = json.loads(json.dumps(off_report().to_dict(), allow_nan=False))
    assert (report["seed"], report["ok"]) == (0, False)
    assert report["rows"][0]["deviation"] == {"mean": 6.25, "second": 0.5, "inside": True}
    assert report["rows"][0]["off"] is True
    assert report["rows"][0]["after"]["n"] == 144
    kept = plan(net(), [rule("fc", bias=keep), *TUTORIAL]).apply(0).to_dict()["rows"][-1]
    assert (kept["before"], kept["after"], kept["deviation"], kept["off"]) == (None, None, None, False)


def test_infinities_are_null_in_data() -> None:
    row = plan(nn.Linear(2, 2, bias=False), rule("", weight=init.zeros())).rows[0]
    one = ReportRow(row, None, Measured(4, float("nan"), 1.0, 0.0, 1.0), Deviation(float("inf"), 0.0))

    data = one.to_dict()
    assert data["deviation"] == {"mean": None, "second": 0.0, "inside": True}
    assert data["after"]["mean"] is None
    assert data["off"] is True
    assert one.deviation is not None
    assert one.deviation.worst > THRESHOLD


def test_patterns_of_names() -> None:
    assert pattern(["a.1", "a.2", "a.4", "a.5", "a.6"]) == "a.{1,2,4..6}"
    assert pattern(["h.0.x.1", "h.0.x.0", "h.1.x.0", "h.1.x.1"]) == "h.{0,1}.x.{0,1}"


def test_a_table_breaks_at_joints_and_never_cuts_off() -> None:
    columns = [Column("name"), Column("scheme"), Column("n", numeric=True)]
    rows = [["encoder.blocks.11.attention.weight", "variance_scaling(2.0, mode='fan_in')", "12"], ["x" * 50, "y", "3"]]

    text = text_table(columns, rows, 50)

    assert max(map(len, text.splitlines())) <= 50
    assert text.replace("\n", "").replace(" ", "").count("x") == 50
    assert [line[:24].rstrip() for line in text.splitlines()[2:4]] == ["encoder.blocks.11.", "  attention.weight"]


def test_counts() -> None:
    assert (counted(1, "parameter"), counted(1200, "element")) == ("1 parameter", "1,200 elements")
