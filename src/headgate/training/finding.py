"""One thing that is wrong with the data: where, on how many rows, and the way out."""

from dataclasses import dataclass, replace

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem of one column.

    Attributes:
        column: The column.
        what: What is wrong with it.
        way_out: What to do.
        count: On how many rows (or values); 0: it concerns the column.
        rows: The first of them, as people name them (1-based row, id, value).
        leak: Whether it brings the future to the model.
        unit: What is counted.
    """

    column: str
    what: str
    way_out: str = ""
    count: int = 0
    rows: tuple[str, ...] = ()
    leak: bool = False
    unit: str = "row"

    def show(self) -> str:
        """Return the problem as one line."""
        many = "s" if self.count != 1 else ""
        on = f" ({self.count} {self.unit}{many}: {'; '.join(self.rows)}" if self.count else ""
        more = ", ..." if self.count > len(self.rows) else ""
        return f"{'LEAK: ' if self.leak else ''}{self.column}: {self.what}{on + more + ')' if on else ''}"

    def of(self, table: str) -> "Finding":
        """Return the finding as one of another table."""
        return replace(self, column=f"{table}: {self.column}")
