"""All or nothing: whatever the model and the rules, an error leaves every byte and every random state as they were."""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from firststep import init, rng
from firststep.errors import ApplyError, FirststepError
from firststep.init import Moments, Scheme, Site
from firststep.planning import Rule, keep, plan, rule


class TroubleError(Exception):
    """Raised by a user's scheme."""


@dataclass(frozen=True, repr=False)
class Faulty(Scheme):
    """Fills with the wrong values, draws from every generator it can reach, then fails in its own way."""

    failure: str

    def _moments(self, site: Site) -> Moments:
        return Moments(0.0, 1.0)

    def _fill(self, tensor: Tensor, site: Site, region: rng.Region, draw: Any) -> None:
        tensor.fill_(float("nan") if self.failure == "nan" else 7.0)
        torch.rand(3), random.random(), np.random.random()
        if self.failure == "interrupt":
            raise KeyboardInterrupt
        if self.failure == "raise":
            raise TroubleError

    def __repr__(self) -> str:
        return f"faulty({self.failure!r})"

    def to_dict(self) -> dict[str, Any]:
        return {"scheme": "faulty"}


def tied() -> nn.Module:
    model = nn.Sequential(nn.Embedding(5, 4, padding_idx=1), nn.Linear(4, 5))
    model[1].weight = model[0].weight
    return model


def overlapping() -> nn.Module:
    memory = torch.zeros(6)
    return nn.ParameterList([nn.Parameter(memory[:4]), nn.Parameter(memory[2:])])


def frozen() -> nn.Module:
    return nn.Linear(3, 3).requires_grad_(False)


def old(norm: Callable[[nn.Module], nn.Module]) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return norm(nn.Linear(3, 4))


PARTS: list[Callable[[], nn.Module]] = [
    lambda: nn.Linear(3, 4),
    lambda: nn.Conv2d(2, 3, 3).to(memory_format=torch.channels_last),  # type: ignore[call-overload]
    lambda: nn.BatchNorm2d(3, affine=False),
    lambda: nn.LSTM(3, 2),
    lambda: nn.MultiheadAttention(4, 2),
    lambda: nn.Linear(2, 2).half(),
    lambda: nn.Linear(2, 2, device="meta"),
    lambda: nn.LazyLinear(2),
    lambda: parametrizations.weight_norm(nn.Linear(3, 4)),
    lambda: parametrizations.spectral_norm(nn.Linear(3, 4)),
    lambda: parametrizations.orthogonal(nn.Linear(3, 4)),
    lambda: old(nn.utils.weight_norm),
    lambda: old(nn.utils.spectral_norm),
    tied,
    frozen,
    overlapping,
]

SCHEMES = [
    init.normal(std=0.1),
    init.xavier_normal(),
    init.orthogonal(),
    init.zeros(),
    init.constant(1e6),
    keep,
    Faulty("nan"),
    Faulty("raise"),
    Faulty("interrupt"),
]

SELECTORS: list[Any] = [nn.Linear, nn.Conv2d, nn.Embedding, nn.LSTM, "0*", "1*", "*", lambda name, module: name > "1"]

rules_ = st.lists(
    st.builds(
        lambda select, key, scheme, thaw: rule(select, frozen=thaw, **{key: scheme}),
        st.sampled_from(SELECTORS),
        st.sampled_from(["weight", "*weight*", "*bias*", "*"]),
        st.sampled_from(SCHEMES),
        st.booleans(),
    ),
    min_size=1,
    max_size=4,
)


def picture(model: nn.Module) -> list[Any]:
    """Every byte that a model and the generators hold."""
    state: list[Any] = [torch.get_rng_state().tolist(), random.getstate(), str(np.random.get_state())]
    for module in model.modules():
        held = {**module._parameters, **module._buffers, **vars(module)}
        for name, value in held.items():
            if isinstance(value, Tensor) and not nn.parameter.is_lazy(value) and not value.is_meta:
                data = value.detach().cpu().contiguous().flatten()
                grad = value.grad if value.is_leaf else None
                state.append((name, id(value), value.requires_grad, grad, data.view(torch.uint8).tolist()))
        state.append((module.training, [id(hook) for hook in module._forward_pre_hooks.values()]))
    return state


