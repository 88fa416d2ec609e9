"""Distillation losses beside torch's KL divergence and the formulas of the trainers that hold them."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ._peer import Peer

_SHAPE = (2048, 1000)
_T, _BETA = 4.0, 0.3


def _models() -> tuple[Tensor, Tensor]:
    return torch.randn(_SHAPE), torch.randn(_SHAPE)


def _labelled() -> tuple[Tensor, Tensor, Tensor]:
    return *_models(), torch.randint(0, _SHAPE[1], _SHAPE[:1])


def _forward(student: Tensor, teacher: Tensor) -> Tensor:
    return F.kl_div(F.log_softmax(student / _T, 1), F.softmax(teacher / _T, 1), reduction="batchmean") * _T**2


def _reverse(student: Tensor, teacher: Tensor) -> Tensor:
    log_p, log_q = F.log_softmax(teacher, 1), F.log_softmax(student, 1)
    return F.kl_div(log_p, log_q, reduction="batchmean", log_target=True)


def _jensen_shannon(student: Tensor, teacher: Tensor) -> Tensor:
    log_p, log_q = F.log_softmax(teacher, 1), F.log_softmax(student, 1)
    mixture = torch.logsumexp(torch.stack((log_q + math.log1p(-_BETA), log_p + math.log(_BETA))), 0)
    of_teacher = F.kl_div(mixture, log_p, reduction="none", log_target=True)
    of_student = F.kl_div(mixture, log_q, reduction="none", log_target=True)
    return (_BETA * of_teacher + (1 - _BETA) * of_student).sum() / len(student)


def _decoupled(student: Tensor, teacher: Tensor, target: Tensor) -> Tensor:
    chosen = torch.zeros_like(student).scatter_(1, target.unsqueeze(1), 1).bool()
    rest = torch.ones_like(student).scatter_(1, target.unsqueeze(1), 0).bool()

    def two(p: Tensor) -> Tensor:
        return torch.cat(((p * chosen).sum(1, keepdim=True), (p * rest).sum(1, keepdim=True)), 1)

    q, p = F.softmax(student / _T, 1), F.softmax(teacher / _T, 1)
    first = F.kl_div(two(q).log(), two(p), reduction="sum")
    others_q = F.log_softmax(student / _T - 1000.0 * chosen, 1)
    others_p = F.softmax(teacher / _T - 1000.0 * chosen, 1)
    second = F.kl_div(others_q, others_p, reduction="sum")
    return (first + 8.0 * second) * _T**2 / len(target)


PEERS = (
    Peer("distillation_loss", _models, _forward, "torch.nn.functional.kl_div", {"temperature": _T}),
    Peer("reverse_distillation_loss", _models, _reverse, "torch.nn.functional.kl_div"),
    Peer("js_distillation_loss", _models, _jensen_shannon, "TRL's formula", {"beta": _BETA}),
    Peer("decoupled_distillation_loss", _labelled, _decoupled, "mdistiller's formula"),
)
