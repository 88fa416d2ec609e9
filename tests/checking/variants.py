"""Faulty starts of many kinds, by the codes of which at least one must name them."""

from __future__ import annotations

CLASSES = "loss = nn.CrossEntropyLoss()\nbatch = torch.randn(32, 20), torch.arange(32) % 5\n"
IMAGES = "loss = nn.CrossEntropyLoss()\nbatch = torch.randn(8, 3, 16, 16), torch.arange(8) % 5\n"


def deep(depth: int, width: int, act: str = "nn.ReLU()") -> str:
    """A plain network with so many hidden layers, on 20 features."""
    hidden = ", ".join(f"nn.Linear({width if i else 20}, {width}), {act}" for i in range(depth))
    return f"model = nn.Sequential({hidden}, nn.Linear({width}, 5))\n{CLASSES}"


def conv(*channels: int, act: str = "nn.ReLU()") -> str:
    """Convolutions of these widths, a mean and a head, on images."""
    pairs = zip((3, *channels), channels, strict=False)
    layers = ", ".join(f"nn.Conv2d({a}, {b}, 3, padding=1), {act}" for a, b in pairs)
    end = f"nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear({channels[-1]}, 5)"
    return f"model = nn.Sequential({layers}, {end})\n{IMAGES}"


def every(rule: str) -> str:
    """The same done to every layer with a weight."""
    return f"for one in model.modules():\n    if hasattr(one, 'weight'):\n        {rule}\n"


def made(parts: str, run: str, loss: str, batch: str) -> str:
    """A module of one's own: lines that make its parts, and what it returns."""
    lines = parts.strip().splitlines()
    body = "\n".join(f"        {line}" for line in ["super().__init__()", *lines])
    head = f"class Model(nn.Module):\n    def __init__(self):\n{body}\n    def forward(self, x):\n        {run}\n"
    return f"{head}model = Model()\nloss = {loss}\nbatch = {batch}\n"


CE, MSE = "nn.CrossEntropyLoss()", "nn.MSELoss()"
FIVE = "torch.arange(8) % 5"
SEQUENCE = "self.head(self.rnn(x)[0][:, -1])"

SIGNALS = {
    "N(0,1) 4": deep(4, 64) + every("nn.init.normal_(one.weight)"),
    "N(0,1) 6 wide": deep(6, 256) + every("nn.init.normal_(one.weight)"),
    "N(0,1) 50": deep(50, 128) + every("nn.init.normal_(one.weight)"),
    "N(0,0.01) 3": deep(3, 128) + every("nn.init.normal_(one.weight, std=0.01)"),
    "N(0,0.01) 6": deep(6, 64) + every("nn.init.normal_(one.weight, std=0.01); nn.init.zeros_(one.bias)"),
    "N(0,0.01) tanh": deep(5, 100, "nn.Tanh()") + every("nn.init.normal_(one.weight, std=0.01)"),
    "N(0,0.001) 2": deep(2, 64) + every("nn.init.normal_(one.weight, std=0.001)"),
    "N(0,0.01) images": conv(16, 32, 32) + every("nn.init.normal_(one.weight, std=0.01)"),
    "N(0,0.01) VGG": conv(16, 16, 32, 32, 64, 64, 64, 64) + every("nn.init.normal_(one.weight, std=0.01)"),
    "default 14": deep(14, 128),
    "default 20": deep(20, 128),
    "default 50": deep(50, 64),
    "default 12 GELU": deep(12, 128, "nn.GELU()"),
    "default 18 images": conv(*[32] * 18),
    "Xavier 30": deep(30, 128) + every("nn.init.xavier_uniform_(one.weight); nn.init.zeros_(one.bias)"),
    "orthogonal 0.3": deep(12, 128, "nn.Tanh()") + every("nn.init.orthogonal_(one.weight, gain=0.3)"),
    "sigmoid 8": deep(8, 64, "nn.Sigmoid()"),
    "residual without norm": made(
        "self.up = nn.ModuleList(nn.Linear(64, 64) for _ in range(24))\n"
        "self.down = nn.ModuleList(nn.Linear(64, 64) for _ in range(24))\n"
        "self.stem, self.head = nn.Linear(20, 64), nn.Linear(64, 5)",
        "x = self.stem(x)\n        for up, down in zip(self.up, self.down):\n"
        "            x = x + down(F.relu(up(x)))\n        return self.head(x)",
        CE, "torch.randn(32, 20), torch.arange(32) % 5",
    ) + every("nn.init.kaiming_normal_(one.weight)"),
    "matrices that are no layers": made(
        "self.w = nn.ParameterList([nn.Parameter(torch.randn(64, 64) * 0.05) for _ in range(12)])\n"
        "self.o = nn.Parameter(torch.randn(64, 5) * 0.1)",
        "for w in self.w:\n            x = torch.relu(x @ w)\n        return x @ self.o",
        CE, "torch.randn(32, 64), torch.arange(32) % 5",
    ),
}  # fmt: skip

