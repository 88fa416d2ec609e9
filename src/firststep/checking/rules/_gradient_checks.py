"""Whether the loss has a gradient, and what is left of it on its way to the first layer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...losses import Text
from .._finding import Clue, Found, listed
from .._rule import Check
from ..probe._evidence import Evidence
from ..probe._parameter import Parameter
from ._chain import leaves, typed

_RAISES = "element 0 of tensors does not require grad and does not have a grad_fn"


def _model(evidence: Evidence) -> list[Parameter]:
    return [one for one in evidence.parameters if not one.of_loss]


def finite(evidence: Evidence) -> bool:
    """Whether a loss that is a number went backward, so that the gradients are known."""
    known = evidence.crash is None and evidence.loss_graph
    return known and evidence.loss is not None and math.isfinite(evidence.loss)


def _detached(evidence: Evidence) -> Iterator[Found]:
    if evidence.crash is not None or evidence.loss is None or evidence.loss_graph or not evidence.trained:
        return
    layers = [layer for layer in evidence.layers if not layer.function]
    last = next((layer for layer in reversed(layers) if layer.graph), None)
    if any(seen.graph for seen in evidence.outputs):
        place, where = "loss", "the output of the model has a graph, the loss has none: it ends in between"
        fix = "compute the loss from the output itself: no .detach(), .item(), .argmax() or .numpy() on the way"
    elif last is not None:
        place, where = last.name, f"{last.name} is the last layer whose output has a graph, the model's output has none"
        fix = f"look for .detach(), .data, .item(), .argmax() or torch.no_grad() after {last.name}"
    else:
        place, where = "model", f"none of the outputs of {len(layers)} layers has a graph, though parameters ask for it"
        fix = "run the model outside of torch.no_grad() and torch.inference_mode()"
    yield Found(
        place=place,
        measured="the loss has no gradient",
        expected=f"a gradient for the {len(evidence.trained)} parameters that ask for one",
        fix=fix,
        clues=[Clue("graph", where), Clue("run", f"loss.backward() raises RuntimeError: {_RAISES}")],
    )


DETACHED = Check(
    code="FS501",
    title=Text("The loss has no gradient", "损失没有梯度"),
    why=Text(
        "What is detached, rounded to a class or computed without grad has forgotten how it was made: loss.backward() "
        "raises.",
        "被 detach、取成类别或在无梯度模式下计算的结果不再记得自己的来历：loss.backward() 会抛出异常。",
    ),
    sound=Text(
        "It repeats what torch says of the loss: it asks for no gradient although parameters do. Torch cannot train "
        "from such a loss.",
        "它只是转述 torch 的事实：参数需要梯度而损失没有梯度，这样的损失无法训练。",
    ),
    fault="""
model = nn.Linear(20, 10)
loss = lambda output, target: F.mse_loss(output.argmax(1).float(), target.float())
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    cure="""
loss = nn.CrossEntropyLoss()
""",
    find=_detached,
)


@dataclass(frozen=True, slots=True)
class _Dead:
    modules: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    all: bool


def _dead(evidence: Evidence) -> _Dead | None:
    """The modules all of whose gradients are exactly zero and stay so."""
    if not finite(evidence):
        return None
    reached = [one for one in evidence.trained if one.reached and one.numel and not one.of_loss]
    by_module: dict[str, list[Parameter]] = {}
    for one in reached:
        by_module.setdefault(one.module, []).append(one)
    asleep = {
        name: group
        for name, group in by_module.items()
        if all(one.gradient == 0 and one.woken == 0 for one in group)
        and any(len(one.shape) > 1 or one.local != "bias" for one in group)
    }
    if not asleep:
        return None
    parameters = tuple(one for group in asleep.values() for one in group)
    return _Dead(tuple(asleep), parameters, len(parameters) == len(reached))


def _first_is_dead(evidence: Evidence, dead: _Dead) -> bool:
    """Whether nothing is trained before the dead ones: what comes in cannot be learned from."""
    trained = {one.module for one in evidence.trained if one.reached}
    first = next((layer.place for layer in evidence.layers if not layer.function and layer.place in trained), None)
    return first in dead.modules


