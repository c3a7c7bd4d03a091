"""``gse-ref conformance export`` and ``verify``: golden vectors for programs that are not Python."""

from __future__ import annotations

import dataclasses
import json as json_module
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import Literal

import tyro

from ..conformance.exchange import Form, Verdict, export, verify
from ..conformance.result import FAILED, NOT_COVERED, PASSED
from ..conformance.vectors import LEVELS
from ..errors import ConformanceError


@dataclass(frozen=True)
class Export:
    """Write the golden vectors into a folder: inputs, and what is to be computed, for a program in any language.

    Arrays are written as plain little-endian binary and as .npz; manifest.json names them, and index.txt in each
    folder does for programs that read no JSON. Put results where it says, then: gse-ref conformance verify.
    """

    folder: tyro.conf.Positional[Path]
    """New, or empty."""
    level: tuple[str, ...] = LEVELS
    """Of kernels, sampling, selection, update, training, separated by spaces."""
    dtype: Literal["float32", "float64"] = "float32"
    """Of the floats that your program computes with."""
    index_dtype: Literal["int32", "int64"] = "int32"
    """Of integers, those that your program writes too."""
    layout: Literal["batch_last", "batch_first"] = "batch_last"
    """Of arrays with a batch axis, those that your program writes too."""
    json: bool = False
    """Print one JSON object instead of text."""

    def run(self) -> None:
        """Write the folder."""
        form = Form(self.dtype, self.index_dtype, self.layout)
        count = export(self.folder, self.level, form)
        if self.json:
            print(json_module.dumps({"folder": str(self.folder), "vectors": count, **form._asdict()}))
            return
        print(f"{count} vectors written to {self.folder}: see manifest.json there")


def _blocks(verdicts: list[Verdict]) -> list[str]:
    """Return one block of text for each vector that failed."""
    blocks = []
    for one in (verdict for verdict in verdicts if verdict.status == FAILED):
        lines = [f"{one.status}: {one.operation}", indent(f"{one.kind}: {one.what}", "  ")]
        parts = [(name, getattr(one, name)) for name in ("actual", "expected", "bound")]
        lines += [f"  {name}: {part}" for name, part in parts if part is not None]
        blocks.append("\n".join(lines))
    return blocks


@dataclass(frozen=True)
class Verify:
    """Judge what a program made of exported vectors.

    What has no results is not covered. Exit code 1 if a result is wrong, or if there is none at all.
    """

    folder: tyro.conf.Positional[Path]
    """What gse-ref conformance export made, with your results in it."""
    json: bool = False
    """Print one JSON object instead of text."""

    def run(self) -> None:
        """Judge, and print.

        Raises
        ------
        ConformanceError : a result is wrong, or there is none; everything has been printed.
        """
        verdicts = verify(self.folder)
        counts = Counter(verdict.status for verdict in verdicts)
        good = counts[PASSED] > 0 and not counts[FAILED]
        said = ", ".join(f"{counts[status]} {status}" for status in (PASSED, FAILED, NOT_COVERED))
        if self.json:
            rows = [dataclasses.asdict(verdict) for verdict in verdicts]
            numbers = {status: counts[status] for status in (PASSED, FAILED, NOT_COVERED)}
            print(json_module.dumps({"good": good, **numbers, "results": rows}))
        else:
            missing = Counter(verdict.operation for verdict in verdicts if verdict.status == NOT_COVERED)
            blocks = _blocks(verdicts)
            if missing:
                blocks.append(f"{NOT_COVERED}: {', '.join(f'{name} ({n})' for name, n in missing.items())}")
            print("\n\n".join([*blocks, said]))
        if not good:
            raise ConformanceError(f"{self.folder}: {said}")
