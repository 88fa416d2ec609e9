"""Language models that decode: tables of rules, each equal to its source."""

from __future__ import annotations

from .. import init
from ..init import Scheme
from ..planning import Rule, role, rule, type_named
from ._entry import recipe
from ._plain import plain
from ._shared import globs
from ._types import EMBEDDING

PER_DEPTH, PER_LAYER = "1/sqrt(2*L)", "1/sqrt(2*(l+1))"
ROUTER = role("router") | type_named("*Router")
"""A layer, or a library's module of its own, that gives tokens to experts."""


@recipe(
    "gpt2",
    family="language",
    summary=(
        "N(0, 0.02^2), residual projections divided by sqrt(2 L), biases zero",
        "N(0, 0.02^2)，残差投影再除以 sqrt(2 L)，偏置为零",
    ),
    source="Radford et al. 2019, section 2.3; transformers, models/gpt2/modeling_gpt2.py; nanoGPT, model.py",
    checked=("transformers.GPT2LMHeadModel", "transformers.GPT2ForSequenceClassification"),
    differs=(
        "The code that OpenAI released sets positions to N(0, 0.01^2) and divides nothing: gpt2.openai.",
        "OpenAI 公布的代码把位置嵌入设为 N(0, 0.01^2)，且不做除法：见 gpt2.openai。",
    ),
)
def gpt2(*, std: float = 0.02) -> tuple[Rule, ...]:
    """GPT-2 as transformers and nanoGPT build it; L, the number of blocks, is counted."""
    normal = init.normal(std=std)
    return (_residual(init.scaled(normal, by=PER_DEPTH)), *plain(normal))


@recipe(
    "gpt2.openai",
    family="language",
    summary=(
        "N(0, 0.02^2), positions N(0, 0.01^2), residual projections like all others",
        "N(0, 0.02^2)，位置嵌入 N(0, 0.01^2)，残差投影与其他层相同",
    ),
    source="openai/gpt-2, src/model.py",
    differs=(
        "The paper divides residual projections by the root of the number of residual layers: gpt2.",
        "论文把残差投影除以残差层数的平方根：见 gpt2。",
    ),
)
def gpt2_openai(*, std: float = 0.02) -> tuple[Rule, ...]:
    """GPT-2 as OpenAI's released code builds it."""
    positions = init.normal(std=std / 2)
    return (
        rule(role("embedding.position"), name="positions", weight=positions),
        rule("*", name="positions of its own", **globs({"*pos*": positions})),
        *plain(init.normal(std=std)),
    )


@recipe(
    "gpt_neox",
    family="language",
    summary=("N(0, 2/(5 d)), residual projections N(0, 4/(L^2 d))", "N(0, 2/(5 d))，残差投影 N(0, 4/(L^2 d))"),
    source=(
        "Black et al. 2022, GPT-NeoX-20B (2204.06745), section 2.1; gpt-neox, megatron/model/init_functions.py, "
        "small_init and wang_init"
    ),
    differs=(
        "transformers gives the same architecture N(0, 0.02^2) everywhere: gpt_neox.hf.",
        "transformers 对同一架构一律使用 N(0, 0.02^2)：见 gpt_neox.hf。",
    ),
)
def gpt_neox() -> tuple[Rule, ...]:
    """GPT-NeoX-20B: small_init, and wang_init where a residual branch ends; d is the width of the model in both."""
    return (_residual(init.scaled(init.normal(), by="2/(L*sqrt(d))")), *plain(init.small_init(), fans=True))


@recipe(
    "gpt_neox_20b",
    family="language",
    summary=("gpt_neox by the name of the model", "gpt_neox 的模型名"),
    source="as gpt_neox",
)
def gpt_neox_20b() -> tuple[Rule, ...]:
    """``gpt_neox``."""
    return tuple(gpt_neox.make())


@recipe(
    "gpt_neox.hf",
    family="language",
    summary=("N(0, 0.02^2) everywhere, biases zero", "一律 N(0, 0.02^2)，偏置为零"),
    source="transformers, PreTrainedModel._init_weights in modeling_utils.py",
    checked=("transformers.GPTNeoXForCausalLM",),
    differs=(
        "The authors' code knows the width and the depth: gpt_neox.",
        "作者的代码依宽度与深度而定：见 gpt_neox。",
    ),
)
def gpt_neox_hf(*, std: float = 0.02) -> tuple[Rule, ...]:
    """GPT-NeoX as transformers builds it."""
    return plain(init.normal(std=std))


@recipe(
    "llama.hf",
    family="language",
    summary=("N(0, 0.02^2) everywhere, norms the identity", "一律 N(0, 0.02^2)，归一化层为恒等"),
    source="transformers, PreTrainedModel._init_weights in modeling_utils.py",
    checked=(
        "transformers.LlamaForCausalLM",
        "transformers.MistralForCausalLM",
        "transformers.Qwen2ForCausalLM",
        "transformers.Qwen3ForCausalLM",
        "transformers.Phi3ForCausalLM",
        "transformers.GemmaForCausalLM",
        "transformers.FalconForCausalLM",
        "transformers.OPTForCausalLM",
    ),
)
def llama_hf(*, std: float = 0.02) -> tuple[Rule, ...]:
    """LLaMA, and the many models like it, as transformers builds them; the norms of Gemma, which add 1, start at 0."""
    return _of_transformers(init.normal(std=std))


