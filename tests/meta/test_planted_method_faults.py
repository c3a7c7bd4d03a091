"""Broken methods, each a bug that could be made: the test that is meant for it must find it."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from gse_ref.explore import METHODS, criteria, keep, one_shot, sketch, sparse_momentum
from gse_ref.nn import silent
from gse_ref.optim import sgd
from gse_ref.training.loop import Trainer
from gse_ref.training.rewiring import Rewiring
from tests.meta.reworded import Plant, reword, rewritten
from tests.unit.explore import test_keep, test_one_shot, test_sketch
from tests.unit.explore.test_convolutions import GEOMETRIES
from tests.unit.explore.test_methods_against_dense import test_run_equals_the_dense_definition as dense_run
from tests.unit.nn import test_silent
from tests.unit.training import test_method_runs

#: The module, whose name the package gives to its function.
SELECT = importlib.import_module("gse_ref.explore.select")


class Fault(NamedTuple):
    """A bug, how it is planted, and the check that is meant for it, with its arguments."""

    bug: str
    plant: Plant
    check: Callable[..., Any]
    arguments: tuple[Any, ...] = ()


def constant(place: Any, name: str, value: Any) -> Plant:
    return lambda patch: patch.setattr(place, name, value)


def in_method(name: str, old: str, new: str) -> Plant:
    """Rewrite the function that the table of methods holds."""
    entry = METHODS[name]
    return lambda patch: patch.setitem(METHODS, name, replace(entry, change=rewritten(entry.change, old, new)))


def in_criterion(name: str, old: str, new: str) -> Plant:
    """Rewrite the function that the table of criteria holds."""
    entry = criteria.CRITERIA[name]
    broken = replace(entry, importance=rewritten(entry.importance, old, new))
    return lambda patch: patch.setitem(criteria.CRITERIA, name, broken)


def no_gradient(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(silent, "SILENT", replace(silent.SILENT, vjp=lambda grad, *_, **__: (grad, None, None)))


ONE_SHOT = [
    Fault(
        "GraSP keeps the lowest θ·Hg",
        in_method(
            "grasp",
            "grasp_scores(layers, _problem_of(request))",
            "[-score for score in grasp_scores(layers, _problem_of(request))]",
        ),
        dense_run,
        ("grasp", "global"),
    ),
    Fault("GraSP without its temperature", constant(one_shot, "TEMPERATURE", 1.0), dense_run, ("grasp", "global")),
    Fault(
        "GraSP with θ·g for θ·Hg",
        reword(one_shot, "grasp_scores", "grad(functools.reduce(operator.add, terms), parameters)", "gradients"),
        dense_run,
        ("grasp", "layer"),
    ),
    Fault(
        "GraSP leaves the running statistics of its pass",
        reword(one_shot, "grasp_scores", "with untouched(problem.model):", "if True:"),
        test_one_shot.test_looking_leaves_no_trace,
        ("grasp",),
    ),
    Fault(
        "SNIP by the gradient alone",
        reword(one_shot, "saliencies", "gradient * parameter.data", "gradient"),
        dense_run,
        ("snip", "global"),
    ),
    Fault(
        "SynFlow on signed weights",
        reword(one_shot, "_flowing", "abs(parameter.data.astype(np.float64))", "1.0 * parameter.data"),
        dense_run,
        ("synflow", "global"),
    ),
    Fault("SynFlow in one round", constant(one_shot, "ROUNDS", 1), dense_run, ("synflow", "global")),
    Fault(
        "SynFlow by equal steps of density",
        reword(
            test_one_shot,
            "synflow",
            "target.final ** (number / ROUNDS)",
            "1 - (1 - target.final) * number / ROUNDS",
        ),
        test_one_shot.test_synflow_takes_its_hundred_rounds,
    ),
]

THINNING = [
    Fault(
        "lottery without rewinding biases",
        reword(Trainer, "_weights_and_buffers", "self.parameters.items()", "self.layers.items()"),
        test_method_runs.test_the_lottery_rewinds_bit_for_bit,
        ("mlp",),
    ),
    Fault(
        "lottery without rewinding running statistics",
        reword(Trainer, "_weights_and_buffers", "(weights | self.model.named_buffers())", "weights"),
        test_method_runs.test_the_lottery_rewinds_bit_for_bit,
        ("resnet20",),
    ),
    Fault(
        "lottery keeps its momenta",
        reword(
            Trainer,
            "_update_topology",
            "    if change.rewind:\n        self._rewind()\n    else:\n",
            "    before = self.optimizer_state\n    if change.rewind:\n        self._rewind()\n"
            "    self.optimizer_state = before\n    if True:\n",
        ),
        test_method_runs.test_the_lottery_rewinds_bit_for_bit,
        ("mlp",),
    ),
    Fault(
        "lottery's rates go on where the last round ended",
        reword(Trainer, "_rate", "(step - 1) % self.parts.timing.round_steps + 1", "step"),
        dense_run,
        ("lottery", "global"),
    ),
    Fault(
        "lottery one round behind",
        reword(Rewiring, "_target", "(step - 1) // timing", "(step - 2) // timing"),
        dense_run,
        ("lottery", "global"),
    ),
    Fault(
        "gradual by the share that is gone",
        reword(Rewiring, "_target", "left * (1.0", "(1 - left) * (1.0"),
        dense_run,
        ("gradual, cosine", "global"),
    ),
    Fault(
        "gradual's progress towards T_end, not towards the last update",
        reword(Rewiring, "_target", "step / timing.last_due", "step / timing.last"),
        test_method_runs.test_gradual_falls_at_every_update_and_then_stays,
    ),
    Fault(
        "a layer loses what it has to have in the end",
        reword(test_keep, "counts", "list(map(max, now, final))", "now"),
        test_keep.test_a_larger_total_can_leave_a_layer_fewer,
    ),
    Fault(
        "the guard adds to the count",
        reword(keep, "_best", "max(0, count - len(first))", "count"),
        test_one_shot.test_the_guard_keeps_connections_in_every_layer,
        ("snip",),
    ),
]

TOPKAST = [
    Fault(
        "silent weights take part in the products",
        reword(
            test_silent,
            "layer_product",
            "product(index(weight, loud.mask), loud.topology)",
            "product(weight, weight.topology)",
        ),
        test_silent.test_they_take_no_part,
        ("matrix", np.float64, 0.4),
    ),
    Fault("silent weights get no gradient", no_gradient, dense_run, ("topkast", "global")),
    Fault(
        "the penalty of the backward set times D",
        in_method(
            "topkast", "_decay_factors(silent, target.density,", "_decay_factors(silent, 1 / target.density,"
        ),
        dense_run,
        ("topkast", "global"),
    ),
    Fault(
        "decay without the factors of the elements",
        reword(sgd, "decay_of", "decay * float(weight_decay)", "float(weight_decay)"),
        dense_run,
        ("topkast", "global"),
    ),
    Fault(
        "Top-KAST forgets what left the backward set",
        in_method("topkast", "request.memory[name].copy()", "np.zeros_like(request.memory[name])"),
        dense_run,
        ("topkast, γ 0.4", "global"),
    ),
    Fault(
        "the backward set stays after the last update",
        in_method("topkast", "0 if request.last else ", ""),
        dense_run,
        ("topkast", "global"),
    ),
    Fault(
        "a candidate keeps the weight of its former time as a candidate",
        in_method(
            "topkast-sparse",
            "target_slots[stay] = inward.target",
            "target_slots = _slot_map(topology.edge_ids, backward.edge_ids).target",
        ),
        dense_run,
        ("topkast-sparse", "global"),
    ),
]

DROP_AND_GROW = [
    Fault(
        "SNFS averages the other way", constant(sparse_momentum, "SMOOTHING", 0.1), dense_run, ("snfs", "global")
    ),
    Fault(
        "SNFS grows by the signed average",
        lambda patch: patch.setitem(
            METHODS,
            "snfs",
            replace(
                METHODS["snfs"],
                propose=rewritten(
                    sparse_momentum.largest_average, "abs(request.memory[name])", "(0.0 + request.memory[name])"
                ),
            ),
        ),
        dense_run,
        ("snfs", "global"),
    ),
    Fault(
        "what grows again is counted twice",
        reword(SELECT, "_with_regrowth", "xp.delete(slots, stay)", "slots"),
        dense_run,
        ("rigl, regrowing", "global"),
    ),
    Fault(
        "what was just pruned cannot grow again",
        reword(Rewiring, "before", "allow_regrow=config.allow_regrow", "allow_regrow=False"),
        dense_run,
        ("rigl, regrowing", "global"),
    ),
    Fault(
        "each sign loses k",
        reword(SELECT, "least", "largest_remainder(_shares(sizes, k), k, sizes)", "[min(k, n) for n in sizes]"),
        dense_run,
        ("set, signed", "global"),
    ),
    Fault(
        "both signs lose half of k, however many they are",
        constant(criteria, "_shares", lambda sizes, k: [k / 2, k / 2]),
        dense_run,
        ("set, signed", "layer"),
    ),
    Fault(
        "saliency without the weight",
        in_criterion("saliency", "gradient * parameter.data", "gradient"),
        dense_run,
        ("set, saliency", "global"),
    ),
    Fault(
        "momentum of other connections",
        in_criterion("momentum", "request.momenta[name])", "request.momenta[name][::-1])"),
        dense_run,
        ("set, momentum", "layer"),
    ),
]


def all_convolutions() -> None:
    for case in product(GEOMETRIES.values(), (1, 7, 60), (1, 6, 30)):
        test_sketch.test_convolutions(*case)


BOUND = [
    Fault(
        "the search stops one block early",
        reword(test_sketch, "top_by_bound", "bound * slack <", "0.5 * bound <"),
        test_sketch.test_a_score_that_meets_its_bound_is_not_missed,
    ),
    Fault(
        "a bound without slack for rounding",
        reword(test_sketch, "top_by_bound", "bound * slack <", "bound <"),
        test_sketch.test_a_score_that_meets_its_bound_is_not_missed,
    ),
    Fault(
        "squares that underflow are not made up for",
        reword(sketch, "_norms", "to_host(total) + lost", "to_host(total)"),
        test_sketch.test_a_tiny_row_beside_a_huge_one_is_bounded,
    ),
    Fault(
        "ties with the bar are left out",
        reword(test_sketch, "top_by_bound", "dense >= bar", "dense > bar"),
        all_convolutions,
    ),
    Fault(
        "blocks in the order of their numbers, not of their bounds",
        reword(sketch, "_falling", "-rows[i] * cols[j + 1], i, j + 1", "-rows[0] * cols[0], i, j + 1"),
        test_sketch.test_only_blocks_that_can_hold_a_winner_are_visited,
    ),
]


@pytest.mark.parametrize("fault", [*ONE_SHOT, *THINNING, *TOPKAST, *DROP_AND_GROW, *BOUND], ids=lambda f: f.bug)
def test_the_check_finds_the_fault(fault: Fault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs = {"tmp_path": tmp_path} if "tmp_path" in inspect.signature(fault.check).parameters else {}
    needs |= {"monkeypatch": monkeypatch} if "monkeypatch" in inspect.signature(fault.check).parameters else {}
    fault.plant(monkeypatch)
    with pytest.raises(AssertionError):
        fault.check(*fault.arguments, **needs)


def test_a_plant_is_gone_with_its_test() -> None:
    with pytest.MonkeyPatch.context() as patch:
        reword(one_shot, "_flowing", "copy.deepcopy(model)", "model")(patch)
        assert one_shot._flowing.__code__.co_filename == "<_flowing, planted>"
    assert one_shot._flowing.__code__.co_filename.endswith("one_shot.py")
