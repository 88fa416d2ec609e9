"""Regions equal slices of the whole, whatever the shape, dtype, layout and threads."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from firststep import rng
from firststep.errors import FirststepError, SchemeError
from firststep.rng import Bits, Normal, Region, TruncatedNormal, Uniform, _fill

KEY = rng.derive_key(0, "fc.weight")
LAWS = [
    Normal(0.5, 2.0),
    Uniform(-0.3, 0.7),
    TruncatedNormal(0.0, 1.0, -2.0, 2.0),
    TruncatedNormal(0.0, 1.0, 5.0, 6.0),
]
DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.float8_e4m3fn]
DRAWS = st.one_of(
    st.tuples(st.sampled_from(LAWS), st.sampled_from(DTYPES)),
    st.sampled_from([(Bits(), torch.int64), (Normal(0.0, 1.0), torch.complex64), (Normal(0.0, 1.0), torch.complex128)]),
)


@st.composite
def regions(draw):
    shape = tuple(draw(st.lists(st.integers(0, 9), max_size=4)))
    offsets = tuple(draw(st.integers(0, extent)) for extent in shape)
    sizes = tuple(draw(st.integers(0, extent - offset)) for extent, offset in zip(shape, offsets, strict=True))
    return Region(shape, offsets, sizes)


def same(a, b):
    """Equal bits, for dtypes that cannot be compared too."""
    a_bits, b_bits = (x.clone(memory_format=torch.contiguous_format).view(-1).view(torch.uint8) for x in (a, b))
    return a.dtype == b.dtype and a.shape == b.shape and torch.equal(a_bits, b_bits)


def whole_and_slice(region, law, dtype):
    whole = rng.fill_(torch.empty(region.shape, dtype=dtype), law, KEY)
    return whole, whole[tuple(slice(o, o + n) for o, n in zip(region.offsets, region.sizes, strict=True))]


@settings(deadline=None)
@given(regions(), DRAWS)
def test_a_region_is_the_slice_of_the_whole(region, law_dtype):
    law, dtype = law_dtype
    _, expected = whole_and_slice(region, law, dtype)
    out = rng.fill_(torch.empty(region.sizes, dtype=dtype), law, KEY, region)
    assert same(out, expected)


@given(regions(), DRAWS, st.integers(1, 40))
@settings(max_examples=50, deadline=None)
def test_chunks_do_not_show(region, law_dtype, chunk):
    law, dtype = law_dtype
    expected = rng.fill_(torch.empty(region.sizes, dtype=dtype), law, KEY, region)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_fill, "_chunk", lambda device, wide: chunk)
        out = rng.fill_(torch.empty(region.sizes, dtype=dtype), law, KEY, region)
    assert same(out, expected)


@settings(deadline=None)
@given(regions(), DRAWS, st.randoms(use_true_random=False))
def test_memory_layout_does_not_show(region, law_dtype, random):
    """Any order of dimensions in memory, with gaps between the elements; the gaps stay as they were."""
    law, dtype = law_dtype
    expected = rng.fill_(torch.empty(region.sizes, dtype=dtype), law, KEY, region)
    order = list(range(len(region.sizes)))
    random.shuffle(order)
    inverse = [order.index(d) for d in range(len(order))]
    room = torch.zeros([2 * region.sizes[d] for d in order] + [2], dtype=dtype)
    view = room[(*(slice(0, None, 2) for _ in order), 1)].permute(inverse)
    assert rng.fill_(view, law, KEY, region) is view
    assert same(view, expected)
    assert not room[..., 0].to(torch.complex64).any()


@settings(deadline=None)
@given(DRAWS, st.lists(st.integers(0, 9 * 8 * 7 - 1), max_size=20))
def test_sample_at_is_fill(law_dtype, index):
    law, dtype = law_dtype
    whole = rng.fill_(torch.empty(9, 8, 7, dtype=dtype), law, KEY)
    index = torch.tensor(index, dtype=torch.int64)
    assert same(rng.sample_at(index, law, KEY, dtype), whole.flatten()[index])


def test_sample_at_keeps_the_shape_of_the_index():
    index = torch.tensor([[3, 1], [4, 1]])
    flat = rng.fill_(torch.empty(5), LAWS[0], KEY)
    assert torch.equal(rng.sample_at(index, LAWS[0], KEY, torch.float32), flat[index])
    assert rng.sample_at(torch.tensor(4), LAWS[0], KEY, torch.float32) == flat[4]
    assert rng.sample_at(torch.empty(2, 0, dtype=torch.int64), LAWS[0], KEY, torch.float32).shape == (2, 0)


@pytest.mark.parametrize("law", LAWS, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_far_beyond_32_bit_indices(law, dtype):
    """Corners of a (70000, 70000) tensor: 4.9e9 elements that never exist; and one beyond 2^53."""
    for shape, offsets in (((70_000, 70_000), (69_990, 69_991)), ((2**30, 2**30), (2**30 - 10, 2**30 - 9))):
        region = Region(shape, offsets, (10, 9))
        out = rng.fill_(torch.empty(10, 9, dtype=dtype), law, KEY, region)
        rows = torch.arange(offsets[0], offsets[0] + 10).unsqueeze(1)
        index = rows * shape[1] + torch.arange(offsets[1], offsets[1] + 9)
        assert torch.equal(out, rng.sample_at(index, law, KEY, dtype))
        assert out.unique().numel() == 90


@pytest.mark.parametrize("cols", [1, 2, 3, 4, 5, 63])
@pytest.mark.parametrize("pitch", [63, 64, 66, 4096])
def test_column_shards(cols, pitch):
    for dtype in (torch.float32, torch.float64):
        region = Region((50, pitch), (3, pitch - cols), (40, cols))
        _, expected = whole_and_slice(region, LAWS[0], dtype)
        assert torch.equal(rng.fill_(torch.empty(40, cols, dtype=dtype), LAWS[0], KEY, region), expected)


def test_channels_last_and_strided_are_the_same_numbers():
    plain = rng.fill_(torch.empty(8, 6, 5, 5), LAWS[0], KEY)
    last = rng.fill_(torch.empty(8, 6, 5, 5).to(memory_format=torch.channels_last), LAWS[0], KEY)
    assert last.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(last, plain)


def test_a_tensor_of_several_chunks():
    """Two and a bit chunks of the CPU's size, and its tail alone."""
    n = 300_001
    whole = rng.fill_(torch.empty(n), LAWS[0], KEY)
    tail = rng.fill_(torch.empty(5), LAWS[0], KEY, Region((n,), (n - 5,), (5,)))
    assert torch.equal(whole[-5:], tail)
    assert torch.equal(rng.sample_at(torch.arange(0, n, 997), LAWS[0], KEY, torch.float32), whole[::997])
    assert _fill._chunk(torch.device("cuda"), wide=False) == 2**22


