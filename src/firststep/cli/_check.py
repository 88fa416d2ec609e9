"""``firststep check``: look at a model, a loss and a batch before the first step."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import rich.console
import torch

from .. import checking
from ..checking import CheckReport
from ..errors import FirststepError, did_you_mean
from ._model import ModelError, built, kind
from ._options import add_seed, in_folder

_NEEDED, _ALLOWED = ("model", "loss", "batch"), ("optimizer", "forward")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("check", help="find what is wrong with your model, loss and batch before you train")
    parser.add_argument(
        "start",
        metavar="MODULE:FUNCTION",
        help="a function that takes nothing and returns (model, loss, (inputs, targets)), or a dict with the keys "
        "model, loss, batch and, where needed, optimizer and forward; as net:start or net.py:start",
    )
    parser.add_argument("--html", metavar="FILE", help="write the report with its figures as one page")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.add_argument(
        "--ignore", metavar="CODE", nargs="+", action="extend", default=[], help="codes not to report, such as FS301"
    )
    parser.add_argument("--task", choices=checking.TASKS, help="what the model is for, where that adds checks")
    parser.add_argument("--strict", action="store_true", help="warnings fail too")
    add_seed(parser, "of torch's random numbers while the start is built, and of dropout while looking")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check, print, write the page; 1 for an error found, with ``--strict`` for a warning too."""
    page = None if arguments.html is None else _checked(Path(arguments.html))
    with _progress() as progress:
        progress("building the start")
        torch.manual_seed(arguments.seed)
        start = _start(arguments.start)
        report = checking.check(
            start["model"],
            start["loss"],
            start["batch"],
            optimizer=start.get("optimizer"),
            forward=start.get("forward"),
            task=arguments.task,
            seed=arguments.seed,
            ignore=arguments.ignore,
            progress=progress,
        )
        if page is not None:
            progress("writing the page")
            report.save(page)
    _print(report, arguments.json)
    if page is not None:
        print(f"wrote {page}", file=sys.stderr)
    bad = report.of("error") or (arguments.strict and report.of("warning"))
    return 1 if bad else 0


def _print(report: CheckReport, as_json: bool) -> None:
    if as_json:
        print(report.to_json())
    elif sys.stdout.isatty():
        rich.console.Console().print(report, soft_wrap=True)
    else:
        print(report)


def _checked(page: Path) -> Path:
    """``page``, when it can be written; checked before the work, not after it."""
    if page.suffix not in (".html", ".htm"):
        raise FirststepError(f"--html {page}: expected a name that ends in .html")
    return in_folder("--html", page)


def _start(spec: str) -> Mapping[str, Any]:
    made = built(spec, "a start", files=True)
    if isinstance(made, Mapping):
        missing = [name for name in _NEEDED if name not in made]
        if missing:
            raise ModelError(f"{spec} returned a dict without {', '.join(missing)}; expected {_expected()}")
        for name in made:
            if name not in _NEEDED + _ALLOWED:
                near = did_you_mean(str(name), _NEEDED + _ALLOWED)
                raise ModelError(f"{spec} returned a dict with the key {name!r}; expected {_expected()}.{near}")
        return made
    if isinstance(made, tuple) and len(made) == len(_NEEDED):
        return dict(zip(_NEEDED, made, strict=True))
    given = f"a tuple of {len(made)}" if isinstance(made, tuple) else kind(made)
    raise ModelError(
        f"{spec} returned {given}; expected (model, loss, (inputs, targets)), or a dict with {_expected()}"
    )


def _expected() -> str:
    return f"the keys {', '.join(_NEEDED)}, and where needed {' and '.join(_ALLOWED)}"


@contextmanager
def _progress() -> Iterator[checking.Progress]:
    """A line on stderr while it works, where somebody watches."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with rich.console.Console(stderr=True).status("") as status:
        yield lambda what: status.update(f"{what} ...")
