"""Pairs, views, teachers and preferences."""

from __future__ import annotations

from .case import Case

VIEWS = """
class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 32))

    def forward(self, a, b):
        return self.net(a), self.net(b)

model = Encoder()
x = torch.randn(32, 16)
batch = ((x + 0.2 * torch.randn(32, 16), x + 0.2 * torch.randn(32, 16)), None)
"""

TOWERS = """
class Towers(nn.Module):
    def __init__(self, scale=None, bias=None):
        super().__init__()
        self.image = nn.Sequential(nn.Linear(24, 64), nn.GELU(), nn.Linear(64, 32))
        self.text, self.project = nn.Embedding(40, 32), nn.Linear(32, 32)
        self.scale = None if scale is None else nn.Parameter(torch.tensor(scale))
        self.bias = None if bias is None else nn.Parameter(torch.tensor(bias))

    def forward(self, image, text):
        image, text = self.image(image), self.project(self.text(text).mean(1))
        learned = [one for one in (self.scale, self.bias) if one is not None]
        return (F.normalize(image, dim=-1), F.normalize(text, dim=-1), *learned)
"""

POLICY = """
class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.gru, self.head = nn.Embedding(20, 16), nn.GRU(16, 16, batch_first=True), nn.Linear(16, 20)

    def log_prob(self, ids):
        logits = self.head(self.gru(self.embed(ids[:, :-1]))[0])
        return logits.log_softmax(-1).gather(2, ids[:, 1:, None]).squeeze(-1).sum(-1)

    def forward(self, chosen, rejected):
        return self.log_prob(chosen), self.log_prob(rejected)

model = Policy()
chosen, rejected = torch.randint(20, (16, 8)), torch.randint(20, (16, 8))
"""

SOUND = (
    Case("InfoNCE of ours", VIEWS + "\nloss = losses.InfoNCELoss()\n"),
    Case("SimCLR of ours", VIEWS + "\nloss = losses.NTXentLoss(temperature=0.5)\n"),
    Case(
        "InfoNCE by hand",
        VIEWS
        + """
def loss(a, b):
    logits = F.normalize(a, dim=1) @ F.normalize(b, dim=1).T / 0.1
    return F.cross_entropy(logits, torch.arange(len(a)))
""",
    ),
    Case(
        "SimCLR by hand",
        VIEWS
        + """
def loss(a, b, temperature=0.5):
    z = F.normalize(torch.cat([a, b]), dim=1)
    sim = z @ z.T / temperature
    sim = sim.masked_fill(torch.eye(len(z), dtype=torch.bool), float("-inf"))
    n = len(a)
    return F.cross_entropy(sim, torch.cat([torch.arange(n) + n, torch.arange(n)]))
""",
    ),
    Case(
        "VICReg by hand",
        VIEWS
        + """
def loss(a, b):
    variance = sum(F.relu(1 - (z.var(0) + 1e-4).sqrt()).mean() for z in (a, b))
    def off(z):
        z = z - z.mean(0)
        c = z.T @ z / (len(z) - 1)
        return (c**2).sum().sub((c.diagonal() ** 2).sum()) / z.shape[1]
    return 25 * F.mse_loss(a, b) + 25 * variance + off(a) + off(b)
""",
    ),
    Case(
        "Barlow Twins by hand",
        VIEWS
        + """
def loss(a, b):
    a, b = (a - a.mean(0)) / a.std(0), (b - b.mean(0)) / b.std(0)
    c = a.T @ b / len(a)
    on = (c.diagonal() - 1).pow(2).sum()
    return on + 0.005 * (c.pow(2).sum() - c.diagonal().pow(2).sum())
""",
    ),
    Case(
        "CLIP of ours",
        TOWERS
        + """
model = Towers()
loss = losses.CLIPLoss()
batch = ((torch.randn(32, 24), torch.randint(40, (32, 6))), None)
""",
    ),
    Case(
        "CLIP by hand",
        TOWERS
        + """
model = Towers(2.6593)

def loss(image, text, scale):
    logits = scale.exp() * image @ text.T
    labels = torch.arange(len(logits))
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2

batch = ((torch.randn(32, 24), torch.randint(40, (32, 6))), None)
optimizer = torch.optim.AdamW(model.parameters(), 1e-4)
""",
    ),
    Case(
        "SigLIP of ours",
        TOWERS
        + """
model = Towers()
loss = losses.SigLIPLoss()
batch = ((torch.randn(24, 24), torch.randint(40, (24, 6))), None)
""",
    ),
    Case(
        "SigLIP by hand",
        TOWERS
        + """
model = Towers(2.302585, -10.0)

def loss(image, text, scale, bias):
    logits = scale.exp() * image @ text.T + bias
    sign = 2 * torch.eye(len(logits)) - 1
    return -F.logsigmoid(sign * logits).sum() / len(logits)

batch = ((torch.randn(24, 24), torch.randint(40, (24, 6))), None)
""",
    ),
    Case(
        "supervised contrast",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 24))

    def forward(self, x):
        return F.normalize(self.net(x), dim=-1)

