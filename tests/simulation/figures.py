"""Tables of what simulations found, as Markdown. HEADGATE_SIMULATIONS multiplies the number of runs.

`make test` runs a small share: a hundred runs of a few minutes each. `make simulate` runs 2,000 of 1,000 seconds.
"""

import os
from math import sqrt
from pathlib import Path

SCALE = int(os.environ.get("HEADGATE_SIMULATIONS", "1"))
RUNS = 100 * SCALE
SECONDS = 1000 if SCALE > 1 else 240
BATCH = 50


def at_most(share: float, bound: float, runs: int = RUNS) -> bool:
    """Tell whether a share that was found is no more than a bound, but for the chance of so many runs."""
    return share <= bound + 3 * sqrt(bound * (1 - bound) / runs)


class Figures:
    """The tables of one file."""

    def __init__(self, name: str, about: str) -> None:
        self.name = name
        self.lines = [f"# {name.replace('_', ' ').capitalize()}", "", about.strip(), "", f"{RUNS} runs a row."]
        self.head: tuple[str, ...] = ()

    def row(self, **cells: object) -> None:
        """Add a row; another set of columns begins another table."""
        head = tuple(cells)
        if head != self.head:
            self.lines += ["", f"| {' | '.join(head)} |".replace("_", " "), "|" + "---|" * len(head)]
            self.head = head
        self.lines.append("| " + " | ".join(map(shown, cells.values())) + " |")

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.name}.md").write_text("\n".join(self.lines) + "\n")


def shown(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:.3f}" if abs(cell) < 1 else f"{cell:.2f}" if abs(cell) < 10 else f"{cell:,.0f}"
    return str(cell)
