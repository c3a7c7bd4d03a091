"""What docs/conformance.md tells a newcomer to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from gse_ref.conformance import Result, run

PAGE = Path(__file__).resolve().parents[3] / "docs" / "conformance.md"


def forward(code: str) -> Result:
    spoken: dict[str, Any] = {"__name__": "mine"}
    exec(code, spoken)
    [result] = run(spoken["Mine"], only=["forward"])
    return result


def test_the_first_adapter_has_the_fault_that_the_page_tells_of() -> None:
    first = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL).group(1)
    result = forward(first)
    assert result.failure.kind == "malformed"
    assert result.failure.what.startswith("y has shape (")
    mended = first.replace("y + bias\n", "y + bias[:, None]\n")
    assert mended != first
    assert forward(mended).status == "passed"
