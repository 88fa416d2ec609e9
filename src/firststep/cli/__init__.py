"""The command line: ``firststep tour | plan | init | recipes``."""

from ._main import main as main
