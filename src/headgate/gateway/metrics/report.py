"""What a worker has counted since it last told, as it crosses from process to process. Values only."""

import msgspec


class Second(msgspec.Struct, array_like=True):
    """What one arm did of what was dispatched in one second; see predictions.rollup.Row.

    Attributes:
        spent: Sums as predictions.spent.Spent has them, not rounded.
    """

    second: int
    count: int
    errors: int
    latency: dict[int, int]
    units: list[int]
    unit_errors: list[int]
    unit_slow: list[int]
    slow_above: int | None
    spent: list[float]


class Arm(msgspec.Struct, array_like=True):
    """What one arm did.

    Attributes:
        model: Name.
        version: Number.
        arm: Name.
        role: ``live`` or ``shadow``.
        rows: That the model was asked for.
        cpu: Seconds of processor time of the calls.
        sizes: Calls by the bits of their number of rows: 1, 2-3, 4-7 ...
        delays: Bins of the time that the first request of a call waited for it.
        seconds: What was answered, by the second in which it came in.
    """

    model: str
    version: str
    arm: str
    role: str
    rows: int
    cpu: float
    sizes: dict[int, int]
    delays: dict[int, int]
    seconds: list[Second]


class Load(msgspec.Struct, array_like=True):
    """A version that was loaded, and how many seconds that took."""

    model: str
    version: str
    seconds: float


class Report(msgspec.Struct, tag="report"):
    """What a worker counted since its last report, and how it stands.

    Attributes:
        arms: With traffic.
        refused: Requests by "status code" of their refusal.
        loads: Versions.
        counts: Other counters by name of metric, as increments.
        levels: Gauges by name of metric.
        notes: What a person should know, by what it is about; shown on the health page.
        kills: How often each shadow ended its process beside this worker; None: it has not read its routes yet.
    """

    arms: list[Arm] = []
    refused: dict[str, int] = {}
    loads: list[Load] = []
    counts: dict[str, float] = {}
    levels: dict[str, float] = {}
    notes: dict[str, str] = {}
    kills: dict[str, int] | None = None
