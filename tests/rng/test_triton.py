"""The Triton kernels give the bits of the specification: by Triton's interpreter on any machine, by a GPU where one is.

An ordinary run starts this file once more, in a process where TRITON_INTERPRET is set before triton is imported and the
tests of values run on CPU tensors. Where CUDA is available, they run there as well, compiled. The specification is
``bits_of_box`` and ``Sampler.values``, torch operations on the CPU.
"""

import importlib.util
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from firststep.rng import (
    Bits,
    Key,
    Normal,
    Region,
    TruncatedNormal,
    Uniform,
    _triton,
    derive_key,
)
from firststep.rng._bits import bits_of_box
from firststep.rng._box import box_of
from firststep.rng._sampler import Sampler, make_sampler

if importlib.util.find_spec("triton") is None:  # importing it here would do so in a worker that other tests share
    pytest.skip("triton is not installed", allow_module_level=True)

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
DEVICE = torch.device("cpu") if INTERPRETED else torch.device("cuda", 0)
on_a_device = pytest.mark.skipif(
    not (INTERPRETED or torch.cuda.is_available()), reason="runs in the interpreter's process, and where CUDA is"
)
at_first = pytest.mark.skipif(INTERPRETED, reason="runs in the ordinary process")

KEY = derive_key(0, "fc.weight")
LAWS = {
    "uniform": Uniform(-0.3, 0.7),
    "normal": Normal(0.5, 2.0),
    "truncated": TruncatedNormal(0.0, 1.0, -2.0, 2.0),
    "all words": TruncatedNormal(0.0, 0.02, -2.0, 2.0),
    "64-bit words": TruncatedNormal(0.0, 1.0, 5.0, 6.0),
    "bits": Bits(),
}
FLOATS = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
DRAWS = [(name, dtype) for name in LAWS for dtype in (FLOATS if name != "bits" else (torch.int64,))]
FEW = [("normal", torch.float32), ("truncated", torch.bfloat16), ("64-bit words", torch.float32), DRAWS[-1]]
FEW += [("uniform", torch.float64)]


def sampler_for(name: str, dtype: torch.dtype) -> Sampler:
    compute = dtype if dtype in (torch.float64, torch.int64) else torch.float32
    return make_sampler(LAWS[name], compute, dtype)


def expected(sampler: Sampler, dtype: torch.dtype, key: Key, start: int, sizes, steps) -> torch.Tensor:
    bits = bits_of_box(start, sizes, steps, key, torch.device("cpu"), wide=sampler.wide)
    return sampler.values(bits).to(dtype)


def same(out: torch.Tensor, reference: torch.Tensor) -> bool:
    """Equal bits."""
    out, reference = (x.cpu().contiguous().view(-1).view(torch.uint8) for x in (out, reference))
    return torch.equal(out, reference)


def check_dense(sampler: Sampler, dtype: torch.dtype, *, count: int, start: int = 0, key: Key = KEY) -> torch.Tensor:
    """Fills ``count`` elements whose neighbours in memory must stay as they are."""
    room = torch.full((count + 16,), 7, dtype=dtype, device=DEVICE)
    out = room[8 : 8 + count]
    _triton.fill(out, sampler, key, start, [count], [1], [1])
    assert same(out, expected(sampler, dtype, key, start, [count], [1]))
    assert (room[:8] == 7).all()
    assert (room[8 + count :] == 7).all()
    return out.cpu()


def check_region(out: torch.Tensor, sampler: Sampler, region: Region) -> None:
    box, strides = box_of(region, out)
    _triton.fill(out, sampler, KEY, box.start, box.sizes, box.steps, strides)
    assert same(out, expected(sampler, out.dtype, KEY, box.start, box.sizes, box.steps))


