"""Recording a run of a model: on a copy, on tensors without storage, so that it costs no memory and changes nothing."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensorMode,
)
from torch.nn.parameter import is_lazy
from torch.nn.utils.parametrize import ParametrizationList
from torch.utils._pytree import tree_flatten, tree_map

from ..errors import SolveError
from ..running import kept, layer_by_layer
from ._record import Layer, Record
from ._watch import Book, UnknownNumberError, Watch, Whole

Inputs = Any
"""A tensor, a tuple of positional arguments, or a mapping of keyword arguments."""


@torch.inference_mode(False)  # inside of which torch shows layers whole and its tensors take no gradients
def record(model: nn.Module, inputs: Inputs, *, train: bool | None = None) -> Record:
    """Run a copy of ``model`` once and write down what it did.

    The copy's tensors have no storage: they are on meta, or fake ones where the model asks for its own device or for
    what meta lacks. Where it looks at numbers (``if x.sum() > 0``) it is run again on a copy that has them.

    Args:
        model: on any device, meta included; it is not touched.
        inputs: see :data:`Inputs`; real tensors, fake ones or tensors on meta.
        train: run in training mode, in evaluation mode, or (``None``) in the mode each module is in.

    Raises:
        SolveError: when the model cannot be copied or its forward raises.
    """
    positional, keyword = arguments(inputs)
    lazy = [name for name, one in model.named_parameters() if is_lazy(one)]
    if lazy:
        raise SolveError(f"{lazy[0]!r} has no shape yet. Run the model once on an example, then plan")
    try:
        return _Run(model, train, "meta").of(positional, keyword)
    except UnknownNumberError as error:
        looked: Exception = error
    except SolveError:  # what is wrong shows again on fake tensors, and what was meta's fault does not
        try:
            return _Run(model, train, "fake").of(positional, keyword)
        except (DataDependentOutputException, DynamicOutputShapeException) as error:
            looked = error
    every = (*model.parameters(), *tree_flatten((positional, keyword))[0])
    if any(one.is_meta for one in every if isinstance(one, Tensor)):
        raise SolveError(
            f"{type(model).__name__}.forward looks at numbers, which tensors on meta do not have: {looked}. Give a "
            "model and example_inputs with numbers"
        ) from looked
    return _Run(model, train, "real").of(positional, keyword)


def arguments(inputs: Inputs) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional and keyword arguments.

    Raises:
        SolveError: for anything that is neither a tensor, a tuple nor a mapping.
    """
    if isinstance(inputs, Tensor):
        return (inputs,), {}
    if isinstance(inputs, (tuple, list)):
        return tuple(inputs), {}
    if isinstance(inputs, Mapping):
        return (), dict(inputs)
    raise SolveError(
        f"example_inputs={inputs!r}: expected a tensor, a tuple of positional arguments or a dict of keyword arguments"
    )


