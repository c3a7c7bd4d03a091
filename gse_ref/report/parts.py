"""What a page is made of; each part knows its HTML, and everything that comes from outside is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Protocol

from ..errors import InputError
from .svg import inline

#: Cells that say how a row fares, with what is shown beside the colour.
GOOD, BAD, NEUTRAL = "good", "bad", "neutral"
#: Characters beyond which a cell is prose, which may take several lines.
PROSE = 40
_MARKS = {GOOD: "✓", BAD: "✗", NEUTRAL: "–"}


class Part(Protocol):
    """Anything that can stand in a section."""

    def html(self) -> str:
        """Return HTML, all text escaped."""
        ...


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str

    def html(self) -> str:
        """Return the paragraph."""
        return f"<p>{escape(self.text)}</p>"


@dataclass(frozen=True)
class Points:
    """A list of short texts."""

    items: Sequence[str]

    def html(self) -> str:
        """Return the list."""
        return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in self.items) + "</ul>"


@dataclass(frozen=True)
class Code:
    """Commands or output, as they are typed; long lines scroll."""

    text: str

    def html(self) -> str:
        """Return the block, which the keyboard can scroll."""
        return f'<pre tabindex="0"><code>{escape(self.text)}</code></pre>'


@dataclass(frozen=True)
class Facts:
    """Names and what they stand for."""

    pairs: Sequence[tuple[str, str]]

    def html(self) -> str:
        """Return the list of definitions."""
        rows = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in self.pairs)
        return f"<dl>{rows}</dl>"


@dataclass(frozen=True)
class Mark:
    """A cell of a table that is good, bad or neither: never by colour alone."""

    text: str
    state: str = NEUTRAL

    def html(self) -> str:
        """Return the text with its mark."""
        if self.state not in _MARKS:
            raise InputError(f"a mark is {GOOD}, {BAD} or {NEUTRAL}, got {self.state!r}")
        return f'<span class="{self.state}">{_MARKS[self.state]} {escape(self.text)}</span>'


Cell = str | Mark


@dataclass(frozen=True)
class Table:
    """Rows under a head; the first cell of a row names it. Scrolls sideways where it is too wide.

    Raises
    ------
    InputError : a row of another length than the head.
    """

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.head):
                raise InputError(f"the table {self.caption!r} has {len(self.head)} columns, a row has {len(row)}")

    def html(self) -> str:
        """Return the table in a region that the keyboard can scroll."""
        head = "".join(f'<th scope="col">{escape(name)}</th>' for name in self.head)
        body = "".join(
            "<tr>" + f'<th scope="row">{_cell(row[0])}</th>' + "".join(_data(cell) for cell in row[1:]) + "</tr>"
            for row in self.rows
        )
        caption = escape(self.caption)
        return (
            f'<div class="scroll" role="region" tabindex="0" aria-label="{caption}">'
            f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
        )


def _data(cell: Cell) -> str:
    prose = isinstance(cell, str) and len(cell) > PROSE
    return f'<td class="prose">{_cell(cell)}</td>' if prose else f"<td>{_cell(cell)}</td>"


def _cell(cell: Cell) -> str:
    return cell.html() if isinstance(cell, Mark) else escape(cell)


@dataclass(frozen=True)
class Figure:
    """A plot with its caption.

    Attributes
    ----------
    name : unique on the page, of letters, digits and dashes.
    svg : one SVG document.
    caption : below the plot.
    description : what a reader who does not see the plot should know.

    Raises
    ------
    InputError : a name that is no identifier, or an SVG that could run code or fetch something.
    """

    name: str
    svg: str
    caption: str
    description: str

    def html(self) -> str:
        """Return the figure, the SVG inline."""
        picture = inline(self.svg, self.name, self.description)
        return f"<figure>{picture}<figcaption>{escape(self.caption)}</figcaption></figure>"
