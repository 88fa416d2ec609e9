"""Losses kept well elsewhere: large vocabularies, transducers and preference trainers."""

from __future__ import annotations

from ._pointer import pointer
from ._spec import Argument, Equivalent, LossSpec, Option, Paper, Text

_FEATURES = "features before the last layer", "最后一层之前的特征"
_LAYER = "W, the last layer's weight", "W，最后一层的权重"
_FUSED = r"-\log \text{softmax}(W x)_y"

LIGER = pointer(
    "liger_kernel.transformers.LigerFusedLinearCrossEntropyLoss",
    title=Text("Fused linear cross-entropy in Triton (Liger)", "Triton 融合线性交叉熵（Liger）"),
    aliases=("liger", "fused cross entropy", "triton cross entropy", "融合交叉熵"),
    family="language",
    purpose=Text(
        "The last layer and cross-entropy of a language model, in chunks on the GPU: logits never exist all at once. "
        "With "
        "soft capping, z-loss, class weights and label smoothing.",
        "在 GPU 上分块计算语言模型的最后一层与交叉熵，logits 从不同时存在。支持 softcap、z-loss、类别权重与标签平滑。",
    ),
    formula=_FUSED,
    papers=(Paper("Hsu et al. 2024", "Liger Kernel: Efficient Triton Kernels for LLM Training", "arXiv:2410.10989"),),
    arguments=(
        Argument("lin_weight", "parameters", "V F", *_LAYER),
        Argument("_input", "values", "N F", *_FEATURES),
        Argument("target", "class", "N"),
    ),
    unit="token",
    options=(
        Option("ignore_index", Text("target that does not count; default -100", "不计入的目标值；默认 -100")),
        Option("lse_square_scale", Text("weight of the z-loss; default 0", "z-loss 的权重；默认 0")),
        Option("softcap", Text("s tanh(z / s) instead of z; default None", "以 s tanh(z / s) 代替 z；默认 None")),
    ),
    code="""
from liger_kernel.transformers import LigerFusedLinearCrossEntropyLoss

loss = LigerFusedLinearCrossEntropyLoss()(model.lm_head.weight, hidden.flatten(0, 1), labels.flatten())
""",
    hazards=(
        Text(
            "The weight comes first, unlike torch's. Shift the labels yourself.",
            "权重是第一个参数，与 torch 不同。标签需自行错位。",
        ),
        Text(
            "Gradients are computed in the forward pass: no gradient of the gradient, and evaluation under grad mode "
            "pays for "
            "them.",
            "梯度在前向时就已算出：不支持二阶梯度；评估时若未关闭梯度也要为此付出代价。",
        ),
    ),
    avoid=Text(
        "Without a GPU that runs Triton: torch.nn.LinearCrossEntropyLoss with options, or "
        "language_model_cross_entropy.",
        "没有能运行 Triton 的 GPU 时：用带 options 的 torch.nn.LinearCrossEntropyLoss，或 "
        "language_model_cross_entropy。",
    ),
    equivalents=(
        Equivalent("torch.nn.LinearCrossEntropyLoss", Text("without softcap and z-loss", "没有 softcap 与 z-loss")),
        Equivalent("cut_cross_entropy.linear_cross_entropy", Text("less memory still", "更省显存")),
    ),
)

