"""The Triton kernels on a GPU: the same bits as on the CPU, the machine code, and the speed. Needs a CUDA device.

    python benchmarks/gpu.py
    python benchmarks/gpu.py --quick

1. Every law in every dtype, in several regions and layouts, bit for bit against the CPU; and beyond 2^31 elements.
2. The code of every kernel that this compiled: no fused multiply-add and no flush to zero, in PTX and after ptxas.
3. Write bandwidth of 1 GiB beside that of ``zero_``; the aim is 85 % of it.
4. Many small tensors: one table of jobs, a launch for each, and torch.

Exit code: 0 when bits and code are right, 1 when they are not, 2 without a CUDA device or triton. Speed is told only.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from firststep import rng
from firststep.rng import Bits, Law, Normal, Region, TruncatedNormal, Uniform, _triton
from firststep.rng._box import box_of
from firststep.rng._sampler import Sampler, make_sampler

KEY = rng.derive_key(0, "fc.weight")
LAWS: dict[str, Law] = {
    "uniform": Uniform(-0.3, 0.7),
    "normal": Normal(0.5, 2.0),
    "subnormal": Normal(0.0, 3e-7),
    "truncated": TruncatedNormal(0.0, 1.0, -2.0, 2.0),
    "all words": TruncatedNormal(0.0, 0.02, -2.0, 2.0),
    "64-bit words": TruncatedNormal(0.0, 1.0, 5.0, 6.0),
}
FLOATS = (torch.float32, torch.bfloat16, torch.float16, torch.float64)
AIM = 0.85
ROW = "{:<44} {:>12} {:>10}"


def main() -> int:
    """Run all four parts and print what they find."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="1/64 of the elements: to see that it runs")
    args = parser.parse_args()
    if not torch.cuda.is_available():
        print("benchmarks/gpu.py needs a CUDA device; torch sees none", file=sys.stderr)
        return 2
    device = torch.device("cuda", torch.cuda.current_device())
    if not _triton.available(device):
        print(f"benchmarks/gpu.py needs triton, and an NVIDIA GPU that it serves; {device} is not one", file=sys.stderr)
        return 2
    import triton

    print(torch.cuda.get_device_name(device), "sm_{}{}".format(*torch.cuda.get_device_capability(device)), end=", ")
    print(f"torch {torch.__version__}, triton {triton.__version__}")

    shrink = 64 if args.quick else 1
    wrong = [what for what, right in compare(device, 2**24 // shrink) if not right]
    wrong += [what for what, right in compare_many(device) if not right]
    if not args.quick:
        wrong += [what for what, right in compare_beyond_32_bits(device) if not right]
    print(f"1. bits: {'equal to the CPU everywhere' if not wrong else 'WRONG in ' + '; '.join(wrong)}")
    bad = scan(device)
    print(f"2. code: {'no fma, no ftz' if not bad else 'BAD: ' + '; '.join(bad)}")
    print("3. write bandwidth, GB/s, and its share of zero_'s")
    bandwidth(device, 2**30 // shrink)
    print("4. many tensors, ms")
    many(device, 5000 // shrink)
    return 1 if wrong or bad else 0


def sampler_for(law: Law, dtype: torch.dtype) -> Sampler:
    """The sampler of a tensor of ``dtype``."""
    compute = dtype if dtype in (torch.float64, torch.int64) else torch.float32
    return make_sampler(law, compute, dtype)


def fill(out: Tensor, law: Law, region: Region) -> Tensor:
    """``out`` filled by the Triton kernels, whatever ``rng.fill_`` would choose."""
    sampler = sampler_for(law, out.dtype)
    box, strides = box_of(region, out)
    _triton.fill(out, sampler, KEY, box.start, box.sizes, box.steps, strides)
    return out


def compare(device: torch.device, elements: int) -> Iterator[tuple[str, bool]]:
    """What was compared with the CPU, and whether all bits are equal."""
    draws = [(name, law, dtype) for name, law in LAWS.items() for dtype in FLOATS]
    for name, law, dtype in [*draws, ("bits", Bits(), torch.int64)]:
        for where, region, layout in regions(elements):
            out = layout(torch.empty(region.sizes, dtype=dtype, device=device))
            reference = rng.fill_(torch.empty(region.sizes, dtype=dtype), law, KEY, region)
            yield f"{name}, {dtype}, {where}", same(fill(out, law, region), reference)


def regions(elements: int) -> Iterator[tuple[str, Region, Callable[[Tensor], Tensor]]]:
    """A name, a region and the memory layout of the tensor that holds it."""
    rows = elements // 4096
    yield "whole", Region.whole((elements + 3,)), lambda out: out
    yield "an odd start", Region((elements,), (elements // 2 + 1,), (4099,)), lambda out: out
    yield "far away", Region((2**31, 2**31), (2**31 - 9, 2**31 - 777), (9, 777)), lambda out: out
    yield "long columns", Region((rows, 4099), (0, 1), (rows, 3001)), lambda out: out
    yield "short columns", Region((rows, 4099), (1, 7), (rows - 1, 65)), lambda out: out
    yield "one column", Region((rows, 4099), (0, 4098), (rows, 1)), lambda out: out
    yield "transposed", Region.whole((rows, 515)), lambda out: torch.empty_like(out.mT.contiguous()).mT
    yield "channels last", Region.whole((64, 32, 5, 5)), lambda out: out.to(memory_format=torch.channels_last)
    yield "3-d", Region((9, 70, 80), (1, 3, 5), (7, 60, 71)), lambda out: out


def compare_many(device: torch.device) -> Iterator[tuple[str, bool]]:
    """Tensors of every law and dtype, of several sizes and starts, all in one call."""
    jobs, references = [], []
    for law in LAWS.values():
        for dtype in FLOATS:
            for count, start in ((1, 0), (777, 0), (3000, 5), (4096, 8), (2**20 + 1, 0)):
                out = torch.empty(count, dtype=dtype, device=device)
                jobs.append(_triton.Job(out, sampler_for(law, dtype), KEY, start, [count], [1], [1]))
                part = Region((start + count,), (start,), (count,))
                references.append(rng.fill_(torch.empty(count, dtype=dtype), law, KEY, part))
    _triton.fill_many(jobs)
    yield "many tensors", all(same(job.out, reference) for job, reference in zip(jobs, references, strict=True))


def compare_beyond_32_bits(device: torch.device) -> Iterator[tuple[str, bool]]:
    """The start, the part around 2^31 and the end of a bfloat16 tensor of more than 2^31 elements, 4.3 GB."""
    elements = 2**31 + 2**20 + 5
    if torch.cuda.mem_get_info(device)[0] < 3 * elements:
        print("   not compared beyond 2^31 elements: too little free memory")
        return
    whole = Region.whole((elements,))
    out = fill(torch.empty(elements, dtype=torch.bfloat16, device=device), LAWS["normal"], whole)
    for begin in (0, 2**31 - 5000, elements - 10_000):
        part = whole.narrow(0, begin, 10_000)
        reference = rng.fill_(torch.empty(10_000, dtype=torch.bfloat16), LAWS["normal"], KEY, part)
        yield f"bfloat16 from element {begin}", same(out[begin : begin + 10_000], reference)


def same(out: Tensor, reference: Tensor) -> bool:
    """Whether all bits are equal."""
    return torch.equal(*(x.cpu().contiguous().view(-1).view(torch.uint8) for x in (out, reference)))


def scan(device: torch.device) -> list[str]:
    """What should not be in the code of the kernels that were compiled for ``device``."""
    from firststep.rng import _triton_kernel

    found, seen = [], 0
    for entry in ("fill_dense", "fill_rows", "fill_runs", "fill_jobs"):
        for kernel in compiled(getattr(_triton_kernel, entry).device_caches[device.index]):
            seen += 1
            bad = set(re.findall(r"\bfma\S*|\S*\.ftz\S*", kernel.asm["ptx"]))
            bad |= set(
                re.findall(r"\b[FD]FMA\S*|\b(?:FADD|FMUL|FSEL|FSETP)\S*\.FTZ\S*", disassembled(kernel.asm["cubin"]))
            )
            found += [f"{entry} {name}" for name in sorted(bad)]
    print(f"   {seen} compiled kernels read")
    return found if seen else ["no compiled kernel was found: where this version of triton keeps them is not known"]


def compiled(cache: object) -> Iterator[object]:
    """The compiled kernels in a cache of triton's, whose shape differs between its versions."""
    for item in cache.values() if isinstance(cache, dict) else cache if isinstance(cache, tuple) else ():
        if hasattr(item, "asm"):
            yield item
        else:
            yield from compiled(item)


def disassembled(cubin: bytes) -> str:
    """The instructions of the GPU, by the nvdisasm that comes with triton."""
    from triton import backends

    tool = Path(next(iter(backends.__path__)), "nvidia", "bin", "nvdisasm")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "kernel.cubin")
        file.write_bytes(cubin)
        return subprocess.run([tool, file], capture_output=True, text=True, check=True).stdout


def bandwidth(device: torch.device, size: int) -> None:
    """Bytes written in a second, of ``size`` bytes, and the share of what ``zero_`` writes."""
    for dtype in FLOATS:
        out = torch.empty(size // dtype.itemsize, dtype=dtype, device=device)
        limit = size / seconds(out.zero_)
        print(ROW.format(f"{dtype} zero_", f"{limit / 1e9:.0f}", ""))
        print(ROW.format(f"{dtype} torch normal_", *share(size, seconds(out.normal_), limit)))
        for name in ("uniform", "normal", "truncated"):
            law, whole = LAWS[name], Region.whole(out.shape)
            taken = seconds(lambda out=out, law=law, whole=whole: fill(out, law, whole))
            print(ROW.format(f"{dtype} {name}", *share(size, taken, limit)))
        columns = Region((out.numel() // 4096, 8192), (0, 4096), (out.numel() // 4096, 4096))
        taken = seconds(lambda out=out, columns=columns: fill(out.view(columns.sizes), LAWS["uniform"], columns))
        print(ROW.format(f"{dtype} uniform, 4096 of 8192 columns", *share(size, taken, limit)))
        narrow = Region((out.numel() // 64, 8192), (0, 64), (out.numel() // 64, 64))
        taken = seconds(lambda out=out, narrow=narrow: fill(out.view(narrow.sizes), LAWS["uniform"], narrow))
        print(ROW.format(f"{dtype} uniform, 64 of 8192 columns", *share(size, taken, limit)))


def share(size: int, taken: float, limit: float) -> tuple[str, str]:
    """GB/s, and its share of ``limit`` with a mark when it misses the aim."""
    rate = size / taken
    return f"{rate / 1e9:.0f}", f"{rate / limit:.2f}{'' if rate >= AIM * limit else ' <'}"


def seconds(call: Callable[[], object], turns: int = 10) -> float:
    """The least time that the GPU takes for a call, by events, after two calls to warm up."""
    call()
    call()
    times = []
    for _ in range(turns):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        call()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end) / 1000)
    return min(times)


def many(device: torch.device, count: int) -> None:
    """``count`` tensors of 1,000 elements: the whole time, from the first call until the GPU is done."""
    tensors = [torch.empty(1000, device=device) for _ in range(count)]
    sampler, whole = sampler_for(LAWS["normal"], torch.float32), Region.whole((1000,))
    jobs = [_triton.Job(out, sampler, KEY, 0, [1000], [1], [1]) for out in tensors]
    calls: dict[str, Callable[[], object]] = {
        "a table of jobs, fill_many": lambda: _triton.fill_many(jobs),
        "a launch for each, fill": lambda: [fill(out, LAWS["normal"], whole) for out in tensors],
        "torch normal_": lambda: [out.normal_() for out in tensors],
    }
    for name, call in calls.items():
        call()
        times = []
        for _ in range(5):
            torch.cuda.synchronize(device)
            begin = time.perf_counter()
            call()
            torch.cuda.synchronize(device)
            times.append(time.perf_counter() - begin)
        print(ROW.format(f"{count} tensors of 1,000: {name}", f"{min(times) * 1000:.2f}", ""))


if __name__ == "__main__":
    sys.exit(main())
