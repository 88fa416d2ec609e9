"""Losses kept well elsewhere: metric learning with miners and proxies, and self-supervision."""

from __future__ import annotations

from ._pointer import pointer
from ._spec import Argument, Equivalent, LossSpec, Option, Paper, Text

_LABELED = (Argument("embeddings", "embeddings", "N D"), Argument("labels", "labels", "N"))
_REDUCER = Text(
    "Which mean is taken is the reducer's matter and differs by loss: many divide by the pairs above 0 only.",
    "取何种平均由 reducer 决定，且因损失而异：许多只除以大于 0 的样本对数。",
)

MULTI_SIMILARITY = pointer(
    "pytorch_metric_learning.losses.MultiSimilarityLoss",
    title=Text("Multi-similarity with a miner", "多重相似度损失（含挖掘）"),
    aliases=("multi similarity", "pytorch-metric-learning", "pml", "miner", "multi-similarity", "多重相似度"),
    family="metric",
    purpose=Text(
        "Retrieval from labels: pairs weigh by how hard they are, alone and beside others. The library has some forty "
        "losses, "
        "miners that choose pairs, and reducers.",
        "由标签学习检索：样本对按其自身及相对的难度加权。该库有约四十种损失、选取样本对的 miner 以及 reducer。",
    ),
    formula=(
        r"\frac{1}{\alpha} \log(1 + \sum_{k \in P} e^{-\alpha (s_k - \lambda)})"
        r" + \frac{1}{\beta} \log(1 + \sum_{k \in N} e^{\beta (s_k - \lambda)})"
    ),
    papers=(
        Paper(
            "Wang et al. 2019",
            "Multi-Similarity Loss with General Pair Weighting for Deep Metric Learning",
            "arXiv:1904.06627",
        ),
    ),
    arguments=_LABELED,
    unit="anchor",
    options=(
        Option("alpha", Text("of positives; default 2", "正样本的系数；默认 2")),
        Option("beta", Text("of negatives; default 50", "负样本的系数；默认 50")),
        Option("base", Text("λ; default 0.5", "λ；默认 0.5")),
    ),
    code="""
from pytorch_metric_learning import losses, miners

miner, loss = miners.MultiSimilarityMiner(), losses.MultiSimilarityLoss()
value = loss(embeddings, labels, miner(embeddings, labels))
""",
    hazards=(
        Text(
            "A batch needs several samples of each label: use a sampler.",
            "一个批次中每个标签需有多个样本：应使用采样器。",
        ),
        _REDUCER,
    ),
    avoid=Text(
        "Two views per sample and no labels: nt_xent_loss. Classes are known and fixed: arcface_loss.",
        "每个样本两个视图、没有标签时：用 nt_xent_loss。类别已知且固定时：用 arcface_loss。",
    ),
    equivalents=(
        Equivalent(
            "firststep.losses.functional.supervised_contrastive_loss",
            Text("another loss of the same data", "同样数据的另一种损失"),
        ),
    ),
)

PROXY_ANCHOR = pointer(
    "pytorch_metric_learning.losses.ProxyAnchorLoss",
    title=Text("Proxy anchor", "代理锚损失"),
    aliases=("proxy anchor", "proxy nca", "proxy loss", "代理损失"),
    family="metric",
    purpose=Text(
        "Metric learning against one learned vector per class instead of other samples: no sampler, fast convergence.",
        "以每类一个可学习的向量代替其他样本来做度量学习：无需采样器，收敛快。",
    ),
    formula=(
        r"\frac{1}{|P^+|} \sum_{p \in P^+} \log(1 + \sum_{x \in X_p} e^{-\alpha (s(x, p) - \delta)})"
        r" + \frac{1}{|P|} \sum_{p \in P} \log(1 + \sum_{x \notin X_p} e^{\alpha (s(x, p) + \delta)})"
    ),
    papers=(Paper("Kim et al. 2020", "Proxy Anchor Loss for Deep Metric Learning", "arXiv:2003.13911"),),
    arguments=_LABELED,
    unit="batch",
    options=(
        Option("num_classes", Text("C", "C")),
        Option("embedding_size", Text("D", "D")),
        Option("margin", Text("δ; default 0.1", "δ；默认 0.1")),
        Option("alpha", Text("α; default 32", "α；默认 32")),
    ),
    code="""
from pytorch_metric_learning.losses import ProxyAnchorLoss

loss = ProxyAnchorLoss(num_classes=100, embedding_size=512)
optimizer = torch.optim.AdamW([
    {"params": model.parameters(), "lr": 1e-4},
    {"params": loss.parameters(), "lr": 1e-2},  # the proxies learn faster
])
value = loss(embeddings, labels)
""",
    hazards=(
        Text(
            "The proxies are parameters of the loss: left out of the optimizer they stay random.",
            "代理向量是损失的参数：若不交给优化器，它们将一直是随机的。",
        ),
    ),
    avoid=Text(
        "Classes are unknown or too many for one vector each: multi-similarity, supervised_contrastive_loss.",
        "类别未知，或多到无法每类一个向量时：用多重相似度或 supervised_contrastive_loss。",
    ),
    equivalents=(
        Equivalent(
            "firststep.losses.functional.arcface_loss",
            Text("a softmax over the same vectors, with a margin of angle", "在同样的向量上做带角度间隔的 softmax"),
        ),
    ),
)

