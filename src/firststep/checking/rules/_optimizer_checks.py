"""Whether the optimizer holds what is trained, and nothing else."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from torch import Tensor, nn

from ...losses import Text
from .._finding import Clue, Found, listed
from .._rule import Check
from ..probe._evidence import Evidence
from ..probe._parameter import Parameter


def _held(evidence: Evidence) -> list[Tensor]:
    """Every tensor in the optimizer's groups, as often as it is there."""
    groups = getattr(evidence.asked.optimizer, "param_groups", None) or []
    return [one for group in groups for one in group["params"]]


def _foreign(evidence: Evidence) -> list[Tensor]:
    """What the optimizer holds and neither the model nor the loss has."""
    known = {id(one) for module in evidence.asked.modules for one in module.parameters()}
    return [one for one in _held(evidence) if id(one) not in known]


def _left_out(evidence: Evidence) -> list[Parameter]:
    """The model's parameters that get a gradient and are not in the optimizer."""
    return [one for one in evidence.trained if one.optimized is False and not one.of_loss]


def _stale(evidence: Evidence) -> bool:
    """Whether the optimizer has, for all that it lacks, other tensors of the same shapes."""
    lacking = Counter(one.shape for one in _left_out(evidence))
    return bool(lacking) and not lacking - Counter(tuple(one.shape) for one in _foreign(evidence))


def _missing(evidence: Evidence) -> Iterator[Found]:
    out = [one for one in _left_out(evidence) if one.reached]
    if not out or _stale(evidence):
        return
    names = [one.name for one in out]
    inside = [one for one in evidence.trained if one.optimized and not one.of_loss]
    every = not inside
    clues = [Clue("settings", f"the optimizer holds {len(inside)} of {len(inside) + len(out)} trained parameters")]
    if every:
        clues.append(Clue("graph", f"the loss's gradient reaches {len(out)} parameters that no step moves"))
    yield Found(
        place=_around(out),
        measured=f"{len(out)} trained parameters are not in the optimizer: {listed(names)}",
        expected="every parameter that asks for a gradient",
        fix="torch.optim.AdamW(model.parameters()), or requires_grad_(False) for what is to stay as it is",
        clues=clues,
        sure=every or not _meant(evidence, inside, out),
    )


def _around(parameters: Sequence[Parameter]) -> str:
    """The module around all of them, or the first one's."""
    parts = [one.module.split(".") for one in parameters]
    same = []
    for names in zip(*parts, strict=False):
        if len(set(names)) > 1:
            break
        same.append(names[0])
    return ".".join(same) or "optimizer"


_OTHERS = re.compile(r"disc|critic|generator|actor|teacher|target|reference|(^|[._])(ema|[dg]|net_?[dg])([._]|$)", re.I)
"""Names of networks that have an optimizer of their own."""


def _meant(evidence: Evidence, inside: Sequence[Parameter], out: Sequence[Parameter]) -> bool:
    """Whether the rest may belong to another optimizer: matrices and others apart, or only the last layers trained."""
    matrices = {one.name for one in inside if len(one.shape) > 1}
    others = {one.name for one in out if len(one.shape) < 2 or one.owner == "Embedding"}
    split = len(matrices) == len(inside) and len(others) > 0 and any(len(one.shape) < 2 for one in out)
    back = not any(len(one.shape) > 1 for one in inside) and any(len(one.shape) > 1 for one in out)
    if all(_OTHERS.search(one.name) for one in out):
        return True
    order = {one.name: i for i, one in enumerate([*evidence.parameters])}
    last = min(order[one.name] for one in inside) > max(order[one.name] for one in out)
    return split or back or last


