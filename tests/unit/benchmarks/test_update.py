"""The race of topology updates: what is left out, and what is drawn."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import bench_update
from benchmarks.bench_update import MOST, Race, _exponents, _too_much, draw
from benchmarks.options import Options
from tests.unit.benchmarks.test_run import _run


def _race(**times: dict[int, float]) -> Race:
    race = Race(Options(rounds=3))
    race.times = {name: {n: np.full(3, s) for n, s in by.items()} for name, by in times.items()}
    return race


def test_time_is_expected_to_grow_with_the_square_of_the_width() -> None:
    race = _race(rigl={100: 1.0, 200: 3.0})
    assert race.expected("rigl", 400) == 12.0
    assert race.expected("set", 400) == 0.0


def test_what_takes_too_long_or_too_much_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    race = _race(rigl={100: MOST / 3})
    assert _too_much(race, "rigl", 100) is None
    assert f"would take about {4 * MOST / 3:.0f} s" in str(_too_much(race, "rigl", 200))
    monkeypatch.setattr(bench_update, "available_memory", lambda: 10**9)
    assert _too_much(race, "SparseLab RigL", 1000) is None
    assert "8 GB" in str(_too_much(race, "SparseLab RigL", 32_000))


def test_slow_calls_are_made_once() -> None:
    race, calls = _race(slow={100: 10.0}), []
    times = race.run({"slow": lambda: calls.append("slow")}, 200)
    assert calls == ["slow"]
    assert len(times["slow"]) == 1


def test_exponents_of_power_laws_are_found() -> None:
    race = _race(gse={n: 1e-6 * n for n in (10, 100, 1000)}, rigl={n: 1e-9 * n**2 for n in (10, 100, 1000)})
    found = {line["work"]: line["exponent"] for line in _exponents(race)}
    assert found == {"update exponent gse": 1.0, "update exponent rigl": 2.0}
    assert not list(_exponents(_race(gse={10: 1.0, 20: 2.0})))


def test_a_figure_is_drawn_where_it_was_asked_for(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="figures need the extra plot")
    draw(_race(gse={10: 1e-3, 20: 2e-3}).times, tmp_path / "a.svg")
    assert "<svg" in (tmp_path / "a.svg").read_text()


def test_bad_figures_are_refused() -> None:
    for words in (
        ("linear", "--figure", "a.svg"),
        ("update", "--figure", "a.gif"),
        ("update", "--figure", "no/a.svg"),
    ):
        done = _run(*words, "--quick")
        assert done.returncode == 2
        assert "--figure" in done.stderr
        assert not done.stdout


def test_lines_say_why_a_peer_is_missing() -> None:
    done = _run("update", "--quick", "--json", "--rounds", "1", "--rows", "n=100")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {line["work"] for line in lines} >= {"update n=100 gse", "update n=100 rigl"}
    peers = {line["peer"] for line in lines} - {None}
    assert peers in ({"SparseLab"}, {"SparseLab SET", "SparseLab RigL"})
