"""The way in from the shell: light, so that Ctrl-C is answered from the first moment."""

from __future__ import annotations

import sys
from importlib import import_module


def main() -> int:
    """Load the command line and run it; 130 if interrupted while it loads."""
    try:
        return int(import_module("gse_ref.cli").main())
    except KeyboardInterrupt:
        print("gse-ref: interrupted", file=sys.stderr)
        return 130
