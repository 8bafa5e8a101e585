"""A metric within each value of a column: every segment with enough rows must meet it, and a failing one is named."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from headgate.base.digest import Json
from headgate.base.errors import BadInput
from headgate.gate.compare import NotCompared, difference, shared_rows
from headgate.gate.facts import NO_CHAMPION, Facts
from headgate.gate.numbers import bounds, nearest, number, rows
from headgate.gate.rows import Answers, Mask, Silent
from headgate.gate.verdict import Judged
from headgate.policy.model import SegmentLine
from headgate.policy.scorecard import describe
from headgate.training.metrics import METRICS, names_of

SHOWN = 5  # failing segments that the why names one by one


@dataclass(frozen=True, slots=True)
class Segment:
    """One value of the column and what was found within it.

    Attributes:
        name: The value.
        judged: False when it has too few rows, or no value of the metric.
        failures: What it fails, for a person; none when it passes.
        measured: The numbers behind it.
    """

    name: str
    judged: bool
    failures: tuple[str, ...]
    measured: Mapping[str, Json]


def judge(line: SegmentLine, facts: Facts) -> Judged:
    """Judge a segment line; one where no segment could be judged has not passed."""
    if isinstance(facts.candidate, Silent):
        return Judged(describe(line), passed=False, why=facts.candidate.why, measured={})
    if line.by not in facts.held_out.segments:
        return Judged(describe(line), passed=False, why=f"the held-out rows have no column {line.by}", measured={})
    shared = _shared(line, facts, facts.candidate)
    try:
        segments = _segments(line, facts, facts.candidate, None if isinstance(shared, NotCompared) else shared)
    except BadInput as error:
        return Judged(describe(line), passed=False, why=error.what, measured={})
    failures = [f"not compared with the champion: {shared.why}"] if isinstance(shared, NotCompared) else []
    failures += _failures(line, segments, compared=isinstance(shared, np.ndarray))
    why = "; ".join([*failures, *_summary(line, facts, segments)])
    table: dict[str, Json] = {segment.name: segment.measured for segment in segments}
    return Judged(describe(line), passed=not failures, why=why, measured={"by": line.by, "segments": table})


def _shared(line: SegmentLine, facts: Facts, candidate: Answers) -> Mask | NotCompared | None:
    """Return the rows on which the champion is compared; None when the line does not ask for it."""
    if line.may_drop is None or facts.champion is None:
        return None
    return shared_rows(facts.held_out, candidate, facts.champion, line.least_rows)


def _segments(line: SegmentLine, facts: Facts, candidate: Answers, shared: Mask | None) -> list[Segment]:
    names = names_of(facts.held_out.segments[line.by])
    return [_segment(line, facts, candidate, str(name), names == name, shared) for name in np.unique(names)]


def _segment(
    line: SegmentLine, facts: Facts, candidate: Answers, name: str, within: Mask, shared: Mask | None
) -> Segment:
    count = int(within.sum())
    labels, predictions = facts.held_out.labels[within], candidate.predictions[within]
    value = METRICS[line.metric].compute(labels, predictions, candidate.classes)
    defined = bool(np.isfinite(value))
    judged = defined and count >= line.least_rows
    kept, limits = bounds(value, line.at_least, line.at_most)
    failures = []
    if judged and not kept:
        shown = number(value, nearest(value, line.at_least, line.at_most))
        failures.append(f"{line.by} {name}: {line.metric} {shown} on {rows(count)}, not {limits}")
    measured: dict[str, Json] = {"rows": count, "value": value if defined else None}
    if shared is not None:
        drop, numbers = _drop(line, facts, candidate, name, within & shared)
        failures += drop
        measured |= numbers
    return Segment(name, judged, tuple(failures), {**measured, "judged": judged, "passed": judged and not failures})


def _drop(
    line: SegmentLine, facts: Facts, candidate: Answers, name: str, both: Mask
) -> tuple[list[str], dict[str, Json]]:
    """Return how far a segment fell below the champion, when that is too far, and the numbers."""
    if both.sum() < line.least_rows or not isinstance(facts.champion, Answers) or line.may_drop is None:
        return [], {"shared_rows": int(both.sum())}
    found = difference(line.metric, facts.held_out, candidate, facts.champion, both)
    if isinstance(found, NotCompared):
        return [], {"shared_rows": int(both.sum()), "not_compared": found.why}
    numbers: dict[str, Json] = {
        "shared_rows": found.rows,
        "shared_value": found.candidate,
        "champion_value": found.champion,
        "gain": found.gain,
    }
    if found.gain >= -line.may_drop:
        return [], numbers
    champion = f"champion {facts.champion.version}'s {number(found.champion, found.candidate)} on {rows(found.rows)}"
    failure = (
        f"{line.by} {name}: {line.metric} {number(found.candidate, found.champion)} against {champion}, "
        f"worse by {number(-found.gain, line.may_drop)}, may drop {line.may_drop:g}"
    )
    return [failure], numbers


def _failures(line: SegmentLine, segments: list[Segment], *, compared: bool) -> list[str]:
    """Return what fails, segment by segment; a line that judged nothing fails as well."""
    found = [failure for segment in segments for failure in segment.failures]
    if len(found) > SHOWN:
        found = [*found[:SHOWN], f"and {len(found) - SHOWN} more"]
    if compared and not any("gain" in segment.measured for segment in segments):
        nothing = f"none has {rows(line.least_rows)} new to both and a value of {line.metric}"
        found.append(f"no {line.by} could be compared with the champion: {nothing}")
    if any(segment.judged for segment in segments):
        return found
    return [*found, f"no {line.by} could be judged: none has {rows(line.least_rows)} and a value of {line.metric}"]


def _summary(line: SegmentLine, facts: Facts, segments: list[Segment]) -> list[str]:
    judged = [segment for segment in segments if segment.judged]
    said = []
    if judged:
        values = {segment.name: float(str(segment.measured["value"])) for segment in judged}
        low, high = min(values, key=values.__getitem__), max(values, key=values.__getitem__)
        said.append(
            f"{len(judged)} judged, {line.metric} from {number(values[low])} ({low}) to {number(values[high])} ({high})"
        )
    if len(judged) < len(segments):
        said.append(f"{len(segments) - len(judged)} shown only (under {rows(line.least_rows)}, or one class)")
    if line.may_drop is not None and facts.champion is None:
        said.append(NO_CHAMPION)
    return said
