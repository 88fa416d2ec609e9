"""Initial weights that cannot train: scales, symmetry, saturation, what was never set."""

from __future__ import annotations

from .case import Case

FAULTS = (
    Case(
        "deep ReLU net with N(0, 1) weights",
        """
layers = [nn.Linear(20, 64), nn.ReLU()]
for _ in range(8):
    layers += [nn.Linear(64, 64), nn.ReLU()]
model = nn.Sequential(*layers, nn.Linear(64, 5))
for module in model:
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight)
loss = nn.CrossEntropyLoss()
batch = (torch.randn(40, 20), torch.arange(40) % 5)
""",
        {"FS601", "FS508", "FS612"},
    ),
    Case(
        "deep ReLU net with weights of 0.01",
        """
layers = [nn.Linear(20, 64), nn.ReLU()]
for _ in range(8):
    layers += [nn.Linear(64, 64), nn.ReLU()]
model = nn.Sequential(*layers, nn.Linear(64, 5))
for module in model:
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.01)
        nn.init.zeros_(module.bias)
loss = nn.CrossEntropyLoss()
batch = (torch.randn(40, 20), torch.arange(40) % 5)
""",
        {"FS601", "FS508"},
    ),
    Case(
        "twelve sigmoid layers",
        """
def block(width):
    return nn.Sequential(nn.Linear(width, width), nn.Sigmoid())

model = nn.Sequential(nn.Linear(20, 32), nn.Sigmoid(), *[block(32) for _ in range(12)], nn.Linear(32, 5))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(40, 20), torch.arange(40) % 5)
""",
        {"FS508", "FS601"},
    ),
    Case(
        "residual branches that double the signal each time",
        """
class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc = nn.Linear(width, width)
        nn.init.normal_(self.fc.weight, std=2 / width**0.5)

    def forward(self, x):
        return x + torch.relu(self.fc(x))

model = nn.Sequential(nn.Linear(20, 32), *[Block(32) for _ in range(12)], nn.Linear(32, 5))
loss = nn.CrossEntropyLoss()
batch = (torch.randn(40, 20), torch.arange(40) % 5)
""",
        {"FS601", "FS508"},
    ),
    Case(
        "deep convolutions with uniform weights up to 1",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv2d(3 if i == 0 else 16, 16, 3, padding=1) for i in range(6)])
        self.fc = nn.Linear(16, 4)
        for conv in self.convs:
            nn.init.uniform_(conv.weight, -1, 1)

    def forward(self, x):
        for conv in self.convs:
            x = F.relu(conv(x))
        return self.fc(x.mean((2, 3)))

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(8, 3, 8, 8), torch.arange(8) % 4)
""",
        {"FS601", "FS508", "FS612"},
    ),
    Case(
        "tanh saturated by wide weights",
        """
class Names(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Parameter(torch.randn(27, 10))
        self.w1 = nn.Parameter(torch.randn(30, 200))
        self.b1 = nn.Parameter(torch.randn(200))
        self.w2 = nn.Parameter(torch.randn(200, 27) * 0.01)
        self.b2 = nn.Parameter(torch.zeros(27))

    def forward(self, ids):
        h = torch.tanh(self.embed[ids].flatten(1) @ self.w1 + self.b1)
        return h @ self.w2 + self.b2

model = Names()
loss = F.cross_entropy
batch = (torch.randint(27, (32, 3)), torch.randint(27, (32,)))
""",
        {"FS602", "FS612"},
    ),
    Case(
        "tanh layers as modules, N(0, 1) weights",
        """
model = nn.Sequential(nn.Linear(40, 80), nn.Tanh(), nn.Linear(80, 80), nn.Tanh(), nn.Linear(80, 5))
for layer in (model[0], model[2]):
    nn.init.normal_(layer.weight, 0, 1)
loss = nn.CrossEntropyLoss()
batch = (torch.randn(64, 40), torch.arange(64) % 5)
""",
        {"FS602", "FS612"},
    ),
    Case(
        "ReLU units killed by their biases",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 5))
nn.init.constant_(model[2].bias, -3.0)
loss = nn.CrossEntropyLoss()
batch = (torch.randn(64, 20), torch.arange(64) % 5)
""",
        {"FS603"},
    ),
    Case(
        "most units dead: negative weights on positive inputs",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(30, 64), nn.Linear(64, 5)
        with torch.no_grad():
            self.fc1.weight[:48].abs_().neg_()

    def forward(self, x):
        return self.fc2(F.relu(self.fc1(x)))

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.rand(64, 30), torch.arange(64) % 5)
""",
        {"FS603"},
    ),
    Case(
        "the last hidden layer dead: one output for all",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 5))
nn.init.constant_(model[2].bias, -20.0)
loss = nn.CrossEntropyLoss()
batch = (torch.randn(64, 20), torch.arange(64) % 5)
""",
        {"FS603", "FS604"},
    ),
    Case(
        "LayerNorm over an axis of one",
        """
model = nn.Sequential(nn.Linear(20, 1), nn.LayerNorm(1), nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1))
loss = nn.MSELoss()
batch = (torch.randn(64, 20), torch.randn(64, 1))
""",
        {"FS604", "FS702"},
    ),
    Case(
        "every weight 0.1",
        """
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 5))
for p in model.parameters():
    nn.init.constant_(p, 0.1)
loss = nn.CrossEntropyLoss()
batch = (torch.randn(64, 20), torch.arange(64) % 5)
""",
        {"FS605"},
    ),
    Case(
        "every weight zero",
        """
def init_weights(m):
    if isinstance(m, nn.Linear):
        m.weight.data.zero_()
        m.bias.data.zero_()

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 5))
model.apply(init_weights)
loss = nn.CrossEntropyLoss()
batch = (torch.randn(64, 20), torch.arange(64) % 5)
""",
        {"FS605", "FS503"},
    ),
    Case(
        "hidden layer and head of constants",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(12, 24) / 12)
        self.head = nn.Linear(24, 1)
        nn.init.constant_(self.head.weight, 0.1)

    def forward(self, x):
        return self.head(torch.tanh(x @ self.w))

