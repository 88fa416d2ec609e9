"""From ``pkg.module:build`` to a model."""

from __future__ import annotations

import importlib
import inspect
import os
import pkgutil
import sys
from collections.abc import Callable
from contextlib import nullcontext
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
    module_name, colon, attribute = spec.partition(":")
    if not (module_name and colon and attribute):
        raise ModelError(f"expected module:function, such as net:build, given {spec!r}")
    found = _attribute(_module(module_name, spec), attribute, spec)
    made = found if isinstance(found, nn.Module) else _call(found, spec, meta)
    model = made[0] if isinstance(made, tuple) and made else made
    if not isinstance(model, nn.Module):
        raise ModelError(
            f"{spec} returned {_kind(made)}; expected a torch.nn.Module, or a tuple whose first item is one"
        )
    return model


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
            where = getattr(found, "__name__", _kind(found))
            raise ModelError(f"{spec}: {where} has no attribute {part!r}.{did_you_mean(part, public)}")
        found = getattr(found, part)
    return found


def _call(factory: Callable[..., Any], spec: str, meta: bool) -> Any:
    if not callable(factory):
        raise ModelError(f"{spec} is {_kind(factory)}; expected a function that returns a model")
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
        module, _, function = spec.partition(":")
        raise ModelError(
            f"{spec}() failed: {_told(error)}. To see where: python -c 'import {module}; {module}.{function}()'"
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


def _kind(value: object) -> str:
    if value is None:
        return "None"
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
