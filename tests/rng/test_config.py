"""What show_config says: the layout by golden files, the words for every case, and that it tells the truth."""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import firststep as fs
from firststep import rng
from firststep.cli import main
from firststep.rng import Config, Serving, _config, _native, _triton

GOLDEN = Path(__file__).parent / "golden"

VERSIONS = (
    ("firststep", "0.1.0"),
    ("values", "firststep-1"),
    ("torch", "2.13.0+cu130"),
    ("python", "3.11.7"),
    ("platform", "Linux-6.8.0-45-generic-x86_64-with-glibc2.39"),
)
FAST = Config(
    cpu=Serving("native kernel (avx512)", "the fastest that this processor has"),
    instruction_sets=("avx512", "avx2", "sse41", "plain"),
    cuda=(
        Serving("Triton 3.7.0", "it compiles for this GPU", device="NVIDIA H100 80GB HBM3"),
        Serving("torch operations", "its compute capability 7.0 is below 7.5", device="Tesla V100-SXM2-16GB"),
    ),
    threads=16,
    huge_pages="madvise",
    versions=VERSIONS,
    ok=True,
)
SLOW = Config(
    cpu=Serving(
        "torch operations",
        "the native kernel cannot be loaded (cannot import name '_kernel' from 'firststep.rng')",
        f"for the native kernel, install a C compiler, then\n{_native.REBUILD}",
    ),
    instruction_sets=(),
    cuda=(
        Serving(
            "torch operations",
            "triton is not installed",
            "for the Triton kernels\npip install triton",
            "NVIDIA H100 80GB HBM3",
        ),
    ),
    threads=1,
    huge_pages=None,
    versions=VERSIONS,
    ok=False,
)


@pytest.mark.parametrize(
    ("shown", "name"),
    [(FAST.table(100), "config"), (SLOW.table(100), "config_slow"), (SLOW.table(60), "config_slow_60")],
    ids=["fast", "slow", "slow in 60 columns"],
)
def test_the_layout(shown, name):
    assert shown + "\n" == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def test_printing_fits_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    assert str(SLOW) == SLOW.table(60)
    assert repr(SLOW) == "<Config: CPU tensors by torch operations; print it to see>"


def test_as_data():
    data = json.loads(json.dumps(FAST.to_dict()))
    assert data["cpu"] == {
        "by": "native kernel (avx512)",
        "why": "the fastest that this processor has",
        "advice": "",
        "device": "",
    }
    assert [one["device"] for one in data["cuda"]] == ["NVIDIA H100 80GB HBM3", "Tesla V100-SXM2-16GB"]
    assert data["versions"]["values"] == "firststep-1"
    assert list(data) == ["cpu", "instruction_sets", "cuda", "threads", "huge_pages", "versions", "ok"]


def test_it_tells_what_is_so():
    found, chosen = fs.show_config(), _native.choice()
    assert found.cpu.why == chosen.reason
    assert found.ok == chosen.ok
    assert ("native kernel" in found.cpu.by) == (chosen.native is not None)
    if chosen.native is not None:
        assert found.cpu.by == f"native kernel ({chosen.native.name})"
        assert chosen.native.name in found.instruction_sets
    assert found.threads == torch.get_num_threads()
    assert dict(found.versions) == {
        "firststep": fs.__version__,
        "values": rng.VERSION,
        "torch": torch.__version__,
        "python": ".".join(map(str, sys.version_info[:3])),
        "platform": platform.platform(),
    }


def kernels(*names: str) -> list[_native.Native]:
    return [_native.Native(SimpleNamespace(), index, name) for index, name in enumerate(names)]  # type: ignore[arg-type]


def chosen(monkeypatch, wish: str, wrong: str = "") -> _native.Choice:
    """The choice on a processor with AVX2, SSE4.1 and plain C, where those in ``wrong`` fail the test."""
    monkeypatch.setitem(sys.modules, "firststep.rng._kernel", SimpleNamespace())
    monkeypatch.setattr(sys.modules["firststep.rng"], "_kernel", SimpleNamespace(), raising=False)
    monkeypatch.setattr(_native, "kernels", lambda module: kernels("avx2", "sse41", "plain"))
    right = _native.KNOWN_ANSWER
    monkeypatch.setattr(_native, "known_answer", lambda one: "another" if one.name in wrong.split() else right)
    monkeypatch.setenv("FIRSTSTEP_KERNEL", wish)
    return _native.choice.__wrapped__()


REPAIR = (
    "build it without flags of your own (unset CC and CFLAGS)\n"
    "pip install --force-reinstall --no-deps --no-cache-dir --no-binary firststep firststep"
)