@recipe(
    "mixtral.hf",
    family="language",
    summary=("N(0, 0.02^2) everywhere, experts and router too", "一律 N(0, 0.02^2)，专家与路由器亦然"),
    source="transformers, models/mixtral/modeling_mixtral.py, models/deepseek_v3/modeling_deepseek_v3.py",
    checked=(
        "transformers.MixtralForCausalLM",
        "transformers.DeepseekV3ForCausalLM",
        "transformers.Qwen3MoeForCausalLM",
        "transformers.GptOssForCausalLM",
    ),
)
def mixtral_hf(*, std: float = 0.02) -> tuple[Rule, ...]:
    """Mixtral, DeepSeek-V3 and other mixtures of experts as transformers builds them."""
    return _of_transformers(init.normal(std=std))


@recipe(
    "llama.torchtitan",
    family="language",
    summary=(
        "embeddings N(0, 1), else 0.02, divided by sqrt(2 (l + 1)) in wo, w2 and w3 of block l, head d^(-1/2)",
        "词嵌入 N(0, 1)；其余为 0.02，其中第 l 块的 wo、w2、w3 除以 sqrt(2 (l + 1))；输出层 d^(-1/2)",
    ),
    source="torchtitan, models/llama3/__init__.py and models/common/param_init.py",
    differs=(
        "The up projection (w3) is divided too, not only the down projection (w2): in OLMo-core as well, in Megatron "
        "not.",
        "除下投影（w2）外，上投影（w3）也做除法；OLMo-core 亦如此，Megatron 则否。",
    ),
)
def llama_torchtitan(*, std: float = 0.02) -> tuple[Rule, ...]:
    """LLaMA 3 as torchtitan builds it. Its truncated normals have the absolute bounds of ``torch.nn.init``, ±2.

    Of an MLP without a gate, which LLaMA has not, both layers are divided.
    """
    base = init.trunc_normal_torch(std=std)
    return _by_block(base, init.scaled(base, by=PER_LAYER), init.normal())


@recipe(
    "deepseek_v3.torchtitan",
    family="language",
    summary=(
        "llama.torchtitan with experts: w1 0.02, w2, w3 and the router divided by sqrt(2 (l + 1))",
        "带专家的 llama.torchtitan：w1 为 0.02，w2、w3 与路由器除以 sqrt(2 (l + 1))",
    ),
    source="torchtitan, models/deepseek_v3/model/model.py, models/moe.py and models/common/param_init.py",
    differs=(
        "Where gate and up projection of the experts are one parameter (gate_up_proj), it starts as the gate does.",
        "若专家的门投影与上投影合为一个参数（gate_up_proj），按门投影初始化。",
    ),
)
def deepseek_v3_torchtitan(*, std: float = 0.02) -> tuple[Rule, ...]:
    """DeepSeek-V3 as torchtitan builds it: latent attention, dense first blocks, then experts."""
    return tuple(llama_torchtitan.make(std=std))


@recipe(
    "llama.olmo",
    family="language",
    summary=(
        "embeddings N(0, 1), else 0.02 cut off at 3 std, divided by sqrt(2 L) in w_out, w2 and w3, head d^(-1/2)",
        "词嵌入 N(0, 1)；其余为截断于 3 倍标准差的正态：0.02，其中 w_out、w2、w3 除以 sqrt(2 L)；输出层 d^(-1/2)",
    ),
    source="OLMo-core, src/olmo_core/nn/transformer/init.py, InitMethod.llama and llama_depth",
    differs=(
        "In a mixture of experts OLMo-core divides w1 and the router as well: so does this recipe.",
        "在专家混合中，OLMo-core 对 w1 与路由器也做除法：本配方相同。",
    ),
)
def llama_olmo(*, std: float = 0.02, per_layer: bool = False) -> tuple[Rule, ...]:
    """LLaMA as OLMo-core builds it; with ``per_layer`` it divides by sqrt(2 (l + 1)), its ``llama_depth``."""
    base = init.trunc_normal(std=std, bounds=(-3.0, 3.0))
    out = init.scaled(base, by=PER_LAYER if per_layer else PER_DEPTH)
    return (
        *_experts(out, out),
        rule(ROUTER, name="router", weight=out, bias=init.zeros()),
        *_by_block(base, out, init.normal()),
    )


