"""Golden vectors for programs that are not Python: inputs as files, outputs as files, judged like any adapter."""

from .export import export as export
from .form import DTYPES as DTYPES
from .form import INDEX_DTYPES as INDEX_DTYPES
from .form import LAYOUTS as LAYOUTS
from .form import Form as Form
from .verify import Verdict as Verdict
from .verify import verify as verify
