"""FS501, FS503, FS504, FS508 and FS003: whether there is a gradient, and what is left of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from firststep import losses
from firststep.checking import CheckReport, Finding, check

from .designs.dense import mlp
from .designs.start import classes, plain
from .examples import report, told

X, Y = torch.linspace(-1, 1, 32 * 20).reshape(32, 20).sin() + torch.eye(32, 20), torch.arange(32) % 10


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def of(report: CheckReport, code: str) -> Finding:
    """The one finding of a code."""
    found = [one for one in report.findings if one.code == code]
    assert len(found) == 1, told(report)
    return found[0]


class Net(nn.Module):
    """Two layers with something between them, and something after."""

    def __init__(
        self, between: Callable[[Tensor], Tensor] = F.relu, after: Callable[[Tensor], Tensor] = lambda x: x
    ) -> None:
        super().__init__()
        self.one, self.two, self.between, self.after = nn.Linear(20, 64), nn.Linear(64, 10), between, after

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.two(self.between(self.one(x))))


def test_no_gradient_word_for_word() -> None:
    def loss(output: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(output.detach(), target)

    one = of(check(Net(), loss, (X, Y)), "FS501")
    assert (one.severity, one.place) == ("error", "loss")
    assert one.measured == "the loss has no gradient"
    assert one.expected == "a gradient for the 4 parameters that ask for one"
    assert one.fix == "compute the loss from the output itself: no .detach(), .item(), .argmax() or .numpy() on the way"


@pytest.mark.parametrize(
    "loss",
    [
        lambda output, target: (output.argmax(1) != target).float().mean(),
        lambda output, target: torch.tensor(F.cross_entropy(output, target).item()),
        lambda output, target: F.cross_entropy(output, target).item(),
        lambda output, target: F.cross_entropy(torch.from_numpy(output.detach().numpy()), target),
        lambda output, target: F.cross_entropy(output.data, target),
    ],
    ids=["argmax", "tensor of item", "item", "numpy", "data"],
)
def test_a_loss_that_forgets(loss: Callable[..., object]) -> None:
    one = of(check(Net(), loss, (X, Y)), "FS501")
    assert (one.severity, one.place) == ("error", "loss")


def test_a_model_that_forgets_names_its_last_layer() -> None:
    one = of(check(Net(after=lambda x: x.detach()), nn.CrossEntropyLoss(), (X, Y)), "FS501")
    assert (one.severity, one.place) == ("error", "two")
    assert "torch.no_grad() after two" in one.fix


def test_a_model_without_grad() -> None:
    class Blind(Net):
        def forward(self, x: Tensor) -> Tensor:
            with torch.no_grad():
                return super().forward(x)

    one = of(check(Blind(), nn.CrossEntropyLoss(), (X, Y)), "FS501")
    assert (one.severity, one.place) == ("error", "model")
    assert one.fix == "run the model outside of torch.no_grad() and torch.inference_mode()"


def test_everything_frozen_is_another_matter() -> None:
    report = check(Net().requires_grad_(False), nn.CrossEntropyLoss(), (X, Y))
    one = of(report, "FS504")
    assert "FS501" not in report.codes
    assert (one.severity, one.place, one.measured) == ("error", "model", "0 of 4 parameters ask for a gradient")


def test_a_loss_that_is_trained_alone() -> None:
    """Proxies on frozen features."""
    loss = losses.ArcFaceLoss(num_classes=10, embedding_dim=10)
    report = check(Net().requires_grad_(False), loss, (X, Y))
    assert not {"FS501", "FS502", "FS504"} & set(report.codes), told(report)


@pytest.mark.parametrize(
    ("model", "place"),
    [
        (lambda: Net(between=lambda x: x.round()), "one"),
        (lambda: Net(between=torch.sign), "one"),
        (lambda: Net(between=lambda x: F.relu(x - 100)), "one"),
        (lambda: Net(after=lambda x: x.clamp(5, 9)), "one"),
    ],
    ids=["round", "sign", "dead relu", "clamp"],
)
def test_zero_gradient(model: Callable[[], nn.Module], place: str) -> None:
    one = of(check(model(), nn.CrossEntropyLoss(), (X, Y)), "FS503")
    assert (one.severity, one.place) == ("error", place)
    assert one.measured.startswith("gradient exactly 0 in ")
    assert one.expected == "a gradient, at the latest after a step of the parameters behind"


def test_two_zero_layers_never_wake() -> None:
    model = nn.Sequential(nn.Linear(20, 64), nn.Linear(64, 64, bias=False), nn.ReLU(), nn.Linear(64, 10))
    nn.init.zeros_(model[1].weight)
    nn.init.zeros_(model[3].weight)
    assert "FS503" in check(model, nn.CrossEntropyLoss(), (X, Y)).codes


def sleeping(kind: str) -> nn.Module:
    """Models of which a part has no gradient in the first step."""
    model = plain([20, 64, 64, 10])
    if kind == "head":
        nn.init.zeros_(model[-1].weight)
        nn.init.zeros_(model[-1].bias)
    elif kind == "gate":

        class Gated(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.stem, self.branch, self.head = nn.Linear(20, 64), plain([64, 64, 64]), nn.Linear(64, 10)
                self.gate = nn.Parameter(torch.zeros(1))

            def forward(self, x: Tensor) -> Tensor:
                x = self.stem(x)
                return self.head(x + self.gate * self.branch(x))

        model = Gated()
    elif kind == "lora":

        class Adapted(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.base = nn.Linear(20, 10).requires_grad_(False)
                self.a, self.b = nn.Linear(20, 4, bias=False), nn.Linear(4, 10, bias=False)
                nn.init.zeros_(self.b.weight)

            def forward(self, x: Tensor) -> Tensor:
                return self.base(x) + self.b(self.a(x))

        model = Adapted()
    return model


@pytest.mark.parametrize("kind", ["head", "gate", "lora"])
def test_what_wakes_is_sound(kind: str) -> None:
    report = check(sleeping(kind), nn.CrossEntropyLoss(), (X, Y))
    assert report.ok, told(report)
    assert not {"FS502", "FS503", "FS702"} & set(report.codes), told(report)


def test_a_bias_before_a_norm_is_sound() -> None:
    model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 10))
    assert "FS503" not in check(model, nn.CrossEntropyLoss(), (X, Y)).codes


def test_vanishing_word_for_word() -> None:
    model = plain([20, *[64] * 6, 10], nn.Sigmoid)
    one = of(check(model, nn.CrossEntropyLoss(), (X, Y)), "FS508")
    assert (one.severity, one.place) == ("warning", "0")
    assert one.measured.startswith("the gradient shrinks ")
    assert " from 12 down to 0, " in one.measured
    expected = "about the same size in all 7 layers; torch's own weights lose 2 to 3.5 times per layer"
    assert one.expected == expected
    assert one.fix.startswith("take nn.GELU() or nn.ReLU()")
    per_layer = float(one.measured.rpartition(", ")[2].split()[0])
    assert per_layer == pytest.approx(1 / (0.25 * (1 / 3) ** 0.5), rel=0.15)  # sigmoid's slope, torch's weights


def test_exploding() -> None:
    model = plain([20, *[128] * 5, 10])
    for module in model:
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight)
    one = of(check(model, nn.CrossEntropyLoss(), (X, Y)), "FS508")
    assert one.measured.startswith("the gradient grows ")


@pytest.mark.parametrize("act", ["relu", "tanh", "gelu", "silu"])
@pytest.mark.parametrize("width", [16, 128])
def test_plain_networks_as_torch_makes_them_are_sound(act: str, width: int) -> None:
    model, loss, batch = mlp(8, width, act)
    assert "FS508" not in check(model, loss, batch).codes


@pytest.mark.parametrize(
    "loss",
    [
        lambda output, target: (output - output.detach()).square().sum(1).sqrt().mean(),
        lambda output, target: F.mse_loss(torch.where(output > 0, output.sqrt(), 0.0), F.one_hot(target, 10).float()),
    ],
    ids=["sqrt of 0", "where"],
)
def test_a_gradient_that_is_nan(loss: Callable[..., Tensor]) -> None:
    one = of(check(Net(), loss, (X, Y)), "FS003")
    assert (one.severity, one.place) == ("error", "two.bias")
    assert one.expected == "finite numbers"


@pytest.mark.parametrize("reentrant", [True, False])
def test_checkpoints_are_sound(reentrant: bool) -> None:
    """Their parameters are reached in a whole backward pass only."""

    class Checkpointed(Net):
        def forward(self, x: Tensor) -> Tensor:
            return self.two(F.relu(checkpoint(self.one, x.requires_grad_(), use_reentrant=reentrant)))

    model = Checkpointed()
    report = check(model, nn.CrossEntropyLoss(), (X, Y))
    assert not [one for one in report.codes if one.startswith(("FS5", "FS0"))], told(report)
    F.cross_entropy(model(X.clone()), Y).backward()
    for one in report.evidence.parameters:
        gradient = model.get_parameter(one.name).grad
        assert gradient is not None
        assert one.gradient == pytest.approx(float(gradient.square().mean().sqrt()), rel=1e-4)


def test_vmap_is_sound() -> None:
    class Mapped(Net):
        def forward(self, x: Tensor) -> Tensor:
            return torch.vmap(self.two)(F.relu(self.one(x)))

    report = check(Mapped(), nn.CrossEntropyLoss(), (X, Y))
    assert report.ok, told(report)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_dtypes_are_sound(dtype: torch.dtype) -> None:
    report = check(Net().to(dtype), nn.CrossEntropyLoss(), (X.to(dtype), classes(32)))
    assert not [one for one in report.codes if one.startswith(("FS5", "FS7", "FS003"))], told(report)


CHAIN = """
layers = [nn.Linear(20, {width}), {act}, *[one for _ in range({depth}) for one in (nn.Linear({width}, {width}), {act})]]
model, loss = nn.Sequential(*layers, nn.Linear({width}, 5)), nn.CrossEntropyLoss()
batch = torch.randn({n}, 20), torch.arange({n}) % 5
"""


@pytest.mark.parametrize("act", ["nn.GELU()", "nn.ReLU()"])
@pytest.mark.parametrize(("width", "n"), [(4, 16), (4, 2), (8, 16), (16, 2)])
def test_the_draw_of_narrow_layers_is_no_slope(act: str, width: int, n: int) -> None:
    """The default weights of a plain net lose 2.5 to 3.4 times per layer; of one of width 4 up to 5.5 by chance."""
    for seed in range(12):
        found = report(CHAIN.format(width=width, depth=4, act=act, n=n), seed)
        assert "FS508" not in found.codes, told(found)


@pytest.mark.parametrize(("width", "depth"), [(8, 7), (16, 5), (64, 5)])
def test_narrow_sigmoids_are_named_still(width: int, depth: int) -> None:
    for seed in range(3):
        assert "FS508" in report(CHAIN.format(width=width, depth=depth, act="nn.Sigmoid()", n=16), seed).codes


class Gate(nn.Module):
    """A branch behind a gate of 0, whose last layer is 0 or not."""

    def __init__(self, zero: bool) -> None:
        super().__init__()
        self.layer, self.gate = nn.Linear(64, 64), nn.Parameter(torch.zeros(1))
        if zero:
            nn.init.zeros_(self.layer.weight)
            nn.init.zeros_(self.layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.gate * F.relu(self.layer(x))


def test_two_zeros_that_are_multiplied() -> None:
    def run(zero: bool) -> CheckReport:
        return check(nn.Sequential(nn.Linear(20, 64), Gate(zero), nn.Linear(64, 10)), nn.CrossEntropyLoss(), (X, Y))

    one = of(run(zero=True), "FS503")
    assert (one.severity, one.place) == ("error", "1")
    assert one.measured == "gradient exactly 0 in 3 of 7 parameters: 1, 1.layer"
    assert one.fix == "let one of them not start at 0: nn.init.xavier_normal_(model[1].layer.weight)"
    assert "FS503" not in run(zero=False).codes
