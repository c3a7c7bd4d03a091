"""Choosing a backend: by name, for a block, by the environment."""

from __future__ import annotations

from contextvars import copy_context
from dataclasses import replace

import pytest

from gse_ref import backends
from gse_ref.backends import Backend, active, available, get, use
from gse_ref.backends.select import ENVIRONMENT
from gse_ref.errors import InputError


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENVIRONMENT, raising=False)


def test_available_names_can_be_got() -> None:
    assert available() == ["cpu", "gpu", "naive", "shadow"]
    here = [name for name in available() if name != "gpu"]
    for name in here:
        assert isinstance(get(name), Backend)
        assert get(name) is get(name), "loaded once"
    assert [get(name).name for name in here] == ["cpu", "naive", "shadow(cpu, naive)"]


@pytest.mark.parametrize("choose", [get, use])
def test_an_unknown_name(choose) -> None:
    with pytest.raises(InputError, match="unknown backend 'cpuu': did you mean 'cpu'"):
        choose("cpuu")
    assert active().name == "cpu"


def test_cpu_is_the_default() -> None:
    assert active() is get("cpu")


def test_use_holds_for_the_block_and_nests() -> None:
    with use("naive") as outer:
        assert outer is active() is get("naive")
        with use("shadow"):
            assert active() is get("shadow")
        assert active() is get("naive")
    assert active() is get("cpu")


def test_use_ends_with_an_error() -> None:
    with pytest.raises(KeyError), use("naive"):
        raise KeyError
    assert active() is get("cpu")


def test_use_without_a_block_holds_from_there_on() -> None:
    def choose() -> Backend:
        use("naive")
        return active()

    assert copy_context().run(choose) is get("naive")
    assert active() is get("cpu")


def test_use_takes_a_backend_of_your_own() -> None:
    own = replace(get("naive"), name="own")
    with use(own):
        assert active() is own


@pytest.mark.parametrize(("value", "name"), [("naive", "naive"), ("", "cpu"), ("cpu", "cpu")])
def test_the_environment_is_the_default(monkeypatch: pytest.MonkeyPatch, value: str, name: str) -> None:
    monkeypatch.setenv("GSE_REF_BACKEND", value)
    assert active() is get(name)
    with use("shadow"):
        assert active() is get("shadow"), "what was chosen wins"


def test_an_unknown_name_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GSE_REF_BACKEND", "tpu")
    with pytest.raises(InputError, match="unknown backend 'tpu'"):
        active()


def test_the_room_shows_its_names() -> None:
    for name in ("AliasTable", "Backend", "TransposePlan", "aligned", "bound", "empty", "shadow", "thread_limit"):
        assert hasattr(backends, name)
