"""What whole runs record of their exploration: by definition, resumable, and nothing where not asked for."""

from __future__ import annotations

import itertools
import json
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import gse_ref as gse
from gse_ref.counts import ceiling
from gse_ref.errors import CheckpointError
from gse_ref.explore import METHODS
from gse_ref.nn import SparseParameter
from gse_ref.training import exploration
from gse_ref.training.build import build
from gse_ref.training.loop import Trainer
from gse_ref.training.record import EXPLORATION, SESSIONS
from tests.methods import GROWING, updates_of
from tests.unit.training.guard import run_guarded

SMALL = {"hidden": (64, 32), "density": 0.05, "epochs": 3, "every": 7, "data": "fashion-mini", "batch_size": 256}
Edges = set[tuple[str, int, int]]


def small(out: Path | None = None, **changes) -> gse.TrainConfig:
    return gse.TrainConfig(**{**SMALL, "out": out, **changes})


def contents(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.iterdir() if path.name != SESSIONS}


def rows(run: Path, log: str = EXPLORATION) -> list[dict]:
    return [json.loads(line) for line in (run / log).read_text().splitlines()]


def active(layers: dict[str, SparseParameter]) -> Edges:
    """Return (layer, row, column) of every connection that takes part in the products."""
    found = set()
    for name, p in layers.items():
        silent = np.zeros(p.topology.nnz, bool) if p.silent is None else p.silent
        edges = zip(p.topology.rows, p.topology.indices, silent, strict=True)
        found |= {(name, int(i), int(j)) for i, j, quiet in edges if not quiet}
    return found


def ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def measures(names: Sequence[str], sizes: dict[str, int], moments: list[Edges]) -> dict:
    """Return what the topologies of these layers up to now come to, the literal way."""
    own = [{edge for edge in moment if edge[0] in names} for moment in moments]
    grown = [now - before for before, now in itertools.pairwise(own)]
    first, now, size = own[0], own[-1], sum(sizes[name] for name in names)
    ever_grown, recent = set().union(*grown), grown[-2] if len(grown) > 1 else set()
    return {
        "density": len(now) / size,
        "explored_share": len(set().union(*own)) / size,
        "jaccard_distance": 1 - len(first & now) / len(first | now),
        "survival": ratio(len(ever_grown & now), len(ever_grown)),
        "survival_recent": ratio(len(recent & now), len(recent)),
    }


@pytest.mark.parametrize(("method", "scope"), [("gse", "layer"), *((name, "global") for name in sorted(METHODS))])
def test_log_follows_from_the_topologies(method: str, scope: str, tmp_path: Path) -> None:
    config = small(tmp_path / "run", method=method, scope=scope, observe="topology", epochs=2, until=2.0)
    layers = build(replace(config, out=None)).model.sparse_parameters()
    sizes = {name: p.topology.size for name, p in layers.items()}
    units = {name: p.topology.shape for name, p in layers.items()}
    moments, updates = [active(layers)], 0

    def watch(trainer: Trainer) -> None:
        nonlocal updates
        if trainer.progress.updates > updates:
            updates += 1
            moments.append(active(trainer.layers))

    gse.train(config, watch)
    log = rows(tmp_path / "run")
    steps = [row["step"] for row in rows(tmp_path / "run", "topology.jsonl")]
    assert [row["step"] for row in log] == steps
    assert len(log) == len(moments) == 1 + updates_of(method, (7, 14, 21), 0.05)
    for number, row in enumerate(log, 1):
        for names, part in [(list(sizes), row), *(([layer["name"]], layer) for layer in row["layers"])]:
            expected = measures(names, sizes, moments[:number])
            assert {key: part[key] for key in expected} == expected
            for side, key in ((1, "units_without_inputs"), (2, "units_without_outputs")):
                used = {(edge[0], edge[side]) for edge in moments[number - 1] if edge[0] in names}
                assert part[key] == sum(units[name][side - 1] for name in names) - len(used)
            assert not {"recall", "mass_captured"} & part.keys()
        assert list(sizes) == [layer["name"] for layer in row["layers"]]


