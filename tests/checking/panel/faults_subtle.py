"""Mistakes that run without a word and hide well."""

from __future__ import annotations

from .case import Case

FAULTS = (
    Case(
        "the probabilities taken of a pair of logits and probabilities",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net, self.softmax = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5)), nn.Softmax(dim=1)

    def forward(self, x):
        logits = self.net(x)
        return logits, self.softmax(logits)

model = Net()
loss = lambda out, y: F.cross_entropy(out[1], y)
batch = (torch.randn(60, 20), torch.arange(60) % 5)
""",
        {"FS101"},
    ),
    Case(
        "sigmoid in the model and again in the loss",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1), nn.Sigmoid())
loss = lambda out, y: F.binary_cross_entropy(torch.sigmoid(out), y)
batch = (torch.randn(60, 20), torch.randint(2, (60, 1)).float())
""",
        {"FS104"},
    ),
    Case(
        "logarithm of a softmax before cross-entropy",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))

    def forward(self, x):
        return torch.log(self.net(x).softmax(1) + 1e-8)

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(60, 20), torch.arange(60) % 5)
""",
        {"FS102", "FS101", "FS108"},
    ),
    Case(
        "a step for each time against [N, T]",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru, self.head = nn.GRU(3, 16, batch_first=True), nn.Linear(16, 1)

    def forward(self, x):
        return self.head(self.gru(x)[0])

model = Net()
loss = nn.MSELoss()
batch = (torch.randn(12, 12, 3), torch.randn(12, 12))
""",
        {"FS201"},
    ),
    Case(
        "weights by 1 / count where a class is absent",
        """
labels = torch.tensor([0, 1, 3] * 20)
counts = torch.bincount(labels, minlength=4).float()
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
loss = nn.CrossEntropyLoss(weight=counts.sum() / counts)
batch = (torch.randn(60, 20), labels)
""",
        {"FS210"},
    ),
    Case(
        "masks as booleans for BCEWithLogits",
        """
model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 1))
loss = nn.BCEWithLogitsLoss()
batch = (torch.randn(4, 1, 10, 10), torch.rand(4, 1, 10, 10) > 0.5)
""",
        {"FS206"},
    ),
    Case(
        "every block sees the first input",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.head = nn.Linear(20, 32), nn.Linear(32, 5)
        self.blocks = nn.ModuleList([nn.Sequential(nn.Linear(32, 32), nn.ReLU()) for _ in range(3)])

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            y = block(x)
        return self.head(y)

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(60, 20), torch.arange(60) % 5)
""",
        {"FS502"},
    ),
    Case(
        "a tensor that backward needs changed in place",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(20, 64), nn.Linear(64, 5)

    def forward(self, x):
        h = torch.sigmoid(self.a(x))
        h += 1
        return self.b(h)

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(60, 20), torch.arange(60) % 5)
""",
        {"FS001"},
    ),
    Case(
        "a loss in NumPy",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1))
loss = lambda out, y: torch.tensor(((out.numpy() - y.numpy()) ** 2).mean())
batch = (torch.randn(60, 20), torch.randn(60, 1))
""",
        {"FS001", "FS501"},
    ),
    Case(
        "padding mask of attention inverted",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Embedding(30, 16, padding_idx=0), nn.Linear(16, 3)
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)

    def forward(self, ids):
        x = self.embed(ids)
        return self.out(self.attention(x, x, x, key_padding_mask=ids != 0, need_weights=False)[0].mean(1))

model = Net()
loss = nn.CrossEntropyLoss()
lengths = torch.tensor([9, 5, 3] * 8).unsqueeze(1)
batch = (torch.randint(1, 30, (24, 9)).masked_fill(torch.arange(9) >= lengths, 0), torch.arange(24) % 3)
""",
        {"FS002", "FS604", "FS702"},
    ),
    Case(
        "divergence by hand of one-hot targets",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5), nn.Softmax(-1))
loss = lambda q, p: (p * (p / q).log()).sum(-1).mean()
batch = (torch.randn(60, 20), F.one_hot(torch.arange(60) % 5, 5).float())
""",
        {"FS002"},
    ),
    Case(
        "a constant column divided by its deviation",
        """
model = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 1))
loss = nn.MSELoss()
x = torch.randn(60, 6)
x[:, 3] = 2.0
batch = ((x - x.mean(0)) / x.std(0), torch.randn(60, 1))
""",
        {"FS608"},
    ),
    Case(
        "LayerNorm over time and width in a causal model",
        """
