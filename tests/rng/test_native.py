"""The native kernel has the bits of the torch operations: every instruction set, law, dtype, start, region, layout."""

from __future__ import annotations

import hashlib
import importlib
import os
import subprocess
import sys
import threading

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from firststep import rng
from firststep.errors import FirststepError
from firststep.rng import Bits, Fill, Normal, Region, TruncatedNormal, Uniform, _drawn, _fill, _native, _rewrite, _work

if _native.choice().native is None and "cannot be loaded" in _native.choice().reason:
    pytest.skip("built without a C compiler", allow_module_level=True)

MODULE = importlib.import_module("firststep.rng._kernel")
KERNELS = {one.name: one for one in _native.kernels(MODULE)}
KEY = rng.derive_key(0, "fc.weight")
LAWS = {
    "uniform": Uniform(-0.3, 0.7),
    "uniform in bf16 between grid points": Uniform(0.1001, 0.1499),
    "uniform too small to fold": Uniform(0.0, 1e-33),
    "normal": Normal(0.5, 2.0),
    "normal, denormal values": Normal(0.0, 1e-39),
    "truncated": TruncatedNormal(0.0, 1.0, -2.0, 2.0),
    "truncated on one side": TruncatedNormal(0.5, 2.0, 0.0, 30.0),
    "truncated beyond every word": TruncatedNormal(0.0, 0.02, -2.0, 2.0),
    "truncated in the tail": TruncatedNormal(0.0, 1.0, 5.0, 6.0),
    "constant": Uniform(0.3, 0.3),
}
DTYPES = [torch.float32, torch.bfloat16, torch.float16, torch.float64]


@pytest.fixture(params=KERNELS)
def kernel(request, monkeypatch):
    """Each instruction set in turn serves all fills."""
    one = KERNELS[request.param]
    for module in (_fill, _rewrite, _drawn):
        monkeypatch.setattr(module, "native", lambda: one)
    return one


