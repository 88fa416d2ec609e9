"""Modes and noise: dropout, batch norm, and norms over nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from torch import nn

from ...losses import Text
from .._finding import Clue, Found
from .._rule import Check
from ..probe._evidence import Evidence, Seen

_DROPOUTS = (nn.modules.dropout._DropoutNd,)
_BATCH_NORMS = (nn.modules.batchnorm._BatchNorm,)
_MEANT_NOISE = re.compile(r"monte|bayes|prenet|(^|[_.])mc([_.A-Z]|$)|MC[A-Z_]|stochastic", re.IGNORECASE)


def _unstable(evidence: Evidence) -> Iterator[Found]:
    apart = evidence.trials.unstable
    if apart is None or not apart > 1e-6:
        return
    drops = [one for one in evidence.trials.noise if one.is_dropout]
    others = sorted({one.name for one in evidence.trials.noise if not one.is_dropout})
    what = "two runs on the same inputs in evaluation mode"
    clue = Clue("metamorphic", f"{what} differ by {apart:.3g} of the output's rms")
    if drops:
        first = drops[0]
        kind = type(evidence.modules.get("" if first.place == "model" else first.place)).__name__
        yield Found(
            place=first.place,
            measured=f"{what} differ: F.{first.name}(p={first.p:g}) of {first.place} is on",
            expected="dropout that is off in evaluation mode",
            fix=f"F.{first.name}(x, p={first.p:g}, training=self.training), or nn.Dropout({first.p:g})",
            clues=[clue],
            sure=not _MEANT_NOISE.search(f"{first.place}.{kind}"),
        )
        return
    said = f"{', '.join(others)} draw numbers" if others else "no random function of torch was called"
    yield Found(
        place=evidence.trials.noise[0].place if others else "model",
        measured=f"{what} differ by {apart:.3g} of the output's rms: {said}",
        expected="the same output, unless the model samples on purpose",
        fix="take the mean in place of a sample: if self.training: z = mean + std * torch.randn_like(std)"
        if others
        else "look for state that a forward pass leaves behind, or noise from numpy or random",
        clues=[clue],
        sure=False,
    )


UNSTABLE = Check(
    code="FS704",
    title=Text("The evaluation mode is not deterministic", "评估模式的结果不确定"),
    why=Text(
        "F.dropout is on unless it is told otherwise: model.eval() does not switch it off, and validation and use are "
        "noisy.",
        "F.dropout 默认是开启的：model.eval() 关不掉它，验证和使用时的结果都带噪声。",
    ),
    sound=Text(
        "It needs outputs that differ between two runs in evaluation mode. A model that samples, as a VAE, is a "
        "remark; so is dropout in a module whose name says that it is meant (MC, Monte, Bayes, prenet).",
        "只有评估模式下两次运行的输出不同才会报告。会采样的模型（如 VAE）只作提示；"
        "名字表明有意为之（MC、Monte、Bayes、prenet）的 dropout 也是。",
    ),
    fault="""
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(20, 64), nn.Linear(64, 10)
    def forward(self, x):
        return self.two(F.dropout(F.relu(self.one(x)), 0.5))
model = Model()
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    cure="""
Model.forward = lambda self, x: self.two(F.dropout(F.relu(self.one(x)), 0.5, self.training))
""",
    find=_unstable,
)


def _in_evaluation(evidence: Evidence) -> Iterator[Found]:
    if evidence.asked.model.training:
        return
    two = [
        name or "model"
        for name, module in evidence.modules.items()
        if (isinstance(module, _DROPOUTS) and module.p > 0) or isinstance(module, _BATCH_NORMS)
    ]
    if two and not any(module.training for module in evidence.modules.values()):
        yield Found(
            place="model",
            measured=f"model.training is False; {len(two)} layers act otherwise in training: {two[0]} for one",
            expected="training mode for a training step",
            fix="model.train()",
            clues=[Clue("settings", f"model.training is False, with {len(two)} layers of dropout or batch norm")],
        )


