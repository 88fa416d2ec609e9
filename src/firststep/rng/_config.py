"""What serves the fills on this machine, and why: for a person, and for a report of an error."""

from __future__ import annotations

import platform
import shutil
import textwrap
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from ._key import VERSION
from ._native import Choice, choice
from ._triton import NOT_INSTALLED, obstacle

DEFAULT_WIDTH, LEAST_WIDTH = 100, 50

TORCH = "torch operations"

_HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")
_WHICH_MEMORY = {
    "always": "all memory has them",
    "madvise": "memory that asks for them, as the copy to go back to does",
    "never": "no memory has them",
}


@dataclass(frozen=True, slots=True)
class Serving:
    """What serves tensors of one kind.

    Args:
        by: ``native kernel (...)``, ``Triton ...`` or ``torch operations``; all give the same bits.
        why: the reason.
        advice: what to do for something faster, or nothing; a second line is what to type.
        device: which GPU, by its name.
    """

    by: str
    why: str
    advice: str = ""
    device: str = ""


@dataclass(frozen=True, repr=False)
class Config:
    """What serves the fills, and with what; made by :func:`firststep.show_config`. ``print`` it to see.

    Args:
        cpu: what serves CPU tensors.
        instruction_sets: those of the native kernel that this processor has, fastest first, when it serves.
        cuda: what serves CUDA tensors, for each kind of device.
        threads: how many the native kernel uses at most: ``torch.get_num_threads()``.
        huge_pages: which memory Linux gives huge pages: ``always``, ``madvise``, ``never``; ``None`` elsewhere.
        versions: of the values, the packages, Python and the system.
        ok: whether the native kernel is whole and serves, or was asked not to by FIRSTSTEP_KERNEL.
    """

    cpu: Serving
    instruction_sets: tuple[str, ...]
    cuda: tuple[Serving, ...]
    threads: int
    huge_pages: str | None
    versions: tuple[tuple[str, str], ...]
    ok: bool

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data, fit for JSON."""
        return {
            **asdict(self),
            "instruction_sets": list(self.instruction_sets),
            "cuda": [asdict(serving) for serving in self.cuda],
            "versions": dict(self.versions),
        }

    def table(self, width: int | None = None) -> str:
        """The same as text, ``width`` columns wide (default: the terminal's); what is to be typed stays in one line."""
        columns = shutil.get_terminal_size((DEFAULT_WIDTH, 24)).columns if width is None else width
        rows = self._rows()
        label = max(len(name) for name, _ in rows) + 2
        lines = [_folded(f"{name:{label}}{text}", label, columns) for name, text in rows]
        for advice in dict.fromkeys(serving.advice for serving in (self.cpu, *self.cuda) if serving.advice):
            words, _, typed = advice.partition("\n")
            lines += ["", _folded(words, 0, columns), *([f"    {typed}"] if typed else [])]
        return "\n".join(lines)

    def _rows(self) -> list[tuple[str, str]]:
        rows = [("CPU tensors", f"{self.cpu.by}: {self.cpu.why}")]
        if self.instruction_sets:
            rows.append(("this processor", f"has {', '.join(self.instruction_sets)}"))
        for serving in self.cuda:
            on = f" on {serving.device}" if serving.device else ""
            rows.append(("CUDA tensors", f"{serving.by}{on}: {serving.why}"))
        rows.append(("threads", f"{self.threads}, as torch.get_num_threads() says"))
        if self.huge_pages is not None:
            rows.append(("huge pages", f"{self.huge_pages}: {_WHICH_MEMORY.get(self.huge_pages, 'not known')}"))
        return [*rows, *self.versions]

    def __str__(self) -> str:
        return self.table()

    def __repr__(self) -> str:
        return f"<Config: CPU tensors by {self.cpu.by}; print it to see>"


def show_config() -> Config:
    """What serves the fills of CPU and CUDA tensors here, and why; with how many threads; which versions these are.

    Whatever serves, the values are the same. Asking loads the native kernel, and starts CUDA where torch sees a GPU, as
    the first fill does.

    Returns:
        A value to ``print``; ``to_dict()`` is the same as plain data.

    Raises:
        FirststepError: when FIRSTSTEP_KERNEL asks for what is not here.

    >>> show_config().versions[0][0]
    'firststep'
    """
    found = choice()
    return Config(
        cpu=_on_cpu(found),
        instruction_sets=tuple(found.native.module.instruction_sets()) if found.native else (),
        cuda=_on_cuda(),
        threads=torch.get_num_threads(),
        huge_pages=_huge_pages(),
        versions=(
            ("firststep", _installed("firststep")),
            ("values", VERSION),
            ("torch", torch.__version__),
            ("python", platform.python_version()),
            ("platform", platform.platform()),
        ),
        ok=found.ok,
    )


def _on_cpu(found: Choice) -> Serving:
    by = f"native kernel ({found.native.name})" if found.native else TORCH
    return Serving(by, found.reason, found.advice)


def _on_cuda() -> tuple[Serving, ...]:
    if not torch.cuda.is_available():
        built = torch.version.cuda is not None or torch.version.hip is not None
        why = "torch sees no device" if built else "this torch was built without CUDA"
        return (Serving("none", why),)
    devices = [torch.device("cuda", index) for index in range(torch.cuda.device_count())]
    return tuple(dict.fromkeys(map(_on_device, devices)))


def _on_device(device: torch.device) -> Serving:
    why, name = obstacle(device), torch.cuda.get_device_name(device)
    if not why:
        return Serving(f"Triton {_installed('triton')}", "it compiles for this GPU", device=name)
    return Serving(TORCH, why, "for the Triton kernels\npip install triton" if why == NOT_INSTALLED else "", name)


def _huge_pages() -> str | None:
    """The word in brackets: ``always [madvise] never``."""
    try:
        return _HUGE_PAGES.read_text(encoding="ascii").partition("[")[2].partition("]")[0] or None
    except OSError:
        return None


def _installed(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "of unknown version"


def _folded(text: str, indent: int, width: int) -> str:
    return textwrap.fill(
        text,
        max(width, LEAST_WIDTH),
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
