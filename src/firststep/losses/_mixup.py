"""The loss of inputs that were mixed of two samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from ..errors import LossError
from ._build import Loss
from ._reduce import Total
from ._spec import Argument, Equivalent, LossSpec, Option, Paper, Text


def mixup_loss(
    loss: Callable[..., Any], input: Tensor, target_a: Tensor, target_b: Tensor, lam: float | Tensor, **given: Any
) -> Any:
    """The loss of inputs that were mixed of two samples: mixup, CutMix, and what is like them.

        lambda_i l(x_i, a_i) + (1 - lambda_i) l(x_i, b_i)

    Args:
        loss: a function of ``losses.functional``, a module of ``losses``, or anything that is called with an input and
            a target.
        input: (N, ...), the model's output for the mixed batch.
        target_a: the targets of the share ``lam``.
        target_b: those of the share ``1 - lam``; as a rule ``target_a[order]``.
        lam: the share of a, a number for the batch or (N,), one for each sample.
        given: what the loss takes with each batch, such as ``weight`` and ``mask``; for a function its options too.

    Returns:
        What the loss returns. For a loss of firststep the mean is over all that counts on either side: where a target
        of one side is ignored, only its share is left out.

    Raises:
        LossError: for a ``lam`` of another shape, or one for each sample beside a loss that gives one number.

    >>> import torch
    >>> from firststep import losses
    >>> logits = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    >>> a, b = torch.tensor([0, 1]), torch.tensor([1, 0])
    >>> mixup_loss(losses.CrossEntropyLoss(), logits, a, b, torch.tensor([0.7, 1.0]))
    tensor(0.5201)
    """
    each = lam if isinstance(lam, Tensor) and lam.ndim else None
    if each is not None and each.shape != input.shape[:1]:
        n = len(input)
        raise LossError(f"mixup_loss: lam has shape {tuple(each.shape)} for {n} samples, expected a number or ({n},)")
    if isinstance(getattr(loss, "spec", None), LossSpec):
        return _mixed(loss, input, (target_a, target_b), lam, given)
    one, other = loss(input, target_a, **given), loss(input, target_b, **given)
    if each is not None:
        if one.ndim == 0:
            raise LossError(
                f"mixup_loss: lam has shape {tuple(each.shape)}, but the loss gives one number for the batch. "
                "Give it reduction='none', or one lam"
            )
        lam = _along(each, one)
    return lam * one + (1 - lam) * other


def _along(share: Tensor, values: Tensor) -> Tensor:
    """One share for each sample, shaped to multiply values of samples."""
    return share.reshape(-1, *(1 for _ in values.shape[1:]))


def _mixed(
    loss: Any, input: Tensor, targets: tuple[Tensor, Tensor], lam: float | Tensor, given: Mapping[str, Any]
) -> Any:
    """A loss of ours, by the totals of both sides. Shares of samples are weights."""
    keywords, shares = [given, given], (lam, 1 - lam)
    if isinstance(lam, Tensor) and lam.ndim:
        weight = given.get("weight")
        weights = [one if weight is None else weight * _along(one, weight) for one in (lam, 1 - lam)]
        keywords, shares = [{**given, "weight": one} for one in weights], (1, 1)
    module = isinstance(loss, Loss)
    asked = {**(loss.asked() if module else {}), **given}
    if asked.get("reduction", "mean") in ("none", "sum"):
        a, b = (loss(input, target, **rest) for target, rest in zip(targets, keywords, strict=True))
        return shares[0] * a + shares[1] * b
    a, b = (
        loss.total(input, target, **rest) if module else loss(input, target, **{**rest, "reduction": "total"})
        for target, rest in zip(targets, keywords, strict=True)
    )
    # A count that is a sum of weights is a share, and both make the whole; any other counts the whole on each side.
    denominator = asked.get("denominator", "weight")
    by_share = isinstance(denominator, str) and denominator == "weight"
    count = shares[0] * a.count + shares[1] * b.count if by_share else (a.count + b.count) / 2
    total = Total(shares[0] * a.sum + shares[1] * b.sum, count)
    return total if asked.get("reduction") == "total" else total.mean(empty=asked.get("empty", 0.0))


MIXUP = LossSpec(
    name="mixup_loss",
    module="",
    path="firststep.losses.mixup_loss",
    title=Text("Mixed targets (mixup, CutMix)", "混合目标（mixup、CutMix）"),
    aliases=("mixup", "cutmix", "mixup criterion", "mixed targets", "混合样本", "混合增强"),
    family="combination",
    purpose=Text(
        "Inputs mixed of two samples: any loss against both targets, by their shares of the batch or of each sample.",
        "输入由两个样本混合而成：任意损失对两个目标分别计算，再按整批或逐样本的份额相加。",
    ),
    formula=r"\lambda_i \, l(x_i, a_i) + (1 - \lambda_i) \, l(x_i, b_i)",
    papers=(
        Paper("Zhang et al. 2018", "mixup: Beyond Empirical Risk Minimization", "arXiv:1710.09412"),
        Paper(
            "Yun et al. 2019",
            "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features",
            "arXiv:1905.04899",
        ),
    ),
    arguments=(
        Argument("input", "values", "N *", "the model's output for the mixed batch", "模型对混合批的输出"),
        Argument("target_a", "values", "N *", "the targets of the share lam", "份额为 lam 的目标"),
        Argument("target_b", "values", "N *", "those of the share 1 - lam", "份额为 1 - lam 的目标"),
    ),
    unit="batch",
    options=(
        Option("loss", Text("a function or module, called with input and target", "函数或模块，以输入和目标调用")),
        Option(
            "lam",
            Text(
                "the share of a, in [0, 1]: a number, or (N,), one for each sample",
                "a 的份额，在 [0, 1] 内：一个数，或 (N,)，每个样本一个",
            ),
        ),
    ),
    code="""
>>> logits, a = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1])
>>> share = torch.tensor([0.7, 1.0])  # of each sample
>>> losses.mixup_loss(losses.CrossEntropyLoss(), logits, a, a.flip(0), share)
tensor(0.5201)
""",
    hazards=(
        Text(
            "CutMix cuts whole pixels: take lam from the area that was in fact cut, not from the number drawn.",
            "CutMix 按整像素裁剪：lam 应取实际裁剪的面积比，而不是抽到的随机数。",
        ),
        Text(
            "Accuracy against target_a alone says little while inputs are mixed.",
            "输入混合时，只对 target_a 计算的准确率没有多少意义。",
        ),
    ),
    avoid=Text(
        "The targets are mixed already, as distributions: soft_target_cross_entropy.",
        "目标本身已混合成分布时：用 soft_target_cross_entropy。",
    ),
    equivalents=(
        Equivalent(
            "timm.data.Mixup",
            Text(
                "mixes the targets into distributions instead; the same for cross-entropy",
                "改为把目标混合成分布；对交叉熵二者相同",
            ),
        ),
    ),
)

SPECS = (MIXUP,)
