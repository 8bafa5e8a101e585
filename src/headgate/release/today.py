"""Read from rollups what a model's traffic was like lately. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from headgate.predictions.rollup import Row
from headgate.release.forecast import Together, Traffic
from headgate.release.judging.past import learn_past
from headgate.release.statistics.dispersion import Dispersion
from headgate.routing.route import CHAMPION

HOUR = 3600
LEAST_SECONDS = 60
LIVE = "live"


def measured(rows: Sequence[Row], now: int, outcomes: float = 0.0) -> Traffic:
    """Return the traffic of these rows.

    Args:
        rows: Of one model, up to now; live ones count. Traffic is taken to have begun with the first.
        now: The second since 1970.
        outcomes: Share of the predictions whose outcome arrives, 0 to 1.
    """
    live = [row for row in rows if row.key.role == LIVE]
    if not live:
        return Traffic(0.0, 0.0, outcomes)
    seconds = max(now - min(row.key.second for row in live), LEAST_SECONDS)
    champion = [row for row in live if row.key.arm == CHAMPION]
    asked = sum(row.count for row in champion)
    errors = sum(row.errors for row in champion) / asked if asked else 0.0
    per_second = sum(row.count for row in live) / seconds
    past = learn_past(sorted(champion, key=lambda row: row.key), now)
    if past is None:
        return Traffic(per_second, errors, outcomes)
    return Traffic(
        per_second, errors, outcomes, of_errors=_together(past.of_errors), of_slow=_together(past.of_slow)
    )  # fmt: skip


def _together(found: Dispersion) -> Together:
    return Together(float(found.phi), float(found.certain_variance))


def expected(traffic: Traffic, per_second: float | None) -> Traffic:
    """Return the traffic with the rate that somebody expects, where they say one."""
    return traffic if per_second is None else replace(traffic, per_second=per_second)
