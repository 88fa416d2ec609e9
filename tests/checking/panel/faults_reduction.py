"""How the loss is added up, where it starts, and whether it depends on what it should."""

from __future__ import annotations

from .case import Case

FAULTS = (
    Case(
        "cross-entropy summed",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
loss = nn.CrossEntropyLoss(reduction="sum")
batch = (torch.randn(60, 20), torch.arange(60) % 5)
""",
        {"FS301"},
    ),
    Case(
        "squares summed by hand",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 2))
loss = lambda out, y: ((out - y) ** 2).sum()
batch = (torch.randn(60, 20), torch.randn(60, 2))
""",
        {"FS301"},
    ),
    Case(
        "KLDivLoss with its default mean",
        """
model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 6), nn.LogSoftmax(-1))
loss = nn.KLDivLoss()
batch = (torch.randn(32, 16), torch.randn(32, 6).softmax(-1))
""",
        {"FS302"},
    ),
    Case(
        "distillation with kl_div mean",
        """
model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 10))

def loss(student, labels, teacher):
    t = 4.0
    soft = F.kl_div(F.log_softmax(student / t, -1), F.softmax(teacher / t, -1), reduction="mean") * t * t
    return 0.5 * soft + 0.5 * F.cross_entropy(student, labels)

batch = (torch.randn(40, 16), (torch.arange(40) % 10, torch.randn(40, 10)))
""",
        {"FS302"},
    ),
    Case(
        "a loss per example",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
loss = nn.CrossEntropyLoss(reduction="none")
batch = (torch.randn(60, 20), torch.arange(60) % 5)
""",
        {"FS303"},
    ),
    Case(
        "masked squares divided by every element",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru, self.head = nn.GRU(3, 16, batch_first=True), nn.Linear(16, 1)

    def forward(self, x):
        return self.head(self.gru(x)[0]).squeeze(-1)

model = Net()
loss = lambda out, y, mask: ((out - y) ** 2 * mask).mean()
batch = (torch.randn(16, 12, 3), (torch.randn(16, 12), (torch.arange(12) < torch.randint(3, 8, (16, 1))).float()))
""",
        {"FS304"},
    ),
    Case(
        "padded tokens in the mean of cross-entropy",
        """
class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Embedding(40, 16, padding_idx=0), nn.Linear(16, 6)

    def forward(self, ids):
        return self.out(self.embed(ids))

def loss(out, tags):
    per_token = F.cross_entropy(out.transpose(1, 2), tags, ignore_index=-100, reduction="none")
    return per_token.sum() / tags.numel()

model = Tagger()
ids, tags = torch.randint(1, 40, (16, 12)), torch.randint(6, (16, 12))
padding = torch.arange(12) >= torch.randint(3, 8, (16, 1))
batch = (ids.masked_fill(padding, 0), tags.masked_fill(padding, -100))
""",
        {"FS304"},
    ),
    Case(
        "losses of sequences with unequal numbers of tokens",
        """
class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Embedding(40, 16, padding_idx=0), nn.Linear(16, 6)

    def forward(self, ids):
        return self.out(self.embed(ids)).transpose(1, 2)

model = Tagger()
loss = nn.CrossEntropyLoss(ignore_index=-100)
ids, tags = torch.randint(1, 40, (8, 24)), torch.randint(6, (8, 24))
padding = torch.arange(24) >= torch.tensor([24, 24, 24, 24, 2, 2, 2, 2]).unsqueeze(1)
batch = (ids.masked_fill(padding, 0), tags.masked_fill(padding, -100))
""",
        {"FS305"},
    ),
    Case(
        "hidden weights fine, the last layer N(0, 1)",
        """
class Names(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(27, 10)
        self.hidden, self.out = nn.Linear(30, 100), nn.Linear(100, 27)
        nn.init.normal_(self.out.weight)
        nn.init.normal_(self.out.bias)

    def forward(self, ids):
        return self.out(torch.tanh(self.hidden(self.embed(ids).flatten(1))))

model = Names()
loss = F.cross_entropy
batch = (torch.randint(27, (32, 3)), torch.randint(27, (32,)))
""",
        {"FS401", "FS612"},
    ),
    Case(
        "a scaled output: logits times 50",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(20, 64), nn.LayerNorm(64), nn.ReLU(), nn.Linear(64, 10))

    def forward(self, x):
        return self.net(x) * 50

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(60, 20), torch.arange(60) % 10)
""",
        {"FS401"},
    ),
    Case(
        "one positive in a hundred without a prior",
        """
