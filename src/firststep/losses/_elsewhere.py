"""Losses kept well elsewhere: transport, time series, audio and survival; the files beside this one hold the rest."""

from __future__ import annotations

from . import _elsewhere_embeddings, _elsewhere_images, _elsewhere_language
from ._pointer import pointer
from ._spec import Argument, Equivalent, LossSpec, Option, Paper, Text

GEOMLOSS = pointer(
    "geomloss.SamplesLoss",
    title=Text("Sinkhorn divergence between point clouds", "点云之间的 Sinkhorn 散度"),
    aliases=("sinkhorn", "sinkhorn divergence", "optimal transport", "earth mover", "最优传输"),
    family="transport",
    purpose=Text(
        "How far two sets of points are apart as distributions, with a smooth gradient for each point; also energy "
        "distance "
        "and kernel distances (MMD).",
        "把两组点视作分布，衡量其距离，对每个点都有光滑的梯度；也提供能量距离与核距离（MMD）。",
    ),
    formula=r"S = OT(x, y) - \frac{1}{2} OT(x, x) - \frac{1}{2} OT(y, y)",
    papers=(
        Paper(
            "Feydy et al. 2019",
            "Interpolating between Optimal Transport and MMD Using Sinkhorn Divergences",
            "arXiv:1810.08278",
        ),
        Paper("Cuturi 2013", "Sinkhorn Distances: Lightspeed Computation of Optimal Transport", "arXiv:1306.0895"),
    ),
    arguments=(
        Argument("x", "values", "B N D", "points; (N, D) too", "点；也可为 (N, D)"),
        Argument("y", "values", "B M D", "points; (M, D) too", "点；也可为 (M, D)"),
    ),
    unit="sample",
    options=(
        Option(
            "loss",
            Text(
                "'sinkhorn', 'energy', 'gaussian', 'laplacian', 'hausdorff'; default 'sinkhorn'",
                "'sinkhorn'、'energy'、'gaussian'、'laplacian'、'hausdorff'；默认 'sinkhorn'",
            ),
        ),
        Option("p", Text("the cost is |x - y|^p / p; default 2", "代价为 |x - y|^p / p；默认 2")),
        Option(
            "blur",
            Text("the length below which details are not seen; default 0.05", "小于此长度的细节不可分辨；默认 0.05"),
        ),
    ),
    code="""
import torch
from geomloss import SamplesLoss

x, y = torch.rand(100, 2, requires_grad=True), torch.rand(80, 2)
loss = SamplesLoss("sinkhorn", p=2, blur=0.05)(x, y)
loss.backward()
""",
    hazards=(
        Text(
            "With p=2 the cost is half the squared distance: two points 2 apart are at 2.0, where the squared "
            "Wasserstein "
            "distance is 4.",
            "p=2 时代价是距离平方的一半：相距 2 的两点得 2.0，而 Wasserstein 距离的平方为 4。",
        ),
        Text(
            "blur is in the units of the points and made for a unit cube: scale the points, or blur with them.",
            "blur 的单位与点的坐标相同，默认值针对单位立方体：应缩放点，或相应地调整 blur。",
        ),
    ),
    avoid=Text(
        "The distributions are on the line (sorting is exact and faster), or the points are matched already "
        "(mse_loss).",
        "分布在一维上时（排序更快且精确），或点已一一对应时（用 mse_loss）。",
    ),
    equivalents=(
        Equivalent(
            "ot.solve_sample",
            Text(
                "squared distance without the half; exact when reg is None",
                "距离平方，不乘一半；reg 为 None 时是精确解",
            ),
        ),
    ),
)

