"""Sum up what was answered, and what became true of it."""

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from headgate.predictions.rollup import Row, add_bins, quantile

if TYPE_CHECKING:
    from headgate.wiring import Project

MATURE = timedelta(days=1)
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def arms_of(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return requests, errors and latencies (milliseconds) of each arm, version and role."""
    found: dict[tuple[str, str, str], tuple[int, int, dict[int, int]]] = {}
    for row in rows:
        whose = (row.key.arm, row.key.version, row.key.role)
        count, errors, bins = found.get(whose, (0, 0, {}))
        found[whose] = (count + row.count, errors + row.errors, add_bins(bins, row.latency))
    return [
        {
            **dict(zip(("arm", "version", "role"), whose, strict=True)),
            "requests": count,
            "errors": errors,
            "milliseconds": {name: round(1000 * quantile(bins, share), 3) for name, share in SHARES.items()}
            if bins
            else None,
        }
        for whose, (count, errors, bins) in sorted(found.items())
    ]


def outcomes_of(project: "Project", model: str, days: int) -> dict[str, Any]:
    """Return how many predictions of each arm are mature, and how many of those have an outcome."""
    from headgate.predictions.join import Joined
    from headgate.predictions.query import Wanted

    now = project.clock.now()
    hashed = project.policy.models[model].serving.redaction().get("unit") == "hash"
    predictions = project.predictions(model).table(Wanted(now - timedelta(days=days), now))
    known = project.outcomes().table()
    joined = Joined(model, predictions, known, now, MATURE, project.log_hash() if hashed else None)
    try:
        return {"arms": joined.coverage(), "parked": joined.parked()}
    finally:
        joined.close()
