"""Parameters that the loss does not reach, and trained layers that the model does not know."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import nn

from ...losses import Text
from .._finding import Clue, Found, listed
from .._rule import Check
from ..probe._evidence import Evidence
from ..probe._hidden import Hidden, hidden
from ..probe._parameter import Parameter, optimized
from ..probe._stray import Stray
from ._gradient_checks import finite

_SPARE = re.compile(
    r"pool|aux|mask|null|pad|expert|teacher|target|momentum|ema\b|(^|[._])(encoder|decoder|text|vision|head|heads|fc|"
    r"classifier|projector|predictor|lm_head|adapter)s?($|[._])",
    re.IGNORECASE,
)
"""Names of parts that are often there and not used in every step."""
_OTHER = re.compile(
    r"disc|critic|generator|actor|teacher|target|reference|momentum|slow|(^|[._])(ema|[dg]|net_?[dg])($|[._])",
    re.IGNORECASE,
)
"""Names of networks that are trained in other steps, or follow another."""


@dataclass(frozen=True, slots=True)
class _Group:
    """A module with everything in it that asks for a gradient and gets none, or single parameters of a module."""

    name: str
    parameters: tuple[Parameter, ...]
    whole: bool

    def inside(self, place: str) -> bool:
        """Whether a module belongs to it."""
        return place == self.name or (self.whole and place.startswith(f"{self.name}."))

    @property
    def text(self) -> str:
        """What to call it: the module, or the parameter."""
        return self.name if self.whole else self.parameters[0].name


def _groups(evidence: Evidence) -> list[_Group]:
    """The largest modules whose trained parameters are all unreached, or single parameters of others."""
    trained = [one for one in evidence.trained if not one.of_loss]
    reached = [one for one in trained if one.reached]
    alive = {""} | {prefix for one in reached for name in one.names for prefix in _prefixes(name)}
    found: dict[str, list[Parameter]] = {}
    for one in trained:
        if one.reached or one.optimized is False:
            continue
        top = next((prefix for prefix in _prefixes(one.name) if prefix not in alive), one.module)
        found.setdefault(top, []).append(one)
    return [_Group(name, tuple(group), name not in alive) for name, group in found.items()]


def _prefixes(name: str) -> list[str]:
    """The modules around a parameter, the outermost first.

    >>> _prefixes("a.b.weight")
    ['a', 'a.b']
    """
    parts = name.split(".")[:-1]
    return [".".join(parts[: i + 1]) for i in range(len(parts))]


def _unreached(evidence: Evidence) -> Iterator[Found]:
    if not finite(evidence):
        return
    trained = [one for one in evidence.trained if not one.of_loss]
    if trained and not any(one.reached for one in trained):
        yield _nothing(evidence, trained)
        return
    for group in _groups(evidence):
        ran = any(group.inside(place) for place in evidence.entered)
        matters = [evidence.matters[one] for one in evidence.matters if group.inside(one)]
        if any(matters):
            yield _cut(evidence, group)
        elif not ran:
            yield _never_ran(evidence, group)
        else:
            yield _unused(evidence, group)


def _nothing(evidence: Evidence, trained: Sequence[Parameter]) -> Found:
    layers = [layer for layer in evidence.layers if not layer.function]
    silent = sum(not layer.gradient >= 0 for layer in layers)
    return Found(
        place="model",
        measured=f"none of the {len(trained)} trained parameters gets a gradient, though the loss has one",
        expected="a gradient for each",
        fix="compute the loss from the model's output itself, without .detach()",
        clues=[
            Clue("graph", f"the loss's graph reaches 0 of {len(trained)} parameters of the model"),
            Clue("signals", f"no gradient arrives at the outputs of {silent} of {len(layers)} layers"),
        ],
        sure=not any(one.of_loss and one.reached for one in evidence.trained) or bool(layers),
    )


def _text(group: _Group) -> str:
    return listed([one.name for one in group.parameters])


def _never_ran(evidence: Evidence, group: _Group) -> Found:
    name = group.text
    return Found(
        place=name,
        measured=f"{name} has {len(group.parameters)} trained parameters and never ran",
        expected="a module that the forward pass calls",
        fix=f"call self.{name}(...) in forward, or remove it; if it is used in other steps only, "
        f"self.{name}.requires_grad_(False) until then",
        clues=[Clue("graph", f"the loss does not reach {_text(group)}, and {name} was not entered")],
        sure=not (_may_rest(evidence, group) or _last_of_kind(evidence, group)),
    )


def _may_rest(evidence: Evidence, group: _Group) -> bool:
    """Whether a module that did not run may well be meant for other steps."""
    if not evidence.asked.model.training or _SPARE.search(group.name):
        return True
    around = group.name.rpartition(".")[0]
    parent = evidence.modules.get(around)
    own = evidence.modules.get(group.name)
    if parent is None or isinstance(parent, (nn.ModuleList, nn.ModuleDict)):
        return True  # experts, heads by task, layers dropped by chance
    return _of_library(parent) or (own is not None and sum(1 for _ in own.modules()) > 8)


def _last_of_kind(evidence: Evidence, group: _Group) -> bool:
    """Whether it is a part of the last of several blocks, and the same part of the blocks before is trained."""
    reached = {name for one in evidence.trained if one.reached for name in one.names}
    own = group.parameters[0].name
    prefixes = _prefixes(own)
    for around in prefixes[: prefixes.index(group.name)] if group.whole and group.name in prefixes else prefixes:
        parent, _, local = around.rpartition(".")
        children = dict(evidence.modules[parent].named_children()) if parent in evidence.modules else {}
        block = children.get(local)
        alike = [name for name, one in children.items() if type(one) is type(block)]
        if block is None or len(alike) < 2 or alike[-1] != local:
            continue
        before = [f"{parent}.{name}" if parent else name for name in alike[:-1]]
        if all(f"{one}{each.name.removeprefix(around)}" in reached for one in before for each in group.parameters):
            return True
    return False


def _of_library(module: nn.Module) -> bool:
    """Whether a module's class is of an installed package, whose parts are often used one by one."""
    file = getattr(sys.modules.get(type(module).__module__), "__file__", None) or ""
    return "site-packages" in file and not type(module).__module__.startswith("torch.nn")


