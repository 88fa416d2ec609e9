"""Losses made of losses: sums with weights that are given, or learned."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..errors import LossError, did_you_mean
from ._spec import Argument, Equivalent, LossSpec, Option, Paper, Text


class Combined(NamedTuple):
    """What a combination returns.

    Args:
        loss: the number to call ``backward`` on.
        parts: each loss's own value, without its weight and without a gradient, for logs.
    """

    loss: Tensor
    parts: dict[str, Tensor]


class _Combination(nn.Module):
    """Named losses. Modules among them are submodules, so that their parameters reach the optimizer.

    Args:
        losses: by name; modules, functions, or anything that gives one number.
    """

    def __init__(self, losses: Mapping[str, Callable[..., Any]]) -> None:
        super().__init__()
        if not losses:
            raise LossError(f"{type(self).__name__}: no loss was given. Type {type(self).__name__}({{'name': loss}})")
        self.losses = nn.ModuleDict({name: one for name, one in losses.items() if isinstance(one, nn.Module)})
        self._functions = {name: one for name, one in losses.items() if not isinstance(one, nn.Module)}
        self.names = tuple(losses)

    def _known(self, names: Collection[str]) -> None:
        for name in names:
            if name not in self.names:
                near = did_you_mean(name, self.names)
                raise LossError(
                    f"{type(self).__name__} has no loss {name!r}.{near} It has {', '.join(map(repr, self.names))}"
                )

    def _values(self, tensors: tuple[Tensor, ...], named: Mapping[str, Any]) -> list[Tensor]:
        """Each loss of the same tensors, or of its own."""
        if not tensors:
            self._known(named)
        return [self._value(name, tensors, named) for name in self.names]

    def _value(self, name: str, tensors: tuple[Tensor, ...], named: Mapping[str, Any]) -> Tensor:
        loss = self.losses[name] if name in self.losses else self._functions[name]
        if tensors:
            value = loss(*tensors, **named)
        elif name in named:
            own = named[name]
            value = loss(own) if isinstance(own, Tensor) else loss(*own)
        else:
            raise LossError(f"{type(self).__name__} needs the tensors of {name!r}. Type {name}=(input, target)")
        if not isinstance(value, Tensor) or value.ndim:
            given = f"values of shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
            raise LossError(
                f"{type(self).__name__}: {name!r} gave {given}, expected one number. Give it reduction='mean'"
            )
        return value

    def _combined(self, loss: Tensor, values: list[Tensor]) -> Combined:
        return Combined(loss, {name: value.detach() for name, value in zip(self.names, values, strict=True)})


class WeightedSum(_Combination):
    """Several losses with constant weights, as one.

        L = sum_i w_i L_i

    Args:
        losses: by name; modules, functions, or anything that gives one number.
        weights: by name, 1 where none is given. ``loss.weights["dice"] = 0.5`` changes one between steps.

    Called with tensors, it hands the same to each loss, keywords such as ``mask`` too. Called with keywords alone, each
    names a loss and holds its own tensors. Either way it returns a :class:`Combined`: the sum, and its parts by name.

    >>> from firststep import losses
    >>> loss = losses.WeightedSum({"l1": torch.nn.L1Loss(), "mse": torch.nn.MSELoss()}, weights={"mse": 0.5})
    >>> loss(torch.tensor([3.0]), torch.tensor([1.0]))
    Combined(loss=tensor(4.), parts={'l1': tensor(2.), 'mse': tensor(4.)})
    """

    def __init__(self, losses: Mapping[str, Callable[..., Any]], *, weights: Mapping[str, float] | None = None) -> None:
        super().__init__(losses)
        self._known(weights or ())
        self.weights = dict.fromkeys(self.names, 1.0) | dict(weights or {})

    def forward(self, *tensors: Tensor, **named: Any) -> Combined:
        """The weighted sum of the batch, and its parts."""
        values = self._values(tensors, named)
        weighted = [self.weights[name] * value for name, value in zip(self.names, values, strict=True)]
        return self._combined(torch.stack(weighted).sum(), values)

    def extra_repr(self) -> str:
        """The weights."""
        return f"weights={self.weights}"


class UncertaintyWeighting(_Combination):
    """Losses of several tasks, weighted by variances that are learned beside the model.

        L = sum_i c_i exp(-s_i) L_i + s_i / 2,  s_i = log sigma_i^2

    Args:
        losses: by name; modules, functions, or anything that gives one number.
        regression: names of the losses that are squared (or absolute) errors: c = 1/2 as a Gaussian's likelihood has
            it; 1 for all others, cross-entropies.

    ``log_variance`` is a parameter, 0 at the start: hand ``loss.parameters()`` to the optimizer, without weight decay.
    It is called as :class:`WeightedSum` is.

    >>> from firststep import losses
    >>> loss = losses.UncertaintyWeighting({"depth": torch.nn.MSELoss(), "class": torch.nn.CrossEntropyLoss()},
    ...                                    regression=["depth"])
    >>> depth = torch.tensor([3.0]), torch.tensor([1.0])
    >>> logits = torch.zeros(1, 2), torch.tensor([0])
    >>> loss(**{"depth": depth, "class": logits}).loss  # 4 / 2 + ln 2
    tensor(2.6931, grad_fn=<SumBackward0>)
    """

    factor: Tensor

    def __init__(self, losses: Mapping[str, Callable[..., Any]], *, regression: Collection[str] = ()) -> None:
        super().__init__(losses)
        self._known(regression)
        self.log_variance = nn.Parameter(torch.zeros(len(self.names)))
        self.register_buffer("factor", torch.tensor([0.5 if name in regression else 1.0 for name in self.names]))

    def forward(self, *tensors: Tensor, **named: Any) -> Combined:
        """The weighted sum of the batch, and its parts."""
        values = self._values(tensors, named)
        weighted = self.factor * torch.exp(-self.log_variance) * torch.stack(values)
        return self._combined((weighted + self.log_variance / 2).sum(), values)


_LOSSES = Text("the values L of the losses", "各损失的值 L")

WEIGHTED_SUM = LossSpec(
    name="weighted_sum",
    module="",
    path="firststep.losses.WeightedSum",
    title=Text("Weighted sum", "加权和"),
    aliases=("WeightedSum", "combined loss", "compound loss", "dice + ce", "组合损失", "加权求和"),
    family="combination",
    purpose=Text(
        "Several losses of the same or of different tensors as one, with constant weights; the parts are returned too.",
        "把同一批或不同张量的多个损失按固定权重合为一个，并返回各部分的值。",
    ),
    formula=r"\sum_{i} w_i L_i",
    arguments=(Argument("values", "values", "K", _LOSSES.en, _LOSSES.zh),),
    unit="batch",
    options=(
        Option(
            "weights", Text("w, a number by name; 1 where none is given", "w，按名称给出的数；未给出时为 1"), low=0.0
        ),
    ),
    code="""
