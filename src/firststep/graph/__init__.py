"""What consumes a layer's output."""

from ._flow import Flow as Flow