def by_torch(region: Region, law, dtype) -> torch.Tensor:
    """The specification: torch operations only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_fill, "native", lambda: None)
        return rng.fill_(torch.empty(region.sizes, dtype=dtype), law, KEY, region)


def same(a: torch.Tensor, b: torch.Tensor) -> bool:
    a, b = (x.contiguous().view(-1).view(torch.uint8) for x in (a, b))
    return torch.equal(a, b)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_every_start(kernel, law, dtype):
    """Runs from each of 16 places, shorter and longer than a step of the widest loop (128 elements)."""
    whole = by_torch(Region.whole((700,)), law, dtype)
    for start in range(16):
        for count in (1, 5, 130, 600):
            out = rng.fill_(torch.empty(count, dtype=dtype), law, KEY, Region((700,), (start,), (count,)))
            assert same(out, whole[start : start + count])


def test_bits(kernel):
    whole = by_torch(Region.whole((40, 50)), Bits(), torch.int64)
    assert torch.equal(rng.fill_(torch.empty(40, 50, dtype=torch.int64), Bits(), KEY), whole)
    part = rng.fill_(torch.empty(40, 3, dtype=torch.int64), Bits(), KEY, Region((40, 50), (0, 7), (40, 3)))
    assert torch.equal(part, whole[:, 7:10])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("law", [LAWS["normal"], LAWS["truncated in the tail"]], ids=str)
def test_every_region(kernel, law, dtype):
    """Rows, columns as narrow as one, boxes; dense, transposed, channels last and spaced destinations."""
    shape = (90, 70, 3, 3)
    whole = by_torch(Region.whole(shape), law, dtype)
    for offsets, sizes in (
        ((3, 0, 0, 0), (50, 70, 3, 3)),
        ((0, 5, 0, 0), (90, 1, 3, 3)),
        ((1, 2, 1, 2), (88, 65, 1, 1)),
        ((0, 0, 0, 1), (90, 70, 3, 2)),
        ((7, 0, 0, 0), (1, 70, 3, 3)),
    ):
        expected = whole[tuple(slice(o, o + n) for o, n in zip(offsets, sizes, strict=True))]
        region = Region(shape, offsets, sizes)
        empty = torch.empty(sizes, dtype=dtype)
        for out in (
            empty,
            torch.empty_like(empty, memory_format=torch.channels_last),
            torch.empty(sizes[::-1], dtype=dtype).permute(3, 2, 1, 0),
            torch.empty([2 * n for n in sizes], dtype=dtype)[::2, ::2, ::2, ::2],
        ):
            assert same(rng.fill_(out, law, KEY, region), expected)


@pytest.mark.parametrize("shape", [(300, 400), (65, 4096), (4096, 70)])
def test_transposed_in_blocks(kernel, shape):
    for law, dtype in (
        (LAWS["normal"], torch.float32),
        (LAWS["uniform"], torch.bfloat16),
        (Normal(0, 1), torch.float64),
    ):
        region = Region((shape[0] + 5, shape[1] + 3), (5, 2), shape)
        out = torch.empty(shape[::-1], dtype=dtype).t()
        assert same(rng.fill_(out, law, KEY, region), by_torch(region, law, dtype))


@pytest.mark.parametrize("first", [2**34 - 301, 2**34 * 3 - 8, 2**60])
def test_block_numbers_beyond_32_bits(kernel, first):
    """Element 2^34 is in block 2^32, where the counter's upper word changes."""
    for dtype in (torch.float32, torch.float64):
        for law in (LAWS["normal"], LAWS["uniform"]):
            region = Region((2**61,), (first,), (900,))
            out = rng.fill_(torch.empty(900, dtype=dtype), law, KEY, region)
            assert same(out, by_torch(region, law, dtype))


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(KERNELS)),
    st.sampled_from(sorted(LAWS)),
    st.sampled_from(DTYPES),
    st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9), st.integers(0, 3)), min_size=1, max_size=5),
    st.randoms(use_true_random=False),
)
def test_any_box(name, law, dtype, dims, random):
    region = Region(*(tuple(x) for x in zip(*((a + n + b, a, n) for a, n, b in dims), strict=True)))
    order = list(range(len(dims)))
    random.shuffle(order)
    out = torch.empty([region.sizes[d] for d in order], dtype=dtype).permute([order.index(d) for d in range(len(dims))])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_fill, "native", lambda: KERNELS[name])
        rng.fill_(out, LAWS[law], KEY, region)
    assert same(out, by_torch(region, LAWS[law], dtype))


def test_other_dtypes_and_transforms_draw_natively_and_round_in_torch(kernel):
    law = LAWS["uniform"]
    out = rng.fill_(torch.empty(300, dtype=torch.float8_e4m3fn), law, KEY)
    assert same(out.view(torch.uint8), by_torch(Region.whole((300,)), law, torch.float8_e4m3fn).view(torch.uint8))
    out = rng.fill_(torch.empty(7, 9).t(), law, KEY, transform=torch.square)
    drawn = by_torch(Region.whole((9, 7)), Uniform(-0.3, 0.7), torch.float32)
    assert same(out, drawn.square())


def test_more_dimensions_than_the_kernel_has():
    sizes = (2,) * 10
    region = Region((3,) * 10, (1,) * 10, sizes)
    assert same(rng.fill_(torch.empty(sizes), Normal(0, 1), KEY, region), by_torch(region, Normal(0, 1), torch.float32))


def test_many_at_once(kernel):
    fills, expected = [], []
    for i in range(60):
        law, dtype = list(LAWS.values())[i % len(LAWS)], DTYPES[i % 4]
        region = Region((50 + i, 40), (i, 3), (50, 30))
        fills.append(Fill(torch.empty(50, 30, dtype=dtype), law, KEY, region))
        expected.append(by_torch(region, law, dtype))
    fills.append(Fill(torch.empty(4, dtype=torch.float8_e5m2), LAWS["normal"], KEY))
    expected.append(by_torch(Region.whole((4,)), LAWS["normal"], torch.float8_e5m2))
    rng.fill_many_(fills)
    for fill, wanted in zip(fills, expected, strict=True):
        assert same(fill.out.view(torch.uint8), wanted.view(torch.uint8))


