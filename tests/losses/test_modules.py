"""Functions and modules made from one declaration: signatures, options, state, pickling, messages."""

from __future__ import annotations

import copy
import inspect
import pickle
import re

import pytest
import torch
from torch import nn

from firststep import LossError, losses
from firststep.losses import functional

OURS = [spec for spec in losses.catalog.values() if spec.kernel is not None]
names = pytest.mark.parametrize("spec", OURS, ids=[spec.name for spec in OURS])


def made(spec: losses.LossSpec, **options: object) -> losses.Loss:
    """The module with small sizes for its parameters, and the options it cannot do without."""
    sizes = {
        axis: size for one in spec.learned for axis, size in zip(one.shape, (5, 8), strict=False) if not axis.isdigit()
    }
    return getattr(losses, spec.module)(**sizes, **spec.required, **options)


@names
def test_module_and_function_give_the_same(spec: losses.LossSpec) -> None:
    assert spec.draw is not None
    tensors = spec.draw(torch.Generator().manual_seed(0), 6)
    module = made(spec).double()
    own = {one.name for one in spec.learned}
    with torch.no_grad():
        for argument, tensor in zip(spec.arguments, tensors, strict=True):
            if argument.name in own:
                setattr(module, argument.name, nn.Parameter(tensor.clone()))
    given = [tensor for argument, tensor in zip(spec.arguments, tensors, strict=True) if argument.name not in own]
    options = {name: getattr(module, name, value) for name, value in spec.required.items()}

    assert torch.equal(module(*given), getattr(functional, spec.name)(*tensors, **options))


@names
def test_signatures_are_those_of_the_kernel(spec: losses.LossSpec) -> None:
    function = getattr(functional, spec.name)
    parameters = inspect.signature(function).parameters

    assert list(parameters)[: len(spec.arguments)] == [one.name for one in spec.arguments]
    assert set(spec.defaults) <= set(parameters)
    assert {option.name for option in spec.options} <= set(spec.defaults)
    assert function.__name__ == spec.name
    assert function.__doc__.startswith(spec.purpose.en)


@names
def test_modules_are_pickled_copied_and_printed(spec: losses.LossSpec) -> None:
    module = made(spec, reduction="sum")

    assert repr(pickle.loads(pickle.dumps(module))) == repr(copy.deepcopy(module)) == repr(module)
    assert repr(module).startswith(f"{spec.module}(")
    assert "reduction='sum'" in repr(module)
    assert getattr(losses, spec.module) is type(module)
    assert pickle.loads(pickle.dumps(getattr(functional, spec.name))) is getattr(functional, spec.name)


@names
def test_state_is_kept_only_where_a_loss_has_parameters(spec: losses.LossSpec) -> None:
    module = made(spec)
    tensors = {name for name, value in spec.required.items() if isinstance(value, torch.Tensor)}

    assert [name for name, _ in module.named_parameters()] == [one.name for one in spec.learned]
    assert set(module.state_dict()) == tensors | {one.name for one in spec.learned}


def test_options_appear_in_the_repr_in_order() -> None:
    module = losses.SigmoidFocalLoss(gamma=1.5, alpha=0.25, reduction="none")
    weighted = losses.CrossEntropyLoss(class_weight=torch.ones(3), ignore_index=0)

    assert repr(module) == "SigmoidFocalLoss(gamma=1.5, alpha=0.25, reduction='none')"
    assert repr(weighted) == "CrossEntropyLoss(ignore_index=0, class_weight=<3>)"


