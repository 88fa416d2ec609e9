"""The docs' tables, made from the declarations they describe."""

from __future__ import annotations

import inspect
import json
import math
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import check_pages
import recipe_pages
from doc_messages import messages_section
from loss_tables import TABLES as LOSS_TABLES

from firststep import init, recipes
from firststep.errors import SchemeError
from firststep.init import Scheme
from firststep.planning import Rule

RESULTS = Path(__file__).resolve().parent.parent / "benchmarks" / "results"
"""What the benchmarks found."""

SHAPE = (256, 128)
"""The weight whose moments the table of schemes shows."""


def schemes_table(language: str) -> str:
    """Every scheme of ``init.SCHEMES``: its call, its formula, its moments on ``SHAPE``, its source."""
    head = {
        "en": ("scheme", "what it draws", "mean", "std", "source"),
        "zh": ("方案", "取值（英文）", "均值", "标准差", "出处"),
    }[language]
    names: dict[Callable[..., Scheme], list[str]] = {}
    for name, factory in init.SCHEMES.items():
        names.setdefault(factory, []).append(name)
    return _table(head, [_scheme_row(factory, same) for factory, same in names.items()])


def _scheme_row(factory: Callable[..., Scheme], names: Sequence[str]) -> tuple[str, ...]:
    """One factory, which has more than one name when it has aliases."""
    doc = inspect.getdoc(factory) or ""
    call = f"`{names[0]}{_options(factory)}`"
    return (
        "<br>".join([call, *(f"`{alias}`" for alias in names[1:])]),
        _formula(doc),
        *_moments(factory),
        _source(doc),
    )


def _options(factory: Callable[..., Scheme]) -> str:
    """The call's options and defaults, without annotations."""
    parameters = inspect.signature(factory).parameters.values()
    return f"({', '.join(p.name if p.default is p.empty else f'{p.name}={p.default!r}' for p in parameters)})"


def _formula(doc: str) -> str:
    """The docstring's first line, and the formula set in under it, where there is one."""
    first, _, rest = doc.partition("\n")
    block = re.match(r"\n((?:    .*\n|\n)+)", f"{rest}\n")
    lines = [re.sub(r" {2,}", "  ", line.strip()) for line in block[1].splitlines()] if block else []
    return "<br>".join([_markdown(first), *(f"`{line.replace('`', '')}`" for line in lines if line)])


def _moments(factory: Callable[..., Scheme]) -> tuple[str, str]:
    required = [p for p in inspect.signature(factory).parameters.values() if p.default is p.empty]
    if required:
        return "", ""
    try:
        moments = factory().expected(SHAPE)
    except SchemeError:
        return "-", "-"
    return f"{moments.mean:.4g}", f"{moments.std:.4g}" if math.isfinite(moments.variance) else "-"


def _source(doc: str) -> str:
    found = re.search(r"^Source: (.*?)(?:\n\n|\Z)", doc, re.DOTALL | re.MULTILINE)
    return _markdown(" ".join(found[1].split())) if found else ""


def recipe_table(name: str) -> Callable[[str], str]:
    """The table of one recipe's rules."""

    def table(language: str) -> str:
        head = {"en": ("", "modules", "parameters"), "zh": ("", "模块", "参数")}[language]
        rules = recipes.get(name).rules
        return _table(head, [_rule_row(number, rule) for number, rule in enumerate(rules, start=1)])

    return table


def _rule_row(number: int, rule: Rule) -> tuple[str, ...]:
    schemes = "<br>".join(f"`{key}`: `{choice!r}`" for key, choice in rule.schemes)
    selector = "" if str(rule.selector) == rule.label else f"<br>`{rule.selector}`"
    return (str(number), f"{rule.label}{selector}", schemes)


def _markdown(text: str) -> str:
    """Docstring markup as Markdown: code in single backticks, references by their name."""
    return re.sub(r":\w+:`~?([^`]*)`", r"`\1`", text).replace("``", "`")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |\n" for line in lines)


def depth_table(language: str) -> str:
    """What ``benchmarks/default_depth.py`` measured in 30 layers: least and greatest std of any layer's output."""
    head = {
        "en": ("30 layers of", "default", "kaiming_normal", "torch"),
        "zh": ("30 层", "default", "kaiming_normal", "torch"),
    }[language]
    rows: dict[str, dict[str, str]] = {}
    for row in _results("default_depth")["rows"]:
        if row["depth"] == 30:
            net = f"{row['kind']} {row['width']}, {row['activation']}"
            rows.setdefault(net, {})[row["start"]] = f"{row['low']:.2g} – {row['high']:.2g}"
    return _table(head, [(net, *(by[start] for start in ("default", "kaiming", "torch"))) for net, by in rows.items()])


def _results(benchmark: str) -> dict[str, Any]:
    return json.loads((RESULTS / f"{benchmark}.json").read_text(encoding="utf-8"))