def _cut(evidence: Evidence, group: _Group) -> Found:
    layers = [layer for layer in evidence.layers if not layer.function and group.inside(layer.place)]
    meant = bool(layers) and not any(layer.graph for layer in layers)
    name = group.text
    clues = [Clue("graph", f"the loss's graph does not reach {_text(group)}")]
    if not meant:
        clues.append(Clue("metamorphic", f"with other weights in {name} the loss is another: it depends on them"))
    how = "it runs under torch.no_grad()" if meant else "its output is detached on the way"
    return Found(
        place=name,
        measured=f"{len(group.parameters)} trained parameters of {name} get no gradient: {how}",
        expected="a gradient, since the loss depends on them",
        fix=f"take away the .detach() or torch.no_grad() after {name}; if it is meant, {name}.requires_grad_(False)",
        clues=clues,
        sure=not (_OTHER.search(group.name) or (meant and _twin(evidence, group))),
    )


def _twin(evidence: Evidence, group: _Group) -> bool:
    """Whether another module has the same parameters and is trained: then this one is its slow copy."""
    own = sorted((one.name.removeprefix(group.name), one.shape) for one in group.parameters)
    if len(own) < 2:
        return False
    for name in evidence.modules:
        if name and name != group.name:
            other = [one for one in evidence.trained if one.reached and one.name.startswith(f"{name}.")]
            if sorted((one.name.removeprefix(name), one.shape) for one in other) == own:
                return True
    return False


