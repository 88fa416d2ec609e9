"""Figures and pages: one self-contained HTML file for whatever a report has to show."""

from ._chart import Line as Line
from ._chart import chart as chart
from ._files import replacing as replacing
from ._loss_picture import loss_picture as loss_picture
from ._page import Block as Block
from ._page import Code as Code
from ._page import Figures as Figures
from ._page import Page as Page
from ._page import Points as Points
from ._page import Section as Section
from ._page import Table as Table
from ._page import Text as Text
from ._page import render as render
from ._page import save as save
from ._svg import Svg as Svg
from ._svg import standalone as standalone
from ._tables import plan_table as plan_table
from ._tables import report_table as report_table
from ._text import text_table as text_table
