"""The source text of the CUDA kernels, self-contained: one text that NVRTC and a host compiler both take."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

#: What NVRTC is told beside the architecture. Never -ftz=true: it takes subnormal numbers of float32 for zeros.
OPTIONS = ("--std=c++17",)

_INCLUDE = re.compile(r'^#include "(\w+\.cuh)"\n', re.MULTILINE)


def include_folder() -> Path:
    """Return the folder of the ``.cu`` and ``.cuh`` files."""
    return Path(__file__).parent


@cache
def source(file: str) -> str:
    """Return the text of ``<file>.cu`` with the headers it includes written out in their place.

    A compiler then needs no search path, and whatever is keyed by the text (CuPy's cache of compiled modules, the
    record of the compilation) notices a change in a header too. Headers do not include one another.
    """
    text = (include_folder() / f"{file}.cu").read_text(encoding="utf-8")
    return _INCLUDE.sub(lambda found: (include_folder() / found[1]).read_text(encoding="utf-8"), text)
