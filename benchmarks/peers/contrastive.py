"""Contrastive losses beside the formulas that their best known implementations compute."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ._peer import Peer


def embeddings() -> tuple[Tensor, Tensor]:
    """Two sides of 512 pairs."""
    return torch.randn(512, 256), torch.randn(512, 256)


def info_nce(query: Tensor, key: Tensor) -> Tensor:
    """Cross-entropy over all cosines, the diagonal as the target."""
    scores = F.normalize(query, dim=1) @ F.normalize(key, dim=1).T / 0.07
    return F.cross_entropy(scores, torch.arange(len(query)))


def nt_xent(first: Tensor, second: Tensor) -> Tensor:
    """All 2N by 2N cosines without their diagonal."""
    n = len(first)
    rows = F.normalize(torch.cat((first, second)), dim=1)
    scores = rows @ rows.T / 0.5
    scores.fill_diagonal_(-math.inf)
    return F.cross_entropy(scores, torch.cat((torch.arange(n) + n, torch.arange(n))))


def clip(image: Tensor, text: Tensor, logit_scale: Tensor) -> Tensor:
    """Two products, one for each direction."""
    image, text, scale = F.normalize(image, dim=1), F.normalize(text, dim=1), logit_scale.exp()
    target = torch.arange(len(image))
    to_text, to_image = scale * image @ text.T, scale * text @ image.T
    return (F.cross_entropy(to_text, target) + F.cross_entropy(to_image, target)) / 2


def siglip(image: Tensor, text: Tensor, logit_scale: Tensor, logit_bias: Tensor) -> Tensor:
    """A matrix of signs."""
    image, text = F.normalize(image, dim=1), F.normalize(text, dim=1)
    scores = logit_scale.exp() * image @ text.T + logit_bias
    signs = 2 * torch.eye(len(image)) - torch.ones_like(scores)
    return -F.logsigmoid(signs * scores).sum() / len(image)


def supervised_contrastive(rows: Tensor, labels: Tensor) -> Tensor:
    """Exponentials of scores less their row's maximum, times masks."""
    rows = F.normalize(rows, dim=1)
    scores = rows @ rows.T / 0.1
    scores = scores - scores.max(dim=1, keepdim=True).values.detach()
    others = 1 - torch.eye(len(rows))
    positive = torch.eq(labels.unsqueeze(1), labels).float() * others
    log_p = scores - (scores.exp() * others).sum(1, keepdim=True).log()
    return -((positive * log_p).sum(1) / positive.sum(1)).mean()


PEERS = (
    Peer("info_nce_loss", embeddings, info_nce, "torch.nn.functional.cross_entropy of cosines"),
    Peer("nt_xent_loss", embeddings, nt_xent, "SimCLR's formula, the diagonal filled in place"),
    Peer("clip_loss", lambda: (*embeddings(), torch.tensor(math.log(1 / 0.07))), clip, "open_clip's formula"),
    Peer(
        "siglip_loss",
        lambda: (*embeddings(), torch.tensor(math.log(10.0)), torch.tensor(-10.0)),
        siglip,
        "open_clip's formula",
    ),
    Peer(
        "supervised_contrastive_loss",
        lambda: (torch.randn(512, 256), torch.arange(512) % 64),
        supervised_contrastive,
        "SupContrast's formula",
    ),
)
