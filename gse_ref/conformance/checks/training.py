"""Level training: whole runs of small networks beside the dense-mask run, see `training_reference`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
from hypothesis import strategies as st

from ..check import Check
from ..judge import Disagreement, wrong
from ..problems import TrainingProblem
from ..strategies.network import NetworkSetting, network_settings, training_problem
from ..subject import Declaration, Subject, arrays_in
from ..training_reference import Reference, mask_of
from .training_runs import EAGER, LONG_RUNS, PROBED, RESTLESS_RUNS, SHORT, TINY_RUNS, UPDATES_LAST, Case
from .training_trace import Trace, close, judge_state, read, same_topologies

FLOAT64 = np.dtype(np.float64)
EVERYTHING = ("weights", "momentum", "bias", "bias_momentum", "gamma", "beta", "gamma_momentum", "beta_momentum")
MOMENTS = ("running_mean", "running_variance")


@lru_cache(maxsize=128)
def _reference(setting: NetworkSetting) -> Reference:
    return Reference(training_problem(setting, FLOAT64))


def _follow(trace: Trace) -> Callable[[int, list[np.ndarray]], list[np.ndarray]]:
    """Return the growth of the adapter, for a method that draws by itself."""
    return lambda step, before: trace.masks.get(step, before)


def _run(subject: Subject, case: Case) -> tuple[Trace, Reference]:
    """Return what the adapter made of a run, and what it should come to.

    Raises
    ------
    Disagreement : a trace that is not well formed.
    """
    trace = read(subject.call("train", case.problem), case.problem)
    if case.setting.method != "set":
        return trace, _reference(case.setting)
    return trace, Reference(training_problem(case.setting, FLOAT64), _follow(trace))


def _losses(subject: Subject, case: Case) -> None:
    trace, reference = _run(subject, case)
    number, dtype = reference.decided(np.dtype(case.dtype)), np.dtype(case.dtype)
    expected = type(reference.losses)(*(part[:number] for part in reference.losses))
    close(trace.losses[:number], expected, dtype, "losses")


def _topologies(subject: Subject, case: Case) -> None:
    trace, reference = _run(subject, case)
    last = case.problem.done + reference.decided(np.dtype(case.dtype))
    for step, update in reference.updates.items():
        if step <= last:
            _update(trace, step, update.before, update.after)


def _update(trace: Trace, step: int, before: Sequence[np.ndarray], after: Sequence[np.ndarray]) -> None:
    """Demand one update; one that changes nothing need not be told."""
    if step in trace.masks:
        same_topologies(trace.masks[step], list(after), f"after the update before step {step}")
    elif any((old != new).any() for old, new in zip(before, after, strict=True)):
        wrong(f"no update before step {step}; there are updates before steps {list(trace.masks)}", [*trace.masks])


def _state(subject: Subject, case: Case) -> None:
    trace, reference = _run(subject, case)
    judge_state(trace, reference, np.dtype(case.dtype), EVERYTHING)


def _judged(names: Sequence[str], subject: Subject, case: Case) -> None:
    trace, reference = _run(subject, case)
    judge_state(trace, reference, np.dtype(case.dtype), names)


def _after_update(names: Sequence[str], grown: bool, subject: Subject, case: Case) -> None:
    """Judge arrays of the connections that the last update grew, or of those that survived it."""
    trace, reference = _run(subject, case)
    update = reference.updates[max(reference.updates)]
    pairs = zip(update.before, update.after, strict=True)
    of = {
        layer: (new > 0) & (old == 0) if grown else (new > 0) & (old > 0) for layer, (old, new) in enumerate(pairs)
    }
    said = "of connections that the update before grew, " if grown else "of connections that survived, "
    judge_state(trace, reference, np.dtype(case.dtype), names, of, said)


def _first_update(subject: Subject, case: Case) -> None:
    trace, _ = _run(subject, case)
    interval = case.setting.interval
    early = [step for step in trace.masks if step % interval or step < interval]
    if early:
        wrong(f"updates before steps {early}: they are due before multiples of T = {interval} only", [*trace.masks])
    if interval not in trace.masks:
        wrong(f"no update before step T = {interval}", [*trace.masks])


def _last_update(subject: Subject, case: Case) -> None:
    trace, reference = _run(subject, case)
    end = case.setting.end
    late = [step for step in trace.masks if step > end]
    if late:
        wrong(f"updates before steps {late}, after T_end = {end}", [*trace.masks])
    same_topologies(trace.final, reference.updates[max(reference.updates)].after, "at the end")


def _fraction(subject: Subject, case: Case) -> None:
    """Count what each update pruned, by the adapter's own topologies before and after it."""
    trace, reference = _run(subject, case)
    before = [mask_of(layer.weights) for layer in case.problem.state.layers]
    for step, update in reference.updates.items():
        after = trace.masks.get(step, before)
        for layer, (old, new) in enumerate(zip(before, after, strict=True)):
            count, due = int(((old > 0) & (new == 0)).sum()), min(update.quotas[layer], update.candidates[layer])
            if count != due:
                what = f"the update before step {step} pruned {count} connections of layer {layer}, not {due}"
                wrong(f"{what} = min(⌈α_t N⌉, |S|), α_t of step t = {step} itself", count, due)
        before = after


