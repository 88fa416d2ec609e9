"""Modes and noise: dropout, eval, BatchNorm."""

from __future__ import annotations

from .case import Case

FAULTS = (
    Case(
        "functional dropout that never ends",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(20, 64), nn.Linear(64, 5)

    def forward(self, x):
        return self.b(F.dropout(F.relu(self.a(x)), 0.5))

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(60, 20), torch.arange(60) % 5)
""",
        {"FS704"},
    ),
    Case(
        "noise added to the input in eval too",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))

    def forward(self, x):
        return self.net(x + 0.3 * torch.randn_like(x))

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(60, 20), torch.arange(60) % 5)
""",
        {"FS704"},
    ),
    Case(
        "model left in eval mode",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 5))
model.eval()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(60, 20), torch.arange(60) % 5)
""",
        {"FS705"},
    ),
    Case(
        "dropout on the logits",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5), nn.Dropout(0.5))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(60, 20), torch.arange(60) % 5)
""",
        {"FS706"},
    ),
    Case(
        "dropout given the share to keep",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.drop, self.b = nn.Linear(20, 64), nn.Dropout(0.9), nn.Linear(64, 5)

    def forward(self, x):
        return self.b(self.drop(F.relu(self.a(x))))

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(60, 20), torch.arange(60) % 5)
""",
        {"FS706"},
    ),
    Case(
        "dropout after the head, functional",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(20, 64), nn.Linear(64, 1)

    def forward(self, x):
        return F.dropout(self.b(torch.tanh(self.a(x))), 0.3, self.training)

model = Net()
loss = nn.MSELoss()
batch = (torch.randn(60, 20), torch.randn(60, 1))
""",
        {"FS706"},
    ),
    Case(
        "BatchNorm and a batch of one",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 1))
loss = nn.MSELoss()
batch = (torch.randn(1, 20), torch.randn(1, 1))
""",
        {"FS707"},
    ),
    Case(
        "BatchNorm of pooled features, a batch of one",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.pool = nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1)
        self.bn, self.fc = nn.BatchNorm2d(8), nn.Linear(8, 4)

    def forward(self, x):
        return self.fc(F.relu(self.bn(self.pool(self.conv(x)))).flatten(1))

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(1, 3, 10, 10), torch.tensor([2]))
""",
        {"FS707"},
    ),
)
