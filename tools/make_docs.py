"""Write the generated parts of the docs: the tables made from declarations, and what the examples print.

Two marks in a Markdown page are read:

- between ``<!-- generated: NAME -->`` and ``<!-- end -->`` stands the table that ``TABLES[NAME]`` makes;
- a fenced block ``python run`` is executed, blocks of a page one after another in one namespace, and a block
  ``text output`` right after it holds what it printed;
- in a fenced block ``console run`` each line ``$ firststep ...`` is executed and what it printed stands under it.

A page's blocks run in one empty directory. What the programs in ``examples`` print stands in ``tests/golden``.

The pages and pictures of the losses, their stubs, and the pages of the checks are written whole (``loss_pages.py``,
``make_stubs.py``, ``check_pages.py``, ``recipe_pages.py``).

    python tools/make_docs.py            # rewrite what has changed
    python tools/make_docs.py --check    # list what is out of date and exit 1
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import re
import runpy
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import check_pages
import loss_pages
import make_stubs
import recipe_pages
import torch
from doc_tables import TABLES

from firststep import cli

ROOT = Path(__file__).resolve().parent.parent
GENERATED = re.compile(r"(<!-- generated: (?P<name>[\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
BLOCK = re.compile(
    r"^```(?P<kind>python|console) run\n(?P<code>.*?)^```\n(?P<output>\n```text output\n.*?^```\n)?",
    re.DOTALL | re.MULTILINE,
)


def pages() -> list[Path]:
    """Every page with generated parts: the READMEs and the docs in both languages."""
    return [ROOT / "README.md", ROOT / "README.zh-CN.md", *sorted((ROOT / "docs").glob("*/*.md"))]


def outputs() -> dict[Path, Callable[[Path], str]]:
    """Every file that is written, with what makes its text."""
    golden = {ROOT / "tests" / "golden" / f"{path.stem}.txt": path for path in (ROOT / "examples").glob("*.py")}
    whole = {**loss_pages.files(), **check_pages.files(), **recipe_pages.files(), **make_stubs.files()}
    return {
        **{file: lambda file: whole[file] for file in whole},
        **dict.fromkeys(pages(), render),
        **{file: lambda file: example(golden[file]) for file in golden},
    }


def example(program: Path) -> str:
    """What a program prints."""
    with _workplace():
        return _printed(lambda: runpy.run_path(str(program), run_name="__main__"))


def language(page: Path) -> str:
    """``"zh"`` or ``"en"``."""
    return "zh" if page.parent.name == "zh" or ".zh" in page.name else "en"


def render(page: Path) -> str:
    """The page's text with its generated parts made anew."""
    text = GENERATED.sub(
        lambda match: f"{match[1]}{TABLES[match['name']](language(page))}{match[3]}", page.read_text(encoding="utf-8")
    )
    namespace: dict[str, object] = {"__name__": "__main__"}
    with _workplace():
        return BLOCK.sub(
            lambda match: _console(match) if match["kind"] == "console" else _python(match, namespace), text
        )


def _python(match: re.Match[str], namespace: dict[str, object]) -> str:
    code = match["code"]
    printed = _printed(lambda: exec(compile(code, "<example>", "exec"), namespace))
    if match["output"] is None:
        if printed:
            raise ValueError(f"this block prints, and no block ```text output follows it:\n{code}")
        return match[0]
    return f"```python run\n{code}```\n\n```text output\n{printed}```\n"


def _console(match: re.Match[str]) -> str:
    session = ""
    for line in match["code"].splitlines():
        if line.startswith("$ "):
            program, *arguments = shlex.split(line[2:])
            if program != "firststep":
                raise ValueError(f"only firststep can be run: {line}")
            session += f"{line}\n{_printed(lambda arguments=arguments: cli.main(arguments))}"
    return f"```console run\n{session}```\n"


def _printed(call: Callable[[], object]) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        call()
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


@contextlib.contextmanager
def _workplace() -> Iterator[None]:
    """An empty directory, 100 columns without colours, torch's seed 0; what the process had is put back afterwards."""
    terminal = {"COLUMNS": "100", "LINES": "50", "NO_COLOR": "1"}
    before, here = {name: os.environ.get(name) for name in terminal}, Path.cwd()
    path, modules = list(sys.path), set(sys.modules)
    os.environ.update(terminal)
    with tempfile.TemporaryDirectory() as directory, torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        os.chdir(directory)
        try:
            yield
        finally:
            os.chdir(here)
            sys.path[:] = path
            for name in set(sys.modules) - modules:
                if (getattr(sys.modules[name], "__file__", None) or "").startswith(directory):
                    del sys.modules[name]
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


def main() -> int:
    """Rewrite or check every page; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a page is out of date")
    check = parser.parse_args().check
    stale = 0
    for file, make in outputs().items():
        text = make(file)
        if not file.exists() or text != file.read_text(encoding="utf-8"):
            stale += 1
            print(f"{'out of date' if check else 'rewritten'}: {file.relative_to(ROOT)}")
            if not check:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")
    for file in [*loss_pages.stale(), *check_pages.stale(), *recipe_pages.stale()]:
        stale += 1
        print(f"{'too many' if check else 'removed'}: {file.relative_to(ROOT)}")
        if not check:
            file.unlink()
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