@at_first
def test_the_interpreter_agrees():
    """The tests of values, in a process of their own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))}
    environment |= {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", __file__, "-x", "-p", "no:cacheprovider", "-p", "no:xdist"]
    root = Path(__file__).parents[2]
    run = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert int(re.search(r"(\d+) passed", run.stdout)[1]) > 80


@on_a_device
@pytest.mark.parametrize(("name", "dtype"), DRAWS, ids=str)
def test_every_start(name, dtype):
    """Two chunks and a bit from each start; the first block of a tensor that starts within one is cut."""
    sampler = sampler_for(name, dtype)
    for start in range(10):
        assert check_dense(
            sampler, dtype, count=(1100 if sampler.wide else 2100) if start < 2 else 37, start=start
        ).numel()


@on_a_device
@pytest.mark.parametrize(("name", "dtype"), FEW, ids=str)
def test_every_count(name, dtype):
    """Chunks that end, or nearly end, with the tensor."""
    sampler = sampler_for(name, dtype)
    chunk = _triton.BLOCK * (2 if sampler.wide else 4)
    for count in (1, 2, 3, 4, 5, chunk - 1, chunk, chunk + 1):
        check_dense(sampler, dtype, count=count)


@on_a_device
@pytest.mark.parametrize(("name", "dtype"), FEW, ids=str)
@pytest.mark.parametrize("start", [2**32 - 5, 2**34 - 5, 2**53 + 1, 2**62 + 2])
def test_blocks_beyond_32_bits(name, dtype, start):
    check_dense(sampler_for(name, dtype), dtype, count=40, start=start)


@on_a_device
@pytest.mark.parametrize("number", [0, 1, 2**31, 2**32 - 1, 2**32, 2**63, 2**64 - 1])
def test_every_key(number):
    for key in (Key(number, 5), Key(5, number)):
        check_dense(sampler_for("bits", torch.int64), torch.int64, count=20, key=key)


REGIONS = {
    "rows": (Region((9, 7), (3, 0), (5, 7)), "contiguous"),
    "rows of a wider tensor": (Region((9, 8), (3, 0), (5, 8)), "pitched"),
    "columns": (Region((30, 64), (2, 17), (25, 30)), "contiguous"),
    "long columns": (Region((4, 2200), (1, 5), (3, 2101)), "contiguous"),
    "one column": (Region((40, 63), (3, 62), (37, 1)), "contiguous"),
    "two columns": (Region((40, 64), (3, 61), (37, 2)), "pitched"),
    "3-d": (Region((7, 8, 9), (1, 2, 3), (4, 5, 6)), "contiguous"),
    "long 3-d": (Region((3, 4, 1203), (1, 1, 2), (2, 2, 1150)), "pitched"),
    "5-d": (Region((3, 3, 4, 3, 4), (1, 0, 1, 1, 1), (2, 2, 3, 2, 3)), "pitched"),
    "channels last": (Region.whole((6, 8, 5, 5)), "channels last"),
    "part, channels last": (Region((6, 9, 5, 5), (2, 3, 0, 1), (4, 5, 5, 3)), "channels last"),
    "transposed": (Region.whole((30, 41)), "transposed"),
    "every other": (Region.whole((201,)), "every other"),
    "one element": (Region((4, 5), (3, 1), (1, 1)), "contiguous"),
    "no dimension": (Region.whole(()), "contiguous"),
}


def room_for(sizes: tuple[int, ...], layout: str, dtype: torch.dtype) -> torch.Tensor:
    if layout == "pitched":
        wide = torch.zeros(*sizes[:-1], sizes[-1] + 3, dtype=dtype, device=DEVICE)
        return wide[..., 1:-2]
    if layout == "channels last":
        return torch.zeros(sizes, dtype=dtype, device=DEVICE).to(memory_format=torch.channels_last)
    if layout == "transposed":
        return torch.zeros(sizes[::-1], dtype=dtype, device=DEVICE).mT
    if layout == "every other":
        return torch.zeros(2 * sizes[0], dtype=dtype, device=DEVICE)[::2]
    return torch.zeros(sizes, dtype=dtype, device=DEVICE)


@on_a_device
@pytest.mark.parametrize(("name", "dtype"), FEW, ids=str)
@pytest.mark.parametrize("what", REGIONS)
def test_every_region(what, name, dtype):
    region, layout = REGIONS[what]
    out = room_for(region.sizes, layout, dtype)
    check_region(out, sampler_for(name, dtype), region)
    if layout in ("pitched", "every other"):  # what lies between stays as it was
        assert out._base.count_nonzero() == out.count_nonzero()


@on_a_device
def test_grids_numbered_in_64_bits(monkeypatch):
    monkeypatch.setattr(_triton, "NUMBERED_IN_32_BITS", 0)
    region = Region((7, 8, 9), (1, 2, 3), (4, 5, 6))
    check_region(torch.empty(region.sizes, device=DEVICE), sampler_for("normal", torch.float32), region)


@on_a_device
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_rounding_to_nearest_even(dtype):
    """Numbers midway between two of the dtype, and beside them; subnormal ones too."""
    finfo = torch.finfo(dtype)
    for exponent in (0, -3, 10, round(math.log2(finfo.tiny)), round(math.log2(finfo.tiny)) - 3):
        place = max(2.0**exponent, finfo.tiny) * finfo.eps
        for number in (2.0**exponent + step * place / 4 for step in range(9)):
            for shift in (number, -number):
                sampler = Sampler("uniform", torch.float32, shift=shift)  # a scale of 0: the shift is the value
                check_dense(sampler, dtype, count=3)


@on_a_device
@pytest.mark.parametrize("law", [Normal(0.0, 3e-7), Uniform(-1e-6, 1e-6), TruncatedNormal(0.0, 1e-6, -1e-6, 2e-6)])
def test_subnormal_float16(law):
    out = check_dense(make_sampler(law, torch.float32, torch.float16), torch.float16, count=200)
    assert ((out != 0) & (out.abs() < 2.0**-14)).any()


@on_a_device
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_subnormals_are_not_flushed(dtype):
    compute = torch.float64 if dtype == torch.float64 else torch.float32
    law = Normal(0.0, torch.finfo(compute).tiny / 8)
    assert check_dense(make_sampler(law, compute, dtype), dtype, count=200).unique().numel() > 20


@on_a_device
def test_the_ends_of_the_table():
    """Words that a stream hardly ever has, as those of a narrow truncated map: the extremes and the seams."""
    for wide, bits in ((False, 32), (True, 64)):
        seams = (-(2 ** (bits - 1)), -(2 ** (bits - 2)), 0, 2 ** (bits - 2), 2 ** (bits - 1))
        compute = torch.float64 if wide else torch.float32
        for seam in seams:
            for first in range(max(seam - 40, -(2 ** (bits - 1))), min(seam + 40, 2 ** (bits - 1) - 1), 13):
                sampler = Sampler("truncated", compute, wide, 0.0, 1.0, -math.inf, math.inf, first, 1)
                check_dense(sampler, compute, count=1)


@on_a_device
def test_many_tensors(monkeypatch):
    """Tensors of all kinds at once: groups of one launch each, and the large and the strided ones on their own."""
    monkeypatch.setattr(_triton, "OWN_LAUNCH", 5000)
    launches = []
    monkeypatch.setattr(
        _triton, "_launch_jobs", lambda group, launch=_triton._launch_jobs: launches.append(launch(group))
    )
    jobs = []
    for i, (name, dtype) in enumerate(DRAWS * 2):
        for count, start, offset in ((1 + 13 * i, 0, 0), (900 + i, 3 + i, 0), (50, 0, 1), (2500, 0, 0)):
            out = torch.zeros(count + offset, dtype=dtype, device=DEVICE)[offset:]
            key = derive_key(i, f"{count}")
            jobs.append(_triton.Job(out, sampler_for(name, dtype), key, start, [count], [1], [1]))
    normal = sampler_for("normal", torch.float32)
    jobs.append(_triton.Job(torch.zeros(6000, device=DEVICE), normal, KEY, 0, [6000], [1], [1]))
    jobs.append(_triton.Job(torch.zeros(5, 6, device=DEVICE), normal, KEY, 3, [5, 6], [8, 1], [6, 1]))
    _triton.fill_many(jobs)
    for job in jobs:
        assert same(job.out, expected(job.sampler, job.out.dtype, job.key, job.start, job.sizes, job.steps))
    assert len(launches) == 2 * len({(job.out.dtype, job.sampler.kind, job.sampler.wide) for job in jobs})


@on_a_device
def test_no_tensors():
    _triton.fill_many([])


@on_a_device
def test_autograd_is_told():
    parameter = torch.nn.Parameter(torch.zeros(8, device=DEVICE))
    before = parameter._version
    with torch.no_grad():
        _triton.fill(parameter, sampler_for("normal", torch.float32), KEY, 0, [8], [1], [1])
        _triton.fill_many([_triton.Job(parameter, sampler_for("normal", torch.float32), KEY, 0, [8], [1], [1])])
    assert parameter._version == before + 2


@at_first
def test_what_is_served():
    normal = sampler_for("normal", torch.float32)
    assert not _triton.available(torch.device("cpu"))
    assert not _triton.serves(torch.empty(3), normal, [3])
    if torch.cuda.is_available():
        out = torch.empty(3, device="cuda")
        assert _triton.serves(out, normal, [3])
        assert not _triton.serves(out, normal, [2] * 6)
        assert not _triton.serves(out, Sampler("constant", torch.float32), [3])
        assert not _triton.serves(out.to(torch.float8_e4m3fn), normal, [3])


@at_first
def test_triton_is_not_imported_before_it_is_needed():
    code = """
