"""The page of each recipe in both languages, from its declaration: rules, source, models, differences."""

from __future__ import annotations

from pathlib import Path

from firststep import recipes
from firststep.recipes import Entry

DOCS = Path(__file__).resolve().parent.parent / "docs"

_WORDS = {
    "en": {
        "use": "Use it",
        "rules": "The rules",
        "order": "The first rule that names a parameter wins it.",
        "head": ("", "which layers", "which values"),
        "source": "Source",
        "checked": "Checked against",
        "tests": "The tests build these models with the library's own start and compare every parameter with ours.",
        "none": "No library installed for the tests has it: the tests hold it to numbers computed from the source.",
        "differs": "What differs elsewhere",
        "options": "Options",
        "back": "All recipes",
        "columns": ("recipe", "what it does"),
    },
    "zh": {
        "use": "用法",
        "rules": "规则",
        "order": "每个参数归首条提到它的规则。",
        "head": ("", "哪些层", "取什么值"),
        "source": "来源",
        "checked": "对照模型",
        "tests": "测试用库自身的初始化构造这些模型，逐个参数与本配方比较。",
        "none": "测试环境中没有含此配方的库：测试以按来源算出的数值为准。",
        "differs": "别处有何不同",
        "options": "选项",
        "back": "所有配方",
        "columns": ("配方", "作用"),
    },
}


def files() -> dict[Path, str]:
    """Every page with its text."""
    return {
        DOCS / language / "recipes" / f"{one.name}.md": page(one, language)
        for one in recipes.ENTRIES.values()
        for language in _WORDS
    }


def stale() -> list[Path]:
    """Pages of recipes that are no more."""
    kept = files()
    return [path for path in DOCS.glob("*/recipes/*.md") if path not in kept]


def page(one: Entry, language: str) -> str:
    """The Markdown of a recipe."""
    words = _WORDS[language]
    call = f"fs.initialize(model, {one.typed()}, seed=0)"
    parts = [f"# {one.name}", f"{getattr(one.summary, language)}。" if language == "zh" else _sentence(one.summary.en)]
    parts += [f"## {words['use']}", f"```python\n{call}\n```"]
    if one.options:
        parts.append(f"{words['options']}: `{one.option_words()}`")
    parts += [f"## {words['rules']}", words["order"], _rules(one, words["head"])]
    parts += [f"## {words['source']}", one.source, f"## {words['checked']}"]
    models = ", ".join(f"`{name}`" if "." in name and " " not in name else name for name in one.checked)
    parts.append(f"{models}\n\n{words['tests']}" if one.checked else words["none"])
    if one.differs:
        parts += [f"## {words['differs']}", getattr(one.differs, language)]
    parts.append(f"[{words['back']}](../recipes.md)")
    return "\n\n".join(parts) + "\n"


def count(language: str) -> str:
    """How many recipes there are, and how many libraries' models they are held to."""
    models = {name for one in recipes.ENTRIES.values() for name in one.checked}
    libraries = {name.partition(".")[0] for name in models if "." in name and " " not in name}
    number = len(recipes.ENTRIES)
    if language == "zh":
        return (
            f"{number} 张配方表，每张都按其来源：库可安装的，以 {'、'.join(sorted(libraries))} 的真实模型检验；"
            "其余以按来源算出的数值检验。\n"
        )
    return (
        f"{number} recipes, each after its source. Those whose library installs are held to its real models "
        f"({', '.join(sorted(libraries))}), the others to numbers computed from the source.\n"
    )


def table(language: str) -> str:
    """The list of the recipes, by family."""
    words, which = _WORDS[language], ("en", "zh").index(language)
    parts: list[str] = []
    for family, titles in recipes.FAMILIES.items():
        found = [one for one in recipes.ENTRIES.values() if one.family == family]
        if found:
            rows = [(f"[{one.name}](recipes/{one.name}.md)", getattr(one.summary, language)) for one in found]
            parts += [f"### {titles[which]}", _table(words["columns"], rows)]
    return "\n\n".join(parts) + "\n"


def _rules(one: Entry, head: tuple[str, ...]) -> str:
    rows = []
    for number, rule in enumerate(one.shown().rules, start=1):
        selector = "" if str(rule.selector) == rule.label else f"<br>`{_cell(str(rule.selector))}`"
        schemes = "<br>".join(f"`{_cell(key)}`: `{_cell(repr(choice))}`" for key, choice in rule.schemes)
        rows.append((str(number), f"{_cell(rule.label)}{selector}", schemes))
    return _table(head, rows)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
