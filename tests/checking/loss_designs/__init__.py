"""Sound losses of many kinds, by name: what no check on the value of a loss may warn of."""

from __future__ import annotations

from . import classes, flags, generation, numbers, policies, sequences, similarity, terms

DESIGNS = {
    **classes.DESIGNS,
    **flags.DESIGNS,
    **numbers.DESIGNS,
    **generation.DESIGNS,
    **similarity.DESIGNS,
    **sequences.DESIGNS,
    **policies.DESIGNS,
    **terms.DESIGNS,
}
