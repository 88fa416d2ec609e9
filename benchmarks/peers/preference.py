"""Preference and policy losses beside the formulas of the trainers that hold them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ._peer import Peer

_N = 1 << 20
_TOKENS = (512, 2048)


def _sums(count: int) -> tuple[Tensor, ...]:
    """Log-probabilities of answers, policies before references."""
    generator = torch.Generator().manual_seed(0)
    reference = [-40 * torch.rand(_N, generator=generator) - 5 for _ in range(count)]
    policy = [one + 3 * torch.randn(_N, generator=generator) for one in reference]
    return (*(one.requires_grad_() for one in policy), *reference)


def _pairs() -> tuple[Tensor, ...]:
    return _sums(2)


def _answers() -> tuple[Tensor, ...]:
    policy, reference = _sums(1)
    generator = torch.Generator().manual_seed(1)
    return policy, reference, torch.rand(_N, generator=generator) < 0.5, torch.full((_N,), 0.7)


def _means() -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    return tuple((-3 * torch.rand(_N, generator=generator) - 0.05).requires_grad_() for _ in range(2))


def _scores() -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    return tuple(torch.randn(_N, generator=generator).requires_grad_() for _ in range(2))


def _logits_of_trl(chosen: Tensor, rejected: Tensor, ref_chosen: Tensor, ref_rejected: Tensor) -> Tensor:
    return (chosen - rejected) - (ref_chosen - ref_rejected)


def _dpo(*pair: Tensor) -> Tensor:
    return (-F.logsigmoid(0.1 * _logits_of_trl(*pair))).mean()


def _robust(*pair: Tensor) -> Tensor:
    score = 0.1 * _logits_of_trl(*pair)
    return ((-F.logsigmoid(score) * 0.9 + F.logsigmoid(-score) * 0.1) / 0.8).mean()


def _ipo(*pair: Tensor) -> Tensor:
    return ((_logits_of_trl(*pair) - 1 / (2 * 0.1)) ** 2).mean()


def _kto(policy: Tensor, reference: Tensor, desirable: Tensor, kl: Tensor) -> Tensor:
    ratio = policy - reference
    good = 1 - torch.sigmoid(0.1 * (ratio[desirable] - kl[desirable]))
    bad = 1 - torch.sigmoid(0.1 * (kl[~desirable] - ratio[~desirable]))
    return torch.cat((good, bad)).mean()


def _simpo(chosen: Tensor, rejected: Tensor) -> Tensor:
    return (-F.logsigmoid(2.0 * ((chosen - rejected) - 0.25))).mean()


def _orpo(chosen: Tensor, rejected: Tensor) -> Tensor:
    odds = (chosen - rejected) - (torch.log1p(-torch.exp(chosen)) - torch.log1p(-torch.exp(rejected)))
    return -chosen.mean() - (0.1 * F.logsigmoid(odds)).mean()


def _reward(chosen: Tensor, rejected: Tensor) -> Tensor:
    return -F.logsigmoid(chosen - rejected).mean()


def _tokens() -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    old = -3 * torch.rand(_TOKENS, generator=generator)
    return old + 0.2 * torch.randn(_TOKENS, generator=generator), old, torch.randn(_TOKENS, generator=generator)


def _groups() -> tuple[Tensor, ...]:
    log_prob, old, advantage = _tokens()
    return log_prob, old, old + 0.1 * advantage, advantage[:, 0].clone()


def _ppo(log_prob: Tensor, old: Tensor, advantage: Tensor) -> Tensor:
    ratio = torch.exp(log_prob - old)
    return -torch.min(ratio * advantage, torch.clamp(ratio, 0.8, 1.2) * advantage).mean()


def _grpo(log_prob: Tensor, old: Tensor, reference: Tensor, advantage: Tensor) -> Tensor:
    ratio = torch.exp(log_prob - old)
    each = -torch.min(ratio * advantage.unsqueeze(1), torch.clamp(ratio, 0.8, 1.2) * advantage.unsqueeze(1))
    return (each + 0.04 * (torch.exp(reference - log_prob) - (reference - log_prob) - 1)).mean()


PEERS = (
    Peer("dpo_loss", _pairs, _dpo, "TRL's formula"),
    Peer("robust_dpo_loss", _pairs, _robust, "TRL's formula"),
    Peer("ipo_loss", _pairs, _ipo, "TRL's formula"),
    Peer("kto_loss", _answers, _kto, "TRL's formula"),
    Peer("simpo_loss", _means, _simpo, "TRL's formula"),
    Peer("orpo_loss", _means, _orpo, "TRL's formula"),
    Peer("reward_model_loss", _scores, _reward, "TRL's formula"),
    Peer("ppo_clip_loss", _tokens, _ppo, "TRL's formula"),
    Peer("grpo_loss", _groups, _grpo, "TRL's formula"),
)
