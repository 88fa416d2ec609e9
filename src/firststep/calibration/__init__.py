"""Scales measured from data: layer-sequential unit variance, head biases, data-dependent and learned scales."""

from ._actnorm import ActNorm as ActNorm
from ._actnorm import actnorm as actnorm
from ._calibrate import TARGETS as TARGETS
from ._calibrate import calibrate as calibrate
from ._gradinit import GradInit as GradInit
from ._gradinit import gradinit as gradinit
from ._head_bias import HeadBias as HeadBias
from ._head_bias import head_bias as head_bias
from ._metainit import MetaInit as MetaInit
from ._metainit import metainit as metainit
from ._report import CalibrationReport as CalibrationReport
from ._report import CalibrationRow as CalibrationRow
from ._report import Figure as Figure
from ._report import Level as Level
from ._report import Range as Range
from ._target import Target as Target
from ._unit_variance import UnitVariance as UnitVariance
from ._unit_variance import unit_variance as unit_variance
