"""Autoencoders, adversaries, restoration of images."""

from __future__ import annotations

from .case import Case

SOUND = (
    Case(
        "VAE with a summed ELBO",
        """
class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc, self.mu, self.logvar = nn.Linear(64, 40), nn.Linear(40, 6), nn.Linear(40, 6)
        self.dec = nn.Sequential(nn.Linear(6, 40), nn.ReLU(), nn.Linear(40, 64))

    def forward(self, x):
        h = F.relu(self.enc(x.flatten(1)))
        mu, logvar = self.mu(h), self.logvar(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return torch.sigmoid(self.dec(z)), mu, logvar

def loss(recon, mu, logvar, x):
    bce = F.binary_cross_entropy(recon, x.flatten(1), reduction="sum")
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return bce + kld

model = VAE()
x = torch.rand(32, 1, 8, 8)
batch = (x, x)
""",
    ),
    Case(
        "VAE, Gaussian, mean per example",
        """
class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(20, 40), nn.ELU(), nn.Linear(40, 8))
        self.dec = nn.Sequential(nn.Linear(4, 40), nn.ELU(), nn.Linear(40, 20))

    def forward(self, x):
        mu, logvar = self.enc(x).chunk(2, 1)
        z = mu + (0.5 * logvar).exp() * torch.randn_like(mu) if self.training else mu
        return self.dec(z), mu, logvar

def loss(recon, mu, logvar, x):
    kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)
    return (0.5 * ((recon - x) ** 2).sum(1) + kl).mean()

model = VAE()
x = torch.randn(48, 20)
batch = (x, x)
""",
    ),
    Case(
        "autoencoder: sigmoid and MSE on [0, 1] images",
        """
model = nn.Sequential(
    nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2, padding=1), nn.ReLU(),
    nn.ConvTranspose2d(16, 8, 4, stride=2, padding=1), nn.ReLU(), nn.ConvTranspose2d(8, 1, 4, stride=2, padding=1),
    nn.Sigmoid(),
)
loss = nn.MSELoss()
x = torch.rand(8, 1, 12, 12)
batch = (x, x)
""",
    ),
    Case(
        "autoencoder: logits and BCE on [0, 1] images",
        """
model = nn.Sequential(
    nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 8), nn.ReLU(), nn.Linear(8, 32), nn.ReLU(),
    nn.Linear(32, 64),
)
loss = lambda out, x: F.binary_cross_entropy_with_logits(out, x.flatten(1))
x = torch.rand(32, 1, 8, 8)
batch = (x, x)
""",
    ),
    Case(
        "tanh generator of images in [-1, 1], L1",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1)
        self.c = nn.Conv2d(16, 3, 3, padding=1)

    def forward(self, x):
        h = F.leaky_relu(self.a(x), 0.2)
        return torch.tanh(self.c(h + F.leaky_relu(self.b(h), 0.2)))

model = Net()
loss = nn.L1Loss()
batch = (torch.randn(4, 1, 12, 12), torch.rand(4, 3, 12, 12) * 2 - 1)
""",
    ),
    Case(
        "super-resolution with SSIM and L1",
        """
model = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 4, 3, padding=1), nn.PixelShuffle(2), nn.Sigmoid()
)
ssim = losses.SSIMLoss(data_range=1.0)
loss = lambda out, y: 0.85 * ssim(out, y) + 0.15 * F.l1_loss(out, y)
y = torch.rand(4, 1, 16, 16)
batch = (F.avg_pool2d(y, 2), y)
""",
    ),
    Case(
        "discriminator step of a GAN",
        """
class D(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 16, 4, stride=2, padding=1), nn.LeakyReLU(0.2), nn.Conv2d(16, 32, 4, stride=2, padding=1),
            nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(128, 1),
        )

    def forward(self, real, fake):
        return self.net(real), self.net(fake)

def loss(real, fake):
    bce = F.binary_cross_entropy_with_logits
    return (bce(real, torch.ones_like(real)) + bce(fake, torch.zeros_like(fake))) / 2

model = D()
batch = ((torch.rand(16, 1, 8, 8) * 2 - 1, torch.tanh(torch.randn(16, 1, 8, 8))), None)
optimizer = torch.optim.Adam(model.parameters(), 2e-4, betas=(0.5, 0.999))
""",
    ),
    Case(
        "generator step of a GAN, discriminator held",
        """
class Step(nn.Module):
    def __init__(self):
        super().__init__()
        self.g = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 16), nn.Tanh())
        self.d = nn.Sequential(nn.Linear(16, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1)).requires_grad_(False)

    def forward(self, z):
        return self.d(self.g(z))

model = Step()
loss = lambda score: F.softplus(-score).mean()
batch = (torch.randn(32, 8), None)
optimizer = torch.optim.Adam(model.g.parameters(), 2e-4)
""",
    ),
    Case(
        "Wasserstein critic",
        """
class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(16, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))

    def forward(self, real, fake):
        return self.net(real), self.net(fake)

model = Critic()
loss = lambda real, fake: fake.mean() - real.mean()
batch = ((torch.randn(32, 16) + 0.5, torch.randn(32, 16)), None)
""",
    ),
    Case(
        "masked autoencoder: the loss of hidden patches",
        """
class MAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.token = nn.Linear(12, 32), nn.Parameter(torch.zeros(32))
        nn.init.normal_(self.token, std=0.02)
        self.pos = nn.Parameter(torch.randn(1, 9, 32) * 0.02)
        self.layer = nn.TransformerEncoderLayer(32, 4, 64, 0.0, batch_first=True, norm_first=True)
        self.out = nn.Linear(32, 12)

    def forward(self, patches, hidden):
        x = torch.where(hidden[..., None], self.token, self.embed(patches)) + self.pos
        return self.out(self.layer(x))

def loss(out, patches, hidden):
    per_patch = ((out - patches) ** 2).mean(-1)
    return (per_patch * hidden).sum() / hidden.sum()

model = MAE()
patches, hidden = torch.randn(16, 9, 12), torch.rand(16, 9) < 0.6
hidden[:, 0] = True
batch = ((patches, hidden), (patches, hidden))
""",
    ),
)
