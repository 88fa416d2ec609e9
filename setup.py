"""The C extension; everything else stands in pyproject.toml.

It is optional: without a C compiler the package installs all the same, and torch operations give the same bits.
"""

import sys

from setuptools import Extension, setup

# Fused multiply-add would change bits. The loops choose their instruction set at run time, so no -march here.
if sys.platform == "win32":
    FLAGS = ["/O2", "/fp:precise", "/std:c11"]
else:
    FLAGS = ["-O3", "-std=c11", "-ffp-contract=off", "-fvisibility=hidden", "-g0"]
if sys.platform.startswith("linux"):  # GCC's scheduling before registers are allotted is worth 3 to 8 % here
    FLAGS += ["-fschedule-insns", "-fsched-pressure"]
SOURCES = ("module", "jobs", "digest", "tables", "cpu", "avx512", "avx2", "sse41", "neon", "plain")

setup(
    ext_modules=[
        Extension(
            "firststep.rng._kernel",
            [f"csrc/{name}.c" for name in SOURCES],
            depends=[f"csrc/{name}.h" for name in ("kernel", "fill", "scalar", "measure", "platform")],
            extra_compile_args=FLAGS,
            define_macros=[("Py_LIMITED_API", "0x030A0000")],
            py_limited_api=True,
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp310"}},
)