POT = pointer(
    "ot.solve_sample",
    title=Text("Exact and regularized optimal transport", "精确与正则化的最优传输"),
    aliases=("pot", "python optimal transport", "emd", "wasserstein distance", "Wasserstein 距离"),
    family="transport",
    purpose=Text(
        "The least cost of moving one weighted set of points onto another, exact or with entropy; also unbalanced.",
        "把一组带权的点搬到另一组的最小代价，可精确求解或加熵正则；也支持非平衡情形。",
    ),
    formula=r"\min_{P \ge 0} \sum_{i} \sum_{j} P_{i j} c(x_i, y_j), \quad P 1 = a, \quad P^{\top} 1 = b",
    papers=(Paper("Flamary et al. 2021", "POT: Python Optimal Transport", "JMLR 22(78)"),),
    arguments=(
        Argument("X_a", "values", "N D", "points", "点"),
        Argument("X_b", "values", "M D", "points", "点"),
    ),
    unit="batch",
    options=(
        Option("a", Text("weights of the first points; default equal", "第一组点的权重；默认相等")),
        Option("b", Text("weights of the second points; default equal", "第二组点的权重；默认相等")),
        Option(
            "reg", Text("weight of the entropy; default None, the exact solution", "熵项的权重；默认 None，即精确解")
        ),
    ),
    code="""
import ot
import torch

x, y = torch.rand(100, 2, requires_grad=True), torch.rand(80, 2)
loss = ot.solve_sample(x, y).value  # exact; reg=0.1 for Sinkhorn
loss.backward()
""",
    hazards=(
        Text(
            "The exact solver runs on the CPU in NumPy, and its time grows faster than the square of the number of "
            "points.",
            "精确求解器在 CPU 上以 NumPy 运行，耗时随点数的增长快于平方。",
        ),
        Text(
            "With reg the value of two equal sets is not 0: geomloss.SamplesLoss takes the bias away.",
            "有 reg 时两组相同的点得到的值不为 0：geomloss.SamplesLoss 会消除这一偏差。",
        ),
    ),
    avoid=Text("Thousands of points on a GPU: geomloss.SamplesLoss.", "GPU 上有数千个点时：用 geomloss.SamplesLoss。"),
    equivalents=(Equivalent("scipy.stats.wasserstein_distance", Text("on the line, no gradient", "仅一维，没有梯度")),),
)

GLUONTS = pointer(
    "gluonts.torch.distributions.DistributionOutput",
    title=Text("Distributions for forecasting", "预测用的分布族"),
    aliases=("gluonts", "deepar", "probabilistic forecasting", "概率预测"),
    family="probabilistic",
    purpose=Text(
        "A layer that turns features into the parameters of a distribution, and its negative log-likelihood: "
        "Student-t, "
        "negative binomial, quantile functions and more, for time series.",
        "把特征映射为分布参数的层及其负对数似然：Student-t、负二项、分位函数等，用于时间序列。",
    ),
    formula=r"-\log p(y \mid \theta)",
    papers=(
        Paper(
            "Alexandrov et al. 2020", "GluonTS: Probabilistic and Neural Time Series Modeling in Python", "JMLR 21(116)"
        ),
    ),
    arguments=(
        Argument("target", "values", "N *"),
        Argument("distr_args", "values", "N *", "the parameters, from get_args_proj", "分布参数，来自 get_args_proj"),
    ),
    unit="element",
    code="""
from gluonts.torch.distributions import StudentTOutput

output = StudentTOutput()
head = output.get_args_proj(in_features=64)  # a layer: hand its parameters to the optimizer
loss = output.loss(target, head(features)).mean()  # one value per element
""",
    hazards=(
        Text(
            "The targets are to be scaled, or loc and scale given: with raw sales figures the first steps are "
            "enormous.",
            "目标应先缩放，或传入 loc 与 scale：直接用原始销量时最初几步会非常大。",
        ),
    ),
    avoid=Text(
        "torch.distributions has the distribution: distribution_nll_loss takes it, with masks and denominators.",
        "torch.distributions 已有该分布时：distribution_nll_loss 可直接使用，并支持 mask 与分母。",
    ),
    equivalents=(Equivalent("neuralforecast.losses.pytorch.DistributionLoss"),),
)

