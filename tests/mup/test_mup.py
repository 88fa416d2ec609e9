"""muP: scales and learning rates against the paper's tables, written out here with their numbers."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from firststep import init, mup
from firststep.errors import RuleError
from firststep.planning import Plan, load_rules, plan, rule, save_rules

ZERO = init.zeros()


def mlp(width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(8, width), nn.ReLU(), nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, 5)
    )


def stds(made: Plan) -> dict[str, float]:
    return {row.name: row.expected.std for row in made.rows if row.expected}


# Table 3 of arXiv 2203.03466 (table 8 for "multiplied"), at widths 16 and 64, so m = 4. All linear layers start with
# std 0.2 and biases with std 0.1 at the base.
#                         std,  std in table 8,   Adam, Adam in table 8,  SGD, SGD in table 8
TABLE: dict[str, tuple[float, float, float, float, float, float]] = {
    "0.weight": (0.2, 0.2, 1, 1, 4, 4),  # input: variance 1/fan_in, fixed; SGD fan_out; Adam 1
    "0.bias": (0.1, 0.1, 1, 1, 4, 4),
    "2.weight": (0.1, 0.1, 1 / 4, 1 / 4, 1, 1),  # hidden: variance 1/fan_in; SGD 1; Adam 1/fan_in
    "2.bias": (0.1, 0.1, 1, 1, 4, 4),
    "4.weight": (0.05, 0.2, 1 / 4, 1, 1 / 4, 4),  # output: variance 1/fan_in^2 or 1
    "4.bias": (0.1, 0.1, 1, 1, 1, 1),
}  # fmt: skip
START = rule(nn.Linear, weight=init.normal(std=0.2), bias=init.normal(std=0.1))


@pytest.mark.parametrize("output", ["scaled", "multiplied"])
def test_standard_deviations_of_the_table(output: mup.Output) -> None:
    rules = mup.rescaled(START, base=mlp(16), delta=mlp(32), output=output)
    expected = {name: row[0 if output == "scaled" else 1] for name, row in TABLE.items()}
    assert stds(plan(mlp(64), rules)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("output", ["scaled", "multiplied"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_learning_rates_of_the_table(optimizer: mup.Optimizer, output: mup.Output) -> None:
    model = mlp(64)
    found = mup.groups(model, mlp(16), lr=0.3, optimizer=optimizer, weight_decay=0.01, output=output)
    rates = {id(p): group["lr"] for group in found for p in group["params"]}
    column = (2 if optimizer == "adam" else 4) + (output == "multiplied")

    assert {name: rates[id(p)] for name, p in model.named_parameters()} == pytest.approx(
        {name: 0.3 * row[column] for name, row in TABLE.items()}, rel=1e-12
    )
    assert all(group["lr"] * group["weight_decay"] == pytest.approx(0.003, rel=1e-12) for group in found)


def test_groups_are_those_of_an_optimizer_and_leave_frozen_parameters_out() -> None:
    model = mlp(64)
    model[0].requires_grad_(False)
    adam = torch.optim.AdamW(mup.groups(model, mlp(16), lr=0.1))
    assert sorted(len(group["params"]) for group in adam.param_groups) == [2, 2]
    assert sorted(group["lr"] for group in adam.param_groups) == pytest.approx([0.025, 0.1])


@pytest.mark.parametrize(("width", "m_in", "m_out"), [(32, 2, 3), (64, 4, 5)])
def test_an_sgd_rate_of_a_hidden_weight_whose_sides_grow_apart(width: int, m_in: float, m_out: float) -> None:
    """An SGD step on W moves its output by lr * fan_in / fan_out (appendix B of the paper): lr goes as m_out / m_in."""
    base, wide = nn.Linear(16, 16, bias=False), nn.Linear(16 * int(m_in), 16 * int(m_out), bias=False)
    (group,) = mup.groups(wide, base, lr=1.0, optimizer="sgd")
    assert group["lr"] == pytest.approx(m_out / m_in)


def test_at_the_base_nothing_is_changed() -> None:
    """Bit for bit."""
    rules = mup.rescaled(START, base=mlp(16), delta=mlp(64))
    one, other = mlp(16), mlp(16)
    plan(one, rules).apply(seed=3)
    plan(other, START).apply(seed=3)
    assert all(torch.equal(p, q) for p, q in zip(one.parameters(), other.parameters(), strict=True))
    assert [group["lr"] for group in mup.groups(mlp(16), mlp(16), lr=0.1)] == [0.1]


def test_what_follows_from_fans_is_frozen_at_the_base_where_it_should_not_follow() -> None:
    """torch's start is U(±1/sqrt(fan_in)), std 1/sqrt(3 fan_in): right for hidden weights, and for nothing else."""
    start = rule(nn.Linear, weight=init.torch_default(), bias=init.torch_default())
    found = stds(plan(mlp(64), mup.rescaled(start, base=mlp(16), delta=mlp(32))))
    third = 1 / math.sqrt(3)
    assert found == pytest.approx(
        {
            "0.weight": third / math.sqrt(8),
            "0.bias": third / math.sqrt(8),
            "2.weight": third / math.sqrt(64),
            "2.bias": third / math.sqrt(16),  # not 64
            "4.weight": third / math.sqrt(32) / 4,
            "4.bias": third / math.sqrt(32),  # not 128
        },
        rel=1e-12,
    )