def _halves(case: Case, at: int, first: Any = None) -> TrainingProblem:
    """Return the first `at` steps of a run, or the rest of them from the state in which the first ended."""
    whole = case.problem
    if first is None:
        return whole._replace(batches=whole.batches[:at], probes=tuple(p for p in whole.probes if p.step <= at))
    later = tuple(probe for probe in whole.probes if probe.step > at)
    return whole._replace(state=first.state, batches=whole.batches[at:], probes=later, done=at)


def _resume(subject: Subject, case: Case) -> None:
    at, dtype = len(case.problem.batches) // 2, np.dtype(case.dtype)
    reference = _reference(case.setting)
    first = subject.call("train", _halves(case, at))
    read(first, _halves(case, at))
    rest = _halves(case, at, first)
    trace = read(subject.call("train", rest), rest)
    number = reference.decided(dtype)
    expected = type(reference.losses)(*(part[at:number] for part in reference.losses))
    close(trace.losses[: number - at], expected, dtype, f"of a run resumed after step {at}, losses")
    for step, update in reference.updates.items():
        if at < step <= number:
            _update(trace, step, update.before, update.after)
    names = EVERYTHING if case.setting.network == "mlp" else EVERYTHING + MOMENTS
    judge_state(trace, reference, dtype, names, what=f"of a run resumed after step {at}, ")


def _same_bits(first: Any, second: Any, what: str) -> None:
    pairs = zip(arrays_in(tuple(first)), arrays_in(tuple(second)), strict=False)
    if any(a.tobytes() != b.tobytes() for a, b in pairs):
        raise Disagreement(what, second.losses, first.losses)


def _deterministic(subject: Subject, case: Case) -> None:
    first, second = (subject.call("train", case.problem) for _ in range(2))
    for given in (first, second):
        read(given, case.problem)
    _same_bits(first, second, "the same run twice gives different bits; these are the losses")


def _threads(subject: Subject, case: Case) -> None:
    traces = []
    try:
        for count in (1, 2):
            subject.call("set_threads", count)
            traces.append(subject.call("train", case.problem))
            read(traces[-1], case.problem)
    finally:
        subject.call("set_threads", 1)
    _same_bits(traces[0], traces[1], "a run on 2 threads gives other bits than on 1; these are the losses")


def _covered(states: Declaration, settings: Sequence[NetworkSetting]) -> list[NetworkSetting]:
    return [s for s in settings if s.method in states.methods and s.network in states.networks]


def _corners(settings: Sequence[NetworkSetting], states: Declaration) -> Iterator[Case]:
    for setting in _covered(states, settings):
        for dtype in states.dtypes:
            yield Case(setting, dtype.name)


def _applies(settings: Sequence[NetworkSetting], states: Declaration) -> str | None:
    if _covered(states, settings):
        return None
    wanted = sorted({f"{setting.network} by {setting.method}" for setting in settings})
    return f"the adapter trains none of {', '.join(wanted)}"


def _repeatable(settings: Sequence[NetworkSetting], states: Declaration) -> str | None:
    why = _applies(settings, states)
    return why if states.deterministic else why or "the adapter states that it is not deterministic"


