"""More sound architectures: those whose odd starts are meant."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .architectures import SOUND, Start, classes, plain


class Wrapped(nn.Module):
    """A model of named parts and a function of (parts, *inputs)."""

    def __init__(self, run: Callable[..., Any], **parts: nn.Module | nn.Parameter) -> None:
        super().__init__()
        for name, one in parts.items():
            setattr(self, name, one)
        self.run = run

    def forward(self, *inputs: Tensor) -> Any:
        return self.run(self, *inputs)


def zeroed(layer: Any) -> Any:
    """With all its parameters at zero."""
    for one in layer.parameters():
        nn.init.zeros_(one)
    return layer


def dit(n: int = 8, depth: int = 3) -> Start:
    """A diffusion transformer: adaLN-zero and a zero head."""
    d = 32

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.n1, self.n2 = (nn.LayerNorm(d, elementwise_affine=False) for _ in range(2))
            self.attn, self.mlp = nn.MultiheadAttention(d, 4, batch_first=True), plain([d, 4 * d, d], nn.GELU)
            self.mod = nn.Sequential(nn.SiLU(), zeroed(nn.Linear(d, 6 * d)))

        def forward(self, x: Tensor, c: Tensor) -> Tensor:
            s1, b1, g1, s2, b2, g2 = self.mod(c)[:, None].chunk(6, -1)
            y = self.n1(x) * (1 + s1) + b1
            x = x + g1 * self.attn(y, y, y, need_weights=False)[0]
            return x + g2 * self.mlp(self.n2(x) * (1 + s2) + b2)

    def run(m: Any, x: Tensor, t: Tensor) -> Tensor:
        angle = t[:, None] * torch.exp(-math.log(1e4) * torch.arange(16) / 16)
        c = m.time(torch.cat([angle.sin(), angle.cos()], 1))
        h = m.patch(x) + m.pos
        for block in m.blocks:
            h = block(h, c)
        shift, scale = m.mod(F.silu(c))[:, None].chunk(2, -1)
        return m.out(m.norm(h) * (1 + scale) + shift)

    model = Wrapped(
        run, time=plain([32, d, d], nn.SiLU), patch=nn.Linear(12, d), pos=nn.Parameter(torch.randn(1, 16, d) * 0.02),
        blocks=nn.ModuleList(Block() for _ in range(depth)), norm=nn.LayerNorm(d, elementwise_affine=False),
        mod=zeroed(nn.Linear(d, 2 * d)), out=zeroed(nn.Linear(d, 12)),
    )  # fmt: skip
    return model, nn.MSELoss(), ((torch.randn(n, 16, 12), torch.rand(n) * 1000), torch.randn(n, 16, 12))


def lora(n: int = 16) -> Start:
    """Frozen layers with low-rank additions that start at zero."""

    class Low(nn.Module):
        def __init__(self, before: int, after: int) -> None:
            super().__init__()
            self.base = nn.Linear(before, after).requires_grad_(False)
            self.a, self.b = nn.Linear(before, 4, bias=False), zeroed(nn.Linear(4, after, bias=False))

        def forward(self, x: Tensor) -> Tensor:
            return self.base(x) + 2 * self.b(self.a(x))

    model = nn.Sequential(Low(20, 64), nn.ReLU(), Low(64, 64), nn.ReLU(), Low(64, 10))
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 20), classes(n))


def low_rank_raw(n: int = 16) -> Start:
    """The same with matrices that are no layers."""
    parts = {"a": nn.Parameter(torch.randn(20, 4) * 0.2), "b": nn.Parameter(torch.zeros(4, 64))}

    def run(m: Any, x: Tensor) -> Tensor:
        return m.head(F.relu(m.base(x) + x @ m.a @ m.b))

    model = Wrapped(run, base=nn.Linear(20, 64).requires_grad_(False), head=nn.Linear(64, 10), **parts)
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 20), classes(n))


def adapter(n: int = 16) -> Start:
    """Houlsby's adapters in a frozen network."""
    parts = [nn.Linear(20, 64), nn.Linear(64, 64)]
    for one in parts:
        one.requires_grad_(False)

    def run(m: Any, x: Tensor) -> Tensor:
        for base, down, up in zip(m.base, m.down, m.up, strict=True):
            x = F.relu(base(x))
            x = x + up(F.relu(down(x)))
        return m.head(x)

    model = Wrapped(
        run, base=nn.ModuleList(parts), down=nn.ModuleList(nn.Linear(64, 8) for _ in parts),
        up=nn.ModuleList(zeroed(nn.Linear(8, 64)) for _ in parts), head=nn.Linear(64, 10),
    )  # fmt: skip
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 20), classes(n))


