"""The rules of a scorecard's lines, of segments and of traffic shares: each line can be met, and says something."""

from collections.abc import Iterator
from math import isclose

from headgate.policy.metrics import METRIC_NAMES, METRIC_RANGE
from headgate.policy.model import LatencyLine, MetricLine, ModelPolicy, SegmentLine
from headgate.policy.problem import KeyPath, Problem, list_words, nearest
from headgate.policy.rules_data import column_rules

SEGMENT_TYPES = ("string", "bool", "int")


def scorecard_rules(model: ModelPolicy) -> Iterator[Problem]:
    """Yield what is wrong with the lines."""
    primary = [p for p, line in enumerate(model.scorecard) if isinstance(line, MetricLine) and line.role == "primary"]
    for position in primary[1:]:
        yield Problem(("scorecard", position, "role"), f"line {primary[0] + 1} is primary already; one is at most")
    for position, line in enumerate(model.scorecard):
        here = ("scorecard", position)
        if line in model.scorecard[:position]:
            yield Problem(here, "this line stands twice")
        if isinstance(line, MetricLine | SegmentLine):
            yield from _metric(here, line, model.task)
            yield from _bounds(here, line)
        if isinstance(line, MetricLine) and line.champion and line.champion.rule == "better" and line.champion.margin:
            yield Problem((*here, "champion", "margin"), "a margin belongs to the rule no_worse, not to better")
        if isinstance(line, SegmentLine):
            yield from _segment((*here, "by"), line.by, model)
        if isinstance(line, LatencyLine):
            yield from _latency(here, line)


def _metric(here: KeyPath, line: MetricLine | SegmentLine, task: str) -> Iterator[Problem]:
    names = METRIC_NAMES[task]
    if line.metric in names:
        return
    others = [other for other, metrics in METRIC_NAMES.items() if line.metric in metrics]
    why = f"is computed for {list_words(others)}, not for {task}" if others else "is a metric that nobody computes"
    yield Problem(
        (*here, "metric"), f"{line.metric!r} {why}.{nearest(line.metric, names)} Allowed: {list_words(names)}"
    )


def _bounds(here: KeyPath, line: MetricLine | SegmentLine) -> Iterator[Problem]:
    other = "champion" if isinstance(line, MetricLine) else "may_drop"
    if line.at_least is None and line.at_most is None and getattr(line, other) is None:
        yield Problem(here, f"this line asks for nothing; give it at_least, at_most or {other}")
    if line.at_least is not None and line.at_most is not None and line.at_least > line.at_most:
        yield Problem((*here, "at_least"), f"{line.at_least:g} is above at_most {line.at_most:g}: no value passes")
    low, high = METRIC_RANGE.get(line.metric, (None, None))
    if line.at_least is not None and high is not None and line.at_least > high:
        yield Problem((*here, "at_least"), f"{line.metric} is never above {high:g}: no version passes")
    if line.at_most is not None and low is not None and line.at_most < low:
        yield Problem((*here, "at_most"), f"{line.metric} is never below {low:g}: no version passes")


def _segment(path: KeyPath, name: str, model: ModelPolicy) -> Iterator[Problem]:
    if name == model.data.id:
        yield Problem(path, f"{name} is the id: every segment would hold one row")
    else:
        yield from column_rules(path, name, SEGMENT_TYPES, model.data.columns)


def _latency(here: KeyPath, line: LatencyLine) -> Iterator[Problem]:
    requests = line.rate * line.seconds
    if requests * (1 - line.quantile) < 1:
        yield Problem(
            (*here, "quantile"),
            f"P{line.quantile * 100:g} of {requests:g} requests is their maximum; raise rate or seconds until "
            f"{1 / (1 - line.quantile):.0f} requests are sent",
        )


def segment_rules(model: ModelPolicy) -> Iterator[Problem]:
    """Yield what is wrong with the columns by which metrics are recorded."""
    for position, name in enumerate(model.segments):
        here = ("segments", position)
        yield from _segment(here, name, model)
        if name in model.segments[:position]:
            yield Problem(here, f"{name} stands twice")


def traffic_rules(model: ModelPolicy) -> Iterator[Problem]:
    """Yield what is wrong with the shares of traffic."""
    if model.traffic is None:
        return
    for name, share in model.traffic.items():
        if not 0 <= share <= 1:
            yield Problem(("traffic", name), f"a share is from 0 to 1, not {share:g}")
    total = sum(model.traffic.values())
    if not isclose(total, 1, abs_tol=1e-9):
        yield Problem(("traffic",), f"the shares sum to {total:g}, not to 1")
