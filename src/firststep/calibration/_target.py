"""A target: what a calibration aims at, as a frozen value that prints as the call that made it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from torch import Tensor

from ..errors import CalibrationError
from ..planning import Inventory, Tell
from ._asked import Asked
from ._bench import Bench
from ._layers import Chosen

if TYPE_CHECKING:
    from ._report import CalibrationRow, Figure


@dataclass(frozen=True, eq=False)
class Job:
    """All that a target works with.

    Args:
        asked: the model, on the bench, and the batch.
        bench: where its copies are.
        stock: its parameters.
        chosen: the layers that are meant.
    """

    asked: Asked
    bench: Bench
    stock: Inventory
    chosen: Chosen


class Outcome(NamedTuple):
    """What a target has done on the bench."""

    rows: tuple[CalibrationRow, ...]
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True, repr=False)
class Target(ABC):
    """What a calibration aims at; made by the functions of :mod:`firststep.calibration`."""

    name: ClassVar[str]
    of: ClassVar[str] = "output"
    """What the rows' levels are of."""
    needs_targets: ClassVar[bool] = False
    needs_loss: ClassVar[bool] = False

    @abstractmethod
    def work(self, job: Job, tell: Tell) -> Outcome:
        """Change the model on the bench. ``tell`` is called with 1 and a name as often as :meth:`length` says."""

    @abstractmethod
    def length(self, job: Job) -> int:
        """How often ``tell`` will be called."""

    def to_dict(self) -> dict[str, Any]:
        """The target as plain data."""
        return {"name": self.name, **{field.name: _plain(getattr(self, field.name)) for field in fields(self)}}

    def __repr__(self) -> str:
        options = ((field.name, getattr(self, field.name), field.default) for field in fields(self))
        told = ", ".join(f"{name}={value!r}" for name, value, default in options if value != default)
        return f"{self.name.replace('-', '_')}({told})"


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value.tolist() if isinstance(value, Tensor) else value


def positive(name: str, **values: float) -> None:
    """Raise CalibrationError for a value that is no finite number > 0."""
    _each(name, values, lambda value: 0 < value < float("inf"), "a finite number > 0")


def at_least_zero(name: str, **values: float) -> None:
    """Raise CalibrationError for a value that is no finite number >= 0."""
    _each(name, values, lambda value: 0 <= value < float("inf"), "a finite number >= 0")


def whole(name: str, **values: int) -> None:
    """Raise CalibrationError for a value that is no whole number >= 1."""
    for key, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise CalibrationError(f"{name}({key}={value!r}): expected a whole number >= 1")


def truth(name: str, **values: bool) -> None:
    """Raise CalibrationError for a value that is neither True nor False."""
    for key, value in values.items():
        if not isinstance(value, bool):
            raise CalibrationError(f"{name}({key}={value!r}): expected True or False")


def _each(name: str, values: dict[str, float], holds: Callable[[float], bool], expected: str) -> None:
    for key, value in values.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not holds(value):
            raise CalibrationError(f"{name}({key}={value!r}): expected {expected}")