@pytest.mark.parametrize("method", ["gse", "gse-grabo", "gse-graest", "set", "rigl", "topkast-sparse", "gradual"])
def test_candidates_are_compared_with_the_draws(method: str, tmp_path: Path) -> None:
    gse.train(small(tmp_path / "run", method=method, subset_factor=1.3, observe="topology"))
    log, known = rows(tmp_path / "run"), rows(tmp_path / "run", "topology.jsonl")
    assert log[0]["candidate_yield"] is None
    for before, row, after in zip(known[:-1], log[1:], known[1:], strict=True):
        if not method.startswith("gse"):
            assert {part["candidate_yield"] for part in (row, *row["layers"])} == {None}
            continue
        draws = [ceiling(1.3, layer["nnz"]) for layer in before["layers"]]
        found = [layer["candidates"] for layer in after["layers"]]
        assert row["candidate_yield"] == sum(found) / sum(draws)
        assert [layer["candidate_yield"] for layer in row["layers"]] == [
            a / b for a, b in zip(found, draws, strict=True)
        ]
        assert 0 < row["candidate_yield"] <= 1


@pytest.mark.parametrize("scope", ["global", "layer"])
@pytest.mark.parametrize("method", sorted({*GROWING, "snfs"}))
def test_measures_have_bounds(method: str, scope: str, tmp_path: Path) -> None:
    gse.train(small(tmp_path / "run", method=method, scope=scope, observe="gradient"))
    log = rows(tmp_path / "run")
    assert len(log) == 3
    explored = [row["explored_share"] for row in log]
    assert explored == sorted(explored)
    assert explored[0] == log[0]["density"]
    assert explored[0] < explored[-1] <= 1
    assert log[0]["jaccard_distance"] == 0
    assert (log[0]["recall"], log[0]["mass_captured"]) == (None, None)
    for row in log[1:]:
        assert 0 <= row["recall"] <= 1
        # Grown by scores of one kernel, the reference by those of another: a tie may fall either way.
        assert 0 <= row["mass_captured"] <= 1.0 + 256 * np.finfo(np.float32).eps
        assert all(part["recall"] is None or 0 <= part["recall"] <= 1 for part in row["layers"])


def finds_all(log: list[dict]) -> bool:
    """Return whether every update that grows anything grows RigL's choice, in every layer that has a part in it."""
    parts = [part for row in log for part in (row, *row["layers"]) if part["recall"] is not None]
    assert len([row for row in log if row["recall"] is not None]) > 1
    return {(part["recall"], part["mass_captured"]) for part in parts} == {(1.0, 1.0)}


@pytest.mark.parametrize("options", [{}, {"scope": "layer"}, {"allow_regrow": True}])
def test_rigl_finds_what_rigl_finds(options: dict, tmp_path: Path) -> None:
    gse.train(small(tmp_path / "run", method="rigl", observe="gradient", **options))
    assert finds_all(rows(tmp_path / "run"))


