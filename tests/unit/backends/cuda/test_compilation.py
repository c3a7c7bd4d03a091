"""The CUDA kernels compile for every architecture without a device, and the record of it is that of the sources."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

import pytest

from gse_ref.backends import cuda
from gse_ref.backends.cuda.record import RUNGS, digests, record, rungs
from tests.cuda_compiler.nvrtc import ARCHITECTURES, Compiled, compile_for, needs_nvrtc, version
from tests.host_cuda.build import COMPILER

ANEW = "the record is stale: python -m tests.cuda_compiler.record"

every_file = pytest.mark.parametrize("file", cuda.files())
every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)


@cache
def compiled(file: str, architecture: str) -> Compiled:
    return compile_for(cuda.source(file), file, architecture)


@pytest.mark.skipif(not os.environ.get("CI"), reason="only CI must have both compilers")
def test_ci_has_both_compilers() -> None:
    assert COMPILER is not None
    assert record()["compiler"] == f"NVRTC {version()}", "else nothing is held against the record"


@needs_nvrtc
@every_architecture
@every_file
def test_every_source_compiles(file: str, architecture: str) -> None:
    """And has the entry points of the table, no others."""
    assert set(compiled(file, architecture).usage) == set(cuda.entries(file))
    assert "warning" not in compiled(file, architecture).log


@needs_nvrtc
@every_architecture
@every_file
def test_usage_is_what_is_recorded(file: str, architecture: str) -> None:
    if record()["compiler"] != f"NVRTC {version()}":
        pytest.skip(f"recorded with {record()['compiler']}, this is {version()}")
    actual = {name: list(usage) for name, usage in compiled(file, architecture).usage.items()}
    assert actual == {name: record()["kernels"][name][architecture] for name in cuda.entries(file)}, ANEW


def test_the_record_is_that_of_the_sources() -> None:
    assert record()["sources"] == digests(), ANEW
    assert list(record()["kernels"]) == [name for file in cuda.files() for name in cuda.entries(file)], ANEW
    assert record()["fields"] == ["registers", "stack_bytes", "spill_stores", "spill_loads"]


def test_every_kernel_stands_on_a_rung() -> None:
    """Each was launched by the contract checks on the host when the record was made."""
    assert sum(map(len, rungs().values())) == len(record()["kernels"])
    assert list(rungs()) == list(RUNGS)
    assert rungs()["compiled"] == []


def test_the_readme_says_that_no_kernel_ran_on_a_device() -> None:
    words = "compiled and host-emulated, not yet run on a GPU"
    root = Path(__file__).parents[4]
    for name in ("README.md", "docs/gpu.md"):
        text = (root / name).read_text(encoding="utf-8").lower()
        assert (words.lower() in text) is not bool(rungs()["run on a device"]), name


def test_no_kernel_spills() -> None:
    for name, row in record()["kernels"].items():
        for architecture in ARCHITECTURES:
            assert row[architecture][1:] == [0, 0, 0], f"{name} for {architecture}: {row[architecture]}"


@needs_nvrtc
@every_architecture
@every_file
def test_exact_kernels_contract_nothing(file: str, architecture: str) -> None:
    """A product that is rounded together with its sum would give other bits than the specification."""
    exact = [name for name, kernel in cuda.KERNELS.items() if kernel.file == file and kernel.exact]
    bodies = dict(re.findall(r"\.entry (\w+)\((.*?)\n}", compiled(file, architecture).ptx, re.DOTALL))
    assert set(bodies) == set(cuda.entries(file))
    for entry, body in bodies.items():
        if any(entry == name or entry.startswith(f"{name}_") for name in exact):
            assert not re.search(r"\bfma\b", body), f"{entry} contracts a product with a sum"


@needs_nvrtc
@every_file
def test_subnormal_numbers_are_kept(file: str) -> None:
    assert ".ftz" not in compiled(file, "sm_80").ptx


@needs_nvrtc
def test_a_flush_to_zero_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """As CuPy's RawModule compiles."""
    monkeypatch.setattr(cuda, "OPTIONS", (*cuda.OPTIONS, "-ftz=true"))
    assert ".ftz" in compile_for(cuda.source("products"), "products", "sm_80").ptx


@needs_nvrtc
def test_what_does_not_compile_is_refused() -> None:
    with pytest.raises(ValueError, match=r"NVRTC refuses faulty for sm_80:\n.*undeclared"):
        compile_for('extern "C" __global__ void k() { undeclared; }', "faulty", "sm_80")


@needs_nvrtc
def test_a_contraction_is_seen() -> None:
    text = 'extern "C" __global__ void k(double* x) { x[0] = x[1] * x[2] + x[3]; }'
    assert re.search(r"\bfma\b", compile_for(text, "contracting", "sm_80").ptx)


def test_headers_are_written_out() -> None:
    for file in cuda.files():
        assert "#include" not in cuda.source(file)
    assert "block_sum" in cuda.source("masses")


def test_every_source_file_is_in_the_table() -> None:
    assert {path.stem for path in cuda.include_folder().glob("*.cu")} == set(cuda.files())
