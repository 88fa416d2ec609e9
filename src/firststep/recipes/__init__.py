"""Named tables of rules, each with its source."""

from ..anatomy import ROLES as ROLES
from ._entry import FAMILIES as FAMILIES
from ._entry import Entry as Entry
from ._registry import ENTRIES as ENTRIES
from ._registry import entry as entry
from ._registry import get as get
from ._registry import names as list

__all__ = ["ENTRIES", "FAMILIES", "ROLES", "Entry", "entry", "get", "list"]
