"""The functions of torch.nn.init: torch's names, arguments, distributions, warnings; and what torch's own cannot do."""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
import torch
import torch.nn.init as theirs
from scipy import stats
from torch import Tensor, nn

from firststep import init
from firststep.errors import SchemeError

NAMES = [name for name in theirs.__all__ if name.endswith("_")]
DEPRECATED = [name for name in theirs.__all__ if not name.endswith("_") and name != "calculate_gain"]

Call = Callable[[Any, Tensor, Any], Tensor]

DRAWN: dict[str, Call] = {
    "uniform_": lambda i, t, g: i.uniform_(t, -1.0, 3.0, generator=g),
    "normal_": lambda i, t, g: i.normal_(t, 0.5, 2.0, generator=g),
    "trunc_normal_": lambda i, t, g: i.trunc_normal_(t, 0.1, 1.5, -1.0, 2.0, generator=g),
    "trunc_normal_ narrow": lambda i, t, g: i.trunc_normal_(t, 0.0, 1.0, 2.0, 3.0, generator=g),
    "xavier_uniform_": lambda i, t, g: i.xavier_uniform_(t, 2.0, generator=g),
    "xavier_normal_": lambda i, t, g: i.xavier_normal_(t, 2.0, generator=g),
    "kaiming_uniform_": lambda i, t, g: i.kaiming_uniform_(t, 0.2, "fan_out", generator=g),
    "kaiming_normal_": lambda i, t, g: i.kaiming_normal_(t, nonlinearity="relu", generator=g),
    "kaiming_normal_ tanh": lambda i, t, g: i.kaiming_normal_(t, 0.2, "FAN_IN", "tanh", generator=g),
    "orthogonal_": lambda i, t, g: i.orthogonal_(t, 1.5, generator=g),
    "sparse_": lambda i, t, g: i.sparse_(t, 0.3, 0.5, generator=g),
}


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# Names and signatures


@pytest.mark.parametrize("name", [*NAMES, "calculate_gain", "_calculate_fan_in_and_fan_out"])
def test_names_arguments_and_defaults_are_torchs(name: str) -> None:
    ours, torchs = (inspect.signature(getattr(module, name)).parameters for module in (init, theirs))
    assert [(p.name, p.kind, p.default) for p in ours.values()] == [
        (p.name, p.kind, p.default) for p in torchs.values()
    ]


def test_nothing_of_torchs_is_missing() -> None:
    assert not [name for name in theirs.__all__ if not hasattr(init, name)]


# Distributions


@pytest.mark.parametrize("call", DRAWN.values(), ids=DRAWN)
def test_distributions_are_torchs(call: Call) -> None:
    """Two-sample Kolmogorov-Smirnov, 40,000 values each, seeds fixed; at 1e-5 for each of 11: false failure 1e-4."""
    ours, torchs = (call(module, torch.empty(200, 200), seeded(8)) for module in (init, theirs))
    assert stats.ks_2samp(ours.flatten().numpy(), torchs.flatten().numpy()).pvalue > 1e-5


@pytest.mark.parametrize("shape", [(12, 5, 3), (4, 6, 3, 2), (2, 3, 2, 2, 2)])
@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
def test_bounds_of_kernels_are_torchs(shape: tuple[int, ...], mode: str) -> None:
    """The greatest of N uniform values lies within a factor 1 - 20 / N of the bound: false failure e^-20 for each."""
    fan = dict(zip(("fan_in", "fan_out"), theirs._calculate_fan_in_and_fan_out(torch.empty(shape)), strict=True))[mode]
    bound = theirs.calculate_gain("leaky_relu", 0.3) * math.sqrt(3 / fan)
    w = init.kaiming_uniform_(torch.empty(shape, dtype=torch.float64), 0.3, mode, generator=seeded(0))
    assert bound * (1 - 20 / w.numel()) < w.abs().max() < bound


def test_fans_are_torchs() -> None:
    for shape in [(3, 4), (3, 4, 5), (2, 3, 4, 5), (0, 3), (3, 0, 2)]:
        fans = init._calculate_fan_in_and_fan_out(torch.empty(shape))
        assert fans == theirs._calculate_fan_in_and_fan_out(torch.empty(shape))
        assert all(type(fan) is int for fan in fans)


def test_constants_are_torchs() -> None:
    for call in (
        lambda i, t: i.constant_(t, 0.3),
        lambda i, t: i.constant_(t, -math.inf),
        lambda i, t: i.ones_(t),
        lambda i, t: i.zeros_(t),
        lambda i, t: i.eye_(t),
    ):
        for dtype in (torch.float32, torch.bfloat16, torch.int64, torch.complex64):
            if dtype == torch.int64 and call(theirs, torch.empty(3, 5)).isinf().any():
                continue
            assert torch.equal(call(init, torch.empty(3, 5, dtype=dtype)), call(theirs, torch.empty(3, 5, dtype=dtype)))
    for groups in (1, 3):
        ours, torchs = (i.dirac_(torch.empty(6, 2, 3, 4), groups) for i in (init, theirs))
        assert torch.equal(ours, torchs)


