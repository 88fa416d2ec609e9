"""What is measured: large tensors by every instruction set, whole models, many small tensors, orthogonal matrices."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from _models import gpt2, gpt2_layers, many, resnet, vit
from torch import nn

import firststep as fs
from firststep import init, rng

Calls = tuple[Callable[[], object], Callable[[], object]]
"""Our call and torch's, on the same tensors."""


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the table.

    Args:
        name: what is filled.
        make: builds the two calls, with about 1/shrink of the elements.
        turns: how often each is called.
        goals: times as fast as torch that it should be, by instruction set; ``""`` for any.
        bytes: written by a call at full size; 0 where that says nothing.
    """

    name: str
    make: Callable[[int], Calls]
    turns: int = 7
    goals: dict[str, float] | None = None
    bytes: int = 0

    def goal(self, kernel: str) -> float | None:
        """What is asked of this case with an instruction set."""
        goals = self.goals or {}
        return goals.get(kernel, goals.get(""))


ELEMENTS = 2**26


def _fill(name: str, dtype: torch.dtype = torch.float32, elements: int = ELEMENTS) -> Callable[[int], Calls]:
    def make(shrink: int) -> Calls:
        tensor = torch.zeros(max(elements // shrink, 1), dtype=dtype)
        options = {"std": 0.5, "a": -1.0, "b": 1.0} if name == "trunc_normal_" else {}
        ours, theirs = getattr(init, name), getattr(nn.init, name)
        return lambda: ours(tensor, **options), lambda: theirs(tensor, **options)

    return make


def _large(name: str, law: str, dtype: torch.dtype = torch.float32, **goals: float) -> Case:
    turns = 3 if name == "trunc_normal_" else 7
    label = f"{law} {str(dtype).removeprefix('torch.')}, 64M"
    return Case(label, _fill(name, dtype), turns, goals, ELEMENTS * dtype.itemsize)


LARGE = (
    _large("uniform_", "uniform", avx512=11, avx2=4.5),
    _large("normal_", "normal", avx512=7, avx2=2.8),
    _large("trunc_normal_", "truncated normal", avx512=100, avx2=50),
    _large("uniform_", "uniform", torch.bfloat16),
    _large("normal_", "normal", torch.bfloat16, avx512=9, avx2=4),
    _large("trunc_normal_", "truncated normal", torch.bfloat16),
    _large("normal_", "normal", torch.float16),
    Case("normal float64, 16M", _fill("normal_", torch.float64, 2**24), 3, None, 2**24 * 8),
)
"""Measured with each instruction set that the processor has."""


def _shard(columns: int) -> Callable[[int], Calls]:
    """Columns of a matrix 4,096 wide. torch has no such call: it fills a tensor of the shard's size."""

    def make(shrink: int) -> Calls:
        rows = 2**22 // columns // shrink
        shard, key = torch.zeros(rows, columns), rng.derive_key(0, "weight")
        region = rng.Region((rows, 4096), (0, 1000), (rows, columns))
        return lambda: rng.fill_(shard, rng.Normal(0.0, 1.0), key, region), lambda: nn.init.normal_(shard)

    return make


def _fresh(shrink: int) -> Calls:
    """Memory that the system has not handed out yet: each call allocates its own."""
    count = 2**26 // shrink
    return lambda: init.normal_(torch.empty(count)), lambda: nn.init.normal_(torch.empty(count))


def _strided(shape: tuple[int, ...], layout: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[int], Calls]:
    def make(shrink: int) -> Calls:
        tensor = layout(torch.zeros(shape))
        return lambda: init.normal_(tensor), lambda: nn.init.normal_(tensor)

    return make


