"""Similarities, distances and teachers."""

from __future__ import annotations

PROTOTYPES = """
class Proto(nn.Module):
    def __init__(self):
        super().__init__()
        self.e, self.p = nn.Linear(10, 8), nn.Parameter(torch.randn(5, 8))
    def forward(self, x):
        return torch.cdist(self.e(x), self.p)
model = Proto()
"""

DESIGNS = {
    "simclr labels unused": """
class E(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 16))
    def forward(self, x):
        return self.net(x), self.net(x + 0.1 * torch.randn_like(x))
model = E()
def loss(out, labels):
    a, b = out
    return losses.functional.nt_xent_loss(a, b)
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    "simclr by hand": """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 16))
def loss(z, labels):
    z = F.normalize(z, dim=1)
    s = z @ z.T / 0.1
    s = s.masked_fill(torch.eye(len(z), dtype=torch.bool), -1e9)
    target = torch.arange(len(z)).roll(len(z) // 2)
    return F.cross_entropy(s, target)
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    "infonce small width": """
class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(20, 16), nn.Linear(12, 16)
    def forward(self, a, b):
        return F.normalize(self.a(a), dim=1), F.normalize(self.b(b), dim=1)
model = Two()
loss = lambda a, b: F.cross_entropy(a @ b.T / 0.07, torch.arange(len(a)))
batch = (torch.randn(32, 20), torch.randn(32, 12)), None
""",
    "byol with labels": """
class B(nn.Module):
    def __init__(self):
        super().__init__()
        self.f, self.p = nn.Linear(20, 16), nn.Linear(16, 16)
    def forward(self, x):
        z = self.f(x)
        return self.p(z), self.f(x + 0.1 * torch.randn_like(x)).detach()
model = B()
loss = lambda out, labels: 2 - 2 * F.cosine_similarity(out[0], out[1]).mean()
batch = torch.randn(32, 20), torch.arange(32) % 5
""",
    "triplet": """
model = nn.Linear(20, 16)
loss = losses.BatchHardTripletLoss()
batch = torch.randn(32, 20), torch.arange(32) % 8
""",
    "cosine classifier": """
class Cos(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.w = nn.Linear(20, 64), nn.Parameter(torch.randn(10, 64))
    def forward(self, x):
        return 30 * F.linear(F.normalize(self.body(x), dim=1), F.normalize(self.w, dim=1))
model = Cos()
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    "arcface": """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 32))
loss = losses.ArcFaceLoss(embedding_dim=32, num_classes=10)
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    "ensemble distances": PROTOTYPES
    + """
loss = lambda d, y: F.cross_entropy(-d, y)
batch = torch.randn(32, 10), torch.arange(32) % 5
""",
    "distances by hand": PROTOTYPES
    + """
loss = lambda d, y: -(-d).log_softmax(1).gather(1, y[:, None]).mean()
batch = torch.randn(32, 10), torch.arange(32) % 5
""",
    "distillation": """
model = nn.Linear(20, 10)
def loss(student, labels, teacher):
    t = 4.0
    soft = F.kl_div(F.log_softmax(student / t, -1), F.softmax(teacher / t, -1), reduction="batchmean") * t * t
    return 0.5 * soft + 0.5 * F.cross_entropy(student, labels)
batch = torch.randn(40, 20), (torch.arange(40) % 10, 3 * torch.randn(40, 10))
""",
    "distilled without labels": """
class KD(nn.Module):
    def __init__(self):
        super().__init__()
        self.s, self.t = nn.Linear(20, 10), nn.Linear(20, 10)
        self.t.requires_grad_(False)
    def forward(self, x):
        return self.s(x), self.t(x)
model = KD()
loss = lambda out, labels: F.kl_div(out[0].log_softmax(1), out[1].softmax(1), reduction="batchmean")
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    "kl none": """
model = nn.Linear(20, 10)
loss = lambda o, y: F.kl_div(o.log_softmax(1), y, reduction="none").sum(1).mean()
batch = torch.randn(40, 20), torch.randn(40, 10).softmax(1)
""",
    "kl times classes": """
model = nn.Linear(20, 10)
loss = lambda o, y: 10 * F.kl_div(o.log_softmax(1), y, reduction="mean")
batch = torch.randn(40, 20), torch.randn(40, 10).softmax(1)
""",
}
