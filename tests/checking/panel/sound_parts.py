"""Designs that look odd and are right: frozen, zero, tied, normalised, in other precisions."""

from __future__ import annotations

from .case import Case

SOUND = (
    Case(
        "LoRA on frozen layers",
        """
class LoRA(nn.Module):
    def __init__(self, base, rank=4, alpha=8):
        super().__init__()
        self.base = base
        self.base.requires_grad_(False)
        self.a = nn.Parameter(torch.empty(rank, base.in_features))
        self.b = nn.Parameter(torch.zeros(base.out_features, rank))
        nn.init.kaiming_uniform_(self.a, a=5**0.5)
        self.scale = alpha / rank

    def forward(self, x):
        return self.base(x) + self.scale * (x @ self.a.T @ self.b.T)

model = nn.Sequential(LoRA(nn.Linear(20, 64)), nn.ReLU(), LoRA(nn.Linear(64, 64)), nn.ReLU(), nn.Linear(64, 5))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(40, 20), torch.arange(40) % 5)
optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], 1e-3)
""",
    ),
    Case(
        "LoRA on the query and value of attention",
        """
class Adapter(nn.Module):
    def __init__(self, base, rank=2):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.lora_A, self.lora_B = nn.Linear(16, rank, bias=False), nn.Linear(rank, 16, bias=False)
        nn.init.zeros_(self.lora_B.weight)

    def forward(self, x):
        return self.base(x) + self.lora_B(self.lora_A(x))

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(30, 16).requires_grad_(False)
        self.q, self.v = Adapter(nn.Linear(16, 16)), Adapter(nn.Linear(16, 16))
        self.k = nn.Linear(16, 16).requires_grad_(False)
        self.head = nn.Linear(16, 3)

    def forward(self, ids):
        x = self.embed(ids)
        return self.head(F.scaled_dot_product_attention(self.q(x), self.k(x), self.v(x)).mean(1))

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randint(30, (24, 7)), torch.arange(24) % 3)
""",
    ),
    Case(
        "frozen backbone and new head",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())
        self.head = nn.Linear(64, 5)
        for p in self.backbone.parameters():
            p.requires_grad = False

    def forward(self, x):
        return self.head(self.backbone(x))

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(20, 3, 8, 8), torch.arange(20) % 5)
optimizer = torch.optim.Adam(model.head.parameters(), 1e-3)
""",
    ),
    Case(
        "frozen backbone under no_grad and in eval",
        """
class Probe(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU()).requires_grad_(False)
        self.head = nn.Linear(64, 5)

    def train(self, mode=True):
        super().train(mode)
        self.backbone.eval()
        return self

    def forward(self, x):
        with torch.no_grad():
            h = self.backbone(x)
        return self.head(h)

model = Probe().train()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(40, 20), torch.arange(40) % 5)
optimizer = torch.optim.SGD(model.head.parameters(), 0.1)
""",
    ),
    Case(
        "two groups of learning rates",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.LayerNorm(64), nn.ReLU(), nn.Linear(64, 5))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(40, 20), torch.arange(40) % 5)
decay = [p for p in model.parameters() if p.ndim > 1]
rest = [p for p in model.parameters() if p.ndim <= 1]
optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}], 1e-3)
""",
    ),
    Case(
        "LayerScale of a hundred-thousandth",
        """
class Block(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.norm, self.fc1, self.fc2 = nn.LayerNorm(d), nn.Linear(d, 2 * d), nn.Linear(2 * d, d)
        self.gamma = nn.Parameter(1e-5 * torch.ones(d))

    def forward(self, x):
        return x + self.gamma * self.fc2(F.gelu(self.fc1(self.norm(x))))

model = nn.Sequential(nn.Linear(20, 32), Block(32), Block(32), Block(32), nn.LayerNorm(32), nn.Linear(32, 5))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(40, 20), torch.arange(40) % 5)
""",
    ),
    Case(
        "ReZero",
        """
class Block(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.fc = nn.Linear(d, d)
        self.alpha = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return x + self.alpha * F.relu(self.fc(x))

model = nn.Sequential(nn.Linear(20, 32), *[Block(32) for _ in range(6)], nn.Linear(32, 5))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(40, 20), torch.arange(40) % 5)
""",
    ),
    Case(
        "Fixup-like: the last layer of each branch zero",
        """
class Block(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(d, d), nn.Linear(d, d)
        nn.init.zeros_(self.fc2.weight)
        nn.init.zeros_(self.fc2.bias)

    def forward(self, x):
        return x + self.fc2(F.relu(self.fc1(x)))

model = nn.Sequential(nn.Linear(20, 32), Block(32), Block(32), nn.Linear(32, 5))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(40, 20), torch.arange(40) % 5)
""",
    ),
    Case(
        "an unused mask token, frozen",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.token = nn.Parameter(torch.zeros(16), requires_grad=False)
        self.embed, self.out = nn.Embedding(30, 16), nn.Linear(16, 4)

    def forward(self, ids):
        return self.out(F.gelu(self.embed(ids)).mean(1))

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randint(30, (24, 8)), torch.arange(24) % 4)
""",
    ),
    Case(
        "weight norm",
        """