def _unused(evidence: Evidence, group: _Group) -> Found:
    name = group.text
    sizes = [(seen.facts.shape, seen.facts.rms) for seen in evidence.outputs]
    layers = [layer for layer in evidence.layers if not layer.function and group.inside(layer.place)]
    given = group.whole and any(
        one.shape == shape and abs(one.rms - rms) <= 1e-4 * rms for one in layers[-1:] for shape, rms in sizes
    )
    around = evidence.modules.get(group.name.rpartition(".")[0])
    spare = _SPARE.search(group.name) or any(_SPARE.search(one.local) for one in group.parameters)
    what = f"{name} ran, and nothing uses what it returned" if group.whole and layers else f"{_text(group)} is not used"
    return Found(
        place=name,
        measured=f"{len(group.parameters)} trained parameters get no gradient: {what}",
        expected="every trained parameter in the loss's graph",
        fix=f"use it in forward, as in x = self.{name}(x), or remove it"
        if group.whole and layers
        else "use it or remove it",
        clues=[Clue("graph", f"the loss's graph does not reach {_text(group)}, and other weights change nothing")],
        sure=not (
            given
            or spare
            or isinstance(around, nn.ModuleList)
            or (around is not None and _of_library(around))
            or _last_of_kind(evidence, group)
        ),
    )