def test_convolutions_with_dropout_are_probed_as_the_method_probes_them(tmp_path: Path) -> None:
    """The same batch and the same dropped units, or the second look would find another choice than the first."""
    draw, labels = np.random.default_rng(0), np.arange(32) % 4
    images = draw.integers(0, 256, (32, 3, 32, 32), dtype=np.uint8)
    np.savez(tmp_path / "images.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    options = {"data": str(tmp_path / "images.npz"), "model": "vgg11", "width": 0.25, "dropout": 0.3, "lr": 0.01}
    options |= {"method": "rigl", "density": 0.1, "batch_size": 8, "epochs": 1, "every": 1, "until": 0.75}
    gse.train(gse.TrainConfig(**options, observe="gradient", augment=True, out=tmp_path / "run"))
    assert finds_all(rows(tmp_path / "run"))


def test_gse_that_draws_everything_finds_everything(tmp_path: Path) -> None:
    """γ beyond all bounds: S is all that is inactive; with γ = 1 it is not."""
    for factor, found in ((1e6, True), (1.0, False)):
        run = tmp_path / str(factor)
        gse.train(small(run, subset_factor=factor, observe="gradient"))
        assert {row["recall"] == 1.0 for row in rows(run)[1:]} == {found}


@pytest.mark.parametrize("stop_at", [1, 9, 16, 29])
@pytest.mark.parametrize("method", ["gse", "snfs", "topkast", "snip"])
def test_resumed_run_records_the_same(method: str, stop_at: int, tmp_path: Path) -> None:
    options = {"method": method, "observe": "gradient", "checkpoint_every": 4, "seed": 3}
    gse.train(small(tmp_path / "whole", **options))

    def stop(trainer: Trainer) -> None:
        if trainer.progress.step == stop_at:
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        gse.train(small(tmp_path / "cut", **options), stop)
    gse.train(replace(gse.stored_config(tmp_path / "cut"), checkpoint_every=4))
    assert contents(tmp_path / "cut") == contents(tmp_path / "whole")


@pytest.mark.parametrize("method", ["gse-graest", "set", "rigl", "snfs", "topkast-sparse", "snip", "static"])
def test_observing_changes_nothing_else(method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gse.train(small(tmp_path / "observed", method=method, observe="gradient"))
    monkeypatch.setattr(exploration, "Exploration", None)
    monkeypatch.setattr("gse_ref.training.rewiring.Exploration", None)
    gse.train(small(tmp_path / "plain", method=method))  # whatever would look is gone
    observed, plain = contents(tmp_path / "observed"), contents(tmp_path / "plain")
    assert observed.keys() - plain.keys() == {EXPLORATION}
    for name in ("metrics.jsonl", "topology.jsonl", "events.jsonl"):
        assert observed[name] == plain[name]
    with np.load(tmp_path / "observed/checkpoint.npz") as one, np.load(tmp_path / "plain/checkpoint.npz") as other:
        own = {name for name in one.files if name.startswith("memory/exploration/")}
        assert set(one.files) - own == set(other.files)
        assert own
        assert all(one[name].tobytes() == other[name].tobytes() for name in other.files if name != "head")


def test_checkpoint_without_its_history_is_refused(tmp_path: Path) -> None:
    gse.train(small(tmp_path / "run", epochs=1, observe="topology"))
    with np.load(tmp_path / "run" / "checkpoint.npz") as old:
        arrays = {name: old[name] for name in old.files if "recent" not in name}
    np.savez(tmp_path / "run" / "checkpoint.npz", **arrays)
    with pytest.raises(CheckpointError, match="history of exploration is of other layers"):
        gse.train(gse.stored_config(tmp_path / "run"))


def test_a_log_cut_short_is_refused(tmp_path: Path) -> None:
    gse.train(small(tmp_path / "run", epochs=1, observe="topology"))
    (tmp_path / "run" / EXPLORATION).unlink()
    with pytest.raises(CheckpointError, match=r"exploration\.jsonl has 0 bytes.*was changed"):
        gse.train(gse.stored_config(tmp_path / "run"))


def test_topologies_are_observed_where_a_dense_layer_cannot_exist(tmp_path: Path) -> None:
    """The limit on address space is below one byte for each possible connection, whichever library asks."""
    width, limit = 64_000, 3_000_000_000
    options = {"data": "synthetic:256:256:10", "hidden": [width, width], "density": 3e-4, "epochs": 1}
    options |= {"batch_size": 64, "every": 2, "until": 1.0, "lr": 0.001, "observe": "topology"}
    done = run_guarded("guarded_run.py", {**options, "out": str(tmp_path / "run"), "limit": limit})
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout)["peak"] < limit < width * width
    assert len(rows(tmp_path / "run")) == 3


def test_memory_of_observation_grows_with_connections_not_with_area(tmp_path: Path) -> None:
    peaks = {}
    for width in (4_000, 8_000):
        options = {"data": "synthetic:64:128:4", "hidden": (width, width), "density": 10 / width, "batch_size": 16}
        options |= {"epochs": 1, "every": 2, "until": 1.0, "lr": 1e-4, "observe": "topology"}
        tracemalloc.start()
        gse.train(small(tmp_path / str(width), **options))
        peaks[width] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peaks[8_000] < 2.5 * peaks[4_000]
    assert peaks[8_000] < 8_000 * 8_000