TOO_LARGE = {
    "N(0,1) 1": deep(1, 64) + every("nn.init.normal_(one.weight)"),
    "N(0,1) 2": deep(2, 64) + every("nn.init.normal_(one.weight)"),
    "U(0,1)": deep(3, 64) + every("nn.init.uniform_(one.weight)"),
    "Xavier gain 5": deep(4, 64) + every("nn.init.xavier_normal_(one.weight, gain=5.0)"),
    "N(0,1) images": conv(16, 32) + every("nn.init.normal_(one.weight)"),
    "fan_out of a funnel": "model = nn.Sequential("
    "nn.Linear(2048, 256), nn.ReLU(), nn.Linear(256, 32), nn.ReLU(), nn.Linear(32, 5))\nloss = nn.CrossEntropyLoss()\n"
    "batch = torch.randn(32, 2048), torch.arange(32) % 5\n"
    + every("nn.init.kaiming_normal_(one.weight, mode='fan_out')"),
    "N(0,1) transformer": made(
        "self.embed, self.head = nn.Embedding(50, 64), nn.Linear(64, 5)\n"
        "self.body = nn.TransformerEncoderLayer(64, 4, 64, batch_first=True, norm_first=True)\n"
        "for p in self.parameters():\n    p.ndim > 1 and nn.init.normal_(p)",
        "return self.head(self.body(self.embed(x))[:, 0])", CE, f"torch.randint(50, (8, 16)), {FIVE}",
    ),
}  # fmt: skip

SATURATED = {
    "N(0,1) tanh": deep(3, 128, "nn.Tanh()") + every("nn.init.normal_(one.weight)"),
    "N(0,1) sigmoid": deep(3, 128, "nn.Sigmoid()") + every("nn.init.normal_(one.weight)"),
    "U(0,1) tanh": deep(2, 64, "nn.Tanh()") + every("nn.init.uniform_(one.weight)"),
    "N(0,1) tanh images": conv(16, 16, act="nn.Tanh()") + every("nn.init.normal_(one.weight)"),
    "character model": made(
        "self.table, self.a, self.b = nn.Embedding(27, 10), nn.Linear(30, 200), nn.Linear(200, 27)\n"
        "for p in self.parameters():\n    nn.init.normal_(p)\n"
        "nn.init.normal_(self.b.weight, std=0.01)\nnn.init.zeros_(self.b.bias)",
        "return self.b(torch.tanh(self.a(self.table(x).flatten(1))))",
        CE, "torch.randint(27, (32, 3)), torch.randint(27, (32,))",
    ),
    "character model of matrices": made(
        "self.table, self.w = nn.Parameter(torch.randn(27, 10)), nn.Parameter(torch.randn(30, 200))\n"
        "self.b, self.o = nn.Parameter(torch.randn(200)), nn.Parameter(torch.randn(200, 27) * 0.01)",
        "return torch.tanh(self.table[x].flatten(1) @ self.w + self.b) @ self.o",
        CE, "torch.randint(27, (32, 3)), torch.randint(27, (32,))",
    ),
    "tanh on bytes": deep(1, 32, "nn.Tanh()") + "batch = torch.rand(32, 20) * 255, batch[1]",
}  # fmt: skip

