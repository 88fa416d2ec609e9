"""The report as one page."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from html import escape
from importlib.metadata import version
from typing import TYPE_CHECKING

import torch

from ... import reporting
from ...reporting import Badge, Block, Card, Code, Facts, Figures, Page, Points, Section, Table, Tagged, Text
from .._finding import Finding
from ..probe._evidence import Seen
from ..probe._parameter import Parameter
from ..rules import CHECKS
from ._depth import depth, worst
from ._figures import beginning, matrix, weights
from ._rows import (
    LAYER_COLUMNS,
    PARAMETER_COLUMNS,
    about,
    layer_row,
    legend,
    located,
    parameter_row,
    shown,
)
from ._words import beginnings, counted, ignored, is_code, number, said, size, tally, verdict

if TYPE_CHECKING:
    from .._report import CheckReport

_MOST_LAYERS, _MOST_PARAMETERS, _MOST_PICTURES = 120, 160, 12

_TRIALS = {
    "unstable": "two runs on one input differ by",
    "leak": "where one example's inputs become zeros, another's output changes by",
    "blank": "where an example's inputs become zeros, its own output changes by",
    "shuffled": "where the targets are handed to other examples, the loss changes by",
    "halves": "the mean loss of two halves of the batch, over the loss of the whole",
}


def page(report: CheckReport) -> Page:
    """The page of one report."""
    asked = report.evidence.asked
    sections = (
        Section("findings", "Findings", tuple(_findings(report)), "检查结果"),
        Section("loss", "The loss before the first step", tuple(_losses(report)), "第一步之前的损失"),
        Section("signal", "The signal, layer by layer", tuple(_signal(report)), "逐层信号"),
        Section("examples", "Example by example", tuple(_examples(report)), "样本之间的依赖"),
        Section("parameters", "Parameters", tuple(_parameters(report)), "参数"),
        Section("batch", "What was looked at", tuple(_batch(report)), "检查对象"),
    )
    return Page(
        title=f"Before the first step: {type(asked.model).__name__}",
        title_zh="训练前检查",
        lead=f"{verdict(report)}.",
        sections=tuple(one for one in sections if one.blocks),
        footer=(
            f"Made by firststep {version('firststep')} with torch {torch.__version__}. This file is complete in "
            "itself: it fetches nothing and runs no script."
        ),
        badges=badges(report),
    )


def embedded(report: CheckReport) -> str:
    """The page inside a notebook, in a frame of its own so that neither's styles reach the other."""
    html = reporting.render(page(report))
    frame = f'<iframe title="{escape(verdict(report))}" sandbox srcdoc="{escape(html)}"'
    return f'<p>{escape(verdict(report))}</p>{frame} style="width: 100%; height: 40rem; border: 0"></iframe>'


def badges(report: CheckReport) -> tuple[Badge, ...]:
    """How many findings there are of each severity, or that there are none to fix."""
    found = [Badge(tally(report, one)[0], one) for one in ("error", "warning", "info") if report.of(one)]
    return (*([Badge("sound", "good")] if report.ok else []), *found)


def cards(report: CheckReport, key: str = "finding") -> tuple[Card, ...]:
    """The findings as cards; ``key`` begins their anchors, which are unique on a page."""
    return tuple(_card(one, f"{key}-{i}") for i, one in enumerate(report.findings, 1))


def signal(report: CheckReport) -> Figures:
    """The one picture: activations and gradients by layer, with the findings at their places."""
    caption = (
        "Dots: layers with parameters; small dots: activation functions. A short line by a dot: the rms that "
        "independent weights of this size would give. The grey band is no verdict: it reaches from "
        "0.1 to 10 times the first layer's activations, and the last layer's gradients, to compare with. Findings "
        "stand above the layer they are about: a diamond for an error, a triangle for a warning, a ring for an info."
    )
    return Figures([depth(report.evidence, located(report))], caption, "wide")


def _findings(report: CheckReport) -> Iterator[Block]:
    yield from cards(report)
    if not report.findings:
        families = len({one.code[2] for one in CHECKS})
        yield Text(
            f"Nothing to fix: {len(CHECKS)} checks of {families} families looked at this start and found nothing."
        )
    if report.failed:
        yield Points([f"Could not judge this model: {one}" for one in report.failed])
    if report.ignored:
        yield Text(f"{ignored(report)}.")


def _card(one: Finding, key: str) -> Card:
    check = next((check for check in CHECKS if check.code == one.code), None)
    rows = [(word, _CHINESE[word], getattr(one, word)) for word in ("measured", "expected", "why")]
    fix: list[Block] = [Code(one.fix)] if is_code(one.fix) else []
    if not fix:
        rows.append(("fix", _CHINESE["fix"], one.fix))
    blocks = (Facts(rows), *fix, Tagged([(clue.channel, clue.text) for clue in one.evidence]))
    title_zh = check.title.zh if check else ""
    return Card(key, Badge(one.severity, one.severity), one.title, blocks, title_zh, one.code, one.place)


_CHINESE = {"measured": "测得", "expected": "应为", "least": "下限", "why": "影响", "fix": "修正"}