@pytest.mark.parametrize("name", ["linear", "conv_transpose3d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"])
def test_gains_are_torchs(name: str) -> None:
    for param in (None, 0, 0.2, 5):
        assert init.calculate_gain(name, param) == theirs.calculate_gain(name, param)  # type: ignore[arg-type]


# Seeds


@pytest.mark.parametrize("call", DRAWN.values(), ids=DRAWN)
def test_a_generator_decides_the_values(call: Call) -> None:
    first = call(init, torch.empty(20, 30), seeded(4))
    assert torch.equal(call(init, torch.empty(20, 30), seeded(4)), first)
    assert not torch.equal(call(init, torch.empty(20, 30), seeded(5)), first)


@pytest.mark.parametrize("call", DRAWN.values(), ids=DRAWN)
def test_torchs_seed_decides_the_values(call: Call) -> None:
    torch.manual_seed(4)
    first, second = call(init, torch.empty(20, 30), None), call(init, torch.empty(20, 30), None)
    torch.manual_seed(4)
    assert torch.equal(call(init, torch.empty(20, 30), None), first)
    assert not torch.equal(first, second)


def test_one_generator_serves_one_tensor_after_another() -> None:
    generator, tensors = seeded(1), []
    for _ in range(2):
        tensors.append(init.normal_(torch.empty(3), generator=generator))
    assert not torch.equal(*tensors)
    assert torch.equal(tensors[0], init.normal_(torch.empty(3), generator=seeded(1)))


@pytest.mark.parametrize("call", DRAWN.values(), ids=DRAWN)
def test_values_do_not_depend_on_the_memory_layout(call: Call) -> None:
    expected = call(init, torch.empty(6, 8), seeded(2))
    assert torch.equal(call(init, torch.empty(8, 6).t(), seeded(2)), expected)
    assert torch.equal(call(init, torch.empty(12, 24)[::2, ::3], seeded(2)), expected)


def test_channels_last() -> None:
    for name in ("normal_", "xavier_uniform_", "orthogonal_"):
        fill = getattr(init, name)
        expected = fill(torch.empty(4, 3, 5, 5), generator=seeded(2))
        w = torch.empty(4, 3, 5, 5).to(memory_format=torch.channels_last)
        assert fill(w, generator=seeded(2)) is w
        assert torch.equal(w, expected)
        assert w.is_contiguous(memory_format=torch.channels_last)


# Tensors of every kind


@pytest.mark.parametrize("call", DRAWN.values(), ids=DRAWN)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_dtypes(call: Call, dtype: torch.dtype) -> None:
    """Std against torch's in float32, 40,000 values each, seeds fixed; 4 % is beyond 6 standard errors of either."""
    w = call(init, torch.empty(200, 200, dtype=dtype), seeded(3))
    assert w.dtype == dtype
    assert w.isfinite().all()
    assert w.double().std() == pytest.approx(call(theirs, torch.empty(200, 200), seeded(3)).std().item(), rel=0.04)


def test_half_precision_is_float32_rounded() -> None:
    for call in DRAWN.values():
        if call is DRAWN["trunc_normal_ narrow"]:
            continue
        single, half = (call(init, torch.empty(9, 9, dtype=d), seeded(3)) for d in (torch.float32, torch.bfloat16))
        assert torch.equal(single.bfloat16(), half)


@pytest.mark.parametrize("call", DRAWN.values(), ids=DRAWN)
def test_a_parameter_keeps_its_identity_and_gets_no_history(call: Call) -> None:
    weight = nn.Parameter(torch.empty(5, 4))
    pointer = weight.data_ptr()
    assert call(init, weight, None) is weight
    assert weight.requires_grad
    assert weight.is_leaf
    assert weight.data_ptr() == pointer
    assert weight._version > 0


@pytest.mark.parametrize("name", NAMES)
def test_meta_and_empty_tensors_are_left_and_draw_nothing(name: str) -> None:
    shape = (3, 0, 2) if name == "dirac_" else (3, 0)
    arguments = {"constant_": (1.0,), "sparse_": (0.5,)}.get(name, ())
    state = torch.get_rng_state()
    meta = torch.empty([max(1, extent) for extent in shape], device="meta")
    assert getattr(init, name)(meta, *arguments) is meta
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        empty = torch.empty(shape)
        assert getattr(init, name)(empty, *arguments) is empty
    assert torch.equal(torch.get_rng_state(), state)


