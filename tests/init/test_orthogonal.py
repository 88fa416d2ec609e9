"""Orthogonal schemes: exactly orthogonal, Haar-distributed, per block and per expert, with exact second moments."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor, nn

from firststep import init, rng
from firststep.errors import SchemeError
from firststep.init import Fans, Part, Site
from firststep.init._haar import haar_, orthonormal, workplace

KEY = rng.derive_key(0, "w")


def gram(w: Tensor) -> Tensor:
    """The smaller of the two Gram matrices, in float64."""
    w = w.double().flatten(1)
    return w.T @ w if w.shape[0] > w.shape[1] else w @ w.T


def assert_orthogonal(w: Tensor, gain: float = 1.0, atol: float = 1e-6) -> None:
    expected = gain**2 * torch.eye(len(gram(w)), dtype=torch.float64)
    torch.testing.assert_close(gram(w), expected, atol=atol, rtol=0)


# The Haar matrix itself


@pytest.mark.parametrize("shape", [(1, 1), (5, 1), (64, 64), (256, 256), (257, 257), (600, 515), (300, 70)])
def test_haar_equals_the_q_of_a_qr_in_law_and_the_reflections_one_by_one(shape: tuple[int, int]) -> None:
    """Against the definition: reflections applied to the identity singly, last first, with v_j not yet scaled."""
    gaussian = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    rows, columns = shape
    q = torch.eye(rows, columns, dtype=torch.float64)
    for j in reversed(range(columns)):
        x = torch.zeros(rows, dtype=torch.float64)
        x[j:] = gaussian[j:, j]
        v = x.clone()
        sign = 1.0 if x[j] >= 0 else -1.0
        v[j] += sign * x.norm()
        q[:, j] *= -sign
        q -= 2 * torch.outer(v, v @ q) / (v @ v)
    # D multiplies from the right, so the sign of column j may be set before the reflections that act on the left.
    torch.testing.assert_close(haar_(gaussian), q, atol=1e-13, rtol=0)
    assert_orthogonal(q, atol=1e-13)


def test_a_diagonal_of_zero_counts_as_positive() -> None:
    gaussian = torch.tensor([[0.0], [3.0], [4.0]], dtype=torch.float64)
    assert_orthogonal(haar_(gaussian), atol=1e-15)


def test_entries_traces_and_determinants_are_those_of_haar() -> None:
    """n = 4000 matrices of O(3), seed fixed.

    The square of an entry is Beta(1/2, (n-1)/2); tr Q has mean 0 and variance 1; det Q is +-1 with even chances.
    Kolmogorov-Smirnov at 1e-4, means at 4.5 standard errors (7e-6 each): a false failure has a chance below 3e-4.
    """
    n = 4000
    g = torch.randn(n, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    q = torch.stack([haar_(matrix) for matrix in g])
    for i, j in [(0, 0), (2, 1), (2, 2)]:
        assert stats.kstest(q[:, i, j].square().numpy(), stats.beta(0.5, 1).cdf).pvalue > 1e-4
        assert abs((q[:, i, j] > 0).double().mean() - 0.5) < 4.5 * 0.5 / math.sqrt(n)
    trace = q.diagonal(dim1=1, dim2=2).sum(1)
    assert abs(trace.mean()) < 4.5 / math.sqrt(n)
    assert abs(trace.square().mean() - 1) < 4.5 * trace.square().std() / math.sqrt(n)
    assert abs((torch.linalg.det(q) > 0).double().mean() - 0.5) < 4.5 * 0.5 / math.sqrt(n)


def test_the_law_is_invariant_under_a_fixed_rotation() -> None:
    """The angle of the first column in O(2) is uniform; Kolmogorov-Smirnov, n = 5000, seed fixed, 1e-4."""
    g = torch.randn(5000, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    q = torch.stack([haar_(matrix) for matrix in g])
    angle = torch.atan2(q[:, 1, 0], q[:, 0, 0]) / (2 * math.pi) + 0.5
    assert stats.kstest(angle.numpy(), "uniform").pvalue > 1e-4


@pytest.mark.parametrize("shape", [(1, 1), (5, 1), (200, 200), (300, 70), (600, 520)])
def test_haar_works_in_place_and_in_float32_is_the_float64_matrix_to_rounding(shape: tuple[int, int]) -> None:
    """LAPACK overwrites a column-major matrix, and gives the same for a row-major one."""
    gaussian = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    exact = haar_(gaussian.double())
    column_major = gaussian.T.clone(memory_format=torch.contiguous_format).T
    where = column_major.data_ptr()
    q = haar_(column_major)
    assert q is column_major
    assert q.data_ptr() == where
    torch.testing.assert_close(q.double(), exact, atol=1e-6, rtol=0)
    torch.testing.assert_close(haar_(gaussian), q, atol=1e-6, rtol=0)


@pytest.mark.parametrize(("rows", "columns"), [(600, 600), (1500, 200), (200, 1500)])
def test_float32_is_as_orthogonal_as_torchs(rows: int, columns: int) -> None:
    """max |Q^T Q - I|, the product in float64, is at most twice that of torch's QR, and below 1e-6."""

    def error(w: Tensor) -> float:
        return (gram(w) - torch.eye(min(rows, columns), dtype=torch.float64)).abs().max().item()

    torchs = torch.empty(rows, columns)
    nn.init.orthogonal_(torchs, generator=torch.Generator().manual_seed(0))
    assert error(init.orthogonal().sample((rows, columns), seed=0)) < min(2 * error(torchs), 1e-6)


