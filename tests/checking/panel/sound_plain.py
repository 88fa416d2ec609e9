"""Ordinary nets with torch's own initial weights: no finding is due."""

from __future__ import annotations

from .case import Case

SOUND = (
    Case(
        "linear regression",
        """
model = nn.Linear(8, 1)
loss = nn.MSELoss()
batch = (torch.randn(64, 8), torch.randn(64, 1))
""",
    ),
    Case(
        "logistic regression",
        """
model = nn.Linear(8, 1)
loss = lambda out, y: F.binary_cross_entropy_with_logits(out.squeeze(1), y)
batch = (torch.randn(64, 8), torch.randint(2, (64,)).float())
""",
    ),
    Case(
        "two-layer ReLU net, small batch",
        """
model = nn.Sequential(nn.Linear(20, 256), nn.ReLU(), nn.Linear(256, 10))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(4, 20), torch.tensor([3, 1, 4, 1]))
""",
    ),
    Case(
        "batch of two",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(2, 20), torch.tensor([0, 2]))
""",
    ),
    Case(
        "batch of one",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1))
loss = nn.MSELoss()
batch = (torch.randn(1, 20), torch.randn(1, 1))
""",
    ),
    Case(
        "batch of one image, GroupNorm",
        """
model = nn.Sequential(
    nn.Conv2d(3, 8, 3, padding=1), nn.GroupNorm(2, 8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)
)
loss = nn.CrossEntropyLoss()
batch = (torch.randn(1, 3, 12, 12), torch.tensor([2]))
""",
    ),
    Case(
        "five ReLU layers of torch's default, narrow",
        """
layers = [nn.Linear(10, 16), nn.ReLU()]
for _ in range(4):
    layers += [nn.Linear(16, 16), nn.ReLU()]
model = nn.Sequential(*layers, nn.Linear(16, 3))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(32, 10), torch.arange(32) % 3)
""",
    ),
    Case(
        "five wide ReLU layers, big batch",
        """
layers = [nn.Linear(32, 256), nn.ReLU()]
for _ in range(4):
    layers += [nn.Linear(256, 256), nn.ReLU()]
model = nn.Sequential(*layers, nn.Linear(256, 10))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(256, 32), torch.arange(256) % 10)
""",
    ),
    Case(
        "ten ReLU layers with He weights",
        """
layers = [nn.Linear(32, 128), nn.ReLU()]
for _ in range(9):
    layers += [nn.Linear(128, 128), nn.ReLU()]
model = nn.Sequential(*layers, nn.Linear(128, 5))
for module in model.modules():
    if isinstance(module, nn.Linear):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        nn.init.zeros_(module.bias)
nn.init.normal_(model[-1].weight, std=0.02)
loss = nn.CrossEntropyLoss()
batch = (torch.randn(64, 32), torch.arange(64) % 5)
""",
    ),
    Case(
        "tanh net with Xavier weights",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(12, 40), nn.Linear(40, 40), nn.Linear(40, 1)])
        for layer in self.layers:
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x):
        for layer in self.layers[:-1]:
            x = torch.tanh(layer(x))
        return self.layers[-1](x)

model = Net()
loss = nn.SmoothL1Loss()
batch = (torch.randn(48, 12), torch.randn(48, 1))
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
""",
    ),
    Case(
        "SELU net with LeCun weights and alpha dropout",
        """
layers = []
for a, b in [(30, 64), (64, 64), (64, 64)]:
    layers += [nn.Linear(a, b), nn.SELU(), nn.AlphaDropout(0.05)]
model = nn.Sequential(*layers, nn.Linear(64, 6))
for module in model:
    if isinstance(module, nn.Linear):
        nn.init.kaiming_normal_(module.weight, nonlinearity="linear")
        nn.init.zeros_(module.bias)
loss = nn.CrossEntropyLoss()
batch = (torch.randn(64, 30), torch.arange(64) % 6)
""",
    ),
    Case(
        "SIREN of coordinates",
        """
class Sine(nn.Module):
    def __init__(self, a, b, first=False):
        super().__init__()
        self.linear = nn.Linear(a, b)
        bound = 1 / a if first else (6 / a) ** 0.5 / 30
        nn.init.uniform_(self.linear.weight, -bound, bound)

    def forward(self, x):
        return torch.sin(30 * self.linear(x))

model = nn.Sequential(Sine(2, 64, first=True), Sine(64, 64), Sine(64, 64), nn.Linear(64, 1))
nn.init.uniform_(model[-1].weight, -((6 / 64) ** 0.5) / 30, (6 / 64) ** 0.5 / 30)
loss = nn.MSELoss()
points = torch.rand(200, 2) * 2 - 1
batch = (points, torch.sin(5 * points[:, :1]) * torch.cos(3 * points[:, 1:]))
""",
    ),
    Case(
        "LeNet on digits",
        """
class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = x.view(-1, 400)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))

model = LeNet()
loss = nn.CrossEntropyLoss()
images = (torch.rand(20, 1, 28, 28) ** 4 - 0.1307) / 0.3081
batch = (images, torch.arange(20) % 10)
optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
""",
    ),
    Case(
        "images in [0, 1] in a plain CNN",
        """
