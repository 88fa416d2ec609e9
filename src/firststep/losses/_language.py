"""Losses of language models: the next token, and the routers of mixtures of experts."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from ..errors import LossError
from ._call import Asked, evaluate
from ._draw import classes, logits
from ._invariances import SHIFT
from ._shapes import check
from ._spec import Argument, Curve, Equivalent, Invariance, Limit, LossSpec, Minimum, Option, Paper, Plot, Start, Text


def _of_target(scores: Tensor, target: Tensor) -> Tensor:
    """The scores of the target tokens, the vocabulary on the last axis."""
    return scores.gather(-1, target.unsqueeze(-1)).squeeze(-1)


def language_model_cross_entropy(input: Tensor, target: Tensor, *, z_loss: float = 0.0) -> Tensor:
    """log Z is the target's logit less its log-probability: no second pass over the vocabulary."""
    log_p = _of_target(F.log_softmax(input, dim=-1), target)
    if z_loss == 0:
        return -log_p
    log_z = _of_target(input, target) - log_p
    log_z = torch.where(torch.isfinite(log_z), log_z, 0.0)  # a target whose logit is -inf costs inf as it is
    return z_loss * log_z**2 - log_p


def _torch_sum(input: Tensor, target: Tensor, *, ignore_index: int, z_loss: float = 0.0) -> Tensor | None:
    if z_loss != 0 or input.ndim < 2:
        return None
    return F.cross_entropy(input.flatten(0, -2), target.flatten(), ignore_index=ignore_index, reduction="sum")


def _draw_tokens(generator: Generator, n: int) -> tuple[Tensor, ...]:
    return logits(generator, n, 3, 5), classes(generator, n, 5, 3)


def _sure(input: Tensor, target: Tensor, **_: object) -> tuple[Tensor, ...]:
    """Certainty with Z = 1."""
    return torch.full_like(input, -60.0).scatter(-1, target.unsqueeze(-1), 0.0), target


