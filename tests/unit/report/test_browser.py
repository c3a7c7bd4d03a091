"""The page of a study in a real browser: it renders, complains of nothing and fetches nothing."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gse_ref.cli import conformance_page
from gse_ref.cli.scaling_page import page
from gse_ref.conformance.result import Failure, Result
from gse_ref.conformance.summary import Summary
from gse_ref.scaling import to_json
from gse_ref.scaling.machine import facts
from tests.unit.scaling.planted import Clock, linear, program, study

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
BROWSER = next((found for name in BROWSERS if (found := shutil.which(name))), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason=f"no browser found: install one of {', '.join(BROWSERS)}"),
]

#: Measures what a reader would see; it is added to a copy of the page, whose own policy forbids scripts.
PROBE = """
<script>
window.addEventListener("load", () => {
  const wide = [...document.querySelectorAll("body *")].filter((e) => {
    const box = e.getBoundingClientRect();
    return box.right > innerWidth + 1 && !e.closest(".scroll, pre");
  });
  const figures = [...document.querySelectorAll("figure svg")].map((e) => e.getBoundingClientRect());
  document.title = JSON.stringify({
    inner: innerWidth,
    scroll: document.documentElement.scrollWidth,
    wide: wide.map((e) => e.tagName),
    figures: figures.filter((box) => box.width > 200 && box.height > 150).length,
    drawn: document.querySelectorAll("figure svg path").length,
    background: getComputedStyle(document.body).backgroundColor,
    ink: getComputedStyle(document.body).color,
    fonts: [...document.querySelectorAll("p, td, th, li, dd")].map((e) => parseFloat(getComputedStyle(e).fontSize)),
  });
});
</script>
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("matplotlib")
    clock = Clock()
    counts = {"multiply_adds": lambda sizes: 3 * sizes.nnz, "moves": lambda sizes: sizes.n}
    square = program(clock, lambda sizes: 1e-9 * sizes.n**2, name="<b>square & co</b>")
    found = study(clock, program(clock, linear, counts), square)
    settings = {"form": "small", "methods": ["gse"], "target": None, "seed": 0}
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(page(found, to_json(found, **settings)))
    return path


def _browse(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Load a page without any host being known; return its final HTML and the browser's log."""
    words = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    words += ["--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", "--v=0"]
    words += ["--virtual-time-budget=5000", f"--user-data-dir={path.parent / 'profile'}", *options]
    words += ["--dump-dom", path.as_uri()]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=True)


def _seen(report: Path, width: int, *options: str) -> dict:
    """Return what `PROBE` measures at a width, in a frame: a headless window has a least width of its own."""
    copy = report.with_name(f"probed-{width}.html")
    text = report.read_text()
    copy.write_text(re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text) + PROBE)
    frame = report.with_name(f"frame-{width}.html")
    frame.write_text(
        f'<iframe id="f" src="{copy.name}" style="border:0;width:{width}px;height:4000px"></iframe>'
        '<script>onload = () => document.body.append(document.getElementById("f").contentDocument.title)</script>'
    )
    done = _browse(frame, "--allow-file-access-from-files", *options)
    found = re.search(r"(\{\"inner.*\})", done.stdout)
    assert found is not None, done.stdout[-500:]
    return json.loads(found.group(1))


def test_the_page_renders_without_a_complaint(report: Path) -> None:
    done = _browse(report)
    assert "CONSOLE" not in done.stderr, done.stderr
    assert "How the cost grows" in done.stdout
    assert "&lt;b&gt;square &amp; co&lt;/b&gt;" in done.stdout
    assert "<b>" not in done.stdout


def test_a_planted_fault_is_complained_of(report: Path) -> None:
    """The log that the test above finds empty does tell: of a script, which the page's policy forbids."""
    spoiled = report.with_name("spoiled.html")
    spoiled.write_text(report.read_text().replace("</main>", "<script>x</script></main>"))
    assert "CONSOLE" in _browse(spoiled).stderr


def _requests(report: Path, text: str) -> list[str]:
    path, log = report.with_name("logged.html"), report.with_name("net.json")
    path.write_text(text)
    _browse(path, f"--log-net-log={log}")
    urls = set(re.findall(r'"url":"([^"]*)"', log.read_text()))
    return sorted(url for url in urls if re.match(r"(https?|wss?):", url) and "example.org" in url)


def test_nothing_is_fetched(report: Path) -> None:
    """Not even what an injected picture asks for: the page's policy stops it. Without the policy it would be."""
    text = report.read_text()
    assert not re.search(r"""(?:src|href)\s*=\s*["']\s*(?!#|data:)""", text)
    assert not re.search(r"url\((?!#)|@import", text)
    spoiled = text.replace("</main>", '<img src="http://example.org/x.png"></main>')
    assert _requests(report, spoiled) == []
    free = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", spoiled)
    assert _requests(report, free) == ["http://example.org/x.png"]


@pytest.mark.parametrize("width", [360, 390, 1200])
def test_the_page_fits_its_reader(report: Path, width: int) -> None:
    seen = _seen(report, width)
    assert seen["inner"] == width
    assert seen["scroll"] <= width, "only tables and commands scroll sideways"
    assert seen["wide"] == []
    assert seen["figures"] >= 6
    assert seen["drawn"] > 100
    assert min(seen["fonts"]) >= 13


@pytest.mark.parametrize("width", [360, 1200])
def test_a_page_of_failures_fits_its_reader(tmp_path: Path, width: int) -> None:
    failure = Failure("wrong", "y " + "x" * 500, "array([0.0])" * 50, "<script>x</script>", code="print()" * 50)
    names = [f"a_check_of_a_rather_long_name_{number}" for number in range(30)]
    given = {"summary": "demands " * 20, "section": "section 2", "status": "failed", "failure": failure}
    summary = Summary.of([Result(name, "kernels", **given) for name in names])
    path = tmp_path / "report.html"
    command = "gse-ref conformance run " + "x" * 200
    found = {"adapter": "package.module:Adapter" * 5, "seed": 0, "seconds": 1.0}
    found |= {"command": command, "machine": facts()}
    path.write_text(conformance_page.page(summary, found))
    seen = _seen(path, width)
    assert seen["scroll"] <= width
    assert seen["wide"] == []
    assert "CONSOLE" not in _browse(path).stderr


def test_light_and_dark(report: Path) -> None:
    light = _seen(report, 800)
    dark = _seen(report, 800, "--blink-settings=preferredColorScheme=0")
    assert light["background"] == "rgb(255, 255, 255)"
    assert dark["background"] == "rgb(20, 23, 28)"
    assert light["ink"] != dark["ink"]
