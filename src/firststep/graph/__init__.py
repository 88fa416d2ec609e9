"""What consumes a layer's output: read off a symbolic trace that runs on a copy without storage.

``capture`` (:mod:`._capture`) makes graphs of the pieces that can be traced; ``read`` (:mod:`._follow`) walks them.
"""

from ._flow import Flow as Flow
from ._trace import trace as trace
