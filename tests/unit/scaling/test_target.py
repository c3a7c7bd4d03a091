"""Somebody else's code as a subject: what it may be, and what is said when it is not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gse_ref.errors import InputError
from gse_ref.scaling import target
from gse_ref.scaling.sizes import Sizes
from gse_ref.scaling.target import TRIAL

CODE = '''
"""Targets, good and bad."""
built = []

def function(n, nnz, batch):
    built.append((n, nnz, batch))
    return lambda: built.append("step")

class Both:
    def __init__(self, n, nnz, batch):
        self.n = n
    def step(self):
        built.append("step")
    def update(self):
        built.append("update")
    def counts(self):
        return {"step": {"multiply_adds": 3 * self.n}}

class OnlyUpdate:
    def __init__(self, n, nnz, batch):
        pass
    def update(self):
        pass

class WrongCounts(OnlyUpdate):
    def counts(self):
        return {"update": {"multiply_adds": 1.5}}

class WrongPhase(OnlyUpdate):
    def counts(self):
        return {"backward": {"multiply_adds": 1}}

def nothing(n, nnz, batch):
    return 42

def raising(n, nnz, batch):
    raise RuntimeError("no such layer")

def bad_step(n, nnz, batch):
    def step():
        raise ValueError("wrong shape")
    return step

def two(n, nnz):
    return lambda: None

number = 3
'''


@pytest.fixture(autouse=True)
def _module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "planted_target.py").write_text(CODE)
    (tmp_path / "broken_target.py").write_text("import no_such_package")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    for name in ("planted_target", "broken_target"):
        sys.modules.pop(name, None)


def test_a_callable_is_a_step() -> None:
    found = target("planted_target:function")
    assert found.name == "planted_target:function"
    assert list(found.phases) == ["step"]
    assert found.phases["step"].growth == "linear"
    built = sys.modules["planted_target"].built
    assert built == [tuple(TRIAL), "step"], "built and run once, from the current folder"
    found.build(Sizes(100, 300, 16)).phases["step"]()
    assert built[2:] == [(100, 300, 16), "step"]


def test_an_object_may_have_a_step_an_update_and_counts() -> None:
    work = target("planted_target:Both").build(Sizes(100, 300, 16))
    assert list(work.phases) == ["step", "update"]
    assert work.counts is not None
    assert work.counts() == {"step": {"multiply_adds": 300}}
    assert list(target("planted_target:OnlyUpdate").phases) == ["update"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("planted_target", "is written package.module:factory, got 'planted_target'"),
        ("planted_target:", "is written package.module:factory"),
        ("planted target:function", "is written package.module:factory"),
        ("no_such_module:function", "importing no_such_module fails: ModuleNotFoundError: No module named"),
        (
            "broken_target:function",
            "importing broken_target fails: ModuleNotFoundError: No module named 'no_such",
        ),
        ("planted_target:missing", "planted_target has no 'missing'"),
        ("planted_target:number", "target 'planted_target:number': number is int, not callable"),
        ("planted_target:nothing", "must return a callable, or an object with step() or update(), got int"),
        ("planted_target:raising", "at n=64, nnz=128, batch=8: the factory fails: RuntimeError: no such layer"),
        ("planted_target:two", "the factory fails: TypeError: two() takes 2 positional arguments but 3 were given"),
        ("planted_target:bad_step", "the step fails: ValueError: wrong shape"),
        ("planted_target:WrongCounts", "counts()['update'] must map names to whole numbers"),
        ("planted_target:WrongPhase", "counts() must map 'step' and 'update' to counts, got {'backward'"),
    ],
)
def test_bad_targets_are_told_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        target(text)
    assert message in str(caught.value)


def test_running_out_of_memory_is_not_a_fault_of_the_target(monkeypatch: pytest.MonkeyPatch) -> None:
    found = target("planted_target:function")

    def greedy(n: int, nnz: int, batch: int) -> object:
        raise MemoryError

    monkeypatch.setattr(sys.modules["planted_target"], "function", greedy)
    with pytest.raises(MemoryError):
        target("planted_target:function")
    assert found.build(TRIAL).phases
