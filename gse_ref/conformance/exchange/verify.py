"""Read what a program made of exported vectors, and judge it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from ...errors import DataError, InputError
from ..code import literal
from ..judge import Disagreement
from ..layout import batch_last
from ..result import FAILED, NOT_COVERED, PASSED
from ..vectors import VERSION, Vector, load
from .form import FORMAT, MANIFEST, OUTPUTS, Form, Output, outputs_of

Array = np.ndarray


@dataclass(frozen=True)
class Verdict:
    """What was found of one vector.

    Attributes
    ----------
    id, level, operation, section : of the vector.
    status : "passed", "failed" or "not covered".
    kind, what : as of `Disagreement`, of one that failed. actual, expected, bound : as Python literals.
    """

    id: str
    level: str
    operation: str
    section: str
    status: str
    kind: str | None = None
    what: str | None = None
    actual: str | None = None
    expected: str | None = None
    bound: str | None = None

    @classmethod
    def of(cls, vector: Vector, status: str, found: Disagreement | None = None) -> Verdict:
        """Return the verdict on a vector."""
        about = vector.id, vector.level, vector.operation, vector.section
        if found is None:
            return cls(*about, status)
        parts = (found.actual, found.expected, found.bound)
        return cls(*about, status, found.kind, found.what, *(None if p is None else literal(p) for p in parts))


def read_manifest(folder: Path) -> tuple[Form, list[Vector]]:
    """Return the form and the vectors that a folder was made of.

    Raises
    ------
    InputError : there is no manifest. DataError : it is damaged, or of another version of the vectors.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise InputError(f"{folder} has no {MANIFEST}: give a folder that gse-ref conformance export made")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        stated = found["format"], found["generator"]["version"]
        form = Form(*(found[name] for name in Form._fields))
        ids = [entry["id"] for entry in found["vectors"]]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is no manifest: {type(error).__name__} {error}; export again") from None
    if stated != (FORMAT, VERSION):
        what = "of format {} and version {} of the vectors, these are {} and {}"
        raise DataError(f"{path} is {what.format(*stated, FORMAT, VERSION)}: export again")
    form.check()
    known = {vector.id: vector for vector in load()}
    strangers = [name for name in ids if name not in known]
    if strangers:
        raise DataError(f"{path} names vectors that there are not: {', '.join(map(str, strangers))}; export again")
    return form, [known[name] for name in ids]


def _binary(path: Path, output: Output) -> Array:
    """Return the array of a plain file, whose size must fit.

    Raises
    ------
    Disagreement : it does not.
    """
    data, dtype = path.read_bytes(), output.dtype.newbyteorder("<")
    if output.shape is None:
        if len(data) % dtype.itemsize:
            what = f"{path.name} has {len(data)} bytes, no multiple of {dtype.itemsize}, the size of {output.dtype}"
            raise Disagreement(what, kind="malformed")
        return np.frombuffer(data, dtype).astype(output.dtype)
    wanted = math.prod(output.shape) * dtype.itemsize
    if len(data) != wanted:
        what = f"{path.name} has {len(data)} bytes, not {wanted}: {output.dtype} of shape {output.shape}"
        raise Disagreement(what, kind="malformed")
    return np.frombuffer(data, dtype).reshape(output.shape).astype(output.dtype)


def _archive(path: Path) -> dict[str, Array]:
    """Return the arrays of an .npz file.

    Raises
    ------
    Disagreement : it is none.
    """
    try:
        with np.load(path, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except (OSError, ValueError, BadZipFile, EOFError, AttributeError) as error:
        raise Disagreement(f"{path.name} cannot be read: {error}", kind="malformed") from None


def _collected(folder: Path, vector: Vector, form: Form) -> dict[str, Any] | None:
    """Return the results of a vector by name, None if there are none.

    Raises
    ------
    Disagreement : a file that cannot be read, or results given twice.
    """
    archive, place = folder / OUTPUTS / f"{vector.id}.npz", folder / OUTPUTS / vector.id
    files = {path.name: path for path in sorted(place.iterdir()) if path.is_file()} if place.is_dir() else {}
    if archive.is_file() and files:
        raise Disagreement(
            f"results both in {archive.name} and in {place.name}/: give one of them", kind="malformed"
        )
    outputs = outputs_of(vector, form)
    if archive.is_file():
        return _archive(archive)
    if not files:
        return None
    missing = [one.name for one in outputs if f"{one.name}.bin" not in files and not one.optional]
    if missing:
        what = f"{', '.join(f'{name}.bin' for name in missing)} missing in {place.name}/; there is"
        raise Disagreement(f"{what} {', '.join(files)}", kind="malformed")
    found: dict[str, Any] = {name.removesuffix(".bin"): None for name in files if name.startswith("update-")}
    given = ((one, files.get(f"{one.name}.bin")) for one in outputs)
    return found | {one.name: _binary(path, one) for one, path in given if path is not None}


def _turned(found: dict[str, Any], form: Form) -> dict[str, Any]:
    """Return results with the batch last."""
    if form.layout == "batch_last":
        return found
    return {name: batch_last(part) if name in ("y", "dx") and part.ndim else part for name, part in found.items()}


def _judged(folder: Path, vector: Vector, form: Form) -> Verdict:
    try:
        found = _collected(folder, vector, form)
        if found is None:
            return Verdict.of(vector, NOT_COVERED)
        with np.errstate(all="ignore"):  # what is not finite is judged, not warned of
            vector.judge(_turned(found, form), np.dtype(form.dtype))
    except Disagreement as wrong:
        return Verdict.of(vector, FAILED, wrong if f"vector {vector.id}" in wrong.what else vector.told(wrong))
    return Verdict.of(vector, PASSED)


def verify(folder: Path) -> list[Verdict]:
    """Judge the outputs in an exported folder, in the order of its manifest.

    What is missing is not covered; what cannot be read, or is of another size, has failed.

    Raises
    ------
    InputError : no manifest, or one of another version.
    """
    form, vectors = read_manifest(folder)
    return [_judged(folder, vector, form) for vector in vectors]