def _zero(evidence: Evidence) -> Iterator[Found]:
    dead = _dead(evidence)
    if dead is None:
        return
    count, of = len(dead.parameters), sum(one.reached and not one.of_loss for one in evidence.trained)
    after = [one for one in evidence.loss_after if math.isfinite(one)]
    steps = f"{len(after)} virtual step" + ("s" if len(after) != 1 else "")
    clues = [Clue("signals", f"the gradient of {count} of {of} parameters is exactly 0")]
    if after:
        clues.append(
            Clue(
                "virtual steps",
                f"after {steps} it is 0 still, and the loss went from {evidence.loss:.4g} to {after[-1]:.4g}",
            )
        )
    cause = next((layer for layer in evidence.layers if layer.function and layer.dead == 1), None)
    locked = _locked(dead)
    if locked:
        names = " and ".join(one.name for one in locked)
        clues.append(Clue("values", f"all values of {names} are 0, and neither gets a gradient while the other is"))
        fix = f"let one of them not start at 0: nn.init.xavier_normal_({typed(locked[1].name)})"
    elif cause is not None:
        fix = f"{cause.name} gives 0 for every example: give its inputs both signs, or take nn.GELU()"
    elif dead.all:
        fix = "take a loss that has a slope here: no rounding, step function or clamp between output and loss"
    else:
        fix = f"look at what follows {dead.modules[-1]}: weights that are all 0, a rounding or a clamp that is flat"
    names = [name or "model" for name in dead.modules]
    yield Found(
        place=dead.modules[0] or dead.parameters[0].name,
        measured=f"gradient exactly 0 in {count} of {of} parameters: {listed(names)}",
        expected="a gradient, at the latest after a step of the parameters behind",
        fix=fix,
        clues=clues,
        sure=(dead.all and evidence.loss != 0) or (not dead.all and (bool(locked) or _first_is_dead(evidence, dead))),
    )


def _locked(dead: _Dead) -> tuple[Parameter, Parameter] | None:
    """A gate and a matrix beside or below it, both 0: neither gets a gradient while the other is."""
    zeros = [one for one in dead.parameters if one.constant and one.mean == 0 and one.local != "bias"]
    for gate in zeros:
        for other in zeros:
            inside = other.module == gate.module or other.module.startswith(f"{gate.module}." if gate.module else "")
            if other is not gate and inside and len(other.shape) > 1:
                return gate, other
    return None


ZERO = Check(
    code="FS503",
    title=Text("The gradient is zero, and stays zero", "梯度为零，并且一直为零"),
    why=Text(
        "A parameter whose gradient is exactly 0 never moves, whatever the learning rate.",
        "梯度恰好为 0 的参数无论学习率多大都不会移动。",
    ),
    sound=Text(
        "Layers behind a head, a gate or a branch that starts at zero have no gradient at first, and one after the "
        "first steps: two virtual steps are made, and only what sleeps on is reported. Biases alone are not reported, "
        "since a norm behind them takes them away, and neither are parts that other trained layers come before, other "
        "than as a remark, but for two zeros that are factors of each other.",
        "从零开始的输出层、门或残差分支之前的层起初没有梯度，几步之后就有了：检查会做两个虚拟步，只报告仍然沉睡的层。"
        "单独的偏置不报告，因为其后的归一化会抵消它；前面还有可训练层的局部只作提示，互为因子的两个零除外。",
    ),
    fault="""
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 10))
nn.init.constant_(model[0].bias, -50.0)
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    cure="""
nn.init.zeros_(model[0].bias)
""",
    find=_zero,
)


def _frozen(evidence: Evidence) -> Iterator[Found]:
    if evidence.trained or not evidence.parameters or evidence.crash is not None:
        return
    count = len(evidence.parameters)
    clues = [Clue("settings", f"requires_grad is False for all {count} parameters")]
    if evidence.loss is not None and not evidence.loss_graph:
        clues.append(Clue("graph", "the loss has no gradient"))
    yield Found(
        place="model",
        measured=f"0 of {count} parameters ask for a gradient",
        expected="at least those of the last layer",
        fix="model.requires_grad_(True), or make the new head after freezing the rest",
        clues=clues,
    )


FROZEN = Check(
    code="FS504",
    title=Text("Nothing is trained: every parameter is frozen", "没有可训练的参数：全部被冻结"),
    why=Text(
        "No parameter asks for a gradient, so that no step changes anything.",
        "没有参数需要梯度，任何一步都不会改变模型。",
    ),
    sound=Text(
        "One trained parameter anywhere, in the model or the loss, is enough for silence.",
        "只要模型或损失中有一个可训练参数，就不会报告。",
    ),
    fault="""
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 10))
for parameter in model.parameters():
    parameter.requires_grad = False
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 20), torch.arange(32) % 10
""",
    cure="""
