"""One self-contained HTML page made of sections: no script, no network, no fonts but the reader's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby

from .parts import Figure, Part
from .style import CSS

#: What the page may load: its own style, nothing else. A browser enforces it.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it; figures that follow each other share a grid."""

    heading: str
    parts: Sequence[Part]

    @property
    def anchor(self) -> str:
        """The heading as an id."""
        return re.sub(r"[^a-z0-9]+", "-", self.heading.lower()).strip("-") or "section"

    def html(self) -> str:
        """Return the section."""
        blocks = []
        for are_figures, parts in groupby(self.parts, key=lambda part: isinstance(part, Figure)):
            inside = "\n".join(part.html() for part in parts)
            blocks.append(f'<div class="figures">{inside}</div>' if are_figures else inside)
        body = "\n".join(blocks)
        return f'<section id="{self.anchor}"><h2>{escape(self.heading)}</h2>\n{body}\n</section>'


def render(title: str, lead: str, sections: Sequence[Section], footer: str) -> str:
    """Return the page as one HTML document.

    Parameters
    ----------
    title : heading and name of the page.
    lead : what it says, in a sentence or two.
    sections : in order, listed at the top.
    footer : where it comes from.
    """
    links = "".join(f'<li><a href="#{one.anchor}">{escape(one.heading)}</a></li>' for one in sections)
    body = "\n".join(one.html() for one in sections)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
<style>
{CSS}
</style>
</head>
<body>
<header>
<h1>{escape(title)}</h1>
<p class="lead">{escape(lead)}</p>
<nav aria-label="Sections"><ul>{links}</ul></nav>
</header>
<main>
{body}
</main>
<footer>{escape(footer)}</footer>
</body>
</html>
"""
