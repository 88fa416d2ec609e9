"""How a parameter is written: in place, or through what stands between it and the layer.

A parametrized weight is a function of other tensors. Its new value is staged on a copy, and what the layer will see is
computed there, before the model is touched: a write that would not take effect is an error, not a surprise.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from ..errors import ApplyError


@dataclass(frozen=True)
class Staged:
    """A write that has been tried on a copy.

    Args:
        writes: pairs of a tensor of the model and what it becomes.
        effect: what the layer will see.
        before, after: the values to report: the effective ones, or the stored ones where the layer sees them rescaled.
        note: how the effect differs from the value asked for; empty when it does not.
    """

    writes: tuple[tuple[Tensor, Tensor], ...]
    effect: Tensor
    before: Tensor
    after: Tensor
    note: str = ""


class Writer(ABC):
    """How one parameter is read and written.

    Args:
        shape, dtype: of the parameter as its layer sees it.
        requires_grad: whether it is trained.
        kind: what stands in between, in words; empty for a plain parameter.
    """

    __slots__ = ()

    shape: tuple[int, ...]
    dtype: torch.dtype
    requires_grad: bool
    kind: str = ""

    @property
    @abstractmethod
    def tensors(self) -> tuple[Tensor, ...]:
        """The leaf tensors that hold the parameter."""

    @abstractmethod
    def key(self, same: Callable[[Tensor], object]) -> object:
        """What two writers of one parameter have in common, given what two tensors of the same numbers have."""

    @property
    def device(self) -> torch.device:
        """Where the parameter lives."""
        return self.tensors[0].device


class Plain(Writer):
    """A parameter that is its own tensor."""

    __slots__ = ("_parameter", "dtype", "requires_grad", "shape")

    def __init__(self, parameter: Tensor) -> None:
        self._parameter = parameter
        self.shape, self.dtype = tuple(parameter.shape), parameter.dtype
        self.requires_grad = parameter.requires_grad

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The parameter."""
        return (self._parameter,)

    def key(self, same: Callable[[Tensor], object]) -> object:
        """That of the parameter."""
        return same(self._parameter)

    def same_as(self, other: Plain) -> bool:
        """Whether it is the same tensor object, looking the same."""
        return (
            self._parameter is other._parameter
            and self.requires_grad == other.requires_grad
            and self.shape == other.shape
            and self.dtype == other.dtype
        )


class Through(Writer, ABC):
    """A parameter that the layer sees through a function of other tensors."""

    def __init__(self, tensors: tuple[Tensor, ...], shape: torch.Size, dtype: torch.dtype, kind: str) -> None:
        self._tensors, self.shape, self.dtype, self.kind = tensors, tuple(shape), dtype, kind
        self.requires_grad = any(tensor.requires_grad for tensor in tensors)

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """What the function is of."""
        return self._tensors

    def key(self, same: Callable[[Tensor], object]) -> object:
        """Those of all tensors, and what the function is."""
        return (self.kind, *map(same, self._tensors))

    @abstractmethod
    def effect(self) -> Tensor:
        """What the layer sees now; nothing is changed by looking."""

    @abstractmethod
    def stage(self, value: Tensor, name: str, seed: int) -> Staged:
        """Try to make the layer see ``value``.

        Raises:
            ApplyError: when it would not.
        """

    def refresh(self) -> Callable[[], None] | None:
        """Recompute what the module keeps of the effect, if it does; returns how to undo that."""
        return None


