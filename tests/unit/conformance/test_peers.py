"""The adapters of other libraries: what passes, and what the kit says of what does not."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gse_ref.conformance import run
from gse_ref.conformance.adapters.optional import imported
from gse_ref.errors import MissingDependencyError

EFFORT = 0.1
#: What `SparseLinear` gets wrong: θ is made from a dense matrix, which has no stored zeros, and its columns pass
#: through a float32 tensor.
SPARSEPROP_WRONG = {"explicit_zeros", "forward_many_inputs", "golden_kernels"}
#: The same zeros, where a draw meets one.
PERHAPS_WRONG = {"forward_not_finite", "transposed_not_finite"}


def statuses(adapter: object, *only: str) -> dict[str, str]:
    return {result.name: result.status for result in run(adapter, ["kernels"], only=only, effort=EFFORT)}


def test_torch_fails_nothing() -> None:
    torch_sparse = pytest.importorskip("gse_ref.conformance.adapters.torch_sparse", exc_type=MissingDependencyError)
    threads = torch_sparse.torch.get_num_threads()
    try:
        found = statuses(torch_sparse.TorchSparse)
    finally:
        torch_sparse.torch.set_num_threads(threads)
    assert "failed" not in found.values()
    assert found["gradient_on_pairs_wide"] == found["forward_wide"] == "passed"


def test_sparseprop_module_loses_zeros_and_wide_columns() -> None:
    sparseprop = pytest.importorskip("gse_ref.conformance.adapters.sparseprop", exc_type=MissingDependencyError)
    found = statuses(sparseprop.SparsePropLinear)
    failed = {name for name, status in found.items() if status == "failed"}
    assert SPARSEPROP_WRONG <= failed <= SPARSEPROP_WRONG | PERHAPS_WRONG
    assert found["forward"] == found["transposed"] == found["gradient_on_pattern"] == "passed"
    assert found["forward_wide"] == "not covered", "it is made from a dense weight"


def test_sparseprop_kernels_pass_on_linear_layers() -> None:
    sparseprop = pytest.importorskip("gse_ref.conformance.adapters.sparseprop", exc_type=MissingDependencyError)
    linear = [
        f"{name}{kind}"
        for name in ("forward", "transposed", "gradient_on_pattern")
        for kind in ("", "_not_finite", "_wide")
    ]
    found = statuses(sparseprop.SparsePropKernels, *linear, "explicit_zeros")
    assert set(found.values()) == {"passed"}


def test_sparseprop_loses_samples_of_wide_images() -> None:
    """Four pixels at a time, the samples after the last 8 are those of the first pixel alone."""
    sparseprop = pytest.importorskip("gse_ref.conformance.adapters.sparseprop", exc_type=MissingDependencyError)
    (result,) = run(sparseprop.SparsePropKernels, only=["conv_forward"], effort=EFFORT)
    assert result.status == "failed"
    assert result.failure.kind == "wrong"
    assert "Geometry(kernel=1, stride=1, padding=0)" in result.failure.code


def test_what_is_missing_says_how_to_install_it() -> None:
    with pytest.raises(MissingDependencyError, match=r"adapter of This needs no_such_library.*pip install this"):
        imported("no_such_library", "This", "pip install this")


def test_libraries_are_loaded_when_their_adapter_is_named() -> None:
    code = "import sys, gse_ref.conformance.adapters.own; print({'torch', 'sparseprop'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