LANGUAGE_MODEL = LossSpec(
    name="language_model_cross_entropy",
    module="LanguageModelCrossEntropyLoss",
    title=Text("Cross-entropy of a language model", "语言模型交叉熵"),
    aliases=(
        "lm loss",
        "causal lm",
        "next token prediction",
        "z-loss",
        "sft",
        "perplexity",
        "下一词元预测",
        "语言模型损失",
        "困惑度",
    ),
    family="language",
    purpose=Text(
        "The next token of every position, the vocabulary on the last axis as language models give it; a z-loss keeps "
        "the logits from drifting.",
        "每个位置的下一个词元；词表位于最后一维，与语言模型的输出一致；z-loss 防止 logits 漂移。",
    ),
    formula=r"-\log p_y + \zeta \, (\log Z)^2, \quad Z = \sum_{k} e^{z_k}, \quad p = \text{softmax}(z)",
    papers=(
        Paper(
            "Chowdhery et al. 2022",
            "PaLM: Scaling Language Modeling with Pathways",
            "arXiv:2204.02311",
            "sec. 5",
        ),
    ),
    arguments=(
        Argument(
            "input",
            "logits",
            "* V",
            "logits, raw scores of V tokens on the last axis",
            "logits，最后一维为 V 个词元的原始得分",
        ),
        Argument(
            "target",
            "class",
            "*",
            "the token that each position is to predict, 0 to V - 1: shifted already",
            "各位置应预测的词元，从 0 到 V - 1：须已移位",
        ),
    ),
    unit="token",
    options=(
        Option("z_loss", Text("zeta, the weight of (log Z)²; 1e-4 is usual", "ζ，(log Z)² 的权重；常用 1e-4"), low=0.0),
    ),
    code="""
>>> tokens = torch.tensor([[5, 2, 7, 1]])
>>> logits = torch.zeros(1, 4, 8)  # of the model, for tokens
>>> target = tokens[:, 1:]  # position t predicts token t + 1
>>> loss = losses.LanguageModelCrossEntropyLoss()
>>> loss(logits[:, :-1], target)
tensor(2.0794)
>>> answer = torch.tensor([[False, True, True]])  # the prompt does not count
>>> loss(logits[:, :-1], target, mask=answer, denominator=2)
tensor(2.0794)
""",
    draw=_draw_tokens,
    start=Start(
        Text("ln V, and ζ (ln V)² for the z-loss", "ln V，z-loss 再加 ζ (ln V)²"),
        lambda input, target, z_loss=0.0, **_: math.log(input.shape[-1]) + z_loss * math.log(input.shape[-1]) ** 2,
        note=Text(
            "Logits with variance v, as random weights give, add about v/2.",
            "随机权重给出的 logits 若方差为 v，约再加 v/2。",
        ),
    ),
    minimum=Minimum(Text("0", "0"), lambda *_, **__: 0.0, _sure),
    kernel=language_model_cross_entropy,
    fused=_torch_sum,
    invariances=(SHIFT,),
    limits=(
        Limit(
            Text("z_loss=0 is cross-entropy", "z_loss=0 即交叉熵"),
            {"z_loss": 0.0},
            lambda input, target: F.cross_entropy(input.movedim(-1, 1), target, reduction="none"),
        ),
    ),
    hazards=(
        Text(
            "Nothing is shifted here: give logits[:, :-1] and tokens[:, 1:]. Unshifted, the model learns to copy its "
            "input and the loss falls to 0.",
            "此处不做移位：应传入 logits[:, :-1] 与 tokens[:, 1:]。若未移位，模型会学会复制输入，损失降到 0。",
        ),
        Text(
            "With gradient accumulation give denominator the tokens of the whole update, of all ranks: the mean of the "
            "parts' means weighs tokens of short parts more.",
            "梯度累积时，denominator 应为整个更新、所有进程的词元数：各部分均值的平均会让短的部分中的词元权重更大。",
        ),
        Text(
            "Targets of -100 do not count, a padding token's own index does: give ignore_index or a mask. Where "
            "padding and end-of-text share an index only a mask tells them apart.",
            "目标为 -100 的不计入，而填充词元自身的序号会计入：应给出 ignore_index 或 mask。若填充与结束符共用序号，"
            "只有 mask 能区分。",
        ),
    ),
    avoid=Text(
        "Logits of all tokens do not fit into memory: torch.nn.LinearCrossEntropyLoss and Liger work on parts.",
        "全部词元的 logits 放不进内存时：torch.nn.LinearCrossEntropyLoss 与 Liger 分块计算。",
    ),
    equivalents=(
        Equivalent(
            "torch.nn.CrossEntropyLoss",
            Text("takes (tokens, V) or classes on axis 1; no z-loss", "接受 (tokens, V) 或类别在第 1 维；没有 z-loss"),
        ),
        Equivalent(
            "liger_kernel.transformers.LigerCrossEntropyLoss",
            Text("lse_square_scale is z_loss", "lse_square_scale 即 z_loss"),
        ),
    ),
    plot=Plot(
        Text("logit of the target, the other at 0", "目标的 logit，另一个为 0"),
        -6.0,
        6.0,
        lambda x: (torch.stack((x, torch.zeros_like(x))).reshape(1, 2), torch.zeros(1, dtype=torch.long)),
        (Curve("ζ = 0"), Curve("ζ = 0.05", {"z_loss": 0.05}), Curve("ζ = 0.2", {"z_loss": 0.2})),
    ),
)


def sequence_log_prob(
    input: Tensor,
    target: Tensor,
    mask: Tensor | None = None,
    *,
    average: bool = False,
    ignore_index: int | None = -100,
) -> Tensor:
    """The log-probability of each sequence, as ``dpo_loss`` and its kin take it, summed in float32.

    Args:
        input: (N, T, V) logits, of any precision.
        target: (N, T), the token that each position is to predict: shifted already.
        mask: (N, T), bool, True where a token counts: the answer without the prompt and the padding.
        average: divide by the number of tokens that count, as ``simpo_loss`` and ``orpo_loss`` ask.
        ignore_index: targets that do not count; None for none.

    Returns:
        (N,), float32, or float64 for float64 logits; 0 where no token counts.

    Raises:
        LossError: for shapes or dtypes that do not fit.

    >>> import torch
    >>> from firststep import losses
    >>> logits, target = torch.zeros(1, 3, 8), torch.tensor([[2, 7, 1]])
    >>> losses.sequence_log_prob(logits, target, torch.tensor([[False, True, True]]))
    tensor([-4.1589])
    """
    check("sequence_log_prob", _SEQUENCES, (input, target))
    asked = Asked(reduction="none", mask=mask, ignore_index=ignore_index)
    total = -evaluate(LANGUAGE_MODEL, (input, target), {}, asked).sum(1)
    if not average:
        return total
    counts = torch.ones_like(target, dtype=torch.bool) if ignore_index is None else target != ignore_index
    if mask is not None:
        counts = counts & mask
    return total / counts.sum(1).clamp(min=1)


