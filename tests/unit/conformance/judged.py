"""How the kit is tested level by level: right adapters pass, and every check has a fault that it is meant for."""

from __future__ import annotations

from gse_ref.conformance import Adapter, run
from gse_ref.conformance.catalogue import chosen
from gse_ref.conformance.faults import FAULTS


def require_right(
    adapter: type[Adapter], level: str, effort: float, uncovered: frozenset[str] = frozenset()
) -> None:
    """Demand that every check of a level passes, but for those that the adapter does not cover."""
    results = run(adapter, [level], effort=effort)
    assert {result.name for result in results if result.status == "not covered"} == uncovered
    wrong = [result.text() for result in results if result.status == "failed"]
    assert not wrong, "\n".join(wrong)


def checks_without_fault(level: str) -> set[str]:
    """Return the checks of a level that no fault is meant for."""
    return {check.name for check in chosen([level])} - {fault.caught_by for fault in FAULTS}