@recipe(
    "llama.megatron",
    family="language",
    summary=(
        "normals cut off at 3 std: 0.02, residual projections divided by sqrt(2 L), head d^(-1/2)",
        "截断于 3 倍标准差的正态：0.02，残差投影除以 sqrt(2 L)，输出层 d^(-1/2)",
    ),
    source="OLMo, olmo/model.py, InitFnType.full_megatron: what Llama 2 used, by its account",
    differs=(
        "Megatron-LM itself cuts nothing off, and gives the head 0.02.",
        "Megatron-LM 本身不截断，输出层为 0.02。",
    ),
)
def llama_megatron(*, std: float = 0.02) -> tuple[Rule, ...]:
    """LLaMA 2 as OLMo rebuilds it."""
    base = init.trunc_normal(std=std, bounds=(-3.0, 3.0))
    return (
        rule(role("head"), name="head", weight=init.mitchell_in(), bias=init.zeros()),
        _residual(init.scaled(base, by=PER_DEPTH)),
        *plain(base),
    )


@recipe(
    "mitchell",
    family="language",
    summary=(
        "1/sqrt(fan_in), divided by sqrt(2 (l + 1)) where a branch ends, normals cut off at 3 std",
        "1/sqrt(fan_in)，分支末端再除以 sqrt(2 (l + 1))，正态截断于 3 倍标准差",
    ),
    source="OLMo, olmo/model.py, InitFnType.mitchell",
)
def mitchell() -> tuple[Rule, ...]:
    """OLMo's own start; embeddings and positions have std 1/sqrt(d)."""
    fan_in = init.mitchell_in()
    return (_residual(init.scaled(fan_in, by=PER_LAYER)), *plain(fan_in, fans=True))


@recipe(
    "normalized",
    family="language",
    summary=(
        "nGPT: d^(-1/2) everywhere, residual projections divided by sqrt(2 L)",
        "nGPT：一律 d^(-1/2)，残差投影除以 sqrt(2 L)",
    ),
    source=(
        "Loshchilov et al. 2024, nGPT (2410.01131); OLMo-core, src/olmo_core/nn/transformer/init.py, "
        "InitMethod.normalized"
    ),
    differs=(
        "OLMo-core's normals, which are followed, are cut off at 3 std; the paper's are not.",
        "采用 OLMo-core 的做法，正态截断于 3 倍标准差；论文不截断。",
    ),
)
def normalized() -> tuple[Rule, ...]:
    """nGPT's weights, before they are normalized, and its scales: those of alpha, of queries and keys, and of logits
    are stored as d^(-1/2), those of the MLP as 1."""
    base = init.trunc_normal(bounds=(-3.0, 3.0))
    width, stored = init.scaled(base, by="1/sqrt(d)"), init.by_index("1/sqrt(d)")
    ones = dict.fromkeys(("suv", "su", "sv", "sw1", "sw3"), init.ones())
    return (
        rule(
            "*",
            name="nGPT's scales",
            **globs({"*alpha*": stored, **dict.fromkeys(("sqk", "sq", "sk", "sz"), stored), **ones}),
        ),
        rule(role("head"), name="head", weight=init.mitchell_in(), bias=init.zeros()),
        _residual(init.scaled(width, by=PER_DEPTH)),
        rule(EMBEDDING, name="embedding", weight=init.scaled(init.normal(), by="1/sqrt(fan_in)")),
        *plain(width),
    )


def _of_transformers(scheme: Scheme) -> tuple[Rule, ...]:
    """:func:`plain`, and the one router whose bias transformers draws."""
    drawn = rule(type_named("GptOssTopKRouter"), name="router with a drawn bias", weight=scheme, bias=scheme)
    return (drawn, *plain(scheme))


def _residual(scheme: Scheme) -> Rule:
    """The rule for what ends a residual branch."""
    return rule(role("residual_out"), name="residual projection", weight=scheme, bias=init.zeros())


def _experts(first: Scheme, rest: Scheme) -> tuple[Rule, ...]:
    """Experts whose matrices are stacked into parameters; a packed gate and up projection starts as the gate."""
    return (
        rule(
            role("experts"),
            name="experts",
            **globs(
                {
                    "*bias*": init.zeros(),
                    "w1": first,
                    "gate*": first,
                    "w2": rest,
                    "w3": rest,
                    "up*": rest,
                    "down*": rest,
                }
            ),
        ),
    )


def _by_block(base: Scheme, out: Scheme, embedding: Scheme) -> tuple[Rule, ...]:
    """torchtitan's and OLMo-core's table: everything in a block but queries, keys, values and gates is divided."""
    return (
        rule(role("head"), name="head", weight=init.mitchell_in(), bias=init.zeros()),
        _residual(out),
        rule(role("mlp.in"), name="up projection", weight=out, bias=init.zeros()),
        rule(ROUTER, name="router", weight=out, bias=init.zeros()),
        *_experts(base, out),
        rule(EMBEDDING, name="embedding", weight=embedding),
        *plain(base),
    )


RECIPES = (
    gpt2,
    gpt2_openai,
    gpt_neox,
    gpt_neox_20b,
    gpt_neox_hf,
    llama_hf,
    llama_torchtitan,
    llama_olmo,
    llama_megatron,
    mixtral_hf,
    deepseek_v3_torchtitan,
    mitchell,
    normalized,
)