def test_complex_tensors_take_a_normal() -> None:
    """n = 40,000, seed fixed: the real part's mean and variance at 5 standard errors, false failure 1e-6."""
    w = init.normal_(torch.empty(40_000, dtype=torch.complex64), std=2.0, generator=seeded(0))
    assert abs(w.real.mean()) < 5 * math.sqrt(2 / 40_000)
    assert abs(w.real.var() - 2) < 5 * 2 * math.sqrt(2 / 40_000)
    assert abs(w.imag.var() - 2) < 5 * 2 * math.sqrt(2 / 40_000)


class Watched(Tensor):
    calls: ClassVar[list[str]] = []

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        cls.calls.append(getattr(func, "__name__", ""))
        return super().__torch_function__(func, types, args, kwargs or {})


@pytest.mark.parametrize("name", NAMES)
def test_tensor_subclasses_take_the_call_over(name: str) -> None:
    w = torch.empty((2, 2, 1) if name == "dirac_" else (2, 2)).as_subclass(Watched)
    Watched.calls.clear()
    out = getattr(init, name)(tensor=w, **{"constant_": {"val": 1.0}, "sparse_": {"sparsity": 0.5}}.get(name, {}))
    assert Watched.calls[0] == name
    assert isinstance(out, Watched)


def test_a_default_device_does_not_matter() -> None:
    expected = init.orthogonal_(torch.empty(4, 4), generator=seeded(0))
    w = torch.empty(4, 4)
    with torch.device("meta"):
        assert torch.equal(init.orthogonal_(w, generator=seeded(0)), expected)
        assert torch.equal(init.sparse_(w, 0.5, generator=seeded(0)), init.sparse_(w.clone(), 0.5, generator=seeded(0)))


# Warnings and errors


@pytest.mark.parametrize("name", ["kaiming_uniform_", "kaiming_normal_"])
def test_an_empty_kaiming_warns_at_the_caller(name: str) -> None:
    with pytest.warns(UserWarning, match="^Initializing zero-element tensors is a no-op$") as caught:
        getattr(init, name)(torch.empty(0))
    assert caught[0].filename == __file__


def test_a_truncation_far_from_the_mean_warns_at_the_caller() -> None:
    message = (
        "mean is more than 2 std from [a, b] in trunc_normal_: mean=0.0, std=1.0, a=3.0, b=4.0. Few normals lie there, "
        "nearly all of them at one end; are the bounds, which are absolute, what you meant?"
    )
    with pytest.warns(UserWarning, match="mean is more than 2 std") as caught:
        w = init.trunc_normal_(torch.empty(100), 0.0, 1.0, 3.0, 4.0)
    assert [str(warning.message) for warning in caught] == [message]
    assert caught[0].filename == __file__
    assert 3 <= w.min() <= w.max() <= 4
    with pytest.warns(UserWarning, match="mean is more than 2 std"):
        theirs.trunc_normal_(torch.empty(1), 0.0, 1.0, 3.0, 4.0)


BAD: dict[str, tuple[Callable[[Any], object], str]] = {
    "uniform": (
        lambda i: i.uniform_(torch.zeros(3), 1.0, 0.0),
        "uniform(low=1.0, high=0.0): expected low <= high",
    ),
    "normal": (lambda i: i.normal_(torch.zeros(3), 0.0, -1.0), "normal(std=-1.0): expected a number >= 0"),
    "eye 3-d": (
        lambda i: i.eye_(torch.zeros(3, 3, 3)),
        "eye() fills matrices, and a tensor of shape (3, 3, 3) is none: expected 2 dimensions. "
        "Use init.dirac() for a convolution",
    ),
    "dirac 2-d": (
        lambda i: i.dirac_(torch.zeros(3, 3)),
        "dirac(groups=1) fills kernels (out, in, k...), and a tensor of shape (3, 3) is none: expected 3, 4 or 5 "
        "dimensions. Use init.eye() for a matrix",
    ),
    "dirac groups": (
        lambda i: i.dirac_(torch.zeros(3, 3, 1), 2),
        "dirac(groups=2) on a tensor of shape (3, 3, 1): expected a number of groups that divides the 3 outputs, "
        "given 2",
    ),
    "xavier_uniform 1-d": (
        lambda i: i.xavier_uniform_(torch.zeros(3)),
        "xavier_uniform() needs fan_in and fan_out, and a tensor of shape (3,) has none: expected at least 2 "
        "dimensions. Use init.zeros(), init.constant(value) or init.normal(std=...) here",
    ),
    "kaiming_normal 1-d": (
        lambda i: i.kaiming_normal_(torch.zeros(3)),
        "kaiming_normal() needs fan_in and fan_out, and a tensor of shape (3,) has none: expected at least 2 "
        "dimensions. Use init.zeros(), init.constant(value) or init.normal(std=...) here",
    ),
    "kaiming mode": (
        lambda i: i.kaiming_uniform_(torch.zeros(3, 3), mode="fan"),
        "variance_scaling(mode='fan'): expected one of 'fan_in', 'fan_out', 'fan_avg', 'fan_geo_avg'. "
        "Did you mean 'fan_in'?",
    ),
    "kaiming slope": (
        lambda i: i.kaiming_uniform_(torch.zeros(3, 3), a=True),
        "negative_slope True not a valid number",
    ),
    "orthogonal 1-d": (
        lambda i: i.orthogonal_(torch.zeros(3)),
        "orthogonal() fills matrices, and a tensor of shape (3,) is none: expected at least 2 dimensions. Use "
        "init.zeros() or init.normal(std=...) here",
    ),
    "sparse 3-d": (
        lambda i: i.sparse_(torch.zeros(3, 3, 3), 0.5),
        "sparse(sparsity=0.5) fills matrices, and a tensor of shape (3, 3, 3) is none: expected 2 dimensions. "
        "Use init.normal(std=...) here",
    ),
    "fans 1-d": (
        lambda i: i._calculate_fan_in_and_fan_out(torch.zeros(3)),
        "_calculate_fan_in_and_fan_out needs fan_in and fan_out, and a tensor of shape (3,) has none: expected at "
        "least 2 dimensions. Use init.zeros(), init.constant(value) or init.normal(std=...) here",
    ),
    "gain": (lambda i: i.calculate_gain("gelu"), "Unsupported nonlinearity gelu"),
}


