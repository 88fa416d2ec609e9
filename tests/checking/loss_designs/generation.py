"""What makes data: autoencoders, adversaries, diffusion."""

from __future__ import annotations

GENERATOR = """
class G(nn.Module):
    def __init__(self):
        super().__init__()
        self.g = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 20))
        self.d = nn.Sequential(nn.Linear(20, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))
        self.d.requires_grad_(False)
    def forward(self, z):
        return self.d(self.g(z))
model = G()
"""

DESIGNS = {
    "sum elbo": """
class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.e, self.d = nn.Linear(20, 8), nn.Linear(4, 20)
    def forward(self, x):
        mu, logvar = self.e(x).chunk(2, -1)
        return self.d(mu + torch.randn_like(mu) * (logvar / 2).exp()), mu, logvar
def loss(out, x):
    recon, mu, logvar = out
    divergence = -0.5 * (1 + logvar - mu ** 2 - logvar.exp()).sum()
    return F.binary_cross_entropy_with_logits(recon, x, reduction="sum") + divergence
model = VAE()
x = torch.rand(32, 20)
batch = x, x
""",
    "vae with labels unused": """
class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.e, self.d = nn.Linear(20, 8), nn.Linear(4, 20)
    def forward(self, x):
        mu, logvar = self.e(x).chunk(2, -1)
        return self.d(mu + torch.randn_like(mu) * (logvar / 2).exp()), x, mu, logvar
def loss(out, labels):
    recon, x, mu, logvar = out
    return F.mse_loss(recon, x) - 0.5 * (1 + logvar - mu ** 2 - logvar.exp()).mean()
model = VAE()
batch = torch.rand(32, 20), torch.arange(32) % 10
""",
    "dcgan D": """
model = nn.Sequential(nn.Linear(20, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
loss = nn.BCEWithLogitsLoss()
batch = torch.randn(32, 20), torch.cat([torch.ones(16, 1), torch.zeros(16, 1)])
""",
    "gan generator": GENERATOR
    + """
loss = lambda out: F.binary_cross_entropy_with_logits(out, torch.ones_like(out))
batch = torch.randn(32, 8), None
""",
    "gan saturating generator": GENERATOR
    + """
loss = lambda out: -F.binary_cross_entropy_with_logits(out, torch.zeros_like(out))
batch = torch.randn(32, 8), None
""",
    "wgan critic": """
model = nn.Sequential(nn.Linear(20, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
loss = lambda out, y: -(out * y).mean()
batch = torch.randn(32, 20), torch.cat([torch.ones(16, 1), -torch.ones(16, 1)])
""",
    "critic with turned labels": """
model = nn.Sequential(nn.Linear(20, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
loss = lambda out, y: (out * y).mean()
batch = torch.randn(32, 20), torch.cat([torch.ones(16, 1), -torch.ones(16, 1)])
""",
    "diffusion": """
model = nn.Sequential(nn.Linear(21, 64), nn.SiLU(), nn.Linear(64, 20))
def forward(m, x):
    t, e = torch.rand(len(x), 1), torch.randn_like(x)
    return m(torch.cat([(1 - t) * x + t * e, t], 1)), e - x
loss = lambda out, _: F.mse_loss(*out)
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
}
