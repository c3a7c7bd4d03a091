"""``gse-ref study NAME``: a question of the paper, asked of runs made here."""

from __future__ import annotations

import json as json_module
from dataclasses import dataclass

import tyro

from ..studies import carry_out, in_processes, study
from .compare import Decided, ManyRuns, default_folder, demand_finished
from .progress import comparison_progress


@dataclass(frozen=True)
class Study(ManyRuns):
    """Answer one question by runs side by side: data, a figure, and a finding whose words follow from the numbers.

    NAME is subset-factor, schedule, width, extended, initial-connectivity, prune-criterion, layer-density or flops.
    Takes the settings of train as the base of all runs. Runs that have ended are not made again; an interrupted
    command goes on when it is given again. Needs matplotlib.
    """

    name: tyro.conf.Positional[str] = tyro.MISSING
    """The study, before all options."""
    methods: tuple[str, ...] | None = None
    """Methods to study instead of the study's own, separated by spaces."""
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    """Seeds of each setting, separated by spaces."""
    method: Decided[str] = "gse"

    def run(self) -> None:
        """Make the runs, then print what was found."""
        asked, base = study(self.name), self.base()
        methods = asked.methods if self.methods is None else self.methods
        folder = default_folder(f"study-{self.name}", base) if self.out is None else self.out
        with comparison_progress() as display:
            execute, own = in_processes(self.processes()), {n: v for n, [v] in self.particulars().items()}
            found, told, text = carry_out(asked, base, methods, self.seeds, folder, execute, display, own)
        if self.json:
            print(json_module.dumps({"study": self.name, **told}))
        else:
            print(f"{text}\n\nData, figure and finding in {folder}")
        demand_finished(list(found.results), folder)