@pytest.mark.parametrize(("call", "message"), BAD.values(), ids=BAD)
def test_what_torch_refuses_is_refused(call: Callable[[Any], object], message: str) -> None:
    with pytest.raises((ValueError, RuntimeError)):
        call(theirs)
    state = torch.get_rng_state()
    with pytest.raises(SchemeError) as error:
        call(init)
    assert str(error.value) == message
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool])
def test_integers_cannot_be_drawn(dtype: torch.dtype) -> None:
    with pytest.raises(SchemeError) as error:
        init.normal_(torch.zeros(3, dtype=dtype))
    assert str(error.value) == f"normal() was asked to fill a tensor of {dtype}; expected a floating-point dtype"


def test_no_argument_is_pythons_own_error() -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'tensor'"):
        init.zeros_()  # type: ignore[call-arg]


# torch's old names


OLD: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "uniform": lambda i, t: i.uniform(t, 0.0, 2.0),
    "normal": lambda i, t: i.normal(t, std=2.0),
    "constant": lambda i, t: i.constant(t, 0.3),
    "eye": lambda i, t: i.eye(t),
    "dirac": lambda i, t: i.dirac(t.unsqueeze(2), groups=2).squeeze(2),
    "xavier_uniform": lambda i, t: i.xavier_uniform(t, gain=2.0),
    "xavier_normal": lambda i, t: i.xavier_normal(tensor=t, gain=2.0),
    "kaiming_uniform": lambda i, t: i.kaiming_uniform(t, a=0.1, mode="fan_out"),
    "kaiming_normal": lambda i, t: i.kaiming_normal(t),
    "orthogonal": lambda i, t: i.orthogonal(t),
    "sparse": lambda i, t: i.sparse(t, 0.5),
}


def test_all_old_names_are_tried() -> None:
    assert sorted(OLD) == sorted(DEPRECATED)


@pytest.mark.parametrize("name", OLD)
def test_an_old_name_given_a_tensor_fills_it_and_warns_at_the_caller(name: str) -> None:
    torch.manual_seed(3)
    with pytest.warns(FutureWarning) as caught:
        w = OLD[name](init, torch.empty(6, 4))
    assert [str(warning.message) for warning in caught] == [
        f"init.{name}(tensor) is deprecated in favor of init.{name}_(tensor); "
        f"without a tensor, init.{name} makes a scheme"
    ]
    assert caught[0].filename == __file__
    with pytest.warns(FutureWarning, match="deprecated"):
        torchs = OLD[name](theirs, torch.empty(6, 4))
    assert w.shape == torchs.shape
    if name in ("constant", "eye", "dirac"):
        assert torch.equal(w, torchs)
    else:
        assert w.std().item() == pytest.approx(torchs.std().item(), rel=0.5)


@pytest.mark.parametrize("name", DEPRECATED)
def test_an_old_name_without_a_tensor_makes_a_scheme(name: str) -> None:
    options = {"constant": {"value": 0.5}, "sparse": {"sparsity": 0.5}}.get(name, {})
    scheme = getattr(init, name)(**options)
    assert isinstance(scheme, init.Scheme)
    assert repr(scheme).startswith(f"{name}(")
    factory = init.SCHEMES[name]
    assert inspect.signature(getattr(init, name)) == inspect.signature(factory)
    assert (getattr(init, name).__doc__, getattr(init, name).__name__) == (factory.__doc__, name)
