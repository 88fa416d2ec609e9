"""Inputs that look odd and are right."""

from __future__ import annotations

from .case import Case

SOUND = (
    Case(
        "images of 0..255 that the model divides itself",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2, self.fc = nn.Conv2d(3, 16, 3), nn.Conv2d(16, 16, 3), nn.Linear(16, 5)

    def forward(self, x):
        x = x / 127.5 - 1
        return self.fc(F.relu(self.conv2(F.relu(self.conv1(x)))).mean((2, 3)))

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randint(256, (20, 3, 12, 12)).float(), torch.arange(20) % 5)
""",
    ),
    Case(
        "bytes of images, converted inside",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))
        self.body = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.fc = nn.Linear(64, 4)

    def forward(self, x):
        return self.fc(self.body((x.float() / 255 - self.mean) / self.std))

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randint(256, (20, 3, 12, 12), dtype=torch.uint8), torch.arange(20) % 4)
""",
    ),
    Case(
        "unscaled columns behind a BatchNorm",
        """
model = nn.Sequential(nn.BatchNorm1d(6), nn.Linear(6, 64), nn.ReLU(), nn.Linear(64, 1))
loss = nn.BCEWithLogitsLoss()
x = torch.randn(80, 6)
x[:, 2] = 40_000 + 15_000 * torch.randn(80)
batch = (x, torch.randint(2, (80, 1)).float())
""",
    ),
    Case(
        "one-hot features, some columns empty in this batch",
        """
model = nn.Sequential(nn.Linear(60, 32), nn.ReLU(), nn.Linear(32, 3))
loss = nn.CrossEntropyLoss()
codes = torch.stack([torch.randint(20, (45,)) + 20 * i for i in range(3)], 1)
batch = (torch.zeros(45, 60).scatter(1, codes, 1.0), torch.arange(45) % 3)
""",
    ),
    Case(
        "bag of words with counts",
        """
model = nn.Sequential(nn.Linear(200, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 4))
loss = nn.CrossEntropyLoss()
batch = (torch.poisson(torch.rand(64, 200) * 0.2), torch.arange(64) % 4)
""",
    ),
    Case(
        "waveforms of small amplitude",
        """
model = nn.Sequential(
    nn.Conv1d(1, 16, 32, stride=8), nn.BatchNorm1d(16), nn.ReLU(), nn.Conv1d(16, 16, 3), nn.BatchNorm1d(16), nn.ReLU(),
    nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(16, 5)
)
loss = nn.CrossEntropyLoss()
batch = (0.05 * torch.randn(20, 1, 400), torch.arange(20) % 5)
""",
    ),
    Case(
        "missing targets as NaN, masked in the loss",
        """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 4))

def loss(out, y):
    known = ~torch.isnan(y)
    return F.mse_loss(out[known], y[known])

y = torch.randn(40, 4)
y[torch.rand(40, 4) < 0.3] = float("nan")
batch = (torch.randn(40, 10), y)
""",
    ),
    Case(
        "labels of -1 ignored by index",
        """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 4))
loss = nn.CrossEntropyLoss(ignore_index=-1)
y = torch.arange(40) % 4
y[:8] = -1
batch = (torch.randn(40, 10), y)
""",
    ),
    Case(
        "targets of 0.1 and 0.9",
        """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
loss = nn.BCEWithLogitsLoss()
batch = (torch.randn(40, 10), 0.1 + 0.8 * torch.randint(2, (40, 1)).float())
""",
    ),
    Case(
        "one positive in ten",
        """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
loss = nn.BCEWithLogitsLoss()
batch = (torch.randn(80, 10), (torch.arange(80) % 10 == 0).float().unsqueeze(1))
""",
    ),
    Case(
        "targets of twice the unit scale, with outliers",
        """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
loss = nn.HuberLoss()
y = 0.5 + 2 * torch.randn(80, 1)
y[:2] = 12.0
batch = (torch.randn(80, 10), y)
""",
    ),
    Case(
        "ratings from 1 to 5, centred bias",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.user, self.item = nn.Embedding(20, 8), nn.Embedding(30, 8)
        self.bias = nn.Parameter(torch.tensor(3.0))
        nn.init.normal_(self.user.weight, std=0.1)
        nn.init.normal_(self.item.weight, std=0.1)

    def forward(self, user, item):
        return self.bias + (self.user(user) * self.item(item)).sum(-1)

model = Net()
loss = nn.MSELoss()
batch = ((torch.randint(20, (64,)), torch.randint(30, (64,))), torch.randint(1, 6, (64,)).float())
""",
    ),
    Case(
        "mostly padding in a batch of sentences",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Embedding(50, 16, padding_idx=0), nn.Linear(16, 4)

    def forward(self, ids):
        x = self.embed(ids)
        return self.out(x.sum(1) / (ids > 0).sum(1, keepdim=True).clamp(min=1))

model = Net()
loss = nn.CrossEntropyLoss()
ids = torch.randint(1, 50, (24, 20)).masked_fill(torch.arange(20) >= torch.randint(1, 6, (24, 1)), 0)
batch = (ids, torch.arange(24) % 4)
""",
    ),
    Case(
        "sparse embeddings",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Embedding(200, 16, sparse=True), nn.Linear(16, 3)

    def forward(self, ids):
        return self.out(self.embed(ids).mean(1))

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randint(200, (24, 6)), torch.arange(24) % 3)
""",
    ),
    Case(
        "multi-class hinge",
        """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 5))
loss = nn.MultiMarginLoss()
batch = (torch.randn(40, 10), torch.arange(40) % 5)
""",
    ),
    Case(
        "multi-class focal loss",
        """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 5))
loss = losses.FocalLoss(gamma=2.0)
batch = (torch.randn(40, 10), torch.arange(40) % 5)
""",
    ),
)
