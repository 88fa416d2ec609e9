"""Programs that are hard to look into, and right."""

from __future__ import annotations

from .case import Case

SOUND = (
    Case(
        "vector quantisation with a straight-through gradient",
        """
class VQ(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 8))
        self.dec = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 16))
        self.codes = nn.Parameter(torch.randn(12, 8) * 0.3)

    def forward(self, x):
        z = self.enc(x)
        q = self.codes[torch.cdist(z, self.codes).argmin(-1)]
        return self.dec(z + (q - z).detach()), z, q

def loss(out, z, q, x):
    return F.mse_loss(out, x) + F.mse_loss(q, z.detach()) + 0.25 * F.mse_loss(z, q.detach())

model = VQ()
x = torch.randn(64, 16)
batch = (x, x)
""",
    ),
    Case(
        "gradient reversal for domains",
        """
class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        return -0.1 * grad

class DANN(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(12, 32), nn.ReLU())
        self.label, self.domain = nn.Linear(32, 3), nn.Linear(32, 1)

    def forward(self, x):
        h = self.body(x)
        return self.label(h), self.domain(Reverse.apply(h)).squeeze(-1)

model = DANN()
loss = lambda a, b, y, d: F.cross_entropy(a, y) + F.binary_cross_entropy_with_logits(b, d)
batch = (torch.randn(48, 12), (torch.arange(48) % 3, (torch.arange(48) % 2).float()))
""",
    ),
    Case(
        "activation checkpointing",
        """
from torch.utils.checkpoint import checkpoint

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.head = nn.Linear(10, 32), nn.Linear(32, 4)
        self.blocks = nn.ModuleList([nn.Sequential(nn.Linear(32, 32), nn.GELU()) for _ in range(3)])

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = x + checkpoint(block, x, use_reentrant=False)
        return self.head(x)

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(40, 10), torch.arange(40) % 4)
""",
    ),
    Case(
        "physics-informed: a derivative of the output in forward",
        """
class PINN(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))

    def forward(self, t):
        with torch.enable_grad():
            t = t.clone().requires_grad_(True)
            u = self.net(t)
            du = torch.autograd.grad(u.sum(), t, create_graph=True)[0]
        return u, du

def loss(u, du):
    return ((du + u) ** 2).mean() + ((u[0] - 1) ** 2).mean()

model = PINN()
batch = (torch.linspace(0, 2, 40).unsqueeze(1), None)
""",
    ),
    Case(
        "critic with a gradient penalty",
        """
class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(8, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))

    def forward(self, real, fake):
        with torch.enable_grad():
            mid = ((real + fake) / 2).detach().requires_grad_(True)
            slope = torch.autograd.grad(self.net(mid).sum(), mid, create_graph=True)[0]
        return self.net(real), self.net(fake), slope.norm(dim=1)

model = Critic()
loss = lambda real, fake, slope: fake.mean() - real.mean() + 10 * ((slope - 1) ** 2).mean()
batch = ((torch.randn(32, 8) + 0.5, torch.randn(32, 8)), None)
""",
    ),
    Case(
        "Fourier layer with complex weights",
        """
class Spectral(nn.Module):
    def __init__(self, c=8, modes=5):
        super().__init__()
        self.weight, self.modes = nn.Parameter(torch.randn(c, c, modes, dtype=torch.cfloat) / c), modes

    def forward(self, x):
        f = torch.fft.rfft(x)
        low = torch.einsum("bim,iom->bom", f[..., : self.modes], self.weight)
        return torch.fft.irfft(low, n=x.shape[-1])

class FNO(nn.Module):
    def __init__(self):
        super().__init__()
        self.lift, self.spectral = nn.Conv1d(1, 8, 1), Spectral()
        self.local, self.out = nn.Conv1d(8, 8, 1), nn.Conv1d(8, 1, 1)

    def forward(self, x):
        x = self.lift(x)
        return self.out(F.gelu(self.spectral(x) + self.local(x)))

model = FNO()
loss = nn.MSELoss()
batch = (torch.randn(16, 1, 24), torch.randn(16, 1, 24))
""",
    ),
    Case(
        "normalising flow whose couplings start as identity",
        """
class Coupling(nn.Module):
    def __init__(self, flip):
        super().__init__()
        self.flip, self.net = flip, nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 4))
        nn.init.zeros_(self.net[2].weight)
        nn.init.zeros_(self.net[2].bias)

    def forward(self, x):
        a, b = x.chunk(2, 1)
        if self.flip:
            a, b = b, a
        s, t = self.net(a).chunk(2, 1)
        b = b * torch.tanh(s).exp() + t
        return torch.cat([b, a] if self.flip else [a, b], 1), torch.tanh(s).sum(1)

class Flow(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([Coupling(i % 2 == 1) for i in range(4)])

    def forward(self, x):
        total = 0
        for layer in self.layers:
            x, logdet = layer(x)
            total = total + logdet
        return x, total

model = Flow()
loss = lambda z, logdet: (0.5 * (z**2).sum(1) - logdet).mean()
batch = (torch.randn(64, 4) * torch.tensor([1.0, 0.5, 2.0, 1.0]) + 0.3, None)
""",
    ),
    Case(
        "stochastic depth",
        """
class DropPath(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        if not self.training:
            return x
        keep = (torch.rand(len(x), *[1] * (x.ndim - 1)) > self.p).float()
        return x * keep / (1 - self.p)

class Block(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.norm, self.fc, self.drop = nn.LayerNorm(32), nn.Linear(32, 32), DropPath(p)

    def forward(self, x):
        return x + self.drop(F.gelu(self.fc(self.norm(x))))

model = nn.Sequential(nn.Linear(10, 32), Block(0.0), Block(0.1), Block(0.2), nn.LayerNorm(32), nn.Linear(32, 4))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(40, 10), torch.arange(40) % 4)
""",
    ),
)
