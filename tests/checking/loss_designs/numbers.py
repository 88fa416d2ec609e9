"""Numbers: regression, counts, densities, times and ranks."""

from __future__ import annotations

DESIGNS = {
    "zero head regression": """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1))
nn.init.zeros_(model[2].weight); nn.init.zeros_(model[2].bias)
loss = nn.MSELoss()
batch = torch.randn(32, 20), torch.randn(32, 1)
""",
    "zero head, targets with zeros": """
model = nn.Linear(20, 3)
nn.init.zeros_(model.weight); nn.init.zeros_(model.bias)
loss = nn.MSELoss()
batch = torch.randn(32, 20), torch.randn(32, 3).relu()
""",
    "zero head, positive targets by hand": """
model = nn.Linear(20, 3)
nn.init.zeros_(model.weight); nn.init.zeros_(model.bias)
loss = lambda o, y: ((o - y) ** 2).mean()
batch = torch.randn(32, 20), torch.randn(32, 3).relu()
""",
    "centred regression with bias": """
model = nn.Linear(20, 1)
nn.init.constant_(model.bias, 50.0)
loss = nn.MSELoss()
batch = torch.randn(64, 20), 50 + torch.randn(64, 1)
""",
    "rmse": """
model = nn.Linear(20, 1)
loss = lambda o, y: F.mse_loss(o, y).sqrt()
batch = torch.randn(32, 20), torch.randn(32, 1)
""",
    "bfloat16 mse": """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1)).bfloat16()
loss = lambda o, y: ((o - y) ** 2).mean()
batch = torch.randn(32, 20).bfloat16(), torch.randn(32, 1).bfloat16()
""",
    "masked mse right": """
model = nn.Linear(20, 12)
loss = lambda out, y, mask: ((out - y) ** 2 * mask).sum() / mask.sum()
batch = torch.randn(16, 20), (torch.randn(16, 12), (torch.rand(16, 12) > 0.4).float())
""",
    "per sequence mean": """
model = nn.Linear(20, 12)
loss = lambda out, y, mask: (((out - y) ** 2 * mask).sum(1) / mask.sum(1).clamp(min=1)).mean()
batch = torch.randn(16, 20), (torch.randn(16, 12), (torch.arange(12) < torch.randint(2, 12, (16, 1))).float())
""",
    "positives only box": """
model = nn.Linear(10, 4)
loss = lambda o, y: ((o - y[0]).abs().sum(1) * y[1]).sum() / y[1].sum().clamp(min=1)
batch = torch.randn(32, 10), (torch.rand(32, 4), (torch.arange(32) % 4 == 0).float())
""",
    "pixels summed": """
model = nn.Conv2d(1, 1, 3, padding=1)
loss = lambda o, y: ((o - y) ** 2).sum((1, 2, 3)).mean()
x = torch.rand(16, 1, 8, 8)
batch = x, x
""",
    "dncnn": """
model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(),
    nn.Conv2d(16, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 1, 3, padding=1),
)
loss = nn.MSELoss()
noise = 0.1 * torch.randn(8, 1, 16, 16)
batch = torch.rand(8, 1, 16, 16) + noise, noise
""",
    "denoising residual sr": """
model = nn.Conv2d(1, 1, 3, padding=1)
nn.init.zeros_(model.weight); nn.init.zeros_(model.bias)
forward = lambda m, x: x + m(x)
loss = nn.L1Loss()
x = torch.rand(8, 1, 16, 16)
batch = x, x + 0.02 * torch.randn(8, 1, 16, 16)
""",
    "quantile": """
model = nn.Linear(20, 3)
loss = losses.MultiQuantileLoss(quantiles=(0.1, 0.5, 0.9))
batch = torch.randn(32, 20), torch.randn(32)
""",
    "gaussian nll": """
class H(nn.Module):
    def __init__(self):
        super().__init__()
        self.h = nn.Linear(20, 2)
    def forward(self, x):
        m, v = self.h(x).chunk(2, 1)
        return m, F.softplus(v) + 1e-4
model = H()
loss = lambda out, y: F.gaussian_nll_loss(out[0], y, out[1])
batch = torch.randn(32, 20), torch.randn(32, 1)
""",
    "mixture density": """
class MDN(nn.Module):
    def __init__(self):
        super().__init__()
        self.h = nn.Linear(20, 9)
    def forward(self, x):
        return self.h(x).chunk(3, 1)
def loss(out, y):
    logit, mu, logs = out
    return -(logit.log_softmax(1) - 0.5 * ((y - mu) / logs.exp()) ** 2 - logs).logsumexp(1).mean()
model = MDN()
batch = torch.randn(32, 20), torch.randn(32, 1)
""",
    "mmd": """
model = nn.Linear(10, 3)
def loss(o, y):
    k = lambda a, b: (-torch.cdist(a, b) ** 2).exp().mean()
    return k(o, o) + k(y, y) - 2 * k(o, y)
batch = torch.randn(32, 10), torch.randn(32, 3)
""",
    "poisson": """
model = nn.Linear(20, 1)
loss = nn.PoissonNLLLoss()
batch = torch.randn(32, 20), torch.poisson(torch.ones(32, 1))
""",
    "text to regression of counts": """
model = nn.Linear(20, 1)
loss = nn.PoissonNLLLoss(log_input=True)
nn.init.constant_(model.bias, 2.0)
batch = torch.randn(64, 20), torch.poisson(7 * torch.ones(64, 1))
""",
    "cox": """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
loss = losses.CoxLoss()
batch = torch.randn(40, 10), (torch.rand(40) * 60 + 1, torch.arange(40) % 2)
""",
    "Cox by hand": """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
def loss(h, y):
    time, event = y
    order = time.argsort(descending=True)
    h, event = h[order], event[order]
    return -((h - h.logcumsumexp(0)) * event).mean()
batch = torch.randn(40, 10), (torch.rand(40) * 60 + 1, (torch.arange(40) % 2).float())
""",
    "ranking lists": """
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1), nn.Flatten(1))
loss = losses.ListNetLoss()
batch = torch.randn(16, 6, 8), torch.randint(4, (16, 6)).float()
""",
}