def test_xavier_and_fan_out_at_a_hidden_weight_whose_sides_grow_apart() -> None:
    """std goes as 1/sqrt(fan_in) whatever the base's scheme says of fan_out: the columns "Hidden" of both tables."""
    for scheme in (init.xavier_uniform(), init.kaiming_normal(mode="fan_out"), init.trunc_normal_jax(std=0.3)):
        one = rule(nn.Linear, weight=scheme)
        nets = [nn.Linear(a, b, bias=False) for a, b in ((10, 20), (20, 40), (40, 200))]
        before = scheme.expected((20, 10)).std
        found = stds(plan(nets[2], mup.rescaled(one, base=nets[0], delta=nets[1])))["weight"]
        assert found == pytest.approx(before / 2, rel=1e-12)


def test_bounds_scale_with_the_standard_deviation() -> None:
    one = rule(nn.Linear, weight=init.trunc_normal(std=0.5, bounds=(-3, 3)))
    nets = [nn.Linear(n, n, bias=False) for n in (16, 32, 64)]
    row = plan(nets[2], mup.rescaled(one, base=nets[0], delta=nets[1])).rows[0]
    assert row.expected is not None
    assert (row.expected.low, row.expected.high) == pytest.approx((-0.75, 0.75), rel=1e-12)


def test_zero_output() -> None:
    rules = mup.rescaled(START, base=mlp(16), delta=mlp(32), zero_output=True)
    found = stds(plan(mlp(64), rules))
    assert (found["4.weight"], found["4.bias"]) == (0, 0.1)
    assert stds(plan(mlp(16), rules))["4.weight"] == 0


def test_rules_can_be_saved_and_serve_any_width(tmp_path: Any) -> None:
    rules = mup.rescaled(START, base=lambda: mlp(16), delta=lambda: mlp(32))
    save_rules(rules, tmp_path / "mup.json")
    again = load_rules(tmp_path / "mup.json")
    for width in (16, 48, 256):
        assert stds(plan(mlp(width), again)) == pytest.approx(stds(plan(mlp(width), rules)), rel=1e-15)
    assert stds(plan(mlp(256), again))["4.weight"] == pytest.approx(0.2 / 16, rel=1e-12)


