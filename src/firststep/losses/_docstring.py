"""The docstring of a public function or module, from the declaration."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterator

from ._call import bounds, shared
from ._latex import plain
from ._shapes import KINDS, Argument, axes
from ._spec import LossSpec, Option, Paper

_SHARED = {
    "reduction": '"mean", "sum", "none" (one value per unit) or "total" (sum and count, which add).',
    "weight": "of each unit, or of each sample: shape of the values, or of their first axes.",
    "mask": "bool, True where it counts: shape of the values, or of their first axes.",
    "denominator": 'what a mean divides by: "weight", "valid", "elements", "batch", a number or a tensor.',
    "empty": "the mean of a batch in which nothing counts.",
    "ignore_index": "targets that do not count; None for none.",
    "class_weight": "(C,), a weight for each class.",
}


def docstring(spec: LossSpec, *, module: bool = False) -> str:
    """Purpose, formula, arguments, result, errors, example and source."""
    parts = [spec.purpose.en, textwrap.indent(plain(spec.formula), "    ")]
    parts += ["Args:\n" + "\n".join(textwrap.indent(_wrapped(line), "    ") for line in _arguments(spec, module))]
    if not module:
        parts += [f'Returns:\n    A scalar; one value per {spec.unit} for reduction="none".']
        parts += ["Raises:\n    LossError: for shapes or dtypes that do not fit, or an option out of its range."]
    parts += [spec.code.strip()]
    if spec.papers:
        parts += ["Source: " + "; ".join(source(paper) for paper in spec.papers)]
    return "\n\n".join(parts) + "\n"


def _arguments(spec: LossSpec, module: bool) -> Iterator[str]:
    if module:
        for learned in spec.learned:
            sizes = [axis for axis in learned.shape if not axis.isdigit()]
            if sizes:
                yield f"{', '.join(sizes)}: sizes of the parameter {learned.name}, {learned.meaning.en}"
    else:
        for argument in spec.arguments:
            yield f"{argument.name}: " + ", or ".join(_form(form) for form in argument.forms())
    for option in spec.options:
        yield f"{option.name}: {option.meaning.en}{_range(option)}{_default(spec, option)}"
    for name in shared(spec):
        if not module or name not in ("weight", "mask"):
            yield f"{name}: {_SHARED[name]}"


def _form(argument: Argument) -> str:
    return f"{axes(argument.shape)} {argument.en or KINDS[argument.kind].en}"


def _range(option: Option) -> str:
    if option.choices:
        return f"; {' or '.join(map(repr, option.choices))}"
    return "" if option.low is None and option.high is None else f"; {bounds(option)}"


def _default(spec: LossSpec, option: Option) -> str:
    default = spec.defaults.get(option.name, inspect.Parameter.empty)
    return "." if default is inspect.Parameter.empty else f" (default: {default!r})."


def _wrapped(line: str) -> str:
    return "\n".join(textwrap.wrap(line, 108, subsequent_indent="    "))


def source(paper: Paper) -> str:
    """A paper in one line.

    >>> source(Paper("Lin et al. 2017", "Focal Loss for Dense Object Detection", "arXiv:1708.02002", "eq. 4"))
    'Lin et al. 2017, "Focal Loss for Dense Object Detection", arXiv:1708.02002, eq. 4'
    """
    return ", ".join(
        part for part in (paper.cite, paper.title and f'"{paper.title}"', paper.link, paper.equation) if part
    )