UNREACHED = Check(
    code="FS502",
    title=Text("Trained parameters that the loss does not reach", "损失到达不了的可训练参数"),
    why=Text(
        "They stay as they are however long the training runs; DistributedDataParallel raises over them.",
        "无论训练多久它们都保持原样；DistributedDataParallel 会因此报错。",
    ),
    sound=Text(
        "It needs a parameter that asks for a gradient, belongs to the optimizer if one is given, and is not in the "
        "loss's graph. Parts that may be meant for other steps (experts, heads by task, poolers, slow copies, "
        "anything in evaluation mode), outputs that are returned and not used, and what the last of several blocks "
        "leaves unused are remarks only.",
        "只有需要梯度、（若给出优化器则）在优化器中、却不在损失计算图里的参数才会报告。可能用于其他步骤的部分（专家、按任务的头、"
        "pooler、慢速副本、评估模式下的一切）、返回但未使用的输出，以及若干同类块中最后一块未用到的部分只作提示。",
    ),
    fault="""
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two, self.three = nn.Linear(20, 64), nn.Linear(64, 64), nn.Linear(64, 10)
    def forward(self, x):
        x = F.relu(self.one(x)).detach()
        return self.three(F.relu(self.two(x)))
model = Model()
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    cure="""
Model.forward = lambda self, x: self.three(F.relu(self.two(F.relu(self.one(x)))))
""",
    find=_unreached,
)


def _unregistered(evidence: Evidence) -> Iterator[Found]:
    held = optimized(evidence.asked.optimizer) or frozenset()
    for one in hidden(evidence.asked.model):
        if one.place not in evidence.hidden or any(id(tensor) in held for tensor in one.tensors):
            continue
        yield Found(
            place=one.place,
            measured=f"{one.place} is {one.what}: {len(one.tensors)} trained tensors that model.parameters() lacks",
            expected="layers and parameters that the model knows",
            fix=_registered(one),
            clues=[
                Clue("settings", f"{len(one.tensors)} tensors in {one.place} are none of the model's parameters"),
                Clue("graph", "the loss's gradient reaches them all the same"),
            ],
            sure=not one.alone,
        )
    yield from _stray(evidence)


def _stray(evidence: Evidence) -> Iterator[Found]:
    """Layers from outside, by a closure or a global name, and layers that forward creates."""
    known = [one for one in evidence.strays if one.parameter or not one.made]
    for made in (False, True):
        group = [one for one in known if one.made == made]
        if not group:
            continue
        count = f"{len(group)} trained tensor" + ("s" if len(group) > 1 else "")
        shapes = ", ".join(str(one.shape) for one in group[:3]) + (", ..." if len(group) > 3 else "")
        function = next((one.function for one in group if len(one.shape) > 1), group[0].function)
        clues = [
            Clue("graph", f"{count} in the output's graph, used by {function}, are none of the model's parameters")
        ]
        if made and any(one.drawn for one in group):
            clues.append(Clue("metamorphic", "a second pass uses other tensors with other values"))
        elif not made and getattr(evidence.asked.optimizer, "param_groups", None):
            clues.append(Clue("settings", "the optimizer does not hold them either"))
        where = "forward creates them anew in every pass" if made else "they are from outside of the model"
        yield Found(
            place="model",
            measured=f"{count} of shape {shapes} that model.parameters() lacks: {where}",
            expected="layers and parameters that the model knows",
            fix="create the layer in __init__, as in self.layer = nn.Linear(...), and call self.layer(x) in forward"
            if made
            else "make it an attribute in __init__, as in self.layer = layer, or .requires_grad_(False) if it is fixed",
            clues=clues,
            sure=_nobodys(evidence, group),
        )


def _nobodys(evidence: Evidence, group: Sequence[Stray]) -> bool:
    """Whether no other model is run on purpose, and it is no copy and no constant that forward makes."""
    asked = evidence.asked
    readable = asked.optimizer is None or bool(getattr(asked.optimizer, "param_groups", None))
    meant = asked.forward is not None or asked.loss is None or not asked.model.training
    random = any(one.parameter and not one.copied and (one.drawn or not one.made) for one in group)
    return readable and not meant and random


def _registered(one: Hidden) -> str:
    attribute = f"self.{one.place.rpartition('.')[2]}"
    if not one.modules:
        listed = {"": "nn.Parameter", "dict": "nn.ParameterDict"}.get(one.container, "nn.ParameterList")
        return f"{attribute} = {listed}({attribute})"
    if not one.container:
        return f"{attribute} = ... after super().__init__()"
    return f"{attribute} = nn.{'ModuleDict' if one.container == 'dict' else 'ModuleList'}({attribute})"


UNREGISTERED = Check(
    code="FS510",
    title=Text("Trained layers that the model does not know", "模型不知道的可训练层"),
    why=Text(
        "Layers in a plain list and tensors that are no nn.Parameter are not in model.parameters(): no optimizer "
        "holds them, model.to(device) leaves them behind, and state_dict() forgets them.",
        "放在普通列表里的层和不是 nn.Parameter 的张量不在 model.parameters() 中：优化器不会更新它们，"
        "model.to(device) 会漏掉它们，state_dict() 也不会保存它们。",
    ),
    sound=Text(
        "A teacher or a reference model that is hidden from the parameters on purpose is frozen or runs without "
        "grad: only what asks for a gradient and is reached by it is reported, and not what the optimizer "
        "holds. A single whole network in a list is a remark. Of layers from outside of the model only those "
        "count that made the output, not what the loss uses, and they are a remark where forward= is given, where "
        "they copy the model's, or where forward makes the same constants in every pass.",
        "有意藏起来的教师或参考模型是冻结的，或在无梯度模式下运行："
        "只有需要梯度且梯度到达、而优化器没有的才会报告；列表中单独的一个完整网络只作提示。"
        "来自模型之外的层只看产生输出的，不看损失用到的；给出 forward=、复制自模型自身，"
        "或 forward 每次生成相同常数时只作提示。",
    ),
    fault="""
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = [nn.Linear(20, 64), nn.Linear(64, 64)]
        self.head = nn.Linear(64, 10)
    def forward(self, x):
        for block in self.blocks:
            x = F.relu(block(x))
        return self.head(x)
model = Model()
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    cure="""
model.blocks = nn.ModuleList(model.blocks)
""",
    find=_unregistered,
)

CHECKS = (UNREACHED, UNREGISTERED)
