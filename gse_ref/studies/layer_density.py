"""Where methods put their connections: the density of each layer at the start and at the end of runs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..training.build import build
from .comparison import RUNS
from .figure import error_bars, new_figure, style
from .statistics import CONFIDENCE, Interval, interval
from .study import Found

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def layers(found: Found) -> list[dict[str, Any]]:
    """Return a row for each finished run and layer: connections and density, at the start and at the end."""
    done = [result for result in found.results if result.finished]
    if not done:
        return []
    model = build(done[0].point.config).model
    sizes = {name: parameter.topology.size for name, parameter in model.sparse_parameters().items()}
    rows = []
    for result in done:
        path = found.folder / RUNS / result.point.key / "topology.jsonl"
        lines = path.read_text().splitlines()
        first, last = ({layer["name"]: layer["nnz"] for layer in json.loads(lines[n])["layers"]} for n in (0, -1))
        for name, size in sizes.items():
            rows.append(
                {
                    **result.point.setting,
                    "seed": result.point.config.seed,
                    "layer": name,
                    "size": size,
                    "nnz_initial": first[name],
                    "nnz": last[name],
                    "density_initial": first[name] / size,
                    "density": last[name] / size,
                }
            )
    return rows


def _over_seeds(rows: Sequence[dict[str, Any]], method: str, layer: str, name: str) -> Interval:
    return interval([row[name] for row in rows if row["method"] == method and row["layer"] == layer])


def draw(found: Found) -> Figure:
    """Return the densities of all layers by method, and those of the first topology."""
    rows = layers(found)
    names = list(dict.fromkeys(row["layer"] for row in rows))
    methods = list(dict.fromkeys(row["method"] for row in rows))
    figure, (plot,) = new_figure()
    figure.set_figwidth(max(6.6, 1.2 * len(names)))
    for place, name in enumerate(names):
        start = [row["density_initial"] for row in rows if row["layer"] == name]
        mean = sum(start) / len(start)
        label = "first topology" if not place else None
        plot.plot([place - 0.4, place + 0.4], [mean, mean], color="#888888", linewidth=3, label=label, zorder=1)
    for number, method in enumerate(methods):
        shift = 0.6 * (number / max(1, len(methods) - 1) - 0.5)
        measured = [_over_seeds(rows, method, name, "density") for name in names]
        looks = style(number) | {"linestyle": "none"}
        error_bars(plot, [place + shift for place in range(len(names))], measured, 1, label=method, **looks)
    plot.set_yscale("log")
    plot.set_xticks(range(len(names)), names, rotation=30 if len(names) > 6 else 0, ha="center")
    plot.set_xlabel("layer")
    plot.set_ylabel(
        f"active share of the possible connections\n(mean and {100 * CONFIDENCE:.0f} % interval over seeds)"
    )
    plot.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def _moved(change: Interval) -> str:
    """Return in words by how much the connections of a layer changed, as a share of those at the start."""
    if change.low is None or change.high is None:
        return f"{100 * change.mean:+.1f} % in one seed"
    reach = f"{100 * change.low:+.1f} to {100 * change.high:+.1f}"
    return f"{100 * change.mean:+.1f} % ({reach})" if change.sign else f"no change told ({reach})"


def say(found: Found) -> list[str]:
    """Return for each method by how much each layer gained or lost."""
    rows = [{**row, "change": row["nnz"] / row["nnz_initial"] - 1} for row in layers(found) if row["nnz_initial"]]
    sentences = []
    for method in dict.fromkeys(row["method"] for row in rows):
        names = list(dict.fromkeys(row["layer"] for row in rows))
        if all(row["nnz"] == row["nnz_initial"] for row in rows if row["method"] == method):
            sentences.append(f"`{method}` keeps the number of connections of every layer.")
            continue
        moves = ", ".join(f"{name} {_moved(_over_seeds(rows, method, name, 'change'))}" for name in names)
        sentences.append(f"`{method}` changes the connections of its layers by: {moves}.")
    return sentences
