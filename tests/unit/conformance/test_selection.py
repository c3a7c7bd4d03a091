"""Level selection: right adapters pass, each check has its fault, what is no answer gets a verdict."""

from __future__ import annotations

import numpy as np
import pytest

from gse_ref.conformance import Adapter, run
from gse_ref.conformance.adapters.own import Cpu, Naive, Shadow
from tests.unit.conformance.judged import checks_without_fault, require_right
from tests.unit.conformance.plain import Plain


@pytest.mark.parametrize("adapter", [Naive, Cpu, Shadow])
def test_own_backends_pass(adapter: type[Adapter]) -> None:
    require_right(adapter, "selection", effort=0.2)


def test_an_independent_adapter_passes() -> None:
    require_right(Plain, "selection", effort=1)


def test_every_check_has_a_fault() -> None:
    assert not checks_without_fault("selection")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (3, "not a sequence"),
        ([1.0], "not an integer"),
        ([], "0 counts for 1 layers"),
        ([True], "not an integer"),
        ([15, 0], "2 counts for 1 layers"),
        ([14], "the counts sum to 14"),
    ],
)
def test_budgets_that_are_none(answer: object, said: str) -> None:
    class Wrong(Adapter):
        def budget(self, kind, layers, density):
            return answer

    (result,) = run(Wrong, only=["budget"])
    assert said in result.failure.what


def test_a_connection_in_the_wrong_layer_is_found() -> None:
    class Shifted(Plain):
        """Takes one connection from the last layer and gives it to the first."""

        def budget(self, kind, layers, density):
            counts = super().budget(kind, layers, density)
            if len(counts) > 1 and counts[-1] > 0 and counts[0] < layers[0][0] * layers[0][1] * layers[0][2] ** 2:
                counts[[0, -1]] += [1, -1]
            return counts

    (result,) = run(Shifted, only=["budget"])
    assert result.status == "failed"


def test_grown_weights_may_be_negative_zero() -> None:
    class Negative(Plain):
        def edit(self, weights, momentum, pruned, rows, cols):
            edited = super().edit(weights, momentum, pruned, rows, cols)
            ids = np.repeat(np.arange(weights.shape[0]), np.diff(edited.weights.indptr)) * weights.shape[1]
            grown = np.isin(ids + edited.weights.indices, rows * weights.shape[1] + cols)
            edited.weights.values[grown] = -0.0
            return edited

    (result,) = run(Negative, only=["edit"])
    assert result.status == "passed", result.text()


@pytest.mark.parametrize("answer", [None, (), [None], "ab", (np.zeros(2), np.zeros(2), np.zeros(2))])
@pytest.mark.parametrize("operation", ["select", "edit", "top_k", "prune_fraction", "update_due", "prune_count"])
def test_what_is_no_answer_is_malformed(operation: str, answer: object) -> None:
    wrong = type("Wrong", (Adapter,), {operation: lambda self, *given: answer})
    (result,) = run(wrong, only=[operation])
    assert result.status == "failed"
    assert result.failure.kind in ("malformed", "wrong")