DEAD = {
    "bias -3": deep(2, 64) + "nn.init.constant_(model[2].bias, -3.0)",
    "bias -1": deep(2, 64) + "nn.init.constant_(model[2].bias, -1.0)",
    "weights below 0": deep(3, 64) + "nn.init.uniform_(model[2].weight, -1, 0)",
    "images": conv(16, 32) + "nn.init.constant_(model[2].bias, -5.0)",
    "functional": made(
        "self.a, self.b = nn.Linear(20, 64), nn.Linear(64, 5)\nnn.init.constant_(self.a.bias, -10.0)",
        "return self.b(F.relu(self.a(x)))", CE, "torch.randn(32, 20), torch.arange(32) % 5",
    ),
}  # fmt: skip

SAME = {
    "layer norm over one": "model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 1), nn.LayerNorm(1))\n"
    "loss, batch = nn.MSELoss(), (torch.randn(32, 20), torch.randn(32, 1))",
    "group norm over one": conv(16).replace("nn.Flatten()", "nn.GroupNorm(16, 16), nn.Flatten()"),
    "softmax over one": "model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 1), nn.Softmax(1))\n"
    "loss, batch = nn.BCELoss(), (torch.randn(32, 20), (torch.arange(32) % 2).float()[:, None])",
    "mean over the batch": made(
        "self.a, self.b = nn.Linear(20, 64), nn.Linear(64, 5)",
        "h = F.relu(self.a(x))\n        return self.b(h.mean(0, keepdim=True).expand_as(h))",
        CE, "torch.randn(32, 20), torch.arange(32) % 5",
    ),
}  # fmt: skip

EQUAL = {
    "constant": deep(2, 64) + every("nn.init.constant_(one.weight, 0.05); nn.init.zeros_(one.bias)"),
    "ones": deep(3, 64) + every("nn.init.ones_(one.weight)"),
    "zeros": deep(3, 64) + every("nn.init.zeros_(one.weight); nn.init.zeros_(one.bias)"),
    "zero weights": deep(2, 64) + every("nn.init.zeros_(one.weight)"),
    "images": conv(16, 32) + every("nn.init.constant_(one.weight, 0.02); nn.init.zeros_(one.bias)"),
    "autoencoder": "model = nn.Sequential(nn.Linear(20, 20), nn.Tanh(), nn.Linear(20, 20))\nloss = nn.MSELoss()\n"
    "x = torch.randn(32, 20)\nbatch = x, x\n" + every("nn.init.constant_(one.weight, 0.1); nn.init.zeros_(one.bias)"),
    "LSTM": made(
        "self.rnn, self.head = nn.LSTM(8, 32, batch_first=True), nn.Linear(32, 5)\n"
        "for p in self.parameters():\n    nn.init.constant_(p, 0.1)",
        f"return {SEQUENCE}", CE, "torch.randn(32, 9, 8), torch.arange(32) % 5",
    ),
    "dropout": deep(1, 64, "nn.ReLU(), nn.Dropout()") + "nn.init.constant_(model[0].weight, 0.05)",
    "matrices": made(
        "self.a, self.b = nn.Parameter(torch.full((20, 64), 0.1)), nn.Parameter(torch.full((64, 5), 0.1))",
        "return torch.relu(x @ self.a) @ self.b", CE, "torch.randn(32, 20), torch.arange(32) % 5",
    ),
}  # fmt: skip

VALUES = {
    "NaN": deep(2, 64) + "model[2].weight.data[0, 0] = float('nan')",
    "infinite": deep(2, 64) + "model[0].bias.data[0] = float('inf')",
    "huge": deep(2, 64) + "model[0].weight.data[0, 0] = 3e33",
    "vanishing": deep(2, 64) + "model[2].weight.data.fill_(4.5e-41)\nmodel[2].weight.data[0, 0] = 1e-38",
}

RECURRENT = {
    "ReLU": made(
        "self.rnn, self.head = nn.RNN(8, 64, batch_first=True, nonlinearity='relu'), nn.Linear(64, 5)\n"
        "nn.init.normal_(self.rnn.weight_hh_l0, std=0.4)",
        f"return {SEQUENCE}", CE, f"torch.randn(8, 30, 8), {FIVE}",
    ),
    "LSTM": made(
        "self.rnn, self.head = nn.LSTM(8, 64, batch_first=True), nn.Linear(64, 5)\n"
        "for p in self.rnn.parameters():\n    nn.init.normal_(p)",
        f"return {SEQUENCE}", CE, f"torch.randn(8, 30, 8), {FIVE}",
    ),
}  # fmt: skip