model[2].requires_grad_(True)
""",
    find=_frozen,
)


@dataclass(frozen=True, slots=True)
class Slope:
    """How the size of the gradient changes from layer to layer.

    Args:
        first, last: the place and the size of the gradient at both ends.
        layers: how many layers.
        rate: by how much it is greater from one layer to the next.
        straight: the correlation of its logarithm with the depth.
        chance: by how much the logarithm of ``total`` varies with the draw of the weights: its standard deviation.
    """

    first: tuple[str, float]
    last: tuple[str, float]
    layers: int
    rate: float
    straight: float
    chance: float = 0.0

    @property
    def total(self) -> float:
        """The last over the first."""
        return self.last[1] / self.first[1]


def slope(evidence: Evidence) -> Slope | None:
    """By the norm of the loss's gradient by each layer's output: of an orthogonal chain it is the same everywhere."""
    places = {layer.place for layer in leaves(evidence)}
    squares: dict[str, float] = {}
    widths: dict[str, int] = {}
    for layer in evidence.layers:
        if not layer.function and layer.place in places and math.isfinite(layer.gradient):
            squares[layer.place] = squares.get(layer.place, 0.0) + layer.gradient**2 * math.prod(layer.shape)
            channels = len(layer.shape) > 3 or layer.kind.startswith("Conv")
            widths[layer.place] = layer.shape[1 if channels and len(layer.shape) > 2 else -1] if layer.shape else 1
    sizes = [(place, math.sqrt(one)) for place, one in squares.items() if one > 0]
    n = len(sizes)
    if n < _FEWEST:
        return None
    logs = [math.log(size) for _, size in sizes]
    middle, mean = (n - 1) / 2, sum(logs) / n
    along = sum((i - middle) * (one - mean) for i, one in enumerate(logs))
    depth, spread = sum((i - middle) ** 2 for i in range(n)), sum((one - mean) ** 2 for one in logs)
    if spread == 0:
        return None
    straight = along / math.sqrt(depth * spread)
    return Slope(sizes[0], sizes[-1], n, math.exp(along / depth), straight, _by_chance(list(widths.values())))


def _by_chance(widths: Sequence[int]) -> float:
    """Of a chain of rectified layers the logarithm of the squared gradient has a variance of about 5 times sum 1/n."""
    return math.sqrt(5 * sum(1 / max(width, 1) for width in widths[:-1])) / 2


_FEWEST = 5
_STEEP, _FALLEN, _FAR = 3.8, 200.0, 1e5
"""Per layer and from end to end, or from end to end however many layers."""
_STRAIGHT = 0.95


def _steep(evidence: Evidence) -> Iterator[Found]:
    seen = slope(evidence) if finite(evidence) else None
    if seen is None or abs(seen.straight) < _STRAIGHT:
        return
    rate, total = max(seen.rate, 1 / seen.rate), max(seen.total, 1 / seen.total)
    draw = math.exp(2 * seen.chance)
    if not (total >= _FAR * draw or (rate >= _STEEP * draw ** (1 / (seen.layers - 1)) and total >= _FALLEN * draw)):
        return
    kinds = {layer.kind.lower() for layer in evidence.layers if layer.function}
    word = "shrinks" if seen.rate > 1 else "grows"
    if seen.rate > 1 and kinds & {"sigmoid", "tanh"}:
        fix = "take nn.GELU() or nn.ReLU() in the hidden layers, with norms or residual connections between them"
    else:
        fix = "fs.initialize(model, seed=0), with norms or residual connections between the layers"
    yield Found(
        place=seen.first[0] or "model",
        measured=f"the gradient {word} {total:.3g} times from {seen.last[0]} down to {seen.first[0]}, "
        f"{rate:.3g} times per layer",
        expected=f"about the same size in all {seen.layers} layers; torch's own weights lose 2 to 3.5 times per layer",
        fix=fix,
        clues=[
            Clue(
                "signals",
                f"the norm of the loss's gradient by the outputs is {seen.last[1]:.3g} at {seen.last[0]} and "
                f"{seen.first[1]:.3g} at {seen.first[0]}, a straight line in its logarithm, r {abs(seen.straight):.2f}",
            )
        ],
    )


STEEP = Check(
    code="FS508",
    title=Text("The gradient vanishes or explodes along the depth", "梯度随深度消失或爆炸"),
    why=Text(
        "The first and the last layers learn at speeds that no one learning rate fits.",
        "首层与末层的学习速度相差太大，没有一个学习率同时适合二者。",
    ),
    sound=Text(
        "The gradient's norm must follow a straight line in its logarithm over at least five layers, and change by "
        "3.8 times per layer or by a hundred thousand in all, and by more in narrow layers, where the draw of the "
        "weights alone makes as much. Residual branches, gates and layer scales make no such line; torch's own weights "
        "in plain networks of up to eight layers stay below both.",
        "梯度范数的对数必须在至少五层上呈直线，且每层变化 3.8 倍或总变化十万倍；窄层中权重的随机性本身就会造成变化，"
        "因此界限更高。残差分支、门和 LayerScale 不会形成这样的直线；"
        "torch 默认权重的八层以内普通网络也低于这两个界限。",
    ),
    fault="""
model = nn.Sequential(*(nn.Sequential(nn.Linear(32, 32), nn.Sigmoid()) for _ in range(8)), nn.Linear(32, 10))
loss = nn.CrossEntropyLoss()
batch = torch.randn(32, 32), torch.arange(32) % 10
""",
    cure="""
blocks = [nn.Sequential(nn.Linear(32, 32), nn.LayerNorm(32), nn.GELU()) for _ in range(8)]
model = nn.Sequential(*blocks, nn.Linear(32, 10))
""",
    find=_steep,
)

CHECKS = (DETACHED, ZERO, FROZEN, STEEP)
