"""The C sources by themselves: under the address and undefined-behaviour sanitizers, and for arm64 by emulation."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from firststep.rng import _native, _table32, _table64

ROOT = Path(__file__).parents[2]
SOURCES = [path for path in sorted((ROOT / "csrc").glob("*.c")) if path.stem != "module"]
CHECK = Path(__file__).parent / "native" / "check.c"
DIGEST = "130aaaec2fc2a65d"
"""Of the values of seed 1's 400 boxes, by plain C: what every machine must print."""

pytestmark = pytest.mark.skipif(not SOURCES or os.name == "nt", reason="needs the sources, and GCC's or clang's flags")


def run(tmp_path: Path, compiler: str, flags: list[str], runner: list[str]) -> str:
    """Build the check and run it."""
    if shutil.which(compiler) is None or (runner and shutil.which(runner[0]) is None):
        pytest.skip(f"{compiler} {' '.join(runner)} is not installed")
    tables, program = tmp_path / "tables", tmp_path / "check"
    tables.write_bytes(_native.packed_table(_table32, "f") + _native.packed_table(_table64, "d"))
    command = [compiler, "-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", *flags]
    built = subprocess.run(
        [*command, f"-I{ROOT / 'csrc'}", str(CHECK), *map(str, SOURCES), "-o", str(program), "-lm"],
        capture_output=True,
        text=True,
    )
    if built.returncode and any(word in built.stderr for word in ("sanitize", "asan", "ubsan")):
        pytest.skip("the compiler has no sanitizers")
    assert built.returncode == 0, built.stderr
    done = subprocess.run([*runner, str(program), str(tables), "1", "400"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


def test_clean_under_sanitizers(tmp_path):
    flags = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    assert run(tmp_path, "cc", flags, []).endswith(f"400 boxes, 0 wrong, digest {DIGEST}\n")


def test_clang_builds_the_same(tmp_path):
    assert run(tmp_path, "clang", [], []).endswith(f"400 boxes, 0 wrong, digest {DIGEST}\n")


def test_arm64_by_emulation(tmp_path):
    out = run(tmp_path, "aarch64-linux-gnu-gcc", ["-static"], ["qemu-aarch64-static"])
    assert out == f"neon plain 400 boxes, 0 wrong, digest {DIGEST}\n"
