"""What a release's report reads of a project's rollups, log and outcomes."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from headgate.base.errors import HeadgateError
from headgate.predictions.rollup import FINAL_SECONDS
from headgate.release.meeting import Explored, Meeting, Met
from headgate.routing.route import CHAMPION
from headgate.wiring.judging import readable

if TYPE_CHECKING:
    from headgate.policy.guards import BusinessGuard
    from headgate.release.chronicle import Chronicle
    from headgate.release.judging.sides import Sides
    from headgate.wiring.traffic import Traffic

T = TypeVar("T")
Whose = tuple[str, str, str]  # arm, version and role
LATEST = timedelta(seconds=FINAL_SECONDS + 5)  # after which no answer comes any more
KEPT = timedelta(days=7)  # rollups
UNITS = "SELECT arm, version, role, count(DISTINCT unit) FROM ({rows}) GROUP BY ALL"
LIVE = (
    "SELECT * FROM joined WHERE arm || '/' || version IN (SELECT unnest(?)) "
    "ORDER BY (epoch_us(time) - latency_us) // 1000000, id, row"
)
MOST_ROWS = 500_000  # of the log from which segments are made; of a longer test the last part


class ProjectWitness:
    """The rollups, the prediction log and the outcomes, for a report (`release.ports.Witness`).

    Args:
        project: Whose.
    """

    def __init__(self, project: "Traffic") -> None:
        self._project = project

    def meeting(self, told: "Chronicle", now: datetime) -> Meeting:
        """Return how many requests and units each arm answered, and what an A/B test shows besides its decision."""
        missing = list[str]()
        until = told.ended or now
        totals = _tried(missing, "requests", lambda: self._totals(told, until)) or {}
        units = _tried(missing, "units", lambda: self._units(told, until))
        if now - told.at.started > KEPT:
            missing.append(f"requests before {now - KEPT:%Y-%m-%d %H:%M} UTC: rollups are kept for seven days")
        arms = [
            Met(*key, *counts, None if units is None else units.get(key, 0)) for key, counts in sorted(totals.items())
        ]
        answered = sum(one.requests for one in arms if one.role == "live")
        explored = _tried(missing, "segments", lambda: self._explored(told, until, now, answered))
        return Meeting(arms, explored, missing)

    def _totals(self, told: "Chronicle", until: datetime) -> dict[Whose, tuple[int, int]]:
        since = int(told.at.started.timestamp())
        found = self._project.rollups().totals(told.plan.model, since, int(until.timestamp()) + 1)
        return {key: counts for key, counts in found.items() if key[1] in _versions(told)}

    def _units(self, told: "Chronicle", until: datetime) -> dict[Whose, int]:
        from headgate.predictions.query import Wanted, select

        wanted, model = Wanted(told.at.started, until + LATEST), told.plan.model
        with readable(model), self._project.predictions(model).opened(wanted) as (connection, relations):
            rows, values = select(relations, wanted)
            counts = connection.sql(UNITS.format(rows=rows), params=values).fetchall()
        return {(arm, version, role): int(units) for arm, version, role, units in counts}

    def _explored(self, told: "Chronicle", until: datetime, now: datetime, answered: int) -> Explored | None:
        test = told.plan.rules.ab
        began = next((one.at for one in told.splits if len(one.shares) > 1), None)
        if test is None or began is None or told.plan.rules.strategy != "ab":
            return None
        from headgate.release.judging.answers import First
        from headgate.release.judging.columns import answers_of
        from headgate.release.judging.effect import worth
        from headgate.release.propensity import alone
        from headgate.release.segments import cells

        model, who, guard = told.plan.model, _who(told), told.plan.rules.guards.business[test.decide]
        task = self._project.policy.models[model].task
        since = max(began, until - (until - began) * min(1.0, MOST_ROWS / max(answered, 1)))
        table = self._live(told, who, (since, until), now, guard)
        answers = answers_of(table, who, task, 0, 1 << 60)
        value = worth(guard, task, answers)
        told_of = np.isfinite(value)
        told_of[told_of] = First().of(answers.where(told_of))
        columns = {name: _values(table, name)[told_of] for name in self._segments(model, table)}
        answers, value = answers.where(told_of), value[told_of]
        own = alone(told.splits, (CHAMPION, *who.arms), answers, value) if test.bandit else None
        found = cells(list(who.arms), answers.side, value, columns)
        return Explored(test.decide, found, own)

    def _live(
        self, told: "Chronicle", who: "Sides", span: tuple[datetime, datetime], now: datetime, guard: "BusinessGuard"
    ) -> Any:
        """Return the live predictions of the arms with their outcomes, in order of their seconds of dispatch."""
        import duckdb

        model, whose = told.plan.model, [who.champion, *who.arms.values()]
        with readable(model), duckdb.connect() as connection:
            found = self._project.joined(model, span[0], span[1] + LATEST, now, guard.maturity)
            connection.register("joined", found)
            names = [f"{one.arm}/{one.version}" for one in whose]
            return connection.sql(LIVE, params=[names]).to_arrow_table()

    def _segments(self, model: str, table: Any) -> list[str]:
        """Return the columns of the log by which the scorecard looks at segments."""
        lines = [line.by for line in self._project.policy.models[model].scorecard if line.kind == "segment"]
        return [name for name in dict.fromkeys(lines) if f"input.{name}" in table.column_names]


def _who(told: "Chronicle") -> "Sides":
    from headgate.release.judging.sides import LIVE as ANSWERED
    from headgate.release.judging.sides import Sides, Whose

    arms = {name: Whose(name, side.version, ANSWERED) for name, side in told.plan.challengers.items()}
    return Sides(Whose(CHAMPION, told.plan.champion.version, ANSWERED), arms, {}, {})


def _versions(told: "Chronicle") -> set[str]:
    sides = told.plan.challengers.values()
    return {told.at.before, told.plan.champion.version, *(side.version for side in sides)}


def _values(table: Any, name: str) -> Any:
    found = np.full(table.num_rows, None, np.object_)
    found[:] = table.column(f"input.{name}").to_pylist()
    return found


def _tried(missing: list[str], what: str, read: Callable[[], T]) -> T | None:
    """Return what was read; what cannot be is said."""
    try:
        return read()
    except HeadgateError as error:
        missing.append(f"{what}: {error.what}")
        return None