CCE = pointer(
    "cut_cross_entropy.linear_cross_entropy",
    title=Text("Cut cross-entropy", "Cut Cross-Entropy"),
    aliases=("cce", "cut cross entropy", "memory efficient cross entropy", "省显存交叉熵"),
    family="language",
    purpose=Text(
        "Cross-entropy of a linear layer whose logits are never written to memory, for the largest vocabularies.",
        "线性层的交叉熵，logits 从不写入显存，适用于最大的词表。",
    ),
    formula=_FUSED,
    papers=(Paper("Wijmans et al. 2025", "Cut Your Losses in Large-Vocabulary Language Models", "arXiv:2411.09009"),),
    arguments=(
        Argument("e", "values", "N * F", *_FEATURES),
        Argument("c", "parameters", "V F", *_LAYER),
        Argument("targets", "class", "N *"),
    ),
    unit="token",
    options=(
        Option(
            "shift",
            Text("compares token t with target t + 1; default False", "把第 t 个词元与第 t + 1 个目标比较；默认 False"),
        ),
        Option("softcap", Text("s tanh(z / s) instead of z; default None", "以 s tanh(z / s) 代替 z；默认 None")),
        Option(
            "impl",
            Text(
                "'cce' needs Triton, 'torch_compile' does not; default 'cce'",
                "'cce' 需要 Triton，'torch_compile' 不需要；默认 'cce'",
            ),
        ),
    ),
    code="""
from cut_cross_entropy import linear_cross_entropy

loss = linear_cross_entropy(hidden, model.lm_head.weight, labels, shift=True)
""",
    hazards=(
        Text(
            "Gradients that would vanish in half precision are skipped (filter_eps): small differences from the exact "
            "ones "
            "are wanted.",
            "在半精度下会消失的梯度被跳过（filter_eps）：与精确梯度的微小差别是有意为之。",
        ),
    ),
    avoid=Text(
        "The vocabulary is small, or logits are needed: language_model_cross_entropy.",
        "词表不大，或需要 logits 时：用 language_model_cross_entropy。",
    ),
    equivalents=(
        Equivalent("torch.nn.LinearCrossEntropyLoss", Text("in chunks with options", "传入 options 时分块计算")),
    ),
)

LOSS_PARALLEL = pointer(
    "torch.distributed.tensor.parallel.loss_parallel",
    title=Text("Vocabulary-parallel cross-entropy", "词表并行交叉熵"),
    aliases=("loss_parallel", "vocab parallel", "tensor parallel cross entropy", "词表并行"),
    family="language",
    purpose=Text(
        "Cross-entropy of logits whose classes are spread over the ranks of a tensor-parallel model, without "
        "gathering them.",
        "张量并行模型中类别分散在各进程上时的交叉熵，无需收集 logits。",
    ),
    formula=r"-\log p_y",
    papers=(
        Paper(
            "Shoeybi et al. 2019",
            "Megatron-LM: Training Multi-Billion Parameter Language Models Using Model Parallelism",
            "arXiv:1909.08053",
            "sec. 3",
        ),
    ),
    arguments=(
        Argument("input", "logits", "N C", "a DTensor sharded over classes", "按类别切分的 DTensor"),
        Argument("target", "class", "N"),
    ),
    unit="token",
    code="""
import torch.nn.functional as F
from torch.distributed.tensor.parallel import loss_parallel

with loss_parallel():
    loss = F.cross_entropy(logits, target)  # logits: DTensor, Shard(1)
    loss.backward()  # inside the context, too
""",
    hazards=(
        Text("backward() belongs inside the context as well.", "backward() 也必须放在该上下文之内。"),
        Text("Only F.cross_entropy: label smoothing is an error.", "只支持 F.cross_entropy：使用标签平滑会报错。"),
    ),
    avoid=Text(
        "The logits are whole on each rank: language_model_cross_entropy; totals over ranks by reduction='total'.",
        "每个进程上 logits 都完整时：用 language_model_cross_entropy；跨进程合计用 reduction='total'。",
    ),
)

RNNT = pointer(
    "torchaudio.functional.rnnt_loss",
    title=Text("RNN transducer", "RNN-T 损失"),
    aliases=("rnnt", "rnn-t", "transducer", "transducer loss", "流式语音识别"),
    family="sequence",
    purpose=Text(
        "Streaming speech recognition: the sum over all alignments, where each label depends on those before it, which "
        "CTC leaves out.",
        "流式语音识别：对所有对齐求和，且每个标签依赖之前的标签，这是 CTC 所没有的。",
    ),
    formula=r"-\log \sum_{\pi \to y} \prod_{k} p(\pi_k \mid t_k, u_k)",
    papers=(Paper("Graves 2012", "Sequence Transduction with Recurrent Neural Networks", "arXiv:1211.3711"),),
    arguments=(
        Argument(
            "logits",
            "logits",
            "N T U C",
            "of the joiner; U is one more than the longest target",
            "joiner 的输出；U 比最长目标多 1",
        ),
        Argument("targets", "class", "N S", "int32, zero-padded; S = U - 1", "int32，补 0；S = U - 1"),
        Argument("logit_lengths", "counts", "N", "int32", "int32"),
        Argument("target_lengths", "counts", "N", "int32", "int32"),
    ),
    unit="sequence",
    options=(
        Option("blank", Text("default -1, the last class", "默认 -1，即最后一类")),
        Option(
            "fused_log_softmax",
            Text("False if log_softmax was applied; default True", "已做 log_softmax 时为 False；默认 True"),
        ),
    ),
    code="""
import torchaudio

loss = torchaudio.functional.rnnt_loss(logits, targets.int(), frames.int(), lengths.int(), blank=0)
""",
    hazards=(
        Text(
            "The blank is the last class by default, where CTCLoss has it first.",
            "空白符默认是最后一类，而 CTCLoss 是第一类。",
        ),
        Text(
            "The (N, T, U, C) logits are the memory of the whole model and more: k2.rnnt_loss_pruned needs a part of "
            "them.",
            "(N, T, U, C) 的 logits 占用的显存可超过整个模型：k2.rnnt_loss_pruned 只需其中一部分。",
        ),
        Text("The repository of torchaudio is no longer actively monitored.", "torchaudio 的仓库已无人积极维护。"),
    ),
    avoid=Text(
        "Labels are nearly independent given the sound: torch.nn.CTCLoss is simpler.",
        "给定语音后标签近乎独立时：torch.nn.CTCLoss 更简单。",
    ),
    equivalents=(Equivalent("fast_rnnt.rnnt_loss"),),
)

