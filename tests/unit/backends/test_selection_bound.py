"""What the search for the k-th highest score is charged: introselect, counted step by step, stays below.

An expected bound is tested in the mean over random orders; it assumes that no order of the scores is likelier than
another. Without that assumption it does not hold: an order made by an adversary costs a pass over all scores for
each of 2·log2 m rounds, before medians of five take over. That worst case is tested too.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from gse_ref.backends.tally_exploration import SEARCH_COMPARISONS, SEARCH_LOADS, SEARCH_STORES
from tests.instrumented.meter import Meter
from tests.instrumented.selection import introselect

ITEM = 8
#: Comparisons a score once medians of five have taken over.
LINEAR = 8


def searched(scores: np.ndarray, rank: int) -> Meter:
    meter, copy = Meter(), scores.astype(np.float64)
    assert introselect(meter, copy, rank) == np.partition(scores, rank)[rank]
    return meter


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.8, 1.0])
@pytest.mark.parametrize("ties", [0, 20, 1])
def test_random_orders_cost_less_than_what_is_charged(share: float, ties: int) -> None:
    """Means over 40 orders of 2,400 scores: 2.75 ± 0.1 comparisons at worst. The seed is fixed."""
    generator, size = np.random.default_rng(5), 2400
    meters = []
    for _ in range(40):
        scores = generator.integers(0, ties, size) if ties else generator.permutation(size)
        meters.append(searched(scores, min(size - 1, int(share * size))))
    assert np.mean([meter.moves for meter in meters]) < SEARCH_COMPARISONS * size
    assert np.mean([meter.bytes_read for meter in meters]) < SEARCH_LOADS * size * ITEM
    assert np.mean([meter.bytes_written for meter in meters]) < SEARCH_STORES * size * ITEM


class Adversary(Meter):
    """Decides what is smaller only when asked, to the worst of whoever asks (McIlroy 1999, "A killer adversary").

    Elements are numbers of items; an item is worth infinity until a comparison of two such fixes one of them.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.worth, self.fixed, self.pivot = [math.inf] * size, 0, -1

    def less(self, a: Any, b: Any) -> bool:
        a, b = int(a), int(b)
        if self.worth[a] == self.worth[b] == math.inf:
            loser = a if a == self.pivot else b
            self.worth[loser], self.fixed = self.fixed, self.fixed + 1
        if self.worth[a] == math.inf:
            self.pivot = a
        elif self.worth[b] == math.inf:
            self.pivot = b
        return super().less(self.worth[a], self.worth[b])


def worst_order(size: int, rank: int) -> np.ndarray:
    adversary = Adversary(size)
    introselect(adversary, np.arange(size, dtype=np.float64), rank)
    return np.array(adversary.worth)


@pytest.mark.parametrize("size", [500, 1000, 2000, 4000])
def test_the_worst_order_costs_a_pass_for_each_round(size: int) -> None:
    rounds = 2 * (size.bit_length() - 1)
    order = np.nan_to_num(worst_order(size, size - 1), posinf=size)
    moves = searched(order, size - 1).moves
    assert rounds * size < moves < (rounds + LINEAR) * size
    assert searched(np.random.default_rng(0).permutation(order), size - 1).moves < moves / 4
