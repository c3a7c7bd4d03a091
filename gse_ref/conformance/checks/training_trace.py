"""What an adapter gave back of a training run: is it well formed, and how it is compared with the reference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..judge import Disagreement, array, integers
from ..problems import TrainedLayer, TrainingProblem
from ..training_reference import Measured, Reference, mask_of, state_arrays

Array = np.ndarray

NORMALISATION = ("gamma", "beta", "gamma_momentum", "beta_momentum", "running_mean", "running_variance")


class Trace(NamedTuple):
    """A trace that is well formed.

    losses : (steps,). masks : dense, of each layer, by the step that the update preceded. state : arrays under the
    names of `Reference.results`. final : the masks at the end.
    """

    losses: Array
    masks: dict[int, list[Array]]
    state: dict[str, Array]
    final: list[Array]


def _field(value: Any, name: str, what: str) -> Any:
    if not hasattr(value, name):
        raise Disagreement(f"{what} has no {name!r}: it is a {type(value).__name__}", kind="malformed")
    return getattr(value, name)


def _sequence(value: Any, what: str, length: int | None = None) -> list[Any]:
    if not isinstance(value, (list, tuple)) or (length is not None and len(value) != length):
        wanted = "a list or tuple" if length is None else f"a list or tuple of {length}"
        raise Disagreement(f"{what} must be {wanted}, got {value!r:.200}", kind="malformed")
    return list(value)


def _canonical(pattern: Any, shape: tuple[int, int], what: str) -> Array:
    """Return the dense mask of a pattern in canonical CSR.

    Raises
    ------
    Disagreement : it is none, or of another shape.
    """
    indptr = integers(_field(pattern, "indptr", what), f"{what}, indptr", (shape[0] + 1,))
    indices = integers(_field(pattern, "indices", what), f"{what}, indices")
    sane = indptr[0] == 0 and indptr[-1] == len(indices) and (np.diff(indptr) >= 0).all()
    if not sane or ((indices < 0) | (indices >= shape[1])).any():
        raise Disagreement(f"{what} is no CSR pattern of shape {shape}", pattern, kind="malformed")
    ids = np.repeat(np.arange(shape[0]), np.diff(indptr)) * shape[1] + indices
    if (np.diff(ids) <= 0).any():
        raise Disagreement(f"{what}: columns must be strictly increasing within each row", pattern)
    return mask_of(pattern._replace(indptr=indptr, indices=indices, shape=shape))


def _layer(given: Any, start: TrainedLayer, number: int) -> tuple[TrainedLayer, Array]:
    what = f"layer {number} of the final state"
    weights = _field(given, "weights", what)
    mask, dtype = _canonical(weights, start.weights.shape, what), start.weights.values.dtype
    nnz = (int(mask.sum()),)
    _floats(_field(weights, "values", what), nnz, dtype, f"{what}, values")
    _floats(_field(given, "momentum", what), nnz, dtype, f"{what}, momentum")
    for name in ("bias", "bias_momentum"):
        if (before := getattr(start, name)) is not None:
            _floats(_field(given, name, what), before.shape, dtype, f"{what}, {name}")
    return given, mask


def _floats(value: Any, shape: tuple[int, ...], dtype: np.dtype, what: str) -> Array:
    found = array(value, what, shape, "f")
    if found.dtype != dtype:
        raise Disagreement(f"{what} is {found.dtype}, not {dtype}", found, kind="malformed")
    return found


def read(given: Any, problem: TrainingProblem) -> Trace:
    """Return a trace that is well formed.

    Raises
    ------
    Disagreement : it is not.
    """
    layers, steps = problem.state.layers, len(problem.batches)
    losses = array(_field(given, "losses", "the trace"), "losses", (steps,), "f")
    masks: dict[int, list[Array]] = {}
    for update in _sequence(_field(given, "updates", "the trace"), "updates"):
        step = int(_field(update, "step", "an update"))
        patterns = _sequence(_field(update, "patterns", "an update"), "patterns of an update", len(layers))
        masks[step] = [
            _canonical(pattern, layer.weights.shape, f"layer {number} after the update before step {step}")
            for number, (pattern, layer) in enumerate(zip(patterns, layers, strict=True))
        ]
    state = _field(given, "state", "the trace")
    found = _sequence(_field(state, "layers", "the final state"), "layers of the final state", len(layers))
    trained = [_layer(one, start, number) for number, (one, start) in enumerate(zip(found, layers, strict=True))]
    arrays = state_arrays([layer for layer, _ in trained])
    if problem.state.normalisation is not None:
        norm, before = _field(state, "normalisation", "the final state"), problem.state.normalisation
        for name in NORMALISATION:
            like = getattr(before, name)
            arrays[name] = _floats(_field(norm, name, "normalisation"), like.shape, like.dtype, name)
    return Trace(losses, masks, arrays, [mask for _, mask in trained])


def close(actual: Array, expected: Measured, dtype: np.dtype, what: str, of: Array | None = None) -> None:
    """Demand numbers within what rounding may have moved them by.

    Parameters
    ----------
    of : bool, which elements are judged; all if None.

    Raises
    ------
    Disagreement : an element lies outside.
    """
    allowed = expected.allowed(dtype)
    error = np.abs(actual.astype(np.float64) - expected.value)
    wrong = ~(error <= allowed)
    wrong &= True if of is None else of
    if wrong.any():
        at = tuple(map(int, np.unravel_index(int(np.argmax(wrong)), wrong.shape)))
        place = f"[{', '.join(map(str, at))}], {int(wrong.sum())} of {wrong.size} elements"
        said = f"{what}{place}: {actual[at]!r} is not {expected.value[at]!r}"
        more = "what rounding errors of c·eps·K·Σ|ab| in every sum before add up to"
        raise Disagreement(
            f"{said}; the error {error[at]:.3g} exceeds the bound {allowed[at]:.3g}, {more}",
            actual,
            expected.value,
            allowed,
        )


def _pairs(ids: Iterable[int], n_in: int) -> str:
    return ", ".join(f"({edge // n_in}, {edge % n_in})" for edge in ids)


def same_topologies(actual: list[Array], expected: list[Array], where: str) -> None:
    """Demand the same connections in every layer.

    Raises
    ------
    Disagreement : one too many or missing; all of them are named.
    """
    for layer, (found, wanted) in enumerate(zip(actual, expected, strict=True)):
        more, fewer = (np.flatnonzero(sign * (found - wanted) > 0) for sign in (1, -1))
        said = [
            f"{word} {_pairs(map(int, ids), found.shape[1])}"
            for word, ids in (("are connected and should not be", more), ("should be connected and are not", fewer))
            if len(ids)
        ]
        if said:
            what = f"{where}, layer {layer}: pairs (output, input) that {'; that '.join(said)}"
            raise Disagreement(what, np.argwhere(found), np.argwhere(wanted))


def of_layers(names: Iterable[str], state: Mapping[str, Any]) -> list[str]:
    """Return the names in a state that begin with one of these words, word by word."""
    return [name for word in names for name in state if name.split(" ")[0] == word]


def judge_state(
    trace: Trace,
    reference: Reference,
    dtype: np.dtype,
    names: Iterable[str],
    of: Mapping[int, Array] | None = None,
    what: str = "",
) -> None:
    """Demand these arrays of the final state, if the reference is decided to its end.

    Parameters
    ----------
    names : first words of the names of `Reference.results`.
    of : layer → which connections are judged, dense bool; all if None.

    Raises
    ------
    Disagreement : they differ.
    """
    if not reference.ends_decided(dtype):
        return
    last = reference.updates[max(reference.updates)].after if reference.updates else None
    if last is not None:
        same_topologies(trace.final, last, "at the end")
    for name in of_layers(names, reference.state):
        part = None if of is None else of[int(name.split(" ")[1])]
        close(trace.state[name], reference.state[name], dtype, f"{what}{name} after the last step", part)
