"""The names that libraries give to the parts of a model, as regular expressions over one component of a path."""

from __future__ import annotations

import re


def _words(*words: str) -> re.Pattern[str]:
    """Matches a component that is one of ``words``, whatever the case."""
    return re.compile(f"(?:{'|'.join(words)})", re.IGNORECASE)


def _projection(letter: str, word: str) -> re.Pattern[str]:
    """The projection to queries, keys or values: ``q``, ``q_proj``, ``to_q``, ``wq``, ``query``, ``linear_q`` ..."""
    return _words(
        f"{letter}(?:_?(?:proj|projection|lin|linear|net|fc|attn|a_proj|b_proj))?",
        f"(?:to|w|fc|lin|linear|proj|add)_?{letter}(?:_proj|_[ab])?",
        f"(?:to_|w_?|linear_|fc_)?{word}(?:s|_?(?:proj|projection|layer|net|linear))?",
    )


ATTENTION = re.compile(r"attn|attention|(?:^|_)mha(?:$|_)|^sa$|^ca$", re.IGNORECASE)
"""Part of the name or the type of a module that holds queries, keys and values."""
CROSS = re.compile(r"cross|enc(?:oder)?_?dec|encoder_attn|^attn2$|^ca$|multihead_attn", re.IGNORECASE)
"""Attention to another sequence."""
MLP = re.compile(
    r"mlp|ffn|feed_?forward|^ffwd$|^ff\d*$|intermediate|^dense(?:re|ge|gated)|glu$|moe|experts?$", re.IGNORECASE
)
"""Part of the name or the type of a module that holds the layers of a block's MLP."""

QUERY, KEY, VALUE = _projection("q", "query"), _projection("k", "key"), _projection("v", "value")
PACKED = _words(
    "qkv", "c_attn", "in_proj", "query_key_value", "w_?qkv", "(?:to|in_proj|linear|proj)_qkv",
    "qkv_(?:proj|net|linear)", "kv", "to_kv", "kv_proj", "w_?kv", "key_value",
    "w?kv_[ab](?:_proj)?(?:_with_mqa)?",
)  # fmt: skip
ATTENTION_OUT = _words(
    "o", "out", "o_proj", "out_proj", "c_proj", "proj", "projection", "dense", "w_?o", "to_out", "to_add_out",
    "out_lin", "output", "fc_o(?:ut)?", "output_projection", "linear_out", "proj_attn", "unifyheads", "output_proj",
    "attn_out(?:_proj)?", "attention_out(?:_proj)?",
)  # fmt: skip
GATE = _words("gate_proj", "gate", "w_?gate", "wi_0", "gate_layer", "linear_gate")
MLP_IN = _words(
    "fc_?1", "c_fc", "up_proj", "gate_up_proj", "wi", "wi_1", "lin_?1", "linear_?1", "dense_?1", "dense_h_to_4h",
    "fc_in", "up", "w3", "w1", "w12", "intermediate", "intermediate_dense", "proj_in", "conv_?1", "expand",
)  # fmt: skip
MLP_OUT = _words(
    "fc_?2", "c_proj", "down_proj", "wo", "lin_?2", "linear_?2", "dense_?2", "dense_4h_to_h", "fc_out", "down", "w2",
    "output", "output_dense", "proj_out", "conv_?2", "out_proj",
)  # fmt: skip
EXPERTS = re.compile(r"\.\w*experts?(?=\.|$)", re.IGNORECASE)
"""Where the name of an expert, or of what holds them, begins in a path."""
ROUTER = _words("router", "gate", "wg", "classifier", "switch")
MODULATION = re.compile(r"ada_?(?:ln|norm|layer_?norm|group_?norm|_single)|modulation|^film$", re.IGNORECASE)
SHORTCUT = re.compile(
    r"down_?sample|shortcut|skip(?:$|_)|identity|(?:^|_)projection|res_conv|residual_conv|conv_shortcut|nin",
    re.IGNORECASE,
)
SQUEEZE = re.compile(r"^(?:se|c?eca)(?:_?(?:module|layer|block|unit))?$|^cbam|squeeze_?(?:and_?)?excit", re.IGNORECASE)
"""A gate on the channels of a branch, beside its layers: part of a name, or of the type of a module around."""
HEAD = _words(
    "(?:lm_|cls_|mc_)?head", "(?:pre_|cls_|distillation_)?classifier", "fc", "score", "heads", "qa_outputs",
    "embed_out", "head_dist", "logits", "output_projection", "cls", "to_logits", "output_layer", "final_layer",
    "classification_head", "decoder", "last_linear",
)  # fmt: skip
POLICY = _words(
    r"actor(?:_\w+)?", "action_(?:net|head|layer|out|output)", "policy(?:_(?:net|head|layer|out|output))?", "pi"
)
"""The part of an agent that chooses what to do."""
CRITIC = _words(r"critic(?:_\w+)?", "value_(?:net|head|fn|layer|out|output)", "v_head", "vf", "baseline")
"""The part of an agent that tells what a state is worth."""
EXTRACTOR = re.compile("extractor", re.IGNORECASE)
"""What an agent's parts read: none of them."""
POSITION = re.compile(r"(?:^|_)(?:wpe|pos|posit\w*|pe)(?:_|$)|pos_?emb", re.IGNORECASE)
TOKEN_TYPE = re.compile(r"token_?type|segment|(?:^|_)tte", re.IGNORECASE)
LABEL = re.compile(r"label|class_emb|(?:^|_)y_emb|(?:^|_)cond", re.IGNORECASE)
RELATIVE = re.compile(r"relative|rel_pos|(?:^|_)[rc]pb(?:$|_)|bias", re.IGNORECASE)
TIME = re.compile(r"time_?(?:emb|mlp|proj|embed)|(?:^|_)t_emb|timestep|map_layer|map_noise|map_label", re.IGNORECASE)
PARALLEL = re.compile(r"heads?$|experts?$|branch|tower", re.IGNORECASE)
"""A list of modules that stand side by side, not one after the other."""
LISTED = re.compile(r"(.*?)(\d+)")
"""A component that numbers its module: ``3``, ``layer3``, ``block_3``."""
