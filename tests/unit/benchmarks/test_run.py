"""The benchmark runner: names, lines of the result, and what becomes of peers that cannot be timed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import bench_resnet, measure
from benchmarks.bench_exploration import METHODS, Layer
from benchmarks.bench_linear import Shape, problem_of
from benchmarks.peers import conv_protocol, norm_protocol, protocol
from benchmarks.run import _chosen
from benchmarks.table import BENCHMARKS

ROOT = Path(__file__).resolve().parents[3]
QUICK = ("--quick", "--json", "--rounds", "1")
#: Options that one benchmark alone has.
OPTIONS = {"resnet20": ("--density", "0.2")}
IDENTITY = {"work", "benchmark", "threads", "peer", "n", "batch"}
SPARSE = {"nnz", "density"}
TIMED = {"ours_ms", "ours_quartiles_ms"}
COMPARED = TIMED | {"peer_ms", "peer_quartiles_ms", "ratio", "ratio_quartiles"}
UNTIMED = {"missing", "not_applicable", "wrong"}


@cache
def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / "run.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300)


@pytest.fixture(scope="module")
def problem() -> protocol.Problem:
    return problem_of(Shape(12, 20, 0.2, 16))[0]


@pytest.mark.parametrize("name", sorted(set(BENCHMARKS) - {"ceilings", "memory"}))
def test_quick_run_prints_one_complete_json_object_a_line(name: str) -> None:
    done = _run(name, *QUICK, *OPTIONS.get(name, ()))
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines
    for line in lines:
        if "exponent" in line:
            low, high = line["exponent_interval"]
            assert low <= line["exponent"] <= high
            continue
        assert line.keys() >= (IDENTITY if name == "norm" else IDENTITY | SPARSE)
        assert (line["benchmark"], line["threads"]) == (name, 1)
        if line["peer"] is None:
            assert line.keys() >= TIMED
        elif not UNTIMED & line.keys():
            assert line.keys() >= COMPARED
            assert line["ratio"] > 0
            assert len(line["ratio_quartiles"]) == 2
        assert ("floor" in line) == ("meets_floor" in line)


@pytest.mark.parametrize(
    ("name", "keys"),
    [("ceilings", {"bytes", "gb_s", "gflop_s", "copy_gb_s"}), ("memory", {"n", "nnz", "peak_mb", "bytes_per_nnz"})],
)
def test_quick_run_of_what_has_no_contestants(name: str, keys: set[str]) -> None:
    done = _run(name, "--quick", "--json")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == 2
    for line in lines:
        assert line.keys() >= keys | {"work", "benchmark"}
        assert all(line[key] >= 0 for key in keys)


@pytest.mark.parametrize(
    ("name", "work", "peers"),
    [
        ("linear", "linear 64x64 10% batch 16", protocol.LINEAR),
        ("conv", "conv 4@6x6 10% batch 16", conv_protocol.CONV),
        ("norm", "norm 4@6x6 batch 16 with residual", norm_protocol.NORM),
    ],
)
def test_every_peer_of_a_layer_is_timed_or_named_with_the_reason(
    name: str, work: str, peers: Iterable[str]
) -> None:
    lines = [json.loads(line) for line in _run(name, *QUICK).stdout.splitlines()]
    assert {line["peer"] for line in lines if line["work"] == work} >= set(peers)


def test_parts_of_a_step_of_the_residual_network_make_up_the_whole() -> None:
    done = _run("resnet20", *QUICK, *OPTIONS["resnet20"])
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["density"] for line in lines} == {0.2}
    assert {line["peer"] for line in lines} >= set(bench_resnet.PEERS)
    shares = [line["share"] for line in lines if "share" in line]
    assert len(shares) == len(bench_resnet.PARTS) + 1
    assert min(shares) >= 0
    memory = [line for line in lines if "peak_mb" in line]
    assert len(memory) == 1
    assert memory[0]["peak_mb"] > 0
    assert memory[0]["faults"] >= 0


def test_numbers_in_rows_are_matched_as_wholes() -> None:
    cases = dict.fromkeys(("layer n=1000 1%", "layer n=10000 0.1%"), list)
    assert list(_chosen(cases, ["n=1000"])) == ["layer n=1000 1%"]
    assert list(_chosen(cases, ["1%"])) == ["layer n=1000 1%"]
    assert list(_chosen(cases, ["LAYER"])) == list(cases)


def test_table_for_people_names_peers_that_are_missing() -> None:
    done = _run("linear", "--quick", "--rounds", "1", "--rows", "64x64")
    assert done.returncode == 0, done.stderr
    for name in protocol.LINEAR:
        assert name in done.stdout


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["liner"], "'linear'"),
        (["linear", "--quick", "--rows", "nothing"], "64x64"),
        (["linear", "--rounds", "0"], "--rounds"),
        (["linear", "--threads", "0"], "--threads"),
        (["linear", "--density", "0.1"], "resnet20"),
        (["resnet20", "--density", "0"], "--density"),
        (["resnet20", "--density", "nan"], "--density"),
    ],
)
def test_bad_requests_exit_2_with_advice(arguments: list[str], hint: str) -> None:
    done = _run(*arguments)
    assert done.returncode == 2
    assert hint in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout


def test_peer_that_is_not_installed_is_named_with_its_installation(
    problem: protocol.Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(protocol.LINEAR, "ghost", protocol.Adapter("benchmarks.peers.ghost", "pip install ghost"))
    line = protocol.enter("ghost", problem)
    assert isinstance(line, dict)
    assert (line["peer"], line["missing"]) == ("ghost", "pip install ghost")


def _adapter(monkeypatch: pytest.MonkeyPatch, prepare) -> None:
    monkeypatch.setitem(sys.modules, "benchmarks.peers.planted", SimpleNamespace(prepare=prepare))
    monkeypatch.setitem(protocol.LINEAR, "planted", protocol.Adapter("benchmarks.peers.planted", "nothing"))


@pytest.mark.parametrize("position", range(3))
def test_peer_with_one_wrong_number_is_not_timed(
    problem: protocol.Problem, monkeypatch: pytest.MonkeyPatch, position: int
) -> None:
    def step() -> protocol.Results:
        results = protocol.ours(problem)
        results[position].reshape(-1)[-1] += 1
        return results

    _adapter(monkeypatch, lambda problem: protocol.Prepared(step, lambda raw: raw))
    line = protocol.enter("planted", problem)
    assert isinstance(line, dict)
    assert ("y", "dx", "the weight gradient")[position] in line["wrong"]


def test_peer_that_cannot_do_the_work_says_why(problem: protocol.Problem, monkeypatch: pytest.MonkeyPatch) -> None:
    def prepare(problem: protocol.Problem) -> protocol.Prepared:
        raise protocol.NotApplicable("float64 alone")

    _adapter(monkeypatch, prepare)
    assert protocol.enter("planted", problem) == {"peer": "planted", "not_applicable": "float64 alone"}


@pytest.mark.parametrize("name", ["numpy_dense", "scipy_csr"])
def test_peers_that_are_always_there_agree_with_ours(problem: protocol.Problem, name: str) -> None:
    prepared = __import__(f"benchmarks.peers.{name}", fromlist=["prepare"]).prepare(problem)
    assert protocol.fault(problem, prepared.results(prepared.step())) is None


def test_ratio_is_the_median_of_the_ratios_of_the_rounds() -> None:
    ours, theirs = np.array([1.0, 2.0, 4.0]), np.array([2.0, 6.0, 4.0])
    line = measure.row("work", ours, "peer", theirs, floor=2.0, n=3)
    assert line["ratio"] == 2.0  # not 4 / 2, nor 12 / 7
    assert line["meets_floor"] is True
    assert (line["ours_ms"], line["peer_ms"], line["n"]) == (2000.0, 4000.0, 3)
    assert measure.row("work", ours, "peer", theirs, floor=2.5)["meets_floor"] is False


def test_fastest_peer_is_the_one_with_the_lowest_ratio_among_those_timed() -> None:
    times = {"ours": np.array([1.0, 2.0]), "slow": np.array([5.0, 9.0]), "fast": np.array([4.0, 8.0])}
    assert measure.fastest(times, ["slow", "absent", "fast"], "ours") == "fast"
    assert measure.fastest(times, ["slow"], "ours") == "slow"
    assert measure.fastest(times, ["absent"], "ours") is None


def test_every_round_times_every_contestant_once() -> None:
    calls = {"a": 0, "b": 0}

    def call(name: str) -> None:
        calls[name] += 1

    contestants = {name: (lambda name=name: call(name)) for name in calls}
    times = measure.interleaved(contestants, rounds=4, threads=2, at_least=0.0)
    assert {name: samples.shape for name, samples in times.items()} == {"a": (4,), "b": (4,)}
    # two calls to count repeats, then one to warm up and one timed in every round
    assert calls == {"a": 10, "b": 10}


@pytest.mark.parametrize("name", METHODS)
def test_timing_an_exploration_leaves_the_layer_as_it_was(name: str) -> None:
    layer = Layer(50)
    layer.step()
    before, values = layer.parameter.topology, layer.values.copy()
    layer.explore(name)
    assert layer.parameter.topology is before
    assert layer.parameter.data is layer.values
    assert np.array_equal(layer.values, values)