class LM(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.norm = nn.Embedding(30, 16), nn.LayerNorm([10, 16])
        self.gru, self.head = nn.GRU(16, 16, batch_first=True), nn.Linear(16, 30)

    def forward(self, ids):
        return self.head(self.norm(self.gru(self.embed(ids))[0]))

model = LM()
loss = lambda out, y: F.cross_entropy(out.flatten(0, 1), y.flatten())
ids = torch.randint(30, (8, 11))
batch = (ids[:, :-1], ids[:, 1:])
task = "causal-lm"
""",
        {"FS703"},
    ),
    Case(
        "GPT whose attention forgot is_causal",
        """
class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(30, 16), nn.Parameter(torch.randn(10, 16) * 0.02)
        self.ln, self.qkv, self.proj = nn.LayerNorm(16), nn.Linear(16, 48), nn.Linear(16, 16)
        self.head = nn.Linear(16, 30)

    def forward(self, ids):
        x = self.wte(ids) + self.wpe
        q, k, v = self.qkv(self.ln(x)).unflatten(-1, (3, 2, 8)).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v)
        return self.head(x + self.proj(y.transpose(1, 2).flatten(2)))

model = GPT()
loss = lambda out, y: F.cross_entropy(out.flatten(0, 1), y.flatten())
ids = torch.randint(30, (8, 11))
batch = (ids[:, :-1], ids[:, 1:])
task = "causal-lm"
""",
        {"FS703"},
    ),
    Case(
        "features normalised along the batch",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(10, 32), nn.Linear(32, 4)

    def forward(self, x):
        return self.b(F.normalize(torch.relu(self.a(x)), dim=0))

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(32, 10), torch.arange(32) % 4)
""",
        {"FS701"},
    ),
    Case(
        "attention weights divided by the batch's sum",
        """
class Pool(nn.Module):
    def __init__(self):
        super().__init__()
        self.score, self.out = nn.Linear(8, 1), nn.Linear(8, 3)

    def forward(self, x):
        weights = self.score(x).exp()
        return self.out((weights / weights.sum() * x).sum(1) * len(x))

model = Pool()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(24, 6, 8), torch.arange(24) % 3)
""",
        {"FS701"},
    ),
    Case(
        "positions counted along the batch, as in a time-first tutorial",
        """
import math

class Positional(nn.Module):
    def __init__(self, d, longest=50):
        super().__init__()
        position = torch.arange(longest).unsqueeze(1)
        rate = torch.exp(torch.arange(0, d, 2) * (-math.log(10000.0) / d))
        pe = torch.zeros(longest, 1, d)
        pe[:, 0, 0::2], pe[:, 0, 1::2] = torch.sin(position * rate), torch.cos(position * rate)
        self.register_buffer("pe", pe)

    def forward(self, x):
        return x + self.pe[: x.size(0)]

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.pos, self.out = nn.Embedding(30, 16), Positional(16), nn.Linear(16, 4)
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)

    def forward(self, ids):
        return self.out(self.layer(self.pos(self.embed(ids))).mean(1))

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randint(30, (24, 8)), torch.arange(24) % 4)
""",
        {"FS708"},
    ),
    Case(
        "centres of a centre loss not in the optimizer",
        """
class CenterLoss(nn.Module):
    def __init__(self, classes, width):
        super().__init__()
        self.centers = nn.Parameter(torch.randn(classes, width))

    def forward(self, features, logits, y):
        return F.cross_entropy(logits, y) + 0.01 * ((features - self.centers[y]) ** 2).sum(1).mean()

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 8)), nn.Linear(8, 5)

    def forward(self, x):
        h = self.body(x)
        return h, self.head(h)

model = Net()
loss = CenterLoss(5, 8)
batch = (torch.randn(60, 20), torch.arange(60) % 5)
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
""",
        {"FS509"},
    ),
    Case(
        "a divisor of small deviations: half the batch is silence",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv1d(1, 8, 9), nn.Linear(8, 3)

    def forward(self, x):
        x = (x - x.mean(-1, keepdim=True)) / x.std(-1, keepdim=True)
        return self.fc(F.relu(self.conv(x)).mean(-1))

model = Net()
loss = nn.CrossEntropyLoss()
x = torch.randn(12, 1, 60)
x[::2] = 0
batch = (x, torch.arange(12) % 3)
""",
        {"FS002"},
    ),
)
