"""Targets that are not what the loss takes: shapes, indices, forms."""

from __future__ import annotations

from .case import Case

FAULTS = (
    Case(
        "MSE of [N, 1] and [N]",
        """
model = nn.Sequential(nn.Linear(13, 32), nn.ReLU(), nn.Linear(32, 1))
loss = nn.MSELoss()
batch = (torch.randn(50, 13), torch.randn(50))
""",
        {"FS201"},
    ),
    Case(
        "squared error by hand of [N, 1] and [N]",
        """
model = nn.Sequential(nn.Linear(13, 32), nn.Tanh(), nn.Linear(32, 1))
loss = lambda out, y: ((out - y) ** 2).mean()
batch = (torch.randn(50, 13), torch.randn(50))
""",
        {"FS201"},
    ),
    Case(
        "squeezed output, targets with a column",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru, self.head = nn.GRU(4, 16, batch_first=True), nn.Linear(16, 1)

    def forward(self, x):
        return self.head(self.gru(x)[0][:, -1]).squeeze()

model = Net()
loss = nn.HuberLoss()
batch = (torch.randn(32, 10, 4), torch.randn(32, 1))
""",
        {"FS201"},
    ),
    Case(
        "advantage of [N, N] from values [N, 1] and returns [N]",
        """
class ActorCritic(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 32), nn.Tanh())
        self.actor, self.critic = nn.Linear(32, 3), nn.Linear(32, 1)

    def forward(self, obs):
        h = self.body(obs)
        return self.actor(h), self.critic(h)

def loss(logits, value, action, returns):
    advantage = returns - value
    logp = torch.distributions.Categorical(logits=logits).log_prob(action)
    return -(logp * advantage.detach()).mean() + 0.5 * advantage.pow(2).mean()

model = ActorCritic()
batch = (torch.randn(40, 6), (torch.randint(3, (40,)), torch.randn(40)))
""",
        {"FS201"},
    ),
    Case(
        "BCEWithLogits of [N, 1] and [N]",
        """
model = nn.Sequential(nn.Linear(13, 32), nn.ReLU(), nn.Linear(32, 1))
loss = nn.BCEWithLogitsLoss()
batch = (torch.randn(50, 13), torch.randint(2, (50,)).float())
""",
        {"FS201", "FS001"},
    ),
    Case(
        "labels from 1 to C",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(60, 20), torch.arange(60) % 5 + 1)
""",
        {"FS202"},
    ),
    Case(
        "void label 255 not ignored",
        """
model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 4, 1))
loss = nn.CrossEntropyLoss()
mask = torch.randint(4, (4, 10, 10))
mask[:, :1] = 255
batch = (torch.randn(4, 3, 10, 10), mask)
""",
        {"FS202"},
    ),
    Case(
        "labels padded with -1 and no ignore_index",
        """
class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.lstm = nn.Embedding(40, 16), nn.LSTM(16, 16, batch_first=True)
        self.out = nn.Linear(16, 6)

    def forward(self, ids):
        return self.out(self.lstm(self.embed(ids))[0])

model = Tagger()
loss = lambda out, y: F.cross_entropy(out.view(-1, 6), y.view(-1))
tags = torch.randint(6, (8, 9))
tags[::2, 6:] = -1
batch = (torch.randint(40, (8, 9)), tags)
""",
        {"FS202"},
    ),
    Case(
        "our focal loss with labels from 1 to C",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
loss = losses.FocalLoss()
batch = (torch.randn(60, 20), torch.arange(60) % 4 + 1)
""",
        {"FS202"},
    ),
    Case(
        "every label is -100",
        """
model = nn.Sequential(nn.Embedding(30, 16), nn.Linear(16, 30))
loss = lambda out, y: F.cross_entropy(out.flatten(0, 1), y.flatten())
ids = torch.randint(30, (4, 8))
labels = ids.clone()
labels[:, :] = -100
batch = (ids, labels)
""",
        {"FS203"},
    ),
    Case(
        "mask of padding inverted: nothing counts",
        """
model = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 1), nn.Flatten(1))

def loss(out, y, pad):
    keep = pad.float()
    return (F.mse_loss(out, y, reduction="none") * keep).sum() / keep.sum()

