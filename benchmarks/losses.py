"""Our losses beside torch's own, or the best known formula for the same loss: forward and backward, time and memory.

    make bench
    python benchmarks/losses.py --only focal --no-compile

``times`` is the peer's time over ours in eager mode, calls taken in turn, the best of several counted; below 0.95,
which is what two measurements of one call differ by, the line is marked. ``compiled`` is the peer's eager time over
ours under ``torch.compile``. ``memory`` is our peak over the peer's, beside the tensors and their gradients. Before
anything is timed, both must give the same number. One thread: the ratios should not depend on how many there are.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import peers
import torch
from _peak import CLEAR, growth
from _timing import best_of, interleaved
from peers._peer import Peer
from torch import Tensor

from firststep import losses

ROW = "{:<36} {:>10} {:>10} {:>8} {:>9} {:>8}  {}"
SAME = 0.95
"""Two measurements of the same call differ by as much: from here up neither is slower."""


def every() -> Iterator[Peer]:
    """The peers of all families."""
    for module in pkgutil.iter_modules(peers.__path__):
        if not module.name.startswith("_"):
            yield from importlib.import_module(f"peers.{module.name}").PEERS


def main() -> int:
    """Run the cases, print the table, write the JSON file; 1 when a loss differs from its peer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the numbers")
    parser.add_argument("--only", nargs="+", metavar="WORD", default=[""], help="losses whose name holds one of these")
    parser.add_argument("--turns", type=int, default=9, metavar="N", help="calls of each (default: %(default)s)")
    parser.add_argument("--no-compile", action="store_true", help="leave out torch.compile, which takes minutes")
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(ROW.format("", "firststep", "peer", "times", "compiled", "memory", "peer's source"))
    rows = []
    for peer in every():
        if any(word in peer.loss for word in args.only):
            rows.append(measure(peer, args.turns, compiled=not args.no_compile))
            show(rows[-1])
    slower = [row["loss"] for row in rows if row["times"] < SAME]
    print(f"\n{len(rows)} losses; slower than the peer: {', '.join(slower) or 'none'}")
    missing = {spec.name for spec in losses.catalog.values() if spec.kernel} - {row["loss"] for row in rows}
    if args.only == [""] and missing:
        print(f"no peer: {', '.join(sorted(missing))}")
    if args.json is not None:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(
            json.dumps({"torch": torch.__version__, "losses": rows}, indent=2) + "\n", encoding="utf-8"
        )
        print(f"written: {args.json}")
    different = [row["loss"] for row in rows if not row["same"]]
    if different:
        print(f"not the number of the peer: {', '.join(different)}", file=sys.stderr)
    return 1 if different else 0


def measure(peer: Peer, turns: int, *, compiled: bool) -> dict[str, Any]:
    """One line."""
    function = getattr(losses.functional, peer.loss)
    torch.manual_seed(0)
    tensors = prepared(peer)
    ours, theirs = (step(one, tensors) for one in (lambda *args: function(*args, **peer.options), peer.peer))
    a, b = function(*tensors, **peer.options), peer.peer(*tensors)
    timing = interleaved(ours, theirs, turns=turns)
    row = {"loss": peer.loss, "source": peer.source, "ours": timing.ours, "peer": timing.torch, "times": timing.times}
    row |= {"same": not peer.same or bool(torch.isclose(a, b, rtol=1e-3, atol=1e-5)), "memory": memory(ours, theirs)}
    if compiled:
        torch.compiler.reset()
        whole = torch.compile(lambda *args: function(*args, **peer.options), fullgraph=True)
        fast = step(whole, tensors)
        fast()
        row["compiled"] = timing.torch / best_of(fast, turns=turns)
    return row


def prepared(peer: Peer) -> tuple[Tensor, ...]:
    """The tensors, with gradients asked for where a model would: by the first, and by all embeddings and parameters."""
    tensors = peer.tensors()
    if not any(one.requires_grad for one in tensors):
        for i, (argument, tensor) in enumerate(zip(losses.catalog[peer.loss].arguments, tensors, strict=True)):
            if i == 0 or argument.kind in ("embeddings", "parameters"):
                tensor.requires_grad_()
    return tensors


def step(function: Callable[..., Tensor], tensors: tuple[Tensor, ...]) -> Callable[[], None]:
    """Forward and backward, by the tensors that need a gradient."""
    wanted = [one for one in tensors if one.requires_grad]

    def call() -> None:
        torch.autograd.grad(function(*tensors), wanted)

    return call


def memory(ours: Callable[[], None], theirs: Callable[[], None]) -> float | None:
    """Our peak over theirs; None where the system does not tell."""
    return growth(ours) / growth(theirs) if CLEAR.exists() else None


def show(row: dict[str, Any]) -> None:
    """Print a line."""
    times = f"{row['times']:.2f}{'!' if row['times'] < SAME else ' '}"
    compiled = f"{row['compiled']:.2f}" if "compiled" in row else ""
    share = "" if row["memory"] is None else f"{row['memory']:.2f}"
    milliseconds = (f"{1000 * row['ours']:.2f} ms", f"{1000 * row['peer']:.2f} ms")
    print(ROW.format(row["loss"], *milliseconds, times, compiled, share, row["source"]), flush=True)


if __name__ == "__main__":
    sys.exit(main())
