"""Batches: the same ones in the same order for every start of a seed, from whatever the user has."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias, cast

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, default_collate

from ..errors import CompareError
from ..running import leaves, mapped
from ._random import seed_everything

Batch: TypeAlias = tuple[Any, Any]
"""Inputs and targets."""

DEFAULT_BATCH = 32

_FORMS = (
    "a pair of tensors (inputs, targets), a Dataset, a DataLoader, or a function of the seed that returns the batches"
)


class Source(Protocol):
    """Where batches come from."""

    @property
    def what(self) -> str:
        """In words."""
        ...

    @property
    def generators(self) -> tuple[torch.Generator, ...]:
        """Those that are used up while batches are made."""
        ...

    def batches(self, seed: int) -> Iterator[Batch]:
        """Without end; the same for the same seed."""
        ...


def source(data: Any, batch_size: int | None) -> Source:
    """The source that ``data`` stands for.

    Raises:
        CompareError: for anything that is none of the forms, for data without examples, and for a batch size where
            the batches are made already.
    """
    if isinstance(data, DataLoader) or (callable(data) and not hasattr(data, "__getitem__")):
        if batch_size is not None:
            whose = "the loader's" if isinstance(data, DataLoader) else "the function's"
            raise CompareError(
                f"compare(batch_size={batch_size}): the size of the batches is {whose} own here. Leave batch_size out"
            )
        return Loader(data) if isinstance(data, DataLoader) else Called(cast(Any, data))
    if isinstance(data, IterableDataset):
        raise CompareError("compare(data=...): an IterableDataset has no order. Type data=DataLoader(dataset, ...)")
    if isinstance(data, Dataset) or (hasattr(data, "__getitem__") and not isinstance(data, (tuple, list, Mapping))):
        return Items(data, _counted(len(data), "the dataset"), batch_size or DEFAULT_BATCH)  # pyright: ignore[reportArgumentType]
    if isinstance(data, (tuple, list)) and len(data) == 2:
        return Tensors((data[0], data[1]), _examples(data), batch_size or DEFAULT_BATCH)
    given = f"{len(data)} values" if isinstance(data, (tuple, list)) else type(data).__name__
    raise CompareError(f"compare(data=...): expected {_FORMS}; was given {given}")


@dataclass(frozen=True, eq=False, slots=True)
class _Counted:
    """Examples that are counted, and shuffled anew in each pass, in batches of equal size."""

    data: Any
    n: int
    batch_size: int
    generators: tuple[torch.Generator, ...] = ()

    @property
    def what(self) -> str:
        """In words."""
        return f"{self.n:,} examples, {min(self.batch_size, self.n):,} a batch"


@dataclass(frozen=True, eq=False, slots=True)
class Tensors(_Counted):
    """Tensors whose axis 0 counts the examples."""

    def batches(self, seed: int) -> Iterator[Batch]:
        """Without end; what is left over of a pass is not used."""
        for index in _shuffled(self.n, self.batch_size, seed):
            yield mapped(lambda tensor, index=index: tensor[index.to(tensor.device)], self.data)


@dataclass(frozen=True, eq=False, slots=True)
class Items(_Counted):
    """A dataset of single examples, collated; what it draws at random depends on the seed and the step."""

    def batches(self, seed: int) -> Iterator[Batch]:
        """Without end; what is left over of a pass is not used."""
        for step, index in enumerate(_shuffled(self.n, self.batch_size, seed)):
            seed_everything(seed, f"batch {step}")
            yield _pair(default_collate([self.data[i] for i in index.tolist()]))


@dataclass(frozen=True, eq=False, slots=True)
class Loader:
    """A DataLoader: its generators are set to the seed before it is read."""

    data: DataLoader[Any]
    generators: tuple[torch.Generator, ...] = field(init=False)

    def __post_init__(self) -> None:
        owners = [self.data, self.data.sampler, self.data.batch_sampler, getattr(self.data.batch_sampler, "sampler", 0)]
        found = {
            id(one): one for owner in owners if isinstance(one := getattr(owner, "generator", None), torch.Generator)
        }
        object.__setattr__(self, "generators", tuple(found.values()))

    @property
    def what(self) -> str:
        """In words."""
        return "batches of a DataLoader"

    def batches(self, seed: int) -> Iterator[Batch]:
        """Without end; what is drawn at random depends on the seed and the step."""
        for one in self.generators:
            one.manual_seed(seed)
        yield from _endless(self.data, seed, "the DataLoader")


@dataclass(frozen=True, eq=False, slots=True)
class Called:
    """A function of the seed."""

    data: Callable[[int], Iterable[Any]]
    generators: tuple[torch.Generator, ...] = ()

    @property
    def what(self) -> str:
        """In words."""
        return "batches of a function of the seed"

    def batches(self, seed: int) -> Iterator[Batch]:
        """Without end where what the function returns can be read again; what is drawn depends on seed and step."""
        seed_everything(seed, "data")
        made = self.data(seed)
        if not isinstance(made, Iterable):
            raise CompareError(
                f"compare(data=...): the function of the seed returned {type(made).__name__}; expected batches, such "
                "as a list, a generator or a DataLoader"
            )
        yield from _endless(made, seed, "the function of the seed")


class Pairing:
    """Holds that every start of a seed sees the same batches, by their digests.

    >>> pairing = Pairing(seed=0)
    >>> [int(x) for x, _ in pairing.watched(iter([(torch.tensor(1), None)]), "a")]
    [1]
    >>> try:
    ...     list(pairing.watched(iter([(torch.tensor(2), None)]), "b"))
    ... except CompareError as error:
    ...     print(str(error)[:62])
    compare(data=...): in seed 0, 'b' got another batch than 'a' a
    """

    def __init__(self, seed: int) -> None:
        self._seed, self._first = seed, ""
        self._known: list[bytes] = []

    def watched(self, batches: Iterator[Batch], label: str) -> Iterator[Batch]:
        """The batches, each compared with the one that was seen first at its step.

        Raises:
            CompareError: for one that differs.
        """
        self._first = self._first or label
        for step, batch in enumerate(batches):
            found = digest(batch)
            if step == len(self._known):
                self._known.append(found)
            elif found != self._known[step]:
                raise CompareError(
                    f"compare(data=...): in seed {self._seed}, {label!r} got another batch than {self._first!r} at "
                    f"step {step}, so that the two cannot be compared. Give data that is the same for the same seed: "
                    "tensors, or data=lambda seed: ... that builds its batches anew from the seed"
                )
            yield batch

    @property
    def digest(self) -> str:
        """Of all batches."""
        return hashlib.blake2b(b"".join(self._known), digest_size=8).hexdigest()


def digest(value: Any) -> bytes:
    """16 bytes that tell whether two batches hold the same numbers.

    >>> digest((torch.zeros(2), 1)) == digest((torch.zeros(2), 1)), digest(torch.zeros(2)) == digest(torch.zeros(3))
    (True, False)
    """
    hashed = hashlib.blake2b(digest_size=16)

    def take(one: Any) -> None:
        if isinstance(one, Tensor):
            hashed.update(f"{one.dtype} {tuple(one.shape)}".encode())
            dense = one.detach().to_dense() if one.layout != torch.strided else one.detach()
            hashed.update(dense.cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        elif isinstance(one, Mapping):
            for key, part in one.items():
                hashed.update(repr(key).encode())
                take(part)
        elif isinstance(one, (tuple, list)):
            hashed.update(f"{len(one)}".encode())
            for part in one:
                take(part)
        elif one is None or isinstance(one, (str, bytes, int, float)):
            hashed.update(repr(one).encode())

    take(value)
    return hashed.digest()


def moved(tree: Any, device: torch.device) -> Any:
    """A batch on the model's device; batches of other libraries that can, move themselves."""
    if hasattr(tree, "to") and not isinstance(tree, Tensor):
        return tree.to(device)
    return mapped(lambda tensor: tensor.to(device), tree)


