"""Sound designs that look like a fault at the first glance."""

from __future__ import annotations

from .case import Case

SOUND = (
    Case(
        "logits softly capped by tanh",
        """
class LM(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.gru, self.head = nn.Embedding(40, 16), nn.GRU(16, 32, batch_first=True), nn.Linear(32, 40)

    def forward(self, ids):
        return 30 * torch.tanh(self.head(self.gru(self.embed(ids))[0]) / 30)

model = LM()
loss = lambda out, y: F.cross_entropy(out.flatten(0, 1), y.flatten())
ids = torch.randint(40, (8, 11))
batch = (ids[:, :-1], ids[:, 1:])
task = "causal-lm"
""",
    ),
    Case(
        "attention pooling before the classes",
        """
class MIL(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.score, self.out = nn.Linear(8, 24), nn.Linear(24, 1), nn.Linear(24, 3)

    def forward(self, bags):
        h = torch.tanh(self.embed(bags))
        return self.out((self.score(h).softmax(1) * h).sum(1))

model = MIL()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(24, 10, 8), torch.arange(24) % 3)
""",
    ),
    Case(
        "mixture of softmaxes and its likelihood",
        """
class MoS(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.prior, self.heads = nn.Linear(12, 24), nn.Linear(24, 2), nn.Linear(24, 14)

    def forward(self, x):
        h = torch.tanh(self.body(x))
        log_prior = self.prior(h).log_softmax(-1)
        log_p = self.heads(h).view(-1, 2, 7).log_softmax(-1)
        return torch.logsumexp(log_prior.unsqueeze(-1) + log_p, 1)

model = MoS()
loss = nn.NLLLoss()
batch = (torch.randn(49, 12), torch.arange(49) % 7)
""",
    ),
    Case(
        "sigmoid scaled to the targets' range",
        """
class Rating(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        return 10 * torch.sigmoid(self.net(x)).squeeze(-1)

model = Rating()
loss = nn.L1Loss()
batch = (torch.randn(60, 10), 10 * torch.rand(60))
""",
    ),
    Case(
        "softplus for positive targets",
        """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1), nn.Softplus())
loss = nn.MSELoss()
batch = (torch.randn(60, 10), torch.rand(60, 1) * 2)
""",
    ),
    Case(
        "sigmoid probabilities and Dice by hand",
        """
model = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 1, 1), nn.Sigmoid())

def loss(p, mask):
    overlap = (p * mask).sum((1, 2, 3))
    return (1 - (2 * overlap + 1) / (p.sum((1, 2, 3)) + mask.sum((1, 2, 3)) + 1)).mean()

batch = (torch.randn(6, 1, 10, 10), (torch.rand(6, 1, 10, 10) < 0.4).float())
""",
    ),
    Case(
        "unit vectors and one minus cosine",
        """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
loss = lambda out, y: (1 - F.cosine_similarity(out, y)).mean()
batch = (torch.randn(60, 10), F.normalize(torch.randn(60, 3), dim=1))
""",
    ),
    Case(
        "one-hot targets as floats",
        """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 5))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(60, 10), F.one_hot(torch.arange(60) % 5, 5).float())
""",
    ),
    Case(
        "balanced softmax of long-tailed counts",
        """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
y = torch.cat([torch.zeros(40), torch.ones(15), torch.full((5,), 2)]).long()
loss = losses.BalancedSoftmaxLoss(counts=torch.bincount(y))
batch = (torch.randn(60, 10), y)
""",
    ),
    Case(
        "hinge of a GAN's discriminator",
        """
class D(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(16, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))

    def forward(self, real, fake):
        return self.net(real), self.net(fake)

model = D()
loss = lambda real, fake: F.relu(1 - real).mean() + F.relu(1 + fake).mean()
batch = ((torch.randn(32, 16) + 0.5, torch.randn(32, 16)), None)
""",
    ),
    Case(
        "two passes with dropout held together",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 5))

    def forward(self, x):
        return self.net(x), self.net(x)

def loss(a, b, y):
    p, q = a.log_softmax(-1), b.log_softmax(-1)
    kl = F.kl_div(p, q, log_target=True, reduction="batchmean") + F.kl_div(q, p, log_target=True, reduction="batchmean")
    return (F.cross_entropy(a, y) + F.cross_entropy(b, y)) / 2 + kl / 2

model = Net()
batch = (torch.randn(50, 16), torch.arange(50) % 5)
""",
    ),
    Case(
        "signs with a straight-through gradient",
        """
class Binary(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.norm, self.b = nn.Linear(16, 64), nn.BatchNorm1d(64), nn.Linear(64, 4)

    def forward(self, x):
        h = torch.tanh(self.norm(self.a(x)))
        return self.b(h + (torch.sign(h) - h).detach())

model = Binary()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(40, 16), torch.arange(40) % 4)
""",
    ),
    Case(
        "skip-gram whose output vectors start at zero",
        """
