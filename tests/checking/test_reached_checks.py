"""FS502 and FS510: parameters that the loss does not reach, and layers that the model does not know."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from firststep.checking import check

from .examples import told
from .test_gradient_checks import X, Y, of


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


class Three(nn.Module):
    """Three layers, and a forward that is given."""

    def __init__(self, run: Callable[[Any, Tensor], Any], **more: Any) -> None:
        super().__init__()
        self.one, self.two, self.three = nn.Linear(20, 64), nn.Linear(64, 64), nn.Linear(64, 10)
        self.run = run
        for name, value in more.items():
            setattr(self, name, value)

    def forward(self, x: Tensor) -> Any:
        return self.run(self, x)


def straight(m: Any, x: Tensor) -> Tensor:
    """All three."""
    return m.three(F.relu(m.two(F.relu(m.one(x)))))


def findings(model: nn.Module, loss: Any = None, **more: Any) -> Any:
    return check(model, loss or nn.CrossEntropyLoss(), (X, Y), **more)


def test_cut_word_for_word() -> None:
    report = findings(Three(lambda m, x: m.three(F.relu(m.two(F.relu(m.one(x)))).detach())))
    ones = [one for one in report.findings if one.code == "FS502"]
    assert [(one.severity, one.place) for one in ones] == [("error", "one"), ("error", "two")], told(report)
    assert ones[0].measured == "2 trained parameters of one get no gradient: its output is detached on the way"
    assert ones[0].expected == "a gradient, since the loss depends on them"
    assert (
        ones[0].fix == "take away the .detach() or torch.no_grad() after one; if it is meant, one.requires_grad_(False)"
    )
    assert {clue.channel for clue in ones[0].evidence} == {"graph", "metamorphic"}


def test_part_without_grad_is_a_warning() -> None:
    def run(m: Any, x: Tensor) -> Tensor:
        with torch.no_grad():
            x = F.relu(m.one(x))
        return m.three(F.relu(m.two(x)))

    one = of(findings(Three(run)), "FS502")
    assert (one.severity, one.place) == ("warning", "one")
    assert "runs under torch.no_grad()" in one.measured


def test_a_layer_that_is_left_out() -> None:
    one = of(findings(Three(lambda m, x: m.three(F.relu(m.one(x))))), "FS502")
    assert (one.severity, one.place) == ("warning", "two")
    assert one.measured == "two has 2 trained parameters and never ran"


def test_a_result_that_is_dropped() -> None:
    def run(m: Any, x: Tensor) -> Tensor:
        x = F.relu(m.one(x))
        m.two(x)
        return m.three(x)

    one = of(findings(Three(run)), "FS502")
    assert (one.severity, one.place) == ("warning", "two")
    assert one.measured == "2 trained parameters get no gradient: two ran, and nothing uses what it returned"
    assert one.fix == "use it in forward, as in x = self.two(x), or remove it"


def test_a_parameter_that_is_forgotten() -> None:
    model = Three(straight, scale=nn.Parameter(torch.ones(64)))
    one = of(findings(model), "FS502")
    assert (one.severity, one.place) == ("warning", "scale")


def test_no_parameter_is_reached() -> None:
    class Weighted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(10))

        def forward(self, output: Tensor, target: Tensor) -> Tensor:
            return F.cross_entropy(output.detach() * self.weight, target)

    one = of(findings(Three(straight), Weighted()), "FS502")
    assert (one.severity, one.place) == ("error", "model")


def auxiliary(m: Any, x: Tensor) -> Tensor:
    """A head that is for training only."""
    x = F.relu(m.one(x))
    return m.three(F.relu(m.two(x))) + (m.aux(x) if m.training else 0)


class Experts(nn.Module):
    """Some experts get no tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.experts, self.head = nn.ModuleList(nn.Linear(20, 16) for _ in range(4)), nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.relu(self.experts[1](x)))


def shadow(m: Any, x: Tensor) -> Tensor:
    """A slow copy that gives targets."""
    with torch.no_grad():
        slow = m.slow(x)
    return m.fast(x) - 0.1 * slow


def pooled(m: Any, x: Tensor) -> Tensor:
    """A pooler that runs for those who want it."""
    x = F.relu(m.two(F.relu(m.one(x))))
    m.pooler(x)
    return m.three(x)


@pytest.mark.parametrize(
    "model",
    [
        lambda: Three(auxiliary, aux=nn.Linear(64, 10)),
        lambda: Three(auxiliary, aux=nn.Linear(64, 10)).eval(),
        Experts,
        lambda: Three(pooled, pooler=nn.Sequential(nn.Linear(64, 64), nn.Tanh())),
        lambda: Three(straight, mask_token=nn.Parameter(torch.zeros(64))),
        lambda: Three(straight, heads=nn.ModuleDict({"a": nn.Linear(64, 3), "b": nn.Linear(64, 4)})),
        lambda: Three(straight, other=nn.Linear(4, 4).requires_grad_(False)),
    ],
    ids=["auxiliary", "auxiliary in eval", "experts", "pooler", "mask token", "heads", "frozen"],
)
def test_parts_for_other_steps_are_sound(model: Callable[[], nn.Module]) -> None:
    report = findings(model())
    assert not [one for one in report.findings if one.code == "FS502" and one.severity != "info"], told(report)


