"""Writing through parametrizations: what the layer sees is what was asked for, or it is an error."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import orthogonal, spectral_norm, weight_norm

from firststep import init
from firststep.errors import ApplyError
from firststep.planning import Report, keep, plan, rule

pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm. is deprecated:FutureWarning")

XAVIER = rule("*", weight=init.xavier_normal(), bias=init.zeros())


def apply(model: nn.Module, *rules: object) -> Report:
    return plan(model, rules or XAVIER).apply(0)  # type: ignore[arg-type]


def expected(*shape: int) -> Tensor:
    return init.xavier_normal().sample(shape, seed=0, name="weight")


@pytest.mark.parametrize("norm", [weight_norm, nn.utils.weight_norm])
@pytest.mark.parametrize("dim", [0, 1, None])
def test_weight_norm(norm: Callable[..., nn.Module], dim: int | None) -> None:
    model = norm(nn.Linear(20, 30), dim=dim)
    report = apply(model)

    torch.testing.assert_close(model.weight, expected(30, 20))
    assert report.ok
    assert [row.row.name for row in report.rows] == ["bias", "weight"]
    assert report.rows[1].row.does == "xavier_normal() through weight_norm"
    torch.testing.assert_close(model(torch.eye(20)).T, expected(30, 20))


def test_weight_norm_of_a_recurrent_layer() -> None:
    model = weight_norm(nn.LSTM(3, 4), "weight_hh_l0")
    apply(model, rule(nn.LSTM, **{"weight*": init.orthogonal(), "bias*": init.gate_bias(forget=1.0)}))

    for gate in model.weight_hh_l0.chunk(4):
        torch.testing.assert_close(gate @ gate.T, torch.eye(4), atol=1e-5, rtol=0)


@pytest.mark.parametrize("norm", [weight_norm, nn.utils.weight_norm])
def test_weight_norm_cannot_be_zero(norm: Callable[..., nn.Module]) -> None:
    model = norm(nn.Linear(4, 3))
    with pytest.raises(ApplyError) as caught:
        apply(model, rule("*", weight=init.zeros(), bias=init.zeros()))
    assert str(caught.value) == (
        "'weight' would not take the values asked for: its weight_norm parametrization changes them. Use a scheme "
        "without all-zero rows, keep it with fs.keep, or initialize before the parametrization is registered"
    )


@pytest.mark.parametrize("norm", [spectral_norm, nn.utils.spectral_norm])
@pytest.mark.parametrize("training", [True, False])
def test_spectral_norm_stores_the_value_and_knows_its_norm(norm: Callable[..., nn.Module], training: bool) -> None:
    model = norm(nn.Linear(40, 60)).train(training)
    report = apply(model)
    sigma = torch.linalg.matrix_norm(expected(60, 40), 2)

    stored = model.parametrizations.weight.original if norm is spectral_norm else model.weight_orig
    assert torch.equal(stored, expected(60, 40))
    torch.testing.assert_close(model.eval()(torch.eye(40)).T, expected(60, 40) / sigma, atol=1e-5, rtol=1e-3)
    torch.testing.assert_close(model.weight, expected(60, 40) / sigma, atol=1e-5, rtol=1e-3)
    assert report.ok
    assert report.rows[-1].note == f"the layer sees it times {1 / sigma:.4g} (spectral_norm)"


def test_spectral_norm_of_a_convolution() -> None:
    model = spectral_norm(nn.ConvTranspose2d(3, 4, 3))
    apply(model)
    stored = model.parametrizations.weight.original

    sigma = torch.linalg.matrix_norm(stored.transpose(0, 1).flatten(1), 2)
    torch.testing.assert_close(model.eval().weight, stored / sigma, atol=1e-5, rtol=1e-3)


def test_spectral_norm_of_zero_is_no_start() -> None:
    with pytest.raises(ApplyError) as caught:
        apply(spectral_norm(nn.Linear(4, 3)), rule("*", weight=init.zeros(), bias=init.zeros()))
    assert str(caught.value) == (
        "'weight' would not take the values asked for: its spectral_norm parametrization changes them. "
        "Keep it with fs.keep, or initialize before the parametrization is registered"
    )


@pytest.mark.parametrize("how", ["matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("shape", [(6, 6), (4, 6), (6, 4)])
def test_orthogonal(how: str, shape: tuple[int, int]) -> None:
    model = orthogonal(nn.Linear(shape[1], shape[0]), orthogonal_map=how)
    state = torch.get_rng_state()
    report = apply(model, rule("*", weight=init.orthogonal(), bias=init.zeros()))
    first = [tensor.detach().clone() for tensor in model.state_dict().values()]

    torch.testing.assert_close(model.weight, init.orthogonal().sample(shape, seed=0, name="weight"), atol=1e-5, rtol=0)
    assert report.ok
    assert torch.equal(state, torch.get_rng_state())
    # What right_inverse draws to complete a basis follows from the seed as well.
    torch.manual_seed(7)
    apply(model, rule("*", weight=init.orthogonal(), bias=init.zeros()))
    for a, b in zip(first, model.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_orthogonal_takes_no_normal() -> None:
    with pytest.raises(ApplyError) as caught:
        apply(orthogonal(nn.Linear(4, 4)))
    assert str(caught.value) == (
        "'weight' would not take the values asked for: its orthogonal parametrization changes them. "
        "Use init.orthogonal(), keep it with fs.keep, or initialize before the parametrization is registered"
    )


class Symmetric(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.triu() + x.triu(1).mT


class Doubled(nn.Module):
    """Cannot say its shape on meta, and draws when it is evaluated."""

    def forward(self, x: Tensor) -> Tensor:
        assert float(x.detach().sum()) < torch.inf
        return 2 * x + 0 * torch.rand(())

    def right_inverse(self, x: Tensor) -> Tensor:
        return x / 2


class LowRank(nn.Module):
    """Adds a product of two parameters of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(torch.zeros(4, 1)), nn.Parameter(torch.zeros(1, 4))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.a @ self.b

    def right_inverse(self, x: Tensor) -> Tensor:
        return x - self.a @ self.b