def _shuffled(n: int, batch_size: int, seed: int) -> Iterator[Tensor]:
    order = torch.Generator().manual_seed(seed)
    size = min(n, batch_size)
    while True:
        yield from torch.randperm(n, generator=order)[: n - n % size].split(size)


def _endless(data: Iterable[Any], seed: int, whose: str) -> Iterator[Batch]:
    step = 0
    while True:
        began = step
        seed_everything(seed, f"pass from {step}")
        batches = iter(data)
        while True:
            seed_everything(seed, f"batch {step}")
            try:
                batch = next(batches)
            except StopIteration:
                break
            yield _pair(batch)
            step += 1
        if step == began:
            raise CompareError(
                f"compare(data=...): {whose} gave no batch"
                if step == 0
                else f"compare(data=...): {whose} gave {step} batches and cannot be read again. Return as many as "
                "there are steps, or a list or a DataLoader, which start over"
            )


def _pair(batch: Any) -> Batch:
    if isinstance(batch, (tuple, list)) and len(batch) == 2:
        return batch[0], batch[1]
    given = f"{len(batch)} values" if isinstance(batch, (tuple, list)) else type(batch).__name__
    raise CompareError(
        f"compare(data=...): expected batches that are pairs (inputs, targets), got {given}. Several inputs go in a "
        "tuple or dict: ((a, b), targets); without targets: (inputs, None)"
    )


def _examples(data: Any) -> int:
    """How many examples the tensors of a pair hold, all alike."""
    inputs, targets = ([tensor for _, tensor in leaves(part)] for part in data)
    if not inputs:
        raise CompareError(f"compare(data=...): expected {_FORMS}; was given a pair whose inputs hold no tensor")
    lengths = [tuple(one.shape[:1]) for one in (*inputs, *targets)]
    if len(set(lengths)) > 1 or lengths[0] == ():
        shapes = ", ".join(str(tuple(one.shape)) for one in (*inputs, *targets))
        raise CompareError(
            f"compare(data=...): axis 0 of inputs and targets counts the examples, and differs: shapes {shapes}"
        )
    return _counted(lengths[0][0], "the pair of tensors")


def _counted(n: int, what: str) -> int:
    if n == 0:
        raise CompareError(f"compare(data=...): {what} holds no example")
    return n