def test_a_slow_copy_is_sound() -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fast, self.slow = (nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 10)) for _ in range(2))

        def forward(self, x: Tensor) -> Tensor:
            return shadow(self, x)

    report = findings(Both())
    assert of(report, "FS502").severity == "info"
    assert report.ok, told(report)


def test_positions_that_are_used_in_part_are_sound() -> None:
    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.position, self.head = nn.Embedding(100, 20), nn.Linear(20, 10)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(x + self.position(torch.arange(len(x)) % 7))

    assert "FS502" not in findings(Model()).codes


def test_what_the_optimizer_leaves_out_may_be_cut() -> None:
    model = Three(lambda m, x: m.three(F.relu(m.two(F.relu(m.one(x)))).detach()))
    report = findings(model, optimizer=torch.optim.SGD(model.three.parameters(), lr=0.1))
    assert "FS502" not in report.codes, told(report)


class Listed(nn.Module):
    """Layers in something that torch does not look into."""

    def __init__(self, held: Any) -> None:
        super().__init__()
        self.held, self.head = held, nn.Linear(20, 10)

    def forward(self, x: Tensor) -> Tensor:
        held = self.held
        for one in held.values() if isinstance(held, dict) else held if isinstance(held, (list, tuple)) else [held]:
            x = x + (one(x) if isinstance(one, nn.Module) else one)
        return self.head(x)


@pytest.mark.parametrize(
    ("held", "what", "fix"),
    [
        (
            lambda: [nn.Linear(20, 20) for _ in range(3)],
            "a list with 3 Linear: 6 trained tensors",
            "self.held = nn.ModuleList(self.held)",
        ),
        (
            lambda: {"a": nn.Linear(20, 20)},
            "a dict with 1 Linear: 2 trained tensors",
            "self.held = nn.ModuleDict(self.held)",
        ),
        (
            lambda: (nn.Parameter(torch.zeros(20)),),
            "a tuple with 1 tensor: 1 trained tensors",
            "self.held = nn.ParameterList(self.held)",
        ),
        (
            lambda: torch.zeros(20, requires_grad=True),
            "1 tensor: 1 trained tensors",
            "self.held = nn.Parameter(self.held)",
        ),
    ],
    ids=["list", "dict", "parameters", "tensor"],
)
def test_unregistered_word_for_word(held: Callable[[], Any], what: str, fix: str) -> None:
    one = of(findings(Listed(held())), "FS510")
    assert (one.severity, one.place) == ("error", "held")
    assert one.measured == f"held is {what} that model.parameters() lacks"
    assert one.expected == "layers and parameters that the model knows"
    assert one.fix == fix


@pytest.mark.parametrize(
    "model",
    [
        lambda: Listed(nn.ModuleList([nn.Linear(20, 20)])),
        lambda: Listed([nn.Linear(20, 20).requires_grad_(False)]),
        lambda: Three(straight, teacher=[nn.Linear(20, 10)]),
    ],
    ids=["registered", "frozen", "unused"],
)
def test_hidden_on_purpose_is_sound(model: Callable[[], nn.Module]) -> None:
    report = findings(model())
    assert "FS510" not in report.codes, told(report)


def test_a_list_of_the_models_own_layers_is_sound() -> None:
    model = Three(straight)
    model.order = [model.one, model.two]  # type: ignore[assignment]
    assert "FS510" not in findings(model).codes


def test_a_whole_network_in_a_list_is_a_remark() -> None:
    model = Listed([nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 20))])
    assert of(findings(model), "FS510").severity == "info"


def test_a_weight_that_is_used_without_its_module_and_detached() -> None:
    model = Three(lambda m, x: F.linear(F.relu(m.one(x)), m.three.weight.detach()))
    model.two.requires_grad_(False)
    one = of(findings(model), "FS502")
    assert (one.severity, one.place) == ("error", "three")


def test_the_other_network_of_a_gan_is_sound() -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.generator, self.discriminator = (
                nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, n)) for n in (20, 10)
            )

        def forward(self, x: Tensor) -> Tensor:
            return self.discriminator(self.generator(x).detach())

    report = findings(Both())
    assert of(report, "FS502").severity == "info"
    assert report.ok, told(report)


