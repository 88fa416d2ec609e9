"""The solved scales: what they hold, on models of many kinds; and that the model is left alone."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import firststep as fs
from firststep.errors import PlanError, SolveError
from firststep.solving import auto, plan_auto, record


def stds(model: nn.Module, x: Any) -> dict[str, float]:
    found: dict[str, float] = {}

    def listen(name: str, out: Tensor) -> None:
        found.setdefault(name, out.std().item())

    hooks = [
        module.register_forward_hook(lambda m, a, out, name=name: listen(name, out))
        for name, module in model.named_modules()
        if isinstance(module, (nn.Linear, nn.Conv2d))
    ]
    with torch.no_grad():
        model(x)
    for hook in hooks:
        hook.remove()
    return found


def chain(activation: type[nn.Module], depth: int = 30) -> nn.Module:
    return nn.Sequential(
        *[one for _ in range(depth) for one in (nn.Linear(256, 256), activation())], nn.Linear(256, 10)
    )


@pytest.mark.parametrize("activation", [nn.ReLU, nn.SiLU, nn.GELU, nn.Tanh, nn.Mish])
def test_thirty_layers_keep_signal_and_gradient(activation: type[nn.Module]) -> None:
    model, x = chain(activation), torch.randn(64, 256, generator=torch.Generator().manual_seed(1))
    plan = plan_auto(model, x)

    plan.apply(seed=0)

    found = [one for name, one in stds(model, x).items() if name != "60"]
    assert max(found) / min(found) < 2
    x.requires_grad_()
    first = model[0](x)
    first.retain_grad()
    last = model[2:59](model[1](first))
    last.backward(torch.randn(last.shape, generator=torch.Generator().manual_seed(2)))
    assert first.grad is not None
    assert 0.4 < first.grad.std().item() / 1.0 < 3
    assert plan.signal["60"].std == pytest.approx(0.5, rel=0.05)


def test_sigmoid_chains_are_said_to_be_beyond_any_scale() -> None:
    plan = plan_auto(chain(nn.Sigmoid), torch.randn(8, 256))

    assert any(
        note.startswith("no scale keeps the signal through the 31 plain layers at '0', '2', '4' and 27")
        for note in plan.notes
    )
    assert any("changes the gradient's second moment by" in note for note in plan.notes)


def test_a_short_relu_net_is_he_after_the_first_layer() -> None:
    """1 / fan_in into the first activation, 2 / fan_in into the second (He et al. 2015)."""
    model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 8))

    rows = {row.name: row for row in plan_auto(model, torch.empty(8, 64, device="meta")).rows}

    expected = [rows[f"{i}.weight"].expected for i in (0, 2, 4)]
    assert [one and one.variance for one in expected] == pytest.approx([1 / 64, 2 / 256, 0.25 * 2 / 256], rel=0.01)
    assert rows["0.bias"].expected == fs.init.zeros().expected((256,))


class Blocks(nn.Module):
    def __init__(self, count: int) -> None:
        super().__init__()
        self.stem, self.end = nn.Linear(256, 256), nn.Identity()
        self.up = nn.ModuleList(nn.Linear(256, 512) for _ in range(count))
        self.down = nn.ModuleList(nn.Linear(512, 256) for _ in range(count))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for up, down in zip(self.up, self.down, strict=True):
            x = x + down(F.gelu(up(x)))
        return self.end(x)


@pytest.mark.parametrize("count", [1, 4, 16])
def test_residual_branches_add_one_trunk_together(count: int) -> None:
    model, x = Blocks(count), torch.randn(64, 256)

    plan = plan_auto(model, x)

    trunk = plan.signal["stem"].std ** 2
    branches = [plan.signal[f"down.{i}"].std ** 2 for i in range(count)]
    assert sum(branches) == pytest.approx(trunk, rel=0.02)
    assert plan.signal["end"].std ** 2 == pytest.approx(2 * trunk, rel=0.02)
    plan.apply(seed=0)
    with torch.no_grad():
        assert model(x).std().item() == pytest.approx(plan.signal["end"].std, rel=0.1)


def test_six_pre_norm_encoder_layers_are_predicted() -> None:
    layer = nn.TransformerEncoderLayer(128, 4, 512, norm_first=True, batch_first=True)
    model = nn.TransformerEncoder(layer, 6, enable_nested_tensor=False)
    x = torch.randn(16, 32, 128, generator=torch.Generator().manual_seed(1))
    plan = plan_auto(model, x)

    plan.apply(seed=0)

    assert all(one.known for one in plan.signal)
    for name, measured in stds(model, x).items():
        if not name.endswith("out_proj"):  # nn.MultiheadAttention does not call it
            assert plan.signal[name].std == pytest.approx(measured, rel=0.12)


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(50, 64), nn.Embedding(16, 64)
        self.norm, self.head = nn.LayerNorm(64), nn.Linear(64, 50, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, ids: Tensor, *, scale: float = 1.0) -> dict[str, Tensor]:
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1]))
        return {"logits": self.head(self.norm(x)) * scale}


def test_a_tied_embedding_has_the_heads_scale_and_positions_follow() -> None:
    rows = {row.name: row for row in plan_auto(Tied(), {"ids": torch.randint(0, 50, (4, 16))}).rows}

    assert rows["tokens.weight"].names == ("tokens.weight", "head.weight")
    tokens, positions = rows["tokens.weight"].expected, rows["positions.weight"].expected
    assert tokens is not None
    assert positions is not None
    assert tokens.std == pytest.approx(math.sqrt(0.25 / 64), rel=0.01)
    assert positions.std == pytest.approx(tokens.std, rel=0.01)


class Amplified(nn.Module):
    """Embeddings times the root of the width, as in Vaswani et al. 2017."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.head = nn.Embedding(50, 64), nn.Linear(64, 50)
        self.positions: Tensor
        self.register_buffer("positions", torch.randn(16, 64))

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.tokens(ids) * 8.0 + self.positions)


