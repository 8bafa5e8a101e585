"""Judge every line of a scorecard by the facts; each kind of line has a rule of its own in gate/lines/."""

from collections.abc import Sequence
from typing import assert_never

from headgate.gate.facts import Facts
from headgate.gate.lines import latency, memory, metric, parity, segment, size
from headgate.gate.verdict import Judged
from headgate.policy.model import (
    LatencyLine,
    Line,
    MemoryLine,
    MetricLine,
    ParityLine,
    SegmentLine,
    SizeLine,
)


def judge_lines(lines: Sequence[Line], facts: Facts) -> tuple[Judged, ...]:
    """Return one judgement per line, in the scorecard's order."""
    return tuple(judge_line(line, facts) for line in lines)


def judge_line(line: Line, facts: Facts) -> Judged:
    """Judge one line by the rule of its kind."""
    match line:
        case MetricLine():
            return metric.judge(line, facts)
        case SegmentLine():
            return segment.judge(line, facts)
        case LatencyLine():
            return latency.judge(line, facts)
        case SizeLine():
            return size.judge(line, facts)
        case MemoryLine():
            return memory.judge(line, facts)
        case ParityLine():
            return parity.judge(line, facts)
        case _:
            assert_never(line)