def speed_table(language: str) -> str:
    """What ``make bench`` measured: the machine, and how many times as fast as torch each case is."""
    head = {"en": ("case", "times as fast"), "zh": ("情形（英文）", "快多少倍")}[language]
    machine = ", ".join(f"{name} {value}" for name, value in _results("bench")["machine"].items())
    rows = [(case, f"{times:.0f}" if times >= 10 else f"{times:.2g}") for case, times in _times().items()]
    intro = {"en": f"Measured on: {machine}.", "zh": f"测量环境：{machine}。"}[language]
    return f"{intro}\n\n{_table(head, rows)}"


def speed_summary(language: str) -> str:
    """Some of the same in a sentence."""
    times, machine = _times(), _results("bench")["machine"]
    kernel = machine["kernel"]
    shown = [
        f"{times[f'{law}, 64M, {kernel}']:.0f}" for law in ("uniform float32", "normal float32", "normal bfloat16")
    ]
    shown += [f"{times[f'truncated normal float32, 64M, {kernel}']:.0f}"]
    shown += [f"{times[name]:.1f}" for name in ("GPT-2 124M, plan to report", "orthogonal 2048 x 2048")]
    uniform, normal, half, truncated, model, orthogonal = shown
    where = (machine["processor"], machine["threads"], kernel)
    return {
        "en": "Measured on {} with {} threads ({}), in times as fast as `torch.nn.init`: ".format(*where)
        + f"uniform {uniform}, normal {normal} (bfloat16 {half}), truncated normal {truncated}, "
        f"orthogonal {orthogonal}, GPT-2 124M with plan, checks and report {model}.\n",
        "zh": "在 {} 上用 {} 个线程（{}）测得，速度是 `torch.nn.init` 的：".format(*where)
        + f"均匀分布 {uniform} 倍，正态分布 {normal} 倍（bfloat16 {half} 倍），截断正态 {truncated} 倍，"
        f"正交 {orthogonal} 倍，含计划、检查与报告的 GPT-2 124M {model} 倍。\n",
    }[language]


def _times() -> dict[str, float]:
    """How many times as fast as torch each case of the file's lists is."""
    lists = [rows for rows in _results("bench").values() if isinstance(rows, list)]
    return {row["case"]: row["torch"] / row["ours"] for rows in lists for row in rows if row.get("torch")}


def accuracy_table(language: str) -> str:
    """What ``benchmarks/accuracy.py`` measured of the normal's quantiles."""
    found = _results("accuracy")
    by, n32, n64, reference = (found[name] for name in ("with", "normal32", "normal64", "scipy"))
    moments, exact = n32["moments"], n32["moments_of_exact_quantiles"]
    counts = [[str(n[name]) for n in (n32, n64)] for name in ("steps_down", "not_odd")]
    values = [
        [f"{n32['words']:,} ({_ALL[language]})", f"{n64['words']:,}"],
        [f"scipy {by['scipy']}, float64", f"mpmath {by['mpmath']}"],
        [f"{reference['relative']:.2g} ({reference['words']:,})", ""],
        *[[_error(n[region]) for n in (n32, n64)] for region in ("centre", "tail")],
        *counts,
        [f"±{n['greatest']:.7g}" for n in (n32, n64)],
        *[[f"{moments[name]:.3g} ({exact[name]:.3g})", ""] for name in moments],
    ]
    labels = _ACCURACY[language]
    return _table((labels[0], "float32", "float64"), [(a, *b) for a, b in zip(labels[1:], values, strict=True)])


_ALL = {"en": "all", "zh": "全部"}
_MOMENTS = ("mean", "variance - 1", "skewness", "kurtosis - 3", "E[z^6] - 15")
_ACCURACY = {
    "en": (
        "",
        "words measured",
        "compared with",
        "relative error of that, by mpmath (on so many words)",
        "largest error in the centre, abs(z) < 0.674",
        "largest error in the tails",
        "words whose value is below that of the word before",
        "words with z(-1 - s) other than -z(s)",
        "least and greatest",
        *(f"{name} (exact quantiles)" for name in _MOMENTS),
    ),
    "zh": (
        "",
        "测量的字数",
        "参照",
        "参照本身的相对误差，以 mpmath 为准（括号内为字数）",
        "中间部分的最大误差，abs(z) < 0.674",
        "尾部的最大误差",
        "值小于前一个字的值的字数",
        "z(-1 - s) 不等于 -z(s) 的字数",
        "最小值与最大值",
        *(f"{name}（精确分位数）" for name in ("均值", "方差 - 1", "偏度", "峰度 - 3", "E[z^6] - 15")),
    ),
}


def _error(worst: dict[str, float]) -> str:
    return f"{worst['ulp']:.2f} ulp, {worst['absolute']:.2g}"


TABLES: dict[str, Callable[[str], str]] = {
    "schemes": schemes_table,
    "default": recipe_table("default"),
    "depth": depth_table,
    "messages": messages_section,
    "speed": speed_table,
    "speed-summary": speed_summary,
    "accuracy": accuracy_table,
    "checks": check_pages.table,
    "check-cost": check_pages.cost,
    "recipes": recipe_pages.table,
    "recipe-count": recipe_pages.count,
    "roles": lambda language: ", ".join(f"`{one}`" for one in recipes.ROLES) + "\n",
    **LOSS_TABLES,
}
"""Each generated part by the name it has in the pages; called with the language."""
