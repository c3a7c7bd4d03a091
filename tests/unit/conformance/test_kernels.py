"""Level kernels: every own backend passes, every fault is found for what it is, partial adapters are told apart."""

from __future__ import annotations

from collections.abc import Iterator

import numba
import numpy as np
import pytest

from gse_ref.conformance import Adapter, NotCovered, Result, run
from gse_ref.conformance.adapters.own import Cpu, Naive, Shadow
from gse_ref.conformance.adapters.scipy_sparse import SciPy
from gse_ref.conformance.checks import convolutions, kernel_laws, kernels
from gse_ref.conformance.faults import convolutions as convolution_faults
from gse_ref.conformance.faults import kernels as kernel_faults

FAULTS = (*kernel_faults.FAULTS, *convolution_faults.FAULTS)
CHECKS = (*kernels.CHECKS, *convolutions.CHECKS, *kernel_laws.CHECKS)
EFFORT = 0.1


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    before = numba.get_num_threads()
    yield
    numba.set_num_threads(before)


def judged(adapter: Adapter | type[Adapter], *only: str) -> dict[str, Result]:
    return {result.name: result for result in run(adapter, ["kernels"], only=only, effort=EFFORT)}


@pytest.mark.parametrize("adapter", [Naive, Cpu, Shadow])
def test_own_backends_pass_every_check(adapter: type[Adapter]) -> None:
    results = judged(adapter)
    assert set(results) >= {check.name for check in CHECKS}
    for name, result in results.items():
        one_thread = name == "same_bits_on_any_threads" and (
            adapter is not Cpu or numba.config.NUMBA_NUM_THREADS < 2
        )
        assert result.status == ("not covered" if one_thread else "passed"), result.text()
        assert one_thread or (result.skipped, result.why) == (0, None), result.text()


def test_every_check_has_a_fault() -> None:
    """But for what differs from its neighbour only in the operation: it is the same body on the same cases."""
    caught = {fault.caught_by for fault in FAULTS}
    bodies = [check.body for check in kernel_laws.CHECKS]
    assert {check.body for check in CHECKS if check.name in caught} >= set(bodies)
    assert set(kernel_laws.OPERATIONS) <= caught
    assert {"forward_not_finite", "conv_forward_not_finite", "forward_wide", "gradient_on_pairs_wide"} <= caught


def test_what_an_adapter_lacks_is_not_passed() -> None:
    results = judged(SciPy)
    for name, result in results.items():
        has = name.startswith(("forward", "transposed"))
        if not has and name not in ("explicit_zeros", "results_stay", "same_bits_again", "golden_kernels"):
            assert result.status == "not covered"
            assert "the adapter has no" in result.why
        else:
            assert result.status == "passed", result.text()
    assert results["results_stay"].skipped > results["results_stay"].cases > 0
    assert "no conv_forward" in results["results_stay"].why


def test_an_adapter_may_decline_what_is_not_finite() -> None:
    class Finite(SciPy):
        def forward(self, weights, x, bias):
            if not np.isfinite(x).all() or not np.isfinite(weights.values).all():
                raise NotCovered("finite numbers only")
            return super().forward(weights, x, bias)

    results = judged(Finite, "forward", "forward_not_finite", "explicit_zeros")
    assert results["forward"].status == "passed"
    assert results["forward"].skipped == 0, "the sums are judged on finite numbers"
    assert results["explicit_zeros"].cases > 0, "by its transposed product"
    declined = results["forward_not_finite"]
    assert declined.skipped > 0
    assert "finite numbers only" in declined.why


def test_what_an_adapter_states_is_what_it_gets() -> None:
    seen: set[tuple] = set()

    class Stated(SciPy):
        layout = "batch_first"
        index_dtype = "int64"
        dtypes = ("float64",)

        def forward(self, weights, x, bias):
            seen.update(part.dtype for part in (weights.indptr, weights.indices))
            seen.update((weights.values.dtype, x.dtype, x.shape[1] == weights.shape[1]))
            return np.ascontiguousarray(super().forward(weights, x.T, bias).T)

    results = judged(Stated, "forward", "forward_not_finite", "forward_wide")
    for result in results.values():
        assert result.status == "passed", result.text()
    assert seen == {np.dtype(np.int64), np.dtype(np.float64), True}


def test_bits_are_not_compared_where_none_are_promised() -> None:
    class Careless(kernel_faults.AtomicAdditions):
        deterministic = False

    result = judged(Careless, "same_bits_again")["same_bits_again"]
    assert result.status == "not covered"
    assert "not deterministic" in result.why


@pytest.mark.parametrize("fault", [kernel_faults.ColumnsIn16Bits, kernel_faults.EdgeIdsIn32Bits])
def test_a_wide_example_can_be_pasted(fault: type[Adapter]) -> None:
    name = next(row.caught_by for row in FAULTS if row.make is fault)
    found = judged(fault, name)[name].failure
    assert len(found.code) < 1000
    *start, call = found.code.splitlines()
    spoken: dict = {"adapter": fault()}
    exec("\n".join([*start[:2], call.replace("print(", "result = (", 1)]), spoken)
    expected = eval(found.expected, spoken)
    assert spoken["result"].shape == expected.shape
    assert (spoken["result"] != expected).any()
