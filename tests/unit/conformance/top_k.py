"""A program without NumPy: reads exported vectors of `top_k`, writes the positions.

usage: top_k.py FOLDER
"""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path


def main(folder: Path) -> None:
    for vector in json.loads((folder / "manifest.json").read_text())["vectors"]:
        if vector["operation"] != "top_k":
            continue
        inputs, outputs = vector["inputs"], vector["outputs"]
        [scores] = inputs["arrays"]
        data = (folder / inputs["folder"] / scores["file"]).read_bytes()
        numbers = struct.unpack(f"<{scores['shape'][0]}f", data)
        order = sorted(range(len(numbers)), key=lambda at: (-numbers[at], at))
        best = sorted(order[: inputs["values"]["k"]])
        [positions] = outputs["arrays"]
        (folder / outputs["folder"] / positions["file"]).write_bytes(struct.pack(f"<{len(best)}i", *best))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
