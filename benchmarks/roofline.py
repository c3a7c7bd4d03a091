"""Estimate the least time of each CUDA kernel on two devices: ``python -m benchmarks.roofline`` prints a table.

No measurement: bytes that must move and operations that must be done, against rates that the vendor publishes.
"""

from __future__ import annotations

from typing import NamedTuple

from gse_ref.backends import cuda
from gse_ref.backends.cuda.record import record


class Published(NamedTuple):
    """What a data sheet says of a device: bytes, float32 and float64 operations a second, without tensor cores."""

    architecture: str
    bytes: float
    float32: float
    float64: float


#: NVIDIA A100 40 GB and H100 SXM data sheets.
DEVICES = {
    "A100": Published("sm_80", 1.555e12, 19.5e12, 9.7e12),
    "H100": Published("sm_90", 3.35e12, 67e12, 34e12),
}

#: The layer: units of each side, connections (2 %), samples, pairs drawn, connections grown.
UNITS, BATCH = 4096, 128
NNZ = UNITS * UNITS // 50
DRAWN, GROWN = NNZ, 3 * NNZ // 10
STARTS, DENSE = 8 * (UNITS + 1), 4 * UNITS * BATCH
#: The convolution 3×3: channels on both sides, side of the images, connections (5 %), the same number of pairs.
CHANNELS, SIDE = 64, 16
COLUMNS, IMAGE = 9 * CHANNELS, CHANNELS * SIDE * SIDE * BATCH
TAPS = CHANNELS * COLUMNS // 20
EACH = SIDE * SIDE * BATCH
PATTERN, PLAN = 8 * (CHANNELS + 1) + 4 * TAPS, 8 * (COLUMNS + 1) + 8 * TAPS


class Work(NamedTuple):
    """What a kernel must do at this layer: bytes to move, operations, and whether they are of float64."""

    bytes: int
    operations: int
    double: bool = False


