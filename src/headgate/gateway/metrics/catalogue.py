"""Every metric: its name, kind, labels and meaning. The page and docs/reference/metrics.md are made from it."""

from dataclasses import dataclass
from typing import Literal

ARM = ("model", "version", "arm", "role")


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric, after Prometheus' conventions: base units, `_total` for what only rises."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()


REQUESTS = Metric("headgate_requests_total", "counter", "Requests that an arm answered or failed.", ARM)
ERRORS = Metric("headgate_request_errors_total", "counter", "Of them, those that the arm failed to answer.", ARM)
LATENCY = Metric(
    "headgate_request_duration_seconds", "histogram", "From a request's arrival to its answer; edges are 2 % fine.", ARM
)
ROWS = Metric("headgate_rows_total", "counter", "Rows that the model was asked for.", ARM)
BATCH = Metric("headgate_batch_rows", "histogram", "Rows of one call of the model.", ARM)
DELAY = Metric(
    "headgate_queue_duration_seconds", "histogram", "How long the first request of a call waited for it.", ARM
)
CPU = Metric(
    "headgate_version_cpu_seconds_total",
    "counter",
    "Processor time of a version's calls, in the worker and in the process of a pyfunc model.",
    ARM,
)
REFUSED = Metric(
    "headgate_refused_total", "counter", "Requests that were refused, by HTTP status and code.", ("status", "code")
)
LOADED = Metric(
    "headgate_version_load_seconds", "gauge", "How long a version took to load when it was last loaded.",
    ("model", "version"),
)  # fmt: skip
IN_FLIGHT = Metric("headgate_requests_in_flight", "gauge", "Requests that have no answer yet, gRPC calls included.")
CONNECTIONS = Metric("headgate_connections", "gauge", "Open HTTP connections.")
LOG_WRITTEN = Metric("headgate_log_rows_total", "counter", "Rows that the prediction log wrote.")
LOG_DROPPED = Metric("headgate_log_dropped_total", "counter", "Rows that the prediction log had no room for.")
LOG_LOST = Metric("headgate_log_lost_total", "counter", "Rows that the prediction log could not write.")
CACHE_HITS = Metric("headgate_cache_hits_total", "counter", "Requests that were answered from the response cache.")
CACHE_MISSES = Metric("headgate_cache_misses_total", "counter", "Requests that the response cache did not know.")
CACHE_BYTES = Metric("headgate_cache_bytes", "gauge", "What the response caches hold.")
SHADOW_ANSWERED = Metric("headgate_shadow_answered_total", "counter", "Copies of requests that a shadow answered.")
SHADOW_FAILED = Metric(
    "headgate_shadow_failed_total", "counter", "Copies that a shadow refused, failed, or ended its process on."
)
SHADOW_DROPPED = Metric(
    "headgate_shadow_dropped_total",
    "counter",
    "Copies that found no room in a shadow's queue, or lack one of its inputs.",
)
SHADOW_KILLED = Metric(
    "headgate_shadow_killed_total", "counter", "Processes that a shadow ended: by a crash, a hang, or its memory."
)
SHADOW_WAITING = Metric("headgate_shadow_waiting", "gauge", "Copies that wait for a shadow.")
SHADOW_QUARANTINED = Metric(
    "headgate_shadow_quarantined", "gauge", "Shadows that get no copies any more, each once a worker."
)
LATE = Metric(
    "headgate_rollup_late_total", "counter", "Requests that were answered after the rollup of their second was final."
)
WORKERS = Metric("headgate_workers", "gauge", "Workers that report.")
RESTARTS = Metric("headgate_worker_restarts_total", "counter", "Workers that were started again because one ended.")

METRICS = (
    REQUESTS, ERRORS, LATENCY, ROWS, BATCH, DELAY, CPU, REFUSED, LOADED, IN_FLIGHT, CONNECTIONS, LOG_WRITTEN,
    LOG_DROPPED, LOG_LOST,  CACHE_HITS, CACHE_MISSES, CACHE_BYTES, SHADOW_ANSWERED,
    SHADOW_FAILED, SHADOW_DROPPED, SHADOW_KILLED, SHADOW_WAITING, SHADOW_QUARANTINED, LATE, WORKERS, RESTARTS,
)  # fmt: skip
