"""Compile the source of CUDA kernels with the host's C++ compiler, and call its entry points."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gse_ref.backends import cuda

HEADER = Path(__file__).parent / "host_cuda.h"
#: None where there is none, or no fibers as glibc has them.
COMPILER = (shutil.which("g++") or shutil.which("clang++")) if sys.platform == "linux" else None
#: -ffp-contract=off: the host rounds each operation. -U_FORTIFY_SOURCE: glibc's check of longjmp knows no fibers.
OPTIONS = ("-O1", "-std=c++17", "-fPIC", "-shared", "-ffp-contract=off", "-U_FORTIFY_SOURCE", "-Wall", "-Werror")
UNUSED = ("-Wno-unused-function", "-Wno-unknown-pragmas", "-Wno-unused-variable")

needs_compiler = pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler on the host: g++ or clang++")


class Entry(NamedTuple):
    """An entry point compiled for the host; `parameters` as ``host_cuda.h`` names them, e.g. ``float32*c``."""

    launch: Any
    parameters: tuple[str, ...]


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="gse-ref-host-cuda-")


@cache
def compiled(text: str, entries: Sequence[str]) -> dict[str, Entry]:
    """Compile a source text and return its entry points by name."""
    own = re.findall(r"^(?!.*\bextern\b).*__shared__.*$", text, re.MULTILINE)
    if own:
        raise ValueError(f"shared memory is declared `extern`, its size given at the launch; found {own}")
    stem = Path(_folder().name) / f"kernels-{abs(hash((text, entries))):x}"
    stem.with_suffix(".cpp").write_text(text + "\n" + "".join(f"HOST_ENTRY({e})\n" for e in entries))
    command = [str(COMPILER), *OPTIONS, *UNUSED, "-include", str(HEADER), "-o", f"{stem}.so", f"{stem}.cpp"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"the host's compiler refuses the kernels:\n{done.stderr[:4000]}")
    library = ctypes.CDLL(f"{stem}.so")
    found = {}
    for name in entries:
        signature = library[f"signature_of_{name}"]
        signature.restype = ctypes.c_char_p
        launch = library[f"launch_{name}"]
        launch.argtypes = [ctypes.c_void_p, ctypes.c_uint, ctypes.c_size_t, ctypes.c_uint, ctypes.c_void_p]
        found[name] = Entry(launch, tuple(p.strip() for p in signature().decode().split(",")[:-1]))
    return found


def entry(name: str, text: str | None = None) -> Entry:
    """Return the entry point `name` of the package's kernels, or of `text` in the place of its file."""
    file = next(file for file in cuda.files() if name in cuda.entries(file))
    return compiled(cuda.source(file) if text is None else text, tuple(cuda.entries(file)))[name]
