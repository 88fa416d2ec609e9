"""The command line: ``firststep tour | plan | init | recipes | doctor``."""

from ._main import main as main
