"""Selectors by type that several recipes share."""

from __future__ import annotations

from torch import nn

from ..planning import select, type_named

NORM = type_named("*Norm") | type_named("*Norm?d")
"""Every norm, of torch or of a library."""
ADDS_ONE = (
    type_named("GemmaRMSNorm")
    | type_named("Gemma[23]RMSNorm")  # those of Gemma 3n and 4 do not
    | type_named("RecurrentGemmaRMSNorm")
    | type_named("T5Gemma*RMSNorm")
    | type_named("VaultGemmaRMSNorm")
    | type_named("Qwen3NextRMSNorm")
    | type_named("Qwen3_5*RMSNorm")
    | type_named("Qwen4Exp*RMSNorm")
    | type_named("Step3p7RMSNorm")
    | type_named("MiniMaxM3VLRMSNorm")
)
"""Norms of transformers that multiply by 1 + weight."""
CONVOLUTION = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
LINEAR = select(nn.Linear) | type_named("Conv1D")
"""Matrix products: ``nn.Linear``, and the ``Conv1D`` of transformers."""
EMBEDDING = (nn.Embedding, nn.EmbeddingBag)
RECURRENT = (nn.RNNBase, nn.RNNCellBase)
LSTM = (nn.LSTM, nn.LSTMCell)
