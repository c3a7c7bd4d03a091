"""Run a script of this folder in a process of its own whose address space can be counted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]


def run_guarded(script: str, options: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """Run `script` with `options` as JSON; the limit on address space is the script's to set."""
    # glibc reserves address space for each thread's arena; one arena keeps the count honest
    environment = {**os.environ, "MALLOC_ARENA_MAX": "1", "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    words = [sys.executable, str(Path(__file__).with_name(script)), json.dumps(options)]
    return subprocess.run(words, capture_output=True, text=True, env=environment, check=False, cwd=ROOT)