class Zoo(nn.Module):
    """One of each layer; ``n`` is the width."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, n, padding_idx=2)
        self.conv_in, self.conv, self.depthwise = nn.Conv2d(3, n, 3), nn.Conv2d(n, n, 3), nn.Conv2d(n, n, 3, groups=n)
        self.up_own = nn.ConvTranspose2d(n, n, 4, groups=n)
        self.up, self.up_out = nn.ConvTranspose2d(n, 2 * n, 4, stride=2), nn.ConvTranspose2d(n, 3, 4, stride=2)
        self.norm, self.attention = nn.LayerNorm(n), nn.MultiheadAttention(n, 4, add_bias_kv=True)
        self.lstm, self.head = nn.LSTM(5, n), nn.Linear(n, 7)
        self.pos_embed, self.cls = nn.Parameter(torch.zeros(1, 9, n)), nn.Parameter(torch.zeros(1, 1, n))
        self.scale, self.alpha = nn.Parameter(torch.zeros(())), nn.Parameter(torch.zeros(n, n))


ROLES: dict[str, tuple[str, float, float]] = {
    "embed.weight": ("input", 1, 4),
    "conv_in.weight": ("input", 1, 4),
    "conv.weight": ("hidden", 4, 4),
    "depthwise.weight": ("input", 1, 4),  # each output has 9 inputs, however wide
    "up.weight": ("hidden", 4, 4),
    "up_own.weight": ("input", 1, 4),
    "up_out.weight": ("output", 4, 1),  # stored as (in, out, ...)
    "up_out.bias": ("fixed", 1, 1),
    "norm.weight": ("input", 1, 4),
    "norm.bias": ("input", 1, 4),
    "attention.in_proj_weight": ("hidden", 4, 4),
    "attention.in_proj_bias": ("input", 1, 4),
    "attention.bias_k": ("input", 1, 4),
    "attention.out_proj.weight": ("hidden", 4, 4),
    "lstm.weight_ih_l0": ("input", 1, 4),
    "lstm.weight_hh_l0": ("hidden", 4, 4),
    "lstm.bias_hh_l0": ("input", 1, 4),
    "head.weight": ("output", 4, 1),
    "head.bias": ("fixed", 1, 1),
    "pos_embed": ("input", 1, 4),
    "cls": ("input", 1, 4),
    "scale": ("fixed", 1, 1),
    "alpha": ("hidden", 4, 4),
}


def test_roles_follow_from_layers_and_shapes() -> None:
    found = mup.widths(Zoo(32), Zoo(8))
    assert {name: (found[name].role, found[name].in_ratio, found[name].out_ratio) for name in ROLES} == ROLES
    assert found.keys() == dict(Zoo(8).named_parameters()).keys()


def test_a_base_is_a_model_a_function_or_shapes() -> None:
    expected = mup.widths(Zoo(32), Zoo(8))
    shapes = {name: tuple(p.shape) for name, p in Zoo(8).named_parameters()}
    with torch.device("meta"):
        wide = Zoo(32)
    assert mup.widths(wide, lambda: Zoo(8)) == expected
    assert mup.widths(wide, shapes) == expected


class Tied(nn.Module):
    def __init__(self, n: int) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(11, n), nn.Linear(n, 11, bias=False)
        self.head.weight = self.embed.weight


def test_a_tied_embedding_has_a_scale_only_where_the_model_multiplies() -> None:
    start = rule(nn.Embedding, weight=init.normal(std=0.5))
    with pytest.raises(RuleError) as caught:
        mup.rescaled(start, base=Tied(8), delta=Tied(16))
    assert str(caught.value) == (
        "'embed.weight' = 'head.weight' is an input and an output weight in one, and they scale differently. Untie "
        'them, or multiply the logits by base width / width in forward and give output="multiplied"'
    )
    rules = mup.rescaled(start, base=Tied(8), delta=Tied(16), output="multiplied")
    assert stds(plan(Tied(64), rules)) == {"embed.weight": 0.5}
    # Table 8: input and output weights have the same rates, Adam 1, SGD fan_out = fan_in of the other.
    for optimizer, factor in (("adam", 1.0), ("sgd", 8.0)):
        (group,) = mup.groups(Tied(64), Tied(8), lr=1.0, optimizer=optimizer, output="multiplied")  # type: ignore[arg-type]
        assert group["lr"] == factor


class Own(nn.Module):
    """Parameters that no layer of torch owns."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.experts = nn.Parameter(torch.zeros(3, n, 2 * n))
        self.readout = nn.Parameter(torch.zeros(n, 6))


