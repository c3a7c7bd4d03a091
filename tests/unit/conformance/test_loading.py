"""From the name of an adapter to the adapter."""

from __future__ import annotations

import pytest

from gse_ref.conformance.adapters.table import SHIPPED
from gse_ref.conformance.loading import load
from gse_ref.errors import InputError, MissingDependencyError
from tests.unit.conformance import bad

WHERE = "tests.unit.conformance.bad"


@pytest.mark.parametrize(
    ("adapter", "code"),
    [
        (f"{WHERE}:Right", f"from {WHERE} import Right\nadapter = Right()"),
        (f"{WHERE}:factory", f"from {WHERE} import factory\nadapter = factory()"),
        (f"{WHERE}:RIGHT", f"from {WHERE} import RIGHT\nadapter = RIGHT"),
        (f"{WHERE}:Outer.Inner", f"from {WHERE} import Outer\nadapter = Outer.Inner()"),
        (bad.Right, f"from {WHERE} import Right\nadapter = Right()"),
        (bad.RIGHT, f"from {WHERE} import Right\nadapter = Right(...)"),
    ],
)
def test_a_class_a_function_an_object_or_their_name(adapter: object, code: str) -> None:
    loaded = load(adapter)
    assert callable(loaded.adapter.forward)
    assert loaded.how == code


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_adapter_names_what_exists(name: str) -> None:
    try:
        loaded = load(name)
    except MissingDependencyError as error:
        pytest.skip(str(error))
    spoken: dict = {}
    exec(loaded.how, spoken)
    assert type(spoken["adapter"]) is type(loaded.adapter)


@pytest.mark.parametrize(
    ("adapter", "message"),
    [
        ("nowhere.at_all:Adapter", "importing nowhere.at_all fails: ModuleNotFoundError.*start from the folder"),
        (f"{WHERE}:Rihgt", "has no 'Rihgt': did you mean 'Right'"),
        (f"{WHERE}:Right.xyzzy", "has no 'Right.xyzzy': it has no name like that"),
        (f"{WHERE}:NUMBER", "NUMBER is int, neither an adapter"),
        ("naif", "unknown adapter 'naif': did you mean 'naive'.*package.module:Name"),
        ("a b:c", "written package.module:Name, got 'a b:c'"),
        (":", "written package.module:Name, got ':'"),
    ],
)
def test_what_is_not_there_is_refused_with_what_to_do(adapter: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(adapter)
