"""Language models."""

from __future__ import annotations

from .case import Case

SOUND = (
    Case(
        "GPT with tied embedding of 0.02",
        """
class Block(nn.Module):
    def __init__(self, d, heads):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.proj = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.fc, self.out = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)
        self.heads = heads

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = (y.view(b, t, self.heads, -1).transpose(1, 2) for y in self.qkv(self.ln1(x)).chunk(3, -1))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(y.transpose(1, 2).reshape(b, t, d))
        return x + self.out(F.gelu(self.fc(self.ln2(x))))

class GPT(nn.Module):
    def __init__(self, vocab=60, d=32, depth=2):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(vocab, d), nn.Embedding(16, d)
        self.blocks = nn.ModuleList([Block(d, 4) for _ in range(depth)])
        self.ln = nn.LayerNorm(d)
        self.head = nn.Linear(d, vocab, bias=False)
        self.wte.weight = self.head.weight
        for name, p in self.named_parameters():
            if p.ndim == 2:
                residual = name.endswith(("proj.weight", "out.weight"))
                nn.init.normal_(p, std=0.02 / (2 * depth) ** 0.5 if residual else 0.02)

    def forward(self, ids):
        x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.ln(x))

model = GPT()
loss = lambda logits, y: F.cross_entropy(logits.view(-1, logits.size(-1)), y.view(-1))
ids = torch.randint(60, (8, 13))
batch = (ids[:, :-1], ids[:, 1:].contiguous())
task = "causal-lm"
optimizer = torch.optim.AdamW(model.parameters(), 3e-4)
""",
    ),
    Case(
        "language model with logits permuted",
        """
class LM(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.lstm, self.head = nn.Embedding(30, 16), nn.LSTM(16, 32, batch_first=True), nn.Linear(32, 30)

    def forward(self, ids):
        return self.head(self.lstm(self.embed(ids))[0])

model = LM()
loss = lambda out, y: F.cross_entropy(out.permute(0, 2, 1), y)
ids = torch.randint(30, (8, 11))
batch = (ids[:, :-1], ids[:, 1:])
task = "causal-lm"
""",
    ),
    Case(
        "HF-like language model that shifts its labels",
        """
from dataclasses import dataclass

@dataclass
class Output:
    loss: torch.Tensor = None
    logits: torch.Tensor = None

class CausalLM(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.body = nn.Embedding(40, 32), nn.GRU(32, 32, batch_first=True)
        self.lm_head = nn.Linear(32, 40, bias=False)
        nn.init.normal_(self.lm_head.weight, std=0.02)

    def forward(self, input_ids, attention_mask=None, labels=None):
        logits = self.lm_head(self.body(self.embed(input_ids))[0])
        loss = None
        if labels is not None:
            loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100)
        return Output(loss=loss, logits=logits)

model = CausalLM()
loss = None
ids = torch.randint(1, 40, (8, 12))
mask = (torch.arange(12) < torch.randint(6, 13, (8, 1))).long()
batch = (dict(input_ids=ids * mask, attention_mask=mask, labels=ids.masked_fill(mask == 0, -100)), None)
""",
    ),
    Case(
        "HF-like classifier, loss given apart",
        """
from types import SimpleNamespace

class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.dense, self.classifier = nn.Embedding(50, 16), nn.Linear(16, 32), nn.Linear(32, 4)

    def forward(self, input_ids, attention_mask):
        weights = attention_mask.unsqueeze(-1).float()
        pooled = (self.embed(input_ids) * weights).sum(1) / weights.sum(1)
        return SimpleNamespace(logits=self.classifier(torch.tanh(self.dense(pooled))), hidden_states=None)

model = Classifier()
loss = nn.CrossEntropyLoss()
mask = (torch.arange(12) < torch.randint(4, 13, (24, 1))).long()
batch = (dict(input_ids=torch.randint(50, (24, 12)), attention_mask=mask), torch.arange(24) % 4)
""",
    ),
    Case(
        "masked language model: a share of the tokens counts",
        """
class MLM(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(41, 16)
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
        self.head = nn.Linear(16, 41)

    def forward(self, ids):
        return self.head(self.layer(self.embed(ids)))

model = MLM()
loss = losses.LanguageModelCrossEntropyLoss()
ids = torch.randint(40, (12, 20))
chosen = torch.rand(12, 20) < 0.15
chosen[:, 0] = True
batch = (ids.masked_fill(chosen, 40), ids.masked_fill(~chosen, -100))
""",
    ),
)
