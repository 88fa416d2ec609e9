"""Small sound architectures of many kinds, with a loss and a batch: what a check must be silent on."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Start = tuple[nn.Module, Callable[..., Any], tuple[Any, Any]]
ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "gelu": nn.GELU,
    "selu": nn.SELU,
    "silu": nn.SiLU,
    "leaky": nn.LeakyReLU,
    "elu": nn.ELU,
}


def classes(n: int, count: int = 10) -> Tensor:
    """Labels of which each occurs about as often."""
    return torch.randperm(n) % count


def plain(widths: list[int], act: type[nn.Module] = nn.ReLU) -> nn.Sequential:
    """Linear layers with torch's default weights."""
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), act()]
    return nn.Sequential(*layers[:-1])


def mlp(depth: int, width: int, act: str = "relu", n: int = 32) -> Start:
    """A plain MLP as torch makes it."""
    model = plain([20, *[width] * depth, 10], ACTIVATIONS[act])
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 20), classes(n))


def cnn(norm: bool = False, n: int = 16) -> Start:
    """Convolutions and a linear head on images in [0, 1]."""
    layers: list[nn.Module] = []
    for before, after in ((3, 16), (16, 32), (32, 32)):
        layers += [nn.Conv2d(before, after, 3, padding=1), *([nn.BatchNorm2d(after)] if norm else []), nn.ReLU()]
        layers += [nn.MaxPool2d(2)]
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(32 * 16, 10))
    return model, nn.CrossEntropyLoss(), (torch.rand(n, 3, 32, 32), classes(n))


class _Block(nn.Module):
    def __init__(self, width: int, zero: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        if zero:
            nn.init.zeros_(self.bn2.weight)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))


def resnet(zero: bool = False, blocks: int = 6, n: int = 16) -> Start:
    """A ResNet, its last norms' weights zero or one, Kaiming's fan_out."""
    stem = [nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10)]
    model = nn.Sequential(*stem, *(_Block(16, zero) for _ in range(blocks)), *head)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 3, 16, 16), classes(n))


def encoder(first: bool, layers: int = 4, n: int = 8) -> Start:
    """torch's transformer encoder over tokens, pre- or post-norm, mean pooled."""

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(100, 32)
            layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, norm_first=first)
            self.body = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
            self.head = nn.Linear(32, 5)

        def forward(self, ids: Tensor) -> Tensor:
            return self.head(self.body(self.embed(ids)).mean(1))

    return Model(), nn.CrossEntropyLoss(), (torch.randint(100, (n, 12)), classes(n, 5))


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int, causal: bool) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.heads, self.causal = heads, causal

    def forward(self, x: Tensor) -> Tensor:
        n, t, d = x.shape
        q, k, v = self.qkv(x).view(n, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.proj(y.transpose(1, 2).reshape(n, t, d))


class _Layer(nn.Module):
    def __init__(self, width: int, heads: int, causal: bool, scale: float | None = None) -> None:
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = _Attention(width, heads, causal)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.scale = nn.Parameter(torch.full((width,), scale)) if scale else None

    def forward(self, x: Tensor) -> Tensor:
        scale = 1.0 if self.scale is None else self.scale
        x = x + scale * self.attn(self.ln1(x))
        return x + scale * self.down(F.gelu(self.up(self.ln2(x))))


def vit(scale: float | None = None, zero_head: bool = False, n: int = 16) -> Start:
    """A vision transformer; LayerScale and a zero head where asked."""

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patch = nn.Conv2d(3, 48, 4, stride=4)
            self.cls = nn.Parameter(torch.zeros(1, 1, 48))
            self.pos = nn.Parameter(torch.randn(1, 17, 48) * 0.02)
            self.blocks = nn.Sequential(*(_Layer(48, 4, False, scale) for _ in range(4)))
            self.norm, self.head = nn.LayerNorm(48), nn.Linear(48, 10)
            for module in self.modules():
                if isinstance(module, nn.Linear):
                    nn.init.trunc_normal_(module.weight, std=0.02)
                    nn.init.zeros_(module.bias)
            if zero_head:
                nn.init.zeros_(self.head.weight)

        def forward(self, x: Tensor) -> Tensor:
            x = self.patch(x).flatten(2).transpose(1, 2)
            x = torch.cat([self.cls.expand(len(x), -1, -1), x], 1) + self.pos
            return self.head(self.norm(self.blocks(x))[:, 0])

    return Model(), nn.CrossEntropyLoss(), (torch.randn(n, 3, 16, 16), classes(n))


def gpt(tied: bool = True, n: int = 4) -> Start:
    """A GPT with 0.02 everywhere and residual projections scaled by depth."""

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.wte, self.wpe = nn.Embedding(65, 64), nn.Embedding(16, 64)
            self.blocks = nn.Sequential(*(_Layer(64, 4, True) for _ in range(4)))
            self.norm, self.head = nn.LayerNorm(64), nn.Linear(64, 65, bias=False)
            if tied:
                self.head.weight = self.wte.weight
            for name, p in self.named_parameters():
                if p.ndim > 1:
                    last = name.endswith(("proj.weight", "down.weight"))
                    nn.init.normal_(p, std=0.02 / math.sqrt(8) if last else 0.02)
                elif name.endswith("bias"):
                    nn.init.zeros_(p)

        def forward(self, ids: Tensor) -> Tensor:
            x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1], device=ids.device))
            return self.head(self.norm(self.blocks(x)))

    ids = torch.randint(65, (n, 17))
    return Model(), lambda out, y: F.cross_entropy(out.flatten(0, 1), y.flatten()), (ids[:, :-1], ids[:, 1:])


