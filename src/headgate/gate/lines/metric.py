"""A metric over all held-out rows, against bounds and against the champion."""

from headgate.base.errors import BadInput
from headgate.gate.compare import Compared, NotCompared, compare
from headgate.gate.facts import NO_CHAMPION, Facts
from headgate.gate.numbers import bounds, nearest, number, rows, signed
from headgate.gate.rows import Answers, Silent
from headgate.gate.verdict import Judged
from headgate.policy.model import MetricLine, Versus
from headgate.policy.scorecard import describe
from headgate.training.metrics import METRICS


def judge(line: MetricLine, facts: Facts) -> Judged:
    """Judge a metric line; a metric without a value does not meet any bound."""
    if isinstance(facts.candidate, Silent):
        return Judged(describe(line), passed=False, why=facts.candidate.why, measured={})
    try:
        absolute, why, value = _absolute(line, facts, facts.candidate)
    except BadInput as error:
        return Judged(describe(line), passed=False, why=error.what, measured={})
    relative, because, gain = _relative(line, facts, facts.candidate)
    measured = {"value": value, "rows": len(facts.held_out), "role": line.role, **gain}
    return Judged(describe(line), passed=absolute and relative, why="; ".join([*why, *because]), measured=measured)


def _absolute(line: MetricLine, facts: Facts, candidate: Answers) -> tuple[bool, list[str], float | None]:
    count = len(facts.held_out)
    value = METRICS[line.metric].compute(facts.held_out.labels, candidate.predictions, candidate.classes)
    if value != value:  # noqa: PLR0124 - NaN
        return False, [f"{line.metric} has no value on {rows(count)}: it needs rows of every class"], None
    kept, limits = bounds(value, line.at_least, line.at_most)
    text = number(value, nearest(value, line.at_least, line.at_most))
    why = f"{line.metric} {text} on {count:,} held-out {'row' if count == 1 else 'rows'}"
    return kept, [why, limits] if limits else [why], value


def _relative(
    line: MetricLine, facts: Facts, candidate: Answers
) -> tuple[bool, list[str], dict[str, float | int | str]]:
    if line.champion is None:
        return True, [], {}
    if facts.champion is None:
        return True, [NO_CHAMPION], {}
    found = compare(
        line.metric,
        facts.held_out,
        candidate,
        facts.champion,
        confidence=line.champion.confidence,
        seed=facts.seed,
        least_rows=line.champion.least_rows,
    )
    if isinstance(found, NotCompared):
        return False, [f"not compared with the champion: {found.why}"], {}
    passed, why = versus(line.champion, found)
    return passed, [why], measured(found)


def versus(rule: Versus, found: Compared) -> tuple[bool, str]:
    """Say whether a gain meets the rule, with the interval behind it."""
    gain = found.gain
    passed = gain.bound > 0 if rule.rule == "better" else gain.bound >= -rule.margin
    verb = "better" if rule.rule == "better" else f"no worse by more than {rule.margin:g}"
    beside = number(gain.candidate, gain.champion)
    why = (
        f"{beside} against champion {found.champion}'s {number(gain.champion, gain.candidate)} on {rows(found.rows)} "
        f"new to both: {_gain(gain.gain)}, {rule.confidence:.0%} sure to be {_bound(gain.bound)} "
        f"(drawing {gain.units:,} {gain.unit}), so {'' if passed else 'not shown to be '}{verb}"
    )
    return passed, why


def _bound(bound: float) -> str:
    """Say a lower bound of a gain so that nobody has to think about its sign."""
    if bound == 0:
        return "no worse"
    return f"{'better' if bound > 0 else 'worse'} by {signed(abs(bound))[1:]} at {'least' if bound > 0 else 'most'}"


def _gain(gain: float) -> str:
    return "no difference" if gain == 0 else f"{'better' if gain > 0 else 'worse'} by {signed(abs(gain))[1:]}"


def measured(found: Compared) -> dict[str, float | int | str]:
    """Return the numbers of a comparison for a program."""
    return {
        "champion": found.champion,
        "shared_rows": found.rows,
        "shared_value": found.gain.candidate,
        "champion_value": found.gain.champion,
        "gain": found.gain.gain,
        "bound": found.gain.bound,
        "drawn": found.gain.unit,
        "units": found.gain.units,
    }