PRUNED_RNNT = pointer(
    "k2.rnnt_loss_pruned",
    title=Text("Pruned RNN transducer", "剪枝 RNN-T 损失"),
    aliases=("k2", "fast_rnnt", "pruned rnnt", "剪枝 transducer"),
    family="sequence",
    purpose=Text(
        "The RNN transducer with a few labels per frame: a simple joiner finds which, the full one is evaluated there "
        "only.",
        "每帧只保留少数标签的 RNN-T：先用简单的 joiner 找出它们，再只在这些位置计算完整的 joiner。",
    ),
    formula=r"-\log \sum_{\pi \to y} \prod_{k} p(\pi_k \mid t_k, u_k)",
    papers=(Paper("Kuang et al. 2022", "Pruned RNN-T for Fast, Memory-Efficient ASR Training", "arXiv:2206.13236"),),
    arguments=(
        Argument("logits", "logits", "N T R C", "of the joiner at R labels per frame", "每帧 R 个标签处 joiner 的输出"),
        Argument("symbols", "class", "N S"),
        Argument("ranges", "counts", "N T R", "from get_rnnt_prune_ranges", "来自 get_rnnt_prune_ranges"),
    ),
    unit="sequence",
    code="""
import k2

simple, (px, py) = k2.rnnt_loss_smoothed(
    lm=lm, am=am, symbols=symbols, termination_symbol=0, boundary=boundary, reduction="sum", return_grad=True
)
ranges = k2.get_rnnt_prune_ranges(px_grad=px, py_grad=py, boundary=boundary, s_range=5)
am, lm = k2.do_rnnt_pruning(am=am, lm=lm, ranges=ranges)
pruned = k2.rnnt_loss_pruned(
    logits=joiner(am, lm), symbols=symbols, ranges=ranges, termination_symbol=0, boundary=boundary, reduction="sum"
)
loss = 0.5 * simple + pruned
""",
    hazards=(
        Text(
            "Until the simple joiner has learned, the ranges are wrong: recipes begin with the simple loss alone.",
            "简单 joiner 学好之前，保留的范围并不可靠：通常先只用 simple 损失训练一段。",
        ),
    ),
    avoid=Text(
        "The full logits fit in memory: torchaudio.functional.rnnt_loss.",
        "完整 logits 放得进显存时：用 torchaudio.functional.rnnt_loss。",
    ),
    equivalents=(Equivalent("fast_rnnt.rnnt_loss_pruned", Text("the same code alone", "同一份代码的独立版本")),),
)

