"""``python -m gse_ref`` is ``gse-ref``."""

import sys

from .entry import main

sys.exit(main())
