"""Which rule belongs to which operation."""

from __future__ import annotations

from ._contraction import added_product, attention, linear, log_softmax, matrix_product, softmax
from ._layers import bilinear, convolution, embedding, glu
from ._pointwise import pointwise, prelu
from ._record import Call
from ._recurrent import CELLS, cell, packed, recurrent, unpacked
from ._statistics import (
    average_pool,
    batch_norm,
    deviation,
    group_norm,
    layer_norm,
    max_pool,
    mean,
    rms_norm,
    upsample,
)
from ._views import copied, dropout, expand, filled, joined, padded, pieces, random, transpose, unchanged, view, written
from ._walk import Rule
from ._watch import ATTENTION, UNPACK


def _named(rule: Rule, *names: str) -> dict[str, Rule]:
    return {f"aten.{name}": rule for name in names}


RULES: dict[str, Rule] = {
    **_named(view, "view", "_unsafe_view", "reshape", "unsqueeze", "squeeze", "_reshape_alias", "flatten"),
    **_named(unchanged, "clone", "alias", "detach", "_to_copy", "contiguous", "lift_fresh", "lift_fresh_copy", "roll"),
    **_named(unchanged, "flip", "channel_shuffle"),
    **_named(transpose, "transpose", "t", "permute", "numpy_T"),
    **_named(expand, "expand", "repeat", "repeat_interleave"),
    **_named(pieces, "slice", "select", "split", "split_with_sizes", "unsafe_split", "unsafe_split_with_sizes"),
    **_named(pieces, "unbind", "chunk", "unsafe_chunk", "index", "index_select", "gather", "narrow", "as_strided"),
    **_named(pieces, "unfold", "im2col", "pixel_shuffle", "pixel_unshuffle", "diagonal", "masked_select"),
    **_named(pieces, "reflection_pad1d", "reflection_pad2d", "replication_pad1d", "replication_pad2d"),
    **_named(joined, "cat", "stack"),
    **_named(padded, "constant_pad_nd", "tril", "triu"),
    **_named(copied, "copy_", "copy"),
    **_named(dropout, "native_dropout"),
    **_named(random, "rand", "randn", "rand_like", "randn_like", "bernoulli", "uniform", "normal"),
    **_named(random, "empty", "empty_like", "new_empty", "empty_strided"),
    **_named(filled, "zeros", "ones", "full", "zeros_like", "ones_like", "full_like", "new_zeros", "new_ones"),
    **_named(filled, "new_full", "zero", "fill", "scalar_tensor"),
    **_named(matrix_product, "mm", "bmm", "mv", "matmul"),
    **_named(added_product, "addmm", "baddbmm", "addmv", "addbmm"),
    **_named(linear, "linear"),
    **_named(convolution, "convolution"),
    **_named(embedding, "embedding"),
    **_named(bilinear, "_trilinear"),
    **_named(glu, "glu"),
    **_named(softmax, "_softmax", "_safe_softmax", "softmax"),
    **_named(log_softmax, "_log_softmax"),
    **_named(prelu, "_prelu_kernel"),
    **_named(attention, "_scaled_dot_product_flash_attention_for_cpu", "_scaled_dot_product_flash_attention"),
    **_named(attention, "_scaled_dot_product_efficient_attention", "_scaled_dot_product_cudnn_attention"),
    **_named(layer_norm, "native_layer_norm"),
    **_named(rms_norm, "_fused_rms_norm"),
    **_named(group_norm, "native_group_norm"),
    **_named(batch_norm, "native_batch_norm", "_native_batch_norm_legit", "_native_batch_norm_legit_functional"),
    **_named(batch_norm, "cudnn_batch_norm", "_native_batch_norm_legit_no_training", "_batch_norm_with_update"),
    **_named(mean, "mean", "sum"),
    **_named(deviation, "var", "std", "var_mean", "std_mean", "linalg_vector_norm", "norm"),
    **_named(average_pool, "avg_pool1d", "avg_pool2d", "avg_pool3d", "_adaptive_avg_pool2d", "_adaptive_avg_pool3d"),
    **_named(max_pool, "max_pool2d_with_indices", "max_pool3d_with_indices", "adaptive_max_pool2d", "amax", "max"),
    **_named(max_pool, "adaptive_max_pool3d"),
    **_named(upsample, "upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d", "_upsample_nearest_exact2d"),
    **_named(upsample, "upsample_bilinear2d", "upsample_linear1d", "upsample_trilinear3d"),
    **dict.fromkeys(CELLS, recurrent),
    **{f"{name}_cell": cell for name in CELLS},
    **_named(packed, "_pack_padded_sequence"),
    UNPACK: unpacked,
    ATTENTION: attention,
    "write": written,
}


def rule_of(call: Call) -> Rule:
    """The rule an operation has."""
    return RULES.get(call.op) or RULES.get(call.op.removesuffix("_")) or pointwise
