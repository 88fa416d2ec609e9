"""From ``pkg.module:build`` to a model."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import pkgutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from ..errors import FirststepError, did_you_mean


class ModelError(FirststepError):
    """The command line names no model that can be built."""


def build_model(spec: str, *, meta: bool = False) -> nn.Module:
    """Import and call what ``spec`` names.

    Args:
        spec: ``module:function``. The module is looked for in the current directory first, as ``python -m`` does. The
            function is called without arguments and returns a model, or a tuple that begins with one; a class and a
            model that stands in the module do as well.
        meta: build on the meta device, where parameters have shapes and no memory.

    Raises:
        ModelError: when there is no such module or function, or it returns something else.
    """
    made = built(spec, "a model", meta=meta)
    model = made[0] if isinstance(made, tuple) and made else made
    if not isinstance(model, nn.Module):
        raise ModelError(
            f"{spec} returned {kind(made)}; expected a torch.nn.Module, or a tuple whose first item is one"
        )
    return model


def built(spec: str, what: str, *, meta: bool = False, files: bool = False) -> Any:
    """Whatever the function that ``spec`` names returns; a model or a class that stands in the module does as well.

    Args:
        spec: ``module:function``.
        what: is wanted, in words for messages, as "a model".
        meta: call it on the meta device.
        files: whether ``file.py:function`` will do, too.

    Raises:
        ModelError: when there is no such module or function, or it fails.
    """
    module_name, colon, attribute = spec.rpartition(":") if files else spec.partition(":")
    if not (module_name and colon and attribute):
        example = "net:build or net.py:build" if files else "net:build"
        raise ModelError(f"expected module:function, such as {example}, given {spec!r}")
    module = _file(module_name) if files and module_name.endswith(".py") else _module(module_name, spec)
    found = _attribute(module, attribute, spec)
    return found if isinstance(found, nn.Module) else _call(found, spec, what, meta)


def parts(spec: str, what: str, needed: Mapping[str, str], allowed: Sequence[str]) -> Mapping[str, Any]:
    """The parts that the function ``spec`` names returns, as a tuple in order or as a dict.

    Args:
        spec: ``module:function`` or ``file.py:function``.
        what: they make up, in words for messages, as "a start".
        needed: their names in order, each with how it is written in a tuple.
        allowed: the names that a dict may have besides.

    Raises:
        ModelError: when it returns something else, or a part is missing or not known.
    """
    made = built(spec, what, files=True)
    also = f"{', '.join(allowed[:-1])} and {allowed[-1]}" if len(allowed) > 1 else allowed[0]
    expected = f"the keys {', '.join(needed)}, and where needed {also}"
    if isinstance(made, Mapping):
        missing = [name for name in needed if name not in made]
        if missing:
            raise ModelError(f"{spec} returned a dict without {', '.join(missing)}; expected {expected}")
        for name in made:
            if name not in (*needed, *allowed):
                near = did_you_mean(str(name), (*needed, *allowed))
                raise ModelError(f"{spec} returned a dict with the key {name!r}; expected {expected}.{near}")
        return made
    if isinstance(made, tuple) and len(made) == len(needed):
        return dict(zip(needed, made, strict=True))
    given = f"a tuple of {len(made)}" if isinstance(made, tuple) else kind(made)
    raise ModelError(f"{spec} returned {given}; expected ({', '.join(needed.values())}), or a dict with {expected}")


def _file(name: str) -> ModuleType:
    """A module from its file; the modules beside it can be imported by it, as when Python runs it."""
    path = Path(name).absolute()
    if not path.is_file():
        near = did_you_mean(path.name, [one.name for one in path.parent.glob("*.py")])
        raise ModelError(f"there is no file {name}.{near}")
    beside = str(path.parent)
    if beside not in sys.path:
        sys.path.insert(0, beside)
    made = importlib.util.spec_from_file_location(path.stem, path)
    assert made is not None
    assert made.loader is not None
    module = importlib.util.module_from_spec(made)
    sys.modules[path.stem] = module  # where classes are looked for, by pickle and by dataclasses
    try:
        made.loader.exec_module(module)
    except Exception as error:
        del sys.modules[path.stem]
        raise ModelError(f"running {name} failed: {_told(error)}. To see where: python {name}") from error
    return module


def _module(name: str, spec: str) -> ModuleType:
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise ModelError(f"importing {name!r} failed: {error}. Install what it needs, or fix its import") from None
        if name.endswith(".py"):
            dotted = name.removesuffix(".py").replace("/", ".")
            hint = f" Write the module's name, not its file's: {dotted}:{spec.partition(':')[2]}"
        else:
            hint = did_you_mean(name, [module.name for module in pkgutil.iter_modules([here])])
        raise ModelError(f"there is no module {error.name!r} in {here} or on Python's path.{hint}") from None
    except Exception as error:
        raise ModelError(
            f"importing {name!r} failed: {_told(error)}. To see where: python -c 'import {name}'"
        ) from error


def _attribute(module: ModuleType, path: str, spec: str) -> Any:
    found: Any = module
    for part in path.split("."):
        if not hasattr(found, part):
            public = [name for name in dir(found) if not name.startswith("_")]
            where = getattr(found, "__name__", kind(found))
            raise ModelError(f"{spec}: {where} has no attribute {part!r}.{did_you_mean(part, public)}")
        found = getattr(found, part)
    return found


def _call(factory: Callable[..., Any], spec: str, what: str, meta: bool) -> Any:
    if not callable(factory):
        raise ModelError(f"{spec} is {kind(factory)}; expected a function that returns {what}")
    needed = _required(factory)
    if needed:
        raise ModelError(
            f"{spec} needs arguments ({', '.join(needed)}) and is called with none. "
            "Name a function that needs none: def build(): return ..."
        )
    try:
        with torch.device("meta") if meta else nullcontext():
            return factory()
    except Exception as error:
        module, _, function = spec.rpartition(":")
        name = Path(module).stem if module.endswith(".py") else module
        raise ModelError(
            f"{spec}() failed: {_told(error)}. To see where: python -c 'import {name}; {name}.{function}()'"
        ) from error


def _required(factory: Callable[..., Any]) -> list[str]:
    try:
        parameters = inspect.signature(factory).parameters.values()
    except ValueError:
        return []  # built in C and without a signature: calling it will tell
    optional = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [p.name for p in parameters if p.default is p.empty and p.kind not in optional]


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(".: ")


def kind(value: object) -> str:
    """What a value is, for a message: ``None``, ``an int``."""
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
