"""Write metrics in Prometheus' text format, version 0.0.4. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from headgate.gateway.metrics.catalogue import Metric
from headgate.predictions.rollup import Bins, bin_of, edge

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
)  # fmt: skip
_LAST_BINS = tuple(bin_of(seconds) for seconds in SECONDS)
_HALF = 1.01  # a bin's middle lies about 1 % under its upper edge


def head(metric: Metric) -> str:
    """Return the two lines that start a metric."""
    return f"# HELP {metric.name} {metric.help}\n# TYPE {metric.name} {metric.kind}\n"


def sample(name: str, labels: Mapping[str, str], value: float) -> str:
    """Return one line."""
    inside = ",".join(f'{key}="{_escape(text)}"' for key, text in labels.items())
    shown = repr(int(value)) if float(value).is_integer() else repr(float(value))
    return f"{name}{{{inside}}} {shown}\n" if inside else f"{name} {shown}\n"


def durations(metric: Metric, labels: Mapping[str, str], bins: Bins) -> Iterator[str]:
    """Yield the lines of a histogram of durations; its edges are those of the 2 % bins next to the round ones."""
    total = sum(bins.values())
    for seconds, last in zip(SECONDS, _LAST_BINS, strict=True):
        below = sum(count for number, count in bins.items() if number <= last)
        yield sample(f"{metric.name}_bucket", {**labels, "le": repr(seconds)}, below)
    spent = sum(edge(number) / _HALF * count for number, count in bins.items())
    yield from _end(metric, labels, spent, total)


def sizes(metric: Metric, labels: Mapping[str, str], bits: Bins, rows: float) -> Iterator[str]:
    """Yield the lines of a histogram of sizes that were counted by their bits: 1, 2-3, 4-7 ..."""
    below = 0
    for bit in range(1, max(bits, default=0) + 1):
        below += bits.get(bit, 0)
        yield sample(f"{metric.name}_bucket", {**labels, "le": str(2**bit - 1)}, below)
    yield from _end(metric, labels, rows, sum(bits.values()))


def _end(metric: Metric, labels: Mapping[str, str], total: float, count: float) -> Iterator[str]:
    yield sample(f"{metric.name}_bucket", {**labels, "le": "+Inf"}, count)
    yield sample(f"{metric.name}_sum", labels, total)
    yield sample(f"{metric.name}_count", labels, count)


def labelled(names: Sequence[str], values: Sequence[str]) -> dict[str, str]:
    """Return labels by name."""
    return dict(zip(names, values, strict=True))


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
