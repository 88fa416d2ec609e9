"""Further variants: the same mistakes in other losses, layers and data."""

from __future__ import annotations

from .case import Case

FAULTS = (
    Case(
        "outputs clamped to [0, 1], targets beyond",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        return self.net(x).clamp(0, 1)

model = Net()
loss = nn.MSELoss()
batch = (torch.randn(64, 12), 3 * torch.rand(64, 1))
""",
        {"FS111"},
    ),
    Case(
        "softplus for targets of both signs",
        """
model = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 2), nn.Softplus())
loss = nn.HuberLoss()
batch = (torch.randn(64, 12), torch.randn(64, 2))
""",
        {"FS111"},
    ),
    Case(
        "a variance given to ours, which takes its logarithm",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))

    def forward(self, x):
        mean, raw = self.net(x).unbind(-1)
        return mean, F.softplus(raw) + 1e-4

model = Net()
nll = losses.GaussianNLLLoss()
loss = lambda mean, var, y: nll(mean, y, var)
batch = (torch.randn(64, 10), torch.randn(64))
""",
        {"FS113"},
    ),
    Case(
        "boxes as corner and size, as in COCO",
        """
class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 4))

    def forward(self, x):
        low, size = self.net(x).sigmoid().chunk(2, -1)
        return torch.cat([low, low + size], -1)

model = Head()
loss = losses.DIoULoss()
batch = (torch.randn(32, 32), torch.cat([0.2 + 0.5 * torch.rand(32, 2), 0.05 + 0.15 * torch.rand(32, 2)], 1))
""",
        {"FS117"},
    ),
    Case(
        "pixels flattened before the classes are moved last",
        """
model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 4, 1))
loss = lambda out, y: F.cross_entropy(out.reshape(-1, 4), y.reshape(-1))
batch = (torch.randn(4, 3, 10, 10), torch.randint(4, (4, 10, 10)))
""",
        {"FS205", "FS701"},
    ),
    Case(
        "a teacher's softmax over the batch",
        """
model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 6))
loss = lambda out, teacher: F.kl_div(out.log_softmax(1), teacher.softmax(0), reduction="batchmean")
batch = (torch.randn(32, 16), torch.randn(32, 6))
""",
        {"FS207", "FS110"},
    ),
    Case(
        "labels of 0 and 1 for SoftMarginLoss",
        """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
loss = nn.SoftMarginLoss()
batch = (torch.randn(60, 10), torch.randint(2, (60, 1)).float())
""",
        {"FS208"},
    ),
    Case(
        "labels of 0 and 1 for MarginRankingLoss",
        """
class Ranker(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, a, b):
        return self.net(a).squeeze(1), self.net(b).squeeze(1)

model = Ranker()
loss = nn.MarginRankingLoss(margin=1.0)
batch = ((torch.randn(40, 10), torch.randn(40, 10)), torch.randint(2, (40,)).float())
""",
        {"FS208"},
    ),
    Case(
        "counts of classes as class weights",
        """
labels = torch.cat([torch.zeros(70), torch.ones(20), torch.full((10,), 2)]).long()
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 3))
loss = nn.CrossEntropyLoss(weight=torch.tensor([70.0, 20.0, 10.0]))
batch = (torch.randn(100, 20), labels)
""",
        {"FS210"},
    ),
    Case(
        "pos_weight upside down for each label",
        """
labels = (torch.arange(100).unsqueeze(1) % torch.tensor([5, 8, 12]) == 0).float()
positives = labels.sum(0)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 3))
loss = nn.BCEWithLogitsLoss(pos_weight=positives / (100 - positives))
batch = (torch.randn(100, 20), labels)
""",
        {"FS211"},
    ),
    Case(
        "CTC lengths in samples, before the strides",
        """
class Recognizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv1d(8, 16, 3, stride=2, padding=1), nn.Linear(16, 12)

    def forward(self, x):
        return self.fc(self.conv(x).relu().permute(2, 0, 1)).log_softmax(-1)

model = Recognizer()
ctc = nn.CTCLoss()
loss = lambda out, y: ctc(out, y, torch.full((8,), 40), torch.full((8,), 5))
batch = (torch.randn(8, 8, 40), torch.randint(1, 12, (8, 5)))
""",
        {"FS212"},
    ),
    Case(
        "logarithms of prices: around 12, spread 0.4",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1))
loss = nn.MSELoss()
batch = (torch.randn(64, 20), 12 + 0.4 * torch.randn(64, 1))
""",
        {"FS404", "FS214"},
    ),
    Case(
        "percentages",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1), nn.Flatten(0))
loss = nn.MSELoss()
batch = (torch.randn(64, 20), 100 * torch.rand(64))
""",
        {"FS404", "FS214"},
    ),
    Case(
        "a reference averaged per token, a policy summed",
        """
class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(20, 16), nn.Linear(16, 20)

    def forward(self, chosen, rejected):
        return tuple(losses.sequence_log_prob(self.head(self.embed(y[:, :-1])), y[:, 1:]) for y in (chosen, rejected))

model = Policy()
ids = torch.randint(20, (2, 16, 30))
with torch.no_grad():
    reference = tuple(one / 29 for one in model(*ids))
loss = losses.DPOLoss()
batch = ((ids[0], ids[1]), reference)
""",
        {"FS217", "FS401"},
    ),
    Case(
        "a mean over one axis only",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 3))
