"""Selectors by type that several recipes share."""

from __future__ import annotations

from torch import nn

from ..planning import select, type_named

NORM = type_named("*Norm") | type_named("*Norm?d")
"""Every norm, of torch or of a library."""
CONVOLUTION = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
LINEAR = select(nn.Linear) | type_named("Conv1D")
"""Matrix products: ``nn.Linear``, and the ``Conv1D`` of transformers."""
EMBEDDING = (nn.Embedding, nn.EmbeddingBag)
RECURRENT = (nn.RNNBase, nn.RNNCellBase)
LSTM = (nn.LSTM, nn.LSTMCell)
