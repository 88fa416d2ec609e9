"""All checks, family by family."""

from __future__ import annotations

from . import (
    _class_checks,
    _gradient_checks,
    _input_checks,
    _layer_checks,
    _mode_checks,
    _output_checks,
    _probability_checks,
    _reduction_checks,
    _run_checks,
    _softmax_checks,
    _start_checks,
    _target_checks,
    _weight_checks,
)
from ._rule import Check

CHECKS: tuple[Check, ...] = tuple(
    sorted(
        (
            *_run_checks.CHECKS,
            *_softmax_checks.CHECKS,
            *_probability_checks.CHECKS,
            *_output_checks.CHECKS,
            *_target_checks.CHECKS,
            *_class_checks.CHECKS,
            *_reduction_checks.CHECKS,
            *_start_checks.CHECKS,
            *_gradient_checks.CHECKS,
            *_layer_checks.CHECKS,
            *_weight_checks.CHECKS,
            *_input_checks.CHECKS,
            *_mode_checks.CHECKS,
        ),
        key=lambda one: one.code,
    )
)
"""In the order of their codes."""
