"""What is told of a loss, in either language, before anybody decides how it looks."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Literal, NamedTuple

from ._call import bounds, shared
from ._docstring import source
from ._families import FAMILIES
from ._shapes import KINDS, Argument, axes
from ._spec import LossSpec, Option, Text

Language = Literal["en", "zh"]
LANGUAGES = ("en", "zh")


class Part(NamedTuple):
    """One part under a heading: ``prose``, ``formula``, ``code``, ``rows`` of cells, or a list of ``items``."""

    heading: str
    prose: str = ""
    formula: str = ""
    code: str = ""
    rows: tuple[tuple[str, ...], ...] = ()
    items: tuple[str, ...] = ()


WORDS = {
    "formula": Text("Formula", "公式"),
    "code": Text("Code", "调用代码"),
    "arguments": Text("Arguments", "参数"),
    "options": Text("Options", "选项"),
    "values": Text("Values", "数值"),
    "laws": Text("Laws", "定律"),
    "traps": Text("Traps", "陷阱"),
    "avoid": Text("When not", "何时不用"),
    "elsewhere": Text("Elsewhere", "其他库中"),
    "source": Text("Source", "出处"),
    "unit": Text("one value per", "每个数值对应"),
    "start": Text("at initialization", "初始化时"),
    "least": Text("least", "最小值"),
    "unchanged": Text("unchanged by", "不变于"),
    "excepted": Text("does not hold", "不成立"),
    "shared": Text("shared by all", "所有损失共有"),
    "default": Text("default", "默认"),
    "required": Text("required", "必填"),
    "or": Text("or", "或"),
    "own": Text("function and module", "函数与模块"),
    "path": Text("where", "位置"),
    "learned": Text("learned", "可学习"),
    "aliases": Text("also found as", "也可搜索"),
}
UNITS = {
    "element": Text("element", "元素"),
    "sample": Text("sample (or pixel, or token)", "样本（或像素、词元）"),
    "pixel": Text("pixel", "像素"),
    "token": Text("token", "词元"),
    "box": Text("box", "框"),
    "pair": Text("pair", "样本对"),
    "triplet": Text("triplet", "三元组"),
    "image": Text("image, or image and class", "图像，或图像与类别"),
    "sequence": Text("sequence", "序列"),
    "list": Text("list", "列表"),
    "anchor": Text("anchor; it depends on the whole batch", "锚样本；取决于整个批"),
    "batch": Text("batch", "批"),
}


COLON = {"en": ": ", "zh": "："}
STOP = {"en": ". ", "zh": "。"}


def say(text: Text, language: Language) -> str:
    """The sentence in that language; in English where there is no other."""
    return text.en if language == "en" or not text.zh else text.zh


def facts(spec: LossSpec, language: Language = "en") -> list[Part]:
    """The parts of a page, without those that have nothing to say."""

    def word(key: str) -> str:
        return say(WORDS[key], language)

    parts = [
        Part(word("formula"), formula=spec.formula),
        Part(word("code"), code=spec.code.strip()),
        Part(word("arguments"), rows=tuple(_argument(one, language) for one in spec.arguments)),
        Part(word("options"), rows=tuple(_options(spec, language)), prose=_shared(spec, language)),
        Part(word("values"), items=tuple(_values(spec, language))),
        Part(word("laws"), items=tuple(_laws(spec, language))),
        Part(word("traps"), items=tuple(say(one, language) for one in spec.hazards)),
        Part(word("avoid"), prose=say(spec.avoid, language)),
        Part(word("elsewhere"), rows=tuple((f"`{one.path}`", say(one.differs, language)) for one in spec.equivalents)),
        Part(word("source"), items=tuple(source(paper) for paper in spec.papers)),
    ]
    return [part for part in parts if any(part[1:])]


def heading(spec: LossSpec, language: Language) -> str:
    """The title, the family and the names."""
    names = f"{spec.name}, {spec.module}" if spec.kernel else spec.path
    return f"{say(spec.title, language)} ({names}), {say(FAMILIES[spec.family], language)}"


def _argument(argument: Argument, language: Language) -> tuple[str, str, str]:
    joint = f" {say(WORDS['or'], language)} "
    forms = argument.forms()
    shape = joint.join(dict.fromkeys(f"`{axes(form.shape)}`" for form in forms))
    return f"`{argument.name}`", shape, joint.join(_meaning(form, language) for form in forms)


def _meaning(argument: Argument, language: Language) -> str:
    own = argument.en if language == "en" else argument.zh
    kind = KINDS[argument.kind]
    return own or (kind.en if language == "en" else kind.zh)


def _options(spec: LossSpec, language: Language) -> Iterator[tuple[str, str, str]]:
    for option in spec.options:
        default = spec.defaults.get(option.name, inspect.Parameter.empty)
        shown = say(WORDS["required"], language) if default is inspect.Parameter.empty else f"`{default!r}`"
        if spec.kernel is None and option.name not in spec.required:
            shown = ""
        yield f"`{option.name}`", shown, f"{say(option.meaning, language)}{_range(option, language)}"
    for one in spec.learned:
        yield (
            f"`{one.name}`",
            say(WORDS["learned"], language),
            f"`({', '.join(one.shape)})` {say(one.meaning, language)}",
        )


def _range(option: Option, language: Language) -> str:
    end = "; " if language == "en" else "；"
    if option.choices:
        return end + ", ".join(f'`"{choice}"`' for choice in option.choices)
    if option.low is None and option.high is None:
        return ""
    limits = bounds(option).removeprefix("a number ")
    return f"{end}`{limits if option.name in limits else f'{option.name} {limits}'}`"


def _shared(spec: LossSpec, language: Language) -> str:
    if spec.kernel is None:
        return ""
    names = ", ".join(f"`{name}`" for name in shared(spec))
    return f"{say(WORDS['shared'], language)}{COLON[language]}{names}"


def _values(spec: LossSpec, language: Language) -> Iterator[str]:
    colon = COLON[language]
    yield f"{say(WORDS['unit'], language)}{' ' if language == 'en' else colon}{say(UNITS[spec.unit], language)}"
    if spec.start is not None:
        note = say(spec.start.note, language)
        value = say(spec.start.text, language) + (STOP[language] + note if note else "")
        yield f"{say(WORDS['start'], language)}{colon}{value}"
    if spec.minimum is not None:
        yield f"{say(WORDS['least'], language)}{colon}{say(spec.minimum.text, language)}"


def _laws(spec: LossSpec, language: Language) -> Iterator[str]:
    for one in spec.limits:
        yield say(one.text, language)
    for invariance in spec.invariances:
        yield f"{say(WORDS['unchanged'], language)}{COLON[language]}{say(invariance.text, language)}"
    for law, reason in spec.exceptions.items():
        yield f"`{law}` {say(WORDS['excepted'], language)}{COLON[language]}{say(reason, language)}"
