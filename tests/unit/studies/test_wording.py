"""Words follow from the numbers: higher and lower only where the interval says so."""

from __future__ import annotations

import pytest

from gse_ref.studies import STUDIES, against, product, summarise
from gse_ref.studies.statistics import interval
from gse_ref.studies.wording import between, sorted_out, span, stated
from tests.unit.studies.planted import found, planted


@pytest.mark.parametrize(
    ("gaps", "words"),
    [
        ([0.01, 0.01, 0.01], "higher, +1.00 points (95 % interval +1.00 to +1.00)"),
        ([-0.02, -0.02], "lower, -2.00 points (95 % interval -2.00 to -2.00)"),
        ([0.01, -0.01], "not told apart, +0.00 points (95 % interval -12.71 to +12.71)"),
        ([0.03], "+3.00 points in one seed, which cannot be told from chance"),
        ([], "not measured in the same seed"),
    ],
)
def test_a_difference_is_told_with_its_interval(gaps: list[float], words: str) -> None:
    assert stated(interval(gaps)) == words


def test_rows_are_sorted_by_verdict() -> None:
    gains = {1: 0.0, 2: -0.1, 3: 0.1, 4: -0.2}
    arms = product({"every": [1, 2, 3, 4], "method": ["gse", "set"]})
    results = planted(arms, lambda s, seed: 0.5 + (gains[s["every"]] if s["method"] == "set" else 0))
    rows = summarise(results, against("gse"))
    told = sorted_out(rows, "T", lambda row: str(row.setting["every"]))
    assert told == "higher at T 3; not told apart at T 1; lower at T 2, 4"
    one = summarise(planted(arms, lambda s, seed: 0.5, [0]), against("gse"))
    assert sorted_out(one, "T", lambda row: str(row.setting["every"])) == "without an interval at every T"
    ours, theirs = {"every": 3, "method": "set"}, {"every": 2, "method": "set"}
    assert between(rows, ours, theirs).startswith("higher, +20.00 points")
    assert between(rows, ours, {"every": 9}) == "not measured"
    assert span(rows).startswith("Means reach from 30.00 % (every 4, method set) to 60.00 % (every 3, method set)")


def test_the_finding_on_subset_factors_turns_with_the_numbers() -> None:
    def rising(setting, seed):
        return 0.8 if setting["method"] == "rigl" else 0.75 + 0.05 * min(1.0, setting["subset_factor"])

    study = STUDIES["subset-factor"]
    first = study.say(found(study, rising))[0]
    assert "`gse` minus `rigl`: not told apart at γ 1, 2, 4; lower at γ 0.1, 0.25, 0.5." in first
    assert "`gse` from γ 0.1 to 1: higher, +4.50 points" in first
    assert "from γ 1 to 4: not told apart, +0.00 points" in first
    second = study.say(found(study, lambda setting, seed: 1.6 - rising(setting, seed)))[0]
    assert "`gse` minus `rigl`: higher at γ 0.1, 0.25, 0.5; not told apart at γ 1, 2, 4." in second
    assert "`gse` from γ 0.1 to 1: lower, -4.50 points" in second


def test_the_finding_on_schedules_turns_with_the_numbers() -> None:
    study = STUDIES["schedule"]
    told = study.say(found(study, lambda s, seed: 0.9 if s["schedule"] == "linear" else 0.8))
    assert told[0].startswith("`gse`, constant minus cosine at the same α and T: not told apart at every (α, T).")
    assert told[1].startswith("`gse`, linear minus cosine at the same α and T: higher at every (α, T).")
    assert "not told apart" not in told[1]


@pytest.mark.parametrize(("name", "setting"), [("extended", "length"), ("width", "width")])
def test_the_finding_along_a_setting_turns_with_the_numbers(name: str, setting: str) -> None:
    study = STUDIES[name]

    def accuracy(at, seed):
        if at["method"] == "rigl" and at[setting] == 2:
            return None
        return 0.5 + {"gse": 0.1, "rigl": 0.0, "set": -0.1}[at["method"]] * at[setting]

    told = {line.split("`")[1]: line for line in study.say(found(study, accuracy))}
    assert f"minus its own at {setting} 1: 1.5: higher, +5.00 points" in told["gse"]
    assert "2: not measured in the same seed" in told["rigl"]
    assert "2: lower, -10.00 points" in told["set"]
