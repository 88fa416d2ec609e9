"""Losses of waveforms."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from ._draw import logits, uniform
from ._invariances import STRETCH
from ._numerics import TINY
from ._spec import Argument, Curve, Equivalent, Invariance, Limit, LossSpec, Minimum, Option, Paper, Plot, Start, Text

_DECIBEL = 10 / math.log(10)


def si_sdr_loss(input: Tensor, target: Tensor, *, zero_mean: bool = True, eps: float = 1e-10) -> tuple[Tensor, Tensor]:
    """The error is formed point by point, so that a near-perfect output does not cancel; eps is relative to the output.

    A silent output has no direction. It gets what the plain signal-to-noise ratio says of silence, 0 dB, and that
    ratio's gradient, which leads to the target: ``-20 / ln 10 * y / |y|^2``. A silent target has no ratio: its row does
    not count.
    """
    input, power, mute = _centred(input, zero_mean)
    target, energy, absent = _centred(target, zero_mean)
    product = (input * target).sum(-1)
    scale = product / energy
    error = input - scale.unsqueeze(-1) * target
    ratio = ((error * error).sum(-1) / power + eps).log() - (product * scale / power + eps).log()
    return _DECIBEL * torch.where(mute, -2 * scale, ratio), ~absent


def _centred(signal: Tensor, zero_mean: bool) -> tuple[Tensor, Tensor, Tensor]:
    """The signal without its mean, its energy (1 where it has none), and whether only rounding is left of it."""
    least: float | Tensor = TINY
    if zero_mean:
        mean = signal.sum(-1, keepdim=True) / max(signal.shape[-1], 1)  # of no samples it is 0
        signal = signal - mean
        rounding = 8 * torch.finfo(signal.dtype).eps * mean.detach().squeeze(-1)
        least = (signal.shape[-1] * rounding.square()).clamp(min=TINY)
    energy = (signal * signal).sum(-1)
    silent = energy <= least
    return signal, torch.where(silent, 1.0, energy), silent


def _shifted(generator: Generator, input: Tensor, target: Tensor) -> tuple[Tensor, ...]:
    return input + logits(generator, len(input), 1), target + logits(generator, len(input), 1)


def _rescaled_target(generator: Generator, input: Tensor, target: Tensor) -> tuple[Tensor, ...]:
    return input, target * -uniform(generator, len(input), 1, low=0.5, high=3.0)


def _angle(input: Tensor, target: Tensor) -> Tensor:
    cosine = F.cosine_similarity(input, target, dim=-1)
    return 20 * cosine.abs().arccos().tan().log10()


_TARGET = (1.0, -0.5, 0.25, -0.75)
_NOISE = (0.5, 0.5, -0.75, -0.25)

SI_SDR = LossSpec(
    name="si_sdr_loss",
    module="SISDRLoss",
    title=Text("Scale-invariant signal-to-distortion ratio", "尺度不变信号失真比"),
    aliases=("si-sdr", "sisdr", "si-snr", "sisnr", "scale-invariant sdr", "尺度不变信噪比", "语音分离", "语音增强"),
    family="audio",
    purpose=Text(
        "Separation and enhancement of speech and music: minus the SI-SDR, in decibels, whatever the output's "
        "loudness.",
        "语音与音乐的分离和增强：负的 SI-SDR（分贝），与输出响度无关。",
    ),
    formula=r"-10 \log_{10} \frac{|\alpha y|^2}{|x - \alpha y|^2}, \quad \alpha = \frac{x \cdot y}{|y|^2}",
    papers=(Paper("Le Roux, Wisdom, Erdogan, Hershey 2019", "SDR - Half-baked or Well Done?", "arXiv:1811.02508"),),
    arguments=(
        Argument("input", "signals", "N * T", "x, the output, time last", "x，输出信号，最后一维为时间"),
        Argument("target", "signals", "N * T", "y, the clean signal", "y，干净信号"),
    ),
    unit="sample",
    options=(
        Option(
            "zero_mean",
            Text("whether each signal's mean is taken off first", "是否先减去各信号的均值"),
        ),
        Option(
            "eps",
            Text(
                "added to both energies, each as a share of the output's: the loss stays within 10 log10(1 + 1/eps)",
                "加到两个能量（均以占输出能量的比例计）上：损失的绝对值不超过 10 log10(1 + 1/eps)",
            ),
            low=0.0,
            low_open=True,
        ),
    ),
    code="""