class _Run:
    """One run of a copy whose tensors are on meta, fake, or real."""

    def __init__(self, model: nn.Module, train: bool | None, kind: Literal["meta", "fake", "real"]) -> None:
        self._model, self._train, self._kind = model, train, kind
        self._mode = FakeTensorMode(allow_non_fake_inputs=True) if kind == "fake" else None
        self._book = Book()

    def of(self, positional: Sequence[Any], keyword: Mapping[str, Any]) -> Record:
        names = parameter_names(self._model)
        shadow = self._copy(names)
        with ExitStack() as stack:
            stack.enter_context(_quiet())
            if self._mode is not None:
                stack.enter_context(self._mode)
            given: list[int] = []
            args, kwargs = tree_map(lambda one: self._given(one, given), (tuple(positional), dict(keyword)))
            stack.enter_context(Watch(self._book, meta=self._kind == "meta"))
            stack.enter_context(Whole(self._book, real=self._kind == "real"))
            result = self._forward(shadow, args, kwargs)
        outputs = tuple(self._book.value(one) for one in _tensors(result))
        shapes = {name: tuple(one.shape) for name, one in self._model.named_parameters(remove_duplicate=False)}
        return Record(
            tuple(self._book.items), tuple(self._book.calls), tuple(self._book.layers), tuple(given), outputs,
            {group[0]: group for group in names.values()}, shapes,
        )  # fmt: skip

    def _forward(self, shadow: nn.Module, args: Any, kwargs: Any) -> Any:
        try:
            return shadow(*args, **kwargs)
        except (DataDependentOutputException, DynamicOutputShapeException, UnknownNumberError):
            raise
        except Exception as error:  # the user's forward may raise anything
            raise SolveError(
                f"{type(self._model).__name__}.forward raised {type(error).__name__} on example_inputs: {error}. "
                "example_inputs must be what model(...) takes: a tensor, a tuple of arguments, or a dict by name"
            ) from error

    def _copy(self, names: dict[int, tuple[str, ...]]) -> nn.Module:
        """The copy, its parameters and buffers entered in the book and its modules heard."""
        memo: dict[int, Any] = {}
        for parameter in self._model.parameters():
            twin = nn.Parameter(self._twin(parameter), requires_grad=False)
            self._book.enter(twin, parameter=names[id(parameter)][0])
            memo[id(parameter)] = twin
        for buffer in self._model.buffers():
            memo[id(buffer)] = twin = self._twin(buffer)
            self._book.enter(twin, constant=None if buffer.is_meta else buffer.detach().cpu())
        try:
            with self._mode or nullcontext():
                shadow = copy.deepcopy(self._model, memo)
        except Exception as error:  # any object may sit on a module, and its copying may raise anything
            raise SolveError(
                f"{type(self._model).__name__} cannot be copied, and only a copy is run: copy.deepcopy raised "
                f"{type(error).__name__}: {error}"
            ) from error
        if self._train is not None:
            shadow.train(self._train)
        for name, module in shadow.named_modules():
            _drop_hooks(module)
            self._listen(name, module)
        return shadow

    def _twin(self, tensor: Tensor) -> Tensor:
        """A tensor like ``tensor``: without storage, or a copy, since a forward may write even into parameters."""
        if self._kind == "real":
            return tensor.detach().clone()
        device = torch.device("meta" if self._kind == "meta" else "cpu" if tensor.is_meta else tensor.device)
        with self._mode or nullcontext():
            return torch.empty_strided(tuple(tensor.shape), tensor.stride(), dtype=tensor.dtype, device=device)

    def _given(self, one: Any, given: list[int]) -> Any:
        if not isinstance(one, Tensor):
            return one
        twin = self._twin(one)
        given.append(self._book.enter(twin))
        return twin

    def _listen(self, name: str, module: nn.Module) -> None:
        """Keep the name of the module that runs, and what it returns."""
        book = self._book

        def before(module: nn.Module, args: Any) -> None:
            book.modules.append(name)

        def after(module: nn.Module, args: Any, result: Any) -> None:
            book.modules.pop()
            found = _tensors(result)
            owns = tuple(f"{name}.{key}" if name else key for key, one in module._parameters.items() if one is not None)
            if isinstance(module, ParametrizationList):
                parent = name.rpartition(".parametrizations.")
                book.enter(found[0], parameter=f"{parent[0]}.{parent[2]}" if parent[0] else parent[2])
            elif found and (owns or not any(True for _ in module.children())):
                book.layers.append(Layer(name, type(module).__name__, book.value(found[0]), owns))

        module.register_forward_pre_hook(before)
        module.register_forward_hook(after)


def parameter_names(model: nn.Module) -> dict[int, tuple[str, ...]]:
    """Every name of each parameter, by identity; the first names it."""
    found: dict[int, tuple[str, ...]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        found[id(parameter)] = (*found.get(id(parameter), ()), name)
    return found


def _tensors(tree: Any) -> list[Tensor]:
    """The tensors in ``tree``, also in the attributes of objects such as transformers' outputs."""
    found: list[Tensor] = []
    for one in tree_flatten(tree)[0]:
        if isinstance(one, Tensor):
            found.append(one)
        elif isinstance(one, Mapping):
            found += _tensors(dict(one))
        elif hasattr(one, "__dict__") and not isinstance(one, (nn.Module, type)):
            found += [value for value in vars(one).values() if isinstance(value, Tensor)]
    return [one for one in found if one.is_floating_point()] or found


def _drop_hooks(module: nn.Module) -> None:
    """Hooks of the user's may write anywhere. Those of torch's own weight_norm and spectral_norm compute a weight."""
    module._forward_hooks.clear()
    for key, hook in list(module._forward_pre_hooks.items()):
        if not type(hook).__module__.startswith("torch.nn.utils."):
            del module._forward_pre_hooks[key]


@contextmanager
def _quiet() -> Iterator[None]:
    """No gradients, no fused inference path of nn.TransformerEncoder, no warnings; random states as before."""
    with torch.no_grad(), kept(), layer_by_layer(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
