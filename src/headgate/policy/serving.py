"""How the gateway serves a model: what headgate.yaml may say of it."""

from datetime import timedelta
from typing import Literal

from pydantic import Field

from headgate.policy.part import Part, Text
from headgate.policy.span import Span


class LimitPolicy(Part):
    """A token bucket: so many requests per second on average, over all workers."""

    per_second: float = Field(gt=0, le=1e7, description="Requests per second, on average, over all workers.")
    burst: float | None = Field(None, ge=1, le=1e7, description="Requests at once after a pause; null: one second's.")


class LogPolicy(Part):
    """What the prediction log keeps of a model's answers."""

    sample: float = Field(
        1.0, ge=0, le=1, description="Share of the requests that is kept, chosen by a hash of the id."
    )
    redact: dict[Text, Literal["hash", "drop"]] = Field(
        default_factory=dict,
        description="Input or output column, or `unit`: hash keeps who is equal to whom (salted), drop keeps nothing.",
    )
    keep: Span = Field(timedelta(days=90), description="Older predictions are deleted by `headgate compact`.")
    to: str = Field("", description="Folder or URL (s3://) for Parquet files; empty: in the state folder.")


class CachePolicy(Part):
    """A version's answers are given again for the same row: only for models that depend on their inputs alone."""

    ttl: Span = Field(description="For how long.")
    max_mb: float = Field(64, gt=0, le=1e6, description="Megabytes (10^6 bytes) of each version in each worker, about.")


class ShadowPolicy(Part):
    """What a shadow of the model may take; each worker runs one process for each shadow."""

    memory_mb: float = Field(
        2_000, ge=100, le=1e6, description="Megabytes (10^6 bytes) of memory; a shadow that wants more is ended."
    )
    patience: Span = Field(
        timedelta(seconds=10), description="A shadow that takes longer to answer is ended; a second time, for good."
    )
    queue_rows: int = Field(20_000, ge=1, le=10_000_000, description="Rows that wait for it; more are dropped.")
    queue_mb: float = Field(32, gt=0, le=1e6, description="Megabytes that wait for it; more are dropped.")


class ServingPolicy(Part):
    """How the gateway serves a model."""

    unit: Text | None = Field(
        None,
        description="Input column, string or int, that keeps a caller on one arm; null: only the header headgate-unit.",
    )
    lease: Span = Field(
        timedelta(seconds=60), description="A challenger's share goes back to the champion when not renewed this long."
    )
    final_after: Span = Field(
        timedelta(seconds=30),
        description="A request without an answer after so long counts as an error; only then a second is judged.",
    )
    queue_ms: float = Field(
        100, gt=0, le=60_000, description="A request that would wait longer than this for the model is refused (503)."
    )
    limit: LimitPolicy | None = Field(None, description="Requests that the model takes from everybody together.")
    limit_per_key: LimitPolicy | None = Field(None, description="Requests that the model takes from each API key.")
    fuse_failures: int = Field(
        5, ge=1, le=10_000, description="Failures of a challenger in a row after which a worker takes it out."
    )
    fuse_pause: Span = Field(timedelta(seconds=30), description="Until a version that was taken out is tried again.")
    max_batch: int = Field(
        8_192, ge=1, le=1_000_000, description="Rows of one call of the model; more take several calls."
    )
    max_wait_ms: float = Field(
        0, ge=0, le=10_000, description="A request waits this long for others to be called with; 0: for nothing."
    )
    concurrency: int = Field(
        1,
        ge=1,
        le=64,
        description="Calls of a model that runs apart, or is slow, at the same time; as many again of large requests.",
    )
    cache: CachePolicy | None = Field(None, description="Answer known rows from memory; null: ask the model each time.")
    log: LogPolicy = Field(LogPolicy(), description="What the prediction log keeps.")
    shadow: ShadowPolicy = Field(ShadowPolicy(), description="What a shadow may take.")

    def redaction(self) -> dict[str, Literal["hash", "drop"]]:
        """Return what becomes of each column, and of `unit`: as of the unit's column where nothing is said."""
        said = self.log.redact
        return said if self.unit not in said or "unit" in said else {**said, "unit": said[self.unit]}