def convnext(n: int = 8) -> Start:
    """Depthwise convolutions, channels last inside, LayerScale of 1e-6."""

    class Block(nn.Module):
        def __init__(self, d: int) -> None:
            super().__init__()
            self.depth, self.norm = nn.Conv2d(d, d, 7, padding=3, groups=d), nn.LayerNorm(d)
            self.up, self.down = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)
            self.gamma = nn.Parameter(torch.full((d,), 1e-6))

        def forward(self, x: Tensor) -> Tensor:
            y = self.norm(self.depth(x).permute(0, 2, 3, 1))
            return x + (self.gamma * self.down(F.gelu(self.up(y)))).permute(0, 3, 1, 2)

    model = nn.Sequential(nn.Conv2d(3, 24, 2, 2), *(Block(24) for _ in range(4)))
    model.append(nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(24), nn.Linear(24, 10)))
    for one in model.modules():
        if isinstance(one, (nn.Linear, nn.Conv2d)):
            nn.init.trunc_normal_(one.weight, std=0.02)
            nn.init.zeros_(one.bias)
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 3, 16, 16), classes(n))


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


def mixer(n: int = 8) -> Start:
    """Token and channel mixing."""

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.n1, self.n2 = nn.LayerNorm(32), nn.LayerNorm(32)
            self.tokens, self.channels = plain([16, 32, 16], nn.GELU), plain([32, 64, 32], nn.GELU)

        def forward(self, x: Tensor) -> Tensor:
            x = x + self.tokens(self.n1(x).transpose(1, 2)).transpose(1, 2)
            return x + self.channels(self.n2(x))

    model = nn.Sequential(
        nn.Linear(12, 32), *(Block() for _ in range(4)), nn.LayerNorm(32), nn.Flatten(), nn.Linear(512, 10)
    )
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 16, 12), classes(n))


def queries(n: int = 8) -> Start:
    """A decoder whose queries are the same for every example, until they look at the image."""

    def run(m: Any, x: Tensor) -> Tensor:
        memory = m.patch(x).flatten(2).transpose(1, 2)
        return m.head(m.decoder(m.query.weight.expand(len(x), -1, -1), memory)).flatten(1)

    layer = nn.TransformerDecoderLayer(32, 4, 64, batch_first=True)
    model = Wrapped(
        run, patch=nn.Conv2d(3, 32, 4, 4), query=nn.Embedding(5, 32), decoder=nn.TransformerDecoder(layer, 3),
        head=nn.Linear(32, 2),
    )  # fmt: skip
    return model, nn.L1Loss(), (torch.randn(n, 3, 16, 16), torch.rand(n, 10))


def sum_graph(n: int = 40, layers: int = 4) -> Start:
    """GIN with sums over four neighbours and batch norm."""

    def run(m: Any, x: Tensor) -> Tensor:
        for layer, norm in zip(m.layers, m.norms, strict=True):
            x = F.relu(norm(layer(x + sum(x.roll(i, 0) for i in (-2, -1, 1, 2)))))
        return m.head(x)

    model = Wrapped(
        run, layers=nn.ModuleList(plain([16, 16, 16]) for _ in range(layers)),
        norms=nn.ModuleList(nn.BatchNorm1d(16) for _ in range(layers)), head=nn.Linear(16, 5),
    )  # fmt: skip
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 16), classes(n, 5))


