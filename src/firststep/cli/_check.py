"""``firststep check``: look at a model, a loss and a batch before the first step."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import rich.console
import torch

from .. import checking
from ..checking import CheckReport
from ._model import parts
from ._options import add_seed, page_at

_NEEDED = {"model": "model", "loss": "loss", "batch": "(inputs, targets)"}
_ALLOWED = ("optimizer", "forward")


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
    page = None if arguments.html is None else page_at(arguments.html)
    with _progress() as progress:
        progress("building the start")
        torch.manual_seed(arguments.seed)
        start = parts(arguments.start, "a start", _NEEDED, _ALLOWED)
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


@contextmanager
def _progress() -> Iterator[checking.Progress]:
    """A line on stderr while it works, where somebody watches."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with rich.console.Console(stderr=True).status("") as status:
        yield lambda what: status.update(f"{what} ...")
