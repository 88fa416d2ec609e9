"""The comparison as one page."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from importlib.metadata import version
from typing import TYPE_CHECKING

import torch

from .. import reporting
from ..reporting import Block, Facts, Figures, Page, Points, Section, Table
from ._figures import curves, ends, slot
from ._words import headline, notes, number, table, verdict

if TYPE_CHECKING:
    from ._comparison import Comparison


def page(result: Comparison) -> Page:
    """The page of one comparison."""
    return Page(
        title=f"Starts compared: {result.model}",
        title_zh="初始化比较",
        lead=f"{headline(result)}.",
        sections=(
            Section("results", "Results", tuple(_results(result)), "结果"),
            Section("curves", "The loss, step by step", (_curves(result),), "损失曲线"),
            Section("starts", "The starts", tuple(_starts(result)), "各种初始化"),
            Section("runs", "What was run", (_runs(result),), "运行设置"),
        ),
        footer=(
            f"Made by firststep {version('firststep')} with torch {torch.__version__}. This file is complete in "
            "itself: it fetches nothing and runs no script."
        ),
    )


def embedded(result: Comparison) -> str:
    """The page inside a notebook, in a frame of its own so that neither's styles reach the other."""
    said = escape(headline(result))
    frame = f'<iframe title="{said}" sandbox srcdoc="{escape(reporting.render(page(result)))}"'
    return f'<p>{said}</p>{frame} style="width: 100%; height: 40rem; border: 0"></iframe>'


def _results(result: Comparison) -> Iterator[Block]:
    yield Points(list(verdict(result)))
    columns, rows = table(result)
    slots = [slot(result, one) for one in result.outcomes]
    yield Table(columns, rows, numeric=range(1, len(columns)), slots=slots)
    caption = (
        "Dot: one seed; bar: the median over the seeds; line: its interval. Where the lines of two starts overlap "
        "widely, look at the p-value: it compares seed with seed, which the picture does not."
    )
    yield Figures([ends(result)], caption, "wide")
    yield Points([f"{one[0].upper()}{one[1:]}." for one in notes(result)])


def _curves(result: Comparison) -> Figures:
    first, *others = result.outcomes
    beside = (
        f" Right: the same less what {first.label} has in the same seed at the same step; below 0 is better."
        if others
        else ""
    )
    caption = (
        f"Line: median over the seeds of the mean of the last {result.window} losses; band: their range. What is not "
        f"finite leaves the figure.{beside}"
    )
    return Figures(curves(result), caption)


def _starts(result: Comparison) -> Iterator[Block]:
    rows = [(one.label, one.what) for one in result.outcomes]
    yield Table(("start", "what is done"), rows, code=(1,), slots=[slot(result, one) for one in result.outcomes])
    rates = [rate for rate, _ in result.outcomes[0].tried]
    if len(rates) > 1:
        medians = [(one.label, *(number(median) for _, median in one.tried)) for one in result.outcomes]
        columns = ("start", *(f"lr {rate:g}" for rate in rates if rate is not None))
        yield Table(
            columns, medians, numeric=range(1, len(columns)), caption="Median loss at the end, by learning rate."
        )


def _runs(result: Comparison) -> Facts:
    return Facts(
        [
            ("model", "模型", result.model),
            ("loss", "损失", result.loss),
            ("optimizer", "优化器", result.optimizer),
            ("data", "数据", result.data),
            ("steps", "步数", f"{result.steps:,}"),
            ("seeds", "种子", ", ".join(map(str, result.seeds))),
            ("batches", "批次摘要", ", ".join(result.batches)),
        ]
    )