def test_a_wrong_one_among_many_leaves_all():
    out = torch.zeros(3)
    with pytest.raises(FirststepError):
        rng.fill_many_([Fill(out, Normal(0, 1), KEY), Fill(torch.zeros(2), Normal(0, 1), KEY, Region.whole((3,)))])
    assert not out.any()


# Working together


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_do_not_show(monkeypatch, threads):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    out = rng.fill_(torch.empty(3_000_001, dtype=torch.bfloat16), LAWS["truncated"], KEY)
    tail = rng.fill_(
        torch.empty(70_000, dtype=torch.bfloat16), LAWS["truncated"], KEY, Region((3_000_001,), (2_930_001,), (70_000,))
    )
    assert same(out[-70_000:], tail)
    assert same(tail, by_torch(Region((3_000_001,), (2_930_001,), (70_000,)), LAWS["truncated"], torch.bfloat16))


def test_fills_from_several_threads_at_once():
    expected = rng.fill_(torch.empty(1_000_000), LAWS["normal"], KEY)
    made = [torch.empty(1_000_000) for _ in range(6)]
    workers = [threading.Thread(target=rng.fill_, args=(out, LAWS["normal"], KEY)) for out in made]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert all(torch.equal(out, expected) for out in made)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_fork_after_use():
    """In a process of its own: pytest's has threads of other libraries."""
    code = """
import os, sys, torch
from firststep import rng
torch.set_num_threads(2)
key, law = rng.derive_key(0, "w"), rng.Normal(0.0, 1.0)
expected = rng.fill_(torch.empty(2_000_000), law, key)
child = os.fork()
if not child:
    os._exit(0 if torch.equal(rng.fill_(torch.empty(2_000_000), law, key), expected) else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", code], timeout=120).returncode == 0


def test_interrupted_between_groups(monkeypatch):
    """The interruption passes on, the threads end, and what was written is put back."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    monkeypatch.setattr(_work, "GROUP", 2**16)
    weight, old = torch.arange(3e6), torch.arange(3e6)
    rewrite = rng.Rewrite()
    assert rewrite.add_whole(weight, LAWS["normal"], KEY.digest)

    def interrupt(share):
        raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        rewrite.run(interrupt)
    assert threading.active_count() == before
    assert not torch.equal(weight, old)
    rewrite.restore()
    assert torch.equal(weight, old)


def moments(values: torch.Tensor) -> tuple[float, ...]:
    values = values.double()
    return tuple(x.item() for x in (values.mean(), values.std(correction=0), values.min(), values.max()))


def test_rewriting_measures_before_and_after(kernel):
    rewrite = rng.Rewrite()
    plain = torch.full((70_000,), 1e8, dtype=torch.float64)
    spaced = (torch.arange(24.0).view(2, 3, 4) / 8).transpose(0, 2)
    bad = torch.tensor([1.0, float("nan"), 3.0])
    infinite = torch.tensor([float("inf")] + [2.0] * 40, dtype=torch.float16)
    assert rewrite.add_whole(plain, LAWS["normal"], KEY.digest)
    assert rewrite.add(spaced, [Fill(spaced, LAWS["uniform"], KEY)])
    assert rewrite.add_whole(bad, LAWS["constant"], KEY.digest)
    assert rewrite.add_whole(infinite, LAWS["uniform"], KEY.digest)
    assert not rewrite.add_whole(spaced, LAWS["normal"], KEY.digest)
    assert not rewrite.add_whole(torch.empty(0), LAWS["normal"], KEY.digest)
    assert not rewrite.add(torch.zeros(5, 4)[:, ::2], [])
    rewrite.run()
    (a, b), (c, d), (e, f), (g, h) = rewrite.summaries()
    assert a == (1e8, 0.0, 1e8, 1e8)
    assert b == pytest.approx(moments(plain), rel=1e-12)
    assert c == pytest.approx((11.5 / 8, torch.arange(24.0).std(correction=0).item() / 8, 0.0, 23 / 8), rel=1e-6)
    assert d == pytest.approx(moments(spaced), rel=1e-6)
    assert same(spaced, by_torch(Region.whole(spaced.shape), LAWS["uniform"], torch.float32))
    assert e[2] != e[2]  # NaN among the elements
    assert e[3] != e[3]
    assert f == (bad[0].item(), 0.0, bad[0].item(), bad[0].item())
    assert g[2:] == (2.0, float("inf"))
    assert h[2] == infinite.min()


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_measuring_beyond_the_squares_that_float32_holds(kernel, scale):
    values = (torch.arange(5000.0) - 700) * (scale / 5000)
    rewrite = rng.Rewrite()
    assert rewrite.add_whole(values.clone(), LAWS["normal"], KEY.digest)
    rewrite.run()
    assert rewrite.summaries()[0][0] == pytest.approx(moments(values), rel=1e-6)


