"""Hand the answers of one tick to the prediction log: whole columns, once per tick and arm."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from headgate.gateway.call import Batch
from headgate.gateway.table import Serving
from headgate.gateway.unit import texts
from headgate.predictions.ports import OutcomeSink, PredictionLog
from headgate.predictions.redact import Conceal
from headgate.predictions.row import Answered, Layout, Redaction, Role, Source
from headgate.registry.signature import Columns

ANSWERED = 200


@dataclass(frozen=True, slots=True)
class Tap:
    """Where answers go, and what the policy says about each model's.

    Attributes:
        log: Takes them in.
        redact: Model to column to what becomes of it.
        units: Model to the input column that holds the unit.
    """

    log: PredictionLog
    redact: Mapping[str, Mapping[str, Redaction]] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Keeping:
    """What a worker keeps of its work.

    Attributes:
        tap: Where answers go.
        outcomes: Where outcomes go.
        close: Writes what waits; called once, when nothing is added any more.
        counts: Reads what the log counted; None: it does not count.
        conceal: Makes an outcome fit to be written; raises BadInput for one that may not be.
    """

    tap: Tap
    outcomes: OutcomeSink
    close: Callable[[], None]
    counts: Callable[[], Mapping[str, int]] | None = None
    conceal: Conceal = lambda outcome: outcome


class Recorder:
    """Records the answers of one arm.

    Args:
        tap: Where they go.
        model: The model's name.
        serving: Version and arm.
        role: Whether a client gets the answers.
    """

    def __init__(self, tap: Tap, model: str, serving: Serving, role: Role = "live") -> None:
        signature = serving.loaded.signature
        self._add = tap.log.add
        layout = Layout(model, signature.inputs, signature.outputs, tap.redact.get(model, {}))
        self._source = Source(layout, serving.arm.version, serving.arm.name, role)
        column = tap.units.get(model)
        self._column = column if column in {one.name for one in signature.inputs} else None

    def record(
        self,
        batch: Batch,
        ids: Sequence[bytes],
        time_us: int,
        inputs: Columns | None,
        outputs: Columns | None,
        status: int,
        latency_us: int,
    ) -> Answered:
        """Record one batch; return it as it was recorded.

        Args:
            batch: The requests.
            ids: One for each of them, in their order.
            time_us: When they were answered, microseconds since 1970.
            inputs: Of all rows; None: not known.
            outputs: Of all rows; None: it failed.
            status: Of the answers.
            latency_us: Of the first request.
        """
        rows = [1] * len(batch.singles) + [asked.rows for _, asked in batch.asked] if batch.asked else None
        column = None if self._column is None or inputs is None else inputs[self._column]
        units = texts(batch, column)
        answered = Answered(self._source, ids, rows, time_us, units, inputs, outputs, status, latency_us)
        self._add(answered)
        return answered
