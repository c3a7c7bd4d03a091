"""How peers of convolutions and of batch normalisation are judged before they are timed."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import bench_conv, bench_norm
from benchmarks.peers import conv_protocol, norm_protocol, protocol
from gse_ref.backends import get

CONV_SHAPE = bench_conv.Shape(5, 6, 0.1, 8)
NORM_SHAPE = bench_norm.Shape(3, 5, 7, residual=True)


@pytest.fixture(scope="module")
def convolution() -> conv_protocol.ConvProblem:
    return bench_conv.problem_of(CONV_SHAPE)[0]


@pytest.fixture(scope="module")
def norm() -> norm_protocol.NormProblem:
    return bench_norm.problem_of(NORM_SHAPE)


def _plant(monkeypatch: pytest.MonkeyPatch, table: dict[str, protocol.Adapter], step) -> None:
    planted = SimpleNamespace(enter=lambda problem: protocol.Prepared(lambda: step(problem), lambda raw: raw))
    monkeypatch.setitem(sys.modules, "benchmarks.peers.planted", planted)
    monkeypatch.setitem(table, "planted", protocol.Adapter("benchmarks.peers.planted", "nothing", "enter"))


def test_definition_of_the_convolution_would_be_timed(convolution: conv_protocol.ConvProblem) -> None:
    p, naive = convolution, get("naive")
    y = naive.conv(p.indptr, p.indices, p.values, p.x, p.geometry)
    results = (y, *naive.conv_backward(p.plan, p.values, p.x, p.dy, p.geometry))
    assert conv_protocol.fault(p, results) is None


@pytest.mark.parametrize("position", range(3))
def test_convolution_with_one_wrong_number_is_not_timed(
    convolution: conv_protocol.ConvProblem, monkeypatch: pytest.MonkeyPatch, position: int
) -> None:
    def step(problem: conv_protocol.ConvProblem) -> conv_protocol.Results:
        results = conv_protocol.ours(problem)
        results[position].reshape(-1)[-1] += 1
        return results

    _plant(monkeypatch, conv_protocol.CONV, step)
    line = conv_protocol.enter("planted", convolution)
    assert isinstance(line, dict)
    assert ("y", "dx", "the weight gradient")[position] in line["wrong"]


def test_sums_of_the_weight_gradient_are_exact_in_any_order() -> None:
    most = max(shape.side**2 * shape.batch for shape in bench_conv.SHAPES)
    assert most * bench_conv.LARGEST**2 < 2**24


def test_dense_form_of_a_convolution_has_each_weight_at_its_tap(convolution: conv_protocol.ConvProblem) -> None:
    flat = convolution.dense().reshape(len(convolution.dy), -1)
    assert np.array_equal(flat[convolution.rows, convolution.indices], convolution.values)
    assert np.count_nonzero(flat) == len(convolution.values)


def test_floors_fall_to_the_faster_way_of_a_peer() -> None:
    times = {"ours": np.ones(1), "torch NCHW": np.array([9.0]), "torch channels_last": np.array([8.0])}
    wide = bench_conv.Shape(64, 8, 0.02)
    assert bench_conv._floors(wide, times) == {"torch channels_last": 11.0, None: 1.5}


def test_definition_of_batch_normalisation_would_be_timed(norm: norm_protocol.NormProblem) -> None:
    p, naive = norm, get("naive")
    y, mean, variance = naive.batch_norm(p.x, p.gamma, p.beta, p.epsilon, p.residual, True)
    results = naive.batch_norm_backward(p.x, y, p.dy, p.gamma, mean, variance, p.epsilon, True, True)
    assert norm_protocol.fault(p, (y, *results)) is None


@pytest.mark.parametrize("position", range(5))
def test_normalisation_with_one_wrong_number_is_not_timed(
    norm: norm_protocol.NormProblem, monkeypatch: pytest.MonkeyPatch, position: int
) -> None:
    def step(problem: norm_protocol.NormProblem) -> norm_protocol.Results:
        results = norm_protocol.ours(problem)
        results[position].reshape(-1)[-1] += 1
        return results

    _plant(monkeypatch, norm_protocol.NORM, step)
    line = norm_protocol.enter("planted", bench_norm.problem_of(NORM_SHAPE.trial), norm)
    assert isinstance(line, dict)
    assert line["wrong"].startswith(norm_protocol.NAMES[position] + " is off")


def test_normalisation_that_is_wrong_on_the_trial_alone_is_not_timed(
    norm: norm_protocol.NormProblem, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = bench_norm.problem_of(NORM_SHAPE.trial)

    def step(problem: norm_protocol.NormProblem) -> norm_protocol.Results:
        y, *rest = norm_protocol.ours(problem)
        return (y + (problem is trial), *rest)

    _plant(monkeypatch, norm_protocol.NORM, step)
    assert isinstance(norm_protocol.enter("planted", norm, norm), protocol.Prepared)
    assert isinstance(norm_protocol.enter("planted", trial, norm), dict)


def test_bytes_of_a_normalisation_are_those_of_its_operands(norm: norm_protocol.NormProblem) -> None:
    x, y, dy, dx, residual, dresidual = (norm.x.nbytes,) * 6
    assert norm.bytes_moved == (x + residual + y) + (x + y + dy + dx + dresidual)
