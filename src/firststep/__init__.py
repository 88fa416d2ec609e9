"""firststep: everything you decide before the first optimizer step."""

from importlib.metadata import version as _version

from . import calibration as calibration
from . import init as init
from . import losses as losses
from . import mup as mup
from . import recipes as recipes
from . import solving as solving
from ._api import initialize as initialize
from ._api import load as load
from ._api import plan as plan
from .calibration import CalibrationReport as CalibrationReport
from .calibration import calibrate as calibrate
from .checking import CheckReport as CheckReport
from .checking import Finding as Finding
from .checking import check as check
from .comparing import Comparison as Comparison
from .comparing import compare as compare
from .coordinates import CoordCheck as CoordCheck
from .coordinates import coord_check as coord_check
from .errors import ApplyError as ApplyError
from .errors import CalibrationError as CalibrationError
from .errors import CheckError as CheckError
from .errors import CheckpointError as CheckpointError
from .errors import CompareError as CompareError
from .errors import FirststepError as FirststepError
from .errors import LossError as LossError
from .errors import PlanError as PlanError
from .errors import RuleError as RuleError
from .errors import SchemeError as SchemeError
from .errors import SolveError as SolveError
from .planning import Plan as Plan
from .planning import Report as Report
from .planning import Rule as Rule
from .planning import extend_embedding as extend_embedding
from .planning import keep as keep
from .planning import load_rules as load_rules
from .planning import missing_from as missing_from
from .planning import role as role
from .planning import rule as rule
from .planning import save_rules as save_rules
from .planning import select as select
from .planning import top_layers as top_layers
from .rng import show_config as show_config

__version__ = _version("firststep")
