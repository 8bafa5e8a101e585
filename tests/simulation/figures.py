"""Tables of what simulations found, as Markdown. HEADGATE_SIMULATIONS multiplies the number of runs.

`make test` runs a small share: a hundred runs of a few minutes each. `make simulate` runs 2,000 of 1,000 seconds, and
there a limit is the limit; of a hundred runs chance alone makes more, so the small share allows three standard errors.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from math import sqrt
from pathlib import Path

SCALE = int(os.environ.get("HEADGATE_SIMULATIONS", "1"))
WHOLE = SCALE >= 20
RUNS = 100 * SCALE
SECONDS = 1000 if SCALE > 1 else 240
BATCH = 100
LIMIT = 0.05


def error(share: float, runs: int = RUNS) -> float:
    """Return the standard error of a share of so many runs."""
    return sqrt(share * (1 - share) / runs)


def at_most(share: float, bound: float, runs: int = RUNS) -> bool:
    """Tell whether a share that was found is no more than a bound; of few runs, but for chance."""
    return share <= (bound if runs >= 2000 else bound + 3 * error(bound, runs))


@dataclass
class Figures:
    """The rows of one test, under the names of their columns."""

    rows: list[dict[str, str]] = field(default_factory=list)

    def row(self, **cells: object) -> None:
        """Add a row; another set of columns begins another table."""
        self.rows.append({name.replace("_", " "): shown(cell) for name, cell in cells.items()})

    def save(self, folder: Path, file: str, about: str, place: int) -> None:
        """Leave the rows where `collect` finds them; tests of one file may run in several processes."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{file}.{place:04}.json").write_text(json.dumps({"about": about, "rows": self.rows}))


def collect(parts: Path, reports: Path) -> None:
    """Write a table for each file of tests, and remove what the tests left."""
    found = sorted(parts.glob("*.json"))
    for name, of in groupby(found, lambda path: path.name.split(".")[0]):
        read = [json.loads(path.read_text()) for path in of]
        rows = [row for part in read for row in part["rows"]]
        if rows:
            (reports / f"{name}.md").write_text(written(name, read[0]["about"], rows))
    for path in found:
        path.unlink()
    if found:
        parts.rmdir()


def written(name: str, about: str, rows: Iterable[dict[str, str]]) -> str:
    """Return the tables of one file as Markdown."""
    lines = [f"# {name.replace('_', ' ').capitalize()}", "", about.strip(), ""]
    lines += [f"{RUNS:,} runs a row, where it says nothing else: a share of 0.05 is known to {error(LIMIT):.3f} (one"]
    lines += ["standard error). `make simulate`, or a small share of it (HEADGATE_SIMULATIONS)."]
    head: list[str] = []
    for row in rows:
        if list(row) != head:
            head = list(row)
            lines += ["", f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
        lines.append("| " + " | ".join(row.values()) + " |")
    return "\n".join(lines) + "\n"


def shown(cell: object) -> str:
    """Return a number for a person."""
    if isinstance(cell, float):
        return f"{cell:.3f}" if abs(cell) < 1 else f"{cell:.2f}" if abs(cell) < 10 else f"{cell:,.0f}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
