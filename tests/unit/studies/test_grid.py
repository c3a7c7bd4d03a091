"""Which runs a comparison is made of."""

from __future__ import annotations

import dataclasses

import pytest

from gse_ref.errors import InputError
from gse_ref.explore import METHODS
from gse_ref.studies import Arm, points, product
from tests.unit.studies.in_process import small


def test_the_last_axis_varies_fastest_and_seeds_slowest() -> None:
    made = points(small(), product({"density": [0.2, 0.1], "method": ["gse", "set"]}), [3, 1])
    order = [(p.config.seed, p.config.density, p.config.method) for p in made]
    assert order == [(s, d, m) for s in (3, 1) for d in (0.2, 0.1) for m in ("gse", "set")]
    assert [p.arm for p in made] == [0, 1, 2, 3, 0, 1, 2, 3]


def test_settings_have_the_types_of_the_configuration() -> None:
    (point,) = points(small(), product({"subset_factor": [2], "hidden": [[8, 8]]}), [0])
    assert point.setting == {"subset_factor": 2.0, "hidden": (8, 8)}
    assert (point.config.subset_factor, point.config.hidden) == (2.0, (8, 8))
    assert isinstance(point.setting["subset_factor"], float)
    assert point.label == "gse, subset_factor 2, hidden 8 8, seed 0"


def test_a_setting_may_have_a_name_of_its_own() -> None:
    (point,) = points(small(), [Arm({"length": 1.5}, {"epochs": 3})], [0])
    assert (point.setting, point.config.epochs) == ({"length": 1.5}, 3)


def test_the_name_of_a_run_depends_on_its_configuration_alone() -> None:
    narrow = points(small(), product({"method": ["gse"]}), [0])[0]
    wide = points(small(), product({"every": [1, 2], "method": ["set", "gse"]}), [1, 0])
    assert [p.key for p in wide].count(narrow.key) == 1
    assert len({p.key for p in wide}) == len(wide)
    assert narrow.key.startswith("gse-d0.2-s0-")
    elsewhere = points(small(data_dir="elsewhere", threads=1), product({"method": ["gse"]}), [0])[0]
    assert elsewhere.key == narrow.key, "where a run runs is no part of its name"


def test_a_method_with_a_density_of_its_own_runs_once_a_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, "static", dataclasses.replace(METHODS["static"], fixed_density=1.0))
    made = points(small(), product({"density": [0.2, 0.1], "method": ["static", "set"]}), [0, 1])
    dense = [p for p in made if p.config.method == "static"]
    assert {p.config.density for p in dense} == {1.0}
    assert len(dense) == 4
    assert len({p.key for p in dense}) == 2
    assert [p.setting["density"] for p in dense] == [0.2, 0.1, 0.2, 0.1], "asked for, to stand beside the others"
    assert len({p.key for p in made}) == 6


def test_what_means_nothing_to_a_method_makes_no_run_of_its_own() -> None:
    made = points(small(), product({"subset_factor": [0.5, 2], "method": ["gse", "set"]}), [0])
    assert [p.setting["subset_factor"] for p in made] == [0.5, 0.5, 2.0, 2.0]
    assert [p.config.subset_factor for p in made] == [0.5, 1.0, 2.0, 1.0]
    assert len({p.key for p in made}) == 3


@pytest.mark.parametrize(
    ("axes", "seeds", "message"),
    [
        ({"every": []}, [0], "every is to be varied, but no values"),
        ({"every": [2, 2]}, [0], "every lists a value twice: 2, 2"),
        ({"evry": [1]}, [0], "'evry' is no setting of a run of this version"),
        ({"threads": [1, 2]}, [0], "threads does not change the numbers of a run"),
        ({"every": [0]}, [0], "every must be a whole number, at least 1, got 0"),
        ({"method": ["gsee"]}, [0], "did you mean 'gse'"),
        ({"method": ["gse"]}, [], "give one seed or more"),
        ({"method": ["gse"]}, [1, 1], r"each once; got \[1, 1\]"),
    ],
)
def test_bad_grids_are_refused(axes: dict[str, list], seeds: list[int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        points(small(), product(axes), seeds)
