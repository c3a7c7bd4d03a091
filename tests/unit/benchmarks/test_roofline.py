"""The estimates of the CUDA kernels: arithmetic, and that the documentation shows what the record says."""

from __future__ import annotations

from pathlib import Path

from benchmarks.roofline import DEVICES, WORK, Published, Work, seconds, table
from gse_ref.backends import cuda

DOCUMENT = Path(__file__).parents[3] / "docs" / "gpu.md"


def test_every_kernel_has_an_estimate() -> None:
    assert set(WORK) == set(cuda.KERNELS)


def test_the_slower_rate_decides() -> None:
    device = Published("sm_80", 100.0, 10.0, 5.0)
    assert seconds(Work(1000, 50), device) == (10.0, "memory")
    assert seconds(Work(1000, 150), device) == (15.0, "arithmetic")
    assert seconds(Work(1000, 150, double=True), device) == (30.0, "arithmetic")


def test_products_move_what_their_arrays_hold() -> None:
    """spmm at 4096 × 4096, 2 %, 128 samples: indptr, indices and values, x and y, once each."""
    nnz, dense = 4096 * 4096 // 50, 4096 * 128
    assert WORK["spmm"] == Work(8 * 4097 + (4 + 4) * nnz + 4 * (dense + dense), 2 * nnz * 128)


def test_the_document_shows_the_table_as_it_is() -> None:
    assert table() in DOCUMENT.read_text(encoding="utf-8"), "put the output of python -m benchmarks.roofline there"


def test_each_device_is_compiled_for() -> None:
    assert [device.architecture for device in DEVICES.values()] == ["sm_80", "sm_90"]