NEURALFORECAST = pointer(
    "neuralforecast.losses.pytorch.DistributionLoss",
    title=Text("Losses of forecasting models", "预测模型的损失"),
    aliases=("neuralforecast", "mase", "smape", "mape", "scaled crps", "时间序列预测"),
    family="probabilistic",
    purpose=Text(
        "The losses of the neuralforecast models: likelihoods of a named distribution, quantiles, MASE, sMAPE and "
        "others.",
        "neuralforecast 各模型的损失：指定分布的似然、分位数、MASE、sMAPE 等。",
    ),
    formula=r"-\log p(y \mid \theta)",
    papers=(
        Paper(
            "Salinas et al. 2020",
            "DeepAR: Probabilistic Forecasting with Autoregressive Recurrent Networks",
            "arXiv:1704.04110",
        ),
    ),
    arguments=(
        Argument("y", "values", "N H 1"),
        Argument("distr_args", "values", "N H *", "the parameters of the distribution", "分布参数"),
    ),
    unit="batch",
    code="""
from neuralforecast.losses.pytorch import DistributionLoss
from neuralforecast.models import NHITS

model = NHITS(h=12, input_size=36, loss=DistributionLoss("StudentT", level=[80, 90]))
""",
    hazards=(
        Text(
            "In its MAPE a target of 0 costs nothing, whatever the forecast, and still counts in the denominator.",
            "其 MAPE 中，目标为 0 的点无论预测多少都不计损失，却仍计入分母。",
        ),
    ),
    avoid=Text(
        "Outside of neuralforecast's models: distribution_nll_loss, multi_quantile_loss, crps_ensemble_loss.",
        "不用 neuralforecast 的模型时：用 distribution_nll_loss、multi_quantile_loss、crps_ensemble_loss。",
    ),
)

STFT = pointer(
    "auraloss.freq.MultiResolutionSTFTLoss",
    title=Text("Multi-resolution STFT", "多分辨率 STFT 损失"),
    aliases=("stft", "mr-stft", "spectral loss", "spectral convergence", "频谱损失", "短时傅里叶变换"),
    family="audio",
    purpose=Text(
        "Compares the magnitudes of two signals' spectrograms at several window lengths: vocoders and enhancement.",
        "在多个窗长下比较两段信号的频谱幅度：用于声码器与语音增强。",
    ),
    formula=(
        r"\frac{1}{M} \sum_{m} (\frac{\lVert |Y| - |X| \rVert}{\lVert |Y| \rVert}"
        r" + \text{mean} |\log |Y| - \log |X||)"
    ),
    papers=(
        Paper(
            "Yamamoto, Song, Kim 2020",
            "Parallel WaveGAN: A Fast Waveform Generation Model Based on Generative Adversarial Networks with "
            "Multi-Resolution Spectrogram",
            "arXiv:1910.11480",
        ),
    ),
    arguments=(
        Argument("x", "signals", "N C T", "the output", "模型输出"),
        Argument("y", "signals", "N C T", "the target", "目标"),
    ),
    unit="batch",
    options=(
        Option(
            "fft_sizes",
            Text(
                "with hop_sizes and win_lengths; default [1024, 2048, 512]",
                "与 hop_sizes、win_lengths 一同给出；默认 [1024, 2048, 512]",
            ),
        ),
        Option("w_sc", Text("weight of the first term; default 1", "第一项的权重；默认 1")),
        Option("w_log_mag", Text("weight of the second term; default 1", "第二项的权重；默认 1")),
    ),
    code="""
import torch
from auraloss.freq import MultiResolutionSTFTLoss

loss = MultiResolutionSTFTLoss()
output, target = torch.randn(2, 1, 16000, requires_grad=True), torch.randn(2, 1, 16000)
loss(output, target).backward()
""",
    hazards=(
        Text(
            "A silent output (all zeros) has no gradient: a model that starts silent stays silent.",
            "输出全零（静音）时没有梯度：一开始静音的模型会一直静音。",
        ),
        Text(
            "It is not symmetric: the first argument is the output, the second the target.",
            "它不对称：第一个参数是输出，第二个是目标。",
        ),
        Text(
            "Phase is not compared: add si_sdr_loss or l1_loss of the signal.",
            "不比较相位：可再加上信号的 si_sdr_loss 或 l1_loss。",
        ),
    ),
    avoid=Text("Separation, where the phase counts: si_sdr_loss.", "语音分离等相位重要的任务：用 si_sdr_loss。"),
)