def recurrent(kind: str = "LSTM", n: int = 16) -> Start:
    """A recurrent classifier over real-valued sequences."""

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn = getattr(nn, kind)(8, 32, num_layers=2, batch_first=True)
            self.head = nn.Linear(32, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.rnn(x)[0][:, -1])

    return Model(), nn.CrossEntropyLoss(), (torch.randn(n, 20, 8), classes(n, 4))


class Sine(nn.Module):
    """sin(30 (W x + b))."""

    def __init__(self, before: int, after: int, first: bool, folded: bool = False) -> None:
        super().__init__()
        self.linear = nn.Linear(before, after)
        self.omega = 1.0 if folded else 30.0
        bound = 1 / before if first else math.sqrt(6 / before) / 30
        nn.init.uniform_(self.linear.weight, -bound * 30 / self.omega, bound * 30 / self.omega)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(self.omega * self.linear(x))


def siren(folded: bool = False, n: int = 64) -> Start:
    """Sitzmann's network on coordinates."""
    layers = [Sine(2, 64, True, folded), *(Sine(64, 64, False, folded) for _ in range(3))]
    x = torch.rand(n, 2) * 2 - 1
    return (
        nn.Sequential(*layers, nn.Linear(64, 1)),
        nn.MSELoss(),
        (x, torch.sin(5 * x[:, :1]) + 0.3 * torch.randn(n, 1)),
    )


def deep_sets(n: int = 16) -> Start:
    """A sum over a set's elements."""

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.phi, self.rho = plain([3, 64, 64, 64]), plain([64, 64, 1])

        def forward(self, x: Tensor) -> Tensor:
            return self.rho(self.phi(x).sum(1))

    return Model(), nn.MSELoss(), (torch.randn(n, 12, 3), torch.randn(n, 1))


def autoencoder(n: int = 16, width: int = 64) -> Start:
    """Sigmoid output, MSE on [0, 1]."""
    model = nn.Sequential(plain([64, width, 32, 8]), nn.ReLU(), plain([8, 32, width, 64]), nn.Sigmoid())
    return model, nn.MSELoss(), (x := torch.rand(n, 64), x)


def conv_autoencoder(levels: int = 3, n: int = 8) -> Start:
    """Strided convolutions down, transposed ones up, no norm."""
    down: list[nn.Module] = []
    up: list[nn.Module] = []
    for i in range(levels):
        before, after = (3 if i == 0 else 8 * 2**i), 16 * 2**i
        down += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.ReLU()]
        up = [nn.ConvTranspose2d(after, before, 4, stride=2, padding=1), nn.Sigmoid() if i == 0 else nn.ReLU(), *up]
    x = torch.rand(n, 3, 32, 32)
    return nn.Sequential(*down, *up), nn.MSELoss(), (x, x)


