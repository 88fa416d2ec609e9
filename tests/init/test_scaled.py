"""Schemes scaled by a formula in the numbers of a model."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

import firststep as fs
from firststep import init
from firststep.errors import SchemeError
from firststep.init import Site

SITE = replace(Site.of_shape((8, 4)), symbols=(("L", 12.0), ("d", 64.0), ("l", 3.0)))


@pytest.mark.parametrize(
    ("by", "factor"),
    [
        ("1/sqrt(2*L)", 1 / math.sqrt(24)),
        ("(2*(l + 1))**(-1/2)", 1 / math.sqrt(8)),
        ("-2 + exp(log(L))", 10.0),
        ("fan_out / fan_in", 2.0),
        ("3", 3.0),
    ],
)
def test_every_law_is_scaled(by: str, factor: float) -> None:
    for scheme in (
        init.normal(mean=0.5, std=0.02),
        init.uniform(-1.0, 3.0),
        init.trunc_normal_torch(mean=0.1, std=2.0),
    ):
        plain, scaled = scheme.expected(SITE), init.scaled(scheme, by=by).expected(SITE)
        assert scaled.mean == pytest.approx(factor * plain.mean, rel=1e-12)
        assert scaled.std == pytest.approx(factor * plain.std, rel=1e-9)
        assert scaled.low == pytest.approx(factor * plain.low, rel=1e-12)
        assert scaled.high == pytest.approx(factor * plain.high, rel=1e-12)


def test_values_are_those_of_the_scheme_times_the_factor() -> None:
    plain = init.normal(std=0.5).sample(SITE, seed=0, name="w")
    assert torch.allclose(init.scaled(init.normal(std=0.5), by="2**-1").sample(SITE, seed=0, name="w"), plain / 2)


def test_a_factor_of_zero_is_the_constant() -> None:
    assert init.scaled(init.normal(), by="L - 12").sample(SITE, seed=0).eq(0).all()


def test_it_prints_and_is_read_back() -> None:
    scheme = init.scaled(init.normal(std=0.02), by="1/sqrt(2*L)")
    assert repr(scheme) == "scaled(normal(std=0.02), by='1/sqrt(2*L)')"
    assert init.from_dict(scheme.to_dict()) == scheme
    assert scheme.describe(SITE) == "normal(std=0.02) * 0.2041"


@pytest.mark.parametrize(
    "text", ["", "L.real", "f(L)", "sqrt(L, 2)", "L if l else 1", "'a'", "True", "[L]", "L <", "__import__('os')"]
)
def test_what_is_no_formula(text: str) -> None:
    with pytest.raises(SchemeError) as caught:
        init.scaled(init.normal(), by=text)
    assert str(caught.value) == (
        f"{text!r} is no formula: expected numbers, names, + - * / % **, and sqrt, log, exp, such as '1/sqrt(2*L)'"
    )


@pytest.mark.parametrize(
    ("by", "why"), [("1/(L - 12)", "float division by zero"), ("log(-L)", "expected a positive input")]
)
def test_a_formula_without_a_value(by: str, why: str) -> None:
    with pytest.raises(SchemeError, match="has no value at") as caught:
        init.scaled(init.normal(), by=by).expected(SITE)
    assert repr(by) in str(caught.value)


def test_a_negative_factor() -> None:
    with pytest.raises(SchemeError) as caught:
        init.scaled(init.normal(), by="1 - L").expected(SITE)
    assert str(caught.value).endswith("the factor is -11, expected a number >= 0")


def test_a_number_that_the_model_does_not_tell() -> None:
    with pytest.raises(fs.PlanError) as caught:
        fs.plan(
            nn.Linear(4, 2), fs.rule(nn.Linear, weight=init.scaled(init.normal(), by="1/sqrt(L)"), bias=init.zeros())
        )
    assert (
        "scaled(normal(), by='1/sqrt(L)') asks for L, which cannot be told of 'weight' of shape (2, 4). It is told of "
        "a layer in a stack of blocks; write the number into the formula instead of L"
    ) in str(caught.value)


def test_only_independent_elements_are_scaled() -> None:
    with pytest.raises(SchemeError, match="expected a scheme of independent elements, such as"):
        init.scaled(init.orthogonal(), by="2")  # type: ignore[arg-type]
