"""FLOPs: formulas by hand on tiny networks, products counted one by one, bounds and refusals."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gse_ref.conformance.strategies import mask_of, topologies
from gse_ref.cost import METHOD_FLOPS, Layer, Setting, Work, method_flops, saving
from gse_ref.errors import InputError
from gse_ref.explore import METHODS
from tests.bounds import assert_close

#: f_S = 2 · (6 · 5 + 8) = 76, f_D = 2 · (24 · 5 + 16) = 272, density 14 / 40.
TINY = (Layer("conv", 2, 12, 6, 5, (2, 2)), Layer("linear", 4, 4, 8))
CYCLE = Setting(every=3, subset_factor=0.5)


def flops(method: str, layers: tuple[Layer, ...] = TINY, setting: Setting = CYCLE) -> Fraction:
    least, most, _ = method_flops(method, Work(layers), setting)
    assert least == most
    return Fraction(most).limit_denominator(10**6)


def test_forward_flops_by_hand() -> None:
    work = Work(TINY)
    assert (work.sparse, work.dense, work.density) == (76, 272, 14 / 40)
    assert work.at(14 / 40) == 76
    assert work.at(1.0) == 272
    assert work.at((1 + 14 / 40) / 2) == (76 + 272) / 2
    assert work.times(1.5) == 2 * (9 * 5 + 12)
    assert work.times(100) == 272


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("static", 3 * 76),
        ("set", 3 * 76),
        ("dense", 3 * 272),
        ("rigl", Fraction(3 * 3 * 76 + 2 * 76 + 272, 4)),
        ("gse", Fraction(3 * 3 * 76 + 2 * 76 + 114, 4)),
        ("gse-grabo", Fraction(3 * 3 * 76 + 2 * 76 + 114, 4)),
        ("gse-graest", Fraction(3 * 3 * 76 + 2 * 76 + 114, 4)),
        ("snfs", 2 * 76 + 272),
        ("topkast", 2 * 76 + 114),
        ("topkast-sparse", 2 * 76 + 114),
        ("gradual", 3 * (76 + 196 * Fraction(3, 5) / 4)),
        ("lottery", 3 * (272 + 76 + 196 * (Fraction(1, 2) - Fraction(14, 40)) / Fraction(26, 40) + 76)),
        ("snip", 3 * 76),
        ("grasp", 3 * 76),
        ("synflow", 3 * 76),
    ],
)
def test_formulas_by_hand(method: str, expected: Fraction) -> None:
    assert flops(method) == Fraction(expected).limit_denominator(10**6)


def test_every_method_of_training_has_a_cost() -> None:
    assert set(METHODS) <= set(METHOD_FLOPS)


def test_starts_by_hand() -> None:
    work = Work(TINY)
    starts = {method: method_flops(method, work, CYCLE).start for method in METHOD_FLOPS}
    assert {method for method, start in starts.items() if start} == {"snip", "grasp", "synflow"}
    assert (starts["snip"], starts["grasp"]) == (3 * 272, 9 * 272)
    # 100 gradients at densities that fall from 1 geometrically; the last comes before the target is reached
    line = [76 + 196 * ((14 / 40) ** (r / 100) - 14 / 40) / (26 / 40) for r in range(100)]
    assert_close(np.array(starts["synflow"]), np.array(3 * math.fsum(line)), 3 * math.fsum(line), 100)
    assert 100 * 3 * 76 < starts["synflow"] < 100 * 3 * 272


def test_the_density_of_gradual_pruning_is_averaged() -> None:
    """Midpoint sums over 6,000 of 10,000 steps have an error below 1e-8 of the fall."""
    tau = (np.arange(6000) + 0.5) / 6000
    for fall, left in (("cubic", (1 - tau) ** 3), ("cosine", (1 + np.cos(np.pi * tau)) / 2)):
        mean = 3 * (76 + 196 * left.sum() / 10_000)
        actual = method_flops("gradual", Work(TINY), Setting(ramp=0.6, fall=fall)).most
        assert abs(actual - mean) < 3 * 196 * 1e-8


def test_what_the_sketch_visits() -> None:
    def between(visited: float | None) -> tuple[float, float]:
        return method_flops("rigl-sketch", Work(TINY), Setting(every=3, subset_factor=0.5, visited=visited))[:2]

    assert between(None) == (float(flops("gse")), float(flops("rigl")))
    assert between(1.0) == (float(flops("rigl")),) * 2
    assert between(0.5) == ((3 * 3 * 76 + 2 * 76 + 136) / 4,) * 2
    assert between(0.0) == (3 * 76,) * 2, "the gradient of the active connections is due in any case"


@given(
    counts=st.lists(
        st.tuples(st.integers(1, 9), st.integers(1, 9), st.floats(0, 1), st.integers(1, 9)), min_size=1
    ),
    every=st.integers(1, 1000),
    factor=st.floats(0.01, 100),
)
def test_laws(counts: list[tuple[int, int, float, int]], every: int, factor: float) -> None:
    layers = [Layer(f"{i}", n, m, int(n * m * share), p) for i, (n, m, share, p) in enumerate(counts)]
    work, setting = Work(layers), Setting(every, factor)
    cost = {method: method_flops(method, work, setting).most for method in METHOD_FLOPS}
    slack = 1 + 100 * len(layers) * np.finfo(float).eps
    assert cost["static"] <= cost["gse"] * slack
    assert cost["gse"] <= cost["rigl"] * slack
    assert cost["rigl"] <= cost["snfs"] * slack, "every step against one of T + 1"
    assert cost["snfs"] <= cost["dense"] * slack
    assert cost["topkast"] <= cost["snfs"] * slack
    assert cost["static"] <= cost["gradual"] * slack
    assert cost["gradual"] <= cost["dense"] * slack
    assert cost["lottery"] * slack >= cost["dense"]
    assert method_flops("gse", work, Setting(every, 1e9)).most * slack >= (
        cost["rigl"] if all(c.nnz for c in layers) else 0
    )


class Products:
    """Multiplies and adds one pair at a time, and counts the pairs."""

    def __init__(self) -> None:
        self.count = 0

    def forward(self, mask: np.ndarray, weights: np.ndarray, x: np.ndarray) -> np.ndarray:
        y = np.zeros((mask.shape[0], x.shape[1]))
        for i, j in zip(*np.nonzero(mask), strict=True):
            for b in range(x.shape[1]):
                y[i, b] += weights[i, j] * x[j, b]
                self.count += 1
        return y

    def gradient(self, mask: np.ndarray, x: np.ndarray, delta: np.ndarray) -> np.ndarray:
        g = np.zeros(mask.shape)
        for i, j in zip(*np.nonzero(mask), strict=True):
            for b in range(x.shape[1]):
                g[i, j] += delta[i, b] * x[j, b]
                self.count += 1
        return g

    def step(self, mask: np.ndarray, looked_at: np.ndarray, samples: int) -> None:
        """Forward, gradient of the inputs, gradient of the weights on `looked_at`."""
        generator = np.random.default_rng(0)
        weights, x = (
            generator.integers(-9, 10, shape).astype(float) for shape in (mask.shape, (mask.shape[1], samples))
        )
        delta = self.forward(mask, weights, x)
        np.testing.assert_array_equal(delta, (weights * mask) @ x)
        np.testing.assert_array_equal(self.forward(mask.T, weights.T, delta), (weights * mask).T @ delta)
        np.testing.assert_array_equal(self.gradient(looked_at, x, delta), looked_at * (delta @ x.T))


@given(topology=topologies(most=6), every=st.integers(1, 3), data=st.data())
def test_a_cycle_counted_product_by_product(topology, every: int, data: st.DataObject) -> None:
    mask = mask_of(topology)
    drawn = data.draw(st.integers(0, topology.size - topology.nnz))
    candidates = mask.copy()
    candidates.reshape(-1)[np.flatnonzero(~mask.reshape(-1))[:drawn]] = True
    layer, positions = Layer("layer", *topology.shape, topology.nnz, 3), 3
    wanted = {"rigl": np.ones_like(mask), "static": mask}
    if topology.nnz and drawn:
        wanted["gse"] = candidates
    for method, looked_at in wanted.items():
        products = Products()
        for _ in range(every):
            products.step(mask, mask, positions)
        products.step(mask, looked_at, positions)
        setting = Setting(every, drawn / topology.nnz) if method == "gse" else Setting(every)
        expected = method_flops(method, Work([layer]), setting).most
        assert_close(np.array(expected, float), np.array(2 * products.count / (every + 1)), expected, every + 1)


def test_a_convolution_counted_product_by_product() -> None:
    """A 2×2 kernel on 3×4 pixels of 2 channels, three outputs: positions are columns of the unfolded image."""
    generator, mask = np.random.default_rng(1), np.random.default_rng(0).random((3, 8)) < 0.4
    image, products = generator.standard_normal((2, 3, 4)), Products()
    windows = [image[:, top : top + 2, left : left + 2].reshape(-1) for top in range(2) for left in range(3)]
    products.forward(mask, generator.standard_normal((3, 8)), np.stack(windows, axis=1))
    assert 2 * products.count == Work([Layer("conv", 3, 8, int(mask.sum()), 6, (2, 2))]).sparse > 0


def test_saving_is_gse_beside_rigl() -> None:
    told = saving(TINY, CYCLE)
    gse, rigl = float(flops("gse")), float(flops("rigl"))
    assert (told.gse, told.rigl, told.share, told.ratio) == (gse, rigl, 1 - gse / rigl, rigl / gse)


def test_an_unknown_method_is_told_the_known() -> None:
    with pytest.raises(
        InputError, match=r"unknown method 'rigle': did you mean 'rigl'.*available: dense, .*topkast-sparse"
    ):
        method_flops("rigle", Work(TINY), CYCLE)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"every": 0}, "every must be at least 1, got 0"),
        ({"every": 1.5}, "every must be a whole number, got 1.5"),
        ({"subset_factor": 0.0}, "subset_factor must be positive and finite"),
        ({"subset_factor": math.inf}, "subset_factor must be positive and finite, got inf"),
        ({"subset_factor": math.nan}, "got nan"),
        ({"prune_fraction": 1.5}, "prune_fraction must be"),
        ({"visited": 2.0}, "visited must be in"),
        ({"ramp": -1.0}, "ramp must be in"),
        ({"fall": "cubed"}, "unknown fall of the density 'cubed': did you mean 'cubic'"),
    ],
)
def test_settings_that_make_no_sense(changes: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Setting(**changes)


@pytest.mark.parametrize("nnz", [-1, 17, math.nan])
def test_layers_that_cannot_be(nnz: float) -> None:
    with pytest.raises(InputError, match=rf"layer linear of shape \(4, 4\) holds 0 to 16 connections, got {nnz}"):
        Work([TINY[1]._replace(nnz=nnz)])
    with pytest.raises(InputError, match="at least one sparse layer"):
        Work([])
