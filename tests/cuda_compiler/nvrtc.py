"""NVRTC, NVIDIA's compiler as a library: it compiles for a device where there is none."""

from __future__ import annotations

import ctypes
import importlib.util
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from gse_ref.backends import cuda

#: Architectures that every kernel is compiled for: A100, and H100.
ARCHITECTURES = ("sm_80", "sm_90")


class Usage(NamedTuple):
    """What an entry point takes of a multiprocessor, as the assembler reports it."""

    registers: int
    stack_bytes: int
    spill_stores: int
    spill_loads: int


class Compiled(NamedTuple):
    """A compiled source: its PTX, the assembler's report by entry point, and the whole log."""

    ptx: str
    usage: dict[str, Usage]
    log: str


@cache
def _library() -> ctypes.CDLL | None:
    """Return the library of the package nvidia-cuda-nvrtc-cu12, None where it is not installed."""
    if importlib.util.find_spec("nvidia") is None:
        return None
    found = importlib.util.find_spec("nvidia.cuda_nvrtc")
    folders = list(found.submodule_search_locations or ()) if found else []
    files = [file for folder in folders for file in sorted(Path(folder).glob("lib/libnvrtc.so.*[0-9]"))]
    return ctypes.CDLL(str(files[0])) if files else None


needs_nvrtc = pytest.mark.skipif(_library() is None, reason="needs NVRTC: pip install nvidia-cuda-nvrtc-cu12")


def _nvrtc() -> ctypes.CDLL:
    library = _library()
    if library is None:
        raise RuntimeError("NVRTC is not installed: pip install nvidia-cuda-nvrtc-cu12")
    return library


def version() -> str:
    """Return the version of the compiler, e.g. ``12.9``."""
    major, minor = ctypes.c_int(), ctypes.c_int()
    _nvrtc().nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
    return f"{major.value}.{minor.value}"


def _text(program: ctypes.c_void_p, what: str) -> str:
    size = ctypes.c_size_t()
    getattr(_nvrtc(), f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    getattr(_nvrtc(), f"nvrtcGet{what}")(program, buffer)
    return buffer.value.decode()


_ENTRY = re.compile(
    r"Compiling entry function '(\w+)'.*?(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads"
    r".*?Used (\d+) registers",
    re.DOTALL,
)


def compile_for(text: str, name: str, architecture: str) -> Compiled:
    """Compile a source text down to the machine code of `architecture`.

    Raises
    ------
    ValueError : the compiler refuses it; the message is the compiler's.
    """
    program = ctypes.c_void_p()
    _nvrtc().nvrtcCreateProgram(ctypes.byref(program), text.encode(), f"{name}.cu".encode(), 0, None, None)
    options = [f"--gpu-architecture={architecture}", *cuda.OPTIONS, "--ptxas-options=-v"]
    try:
        encoded = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
        status = _nvrtc().nvrtcCompileProgram(program, len(options), encoded)
        log = _text(program, "ProgramLog")
        if status:
            raise ValueError(f"NVRTC refuses {name} for {architecture}:\n{log}")
        usage = {}
        for entry, stack, stores, loads, registers in _ENTRY.findall(log):
            usage[entry] = Usage(int(registers), int(stack), int(stores), int(loads))
        return Compiled(_text(program, "PTX"), usage, log)
    finally:
        _nvrtc().nvrtcDestroyProgram(ctypes.byref(program))
