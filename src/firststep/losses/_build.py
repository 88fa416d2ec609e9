"""The public function and the public module of a loss, both made from its declaration."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ._call import Asked, check_options, evaluate, shared
from ._docstring import docstring
from ._reduce import Total
from ._spec import LossSpec

_ANNOTATIONS = {
    "reduction": "Reduction",
    "weight": "Tensor | None",
    "mask": "Tensor | None",
    "denominator": "Denominator",
    "empty": "float",
    "ignore_index": "int | None",
    "class_weight": "Tensor | None",
}
_PER_CALL = ("weight", "mask", "denominator")
"""What a module takes with each batch; the denominator may stand in its constructor too."""


def function(spec: LossSpec) -> Callable[..., Any]:
    """``losses.functional.NAME``: the kernel with its checks and the reducer."""
    names = tuple(argument.name for argument in spec.arguments)
    asks = shared(spec)

    def call(*tensors: Tensor, **given: Any) -> Any:
        if len(tensors) != len(names):
            tensors = _bound(spec, names, tensors, given)
        asked = Asked(**{name: given.pop(name) for name in asks if name in given})
        check_options(spec, given, asks)
        return evaluate(spec, tensors, _complete(spec, given), asked)

    call.__name__ = call.__qualname__ = spec.name
    call.__module__ = "firststep.losses.functional"
    call.__doc__ = docstring(spec)
    call.__dict__["__signature__"] = function_signature(spec)
    call.__dict__["spec"] = spec
    return call


def _bound(
    spec: LossSpec, names: tuple[str, ...], tensors: tuple[Tensor, ...], given: dict[str, Any]
) -> tuple[Tensor, ...]:
    """The tensors in order, those given by name among them."""
    rest = names[len(tensors) :]
    missing = [name for name in rest if name not in given]
    if len(tensors) > len(names) or missing:
        takes = ", ".join(names)
        what = f"needs {missing[0]!r}" if missing else f"was given {len(tensors)} tensors"
        raise TypeError(f"{spec.name} {what}. It takes ({takes}); options go by name")
    return (*tensors, *(given.pop(name) for name in rest))


def _complete(spec: LossSpec, options: Mapping[str, Any]) -> Mapping[str, Any]:
    for name, default in spec.defaults.items():
        if default is inspect.Parameter.empty and name not in options:
            raise TypeError(f"{spec.name} needs the option {name!r}")
    return options


class Loss(nn.Module):
    """A loss as a module. Its classes are made from the declarations; ``spec`` is the declaration."""

    spec: ClassVar[LossSpec]

    def __init__(self, *positional: Any, **options: Any) -> None:
        super().__init__()
        spec = self.spec
        if positional:
            takes = list(module_signature(spec).parameters)
            raise TypeError(f"{spec.module}: options go by name, as {takes[0]}=. It takes {', '.join(takes)}")
        constant, sizes = _constant(spec), _sizes(spec)
        self._given = tuple(name for name in [*sizes, *spec.defaults, *constant] if name in options)
        check_options(spec, {name: options[name] for name in options if name not in constant + sizes}, sizes + constant)
        _complete(spec, options)
        for name, default in {**spec.defaults, **{name: Asked._field_defaults[name] for name in constant}}.items():
            self._keep(name, options.get(name, default))
        for name in sizes:
            self._keep(name, options.get(name))
        for learned in spec.learned:
            missing = [axis for axis in learned.shape if not axis.isdigit() and axis not in options]
            if missing:
                raise TypeError(f"{spec.module} needs {missing[0]!r}, a size of its parameter {learned.name!r}")
            shape = (int(axis) if axis.isdigit() else options[axis] for axis in learned.shape)
            self.register_parameter(learned.name, nn.Parameter(learned.initial(*shape)))

    def _keep(self, name: str, value: Any) -> None:
        """As an attribute: a tensor is a buffer, which moves with the module."""
        if isinstance(value, Tensor):
            self.register_buffer(name, value)
        else:
            setattr(self, name, value)

    def forward(self, *tensors: Tensor, **given: Any) -> Any:
        """The loss of a batch; ``weight``, ``mask`` and ``denominator`` as in the function."""
        return self._evaluate(tensors, given, {})

    def total(self, *tensors: Tensor, **given: Any) -> Total:
        """The sum and the count of a batch, whatever the module's reduction: they add over batches."""
        return self._evaluate(tensors, given, {"reduction": "total"})

    def _evaluate(self, tensors: tuple[Tensor, ...], given: dict[str, Any], over: dict[str, Any]) -> Any:
        spec = self.spec
        learned = {one.name: getattr(self, one.name) for one in spec.learned}
        names = tuple(argument.name for argument in spec.arguments if argument.name not in learned)
        if len(tensors) != len(names):
            tensors = _bound(spec, names, tensors, given)
        if learned:
            by_name = {**learned, **dict(zip(names, tensors, strict=True))}
            tensors = tuple(by_name[argument.name] for argument in spec.arguments)
        unknown = [name for name in given if name not in _PER_CALL or name not in shared(spec)]
        if unknown:
            raise TypeError(f"{spec.module} takes {unknown[0]!r} in its constructor, if at all, not with a batch")
        options = {name: getattr(self, name) for name in spec.defaults}
        return evaluate(spec, tensors, options, Asked(**(self.asked() | given | over)))

    def asked(self) -> dict[str, Any]:
        """What all losses take, as the module has it."""
        return {name: getattr(self, name) for name in _constant(self.spec)}

    def extra_repr(self) -> str:
        """The options that were given."""
        values = {name: getattr(self, name) for name in self._given}
        tensors = {
            name: f"<{'x'.join(map(str, one.shape)) or 'scalar'}>" for name, one in values.items() if _is_tensor(one)
        }
        return ", ".join(f"{name}={tensors.get(name, repr(value))}" for name, value in values.items())