def unet(norm: bool = False, n: int = 4) -> Start:
    """Two levels with skips."""

    def double(before: int, after: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        for a, b in ((before, after), (after, after)):
            layers += [nn.Conv2d(a, b, 3, padding=1), *([nn.BatchNorm2d(b)] if norm else []), nn.ReLU()]
        return nn.Sequential(*layers)

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.c = double(3, 16), double(16, 32), double(32, 64)
            self.up1, self.up0 = nn.ConvTranspose2d(64, 32, 2, 2), nn.ConvTranspose2d(32, 16, 2, 2)
            self.d, self.e, self.head = double(64, 32), double(32, 16), nn.Conv2d(16, 1, 1)

        def forward(self, x: Tensor) -> Tensor:
            a = self.a(x)
            b = self.b(F.max_pool2d(a, 2))
            c = self.c(F.max_pool2d(b, 2))
            d = self.d(torch.cat([self.up1(c), b], 1))
            return self.head(self.e(torch.cat([self.up0(d), a], 1)))

    return Model(), nn.BCEWithLogitsLoss(), (torch.randn(n, 3, 16, 16), (torch.rand(n, 1, 16, 16) > 0.5).float())


def generator(n: int = 16) -> Start:
    """DCGAN's generator with its 0.02 weights, as an image regressor."""
    model = nn.Sequential(
        nn.ConvTranspose2d(32, 64, 4, 1, 0, bias=False), nn.BatchNorm2d(64), nn.ReLU(True),
        nn.ConvTranspose2d(64, 32, 4, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU(True),
        nn.ConvTranspose2d(32, 3, 4, 2, 1, bias=False), nn.Tanh(),
    )  # fmt: skip
    _dcgan(model)
    return model, nn.MSELoss(), (torch.randn(n, 32, 1, 1), torch.rand(n, 3, 16, 16) * 2 - 1)


def discriminator(n: int = 16) -> Start:
    """DCGAN's discriminator."""
    model = nn.Sequential(
        nn.Conv2d(3, 16, 4, 2, 1, bias=False), nn.LeakyReLU(0.2),
        nn.Conv2d(16, 32, 4, 2, 1, bias=False), nn.BatchNorm2d(32), nn.LeakyReLU(0.2),
        nn.Conv2d(32, 1, 4, 1, 0, bias=False), nn.Flatten(),
    )  # fmt: skip
    _dcgan(model)
    return model, nn.BCEWithLogitsLoss(), (torch.rand(n, 3, 16, 16) * 2 - 1, (torch.arange(n)[:, None] % 2).float())


def _dcgan(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)


class _Inverted(nn.Module):
    """MBConv with squeeze and excitation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        wide = 4 * width
        self.expand = nn.Sequential(nn.Conv2d(width, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.SiLU())
        self.depth = nn.Sequential(
            nn.Conv2d(wide, wide, 3, padding=1, groups=wide, bias=False), nn.BatchNorm2d(wide), nn.SiLU()
        )
        self.squeeze = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(wide, 8, 1), nn.SiLU(), nn.Conv2d(8, wide, 1), nn.Sigmoid()
        )
        self.project = nn.Sequential(nn.Conv2d(wide, width, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        y = self.depth(self.expand(x))
        return x + self.project(y * self.squeeze(y))


def efficient(n: int = 8, relu6: bool = False) -> Start:
    """EfficientNet-like: SiLU, depthwise convolutions, gates; ReLU6 instead as MobileNet has it."""
    stem = [
        nn.Conv2d(3, 16, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU6() if relu6 else nn.SiLU(),
    ]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10)]
    model = nn.Sequential(*stem, *(_Inverted(16) for _ in range(4)), *head)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 3, 16, 16), classes(n))


class _Branch(nn.Module):
    def __init__(self, width: int, kind: str) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(width, width), nn.Linear(width, width)
        self.gate = nn.Parameter(torch.zeros(1)) if kind == "rezero" else None
        if kind == "fixup":
            nn.init.zeros_(self.down.weight)
            nn.init.zeros_(self.down.bias)

    def forward(self, x: Tensor) -> Tensor:
        y = self.down(F.relu(self.up(x)))
        return x + (y if self.gate is None else self.gate * y)


def residual(kind: str = "plain", blocks: int = 12, n: int = 32) -> Start:
    """Residual MLP without norms; "rezero" and "fixup" start with branches that give zero."""
    model = nn.Sequential(nn.Linear(20, 64), *(_Branch(64, kind) for _ in range(blocks)), nn.Linear(64, 10))
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 20), classes(n))


def he(depth: int, width: int = 128, n: int = 32, act: str = "relu") -> Start:
    """A deep plain network with the weights its activation asks for."""
    model = plain([20, *[width] * depth, 10], ACTIVATIONS[act])
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu" if act == "relu" else "linear")
            nn.init.zeros_(module.bias)
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 20), classes(n))


def policy(n: int = 32) -> Start:
    """Orthogonal weights, a head with gain 0.01."""
    model = plain([6, 64, 64, 4], nn.Tanh)
    for i, module in enumerate([one for one in model if isinstance(one, nn.Linear)]):
        nn.init.orthogonal_(module.weight, gain=0.01 if i == 2 else math.sqrt(2))
        nn.init.zeros_(module.bias)

    def loss(logits: Tensor, seen: Tensor) -> Tensor:
        chosen = logits.log_softmax(-1).gather(1, seen[:, :1].long())[:, 0]
        return -(chosen * seen[:, 1]).mean()

    return model, loss, (torch.randn(n, 6), torch.stack([classes(n, 4).float(), torch.randn(n)], 1))


def factorization(n: int = 64) -> Start:
    """Users and items with zero biases."""

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.user, self.item = nn.Embedding(200, 16), nn.Embedding(300, 16)
            self.user_bias, self.item_bias = nn.Embedding(200, 1), nn.Embedding(300, 1)
            for one in (self.user, self.item):
                nn.init.normal_(one.weight, std=0.1)
            for one in (self.user_bias, self.item_bias):
                nn.init.zeros_(one.weight)

        def forward(self, user: Tensor, item: Tensor) -> Tensor:
            dot = (self.user(user) * self.item(item)).sum(-1)
            return dot + self.user_bias(user)[:, 0] + self.item_bias(item)[:, 0]

    return Model(), nn.MSELoss(), ((torch.randint(200, (n,)), torch.randint(300, (n,))), torch.randn(n))


def large_zero_head(n: int = 16) -> Start:
    """A thousand classes, most of them absent from the batch, and a head that starts at zero."""
    model = plain([20, 64, 1000])
    nn.init.zeros_(model[-1].weight)
    nn.init.zeros_(model[-1].bias)
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 20), torch.randint(1000, (n,)))


def prior_head(n: int = 32) -> Start:
    """A zero head with the classes' prior as its bias, as for detection."""
    model = plain([20, 64, 64, 1])
    nn.init.zeros_(model[-1].weight)
    nn.init.constant_(model[-1].bias, -math.log(7))
    target = (torch.arange(n) % 8 == 0).float()[:, None]
    return model, nn.BCEWithLogitsLoss(), (torch.randn(n, 20), target)


def graph_net(n: int = 40) -> Start:
    """Nodes as the batch, mean aggregation."""

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two, self.head = nn.Linear(16, 32), nn.Linear(32, 32), nn.Linear(32, 5)

        def forward(self, x: Tensor) -> Tensor:
            for layer in (self.one, self.two):
                x = F.relu(layer((x + x.roll(1, 0) + x.roll(-1, 0)) / 3))
            return self.head(x)

    return Model(), nn.CrossEntropyLoss(), (torch.randn(n, 16), classes(n, 5))


def text_cnn(n: int = 16) -> Start:
    """Embeddings, 1-D convolution, most positions padding."""

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed = nn.Embedding(200, 32, padding_idx=0)
            self.conv, self.head = nn.Conv1d(32, 64, 3, padding=1), nn.Linear(64, 4)

        def forward(self, ids: Tensor) -> Tensor:
            return self.head(F.relu(self.conv(self.embed(ids).transpose(1, 2))).amax(2))

    ids = torch.randint(1, 200, (n, 24))
    ids[:, 8:] = 0
    return Model(), nn.CrossEntropyLoss(), (ids, classes(n, 4))


def chrono(n: int = 16) -> Start:
    """An LSTM cell of one's own whose forget gates remember for long: sigmoids that are meant to be closed."""

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gates, self.head = nn.Linear(8 + 32, 4 * 32), nn.Linear(32, 1)
            with torch.no_grad():
                self.gates.bias.zero_()
                self.gates.bias[:32] = torch.linspace(4.5, 7, 32)
                self.gates.bias[32:64] = -self.gates.bias[:32]

        def forward(self, x: Tensor) -> Tensor:
            h = c = x.new_zeros(len(x), 32)
            for step in x.unbind(1):
                gates, new = self.gates(torch.cat([step, h], 1)).split([96, 32], 1)
                f, i, o = gates.sigmoid().chunk(3, 1)
                c = f * c + i * new.tanh()
                h = o * c.tanh()
            return self.head(h)

    return Model(), nn.MSELoss(), (torch.randn(n, 10, 8), torch.randn(n, 1))


def tabular(n: int = 64) -> Start:
    """Raw columns of very different size, that batch norm puts right first."""
    model = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 1))
    x = torch.randn(n, 4) * torch.tensor([1.0, 50.0, 1e4, 0.01]) + torch.tensor([0.0, 40.0, 5e4, 1.0])
    return model, nn.MSELoss(), (x, torch.randn(n, 1))


