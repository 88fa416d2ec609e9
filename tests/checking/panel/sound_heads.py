"""Distributions, ranks and survival."""

from __future__ import annotations

from .case import Case

SOUND = (
    Case(
        "three quantiles",
        """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
loss = losses.MultiQuantileLoss(quantiles=[0.1, 0.5, 0.9])
batch = (torch.randn(64, 10), torch.randn(64))
""",
    ),
    Case(
        "pinball by hand",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))

    def forward(self, x):
        return self.net(x)

def loss(out, y, taus=torch.tensor([0.1, 0.5, 0.9])):
    error = y.unsqueeze(1) - out
    return torch.maximum(taus * error, (taus - 1) * error).mean()

model = Net()
batch = (torch.randn(64, 10), torch.randn(64))
""",
    ),
    Case(
        "mixture density network",
        """
class MDN(nn.Module):
    def __init__(self, k=4):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(5, 32), nn.Tanh())
        self.pi, self.mu, self.log_sigma = nn.Linear(32, k), nn.Linear(32, k), nn.Linear(32, k)

    def forward(self, x):
        h = self.body(x)
        return self.pi(h), self.mu(h), self.log_sigma(h)

def loss(pi, mu, log_sigma, y):
    log_prob = -0.5 * ((y - mu) / log_sigma.exp()) ** 2 - log_sigma - 0.919
    return -torch.logsumexp(F.log_softmax(pi, -1) + log_prob, -1).mean()

model = MDN()
batch = (torch.randn(64, 5), torch.randn(64, 1))
""",
    ),
    Case(
        "Gaussian likelihood with softplus variance",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(10, 32), nn.ReLU())
        self.mean, self.var = nn.Linear(32, 1), nn.Linear(32, 1)

    def forward(self, x):
        h = self.body(x)
        return self.mean(h), F.softplus(self.var(h)) + 1e-4

model = Net()
nll = nn.GaussianNLLLoss()
loss = lambda mean, var, y: nll(mean, y, var)
batch = (torch.randn(64, 10), torch.randn(64, 1))
""",
    ),
    Case(
        "Gaussian likelihood of ours with log-variance",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))

    def forward(self, x):
        return self.net(x).unbind(-1)

model = Net()
nll = losses.GaussianNLLLoss()
loss = lambda mean, log_var, y: nll(mean, y, log_var)
batch = (torch.randn(64, 10), torch.randn(64))
""",
    ),
    Case(
        "a distribution as the output",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 2))

    def forward(self, x):
        mean, scale = self.net(x).unbind(-1)
        return torch.distributions.Normal(mean, F.softplus(scale) + 1e-3)

model = Net()
loss = lambda d, y: -d.log_prob(y).mean()
batch = (torch.randn(64, 10), torch.randn(64))
""",
    ),
    Case(
        "counts with Poisson likelihood",
        """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
loss = nn.PoissonNLLLoss()
batch = (torch.randn(64, 10), torch.poisson(torch.full((64,), 1.5)))
""",
    ),
    Case(
        "ordinal regression with CORAL",
        """
class Coral(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.score = nn.Sequential(nn.Linear(10, 32), nn.ReLU()), nn.Linear(32, 1, bias=False)
        self.bias = nn.Parameter(torch.linspace(1, -1, 4))

    def forward(self, x):
        return self.score(self.body(x)) + self.bias

model = Coral()
loss = losses.CORALLoss()
batch = (torch.randn(60, 10), torch.arange(60) % 5)
""",
    ),
    Case(
        "Cox regression",
        """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
loss = losses.CoxLoss()
batch = (torch.randn(50, 10), (torch.rand(50) * 10 + 0.1, torch.rand(50) < 0.6))
""",
    ),
    Case(
        "learning to rank lists",
        """
class Ranker(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, documents):
        return self.net(documents).squeeze(-1)

model = Ranker()
loss = losses.ListNetLoss()
batch = (torch.randn(16, 7, 12), torch.randint(4, (16, 7)).float())
""",
    ),
)
