"""The state of a run as one .npz file, and back."""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..backends.arrays import to_host
from ..errors import CheckpointError
from .record import write_atomically

FORMAT = "gse_ref checkpoint 1"
#: What reading a damaged .npz file raises, one byte wrong anywhere in it.
DAMAGED = (
    OSError,
    ValueError,
    EOFError,
    LookupError,
    AttributeError,
    TypeError,
    RuntimeError,  # and its subclass NotImplementedError
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True)
class Checkpoint:
    """Everything that a run needs to go on bit for bit.

    Attributes
    ----------
    config : the run's configuration as JSON.
    data : digest of the data set.
    progress : counters and sums of the loop; floats round-trip exactly, NaN before the first epoch ends.
    model : the model's state dict.
    optimizer : parameter → slot → array.
    memory : what the method keeps from update to update.
    """

    config: str
    data: str
    progress: dict[str, Any]
    model: dict[str, np.ndarray]
    optimizer: dict[str, dict[str, np.ndarray]]
    memory: dict[str, np.ndarray] = field(default_factory=dict)


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write the checkpoint atomically; equal states give equal bytes."""
    parts = ("config", "data", "progress")
    head = {"format": FORMAT, **{part: getattr(checkpoint, part) for part in parts}}
    arrays = {"head": np.frombuffer(json.dumps(head, sort_keys=True).encode(), np.uint8)}
    arrays |= {f"model/{name}": array for name, array in checkpoint.model.items()}
    for name, slots in checkpoint.optimizer.items():
        arrays |= {f"optimizer/{name}/{slot}": array for slot, array in slots.items()}
    arrays |= {f"memory/{name}": array for name, array in checkpoint.memory.items()}
    buffer = io.BytesIO()
    np.savez(buffer, **{name: to_host(array) for name, array in arrays.items()})  # type: ignore[arg-type]
    write_atomically(path, buffer.getvalue())


def load(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises
    ------
    CheckpointError : no such file, damaged, or not a checkpoint of this format.
    """
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile) or "head" not in file.files:
                raise CheckpointError(f"{path} is not a checkpoint of gse_ref")
            arrays = {name: file[name] for name in file.files}
        head = json.loads(arrays.pop("head").tobytes())
        if head["format"] != FORMAT:
            raise CheckpointError(f"{path} has format {head['format']!r}, this version reads {FORMAT!r}")
        config, data, progress = str(head["config"]), str(head["data"]), head["progress"]
    except FileNotFoundError:
        raise CheckpointError(f"there is no checkpoint {path}: the run ended before its first one") from None
    except CheckpointError:
        raise
    except DAMAGED as error:
        raise CheckpointError(f"{path} is damaged or not a checkpoint: {error}") from None
    return Checkpoint(config, data, progress, *_sorted_out(path, arrays))


def _sorted_out(
    path: Path, arrays: Mapping[str, np.ndarray]
) -> tuple[dict[str, np.ndarray], dict[str, dict[str, np.ndarray]], dict[str, np.ndarray]]:
    model: dict[str, np.ndarray] = {}
    memory: dict[str, np.ndarray] = {}
    optimizer: dict[str, dict[str, np.ndarray]] = {}
    for key, array in arrays.items():
        kind, _, rest = key.partition("/")
        if kind == "model":
            model[rest] = array
        elif kind == "memory":
            memory[rest] = array
        elif kind == "optimizer":
            name, _, slot = rest.rpartition("/")
            optimizer.setdefault(name, {})[slot] = array
        else:
            raise CheckpointError(f"{path} holds {key!r}, which no checkpoint has")
    return model, optimizer, memory
