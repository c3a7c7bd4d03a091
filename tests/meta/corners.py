"""How often a strategy draws the corners that it is there for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st


def rare(
    strategy: st.SearchStrategy[Any], corners_of: Callable[[Any], Iterable[str]], wanted: set[str], examples: int
) -> dict[str, int]:
    """Return the wanted corners that fewer than one in 200 of `examples` cases have, and how many have them."""
    seen: Counter[str] = Counter()

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(case=strategy)
    def collect(case: Any) -> None:
        seen.update(set(corners_of(case)))

    collect()
    return {corner: seen[corner] for corner in wanted if seen[corner] < examples // 200}
