"""``gse-ref data``: which data sets there are."""

from __future__ import annotations

import json as json_module
from dataclasses import dataclass
from pathlib import Path

from ..data import describe


@dataclass(frozen=True)
class Data:
    """List the data sets, where they come from, and whether they are there."""

    data_dir: Path | None = None
    """Folder to look for the files in."""
    json: bool = False
    """Print one JSON object instead of text."""

    def run(self) -> None:
        """Print the list."""
        rows = describe(self.data_dir)
        if self.json:
            print(json_module.dumps({"data": [row._asdict() for row in rows]}))
            return
        for row in rows:
            print(f"{row.name}\n  {row.what}\n  from {row.source}; licence: {row.licence}\n  {row.state}")
