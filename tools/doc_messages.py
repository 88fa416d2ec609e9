"""The errors that the docs list: each with the code that provokes it, so that the page shows the real message."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

import firststep as fs
from firststep import init


@dataclass(frozen=True)
class Message:
    """One error: when it comes, what to do about it (English, Chinese), and how to provoke it."""

    when: tuple[str, str]
    remedy: tuple[str, str]
    provoke: Callable[[], object]


def messages_section(language: str) -> str:
    """Every message as a heading, the text as printed, and the remedy."""
    here = ("en", "zh").index(language)
    return "\n".join(
        f"### {one.when[here]}\n\n```text\n{_raised(one.provoke)}\n```\n\n{one.remedy[here]}\n" for one in MESSAGES
    )


def _raised(provoke: Callable[[], object]) -> str:
    try:
        provoke()
    except fs.FirststepError as error:
        return f"{type(error).__name__}: {error}"
    raise AssertionError(f"{provoke} raised nothing")


_ZEROS = {"weight": init.zeros(), "bias": init.zeros()}
_ALL = fs.rule("*", **{"*": init.zeros()})


def _expanded() -> nn.Module:
    model = nn.Linear(4, 4, bias=False)
    model.weight = nn.Parameter(torch.zeros(1, 4).expand(4, 4))
    return model


def _changed() -> object:
    model = nn.Sequential(nn.Linear(4, 4))
    plan = fs.plan(model, [_ALL])
    model[0] = nn.Linear(4, 2)
    return plan.apply(seed=0)


MESSAGES = (
    Message(
        ("A parameter that no rule covers", "有参数没有规则覆盖"),
        (
            "Add one of the two rules of the message. Like parameters of like layers are named together.",
            "从信息给出的两条规则里选一条加上。相似层的相似参数会合在一起说。",
        ),
        lambda: fs.plan(
            nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)), [fs.rule(nn.Linear, **_ZEROS), fs.rule("1", bias=fs.keep)]
        ),
    ),
    Message(
        ("A rule that matches nothing", "规则什么也没匹配到"),
        (
            "Correct the selector, or delete the rule. A rule that is for several models belongs in a recipe.",
            "改正选择器，或删去这条规则。要供多个模型共用的规则，请放进配方。",
        ),
        lambda: fs.plan(nn.Sequential(nn.Linear(4, 4)), [fs.rule(nn.Conv2d, **_ZEROS), _ALL]),
    ),
    Message(
        ("A parameter name that no matched module has", "匹配到的模块没有这个参数名"),
        ("Correct the name.", "改正参数名。"),
        lambda: fs.plan(nn.Linear(4, 4), [fs.rule(nn.Linear, wieght=init.zeros()), _ALL]),
    ),
    Message(
        ("A rule that never applies", "规则永远轮不到"),
        (
            "The first match wins: put the more special rule first.",
            "先匹配者生效，所以更具体的规则要放在前面。",
        ),
        lambda: fs.plan(nn.Sequential(nn.Linear(4, 4)), [_ALL, fs.rule("0", weight=init.ones())]),
    ),
    Message(
        ("A scheme that the shape does not allow", "方案与形状不符"),
        (
            "Take a scheme for that shape. Schemes that scale by fans need a matrix or a kernel.",
            "换一个适合该形状的方案。按 fan 缩放的方案需要矩阵或卷积核。",
        ),
        lambda: fs.plan(nn.LayerNorm(8), [fs.rule(nn.LayerNorm, weight=init.xavier_normal(), bias=init.zeros())]),
    ),
    Message(
        ("A number that is no scheme", "给的是数而不是方案"),
        ("Write the scheme.", "写成方案。"),
        lambda: fs.rule(nn.Conv2d, bias=0.3),
    ),
    Message(
        ("An in-place function in place of a scheme", "用原地函数代替了方案"),
        (
            "Without the underscore and called: it makes a value, which the plan fills in later.",
            "去掉下划线并加上括号：它创建一个值，由计划稍后填充。",
        ),
        lambda: fs.rule(nn.Conv2d, weight=nn.init.kaiming_normal_),
    ),
    Message(
        ("A lazy module", "惰性模块"),
        ("A lazy layer has its shape after the first batch.", "惰性层要等第一批数据通过之后才有形状。"),
        lambda: fs.plan(nn.Sequential(nn.LazyLinear(4)), [_ALL]),
    ),
    Message(
        ("A parameter on meta at apply", "执行时参数仍在 meta 上"),
        (
            "`to_empty` gives memory. It also breaks ties: tie tied weights again before applying.",
            "`to_empty` 会分配内存，但也会拆开共享的权重：执行之前请重新绑定。",
        ),
        lambda: fs.plan(nn.Linear(4, 4, device="meta"), [_ALL]).apply(seed=0),
    ),
    Message(
        ("Elements that share memory", "元素共用内存"),
        (
            "An expanded tensor cannot hold different values.",
            "展开（expand）得到的张量存不下互不相同的值。",
        ),
        lambda: fs.plan(_expanded(), [_ALL]),
    ),
    Message(
        ("A model that changed after planning", "计划之后模型变了"),
        ("Plan again.", "重新制定计划。"),
        _changed,
    ),
    Message(
        ("A recipe that does not exist", "没有这个配方"),
        ("`firststep recipes` lists them.", "`firststep recipes` 会列出全部配方。"),
        lambda: fs.plan(nn.Linear(4, 4), "defualt"),
    ),
)