#: float32 where there is a choice, samples stored as bytes. Each array is counted once, however often it is read:
#: the operands of this layer fit the second-level cache. None: one thread, bound by the latency of its accesses.
WORK: dict[str, Work | None] = {
    "spmm": Work(STARTS + 8 * NNZ + 2 * DENSE, 2 * NNZ * BATCH),
    "spmm_t": Work(STARTS + 12 * NNZ + 2 * DENSE, 2 * NNZ * BATCH),
    "spmm_backward": Work(STARTS + 16 * NNZ + 3 * DENSE, 4 * NNZ * BATCH),
    "sddmm": Work(STARTS + 8 * NNZ + 2 * DENSE, 2 * NNZ * BATCH),
    "sddmm_pairs": Work(12 * DRAWN + 2 * DENSE, 2 * DRAWN * BATCH),
    "gather": Work(5 * UNITS * BATCH + 8 * BATCH + 16, 2 * UNITS * BATCH, double=True),
    "abs_sums": Work(DENSE + 8 * UNITS, UNITS * BATCH, double=True),
    "signed_sums": Work(DENSE + 8 * UNITS + 8 * BATCH, 2 * UNITS * BATCH, double=True),
    "alias_table": None,
    "alias_draw": Work(12 * DRAWN + 12 * UNITS, 2 * DRAWN, double=True),
    "edge_ids": Work(16 * DRAWN, 0),
    "mark_new": Work(16 * DRAWN + 4 * NNZ + STARTS, 0),
    "write_marked": Work(24 * DRAWN, 0),
    "inactive": Work(8 * (UNITS * UNITS - NNZ) + 4 * NNZ + STARTS, 0),
    "ordered_keys": Work(12 * DRAWN, 0),
    "compare_keys": Work(24 * DRAWN, 0),
    "write_selected": Work(16 * DRAWN + 8 * GROWN, 0),
    "mark_pruned": Work(16 * GROWN, 0),
    "place_survivors": Work(20 * NNZ + 8 * GROWN + STARTS, 0),
    "place_grown": Work(20 * GROWN + STARTS + 4 * NNZ, 0),
    "merged_starts": Work(2 * STARTS + 4 * GROWN, 0),
    "carry": Work(12 * NNZ, 0),
    "column_keys": Work(12 * NNZ, 0),
    "transposed_entries": Work(20 * NNZ + STARTS, 0),
    "transposed_starts": Work(STARTS + 8 * NNZ, 0),
    "conv": Work(PATTERN + 4 * TAPS + 8 * IMAGE, 2 * TAPS * EACH),
    "conv_t": Work(PLAN + 4 * TAPS + 8 * IMAGE, 2 * TAPS * EACH),
    "conv_pairs": Work(12 * TAPS + 8 * IMAGE, 2 * TAPS * EACH),
    "conv_gradient": Work(PLAN + 4 * TAPS + 8 * IMAGE, 2 * TAPS * EACH),
    "patch_abs_sums": Work(4 * IMAGE + 8 * COLUMNS, 9 * IMAGE, double=True),
    "patch_signed_sums": Work(4 * IMAGE + 8 * EACH + 8 * COLUMNS, 18 * IMAGE, double=True),
    "moments": Work(4 * IMAGE + 16 * CHANNELS, 4 * IMAGE, double=True),
    "normalise": Work(8 * IMAGE + 24 * CHANNELS, 5 * IMAGE, double=True),
    "norm_sums": Work(12 * IMAGE + 40 * CHANNELS, 5 * IMAGE, double=True),
    "norm_gradient": Work(16 * IMAGE + 36 * CHANNELS, 7 * IMAGE, double=True),
    "max_pool": Work(4 * IMAGE + 5 * IMAGE // 4, 0),
    "unpool": Work(4 * IMAGE + 5 * IMAGE // 4, IMAGE // 4, double=True),
    "pick": Work(4 * IMAGE + 5 * IMAGE // 4, 0),
}


def seconds(work: Work, device: Published) -> tuple[float, str]:
    """Return the time that the slower of the two takes, and which it is."""
    memory = work.bytes / device.bytes
    arithmetic = work.operations / (device.float64 if work.double else device.float32)
    return max((memory, "memory"), (arithmetic, "arithmetic"))


def most(name: str, architecture: str, field: str) -> int:
    """Return the most of a field of the record over the entry points of a kernel."""
    kernel, column = cuda.KERNELS[name], record()["fields"].index(field)
    entries = [f"{name}_{t}" for t in kernel.types] or [name]
    return max(record()["kernels"][entry][architecture][column] for entry in entries)


def _row(name: str) -> list[str]:
    kernel, work = cuda.KERNELS[name], WORK[name]
    entry = f"{name}_{kernel.types[0]}" if kernel.types else name
    architectures = [device.architecture for device in DEVICES.values()]
    spills = sum(most(name, a, field) for a in architectures for field in ("spill_stores", "spill_loads"))
    row = [f"`{name}`", kernel.summary, record()["kernels"][entry]["rung"]]
    row += [" / ".join(str(most(name, a, "registers")) for a in architectures), str(spills)]
    if work is None:
        return [*row, "", "", "", "", "latency"]
    times = [seconds(work, device) for device in DEVICES.values()]
    row += [f"{work.bytes / 1e6:.2f}", f"{work.operations / 1e6:.1f}"]
    bounds = dict.fromkeys(bound for _, bound in times)
    return [*row, *(f"{time * 1e6:.2f}" for time, _ in times), " / ".join(bounds)]


def table() -> str:
    """Return the table of ``docs/gpu.md``, in Markdown."""
    head = ["kernel", "computes", "rung", "registers", "spills", "MB", "Mflop"]
    head += [*(f"{name} µs" for name in DEVICES), "bound by"]
    rows = [head, ["---"] * len(head), *map(_row, cuda.KERNELS)]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)


if __name__ == "__main__":
    print(table())
