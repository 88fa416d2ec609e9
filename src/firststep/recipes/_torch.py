"""What torch's own layers start from, type by type: every ``reset_parameters`` of ``torch.nn`` as a rule."""

from __future__ import annotations

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear

from .. import init
from ..planning import Rule, rule
from ._entry import recipe
from ._shared import attention, globs
from ._types import EMBEDDING, RECURRENT


@recipe(
    "torch",
    family="general",
    summary=("what torch's own layers start from", "torch 各层自带的初值"),
    source="reset_parameters in torch/nn/modules of torch 2.13",
    checked=("every layer of torch.nn",),
    differs=(
        "nn.Transformer goes over all its matrices a second time with xavier_uniform_; that pass is not in the table.",
        "nn.Transformer 会再用 xavier_uniform_ 重设一遍全部矩阵；表中不含这一步。",
    ),
)
def torch_defaults() -> tuple[Rule, ...]:
    """Every layer as ``torch.nn`` constructs it; what a layer starts from does not depend on the model around it.

    Fans are torch's, read off the bare shape: for a transposed convolution and a packed ``in_proj_weight`` that is not
    the layer's true fan, and this recipe keeps it so. ``nn.Transformer`` goes over all its matrices a second time with
    ``xavier_uniform_``; that pass of one model is not in the table.

    Source: ``reset_parameters`` and ``_reset_parameters`` in ``torch/nn/modules``: linear.py, conv.py, sparse.py,
    batchnorm.py, normalization.py, rnn.py, activation.py.
    """
    default = init.torch_default()
    norms = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
    return (
        # The output projection of attention: MultiheadAttention sets its bias to zero.
        rule(NonDynamicallyQuantizableLinear, name="attention output", weight=default, bias=init.zeros()),
        rule((nn.Linear, nn.Bilinear, _ConvNd), name="linear and conv", weight=default, bias=default),
        rule(EMBEDDING, name="embedding", weight=init.normal()),
        rule(norms, name="norm", weight=init.ones(), bias=init.zeros()),
        rule(RECURRENT, name="recurrent", **globs({"*": init.torch_default_rnn()})),
        attention(init.xavier_uniform(fans="tensor"), init.xavier_normal(fans="tensor")),
        rule(nn.PReLU, weight=init.constant(0.25)),
    )


RECIPES = (torch_defaults,)
