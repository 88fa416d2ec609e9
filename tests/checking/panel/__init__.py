"""Starts by which the instrument is judged: faults that must be named, sound designs that must pass."""

from __future__ import annotations

from . import (
    faults_flow,
    faults_gradient,
    faults_inputs,
    faults_modes,
    faults_more,
    faults_optimizer,
    faults_outputs,
    faults_probability,
    faults_reduction,
    faults_subtle,
    faults_targets,
    faults_values,
    faults_weights,
    sound_generation,
    sound_hard,
    sound_heads,
    sound_images,
    sound_inputs,
    sound_language,
    sound_odd,
    sound_pairs,
    sound_parts,
    sound_plain,
    sound_sequences,
    sound_setups,
    sound_stateful,
    sound_tasks,
)
from .case import Case as Case

FAULTS: tuple[Case, ...] = (
    *faults_probability.FAULTS,
    *faults_outputs.FAULTS,
    *faults_targets.FAULTS,
    *faults_values.FAULTS,
    *faults_reduction.FAULTS,
    *faults_gradient.FAULTS,
    *faults_optimizer.FAULTS,
    *faults_weights.FAULTS,
    *faults_inputs.FAULTS,
    *faults_flow.FAULTS,
    *faults_modes.FAULTS,
    *faults_subtle.FAULTS,
    *faults_more.FAULTS,
)

SOUND: tuple[Case, ...] = (
    *sound_plain.SOUND,
    *sound_parts.SOUND,
    *sound_sequences.SOUND,
    *sound_language.SOUND,
    *sound_images.SOUND,
    *sound_generation.SOUND,
    *sound_pairs.SOUND,
    *sound_heads.SOUND,
    *sound_tasks.SOUND,
    *sound_inputs.SOUND,
    *sound_odd.SOUND,
    *sound_setups.SOUND,
    *sound_hard.SOUND,
    *sound_stateful.SOUND,
)
