"""Triplets: an anchor nearer to a sample of its label than to one of another, given or found in the batch."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ._draw import classes, logits
from ._invariances import RELABEL
from ._numerics import divide, safe_sqrt
from ._spec import Argument, Curve, Equivalent, Limit, LossSpec, Minimum, Option, Paper, Plot, Start, Text
from ._supcon import positives
from ._vectors import ROTATE, TRANSLATE

_MARGIN = Option(
    "margin",
    Text(
        "m, by how much the negative must be farther; None for the soft margin ln(1 + exp(.)), which never ends",
        "m，负样本至少要远出多少；None 表示软间隔 ln(1 + exp(.))，它不会截止",
    ),
    low=0.0,
)
_SQUARED = Option("squared", Text("whether distances are squared", "距离是否取平方"))
_FACENET = Paper(
    "Schroff, Kalenichenko, Philbin 2015",
    "FaceNet: A Unified Embedding for Face Recognition and Clustering",
    "arXiv:1503.03832",
    "eq. 3, 4",
)
_HERMANS = Paper(
    "Hermans, Beyer, Leibe 2017",
    "In Defense of the Triplet Loss for Person Re-Identification",
    "arXiv:1703.07737",
)
_COLLAPSE = Text(
    "A mean that stays at the margin (ln 2 for the soft one) is a collapse: all embeddings are equal.",
    "均值停在间隔处（软间隔为 ln 2）说明已坍缩：所有嵌入都相同。",
)
_NORMALIZE = Text(
    "Nothing is normalized here: a margin means what it should only beside embeddings of a known length.",
    "此处不做归一化：只有嵌入长度已知时，间隔的大小才有意义。",
)
_SAMPLER = Text(
    "Batches must hold several samples of each of several labels: a plain shuffle of many classes gives few positives.",
    "批内应有若干标签、每个标签若干样本：类别很多时，普通随机打乱几乎没有正样本对。",
)


def _hinge(gap: Tensor, margin: float | None) -> Tensor:
    return -F.logsigmoid(-gap) if margin is None else (gap + margin).relu()


def _distance(a: Tensor, b: Tensor, squared: bool) -> Tensor:
    """Between rows, from their difference: exact for near rows, with gradient 0 at distance 0."""
    difference = a - b
    return (difference * difference).sum(1) if squared else torch.linalg.vector_norm(difference, dim=1)


def _squared_distances(x: Tensor) -> Tensor:
    """Between all rows, by one product. They are moved to their mean first, so that less cancels."""
    x = x - x.detach().mean(0)
    square = (x * x).sum(1)
    return torch.addmm(square, x, x.T, alpha=-2).add(square.unsqueeze(1)).clamp(min=0)


def _start(*tensors: Tensor, margin: float | None = 0.2, **_: object) -> Tensor:
    return _hinge(torch.zeros((), dtype=torch.float64), margin)


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    *,
    margin: float | None = 1.0,
    swap: bool = False,
    squared: bool = False,
) -> Tensor:
    """torch adds 1e-6 to each component of the differences, which keeps the gradient finite but moves the value; here
    the gradient is 0 where two points coincide."""
    far = _distance(anchor, negative, squared)
    if swap:
        far = torch.minimum(far, _distance(positive, negative, squared))
    return _hinge(_distance(anchor, positive, squared) - far, margin)


TRIPLET_MARGIN = LossSpec(
    name="triplet_margin_loss",
    module="TripletMarginLoss",
    title=Text("Triplet loss", "三元组损失"),
    aliases=("triplet", "triplet loss", "facenet", "三元组", "三元组损失函数"),
    family="metric",
    purpose=Text(
        "Given triplets: the anchor is to be nearer to the positive than to the negative, by a margin.",
        "给定三元组：锚点到正样本的距离应比到负样本的小，至少差一个间隔。",
    ),
    formula=r"\max(0, d(a, p) - d(a, n) + m), \quad d(x, y) = \lVert x - y \rVert",
    papers=(
        _FACENET,
        Paper(
            "Balntas et al. 2016",
            "Learning local feature descriptors with triplets and shallow convolutional neural networks",
            "BMVC 2016 (swap)",
        ),
    ),
    arguments=(
        Argument("anchor", "embeddings", "N D"),
        Argument("positive", "embeddings", "N D", "of the same label as the anchors", "与锚点同标签"),
        Argument("negative", "embeddings", "N D", "of another", "与锚点不同标签"),
    ),
    unit="triplet",
    options=(
        _MARGIN,
        Option(
            "swap",
            Text(
                "whether the negative's distance is the lesser of those from anchor and from positive",
                "负样本距离是否取它到锚点与到正样本二者中较小者",
            ),
        ),
        _SQUARED,
    ),
    code="""
