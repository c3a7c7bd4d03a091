"""The strategies shrink to what can be read, and draw what was asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from gse_ref.conformance import strategies
from gse_ref.conformance.strategies import Convolution, ConvPairs, Product, Sampled
from gse_ref.sparse import Topology

FLOAT64 = (np.dtype(np.float64),)
SETTINGS = settings(
    max_examples=500,
    derandomize=True,
    database=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)


def smallest(strategy: st.SearchStrategy[Any], wanted: Any = lambda case: True) -> Any:
    return find(strategy, wanted, settings=SETTINGS)


def test_any_layer_is_one_by_one_and_empty() -> None:
    topology = smallest(strategies.topologies())
    assert (topology.shape, topology.nnz) == ((1, 1), 0)
    product = smallest(strategies.products())
    assert (product.topology.shape, product.x.shape, product.bias) == ((1, 1), (1, 1), None)
    assert product.x.tolist() == [[1.0]]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_topology_has_as_few_connections_as_it_must(count: int) -> None:
    def enough(topology: Topology) -> bool:
        return topology.nnz >= count

    assert smallest(strategies.topologies(), enough).nnz == count
    assert smallest(strategies.topologies((4, 5)), enough).nnz == count


def test_a_connection_at_a_place_stands_alone() -> None:
    def connected(topology: Topology) -> bool:
        return bool(strategies.mask_of(topology)[2, 3])

    topology = smallest(strategies.topologies((4, 5)), connected)
    assert (topology.rows.tolist(), topology.indices.tolist()) == ([2], [3])


def test_an_empty_row_beside_a_filled_one_needs_two_rows() -> None:
    def mixed(case: Product) -> bool:
        fan_in = case.topology.fan_in()
        return bool((fan_in == 0).any() and (fan_in > 0).any())

    case = smallest(strategies.products(), mixed)
    assert (case.topology.shape, case.topology.nnz, case.x.shape) == ((2, 1), 1, (1, 1))


def test_pairs_are_as_few_as_they_must() -> None:
    assert smallest(strategies.sampled()).rows.tolist() == []
    repeated = smallest(strategies.sampled(), lambda case: len(case.rows) > 1)
    assert (len(repeated.rows), repeated.x.shape, repeated.dy.shape) == (2, (1, 1), (1, 1))


def test_any_convolution_is_one_pixel() -> None:
    case = smallest(strategies.convolutions(finite=True))
    assert (tuple(case.geometry), case.x.shape, case.dy.shape) == ((1, 1, 0), (1, 1, 1, 1), (1, 1, 1, 1))
    assert (case.topology.nnz, case.bias) == (0, None)


def test_a_convolution_with_a_stride_has_the_smallest_images() -> None:
    case = smallest(strategies.convolutions(finite=True), lambda case: case.geometry.stride == 2)
    assert (tuple(case.geometry), case.x.shape) == ((1, 2, 0), (1, 1, 1, 1))


def test_an_edit_does_as_little_as_it_must() -> None:
    case = smallest(strategies.edits(), lambda case: len(case.pruned) and len(case.grown_rows))
    assert (case.topology.size, len(case.pruned), len(case.grown_rows)) == (2, 1, 1)


def _floats(case: Product | Sampled | Convolution | ConvPairs) -> dict[str, np.ndarray]:
    return {
        name: part for name, part in case._asdict().items() if getattr(part, "dtype", np.dtype(int)).kind == "f"
    }


@pytest.mark.parametrize("name", ["products", "sampled", "convolutions", "conv_pairs"])
@given(data=st.data())
def test_finite_or_not_in_the_dtype_that_was_asked_for(name: str, data: st.DataObject) -> None:
    draw = getattr(strategies, name)
    finite, spoilt = (_floats(data.draw(draw(FLOAT64, finite=finite))) for finite in (True, False))
    assert {part.dtype for part in (*finite.values(), *spoilt.values())} == set(FLOAT64)
    assert all(np.isfinite(part).all() for part in finite.values())
    assert not any(np.isfinite(spoilt[operand]).all() for operand in ("x", "dy"))