def _channels_last(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.to(memory_format=torch.channels_last)


SHAPES = (
    Case("normal float32, 64M of fresh memory", _fresh),
    Case("normal, 1 column of 4,096", _shard(1)),
    Case("normal, 16 columns of 4,096", _shard(16)),
    Case("normal, 1,024 columns of 4,096", _shard(1024)),
    Case("normal, 2048 x 2048 transposed", _strided((2048, 2048), torch.t)),
    Case("normal, 512 x 512 x 3 x 3 channels_last", _strided((512, 512, 3, 3), _channels_last)),
)


def _orthogonal(*shape: int) -> Callable[[int], Calls]:
    def make(shrink: int) -> Calls:
        tensor = torch.zeros([max(n // math.isqrt(shrink), 1) for n in shape])
        return lambda: init.orthogonal_(tensor), lambda: nn.init.orthogonal_(tensor)

    return make


ORTHOGONAL = (
    Case("orthogonal 64 x 64", _orthogonal(64, 64), 200),
    Case("orthogonal 1024 x 1024", _orthogonal(1024, 1024), 15, {"": 1.6}),
    Case("orthogonal 2048 x 2048", _orthogonal(2048, 2048), 9, {"": 1.6}),
    Case("orthogonal 4096 x 4096", _orthogonal(4096, 4096), 3, {"": 1.6}),
    Case("orthogonal 8192 x 1024", _orthogonal(8192, 1024), 9, {"": 1.6}),
)


def _model(build: Callable[[], nn.Module], start: Callable[[torch.Tensor], object], scheme: init.Scheme) -> Calls:
    """A model initialized by type: by us with plan, checks and report; by torch in a loop."""
    model = build()
    rules = [
        fs.rule((nn.Linear, nn.Embedding, nn.Conv2d), weight=scheme, bias=init.zeros()),
        fs.rule((nn.LayerNorm, nn.BatchNorm2d), weight=init.ones(), bias=init.zeros()),
    ]

    def ours() -> None:
        assert fs.initialize(model, rules, seed=0, strict=False).ok

    return ours, lambda: _torch_loop(model.modules(), start)


def _built(shrink: int) -> Calls:
    """A model made on meta, given fresh memory by ``to_empty``, and initialized, each time anew."""

    def build() -> nn.Module:
        with torch.device("meta"):
            return gpt2_layers(12 if shrink == 1 else 1)

    rules = [
        fs.rule((nn.Linear, nn.Embedding), weight=init.normal(std=0.02), bias=init.zeros()),
        fs.rule(nn.LayerNorm, weight=init.ones(), bias=init.zeros()),
    ]

    def ours() -> None:
        assert fs.initialize(build().to_empty(device="cpu"), rules, seed=0).ok

    return ours, lambda: _torch_loop(build().to_empty(device="cpu").modules(), _normal)


def _torch_loop(modules: Iterable[nn.Module], start: Callable[[torch.Tensor], object]) -> None:
    for module in modules:
        if isinstance(module, (nn.Linear, nn.Embedding, nn.Conv2d)):
            start(module.weight)
        elif isinstance(module, (nn.LayerNorm, nn.BatchNorm2d)):
            nn.init.ones_(module.weight)
        else:
            continue
        if getattr(module, "bias", None) is not None:
            nn.init.zeros_(module.bias)


def _normal(weight: torch.Tensor) -> torch.Tensor:
    return nn.init.normal_(weight, std=0.02)


def _kaiming(weight: torch.Tensor) -> torch.Tensor:
    return nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")


def _truncated(weight: torch.Tensor) -> torch.Tensor:
    return nn.init.trunc_normal_(weight, std=0.02, a=-0.04, b=0.04)


_SMALL = init.normal(std=0.02)
_FAN_OUT = init.kaiming_normal(mode="fan_out", nonlinearity="relu")

MODELS = (
    Case(
        "GPT-2 124M, plan to report", lambda s: _model(lambda: gpt2(12 if s == 1 else 1), _normal, _SMALL), 7, {"": 4}
    ),
    Case("GPT-2 124M built on meta, to_empty, plan to report", _built, 7, {"": 4}),
    Case(
        "ResNet-50, plan to report",
        lambda s: _model(lambda: resnet((3, 4, 6, 3) if s == 1 else (1, 1)), _kaiming, _FAN_OUT),
        15,
        {"": 3},
    ),
    Case(
        "ViT-B truncated, plan to report",
        lambda s: _model(lambda: vit(12 if s == 1 else 1), _truncated, init.trunc_normal(std=0.02)),
        3,
        {"": 3},
    ),
    Case(
        "ViT-B normal, plan to report", lambda s: _model(lambda: vit(12 if s == 1 else 1), _normal, _SMALL), 7, {"": 3}
    ),
    Case(
        "5,000 layers of 1,000, plan to report", lambda s: _model(lambda: many(5000 // s), _normal, _SMALL), 15, {"": 3}
    ),
)


def _many(shrink: int) -> Calls:
    tensors, law = [torch.zeros(1000) for _ in range(5000 // shrink)], rng.Normal(0.0, 0.02)
    keys = [rng.derive_key(0, f"layers.{i}.weight") for i in range(len(tensors))]

    def ours() -> None:
        rng.fill_many_([rng.Fill(tensor, law, key) for tensor, key in zip(tensors, keys, strict=True)])

    return ours, lambda: [nn.init.normal_(tensor, std=0.02) for tensor in tensors]


def _often(calls: Callable[[int], Calls], times: int) -> Callable[[int], Calls]:
    """A call too short to be timed alone."""

    def make(shrink: int) -> Calls:
        ours, theirs = calls(1)
        return lambda: [ours() for _ in range(times)], lambda: [theirs() for _ in range(times)]

    return make


def _kaiming_calls(shrink: int) -> Calls:
    weight = torch.zeros(64, 64)
    return lambda: init.kaiming_normal_(weight), lambda: nn.init.kaiming_normal_(weight)


SMALL = (
    Case("5,000 tensors of 1,000, fill_many_", _many, 15, {"": 3}),
    Case("normal_, 64 elements, 1,000 times", _often(_fill("normal_", elements=64), 1000), 15, {"": 1}),
    Case("uniform_, 64 elements, 1,000 times", _often(_fill("uniform_", elements=64), 1000), 15),
    Case("kaiming_normal_, 64 x 64, 1,000 times", _often(_kaiming_calls, 1000), 15),
)
