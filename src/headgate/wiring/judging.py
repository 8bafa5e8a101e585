"""What judges releases reads of a project's log and outcomes."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from headgate.base.errors import Unavailable

if TYPE_CHECKING:
    from headgate.release.evidence import Differing
    from headgate.release.judging.answers import Answers
    from headgate.release.judging.quality import Pairs
    from headgate.release.judging.sides import Sides
    from headgate.wiring.traffic import Traffic

LATE = timedelta(seconds=5)  # beyond the time after which a request without an answer is an error


class ProjectLog:
    """The prediction log and the outcomes, for judging (`release.judging.ports.Log`).

    Args:
        project: Whose.
    """

    def __init__(self, project: "Traffic") -> None:
        self._project = project

    def answers(self, model: str, who: "Sides", since: int, until: int) -> "Answers":
        """Return the answers of the sides."""
        from headgate.predictions.query import Wanted
        from headgate.release.judging.columns import answers_of

        with readable(model):
            table = self._project.predictions(model).table(Wanted(_time(since), self._latest(model, until)))
            return answers_of(table, who, self._task(model), since, until)

    def outcomes(self, model: str, who: "Sides", since: int, until: int, known: datetime, due: timedelta) -> "Answers":
        """Return the answers of the sides with what became true."""
        from headgate.release.judging.columns import answers_of

        with readable(model):
            table = self._project.joined(model, _time(since), self._latest(model, until), known, due)
            return answers_of(table, who, self._task(model), since, until)

    def pairs(
        self,
        model: str,
        version: str,
        since: int,
        until: int,
        known: datetime | None = None,
        due: timedelta = timedelta(0),
    ) -> "Pairs":
        """Return live and shadow answers with what became true."""
        from headgate.release.judging.columns import pairs_of

        with readable(model):
            table = self._project.pairs(model, version, _time(since), _time(until), as_of=known, maturity=due)
            return pairs_of(table, self._task(model))

    def differing(self, model: str, version: str, since: int, until: int, most: int) -> "Sequence[Differing]":
        """Return the pairs that differ most."""
        from headgate.predictions.pairs import Between
        from headgate.release.judging.columns import differing_of

        with readable(model):
            wanted = Between(version, _time(since), _time(until), limit=most)
            return differing_of(self._project.predictions(model).pairs(wanted))

    def _latest(self, model: str, until: int) -> datetime:
        """Return when the last answer to what came in until then is there."""
        return _time(until) + self._project.policy.models[model].serving.final_after + LATE

    def _task(self, model: str) -> str:
        return self._project.policy.models[model].task


def known_share(joined: Any) -> float:
    """Return the share of live predictions that have an outcome; 0 where there are none."""
    live = [outcome for outcome, role in zip(*_lists(joined), strict=True) if role == "live"]
    return sum(outcome is not None for outcome in live) / len(live) if live else 0.0


def _lists(table: Any) -> tuple[list[Any], list[Any]]:
    return table.column("outcome").to_pylist(), table.column("role").to_pylist()


def _time(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


@contextmanager
def readable(model: str) -> Iterator[None]:
    """Say what DuckDB, Arrow and the disk say as the one error that judging knows."""
    import duckdb
    import pyarrow as pa

    try:
        yield
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        raise Unavailable(f"{type(error).__name__}: {error}", where=f"prediction log of {model}") from error
