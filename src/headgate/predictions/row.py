"""What one row of the prediction log holds, and the form in which a gateway hands over the answers of one tick.

id          uuid7 of the request; the answer names it        row    0 for a request of one row, else 0, 1, 2 ...
time        when it was answered, microseconds, UTC          model, version, arm, role (live or shadow)
unit        whom it concerned; null: not said                status of the answer: 200, or what it was refused with
latency_us  from the request's arrival to its answer         input.<name>, output.<name>: null where status is not 200
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from headgate.predictions.columns import Column, Kind
from headgate.registry.field import Columns, DType, Field

Role = Literal["live", "shadow"]
Redaction = Literal["hash", "drop"]
INPUT, OUTPUT, UNIT = "input.", "output.", "unit"
META = (
    Column("id", "utf8"),
    Column("row", "int32"),
    Column("time", "timestamp"),
    Column("model", "utf8"),
    Column("version", "utf8"),
    Column("arm", "utf8"),
    Column("role", "utf8"),
    Column(UNIT, "utf8"),
    Column("status", "int16"),
    Column("latency_us", "int64"),
)
ROW_BYTES = 160  # beside inputs and outputs: the id, mostly
CELL_BYTES: Mapping[DType, int] = {
    "float32": 4,
    "float64": 8,
    "int32": 4,
    "int64": 8,
    "bool": 1,
    "timestamp": 8,
    "string": 56,  # a Python string beside its characters
}
KINDS: Mapping[DType, Kind] = {
    "string": "utf8",
    "float32": "float32",
    "float64": "float64",
    "int32": "int32",
    "int64": "int64",
    "bool": "bool",
    "timestamp": "timestamp",
}


@dataclass(frozen=True, eq=False)
class Layout:
    """The columns of a model's rows, as long as its signature and its redaction stay the same.

    Attributes:
        model: The model's name.
        inputs: Of the signature.
        outputs: Of the signature.
        redact: Column name, or `unit`, to what becomes of it.
    """

    model: str
    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]
    redact: Mapping[str, Redaction] = field(default_factory=dict)

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """Every column of a row, in order; what is dropped is not there."""
        made = (
            self._column(prefix, one)
            for prefix, fields in ((INPUT, self.inputs), (OUTPUT, self.outputs))
            for one in fields
            if self.redact.get(one.name) != "drop"
        )
        return (*META, *made)

    @cached_property
    def key(self) -> str:
        """Eight hex digits that are the same for the same columns."""
        return hashlib.sha256(repr(self.columns).encode()).hexdigest()[:8]

    @cached_property
    def name(self) -> str:
        """Model and key: layouts of one name have the same columns."""
        return f"{self.model} {self.key}"

    @cached_property
    def texts(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names of the inputs and of the outputs that hold strings."""
        inputs, outputs = (
            tuple(one.name for one in side if one.dtype == "string") for side in (self.inputs, self.outputs)
        )
        return inputs, outputs

    @cached_property
    def has_texts(self) -> bool:
        """Whether any column of inputs or outputs holds strings."""
        return any(map(len, self.texts))

    @cached_property
    def row_bytes(self) -> int:
        """About how many bytes a row needs while it waits, its strings' characters aside."""
        return ROW_BYTES + sum((one.width or 1) * CELL_BYTES[one.dtype] for one in (*self.inputs, *self.outputs))

    def _column(self, prefix: str, one: Field) -> Column:
        if one.name in self.redact:
            return Column(prefix + one.name, "utf8")
        return Column(prefix + one.name, KINDS[one.dtype], one.width)


@dataclass(frozen=True, eq=False)
class Source:
    """Who answers: the same object for every tick of an arm.

    Attributes:
        layout: The columns of the model.
        version: The version that answers.
        arm: The arm's name.
        role: Whether a client gets the answers.
    """

    layout: Layout
    version: str
    arm: str
    role: Role = "live"


@dataclass(slots=True)
class Answered:
    """The answers that one arm gave in one tick, as columns; nobody changes them while they are taken in.

    Attributes:
        source: Who answered.
        ids: One uuid7 (36 ASCII bytes) a request.
        rows: How many rows each request has; None: one each.
        time_us: When, microseconds since 1970.
        units: Of each request; None: not said.
        inputs: Of all rows together; None: not known (the model failed).
        outputs: Of all rows together; None: there are none (the model failed).
        status: Of the answers.
        latency_us: Of the request that waited longest.
    """

    source: Source
    ids: Sequence[bytes]
    rows: Sequence[int] | None
    time_us: int
    units: Sequence[str | None] | None
    inputs: Columns | None
    outputs: Columns | None
    status: int
    latency_us: int

    @property
    def count(self) -> int:
        """How many rows they are."""
        return len(self.ids) if self.rows is None else sum(self.rows)
