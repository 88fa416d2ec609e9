"""Sequences: recurrent nets, transformers, CTC."""

from __future__ import annotations

from .case import Case

SOUND = (
    Case(
        "LSTM batch-first, last step",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(4, 32, num_layers=2, batch_first=True), nn.Linear(32, 1)

    def forward(self, x):
        out, _ = self.lstm(x)
        return self.head(out[:, -1])

model = Net()
loss = nn.MSELoss()
batch = (torch.randn(32, 12, 4), torch.randn(32, 1))
""",
    ),
    Case(
        "GRU time-first, a target for each step",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru, self.head = nn.GRU(4, 24), nn.Linear(24, 2)

    def forward(self, x):
        return self.head(self.gru(x)[0])

model = Net()
loss = nn.MSELoss()
batch = (torch.randn(15, 8, 4), torch.randn(15, 8, 2))
""",
    ),
    Case(
        "bidirectional GRU classifier, batch moved by transpose",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(50, 16, padding_idx=0)
        self.gru, self.head = nn.GRU(16, 16, bidirectional=True), nn.Linear(32, 3)

    def forward(self, ids):
        x = self.embed(ids).transpose(0, 1)
        _, h = self.gru(x)
        return self.head(torch.cat([h[0], h[1]], -1))

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randint(1, 50, (24, 10)), torch.arange(24) % 3)
""",
    ),
    Case(
        "packed sequences of unequal lengths",
        """
from torch.nn.utils.rnn import pack_padded_sequence

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(50, 16, padding_idx=0)
        self.lstm, self.head = nn.LSTM(16, 24, batch_first=True), nn.Linear(24, 3)

    def forward(self, ids, lengths):
        packed = pack_padded_sequence(self.embed(ids), lengths, batch_first=True, enforce_sorted=False)
        return self.head(self.lstm(packed)[1][0][-1])

model = Net()
loss = nn.CrossEntropyLoss()
lengths = torch.randint(3, 11, (24,))
ids = torch.randint(1, 50, (24, 10)).masked_fill(torch.arange(10) >= lengths[:, None], 0)
batch = ((ids, lengths), torch.arange(24) % 3)
""",
    ),
    Case(
        "orthogonal RNN, forget bias of an LSTM",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.head = nn.RNN(4, 32, batch_first=True), nn.Linear(32, 4)
        nn.init.orthogonal_(self.rnn.weight_hh_l0)
        nn.init.zeros_(self.rnn.bias_hh_l0)

    def forward(self, x):
        return self.head(self.rnn(x)[0].mean(1))

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(24, 20, 4), torch.arange(24) % 4)
""",
    ),
    Case(
        "identity ReLU recurrence",
        """
class IRNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.head = nn.RNN(2, 32, nonlinearity="relu", batch_first=True), nn.Linear(32, 1)
        nn.init.eye_(self.rnn.weight_hh_l0)
        nn.init.normal_(self.rnn.weight_ih_l0, std=0.05)
        nn.init.zeros_(self.rnn.bias_hh_l0)
        nn.init.zeros_(self.rnn.bias_ih_l0)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])

model = IRNN()
loss = nn.MSELoss()
batch = (torch.randn(32, 20, 2), torch.randn(32, 1))
""",
    ),
    Case(
        "tagger with -100 for padding",
        """
class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Embedding(40, 16, padding_idx=0), nn.Linear(32, 6)
        self.lstm = nn.LSTM(16, 16, batch_first=True, bidirectional=True)

    def forward(self, ids):
        return self.out(self.lstm(self.embed(ids))[0])

model = Tagger()
loss = lambda out, y: F.cross_entropy(out.view(-1, 6), y.view(-1), ignore_index=-100)
padding = torch.arange(12) >= torch.randint(5, 12, (16, 1))
ids, tags = torch.randint(1, 40, (16, 12)), torch.randint(6, (16, 12))
batch = (ids.masked_fill(padding, 0), tags.masked_fill(padding, -100))
""",
    ),
    Case(
        "translation with padding token 0 ignored",
        """
class Seq2Seq(nn.Module):
    def __init__(self):
        super().__init__()
        self.source, self.target = nn.Embedding(30, 16, padding_idx=0), nn.Embedding(35, 16, padding_idx=0)
        self.encoder, self.decoder = nn.GRU(16, 24, batch_first=True), nn.GRU(16, 24, batch_first=True)
        self.out = nn.Linear(24, 35)

    def forward(self, source, target):
        _, h = self.encoder(self.source(source))
        return self.out(self.decoder(self.target(target), h)[0]).transpose(1, 2)

model = Seq2Seq()
loss = nn.CrossEntropyLoss(ignore_index=0)
target = torch.randint(1, 35, (12, 10)).masked_fill(torch.arange(10) >= torch.randint(5, 11, (12, 1)), 0)
batch = ((torch.randint(1, 30, (12, 9)), target[:, :-1]), target[:, 1:])
""",
    ),
    Case(
        "masked mean over steps that count",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru, self.head = nn.GRU(3, 16, batch_first=True), nn.Linear(16, 1)

    def forward(self, x):
        return self.head(self.gru(x)[0]).squeeze(-1)

model = Net()
loss = lambda out, y, mask: ((out - y) ** 2 * mask).sum() / mask.sum()
batch = (torch.randn(16, 12, 3), (torch.randn(16, 12), (torch.arange(12) < torch.randint(3, 12, (16, 1))).float()))
""",
    ),
    Case(
        "pre-LN transformer classifier with a class token",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(40, 32)
        self.cls = nn.Parameter(torch.zeros(1, 1, 32))
        self.pos = nn.Parameter(torch.randn(1, 11, 32) * 0.02)
        layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.1, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 3, nn.LayerNorm(32), enable_nested_tensor=False)
        self.head = nn.Linear(32, 4)

    def forward(self, ids):
        x = torch.cat([self.cls.expand(len(ids), -1, -1), self.embed(ids)], 1) + self.pos
        return self.head(self.encoder(x)[:, 0])

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randint(40, (16, 10)), torch.arange(16) % 4)
""",
    ),
    Case(
        "post-LN transformer, time-first",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.proj = nn.Linear(6, 32)
        layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(32, 1)

    def forward(self, x):
        x = self.proj(x).permute(1, 0, 2)
        return self.head(self.encoder(x).mean(0))

model = Net()
loss = nn.MSELoss()
batch = (torch.randn(24, 9, 6), torch.randn(24, 1))
""",
    ),
    Case(
        "key padding mask",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(40, 16, padding_idx=0), nn.Linear(16, 3)
        self.attention, self.norm = nn.MultiheadAttention(16, 2, batch_first=True), nn.LayerNorm(16)

    def forward(self, ids):
        pad = ids == 0
        x = self.embed(ids)
        x = self.norm(x + self.attention(x, x, x, key_padding_mask=pad, need_weights=False)[0])
        x = x.masked_fill(pad[..., None], 0).sum(1) / (~pad).sum(1, keepdim=True)
        return self.head(x)

model = Net()
loss = nn.CrossEntropyLoss()
ids = torch.randint(1, 40, (24, 9)).masked_fill(torch.arange(9) >= torch.randint(3, 10, (24, 1)), 0)
batch = (ids, torch.arange(24) % 3)
""",
    ),
    Case(
        "CTC of a convolutional recogniser",
        """
class Recognizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(8, 24, 3, padding=1)
        self.gru, self.fc = nn.GRU(24, 24, batch_first=True, bidirectional=True), nn.Linear(48, 12)

    def forward(self, x):
        x = F.relu(self.conv(x)).transpose(1, 2)
        return self.fc(self.gru(x)[0]).log_softmax(-1).transpose(0, 1)

model = Recognizer()
ctc = nn.CTCLoss(blank=0, zero_infinity=True)

def loss(out, y, lengths):
    return ctc(out, y, torch.full((len(y),), out.shape[0]), lengths)

batch = (torch.randn(8, 8, 24), (torch.randint(1, 12, (8, 6)), torch.randint(2, 7, (8,))))
""",
    ),
    Case(
        "conditional random field over emissions",
        """
class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.gru = nn.Embedding(40, 16), nn.GRU(16, 16, batch_first=True)
        self.out = nn.Linear(16, 5)

    def forward(self, ids):
        return self.out(self.gru(self.embed(ids))[0])

model = Tagger()
loss = losses.LinearChainCRFLoss(K=5)
batch = (torch.randint(40, (12, 9)), torch.randint(5, (12, 9)))
optimizer = torch.optim.Adam([*model.parameters(), *loss.parameters()], 1e-3)
""",
    ),
    Case(
        "temporal convolutions, causal",
        """
class Causal(nn.Module):
    def __init__(self, a, b, dilation):
        super().__init__()
        self.pad, self.conv = 2 * dilation, nn.Conv1d(a, b, 3, dilation=dilation)

    def forward(self, x):
        return F.relu(self.conv(F.pad(x, (self.pad, 0))))

class TCN(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(25, 16)
        self.body = nn.Sequential(Causal(16, 32, 1), Causal(32, 32, 2))
        self.head = nn.Conv1d(32, 25, 1)

    def forward(self, ids):
        return self.head(self.body(self.embed(ids).transpose(1, 2))).transpose(1, 2)

model = TCN()
loss = losses.LanguageModelCrossEntropyLoss()
ids = torch.randint(25, (8, 13))
batch = (ids[:, :-1], ids[:, 1:])
task = "causal-lm"
""",
    ),
)
