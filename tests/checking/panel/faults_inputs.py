"""Inputs that the model cannot use, and runs that fail."""

from __future__ import annotations

from .case import Case

FAULTS = (
    Case(
        "a first layer of the wrong width",
        """
model = nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 10))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(16, 3, 16, 16), torch.arange(16) % 10)
""",
        {"FS001", "FS609"},
    ),
    Case(
        "feature map flattened to another size than the head",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(1, 4, 3), nn.Linear(4 * 8 * 8, 10)

    def forward(self, x):
        return self.fc(F.relu(self.conv(x)).flatten(1))

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(16, 1, 8, 8), torch.arange(16) % 10)
""",
        {"FS001", "FS609"},
    ),
    Case(
        "inputs of float64 from NumPy",
        """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
loss = nn.MSELoss()
batch = (torch.randn(32, 10, dtype=torch.float64), torch.randn(32, 1))
""",
        {"FS001", "FS609", "FS616"},
    ),
    Case(
        "images of 0..255 in a CNN without norm",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1)
        self.fc = nn.Linear(16 * 4 * 4, 5)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc(x.flatten(1))

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randint(256, (20, 3, 16, 16)).float(), torch.arange(20) % 5)
""",
        {"FS606"},
    ),
    Case(
        "tabular columns of a thousandfold scale",
        """
model = nn.Sequential(nn.Linear(6, 64), nn.Tanh(), nn.Linear(64, 1))
loss = nn.BCEWithLogitsLoss()
x = torch.randn(80, 6)
x[:, 2] = 40_000 + 15_000 * torch.randn(80)
x[:, 4] = 3_000 * torch.rand(80)
batch = (x, torch.randint(2, (80, 1)).float())
""",
        {"FS606"},
    ),
    Case(
        "timestamps among the features",
        """
model = nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 1))
loss = nn.MSELoss()
x = torch.randn(64, 5)
x[:, 0] = 1.7e9 + 1e5 * torch.rand(64)
batch = (x, torch.randn(64, 1))
""",
        {"FS606"},
    ),
    Case(
        "missing values left as NaN",
        """
model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))
loss = nn.MSELoss()
x = torch.randn(64, 8)
x[torch.rand(64, 8) < 0.02] = float("nan")
x[3, 3] = float("nan")
batch = (x, torch.randn(64, 1))
""",
        {"FS608"},
    ),
    Case(
        "NaN among the targets",
        """
model = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))
loss = nn.MSELoss()
y = torch.randn(64, 1)
y[5] = float("nan")
batch = (torch.randn(64, 8), y)
""",
        {"FS608", "FS002"},
    ),
    Case(
        "images all zero: a loader that failed",
        """
model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))
loss = nn.CrossEntropyLoss()
batch = (torch.zeros(16, 3, 10, 10), torch.arange(16) % 4)
""",
        {"FS608"},
    ),
    Case(
        "one image in every place of the batch",
        """
model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(1, 3, 10, 10).repeat(16, 1, 1, 1), torch.arange(16) % 4)
""",
        {"FS608"},
    ),
    Case(
        "images divided by 255 twice",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1)
        self.fc = nn.Linear(16, 5)

    def forward(self, x):
        x = x / 255.0
        return self.fc(F.relu(self.conv2(F.relu(self.conv1(x)))).mean((2, 3)))

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.rand(20, 3, 12, 12) / 255, torch.arange(20) % 5)
""",
        {"FS606"},
    ),
    Case(
        "bytes of images in a convolution",
        """
model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))
loss = nn.CrossEntropyLoss()
batch = (torch.randint(256, (16, 3, 10, 10), dtype=torch.uint8), torch.arange(16) % 4)
""",
        {"FS609", "FS616"},
    ),
    Case(
        "channels last in a convolution",
        """
model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(16, 10, 10, 3), torch.arange(16) % 4)
""",
        {"FS609"},
    ),
    Case(
        "grey images without a channel axis",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(1, 8, 3), nn.Linear(8, 4)

    def forward(self, x):
        return self.fc(F.relu(self.conv(x)).mean((2, 3)))

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(16, 10, 10), torch.arange(16) % 4)
""",
        {"FS609"},
    ),
    Case(
        "whole numbers into a linear layer",
        """
model = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 1))
loss = nn.MSELoss()
batch = (torch.randint(10, (32, 6)), torch.randn(32, 1))
""",
        {"FS609", "FS001", "FS616"},
    ),
    Case(
        "category codes as numbers of large range",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 3))

    def forward(self, ids):
        return self.net(ids.float())

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randint(5000, (60, 4)), torch.arange(60) % 3)
""",
        {"FS606"},
    ),
    Case(
        "token above the size of the embedding",
        """
model = nn.Sequential(nn.EmbeddingBag(100, 16), nn.Linear(16, 4))
loss = nn.CrossEntropyLoss()
ids = torch.randint(100, (16, 8))
ids[3, 2] = 100
batch = (ids, torch.arange(16) % 4)
""",
        {"FS610"},
    ),
    Case(
        "token -1 for padding in an embedding",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.gru, self.out = nn.Embedding(50, 16), nn.GRU(16, 16, batch_first=True), nn.Linear(16, 4)

    def forward(self, ids):
        return self.out(self.gru(self.embed(ids))[0][:, -1])

model = Net()
loss = nn.CrossEntropyLoss()
ids = torch.randint(50, (16, 8))
ids[::2, 5:] = -1
batch = (ids, torch.arange(16) % 4)
""",
        {"FS610"},
    ),
    Case(
        "padding row set anew by an init function",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Embedding(50, 16, padding_idx=0), nn.Linear(16, 4)
        self.apply(self._init_weights)

    def _init_weights(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            module.weight.data.normal_(0, 0.5)

    def forward(self, ids):
        return self.out(torch.tanh(self.embed(ids).mean(1)))

model = Net()
loss = nn.CrossEntropyLoss()
ids = torch.randint(1, 50, (16, 8))
ids[::2, 5:] = 0
batch = (ids, torch.arange(16) % 4)
""",
        {"FS610"},
    ),
    Case(
        "convolutions with a bias before BatchNorm",
        """
def block(a, b):
    return nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU())

model = nn.Sequential(block(3, 8), block(8, 8), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(16, 3, 8, 8), torch.arange(16) % 4)
""",
        {"FS611"},
    ),
    Case(
        "sequences with channels last in a Conv1d",
        """
model = nn.Sequential(nn.Conv1d(4, 16, 3), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(16, 1))
loss = nn.MSELoss()
batch = (torch.randn(32, 50, 4), torch.randn(32, 1))
""",
        {"FS609"},
    ),
    Case(
        "prices of shares in an LSTM",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(1, 32, batch_first=True), nn.Linear(32, 1)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])

model = Net()
loss = nn.MSELoss()
prices = 4000 + torch.randn(32, 21, 1).cumsum(1) * 20
batch = (prices[:, :20], prices[:, 20] / 1000 - 4)
""",
        {"FS606", "FS602"},
    ),
    Case(
        "a constant for every input",
        """
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
loss = nn.MSELoss()
batch = (torch.full((32, 10), 0.5), torch.randn(32, 1))
""",
        {"FS608"},
    ),
)
