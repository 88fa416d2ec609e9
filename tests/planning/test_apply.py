"""Carrying a plan out: the values, what they depend on, and what stays as it is."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import distribute_tensor

from firststep import init
from firststep.errors import FirststepError
from firststep.planning import Plan, Recipe, Rule, keep, plan, rule

NORMAL = [
    rule((nn.Linear, nn.Conv2d), weight=init.normal(std=0.1), bias=init.zeros()),
    rule(nn.BatchNorm2d, weight=init.ones(), bias=init.zeros()),
]


def net() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 3))


def fails(call: Callable[[], object]) -> str:
    with pytest.raises(FirststepError) as caught:
        call()
    return str(caught.value)


def test_values_are_those_of_the_scheme_under_the_canonical_name() -> None:
    model = net()
    plan(model, NORMAL).apply(seed=3)

    expected = init.normal(std=0.1).sample((4, 1, 3, 3), seed=3, name="0.weight")
    assert torch.equal(model[0].weight, expected)  # type: ignore[arg-type]
    assert model[1].weight.eq(1).all()  # type: ignore[union-attr]


def test_values_do_not_depend_on_other_parameters_or_the_order_of_registration() -> None:
    def built(names: str) -> nn.Module:
        model = nn.Module()
        for name in names:
            model.add_module(name, nn.Linear(3, 2))
        plan(model, NORMAL[0]).apply(0)
        return model

    one, other = built("abc"), built("cdb")
    for name in ("b.weight", "c.weight"):
        assert torch.equal(one.get_parameter(name), other.get_parameter(name))


def test_values_do_not_depend_on_the_memory_format_or_random_state() -> None:
    model, other = net(), net().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    plan(model, NORMAL).apply(0)
    torch.manual_seed(99)
    plan(other, NORMAL).apply(0)

    assert other[0].weight.is_contiguous(memory_format=torch.channels_last)
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_other_dtypes(dtype: torch.dtype) -> None:
    model = net().to(dtype)
    report = plan(model, NORMAL).apply(0)

    assert report.ok
    expected = init.normal(std=0.1).sample((3, 4), seed=0, name="3.weight", dtype=dtype)
    assert torch.equal(model[3].weight, expected)  # type: ignore[arg-type]


def test_the_report_tells_the_seed_that_repeats_it() -> None:
    model = net()
    report = plan(model, NORMAL).apply()
    first = [p.detach().clone() for p in model.parameters()]
    plan(model, NORMAL).apply(seed=report.seed)

    for a, b in zip(first, model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_seed_is_drawn_from_torch_or_from_a_generator() -> None:
    model = net()
    torch.manual_seed(5)
    first = plan(model, NORMAL).apply().seed
    second = plan(model, NORMAL).apply().seed
    torch.manual_seed(5)

    assert plan(model, NORMAL).apply().seed == first != second
    assert plan(model, NORMAL).apply(generator=torch.Generator().manual_seed(5)).seed == first


def test_a_given_seed_leaves_the_random_state_alone() -> None:
    state = torch.get_rng_state()
    plan(net(), [*NORMAL]).apply(0)
    torch.set_rng_state(state)
    model = net()
    before = torch.get_rng_state()
    plan(model, NORMAL).apply(0)

    assert torch.equal(before, torch.get_rng_state())


def test_parameters_keep_identity_gradients_and_have_no_history() -> None:
    model = net()
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.randn(2, 1, 3, 3)).sum().backward()
    optimizer.step()
    parameters = list(model.parameters())
    gradients = [p.grad for p in parameters]
    state = copy.deepcopy(optimizer.state_dict())

    plan(model, NORMAL).apply(0)

    for parameter, old, gradient in zip(model.parameters(), parameters, gradients, strict=True):
        assert parameter is old
        assert parameter.grad is gradient
        assert parameter.is_leaf
        assert parameter.grad_fn is None
        assert parameter.requires_grad
        assert parameter in optimizer.state
    assert str(optimizer.state_dict()) == str(state)
    model(torch.randn(2, 1, 3, 3)).sum().backward()
    optimizer.step()


def test_it_works_without_grad_and_in_inference_mode() -> None:
    with torch.no_grad():
        assert plan(net(), NORMAL).apply(0).ok
    model = net()
    with torch.inference_mode():
        assert plan(model, NORMAL).apply(0).ok
    model(torch.randn(2, 1, 3, 3)).sum().backward()


def test_frozen_parameters_stay_unless_the_rule_says_so() -> None:
    model = net()
    model[0].requires_grad_(False)
    before = model[0].weight.detach().clone()  # type: ignore[union-attr]
    report = plan(model, NORMAL).apply(0)

    assert report.rows[0].row.kept == "frozen (requires_grad=False)"
    assert torch.equal(model[0].weight, before)  # type: ignore[arg-type]

    thawed = rule(nn.Conv2d, frozen=True, weight=init.ones(), bias=init.zeros())
    plan(model, [thawed, *NORMAL], strict=False).apply(0)
    assert model[0].weight.eq(1).all()  # type: ignore[union-attr]
    assert not model[0].weight.requires_grad


def test_kept_parameters_stay() -> None:
    model = net()
    before = model[3].bias.detach().clone()  # type: ignore[union-attr]
    report = plan(model, [rule("3", bias=keep), *NORMAL]).apply(0)

    assert report.rows[-1].row.kept == "fs.keep"
    assert report.rows[-1].after is None
    assert torch.equal(model[3].bias, before)  # type: ignore[arg-type]


def test_padding_rows_stay_zero() -> None:
    model = nn.Embedding(5, 3, padding_idx=-2)
    report = plan(model, rule(nn.Embedding, weight=init.normal())).apply(0)

    assert model.weight[3].eq(0).all()
    assert model.weight[[0, 1, 2, 4]].ne(0).all()
    assert report.ok


def test_packed_attention_is_filled_block_by_block() -> None:
    model = nn.MultiheadAttention(64, 4)
    model.out_proj.requires_grad_(False)
    plan(model, rule(nn.MultiheadAttention, in_proj_weight=init.xavier_normal(), in_proj_bias=init.zeros())).apply(0)

    # Each of q, k, v has fans 64 and 64: std 1 / 8, where torch's packed fans would give sqrt(2 / 256). The sample std
    # of 4096 normals is within 5 / sqrt(2 * 4096) = 5.5 % of it, once in 1.7 million.
    for block in model.in_proj_weight.chunk(3):
        assert block.std().item() == pytest.approx(1 / 8, rel=0.055)


def test_recurrent_gates_and_the_sum_of_their_biases() -> None:
    model = nn.LSTM(8, 16, num_layers=2, bidirectional=True)
    forget = rule(nn.LSTM, **{"weight*": init.orthogonal(), "bias*": init.gate_bias(forget=1.0)})
    plan(model, forget).apply(0)

    for suffix in ("l0", "l1", "l0_reverse", "l1_reverse"):
        total = getattr(model, f"bias_ih_{suffix}") + getattr(model, f"bias_hh_{suffix}")
        assert total.tolist() == [0.0] * 16 + [1.0] * 16 + [0.0] * 32
        for gate in getattr(model, f"weight_hh_{suffix}").chunk(4):
            torch.testing.assert_close(gate @ gate.T, torch.eye(16), atol=1e-5, rtol=0)


def test_gru_gates() -> None:
    model = nn.GRU(8, 16)
    plan(model, rule(nn.GRU, **{"weight*": init.orthogonal(), "bias*": init.zeros()})).apply(0)

    for gate in model.weight_hh_l0.chunk(3):
        torch.testing.assert_close(gate @ gate.T, torch.eye(16), atol=1e-5, rtol=0)


def test_batch_norm_without_affine_and_modules_without_parameters() -> None:
    model = nn.Sequential(nn.BatchNorm2d(3, affine=False), nn.ReLU(), nn.Dropout())

    assert plan(model, rule(nn.BatchNorm2d, weight=init.ones(), bias=init.zeros())).apply(0).rows == ()


class Experts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.empty(3, 400, 100).fill_(torch.nan))
        self.temperature = nn.Parameter(torch.tensor(torch.nan))


def test_custom_modules_with_raw_parameters() -> None:
    model = Experts()
    fan_in = init.kaiming_normal(nonlinearity="linear").layout("expert in out")
    report = plan(model, rule(Experts, w=fan_in, temperature=init.constant(0.5))).apply(0)

    assert model.temperature.item() == 0.5
    # fan_in 400: std 1 / 20; 120,000 normals: within 5 / sqrt(240,000) = 1 %.
    assert model.w.std().item() == pytest.approx(1 / 20, rel=0.0103)
    assert report.ok
    assert report.rows[0].before is not None
    assert not report.rows[0].before.is_finite


def test_parameters_without_elements() -> None:
    model = nn.ParameterList([nn.Parameter(torch.zeros(0, 3))])
    report = plan(model, rule(nn.ParameterList, **{"*": init.normal()})).apply(0)

    assert report.ok
    assert report.rows[0].after is not None
    assert report.rows[0].after.n == 0


def test_meta_models_are_planned_then_given_memory_then_set() -> None:
    with torch.device("meta"):
        model = net()
    done = plan(model, NORMAL)
    assert fails(lambda: done.apply(0)) == (
        "'0.weight' and 5 more are on the meta device, without memory to write to. "
        'Call model.to_empty(device="cpu") (or "cuda"), then apply'
    )
    model.to_empty(device="cpu")
    assert done.apply(0).ok
    other = net()
    plan(other, NORMAL).apply(0)
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


def test_one_parameter_on_meta() -> None:
    model = nn.Linear(2, 2)
    model.weight = nn.Parameter(torch.empty(2, 2, device="meta"))

    assert fails(lambda: plan(model, NORMAL[0]).apply(0)) == (
        "'weight' is on the meta device, without memory to write to. "
        'Call model.to_empty(device="cpu") (or "cuda"), then apply'
    )
    assert plan(model, [rule("", weight=keep), NORMAL[0]]).apply(0).ok


@pytest.mark.filterwarnings("ignore")
def test_a_sharded_parameter(process_group: None) -> None:
    model = nn.Linear(2, 2)
    model.weight = nn.Parameter(distribute_tensor(model.weight.detach(), init_device_mesh("cpu", (1,))))

    assert fails(lambda: plan(model, NORMAL[0]).apply(0)) == (
        "'weight' is a DTensor, whose parts lie in other tensors, and cannot be written. "
        "Initialize the model before it is sharded or quantized"
    )


def test_a_tie_broken_by_to_empty() -> None:
    with torch.device("meta"):
        model = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
    model[1].weight = model[0].weight
    done = plan(model, NORMAL[0])
    model.to_empty(device="cpu")

    assert fails(lambda: done.apply(0)) == (
        "the model changed since the plan: '0.weight' was one parameter with the names '0.weight', '1.weight' and now "
        "has '0.weight'. Tie them again (to_empty breaks ties), and 1 more. Plan again, then apply"
    )
    model[1].weight = model[0].weight
    assert done.apply(0).ok


def replaced(model: Any) -> None:
    model[3].weight = nn.Parameter(torch.zeros(3, 4))


def reshaped(model: Any) -> None:
    model[3].weight = nn.Parameter(torch.zeros(5, 4))


def retyped(model: Any) -> None:
    model[3].to(torch.float64)


def added(model: Any) -> None:
    model[3].scale = nn.Parameter(torch.zeros(3))


def removed(model: Any) -> None:
    model[3].bias = None


def normed(model: Any) -> None:
    nn.utils.parametrizations.weight_norm(model[3])


def frozen(model: Any) -> None:
    model[3].weight.requires_grad_(False)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (replaced, "'3.weight' was replaced by another parameter"),
        (reshaped, "'3.weight' had shape (3, 4) and now has (5, 4)"),
        (retyped, "'3.bias' had dtype torch.float32 and now has torch.float64, and 1 more"),
        (added, "'3.scale' is new"),
        (removed, "'3.bias' is gone"),
        (normed, "'3.weight' had parametrization none and now has weight_norm"),
        (frozen, "'3.weight' had requires_grad True and now has False"),
    ],
)
def test_a_model_that_changed_since_the_plan(change: Callable[[Any], None], what: str) -> None:
    model = net()
    done = plan(model, NORMAL)
    change(model)

    assert fails(lambda: done.apply(0)) == f"the model changed since the plan: {what}. Plan again, then apply"


def test_moving_and_training_modes_are_no_change() -> None:
    model = net()
    done = plan(model, NORMAL)
    model.eval().to("cpu").to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    assert done.apply(0).ok
    assert not model.training


def test_seed_and_generator_are_alternatives() -> None:
    assert fails(lambda: plan(net(), NORMAL).apply(0, torch.Generator())) == (
        "both seed and generator were given: expected one, since a generator only draws the seed"
    )


def test_an_impossible_seed() -> None:
    assert fails(lambda: plan(net(), NORMAL).apply("zero")).startswith("seed='zero'")  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [-1, 2**64 - 1, 0])
def test_any_64_bit_seed(seed: int) -> None:
    model = nn.utils.parametrizations.orthogonal(nn.Linear(3, 4))
    assert plan(model, rule("*", weight=init.orthogonal(), bias=init.zeros())).apply(seed).seed == seed


def test_progress_is_told_in_elements() -> None:
    told: list[tuple[int, int, str]] = []
    plan(net(), NORMAL).apply(0, progress=lambda *step: told.append(step))

    assert told == [
        (36, 63, "0.weight"),
        (40, 63, "0.bias"),
        (44, 63, "1.weight"),
        (48, 63, "1.bias"),
        (60, 63, "3.weight"),
        (63, 63, "3.bias"),
    ]


def test_a_bar_goes_to_stderr_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    plan(net(), NORMAL).apply(0)
    assert capsys.readouterr().err == ""
    plan(net(), NORMAL).apply(0, progress=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err != ""


def test_a_recipe_and_rules_mix() -> None:
    recipe = Recipe(name="r", rules=tuple(NORMAL), source="", summary="")
    done: Plan = plan(net(), [rule("3", weight=init.ones()), recipe])

    assert [row.where for row in done.rows] == ["r.1", "r.1", "r.2", "r.2", "1", "r.1"]


def test_a_single_rule_is_a_list_of_one() -> None:
    one: Rule = NORMAL[0]
    assert plan(nn.Linear(2, 2), one).rows == plan(nn.Linear(2, 2), [one]).rows
