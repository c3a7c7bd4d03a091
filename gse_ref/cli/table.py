"""Tables in plain text."""

from __future__ import annotations

from collections.abc import Sequence


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], words: bool = False) -> str:
    """Return aligned columns: the first, names, to the left, the others to the right, or to the left too.

    Parameters
    ----------
    heads, rows : the cells. words : all columns hold words, not numbers.
    """
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    lines = []
    for first, *others in (heads, *rows):
        pairs = zip(others, widths[1:], strict=True)
        cells = [cell.ljust(width) if words else cell.rjust(width) for cell, width in pairs]
        lines.append("  ".join([first.ljust(widths[0]), *cells]).rstrip())
    return "\n".join(lines)
