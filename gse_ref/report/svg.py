"""SVG made fit to stand inside a page: nothing that runs or fetches, no clash of names, the page's colours."""

from __future__ import annotations

import re
from html import escape

from ..errors import InputError

#: Colour in a plot → the property of the page's style that takes its place, light or dark. Plots are drawn with
#: these, so that one drawing serves both.
INK, FAINT, PAPER = "#010101", "#020202", "#030303"
SERIES = tuple(f"#0400{number:02x}" for number in range(1, 9))
VARIABLES = {
    INK: "var(--ink)",
    FAINT: "var(--faint)",
    PAPER: "var(--paper)",
    **{colour: f"var(--series-{number})" for number, colour in enumerate(SERIES, 1)},
}

_FORBIDDEN = re.compile(
    r"<\s*(?:script|foreignObject|iframe|image|a|style\s[^>]*src)\b|\son\w+\s*=|@import|javascript:|data:",
    re.IGNORECASE,
)
_REFERENCE = re.compile(r"""(?:xlink:)?href\s*=\s*["'](?!#)|url\(\s*["']?(?!["']?#)""", re.IGNORECASE)


def inline(document: str, name: str, description: str) -> str:
    """Return the ``<svg>`` element of a document for a page.

    Parameters
    ----------
    name : goes before every id, so that several figures can stand on one page.
    description : read out in place of the picture.

    Raises
    ------
    InputError : no SVG, a `name` that is no identifier, or content that could run or fetch something.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", name):
        raise InputError(f"a figure's name must be of letters, digits and dashes, got {name!r}")
    found = re.search(r"<svg\b.*</svg>", document, re.DOTALL)
    if found is None:
        raise InputError(f"figure {name}: the document holds no <svg> element")
    text = re.sub(r"<metadata>.*?</metadata>", "", found.group(0), flags=re.DOTALL)
    if _FORBIDDEN.search(text) or _REFERENCE.search(text):
        raise InputError(f"figure {name}: the SVG holds a script, an image or a reference out of the page")
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'href="#([^"]+)"', rf'href="#{name}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", text)
    text = re.sub(r'\s(?:width|height)="[^"]*(?:pt|px|in)"', "", text, count=2)
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, variable)
    return text.replace("<svg", f'<svg role="img" aria-label="{escape(description)}"', 1)