from torch.nn.utils.parametrizations import weight_norm

model = nn.Sequential(
    weight_norm(nn.Linear(20, 64)), nn.ELU(), weight_norm(nn.Linear(64, 64)), nn.ELU(), weight_norm(nn.Linear(64, 5))
)
loss = nn.CrossEntropyLoss()
batch = (torch.randn(40, 20), torch.arange(40) % 5)
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
""",
    ),
    Case(
        "spectral norm",
        """
from torch.nn.utils.parametrizations import spectral_norm

model = nn.Sequential(
    spectral_norm(nn.Conv2d(1, 8, 3, stride=2)), nn.LeakyReLU(0.2), nn.Flatten(), spectral_norm(nn.Linear(200, 1))
)
loss = nn.BCEWithLogitsLoss()
batch = (torch.randn(16, 1, 11, 11), torch.cat([torch.ones(8, 1), torch.zeros(8, 1)]))
""",
    ),
    Case(
        "orthogonal parametrization",
        """
from torch.nn.utils.parametrizations import orthogonal

model = nn.Sequential(nn.Linear(20, 32), orthogonal(nn.Linear(32, 32)), nn.Tanh(), nn.Linear(32, 5))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(40, 20), torch.arange(40) % 5)
""",
    ),
    Case(
        "a parametrization of one's own",
        """
from torch.nn.utils import parametrize

class Positive(nn.Module):
    def forward(self, w):
        return F.softplus(w) / w.shape[1]

layer = nn.Linear(12, 24)
parametrize.register_parametrization(layer, "weight", Positive())
model = nn.Sequential(layer, nn.Tanh(), nn.Linear(24, 1))
loss = nn.MSELoss()
batch = (torch.randn(64, 12), torch.randn(64, 1))
""",
    ),
    Case(
        "bfloat16",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 5)).bfloat16()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(40, 20).bfloat16(), torch.arange(40) % 5)
""",
    ),
    Case(
        "bfloat16 transformer, loss in float32",
        """
class LM(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.head = nn.Embedding(40, 16), nn.Linear(16, 40, bias=False)
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True, norm_first=True)
        nn.init.normal_(self.embed.weight, std=0.02)

    def forward(self, ids):
        mask = torch.triu(torch.full((ids.shape[1], ids.shape[1]), float("-inf")), 1).bfloat16()
        return self.head(self.layer(self.embed(ids), src_mask=mask))

model = LM().to(torch.bfloat16)
loss = lambda out, y: F.cross_entropy(out.float().flatten(0, 1), y.flatten())
ids = torch.randint(40, (8, 11))
batch = (ids[:, :-1], ids[:, 1:])
""",
    ),
    Case(
        "float64",
        """
model = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1)).double()
loss = nn.MSELoss()
batch = (torch.randn(64, 6).double(), torch.randn(64, 1).double())
""",
    ),
    Case(
        "torch.compile",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
model = torch.compile(model, backend="eager")
loss = nn.CrossEntropyLoss()
batch = (torch.randn(40, 20), torch.arange(40) % 5)
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
""",
    ),
    Case(
        "random Fourier features in a buffer",
        """
class Fourier(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("freq", 3 * torch.randn(2, 32))
        self.net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3), nn.Sigmoid())

    def forward(self, xy):
        z = xy @ self.freq
        return self.net(torch.cat([z.sin(), z.cos()], -1))

model = Fourier()
loss = nn.MSELoss()
batch = (torch.rand(128, 2), torch.rand(128, 3))
""",
    ),
    Case(
        "initialised by firststep",
        """
model = nn.Sequential(
    nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 5)
)
import firststep as fs

fs.initialize(model, seed=int(torch.randint(1000, ())))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(40, 20), torch.arange(40) % 5)
""",
    ),
    Case(
        "shared layer used twice",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.shared, self.head = nn.Linear(20, 32), nn.Linear(32, 32), nn.Linear(32, 5)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        for _ in range(3):
            x = torch.relu(self.shared(x))
        return self.head(x)

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(40, 20), torch.arange(40) % 5)
""",
    ),
)
