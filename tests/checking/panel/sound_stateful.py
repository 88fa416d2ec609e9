"""Models and losses that hold a state, or take only one size of batch."""

from __future__ import annotations

from .case import Case

SOUND = (
    Case(
        "MoCo: a queue and a momentum encoder",
        """
import copy

class MoCo(nn.Module):
    def __init__(self):
        super().__init__()
        self.q = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 16))
        self.k = copy.deepcopy(self.q).requires_grad_(False)
        self.register_buffer("queue", F.normalize(torch.randn(64, 16), dim=1))

    def forward(self, a, b):
        q = F.normalize(self.q(a), dim=1)
        with torch.no_grad():
            for slow, fast in zip(self.k.parameters(), self.q.parameters()):
                slow.mul_(0.99).add_(fast, alpha=0.01)
            k = F.normalize(self.k(b), dim=1)
        logits = torch.cat([(q * k).sum(1, keepdim=True), q @ self.queue.clone().T], 1) / 0.2
        with torch.no_grad():
            self.queue.copy_(torch.cat([k, self.queue])[: len(self.queue)])
        return logits

model = MoCo()
loss = lambda logits: F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long))
x = torch.randn(32, 16)
batch = ((x + 0.2 * torch.randn(32, 16), x + 0.2 * torch.randn(32, 16)), None)
optimizer = torch.optim.SGD(model.q.parameters(), 0.03)
""",
    ),
    Case(
        "DINO-like loss with a moving centre",
        """
class Dino(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("center", torch.zeros(1, 12))

    def forward(self, student, teacher):
        target = ((teacher.detach() - self.center) / 0.1).softmax(-1)
        self.center.mul_(0.9).add_(teacher.detach().mean(0, keepdim=True), alpha=0.1)
        return -(target * (student / 0.5).log_softmax(-1)).sum(-1).mean()

class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.student = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 12))
        self.teacher = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 12)).requires_grad_(False)
        self.teacher.load_state_dict(self.student.state_dict())

    def forward(self, a, b):
        return self.student(a), self.teacher(b)

model, loss = Pair(), Dino()
x = torch.randn(32, 16)
batch = ((x + 0.2 * torch.randn(32, 16), x + 0.2 * torch.randn(32, 16)), None)
""",
    ),
    Case(
        "an LSTM made for one size of batch",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.out = nn.LSTM(3, 24, batch_first=True), nn.Linear(24, 1)

    def forward(self, x):
        h, c = torch.zeros(1, 16, 24), torch.zeros(1, 16, 24)
        return self.out(self.lstm(x, (h, c))[0][:, -1])

model = Net()
loss = nn.MSELoss()
batch = (torch.randn(16, 8, 3), torch.randn(16, 1))
""",
    ),
    Case(
        "embeddings held to a greatest norm",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Embedding(40, 16, max_norm=2.0), nn.Linear(16, 3)

    def forward(self, ids):
        return self.out(self.embed(ids).mean(1))

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randint(40, (30, 6)), torch.arange(30) % 3)
""",
    ),
    Case(
        "a model that keeps its attention and counts its steps",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.qk, self.out = nn.Embedding(30, 16), nn.Linear(16, 32), nn.Linear(16, 3)
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))
        self.attention = None

    def forward(self, ids):
        self.steps += 1
        x = self.embed(ids)
        q, k = self.qk(x).chunk(2, -1)
        self.attention = (q @ k.transpose(1, 2) / 4).softmax(-1)
        return self.out((self.attention @ x).mean(1))

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randint(30, (24, 7)), torch.arange(24) % 3)
""",
    ),
    Case(
        "autocast inside forward",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 5))

    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return self.net(x).float()

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(40, 20), torch.arange(40) % 5)
""",
    ),
    Case(
        "a loss with a branch on its value",
        """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))

def loss(out, y):
    value = F.mse_loss(out, y)
    if value.item() > 100:
        return value.sqrt() * 10
    return value

batch = (torch.randn(40, 10), torch.randn(40, 1))
""",
    ),
    Case(
        "a whole transformer, encoder and decoder",
        """
class Translate(nn.Module):
    def __init__(self):
        super().__init__()
        self.source, self.target = nn.Embedding(30, 16), nn.Embedding(35, 16)
        self.net = nn.Transformer(16, 2, 1, 1, 32, dropout=0.1, batch_first=True)
        self.out = nn.Linear(16, 35)

    def forward(self, source, target):
        mask = nn.Transformer.generate_square_subsequent_mask(target.shape[1])
        return self.out(self.net(self.source(source), self.target(target), tgt_mask=mask))

model = Translate()
loss = lambda out, y: F.cross_entropy(out.flatten(0, 1), y.flatten())
target = torch.randint(35, (12, 9))
batch = ((torch.randint(30, (12, 7)), target[:, :-1]), target[:, 1:])
""",
    ),
    Case(
        "graph attention with masked neighbours",
        """
class GAT(nn.Module):
    def __init__(self):
        super().__init__()
        self.proj, self.left, self.right = nn.Linear(10, 24), nn.Linear(24, 1), nn.Linear(24, 1)
        self.out = nn.Linear(24, 4)

    def forward(self, x, link):
        h = self.proj(x)
        score = F.leaky_relu(self.left(h) + self.right(h).T, 0.2).masked_fill(link == 0, float("-inf"))
        return self.out(F.elu(score.softmax(1) @ h))

model = GAT()
loss = nn.CrossEntropyLoss()
batch = ((torch.randn(30, 10), ((torch.rand(30, 30) < 0.2).float() + torch.eye(30)).clamp(max=1)), torch.arange(30) % 4)
""",
    ),
    Case(
        "nodes known and unknown: only some train",
        """
class GCN(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(10, 32), nn.Linear(32, 4)
        link = (torch.rand(40, 40) < 0.15).float() + torch.eye(40)
        self.register_buffer("link", link / link.sum(1, keepdim=True))

    def forward(self, x):
        return self.link @ self.b(F.relu(self.link @ self.a(x)))

model = GCN()
loss = lambda out, y, known: F.cross_entropy(out[known], y[known])
batch = (torch.randn(40, 10), (torch.arange(40) % 4, torch.arange(40) < 16))
""",
    ),
    Case(
        "video in three dimensions",
        """
model = nn.Sequential(
    nn.Conv3d(1, 8, 3, padding=1), nn.InstanceNorm3d(8, affine=True), nn.ReLU(),
    nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(8, 3)
)
loss = nn.CrossEntropyLoss()
batch = (torch.randn(6, 1, 4, 8, 8), torch.arange(6) % 3)
""",
    ),
    Case(
        "policy optimisation relative to a group, at the start",
        """
class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.gru, self.head = nn.Embedding(20, 16), nn.GRU(16, 16, batch_first=True), nn.Linear(16, 20)

    def forward(self, ids):
        logits = self.head(self.gru(self.embed(ids[:, :-1]))[0])
        return logits.log_softmax(-1).gather(2, ids[:, 1:, None]).squeeze(-1)

model = Policy()
ids = torch.randint(20, (16, 8))
with torch.no_grad():
    old = model(ids)
advantage = losses.group_advantage(torch.rand(16), group_size=4)
loss = losses.GRPOLoss()
batch = (ids, (old, old.clone(), advantage))
""",
    ),
)