class SkipGram(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp, self.out = nn.Embedding(50, 16), nn.Embedding(50, 16)
        nn.init.uniform_(self.inp.weight, -0.5 / 16, 0.5 / 16)
        nn.init.zeros_(self.out.weight)

    def forward(self, center, context):
        return (self.inp(center).unsqueeze(1) * self.out(context)).sum(-1)

model = SkipGram()
loss = lambda score, label: F.binary_cross_entropy_with_logits(score, label)
label = torch.zeros(64, 5)
label[:, 0] = 1
batch = ((torch.randint(50, (64,)), torch.randint(50, (64, 5))), label)
""",
    ),
    Case(
        "embedding tied and scaled by the root of its width",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(40, 32)
        nn.init.normal_(self.embed.weight, std=32**-0.5)
        self.layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True)

    def forward(self, ids):
        mask = nn.Transformer.generate_square_subsequent_mask(ids.shape[1])
        h = self.layer(self.embed(ids) * 32**0.5, src_mask=mask, is_causal=True)
        return F.linear(h, self.embed.weight)

model = Net()
loss = lambda out, y: F.cross_entropy(out.flatten(0, 1), y.flatten())
ids = torch.randint(40, (8, 11))
batch = (ids[:, :-1], ids[:, 1:])
task = "causal-lm"
""",
    ),
    Case(
        "autoencoder with its weight used twice",
        """
class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc, self.bias = nn.Linear(20, 8), nn.Parameter(torch.zeros(20))

    def forward(self, x):
        return F.linear(torch.tanh(self.enc(x)), self.enc.weight.t(), self.bias)

model = Tied()
loss = nn.MSELoss()
x = torch.randn(60, 20)
batch = (x, x)
""",
    ),
    Case(
        "a network that makes the weights of another",
        """
class Hyper(nn.Module):
    def __init__(self):
        super().__init__()
        self.hyper = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 6 * 3 + 3))

    def forward(self, x, task):
        made = self.hyper(task)
        w, b = made[:, :18].view(-1, 3, 6), made[:, 18:]
        return torch.einsum("noi,ni->no", w, x) + b

model = Hyper()
loss = nn.MSELoss()
batch = ((torch.randn(50, 6), torch.randn(50, 4)), torch.randn(50, 3))
""",
    ),
    Case(
        "frozen recurrence with a linear read-out",
        """
class Echo(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.out = nn.RNN(2, 40, batch_first=True), nn.Linear(40, 1)
        nn.init.orthogonal_(self.rnn.weight_hh_l0, 0.9)
        self.rnn.requires_grad_(False)

    def forward(self, x):
        return self.out(self.rnn(x)[0])

model = Echo()
loss = nn.MSELoss()
batch = (torch.randn(16, 20, 2), torch.randn(16, 20, 1))
optimizer = torch.optim.SGD(model.out.parameters(), 0.1)
""",
    ),
    Case(
        "exclusive or, four examples in all",
        """
model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
loss = nn.BCEWithLogitsLoss()
batch = (torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]]), torch.tensor([[0.0], [1], [1], [0]]))
""",
    ),
    Case(
        "flowers measured in centimetres",
        """
model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
loss = nn.CrossEntropyLoss()
y = torch.arange(60) % 3
center = torch.tensor([[5.0, 3.4, 1.5, 0.2], [5.9, 2.8, 4.3, 1.3], [6.6, 3.0, 5.6, 2.0]])
batch = (center[y] + 0.3 * torch.randn(60, 4), y)
""",
    ),
    Case(
        "digits in [0, 1] with empty borders, flattened",
        """
model = nn.Sequential(nn.Flatten(), nn.Linear(196, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
loss = nn.CrossEntropyLoss()
x = torch.zeros(50, 1, 14, 14)
x[:, :, 3:11, 3:11] = torch.rand(50, 1, 8, 8) * (torch.rand(50, 1, 8, 8) < 0.5)
batch = (x, torch.arange(50) % 10)
""",
    ),
    Case(
        "a thousand classes, sixteen examples",
        """
model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 1000))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(16, 64), torch.randint(1000, (16,)))
""",
    ),
    Case(
        "speech enhancement by a mask, SI-SDR",
        """
class Mask(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.act, self.b = nn.Conv1d(1, 16, 15, padding=7), nn.PReLU(), nn.Conv1d(16, 1, 15, padding=7)

    def forward(self, x):
        mask = torch.sigmoid(self.b(self.act(self.a(x.unsqueeze(1)))))
        return x * mask.squeeze(1)

model = Mask()
loss = losses.SISDRLoss()
clean = torch.sin(torch.linspace(0, 60, 200) * (1 + torch.rand(8, 1)))
batch = (clean + 0.5 * torch.randn(8, 200), clean)
""",
    ),
)