model = Net()
loss = losses.SupervisedContrastiveLoss(temperature=0.1)
batch = (torch.randn(40, 16), torch.arange(40) % 8)
""",
    ),
    Case(
        "triplets of torch",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 24))

    def forward(self, anchor, positive, negative):
        return self.net(anchor), self.net(positive), self.net(negative)

model = Net()
loss = nn.TripletMarginLoss(margin=0.5)
anchor = torch.randn(40, 16)
batch = ((anchor, anchor + 0.3 * torch.randn(40, 16), torch.randn(40, 16)), None)
""",
    ),
    Case(
        "batch-hard triplets",
        """
model = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 24))
loss = losses.BatchHardTripletLoss(margin=0.2)
batch = (torch.randn(32, 16), torch.arange(32) % 8)
""",
    ),
    Case(
        "siamese cosine embedding",
        """
class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(16, 64), nn.Tanh(), nn.Linear(64, 24))

    def forward(self, a, b):
        return self.net(a), self.net(b)

model = Siamese()
loss = nn.CosineEmbeddingLoss(margin=0.1)
batch = ((torch.randn(40, 16), torch.randn(40, 16)), (torch.arange(40) % 2) * 2 - 1)
""",
    ),
    Case(
        "ArcFace with its centres in the optimizer",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 32))
loss = losses.ArcFaceLoss(num_classes=6, embedding_dim=32, scale=16.0)
batch = (torch.randn(60, 20), torch.arange(60) % 6)
optimizer = torch.optim.SGD([*model.parameters(), *loss.parameters()], 0.1)
""",
    ),
    Case(
        "BYOL with a target network and stop-gradient",
        """
import copy

class BYOL(nn.Module):
    def __init__(self):
        super().__init__()
        self.online = nn.Sequential(nn.Linear(16, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 32))
        self.predictor = nn.Sequential(nn.Linear(32, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 32))
        self.target = copy.deepcopy(self.online).requires_grad_(False)

    def forward(self, a, b):
        with torch.no_grad():
            ta, tb = self.target(a), self.target(b)
        return self.predictor(self.online(a)), self.predictor(self.online(b)), ta, tb

def loss(pa, pb, ta, tb):
    one = 2 - 2 * F.cosine_similarity(pa, tb).mean()
    return one + 2 - 2 * F.cosine_similarity(pb, ta).mean()

model = BYOL()
x = torch.randn(32, 16)
batch = ((x + 0.2 * torch.randn(32, 16), x + 0.2 * torch.randn(32, 16)), None)
optimizer = torch.optim.Adam([*model.online.parameters(), *model.predictor.parameters()], 1e-3)
""",
    ),
    Case(
        "SimSiam: cosine negated, detached",
        """
class SimSiam(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(16, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 32))
        self.h = nn.Sequential(nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 32))

    def forward(self, a, b):
        za, zb = self.f(a), self.f(b)
        return self.h(za), self.h(zb), za.detach(), zb.detach()

loss = lambda pa, pb, za, zb: -(F.cosine_similarity(pa, zb).mean() + F.cosine_similarity(pb, za).mean()) / 2
model = SimSiam()
x = torch.randn(32, 16)
batch = ((x + 0.2 * torch.randn(32, 16), x + 0.2 * torch.randn(32, 16)), None)
""",
    ),
    Case(
        "distillation from a frozen teacher inside",
        """
class Distill(nn.Module):
    def __init__(self):
        super().__init__()
        self.student = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 8))
        self.teacher = nn.Sequential(nn.Linear(16, 128), nn.ReLU(), nn.Linear(128, 8)).requires_grad_(False).eval()

    def forward(self, x):
        with torch.no_grad():
            teacher = self.teacher(x)
        return self.student(x), teacher

def loss(student, teacher, y, t=3.0):
    soft = F.kl_div(F.log_softmax(student / t, 1), F.softmax(teacher / t, 1), reduction="batchmean") * t * t
    return 0.7 * soft + 0.3 * F.cross_entropy(student, y)

model = Distill()
batch = (torch.randn(48, 16), torch.arange(48) % 8)
optimizer = torch.optim.Adam(model.student.parameters(), 1e-3)
""",
    ),
    Case(
        "distillation of ours, logits of the teacher as targets",
        """
model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 8))
loss = losses.DistillationLoss(temperature=2.0)
batch = (torch.randn(48, 16), torch.randn(48, 8))
""",
    ),
    Case(
        "DPO where policy and reference are equal",
        POLICY
        + """
with torch.no_grad():
    reference = model(chosen, rejected)
loss = losses.DPOLoss(beta=0.1)
batch = ((chosen, rejected), reference)
""",
    ),
    Case(
        "DPO by hand",
        POLICY
        + """
import copy

reference = copy.deepcopy(model).eval()
with torch.no_grad():
    ref_chosen, ref_rejected = reference(chosen, rejected)

def loss(chosen, rejected, ref_chosen, ref_rejected):
    return -F.logsigmoid(0.1 * ((chosen - ref_chosen) - (rejected - ref_rejected))).mean()

batch = ((chosen, rejected), (ref_chosen, ref_rejected))
optimizer = torch.optim.AdamW(model.parameters(), 1e-5)
""",
    ),
    Case(
        "reward model on pairs",
        """
class Reward(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(20, 16), nn.Linear(16, 1)

    def forward(self, chosen, rejected):
        return self.head(self.embed(chosen).mean(1))[:, 0], self.head(self.embed(rejected).mean(1))[:, 0]

model = Reward()
loss = losses.RewardModelLoss()
batch = ((torch.randint(20, (24, 8)), torch.randint(20, (24, 8))), None)
""",
    ),
    Case(
        "matrix factorisation with BPR",
        """
class MF(nn.Module):
    def __init__(self):
        super().__init__()
        self.user, self.item = nn.Embedding(30, 16), nn.Embedding(50, 16)
        for table in (self.user, self.item):
            nn.init.normal_(table.weight, std=0.1)

    def forward(self, user, positive, negative):
        u = self.user(user)
        return (u * self.item(positive)).sum(-1), (u * self.item(negative)).sum(-1)

model = MF()
loss = losses.BPRLoss()
batch = ((torch.randint(30, (64,)), torch.randint(50, (64,)), torch.randint(50, (64,))), None)
""",
    ),
)
