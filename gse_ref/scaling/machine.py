"""What the study ran on: processor, caches, cores, memory, versions."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .. import __version__

_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def _field(path: str, name: str) -> str | None:
    try:
        for line in Path(path).read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == name:
                return value.strip()
    except OSError:
        return None
    return None


def _bytes(text: str) -> int:
    text = text.strip()
    return int(text[:-1]) * _UNITS[text[-1]] if text[-1:] in _UNITS else int(text)


def caches() -> dict[str, int]:
    """Return the bytes of each data cache of a core, by level ("L1", …); empty where the system does not tell."""
    found = {}
    for index in sorted(_CACHES.glob("index*")):
        try:
            kind = (index / "type").read_text().strip()
            if kind != "Instruction":
                found[f"L{(index / 'level').read_text().strip()}"] = _bytes((index / "size").read_text())
        except (OSError, ValueError, KeyError):
            continue
    return found


def level_of(size: int, levels: dict[str, int]) -> str:
    """Return the first cache level that `size` bytes fit into, else "memory"."""
    return next((name for name, room in sorted(levels.items()) if size <= room), "memory")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def facts() -> dict[str, Any]:
    """Return what is known of the machine, as plain data; None for what is not."""
    total = _field("/proc/meminfo", "MemTotal")
    packages = ("numpy", "scipy", "numba")
    return {
        "processor": _field("/proc/cpuinfo", "model name") or platform.processor() or None,
        "architecture": platform.machine(),
        "system": platform.system(),
        "cores": os.cpu_count(),
        "caches": caches(),
        "memory_bytes": 1024 * int(total.split()[0]) if total else None,
        "python": platform.python_version(),
        "packages": {"gse_ref": __version__, **{name: _version(name) for name in packages}},
    }
