"""Join predictions with what became true of them. Pure: tables in, a table out.

Which outcome holds: of one prediction, the one that became true last; of two at the same time, the one that arrived
last, where an outcome that was sent again counts as arriving the first time. So any order in which outcomes are stored,
split, merged or sent again gives the same join.
"""

from datetime import datetime, timedelta
from typing import Any

from headgate.predictions.outcome import micros
from headgate.predictions.redact import MARK, Hash, as_logged

# One row for each thing that was said: sent again is not said again. Without its own time it became true on arrival.
SAID = """
    SELECT id, row, model, unit, time, value, any_value(number) AS number, min(received) AS received,
           coalesce(true_at, min(received)) AS became, arg_min(source, received) AS source
    FROM outcomes GROUP BY id, row, model, unit, time, value, true_at
"""
# An outcome that names a unit and a time belongs to the unit's latest live prediction until then.
OF_UNITS = """
    SELECT p.id, p.row, s.value, s.number, s.received, s.became
    FROM (SELECT * FROM said WHERE id = '' AND model = $model) AS s
    ASOF JOIN (SELECT id, row, unit, epoch_us(time) AS time FROM predictions
               WHERE role = 'live' AND unit IS NOT NULL AND status = 200) AS p
    ON s.unit = p.unit AND s.time >= p.time
"""
OF_IDS = "SELECT id, row, value, number, received, became FROM said WHERE id <> ''"
LATEST = """
    SELECT id, row, arg_max(value, (became, received, value)) AS outcome,
           arg_max(number, (became, received, value)) AS outcome_number,
           max(became) AS outcome_at, count(*) AS said
    FROM named WHERE became <= $as_of GROUP BY id, row
"""
JOIN = """
    SELECT p.*, l.outcome, l.outcome_number, make_timestamptz(l.outcome_at) AS outcome_at, coalesce(l.said, 0) AS said,
           epoch_us(p.time) + $maturity <= $as_of AS mature
    FROM predictions AS p LEFT JOIN latest AS l ON p.id = l.id AND p.row = l.row
    WHERE epoch_us(p.time) <= $as_of
"""
COVERAGE = """
    SELECT arm, role, version, count(*) AS predictions, count(*) FILTER (mature) AS mature,
           count(outcome) AS with_outcome, count(outcome) FILTER (mature) AS mature_with_outcome,
           count(*) FILTER (said > 1) AS corrected
    FROM joined GROUP BY ALL ORDER BY role, arm, version
"""
PARKED = "SELECT count(*) FROM (SELECT * FROM named ANTI JOIN predictions USING (id, row))"


class Joined:
    """Predictions of one model with their latest outcome as of a time.

    Args:
        model: The model's name.
        predictions: Columns of the log; an Arrow table.
        outcomes: Columns of an Outcome; an Arrow table.
        as_of: What became true later does not count; nor do later predictions.
        maturity: After how long an outcome is due.
        hashed: Hashes units where the log holds hashed ones; None: it holds them as they are.
    """

    def __init__(
        self,
        model: str,
        predictions: Any,
        outcomes: Any,
        as_of: datetime,
        maturity: timedelta = timedelta(0),
        hashed: Hash | None = None,
    ) -> None:
        import duckdb

        self._values = {"as_of": micros(as_of), "maturity": maturity // timedelta(microseconds=1)}
        self._connection = duckdb.connect()
        self._connection.execute("SET TimeZone = 'UTC'")
        self._connection.register("predictions", predictions)
        self._connection.register("outcomes", units_as_logged(outcomes, hashed))
        self._make("said", SAID, {})
        self._make("of_units", OF_UNITS, {"model": model})
        self._make("named", f"SELECT * FROM of_units UNION ALL {OF_IDS}", {})  # noqa: S608 - our own words
        self._make("latest", LATEST, {"as_of": self._values["as_of"]})
        self._make("joined", JOIN, self._values)

    def table(self) -> Any:
        """Return every prediction once, as an Arrow table.

        The columns of the log, and outcome, outcome_number, outcome_at, said (how many values were said) and mature.
        """
        return self._connection.sql("SELECT * FROM joined").to_arrow_table()

    def latest(self, limit: int) -> list[dict[str, Any]]:
        """Return the predictions whose outcome became true last, with it."""
        query = f"SELECT * FROM joined WHERE outcome IS NOT NULL ORDER BY outcome_at DESC, id, row LIMIT {limit:d}"  # noqa: S608 - a number
        rows: list[dict[str, Any]] = self._connection.sql(query).to_arrow_table().to_pylist()
        return rows

    def coverage(self) -> list[dict[str, Any]]:
        """Return for each arm and version how many predictions are mature and have an outcome."""
        rows: list[dict[str, Any]] = self._connection.sql(COVERAGE).to_arrow_table().to_pylist()
        return rows

    def parked(self) -> int:
        """Return how many outcomes name, by id, a prediction that is not here (yet, or of another model)."""
        return int(self._connection.sql(PARKED).to_arrow_table().column(0)[0].as_py())

    def close(self) -> None:
        """Let go of the tables."""
        self._connection.close()

    def _make(self, name: str, query: str, values: dict[str, Any]) -> None:
        self._connection.execute(f"CREATE TEMP TABLE {name} AS {query}", values)


def units_as_logged(outcomes: Any, hashed: Hash | None) -> Any:
    """Return outcomes whose units are as those of the log are: hashed, where the policy says so or said so then."""
    import pyarrow as pa
    import pyarrow.compute as pc

    place = outcomes.schema.get_field_index("unit")
    units = outcomes.column(place)
    if hashed is None and not pc.any(pc.starts_with(units, MARK)).as_py():
        return outcomes
    made = [unit and as_logged(unit, hashed) for unit in units.to_pylist()]
    return outcomes.set_column(place, "unit", pa.array(made, pa.string()))