def _drawn(states: Declaration) -> st.SearchStrategy[Case]:
    settings = network_settings(states.networks, states.methods)
    return st.builds(Case, settings, st.sampled_from([dtype.name for dtype in states.dtypes]))


def _check(
    name: str,
    summary: str,
    section: str,
    body: Callable[[Subject, Case], None],
    settings: Sequence[NetworkSetting],
    **more: Any,
) -> Check:
    more = {"applies": partial(_applies, settings), "needs": ("train",), **more}
    return Check(name, "training", summary, section, body=body, corners=partial(_corners, settings), **more)


_ENDING = (SHORT, PROBED._replace(end=2))
_DECAYING = tuple(setting._replace(weight_decay=0.5) for setting in (SHORT, PROBED))
_SEVERAL = (SHORT, SHORT._replace(method="gse", scope="global", density=0.3), *UPDATES_LAST[2:])
CHECKS = (
    _check(
        "training_losses",
        "losses of 50 steps",
        "section 7",
        _losses,
        (*TINY_RUNS, *LONG_RUNS),
        cases=_drawn,
        examples=25,
    ),
    _check(
        "training_topologies",
        "the topology after each update of 50 steps; the update looks at the probe batch",
        "section 5",
        _topologies,
        (*TINY_RUNS, *LONG_RUNS),
        cases=_drawn,
        examples=25,
    ),
    _check(
        "training_state",
        "weights, momenta, biases at the end",
        "section 7",
        _state,
        (),
        cases=_drawn,
        examples=25,
        applies=lambda states: None,
    ),
    _check(
        "training_first_update", "the first update precedes step T", "section 4", _first_update, (SHORT, PROBED)
    ),
    _check(
        "training_last_update", "no update after T_end", "section 4", _last_update, (SHORT, PROBED._replace(end=2))
    ),
    _check("training_fraction", "an update before step t prunes α_t", "section 4", _fraction, (EAGER,)),
    _check(
        "training_update_step",
        "a step that an update precedes runs as usual",
        "section 4",
        partial(_judged, ("bias", "bias_momentum")),
        UPDATES_LAST,
    ),
    _check(
        "training_survivors_momentum",
        "survivors keep their momentum and weight",
        "section 5.7",
        partial(_after_update, ("momentum", "weights"), False),
        UPDATES_LAST,
    ),
    _check(
        "training_grown_momentum",
        "grown connections start from momentum 0 and weight 0",
        "section 5.7",
        partial(_after_update, ("momentum", "weights"), True),
        UPDATES_LAST,
    ),
    _check(
        "training_regrown",
        "a connection that is pruned and grown again starts anew",
        "section 5.7",
        partial(_judged, ("weights", "momentum")),
        RESTLESS_RUNS,
    ),
    _check(
        "training_weight_decay",
        "weight decay acts on the weights of connections, once a step",
        "section 7",
        partial(_judged, ("weights",)),
        _DECAYING,
    ),
    _check(
        "training_biases",
        "biases, γ and β are trained without decay and never pruned",
        "section 2",
        partial(_judged, ("bias", "bias_momentum", "gamma", "beta", "gamma_momentum", "beta_momentum")),
        _DECAYING,
    ),
    _check(
        "training_running_statistics",
        "running statistics follow the training batches, not the probe",
        "section 5",
        partial(_judged, MOMENTS),
        (PROBED, PROBED._replace(method="gse", density=0.25)),
    ),
    _check(
        "training_resume",
        "25 steps, and 25 from the state they end in, are 50 steps",
        "section 5",
        _resume,
        (SHORT, LONG_RUNS[1], LONG_RUNS[3], LONG_RUNS[5]),
    ),
    _check(
        "training_deterministic",
        "the same run twice gives the same bits",
        "section 5",
        _deterministic,
        _SEVERAL,
        applies=partial(_repeatable, _SEVERAL),
    ),
    _check(
        "training_threads",
        "results do not depend on the number of threads",
        "section 5",
        _threads,
        _SEVERAL,
        needs=("train", "set_threads"),
        applies=partial(_repeatable, _SEVERAL),
    ),
)