def _losses(report: CheckReport) -> Iterator[Block]:
    for one in beginnings(report):
        inside = f", called in {one.place}" if one.place not in ("", "loss") else ""
        named = {"measured": f", {one.name}{inside}"}
        yield Facts([(word, _CHINESE[word], text + named.get(word, "")) for word, text in said(one)])
        if one.measured is not None and math.isfinite(one.measured):
            yield Figures([beginning(one)], size="wide")


def _signal(report: CheckReport) -> Iterator[Block]:
    layers, found = report.evidence.layers, located(report)
    if not layers:
        return
    yield signal(report)
    rows: list[tuple[str, ...]] = []
    marked = []
    for one in shown(len(layers), found, _MOST_LAYERS):
        if isinstance(one, range):
            rows.append((f"… {len(one)} more", *[""] * (len(LAYER_COLUMNS) - 1)))
            continue
        if one in found:
            marked.append(len(rows))
        rows.append(layer_row(layers[one], found.get(one, [])))
    yield _table(LAYER_COLUMNS, rows, (3, 4, 5, 6, 8, 9, 10), marked, f"{legend(layers)}.")


def _examples(report: CheckReport) -> Iterator[Block]:
    evidence = report.evidence
    if evidence.dependency is not None:
        caption = (
            "How much the output of one example changes with the input of another, in evaluation mode: the rms of the "
            "gradient, each row over its greatest. In most models only the diagonal is not 0."
        )
        yield Figures([matrix(evidence.dependency)], caption, "narrow")
    rows = [
        (word, number(value)) for name, word in _TRIALS.items() if (value := getattr(evidence.trials, name)) is not None
    ]
    if rows:
        yield Table(("trial", "relative"), rows, numeric=(1,), caption="The same thing done to a changed batch.")


def _parameters(report: CheckReport) -> Iterator[Block]:
    every = report.evidence.parameters
    if not every:
        return
    elements = counted(sum(one.numel for one in every), "element")
    yield Text(f"{counted(len(every), 'parameter')}, {elements}. The pictures show the values as they are now.")
    drawn = [
        weights(one, bad.severity if (bad := worst(about(one, report.findings))) else None) for one in _some(report)
    ]
    if drawn:
        yield Figures(drawn, size="small")
    wanted = [i for i, one in enumerate(every) if about(one, report.findings)]
    rows: list[tuple[str, ...]] = []
    for one in shown(len(every), wanted, _MOST_PARAMETERS):
        if isinstance(one, range):
            rows.append((f"… {len(one)} more", *[""] * (len(PARAMETER_COLUMNS) - 1)))
        else:
            rows.append(parameter_row(every[one], about(every[one], report.findings)))
    marked = [i for i, row in enumerate(rows) if row[-1]]
    caption = (
        "std x sqrt(fan_in): near 1 a layer keeps the size of its input, near 1.41 it makes up for a ReLU. gradient: "
        "its rms; none where the loss does not reach the parameter."
    )
    yield _table(PARAMETER_COLUMNS, rows, (2, 3, 4, 5), marked, caption)


def _table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], numeric: Collection[int], marked: Sequence[int], caption: str
) -> Table:
    """Without the columns that say nothing here."""
    kept = [j for j in range(len(columns)) if any(row[j] for row in rows)]
    return Table(
        [columns[j] for j in kept],
        [[row[j] for j in kept] for row in rows],
        numeric=[i for i, j in enumerate(kept) if j in numeric],
        code=(0,),
        marked=marked,
        caption=caption,
    )


def _some(report: CheckReport) -> list[Parameter]:
    """Those drawn: the ones that findings name, then weights evenly spaced over the model's depth."""
    able = [one for one in report.evidence.parameters if one.histogram is not None]
    chosen = [one for one in able if about(one, report.findings)][:_MOST_PICTURES]
    others = [one for one in able if len(one.shape) > 1 and one not in chosen] or [
        one for one in able if one not in chosen
    ]
    space = min(_MOST_PICTURES - len(chosen), len(others))
    chosen += [others[round(i * (len(others) - 1) / max(space - 1, 1))] for i in range(space)]
    return [one for one in able if one in chosen]


def _batch(report: CheckReport) -> Iterator[Block]:
    evidence, asked = report.evidence, report.evidence.asked
    loss = "its own" if asked.loss is None else getattr(asked.loss, "__name__", type(asked.loss).__name__)
    rows = [
        ("model", "模型", type(asked.model).__name__),
        ("loss", "损失", loss),
        ("examples", "样本数", str(evidence.n) if evidence.n is not None else "not told apart"),
        ("optimizer", "优化器", type(asked.optimizer).__name__ if asked.optimizer is not None else "none given"),
        ("seed", "种子", str(asked.seed)),
    ]
    yield Facts(rows)
    tensors = [*evidence.inputs, *evidence.targets, *evidence.outputs]
    if tensors:
        columns = ("tensor", "shape", "dtype", "least", "greatest", "mean", "std")
        yield Table(columns, [_seen(one) for one in tensors], numeric=(3, 4, 5, 6), code=(0,))
    if evidence.warnings:
        yield Text("What torch and the model warned of meanwhile:")
        yield Points(evidence.warnings)


def _seen(one: Seen) -> tuple[str, ...]:
    facts = one.facts
    numbers = (facts.low, facts.high, facts.mean, facts.std)
    return (one.place, size(facts.shape), str(facts.dtype).removeprefix("torch."), *map(number, numbers))
