"""Parts of a page: everything from outside is escaped, every table and figure can be read without seeing it."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gse_ref.errors import InputError
from gse_ref.report import BAD, GOOD, Code, Facts, Figure, Mark, Points, Section, Table, Text, render
from gse_ref.report.svg import INK, SERIES, VARIABLES, inline

HOSTILE = '<script>alert("x")</script> & "quoted" \'too\' <b>'
SVG = '<svg width="10pt" height="5pt"><g id="a"><use href="#b"/><path clip-path="url(#c)" fill="{}"/></g></svg>'


class Reader(HTMLParser):
    """Collects tags, attributes and text, and demands that what is opened is closed."""

    VOID = frozenset({"meta", "link", "use", "path"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.mark.parametrize(
    "part",
    [
        Text(HOSTILE),
        Points([HOSTILE]),
        Code(HOSTILE),
        Facts([(HOSTILE, HOSTILE)]),
        Mark(HOSTILE, GOOD),
        Table(HOSTILE, [HOSTILE], [[HOSTILE]]),
        Table("", ["a", "b"], [["c", Mark(HOSTILE, BAD)]]),
        Figure("plot", SVG, HOSTILE, HOSTILE),
        Section(HOSTILE, [Text("plain")]),
    ],
    ids=lambda part: type(part).__name__,
)
def test_hostile_text_stays_text(part) -> None:
    found = Reader(part.html())
    assert not {"script", "b"} & set(found.tags)
    assert HOSTILE in "".join(found.text)


@given(st.text(), st.text())
def test_whatever_the_text_the_page_holds_it_and_nothing_else(heading: str, text: str) -> None:
    page = render("title", "lead", [Section(heading, [Text(text), Points([text])])], "footer")
    plain = Reader(render("title", "lead", [Section("x", [Text("y"), Points(["y"])])], "footer"))
    assert Reader(page).tags == plain.tags


def test_a_table_names_its_rows_and_columns_and_can_be_scrolled_by_keyboard() -> None:
    html = Table("What came out", ["phase", "verdict"], [["forward", Mark("linear", GOOD)]]).html()
    found = Reader(html)
    assert ("scope", "col") in found.attributes
    assert ("scope", "row") in found.attributes
    assert ("tabindex", "0") in found.attributes
    assert ("aria-label", "What came out") in found.attributes
    assert "✓ linear" in "".join(found.text), "not by colour alone"


def test_rows_must_fit_the_head() -> None:
    with pytest.raises(InputError, match="has 2 columns, a row has 1"):
        Table("t", ["a", "b"], [["c"]])


def test_a_mark_has_one_of_three_states() -> None:
    with pytest.raises(InputError, match="a mark is good, bad or neutral, got 'fine'"):
        Mark("x", "fine").html()


def test_figures_are_described_scale_and_do_not_clash() -> None:
    first, second = (inline(SVG, name, 'a "plot"') for name in ("one", "two"))
    assert 'role="img" aria-label="a &quot;plot&quot;"' in first
    assert 'id="one-a"' in first
    assert 'href="#one-b"' in first
    assert "url(#one-c)" in first
    assert "pt" not in first, "the page decides how wide it is"
    assert first.replace("one-", "two-") == second


@pytest.mark.parametrize("colour", [INK, *SERIES])
def test_colours_become_those_of_the_page(colour: str) -> None:
    found = inline(SVG.format(colour), "plot", "")
    assert colour not in found
    assert VARIABLES[colour] in found


@pytest.mark.parametrize(
    "inside",
    [
        "<script>x</script>",
        '<g onload="x"/>',
        '<image href="#a"/>',
        '<a href="#a">x</a>',
        "<foreignObject/>",
        '<use xlink:href="https://example.org/a"/>',
        "<use href='//example.org/a'/>",
        '<path fill="url(https://example.org/a)"/>',
        "<style>@import 'x'</style>",
        '<use href="data:image/svg+xml,x"/>',
    ],
)
def test_an_svg_that_could_run_or_fetch_is_refused(inside: str) -> None:
    with pytest.raises(InputError, match="script, an image or a reference"):
        inline(f"<svg>{inside}</svg>", "plot", "")


@pytest.mark.parametrize(("document", "name"), [("<p>", "plot"), ("<svg></svg>", 'a" b'), ("<svg></svg>", "")])
def test_no_svg_or_no_name_is_refused(document: str, name: str) -> None:
    with pytest.raises(InputError, match="figure"):
        inline(document, name, "")


def test_a_page_is_whole_and_fetches_nothing() -> None:
    sections = [Section("One", [Text("x")]), Section("Two", [Figure("f", SVG, "", "")])]
    page = render("Title & more", "lead", sections, "")
    found = Reader(page)
    assert page.startswith("<!DOCTYPE html>")
    assert {"html", "head", "title", "header", "nav", "main", "footer", "h1", "h2"} <= set(found.tags)
    assert "script" not in found.tags
    assert ("name", "viewport") in found.attributes
    [policy] = [value for name, value in found.attributes if name == "content" and "default-src" in str(value)]
    assert str(policy).startswith("default-src 'none'; style-src 'unsafe-inline'; img-src data:;")
    targets = {value for name, value in found.attributes if name == "href"}
    assert targets == {"#one", "#two", "data:,", "#f-b"}
    ids = [value for name, value in found.attributes if name == "id"]
    assert {"one", "two"} <= set(ids)
    assert len(ids) == len(set(ids))
