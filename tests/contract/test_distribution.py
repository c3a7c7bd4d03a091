"""What is drawn follows the law it should, exactly where that can be computed.

Every statistical test has a fixed seed and a false-alarm rate of 1e-6: the χ² statistic of its counts must not
exceed the quantile of that rate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from scipy.special import chdtrc

from gse_ref.backends import AliasTable, get
from gse_ref.conformance.strategies import LAST_UNIFORM, masses, of_mask
from gse_ref.sparse import Topology, bernoulli, empty, erdos_renyi, sample_inactive
from tests.bounds import assert_close

FALSE_ALARM = 1e-6

every_backend = pytest.mark.parametrize("backend", ["cpu", "naive"])


def assert_follows(counts: np.ndarray, probabilities: np.ndarray) -> None:
    """Demand that the counts could come from these probabilities; what is impossible must not occur."""
    possible = probabilities > 0
    assert not counts[~possible].any(), f"drew what has probability 0: {counts}"
    expected = counts.sum() * probabilities[possible]
    assert expected.min() >= 5, "the χ² law wants more draws"
    statistic = ((counts[possible] - expected) ** 2 / expected).sum()
    chance = chdtrc(len(expected) - 1, statistic)
    assert chance >= FALSE_ALARM, f"χ² = {statistic:.1f} has chance {chance:.3g}; got {counts}, expected {expected}"


def assert_uniform(drawn: Iterable[Hashable], outcomes: Iterable[Hashable]) -> None:
    """Demand that all outcomes are equally likely, and no others occur."""
    counts, possible = Counter(drawn), list(outcomes)
    assert set(counts) <= set(possible), f"cannot occur: {set(counts) - set(possible)}"
    assert_follows(np.array([counts[o] for o in possible]), np.full(len(possible), 1 / len(possible)))


def implied(table: AliasTable) -> np.ndarray:
    """Return the probability of each slot that a table stands for."""
    n = len(table.threshold)
    return (table.threshold + np.bincount(table.alias, 1 - table.threshold, minlength=n)) / n


@every_backend
def test_alias_draws_follow_the_mass(backend: str) -> None:
    mass = np.array([3.0, 0.0, 1.0, 1.0, 0.25, 6.0, 0.0, 2.0])
    draw = get(backend)
    uniforms = np.random.default_rng(11).random(20_000)
    slots = draw.alias_draw(draw.alias_table(mass), uniforms)
    assert_follows(np.bincount(slots, minlength=len(mass)), mass / mass.sum())


@every_backend
@given(mass=masses(most=60))
def test_alias_tables_stand_for_the_mass_exactly(backend: str, mass: np.ndarray) -> None:
    table = get(backend).alias_table(mass)
    assert ((table.threshold >= 0) & (table.threshold <= 1)).all()
    assert ((table.alias >= 0) & (table.alias < len(mass))).all()
    # Each slot's share loses at most eps · n at each of at most n fillings, of a table of mean 1 and n slots.
    assert_close(implied(table), mass / mass.sum(), magnitude=1, length=len(mass))
    assert not implied(table)[mass == 0].any(), "what has no mass must never be drawn"


@every_backend
@pytest.mark.parametrize(
    "mass", [[5e-324, 0.0, 0.0], [0.0, 2e-310, 0.0, 1e-310]], ids=["one subnormal", "subnormal sum"]
)
def test_alias_tables_of_tiny_masses(backend: str, mass: list[float]) -> None:
    table = get(backend).alias_table(np.array(mass))
    assert_close(implied(table), np.array(mass) / np.sum(mass), magnitude=1, length=len(mass))


@every_backend
@pytest.mark.parametrize("n", [1, 2, 3, 7, 49, 1_000_003])
def test_the_last_uniform_stays_inside(backend: str, n: int) -> None:
    if backend == "cpu" or n < 100:
        table = AliasTable(np.ones(n), np.arange(n, dtype=np.int32))
        slots = get(backend).alias_draw(table, np.array([0.0, LAST_UNIFORM]))
        np.testing.assert_array_equal(slots, np.array([0, n - 1], np.int32))


def drawn_pairs(topologies: list[Topology], k: int, generator: np.random.Generator) -> tuple[tuple[int, int], ...]:
    pairs = sample_inactive(topologies, k, generator)
    assert len(pairs) == len(topologies)
    ids = [
        (layer, t.n_in * int(i) + int(j))
        for layer, t in enumerate(topologies)
        for i, j in zip(*pairs[layer], strict=True)
    ]
    assert ids == sorted(set(ids)), "sorted by edge id, each once"
    return tuple(ids)


def free_pairs(topologies: list[Topology]) -> list[tuple[int, int]]:
    every = [(layer, e) for layer, t in enumerate(topologies) for e in range(t.size)]
    return [(layer, e) for layer, e in every if e not in topologies[layer].edge_ids]


#: Listed: no more inactive than active ones, or few against k. Sampled: the loop that draws with replacement.
LAYERS = {
    "one layer, sampled": ([of_mask(np.array([[1, 0, 0, 0], [0, 0, 0, 1]], bool))], 2),
    "one layer, listed": ([of_mask(np.array([[1, 0, 1, 0], [0, 1, 0, 1]], bool))], 2),
    "two layers, sampled": ([of_mask(np.array([[0, 0, 1], [0, 0, 0]], bool)), empty((1, 4))], 2),
    "two layers, listed": ([of_mask(np.array([[0, 1, 1], [1, 0, 1]], bool)), empty((2, 1))], 2),
    "more of one layer than of the other": ([empty((1, 1)), of_mask(np.array([[0] * 6 + [1] * 6], bool))], 3),
}


@pytest.mark.parametrize("case", sorted(LAYERS))
def test_sample_inactive_draws_every_subset_alike(case: str) -> None:
    topologies, k = LAYERS[case]
    generator = np.random.default_rng(12)
    drawn = [drawn_pairs(topologies, k, generator) for _ in range(2_500)]
    assert_uniform(drawn, combinations(free_pairs(topologies), k))


@pytest.mark.parametrize("nnz", [2, 7], ids=["directly", "by the complement"])
def test_erdos_renyi_draws_every_pattern_alike(nnz: int) -> None:
    generator = np.random.default_rng(13)
    drawn = [tuple(erdos_renyi((3, 3), nnz, generator).edge_ids.tolist()) for _ in range(2_500)]
    assert_uniform(drawn, combinations(range(9), nnz))


def test_bernoulli_connects_each_pair_by_itself() -> None:
    generator = np.random.default_rng(14)
    drawn = Counter(tuple(bernoulli((2, 2), 0.3, generator).edge_ids.tolist()) for _ in range(2_500))
    patterns = [subset for size in range(5) for subset in combinations(range(4), size)]
    probabilities = np.array([0.3 ** len(p) * 0.7 ** (4 - len(p)) for p in patterns])
    assert_follows(np.array([drawn[p] for p in patterns]), probabilities)


@every_backend
def test_graest_is_an_unbiased_sketch_of_the_gradient(backend: str) -> None:
    # Integers, so that every sum is exact; all 2^6 sign vectors are equally likely.
    generator, batch = np.random.default_rng(15), 6
    x, delta = generator.integers(-5, 6, (4, batch)) * 1.0, generator.integers(-5, 6, (3, batch)) * 1.0
    mean, masses_of = np.zeros((3, 4)), get(backend).signed_sums
    for signs in product((-1.0, 1.0), repeat=batch):
        s = np.array(signs)
        f, g = masses_of(x, s), masses_of(delta, s)
        mean += np.outer(g * np.sign(delta @ s), f * np.sign(x @ s))
    np.testing.assert_array_equal(mean / 2**batch, delta @ x.T)


@every_backend
def test_grabo_bounds_the_gradient(backend: str) -> None:
    generator = np.random.default_rng(16)
    x, delta = generator.integers(-5, 6, (4, 9)) * 1.0, generator.integers(-5, 6, (3, 9)) * 1.0
    bound = np.outer(get(backend).abs_sums(delta), get(backend).abs_sums(x))
    assert (np.abs(delta @ x.T) <= bound).all()
    single = np.outer(get(backend).abs_sums(delta[:, :1]), get(backend).abs_sums(x[:, :1]))
    np.testing.assert_array_equal(single, np.abs(delta[:, :1] @ x[:, :1].T))


def test_the_test_itself_sees_a_bias() -> None:
    biased = Counter(np.random.default_rng(17).choice(6, 2_500, p=[0.26, 0.15, 0.15, 0.15, 0.15, 0.14]).tolist())
    with pytest.raises(AssertionError, match="χ²"):
        assert_uniform(biased.elements(), range(6))
    with pytest.raises(AssertionError, match="cannot occur"):
        assert_uniform([7], range(6))
