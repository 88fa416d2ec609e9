"""The page of each check in both languages, from its declaration: the fault, what is said of it, and the cure."""

from __future__ import annotations

import functools
import json
from pathlib import Path

from firststep.checking import CHECKS, Check, Finding, example

DOCS = Path(__file__).resolve().parent.parent / "docs"

_WORDS = {
    "en": {
        "fault": "The fault",
        "says": "`fs.check(model, loss, batch)` says:",
        "cure": "The cure",
        "sound": "Why it stays silent on sound designs",
        "back": "All checks",
        "only": "It is never more than {most}.",
    },
    "zh": {
        "fault": "错误示例",
        "says": "`fs.check(model, loss, batch)` 给出：",
        "cure": "改正",
        "sound": "为何不会误报",
        "back": "所有检查",
        "only": "其级别最多为 {most}。",
    },
}


@functools.cache
def files() -> dict[Path, str]:
    """Every page with its text."""
    return {DOCS / language / "checks" / f"{one.code}.md": page(one, language) for one in CHECKS for language in _WORDS}


def page(one: Check, language: str) -> str:
    """The Markdown of a check."""
    words = _WORDS[language]
    most = "" if one.at_most == "error" else f" {words['only'].format(most=f'`{one.at_most}`')}"
    parts = [
        f"# {one.code}: {getattr(one.title, language)}",
        getattr(one.why, language),
        f"## {words['fault']}",
        f"```python\n{one.fault.strip()}\n```",
        words["says"],
        f"```text\n{_said(one)}\n```",
        f"## {words['cure']}",
        f"```python\n{one.cure.strip()}\n```",
        f"## {words['sound']}",
        getattr(one.sound, language) + most,
        f"[{words['back']}](../checks.md)",
    ]
    return "\n\n".join(parts) + "\n"


@functools.cache
def _said(one: Check) -> str:
    return "\n\n".join(_told(found) for found in example(one.fault).findings if found.code == one.code)


def _told(found: Finding) -> str:
    lines = [
        f"{found.severity} {found.code}: {found.title} ({found.place})",
        f"  measured  {found.measured}",
        f"  expected  {found.expected}",
        f"  fix       {found.fix}",
        *(f"  {'because' if i == 0 else '':8}  {clue.text} [{clue.channel}]" for i, clue in enumerate(found.evidence)),
    ]
    return "\n".join(lines)


def table(language: str) -> str:
    """All checks with their pages, family by family."""
    families: dict[str, list[Check]] = {}
    for one in CHECKS:
        families.setdefault(one.code[:3], []).append(one)
    rows = []
    for family, checks in families.items():
        rows += [f"\n### {FAMILIES[family][language]}\n", *_HEAD[language]]
        rows += [
            f"| [{one.code}](checks/{one.code}.md) | {getattr(one.title, language)} | {_most(one)} |" for one in checks
        ]
    return "\n".join(rows).strip() + "\n"


_HEAD = {
    "en": ("| code | what is wrong | at most |", "|---|---|---|"),
    "zh": ("| 代码 | 问题 | 最高级别 |", "|---|---|---|"),
}

FAMILIES = {
    "FS0": {"en": "It does not run", "zh": "无法运行"},
    "FS1": {"en": "Before the loss", "zh": "损失之前"},
    "FS2": {"en": "Targets", "zh": "目标"},
    "FS3": {"en": "Reduction", "zh": "归约"},
    "FS4": {"en": "The value at the start", "zh": "起始时的值"},
    "FS5": {"en": "Gradients, parameters, optimizer", "zh": "梯度、参数与优化器"},
    "FS6": {"en": "Layers, weights, inputs", "zh": "各层、权重与输入"},
    "FS7": {"en": "Modes, noise, independent examples", "zh": "模式、随机性与样本独立性"},
}
"""By the first digit of the code."""


RESULTS = DOCS.parent / "benchmarks" / "results" / "check.json"


def cost(language: str) -> str:
    """What ``benchmarks/check.py`` measured."""
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    head, sentence = {
        "en": (
            ("| start | time, in training steps | peak memory, of a first step's |", "|---|---|---|"),
            "Measured on {} with {} threads; a training step is forward, backward and AdamW's update.",
        ),
        "zh": (
            ("| 起点 | 时间（以训练步计） | 峰值内存（与第一个训练步之比） |", "|---|---|---|"),
            "在 {} 上用 {} 个线程测得；训练步包括前向、反向与 AdamW 更新。",
        ),
    }[language]
    rows = [f"| {one['what']} | {one['steps']:.1f} | {one['memory']:.1f} |" for one in found["starts"]]
    machine = found["machine"]
    return "\n".join([*head, *rows, "", sentence.format(machine["processor"], machine["threads"])]) + "\n"


def _most(one: Check) -> str:
    return one.at_most


def stale() -> list[Path]:
    """Pages of checks that are not there any more."""
    return [path for path in DOCS.glob("*/checks/*.md") if path not in files()]
