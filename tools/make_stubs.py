"""The stubs that tell editors of the losses made from declarations: ``losses/__init__.pyi`` and ``functional.pyi``.

They are written by ``make docs`` and checked by a test.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path

from firststep.losses import LossSpec
from firststep.losses._build import forward_signature, function_signature, module_signature
from firststep.losses._families import SPECS

HERE = Path(__file__).resolve().parent.parent / "src" / "firststep" / "losses"
HEAD = '"""Written by tools/make_stubs.py from the declarations. Do not edit: make docs."""\n'
TYPES = """
from collections.abc import Sequence
from typing import Any, Literal, overload

from torch import Tensor
"""
VALUE = 'Literal["mean", "sum", "none"]'


def files() -> dict[Path, str]:
    """The stubs and their text."""
    return {HERE / "functional.pyi": functional(), HERE / "__init__.pyi": package()}


def functional() -> str:
    """The functions: a tensor, or a Total where that is asked for."""
    names = "\nfrom ._reduce import Denominator, Reduction, Total\n"
    parts = [HEAD + TYPES + names, *_explicit(HERE / "functional.py"), ""]
    for spec in SPECS:
        signature = function_signature(spec)
        parts.append(_overload(spec.name, signature, VALUE, "Tensor", spec.purpose.en))
        parts.append(_overload(spec.name, signature, 'Literal["total"]', "Total", ""))
    return "\n".join(parts)


def package() -> str:
    """What the package names itself, and the classes."""
    parts = [HEAD + TYPES + "\nfrom ._reduce import Denominator, Reduction\n", *_explicit(HERE / "__init__.py")]
    parts += ["\ncatalog: Catalog\n", *(_class(spec) for spec in SPECS)]
    return "\n".join(parts)


def _explicit(source: Path) -> Iterator[str]:
    """The re-exports ``import x as x`` of a module, as they stand there."""
    for node in ast.parse(source.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            names = [one.name for one in node.names if one.asname == one.name]
            yield from (f"from {'.' * node.level}{node.module or ''} import {name} as {name}" for name in names)


def _overload(name: str, signature: inspect.Signature, reduction: str, result: str, doc: str) -> str:
    parameters = []
    for one in signature.parameters.values():
        if one.name == "reduction":
            default = inspect.Parameter.empty if result == "Total" else one.default
            one = one.replace(annotation=reduction, default=default)
        parameters.append(one)
    return f"@overload\ndef {name}(\n{_written(parameters)}) -> {result}:{_body(doc)}\n"


def _class(spec: LossSpec) -> str:
    forward = _written(forward_signature(spec).parameters.values(), own=True)
    lines = [f"class {spec.module}(Loss):", f'    """{spec.purpose.en}"""\n']
    for name, parameters, result in (
        ("__init__", _written(module_signature(spec).parameters.values(), own=True), "None"),
        ("__call__", forward, "Any"),
    ):
        lines.append(textwrap.indent(f"def {name}(\n{parameters}) -> {result}: ...", "    "))
    return "\n".join(lines) + "\n"


def _written(parameters: Iterable[inspect.Parameter], *, own: bool = False) -> str:
    """One parameter on each line, the star before those that go by name."""
    lines, star = ["    self,"] if own else [], False
    for one in parameters:
        if one.kind is one.KEYWORD_ONLY and not star:
            star = True
            lines.append("    *,")
        shown = f'"{one.default}"' if isinstance(one.default, str) else repr(one.default)
        default = "" if one.default is one.empty else f" = {shown}"
        lines.append(f"    {one.name}: {one.annotation}{default},")
    return "\n".join(lines) + "\n"


def _body(doc: str) -> str:
    return f'\n    """{doc}"""' if doc else " ..."