@pytest.mark.parametrize(
    ("wish", "wrong", "name", "reason", "ok", "advice"),
    [
        ("", "", "avx2", "the fastest that this processor has", True, ""),
        ("avx2", "", "avx2", "FIRSTSTEP_KERNEL=avx2 asks for it", True, ""),
        (
            *("plain", "", "plain", "FIRSTSTEP_KERNEL=plain asks for it", True),
            "for avx2, which is faster, unset FIRSTSTEP_KERNEL",
        ),
        (
            *("torch", "", "", "FIRSTSTEP_KERNEL=torch asks for it", True),
            "for the native kernel, unset FIRSTSTEP_KERNEL",
        ),
        (
            *("", "avx2 sse41", "plain"),
            *("the fastest that is right: avx2, sse41 failed the known-answer test", False, REPAIR),
        ),
        (
            *("", "avx2 sse41 plain", ""),
            "the native kernel was built wrongly: avx2, sse41, plain failed the known-answer test",
            *(False, REPAIR),
        ),
        (
            *("sse41", "sse41", ""),
            *("the native kernel was built wrongly: sse41 failed the known-answer test", False, REPAIR),
        ),
    ],
)
def test_what_serves_the_cpu_word_for_word(monkeypatch, wish, wrong, name, reason, ok, advice):
    found = chosen(monkeypatch, wish, wrong)
    assert (found.native.name if found.native else "") == name
    assert (found.reason, found.ok, found.advice) == (reason, ok, advice)
    by = f"native kernel ({name})" if name else "torch operations"
    assert _config._on_cpu(found) == Serving(by, reason, advice)


def test_without_the_extension(monkeypatch):
    monkeypatch.setitem(sys.modules, "firststep.rng._kernel", None)
    monkeypatch.delattr(sys.modules["firststep.rng"], "_kernel", raising=False)
    monkeypatch.delenv("FIRSTSTEP_KERNEL", raising=False)
    found = _native.choice.__wrapped__()
    assert not found.ok
    assert found.advice == (
        "for the native kernel, install a C compiler, then\n"
        "pip install --force-reinstall --no-deps --no-cache-dir --no-binary firststep firststep"
    )


@pytest.fixture
def gpus(monkeypatch):
    """Pretends that torch sees these GPUs: (name, compute capability)."""

    def pretend(*devices: tuple[str, tuple[int, int]], triton: bool = True, hip: str | None = None) -> None:
        cuda = torch.cuda
        monkeypatch.setattr(cuda, "is_available", lambda: bool(devices))
        monkeypatch.setattr(cuda, "device_count", lambda: len(devices))
        monkeypatch.setattr(cuda, "get_device_name", lambda device: devices[device.index][0])
        monkeypatch.setattr(cuda, "get_device_capability", lambda device: devices[device.index][1])
        monkeypatch.setattr(torch.version, "cuda", None if hip else "13.0")
        monkeypatch.setattr(torch.version, "hip", hip)
        spec = SimpleNamespace() if triton else None
        monkeypatch.setattr(_triton.importlib.util, "find_spec", lambda name: spec)
        monkeypatch.setattr(_config, "_installed", lambda package: f"of {package}")

    return pretend


def test_what_serves_cuda_word_for_word(gpus):
    h100, v100 = ("NVIDIA H100 80GB HBM3", (9, 0)), ("Tesla V100-SXM2-16GB", (7, 0))
    gpus(h100, h100, v100)
    assert _config._on_cuda() == (
        Serving("Triton of triton", "it compiles for this GPU", device="NVIDIA H100 80GB HBM3"),
        Serving("torch operations", "its compute capability 7.0 is below 7.5", device="Tesla V100-SXM2-16GB"),
    )
    gpus(h100, triton=False)
    assert _config._on_cuda() == SLOW.cuda
    gpus(("AMD Instinct MI300X", (9, 4)), hip="6.4")
    assert _config._on_cuda() == (
        Serving("torch operations", "this is an AMD GPU, whose rounding was not checked", device="AMD Instinct MI300X"),
    )
    gpus()
    assert _config._on_cuda() == (Serving("none", "torch sees no device"),)


def test_a_torch_without_cuda(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.version, "hip", None)
    assert _config._on_cuda() == (Serving("none", "this torch was built without CUDA"),)


@pytest.mark.parametrize(
    ("content", "word"),
    [("always [madvise] never\n", "madvise"), ("[always] madvise never\n", "always"), ("", None), (None, None)],
)
def test_huge_pages(monkeypatch, tmp_path, content, word):
    file = tmp_path / "enabled"
    if content is not None:
        file.write_text(content)
    monkeypatch.setattr(_config, "_HUGE_PAGES", file)
    assert _config._huge_pages() == word


def test_the_command_prints_it(monkeypatch, capsys):
    for found, code in ((FAST, 0), (SLOW, 1)):
        monkeypatch.setattr(rng, "show_config", lambda found=found: found)
        assert main(["doctor"]) == code
        assert capsys.readouterr().out == f"{found}\n"
        assert main(["doctor", "--json"]) == code
        assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(found.to_dict()))


def test_the_command_refuses_an_unknown_instruction_set(monkeypatch, capsys):
    monkeypatch.setattr(_config, "choice", lambda: chosen(monkeypatch, "plane"))
    assert main(["doctor"]) == 2
    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err == (
        "firststep: FIRSTSTEP_KERNEL=plane: this processor has avx2, sse41, plain; expected one of them, or torch. "
        "Did you mean 'plain'?\n"
    )