CIRCLE = pointer(
    "pytorch_metric_learning.losses.CircleLoss",
    title=Text("Circle loss", "Circle 损失"),
    aliases=("circle loss", "circle", "圆损失"),
    family="metric",
    purpose=Text(
        "All positive and negative similarities of an anchor in one expression, each pulled harder the worse it is.",
        "把锚样本的所有正负相似度放进同一个式子，越差的受力越大。",
    ),
    formula=(r"\log(1 + \sum_{j} e^{\gamma \alpha_j (s_j - m)} \sum_{i} e^{-\gamma \alpha_i (s_i - 1 + m)})"),
    papers=(
        Paper(
            "Sun et al. 2020", "Circle Loss: A Unified Perspective of Pair Similarity Optimization", "arXiv:2002.10857"
        ),
    ),
    arguments=_LABELED,
    unit="anchor",
    options=(
        Option("m", Text("the relaxation; default 0.4", "松弛量；默认 0.4")),
        Option("gamma", Text("the scale; default 80", "尺度；默认 80")),
    ),
    code="""
from pytorch_metric_learning.losses import CircleLoss

value = CircleLoss(m=0.25, gamma=256)(embeddings, labels)
""",
    hazards=(
        Text(
            "The scale makes it large at the start (about 155 for random embeddings and the defaults): clip gradients "
            "or warm "
            "up.",
            "尺度使其一开始就很大（随机嵌入、默认参数时约 155）：应裁剪梯度或预热。",
        ),
        _REDUCER,
    ),
    avoid=Text(
        "You look for something with fewer knobs: supervised_contrastive_loss.",
        "想要更少的超参数时：用 supervised_contrastive_loss。",
    ),
)

_VIEWS = (
    Argument("z_a", "embeddings", "N D", "projections of the first views", "第一组视图的投影"),
    Argument("z_b", "embeddings", "N D", "projections of the second views", "第二组视图的投影"),
)
_GATHER = Text(
    "Its statistics are those of one process unless gather_distributed=True.",
    "除非 gather_distributed=True，统计量只来自单个进程。",
)

BARLOW = pointer(
    "lightly.loss.BarlowTwinsLoss",
    title=Text("Barlow Twins", "Barlow Twins 损失"),
    aliases=("barlow", "barlow twins", "redundancy reduction", "冗余约减"),
    family="contrastive",
    purpose=Text(
        "Two views, no negatives: the correlation of their features over the batch is to be the identity.",
        "两个视图，无需负样本：要求其特征在批上的相关矩阵为单位阵。",
    ),
    formula=r"\sum_{i} (1 - C_{i i})^2 + \lambda \sum_{i} \sum_{j \neq i} C_{i j}^2",
    papers=(
        Paper(
            "Zbontar et al. 2021",
            "Barlow Twins: Self-Supervised Learning via Redundancy Reduction",
            "arXiv:2103.03230",
            "eq. 1",
        ),
    ),
    arguments=_VIEWS,
    unit="batch",
    options=(Option("lambda_param", Text("λ; default 0.005", "λ；默认 0.005")),),
    code="""
from lightly.loss import BarlowTwinsLoss

value = BarlowTwinsLoss()(projector(encoder(view_a)), projector(encoder(view_b)))
""",
    hazards=(
        Text(
            "It is a sum over D features: about D at the start, so the learning rate goes with D.",
            "它是对 D 个特征求和：起始约为 D，学习率应随 D 调整。",
        ),
        _GATHER,
    ),
    avoid=Text(
        "Batches are small, or one of the views is text: nt_xent_loss, clip_loss.",
        "批很小，或其中一个视图是文本时：用 nt_xent_loss、clip_loss。",
    ),
)

VICREG = pointer(
    "lightly.loss.VICRegLoss",
    title=Text("VICReg", "VICReg 损失"),
    aliases=("vicreg", "variance invariance covariance", "方差不变协方差"),
    family="contrastive",
    purpose=Text(
        "Two views, no negatives: they agree, each feature keeps its variance, and features do not repeat one another.",
        "两个视图，无需负样本：两者一致，每个特征保持方差，特征之间互不重复。",
    ),
    formula=r"\lambda \, \text{mean} (a - b)^2 + \mu (v(a) + v(b)) + \nu (c(a) + c(b))",
    papers=(
        Paper(
            "Bardes, Ponce, LeCun 2022",
            "VICReg: Variance-Invariance-Covariance Regularization for Self-Supervised Learning",
            "arXiv:2105.04906",
            "eq. 6",
        ),
    ),
    arguments=_VIEWS,
    unit="batch",
    options=(
        Option("lambda_param", Text("λ; default 25", "λ；默认 25")),
        Option("mu_param", Text("μ; default 25", "μ；默认 25")),
        Option("nu_param", Text("ν; default 1", "ν；默认 1")),
    ),
    code="""
from lightly.loss import VICRegLoss

value = VICRegLoss()(projector(encoder(view_a)), projector(encoder(view_b)))
""",
    hazards=(_GATHER,),
    avoid=Text("There are labels: supervised_contrastive_loss.", "有标签时：用 supervised_contrastive_loss。"),
)

