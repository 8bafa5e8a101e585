"""The lines of a scorecard: what headgate.yaml may ask of a version."""

from typing import Annotated, Literal

from pydantic import Field

from headgate.policy.metrics import METRIC_NAMES
from headgate.policy.part import Part, Text

MetricName = Annotated[
    str, Field(json_schema_extra={"enum": sorted({name for names in METRIC_NAMES.values() for name in names})})
]


class Versus(Part):
    """A comparison with the champion on the same rows, by paired bootstrap."""

    rule: Literal["better", "no_worse"] = Field(description="better: the interval says so; no_worse: within margin.")
    margin: float = Field(0.0, ge=0, description="How much worse still counts as no worse, in the metric's unit.")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="Of the one-sided bootstrap bound.")
    least_rows: int = Field(200, ge=30, description="With fewer rows that are new to both, nothing is compared.")


class MetricLine(Part):
    """A metric over all held-out rows."""

    kind: Literal["metric"] = Field(description="This kind of line.")
    metric: MetricName = Field(description="A metric of the model's task.")
    role: Literal["primary", "secondary"] = Field(
        "secondary", description="The primary metric names a version in lists and reports; one line at most."
    )
    at_least: float | None = Field(None, description="Smallest value that passes.")
    at_most: float | None = Field(None, description="Largest value that passes.")
    champion: Versus | None = Field(None, description="How it must compare with the champion, where there is one.")


class SegmentLine(Part):
    """A metric within each value of a column; every segment with enough rows must meet it."""

    kind: Literal["segment"] = Field(description="This kind of line.")
    by: Text = Field(description="The column whose values are the segments (string, bool or int).")
    metric: MetricName = Field(description="A metric of the model's task.")
    at_least: float | None = Field(None, description="Smallest value that passes.")
    at_most: float | None = Field(None, description="Largest value that passes.")
    may_drop: float | None = Field(None, ge=0, description="Largest loss against the champion in any segment.")
    least_rows: int = Field(100, ge=1, description="Smaller segments are shown, not judged.")


class LatencyLine(Part):
    """A latency quantile of the packaged model under open-loop load: of a recorded profile that fits, else measured."""

    kind: Literal["latency"] = Field(description="This kind of line.")
    quantile: float = Field(0.99, gt=0, lt=1, description="0.99 for P99.")
    at_most_ms: float = Field(gt=0, description="Largest latency that passes, in milliseconds.")
    rate: float = Field(200, gt=0, le=100_000, description="Requests per second, sent whether or not answers came.")
    seconds: float = Field(3, gt=0, le=600, description="How long the load lasts.")


class SizeLine(Part):
    """The bundle's size on disk."""

    kind: Literal["size"] = Field(description="This kind of line.")
    at_most_mb: float = Field(gt=0, description="Largest size that passes, in megabytes (10^6 bytes).")


class MemoryLine(Part):
    """Peak memory of a process that loads and runs the packaged model."""

    kind: Literal["memory"] = Field(description="This kind of line.")
    at_most_mb: float = Field(gt=0, description="Largest peak that passes, in megabytes (10^6 bytes).")


class ParityLine(Part):
    """Agreement of the packaged with the native model, as recorded at packaging."""

    kind: Literal["parity"] = Field(description="This kind of line.")
    share: float = Field(0.999, gt=0, le=1, description="Smallest share of rows that agree.")


Line = Annotated[
    MetricLine | SegmentLine | LatencyLine | SizeLine | MemoryLine | ParityLine, Field(discriminator="kind")
]
