"""What a layer does in its model: blocks, roles, and the numbers that formulas ask for."""

from ._anatomy import SYMBOLS as SYMBOLS
from ._anatomy import Anatomy as Anatomy
from ._anatomy import Named as Named
from ._anatomy import named as named
from ._roles import ROLES as ROLES
from ._stacks import Block as Block
