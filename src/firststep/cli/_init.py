"""``firststep init``: initialize a model and save its weights."""

from __future__ import annotations

import argparse
import json
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import nn

from .. import _api
from ..errors import FirststepError
from ..reporting import replacing
from ._model import build_model
from ._options import add_model, add_output, add_seed, in_folder

_SAFETENSORS, _TORCH = ".safetensors", (".pt", ".pth")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser("init", help="initialize your model and save its weights")
    add_model(parser)
    add_seed(parser, "decides the values, together with the names")
    parser.add_argument("--out", required=True, metavar="FILE", help="weights.safetensors or weights.pt")
    parser.add_argument("--force", action="store_true", help="replace FILE when it exists")
    add_output(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Initialize, save, print the report."""
    out = _checked(Path(arguments.out), arguments.force)
    model = build_model(arguments.model)
    rules = arguments.rules or arguments.recipe
    report = _api.initialize(model, rules, seed=arguments.seed)
    _save(model, out, {"seed": str(arguments.seed), "rules": rules, "firststep": version("firststep")})
    if arguments.json:
        print(json.dumps(report.to_dict(), indent=2))
    elif not arguments.quiet:
        print(report)
        print(f"wrote {out}", file=sys.stderr)
    return 0 if report.ok else 1


def _checked(out: Path, force: bool) -> Path:
    """``out``, when it can be written; checked before the work, not after it."""
    if out.suffix not in (_SAFETENSORS, *_TORCH):
        raise FirststepError(f"--out {out}: expected a name that ends in .safetensors, .pt or .pth")
    if out.suffix == _SAFETENSORS and find_spec("safetensors") is None:
        raise FirststepError(
            f"--out {out} needs safetensors, which is not installed: pip install 'firststep[safetensors]', "
            f"or write {out.with_suffix('.pt')}"
        )
    in_folder("--out", out)
    if out.exists() and not force:
        raise FirststepError(f"{out} exists. Add --force to replace it, or name another file")
    return out


def _save(model: nn.Module, out: Path, origin: dict[str, str]) -> None:
    """The state dict, whole or not at all; ``origin`` goes into the metadata of a safetensors file.

    Tied weights are stored once. ``safetensors.torch.load_model`` and ``load_state_dict`` put them back in every place.
    """
    with replacing(out) as scratch:
        if out.suffix == _SAFETENSORS:
            from safetensors.torch import save_model

            try:
                save_model(model, str(scratch), metadata={"format": "pt", **origin})
            except RuntimeError as error:
                raise FirststepError(
                    f"--out {out}: safetensors cannot hold tensors that share a part of their memory. "
                    f"Write {out.with_suffix('.pt')}"
                ) from error
        else:
            torch.save(model.state_dict(), scratch)
