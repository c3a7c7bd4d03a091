"""What hangs in C, crashes or ends its process gets a verdict; the run goes on, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gse_ref.conformance import Result, isolated, isolation
from gse_ref.errors import InputError, MissingDependencyError
from tests.unit.conformance import bad

WHERE = "tests.unit.conformance.bad"


def verdict(adapter: str | type, limit: float = 20) -> Result:
    [result] = isolated(adapter, only=["forward"], effort=0.1, limit=limit)
    return result


def test_it_says_what_it_would_say_without() -> None:
    assert verdict(bad.Right).status == "passed"
    assert verdict(f"{WHERE}:Nothing").status == "not covered"


@pytest.mark.parametrize("adapter", [bad.Segfault, bad.Locked])
def test_the_run_goes_on(adapter: type) -> None:
    """The same check with two seeds stands for two checks."""
    told: list[Result] = []
    results = isolated(adapter, only=["forward"], seed=3, repeat=2, effort=0.1, limit=0.3, tell=told.append)
    assert told == results
    assert [(result.seed, result.status) for result in results] == [(3, "failed"), (4, "failed")]


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("Segfault", "crashed", "forward ended the process: killed by SIGSEGV"),
        ("Exit", "crashed", "forward ended the process: exit code 0"),
        ("Later", "crashed", "ended after forward had come back: exit code 7"),
        ("Locked", "hung", "forward: no answer within 0.3 s, nor to an interrupt"),
        ("Stubborn", "hung", "forward: no answer within 0.3 s, nor to an interrupt"),
        ("Asking", "raised", "EOFError"),
    ],
)
def test_what_the_process_does_not_survive_has_a_verdict(name: str, kind: str, words: str) -> None:
    result = verdict(f"{WHERE}:{name}", limit=0.3 if kind == "hung" else 20)
    assert (result.status, result.failure.kind) == ("failed", kind), result.text()
    assert words in result.failure.what
    assert f"from {WHERE} import {name}\nadapter = {name}()\nprint(adapter.forward(" in result.failure.code
    assert result.failure.code.count("print(") == 1
    if name in ("Segfault", "Locked", "Stubborn"):
        assert "bad.py" in result.failure.what, "where it was"


def test_what_it_prints_goes_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    assert verdict(bad.Talkative).status == "passed"
    out, err = capfd.readouterr()
    assert out == ""
    assert "made" in err
    assert "called" in err


@pytest.mark.parametrize(
    ("adapter", "message"),
    [
        (bad.CrashingWhenMade, "importing or making .* ended the process: killed by SIGSEGV\n.*bad.py"),
        (bad.Leaving, "making Leaving.* fails: SystemExit"),
        (type("Lost", (), {"__module__": "__main__"}), "Lost of __main__: define it"),
    ],
)
def test_what_cannot_be_made_is_refused(adapter: str | type, message: str) -> None:
    with pytest.raises(InputError, match=f"(?s){message}"):
        verdict(adapter)


def test_what_hangs_when_it_is_imported_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "hanging_adapter.py").write_text("sum(range(10**15))")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(isolation, "LOADING", 1.0)
    with pytest.raises(InputError, match="importing or making hanging_adapter:X hung for 1 s"):
        isolated("hanging_adapter:X", only=["forward"])


def test_a_missing_dependency_stays_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    error = "from gse_ref.errors import MissingDependencyError"
    (tmp_path / "needy_adapter.py").write_text(f"{error}\nraise MissingDependencyError('pip install it')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingDependencyError, match="pip install it"):
        isolated("needy_adapter:X", only=["forward"])


def _alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_nothing_is_left_when_the_command_ends(tmp_path: Path, number: int, code: int) -> None:
    """By Ctrl-C, or killed: while the adapter hangs in C and holds the interpreter's lock."""
    note = tmp_path / "note"
    words = ["conformance", "run", f"{WHERE}:Locked", "--only", "forward", "--limit", "500"]
    path = os.pathsep.join(path for path in sys.path if path)
    child = subprocess.Popen(
        [sys.executable, "-m", "gse_ref", *words],
        env={**os.environ, "PYTHONPATH": path, "CONFORMANCE_TEST_NOTE": str(note)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while child.poll() is None and not (note.exists() and note.read_text()):
        time.sleep(0.01)
    adapter = int(note.read_text())
    assert _alive(adapter)
    child.send_signal(number)
    out, err = child.communicate(timeout=60)
    assert child.returncode == code, err
    assert out == ""
    assert "Traceback" not in err
    for _ in range(1000):
        if _alive(adapter):
            time.sleep(0.01)
    assert not _alive(adapter)


def test_with_more_seeds_only_what_they_change_is_judged_again() -> None:
    """Corners are the same with every seed; what is drawn, and what is judged by numbers of the seed, is not."""
    names = ["forward", "explicit_zeros", "same_bits_again"]
    results = isolated("cpu", ["kernels"], only=names, repeat=3, effort=0.1)
    counted = {name: [result.cases for result in results if result.name == name] for name in names}
    assert len(counted["explicit_zeros"]) == 1
    first, *later = counted["forward"]
    assert len(later) == 2
    assert all(0 < cases < first for cases in later), "without the corners, but not without what is drawn"
    assert len(counted["same_bits_again"]) == 3
    assert len(set(counted["same_bits_again"])) == 1