@pytest.mark.parametrize(("rows", "columns"), [(0, 0), (0, 3), (3, 0), (7, 3), (3, 7)])
def test_orthonormal_has_any_shape(rows: int, columns: int) -> None:
    q = orthonormal(rows, columns, key=KEY, dtype=torch.bfloat16, device="cpu")
    assert q.shape == (rows, columns)
    assert q.dtype == torch.float32
    if rows and columns:
        assert_orthogonal(q)


@pytest.mark.parametrize("shape", [(40, 30), (300, 270), (270, 300)])
def test_no_setting_of_matrix_products_reaches_the_values(shape: tuple[int, int]) -> None:
    """Nor is one touched, so that several threads may fill at once. bfloat16 products would be off by 1e-3."""

    def fill(seed: int) -> Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return init.orthogonal().sample(shape, seed=seed)

    expected = [init.orthogonal().sample(shape, seed=seed) for seed in range(8)]
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        with ThreadPoolExecutor(4) as threads:
            drawn = list(threads.map(fill, range(8)))
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)
    torch.testing.assert_close(drawn, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("shape", [(7, 5), (5, 7), (6, 2, 3), (3, 2, 4)])
def test_strides_of_the_destination_do_not_matter(shape: tuple[int, ...]) -> None:
    expected = init.orthogonal().sample(shape, seed=0)
    reversed_dims = torch.empty(shape[::-1]).permute(*reversed(range(len(shape))))
    spaced = torch.zeros(*shape[:-1], 2 * shape[-1])[..., ::2]
    for destination in (reversed_dims, spaced):
        assert torch.equal(init.orthogonal().fill_(destination, seed=0), expected)


# orthogonal


@settings(max_examples=40, deadline=None)
@given(
    shape=st.lists(st.integers(1, 6), min_size=2, max_size=4).map(tuple),
    gain=st.floats(0.1, 3),
    seed=st.integers(0, 2**64 - 1),
)
def test_every_draw_is_orthogonal_with_the_expected_second_moment(
    shape: tuple[int, ...], gain: float, seed: int
) -> None:
    scheme = init.orthogonal(gain=gain)
    w = scheme.sample(shape, seed=seed)
    assert_orthogonal(w, gain, atol=1e-5)
    expected = scheme.expected(shape)
    assert w.square().mean().item() == pytest.approx(expected.second_moment, rel=1e-5)
    assert (expected.mean, expected.low, expected.high, expected.kurtosis) == (0.0, -gain, gain, 1.0)
    assert w.abs().max() <= gain * (1 + 1e-6)


@pytest.mark.parametrize(
    ("dtype", "atol"),
    [(torch.float64, 1e-14), (torch.float32, 1e-6), (torch.float16, 2e-3), (torch.bfloat16, 2e-2)],
)
def test_dtypes(dtype: torch.dtype, atol: float) -> None:
    w = init.orthogonal().sample((24, 16), seed=3, dtype=dtype)
    assert w.dtype == dtype
    assert_orthogonal(w, atol=atol)


def test_half_precision_is_the_float32_matrix_rounded() -> None:
    single = init.orthogonal(gain=1.3).sample((9, 5), seed=0)
    for dtype in (torch.bfloat16, torch.float16, torch.float8_e4m3fn, torch.float8_e5m2):
        rounded = init.orthogonal(gain=1.3).sample((9, 5), seed=0, dtype=dtype)
        assert torch.equal(rounded.float(), single.to(dtype).float())


def test_float64_has_normals_of_its_own() -> None:
    single, double = (init.orthogonal().sample((4, 4), seed=0, dtype=dtype) for dtype in (torch.float32, torch.float64))
    assert not torch.equal(double, single.double())


def test_a_kernel_is_flattened_as_torch_does() -> None:
    w = init.orthogonal().sample((6, 2, 3, 3), seed=0)
    assert_orthogonal(w.flatten(1))
    assert torch.equal(w.flatten(1), init.orthogonal().sample((6, 18), seed=0))


def test_each_gate_has_a_matrix_of_its_own() -> None:
    lstm = nn.LSTM(3, 5)
    site = init.site_of(lstm, "weight_hh_l0")
    w = init.orthogonal().sample(site, seed=0)
    blocks = w.split(5)
    for block in blocks:
        assert_orthogonal(block)
    assert not torch.equal(blocks[0], blocks[1])
    assert w.square().mean().item() == pytest.approx(init.orthogonal().expected(site).second_moment)


def test_each_expert_and_block_has_a_matrix_of_its_own() -> None:
    scheme = init.orthogonal().layout("expert in out", blocks=(2, 4))
    w = scheme.sample((3, 5, 6), seed=0)
    for expert in w:
        assert_orthogonal(expert[:, :2])
        assert_orthogonal(expert[:, 2:])
    assert not torch.equal(w[0], w[1])


@pytest.mark.parametrize("blocks", [2, (4, 2), [1, 5]])
def test_block_orthogonal(blocks: int | tuple[int, ...] | list[int]) -> None:
    scheme = init.block_orthogonal(blocks=blocks, gain=0.5)
    w = scheme.sample((6, 3), seed=0)
    sizes = [3, 3] if blocks == 2 else list(blocks)  # type: ignore[arg-type]
    for block in w.split(sizes):
        assert_orthogonal(block, 0.5)
    assert w.square().mean().item() == pytest.approx(scheme.expected((6, 3)).second_moment)


def test_svd_orthonormal_is_orthogonal() -> None:
    """Its singular values are 1, like those of the left singular vectors that numpy's SVD gives."""
    assert init.svd_orthonormal() == init.orthogonal()
    assert repr(init.svd_orthonormal()) == "svd_orthonormal()"
    singular = torch.linalg.svdvals(init.svd_orthonormal().sample((7, 4), seed=0, dtype=torch.float64))
    torch.testing.assert_close(singular, torch.ones(4, dtype=torch.float64))


def test_glorot_orthogonal_has_glorots_mean_square() -> None:
    scheme = init.glorot_orthogonal(scale=2.0)
    w = scheme.sample((8, 4), seed=0)
    assert w.square().mean().item() == pytest.approx(2 / 12)
    assert scheme.expected((8, 4)).variance == pytest.approx(2 / 12)
    assert_orthogonal(w / w[:, 0].norm())
    fans = Site((8, 4), (Part(8, Fans(30, 10)),))
    assert scheme.sample(fans, seed=0).square().mean().item() == pytest.approx(2 / 40)


def test_glorot_orthogonal_is_pytorch_geometrics_up_to_the_sample_mean() -> None:
    """Theirs: w *= sqrt(scale / ((in + out) var(w))), var unbiased and about the sample mean."""
    shape = (200, 100)
    q = init.orthogonal().sample(shape, seed=0, dtype=torch.float64)
    theirs = q * (2.0 / (sum(shape) * q.var())).sqrt()
    ours = init.glorot_orthogonal().sample(shape, seed=0, dtype=torch.float64)
    torch.testing.assert_close(ours, theirs, rtol=2e-3, atol=0)


# delta_orthogonal


@pytest.mark.parametrize("kernel", [(3,), (4, 3), (1, 2, 5)])
def test_delta_orthogonal_stands_at_the_centre_as_jaxs(kernel: tuple[int, ...]) -> None:
    shape = (6, 4, *kernel)
    scheme = init.delta_orthogonal(gain=2.0)
    w = scheme.sample(shape, seed=0)
    centre = w[(slice(None), slice(None), *((extent - 1) // 2 for extent in kernel))]
    torch.testing.assert_close(centre.T @ centre, 4 * torch.eye(4), atol=1e-5, rtol=0)
    assert w.count_nonzero() == centre.numel()
    assert w.square().mean().item() == pytest.approx(scheme.expected(shape).second_moment)


@pytest.mark.parametrize("groups", [1, 3])
def test_a_delta_orthogonal_convolution_keeps_the_norm(groups: int) -> None:
    conv = nn.Conv2d(6, 12, 3, padding=1, groups=groups, bias=False).double()
    site = init.site_of(conv, "weight")
    init.delta_orthogonal().fill_(conv.weight, seed=0, site=site)
    x = torch.randn(2, 6, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(conv(x).square().sum(), x.square().sum())
    expected = init.delta_orthogonal().expected(site).second_moment
    assert conv.weight.square().mean().item() == pytest.approx(expected)


# Regions


SITES = [
    (init.orthogonal(), Site.of_shape((7, 5))),
    (init.orthogonal(), Site((12, 4), (Part(5), Part(7)))),
    (init.orthogonal(), Site((2, 3, 8), (Part(3), Part(5)), axis=2, stacked=1)),
    (init.block_orthogonal(blocks=(3, 4)), Site.of_shape((7, 2, 3))),
    (init.glorot_orthogonal(), Site.of_shape((4, 3, 2))),
    (init.delta_orthogonal(), Site.of_shape((6, 3, 3, 2))),
    (init.delta_orthogonal(), Site((6, 1, 3), (Part(6),), groups=3)),
]


@settings(max_examples=60, deadline=None)
@given(case=st.sampled_from(SITES), data=st.data())
def test_regions_equal_slices(case: tuple[init.Scheme, Site], data: st.DataObject) -> None:
    scheme, site = case
    region = rng.Region.whole(site.shape)
    for dim, extent in enumerate(site.shape):
        start = data.draw(st.integers(0, extent))
        region = region.narrow(dim, start, data.draw(st.integers(0, extent - start)))
    whole = scheme.sample(site, seed=5)
    slices = tuple(slice(o, o + s) for o, s in zip(region.offsets, region.sizes, strict=True))
    assert torch.equal(scheme.sample(site, seed=5, region=region), whole[slices])


# Errors


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: init.orthogonal(gain=math.nan), "orthogonal(gain=nan): expected a finite number"),
        (lambda: init.delta_orthogonal(gain=math.inf), "delta_orthogonal(gain=inf): expected a finite number"),
        (lambda: init.glorot_orthogonal(scale=-1), "glorot_orthogonal(scale=-1): expected a number >= 0"),
        (
            lambda: init.block_orthogonal(blocks=0),
            "block_orthogonal(blocks=0): expected how many equal blocks, such as 4, or their sizes, such as (8, 4, 4)",
        ),
        (
            lambda: init.block_orthogonal(blocks=()),
            "block_orthogonal(blocks=()): expected how many equal blocks, such as 4, or their sizes, such as (8, 4, 4)",
        ),
        (
            lambda: init.orthogonal().sample((3,), seed=0),
            "orthogonal() fills matrices, and a tensor of shape (3,) is none: expected at least 2 dimensions. Use "
            "init.zeros() or init.normal(std=...) here",
        ),
        (
            lambda: init.orthogonal().sample(Site((3, 4), (Part(4),), axis=1, stacked=1), seed=0),
            "orthogonal() fills matrices, and a tensor of shape (3, 4) is none: expected at least 2 dimensions besides "
            "the 1 stacked. Use init.zeros() or init.normal(std=...) here",
        ),
        (
            lambda: init.block_orthogonal(blocks=(2, 3)).sample((6, 3), seed=0),
            "block_orthogonal(blocks=(2, 3)) on a tensor of shape (6, 3): dimension 0 has 6 indices; expected "
            "blocks to be sizes that add up to 6",
        ),
        (
            lambda: init.block_orthogonal(blocks=4).sample((6, 3), seed=0),
            "block_orthogonal(blocks=4) on a tensor of shape (6, 3): dimension 0 has 6 indices; expected blocks to "
            "be a divisor of 6",
        ),
        (
            lambda: init.delta_orthogonal().sample((3, 3), seed=0),
            "delta_orthogonal() fills kernels (out, in, k...), and a tensor of shape (3, 3) is none: expected 3, 4 "
            "or 5 dimensions. Use init.orthogonal() for a matrix",
        ),
        (
            lambda: init.delta_orthogonal().sample((3, 4, 1), seed=0),
            "delta_orthogonal() on a tensor of shape (3, 4, 1): expected no more inputs than outputs, given 4 inputs "
            "and 3 outputs. Use init.orthogonal() here",
        ),
        (
            lambda: init.delta_orthogonal().sample(Site((4, 3, 1), (Part(4),), groups=2), seed=0),
            "delta_orthogonal() on a tensor of shape (4, 3, 1): expected no more inputs than outputs, given 3 inputs "
            "and 2 outputs in each of 2 groups. Use init.orthogonal() here",
        ),
        (
            lambda: init.orthogonal().sample((3, 4), seed=0, dtype=torch.int64),
            "orthogonal() was asked to fill a tensor of torch.int64; expected a floating-point dtype",
        ),
        (
            lambda: init.delta_orthogonal().sample((4, 3, 1), seed=0, dtype=torch.complex64),
            "delta_orthogonal() was asked to fill a tensor of torch.complex64; expected a floating-point dtype",
        ),
    ],
)
def test_errors(make: object, message: str) -> None:
    with pytest.raises(SchemeError) as error:
        make()  # type: ignore[operator]
    assert str(error.value) == message


@pytest.mark.parametrize("shape", [(0, 0), (0, 3), (3, 0), (4, 0, 2)])
def test_no_elements(shape: tuple[int, ...]) -> None:
    for scheme in (init.orthogonal(), init.glorot_orthogonal(), init.block_orthogonal(blocks=1)):
        assert scheme.sample(shape, seed=0).shape == shape
        assert scheme.expected(shape).variance >= 0
    assert init.delta_orthogonal().sample((4, 0, 3), seed=0).shape == (4, 0, 3)


def test_a_device_without_lapack_has_its_matrices_made_on_the_cpu() -> None:
    assert workplace(torch.device("mps")) == torch.device("cpu")
    assert workplace(torch.device("cuda:1")) == torch.device("cuda:1")