>>> anchor, positive = torch.tensor([[0.0, 0.0]]), torch.tensor([[0.6, 0.8]])
>>> negative = torch.tensor([[0.0, 1.2]])
>>> losses.TripletMarginLoss(margin=0.5)(anchor, positive, negative)
tensor(0.3000)
>>> losses.TripletMarginLoss(margin=None)(anchor, positive, negative)  # the soft margin
tensor(0.5981)
""",
    draw=lambda generator, n: (logits(generator, n, 4), logits(generator, n, 4), logits(generator, n, 4)),
    start=Start(
        Text("m, where all embeddings are equal; ln 2 for the soft margin", "所有嵌入相同时为 m；软间隔为 ln 2"),
        lambda *tensors, margin=1.0, **_: _start(margin=margin),
        lambda *tensors, **_: tuple(torch.zeros_like(one) for one in tensors),
        note=Text(
            "Random embeddings start near m plus half the spread of distances.",
            "随机嵌入的初始值略高于 m，取决于距离的离散程度。",
        ),
    ),
    minimum=Minimum(
        Text("0", "0"),
        lambda *_, **__: 0.0,
        lambda anchor, positive, negative, **_: (anchor, anchor, anchor + 10),
    ),
    kernel=triplet_margin_loss,
    invariances=(TRANSLATE, ROTATE),
    limits=(
        Limit(
            Text("it is torch's, but for torch's 1e-6", "除 torch 的 1e-6 外与 torch 相同"),
            {},
            lambda *tensors: F.triplet_margin_loss(*tensors, eps=0.0, reduction="none"),
        ),
        Limit(
            Text("swap=True too", "swap=True 时亦然"),
            {"swap": True},
            lambda *tensors: F.triplet_margin_loss(*tensors, eps=0.0, swap=True, reduction="none"),
        ),
    ),
    hazards=(
        _COLLAPSE,
        _NORMALIZE,
        Text(
            "Most random triplets soon cost 0 and teach nothing: let the batch be searched (batch_hard_triplet_loss).",
            "大多数随机三元组很快损失为 0、不再有梯度：应在批内搜索（batch_hard_triplet_loss）。",
        ),
    ),
    avoid=Text(
        "Labels are there: batch_hard_triplet_loss or supervised_contrastive_loss use all pairs of the batch.",
        "有标签时：batch_hard_triplet_loss 或 supervised_contrastive_loss 会利用批内所有样本对。",
    ),
    equivalents=(
        Equivalent(
            "torch.nn.TripletMarginLoss",
            Text(
                "adds 1e-6 to each component of the differences; other norms by p; no soft margin",
                "给差的每个分量加 1e-6；可用 p 选其他范数；没有软间隔",
            ),
        ),
        Equivalent("sentence_transformers.losses.TripletLoss", Text("owns the model; margin 5", "自带模型；间隔为 5")),
    ),
    plot=Plot(
        Text("distance from anchor to positive; that to the negative is 1", "锚点到正样本的距离；到负样本为 1"),
        0.0,
        3.0,
        lambda x: (
            torch.zeros(1, 2),
            torch.stack((x, 0 * x)).unsqueeze(0),
            torch.tensor([[0.0, 1.0]]),
        ),
        (
            Curve("m = 1"),
            Curve("m = 0.2", {"margin": 0.2}),
            Curve("soft", {"margin": None}),
            Curve("m = 1, squared", {"squared": True}),
        ),
    ),
)


def _pairs(labels: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """(N, N): the pairs of one label without those of a sample with itself, and the pairs of two labels."""
    different = labels.unsqueeze(1) != labels
    return positives(labels, mask), different if mask is None else different & mask & mask.unsqueeze(1)


def batch_hard_triplet_loss(
    embeddings: Tensor,
    labels: Tensor,
    *,
    margin: float | None = 0.2,
    squared: bool = False,
    mask: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The (N, N) distances only choose, without a gradient; those that count are taken anew from the chosen rows."""
    if not len(embeddings):
        return embeddings.sum(1), labels != labels
    positive, negative = _pairs(labels, mask)
    apart = _squared_distances(embeddings.detach())
    farthest = torch.where(positive, apart, -1.0).argmax(1)
    nearest = torch.where(negative, apart, torch.inf).argmin(1)
    to_farthest, to_nearest = (
        _distance(embeddings, embeddings.index_select(0, chosen), squared) for chosen in (farthest, nearest)
    )
    return _hinge(to_farthest - to_nearest, margin), positive.any(1) & negative.any(1)


