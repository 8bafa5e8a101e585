"""What calls of a model cost in processor time, as sums over calls that add up. Pure.

Beside calls, rows and microseconds there are the sums of squares and products from which a straight line can be laid
through the calls: what a call costs by itself, and what each further row adds.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass

MICRO = 1e6


@dataclass(frozen=True, slots=True)
class Spent:
    """What some calls cost.

    Attributes:
        calls: Of the model.
        rows: In all of them.
        micros: Microseconds of processor time.
        rows_squared, rows_micros, micros_squared: Sums over calls of rows^2, rows x microseconds, microseconds^2.
    """

    calls: int = 0
    rows: int = 0
    micros: int = 0
    rows_squared: int = 0
    rows_micros: int = 0
    micros_squared: int = 0

    def __add__(self, other: "Spent") -> "Spent":
        """Return the sums of both."""
        return Spent(*(one + two for one, two in zip(astuple(self), astuple(other), strict=True)))

    @classmethod
    def of(cls, sums: Sequence[float]) -> "Spent":
        """Return what the sums say, in the order of the attributes, each as a whole number."""
        return cls(*map(round, sums))

    @property
    def sums(self) -> tuple[int, ...]:
        """The sums, in the order of the attributes."""
        return astuple(self)


NOTHING = Spent()


def add_call(sums: list[float], rows: int, cpu: float) -> None:
    """Add one call to sums as `Spent.of` takes them.

    Args:
        sums: Six of them.
        rows: Of the call.
        cpu: Seconds of processor time.
    """
    micros = cpu * MICRO
    sums[0] += 1
    sums[1] += rows
    sums[2] += micros
    sums[3] += rows * rows
    sums[4] += rows * micros
    sums[5] += micros * micros