model = nn.Sequential(
    nn.Conv2d(3, 16, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
    nn.Flatten(), nn.Linear(128, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 10),
)
loss = nn.CrossEntropyLoss()
batch = (torch.rand(16, 3, 14, 14), torch.arange(16) % 10)
""",
    ),
    Case(
        "VGG-like CNN with BatchNorm and no biases",
        """
def block(a, b):
    return [nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True)]

model = nn.Sequential(
    *block(3, 16), nn.MaxPool2d(2), *block(16, 32), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 * 4 * 4, 10)
)
loss = nn.CrossEntropyLoss()
batch = (torch.randn(16, 3, 16, 16), torch.arange(16) % 10)
""",
    ),
    Case(
        "residual net with the last gain of each block zero",
        """
class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        nn.init.zeros_(self.bn2.weight)

    def forward(self, x):
        return F.relu(x + self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))

class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        self.blocks = nn.Sequential(Block(16), Block(16))
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        return self.fc(self.blocks(self.stem(x)).mean((2, 3)))

model = ResNet()
loss = nn.CrossEntropyLoss(label_smoothing=0.1)
batch = (torch.randn(12, 3, 10, 10), torch.arange(12) % 10)
optimizer = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=1e-4)
""",
    ),
    Case(
        "depthwise separable convolutions, SiLU, squeeze and excite",
        """
class SE(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.fc = nn.Sequential(nn.Linear(c, c // 4), nn.SiLU(), nn.Linear(c // 4, c), nn.Sigmoid())

    def forward(self, x):
        return x * self.fc(x.mean((2, 3)))[:, :, None, None]

model = nn.Sequential(
    nn.Conv2d(3, 16, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(16), nn.SiLU(),
    nn.Conv2d(16, 16, 3, padding=1, groups=16, bias=False), nn.BatchNorm2d(16), nn.SiLU(), SE(16),
    nn.Conv2d(16, 24, 1, bias=False), nn.BatchNorm2d(24), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 5),
)
loss = nn.CrossEntropyLoss()
batch = (torch.randn(10, 3, 16, 16), torch.arange(10) % 5)
""",
    ),
    Case(
        "head of zeros",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.GELU(), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 7))
nn.init.zeros_(model[-1].weight)
nn.init.zeros_(model[-1].bias)
loss = nn.CrossEntropyLoss()
batch = (torch.randn(49, 20), torch.arange(49) % 7)
""",
    ),
    Case(
        "regression head of zeros",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Sequential(nn.Linear(9, 50), nn.ReLU()), nn.Linear(50, 1)
        nn.init.constant_(self.head.weight, 0)
        nn.init.constant_(self.head.bias, 0)

    def forward(self, x):
        return self.head(self.body(x)).squeeze(-1)

model = Net()
loss = nn.MSELoss()
batch = (torch.randn(64, 9), torch.randn(64))
""",
    ),
    Case(
        "dropout of a half, LeakyReLU, huber",
        """
model = nn.Sequential(nn.Linear(9, 50), nn.LeakyReLU(0.1), nn.Dropout(0.5), nn.Linear(50, 2))
loss = F.huber_loss
batch = (torch.randn(64, 9), torch.randn(64, 2))
""",
    ),
    Case(
        "log-softmax and NLLLoss",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(28, 64), nn.Linear(64, 10)

    def forward(self, x):
        return F.log_softmax(self.fc2(F.relu(self.fc1(x))), dim=1)

model = Net()
loss = F.nll_loss
batch = (torch.randn(60, 28), torch.arange(60) % 10)
""",
    ),
    Case(
        "weighted cross-entropy with inverse frequencies",
        """
labels = torch.cat([torch.zeros(84), torch.ones(24), torch.full((12,), 2)]).long()
counts = torch.bincount(labels).float()
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 3))
loss = nn.CrossEntropyLoss(weight=counts.sum() / (3 * counts))
batch = (torch.randn(120, 20), labels)
""",
    ),
    Case(
        "pos_weight of negatives by positives",
        """
labels = (torch.arange(100) % 5 == 0).float()
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 1), nn.Flatten(0))
loss = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([4.0]))
batch = (torch.randn(100, 20), labels)
""",
    ),
    Case(
        "many labels per example",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 9))
loss = nn.BCEWithLogitsLoss()
batch = (torch.randn(50, 20), (torch.rand(50, 9) < 0.3).float())
""",
    ),
    Case(
        "soft targets of mixup",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
loss = nn.CrossEntropyLoss()
x, y = torch.randn(60, 20), F.one_hot(torch.arange(60) % 5, 5).float()
order, lam = torch.randperm(60), 0.3
batch = (lam * x + (1 - lam) * x[order], lam * y + (1 - lam) * y[order])
""",
    ),
    Case(
        "mixup of two losses",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
x, y = torch.randn(60, 20), torch.arange(60) % 5
order, lam = torch.randperm(60), 0.7
loss = lambda out, a, b: lam * F.cross_entropy(out, a) + (1 - lam) * F.cross_entropy(out, b)
batch = (lam * x + (1 - lam) * x[order], (y, y[order]))
""",
    ),
)