TABLE = "model = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 1))\nloss = nn.MSELoss()\n"
SCALE = {
    "bytes": conv(16) + "batch = torch.randint(256, (8, 3, 16, 16)).float(), batch[1]",
    "bytes made float inside": made(
        "self.a, self.b = nn.Linear(64, 32), nn.Linear(32, 5)", "return self.b(F.relu(self.a(x.float().flatten(1))))",
        CE, f"torch.randint(256, (8, 1, 8, 8), dtype=torch.uint8), {FIVE}",
    ),
    "columns": TABLE + "batch = torch.randn(64, 4) * torch.tensor([1.0, 50.0, 1e4, 0.01]), torch.randn(64, 1)",
    "time": TABLE + "x = torch.randn(64, 4)\nx[:, 0] = 1.7e9 + torch.arange(64)\nbatch = x, torch.randn(64, 1)",
    "scaled twice": conv(16) + "batch = torch.rand(8, 3, 16, 16) / 255, batch[1]",
    "sequences": made(
        "self.rnn, self.head = nn.LSTM(2, 32, batch_first=True), nn.Linear(32, 1)", f"return {SEQUENCE}",
        MSE, "100 + 20 * torch.randn(32, 9, 2), torch.randn(32, 1)",
    ),
    "patches": made(
        "self.patch, self.head = nn.Conv2d(3, 32, 4, 4), nn.Linear(32, 5)\n"
        "self.body = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)",
        "return self.head(self.body(self.patch(x).flatten(2).transpose(1, 2)).mean(1))",
        CE, f"torch.randint(256, (8, 3, 16, 16)).float(), {FIVE}",
    ),
}  # fmt: skip

CONTENT = {
    "NaN": deep(2, 64) + "batch[0][3, 4] = float('nan')",
    "NaN in images": conv(16) + "batch[0][3, 1, 2] = float('nan')",
    "infinite": deep(2, 64) + "batch[0][3, 4] = float('inf')",
    "the same": deep(2, 64) + "batch = batch[0][:1].expand(32, 20).clone(), batch[1]",
    "zeros": deep(2, 64) + "batch = torch.zeros(32, 20), batch[1]",
}

SHAPES = {
    "channels last": conv(16) + "batch = torch.rand(8, 16, 16, 3), batch[1]",
    "channels last, taken": conv(16).replace("Conv2d(3,", "Conv2d(28,") + "batch = torch.rand(8, 28, 28, 1), batch[1]",
    "no channel": conv(16).replace("Conv2d(3,", "Conv2d(1,") + "batch = torch.rand(8, 28, 28), batch[1]",
    "rows": conv(16).replace("Conv2d(3,", "Conv2d(1,") + "batch = torch.rand(8, 784), batch[1]",
    "not flat": deep(1, 16).replace("Linear(20", "Linear(784") + "batch = torch.rand(8, 1, 28, 28), batch[1][:8]",
    "wrong head": conv(16).replace("nn.Linear(16, 5)", "nn.Linear(400, 5)"),
    "convolution not flat": "model = nn.Sequential(nn.Conv2d(3, 16, 3), nn.MaxPool2d(2), nn.Linear(784, 5))\n" + IMAGES,
    "time last": "model = nn.Sequential(nn.Conv1d(6, 16, 3), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(16, 5))\n"
    f"loss, batch = nn.CrossEntropyLoss(), (torch.rand(8, 50, 6), {FIVE})",
    "LSTM": made(
        "self.rnn, self.head = nn.LSTM(2, 32, batch_first=True), nn.Linear(32, 1)", f"return {SEQUENCE}",
        MSE, "torch.randn(8, 2, 9), torch.randn(8, 1)",
    ),
    "attention": made(
        "self.body, self.head = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True), nn.Linear(32, 5)",
        "return self.head(self.body(x)[:, 0])", CE, f"torch.randn(8, 16, 20), {FIVE}",
    ),
    "norm for images": deep(1, 16, "nn.BatchNorm2d(16)"),
    "batch norm": deep(1, 16, "nn.BatchNorm1d(32)"),
    "layer norm": deep(1, 16, "nn.LayerNorm(32)"),
}  # fmt: skip