WEIBULL = pointer(
    "torchsurv.loss.weibull.neg_log_likelihood_weibull",
    title=Text("Weibull survival likelihood", "Weibull 生存似然"),
    aliases=("weibull", "torchsurv", "accelerated failure time", "aft", "加速失效时间"),
    family="survival",
    purpose=Text(
        "Time to an event, partly censored, whose distribution is Weibull: unlike Cox's it gives times, not an order "
        "only.",
        "事件发生时间（部分删失）服从 Weibull 分布：与 Cox 不同，它给出时间本身，而不只是次序。",
    ),
    formula=r"-\delta \log h(t) + H(t), \quad H(t) = (t / \lambda)^{\rho}",
    papers=(
        Paper(
            "Monod et al. 2024",
            "TorchSurv: A Lightweight Package for Deep Survival Analysis",
            "Journal of Open Source Software, 2024",
        ),
    ),
    arguments=(
        Argument("log_params", "values", "N 2", "log of scale and shape", "尺度与形状的对数"),
        Argument("event", "flags", "N", "True if it happened, False if censored", "发生为 True，删失为 False"),
        Argument("time", "positive", "N"),
    ),
    unit="sample",
    code="""
from torchsurv.loss.weibull import neg_log_likelihood_weibull

loss = neg_log_likelihood_weibull(model(x), event, time)  # model(x): (N, 2)
""",
    hazards=(
        Text(
            "Times are to be scaled to about 1: days in the thousands make the first steps enormous.",
            "时间应缩放到 1 左右：以千天计的时间会使最初几步非常大。",
        ),
        Text(
            "Beside it, torchsurv.loss.cox.neg_partial_log_likelihood overflows: log-hazards of 100 with ties give NaN "
            "(measured in 0.2.0); cox_loss does not.",
            "同一个库中的 torchsurv.loss.cox.neg_partial_log_likelihood 会溢出：对数风险到 100 且有并列时得 "
            "NaN（0.2.0 实测）；cox_loss 不会。",
        ),
    ),
    avoid=Text("Only the order of the risks is needed: cox_loss.", "只需要风险的次序时：用 cox_loss。"),
)

LOGISTIC_HAZARD = pointer(
    "pycox.models.loss.NLLLogistiHazardLoss",
    title=Text("Discrete-time logistic hazard", "离散时间逻辑风险"),
    aliases=("pycox", "logistic hazard", "nnet-surv", "deephit", "离散时间生存"),
    family="survival",
    purpose=Text(
        "Survival in intervals of time: a yes-or-no question per interval, as long as the person is at risk.",
        "按时间区间建模生存：只要仍处于风险中，每个区间就是一次是非判断。",
    ),
    formula=r"\sum_{j \le k} (-d_j \log h_j - (1 - d_j) \log(1 - h_j)), \quad h = \sigma(\phi)",
    papers=(
        Paper(
            "Kvamme, Borgan 2019",
            "Continuous and Discrete-Time Survival Prediction with Neural Networks",
            "arXiv:1910.06724",
        ),
    ),
    arguments=(
        Argument("phi", "logits", "N T", "of the hazard in each interval", "各区间风险的 logit"),
        Argument("idx_durations", "counts", "N", "the interval k in which it ended", "结束时所在的区间 k"),
        Argument("events", "flags", "N", "1 if it happened, 0 if censored", "发生为 1，删失为 0"),
    ),
    unit="sample",
    code="""
from pycox.models.loss import NLLLogistiHazardLoss  # spelled so

loss = NLLLogistiHazardLoss()(model(x), interval, event)
""",
    hazards=(
        Text(
            "The mean divides by samples, each of which is a sum over intervals: at 0 it starts at ln 2 times the "
            "mean number "
            "of intervals at risk.",
            "mean 除以样本数，而每个样本是各区间之和：logit 为 0 时从 ln 2 乘以平均在险区间数开始。",
        ),
        Text(
            "Time is cut into intervals by LabTransDiscreteTime: fit it on the training set only.",
            "时间由 LabTransDiscreteTime 划分区间：只能在训练集上拟合。",
        ),
    ),
    avoid=Text(
        "Hazards are proportional and only their order counts: cox_loss.", "风险成比例且只看次序时：用 cox_loss。"
    ),
    equivalents=(
        Equivalent(
            "pycox.models.loss.DeepHitSingleLoss",
            Text("another likelihood, with a ranking term", "另一种似然，另有排序项"),
        ),
    ),
)

SPECS: tuple[LossSpec, ...] = (
    *_elsewhere_language.SPECS,
    *_elsewhere_images.SPECS,
    *_elsewhere_embeddings.SPECS,
    GEOMLOSS,
    POT,
    GLUONTS,
    NEURALFORECAST,
    STFT,
    WEIBULL,
    LOGISTIC_HAZARD,
)
