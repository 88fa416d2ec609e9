"""Canonical names: what a module is called once wrappers are looked through, and names of many like things in one."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel

_WRAPPED = frozenset({"_orig_mod", "_checkpoint_wrapped_module", "_fsdp_wrapped_module"})
"""Attribute under which torch.compile, activation checkpointing and FSDP keep the module they wrap."""


def child_name(prefix: str, parent: nn.Module, child: str) -> str:
    """Canonical name of ``parent``'s child, given the parent's: a wrapper's own segment is left out.

    ``module`` is dropped below DataParallel and DistributedDataParallel only, since it is a usual attribute elsewhere.

    >>> child_name("encoder", nn.Sequential(), "0"), child_name("encoder", nn.Sequential(), "_orig_mod")
    ('encoder.0', 'encoder')
    """
    data_parallel = child == "module" and isinstance(parent, (DataParallel, DistributedDataParallel))
    return prefix if child in _WRAPPED or data_parallel else joined(prefix, child)


def joined(prefix: str, name: str) -> str:
    """``prefix.name``, or ``name`` alone at the root."""
    return f"{prefix}.{name}" if prefix else name


def template(name: str) -> str:
    """``name`` with its whole-number segments blanked: equal for parameters that differ only in such segments.

    >>> template("blocks.11.fc.weight")
    'blocks.#.fc.weight'
    """
    return ".".join("#" if segment.isdecimal() else segment for segment in name.split("."))


def pattern(names: Sequence[str]) -> str:
    """One name for many of equal template, with the numbers each segment takes.

    >>> pattern(["blocks.0.fc", "blocks.1.fc", "blocks.2.fc"]), pattern(["a.1.b", "a.3.b"]), pattern(["a.1.b"])
    ('blocks.{0..2}.fc', 'a.{1,3}.b', 'a.1.b')
    """
    columns = zip(*(name.split(".") for name in names), strict=True)
    return ".".join(_span(column) for column in columns)


def _span(segments: Sequence[str]) -> str:
    if len(set(segments)) == 1:
        return segments[0]
    numbers = sorted({int(segment) for segment in segments})
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return "{" + ",".join(_run(run) for run in runs) + "}"


def _run(run: list[int]) -> str:
    return f"{run[0]}..{run[-1]}" if len(run) > 2 else ",".join(map(str, run))
