"""``firststep compare``: train several starts a little, and see which differences are more than noise."""

from __future__ import annotations

import argparse
import sys

import torch

from .. import comparing
from ..comparing import AS_BUILT
from ..errors import FirststepError
from ._model import parts
from ._options import add_seed, count, page_at

_NEEDED = {"build": "build", "data": "data", "loss": "loss"}
_ALLOWED = ("optimizer", "forward", "inits")
_AS_BUILT = AS_BUILT.replace(" ", "-")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("compare", help="train several starts a little, and see which differences are noise")
    parser.add_argument(
        "task",
        metavar="MODULE:FUNCTION",
        help="a function that takes nothing and returns (build, data, loss), or a dict with the keys build, data, loss "
        "and, where needed, optimizer, forward and inits; as net:task or net.py:task",
    )
    parser.add_argument(
        "--inits",
        metavar="NAMES",
        type=_names,
        help=f"recipes and rules files, separated by commas; {_AS_BUILT} for the model as its factory makes it "
        f"(default: the task's own inits, or default,{_AS_BUILT})",
    )
    parser.add_argument(
        "--steps", type=count, default=200, metavar="N", help="steps of each run (default: %(default)s)"
    )
    parser.add_argument(
        "--seeds", type=count, default=comparing.SEEDS, metavar="N", help="seeds per start (default: %(default)s)"
    )
    add_seed(parser, "the first seed")
    parser.add_argument("--lrs", type=_rates, default=(), metavar="RATES", help="learning rates to try, as 1e-3,1e-2")
    parser.add_argument("--batch-size", type=count, metavar="N", help="of tensors and datasets (default: 32)")
    parser.add_argument("--target", type=float, metavar="LOSS", help="compare the steps to this loss")
    parser.add_argument("--html", metavar="FILE", help="write the comparison with its figures as one page")
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Compare, print, write the page."""
    page = None if arguments.html is None else page_at(arguments.html)
    torch.manual_seed(arguments.seed)
    task = parts(arguments.task, "a task", _NEEDED, _ALLOWED)
    options = {name: task[name] for name in ("optimizer", "forward") if task.get(name) is not None}
    try:
        result = comparing.compare(
            task["build"],
            arguments.inits or task.get("inits") or ["default", AS_BUILT],
            task["data"],
            task["loss"],
            steps=arguments.steps,
            seeds=range(arguments.seed, arguments.seed + arguments.seeds),
            lrs=arguments.lrs,
            batch_size=arguments.batch_size,
            target=arguments.target,
            **options,
        )
    except FirststepError:
        raise
    except Exception as error:
        said = f"{type(error).__name__}: {error}".rstrip(".: ")
        raise FirststepError(
            f"{arguments.task}: training failed: {said}. To see where, call fs.compare in Python"
        ) from error
    if page is not None:
        result.save(page)
    print(result.to_json() if arguments.json else result)
    if page is not None:
        print(f"wrote {page}", file=sys.stderr)
    return 0


def _names(text: str) -> list[str]:
    names = [AS_BUILT if name.strip() == _AS_BUILT else name.strip() for name in text.split(",")]
    if not all(names):
        raise argparse.ArgumentTypeError(f"expected names separated by commas, as default,{_AS_BUILT}, given {text!r}")
    return names


def _rates(text: str) -> tuple[float, ...]:
    try:
        return tuple(map(float, text.split(",")))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected numbers separated by commas, as 1e-3,1e-2, given {text!r}"
        ) from None