def bytes_inside(n: int = 16) -> Start:
    """Images as bytes, which the model scales itself."""

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = plain([64, 32, 10])

        def forward(self, x: Tensor) -> Tensor:
            return self.net((x.float() / 255 - 0.5).flatten(1) / 0.25)

    return Model(), nn.CrossEntropyLoss(), (torch.randint(256, (n, 1, 8, 8), dtype=torch.uint8), classes(n))


def diffusion(n: int = 16) -> Start:
    """Noise prediction with time steps up to 1000 and a last layer that starts at zero."""

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.time, self.body, self.out = nn.Linear(32, 64), plain([8 + 64, 64, 64], nn.SiLU), nn.Linear(64, 8)
            nn.init.zeros_(self.out.weight)
            nn.init.zeros_(self.out.bias)

        def forward(self, x: Tensor, t: Tensor) -> Tensor:
            angle = t.float()[:, None] * torch.exp(-math.log(1e4) * torch.arange(16) / 16)
            t = F.silu(self.time(torch.cat([angle.sin(), angle.cos()], 1)))
            return self.out(F.silu(self.body(torch.cat([x, t], 1))))

    return Model(), nn.MSELoss(), ((torch.randn(n, 8), torch.randint(1000, (n,))), torch.randn(n, 8))


SOUND: dict[str, Callable[[], Start]] = {
    **{f"mlp {act} {depth}x{width} n{n}": lambda a=act, d=depth, w=width, n=n: mlp(d, w, a, n)
       for act in ACTIVATIONS for depth in (2, 8) for width, n in ((32, 16), (128, 32))},
    **{f"mlp relu {depth}x{width} n{n}": lambda d=depth, w=width, n=n: mlp(d, w, "relu", n)
       for depth, width in ((1, 16), (3, 64), (6, 16), (6, 512)) for n in (2, 64)},
    "cnn": cnn, "cnn norm": lambda: cnn(True), "resnet": resnet, "resnet zero": lambda: resnet(True),
    "resnet deep": lambda: resnet(blocks=9), "pre-norm": lambda: encoder(True), "post-norm": lambda: encoder(False),
    "pre-norm deep": lambda: encoder(True, 10), "vit": vit, "vit layer scale": lambda: vit(1e-6),
    "vit zero head": lambda: vit(zero_head=True), "gpt tied": gpt, "gpt untied": lambda: gpt(False),
    "lstm": recurrent, "gru": lambda: recurrent("GRU"), "rnn": lambda: recurrent("RNN"), "siren": siren,
    "siren folded": lambda: siren(True), "deep sets": deep_sets, "autoencoder": autoencoder,
    "conv autoencoder": conv_autoencoder, "conv autoencoder 4": lambda: conv_autoencoder(4), "unet": unet,
    "unet norm": lambda: unet(True), "generator": generator, "discriminator": discriminator, "efficient": efficient,
    "mobile": lambda: efficient(relu6=True), "residual": residual, "rezero": lambda: residual("rezero"),
    "fixup": lambda: residual("fixup"), "he 20": lambda: he(20), "he 50": lambda: he(50), "policy": policy,
    "lecun selu 12": lambda: he(12, act="selu"), "lecun tanh 12": lambda: he(12, act="tanh"),
    "factorization": factorization, "large zero head": large_zero_head, "prior head": prior_head,
    "graph": graph_net, "text cnn": text_cnn, "chrono": chrono, "tabular": tabular, "bytes inside": bytes_inside,
    "diffusion": diffusion,
}  # fmt: skip
"""By name."""