def test_what_the_optimizer_holds_is_sound() -> None:
    model = Listed([nn.Linear(20, 20)])
    optimizer = torch.optim.SGD([*model.parameters(), *model.held[0].parameters()], lr=0.1)
    assert "FS510" not in findings(model, optimizer=optimizer).codes


class Outside(nn.Module):
    """A model that passes what it computed through something that it does not hold."""

    def __init__(self, through: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(20, 32), nn.Linear(32, 10)
        self.__dict__["through"] = through

    def forward(self, x: Tensor) -> Tensor:
        return self.two(self.through(F.relu(self.one(x))))


@pytest.mark.parametrize("given", [False, True])
def test_a_layer_of_a_closure_word_for_word(given: bool) -> None:
    layer = nn.Linear(32, 32)
    model = Outside(lambda x: layer(x))
    more = {"optimizer": torch.optim.SGD(model.parameters(), lr=0.1)} if given else {}
    one = of(findings(model, **more), "FS510")
    assert (one.severity, one.place) == ("error" if given else "warning", "model")
    assert one.measured == (
        "2 trained tensors of shape (32, 32), (32,) that model.parameters() lacks: they are from outside of the model"
    )
    assert one.expected == "layers and parameters that the model knows"
    assert one.fix == (
        "make it an attribute in __init__, as in self.layer = layer, or .requires_grad_(False) if it is fixed"
    )


def test_a_layer_that_forward_creates_word_for_word() -> None:
    one = of(findings(Outside(lambda x: nn.Linear(32, 32)(x))), "FS510")
    assert (one.severity, one.place) == ("error", "model")
    assert one.measured.endswith("that model.parameters() lacks: forward creates them anew in every pass")
    assert one.fix == (
        "create the layer in __init__, as in self.layer = nn.Linear(...), and call self.layer(x) in forward"
    )


def _force(x: Tensor) -> Tensor:
    """The gradient of an energy by what is a leaf in every pass."""
    x = x.detach().requires_grad_()
    return torch.autograd.grad((x**3).sum(), x, create_graph=True)[0]


CAPTURED = nn.Linear(32, 32)
TENSOR = torch.ones(32, requires_grad=True)


@pytest.mark.parametrize(
    ("through", "remark"),
    [
        (lambda x: nn.LayerNorm(32)(x), True),
        (lambda x: copy.deepcopy(CAPTURED).requires_grad_(False)(x), False),
        (lambda x: x + _force(x), False),
        (lambda x: x * TENSOR, True),
    ],
    ids=["constants", "frozen", "a derivative", "a tensor"],
)
def test_what_is_from_outside_and_may_be_meant(through: Callable[[Tensor], Tensor], remark: bool) -> None:
    report = findings(Outside(through))
    assert [one.severity for one in report.findings if one.code == "FS510"] == ["info"] * remark, told(report)
    assert report.ok, told(report)


def test_another_model_that_the_optimizer_holds_is_sound() -> None:
    model = Outside(lambda x: CAPTURED(x))
    optimizer = torch.optim.SGD([*model.parameters(), *CAPTURED.parameters()], lr=0.1)
    assert "FS510" not in findings(model, optimizer=optimizer).codes


def test_another_model_that_the_callers_forward_runs_is_a_remark() -> None:
    other = nn.Linear(10, 10)
    report = findings(Three(straight), forward=lambda m, x: other(m(x)))
    assert of(report, "FS510").severity == "info"


def test_a_critic_in_the_loss_is_sound() -> None:
    critic = nn.Linear(10, 1)
    report = findings(Three(straight), lambda output, _: F.softplus(-critic(output)).mean())
    assert "FS510" not in report.codes, told(report)


def test_a_layer_that_the_first_pass_makes_is_known() -> None:
    def run(m: Any, x: Tensor) -> Tensor:
        if not hasattr(m, "late"):
            m.late = nn.Linear(64, 64)
        return m.three(F.relu(m.late(F.relu(m.one(x)))))

    assert "FS510" not in findings(Three(run)).codes


class Blocks(nn.Module):
    """Blocks that give two results each; the last one's first is left over, or that of the one before."""

    def __init__(self, unused: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Three(straight) for _ in range(3))
        self.unused = unused

    def forward(self, x: Tensor) -> Any:
        total: Any = 0
        for i, block in enumerate(self.blocks):
            h = F.relu(block.one(x))  # type: ignore[operator]
            total = total + block.three(h)  # type: ignore[operator]
            back = block.two(h)  # type: ignore[operator]
            x = x if i == self.unused else x - back[:, :20]
        return total


@pytest.mark.parametrize(("unused", "severity"), [(2, "info"), (1, "warning")])
def test_what_the_last_block_leaves_over(unused: int, severity: str) -> None:
    found = {one.place: one.severity for one in findings(Blocks(unused)).findings if one.code == "FS502"}
    assert found[f"blocks.{unused}.two"] == severity