def _apart(embeddings: Tensor, labels: Tensor, **_: object) -> tuple[Tensor, Tensor]:
    """Two labels far from each other, each at one point."""
    return torch.where(labels == 0, 10.0, -10.0).to(embeddings).unsqueeze(1).expand_as(embeddings), labels


def _line(x: Tensor) -> tuple[Tensor, Tensor]:
    """For pictures: two samples of a label at 0 and x; two more labels, 1 and 2 to the side of the first."""
    zero = 0 * x
    points = ((zero, zero), (x, zero), (zero, zero + 1), (zero, zero + 2))
    return torch.stack([torch.stack(point) for point in points]), torch.tensor([0, 0, 1, 2])


_BATCH_PLOT = Plot(
    Text(
        "distance of the two samples of a label; other labels are 1 and 2 from the first",
        "同标签两样本的距离；另两个标签距第一个样本为 1 和 2",
    ),
    0.0,
    3.0,
    _line,
    (
        Curve("m = 0.2"),
        Curve("m = 1", {"margin": 1.0}),
        Curve("soft", {"margin": None}),
        Curve("m = 0.2, squared", {"squared": True}),
    ),
)

BATCH_HARD_TRIPLET = LossSpec(
    name="batch_hard_triplet_loss",
    module="BatchHardTripletLoss",
    title=Text("Batch-hard triplet loss", "批内最难三元组损失"),
    aliases=("batch hard", "online triplet mining", "re-identification", "批内难例挖掘", "行人重识别"),
    family="metric",
    purpose=Text(
        "Embeddings with labels: each anchor with the farthest sample of its label and the nearest of another.",
        "带标签的嵌入：每个锚点配同标签中最远的样本与异标签中最近的样本。",
    ),
    formula=r"\max\left(0, \max_{p: y_p = y_i} d(x_i, x_p) - \min_{n: y_n \ne y_i} d(x_i, x_n) + m\right)",
    papers=(_HERMANS,),
    arguments=(Argument("embeddings", "embeddings", "N D"), Argument("labels", "labels", "N")),
    unit="anchor",
    options=(_MARGIN, _SQUARED),
    code="""
>>> embeddings = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.5, 0.0], [9.0, 9.0]])
>>> labels = torch.tensor([0, 0, 1, 1, 2])  # the last has no positive, and does not count
>>> losses.BatchHardTripletLoss(margin=0.2)(embeddings, labels)
tensor(0.0500)
""",
    draw=lambda generator, n: (logits(generator, n, 4), classes(generator, n, 2)),
    start=Start(
        Text("m, where all embeddings are equal; ln 2 for the soft margin", "所有嵌入相同时为 m；软间隔为 ln 2"),
        _start,
        note=Text("Random embeddings start above it: the hardest are chosen.", "随机嵌入的初始值更高：选的是最难者。"),
    ),
    minimum=Minimum(Text("0", "0"), lambda *_, **__: 0.0, _apart),
    kernel=batch_hard_triplet_loss,
    invariances=(TRANSLATE, ROTATE, RELABEL),
    hazards=(
        _COLLAPSE,
        _SAMPLER,
        Text(
            "One wrong label is the hardest sample of all its anchors: with noisy labels take semi_hard_triplet_loss.",
            "一个错误标签会成为所有相关锚点的最难样本：标签有噪声时用 semi_hard_triplet_loss。",
        ),
        _NORMALIZE,
    ),
    avoid=Text(
        "Training collapses from the start: semi_hard_triplet_loss, or the soft margin.",
        "训练一开始就坍缩时：用 semi_hard_triplet_loss，或用软间隔。",
    ),
    equivalents=(
        Equivalent(
            "sentence_transformers.losses.BatchHardTripletLoss",
            Text(
                "owns the model; margin 5; anchors without a positive count", "自带模型；间隔为 5；无正样本的锚点也计入"
            ),
        ),
        Equivalent(
            "tensorflow_addons.losses.TripletHardLoss",
            Text("margin 1; anchors without a positive count", "间隔为 1；无正样本的锚点也计入"),
        ),
    ),
    plot=_BATCH_PLOT,
)