@settings(max_examples=250, deadline=None, derandomize=True)
@given(
    makers=st.lists(st.sampled_from(PARTS), min_size=1, max_size=4),
    rules=rules_,
    strict=st.booleans(),
    seed=st.none() | st.integers(0, 3),
)
def test_an_error_leaves_everything_as_it_was(
    makers: list[Callable[[], nn.Module]], rules: list[Rule], strict: bool, seed: int | None
) -> None:
    model = nn.ModuleList([make() for make in makers])
    before = picture(model)

    try:
        plan(model, rules, strict=strict).apply(seed)
    except (FirststepError, TroubleError, KeyboardInterrupt):
        assert picture(model) == before
    else:
        assert all(torch.isfinite(p.detach().float()).all() for p in model.parameters() if not p.is_meta)


def chain() -> nn.Module:
    return nn.Sequential(
        parametrizations.spectral_norm(nn.Linear(4, 4)),
        nn.Linear(4, 4),
        parametrizations.orthogonal(nn.Linear(4, 4)),
        nn.Linear(4, 4),
    )


FINE = rule("*", weight=init.orthogonal(), bias=init.zeros())


@pytest.mark.parametrize(
    ("failure", "error"), [("nan", ApplyError), ("raise", TroubleError), ("interrupt", KeyboardInterrupt)]
)
def test_a_failure_in_the_last_parameter_undoes_all(failure: str, error: type[BaseException]) -> None:
    model = chain()
    before = picture(model)

    with pytest.raises(error):
        plan(model, [rule("3", bias=Faulty(failure)), FINE]).apply()

    assert picture(model) == before


@pytest.mark.parametrize("stop_at", range(8))
def test_an_interrupt_at_any_step(stop_at: int) -> None:
    model = chain()
    before = picture(model)
    steps = iter(range(8))

    def told(done: int, total: int, name: str) -> None:
        if next(steps) == stop_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        plan(model, FINE).apply(progress=told)

    assert picture(model) == before


def test_a_generator_is_put_back() -> None:
    generator = torch.Generator().manual_seed(3)
    before = generator.get_state()
    model = nn.Linear(2, 2)

    with pytest.raises(TroubleError):
        plan(model, rule(nn.Linear, weight=Faulty("raise"), bias=keep)).apply(generator=generator)

    assert torch.equal(before, generator.get_state())


def test_values_that_are_not_finite() -> None:
    for make in (lambda: nn.Linear(2, 2), lambda: parametrizations.weight_norm(nn.Linear(2, 2))):
        with pytest.raises(ApplyError) as caught:
            plan(make(), rule(nn.Linear, weight=Faulty("nan"), bias=keep)).apply(0)
        assert str(caught.value) == "faulty('nan') gave 'weight' values that are not finite. The model is as it was"


class LowRank(nn.Module):
    """A parametrization by parameters of its own: setting them in the same call is found out after all writes."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(torch.zeros(4, 1)), nn.Parameter(torch.zeros(1, 3))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.a @ self.b

    def right_inverse(self, x: Tensor) -> Tensor:
        return x - self.a @ self.b


def test_what_an_older_norm_had_computed_is_put_back() -> None:
    model = nn.Sequential(old(nn.utils.weight_norm), old(nn.utils.spectral_norm), nn.Linear(3, 4))
    parametrize.register_parametrization(model[2], "weight", LowRank())
    before = picture(model)

    with pytest.raises(ApplyError, match="depends on parameters that were set in the same call"):
        plan(model, [rule(LowRank, a=init.ones(), b=init.ones()), FINE]).apply(0)

    assert picture(model) == before
