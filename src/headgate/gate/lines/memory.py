"""Peak memory of a process that loads and runs the bundle."""

from headgate.gate.facts import Facts, Unmeasured
from headgate.gate.numbers import number, rows
from headgate.gate.verdict import Judged
from headgate.policy.model import MemoryLine
from headgate.policy.scorecard import describe


def judge(line: MemoryLine, facts: Facts) -> Judged:
    """Judge a memory line: the whole process counts, Python and the libraries included."""
    if isinstance(facts.memory, Unmeasured):
        return Judged(describe(line), passed=False, why=f"not measured: {facts.memory.why}", measured={})
    peak, before = facts.memory.peak_mb, facts.memory.before_mb
    why = (
        f"{number(peak, line.at_most_mb)} MB at its peak in a fresh process that answers {rows(facts.memory.rows)} "
        f"at once ({number(before)} MB before the bundle was opened); at most {line.at_most_mb:g} MB"
    )
    return Judged(
        describe(line), passed=peak <= line.at_most_mb, why=why, measured={"peak_mb": peak, "before_mb": before}
    )
