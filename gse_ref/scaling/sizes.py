"""The sizes at which everything is measured: three sweeps, each of one variable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

from ..errors import InputError, unknown

#: A slope needs this many sizes, over this factor.
LEAST_SIZES, LEAST_SPAN = 4, 4
#: In denser layers draws repeat and hit active connections, which would look like growth with n; the smallest of
#: many widths may be up to a quarter full.
DENSEST, FULLEST = 0.02, 0.25


class Sizes(NamedTuple):
    """One point of the study: an n × n layer with nnz connections on a batch."""

    n: int
    nnz: int
    batch: int


@dataclass(frozen=True)
class Plan:
    """What is swept.

    Attributes
    ----------
    widths : n of the width sweep, with `per_unit` · n connections and `batch`.
    nnz_width, nnz_per_unit : the nnz sweep, at one width.
    batch_width, batches : the batch sweep, at one width and `per_unit` connections a unit.
    rounds : samples of everything, one a round.
    limit_seconds : what would take longer in one call is not measured.
    """

    widths: tuple[int, ...]
    per_unit: int
    batch: int
    nnz_width: int
    nnz_per_unit: tuple[int, ...]
    batch_width: int
    batches: tuple[int, ...]
    rounds: int
    limit_seconds: float

    def sweeps(self) -> dict[str, list[Sizes]]:
        """Return the sizes of each sweep, increasing: ``width``, and ``nnz`` and ``batch`` unless empty."""
        sweeps = {
            "width": [Sizes(n, self.per_unit * n, self.batch) for n in sorted(set(self.widths))],
            "nnz": [Sizes(self.nnz_width, k * self.nnz_width, self.batch) for k in sorted(set(self.nnz_per_unit))],
            "batch": [
                Sizes(self.batch_width, self.per_unit * self.batch_width, batch)
                for batch in sorted(set(self.batches))
            ],
        }
        return {name: sizes for name, sizes in sweeps.items() if sizes}

    def check(self) -> None:
        """Raise InputError unless every sweep can be fitted and every layer stays sparse."""
        if self.rounds < 3:
            raise InputError(f"rounds must be at least 3, for a median and its spread, got {self.rounds}")
        if not self.limit_seconds > 0:
            raise InputError(f"limit_seconds must be positive, got {self.limit_seconds}")
        if "width" not in self.sweeps():
            raise InputError(f"a study needs widths, {LEAST_SIZES} or more")
        for name, points in self.sweeps().items():
            _check(name, points)

    def to_json(self) -> dict[str, object]:
        """Return the plan as plain data."""
        return asdict(self)


def _check(name: str, points: Sequence[Sizes]) -> None:
    """Raise InputError unless a sweep has sizes enough, wide enough apart, of layers sparse enough."""
    if len(points) < LEAST_SIZES:
        raise InputError(f"the {name} sweep needs {LEAST_SIZES} sizes or more for a slope, got {len(points)}")
    least = min(min(sizes) for sizes in points)
    if least < 1:
        raise InputError(f"the {name} sweep needs widths, connections and batches of at least 1, got {least}")
    judged = points[-LEAST_SIZES:]
    first, *_, last = variable(name, judged)
    if last < LEAST_SPAN * first:
        raise InputError(
            f"the {LEAST_SIZES} largest sizes of the {name} sweep must span a factor of {LEAST_SPAN}, got {first} "
            f"to {last}: growth shows over a range only"
        )
    for sizes in points:
        most = DENSEST if name != "width" or sizes in judged else FULLEST
        if sizes.nnz > most * sizes.n**2:
            raise InputError(
                f"the {name} sweep asks for {sizes.nnz} connections at width {sizes.n}, a density of "
                f"{sizes.nnz / sizes.n**2:.2g}, where at most {most} is sparse enough: take wider layers or fewer "
                "connections a unit"
            )


def _powers(first: int, last: int, step: int = 1) -> tuple[int, ...]:
    return tuple(1 << exponent for exponent in range(first, last + 1, step))


#: `small` takes under three minutes on two cores, compilation included; `large` reaches a million units and ten
#: million connections.
FORMS: dict[str, Plan] = {
    "small": Plan(_powers(8, 16), 10, 128, 1 << 12, _powers(1, 6), 1 << 12, _powers(4, 8), 7, 0.5),
    "large": Plan(_powers(8, 20), 10, 128, 1 << 17, _powers(1, 6), 1 << 14, _powers(4, 9), 5, 4.0),
}


def form(name: str) -> Plan:
    """Return the plan `name`.

    Raises
    ------
    InputError : it is not one of `FORMS`.
    """
    if name not in FORMS:
        raise unknown("form", name, FORMS)
    return FORMS[name]


def variable(sweep: str, points: Sequence[Sizes]) -> list[int]:
    """Return what the sweep varies, at each of its points."""
    place = {"width": 0, "nnz": 1, "batch": 2}[sweep]
    return [sizes[place] for sizes in points]
