"""The tables of the pages on losses: what there is, and which laws hold where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from firststep import losses
from firststep.losses import Language, LossSpec

RESULTS = Path(__file__).resolve().parent.parent / "benchmarks" / "results"


def catalog_table(language: Language) -> str:
    """Every loss under its family, with its purpose and its value at initialization."""
    blocks = []
    head = {"en": "| loss | what for | at initialization |", "zh": "| 损失函数 | 用途 | 初始化时 |"}[language]
    for family, title in losses.FAMILIES.items():
        members = losses.catalog.family(family)
        if members:
            rows = "\n".join(_row(spec, language) for spec in members)
            blocks.append(f"### {losses.say(title, language)}\n\n{head}\n|---|---|---|\n{rows}\n")
    return "\n" + "\n".join(blocks) + "\n"


def _row(spec: LossSpec, language: Language) -> str:
    start = losses.say(spec.start.text, language) if spec.start else ""
    cells = (f"[{spec.name}](losses/{spec.name}.md)", losses.say(spec.purpose, language), start)
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def counts(language: Language) -> str:
    """How many losses there are, and whose."""
    own = sum(spec.ours for spec in losses.catalog.values())
    torch = sum(spec.path.startswith("torch.nn.") for spec in losses.catalog.values())
    rest = len(losses.catalog) - own - torch
    return {
        "en": f"{own} losses of our own, torch's {torch}, and {rest} pointers to well-kept ones elsewhere.\n",
        "zh": f"自有 {own} 个，torch 的 {torch} 个，另有 {rest} 个指向维护良好的其他库。\n",
    }[language]


def torch_laws_table(language: Language) -> str:
    """What ``tools/measure_laws.py`` found of torch's losses: the laws that fail, and how."""
    head = {"en": "| loss | law | what happens |", "zh": "| 损失函数 | 定律 | 现象（英文） |"}[language]
    rows = []
    for name, found in _measured()["torch"].items():
        failed = {law: one["detail"] for law, one in found.items() if one["status"] == "fails"}
        link = f"[{name}](losses/{name}.md)"
        rows += [f"| {link} | `{law}` | {_short(detail)} |" for law, detail in failed.items()]
        if not failed:
            rows.append(f"| {link} | | {'none fails' if language == 'en' else '全部成立'} |")
    return "\n".join([head, "|---|---|---|", *rows]) + "\n"


def _short(detail: str) -> str:
    """One line of a message, without what would end the cell."""
    text = detail.replace("|", "&#124;").replace("\n", " ")
    return text if len(text) <= 110 else f"{text[:107]}..."


def exceptions_table(language: Language) -> str:
    """The laws that ours do not obey, each with its reason."""
    head = {"en": "| loss | law | why |", "zh": "| 损失函数 | 定律 | 原因 |"}[language]
    rows = [
        f"| [{spec.name}](losses/{spec.name}.md) | `{law}` | {losses.say(reason, language)} |"
        for spec in losses.catalog.values()
        for law, reason in spec.exceptions.items()
        if spec.kernel is not None
    ]
    return "\n".join([head, "|---|---|---|", *rows]) + "\n"


def loss_speed_table(language: Language) -> str:
    """What ``benchmarks/losses.py`` measured."""
    head = {
        "en": "| loss | beside | times as fast | compiled | memory |",
        "zh": "| 损失函数 | 对比（英文） | 快多少倍 | 编译后 | 内存 |",
    }[language]
    rows = []
    for row in json.loads((RESULTS / "losses.json").read_text(encoding="utf-8"))["losses"]:
        compiled = f"{row['compiled']:.2g}" if "compiled" in row else ""
        memory = f"{row['memory']:.2g}" if row["memory"] is not None else ""
        rows.append(f"| {row['loss']} | {row['source']} | {row['times']:.2f} | {compiled} | {memory} |")
    return "\n".join([head, "|---|---|---|---|---|", *rows]) + "\n"


def _measured() -> dict[str, Any]:
    return json.loads((RESULTS / "laws.json").read_text(encoding="utf-8"))


TABLES = {
    "losses": catalog_table,
    "loss-counts": counts,
    "torch-laws": torch_laws_table,
    "law-exceptions": exceptions_table,
    "loss-speed": loss_speed_table,
}