loss = lambda out, y: ((out - y) ** 2).mean(dim=1)
batch = (torch.randn(60, 20), torch.randn(60, 3))
""",
        {"FS303"},
    ),
    Case(
        "products of embeddings N(0, 1) as ratings",
        """
class MF(nn.Module):
    def __init__(self):
        super().__init__()
        self.user, self.item = nn.Embedding(30, 64), nn.Embedding(50, 64)

    def forward(self, user, item):
        return (self.user(user) * self.item(item)).sum(-1)

model = MF()
loss = nn.MSELoss()
batch = ((torch.randint(30, (64,)), torch.randint(50, (64,))), torch.randn(64))
""",
        {"FS401"},
    ),
    Case(
        "targets shuffled once more",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
loss = lambda out, y: F.cross_entropy(out, y[torch.randperm(len(y))])
batch = (torch.randn(60, 20), torch.arange(60) % 5)
""",
        {"FS405", "FS704"},
    ),
    Case(
        "a mask of -1e9 in float16",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.qk, self.out = nn.Linear(8, 16), nn.Linear(8, 3)

    def forward(self, x, pad):
        q, k = self.qk(x).chunk(2, -1)
        scores = (q @ k.transpose(1, 2)).masked_fill(pad[:, None], -1e9)
        return self.out((scores.softmax(-1) @ x).mean(1))

model = Net().half()
loss = nn.CrossEntropyLoss()
pad = torch.arange(6) >= torch.randint(2, 7, (12, 1))
batch = ((torch.randn(12, 6, 8).half(), pad), torch.arange(12) % 3)
""",
        {"FS406", "FS001"},
    ),
    Case(
        "forward under inference_mode",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))

    def forward(self, x):
        with torch.inference_mode():
            return self.net(x)

model = Net()
loss = lambda out, y: F.cross_entropy(out, y)
batch = (torch.randn(60, 20), torch.arange(60) % 5)
""",
        {"FS501"},
    ),
    Case(
        "both tables of a factorisation zero",
        """
class MF(nn.Module):
    def __init__(self):
        super().__init__()
        self.user, self.item = nn.Embedding(30, 16), nn.Embedding(50, 16)
        nn.init.zeros_(self.user.weight)
        nn.init.zeros_(self.item.weight)

    def forward(self, user, item):
        return (self.user(user) * self.item(item)).sum(-1)

model = MF()
loss = nn.MSELoss()
batch = ((torch.randint(30, (64,)), torch.randint(50, (64,))), torch.randn(64))
""",
        {"FS503", "FS605"},
    ),
    Case(
        "an LSTM of constants",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.out = nn.LSTM(4, 16, batch_first=True), nn.Linear(16, 1)
        for p in self.parameters():
            nn.init.constant_(p, 0.05)

    def forward(self, x):
        return self.out(self.lstm(x)[0][:, -1])

model = Net()
loss = nn.MSELoss()
batch = (torch.randn(24, 8, 4), torch.randn(24, 1))
""",
        {"FS605"},
    ),
    Case(
        "scans in Hounsfield units",
        """
model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 2, 1)
)
loss = nn.CrossEntropyLoss()
batch = (torch.randint(-1000, 2000, (4, 1, 12, 12)).float(), torch.randint(2, (4, 12, 12)))
""",
        {"FS606"},
    ),
    Case(
        "logarithms of counts that are zero",
        """
model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))
loss = nn.MSELoss()
counts = torch.poisson(torch.full((64, 8), 2.0))
batch = (torch.log(counts), torch.randn(64, 1))
""",
        {"FS608"},
    ),
    Case(
        "digits with their channel last",
        """
model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(20, 14, 14, 1), torch.arange(20) % 10)
""",
        {"FS609"},
    ),
    Case(
        "token numbers as floats",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Embedding(50, 16), nn.Linear(16, 4)

    def forward(self, ids):
        return self.out(self.embed(ids).mean(1))

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randint(50, (16, 8)).float(), torch.arange(16) % 4)
""",
        {"FS610", "FS616"},
    ),
    Case(
        "a batch of vectors taken for one sequence",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.proj, self.out = nn.Linear(10, 16), nn.Linear(16, 3)
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)

    def forward(self, x):
        return self.out(self.layer(self.proj(x)))

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(24, 10), torch.arange(24) % 3)
""",
        {"FS701"},
    ),
    Case(
        "InstanceNorm after global pooling",
        """
model = nn.Sequential(
    nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.InstanceNorm2d(8, affine=True), nn.ReLU(), nn.Flatten(),
    nn.Linear(8, 4)
)
loss = nn.CrossEntropyLoss()
batch = (torch.randn(12, 3, 10, 10), torch.arange(12) % 4)
""",
        {"FS707"},
    ),
)
