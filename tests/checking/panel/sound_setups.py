"""Ways of training: some parameters only, own steps, learned weights of losses, choices."""

from __future__ import annotations

from .case import Case

SOUND = (
    Case(
        "only the biases train",
        """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 4))
for name, p in model.named_parameters():
    p.requires_grad = name.endswith("bias")
loss = nn.CrossEntropyLoss()
batch = (torch.randn(40, 10), torch.arange(40) % 4)
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], 1e-3)
""",
    ),
    Case(
        "a learned prompt before a frozen encoder",
        """
class Prompt(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(30, 16)
        self.encoder = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
        self.requires_grad_(False)
        self.prompt, self.head = nn.Parameter(torch.randn(1, 4, 16) * 0.5), nn.Linear(16, 3)

    def forward(self, ids):
        x = torch.cat([self.prompt.expand(len(ids), -1, -1), self.embed(ids)], 1)
        return self.head(self.encoder(x)[:, 0])

model = Prompt()
loss = nn.CrossEntropyLoss()
batch = (torch.randint(30, (24, 7)), torch.arange(24) % 3)
optimizer = torch.optim.Adam([model.prompt, *model.head.parameters()], 1e-2)
""",
    ),
    Case(
        "cosine classifier with a scale of 16",
        """
class Cosine(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 128))
        self.weight = nn.Parameter(torch.randn(6, 128))

    def forward(self, x):
        return 16 * F.linear(F.normalize(self.body(x)), F.normalize(self.weight))

model = Cosine()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(48, 20), torch.arange(48) % 6)
""",
    ),
    Case(
        "model that returns a dict with its loss",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(10, 32), nn.Linear(32, 4)

    def forward(self, x, labels=None):
        logits = self.head(torch.relu(self.body(x)))
        out = {"logits": logits}
        if labels is not None:
            out["loss"] = F.cross_entropy(logits, labels)
        return out

model = Net()
loss = None
batch = ({"x": torch.randn(40, 10), "labels": torch.arange(40) % 4}, None)
""",
    ),
    Case(
        "a training step in the style of Lightning",
        """
class Module(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        return self.net(x).squeeze(-1)

    def training_step(self, batch, batch_idx):
        x, y = batch
        return F.mse_loss(self(x), y)

model = Module()
forward = lambda m, inputs: m.training_step(inputs, 0)
loss = None
batch = ((torch.randn(40, 10), torch.randn(40)), None)
""",
    ),
    Case(
        "continuous policy with a free standard deviation",
        """
class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.mean = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 2))
        self.log_std = nn.Parameter(torch.zeros(2))

    def forward(self, obs, action):
        return torch.distributions.Normal(self.mean(obs), self.log_std.exp()).log_prob(action).sum(-1)

model = Policy()
loss = lambda logp, advantage: -(logp * advantage).mean()
batch = ((torch.randn(64, 6), torch.randn(64, 2)), torch.randn(64))
""",
    ),
    Case(
        "uncertainty weighting of ours",
        """
class TwoHeads(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(20, 64), nn.ReLU())
        self.kind, self.size = nn.Linear(64, 5), nn.Linear(64, 1)

    def forward(self, x):
        h = self.body(x)
        return self.kind(h), self.size(h)

class Both(nn.Module):
    def __init__(self):
        super().__init__()
        terms = {"kind": nn.CrossEntropyLoss(), "size": nn.MSELoss()}
        self.weighting = losses.UncertaintyWeighting(terms, regression={"size"})

    def forward(self, kind, size, y, s):
        return self.weighting(kind=(kind, y), size=(size, s)).loss

model, loss = TwoHeads(), Both()
batch = (torch.randn(60, 20), (torch.arange(60) % 5, torch.randn(60, 1)))
optimizer = torch.optim.Adam([*model.parameters(), *loss.parameters()], 1e-3)
""",
    ),
    Case(
        "trained before, with a new head",
        """
body = nn.Sequential(nn.Linear(20, 64), nn.ReLU())
old = nn.Sequential(body, nn.Linear(64, 3))
adam = torch.optim.Adam(old.parameters(), 0.01)
x, y = torch.randn(60, 20), torch.arange(60) % 3
for _ in range(20):
    adam.zero_grad()
    F.cross_entropy(old(x), y).backward()
    adam.step()
model = nn.Sequential(body, nn.Linear(64, 5))
model.zero_grad()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(60, 20), torch.arange(60) % 5)
""",
    ),
    Case(
        "weights that a mask holds at zero",
        """
class Masked(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(16, 64), nn.Linear(64, 4)
        self.register_buffer("mask", (torch.rand(64, 16) < 0.5).float())

    def forward(self, x):
        return self.b(F.relu(F.linear(x, self.a.weight * self.mask, self.a.bias)))

model = Masked()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(40, 16), torch.arange(40) % 4)
""",
    ),
    Case(
        "Gumbel-softmax choice",
        """
class Choice(nn.Module):
    def __init__(self):
        super().__init__()
        self.score, self.options, self.out = nn.Linear(12, 5), nn.Linear(5, 16, bias=False), nn.Linear(16, 3)

    def forward(self, x):
        logits = self.score(x)
        pick = F.gumbel_softmax(logits, hard=True) if self.training else F.one_hot(logits.argmax(-1), 5).float()
        return self.out(F.relu(self.options(pick)))

model = Choice()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(45, 12), torch.arange(45) % 3)
""",
    ),
    Case(
        "lists of tensors as inputs",
        """
class Fusion(nn.Module):
    def __init__(self):
        super().__init__()
        self.parts = nn.ModuleList([nn.Linear(n, 16) for n in (4, 7)])
        self.out = nn.Linear(32, 2)

    def forward(self, a, b):
        return self.out(torch.cat([F.relu(f(x)) for f, x in zip(self.parts, (a, b))], 1))

model = Fusion()
loss = nn.MSELoss()
batch = ([torch.randn(40, 4), torch.randn(40, 7)], torch.randn(40, 2))
""",
    ),
    Case(
        "Euler steps of a neural equation",
        """
class ODE(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(4, 32), nn.Tanh(), nn.Linear(32, 4))
        self.out = nn.Linear(4, 2)

    def forward(self, x):
        for _ in range(5):
            x = x + 0.2 * self.f(x)
        return self.out(x)

model = ODE()
loss = nn.MSELoss()
batch = (torch.randn(40, 4), torch.randn(40, 2))
""",
    ),
)