model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 1))
loss = losses.SigmoidFocalLoss(alpha=0.25)
mask = torch.zeros(4, 1, 20, 20)
mask[:, :, :2, :2] = 1
batch = (torch.randn(4, 3, 20, 20), mask)
""",
        {"FS403"},
    ),
    Case(
        "targets around 4, head around 0",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1))
loss = nn.MSELoss()
batch = (torch.randn(64, 20), 4 + torch.randn(64, 1))
""",
        {"FS404", "FS214"},
    ),
    Case(
        "the loss of the predictions with themselves",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
loss = lambda out, y: F.cross_entropy(out, out.argmax(1))
batch = (torch.randn(60, 20), torch.arange(60) % 5)
""",
        {"FS405"},
    ),
    Case(
        "difference of the means",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1))
loss = lambda out, y: (out.mean() - y.mean()) ** 2
batch = (torch.randn(60, 20), torch.randn(60, 1))
""",
        {"FS405"},
    ),
    Case(
        "targets overwritten by zeros",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 3))

def loss(out, y):
    target = torch.zeros_like(out)
    target.scatter(1, y.unsqueeze(1), 1.0)
    return F.binary_cross_entropy_with_logits(out, target)

batch = (torch.randn(60, 20), torch.arange(60) % 3)
""",
        {"FS405"},
    ),
    Case(
        "squares that overflow float16",
        """
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1)).half()
loss = lambda out, y: ((out - y) ** 2).mean()
batch = (torch.randn(32, 8).half(), (500 + 100 * torch.randn(32, 1)).half())
""",
        {"FS406", "FS002"},
    ),
    Case(
        "a small constant that is zero in float16",
        """
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4)).half()

def loss(out, y):
    p = F.one_hot(y, 4).to(out.dtype) * torch.softmax(out, -1)
    return -torch.log(p + 1e-8).sum(-1).mean()

batch = (torch.randn(32, 8).half(), torch.arange(32) % 4)
""",
        {"FS406", "FS002"},
    ),
    Case(
        "a model that has been trained on the batch",
        """
model = nn.Sequential(nn.Linear(20, 128), nn.ReLU(), nn.Linear(128, 5))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(30, 20), torch.arange(30) % 5)
adam = torch.optim.Adam(model.parameters(), 0.01)
for _ in range(40):
    adam.zero_grad()
    loss(model(batch[0]), batch[1]).backward()
    adam.step()
adam.zero_grad()
""",
        {"FS407"},
    ),
    Case(
        "a denoiser whose input has no noise",
        """
class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1))
        nn.init.normal_(self.net[2].weight, std=1e-4)
        nn.init.zeros_(self.net[2].bias)

    def forward(self, x):
        return x + self.net(x)

model = Denoiser()
loss = nn.MSELoss()
clean = torch.randn(8, 1, 12, 12)
batch = (clean, clean.clone())
""",
        {"FS407"},
    ),
    Case(
        "cross-entropy negated",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
loss = lambda out, y: -F.cross_entropy(out, y)
batch = (torch.randn(60, 20), torch.arange(60) % 5)
""",
        {"FS408", "FS402"},
    ),
    Case(
        "the log-likelihood without its minus",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
loss = lambda out, y: F.log_softmax(out, -1).gather(1, y.unsqueeze(1)).mean()
batch = (torch.randn(60, 20), torch.arange(60) % 5)
""",
        {"FS408", "FS402"},
    ),
    Case(
        "squared error negated: a reward",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1))
loss = lambda out, y: -F.mse_loss(out, y)
batch = (torch.randn(60, 20), torch.randn(60, 1))
""",
        {"FS408", "FS402"},
    ),
    Case(
        "logarithm of probabilities that are exactly zero",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5), nn.ReLU())

    def forward(self, x):
        h = self.net(x)
        return h / h.sum(1, keepdim=True).clamp_min(1e-6)

model = Net()
loss = lambda p, y: F.nll_loss(torch.log(p), y)
batch = (torch.randn(60, 20), torch.arange(60) % 5)
""",
        {"FS002"},
    ),
    Case(
        "square root of a zero distance",
        """
class Embedder(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 8))

    def forward(self, x):
        z = self.net(x)
        return ((z[:, None] - z[None]) ** 2).sum(-1).sqrt()

model = Embedder()
loss = lambda distance, y: ((distance - (y[:, None] != y[None]).float()) ** 2).mean()
batch = (torch.randn(24, 10), torch.arange(24) % 4)
""",
        {"FS003"},
    ),
    Case(
        "a square root hidden by where",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(10, 16), nn.Linear(16, 1)

    def forward(self, x):
        h = self.a(x)
        return self.b(torch.where(h > 0, torch.sqrt(h), torch.zeros_like(h)))

model = Net()
loss = nn.MSELoss()
batch = (torch.randn(32, 10), torch.randn(32, 1))
""",
        {"FS003"},
    ),
)