def parametrized(parametrization: nn.Module, size: int = 4) -> nn.Module:
    model = nn.Linear(size, size)
    parametrize.register_parametrization(model, "weight", parametrization)
    return model


def test_a_users_parametrization() -> None:
    model = parametrized(Doubled())
    state = torch.get_rng_state()
    report = apply(model)

    assert torch.equal(state, torch.get_rng_state())
    assert torch.equal(model.weight.detach(), expected(4, 4))
    assert torch.equal(model.parametrizations.weight.original, expected(4, 4) / 2)
    assert report.rows[1].row.through == "Doubled"


def test_a_users_parametrization_without_right_inverse() -> None:
    with pytest.raises(ApplyError) as caught:
        apply(parametrized(Symmetric()))
    message = str(caught.value)
    assert message.startswith("'weight' cannot be written through its Symmetric parametrization: ")
    assert "right_inverse" in message
    assert message.endswith("Keep it with fs.keep, or initialize before the parametrization is registered")


def test_a_parametrization_of_parameters_that_are_set_too() -> None:
    model = parametrized(LowRank())
    rules = [XAVIER, rule(LowRank, a=init.ones(), b=init.ones())]
    before = {key: value.clone() for key, value in model.state_dict().items()}

    with pytest.raises(ApplyError) as caught:
        apply(model, *rules)

    assert str(caught.value) == (
        "'weight' did not take the values asked for: its LowRank parametrization depends on parameters that were set "
        "in the same call. Keep it with fs.keep, and set it in a second call"
    )
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key])
    apply(model, rule("", weight=keep, bias=keep), rules[1])
    apply(model, XAVIER, rule(LowRank, a=keep, b=keep))
    torch.testing.assert_close(model.weight, expected(4, 4))


class Widened(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, x], 1)

    def right_inverse(self, x: Tensor) -> Tensor:
        return x[:, : x.shape[1] // 2]


def test_a_parametrization_that_changes_the_shape() -> None:
    model = parametrized(Widened())
    halves = init.orthogonal()
    with pytest.raises(ApplyError, match="its Widened parametrization changes them"):
        apply(model, rule("*", weight=halves, bias=init.zeros()))
    report = apply(model, rule("*", weight=init.constant(0.5), bias=init.zeros()))
    assert report.rows[1].row.shape == (4, 4)
    assert model.parametrizations.weight.original.shape == (4, 2)


class Stretchy(nn.Module):
    """right_inverse gives another shape than the stored one."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:4]

    def right_inverse(self, x: Tensor) -> Tensor:
        return torch.cat([x, x[: self.calls]]) if self.calls else x

    calls = 0


def test_a_parametrization_that_would_change_the_stored_shape() -> None:
    model = parametrized(Stretchy())
    model.parametrizations.weight[0].calls = 2
    with pytest.raises(ApplyError) as caught:
        apply(model)
    assert str(caught.value) == "'weight' cannot be written in place: its Stretchy parametrization changes shape"


def test_a_parametrized_buffer_is_nobodys_parameter() -> None:
    model = nn.BatchNorm1d(4)
    parametrize.register_parametrization(model, "running_mean", Doubled())

    rows = plan(model, rule("*", weight=init.ones(), bias=init.zeros())).rows
    assert [row.name for row in rows] == ["weight", "bias"]


def test_parametrized_parameters_keep_their_identity_and_have_no_history() -> None:
    model = nn.Sequential(
        weight_norm(nn.Linear(4, 4)), spectral_norm(nn.Linear(4, 4)), nn.utils.weight_norm(nn.Linear(4, 4))
    )
    parameters = list(model.parameters())
    plan(model, XAVIER).apply(0)

    for now, old in zip(model.parameters(), parameters, strict=True):
        assert now is old
        assert now.is_leaf
        assert now.requires_grad
    model(torch.ones(1, 4)).sum().backward()
    assert all(p.grad is not None for p in parameters)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_dtypes(dtype: torch.dtype) -> None:
    model = weight_norm(nn.Linear(20, 30, dtype=dtype))
    assert apply(model).ok
    torch.testing.assert_close(model.weight, init.xavier_normal().sample((30, 20), seed=0, name="weight", dtype=dtype))