def test_an_embedding_that_is_multiplied_is_drawn_that_much_smaller() -> None:
    plan = plan_auto(Amplified(), torch.randint(0, 50, (4, 16)))

    rows = {row.name: row for row in plan.rows}
    assert repr(rows["tokens.weight"].scheme) == "normal(std=0.125)"
    assert plan.signal["head"].std == pytest.approx(0.5, rel=0.03)


class Joined(nn.Module):
    """A strong and a weak part of one layer's input, as in a U-Net."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.both = nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(128, 8)

    def forward(self, x: Tensor) -> Tensor:
        weak = 0.1 * F.relu(self.first(x))
        return self.both(torch.cat([self.second(x), weak], -1))


def test_what_is_concatenated_is_as_strong_as_what_it_is_joined_with() -> None:
    """E[(0.1 relu(z))^2] = 0.005 for the one part and for the other."""
    plan = plan_auto(Joined(), torch.empty(32, 64, device="meta"))

    assert plan.signal["second"].std == pytest.approx(math.sqrt(0.005), rel=0.02)


def test_a_long_tanh_chain_is_orthogonal_and_predicted_to_one_percent() -> None:
    """An orthogonal matrix keeps lengths: what is left of chance is the law of tanh's inputs."""
    model, x = chain(nn.Tanh), torch.randn(64, 256, generator=torch.Generator().manual_seed(1))
    plan = plan_auto(model, x)

    plan.apply(seed=0)

    values = torch.linalg.svdvals(model[10].weight.detach())
    assert (values.max() / values.min()).item() == pytest.approx(1, abs=1e-3)
    measured = stds(model, x)
    assert all(plan.signal[name].std == pytest.approx(measured[name], rel=0.015) for name in measured if name != "60")


def test_an_lstm_cell_remembers() -> None:
    class Stepped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = nn.LSTMCell(16, 32)

        def forward(self, x: Tensor) -> Tensor:
            return self.cell(x)[0]

    rows = {row.name: row for row in plan_auto(Stepped(), torch.randn(4, 16)).rows}

    assert repr(rows["cell.weight_hh"].scheme) == "orthogonal()"
    assert repr(rows["cell.bias_ih"].scheme) == "gate_bias(forget=1.0)"


def test_a_layer_used_twice_has_one_scale() -> None:
    shared = nn.Linear(64, 64)
    model = nn.Sequential(shared, nn.Tanh(), shared, nn.Tanh(), nn.Linear(64, 4))

    names = Counter(row.name for row in plan_auto(model, torch.randn(8, 64)).rows)

    assert names == {"0.weight": 1, "0.bias": 1, "4.weight": 1, "4.bias": 1}


def test_lstm_gates() -> None:
    rows = {row.name: row for row in plan_auto(nn.LSTM(16, 32, 2), torch.randn(10, 4, 16)).rows}

    assert repr(rows["weight_hh_l0"].scheme) == "orthogonal()"
    assert repr(rows["bias_ih_l1"].scheme) == "gate_bias(forget=1.0)"


