"""Outputs that cannot be what the targets are: ranges, variances, scales, quantiles, boxes."""

from __future__ import annotations

from .case import Case

FAULTS = (
    Case(
        "tanh head for ages",
        """
model = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 1), nn.Tanh())
loss = nn.MSELoss()
batch = (torch.randn(64, 12), torch.randint(18, 80, (64, 1)).float() / 10)
""",
        {"FS111"},
    ),
    Case(
        "sigmoid head for standardised targets",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(12, 32), nn.Linear(32, 1)

    def forward(self, x):
        return torch.sigmoid(self.head(F.relu(self.body(x)))).squeeze(-1)

model = Net()
loss = nn.L1Loss()
batch = (torch.randn(64, 12), torch.randn(64))
""",
        {"FS111"},
    ),
    Case(
        "ReLU head for targets of both signs",
        """
model = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 3), nn.ReLU())
loss = nn.SmoothL1Loss()
batch = (torch.randn(64, 12), torch.randn(64, 3))
""",
        {"FS111"},
    ),
    Case(
        "sigmoid decoder for images in [-1, 1]",
        """
model = nn.Sequential(
    nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.ReLU(), nn.ConvTranspose2d(8, 1, 4, stride=2, padding=1), nn.Sigmoid()
)
loss = nn.MSELoss()
images = torch.rand(8, 1, 12, 12) * 2 - 1
batch = (images, images)
""",
        {"FS111"},
    ),
    Case(
        "mean squared error on class indices",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(20, 40), nn.ReLU(), nn.Linear(40, 1))

    def forward(self, x):
        return self.net(x).squeeze(1)

model = Net()
loss = lambda out, label: F.mse_loss(out, label.float())
batch = (torch.randn(64, 20), torch.arange(64) % 10)
""",
        {"FS112"},
    ),
    Case(
        "L1 loss on long labels",
        """
model = nn.Sequential(nn.Linear(20, 40), nn.ReLU(), nn.Linear(40, 1), nn.Flatten(0))
loss = nn.L1Loss()
batch = (torch.randn(64, 20), torch.randint(7, (64,)))
""",
        {"FS112"},
    ),
    Case(
        "variance straight from a linear layer",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(10, 32), nn.Tanh(), nn.Linear(32, 2))

    def forward(self, x):
        return self.net(x).chunk(2, dim=-1)

model = Net()
nll = nn.GaussianNLLLoss()
loss = lambda mean, var, y: nll(mean, y, var)
batch = (torch.randn(64, 10), torch.randn(64, 1))
""",
        {"FS113"},
    ),
    Case(
        "likelihood by hand with a standard deviation of any sign",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(10, 32), nn.ReLU())
        self.mu, self.sigma = nn.Linear(32, 1), nn.Linear(32, 1)

    def forward(self, x):
        h = self.body(x)
        return self.mu(h), self.sigma(h)

def loss(mu, sigma, y):
    return (torch.log(sigma) + (y - mu) ** 2 / (2 * sigma**2)).mean()

model = Net()
batch = (torch.randn(64, 10), torch.randn(64, 1))
""",
        {"FS113", "FS002"},
    ),
    Case(
        "variance through a ReLU",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(10, 32), nn.ReLU())
        self.mu, self.var = nn.Linear(32, 1), nn.Sequential(nn.Linear(32, 1), nn.ReLU())

    def forward(self, x):
        h = self.body(x)
        return self.mu(h), self.var(h)

model = Net()
loss = lambda mu, var, y: F.gaussian_nll_loss(mu, y, var)
batch = (torch.randn(64, 10), torch.randn(64, 1))
""",
        {"FS113", "FS401"},
    ),
    Case(
        "temperature multiplied instead of divided",
        """
class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 32))

    def forward(self, a, b):
        return F.normalize(self.net(a), dim=1), F.normalize(self.net(b), dim=1)

def loss(a, b):
    logits = a @ b.T * 0.07
    return F.cross_entropy(logits, torch.arange(len(a)))

model = Encoder()
view = torch.randn(32, 16)
batch = ((view + 0.1 * torch.randn(32, 16), view + 0.1 * torch.randn(32, 16)), None)
""",
        {"FS114"},
    ),
    Case(
        "contrastive logits without normalising the embeddings",
        """
class TwoTower(nn.Module):
    def __init__(self):
        super().__init__()
        self.image = nn.Sequential(nn.Linear(24, 64), nn.LayerNorm(64))
        self.text = nn.Sequential(nn.Embedding(40, 64), nn.LayerNorm(64))

    def forward(self, image, text):
        return self.image(image), self.text(text).mean(1)

