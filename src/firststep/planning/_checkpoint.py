"""Checkpoints: tensors by name, from a mapping or a file, under the names that a model has for them."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor

from ..errors import CheckpointError, did_you_mean
from ._partial import MissingFrom, Subset

Checkpoint: TypeAlias = Mapping[str, Tensor] | str | Path
"""A state dict, or the path of one: .safetensors, .pt, .pth, .bin, .ckpt, or the .json index of several such files."""

Rename: TypeAlias = Mapping[str, str] | Callable[[str], str] | None
"""What leading parts of names become, ``{"model.": ""}``, the longest that fits; or a function of the whole name."""

_TORCH = (".pt", ".pth", ".bin", ".ckpt")
_KINDS = ".safetensors, .pt, .pth, .bin, .ckpt or .index.json"


def missing_from(
    checkpoint: Checkpoint | Iterable[str], *, rename: Rename = None, ignore: str | Iterable[str] = ()
) -> Subset:
    """The parameters that a checkpoint does not hold, for ``only=``, when it has been or will be loaded by other means.

    A tied parameter is missing only if it is there under none of its names.

    Args:
        checkpoint: a state dict, its path, or its names.
        rename, ignore: as for :func:`load`.

    Raises:
        CheckpointError: when the file cannot be read, or an ``ignore`` matches nothing.

    >>> from torch import nn
    >>> from firststep.planning import initialize, rule
    >>> from firststep import init
    >>> model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    >>> body = {name: tensor for name, tensor in model.state_dict().items() if name.startswith("0.")}
    >>> report = initialize(model, rule(nn.Linear, weight=init.normal(), bias=init.zeros()), 0, only=missing_from(body))
    >>> [one.row.name for one in report.rows if one.after]
    ['1.weight', '1.bias']
    """
    names = read(checkpoint) if isinstance(checkpoint, (Mapping, str, Path)) else dict.fromkeys(checkpoint)
    given, _ = translated(names, rename, ignore)
    return MissingFrom(frozenset(given))


def read(checkpoint: Checkpoint) -> dict[str, Any]:
    """The tensors by name; nothing but tensors is read from a file.

    Raises:
        CheckpointError: when there are none.
    """
    if isinstance(checkpoint, Mapping):
        return _tensors(dict(checkpoint), "the checkpoint", "checkpoint")
    if not isinstance(checkpoint, (str, Path)):
        raise CheckpointError(
            [f"checkpoint={type(checkpoint).__name__}: expected a state dict, or the path of a {_KINDS} file"]
        )
    path = Path(checkpoint)
    try:
        return _tensors(_file(path), str(path), f"torch.load({str(path)!r}, weights_only=True)")
    except OSError as error:
        raise CheckpointError([f"{path}: cannot be read: {error.strerror or error}"]) from error


def _file(path: Path) -> dict[str, Any]:
    if path.suffix == ".safetensors":
        return _safetensors(path)
    if path.suffix in _TORCH:
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            raise CheckpointError(
                [
                    f"{path}: holds more than tensors, which could run code when it is read. If you trust it, give "
                    f"torch.load({str(path)!r}, weights_only=False)"
                ]
            ) from error
    if path.suffix == ".json":
        return _indexed(path)
    raise CheckpointError([f"{path}: expected a {_KINDS} file"])


def _safetensors(path: Path) -> dict[str, Any]:
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError:
        raise CheckpointError(
            [f"{path}: needs safetensors, which is not installed: pip install 'firststep[safetensors]'"]
        ) from None
    try:
        return load_file(path)
    except SafetensorError as error:
        raise CheckpointError([f"{path}: is no safetensors file: {error}"]) from error


def _indexed(path: Path) -> dict[str, Any]:
    """Several files, as an index names them: ``{"weight_map": {name: file}}``."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        files = dict.fromkeys(data["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError([f"{path}: expected an index of checkpoint files, with a 'weight_map'"]) from error
    found: dict[str, Any] = {}
    for file in files:
        found |= _file(path.parent / file)
    return found


def _tensors(data: Any, source: str, spelled: str) -> dict[str, Any]:
    """``data``, when it is tensors by name; else an error that says where they seem to be."""
    if not isinstance(data, dict) or not data:
        raise CheckpointError([f"{source}: expected tensors by name, found {'nothing' if data == {} else type(data)}"])
    odd = [name for name, value in data.items() if not (isinstance(name, str) and isinstance(value, Tensor))]
    if not odd:
        return data
    inside = [name for name, value in data.items() if isinstance(value, Mapping) and _holds_tensors(value)]
    hint = f". The tensors seem to be under {inside[0]!r}: give {spelled}[{inside[0]!r}]" if inside else ""
    kind = type(data[odd[0]]).__name__
    raise CheckpointError([f"{source}: expected tensors by name, and {odd[0]!r} holds {kind}{hint}"])


def _holds_tensors(data: Mapping[Any, Any]) -> bool:
    return bool(data) and all(isinstance(value, Tensor) for value in data.values())


def translated(
    state: Mapping[str, Any], rename: Rename, ignore: str | Iterable[str]
) -> tuple[dict[str, str], tuple[str, ...]]:
    """The checkpoint's names by the model's, and those that are ignored.

    Raises:
        CheckpointError: when two names become one, or an ``ignore`` matches none.
    """
    globs = (ignore,) if isinstance(ignore, str) else tuple(ignore)
    problems = [
        f"ignore={glob!r} matches no name of the checkpoint.{did_you_mean(glob, state)}"
        for glob in globs
        if not any(fnmatchcase(name, glob) for name in state)
    ]
    ignored = {name: None for name in state if any(fnmatchcase(name, glob) for glob in globs)}
    given: dict[str, str] = {}
    for name in state:
        if name in ignored:
            continue
        new = _renamed(name, rename)
        if new in given:
            problems.append(f"{given[new]!r} and {name!r} of the checkpoint both become {new!r}: mend rename=")
        given[new] = name
    if problems:
        raise CheckpointError(problems)
    return given, tuple(ignored)


def _renamed(name: str, rename: Rename) -> str:
    if rename is None:
        return name
    if not isinstance(rename, Mapping):
        return rename(name)
    fitting = [part for part in rename if name.startswith(part)]
    longest = max(fitting, key=len, default="")
    return rename.get(longest, "") + name[len(longest) :] if fitting else name
