"""The table of ``benchmarks/quality.py``: steps to a loss, start by start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent.parent / "benchmarks" / "results" / "quality.json"

_HEAD = {"en": ("task", "loss", "steps at most"), "zh": ("任务", "目标损失", "步数上限")}
_STARTS = ("default", "auto", "torch", "anyinit", "own")
_NAMES = {
    "en": ("`default`", "`auto`", "torch", "AnyInit", "its own recipe"),
    "zh": ("`default`", "`auto`", "torch", "AnyInit", "该结构自己的配方"),
}
_NEVER = {"en": "never", "zh": "未达到"}


def table(language: str) -> str:
    """Median steps with their interval; the fewest of a row in bold."""
    tasks = json.loads(RESULTS.read_text(encoding="utf-8"))["tasks"]
    head = (*_HEAD[language], *_NAMES[language])
    lines = [head, tuple("---" for _ in head), *(_row(task, language) for task in tasks)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _row(task: dict[str, Any], language: str) -> tuple[str, ...]:
    found = {("own" if one["start"].startswith("recipe ") else one["start"]): one for one in task["starts"]}
    reached = [one["median"] for one in found.values() if one["median"] is not None]
    cells = [_cell(found.get(start), min(reached, default=None), language) for start in _STARTS]
    return task["task"], f"{task['target']:g}", str(task["steps"]), *cells


def _cell(one: dict[str, Any] | None, best: float | None, language: str) -> str:
    if one is None:
        return ""
    named = f"<br>{one['start'].removeprefix('recipe ')}" if one["start"].startswith("recipe ") else ""
    if one["median"] is None:
        return f"{_NEVER[language]}{named}"
    low, high = (f"{end:g}" if end is not None else _NEVER[language] for end in one["interval"])
    median = f"{one['median']:g}"
    return f"{f'**{median}**' if one['median'] == best else median} ({low}–{high}){named}"
