"""Scales from the graph: the signal of a model predicted from moments, and starts solved for it."""

from ._auto import AUTO as AUTO
from ._auto import AutoPlan as AutoPlan
from ._auto import Solution as Solution
from ._auto import auto as auto
from ._auto import plan_auto as plan_auto
from ._predict import predict as predict
from ._record import Call as Call
from ._record import Item as Item
from ._record import Layer as Layer
from ._record import Record as Record
from ._run import Inputs as Inputs
from ._run import record as record
from ._signal import LayerSignal as LayerSignal
from ._signal import Signal as Signal