batch = (torch.randn(8, 12, 5), (torch.randn(8, 12), torch.zeros(8, 12, dtype=torch.bool)))
""",
        {"FS203", "FS002"},
    ),
    Case(
        "ignore_index is the negative class",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 2))
loss = nn.CrossEntropyLoss(ignore_index=0)
batch = (torch.randn(60, 20), torch.randint(2, (60,)))
""",
        {"FS204"},
    ),
    Case(
        "ignore_index is one of six classes of sentences",
        """
model = nn.Sequential(nn.EmbeddingBag(50, 24), nn.ReLU(), nn.Linear(24, 6))
loss = losses.CrossEntropyLoss(ignore_index=0)
batch = (torch.randint(50, (60, 8)), torch.arange(60) % 6)
""",
        {"FS204"},
    ),
    Case(
        "classes last in a sequence, as many steps as classes",
        """
class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Embedding(40, 16), nn.Linear(16, 7)

    def forward(self, ids):
        return self.out(self.embed(ids))

model = Tagger()
loss = nn.CrossEntropyLoss()
batch = (torch.randint(40, (16, 7)), torch.randint(7, (16, 7)))
""",
        {"FS205"},
    ),
    Case(
        "classes last in a sequence",
        """
class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Embedding(40, 16), nn.Linear(16, 7)

    def forward(self, ids):
        return self.out(self.embed(ids))

model = Tagger()
loss = nn.CrossEntropyLoss()
batch = (torch.randint(40, (16, 11)), torch.randint(7, (16, 11)))
""",
        {"FS205"},
    ),
    Case(
        "segmentation with classes last",
        """
class Seg(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.out = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 4, 1)

    def forward(self, x):
        return self.out(F.relu(self.conv(x))).permute(0, 2, 3, 1)

model = Seg()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(2, 3, 10, 10), torch.randint(4, (2, 10, 10)))
""",
        {"FS205"},
    ),
    Case(
        "view of [N, C, T] as [N * T, C]",
        """
class Seg(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv1d(4, 16, 3, padding=1), nn.ReLU(), nn.Conv1d(16, 5, 1))

    def forward(self, x):
        return self.net(x)

model = Seg()
loss = lambda out, y: F.cross_entropy(out.view(-1, 5), y.view(-1))
batch = (torch.randn(8, 4, 12), torch.randint(5, (8, 12)))
""",
        {"FS205", "FS701"},
    ),
    Case(
        "class labels as floats",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(60, 20), (torch.arange(60) % 5).float())
""",
        {"FS206"},
    ),
    Case(
        "one-hot labels of integers",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(60, 20), F.one_hot(torch.arange(60) % 5, 5))
""",
        {"FS206"},
    ),
    Case(
        "labels as a column",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(60, 20), (torch.arange(60) % 5).unsqueeze(1))
""",
        {"FS206"},
    ),
    Case(
        "labels of int32",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5), nn.LogSoftmax(1))
loss = nn.NLLLoss()
batch = (torch.randn(60, 20), (torch.arange(60) % 5).int())
""",
        {"FS206"},
    ),
    Case(
        "integer labels for BCEWithLogits",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, x):
        return self.net(x).squeeze(1)

model = Net()
loss = nn.BCEWithLogitsLoss()
batch = (torch.randn(60, 20), torch.randint(2, (60,)))
""",
        {"FS206"},
    ),
    Case(
        "many-hot labels for cross-entropy",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 8))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(60, 20), (torch.rand(60, 8) > 0.6).float())
""",
        {"FS207"},
    ),
    Case(
        "labels smoothed by hand, wrongly",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 6))

def loss(out, y):
    soft = F.one_hot(y, 6) * 0.9 + 0.1
    return F.cross_entropy(out, soft)

batch = (torch.randn(60, 20), torch.arange(60) % 6)
""",
        {"FS207"},
    ),
    Case(
        "scores of a teacher, not probabilities, as soft targets",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 6))
loss = losses.SoftTargetCrossEntropyLoss()
batch = (torch.randn(60, 20), torch.rand(60, 6) * 3)
""",
        {"FS207"},
    ),
    Case(
        "labels of 0 and 1 for our hinge",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        return self.net(x)[:, 0]

model = Net()
loss = losses.HingeLoss()
batch = (torch.randn(60, 10), torch.randint(2, (60,)).float())
""",
        {"FS208"},
    ),
    Case(
        "labels of 0 and 1 for CosineEmbeddingLoss",
        """
class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 16))

    def forward(self, a, b):
        return self.net(a), self.net(b)

model = Siamese()
loss = nn.CosineEmbeddingLoss(margin=0.2)
batch = ((torch.randn(40, 10), torch.randn(40, 10)), torch.randint(2, (40,)))
""",
        {"FS208"},
    ),
)
