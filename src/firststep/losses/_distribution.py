"""The likelihood under any of torch's distributions: the one loss whose first argument is not a tensor."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from ..errors import LossError
from ._reduce import Denominator, Reduction, reduce
from ._spec import Argument, Equivalent, LossSpec, Text

_NAME = "distribution_nll_loss"


def distribution_nll_loss(
    distribution: Distribution,
    target: Tensor,
    *,
    reduction: Reduction = "mean",
    weight: Tensor | None = None,
    mask: Tensor | None = None,
    denominator: Denominator = "weight",
    empty: float = 0.0,
) -> Any:
    """The target's negative log-density, or log-probability, under a distribution whose parameters the model gives.

    Args:
        distribution: with one entry of its batch shape for each target; made with ``validate_args=False`` it reads no
            value on the host.
        target: of the distribution's batch shape followed by its event shape. Nothing is broadcast.
        reduction, weight, mask, denominator, empty: as in all losses; see ``losses.reduce``.

    Returns:
        A scalar; one value per entry of the batch shape for reduction="none".

    Raises:
        LossError: for shapes that differ, or what is no distribution.

    >>> import torch
    >>> from firststep import losses
    >>> log_rate = torch.tensor([0.0, 1.0], requires_grad=True)
    >>> distribution = torch.distributions.Poisson(log_rate.exp(), validate_args=False)
    >>> losses.functional.distribution_nll_loss(distribution, torch.tensor([1.0, 4.0]))
    tensor(1.4482, grad_fn=<DivBackward0>)
    """
    if not isinstance(distribution, Distribution):
        raise LossError(
            f"{_NAME}: distribution is a {type(distribution).__name__}, expected a "
            "torch.distributions.Distribution such as "
            "torch.distributions.Normal(mean, scale)"
        )
    shape = distribution.batch_shape + distribution.event_shape
    if target.shape != shape:
        raise LossError(
            f"{_NAME}: target has shape {tuple(target.shape)}, expected {tuple(shape)}, the distribution's batch shape "
            f"{tuple(distribution.batch_shape)} and event shape {tuple(distribution.event_shape)}. Nothing is broadcast"
        )
    values = -distribution.log_prob(target)
    values = values.float() if values.dtype in (torch.bfloat16, torch.float16) else values
    return reduce(
        values, reduction=reduction, weight=weight, mask=mask, denominator=denominator, empty=empty, name=_NAME
    )


class DistributionNLLLoss(nn.Module):
    """:func:`distribution_nll_loss` as a module.

    Args:
        reduction, denominator, empty: as in all losses.

    >>> import torch
    >>> from firststep import losses
    >>> loss = losses.DistributionNLLLoss()
    >>> mixture = torch.distributions.MixtureSameFamily(
    ...     torch.distributions.Categorical(logits=torch.zeros(1, 2)),
    ...     torch.distributions.Normal(torch.tensor([[-1.0, 1.0]]), torch.ones(1, 2)),
    ... )
    >>> loss(mixture, torch.tensor([1.0]))
    tensor(1.4852)
    """

    def __init__(
        self, *, reduction: Reduction = "mean", denominator: Denominator = "weight", empty: float = 0.0
    ) -> None:
        super().__init__()
        self._asked: dict[str, Any] = {"reduction": reduction, "denominator": denominator, "empty": empty}

    def forward(self, distribution: Distribution, target: Tensor, **given: Any) -> Any:
        """The loss of a batch; ``weight``, ``mask`` and ``denominator`` as in the function."""
        return distribution_nll_loss(distribution, target, **(self._asked | given))

    def extra_repr(self) -> str:
        """The options that were given."""
        return f"reduction={self._asked['reduction']!r}"


DISTRIBUTION_NLL = LossSpec(
    name=_NAME,
    module="DistributionNLLLoss",
    title=Text("Likelihood of any distribution", "任意分布的负对数似然"),
    aliases=(
        "distribution nll",
        "distribution loss",
        "mixture density network",
        "mdn",
        "negative binomial nll",
        "laplace nll",
        "lognormal nll",
        "beta distribution nll",
        "分布似然",
        "混合密度网络",
        "负二项似然",
    ),
    family="probabilistic",
    purpose=Text(
        "The negative log-likelihood under any torch.distributions.Distribution: counts, mixtures, "
        "proportions, directions.",
        "任意 torch.distributions.Distribution 下的负对数似然：计数、混合分布、比例、方向等。",
    ),
    formula=r"-\log p(y; \theta(x))",
    arguments=(
        Argument("distribution", "distribution", "N *", "of batch shape (N, *)", "批形状为 (N, *)"),
        Argument(
            "target", "values", "N *", "of the batch shape followed by the event shape", "形状为批形状后接事件形状"
        ),
    ),
    unit="element",
    path="firststep.losses.DistributionNLLLoss",
    code="""
>>> log_rate = torch.tensor([0.0, 1.0])
>>> distribution = torch.distributions.Poisson(log_rate.exp(), validate_args=False)
>>> losses.DistributionNLLLoss()(distribution, torch.tensor([1.0, 4.0]))
tensor(1.4482)
""",
    hazards=(
        Text(
            "A distribution checks its parameters and targets on the host unless it is made with "
            "validate_args=False: that stops "
            "a GPU, and torch.compile's full graph.",
            "除非以 validate_args=False 构造，分布会在主机上检查参数与目标：这会使 GPU 同步，也使 "
            "torch.compile 无法得到完整图。",
        ),
        Text(
            "A masked target must still lie in the support: fill missing ones with a value that does.",
            "被 mask 掉的目标仍须位于支撑集内：缺失值应填入一个合法的数。",
        ),
        Text(
            "Parameters of a distribution in half precision are not widened: make it from float32.",
            "半精度的分布参数不会被提升精度：应以 float32 构造。",
        ),
    ),
    avoid=Text(
        "The distribution is normal or Student's t: gaussian_nll_loss and student_t_nll_loss stay finite where "
        "log_prob does not.",
        "分布为正态或学生 t 分布时：gaussian_nll_loss 与 student_t_nll_loss 在 log_prob 溢出处仍为有限值。",
    ),
    equivalents=(
        Equivalent(
            "gluonts.torch.distributions.DistributionOutput", Text("builds the distribution too", "同时负责构造分布")
        ),
    ),
)

SPECS = (DISTRIBUTION_NLL,)
