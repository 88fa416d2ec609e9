"""The tour: four starts, one net, real digits, and a page that shows what the start does."""

from ._net import build as build
from ._show import show as show
from ._train import Settings as Settings
