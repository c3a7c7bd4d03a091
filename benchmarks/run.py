"""Run a benchmark: ``python benchmarks/run.py NAME``; results on stdout, everything else on stderr."""

from __future__ import annotations

import argparse
import importlib
import json
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    # The script's own folder must not hide packages of the same names as its files.
    sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.measure import settle
from benchmarks.options import Cases, Options
from benchmarks.table import BENCHMARKS
from gse_ref.backends import use
from gse_ref.errors import InputError, unknown

#: Columns of the table for people: key of a line → heading.
COLUMNS = {
    "work": "work",
    "ours_ms": "ours ms",
    "ns_per_nnz": "ns / nnz",
    "peer": "peer",
    "peer_ms": "peer ms",
    "ratio": "peer / ours",
    "ratio_quartiles": "quartiles",
    "floor": "floor",
    "meets_floor": "met",
    "limit": "limit",
    "meets_limit": "within",
    "share": "share",
    "of_roofline": "of roofline",
    "gb_s": "GB/s",
    "copy_gb_s": "copy GB/s",
    "memory_gb_s": "memory GB/s",
    "gflop_s": "GFLOP/s",
    "exponent": "exponent",
    "exponent_interval": "95 % interval",
    "peak_mb": "peak MB",
    "bytes_per_nnz": "bytes / nnz",
    "faults": "faults / step",
}


def _parser() -> argparse.ArgumentParser:
    listing = "\n".join(f"  {name:12} {entry.summary}" for name, entry in BENCHMARKS.items())
    parser = argparse.ArgumentParser(
        prog="benchmarks/run.py",
        description="Measure gse_ref against its peers: pinned, interleaved, medians with quartiles.",
        epilog=f"benchmarks:\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", metavar="NAME", help="one of the benchmarks below")
    parser.add_argument("--json", action="store_true", help="one JSON object a line instead of a table")
    parser.add_argument(
        "--rows", nargs="+", default=[], metavar="TEXT", help="only work whose name contains a TEXT"
    )
    parser.add_argument("--rounds", type=int, help="samples of every contestant (default 7, quick 3)")
    parser.add_argument("--threads", type=int, default=1, help="cores to use (default 1)")
    parser.add_argument("--density", type=float, help="share of active connections (resnet20; default 0.02)")
    parser.add_argument("--figure", type=Path, metavar="FILE", help="draw the result (update), .svg or .png")
    parser.add_argument("--fresh-memory", action="store_true", help="leave the allocator as users find it")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does everything run?")
    return parser


def _options(arguments: argparse.Namespace) -> Options:
    if arguments.name not in BENCHMARKS:
        raise unknown("benchmark", arguments.name, BENCHMARKS)
    rounds = arguments.rounds if arguments.rounds is not None else (3 if arguments.quick else 7)
    for name, value in (("rounds", rounds), ("threads", arguments.threads)):
        if value < 1:
            raise InputError(f"--{name} must be at least 1, got {value}")
    for option in ("density", "figure"):
        _check_meaning(arguments.name, option, getattr(arguments, option))
    if arguments.density is not None and not 0 < arguments.density <= 1:
        raise InputError(f"--density must lie in (0, 1], got {arguments.density}")
    figure = arguments.figure
    if figure is not None and (figure.suffix not in (".svg", ".png") or not figure.parent.is_dir()):
        raise InputError(f"--figure must name an .svg or .png file in a folder that exists, got {figure}")
    return Options(rounds, arguments.threads, arguments.quick, arguments.density, figure)


def _check_meaning(name: str, option: str, value: Any) -> None:
    if value is not None and option not in BENCHMARKS[name].options:
        takers = [other for other, entry in BENCHMARKS.items() if option in entry.options]
        raise InputError(f"--{option} means nothing to {name!r}: leave it out, or measure {' or '.join(takers)}")


def _chosen(cases: Cases, texts: Sequence[str]) -> Cases:
    # Numbers count as wholes: n=1000 does not choose n=10000, nor 1% the row of 0.1%.
    patterns = [re.compile(rf"(?<![\d.]){re.escape(text)}(?!\d)", re.IGNORECASE) for text in texts]
    chosen = {work: run for work, run in cases.items() if not texts or any(p.search(work) for p in patterns)}
    if not chosen:
        raise InputError(f"no work contains {' or '.join(map(repr, texts))}; there are: {', '.join(cases)}")
    return chosen


def _table(name: str, lines: Sequence[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    used = [key for key in COLUMNS if any(line.get(key) is not None for line in lines)]
    table = Table(title=name)
    for key in used:
        table.add_column(COLUMNS[key], justify="left" if key in ("work", "peer") else "right")
    notes = []
    for line in lines:
        reason = next(
            (f"{key}: {line[key]}" for key in ("missing", "not_applicable", "wrong") if key in line), None
        )
        if reason:
            notes.append(f"{line['peer']} ({line['work']}): {reason}")
        else:
            table.add_row(*(_cell(line.get(key)) for key in used))
    # A pipe has no width: the table may then be as wide as it needs to be.
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(table)
    for note in notes:
        console.print(note, markup=False, soft_wrap=True)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, list):
        return "–".join(f"{v:.3g}" for v in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code: 0 measured, 2 usage."""
    arguments = _parser().parse_args(argv)
    try:
        options = _options(arguments)
        settle(options.threads, keep_memory=not arguments.fresh_memory)
        use("cpu")  # chosen once, as the training loop does
        cases = importlib.import_module(BENCHMARKS[arguments.name].module).cases(options)
        chosen = _chosen(cases, arguments.rows)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    lines = []
    for work, measure in chosen.items():
        start = time.perf_counter()
        print(f"{work} …", file=sys.stderr, flush=True)
        for line in measure():
            line |= {"benchmark": arguments.name, "threads": options.threads}
            lines.append(line)
            if arguments.json:
                print(json.dumps(line), flush=True)
        print(f"{work}: {time.perf_counter() - start:.1f} s", file=sys.stderr, flush=True)
    if not arguments.json:
        for title in dict.fromkeys(line.get("table", arguments.name) for line in lines):
            _table(title, [line for line in lines if line.get("table", arguments.name) == title])
    return 0


if __name__ == "__main__":
    sys.exit(main())