TRL = pointer(
    "trl.DPOTrainer",
    title=Text("Preference trainers", "偏好训练器"),
    aliases=("trl", "dpo trainer", "grpo trainer", "rlhf", "偏好对齐训练"),
    family="preference",
    purpose=Text(
        "Whole training loops around preference losses: data, reference model, generation, logging. DPOTrainer, "
        "KTOTrainer, "
        "RewardTrainer, GRPOTrainer, RLOOTrainer.",
        "围绕偏好损失的完整训练流程：数据、参考模型、生成与日志。DPOTrainer、KTOTrainer、RewardTrainer、GRPOTrainer、"
        "RLOOTrainer。",
    ),
    formula=r"-\log \sigma(\beta (\log \frac{\pi(y_w)}{\pi_0(y_w)} - \log \frac{\pi(y_l)}{\pi_0(y_l)}))",
    papers=(
        Paper(
            "Rafailov et al. 2023",
            "Direct Preference Optimization: Your Language Model Is Secretly a Reward Model",
            "arXiv:2305.18290",
            "eq. 7",
        ),
    ),
    arguments=(
        Argument(
            "train_dataset", "values", "N", "prompts with a chosen and a rejected answer", "带有优选与劣选回答的提示"
        ),
    ),
    unit="pair",
    options=(
        Option(
            "loss_type",
            Text(
                "of DPOConfig: 'sigmoid', 'ipo' and others; default 'sigmoid'",
                "DPOConfig 的参数：'sigmoid'、'ipo' 等；默认 'sigmoid'",
            ),
        ),
        Option("beta", Text("of DPOConfig: β; default 0.1", "DPOConfig 的参数：β；默认 0.1")),
    ),
    code="""
from trl import DPOConfig, DPOTrainer

trainer = DPOTrainer(model, args=DPOConfig(loss_type="sigmoid", beta=0.1), train_dataset=dataset)
trainer.train()
""",
    hazards=(
        Text("The losses are parts of the trainers and cannot be called alone.", "损失写在训练器内部，无法单独调用。"),
        Text(
            "The denominator differs by loss_type: sequences, tokens of a batch, or tokens of all ranks.",
            "分母因 loss_type 而异：序列数、一个批次的词元数，或所有进程的词元数。",
        ),
    ),
    avoid=Text(
        "You have a training loop: dpo_loss, robust_dpo_loss, ipo_loss, kto_loss, simpo_loss, orpo_loss, grpo_loss.",
        "已有自己的训练循环时：用 dpo_loss、robust_dpo_loss、ipo_loss、kto_loss、simpo_loss、orpo_loss、grpo_loss。",
    ),
    equivalents=(Equivalent("firststep.losses.functional.dpo_loss", Text("the loss alone", "仅损失本身")),),
)

ENTMAX = pointer(
    "entmax.Entmax15Loss",
    title=Text("Entmax 1.5", "Entmax 1.5 损失"),
    aliases=("entmax", "entmax15", "entmax loss"),
    family="classification",
    purpose=Text(
        "Between softmax and sparsemax: probabilities that can be exactly 0, with a gradient smoother than "
        "sparsemax's.",
        "介于 softmax 与 sparsemax 之间：概率可恰为 0，梯度比 sparsemax 更光滑。",
    ),
    formula=r"(p - e_y) \cdot z + H(p), \quad p = \text{entmax}(z)",
    papers=(Paper("Peters, Niculae, Martins 2019", "Sparse Sequence-to-Sequence Models", "arXiv:1905.05702"),),
    arguments=(Argument("X", "logits", "N C"), Argument("target", "class", "N")),
    unit="sample",
    options=(Option("k", Text("how many classes are looked at first; default 100", "首先考察的类别数；默认 100")),),
    code="""
import torch
from entmax import Entmax15Loss, entmax15

logits, target = torch.randn(4, 6), torch.arange(4)
loss = Entmax15Loss()(logits, target)
p = entmax15(logits, dim=1)  # as the probabilities, in place of softmax
""",
    hazards=(
        Text(
            "Predict with entmax15, not softmax: the logits mean something else here.",
            "预测时应使用 entmax15 而非 softmax：此处 logits 的含义不同。",
        ),
        Text(
            "A right class of probability 0 is allowed: perplexity is infinite, compare accuracies.",
            "正确类别的概率可以为 0：困惑度会是无穷，应比较准确率。",
        ),
    ),
    avoid=Text(
        "Zeros are enough, smoothness is not needed: sparsemax_loss.",
        "只需要零概率而不在乎光滑性时：用 sparsemax_loss。",
    ),
    equivalents=(
        Equivalent(
            "firststep.losses.functional.sparsemax_loss", Text("exponent 2 instead of 1.5", "指数为 2 而非 1.5")
        ),
    ),
)

SPECS: tuple[LossSpec, ...] = (LIGER, CCE, LOSS_PARALLEL, RNNT, PRUNED_RNNT, TRL, ENTMAX)
