"""What an output depends on: other examples, nothing, later inputs."""

from __future__ import annotations

from .case import Case

FAULTS = (
    Case(
        "view instead of permute before an LSTM",
        """
class CRNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.lstm, self.out = nn.Conv1d(3, 8, 3, padding=1), nn.LSTM(8, 16), nn.Linear(16, 4)

    def forward(self, x):
        x = F.relu(self.conv(x))
        b, c, t = x.shape
        x, _ = self.lstm(x.view(t, b, c))
        return self.out(x[-1])

model = CRNN()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(16, 3, 10), torch.arange(16) % 4)
""",
        {"FS701"},
    ),
    Case(
        "LSTM without batch_first",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.out = nn.LSTM(6, 16), nn.Linear(16, 1)

    def forward(self, x):
        return self.out(self.lstm(x)[0][:, -1])

model = Net()
loss = nn.MSELoss()
batch = (torch.randn(32, 12, 6), torch.randn(32, 1))
""",
        {"FS701"},
    ),
    Case(
        "attention without batch_first",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(30, 16)
        self.attention = nn.MultiheadAttention(16, 2)
        self.out = nn.Linear(16, 4)

    def forward(self, ids):
        x = self.embed(ids)
        x = x + self.attention(x, x, x, need_weights=False)[0]
        return self.out(x.mean(1))

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randint(30, (16, 9)), torch.arange(16) % 4)
""",
        {"FS701"},
    ),
    Case(
        "transformer encoder without batch_first",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.proj = nn.Linear(5, 16)
        layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.1)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.out = nn.Linear(16, 1)

    def forward(self, x):
        return self.out(self.encoder(self.proj(x))[:, 0]).squeeze(-1)

model = Net()
loss = nn.MSELoss()
batch = (torch.randn(24, 8, 5), torch.randn(24))
""",
        {"FS701"},
    ),
    Case(
        "attention by hand with its softmax over the batch",
        """
class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.out = nn.Linear(8, 24), nn.Linear(8, 3)

    def forward(self, x):
        q, k, v = self.qkv(x).chunk(3, -1)
        weights = (q @ k.transpose(-1, -2) / 8**0.5).softmax(dim=0)
        return self.out((weights @ v).mean(1))

model = Attention()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(18, 6, 8), torch.arange(18) % 3)
""",
        {"FS701", "FS110"},
    ),
    Case(
        "heads of attention split by a view that crosses examples",
        """
class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v, self.out = (nn.Linear(16, 16) for _ in range(4))

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = (f(x).view(4, b, t, 4) for f in (self.q, self.k, self.v))
        y = F.scaled_dot_product_attention(q, k, v)
        return self.out(y.transpose(0, 1).reshape(b, t, d)).mean((1, 2))

model = Attention()
loss = nn.MSELoss()
batch = (torch.randn(16, 6, 16), torch.randn(16))
""",
        {"FS701"},
    ),
    Case(
        "features standardised over the batch in forward",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        x = (x - x.mean()) / x.std()
        return self.net(x)

model = Net()
loss = nn.MSELoss()
batch = (torch.randn(32, 10), torch.randn(32, 1))
""",
        {"FS701"},
    ),
    Case(
        "the input overwritten",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.head = nn.Linear(10, 32), nn.Linear(32, 4)

    def forward(self, x):
        h = torch.zeros(x.shape[0], 32)
        F.relu(self.encoder(x))
        return self.head(h)

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(32, 10), torch.arange(32) % 4)
""",
        {"FS702", "FS502", "FS604"},
    ),
    Case(
        "queries that never see the image",
        """
class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch = nn.Linear(12, 16)
        self.query = nn.Parameter(torch.randn(1, 3, 16))
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.out = nn.Linear(16, 2)

    def forward(self, x):
        memory = self.patch(x)
        q = self.query.expand(len(x), -1, -1)
        return self.out(q + self.attention(q, q, q, need_weights=False)[0])

model = Decoder()
loss = nn.MSELoss()
batch = (torch.randn(16, 7, 12), torch.randn(16, 3, 2))
""",
        {"FS702", "FS502", "FS604"},
    ),
    Case(
        "the wrong variable returned: one bias for all",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.bias, self.net = nn.Parameter(torch.randn(1)), nn.Sequential(nn.Linear(10, 8), nn.ReLU(), nn.Linear(8, 1))

    def forward(self, x):
        mask = (x > 1e6).float().amax(1, keepdim=True)
        return self.net(x * mask) + self.bias

model = Net()
loss = nn.MSELoss()
batch = (torch.randn(32, 10), torch.randn(32, 1))
""",
        {"FS702", "FS604"},
    ),
    Case(
        "language model without a causal mask",
        """
class LM(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(30, 16)
        layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(16, 30)

    def forward(self, ids):
        return self.head(self.encoder(self.embed(ids)))

model = LM()
loss = lambda out, y: F.cross_entropy(out.reshape(-1, 30), y.reshape(-1))
ids = torch.randint(30, (8, 11))
batch = (ids[:, :-1], ids[:, 1:])
task = "causal-lm"
""",
        {"FS703"},
    ),
    Case(
        "causal mask the wrong way round",
        """
class LM(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.qkv, self.head = nn.Embedding(30, 16), nn.Linear(16, 48), nn.Linear(16, 30)
        self.register_buffer("mask", torch.triu(torch.ones(10, 10)))

    def forward(self, ids):
        q, k, v = self.qkv(self.embed(ids)).chunk(3, -1)
        scores = q @ k.transpose(1, 2) / 4
        scores = scores.masked_fill(self.mask == 0, float("-inf"))
        return self.head(scores.softmax(-1) @ v)

model = LM()
loss = lambda out, y: F.cross_entropy(out.transpose(1, 2), y)
ids = torch.randint(30, (8, 11))
batch = (ids[:, :-1], ids[:, 1:])
task = "causal-lm"
""",
        {"FS703"},
    ),
    Case(
        "bidirectional LSTM as a language model",
        """
class LM(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(30, 16), nn.Linear(32, 30)
        self.lstm = nn.LSTM(16, 16, bidirectional=True, batch_first=True)

    def forward(self, ids):
        return self.head(self.lstm(self.embed(ids))[0])

model = LM()
loss = lambda out, y: F.cross_entropy(out.flatten(0, 1), y.flatten())
ids = torch.randint(30, (8, 11))
batch = (ids[:, :-1], ids[:, 1:])
task = "causal-lm"
""",
        {"FS703"},
    ),
    Case(
        "convolution padded on both sides as a language model",
        """
class ConvLM(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.conv, self.head = nn.Embedding(30, 16), nn.Conv1d(16, 16, 3, padding=1), nn.Linear(16, 30)

    def forward(self, ids):
        return self.head(self.conv(self.embed(ids).transpose(1, 2)).transpose(1, 2).relu())

model = ConvLM()
loss = losses.LanguageModelCrossEntropyLoss()
ids = torch.randint(30, (8, 11))
batch = (ids[:, :-1], ids[:, 1:])
task = "causal-lm"
""",
        {"FS703"},
    ),
    Case(
        "time-first states flattened batch-first",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru, self.out = nn.GRU(5, 8), nn.Linear(8 * 9, 3)

    def forward(self, x):
        h, _ = self.gru(x.transpose(0, 1))
        return self.out(h.reshape(len(x), -1))

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(18, 9, 5), torch.arange(18) % 3)
""",
        {"FS701"},
    ),
)