def test_thread_count_does_not_show():
    before = torch.get_num_threads()
    try:
        filled = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            filled.append(rng.fill_(torch.empty(200_000), LAWS[0], KEY))
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*filled)


def test_complex_is_two_real_normals_of_half_the_variance():
    out = rng.fill_(torch.empty(7, 3, dtype=torch.complex64), Normal(0.5, 2.0), KEY)
    real = rng.fill_(torch.empty(7, 3, 2), Normal(0.5, 2.0 / math.sqrt(2)), KEY)
    assert torch.equal(torch.view_as_real(out), real)


def test_transform_sees_the_compute_dtype_and_is_rounded_once():
    for dtype, compute in ((torch.bfloat16, torch.float32), (torch.float32, torch.float32), (torch.float64,) * 2):
        seen = []

        def square(values, seen=seen):
            seen.append(values)
            return values * values

        out = rng.fill_(torch.empty(6, 7, dtype=dtype).t(), Uniform(-2.0, 2.0), KEY, transform=square)
        plain = rng.fill_(torch.empty(7, 6, dtype=compute), Uniform(-2.0, 2.0), KEY)
        assert [(v.dtype, v.shape) for v in seen] == [(compute, (42,))]
        assert torch.equal(out, (plain * plain).to(dtype))
    coin = rng.fill_(torch.empty(9), Bits(), KEY, transform=lambda bits: (bits & 1) * 2 - 1)
    assert torch.equal(coin, (rng.fill_(torch.empty(9, dtype=torch.int64), Bits(), KEY) & 1) * 2.0 - 1)


