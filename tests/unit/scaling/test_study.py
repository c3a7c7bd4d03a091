"""A whole study as plain data: complete, repeatable, JSON."""

from __future__ import annotations

import json

import pytest

from gse_ref.scaling import study as study_module
from gse_ref.scaling import to_json
from gse_ref.scaling.machine import facts, level_of
from gse_ref.scaling.predict import Limits
from gse_ref.scaling.sizes import Sizes

from .planted import PLAN, Clock, Noise, linear, program, study


def test_everything_is_in_the_data_and_the_data_are_json() -> None:
    clock = Clock()
    counts = {"multiply_adds": lambda sizes: 3 * sizes.nnz * sizes.batch}
    square = program(clock, lambda sizes: 1e-9 * sizes.n**2, name="square")
    found = study(clock, program(clock, linear, counts), square, limits=Limits(0.2, 1e12))
    data = json.loads(json.dumps(to_json(found, form="small"), allow_nan=False))
    assert data["good"] is False
    assert data["settings"] == {"form": "small"}
    assert data["plan"]["widths"] == list(PLAN.widths)
    assert [(row["subject"], row["n"]) for row in data["not_measured"]] == [("square", 16384)]
    by_name = {row["subject"]: row for row in data["verdicts"]}
    assert by_name["planted"]["good"] is True
    exponents = by_name["planted"]["count_exponents"]["multiply_adds"]
    assert {sweep: round(value, 9) for sweep, value in exponents.items()} == {"width": 1, "nnz": 1, "batch": 1}
    assert by_name["square"]["outcome"] == "not linear"
    assert round(by_name["square"]["time"]["width"]["slope"]["value"], 6) == 2
    rows = [row for row in data["measurements"] if row["subject"] == "planted"]
    assert rows[0]["n"] == 256
    assert rows[0]["counts"] == {"multiply_adds": 3 * 2560 * 128}
    assert len(rows[0]["samples_seconds"]) == len(rows[0]["control_seconds"]) == PLAN.rounds
    assert round(rows[0]["median_seconds"] / linear(Sizes(256, 2560, 128)), 9) == 1
    assert data["control"]["samples_used"] == data["control"]["samples"] == 5 * len(data["measurements"])


def test_equal_samples_give_equal_verdicts() -> None:
    def once() -> str:
        clock = Clock()
        found = to_json(study(clock, program(clock, linear, None, Noise(3, 0.2))))
        return json.dumps(found["verdicts"])

    assert once() == once()


def test_time_by_cache_level(monkeypatch: pytest.MonkeyPatch) -> None:
    """The layer takes 8 · n · batch + 12 · nnz bytes: 1,144 a unit here."""
    monkeypatch.setattr(study_module, "caches", lambda: {"L1": 300_000, "L2": 5_000_000})
    clock = Clock()
    found = study(clock, program(clock, lambda sizes: 1e-9 * sizes.nnz * (2.0 if sizes.n > 4096 else 1.0)))
    by_level = study_module.levels(found, "planted", "step")
    assert {level: round(value, 6) for level, value in by_level.items()} == {"L1": 1.0, "L2": 1.0, "memory": 2.0}


def test_levels_are_the_first_that_fits() -> None:
    levels = {"L1": 100, "L2": 1000}
    assert [level_of(size, levels) for size in (100, 101, 1000, 1001)] == ["L1", "L2", "L2", "memory"]
    assert level_of(5, {}) == "memory"


def test_the_machine_is_described() -> None:
    found = facts()
    assert found["packages"]["gse_ref"]
    assert found["cores"] >= 1
    assert all(size > 1000 for size in found["caches"].values())
