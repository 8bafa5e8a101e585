"""What stands around the answers: runtimes, the prediction log, outcomes, rollups."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headgate.wiring.models import make_runtime
from headgate.wiring.place import Place

if TYPE_CHECKING:
    from datetime import datetime

    from pyarrow import Table

    from headgate.adapters.outcomes.history import History
    from headgate.adapters.outcomes.segments import Segments
    from headgate.adapters.parquet.compact import Compacted
    from headgate.adapters.parquet.place import Place as LogPlace
    from headgate.adapters.parquet.read import Predictions
    from headgate.adapters.rollups.store import SqliteRollups
    from headgate.features.predictor import MakeRuntime
    from headgate.gateway.record import Keeping
    from headgate.predictions.redact import Conceal


class Traffic(Place):
    """A project's adapters on the side of the traffic."""

    def runtimes(self) -> "MakeRuntime":
        """What builds a worker's runtimes: within a budget of memory, where the settings name one."""
        budget = self.policy.settings.model_memory_mb
        if not budget:
            return make_runtime
        from headgate.gateway.residence import Residence

        return Residence(int(budget * 1_000_000), make_runtime)

    def keeping(self) -> "Keeping":
        """What keeps a worker's answers and outcomes; opened by each worker for itself."""
        from headgate.adapters.spool.writer import SpoolLog
        from headgate.gateway.record import Keeping, Tap

        serving = {name: model.serving for name, model in self.policy.models.items()}
        samples = {name: one.log.sample for name, one in serving.items()}
        log = SpoolLog(self.spool(), samples, self.log_hash())
        segments = self.outcome_sink()
        redact = {name: one.redaction() for name, one in serving.items()}
        units = {name: one.unit for name, one in serving.items() if one.unit}

        def close() -> None:
            log.close()
            segments.close()

        counts = lambda: log.counts.to_json()  # noqa: E731, PLW0108 - read anew
        return Keeping(Tap(log, redact, units), segments, close, counts, self.concealing())

    def rollups(self) -> "SqliteRollups":
        """What every arm did by the second; written by whoever serves."""
        from headgate.adapters.rollups.store import SqliteRollups

        return SqliteRollups(self.state / "rollups.db")

    def predictions(self, model: str) -> "Predictions":
        """The predictions of a model, wherever they lie."""
        from headgate.adapters.parquet.read import Predictions

        return Predictions(self.spool(), self._log_place(model), model)

    def pairs(
        self,
        model: str,
        version: str = "",
        since: "datetime | None" = None,
        until: "datetime | None" = None,
        *,
        as_of: "datetime | None" = None,
        maturity: timedelta = timedelta(0),
    ) -> "Table":
        """Return what clients were answered beside what a shadow answered to the same rows.

        Args:
            model: The model's name.
            version: The shadow's; empty: of every shadow.
            since: The earliest time of the live answer.
            until: Before this time of the live answer.
            as_of: Outcomes as they were known then, joined; None: no outcomes.
            maturity: After how long an outcome is due.

        Returns:
            An Arrow table, in no order. Columns: id, row, time, unit, version and arm (of the live answer),
            shadow_version, shadow, status, shadow_status, latency_us, shadow_latency_us, difference, input.<name>,
            live.<output>, shadow.<output>; with outcomes also outcome, outcome_number, outcome_at, said and mature.
        """
        from headgate.predictions.pairs import Between, with_outcomes

        found: Table = self.predictions(model).pairs(Between(version, since, until))
        if as_of is None:
            return found
        both: Table = with_outcomes(found, self.joined(model, since, until, as_of, maturity))
        return both

    def joined(
        self,
        model: str,
        since: "datetime | None",
        until: "datetime | None",
        as_of: "datetime",
        maturity: timedelta = timedelta(0),
    ) -> "Table":
        """Return live predictions with what had become true of them, as `predictions.join.Joined` has them."""
        from contextlib import closing

        from headgate.predictions.join import Joined
        from headgate.predictions.query import Wanted

        hashed = self.policy.models[model].serving.redaction().get("unit") == "hash"
        live = self.predictions(model).table(Wanted(since, until, role="live"))
        hashes = self.log_hash() if hashed else None
        with closing(Joined(model, live, self.outcomes().table(), as_of, maturity, hashes)) as joined:
            table: Table = joined.table()
            return table

    def compact(self) -> "dict[str, Compacted]":
        """Turn what workers wrote into Parquet, and let go of what is too old; by model."""
        from headgate.adapters.parquet.compact import Compactor, alone
        from headgate.predictions.outcome import micros

        now, done = micros(self.clock.now()), {}
        with alone(self.spool()):
            for model, policy in self.policy.models.items():
                keep = policy.serving.log.keep // timedelta(microseconds=1)
                done[model] = Compactor(self.spool(), self._log_place(model), model, now, keep).run()
            self.outcomes().compact()
        return done

    def _log_place(self, model: str) -> "LogPlace":
        from headgate.adapters.parquet.place import Place as LogPlace

        to = self.policy.models[model].serving.log.to
        return LogPlace(to if "://" in to else self.folder / to if to else self.state / "predictions")

    def outcomes(self) -> "History":
        """Every outcome that was kept."""
        from headgate.adapters.outcomes.history import History

        return History(self.state / "outcomes")

    def outcome_sink(self) -> "Segments":
        """What keeps outcomes; its owner closes it."""
        from headgate.adapters.outcomes.segments import Segments

        return Segments(self.state / "outcomes" / "segments")

    def concealing(self) -> "Conceal":
        """What takes units out of outcomes before they are written, as the policy says for each model."""
        from headgate.predictions.redact import concealing

        redactions = {name: model.serving.redaction() for name, model in self.policy.models.items()}
        return concealing({name: one["unit"] for name, one in redactions.items() if "unit" in one}, self.log_hash())

    def log_hash(self) -> Callable[[str], str]:
        """The hash with which the log redacts."""
        from headgate.adapters.spool.salt import salt_of
        from headgate.predictions.redact import hasher

        return hasher(salt_of(self.log_salt()))

    def spool(self) -> Path:
        """Where workers write predictions first."""
        return self.state / "spool"

    def log_salt(self) -> Path:
        """The file of the salt with which the log hashes."""
        return self.state / "keys" / "log-salt"


def outcome_pieces(name: str) -> "Iterator[tuple[float, list[dict[str, Any]]]]":
    """Read a file of outcomes, by path or URL."""
    from headgate.adapters.outcomes.files import pieces

    return pieces(name)