EVALUATION = Check(
    code="FS705",
    title=Text("The model is in evaluation mode", "模型处于评估模式"),
    why=Text(
        "Dropout drops nothing, and batch norm uses statistics that were never measured and never learns them.",
        "dropout 不丢弃任何单元，批归一化使用从未统计过、也不再更新的统计量。",
    ),
    sound=Text(
        "It is a remark: a model may be checked, or tuned, in evaluation mode on purpose.",
        "它只是提示：可能是有意在评估模式下检查或微调模型。",
    ),
    fault="""
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 10)).eval()
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    cure="""
model.train()
""",
    find=_in_evaluation,
    at_most="info",
)

_FITTED = ("classification", "imbalance", "noise", "language", "regression", "segmentation", "ordinal", "scoring")


def _fitted(evidence: Evidence, seen: Seen) -> bool:
    """Whether a loss compares this very output with targets, and not what was made of it, as similarities."""
    return any(
        call.spec.family in _FITTED
        and math.prod(call.seen[0].shape) == math.prod(seen.facts.shape)
        and math.isclose(call.seen[0].rms, seen.facts.rms, rel_tol=1e-4)
        for call in evidence.calls
    )


def _dropped(evidence: Evidence) -> Iterator[Found]:
    for place, one in evidence.dropped.items():
        seen = next((seen for seen in evidence.outputs if seen.place == place), None)
        clues = [Clue("graph", f"a dropout of {one.place} made {place}")]
        if seen is not None and seen.facts.zero > one.p / 2:
            clues.append(Clue("values", f"{seen.facts.zero:.1%} of {place} are exactly 0"))
        yield Found(
            place=one.place,
            measured=f"dropout with p={one.p:g} is the last function before the loss",
            expected="outputs that reach the loss whole",
            fix="put the dropout before the last layer",
            clues=clues,
            sure=not evidence.calls or (seen is not None and _fitted(evidence, seen)),
        )
    heavy: dict[str, float] = {one.place: one.p for one in evidence.drawn if one.is_dropout and one.p >= 0.8}
    for name, module in evidence.modules.items():
        if isinstance(module, _DROPOUTS) and module.p >= 0.8 and (name or "model") not in heavy:
            heavy[name or "model"] = module.p
    for place, p in heavy.items():
        clues = [Clue("settings", f"p={p:g} at {place}")]
        if p >= 1:
            clues.append(Clue("signals", f"every output of {place} is 0 in training"))
        yield Found(
            place=place,
            measured=f"dropout drops {p:.0%} of the units at {place}",
            expected="p from 0.1 to 0.5; p is the share that is dropped, not the share that is kept",
            fix=f"nn.Dropout({max(1 - p, 0.1):.2g})",
            clues=clues,
            sure=p >= 0.9,
        )


DROPPED = Check(
    code="FS706",
    title=Text("Dropout on the outputs, or of nearly everything", "对输出做 dropout，或几乎全部丢弃"),
    why=Text(
        "Outputs that are 0 by chance are wrong whatever the weights are, and units that are dropped nearly always "
        "pass nearly nothing.",
        "随机置零的输出无论权重如何都是错的；几乎总被丢弃的单元几乎不传递任何信息。",
    ),
    sound=Text(
        "The dropout must be the last function before the output, with nothing but moves of numbers behind it, under "
        "a loss that fits outputs to targets; or drop 90 % and more. From 80 % it is a remark.",
        "dropout 必须是输出前的最后一个函数（其后只有数据搬移），且损失是把输出拟合到目标的；"
        "或丢弃 90% 及以上。80% 起只作提示。",
    ),
    fault="""
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 10), nn.Dropout(0.5))
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    cure="""
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 10))
""",
    find=_dropped,
)


def _norms(evidence: Evidence) -> Iterator[Found]:
    crash = evidence.crash
    if crash is not None and re.search(r"Expected more than 1 (value per channel|spatial element)", crash.error):
        size = re.search(r"size torch\.Size\((\[.*?\])\)", crash.error)
        shape = size.group(1) if size else "this shape"
        yield Found(
            place=crash.where,
            measured=f"a norm in training mode was given {shape}: one value to take a mean and a variance of",
            expected="at least two values",
            fix="a batch of two and more (drop_last=True in the DataLoader), or nn.LayerNorm in place of batch norm",
            clues=[
                Clue("run", f"the {crash.where} pass raised {crash.error.splitlines()[0]}"),
                Clue("values", f"the norm's input has the shape {shape}"),
            ],
        )
    for layer in evidence.layers:
        module = evidence.modules.get(layer.place)
        values = _per_statistic(module, layer.shape)
        if layer.function or module is None or values is None:
            continue
        kind = type(module).__name__
        if values == 1:
            flat = layer.spread < 1e-5 or layer.rms < 1e-4 or math.isclose(layer.low, layer.high)
            clues = [Clue("settings", f"{kind} over 1 value")]
            if flat:
                clues.append(
                    Clue("signals", f"its output is the same for every example: {layer.low:.3g} to {layer.high:.3g}")
                )
            yield Found(
                place=layer.place or "model",
                measured=f"{kind} normalizes over 1 value, which leaves its bias only",
                expected="at least two values for a mean and a variance",
                fix="take the norm away, or let it go along an axis of features",
                clues=clues,
            )
        elif values == 2 and isinstance(module, _BATCH_NORMS) and module.training:
            yield Found(
                place=layer.place or "model",
                measured=f"{kind} takes its statistics of 2 values: each becomes +1 or -1, whatever it was",
                expected="16 values and more for each channel",
                fix="a larger batch, or nn.GroupNorm in place of batch norm",
                clues=[Clue("settings", f"{kind} in training mode was given {list(layer.shape)}")],
                sure=False,
            )


def _per_statistic(module: nn.Module | None, shape: tuple[int, ...]) -> int | None:
    """How many values one mean and variance is of; None for what is no norm, or uses running statistics."""
    if isinstance(module, nn.LayerNorm):
        return math.prod(module.normalized_shape)
    if isinstance(module, nn.GroupNorm) and len(shape) > 1:
        return math.prod(shape[1:]) // module.num_groups
    if isinstance(module, _BATCH_NORMS) and module.training and len(shape) > 1:
        return math.prod(shape) // shape[1]
    return None


NORMS = Check(
    code="FS707",
    title=Text("A norm over too few values", "归一化所用的数值太少"),
    why=Text(
        "One value less its own mean is 0: nothing of the input is left. Of two values only their order is left.",
        "单个数值减去自身均值为 0：输入信息全部丢失；两个数值只剩下大小顺序。",
    ),
    sound=Text(
        "It counts the values that each mean is of, from the layer's options and the shape that it was given. Two "
        "values for batch norm are a remark, since the batch may be small for the check only.",
        "它根据层的选项与收到的形状计算每个均值由多少个数值得到。批归一化只有两个数值时只作提示，因为可能只是检查时的批次较小。",
    ),
    fault="""
body = nn.Conv2d(3, 32, 3), nn.AdaptiveAvgPool2d(1)
model = nn.Sequential(*body, nn.GroupNorm(32, 32), nn.Flatten(), nn.Linear(32, 10))
loss = nn.CrossEntropyLoss()
batch = torch.randn(16, 3, 8, 8), torch.arange(16) % 10
""",
    cure="""
model[2] = nn.GroupNorm(4, 32)
""",
    find=_norms,
)

CHECKS = (UNSTABLE, EVALUATION, DROPPED, NORMS)