def test_axes_of_your_own_parameters() -> None:
    with pytest.raises(RuleError) as caught:
        mup.widths(Own(16), Own(8))
    assert str(caught.value) == (
        "2 problems:\n"
        "  1. 'experts' grows from (3, 8, 16) to (3, 16, 32) in two dimensions, and its module is none whose inputs "
        'and outputs are known. Say what its dimensions are, such as axes={"experts": "in out"}\n'
        "  2. 'readout' grows from (8, 6) to (16, 6) in one dimension, and its module is none whose inputs and outputs "
        'are known. Say what its dimensions are, such as axes={"readout": "in out"}'
    )
    axes = {"experts": "expert in out", "read*": "in out"}
    found = mup.widths(Own(16), Own(8), axes=axes)
    assert [(one.role, one.in_ratio, one.out_ratio) for one in found.values()] == [("hidden", 2, 2), ("output", 2, 1)]
    start = rule("", experts=init.normal(std=0.4), readout=init.normal(std=0.4))
    rules = mup.rescaled(start, base=Own(8), delta=Own(16), axes=axes)
    assert stds(plan(Own(128), rules)) == pytest.approx({"experts": 0.1, "readout": 0.025}, rel=1e-12)


def test_gates_stay_what_they_are_and_orthogonal_matrices_where_they_scale() -> None:
    start = rule(
        nn.LSTM,
        weight_ih_l0=init.xavier_normal(),
        weight_hh_l0=init.orthogonal(),
        **{"bias*": init.gate_bias(forget=1.0)},
    )
    rules = mup.rescaled(start, base=nn.LSTM(5, 8), delta=nn.LSTM(5, 16))
    model = nn.LSTM(5, 32)
    plan(model, rules).apply(seed=0)
    sums = (model.bias_ih_l0 + model.bias_hh_l0).detach()
    assert sums[32:64].tolist() == [1.0] * 32
    assert plan(model, rules).rows[1].scheme == init.orthogonal()


class Bottle(nn.Module):
    def __init__(self, n: int) -> None:
        super().__init__()
        self.fc, self.head = nn.Linear(4, n, bias=False), nn.Linear(n, 2, bias=False)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: mup.rescaled(rule(nn.Linear, weight=init.orthogonal()), base=Bottle(16), delta=Bottle(32)),
            "mup: orthogonal() gives 'fc.weight', an input weight, scale 0.25 at the base and 0.1768 in delta, where "
            "muP has 0.25. Give it a scheme of independent elements, such as init.kaiming_normal()\n"
            "mup: orthogonal() gives 'head.weight', an output weight, scale 0.25 at the base and 0.1768 in delta, "
            "where muP has 0.125. Give it a scheme of independent elements, such as init.kaiming_normal()",
        ),
        (
            lambda: mup.rescaled(rule(nn.Linear, weight=init.ones()), base=Bottle(16), delta=Bottle(32)),
            "mup: ones() gives 'head.weight', whose inputs grow, a mean that is not 0",
        ),
        (
            lambda: mup.rescaled(START, base=mlp(16), delta=mlp(16)),
            "mup: base and delta have the same shapes: expected two widths, so that it shows what grows",
        ),
        (
            lambda: mup.rescaled(START, base={"weight": (2, 2)}, delta=mlp(16)),
            "mup(base=<a mapping>): shapes alone tell learning rates, not a start. Give the model, or a function that "
            "builds it",
        ),
        (
            lambda: mup.rescaled(rule(nn.Linear, weight=ZERO), base=mlp(16), delta=mlp(32)),
            "mup: the rules do not fit base: 3 problems:\n"
            "  1. no rule covers '0.bias' (shape (16,), in Linear). Add fs.rule(nn.Linear, bias=init.zeros()), or "
            "fs.rule(nn.Linear, bias=fs.keep) to leave it as it is\n"
            "  2. no rule covers '2.bias' (shape (32,), in Linear). Add fs.rule(nn.Linear, bias=init.zeros()), or "
            "fs.rule(nn.Linear, bias=fs.keep) to leave it as it is\n"
            "  3. no rule covers '4.bias' (shape (5,), in Linear). Add fs.rule(nn.Linear, bias=init.zeros()), or "
            "fs.rule(nn.Linear, bias=fs.keep) to leave it as it is",
        ),
        (
            lambda: mup.widths(nn.Linear(4, 4), nn.Linear(2, 2, bias=False)),
            "'bias' is in the model and not in the base: expected the same names",
        ),
        (
            lambda: mup.widths(nn.Linear(4, 4, bias=False), nn.Linear(2, 2)),
            "'bias' is in the base and not in the model: expected the same names",
        ),
        (
            lambda: mup.widths(nn.Linear(4, 4, bias=False), {"weight": (4,)}),
            "'weight' has shape (4, 4) in the model and (4,) in the base: expected as many dimensions",
        ),
        (
            lambda: mup.widths(nn.Bilinear(4, 4, 4, bias=False), nn.Bilinear(2, 2, 2, bias=False)),
            "'weight' grows in 3 dimensions, from (2, 2, 2) to (4, 4, 4): expected 2 at most",
        ),
        (
            lambda: mup.widths(mlp(32), mlp(16), axes={"zzz": "in out"}),
            "axes={'zzz': ...} matches no parameter",
        ),
        (
            lambda: mup.widths(weight_norm(nn.Linear(4, 4)), {"weight": (2, 2), "bias": (2,)}),
            "'weight' is computed by weight_norm, of which the tables of muP do not speak",
        ),
        (
            lambda: mup.groups(mlp(16), 3, lr=0.1),  # type: ignore[arg-type]
            "base=3: expected a narrower model, a function that builds one, or a mapping of shapes by name",
        ),
        (lambda: mup.groups(mlp(16), mlp(16), lr=-1.0), "lr=-1.0: expected a finite number >= 0"),
        (
            lambda: mup.groups(mlp(16), mlp(16), lr=1.0, optimizer="lion"),  # type: ignore[arg-type]
            "optimizer='lion': expected 'adam' or 'sgd'",
        ),
        (
            lambda: mup.widths(mlp(16), mlp(16), output="x"),  # type: ignore[arg-type]
            "output='x': expected 'scaled' or 'multiplied'",
        ),
    ],
)  # fmt: skip
def test_messages(make: Any, message: str) -> None:
    with pytest.raises(RuleError) as caught:
        make()
    assert str(caught.value) == message


