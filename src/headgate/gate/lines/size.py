"""The bundle's size on disk."""

from headgate.gate.facts import MEGABYTE, Facts
from headgate.gate.numbers import number
from headgate.gate.verdict import Judged
from headgate.policy.model import SizeLine
from headgate.policy.scorecard import describe


def judge(line: SizeLine, facts: Facts) -> Judged:
    """Judge a size line, in MB of 1,000,000 bytes."""
    size = facts.bytes / MEGABYTE
    why = f"{number(size, line.at_most_mb)} MB on disk; at most {line.at_most_mb:g} MB"
    return Judged(describe(line), passed=size <= line.at_most_mb, why=why, measured={"bytes": facts.bytes})