def test_tensor_options_move_with_the_module() -> None:
    module = losses.CrossEntropyLoss(class_weight=torch.tensor([1.0, 2.0]))

    assert module.double().state_dict()["class_weight"].dtype == torch.float64


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: losses.FocalLoss(gama=1.0),
            TypeError,
            (
                "focal_loss has no option 'gama'. Did you mean 'gamma'? It takes gamma, reduction, "
                "denominator, empty, ignore_index, class_weight"
            ),
        ),
        (
            lambda: losses.FocalLoss(gamma=-1.0),
            LossError,
            "focal_loss(gamma=-1.0): expected a number >= 0",
        ),
        (
            lambda: losses.CrossEntropyLoss(label_smoothing=1.5),
            LossError,
            "cross_entropy(label_smoothing=1.5): expected 0 <= label_smoothing <= 1",
        ),
        (
            lambda: losses.LogCoshLoss()(torch.zeros(2)),
            TypeError,
            "log_cosh_loss needs 'target'. It takes (input, target); options go by name",
        ),
        (
            lambda: functional.log_cosh_loss(torch.zeros(2), torch.zeros(2), torch.zeros(2)),
            TypeError,
            "log_cosh_loss was given 3 tensors. It takes (input, target); options go by name",
        ),
        (
            lambda: losses.LogCoshLoss()(torch.zeros(2), torch.zeros(2), reduction="sum"),
            TypeError,
            "LogCoshLoss takes 'reduction' in its constructor, if at all, not with a batch",
        ),
        (
            lambda: functional.log_cosh_loss(3.0, torch.zeros(2)),
            LossError,
            "log_cosh_loss: input is a float, expected a tensor. Type torch.as_tensor(input)",
        ),
        (lambda: losses.LogCoshLos, AttributeError, "module 'firststep.losses' has no attribute 'LogCoshLos'"),
        (
            lambda: functional.log_cosh,
            AttributeError,
            "module 'firststep.losses.functional' has no attribute 'log_cosh'",
        ),
    ],
)
def test_wrong_calls_say_what_to_type(call: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        call()  # pyright: ignore


ROWS, LABELS = torch.zeros(4, 3), torch.zeros(4, dtype=torch.long)


@pytest.mark.parametrize(
    ("input", "target", "message"),
    [
        (
            ROWS,
            ROWS,
            (
                "cross_entropy: target is float32 of shape (4, 3); it holds class indices, 0 to C - 1, and "
                "must be an integer tensor. Type target.long() if it holds them already, target.argmax(1) if "
                "it is one-hot"
            ),
        ),
        (
            ROWS,
            ROWS.long(),
            (
                "cross_entropy: target has shape (4, 3) beside input of shape (4, 3). For input (N, C, *) it "
                "must be (N, *), here (4,). If it is one-hot, type target.argmax(1)"
            ),
        ),
        (
            ROWS,
            LABELS.unsqueeze(1),
            (
                "cross_entropy: target has shape (4, 1) beside input of shape (4, 3). For input (N, C, *) it "
                "must be (N, *), here (4,). Type target.squeeze(1)"
            ),
        ),
        (
            torch.zeros(2, 7, 3),
            torch.zeros(2, 7).long(),
            (
                "cross_entropy: target has shape (2, 7) beside input of shape (2, 7, 3). For input (N, C, *) "
                "it must be (N, *), here (2, 3). The classes stand on axis 1: type input.movedim(-1, 1)"
            ),
        ),
        (
            ROWS,
            LABELS[:3],
            (
                "cross_entropy: target has shape (3,) beside input of shape (4, 3). For input (N, C, *) it "
                "must be (N, *), here (4,)"
            ),
        ),
        (
            ROWS.long(),
            LABELS,
            (
                "cross_entropy: input is int64 of shape (4, 3); it holds logits: raw scores, before any "
                "softmax or sigmoid, and must be floating. Type input.float()"
            ),
        ),
        (torch.zeros(3), LABELS, "cross_entropy: input has shape (3,), expected (N, C, *)"),
    ],
)
def test_shapes_that_do_not_fit_are_shown_with_the_fix(input: torch.Tensor, target: torch.Tensor, message: str) -> None:
    with pytest.raises(LossError, match=f"^{re.escape(message)}$"):
        functional.cross_entropy(input, target)


@pytest.mark.parametrize(("shapes", "fix"), [(((4, 1), (4,)), "unsqueeze(-1)"), (((4,), (4, 1)), "squeeze(-1)")])
def test_nothing_is_broadcast(shapes: tuple[tuple[int, ...], tuple[int, ...]], fix: str) -> None:
    with pytest.raises(LossError, match=re.escape(f"Nothing is broadcast: type target.{fix}")):
        functional.log_cosh_loss(torch.zeros(shapes[0]), torch.zeros(shapes[1]))


def test_half_precision_gives_float32_and_its_gradients_come_back_in_kind() -> None:
    logits = torch.zeros(2, 50257, dtype=torch.bfloat16, requires_grad=True)

    value = functional.cross_entropy(logits, torch.tensor([0, 1]))
    value.backward()

    assert value.dtype == torch.float32
    assert float(value.detach()) == pytest.approx(10.8249, abs=1e-4)  # ln 50257; bfloat16 would say 10.8125
    assert logits.grad is not None
    assert logits.grad.dtype == torch.bfloat16


def test_arguments_may_go_by_name() -> None:
    x, y = torch.zeros(2), torch.ones(2)

    assert torch.equal(functional.log_cosh_loss(target=y, input=x), functional.log_cosh_loss(x, y))
    assert torch.equal(losses.LogCoshLoss()(x, target=y), functional.log_cosh_loss(x, y))


def test_the_denominator_may_stand_in_the_constructor_or_go_with_a_batch() -> None:
    x, y = torch.zeros(4), torch.ones(4)
    module = losses.LogCoshLoss(denominator=8)

    assert float(module(x, y)) == pytest.approx(4 * 0.433781 / 8, rel=1e-5)
    assert float(module(x, y, denominator=2.0)) == pytest.approx(4 * 0.433781 / 2, rel=1e-5)


def test_options_go_by_name() -> None:
    message = "LogCoshLoss: options go by name, as reduction=. It takes reduction, denominator, empty"
    with pytest.raises(TypeError, match=f"^{re.escape(message)}$"):
        losses.LogCoshLoss("sum")


def test_options_are_attributes_that_may_be_changed() -> None:
    module = losses.FocalLoss(gamma=2.0)
    module.gamma = 0.0
    x, y = torch.randn(4, 3), torch.tensor([0, 1, 2, 0])

    assert module.reduction == "mean"
    assert torch.allclose(module(x, y), nn.functional.cross_entropy(x, y))


@pytest.mark.parametrize("name", ["info_nce_loss", "cross_entropy"])
def test_autocast_does_not_reach_into_a_loss(name: str) -> None:
    spec = losses.catalog[name]
    assert spec.draw is not None
    tensors = [
        one.float() if one.is_floating_point() else one for one in spec.draw(torch.Generator().manual_seed(0), 6)
    ]
    function = getattr(functional, name)

    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = function(*tensors)
        compiled = torch.compile(function, fullgraph=True, backend="eager")(*tensors)

    assert inside.dtype == torch.float32
    assert torch.equal(inside, function(*tensors))
    assert torch.equal(compiled, inside)