def test_a_base_function_that_builds_no_model() -> None:
    def build() -> int:
        return 3

    with pytest.raises(RuleError) as caught:
        mup.widths(mlp(16), build)  # type: ignore[arg-type]
    assert str(caught.value) == f"base={build!r} built a int: expected a torch.nn.Module"


def forward_sizes(width: int, output: mup.Output) -> Tensor:
    """Mean |logit| after 3 Adam steps of a linear net, the multiplier of table 8 in its place."""
    torch.manual_seed(0)
    model = mlp(width)
    plan(model, mup.rescaled(START, base=mlp(16), delta=mlp(32), output=output)).apply(seed=0)
    adam = torch.optim.Adam(mup.groups(model, mlp(16), lr=0.01, output=output), eps=1e-15)
    x = torch.randn(16, 8, generator=torch.Generator().manual_seed(1))
    multiplier = 16 / width if output == "multiplied" else 1.0
    for _ in range(4):
        logits = model[:4](x) @ model[4].weight.T * multiplier + model[4].bias
        adam.zero_grad()
        (logits - 1).square().mean().backward()
        adam.step()
    return logits.detach()


@pytest.mark.parametrize("width", [16, 64, 256])
def test_both_tables_are_one_parametrization(width: int) -> None:
    """Multiplying the weight by c, and dividing std and Adam's rate by c, is the same net: lemma J.1 of the paper."""
    torch.testing.assert_close(forward_sizes(width, "scaled"), forward_sizes(width, "multiplied"), rtol=2e-3, atol=2e-4)


def test_a_transposed_convolution_counts_its_fans_with_its_stride() -> None:
    """fan_in is in * 16 / 4: the formula that is printed has the base's."""
    start = rule(nn.ConvTranspose2d, weight=init.normal(std=0.2), bias=ZERO)
    nets = [nn.ConvTranspose2d(n, n, 4, stride=2) for n in (8, 16, 32)]
    made = plan(nets[2], mup.rescaled(start, base=nets[0], delta=nets[1]))
    assert repr(made.rows[0].scheme) == "scaled(normal(std=0.2), by='sqrt(32/fan_in)')"
    assert stds(made)["weight"] == pytest.approx(0.1, rel=1e-12)