def loss(image, text):
    logits = image @ text.T / 0.07
    labels = torch.arange(len(logits))
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2

model = TwoTower()
batch = ((torch.randn(32, 24), torch.randint(40, (32, 6))), None)
""",
        {"FS114", "FS401"},
    ),
    Case(
        "scale given as temperature",
        """
class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 32))

    def forward(self, a, b):
        return self.net(a), self.net(b)

model = Encoder()
loss = losses.InfoNCELoss(temperature=1 / 0.07)
view = torch.randn(32, 16)
batch = ((view + 0.1 * torch.randn(32, 16), view + 0.1 * torch.randn(32, 16)), None)
""",
        {"FS114"},
    ),
    Case(
        "SSIM of images from 0 to 255 with data_range 1",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1))

    def forward(self, x):
        return torch.sigmoid(self.net(x)) * 255

model = Net()
loss = losses.SSIMLoss()
clean = torch.rand(4, 1, 16, 16)
batch = (clean + 0.1 * torch.randn(4, 1, 16, 16), clean * 255)
""",
        {"FS115"},
    ),
    Case(
        "SSIM of images in [-1, 1] with data_range 1",
        """
model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 3, 3, padding=1), nn.Tanh())
loss = losses.SSIMLoss(data_range=1.0)
clean = torch.rand(4, 3, 16, 16) * 2 - 1
batch = (clean + 0.1 * torch.randn(4, 3, 16, 16), clean)
""",
        {"FS115"},
    ),
    Case(
        "images divided by 255 twice before SSIM",
        """
model = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 3, padding=1), nn.Sigmoid())
loss = losses.SSIMLoss()
clean = torch.rand(4, 1, 16, 16)
batch = (clean, clean / 255)
""",
        {"FS115"},
    ),
    Case(
        "three quantiles and a head of one",
        """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
loss = losses.MultiQuantileLoss(quantiles=[0.1, 0.5, 0.9])
batch = (torch.randn(64, 10), torch.randn(64))
""",
        {"FS116"},
    ),
    Case(
        "quantiles on the last axis of a forecast",
        """
class Forecast(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(4, 16, batch_first=True)
        self.head = nn.Linear(16, 3)

    def forward(self, x):
        return self.head(self.rnn(x)[0])

model = Forecast()
loss = losses.MultiQuantileLoss(quantiles=[0.1, 0.5, 0.9])
batch = (torch.randn(16, 12, 4), torch.randn(16, 12))
""",
        {"FS116"},
    ),
    Case(
        "boxes as centre and size given to GIoU",
        """
class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 4))

    def forward(self, x):
        return self.net(x).sigmoid()

model = Head()
loss = losses.GIoULoss()
centre, size = 0.3 + 0.4 * torch.rand(32, 2), 0.05 + 0.15 * torch.rand(32, 2)
batch = (torch.randn(32, 32), torch.cat([centre, size], 1))
""",
        {"FS117"},
    ),
    Case(
        "corners from a linear layer, in any order",
        """
model = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 4))
loss = losses.IoULoss()
low = torch.rand(32, 2) * 0.5
batch = (torch.randn(32, 32), torch.cat([low, low + 0.1 + 0.3 * torch.rand(32, 2)], 1))
""",
        {"FS117", "FS503"},
    ),
    Case(
        "predicted boxes in [0, 1], targets in pixels",
        """
class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 4))

    def forward(self, x):
        cx, cy, w, h = self.net(x).sigmoid().unbind(-1)
        return torch.stack([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], -1)

model = Head()
loss = losses.GIoULoss()
low = torch.rand(32, 2) * 200
batch = (torch.randn(32, 32), torch.cat([low, low + 20 + 100 * torch.rand(32, 2)], 1))
""",
        {"FS117"},
    ),
    Case(
        "a positive rate for a Poisson loss of its logarithm",
        """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1), nn.Softplus(), nn.Flatten(0))
loss = nn.PoissonNLLLoss()
batch = (torch.randn(64, 10), torch.poisson(torch.full((64,), 4.0)))
""",
        {"FS118"},
    ),
    Case(
        "any number for a Poisson loss of the rate",
        """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
loss = nn.PoissonNLLLoss(log_input=False)
batch = (torch.randn(64, 10), torch.poisson(torch.full((64,), 4.0)))
""",
        {"FS118", "FS002"},
    ),
)
