"""``python -m gse_ref.conformance.vectors [--write]``: are the files what the recipes make? Make them so."""

from __future__ import annotations

import sys
from importlib import import_module

from ...errors import GseError, InputError
from ...training.record import write_atomically
from .document import text
from .generate import documents, second_opinion, vectors_of
from .store import path


def main(arguments: list[str]) -> int:
    """Compare, or write; 1 if the files differ, or if the second opinion does."""
    try:
        if arguments not in ([], ["--write"]):
            raise InputError(f"{' '.join(arguments)!r} means nothing here: --write, or nothing to compare")
        dense = import_module("..adapters.torch_dense", __package__).TorchDense()
        found = documents()
        second_opinion(vectors_of(found), dense)
    except GseError as error:
        print(f"gse_ref.conformance.vectors: {error}", file=sys.stderr)
        return error.exit_code
    different = []
    for name, document in found.items():
        made, place = text(document) + "\n", path(name)
        if not place.exists() or place.read_text(encoding="utf-8") != made:
            different.append(place.name)
            if arguments:
                write_atomically(place, made.encode())
    said = ("written" if arguments else "differ from what the recipes make") if different else "as the recipes make"
    print(f"{', '.join(different) or 'all files'}: {said}")
    return int(bool(different) and not arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
