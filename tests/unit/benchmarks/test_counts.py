"""The tables of docs/complexity.md are what is counted today."""

from __future__ import annotations

import re

import pytest

from benchmarks import counts
from gse_ref.backends.counting import PHASES

PAGE = counts.PAGE.read_text()


@pytest.fixture(scope="module")
def tables() -> dict[str, str]:
    return dict(counts.tables(counts.WIDTHS[:1]))


@pytest.mark.parametrize("phase", PHASES)
def test_the_page_tells_what_is_counted(phase: str, tables: dict[str, str]) -> None:
    found = re.search(rf"<!-- counts: {phase} -->\n((?:\|.*\n)+)", PAGE)
    assert found, f"docs/complexity.md has no table of {phase}"
    lines = found[1].splitlines()
    assert lines[:3] == tables[phase].splitlines(), "run benchmarks/counts.py --write"
    assert [line.split("|")[1].strip() for line in lines[2:]] == [f"{n:,}" for n in counts.WIDTHS]


@pytest.mark.parametrize("phase", PHASES)
def test_the_page_shows_linear_growth(phase: str) -> None:
    """Bytes moved for each unit and connection at 2²⁰ are those at 2¹⁰, but for draws repeated less often."""
    rows = re.search(rf"<!-- counts: {phase} -->\n\|.*\n\|.*\n((?:\|.*\n)+)", PAGE)
    shares = [float(line.split("|")[-2]) for line in rows[1].splitlines()]
    assert shares[0] > 0
    assert max(shares) < 1.02 * min(shares)


def test_it_prints_all_tables(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "WIDTHS", (128,))
    monkeypatch.setattr(counts.tables, "__defaults__", ((128,),))
    monkeypatch.setattr("sys.argv", ["counts.py"])
    counts.main()
    told = capsys.readouterr().out
    assert [line for line in told.splitlines() if line in PHASES] == list(PHASES)
    assert told.count("| 128 | ") == len(PHASES)