TYPES = {
    "whole": deep(1, 16) + "batch = torch.randint(9, (32, 20)), batch[1]",
    "float64": conv(16) + "batch = batch[0].double(), batch[1]",
    "bytes": conv(16) + "batch = torch.randint(255, (8, 3, 16, 16), dtype=torch.uint8), batch[1]",
    "float indices": "model = nn.Sequential(nn.Embedding(9, 8), nn.Flatten(), nn.Linear(24, 5))\n"
    f"loss, batch = nn.CrossEntropyLoss(), (torch.randint(9, (8, 3)).float(), {FIVE})",
    "LSTM": made(
        "self.rnn, self.head = nn.LSTM(2, 32, batch_first=True), nn.Linear(32, 1)", f"return {SEQUENCE}",
        MSE, "torch.randn(8, 9, 2).double(), torch.randn(8, 1)",
    ),
}  # fmt: skip

WORDS = "model = nn.Sequential(nn.Embedding(9, 8), nn.Flatten(), nn.Linear(24, 5))\nloss = nn.CrossEntropyLoss()\n"
INDICES = {
    "beyond": WORDS + f"batch = torch.arange(24).view(8, 3), {FIVE}",
    "below": WORDS + f"batch = torch.arange(24).view(8, 3) % 8 - 1, {FIVE}",
    "positions": made(
        "self.token, self.place, self.head = nn.Embedding(50, 8), nn.Embedding(10, 8), nn.Linear(8, 5)",
        "return self.head((self.token(x) + self.place(torch.arange(x.shape[1]))).mean(1))",
        CE, f"torch.randint(50, (8, 16)), {FIVE}",
    ),
    "padding": made(
        "self.embed, self.rnn = nn.Embedding(50, 8, padding_idx=0), nn.LSTM(8, 16, batch_first=True)\n"
        "self.head = nn.Linear(16, 5)\nnn.init.xavier_uniform_(self.embed.weight)",
        "return self.head(self.rnn(self.embed(x))[0][:, -1])",
        CE, f"F.pad(torch.randint(1, 50, (8, 10)), (0, 6)), {FIVE}",
    ),
}  # fmt: skip

WORDS_AFTER = "(lambda ids: (ids[:, :-1], ids[:, 1:]))(torch.randint(50, (8, 17)))"
TIED = {
    "functional": made(
        "self.embed, self.norm = nn.Embedding(50, 64), nn.LayerNorm(64)",
        "return F.linear(self.norm(self.embed(x)), self.embed.weight).transpose(1, 2)", CE, WORDS_AFTER,
    ),
    "transformer": made(
        "self.embed, self.norm = nn.Embedding(50, 64), nn.LayerNorm(64)\n"
        "self.body = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True, norm_first=True)\n"
        "self.head = nn.Linear(64, 50, bias=False)\nself.head.weight = self.embed.weight",
        "return self.head(self.norm(self.body(self.embed(x)))).transpose(1, 2)", CE, WORDS_AFTER,
    ),
}  # fmt: skip

_ALL: dict[str, dict[str, str]] = {
    "FS601": SIGNALS, "FS601 FS612": TOO_LARGE, "FS602": SATURATED, "FS603": DEAD, "FS604": SAME, "FS605": EQUAL,
    "FS606": SCALE, "FS607": VALUES, "FS608": CONTENT, "FS609": SHAPES, "FS610": INDICES, "FS613": RECURRENT,
    "FS615": TIED, "FS616": TYPES,
}  # fmt: skip

VARIANTS = {f"{codes[-5:]} {name}": (codes, lines) for codes, some in _ALL.items() for name, lines in some.items()}
"""Name: codes of which one must be more than a mention, and lines."""


def of(*codes: str) -> list[str]:
    """The names of those for these codes."""

    return [name for name in VARIANTS if name[:5] in codes]