def test_digests_are_those_of_hashlib():
    for length in (*range(1, 300), 1000, 4096):
        message = bytes(i * 7 % 251 for i in range(length))
        assert MODULE.digest(message) == hashlib.blake2b(message, digest_size=16).digest()


@pytest.mark.parametrize("dtype", [*DTYPES, torch.float8_e4m3fn, torch.complex64], ids=str)
@pytest.mark.parametrize("count", [0, 1, 300, _native.SMALL + 1])
def test_a_fresh_draw_is_a_fill_under_a_drawn_seed(kernel, dtype, count):
    law = LAWS["normal"]
    drawn = rng.Drawn(law, dtype)
    for generator in (None, torch.Generator().manual_seed(5)):
        torch.manual_seed(3)
        state = None if generator is None else generator.get_state()
        out = drawn.fill_(torch.empty(count, dtype=dtype), generator)
        after = torch.get_rng_state() if generator is None else generator.get_state()
        torch.manual_seed(3)
        if generator is not None:
            generator.set_state(state)
        key = rng.derive_key(rng.draw_seed(generator), "")
        expected = rng.fill_(torch.empty(count, dtype=dtype), law, key)
        assert torch.equal(out.view(torch.uint8), expected.view(torch.uint8))
        assert torch.equal(after, torch.get_rng_state() if generator is None else generator.get_state())


# What torch would notice


def test_flushing_denormals_changes_nothing(kernel):
    expected = by_torch(Region.whole((600,)), LAWS["normal, denormal values"], torch.float32)
    if not torch.set_flush_denormal(True):
        pytest.skip("this processor cannot flush denormals")
    try:
        out = rng.fill_(torch.empty(600), LAWS["normal, denormal values"], KEY)
    finally:
        torch.set_flush_denormal(False)
    assert (expected != 0).all()
    assert same(out, expected)


def test_autograd_notices_the_write():
    weight = torch.ones(3, requires_grad=True)
    scaled = weight * 1.0
    loss = (scaled * scaled).sum()
    rng.fill_(scaled.detach(), Normal(0.0, 1.0), KEY)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()
    with torch.inference_mode():
        inference = torch.empty(3)
    assert rng.fill_(inference, Normal(0.0, 1.0), KEY) is inference


def test_modes_that_watch_operations_still_see_them():
    from torch.utils._python_dispatch import TorchDispatchMode

    seen = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            seen.append(func)
            return func(*args, **(kwargs or {}))

    expected = rng.fill_(torch.empty(9), Normal(0.0, 1.0), KEY)
    with Watch():
        out = rng.fill_(torch.empty(9), Normal(0.0, 1.0), KEY)
    assert torch.equal(out, expected)
    assert len(seen) > 20


def test_a_negated_view_is_written_through(kernel):
    """The imaginary part of a conjugate is a view whose elements are stored negated."""
    stored = torch.zeros(4, dtype=torch.complex64)
    view = stored.conj().imag
    assert view.is_neg()
    rng.fill_(view, Normal(0.0, 1.0), KEY)
    assert torch.equal(view.resolve_neg(), rng.fill_(torch.empty(4), Normal(0.0, 1.0), KEY))