>>> loss = losses.WeightedSum(
...     {"bce": losses.BCEWithLogitsLoss(), "focal": losses.SigmoidFocalLoss()}, weights={"focal": 4.0}
... )
>>> loss(torch.zeros(2, 3), torch.ones(2, 3))
Combined(loss=tensor(1.3863), parts={'bce': tensor(0.6931), 'focal': tensor(0.1733)})
""",
    hazards=(
        Text(
            "Losses of unlike sizes are not balanced by equal weights: look at the parts before choosing.",
            "各损失大小不同时，相等的权重并不平衡：应先查看各部分的值再定权重。",
        ),
        Text(
            "The parts carry no gradient and are for logs: call backward on .loss.",
            "各部分不带梯度、仅供记录：应对 .loss 调用 backward。",
        ),
    ),
    avoid=Text(
        "Tasks whose weights nobody knows: UncertaintyWeighting learns them.",
        "多任务且权重未知时：UncertaintyWeighting 会学习它们。",
    ),
    equivalents=(
        Equivalent(
            "pytorch_metric_learning.losses.MultipleLosses",
            Text("for losses of embeddings and labels; without the parts", "仅用于嵌入与标签的损失；不返回各部分"),
        ),
    ),
)

UNCERTAINTY_WEIGHTING = LossSpec(
    name="uncertainty_weighting",
    module="",
    path="firststep.losses.UncertaintyWeighting",
    title=Text("Uncertainty weighting", "不确定性加权"),
    aliases=("UncertaintyWeighting", "multi-task loss", "homoscedastic uncertainty", "多任务损失", "同方差不确定性"),
    family="combination",
    purpose=Text(
        "Several tasks at once: each loss is weighted by a variance that is learned beside the model.",
        "同时学习多个任务：每个损失按与模型一起学习的方差加权。",
    ),
    formula=r"\sum_{i} c_i \, e^{-s_i} L_i + \frac{s_i}{2}, \quad s_i = \log \sigma_i^{2}",
    papers=(
        Paper(
            "Kendall, Gal, Cipolla 2018",
            "Multi-Task Learning Using Uncertainty to Weigh Losses for Scene Geometry and Semantics",
            "arXiv:1705.07115",
            "eq. 7, 10",
        ),
    ),
    arguments=(
        Argument("values", "values", "K", _LOSSES.en, _LOSSES.zh),
        Argument("log_variance", "parameters", "K", "s, 0 at the start", "s，初始为 0"),
    ),
    unit="batch",
    options=(
        Option(
            "regression",
            Text(
                "names of the losses that are errors of a number: c is 1/2 for these, 1 for all others",
                "属于数值误差的损失的名称：这些损失的 c 为 1/2，其余为 1",
            ),
        ),
    ),
    code="""
>>> tasks = {"depth": torch.nn.MSELoss(), "parts": losses.CrossEntropyLoss()}
>>> loss = losses.UncertaintyWeighting(tasks, regression=["depth"])
>>> depth = torch.tensor([3.0]), torch.tensor([1.0])
>>> parts = torch.zeros(1, 2), torch.tensor([0])
>>> loss(depth=depth, parts=parts).loss  # 4 / 2 + ln 2
tensor(2.6931, grad_fn=<SumBackward0>)
""",
    hazards=(
        Text(
            "log_variance is a parameter of the loss: an optimizer made from the model alone does not train it, and "
            "weight decay pulls all weights to equality.",
            "log_variance 是损失自身的参数：只用模型参数构造的优化器不会训练它，权重衰减则会把各权重拉向相等。",
        ),
        Text(
            "A loss that reaches 0 drives its s to minus infinity and its weight up without end.",
            "若某个损失能降到 0，其 s 会趋于负无穷，权重无限增大。",
        ),
        Text(
            "The total may fall below 0, and its size says nothing of the tasks: watch the parts.",
            "总和可能小于 0，其大小不反映任务好坏：应观察各部分。",
        ),
        Text(
            "It is meant for likelihoods: for losses that are none, such as triplet losses, the weights mean nothing.",
            "它针对似然而设：对三元组损失等没有似然含义的损失，学到的权重没有意义。",
        ),
    ),
    avoid=Text(
        "Good weights are known, or the tasks share nothing: WeightedSum.",
        "已知合适的权重，或任务之间没有共享时：用 WeightedSum。",
    ),
)

SPECS = (WEIGHTED_SUM, UNCERTAINTY_WEIGHTING)
