"""Somebody's model, run: trees of tensors, how a model is called, and what is put back afterwards."""

from ._call import called as called
from ._call import layer_by_layer as layer_by_layer
from ._call import takes as takes
from ._call import unwrapped as unwrapped
from ._copies import attributes as attributes
from ._copies import on_copies as on_copies
from ._copies import replaced as replaced
from ._random import kept as kept
from ._random import random_states as random_states
from ._tree import leaves as leaves
from ._tree import mapped as mapped
