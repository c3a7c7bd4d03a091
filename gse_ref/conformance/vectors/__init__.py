"""Golden vectors: inputs and results on file, for implementations in any language; docs/conformance/vectors.md."""

from .store import FILES as FILES
from .store import LEVELS as LEVELS
from .store import VERSION as VERSION
from .store import load as load
from .vector import TOLERANCES as TOLERANCES
from .vector import Expected as Expected
from .vector import Vector as Vector