def module(spec: LossSpec) -> type[Loss]:
    """``losses.NAME``: the class of the loss."""
    body = {
        "spec": spec,
        "__module__": "firststep.losses",
        "__qualname__": spec.module,
        "__doc__": docstring(spec, module=True),
        "__signature__": module_signature(spec),
    }
    return type(spec.module, (Loss,), body)


def function_signature(spec: LossSpec) -> inspect.Signature:
    """The tensors, the options, and what all losses take."""
    tensors = [_parameter(one.name, "Tensor", positional=True) for one in spec.arguments]
    return inspect.Signature(
        [*tensors, *_option_parameters(spec), *_asked_parameters(shared(spec))], return_annotation="Tensor"
    )


def module_signature(spec: LossSpec) -> inspect.Signature:
    """The sizes of its parameters, the options, and what all losses take once."""
    sizes = [_parameter(name, "int") for name in _sizes(spec)]
    return inspect.Signature([*sizes, *_option_parameters(spec), *_asked_parameters(_constant(spec))])


def forward_signature(spec: LossSpec) -> inspect.Signature:
    """The tensors that are not the module's own, and what goes with each batch."""
    own = {one.name for one in spec.learned}
    tensors = [_parameter(one.name, "Tensor", positional=True) for one in spec.arguments if one.name not in own]
    asked = _asked_parameters([name for name in _PER_CALL if name in shared(spec)])
    return inspect.Signature([*tensors, *asked], return_annotation="Tensor")


def _sizes(spec: LossSpec) -> list[str]:
    return list(dict.fromkeys(axis for one in spec.learned for axis in one.shape if not axis.isdigit()))


def _constant(spec: LossSpec) -> list[str]:
    return [name for name in shared(spec) if name not in ("weight", "mask")]


def _is_tensor(value: object) -> bool:
    return isinstance(value, torch.Tensor)


def _parameter(
    name: str, annotation: str, default: Any = inspect.Parameter.empty, *, positional: bool = False
) -> inspect.Parameter:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD if positional else inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=annotation)


def _option_parameters(spec: LossSpec) -> list[inspect.Parameter]:
    assert spec.kernel is not None
    parameters = inspect.signature(spec.kernel).parameters
    return [_parameter(name, str(parameters[name].annotation), default) for name, default in spec.defaults.items()]


def _asked_parameters(names: Iterable[str]) -> list[inspect.Parameter]:
    return [_parameter(name, _ANNOTATIONS[name], Asked._field_defaults[name]) for name in names]