_SEQUENCES = (Argument("input", "logits", "N T V"), Argument("target", "class", "N T"))


def _shuffled(generator: Generator, input: Tensor) -> tuple[Tensor, ...]:
    return (input[:, torch.randperm(input.shape[1], generator=generator)],)


_EXPERTS = Invariance(Text("the experts in another order", "专家换一种次序"), _shuffled)
_ROUTER = (
    Argument(
        "input",
        "logits",
        "N E",
        "the router's logits of each token, over E experts",
        "路由器对每个词元、E 个专家的 logits",
    ),
)


def moe_load_balance_loss(
    input: Tensor, *, top_k: int = 1, mask: Tensor | None = None
) -> tuple[Tensor, Tensor] | Tensor:
    """E times the sum of f times P is a mean over tokens of E times the sum of f times p. f is counted, and so has no
    gradient."""
    experts = input.shape[1]
    if top_k > experts:
        raise LossError(f"moe_load_balance_loss(top_k={top_k}): there are {experts} experts")
    chosen = input.detach().topk(top_k, dim=1).indices
    counted = torch.ones_like(input[:, :1]) if mask is None else mask.unsqueeze(1).to(input.dtype)
    load = input.new_zeros(experts).scatter_add(0, chosen.flatten(), counted.detach().expand(-1, top_k).flatten())
    fraction = load / load.sum().clamp(min=1)
    values = experts * (input.softmax(1) @ fraction)
    return values if mask is None else (values, mask)


LOAD_BALANCE = LossSpec(
    name="moe_load_balance_loss",
    module="MoELoadBalanceLoss",
    title=Text("Load balance of experts", "专家负载均衡"),
    aliases=(
        "load balancing loss",
        "auxiliary loss",
        "switch transformer",
        "mixture of experts",
        "moe",
        "负载均衡",
        "混合专家",
        "辅助损失",
    ),
    family="language",
    purpose=Text(
        "Keep the router of a mixture of experts from sending most tokens to a few of them; added to the main loss "
        "with a weight near 0.01.",
        "防止混合专家的路由器把大多数词元送给少数专家；以约 0.01 的权重加到主损失上。",
    ),
    formula=r"E \sum_{i} f_i \, p_{t,i}, \quad f_i = \frac{1}{N k} \sum_{t} [i \in \text{top-}k(z_t)], \quad "
    r"p_t = \text{softmax}(z_t)",
    papers=(
        Paper(
            "Fedus, Zoph, Shazeer 2021",
            "Switch Transformers: Scaling to Trillion Parameter Models with Simple and Efficient Sparsity",
            "arXiv:2101.03961",
            "eq. 4-6",
        ),
    ),
    arguments=_ROUTER,
    unit="anchor",
    options=(Option("top_k", Text("k, the experts that a token is sent to", "k，每个词元被送往的专家数"), low=1),),
    code="""
>>> balanced = torch.eye(4) * 9  # each token to an expert of its own
>>> losses.MoELoadBalanceLoss()(balanced)
tensor(1.)
>>> collapsed = torch.tensor([[9.0, 0.0, 0.0, 0.0]] * 4)  # all to the first
>>> losses.MoELoadBalanceLoss()(collapsed)
tensor(3.9985)
""",
    draw=lambda generator, n: (logits(generator, n, 4),),
    start=Start(Text("1", "1"), lambda *_, **__: 1.0),
    kernel=moe_load_balance_loss,
    invariances=(SHIFT, _EXPERTS),
    limits=(
        Limit(
            Text("with top_k = E it is 1 and asks for nothing", "top_k = E 时恒为 1，没有任何约束"),
            {"top_k": 4},
            lambda input: torch.ones_like(input[:, 0]),
        ),
    ),
    hazards=(
        Text(
            "1 is balance, E is collapse, whatever top_k is. Hugging Face's load_balancing_loss_func does not divide "
            "by k: its balance is k, and its coefficient means k times as much.",
            "无论 top_k 为何，1 表示均衡，E 表示坍缩。Hugging Face 的 load_balancing_loss_func 不除以 k：其均衡值为 k，"
            "系数的作用也是 k 倍。",
        ),
        Text(
            "1 is not the least value: where chosen experts have small probabilities it falls below, to 0.875 for two "
            "experts.",
            "1 并非最小值：若被选专家的概率偏低，可低于 1，两个专家时可到 0.875。",
        ),
        Text(
            "Leave padding out by the mask, and give the tokens of the whole batch: balance within each small part is "
            "a stricter demand.",
            "用 mask 去掉填充，并传入整个批的词元：要求每个小部分内部均衡是更严的约束。",
        ),
    ),
    avoid=Text(
        "Experts choose tokens, or a bias balances the load: there is nothing left to balance.",
        "由专家选择词元，或用偏置来均衡负载时：已无需此损失。",
    ),
    equivalents=(
        Equivalent(
            "transformers.models.mixtral.modeling_mixtral.load_balancing_loss_func",
            Text("k times this", "为此处的 k 倍"),
        ),
    ),
    plot=Plot(
        Text("router logit of the first of four experts, for all tokens", "所有词元对四个专家中第一个的路由 logit"),
        -4.0,
        4.0,
        lambda x: (torch.stack((x, 0 * x, 0 * x - 0.1, 0 * x - 0.2)).reshape(1, 4),),
        (Curve("k = 1"), Curve("k = 2", {"top_k": 2})),
    ),
)


