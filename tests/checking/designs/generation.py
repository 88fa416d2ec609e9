"""What makes data: autoencoders, adversaries, diffusion, flows, and functions of coordinates."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .start import Start, Wrapped, plain, zeroed


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


def sparse_autoencoder(n: int = 64) -> Start:
    """More codes than inputs, an L1 penalty, a tied start."""

    def run(m: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        code = F.relu(m.enc(x - m.dec.bias))
        return m.dec(code), code

    model = Wrapped(run, enc=nn.Linear(32, 256), dec=nn.Linear(256, 32))
    with torch.no_grad():
        model.dec.weight.copy_(F.normalize(torch.randn(32, 256), dim=0))  # type: ignore[union-attr]
        model.enc.weight.copy_(model.dec.weight.T)  # type: ignore[union-attr]
        model.enc.bias.zero_()  # type: ignore[union-attr]
        model.dec.bias.zero_()  # type: ignore[union-attr]
    x = torch.randn(n, 32)
    return model, lambda out, y: (out[0] - y).square().mean() + 1e-3 * out[1].abs().sum(1).mean(), (x, x)


def vae(n: int = 32) -> Start:
    """An ELBO summed over pixels."""

    def run(m: Any, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mean, log = m.enc(x).chunk(2, 1)
        return m.dec(mean + torch.randn_like(mean) * (log / 2).exp()), mean, log

    def loss(output: tuple[Tensor, Tensor, Tensor], x: Tensor) -> Tensor:
        logits, mean, log = output
        rec = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
        return rec - 0.5 * (1 + log - mean**2 - log.exp()).sum(1).mean()

    x = (torch.rand(n, 64) > 0.5).float()
    return Wrapped(run, enc=plain([64, 64, 16]), dec=plain([8, 64, 64])), loss, (x, x)


def _dcgan(model: nn.Module) -> None:
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, 0.0, 0.02)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight, 1.0, 0.02)


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


def flow(n: int = 32) -> Start:
    """Coupling layers that start as the identity; minus log likelihood."""

    def run(m: Any, x: Tensor) -> tuple[Tensor, Tensor]:
        log = torch.zeros(len(x))
        for net in m.nets:
            a, b = x.chunk(2, 1)
            s, t = net(a).chunk(2, 1)
            s = torch.tanh(s)
            x, log = torch.cat([b * s.exp() + t, a], 1), log + s.sum(1)
        return x, log

    nets = nn.ModuleList(plain([4, 32, 8]) for _ in range(4))
    for net in nets:
        zeroed(net[-1])  # type: ignore[index]
    return Wrapped(run, nets=nets), lambda z, log: (z.square().sum(1) / 2 - log).mean(), (torch.randn(n, 8), None)


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


def nerf(n: int = 64) -> Start:
    """Eight plain layers over sines of the coordinates, with one skip."""

    def run(m: Any, x: Tensor) -> Tensor:
        e = torch.cat([f(x * 2.0**k * math.pi) for k in range(6) for f in (torch.sin, torch.cos)], 1)
        h = e
        for i, layer in enumerate(m.layers):
            h = F.relu(layer(torch.cat([h, e], 1) if i == 4 else h))
        return torch.sigmoid(m.rgb(h))

    widths = [(36, 64)] + [(64 + 36 * (i == 4), 64) for i in range(1, 8)]
    model = Wrapped(run, layers=nn.ModuleList(nn.Linear(a, b) for a, b in widths), rgb=nn.Linear(64, 3))
    return model, nn.MSELoss(), (torch.rand(n, 3) * 2 - 1, torch.rand(n, 3))


DESIGNS: dict[str, Callable[[], Start]] = {
    "autoencoder": autoencoder, "conv autoencoder": conv_autoencoder, "conv autoencoder 4": lambda: conv_autoencoder(4),
    "conv autoencoder small batch": lambda: conv_autoencoder(n=2), "sparse": sparse_autoencoder, "vae": vae,
    "generator": generator, "discriminator": discriminator, "diffusion": diffusion, "flow": flow, "siren": siren,
    "siren folded": lambda: siren(True), "nerf": nerf,
}  # fmt: skip