>>> target = torch.tensor([[1.0, -1.0, 1.0, -1.0]])
>>> input = torch.tensor([[3.0, -3.0, 3.0, -2.0]])  # thrice as loud, one sample wrong
>>> losses.SISDRLoss()(input, target)
tensor(-17.8176)
>>> losses.SISDRLoss()(100 * input, target)
tensor(-17.8176)
""",
    draw=lambda generator, n: (logits(generator, n, 8), logits(generator, n, 8)),
    start=Start(
        Text("0 dB for a silent output", "输出静音时为 0 dB"),
        lambda input, target, **_: 0.0,
        note=Text(
            "Noise that knows nothing of the target gives about 10 log10 T + 5.5 dB for T points in time.",
            "与目标无关的噪声在 T 个时间点上约为 10 log10 T + 5.5 dB。",
        ),
    ),
    minimum=Minimum(
        Text("-10 log10(1 + 1/eps), -100 dB by default", "-10 log10(1 + 1/eps)，默认 -100 dB"),
        lambda input, target, eps=1e-10, **_: -10 * math.log10(1 + 1 / eps),
        lambda input, target, **_: (2 * target, target),
    ),
    kernel=si_sdr_loss,
    invariances=(
        STRETCH,
        Invariance(Text("the target multiplied by any number but 0", "目标乘以任意非零数"), _rescaled_target),
        Invariance(Text("with zero_mean, a constant added to a signal", "zero_mean 为真时，给信号加上常数"), _shifted),
    ),
    limits=(
        Limit(
            Text(
                "for small eps 20 log10 |tan θ|, θ the angle between the signals",
                "eps 很小时为 20 log10 |tan θ|，θ 为两信号夹角",
            ),
            {"zero_mean": False, "eps": 1e-30},
            _angle,
        ),
    ),
    hazards=(
        Text(
            "It cannot tell a signal from its negative: an output of reversed sign is as good.",
            "它无法区分信号与其相反数：符号相反的输出同样好。",
        ),
        Text(
            "A silent target has no ratio. Its row does not count; train silence with another loss.",
            "静音目标没有比值，该行不计入；应以其他损失训练静音。",
        ),
        Text(
            "The output's loudness is free and may drift: scale it to the mixture before listening.",
            "输出响度不受约束，可能漂移：试听前应按混合信号重新缩放。",
        ),
        Text(
            "A shift by one point in time costs as much as noise does: align the signals first.",
            "错开一个采样点的代价与噪声相当：应先对齐信号。",
        ),
    ),
    avoid=Text(
        "Loudness matters, or targets may be silent: l1_loss or mse_loss on waveforms or spectra.",
        "响度重要，或目标可能静音时：在波形或频谱上用 l1_loss 或 mse_loss。",
    ),
    equivalents=(
        Equivalent(
            "torchmetrics.functional.audio.scale_invariant_signal_distortion_ratio",
            Text(
                "of the opposite sign; zero_mean=False by default; a silent output gets no gradient",
                "符号相反；默认 zero_mean=False；静音输出得不到梯度",
            ),
        ),
        Equivalent(
            "auraloss.time.SISDRLoss",
            Text("its eps is added to the energies as they are", "其 eps 直接加到能量上"),
        ),
    ),
    plot=Plot(
        Text("loudness of the noise beside a target of 1", "目标响度为 1 时噪声的响度"),
        -2.0,
        2.0,
        lambda x: ((x.new_tensor(_TARGET) + x * x.new_tensor(_NOISE)).unsqueeze(0), x.new_tensor([_TARGET])),
        tuple(Curve(f"eps = {eps:g}", {"eps": eps}) for eps in (1e-10, 1e-2, 1e-1)),
    ),
)

SPECS = (SI_SDR,)