def semi_hard_triplet_loss(
    embeddings: Tensor,
    labels: Tensor,
    *,
    margin: float | None = 0.2,
    squared: bool = False,
    mask: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """An anchor's negatives are sorted once, and the place of each positive among them is looked up: O(N^2 log N) time
    and O(N^2) memory. Where no negative is farther than the positive, the farthest stands in. Distances come from one
    product: that of two equal embeddings may be off by 3e-4 of their length in float32."""
    positive, negative = _pairs(labels, mask)
    apart = _squared_distances(embeddings)
    distance = apart if squared else safe_sqrt(apart)
    known = distance.detach()
    ranked, order = torch.where(negative, known, torch.inf).sort(1)
    last = negative.sum(1, keepdim=True) - 1
    place = torch.minimum(torch.searchsorted(ranked, known, right=True), last).clamp(min=0)
    chosen = distance.gather(1, order.gather(1, place))
    each = torch.where(positive, _hinge(distance - chosen, margin), 0.0)
    return divide(each.sum(1), positive.sum(1)), positive.any(1) & (last.squeeze(1) >= 0)


SEMI_HARD_TRIPLET = LossSpec(
    name="semi_hard_triplet_loss",
    module="SemiHardTripletLoss",
    title=Text("Semi-hard triplet loss", "半难三元组损失"),
    aliases=("semi-hard", "semihard mining", "facenet mining", "半难例", "半难样本挖掘"),
    family="metric",
    purpose=Text(
        "Embeddings with labels: each pair of a label with the nearest sample of another that is farther off.",
        "带标签的嵌入：每个同标签对，配一个比该对更远的异标签样本中最近者。",
    ),
    formula=r"\frac{1}{|P_i|} \sum_{p \in P_i} \max(0, d(x_i, x_p) - d(x_i, x_n) + m), \quad "
    r"n = \text{argmin} \{d(x_i, x_n) : y_n \ne y_i, d(x_i, x_n) > d(x_i, x_p)\}",
    papers=(_FACENET,),
    arguments=(Argument("embeddings", "embeddings", "N D"), Argument("labels", "labels", "N")),
    unit="anchor",
    options=(_MARGIN, _SQUARED),
    code="""
>>> embeddings = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.1, 0.0], [0.5, 0.0], [9.0, 9.0]])
>>> labels = torch.tensor([0, 0, 1, 1, 2])  # the last has no positive, and does not count
>>> losses.SemiHardTripletLoss(margin=0.2, reduction="none")(embeddings, labels)
tensor([0.1000, 0.0820, 0.0000, 0.0000, 0.0000])
""",
    draw=lambda generator, n: (logits(generator, n, 4), classes(generator, n, 2)),
    start=Start(
        Text("m, where all embeddings are equal; ln 2 for the soft margin", "所有嵌入相同时为 m；软间隔为 ln 2"),
        _start,
    ),
    minimum=Minimum(Text("0", "0"), lambda *_, **__: 0.0, _apart),
    kernel=semi_hard_triplet_loss,
    invariances=(TRANSLATE, ROTATE, RELABEL),
    hazards=(
        _COLLAPSE,
        _SAMPLER,
        Text(
            "The value jumps where two distances change places, as the choice does: do not judge training by it alone.",
            "当两个距离交换次序时，所选样本改变，数值会跳变：不要只凭它判断训练进展。",
        ),
        _NORMALIZE,
    ),
    avoid=Text(
        "Embeddings are good already and few negatives are left that teach: batch_hard_triplet_loss.",
        "嵌入已经较好、有效负样本所剩无几时：用 batch_hard_triplet_loss。",
    ),
    equivalents=(
        Equivalent(
            "tensorflow_addons.losses.TripletSemiHardLoss",
            Text(
                "margin 1, and a mean over all pairs: labels with more samples weigh more than here",
                "间隔为 1，且对所有样本对取平均：样本多的标签比此处权重更大",
            ),
        ),
        Equivalent(
            "sentence_transformers.losses.BatchSemiHardTripletLoss",
            Text("owns the model; margin 5; a mean over all pairs", "自带模型；间隔为 5；对所有样本对取平均"),
        ),
    ),
    plot=_BATCH_PLOT,
)

SPECS = (TRIPLET_MARGIN, BATCH_HARD_TRIPLET, SEMI_HARD_TRIPLET)