def test_parameters_are_filled_in_place_without_history():
    weight = torch.nn.Parameter(torch.zeros(4, 4))
    address = weight.data_ptr()
    assert rng.fill_(weight, LAWS[0], KEY) is weight
    assert weight.data_ptr() == address
    assert weight.is_leaf
    assert weight.grad_fn is None
    assert weight.abs().sum() > 0


def test_nothing_global_matters_or_changes():
    expected = rng.fill_(torch.empty(50), LAWS[0], KEY)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    with torch.device("meta"):
        out = rng.fill_(torch.empty(50, device="cpu"), LAWS[0], KEY)
        assert rng.support(LAWS[0], torch.float32)[0] < -10
    torch.set_default_dtype(torch.float64)
    try:
        again = rng.fill_(torch.empty(50, dtype=torch.float32), LAWS[0], KEY)
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(out, expected)
    assert torch.equal(again, expected)
    assert torch.equal(torch.get_rng_state(), state)


def test_meta_and_empty_tensors_are_left():
    meta = torch.empty(10**6, 10**6, device="meta")
    assert rng.fill_(meta, LAWS[0], KEY) is meta
    empty = torch.empty(0, 3)
    assert rng.fill_(empty, LAWS[0], KEY) is empty


def test_inside_compiled_code_the_bits_stay():
    """The compiler sees none of the drawing, so it cannot fuse a multiply with an add."""
    graphs = []

    def backend(graph, inputs):
        graphs.append([node.target for node in graph.graph.nodes if node.op == "call_function"])
        return graph.forward

    def build(x):
        drawn = rng.fill_(torch.empty(100), LAWS[0], KEY) + rng.sample_at(torch.arange(100), LAWS[0], KEY, x.dtype)
        return drawn * x

    expected = build(torch.full((100,), 3.0))
    assert torch.equal(torch.compile(build, backend=backend)(torch.full((100,), 3.0)), expected)
    called = {getattr(target, "__name__", str(target)) for graph in graphs for target in graph}
    assert called <= {"empty", "arange", "add", "mul"}


def test_wrong_shape():
    region = Region((4, 6), (0, 0), (2, 6))
    with pytest.raises(SchemeError) as error:
        rng.fill_(torch.empty(3, 6), LAWS[0], KEY, region)
    assert str(error.value) == (
        "fill_ was asked for Region(shape=(4, 6), offsets=(0, 0), sizes=(2, 6)) in a tensor of shape (3, 6); "
        "expected shape (2, 6)"
    )


def test_wrong_index():
    with pytest.raises(SchemeError) as error:
        rng.sample_at(torch.tensor([1.0]), LAWS[0], KEY, torch.float32)
    assert str(error.value) == "sample_at was given indices of torch.float32; expected torch.int64"


def test_regions():
    region = Region.whole((4, 6)).narrow(0, 1, 2).narrow(1, 3, 2)
    assert region == Region((4, 6), (1, 3), (2, 2))
    assert region.numel == 4
    assert not region.is_whole
    assert Region.whole([]).is_whole
    assert region.overlap(0, 0, 2) == (0, 1)
    assert region.overlap(0, 3, 4)[1] == 0
    assert region.index(1).tolist() == [[3, 4]]
    for wrong in (((4,), (0, 0), (4,)), ((4,), (3,), (2,)), ((4,), (-1,), (2,))):
        with pytest.raises(FirststepError) as error:
            Region(*wrong)
        assert str(error.value) == (
            f"a region must lie inside its tensor: shape {wrong[0]}, offsets {wrong[1]}, sizes {wrong[2]}; "
            "expected 0 <= offset and offset + size <= extent in each dimension"
        )
