"""Losses that do not reach the parameters."""

from __future__ import annotations

from .case import Case

FAULTS = (
    Case(
        "the output detached",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))

    def forward(self, x):
        return self.net(x).detach()

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(60, 20), torch.arange(60) % 5)
""",
        {"FS501"},
    ),
    Case(
        "accuracy as a loss",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
loss = lambda out, y: 1 - (out.argmax(1) == y).float().mean()
batch = (torch.randn(60, 20), torch.arange(60) % 5)
""",
        {"FS501"},
    ),
    Case(
        "the output made into a new tensor",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1))
loss = lambda out, y: F.mse_loss(torch.tensor(out.tolist()), y)
batch = (torch.randn(60, 20), torch.randn(60, 1))
""",
        {"FS501"},
    ),
    Case(
        "forward decorated with no_grad",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))

    @torch.no_grad()
    def forward(self, x):
        return self.net(x)

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(60, 20), torch.arange(60) % 5)
""",
        {"FS501"},
    ),
    Case(
        "a layer that forward forgets",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2, self.fc3 = nn.Linear(20, 64), nn.Linear(64, 64), nn.Linear(64, 5)

    def forward(self, x):
        return self.fc3(F.relu(self.fc1(x)))

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(60, 20), torch.arange(60) % 5)
""",
        {"FS502"},
    ),
    Case(
        "no_grad around a backbone that should train",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        with torch.no_grad():
            features = self.backbone(x)
        return self.head(features)

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(20, 3, 8, 8), torch.arange(20) % 5)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
""",
        {"FS502"},
    ),
    Case(
        "detach between encoder and decoder",
        """
class Seq2Seq(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.GRU(4, 16, batch_first=True), nn.GRU(4, 16, batch_first=True)
        self.out = nn.Linear(16, 4)

    def forward(self, source, shifted):
        _, hidden = self.encoder(source)
        return self.out(self.decoder(shifted, hidden.detach())[0])

model = Seq2Seq()
loss = nn.MSELoss()
target = torch.randn(16, 6, 4)
batch = ((torch.randn(16, 6, 4), target.roll(1, 1)), target)
""",
        {"FS502"},
    ),
    Case(
        "the second head has no loss",
        """
class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(20, 64), nn.ReLU())
        self.kind, self.size = nn.Linear(64, 5), nn.Linear(64, 1)

    def forward(self, x):
        h = self.body(x)
        return self.kind(h), self.size(h)

model = TwoHeads()
loss = lambda kind, size, y, s: F.cross_entropy(kind, y)
batch = (torch.randn(60, 20), (torch.arange(60) % 5, torch.randn(60, 1)))
""",
        {"FS502"},
    ),
    Case(
        "tokens picked by argmax between two networks",
        """
class Cascade(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(20, 6)
        self.embed, self.second = nn.Embedding(6, 16), nn.Linear(16, 5)

    def forward(self, x):
        return self.second(torch.relu(self.embed(self.first(x).argmax(-1))))

model = Cascade()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(60, 20), torch.arange(60) % 5)
""",
        {"FS502"},
    ),
    Case(
        "outputs rounded before the loss",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, x):
        return torch.round(self.net(x) * 10) / 10

model = Net()
loss = nn.MSELoss()
batch = (torch.randn(60, 20), torch.randn(60, 1))
""",
        {"FS503"},
    ),
    Case(
        "both LoRA factors zero",
        """
class LoRA(nn.Module):
    def __init__(self, base, rank=4):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down = nn.Parameter(torch.zeros(rank, base.in_features))
        self.up = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, x):
        return self.base(x) + x @ self.down.T @ self.up.T

model = nn.Sequential(LoRA(nn.Linear(20, 64)), nn.ReLU(), LoRA(nn.Linear(64, 5)))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(60, 20), torch.arange(60) % 5)
""",
        {"FS503"},
    ),
    Case(
        "zero gain and zero last layer in one residual branch",
        """
class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, width), nn.Linear(width, width)
        self.scale = nn.Parameter(torch.zeros(1))
        nn.init.zeros_(self.fc2.weight)
        nn.init.zeros_(self.fc2.bias)

    def forward(self, x):
        return x + self.scale * self.fc2(F.relu(self.fc1(x)))

model = nn.Sequential(nn.Linear(20, 32), Block(32), Block(32), nn.Linear(32, 5))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(60, 20), torch.arange(60) % 5)
""",
        {"FS503"},
    ),
    Case(
        "outputs clipped away from their range",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, x):
        return self.net(x).clamp(5.0, 10.0)

model = Net()
loss = nn.MSELoss()
batch = (torch.randn(60, 20), 5 + 5 * torch.rand(60, 1))
""",
        {"FS503"},
    ),
    Case(
        "a step function between layers",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(20, 64), nn.Linear(64, 5)

    def forward(self, x):
        return self.b((self.a(x) > 0).float())

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(60, 20), torch.arange(60) % 5)
""",
        {"FS502"},
    ),
    Case(
        "positions learned and never added",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.pos = nn.Embedding(30, 16), nn.Parameter(torch.randn(1, 8, 16) * 0.02)
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
        self.out = nn.Linear(16, 4)

    def forward(self, ids):
        x = self.embed(ids)
        return self.out(self.layer(x).mean(1))

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randint(30, (24, 8)), torch.arange(24) % 4)
""",
        {"FS502"},
    ),
    Case(
        "pixels clipped to bytes before the loss",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1))

    def forward(self, x):
        return (self.net(x) * 255).clamp(0, 255).byte().float() / 255

model = Net()
loss = nn.L1Loss()
x = torch.rand(4, 1, 10, 10)
batch = (x, x)
""",
        {"FS501"},
    ),
)
