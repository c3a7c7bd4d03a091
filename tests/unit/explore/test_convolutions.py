"""Exploration of convolutions: masses, sketches, scores and updates are those of the unfolded matrix."""

from __future__ import annotations

import math
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from gse_ref.autodiff import Tensor
from gse_ref.backends import Geometry, use
from gse_ref.errors import DivergenceError
from gse_ref.explore import Request, method, update
from gse_ref.explore.distributions import DISTRIBUTIONS, signs_of
from gse_ref.explore.greedy import top_of_dense_gradient
from gse_ref.explore.guided import score
from gse_ref.nn import Conv2d, Observation, ReLU, Sequential, SparseParameter, initialise, probe
from gse_ref.rng import stream
from gse_ref.sparse import LayerShape, erdos_renyi
from tests.bounds import assert_close
from tests.methods import GROWING
from tests.unfolded import flat, unfolded

GEOMETRIES = {
    "3, padded": Geometry(3, 1, 1),
    "3, stride 2": Geometry(3, 2, 1),
    "2, stride 2, padded": Geometry(2, 2, 1),
    "1": Geometry(1),
}
every_geometry = pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=list(GEOMETRIES))


def seen_by_a_probe(
    geometry: Geometry,
    channels: int = 3,
    n_out: int = 5,
    size: tuple[int, int] = (4, 5),
    batch: int = 6,
    dtype: type = np.float64,
    integers: bool = True,
) -> Observation:
    """Return a layer with about a quarter of its connections; small integers, so that every sum is exact."""
    shape = (n_out, channels * geometry.kernel**2)
    parameter = SparseParameter(LayerShape(*shape, (geometry.kernel,) * 2), dtype, geometry)
    topology = erdos_renyi(shape, shape[0] * shape[1] // 4, stream(0, "topology"))
    generator = stream(2, "check")
    parameter.place(topology, generator.normal(size=topology.nnz).astype(dtype))
    images = (channels, *size, batch), (n_out, *map(geometry.positions, size), batch)
    drawn = [generator.integers(-2, 3, s) if integers else generator.normal(size=s) for s in images]
    return Observation(parameter, *(image.astype(dtype) for image in drawn))


def matrices(seen: Observation) -> tuple[np.ndarray, np.ndarray]:
    """Return X, the patch matrix, and δ, both with every position of every sample as a column, float64."""
    assert seen.parameter.geometry is not None
    return unfolded(seen.x.astype(np.float64), seen.parameter.geometry), flat(seen.delta.astype(np.float64))


@every_geometry
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_masses_of_grabo_are_sums_over_samples_and_positions(geometry: Geometry, dtype: type) -> None:
    seen = seen_by_a_probe(geometry, dtype=dtype)
    patches, delta = matrices(seen)
    inputs, outputs = DISTRIBUTIONS["grabo"](seen, partial(signs_of, stream(0, "signs")))
    np.testing.assert_array_equal(inputs, np.abs(patches).sum(axis=1))
    np.testing.assert_array_equal(outputs, np.abs(delta).sum(axis=1))
    gradient = np.abs(delta @ patches.T)
    assert (gradient <= np.outer(outputs, inputs)).all(), "GraBo bounds the gradient"


@every_geometry
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_masses_of_graest_share_one_sign_for_each_position_of_each_sample(geometry: Geometry, dtype: type) -> None:
    seen = seen_by_a_probe(geometry, dtype=dtype)
    patches, delta = matrices(seen)
    signs = signs_of(stream(0, "signs", 1, 2), delta.shape[1])
    assert seen.samples == len(signs) == seen.delta[0].size
    inputs, outputs = DISTRIBUTIONS["graest"](seen, partial(signs_of, stream(0, "signs", 1, 2)))
    np.testing.assert_array_equal(inputs, np.abs(patches @ signs))
    np.testing.assert_array_equal(outputs, np.abs(delta @ signs))


@pytest.mark.parametrize(
    ("geometry", "size", "batch"),
    [(Geometry(2, 1, 0), (3, 3), 2), (Geometry(3, 2, 1), (3, 2), 4), (Geometry(2, 2, 1), (2, 3), 2)],
)
def test_the_sketch_of_graest_is_unbiased(geometry: Geometry, size: tuple[int, int], batch: int) -> None:
    """The mean over all sign vectors of (X s)_j (δ s)_i is Σ δ X, exactly: these are small integers."""
    seen = seen_by_a_probe(geometry, 2, 3, size, batch)
    patches, delta = matrices(seen)
    rows, cols = (side.ravel().astype(np.int32) for side in np.indices((3, len(patches))))
    total = np.zeros((3, len(patches)))
    vectors = [np.array(signs) for signs in product((-1.0, 1.0), repeat=seen.samples)]
    assert len(vectors) <= 2**8
    for signs in vectors:
        inputs, outputs = seen.signed_sums(signs)
        np.testing.assert_array_equal(inputs, np.abs(patches @ signs))
        np.testing.assert_array_equal(outputs, np.abs(delta @ signs))
        total += np.outer(np.sign(delta @ signs) * outputs, np.sign(patches @ signs) * inputs)
    gradient = seen.gradient_pairs(rows, cols).reshape(total.shape)
    assert gradient.any()
    np.testing.assert_array_equal(total / len(vectors), gradient)


@every_geometry
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scores_are_the_dense_gradient(geometry: Geometry, dtype: type) -> None:
    seen = seen_by_a_probe(geometry, dtype=dtype, integers=False)
    patches, delta = matrices(seen)
    expected, magnitude = np.abs(delta @ patches.T), np.abs(delta) @ np.abs(patches).T
    rows, cols = (side.ravel()[::-1].astype(np.int32) for side in np.indices(expected.shape))
    actual = score(rows, cols, seen, "here")
    assert actual.dtype == dtype
    assert_close(actual, expected[rows, cols], magnitude[rows, cols], seen.samples)
    dense = np.concatenate([seen.gradient_rows(start, start + 1) for start in range(len(delta))])
    assert dense.dtype == dtype
    assert_close(np.abs(dense), expected, magnitude, seen.samples)


@every_geometry
@pytest.mark.parametrize("block", [1, 40, 10_000])
@pytest.mark.parametrize("keep", [0, 1, 7, 60, 1000])
def test_blocks_do_not_change_rigls_choice(geometry: Geometry, block: int, keep: int) -> None:
    seen = seen_by_a_probe(geometry)
    patches, delta = matrices(seen)
    gradient = np.abs(delta @ patches.T).reshape(-1)
    inactive = sorted(set(range(gradient.size)) - set(seen.parameter.topology.edge_ids.tolist()))
    expected = sorted(sorted(inactive, key=lambda e: (-gradient[e], e))[:keep])
    ids, scores = top_of_dense_gradient(seen, keep, "here", block)
    assert ids.tolist() == expected
    np.testing.assert_array_equal(scores, gradient[expected])


@pytest.mark.parametrize("name", sorted(set(GROWING) - {"set"}))
@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_gradients_that_are_not_finite_name_layer_and_step(name: str, value: float) -> None:
    seen = seen_by_a_probe(GEOMETRIES["3, padded"])
    seen.delta[...] = value
    with pytest.raises(DivergenceError, match=r"layer conv.* step 3"):
        update(
            {"conv": seen.parameter},
            method(name).propose,
            Request(0, 3, 0.3, "layer", 0.5, lambda observer: observer(*seen)),
        )


class TwoConvolutions:
    """A network of two convolutions, one of them strided, and a batch for its probe."""

    def __init__(self, seed: int, density: float) -> None:
        layers = Conv2d(2, 4, 3, bias=True, dtype=np.float64), ReLU(), Conv2d(4, 3, 3, 2, dtype=np.float64)
        self.net = Sequential(*layers)
        initialise(self.net, density, seed=seed)
        self.layers = self.net.sparse_parameters()
        generator = stream(seed, "check")
        for parameter in self.net.named_parameters().values():  # halves: sums are exact, ties abound
            parameter.data = np.round(2 * parameter.data) / 2
        self.x = generator.integers(-1, 2, (2, 4, 5, 3)).astype(np.float64)
        self.seen: dict[str, Observation] = {}

    def run_probe(self, observer: Any) -> None:
        names = {id(parameter): name for name, parameter in self.layers.items()}

        def watch(parameter: SparseParameter, x: np.ndarray, delta: np.ndarray) -> None:
            self.seen[names[id(parameter)]] = Observation(parameter, x.copy(), delta.copy())
            observer(parameter, x, delta)

        def loss() -> Tensor:
            y = self.net(Tensor(self.x))
            return (y * y).sum()

        probe(loss, self.layers.values(), watch)

    def edges(self, layer: str) -> dict[int, float]:
        parameter = self.layers[layer]
        return dict(zip(parameter.topology.edge_ids.tolist(), parameter.data.tolist(), strict=True))


#: Fractions are whole thousandths, so that the expected counts are exact in integers.
cases = st.tuples(
    st.integers(0, 50),
    st.sampled_from([0.02, 0.2, 0.5, 0.95, 1.0]),
    st.sampled_from(["global", "layer"]),
    st.integers(0, 1000).map(lambda k: k / 1000),
    st.sampled_from([0.3, 1.0, 2.5]),
)


@pytest.mark.parametrize("name", GROWING)
@given(case=cases)
def test_updates_keep_the_invariants(name: str, case: tuple[int, float, str, float, float]) -> None:
    seed, density, scope, fraction, gamma = case
    model = TwoConvolutions(seed, density)
    before = {layer: model.edges(layer) for layer in model.layers}
    asked = Request(seed, 5, fraction, scope, gamma, model.run_probe)
    quotas = dict(zip(model.layers, asked.quotas(model.layers), strict=True))
    assert list(quotas.values()) == [-(-round(1000 * fraction) * len(edges) // 1000) for edges in before.values()]
    change = update(model.layers, method(name).propose, asked)
    assert {layer: model.edges(layer) for layer in model.layers} == before  # pure
    moved, available = 0, 0
    for layer, parameter in model.layers.items():
        result, old = change.layers[layer], before[layer]
        parameter.rewire(result.topology, result.slot_map)
        new = model.edges(layer)
        grown, pruned = set(new) - set(old), set(old) - set(new)
        assert (len(grown), len(pruned)) == (result.grown, result.pruned)
        assert result.candidates <= parameter.topology.size - len(old)
        assert all(new[edge] == 0 and math.copysign(1, new[edge]) == 1 for edge in grown)
        assert all(new[edge] == old[edge] for edge in set(new) & set(old))
        if scope == "layer":
            assert len(grown) == len(pruned) == min(quotas[layer], result.candidates)
            kept = [abs(old[edge]) for edge in old if edge not in pruned]
            assert max((abs(old[edge]) for edge in pruned), default=0) <= min(kept, default=math.inf)
        if grown and result.smallest_grown_score is not None and name != "set":
            patches, delta = matrices(model.seen[layer])
            assert result.smallest_grown_score == np.abs(delta @ patches.T).flat[sorted(grown)].min()
        moved, available = moved + len(grown), available + result.candidates
    assert sum(map(len, before.values())) == sum(p.topology.nnz for p in model.layers.values())
    if scope == "global":
        assert moved == min(sum(quotas.values()), available)
    event("nothing moved" if not moved else "moved")


@given(case=cases)
def test_rigl_grows_the_best_of_all_inactive(case: tuple[int, float, str, float, float]) -> None:
    """Score, then layer, then edge id."""
    seed, density, scope, fraction, gamma = case
    model = TwoConvolutions(seed, density)
    asked = Request(seed, 5, fraction, scope, gamma, model.run_probe)
    quotas = asked.quotas(model.layers)
    change = update(model.layers, method("rigl").propose, asked)
    grow, prune = [], []
    for number, (layer, parameter) in enumerate(model.layers.items()):
        patches, delta = matrices(model.seen[layer])
        gradient = np.abs(delta @ patches.T).ravel()
        active = model.edges(layer)
        grow += [(-gradient[e], number, e) for e in range(parameter.topology.size) if e not in active]
        prune += [(abs(weight), number, e) for e, weight in active.items()]
    groups = [range(len(quotas))] if scope == "global" else [[n] for n in range(len(quotas))]
    expected: list[set[tuple[int, int]]] = [set(), set()]
    for group in groups:
        free = sum(entry[1] in group for entry in grow)
        k = min(sum(quotas[n] for n in group), free)
        for chosen, entries in zip(expected, (grow, prune), strict=True):
            chosen |= {entry[1:] for entry in sorted(e for e in entries if e[1] in group)[:k]}
    actual: list[set[tuple[int, int]]] = [set(), set()]
    for number, (layer, parameter) in enumerate(model.layers.items()):
        old, new = set(parameter.topology.edge_ids.tolist()), set(change.layers[layer].topology.edge_ids.tolist())
        actual[0] |= {(number, edge) for edge in new - old}
        actual[1] |= {(number, edge) for edge in old - new}
    assert actual == expected


@pytest.mark.parametrize("name", GROWING)
@pytest.mark.parametrize("scope", ["global", "layer"])
def test_the_same_update_again_and_on_the_definition(name: str, scope: str) -> None:
    def topologies() -> list[Any]:
        model = TwoConvolutions(3, 0.3)
        request = Request(3, 5, 0.4, scope, 1.0, model.run_probe)
        changes = update(model.layers, method(name).propose, request).layers
        assert sum(change.grown for change in changes.values()) > 0
        return [change.topology for change in changes.values()]

    first = topologies()
    assert topologies() == first
    with use("naive"):
        assert topologies() == first
