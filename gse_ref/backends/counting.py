"""A backend that counts what each call costs: exactly, from its actual arguments, phase by phase."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import Any

from ..errors import unknown
from . import tally_conv, tally_exploration, tally_images, tally_linear
from .api import Backend
from .tally import Tally as Tally
from .tally import total

#: The parts of training that work is counted for.
PHASES = (
    "forward",
    "backward",
    "optimizer",
    "probe",
    "distributions",
    "draw",
    "candidates",
    "scores",
    "selection",
    "merge",
    "transpose",
)

#: The phase of each function where the caller names none. `conv_pairs` and `sddmm_pairs` score candidates; on a
#: pattern, as gradients of gradients take them, they are the caller's to attribute.
DEFAULT_PHASE = {
    **dict.fromkeys(("spmm", "conv", "gather", "batch_norm", "normalise", "max_pool", "pick"), "forward"),
    **dict.fromkeys(("spmm_t", "spmm_backward", "sddmm", "conv_t", "conv_backward"), "backward"),
    **dict.fromkeys(("relu_backward", "batch_norm_backward", "unpool"), "backward"),
    **dict.fromkeys(("abs_sums", "signed_sums", "patch_abs_sums", "patch_signed_sums"), "distributions"),
    **dict.fromkeys(("alias_table", "alias_draw"), "draw"),
    **dict.fromkeys(("candidates", "inactive"), "candidates"),
    **dict.fromkeys(("sddmm_pairs", "conv_pairs", "gradient_rows", "conv_rows"), "scores"),
    **dict.fromkeys(("merge", "carry"), "merge"),
    "top_k": "selection",
    "transpose_index": "transpose",
}

#: What each function costs: (result, *arguments) → tally.
TALLIES: dict[str, Callable[..., Tally]] = {
    **tally_linear.TALLIES,
    **tally_conv.TALLIES,
    **tally_exploration.TALLIES,
    **tally_images.TALLIES,
}


class Counter:
    """What was counted, by phase.

    Not for several threads at once: the phase in force belongs to the counter.

    Attributes
    ----------
    tallies : the tally of each of `PHASES`, zero where nothing was counted.
    """

    def __init__(self) -> None:
        self._phase: str | None = None
        self.reset()

    def reset(self) -> None:
        """Start anew from zero; the phase in force stays."""
        self.tallies: dict[str, Tally] = dict.fromkeys(PHASES, Tally())

    @contextmanager
    def phase(self, name: str | None) -> Iterator[None]:
        """Count everything in this block for `name`, whatever the phase of the functions called.

        Blocks nest, the innermost counts. None gives each function its own phase again: a probe is one phase but
        for the exploration inside it.

        Raises
        ------
        InputError : the name is not in `PHASES`.
        """
        if name is not None:
            _known(name)
        before, self._phase = self._phase, name
        try:
            yield
        finally:
            self._phase = before

    def add(self, phase: str | None, **amounts: int) -> None:
        """Count work outside the backend: `amounts` are fields of `Tally`; see `tally_host` for formulas.

        Parameters
        ----------
        phase : what it is counted for; None for the phase in force.

        Raises
        ------
        InputError : a phase that is not in `PHASES`, none where none is in force, or an amount that is not counted.
        """
        name = self._phase if phase is None else phase
        for amount in amounts:
            if amount not in Tally.__dataclass_fields__:
                raise unknown("amount", amount, Tally.__dataclass_fields__)
        self._record(_known(name), Tally(**amounts))

    def total(self) -> Tally:
        """Return the sum over all phases."""
        return total(*self.tallies.values())

    def _record(self, phase: str, tally: Tally) -> None:
        self.tallies[phase] += tally

    def _call(self, function: str, tally: Tally) -> None:
        self._record(self._phase or DEFAULT_PHASE[function], tally + Tally(calls=1))


def _known(phase: str | None) -> str:
    if phase not in PHASES:
        raise unknown("phase", phase, PHASES)
    return phase


def _counted(function: str, backend: Backend, counter: Counter) -> Callable[..., Any]:
    call, tally = getattr(backend, function), TALLIES[function]

    def counted(*args: Any, **kwargs: Any) -> Any:
        result = call(*args, **kwargs)
        counter._call(function, tally(result, *args, **kwargs))
        return result

    return counted


def counting(backend: Backend, counter: Counter) -> Backend:
    """Return a backend that answers as `backend` and adds to `counter` what each call costs.

    The counts are those of the algorithm, not of this machine: formulas of the actual arguments (and results, where
    the work depends on the data), the same for every backend; `Tally` says what is counted.
    """
    functions = {f.name: _counted(f.name, backend, counter) for f in fields(Backend) if f.name != "name"}
    return Backend(name=f"counting({backend.name})", **functions)