class Looks(nn.Module):
    """Control flow on numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.a(x) if x.sum() > 1e9 else self.b(x)


def test_parameters_that_the_run_does_not_reach() -> None:
    with pytest.raises(PlanError, match=r"'a.weight' was not used when the model ran on example_inputs") as caught:
        plan_auto(Looks(), torch.randn(4, 8))
    assert [problem.split("'")[1] for problem in caught.value.problems] == ["a.weight", "a.bias"]

    plan = plan_auto(Looks(), torch.randn(4, 8), strict=False)

    assert plan.notes[0] == "'a.weight' is not reached by the example run: it gets the scheme of its kind"


def test_numbers_on_meta_cannot_be_looked_at() -> None:
    with pytest.raises(SolveError, match=r"Looks.forward looks at numbers, which tensors on meta do not have"):
        auto(Looks().to("meta"), torch.empty(4, 8, device="meta"))


def test_inputs_that_do_not_fit() -> None:
    with pytest.raises(
        SolveError, match=r"Linear.forward raised RuntimeError on example_inputs: .* must be what model"
    ):
        auto(nn.Linear(4, 4), torch.randn(2, 5))


def test_rules_of_ones_own_go_first_and_are_in_the_signal() -> None:
    model = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 8))

    plan = plan_auto(model, torch.empty(8, 64, device="meta"), rules=[fs.rule("0", weight=fs.init.normal(std=0.25))])

    assert plan.signal["0"].std == pytest.approx(2.0, rel=0.01)
    assert plan.rows[0].where == "1"


class Hooked(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.drop, self.layer = nn.BatchNorm1d(8), nn.Dropout(), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.drop(self.norm(x)))


def test_the_model_is_left_alone() -> None:
    model = Hooked().eval()
    calls: list[int] = []
    model.layer.register_forward_hook(lambda *a: calls.append(1))
    model.layer.weight.grad = torch.ones(8, 8)
    before = {name: one.clone() for name, one in model.state_dict().items()}
    x = torch.randn(4, 8, requires_grad=True)
    state, fast = torch.get_rng_state(), torch.backends.mha.get_fastpath_enabled()

    auto(model, x)

    assert calls == []
    assert torch.equal(state, torch.get_rng_state())
    assert torch.backends.mha.get_fastpath_enabled() == fast
    assert not model.training
    assert all(torch.equal(before[name], one) for name, one in model.state_dict().items())
    assert model.layer.weight.grad is not None
    assert torch.equal(model.layer.weight.grad, torch.ones(8, 8))
    assert x.grad is None
    assert len(model.layer._forward_hooks) == 1
    assert len(model._forward_hooks) == 0


class Writes(nn.Module):
    """Looks at numbers, draws some, and writes into a parameter and a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.drop, self.norm = nn.Linear(8, 8), nn.Dropout(), nn.BatchNorm1d(8)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.drop(self.layer(x)))
        with torch.no_grad():
            self.layer.weight.clamp_(-0.01, 0.01)
        return x if x.abs().sum() > 0 else 2 * x


def test_a_model_that_looks_at_numbers_is_left_alone_too() -> None:
    model = Writes()
    before, state = {name: one.clone() for name, one in model.state_dict().items()}, torch.get_rng_state()

    auto(model, torch.randn(4, 8, generator=torch.Generator().manual_seed(0)))

    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(before[name], one) for name, one in model.state_dict().items())


def test_a_run_costs_no_memory_on_meta() -> None:
    """A layer of 4 TB, which nobody can allocate."""
    with torch.device("meta"):
        model = nn.Sequential(nn.Linear(1 << 20, 1 << 20, bias=False), nn.ReLU(), nn.Linear(1 << 20, 4))

    signal = auto(model, torch.empty(1 << 10, 1 << 20, device="meta")).signal

    assert signal["0"].std == pytest.approx(1.0, rel=0.01)


def test_a_record_names_modules_parameters_and_constants() -> None:
    run = record(Tied(), torch.randint(0, 50, (4, 16)))

    assert {"tokens.weight", "positions.weight"} <= run.reached()
    assert run.parameters["tokens.weight"] == ("tokens.weight", "head.weight")
    assert [layer.name for layer in run.layers] == ["tokens", "positions", "norm", "head"]
    positions = next(item.constant for item in run.items if item.constant is not None and item.shape == (16,))
    assert positions.tolist() == list(range(16))


def test_the_signal_prints_and_is_plain_data() -> None:
    signal = plan_auto(
        nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 4)), torch.empty(8, 64, device="meta")
    ).signal

    lines = str(signal).splitlines()
    assert lines[0].split() == ["layer", "kind", "mean", "std", "gradient", "chi", "depth", "scale"]
    assert [line.split()[:2] for line in lines[2:5]] == [["0", "Linear"], ["1", "Tanh"], ["2", "Linear"]]
    assert signal.to_dict()["layers"][1]["kind"] == "Tanh"
    assert repr(signal) == "<Signal: 3 layers; print it to see>"
    with pytest.raises(KeyError):
        signal["nothing"]


class _WrittenOut(nn.Module):
    """GELU by tanh, as transformers writes it for GPT-2."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 0.5 * x * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * torch.pow(x, 3.0))))


def test_an_activation_that_is_written_out_is_one_activation() -> None:
    x = torch.randn(64, 32, generator=torch.Generator().manual_seed(0))
    plans = [
        fs.plan(
            nn.Sequential(nn.Linear(32, 64), act, nn.Linear(64, 64), act, nn.Linear(64, 8)), "auto", example_inputs=x
        )
        for act in (_WrittenOut(), nn.GELU("tanh"))
    ]
    stds = [[row.expected.std for row in plan.rows if row.expected is not None] for plan in plans]
    assert stds[0] == pytest.approx(stds[1], rel=1e-4)
    assert plans[0].notes == plans[1].notes
