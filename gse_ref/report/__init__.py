"""Pages that need no network: sections of text, tables and plots in one HTML file."""

from .page import Section as Section
from .page import render as render
from .parts import BAD as BAD
from .parts import GOOD as GOOD
from .parts import NEUTRAL as NEUTRAL
from .parts import Code as Code
from .parts import Facts as Facts
from .parts import Figure as Figure
from .parts import Mark as Mark
from .parts import Part as Part
from .parts import Points as Points
from .parts import Table as Table
from .parts import Text as Text
from .svg import FAINT as FAINT
from .svg import INK as INK
from .svg import PAPER as PAPER
from .svg import SERIES as SERIES