class Parametrized(Through):
    """A parameter under ``torch.nn.utils.parametrize``."""

    def __init__(self, parametrizations: ParametrizationList) -> None:
        self._list = parametrizations
        seen = _seen(parametrizations)
        kind = ", ".join(_kind(one) for one in parametrizations)
        super().__init__(tuple(_originals(parametrizations)), seen.shape, seen.dtype, kind)

    def effect(self) -> Tensor:
        """What the layer sees now."""
        with _own_randomness(0, self.device):
            return _copied(self._list, _as_clone).eval()()

    def stage(self, value: Tensor, name: str, seed: int) -> Staged:
        """Through ``right_inverse`` and forward again, on a copy."""
        # A parametrization may draw: torch's orthogonal completes a basis. What it draws must follow from the seed.
        with _own_randomness(seed, self.device):
            draft = _copied(self._list, _as_clone).eval()
            before = draft()
            try:
                draft.right_inverse(value.clone())
                effect = draft()
            except Exception as error:
                raise ApplyError(
                    f"{name!r} cannot be written through its {self.kind} parametrization: {error}. "
                    "Keep it with fs.keep, or initialize before the parametrization is registered"
                ) from error
            stored, note = list(_originals(draft)), ""
            if not same(effect, value):
                if len(stored) > 1 or not same(stored[0], value):
                    raise _no_effect(name, self.kind)
                effect = _settled(draft.train())
                note = _scaled(effect, value, name, self.kind)
                before = self.tensors[0].detach()
        writes = [*zip(self.tensors, stored, strict=True), *zip(self._list.buffers(), draft.buffers(), strict=True)]
        if any(target.shape != new.shape for target, new in writes):
            raise ApplyError(f"{name!r} cannot be written in place: its {self.kind} parametrization changes shape")
        return Staged(tuple(writes), effect, before, stored[0] if note else effect, note)


class WeightNormed(Through):
    """A weight under the older ``torch.nn.utils.weight_norm``: w = g v / |v|."""

    def __init__(self, module: nn.Module, hook: WeightNorm) -> None:
        self._module, self._hook = module, hook
        g, v = getattr(module, f"{hook.name}_g"), getattr(module, f"{hook.name}_v")
        super().__init__((g, v), v.shape, v.dtype, "weight_norm")

    def effect(self) -> Tensor:
        """What the next forward will compute."""
        return self._computed(*self.tensors)

    def stage(self, value: Tensor, name: str, seed: int) -> Staged:
        """v = value, g = |value|."""
        g, v = torch.norm_except_dim(value, 2, self._hook.dim), value
        effect = self._computed(g, v)
        if not same(effect, value):
            raise _no_effect(name, self.kind)
        return Staged(tuple(zip(self.tensors, (g, v), strict=True)), effect, self.effect(), effect)

    def refresh(self) -> Callable[[], None]:
        """Recompute the attribute that the next forward would."""
        return _replaced(self._module, self._hook.name, self.effect())

    def _computed(self, g: Tensor, v: Tensor) -> Tensor:
        return self._hook.compute_weight(_draft({f"{self._hook.name}_g": g, f"{self._hook.name}_v": v}))


class SpectralNormed(Through):
    """A weight under the older ``torch.nn.utils.spectral_norm``: w = v / sigma_max(v)."""

    def __init__(self, module: nn.Module, hook: SpectralNorm) -> None:
        self._module, self._hook = module, hook
        self._names = tuple(f"{hook.name}_{part}" for part in ("orig", "u", "v"))
        stored = getattr(module, self._names[0])
        super().__init__((stored,), stored.shape, stored.dtype, "spectral_norm")

    def effect(self) -> Tensor:
        """What the next forward in evaluation mode will compute."""
        return self._hook.compute_weight(self._drafted(), do_power_iteration=False)

    def stage(self, value: Tensor, name: str, seed: int) -> Staged:
        """Store the value; iterate until the norm it is divided by stands still."""
        draft = self._drafted()
        setattr(draft, self._names[0], value)
        effect = _settled(lambda: self._hook.compute_weight(draft, do_power_iteration=True))
        note = _scaled(effect, value, name, self.kind)
        writes = tuple((getattr(self._module, part), getattr(draft, part)) for part in self._names)
        return Staged(writes, effect, self.tensors[0].detach(), value, note)

    def refresh(self) -> Callable[[], None]:
        """Recompute the attribute that the next forward would."""
        return _replaced(self._module, self._hook.name, self.effect())

    def _drafted(self) -> nn.Module:
        return _draft({part: getattr(self._module, part).clone() for part in self._names})


def hooked(module: nn.Module) -> Iterator[tuple[str, Through]]:
    """The parameters that older hooks recompute before each forward, by local name."""
    for hook in module._forward_pre_hooks.values():
        if isinstance(hook, WeightNorm):
            yield hook.name, WeightNormed(module, hook)
        elif isinstance(hook, SpectralNorm):
            yield hook.name, SpectralNormed(module, hook)


