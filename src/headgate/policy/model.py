"""The policy of a project: what headgate.yaml may say, as frozen objects.

Field descriptions are the reference page and the JSON Schema; nothing here reads a file. What one key allows stands
here; what keys mean for each other stands in rules.py.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

from pydantic import Field

from headgate.policy.ensemble import EnsemblePolicy, MemberPolicy
from headgate.policy.guards import (
    BusinessGuard,
    CostGuard,
    ErrorGuard,
    GuardPolicy,
    LatencyGuard,
    PredictionGuard,
    QualityGuard,
)
from headgate.policy.line import (
    LatencyLine,
    Line,
    MemoryLine,
    MetricLine,
    MetricName,
    ParityLine,
    SegmentLine,
    SizeLine,
    Versus,
)
from headgate.policy.part import Name, Part, Text
from headgate.policy.release import AbPolicy, ReleasePolicy, RungPolicy, ShadowPolicy
from headgate.policy.serving import CachePolicy, LimitPolicy, LogPolicy, ServingPolicy
from headgate.policy.span import Moment, Span, parse_moment, parse_span, show_span

__all__ = [
    "AbPolicy",
    "BusinessGuard",
    "CachePolicy",
    "CostGuard",
    "EnsemblePolicy",
    "ErrorGuard",
    "GuardPolicy",
    "LatencyGuard",
    "LatencyLine",
    "LimitPolicy",
    "Line",
    "LogPolicy",
    "MemberPolicy",
    "MemoryLine",
    "MetricLine",
    "MetricName",
    "Name",
    "ParityLine",
    "Part",
    "PredictionGuard",
    "QualityGuard",
    "ReleasePolicy",
    "RungPolicy",
    "SegmentLine",
    "ServingPolicy",
    "ShadowPolicy",
    "SizeLine",
    "Span",
    "Versus",
    "parse_moment",
    "parse_span",
    "show_span",
]

Task = Literal["binary", "multiclass", "regression"]
ColumnType = Literal["float", "int", "string", "bool", "timestamp"]
VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"  # the name of an environment variable


class ColumnPolicy(Part):
    """What a column of the data must be."""

    type: ColumnType = Field(description="float, int, string, bool or timestamp (with zone).")
    missing: bool = Field(default=False, description="May hold missing values.")
    at_least: float | None = Field(None, description="Smallest allowed value (float and int columns).")
    at_most: float | None = Field(None, description="Largest allowed value (float and int columns).")
    one_of: tuple[str, ...] | None = Field(None, min_length=1, description="Allowed values (string columns).")


class LabelPolicy(Part):
    """What the model predicts, and when that becomes known."""

    column: Text = Field(description="The column that holds the label (the outcome).")
    known_at: Text | None = Field(None, description="Timestamp column: when it became known; null: at once.")
    true_at: Text | None = Field(
        None, description="Timestamp column: when the labelled thing really happened; known_at may not be earlier."
    )


class DataPolicy(Part):
    """Where rows come from and what they must look like."""

    source: Text = Field(description="CSV or Parquet file, relative to the project folder.")
    id: Text = Field(description="Column that names a row; unique.")
    time: Text = Field(description="Timestamp column: when the prediction is made.")
    label: LabelPolicy = Field(description="What the model predicts, and when that becomes known.")
    columns: dict[Text, ColumnPolicy] = Field(
        min_length=1, description="The columns that are read, and their types and ranges."
    )
    future: tuple[Text, ...] = Field((), description="Columns not known at prediction time; none may reach a feature.")


class StoredFeatures(Part):
    """A table of observations joined at prediction time: the latest one known before it."""

    source: Text = Field(description="CSV or Parquet file, relative to the project folder.")
    keys: dict[Text, Text] | tuple[Text, ...] = Field(
        description="Columns to match on: the same names on both sides, or row column -> table column."
    )
    time: Text = Field(description="Timestamp column of the table: when the observation became known.")
    columns: dict[Text, ColumnPolicy] = Field(min_length=1, description="The columns that are taken.")
    prefix: str = Field("", description="Put before each taken column's name.")
    max_age: Span | None = Field(None, description="An older observation counts as missing.")

    @property
    def pairs(self) -> Mapping[str, str]:
        """Row column -> table column, however the keys were written."""
        return self.keys if isinstance(self.keys, dict) else {key: key for key in self.keys}


class FeaturePolicy(Part):
    """From columns to what the model sees."""

    file: Text | None = Field("features.py", description="Holds `def features(columns)`; null: the inputs as they are.")
    inputs: tuple[Text, ...] = Field(min_length=1, description="Columns of the data that a caller sends.")
    stored: dict[Name, StoredFeatures] = Field(default_factory=dict, description="Tables joined at prediction time.")


class SplitPolicy(Part):
    """Which rows train and which judge; always by time."""

    train_from: Moment | None = Field(None, description="First prediction time that trains (ISO 8601 with zone).")
    until: Moment | None = Field(None, description="From this prediction time on, rows are not read (ISO 8601, zone).")
    holdout: Span = Field(description="The last span before `until` is held out and judges the version.")


class TrainingPolicy(Part):
    """How a version is fitted."""

    file: Text = Field("train.py", description="Holds `def train(frame, labels, params)`.")
    params: dict[Text, bool | int | float | str] = Field(default_factory=dict, description="Handed to train().")
    seed: int = Field(0, ge=0, lt=2**32, description="Seeds numpy, random and the model.")
    time_limit: Span = Field(timedelta(minutes=30), description="train() is stopped after this long.")
    threads: int = Field(1, ge=1, le=1024, description="Threads for numeric libraries; one is reproducible.")


class PackagePolicy(Part):
    """How a fitted model becomes a bundle."""

    runtime: Literal["auto", "onnx", "pyfunc"] = Field(
        "auto", description="auto: ONNX where it agrees with the native model, else MLflow pyfunc with a why."
    )
    agree_share: float = Field(0.999, gt=0, le=1, description="Share of rows on which ONNX must agree.")
    tolerance: float = Field(1e-4, gt=0, description="Largest difference that counts as agreement.")
    trusted_types: tuple[Text, ...] = Field((), description="Further types that skops may load.")
    allow_pickle: bool = Field(default=False, description="Let a bundle hold pickles. They run code when loaded.")
    allow_private: bool = Field(
        default=False, description="Let a model that another server runs be on a loopback or private address."
    )


class ModelPolicy(Part):
    """One model of the project."""

    task: Task = Field(description="binary, multiclass or regression.")
    data: DataPolicy = Field(description="Where rows come from and what they must look like.")
    features: FeaturePolicy = Field(description="From columns to what the model sees.")
    split: SplitPolicy = Field(description="Which rows train and which judge.")
    training: TrainingPolicy = Field(TrainingPolicy(), description="How a version is fitted.")
    package: PackagePolicy = Field(PackagePolicy(), description="How a fitted model becomes a bundle.")
    ensemble: EnsemblePolicy | None = Field(None, description="Ask other models in one request, instead of a fit.")
    scorecard: tuple[Line, ...] = Field(
        min_length=1, description="What a version must meet; every line must pass. `kind` says which line it is."
    )
    segments: tuple[Text, ...] = Field((), description="Columns by which metrics are recorded on the run.")
    api_version: int = Field(1, ge=1, description="Raise it to allow a signature that breaks the champion's.")
    traffic: dict[Name, float] | None = Field(None, description="Shares of arms by name; they sum to 1.")
    serving: ServingPolicy = Field(ServingPolicy(), description="How the gateway serves the model.")
    release: ReleasePolicy = Field(ReleasePolicy(), description="How a version becomes champion.")


class ApprovalPolicy(Part):
    """Who must sign before a version may serve."""

    need: int = Field(1, ge=1, description="How many people must approve.")
    of: tuple[Text, ...] = Field((), description="Whose ballots count; empty: every person known to the journal.")
    expires: Span = Field(timedelta(days=30), description="An older ballot no longer counts.")
    allow_unauthenticated: bool | None = Field(
        default=None,
        description="Count ballots of people without keys; every screen then says so. "
        "null: until the journal knows the first key, and not from then on.",
    )


class WebhookPolicy(Part):
    """Where events are sent."""

    url: str = Field("", description="Where events are posted: http or https; this or url_env.")
    url_env: str = Field(
        "",
        pattern=rf"^({VARIABLE})?$",
        description="Environment variable that holds the URL: for one that is a secret itself, such as Slack's.",
    )
    secret_env: str = Field(pattern=f"^{VARIABLE}$", description="Environment variable that holds the signing secret.")
    events: tuple[Text, ...] = Field(("*",), min_length=1, description="Event kinds; * matches any part of a kind.")
    format: Literal["json", "slack"] = Field("json", description="json: events whole; slack: messages for people.")
    allow_private: bool = Field(default=False, description="Let the URL lead to loopback or private addresses.")


class Settings(Part):
    """Where state lives. Each is overridden by an environment variable, HEADGATE_DATABASE and so on."""

    state: Text = Field(".headgate", description="Folder for local state, relative to the project folder.")
    database: str = Field("", description="SQLAlchemy URL; empty: SQLite in the state folder.")
    tracking: str = Field("", description="MLflow tracking URI; empty: SQLite in the state folder.")
    artefacts: str = Field("", description="Where MLflow puts artefacts (path or s3://); empty: the state folder.")
    ask_keys: Literal["beyond", "always"] = Field(
        "beyond", description="Who must show an API key: whoever asks from beyond this machine, or everybody."
    )
    head: str = Field("", description="File that keeps the journal's signed head; empty: in the state folder.")
    model_memory_mb: float = Field(
        0,
        ge=0,
        description="Megabytes of open models a worker (by bundle size): the least recently used are closed, "
        "and opened again when asked for; 0: no limit.",
    )
    tls_certificate: str = Field("", description="PEM certificate chain that `headgate serve` shows; empty: no TLS.")
    tls_key: str = Field("", description="PEM file with the certificate's key, unencrypted.")


class ProjectPolicy(Part):
    """The whole of headgate.yaml."""

    project: Name = Field(description="The project's name.")
    models: dict[Name, ModelPolicy] = Field(min_length=1, description="The project's models, by name.")
    approval: ApprovalPolicy = Field(ApprovalPolicy(), description="Who must sign before a version may serve.")
    moved_alias: Literal["put_back", "honour"] = Field(
        "put_back", description="What to do when somebody moves MLflow's champion alias by hand."
    )
    webhooks: dict[Name, WebhookPolicy] = Field(default_factory=dict, description="Where events are sent, by name.")
    settings: Settings = Field(Settings(), description="Where state lives.")
