"""Which native kernel is chosen, and that a missing, broken or wrongly built one is told and refused."""

from __future__ import annotations

import importlib
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import torch

from firststep import rng
from firststep.errors import FirststepError
from firststep.rng import Normal, _fill, _native

if _native.choice().native is None and "cannot be loaded" in _native.choice().reason:
    pytest.skip("built without a C compiler", allow_module_level=True)

MODULE = importlib.import_module("firststep.rng._kernel")
KERNELS = {one.name: one for one in _native.kernels(MODULE)}


def four_by_torch() -> list[float]:
    """Four normals by torch operations."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_fill, "native", lambda: None)
        return rng.fill_(torch.empty(4), Normal(0.0, 1.0), rng.derive_key(0, "fc.weight")).tolist()


def test_known_answer_is_that_of_torch_operations():
    assert _native.known_answer(None) == _native.KNOWN_ANSWER
    assert {one.name: _native.known_answer(one) for one in KERNELS.values()} == dict.fromkeys(
        KERNELS, _native.KNOWN_ANSWER
    )


def chosen(monkeypatch, wish=None):
    """A fresh choice, as in a new process."""
    monkeypatch.delenv(_native.VARIABLE, raising=False)
    if wish is not None:
        monkeypatch.setenv(_native.VARIABLE, wish)
    return _native.choice.__wrapped__()


def test_the_fastest_is_chosen_unless_one_is_asked_for(monkeypatch):
    first, *_, last = KERNELS
    assert chosen(monkeypatch) == _native.Choice(KERNELS[first], "the fastest that this processor has")
    assert chosen(monkeypatch, last).native == KERNELS[last]
    assert chosen(monkeypatch, last).reason == f"FIRSTSTEP_KERNEL={last} asks for it"
    assert chosen(monkeypatch, "torch") == _native.Choice(
        None, "FIRSTSTEP_KERNEL=torch asks for it", advice="for the native kernel, unset FIRSTSTEP_KERNEL"
    )
    with pytest.raises(FirststepError) as error:
        chosen(monkeypatch, "plane")
    assert str(error.value) == (
        f"FIRSTSTEP_KERNEL=plane: this processor has {', '.join(KERNELS)}; expected one of them, or torch. "
        "Did you mean 'plain'?"
    )


def in_a_new_process(code: str) -> str:
    """What it prints; warnings are errors there too."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_chosen_where_tensors_are_fake():
    """The trial draws real numbers, whatever the modes of the first call, which itself is for torch operations."""
    code = """
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from firststep import init
from firststep.rng import _native
try:
    with FakeTensorMode():
        init.normal_(torch.empty(64))
except AssertionError:
    pass  # torch's: the specification mixes the tensors it makes with fake ones
print(_native.choice().ok, init.normal_(torch.zeros(64)).std().item() > 0.5)
"""
    assert in_a_new_process(code) == "True True\n"


def test_chosen_and_drawn_first_inside_inference_mode():
    code = """
import threading, torch
from firststep import init
def work():
    with torch.inference_mode():
        inside = init.normal_(torch.zeros(64))
    outside = init.normal_(torch.zeros(64, requires_grad=True).detach())
    print(inside.std().item() > 0.5, outside.std().item() > 0.5)
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""
    assert in_a_new_process(code) == "True True\n"


def test_a_missing_library_is_told_and_does_not_matter(monkeypatch):
    monkeypatch.setitem(sys.modules, "firststep.rng._kernel", None)
    monkeypatch.delattr(sys.modules["firststep.rng"], "_kernel", raising=False)
    found = chosen(monkeypatch)
    assert found.native is None
    assert found.reason.startswith("the native kernel cannot be loaded (")
    with pytest.raises(FirststepError, match=r"FIRSTSTEP_KERNEL=plain: the native kernel cannot be loaded \("):
        chosen(monkeypatch, "plain")


def test_a_wrong_library_is_refused(monkeypatch):
    monkeypatch.setattr(_native, "KNOWN_ANSWER", "another")
    found, every = chosen(monkeypatch), ", ".join(KERNELS)
    assert found.native is None
    assert found.reason == f"the native kernel was built wrongly: {every} failed the known-answer test"


def broken_package(folder: Path, library: bytes) -> str:
    """What a process prints that finds ``library`` in place of the extension: why, and four values."""
    code = f"""
import importlib.util, sys
from importlib.machinery import ExtensionFileLoader, PathFinder
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "firststep.rng._kernel":
            file = {str(folder / "_kernel.so")!r}
            return importlib.util.spec_from_file_location(name, file, loader=ExtensionFileLoader(name, file))
sys.meta_path.insert(0, Finder())
import torch
from firststep import rng
from firststep.rng import _native
print(_native.choice().native, _native.choice().reason.split(" (")[0])
print(rng.fill_(torch.empty(4), rng.Normal(0.0, 1.0), rng.derive_key(0, "fc.weight")).tolist())
"""
    (folder / "_kernel.so").write_bytes(library)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120).stdout


def test_a_broken_file_falls_back(tmp_path):
    expected = four_by_torch()
    others = Path(sysconfig.get_path("platstdlib"), "lib-dynload").glob("_*.so")
    for library in (b"", b"not a library", *(other.read_bytes() for other in sorted(others)[:1])):
        out = broken_package(tmp_path, library)
        assert out == f"None the native kernel cannot be loaded\n{expected}\n"


@pytest.mark.skipif(not (Path(__file__).parents[2] / "csrc").exists(), reason="needs the sources")
def test_a_build_that_fuses_multiply_and_add_is_refused(tmp_path):
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    sources = sorted((Path(__file__).parents[2] / "csrc").glob("*.c"))
    flags = ["-O2", "-ffp-contract=fast", "-march=native", "-fPIC", "-shared", "-DPy_LIMITED_API=0x030A0000"]
    built = tmp_path / "built.so"
    try:
        subprocess.run(
            [compiler, *flags, f"-I{sysconfig.get_path('include')}", *map(str, sources), "-o", str(built)],
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no C compiler with these flags")
    out = broken_package(tmp_path, built.read_bytes())
    if "None" not in out:
        pytest.skip("this processor has no fused multiply-add")
    assert out.startswith("None the native kernel was built wrongly: ")
    assert out.endswith(f"{four_by_torch()}\n")