def point_net(n: int = 8) -> Start:
    """Points in metres, shared layers with batch norm, a maximum."""

    def run(m: Any, x: Tensor) -> Tensor:
        return m.head(m.body(x.transpose(1, 2)).amax(2))

    layers = [one for a, b in ((3, 32), (32, 64)) for one in (nn.Conv1d(a, b, 1), nn.BatchNorm1d(b), nn.ReLU())]
    return Wrapped(run, body=nn.Sequential(*layers), head=plain([64, 32, 5])), nn.CrossEntropyLoss(), (
        torch.randn(n, 50, 3) * 20, classes(n, 5),
    )  # fmt: skip


def wavenet(n: int = 4) -> Start:
    """Dilated convolutions with gates."""

    def run(m: Any, x: Tensor) -> Tensor:
        x, out = m.start(x), 0
        for f, g, r in zip(m.filter, m.gate, m.res, strict=True):
            y = torch.tanh(f(x)) * torch.sigmoid(g(x))
            x, out = x + r(y), out + y
        return m.end(F.relu(out))

    def stack(dilated: bool) -> nn.ModuleList:
        return nn.ModuleList(
            nn.Conv1d(16, 16, 3, padding=2**i, dilation=2**i) if dilated else nn.Conv1d(16, 16, 1) for i in range(6)
        )

    model = Wrapped(
        run, start=nn.Conv1d(1, 16, 1), filter=stack(True), gate=stack(True), res=stack(False), end=nn.Conv1d(16, 32, 1)
    )
    return model, nn.CrossEntropyLoss(), (torch.rand(n, 1, 64) * 2 - 1, torch.randint(32, (n, 64)))


def highway(n: int = 32) -> Start:
    """Gates whose bias of -3 lets everything pass."""

    class Gate(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.h, self.t = nn.Linear(32, 32), nn.Linear(32, 32)
            nn.init.constant_(self.t.bias, -3.0)

        def forward(self, x: Tensor) -> Tensor:
            t = torch.sigmoid(self.t(x))
            return t * F.relu(self.h(x)) + (1 - t) * x

    model = nn.Sequential(nn.Linear(20, 32), *(Gate() for _ in range(10)), nn.Linear(32, 10))
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 20), classes(n))


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


def swin_bias(n: int = 8) -> Start:
    """Attention with a table of relative positions that starts at zero, and a zero position embedding."""

    def run(m: Any, x: Tensor) -> Tensor:
        h = m.norm(m.embed(x) + m.pos)
        q, k, v = m.qkv(h).view(len(x), 16, 3, 4, 8).permute(2, 0, 3, 1, 4)
        bias = m.table[torch.arange(16)[:, None] - torch.arange(16) + 15].permute(2, 0, 1)
        y = ((q @ k.transpose(-1, -2)) / 8**0.5 + bias).softmax(-1) @ v
        return m.head((h + y.transpose(1, 2).flatten(2)).mean(1))

    model = Wrapped(
        run, embed=nn.Linear(12, 32), pos=nn.Parameter(torch.zeros(16, 32)), table=nn.Parameter(torch.zeros(31, 4)),
        norm=nn.LayerNorm(32), qkv=nn.Linear(32, 96), head=nn.Linear(32, 10),
    )  # fmt: skip
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 16, 12), classes(n))


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


def one_hot(n: int = 64) -> Start:
    """Rare categories as columns, a wide table."""
    x = F.one_hot(torch.randint(300, (n,)), 300).float()
    return plain([300, 32, 2]), nn.CrossEntropyLoss(), (x, classes(n, 2))


def tf_idf(n: int = 32) -> Start:
    """Rows of norm 1 with few words of many."""
    x = F.normalize(torch.rand(n, 5000) * (torch.rand(n, 5000) < 0.01), dim=1)
    return plain([5000, 64, 4]), nn.CrossEntropyLoss(), (x, classes(n, 4))


def decibels(n: int = 8) -> Start:
    """A spectrogram in decibels, that batch norm scales behind the first convolution."""
    x = torch.randn(n, 1, 32, 32) * 15 - 40
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 5)
    )
    return model, nn.CrossEntropyLoss(), (x, classes(n, 5))