MISSING = Check(
    code="FS505",
    title=Text("Trained parameters that the optimizer does not hold", "优化器没有包含的可训练参数"),
    why=Text(
        "Their gradient is computed in every step and never used: they stay as they were made.",
        "它们的梯度每一步都被计算却从未使用：始终保持初始值。",
    ),
    sound=Text(
        "It compares the tensors themselves, and is silent over frozen ones. A split into matrices and others, as "
        "with Muon beside AdamW, networks with an optimizer of "
        "their own, as a critic, and an optimizer of the last layers only are remarks.",
        "它比较的是张量本身，冻结的参数不报告。按矩阵与其他参数拆分（如 Muon 与 AdamW 并用）"
        "、另有优化器的网络（如判别器）"
        "以及只训练最后几层的优化器只作提示。",
    ),
    fault="""
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.SGD([*model[0].parameters(), *model[2].parameters()], lr=0.1)
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    cure="""
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
""",
    find=_missing,
)


def _strange(evidence: Evidence) -> Iterator[Found]:
    held, foreign = _held(evidence), _foreign(evidence)
    twice = sum(count > 1 for count in Counter(map(id, held)).values())
    if twice:
        yield Found(
            place="optimizer",
            measured=f"{twice} tensors are in the optimizer more than once",
            expected="each once",
            fix="torch.optim.AdamW(model.parameters()): it lists a shared parameter once",
            clues=[
                Clue("settings", f"{len(held)} entries in the optimizer's groups are {len(set(map(id, held)))} tensors")
            ],
        )
    if not foreign:
        return
    out, stale = _left_out(evidence), _stale(evidence)
    clues = [Clue("settings", f"{len(foreign)} of the optimizer's {len(held)} tensors are not the model's")]
    if out:
        clues.append(Clue("graph", f"the loss's gradient reaches {len(out)} parameters that the optimizer lacks"))
    known = "of the same shapes as those it lacks" if stale else "neither the model's nor the loss's"
    yield Found(
        place="optimizer",
        measured=f"the optimizer holds {len(foreign)} tensors {known}",
        expected="the model's own parameters",
        fix="make the optimizer after the model is complete: torch.optim.AdamW(model.parameters())",
        clues=clues,
        sure=bool(out) or len(foreign) == len(held),
    )


STRANGE = Check(
    code="FS506",
    title=Text("The optimizer holds tensors that are not the model's", "优化器持有的张量不属于该模型"),
    why=Text(
        "The model was made again, or layers were replaced, after the optimizer was made: its steps move tensors that "
        "nothing uses.",
        "优化器创建之后模型又被重新创建或替换了层：它的步骤移动的是没有人使用的张量。",
    ),
    sound=Text(
        "An optimizer that holds all of the model's trained parameters and those of another network besides gives a "
        "remark only. Moving a model to a device keeps its tensors.",
        "优化器若包含模型的全部可训练参数、另外还有其他网络的参数，只作提示。把模型移到设备上不会更换参数对象。",
    ),
    fault="""
make = lambda: nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 10))
model = make()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
model = make()
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    cure="""
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
""",
    find=_strange,
)


def _idle(evidence: Evidence) -> Iterator[Found]:
    idle = [one.name for one in evidence.parameters if one.optimized and not one.trains]
    if idle:
        yield Found(
            place="optimizer",
            measured=f"{len(idle)} frozen parameters are in the optimizer: {listed(idle)}",
            expected="only what is trained",
            fix="torch.optim.AdamW(p for p in model.parameters() if p.requires_grad)",
            clues=[Clue("settings", f"requires_grad is False for {len(idle)} of the optimizer's tensors")],
        )


IDLE = Check(
    code="FS507",
    title=Text("The optimizer holds frozen parameters", "优化器中有被冻结的参数"),
    why=Text(
        "It skips them; they only tell a reader that they are trained, and they move once they were unfrozen.",
        "优化器会跳过它们；它们只会让人误以为在训练，而且一旦解冻就会开始移动。",
    ),
    sound=Text("It is never more than a remark.", "它最多只是一条提示。"),
    fault="""
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 10))
model[0].requires_grad_(False)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    cure="""
optimizer = torch.optim.SGD(model[2].parameters(), lr=0.1)
""",
    find=_idle,
    at_most="info",
)


def _loss_left_out(evidence: Evidence) -> Iterator[Found]:
    own = [one for one in evidence.trained if one.of_loss and one.reached and one.optimized is not True]
    if not own or not isinstance(evidence.asked.loss, nn.Module):
        return
    unknown = evidence.asked.optimizer is None
    names = [one.name for one in own]
    state = "and no optimizer was given" if unknown else "and the optimizer does not hold them"
    yield Found(
        place="loss",
        measured=f"the loss has {len(own)} trained parameters, {listed(names)}, {state}",
        expected="an optimizer that holds them too",
        fix="torch.optim.AdamW([*model.parameters(), *loss.parameters()])",
        clues=[Clue("settings", f"the optimizer holds 0 of {len(own)} parameters of the loss")],
        sure=not unknown,
    )


LOSS_LEFT_OUT = Check(
    code="FS509",
    title=Text("The loss has parameters of its own that no optimizer holds", "损失自己的参数没有交给优化器"),
    why=Text(
        "Class centers, proxies or task weights stay at random values, and the model learns to fit these.",
        "类别中心、代理向量或任务权重停留在随机值，模型只能去迁就它们。",
    ),
    sound=Text(
        "Without an optimizer it is a remark. With one, the loss's parameters ask for a gradient, get it, and are not "
        "in it.",
        "没有给出优化器时只作提示；给出时，损失的参数需要梯度、也得到了梯度，却不在优化器里。",
    ),
    fault="""
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 16))
loss = losses.ArcFaceLoss(num_classes=10, embedding_dim=16)
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    cure="""
optimizer = torch.optim.SGD([*model.parameters(), *loss.parameters()], lr=0.1)
""",
    find=_loss_left_out,
)

CHECKS = (MISSING, STRANGE, IDLE, LOSS_LEFT_OUT)