model = Net()
loss = nn.MSELoss()
batch = (torch.randn(64, 12), torch.randn(64, 1))
""",
        {"FS605"},
    ),
    Case(
        "convolution filters all alike",
        """
model = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)
)
nn.init.constant_(model[0].weight, 1 / 9)
nn.init.zeros_(model[0].bias)
nn.init.ones_(model[4].weight)
loss = nn.CrossEntropyLoss()
batch = (torch.randn(24, 1, 8, 8), torch.arange(24) % 3)
""",
        {"FS605"},
    ),
    Case(
        "a weight of memory never set",
        """
class Bilinear(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(16, 16))
        self.out = nn.Linear(16, 4)
        garbage = torch.randint(-(2**31), 2**31, (16, 16)).to(torch.int32)  # what torch.empty may hold
        self.weight.data.copy_(garbage.view(torch.float32))

    def forward(self, x):
        return self.out(torch.relu(x @ self.weight))

model = Bilinear()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(32, 16), torch.arange(32) % 4)
""",
        {"FS607"},
    ),
    Case(
        "NaN in a weight from a broken checkpoint",
        """
model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4))
state = model.state_dict()
state["2.weight"][1, 3] = float("nan")
model.load_state_dict(state)
loss = nn.CrossEntropyLoss()
batch = (torch.randn(32, 16), torch.arange(32) % 4)
""",
        {"FS607"},
    ),
    Case(
        "a parameter of torch.empty that came out as denormals",
        """
class Gate(nn.Module):
    def __init__(self):
        super().__init__()
        self.proj = nn.Linear(16, 16)
        self.scale = nn.Parameter(torch.empty(16))
        self.scale.data.copy_(torch.randint(1, 99999, (16,)).to(torch.int32).view(torch.float32))
        self.out = nn.Linear(16, 4)

    def forward(self, x):
        return self.out(self.scale * torch.relu(self.proj(x)))

model = Gate()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(32, 16), torch.arange(32) % 4)
""",
        {"FS607"},
    ),
    Case(
        "recurrent weights N(0, 1)",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.head = nn.RNN(4, 48, batch_first=True), nn.Linear(48, 3)
        for name, p in self.rnn.named_parameters():
            if "weight_hh" in name:
                nn.init.normal_(p)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(24, 20, 4), torch.arange(24) % 3)
""",
        {"FS613", "FS602", "FS612"},
    ),
    Case(
        "ReLU recurrence with a radius above 1",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.RNN(4, 32, nonlinearity="relu", batch_first=True)
        self.head = nn.Linear(32, 1)
        nn.init.eye_(self.rnn.weight_hh_l0)
        self.rnn.weight_hh_l0.data.mul_(1.5)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])

model = Net()
loss = nn.MSELoss()
batch = (torch.randn(24, 30, 4), torch.randn(24, 1))
""",
        {"FS613", "FS601", "FS508"},
    ),
    Case(
        "tied embedding left at N(0, 1)",
        """
class LM(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(60, 64)
        layer = nn.TransformerEncoderLayer(64, 4, 128, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, nn.LayerNorm(64), enable_nested_tensor=False)
        self.head = nn.Linear(64, 60, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, ids):
        mask = nn.Transformer.generate_square_subsequent_mask(ids.shape[1])
        return self.head(self.encoder(self.embed(ids), mask=mask, is_causal=True))

model = LM()
loss = lambda out, y: F.cross_entropy(out.flatten(0, 1), y.flatten())
ids = torch.randint(60, (8, 13))
batch = (ids[:, :-1], ids[:, 1:])
""",
        {"FS615"},
    ),
    Case(
        "recurrent weights of zero",
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.head = nn.RNN(4, 32, batch_first=True), nn.Linear(32, 3)
        nn.init.normal_(self.rnn.weight_hh_l0, std=1e-4)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])

model = Net()
loss = nn.CrossEntropyLoss()
batch = (torch.randn(24, 20, 4), torch.arange(24) % 3)
""",
        {"FS613"},
    ),
)
