"""``check_loss``: every law, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..errors import LossError, did_you_mean
from ..losses import LossSpec
from . import _algebra, _machine, _values
from ._outcome import LawReport, Outcome, fail, skip
from ._subject import Subject, subject

LAWS: Mapping[str, Callable[[Subject], Outcome]] = {
    "reductions": _algebra.reductions,
    "duplicates": _algebra.duplicates,
    "masking": _algebra.masking,
    "weights": _algebra.weights,
    "permutation": _algebra.permutation,
    "start": _values.start,
    "minimum": _values.minimum,
    "invariances": _values.invariances,
    "limits": _values.limits,
    "gradcheck": _machine.gradcheck,
    "gradgradcheck": _machine.gradgradcheck,
    "half": _machine.half,
    "compile": _machine.compiles,
    "no_sync": _machine.no_sync,
    "vmap": _machine.vmap,
    "empty": _algebra.empty,
    "all_masked": _algebra.all_masked,
    "chunks": _algebra.chunks,
    "pure": _machine.pure,
}
"""The laws by name; the docstring of each says it in a sentence."""


def check_loss(
    loss: Any,
    *,
    like: str | LossSpec | None = None,
    options: Mapping[str, Any] | None = None,
    laws: Iterable[str] | None = None,
    reference: Callable[..., Any] | None = None,
    seed: int = 0,
) -> LawReport:
    """Hold a loss to the laws.

    Args:
        loss: a name or declaration in ``losses.catalog``, one of ``losses.functional``, or anybody's function or
            module. What is not ours is called with its tensors and, where it takes one, ``reduction``.
        like: what it is meant to be, a name in the catalogue or a :class:`LossSpec`; needed for what is not ours.
        options: hyperparameters, handed on to the loss and to the reference.
        laws: some of ``LAWS`` and "reference"; all by default.
        reference: ``reference(*arrays, **options)``, in NumPy and float64, returns the unreduced values, or values and
            a bool array of those that count. Values are compared, and gradients by central differences.
        seed: of the tensors drawn.

    Returns:
        The outcomes; print them, or ``raise_if_failed()``.

    Raises:
        LossError: for a law that does not exist, or a loss of which nothing is known.

    >>> from firststep.testing import check_loss
    >>> print(check_loss("cross_entropy", laws=["reductions", "weights", "start"]))
    Laws of cross_entropy: 0 of 3 fail
      reductions  holds
      weights     holds
      start       holds
    """
    tried = subject(loss, like, options, seed)
    asked = list(LAWS) + (["reference"] if reference else []) if laws is None else list(laws)
    for law in asked:
        if law not in LAWS and law != "reference":
            raise LossError(
                f"there is no law {law!r}.{did_you_mean(law, LAWS)} Expected some of {', '.join(LAWS)}, reference"
            )
    return LawReport(tried.name, {law: _outcome(tried, law, reference) for law in asked})


def _outcome(loss: Subject, law: str, reference: Callable[..., Any] | None) -> Outcome:
    if law == "reference":
        return _values.against(loss, reference) if reference else skip("no reference was given")
    try:
        outcome = LAWS[law](loss)
    except Exception as error:  # whatever a loss raises at inputs it should take is the finding
        outcome = fail(f"{type(error).__name__}: {str(error).strip().splitlines()[0]}")
    if law not in loss.spec.exceptions:
        return outcome
    reason = loss.spec.exceptions[law].en
    if outcome.status == "holds":
        return Outcome("fails", f"it holds, though it is declared an exception: {reason}")
    return Outcome("excepted", reason)
