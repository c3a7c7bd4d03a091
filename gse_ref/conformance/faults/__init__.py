"""Broken implementations, each to be caught by the check meant for it; one file a level."""

from .table import FAULTS as FAULTS
from .table import Fault as Fault
