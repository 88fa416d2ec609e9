"""Maximal update parametrization: how start and learning rates follow a model's width."""

from ._groups import groups as groups
from ._start import rescaled as rescaled
from ._widths import Base as Base
from ._widths import Width as Width
from ._widths import widths as widths
