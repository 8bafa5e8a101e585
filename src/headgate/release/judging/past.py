"""What is usual: learned from what the champion did before the start, and never part of a comparison. Pure.

It says where slow begins, how far requests are from independent, and whether the champion fails at all. Five minutes
are enough where they hold a thousand requests; a quieter model is looked at for up to an hour. Where that holds too
little, learning goes on into the release, and evidence begins only after it: what is learned from the very seconds that
it then judges does not hold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from headgate.predictions.rollup import Row, add_bins
from headgate.predictions.spent import NOTHING, Spent
from headgate.release.judging.sides import Whose
from headgate.release.statistics.counts import by_bucket
from headgate.release.statistics.dispersion import HISTORY_SECONDS, Dispersion, Noise, learn

REACH = 3600  # seconds before the start, at most
LEAST = 200  # requests
USUAL = 1000  # requests: enough in five minutes, and what a release waits for where there is no past
SHORTEST = 60  # seconds, likewise
TELLING = 10  # errors, below which slow answers say better how requests go together: they are more


@dataclass(frozen=True, slots=True)
class Past:
    """What the champion did before.

    Attributes:
        requests, errors: How many.
        latency: In bins.
        of_errors: How its errors go together.
        of_slow: How its slow answers go together.
        spent: What its calls cost.
        until: The second after the last that it was learned from: evidence begins no earlier.
    """

    requests: int
    errors: int
    latency: Mapping[int, int]
    of_errors: Dispersion
    of_slow: Dispersion
    until: int
    spent: Spent = NOTHING

    @property
    def error_rate(self) -> float:
        """Return its errors, 0 to 1."""
        return self.errors / self.requests

    def noise(self, of: Dispersion, part: float, *, paired: bool) -> Noise:
        """Return what a test takes; the same units on both sides differ in nothing."""
        return Noise(float(of.phi)) if paired else of.noise(part)


def own(rows: Sequence[Row], whose: Whose) -> list[Row]:
    """Return the rows of one side."""
    wanted = (whose.arm, whose.version, whose.role)
    return [row for row in rows if (row.key.arm, row.key.version, row.key.role) == wanted]


def asked(rows: Sequence[Row]) -> int:
    """Return how many requests they count."""
    return sum(row.count for row in rows)


def learn_past(champion: Sequence[Row], began: int) -> Past | None:
    """Return what the champion's rows say; None: too little yet.

    Args:
        champion: Its live rows, in order of their seconds, from up to an hour before the start until now.
        began: The second in which the release was started.
    """
    before = [row for row in champion if began - REACH <= row.key.second < began]
    lately = [row for row in before if row.key.second >= began - HISTORY_SECONDS]
    if asked(lately) >= USUAL:
        return _learned(lately, began - HISTORY_SECONDS, began)
    if asked(before) >= LEAST:
        return _learned(before, before[0].key.second, began)
    found = before
    for second, rows in groupby((row for row in champion if row.key.second >= began), lambda row: row.key.second):
        found = [*found, *rows]
        if asked(found) >= USUAL and second + 1 - found[0].key.second >= SHORTEST:
            return _learned(found, found[0].key.second, second + 1)
    return None


def _learned(rows: Sequence[Row], since: int, until: int) -> Past:
    latency: dict[int, int] = {}
    for row in rows:
        latency = add_bins(latency, row.latency)
    of_errors = learn(*by_bucket(rows, since, until))
    units, slow = by_bucket(rows, since, until, slow=True)
    of_slow = learn(units, slow) if slow.any() else of_errors
    if of_errors.events < TELLING <= of_slow.events:
        of_errors = of_slow
    spent = sum((row.spent for row in rows), NOTHING)
    return Past(asked(rows), sum(row.errors for row in rows), latency, of_errors, of_slow, until, spent)
