"""The tour as one page."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version

import torch

from .. import checking, reporting
from ..planning import Plan, Report
from ..reporting import Code, Figures, Page, Points, Section, Table, Text
from . import _figures, _summary
from ._check import SLIPS, Checks
from ._train import Result, Settings


def page(result: Result, plan: Plan, report: Report, checks: Checks) -> Page:
    """The page of one tour.

    Args:
        result: all runs.
        plan, report: of our start with the first seed.
        checks: of our start, and of what two slips make of it.
    """
    return Page(
        title="A good start, seen on real digits",
        title_zh="好的开始：真实手写数字上的四种初始化",
        lead=_summary.headline(result),
        sections=(
            _results(result),
            _convergence(result),
            _signal(result),
            _starts(result),
            _plan(plan),
            _report(report),
            _check(checks),
            _repeat(result.settings),
        ),
        footer=(
            "Made by firststep tour. This file is complete in itself: it fetches nothing and runs no script. "
            "Digits: E. Alpaydin, C. Kaynak, UCI Machine Learning Repository, 1998, as they come with scikit-learn."
        ),
    )


def _results(result: Result) -> Section:
    seeds = _summary.counted(result.settings.seeds, "seed")
    table = Table(
        _summary.COLUMNS,
        _summary.table(result),
        numeric=range(1, len(_summary.COLUMNS)),
        slots=[start.slot for start in result.starts],
        caption=f"Median (range) over {seeds}. Accuracy is on the 360 digits kept for testing.",
    )
    duels = Table(
        _summary.DUEL_COLUMNS,
        _summary.duels(result),
        numeric=(1, 2),
        caption="In how many seeds it reads more test digits right; for one seed, all starts see the same batches.",
    )
    return Section("results", "Results", (table, Points(_summary.statements(result)), duels), "结果")


def _convergence(result: Result) -> Section:
    caption = (
        "Line: median over the seeds; band: their range. The dashed lines mark what guessing gives. Where a loss "
        "lies outside the axis or is not finite, its line leaves the figure."
    )
    return Section("convergence", "Convergence", (Figures(_figures.convergence(result), caption),), "收敛曲线")


def _signal(result: Result) -> Section:
    text = (
        "Each point is one layer, measured on the whole training set before any step: how far activations differ from "
        "image to image, and how large the loss's gradient is with respect to them. A start is sound when "
        "neither picture rises or falls by orders of magnitude: activations then tell the images apart up to the last "
        "layer, and gradients reach the first. Batch norm holds the convolutions level for every start; the linear "
        "layers have only their weights."
    )
    caption = "Line: median over the seeds; band: their range. Logarithmic axes. The right figure starts at the head."
    return Section(
        "signal",
        "The signal before the first step",
        (Text(text), Figures(_figures.signals(result), caption)),
        "第一步之前各层的信号",
    )


def _starts(result: Result) -> Section:
    rows = [(start.label, start.what, start.why) for start in result.starts]
    table = Table(("start", "what", "why it is here"), rows, slots=[start.slot for start in result.starts])
    return Section("starts", "The four starts", (table,), "四种初始化")


def _plan(plan: Plan) -> Section:
    text = "What firststep was going to do, parameter by parameter, before it touched anything."
    return Section("plan", "The plan", (Text(text), reporting.plan_table(plan)), "初始化方案")


def _report(report: Report) -> Section:
    text = (
        "What it did: each parameter before and after, and how far the measured mean and std lie from the expected "
        "ones, in standard errors."
    )
    return Section("report", "The report", (Text(text), reporting.report_table(report)), "初始化前后对比")


def _check(checks: Checks) -> Section:
    sound = (
        "firststep.check looks at a model, a loss and a batch before the first step. Of the model above, with cross "
        f"entropy and 64 digits, it says: {checking.verdict(checks.sound)}."
    )
    slipped = (
        f"After two slips, each of which trains without an error message, it says: {checking.verdict(checks.slipped)}."
    )
    blocks = (
        Text(sound),
        *checking.cards(checks.sound, "sound"),
        Text(slipped),
        Code(SLIPS),
        *checking.cards(checks.slipped, "slip"),
        checking.signal(checks.slipped),
    )
    return Section("check", "The check", blocks, "训练前检查")


def _repeat(settings: Settings) -> Section:
    facts = Table(("", ""), list(environment().items()), caption="Where these numbers come from.")
    command = f"firststep tour --seed {settings.seed} --seeds {settings.seeds} --epochs {settings.epochs}"
    text = (
        "The weights depend on the seed and the parameters' names alone. The training also depends on the versions "
        "and the machine in the last digits, which a few epochs can make visible."
    )
    return Section("repeat", "Repeat it", (Code(command), Text(text), facts), "如何重现")


def environment() -> Mapping[str, str]:
    """The versions and the machine that results depend on."""
    packages = {name: version(name) for name in ("firststep", "torch", "scikit-learn", "matplotlib")}
    return {
        **packages,
        "Python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "threads": str(torch.get_num_threads()),
    }
