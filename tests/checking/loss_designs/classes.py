"""Classes and labels: cross-entropy and its kin, their weights, and heads for them."""

from __future__ import annotations

DESIGNS = {
    "classifier": """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 10))
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    "tiny batch": """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 10))
loss = nn.CrossEntropyLoss()
batch = torch.randn(2, 20), torch.tensor([3, 7])
""",
    "one example": """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 10))
loss = nn.CrossEntropyLoss()
batch = torch.randn(1, 20), torch.tensor([3])
""",
    "zero head": """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 10))
nn.init.zeros_(model[2].weight); nn.init.zeros_(model[2].bias)
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    "he net": """
model = nn.Sequential(nn.Linear(20, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 100))
for m in model[::2]:
    nn.init.kaiming_normal_(m.weight)
loss = nn.CrossEntropyLoss()
batch = torch.randn(64, 20), torch.randint(100, (64,))
""",
    "xavier": """
model = nn.Sequential(nn.Linear(20, 64), nn.Tanh(), nn.Linear(64, 10))
for m in model[::2]:
    nn.init.xavier_normal_(m.weight)
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    "kaiming head and layer norm": """
model = nn.Sequential(nn.Linear(20, 64), nn.LayerNorm(64), nn.Linear(64, 10))
nn.init.kaiming_normal_(model[2].weight)
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    "huge number of classes": """
model = nn.Linear(64, 5000)
loss = nn.CrossEntropyLoss()
batch = torch.randn(8, 64), torch.randint(5000, (8,))
""",
    "bfloat16": """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 10)).bfloat16()
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20).bfloat16(), torch.arange(32) % 10
""",
    "float64": """
model = nn.Linear(20, 10).double()
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20).double(), torch.arange(32) % 10
""",
    "fine-tuned head of a backbone": """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
batch = torch.randn(64, 20), torch.arange(64) % 5
loss = nn.CrossEntropyLoss()
adam = torch.optim.Adam(model.parameters(), 0.01)
for _ in range(60):
    adam.zero_grad(); loss(model(batch[0]), batch[1]).backward(); adam.step()
adam.zero_grad()
model[2] = nn.Linear(64, 5)
model[0].requires_grad_(False)
""",
    "gnn nodes": """
adjacency = torch.eye(40) * 0.5 + 0.0125
class GCN(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(16, 32), nn.Linear(32, 4)
    def forward(self, x):
        return self.b(adjacency @ F.relu(self.a(adjacency @ x)))
model = GCN()
train = torch.arange(40) % 3 == 0
loss = lambda o, y: F.cross_entropy(o[train], y[train])
batch = torch.randn(40, 16), torch.arange(40) % 4
""",
    "action masking": """
class Masked(nn.Module):
    def __init__(self):
        super().__init__()
        self.h = nn.Linear(10, 6)
    def forward(self, x):
        return self.h(x).masked_fill(torch.tensor([0, 0, 0, 0, 1, 1], dtype=torch.bool), -1e9)
model = Masked()
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 10), torch.arange(32) % 4
""",
    "log-softmax nll": """
model = nn.Sequential(nn.Linear(20, 10), nn.LogSoftmax(1))
loss = nn.NLLLoss()
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    "one-hot by hand": """
model = nn.Linear(20, 10)
loss = lambda out, y: -(y * out.log_softmax(1)).sum(1).mean()
batch = torch.randn(32, 20), F.one_hot(torch.arange(32) % 10, 10).float()
""",
    "multi-hot softmax by hand": """
model = nn.Linear(20, 10)
loss = lambda out, y: -(y * out.log_softmax(1)).sum(1).mean()
batch = torch.randn(32, 20), (torch.rand(32, 10) > 0.6).float()
""",
    "multinomial counts": """
model = nn.Linear(20, 10)
loss = lambda out, y: -(y * out.log_softmax(1)).sum(1).mean()
batch = torch.randn(32, 20), torch.poisson(torch.ones(32, 10))
""",
    "label smoothing": """
model = nn.Linear(20, 10)
loss = nn.CrossEntropyLoss(label_smoothing=0.1)
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    "smoothed": """
model = nn.Linear(20, 3)
loss = nn.CrossEntropyLoss(label_smoothing=0.2)
batch = torch.randn(32, 20), torch.arange(32) % 3
""",
    "mixup": """
model = nn.Linear(20, 4)
def loss(o, y):
    order = torch.arange(len(y)).roll(1)
    return 0.7 * F.cross_entropy(o, y) + 0.3 * F.cross_entropy(o, y[order])
batch = torch.randn(32, 20), torch.arange(32) % 4
""",
    "class weights": """
model = nn.Linear(20, 3)
loss = nn.CrossEntropyLoss(weight=torch.tensor([0.5, 1.0, 4.0]))
batch = torch.randn(32, 20), torch.tensor([0] * 20 + [1] * 9 + [2] * 3)
""",
    "soft targets weights": """
model = nn.Linear(20, 3)
loss = nn.CrossEntropyLoss(weight=torch.tensor([0.1, 0.1, 0.1]))
batch = torch.randn(32, 20), torch.randn(32, 3).softmax(1)
""",
    "weighted samples": """
model = nn.Linear(20, 10)
loss = lambda o, y: (F.cross_entropy(o, y[0], reduction="none") * y[1]).mean()
batch = torch.randn(32, 20), (torch.arange(32) % 10, torch.rand(32) + 0.5)
""",
    "cut losses scaled": """
model = nn.Linear(20, 10)
loss = lambda o, y: F.cross_entropy(o, y) / 4
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    "noise in the loss": """
model = nn.Linear(20, 10)
loss = lambda o, y: F.cross_entropy(o + torch.randn_like(o), y)
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    "outputs and targets reordered alike": """
model = nn.Linear(20, 4)
def loss(o, y):
    order = y.argsort()
    return F.cross_entropy(o[order], y[order])
batch = torch.randn(32, 20), torch.arange(32) % 4
""",
    "log prior head balanced batch": """
model = nn.Linear(20, 10)
nn.init.normal_(model.weight, std=0.01)
with torch.no_grad():
    model.bias.copy_((0.5 ** torch.arange(10.)).log_softmax(0))
loss = nn.CrossEntropyLoss()
batch = torch.randn(40, 20), torch.arange(40) % 10
""",
    "focal by hand": """
model = nn.Linear(20, 10)
def loss(o, y):
    ce = F.cross_entropy(o, y, reduction="none")
    return ((1 - (-ce).exp()) ** 2 * ce).mean()
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    "ohem": """
model = nn.Linear(20, 10)
loss = lambda o, y: F.cross_entropy(o, y, reduction="none").topk(8).values.mean()
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    "free bits": """
model = nn.Linear(20, 10)
loss = lambda o, y: F.cross_entropy(o, y, reduction="none").sub(2.3).relu().mean()
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    "ordinal": """
model = nn.Linear(10, 4)
loss = losses.CORALLoss()
batch = torch.randn(40, 10), torch.arange(40) % 5
""",
    "dice ce": """
model = nn.Conv2d(3, 4, 3, padding=1)
loss = losses.DiceCELoss()
batch = torch.randn(4, 3, 16, 16), torch.randint(4, (4, 16, 16))
""",
}
