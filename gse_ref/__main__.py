"""``python -m gse_ref`` is ``gse-ref``."""

import sys

from .cli import main

sys.exit(main())
