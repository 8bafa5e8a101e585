"""The policy of a project: what headgate.yaml may say, as frozen objects.

Field descriptions are the reference page and the JSON Schema; nothing here reads a file.
"""

import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def parse_span(text: object) -> object:
    """Turn ``"90s"``, ``"10m"``, ``"24h"``, ``"14d"`` into a timedelta; leave anything else to the type check."""
    if isinstance(text, str) and (found := re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", text.strip())):
        return timedelta(seconds=float(found[1]) * UNITS[found[2]])
    if isinstance(text, timedelta):
        return text
    raise ValueError('write a span such as "90s", "10m", "24h" or "14d"')


def show_span(span: timedelta) -> str:
    """Return the shortest text that parse_span reads back."""
    seconds = span.total_seconds()
    for unit in ("d", "h", "m"):
        if seconds and seconds % UNITS[unit] == 0:
            return f"{seconds / UNITS[unit]:g}{unit}"
    return f"{seconds:g}s"


Span = Annotated[
    timedelta,
    BeforeValidator(parse_span, json_schema_input_type=str),
    PlainSerializer(show_span, return_type=str),
]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
Task = Literal["binary", "multiclass", "regression"]
ColumnType = Literal["float", "int", "string", "bool", "timestamp"]


class Part(BaseModel):
    """A part of the policy: frozen, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ColumnPolicy(Part):
    """What a column of the data must be."""

    type: ColumnType = Field(description="float, int, string, bool or timestamp (with zone).")
    missing: bool = Field(False, description="May hold missing values.")
    at_least: float | None = Field(None, description="Smallest allowed value.")
    at_most: float | None = Field(None, description="Largest allowed value.")
    one_of: tuple[str, ...] | None = Field(None, description="Allowed values (string columns).")


class LabelPolicy(Part):
    """What the model predicts, and when that becomes known."""

    column: str = Field(description="The column that holds the label (the outcome).")
    known_at: str | None = Field(None, description="Timestamp column: when the label became known.")
    true_at: str | None = Field(
        None, description="Timestamp column: when the labelled thing really happened; known_at may not be earlier."
    )


class DataPolicy(Part):
    """Where rows come from and what they must look like."""

    source: str = Field(description="CSV or Parquet file, relative to the project folder.")
    id: str = Field(description="Column that names a row; unique.")
    time: str = Field(description="Timestamp column: when the prediction is made.")
    label: LabelPolicy
    columns: dict[str, ColumnPolicy] = Field(description="The columns that are read, and their types and ranges.")
    future: tuple[str, ...] = Field(
        (), description="Columns that are not known at prediction time; none of them may reach a feature."
    )


class StoredFeatures(Part):
    """A table of observations joined at prediction time: the latest one known before it."""

    source: str = Field(description="CSV or Parquet file, relative to the project folder.")
    keys: dict[str, str] | tuple[str, ...] = Field(
        description="Columns to match on: the same names on both sides, or row column -> table column."
    )
    time: str = Field(description="Timestamp column: when the observation became known.")
    columns: dict[str, ColumnPolicy] = Field(description="The columns that are taken.")
    prefix: str = Field("", description="Put before each taken column's name.")
    max_age: Span | None = Field(None, description="An older observation counts as missing.")


class FeaturePolicy(Part):
    """From columns to what the model sees."""

    file: str | None = Field("features.py", description="Holds `def features(columns)`; null: the inputs as they are.")
    inputs: tuple[str, ...] = Field(description="Columns of the data that a caller sends.")
    stored: dict[str, StoredFeatures] = Field(default_factory=dict, description="Tables joined at prediction time.")


class SplitPolicy(Part):
    """Which rows train and which judge; always by time."""

    train_from: str | None = Field(None, description="First prediction time that trains (ISO 8601 with zone).")
    until: str | None = Field(None, description="Rows from this prediction time on are not read (ISO 8601 with zone).")
    holdout: Span = Field(description="The last span before `until` is held out and judges the version.")


class TrainingPolicy(Part):
    """How a version is fitted."""

    file: str = Field("train.py", description="Holds `def train(frame, labels, params)`.")
    params: dict[str, bool | int | float | str] = Field(default_factory=dict, description="Handed to train().")
    seed: int = Field(0, description="Seeds numpy, random and the model.")
    time_limit: Span = Field(timedelta(minutes=30), description="train() is stopped after this long.")
    threads: int = Field(1, ge=1, description="Threads for numeric libraries; one is reproducible.")


class PackagePolicy(Part):
    """How a fitted model becomes a bundle."""

    runtime: Literal["auto", "onnx", "pyfunc"] = Field(
        "auto", description="auto: ONNX where it agrees with the native model, else MLflow pyfunc with a why."
    )
    agree_share: float = Field(0.999, gt=0, le=1, description="Share of rows on which ONNX must agree.")
    tolerance: float = Field(1e-4, gt=0, description="Largest difference that counts as agreement.")
    trusted_types: tuple[str, ...] = Field((), description="Further types that skops may load.")
    allow_pickle: bool = Field(False, description="Let a pyfunc bundle hold pickles. They run code when loaded.")


class Versus(Part):
    """A comparison with the champion on the same rows, by paired bootstrap."""

    rule: Literal["better", "no_worse"] = Field(description="better: the interval says so; no_worse: within margin.")
    margin: float = Field(0.0, ge=0, description="How much worse still counts as no worse, in the metric's unit.")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="Of the one-sided bootstrap bound.")


class MetricLine(Part):
    """A metric over all held-out rows."""

    kind: Literal["metric"]
    metric: str
    role: Literal["primary", "secondary"] = "secondary"
    at_least: float | None = None
    at_most: float | None = None
    champion: Versus | None = None


class SegmentLine(Part):
    """A metric within each value of a column; every segment with enough rows must meet it."""

    kind: Literal["segment"]
    by: str
    metric: str
    at_least: float | None = None
    at_most: float | None = None
    may_drop: float | None = Field(None, ge=0, description="Largest loss against the champion in any segment.")
    least_rows: int = Field(100, ge=1, description="Smaller segments are shown, not judged.")


class LatencyLine(Part):
    """A latency quantile of the packaged model under open-loop load."""

    kind: Literal["latency"]
    quantile: float = Field(0.99, gt=0, lt=1)
    at_most_ms: float = Field(gt=0)
    rate: float = Field(200, gt=0, description="Requests per second.")
    seconds: float = Field(3, gt=0, le=600)


class SizeLine(Part):
    """The bundle's size on disk."""

    kind: Literal["size"]
    at_most_mb: float = Field(gt=0)


class MemoryLine(Part):
    """Peak memory of a process that loads and runs the packaged model."""

    kind: Literal["memory"]
    at_most_mb: float = Field(gt=0)


class ParityLine(Part):
    """Agreement of the packaged with the native model, as recorded at packaging."""

    kind: Literal["parity"]
    share: float = Field(0.999, gt=0, le=1)


Line = Annotated[
    MetricLine | SegmentLine | LatencyLine | SizeLine | MemoryLine | ParityLine, Field(discriminator="kind")
]


class ModelPolicy(Part):
    """One model of the project."""

    task: Task
    data: DataPolicy
    features: FeaturePolicy
    split: SplitPolicy
    training: TrainingPolicy = TrainingPolicy()
    package: PackagePolicy = PackagePolicy()
    scorecard: tuple[Line, ...] = Field(min_length=1, description="Every line must pass.")
    segments: tuple[str, ...] = Field((), description="Columns by which metrics are recorded on the run.")
    api_version: int = Field(1, ge=1, description="Raise it to allow a signature that breaks the champion's.")
    traffic: dict[str, float] | None = Field(None, description="Shares of arms by name; they sum to 1.")


class ApprovalPolicy(Part):
    """Who must sign before a version may serve."""

    need: int = Field(1, ge=1, description="How many people must approve.")
    of: tuple[str, ...] = Field((), description="Whose ballots count; empty: every person known to the journal.")
    expires: Span = Field(timedelta(days=30), description="An older ballot no longer counts.")
    allow_unauthenticated: bool = Field(
        True, description="Count ballots of people without keys; every screen then says so."
    )


class WebhookPolicy(Part):
    """Where events are sent."""

    url: str
    secret_env: str = Field(description="Environment variable that holds the signing secret.")
    events: tuple[str, ...] = Field(("*",), description="Event kinds; * matches any part of a kind.")
    allow_private: bool = Field(False, description="Let the URL lead to loopback or private addresses.")


class Settings(Part):
    """Where state lives. Each is overridden by an environment variable, HEADGATE_DATABASE and so on."""

    state: str = Field(".headgate", description="Folder for local state, relative to the project folder.")
    database: str = Field("", description="SQLAlchemy URL; empty: SQLite in the state folder.")
    tracking: str = Field("", description="MLflow tracking URI; empty: SQLite in the state folder.")
    artefacts: str = Field("", description="Where MLflow puts artefacts (path or s3://); empty: the state folder.")
    head: str = Field("", description="File that keeps the journal's signed head; empty: in the state folder.")


class ProjectPolicy(Part):
    """The whole of headgate.yaml."""

    project: Name = Field(description="The project's name.")
    models: dict[Name, ModelPolicy] = Field(min_length=1)
    approval: ApprovalPolicy = ApprovalPolicy()
    moved_alias: Literal["put_back", "honour"] = Field(
        "put_back", description="What to do when somebody moves MLflow's champion alias by hand."
    )
    webhooks: dict[Name, WebhookPolicy] = Field(default_factory=dict)
    settings: Settings = Settings()