DINO = pointer(
    "lightly.loss.DINOLoss",
    title=Text("DINO", "DINO 自蒸馏损失"),
    aliases=("dino", "self distillation", "byol", "simsiam", "swav", "自蒸馏", "自监督"),
    family="contrastive",
    purpose=Text(
        "A student follows a teacher, the slow average of itself, over several crops. lightly keeps some thirty such "
        "losses: "
        "SwaV, BYOL and SimSiam (NegativeCosineSimilarity), iBOT, KoLeo, MSN.",
        "学生在多个裁剪上跟随教师（自身的滑动平均）。lightly 维护约三十种此类损失：SwaV、BYOL 与 "
        "SimSiam（NegativeCosineSimilarity）、iBOT、KoLeo、MSN。",
    ),
    formula=r"-\sum_{k} \text{softmax}((z_t - c) / \tau_t)_k \log \text{softmax}(z_s / \tau_s)_k",
    papers=(
        Paper(
            "Caron et al. 2021",
            "Emerging Properties in Self-Supervised Vision Transformers",
            "arXiv:2104.14294",
            "eq. 3",
        ),
    ),
    arguments=(
        Argument("teacher_out", "logits", "N K", "a list, one per large crop", "列表，每个大裁剪一项"),
        Argument("student_out", "logits", "N K", "a list, one per crop", "列表，每个裁剪一项"),
    ),
    unit="batch",
    options=(
        Option("output_dim", Text("K; default 65536", "K；默认 65536")),
        Option("teacher_temp", Text("τ of the teacher; default 0.04", "教师的 τ；默认 0.04")),
        Option("student_temp", Text("τ of the student; default 0.1", "学生的 τ；默认 0.1")),
    ),
    code="""
from lightly.loss import DINOLoss

loss = DINOLoss(output_dim=2048)
value = loss([teacher(x) for x in large], [student(x) for x in large + small], epoch=epoch)
""",
    hazards=(
        Text(
            "The centre is a buffer that each call changes: do not call it twice for one batch, and save it with the "
            "model.",
            "中心是缓冲区，每次调用都会改变：一个批次不要调用两次，并随模型一同保存。",
        ),
        Text(
            "A value stuck at ln K means that nothing is learned: a collapse.",
            "若一直停在 ln K，说明没有学到东西：已坍缩。",
        ),
    ),
    avoid=Text(
        "You train on one small GPU: nt_xent_loss has fewer ways to fail.",
        "只有一块小 GPU 时：nt_xent_loss 更不容易失败。",
    ),
)

CACHED = pointer(
    "sentence_transformers.sentence_transformer.losses.CachedMultipleNegativesRankingLoss",
    title=Text("Contrastive loss of large batches (GradCache)", "大批量对比损失（GradCache）"),
    aliases=(
        "gradcache",
        "sentence transformers",
        "cached contrastive",
        "大批量对比",
    ),
    family="contrastive",
    purpose=Text(
        "In-batch negatives for text pairs with batches larger than memory: embeddings are computed twice, in small "
        "parts.",
        "文本对的批内负样本，批可大于显存：嵌入分小块计算两遍。",
    ),
    formula=r"-\log \frac{e^{s(q, d^+) / \tau}}{\sum_{d} e^{s(q, d) / \tau}}",
    papers=(
        Paper(
            "Gao et al. 2021",
            "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup",
            "arXiv:2101.06983",
        ),
    ),
    arguments=(
        Argument("anchor", "values", "N", "texts", "文本"),
        Argument("positive", "values", "N", "texts that belong to them", "与之对应的文本"),
    ),
    unit="anchor",
    options=(
        Option("scale", Text("1/τ; default 20", "1/τ；默认 20")),
        Option("mini_batch_size", Text("of the parts; default 32", "每块的大小；默认 32")),
    ),
    code="""
from sentence_transformers.sentence_transformer.losses import CachedMultipleNegativesRankingLoss

loss = CachedMultipleNegativesRankingLoss(model, mini_batch_size=32)  # for SentenceTransformerTrainer
""",
    hazards=(
        Text(
            "Two copies of a text in one batch are taken for negatives: use the sampler without duplicates.",
            "同一批中重复的文本会被当作负样本：应使用去重的采样器。",
        ),
        Text("scale is 1/τ: 20, where others write τ = 0.05.", "scale 是 1/τ：此处的 20 即别处的 τ = 0.05。"),
    ),
    avoid=Text("The batch fits: info_nce_loss, clip_loss.", "批放得进显存时：用 info_nce_loss、clip_loss。"),
    equivalents=(
        Equivalent("firststep.losses.functional.info_nce_loss", Text("of embeddings, with τ", "由嵌入计算，使用 τ")),
    ),
)

SPECS: tuple[LossSpec, ...] = (MULTI_SIMILARITY, PROXY_ANCHOR, CIRCLE, BARLOW, VICREG, DINO, CACHED)