def router_z_loss(input: Tensor) -> Tensor:
    """Through logsumexp, which does not overflow."""
    return torch.logsumexp(input, dim=1) ** 2


ROUTER_Z = LossSpec(
    name="router_z_loss",
    module="RouterZLoss",
    title=Text("Router z-loss", "路由器 z-loss"),
    aliases=(
        "router z",
        "st-moe",
        "路由器正则",
    ),
    family="language",
    purpose=Text(
        "Keep the logits of a mixture's router small, so that its softmax is not rounded to one expert; added with a "
        "weight near 0.001.",
        "让混合专家路由器的 logits 保持较小，避免 softmax 被舍入到单个专家；以约 0.001 的权重加到主损失上。",
    ),
    formula=r"\left( \log \sum_{i} e^{z_i} \right)^2",
    papers=(
        Paper(
            "Zoph et al. 2022",
            "ST-MoE: Designing Stable and Transferable Sparse Expert Models",
            "arXiv:2202.08906",
            "eq. 5",
        ),
    ),
    arguments=_ROUTER,
    unit="token",
    code="""
>>> losses.RouterZLoss()(torch.zeros(2, 8))
tensor(4.3241)
""",
    draw=lambda generator, n: (logits(generator, n, 4),),
    start=Start(Text("(ln E)²", "(ln E)²"), lambda input, **_: math.log(input.shape[1]) ** 2),
    minimum=Minimum(
        Text("0, where the exponentials sum to 1", "0，在指数之和为 1 处"),
        lambda *_, **__: 0.0,
        lambda input, **_: (input.log_softmax(1),),
    ),
    kernel=router_z_loss,
    invariances=(_EXPERTS,),
    hazards=(
        Text(
            "It holds log Z near 0, not the logits equal: it does not balance the load.",
            "它使 log Z 接近 0，而非使各 logit 相等：并不能均衡负载。",
        ),
    ),
    avoid=Text(
        "The load is to be balanced: moe_load_balance_loss.",
        "需要均衡负载时：用 moe_load_balance_loss。",
    ),
    plot=Plot(
        Text("logit of the first of four experts, the others at 0", "四个专家中第一个的 logit，其余为 0"),
        -6.0,
        6.0,
        lambda x: (torch.stack((x, 0 * x, 0 * x, 0 * x)).reshape(1, 4),),
    ),
)

SPECS = (LANGUAGE_MODEL, LOAD_BALANCE, ROUTER_Z)
