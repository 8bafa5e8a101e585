"""A budget, what was measured, and how it is said."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """A budget and what was measured."""

    what: str
    measured: float
    budget: float
    unit: str
    at_least: bool

    @property
    def met(self) -> bool:
        """Whether the budget is met."""
        return self.measured >= self.budget if self.at_least else self.measured <= self.budget

    @property
    def verdict(self) -> str:
        """Met, or missed by how much."""
        if self.met:
            return "met"
        return f"**missed** by {abs(self.measured / self.budget - 1):.0%}" if self.budget else "**missed**"

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """The line as cells of a table."""
        sign, unit = ">=" if self.at_least else "<=", f" {self.unit}" if self.unit else ""
        return self.what, f"{self.measured:.3g}{unit}", f"{sign} {self.budget:g}{unit}", self.verdict


def show(lines: Sequence[Line]) -> bool:
    """Print budgets as a table; return whether all are met."""
    print()
    table(("budget", "measured", "limit", ""), [line.cells for line in lines])
    return all(line.met for line in lines)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a Markdown table that can also be read as it is."""
    cells = [tuple(head), *map(tuple, rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(head))]
    ruler = tuple("-" * width for width in widths)
    for row in (cells[0], ruler, *cells[1:]):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |", flush=True)
