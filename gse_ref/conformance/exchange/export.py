"""Write golden vectors into a folder, for a program in any language."""

from __future__ import annotations

import inspect
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError, unknown
from ..adapter import Adapter
from ..vectors import LEVELS, TOLERANCES, VERSION, Vector, load
from .form import FORMAT, INDEX, INPUTS, LIST, MANIFEST, OUTPUTS, Form, inputs_of, outputs_of

Array = np.ndarray


def _little(array: Array) -> bytes:
    return array.astype(array.dtype.newbyteorder("<")).tobytes()


def _flat(value: Any) -> list[str]:
    if isinstance(value, tuple):
        return [word for part in value for word in _flat(part)]
    return [str(int(value)) if isinstance(value, bool) else repr(value) if isinstance(value, float) else str(value)]


def _line(name: str, part: Any) -> str:
    """Return what the index of a vector says of an input, for programs that read no JSON."""
    if isinstance(part, np.ndarray):
        return " ".join(["array", name, str(part.dtype), f"{name}.bin", str(part.ndim), *map(str, part.shape)])
    if part is None:
        return f"none {name}"
    if isinstance(part, str):
        return f"text {name} {part}"
    words = _flat(part)
    return " ".join(["value", name, str(len(words)), *words])


def _entry(vector: Vector, form: Form) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the manifest says of a vector, and its inputs."""
    inputs = inputs_of(vector, form)
    arrays = [
        {"name": name, "dtype": str(part.dtype), "shape": list(part.shape), "file": f"{name}.bin"}
        for name, part in inputs.items()
        if isinstance(part, np.ndarray)
    ]
    outputs = [
        {
            "name": output.name,
            "dtype": str(output.dtype),
            "shape": None if output.shape is None else list(output.shape),
            "file": f"{output.name}.bin",
            "optional": output.optional,
            "tolerance": vector.expected[output.name].tolerance,
        }
        for output in outputs_of(vector, form)
    ]
    entry = {
        **{name: getattr(vector, name) for name in ("id", "level", "operation", "section", "comment")},
        "flags": list(vector.flags),
        "what": inspect.getdoc(getattr(Adapter, vector.operation)),
        "inputs": {
            "folder": f"{INPUTS}/{vector.id}",
            "npz": f"{INPUTS}/{vector.id}.npz",
            "arrays": arrays,
            "values": {name: part for name, part in inputs.items() if not isinstance(part, np.ndarray)},
        },
        "outputs": {
            "folder": f"{OUTPUTS}/{vector.id}",
            "npz": f"{OUTPUTS}/{vector.id}.npz",
            "arrays": outputs,
        },
    }
    return entry, inputs


def _index(vector: Vector, form: Form, inputs: dict[str, Any]) -> str:
    lines = [_line(name, part) for name, part in inputs.items()]
    for output in outputs_of(vector, form):
        sides = ["1", "-1"] if output.shape is None else [str(len(output.shape)), *map(str, output.shape)]
        kind = "optional" if output.optional else "output"
        lines.append(" ".join([kind, output.name, str(output.dtype), f"{output.name}.bin", *sides]))
    return "\n".join(lines) + "\n"


def _write(place: Path, vectors: Sequence[Vector], form: Form) -> None:
    entries = []
    (place / INPUTS).mkdir()
    for vector in vectors:
        entry, inputs = _entry(vector, form)
        entries.append(entry)
        folder = place / INPUTS / vector.id
        folder.mkdir()
        (place / OUTPUTS / vector.id).mkdir(parents=True)
        arrays = {name: part for name, part in inputs.items() if isinstance(part, np.ndarray)}
        for name, array in arrays.items():
            (folder / f"{name}.bin").write_bytes(_little(array))
        (folder / INDEX).write_text(_index(vector, form, inputs), encoding="utf-8")
        np.savez(place / INPUTS / f"{vector.id}.npz", **arrays)  # type: ignore[arg-type]
    manifest = {
        "format": FORMAT,
        "generator": {"name": "gse_ref.conformance.vectors", "version": VERSION},
        **form._asdict(),
        "byteorder": "little",
        "tolerances": TOLERANCES,
        "vectors": entries,
    }
    (place / LIST).write_text("".join(f"{one.id} {one.operation}\n" for one in vectors), encoding="utf-8")
    (place / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def export(folder: Path, levels: Sequence[str] = LEVELS, form: Form | None = None) -> int:
    """Write the inputs of the golden vectors of these levels; return how many there are.

    The folder appears all at once, or not at all; docs/conformance/vectors.md says what stands in it.

    Parameters
    ----------
    folder : new, or empty.
    levels : of `LEVELS`. form : how arrays are written.

    Raises
    ------
    InputError : the folder holds something, or its parent is missing; an unknown level or form.
    """
    form = Form() if form is None else form
    form.check()
    for level in levels:
        if level not in LEVELS:
            raise unknown("level of golden vectors", level, LEVELS)
    vectors = [vector for vector in load() if vector.level in levels]
    place = folder.absolute()
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise InputError(f"{folder} is not an empty folder: give another")
    if not place.parent.is_dir():
        raise InputError(f"cannot write to {folder}: {place.parent} is no folder; make it first")
    part = place.parent / f".{place.name}.{os.getpid()}.part"
    try:
        part.mkdir()
        _write(part, vectors, form)
        os.replace(part, place)
    except OSError as error:
        raise InputError(f"cannot write to {folder}: {error.strerror or error}") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return len(vectors)