def contrastive(n: int = 32) -> Start:
    """Two views, normalized, a temperature."""

    def run(m: Any, a: Tensor, b: Tensor) -> Tensor:
        return F.normalize(m.net(a), dim=1) @ F.normalize(m.net(b), dim=1).T / 0.1

    x = torch.randn(n, 20)
    views = (x + 0.3 * torch.randn_like(x), x + 0.3 * torch.randn_like(x))
    return Wrapped(run, net=plain([20, 64, 16])), nn.CrossEntropyLoss(), (views, torch.arange(n))


def experts(n: int = 32) -> Start:
    """A soft mixture."""

    def run(m: Any, x: Tensor) -> Tensor:
        gate = m.gate(x).softmax(1)
        return sum(gate[:, i : i + 1] * one(x) for i, one in enumerate(m.experts))  # type: ignore[return-value]

    model = Wrapped(run, gate=nn.Linear(20, 4), experts=nn.ModuleList(plain([20, 32, 10]) for _ in range(4)))
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 20), classes(n))


def averages(n: int = 16) -> Start:
    """DLinear: forecasts that start as the mean of the past."""
    layer = nn.Linear(24, 12)
    nn.init.constant_(layer.weight, 1 / 24)
    return layer, nn.MSELoss(), (torch.randn(n, 24), torch.randn(n, 12))


def dtype(kind: torch.dtype, n: int = 32) -> Start:
    """A small network in another precision."""
    model = plain([20, 64, 64, 1]).to(kind)
    return model, nn.MSELoss(), (torch.randn(n, 20, dtype=kind), torch.randn(n, 1, dtype=kind))


def tiny_conv(n: int = 1) -> Start:
    """A segmentation network on a single image."""
    layers = [one for a, b in ((3, 16), (16, 16), (16, 16)) for one in (nn.Conv2d(a, b, 3, padding=1), nn.ReLU())]
    model = nn.Sequential(*layers, nn.Conv2d(16, 4, 1))
    return model, nn.CrossEntropyLoss(), (torch.rand(n, 3, 24, 24), torch.randint(4, (n, 24, 24)))


def constrained(n: int = 32) -> Start:
    """Weight norm and spectral norm."""
    norm, spectral = nn.utils.parametrizations.weight_norm, nn.utils.parametrizations.spectral_norm
    model = nn.Sequential(norm(nn.Linear(20, 64)), nn.ReLU(), spectral(nn.Linear(64, 64)), nn.ReLU(), nn.Linear(64, 10))
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 20), classes(n))


def echo(n: int = 16) -> Start:
    """An orthogonal recurrent network, and an identity one with ReLU."""

    def run(m: Any, x: Tensor) -> Tensor:
        return m.head(torch.cat([m.a(x)[0][:, -1], m.b(x)[0][:, -1]], 1))

    a, b = nn.RNN(4, 32, batch_first=True), nn.RNN(4, 32, batch_first=True, nonlinearity="relu")
    nn.init.orthogonal_(a.weight_hh_l0)
    nn.init.eye_(b.weight_hh_l0)
    nn.init.normal_(b.weight_ih_l0, std=0.01)
    return Wrapped(run, a=a, b=b, head=nn.Linear(64, 3)), nn.CrossEntropyLoss(), (torch.randn(n, 12, 4), classes(n, 3))


def t5_head(n: int = 4) -> Start:
    """A tied embedding of N(0, 1), and a scale before the head."""

    def run(m: Any, ids: Tensor) -> Tensor:
        return F.linear(m.norm(m.embed(ids)) * 64**-0.5, m.embed.weight)

    ids = torch.randint(50, (n, 13))
    return Wrapped(run, embed=nn.Embedding(50, 64), norm=nn.LayerNorm(64)), (
        lambda out, y: F.cross_entropy(out.flatten(0, 1), y.flatten())
    ), (ids[:, :-1], ids[:, 1:])  # fmt: skip


