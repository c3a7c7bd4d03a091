"""Ceilings: the level that a row is held against, and the work that a step cannot avoid."""

from __future__ import annotations

import numpy as np

from benchmarks.bench_conv import Shape as ConvShape
from benchmarks.bench_conv import least_seconds as conv_seconds
from benchmarks.bench_conv import problem_of as conv_problem
from benchmarks.bench_linear import Shape, least_seconds, problem_of
from benchmarks.ceilings import Ceilings, Rate
from gse_ref.backends import Geometry

#: One byte a second everywhere: seconds are bytes.
PLAIN = Ceilings((Rate(1, 1.0, 1.0),))
#: Compulsory traffic is free: seconds are the bytes that connections load.
LOADS = Ceilings((Rate(1, 1.0, float("inf")),))


def test_a_size_is_held_against_the_largest_measured_one_that_is_not_larger() -> None:
    rates = Ceilings((Rate(100, 8.0, 4.0), Rate(1000, 2.0, 1.0)))
    assert rates.seconds(80.0, 999, 1) == 10.0
    assert rates.seconds(80.0, 1000, 1) == 40.0
    assert rates.seconds(80.0, 1, 1) == 10.0
    assert rates.seconds(8.0, 100, 5000) == 5000.0
    assert rates.facts(0.5, np.array([1.0, 2.0, 4.0])) == {"roofline_ms": 500.0, "of_roofline": 0.25}


def test_a_linear_step_loads_a_row_twice_for_each_connection() -> None:
    problem, topology = problem_of(Shape(12, 20, 0.2, 16))
    row = 16 * 4
    assert least_seconds(problem, LOADS) == 2 * topology.nnz * row
    most = max(topology.nnz * row, 32 * row) + max(topology.nnz * row, 52 * row)
    assert least_seconds(problem, PLAIN) == most


def test_the_first_layer_needs_no_gradient_of_its_input() -> None:
    row = 16 * 4
    whole, first = (PLAIN.linear_step(12, 20, 1, 16, first) for first in (False, True))
    assert (whole, first) == (32 * row + 52 * row, 32 * row + 32 * row)


def test_a_strided_convolution_loads_what_lies_inside_the_image() -> None:
    indices, geometry = np.array([0, 4, 8, 13], np.int32), Geometry(3, 2, 1)
    inside = 0
    for column in indices.tolist():
        u, v = divmod(column % 9, 3)
        inside += sum(0 <= 2 * i + u - 1 < 7 and 0 <= 2 * j + v - 1 < 6 for i in range(4) for j in range(3))
    assert LOADS.conv_step(5, indices, (2, 7, 6, 16), geometry) == 2 * inside * 16 * 4
    x, y = 2 * 7 * 6 * 16 * 4, 5 * 4 * 3 * 16 * 4
    assert PLAIN.conv_step(5, indices[:0], (2, 7, 6, 16), geometry) == (x + y) + (2 * x + y)


def test_a_normalisation_moves_every_array_once() -> None:
    assert PLAIN.norm_step(100, residual=False) == 6 * 100
    assert PLAIN.norm_step(100, residual=True) == 8 * 100


def test_an_update_moves_the_layer_once_and_scores_a_candidate_for_each_connection() -> None:
    n, nnz, batch = 50, 300, 16
    moved = (3 * nnz * 4 + n * 8) + (6 * nnz * 4 + 2 * n * 8)
    assert PLAIN.rewiring(n, nnz) == moved
    assert PLAIN.exploration(n, nnz, batch) == max(nnz * batch * 4, 2 * n * batch * 4) + moved


def test_a_convolution_loads_what_lies_inside_the_image() -> None:
    problem, topology = conv_problem(ConvShape(4, 6, 0.1, 16))
    inside = 0
    for column in topology.indices:
        u, v = divmod(int(column) % 9, 3)
        positions = [(i, j) for i in range(6) for j in range(6) if 0 <= i + u - 1 < 6 and 0 <= j + v - 1 < 6]
        inside += len(positions)
    assert conv_seconds(problem, LOADS) == 2 * inside * 16 * 4
