"""Optimizers that do not hold what should train, and modules that are not registered."""

from __future__ import annotations

from .case import Case

FAULTS = (
    Case(
        "everything frozen",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
for p in model.parameters():
    p.requires_grad = False
loss = nn.CrossEntropyLoss()
batch = (torch.randn(60, 20), torch.arange(60) % 5)
""",
        {"FS504"},
    ),
    Case(
        "the new head frozen with its backbone",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone, self.head = nn.Sequential(nn.Linear(20, 64), nn.ReLU()), nn.Linear(64, 5)
        self.requires_grad_(False)

    def forward(self, x):
        return self.head(self.backbone(x))

model = Net()
loss = lambda out, y: F.cross_entropy(out, y)
batch = (torch.randn(60, 20), torch.arange(60) % 5)
optimizer = torch.optim.AdamW(model.head.parameters(), 1e-3)
""",
        {"FS504"},
    ),
    Case(
        "an optimizer over the encoder only",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(20, 64), nn.ReLU())
        self.decoder = nn.Linear(64, 20)

    def forward(self, x):
        return self.decoder(self.encoder(x))

model = Net()
loss = nn.MSELoss()
x = torch.randn(60, 20)
batch = (x, x)
optimizer = torch.optim.Adam(model.encoder.parameters(), 1e-3)
""",
        {"FS505"},
    ),
    Case(
        "an optimizer of weights without biases and norms",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.LayerNorm(64), nn.ReLU(), nn.Linear(64, 5))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(60, 20), torch.arange(60) % 5)
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.ndim > 1], 1e-3, weight_decay=0.1)
""",
        {"FS505"},
    ),
    Case(
        "the head replaced after the optimizer was made",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1000))
optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
model[2] = nn.Linear(64, 5)
loss = nn.CrossEntropyLoss()
batch = (torch.randn(60, 20), torch.arange(60) % 5)
""",
        {"FS505", "FS506"},
    ),
    Case(
        "the optimizer of another copy of the model",
        """
import copy

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
model = copy.deepcopy(model)
loss = nn.CrossEntropyLoss()
batch = (torch.randn(60, 20), torch.arange(60) % 5)
""",
        {"FS505", "FS506"},
    ),
    Case(
        "frozen layers in an optimizer with weight decay",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
model[0].requires_grad_(False)
loss = nn.CrossEntropyLoss()
batch = (torch.randn(60, 20), torch.arange(60) % 5)
optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
""",
        {"FS507"},
    ),
    Case(
        "ArcFace centres not in the optimizer",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 16))
loss = losses.ArcFaceLoss(num_classes=6, embedding_dim=16, scale=16.0)
batch = (torch.randn(60, 20), torch.arange(60) % 6)
optimizer = torch.optim.SGD(model.parameters(), 0.1)
""",
        {"FS509"},
    ),
    Case(
        "weights of uncertainty not in the optimizer",
        """
class Uncertain(nn.Module):
    def __init__(self):
        super().__init__()
        self.log_var = nn.Parameter(torch.zeros(2))

    def forward(self, kind, size, y, s):
        terms = torch.stack([F.cross_entropy(kind, y), F.mse_loss(size, s)])
        return (terms * torch.exp(-self.log_var) + self.log_var / 2).sum()

class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(20, 64), nn.ReLU())
        self.kind, self.size = nn.Linear(64, 5), nn.Linear(64, 1)

    def forward(self, x):
        h = self.body(x)
        return self.kind(h), self.size(h)

model = TwoHeads()
loss = Uncertain()
batch = (torch.randn(60, 20), (torch.arange(60) % 5, torch.randn(60, 1)))
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
""",
        {"FS509"},
    ),
    Case(
        "layers in a plain list",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(20, 32)
        self.blocks = [nn.Sequential(nn.Linear(32, 32), nn.ReLU()) for _ in range(3)]
        self.head = nn.Linear(32, 5)

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x)

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(60, 20), torch.arange(60) % 5)
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
""",
        {"FS510"},
    ),
    Case(
        "heads in a plain dict",
        """
class MultiTask(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(20, 32), nn.ReLU())
        self.heads = {"kind": nn.Linear(32, 4), "size": nn.Linear(32, 1)}

    def forward(self, x):
        h = self.body(x)
        return {name: head(h) for name, head in self.heads.items()}

model = MultiTask()
loss = lambda out, y: F.cross_entropy(out["kind"], y["kind"]) + F.mse_loss(out["size"], y["size"])
batch = (torch.randn(60, 20), dict(kind=torch.arange(60) % 4, size=torch.randn(60, 1)))
""",
        {"FS510"},
    ),
    Case(
        "a head added after the optimizer was made",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU())
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
model.append(nn.Linear(64, 5))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(60, 20), torch.arange(60) % 5)
""",
        {"FS505"},
    ),
    Case(
        "blocks in a tuple",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Linear(20, 32), nn.Linear(32, 32)
        self.head = nn.Linear(32, 1)

    def forward(self, x):
        first, second = self.layers
        return self.head(torch.relu(second(torch.relu(first(x)))))

model = Net()
loss = nn.MSELoss()
batch = (torch.randn(60, 20), torch.randn(60, 1))
""",
        {"FS510"},
    ),
)