import sys, torch, firststep
from firststep import init
init.normal_(torch.empty(5))
assert "triton" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@at_first
@pytest.mark.parametrize(
    ("name", "dtype"), [*FEW[:3], ("uniform", torch.float16), ("truncated", torch.float64)], ids=str
)
def test_machine_code(name, dtype, monkeypatch, tmp_path):
    """Compiled for an H100, which need not be there: no fused multiply-add, no flush to zero, stores of 128 bits."""
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    for entry, compiled in compile_all(sampler_for(name, dtype), dtype, monkeypatch):
        ptx = compiled.asm["ptx"]
        assert not re.search(r"\bfma\b|\.ftz\b", ptx)
        assert re.search(r"\bmul\.rn\.f(32|64)", ptx)
        if entry in ("fill_dense", "fill_jobs"):
            assert re.search(r"st\.global\.v4\.b32|st\.global\.v2\.b64", ptx)
        sass = disassembled(compiled)
        assert re.search(r"\bSTG\b", sass)
        assert not re.search(r"\b[FD]FMA\b|\b(FADD|FMUL|FSEL|FSETP)\S*\.FTZ", sass)


def compile_all(sampler: Sampler, dtype: torch.dtype, monkeypatch):
    """Each kernel as :func:`_triton.fill` would launch it; the last step is left out."""
    import triton
    from triton.backends.compiler import GPUTarget

    from firststep.rng import _triton_kernel

    compiled = []

    class Kernel:
        def __init__(self, name: str) -> None:
            self.name = name

        def __getitem__(self, grid):
            warm_up = getattr(_triton_kernel, self.name).warmup
            return lambda *given, **named: compiled.append((self.name, warm_up(*given, grid=grid, **named)))

    names = ("fill_dense", "fill_rows", "fill_runs", "fill_jobs")
    stand_in = SimpleNamespace(ELEMENTS=_triton_kernel.ELEMENTS, **{name: Kernel(name) for name in names})
    monkeypatch.setattr(_triton, "_kernels", lambda: stand_in)
    driver = SimpleNamespace(
        get_current_device=lambda: -1,  # the number of no device that other tests compile for
        get_current_target=lambda: GPUTarget("cuda", 90, 32),
        get_current_stream=lambda device=None: 0,
    )
    out = torch.empty(6000, dtype=dtype)
    monkeypatch.setattr(triton.runtime.driver, "_active", driver)
    _triton.fill(out, sampler, KEY, 0, [6000], [1], [1])
    _triton.fill(out, sampler, KEY, 0, [3, 2000], [2001, 1], [2000, 1])
    _triton.fill(out, sampler, KEY, 0, [3, 20], [24, 1], [20, 1])
    _triton.fill_many([_triton.Job(out, sampler, KEY, 0, [6000], [1], [1])])
    assert [name for name, _ in compiled] == list(names)
    return compiled


def disassembled(compiled) -> str:
    """What ptxas made of it."""
    from triton import knobs

    file = Path(os.environ["TRITON_CACHE_DIR"], "kernel.cubin")
    file.write_bytes(compiled.asm["cubin"])
    return subprocess.run([knobs.nvidia.nvdisasm.path, file], capture_output=True, text=True, check=True).stdout