def padded(n: int = 8) -> Start:
    """Xavier over everything, the padding row too, and attention that masks it."""

    def run(m: Any, ids: Tensor) -> Tensor:
        return m.head(m.body(m.embed(ids), src_key_padding_mask=ids == 0)[:, 0])

    body = nn.TransformerEncoder(nn.TransformerEncoderLayer(32, 4, 64, batch_first=True), 2, enable_nested_tensor=False)
    model = Wrapped(run, embed=nn.Embedding(50, 32, padding_idx=0), body=body, head=nn.Linear(32, 4))
    for one in model.parameters():
        if one.ndim > 1:
            nn.init.xavier_uniform_(one)
    ids = torch.randint(1, 50, (n, 12))
    ids[:, 6:] = 0
    return model, nn.CrossEntropyLoss(), (ids, classes(n, 4))


def masked(n: int = 8) -> Start:
    """A mask of minus infinity among the inputs."""

    def run(m: Any, x: Tensor, mask: Tensor) -> Tensor:
        return m.head((m.net(x) + mask[..., None]).amax(1))

    mask = torch.zeros(n, 6)
    mask[:, 4:] = -torch.inf
    model = Wrapped(run, net=plain([8, 32, 16]), head=nn.Linear(16, 3))
    return model, nn.CrossEntropyLoss(), ((torch.randn(n, 6, 8), mask), classes(n, 3))


def squeeze(n: int = 8) -> Start:
    """Gates of squeeze and excitation with as few as two units, in a network without norms."""

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.down, self.up = nn.Conv2d(16, 16, 3, padding=1), nn.Linear(16, 2), nn.Linear(2, 16)

        def forward(self, x: Tensor) -> Tensor:
            y = F.relu(self.conv(x))
            return x + y * torch.sigmoid(self.up(F.relu(self.down(y.mean((2, 3))))))[..., None, None]

    model = nn.Sequential(
        nn.Conv2d(3, 16, 3), *(Block() for _ in range(6)), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 5)
    )
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 3, 12, 12), classes(n, 5))


def ddpg(n: int = 32) -> Start:
    """A critic with a last layer of U(-0.003, 0.003)."""
    model = plain([8, 64, 64, 1])
    nn.init.uniform_(model[-1].weight, -3e-3, 3e-3)
    nn.init.uniform_(model[-1].bias, -3e-3, 3e-3)
    return model, nn.MSELoss(), (torch.randn(n, 8), torch.randn(n, 1))


def alex(n: int = 4) -> Start:
    """Convolutions with N(0, 0.01) as in 2012, dropout, wide layers."""
    model = nn.Sequential(
        nn.Conv2d(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(192, 256, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Dropout(), nn.Linear(256 * 36, 512), nn.ReLU(),
        nn.Dropout(), nn.Linear(512, 10),
    )  # fmt: skip
    for one in model.modules():
        if isinstance(one, (nn.Conv2d, nn.Linear)):
            nn.init.normal_(one.weight, std=0.01)
            nn.init.zeros_(one.bias)
    return model, nn.CrossEntropyLoss(), (torch.randn(n, 3, 60, 60), classes(n))


DESIGNS: dict[str, Callable[[], Start]] = {
    **SOUND, "dit": dit, "lora": lora, "low rank raw": low_rank_raw, "adapter": adapter, "convnext": convnext,
    "nerf": nerf, "vae": vae, "mixer": mixer, "queries": queries, "sum graph": sum_graph, "point net": point_net,
    "wavenet": wavenet, "highway": highway, "flow": flow, "swin bias": swin_bias, "sparse": sparse_autoencoder,
    "one hot": one_hot, "tf-idf": tf_idf, "decibels": decibels, "contrastive": contrastive, "experts": experts,
    "averages": averages, "float64": lambda: dtype(torch.float64), "bfloat16": lambda: dtype(torch.bfloat16),
    "one image": tiny_conv, "constrained": constrained, "echo": echo, "t5 head": t5_head, "padded": padded,
    "masked": masked, "squeeze": squeeze, "ddpg": ddpg, "alex": alex,
    "conv autoencoder small batch": lambda: SOUND["conv autoencoder"](),
}  # fmt: skip
"""By name, those of :mod:`architectures` too."""
