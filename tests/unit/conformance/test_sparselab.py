"""SparseLab under the kit: what docs/conformance/sparselab.md says of it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from gse_ref.conformance import Weights, run
from gse_ref.conformance.adapters.sparselab import SparseLab
from gse_ref.sparse import Topology, edit

pytest.importorskip("sparselab")
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")
PAGE = Path(__file__).resolve().parents[3] / "docs/conformance/sparselab.md"


def test_verdicts_are_those_of_the_page() -> None:
    told = dict(re.findall(r"^\| `(\w+)` \| ([a-z ]+) \|", PAGE.read_text(), re.M))
    assert told["update_momentum"] == told["update_grown_zero"] == "failed"
    found = {result.name: result.status for result in run(SparseLab, only=list(told), effort=0.2)}
    assert found == told


def test_five_lines_without_the_kit_show_the_momentum_that_stays_behind(capsys: pytest.CaptureFixture[str]) -> None:
    code, printed = re.search(r"```text\n(.*?)```.*?```\n(.*?)```", PAGE.read_text(), re.S).groups()
    assert len(code.splitlines()) == 5
    exec(code, {})
    assert capsys.readouterr().out == printed


def test_an_edit_rewrites_rows() -> None:
    values = np.array([1.0, -0.0, 3.0, 4.0], np.float32)
    weights = Weights(np.array([0, 2, 2, 4]), np.array([0, 3, 1, 2]), values, (3, 5))
    topology = Topology(weights.indptr, weights.indices, weights.shape)
    rows, cols = np.array([0, 1, 1]), np.array([4, 0, 2])
    wanted, slots = edit(topology, [0, 2], rows, cols)
    edited = SparseLab().edit(weights, values * 2, np.array([0, 2]), rows, cols)
    assert Topology(edited.weights.indptr, edited.weights.indices, weights.shape) == wanted
    assert np.array_equal(edited.weights.values, slots.carry(values))
    assert np.array_equal(edited.momentum, slots.carry(values * 2))


def test_products() -> None:
    weights = Weights(np.array([0, 2, 2, 3]), np.array([0, 1, 1]), np.array([1.0, 2.0, -3.0], np.float32), (3, 2))
    dense = np.array([[1, 2], [0, 0], [0, -3]], np.float32)
    adapter, x, dy = (
        SparseLab(),
        np.array([[1, 2], [4, 8]], np.float32),
        np.array([[1, 0], [2, 1], [0, 4]], np.float32),
    )
    assert np.array_equal(adapter.forward(weights, x, None), dense @ x)
    assert np.array_equal(adapter.forward(weights, x, np.arange(3, dtype=np.float32)), dense @ x + [[0], [1], [2]])
    assert np.array_equal(adapter.transposed(weights, dy), dense.T @ dy)
    assert np.array_equal(adapter.gradient_on_pattern(weights.pattern, dy, x), (dy @ x.T)[[0, 0, 2], [0, 1, 1]])