def same(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors agree to rounding: ``|a - b| <= eps^(2/3) |b|`` in the Frobenius norm."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    left, right = a.double(), b.double()
    return bool((left - right).norm() <= _tolerance(b.dtype) * right.norm())


def _tolerance(dtype: torch.dtype) -> float:
    return torch.finfo(dtype).eps ** (2 / 3)


def _scaled(effect: Tensor, value: Tensor, name: str, kind: str) -> str:
    """The note that says by what factor the layer sees the value; an error when it is not a multiple of it."""
    left, right = effect.double().flatten(), value.double().flatten()
    factor = float(left.dot(right) / right.dot(right))
    if not factor > 0 or (left - factor * right).norm() > _tolerance(value.dtype) * left.norm():
        raise _no_effect(name, kind)
    return f"the layer sees it times {factor:.4g} ({kind})"


def _no_effect(name: str, kind: str) -> ApplyError:
    advice = {
        "orthogonal": "Use init.orthogonal(), keep it with fs.keep",
        "weight_norm": "Use a scheme without all-zero rows, keep it with fs.keep",
    }.get(kind, "Keep it with fs.keep")
    return ApplyError(
        f"{name!r} would not take the values asked for: its {kind} parametrization changes them. "
        f"{advice}, or initialize before the parametrization is registered"
    )


def _settled(step: Callable[[], Tensor]) -> Tensor:
    """Call ``step``, one power iteration each, until the scale of what it returns stands still."""
    window, sizes = 10, []
    while True:
        effect = step()
        sizes.append(float(effect.double().norm()))
        tolerance = max(1e-6, torch.finfo(effect.dtype).eps)
        still = len(sizes) > window and abs(sizes[-1] - sizes[-1 - window]) <= tolerance * sizes[-1]
        if still or len(sizes) >= 2000 or sizes[-1] != sizes[-1]:
            return effect


@contextmanager
def _own_randomness(seed: int, device: torch.device) -> Iterator[None]:
    """torch's generators seeded for the block, and as they were after it."""
    on_cuda = device.type == "cuda"
    with torch.random.fork_rng([device] if on_cuda else []):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed would reach the devices that are not forked
        if on_cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


def _draft(tensors: dict[str, Tensor]) -> nn.Module:
    """A module with nothing but these tensors, for an older hook to compute on."""
    module = nn.Module()
    for name, tensor in tensors.items():
        setattr(module, name, tensor.detach())
    return module


def _replaced(module: nn.Module, name: str, value: Tensor) -> Callable[[], None]:
    old = module.__dict__[name]
    module.__dict__[name] = value
    return lambda: module.__dict__.__setitem__(name, old)


def _originals(parametrizations: ParametrizationList) -> Iterator[Tensor]:
    if parametrizations.is_tensor:
        yield parametrizations.original
    else:
        for i in range(parametrizations.ntensors):
            yield getattr(parametrizations, f"original{i}")


def _seen(parametrizations: ParametrizationList) -> Tensor:
    """A tensor of the shape and dtype that the layer sees: on meta, or on a copy where that needs numbers."""
    with torch.no_grad():
        try:
            return _copied(parametrizations, _as_meta).eval()()
        except Exception:
            with _own_randomness(0, next(_originals(parametrizations)).device):
                return _copied(parametrizations, _as_clone).eval()()


def _copied(parametrizations: ParametrizationList, make: Callable[[Tensor], Tensor]) -> ParametrizationList:
    """A deep copy whose tensors are ``make`` of the model's, so that large ones need not be copied."""
    memo = {id(buffer): make(buffer) for buffer in parametrizations.buffers()}
    for parameter in parametrizations.parameters():
        memo[id(parameter)] = nn.Parameter(make(parameter), requires_grad=False)
    return copy.deepcopy(parametrizations, memo)


def _as_clone(tensor: Tensor) -> Tensor:
    return tensor.detach().clone()


def _as_meta(tensor: Tensor) -> Tensor:
    return torch.empty_like(tensor, device="meta")


def _kind(parametrization: nn.Module) -> str:
    """What a user calls it: torch's private ``_SpectralNorm`` is ``spectral_norm``."""
    name = type(parametrization).__name__
    known = {"_SpectralNorm": "spectral_norm", "_WeightNorm": "weight_norm", "_Orthogonal": "orthogonal"}
    return known.get(name, name)
