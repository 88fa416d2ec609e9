"""From arguments to an exit code: 0 well, 1 findings, 2 a wrong question, 130 interrupted."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from ..errors import FirststepError
from . import _check, _compare, _doctor, _init, _losses, _plan, _recipes, _tour

_EPILOG = "exit codes: 0 all well; 1 something is marked; 2 wrong arguments, rules or model; 130 interrupted"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the arguments after the program's name; those of the process by default.

    Returns:
        The exit code. Messages go to stderr, without a traceback; results to stdout.
    """
    arguments = _parser().parse_args(argv)
    try:
        code = arguments.run(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _say("interrupted; no file was written", 130)
    except BrokenPipeError:
        # The reader (`| head`) has seen enough. Python would complain once more while closing stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (FirststepError, OSError) as error:
        return _say(str(error), 2)
    return code


def _say(message: str, code: int) -> int:
    print(f"firststep: {message}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="firststep", description="Everything you decide before the first optimizer step.", epilog=_EPILOG
    )
    parser.add_argument("--version", action="version", version=f"firststep {version('firststep')}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (_tour, _plan, _init, _check, _compare, _losses, _recipes, _doctor):
        command.add(commands)
    return parser
