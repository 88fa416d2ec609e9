"""What follows each layer, checked on small models whose answer can be read off their forward."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from firststep.graph import Flow, trace


class Functional(nn.Module):
    """Activations as functions, layers in a ModuleList, a view before the head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3)
        self.blocks = nn.ModuleList(nn.Conv2d(8, 8, 3) for _ in range(2))
        self.head = nn.Linear(8 * 4, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.stem(x))
        for block in self.blocks:
            x = F.silu(block(x))
        x = F.adaptive_avg_pool2d(x, 2)
        return self.head(x.view(x.size(0), -1))


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 8)
        self.outer = nn.Linear(8, 4)
        self.gate = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = x + self.outer(F.gelu(self.inner(x)))
        gate = self.gate(y)
        return y * gate + torch.sigmoid(gate)


class Branching(nn.Module):
    """Its forward asks a value, which a symbolic trace cannot answer."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 4))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) if x.sum() > 0 else x


class Around(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.before = nn.Linear(4, 4)
        self.branching = Branching()
        self.after = nn.Linear(4, 4)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        x = self.before(x)
        if mask is not None:
            x = torch.relu(x) * mask
        return torch.relu(self.after(self.branching(torch.tanh(x))))


def mlp(depth: int, act: type[nn.Module], width: int = 6) -> nn.Sequential:
    layers: list[nn.Module] = []
    for _ in range(depth - 1):
        layers += [nn.Linear(width, width), act()]
    return nn.Sequential(*layers, nn.Linear(width, 3))


def test_sequential_chain() -> None:
    flows = trace(mlp(3, nn.SiLU))
    assert flows == {
        "0": Flow("silu", chain=3, mirrored_out=True),
        "2": Flow("silu", chain=3, mirrored_in=True, mirrored_out=True),
        "4": Flow("linear", chain=3, mirrored_in=True),
    }


def test_functions_and_module_lists() -> None:
    flows = trace(Functional())
    assert {name: flow.nonlinearity for name, flow in flows.items()} == {
        "stem": "relu",
        "blocks.0": "silu",
        "blocks.1": "silu",
        "head": "linear",
    }
    # relu after the stem, silu after the blocks: a chain has one activation throughout
    assert [flows[name].chain for name in ("stem", "blocks.0", "blocks.1", "head")] == [0, 3, 3, 3]


def test_branches_that_differ_count_as_linear() -> None:
    flows = trace(Residual())
    assert flows["inner"].nonlinearity == "gelu"
    assert flows["outer"].nonlinearity == "linear"
    assert flows["gate"].nonlinearity == "linear"
    assert flows["inner"].chain == flows["outer"].chain == 2
    assert flows["gate"].chain == 0


def test_an_untraceable_piece_is_opaque_and_traced_by_itself() -> None:
    flows = trace(Around())
    assert {name: flow.nonlinearity for name, flow in flows.items()} == {
        "before": "tanh",
        "after": "relu",
        "branching.body.0": "tanh",
        "branching.body.2": "linear",
    }


def test_a_library_module_without_a_trace_is_left_unknown() -> None:
    encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2)
    assert trace(encoder) == {}


def test_norms_and_pools_pass_the_activation_on_but_end_a_chain() -> None:
    net = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.MaxPool2d(2), nn.ReLU(inplace=True), nn.Conv2d(4, 4, 3)
    )
    assert trace(net) == {"0": Flow("relu"), "4": Flow("linear")}


@pytest.mark.parametrize("act", [nn.Tanh, nn.Mish, nn.ELU])
def test_activations_whose_odd_part_bends_make_no_chain(act: type[nn.Module]) -> None:
    assert {flow.chain for flow in trace(mlp(4, act)).values()} == {0}


def test_odd_widths_and_groups_make_no_chain() -> None:
    assert {flow.chain for flow in trace(mlp(3, nn.ReLU, width=5)).values()} == {0}
    grouped = nn.Sequential(nn.Conv2d(4, 4, 3, groups=2), nn.ReLU(), nn.Conv2d(4, 4, 3))
    assert {flow.chain for flow in trace(grouped).values()} == {0}


def test_a_layer_called_twice_makes_no_chain() -> None:
    shared = nn.Linear(4, 4)
    net = nn.Sequential(shared, nn.ReLU(), shared)
    assert trace(net)["0"].chain == 0


def test_slopes_are_named() -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.LeakyReLU(0.2), nn.Linear(4, 4))
    assert trace(net)["0"].nonlinearity == "leaky_relu(0.2)"


def test_methods() -> None:
    class Methods(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.b(self.a(x).relu()).tanh_()

    assert {n: f.nonlinearity for n, f in trace(Methods()).items()} == {"a": "relu", "b": "tanh"}


def test_tracing_leaves_everything_as_it_was() -> None:
    class Noisy(nn.Module):
        count: Tensor

        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4)
            self.register_buffer("count", torch.zeros(()))
            self.calls = 0

        def forward(self, x: Tensor) -> Tensor:
            self.calls += 1
            self.count += 1
            return torch.relu(self.layer(x)) + torch.rand(4)

    model, seen = Noisy(), []
    model.layer.register_forward_hook(lambda *_: seen.append(1))
    before, rng = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    assert trace(model)["layer"].nonlinearity == "relu"
    assert model.calls == 0
    assert not seen
    assert torch.equal(torch.get_rng_state(), rng)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_a_model_that_cannot_be_copied_has_no_trace() -> None:
    class Locked(nn.Sequential):
        def __deepcopy__(self, memo: dict) -> None:
            raise RuntimeError("no")

    assert trace(Locked(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))) == {}


def test_a_lone_layer_is_a_head() -> None:
    assert trace(nn.Linear(3, 2)) == {"": Flow("linear")}
