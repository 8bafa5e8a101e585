"""A latency quantile of the packaged model under a stated open-loop load: of a recorded profile, else measured now."""

from math import ceil

from headgate.base.digest import Json
from headgate.gate.facts import Facts, Unmeasured
from headgate.gate.load import Load, requests_for
from headgate.gate.numbers import number
from headgate.gate.profiled import Profiled, for_line, name_of
from headgate.gate.verdict import Judged
from headgate.policy.model import LatencyLine
from headgate.policy.scorecard import describe

SHOWN = (0.5, 0.9, 0.95, 0.99, 0.999)


def judge(line: LatencyLine, facts: Facts) -> Judged:
    """Judge a latency line; a load that was not kept up with, or too short for the quantile, has not passed."""
    profile = for_line(facts.profiles.get("candidate", ()), line)
    if profile is not None:
        return _by_profile(line, profile, for_line(facts.profiles.get("champion", ()), line))
    loads = facts.loads.get((line.rate, line.seconds), Unmeasured("no load was put on it"))
    if isinstance(loads, Unmeasured):
        return Judged(describe(line), passed=False, why=f"not measured: {loads.why}", measured={})
    load = loads["candidate"]
    measured: dict[str, Json] = {name: _numbers(found, line.quantile) for name, found in loads.items()}
    passed, why = _why(line, load, loads.get("champion"))
    return Judged(describe(line), passed=passed, why=why, measured=measured)


def _by_profile(line: LatencyLine, profile: Profiled, champion: Profiled | None) -> Judged:
    measured: dict[str, Json] = {"candidate": _recorded(profile)}
    if champion is not None:
        measured["champion"] = _recorded(champion)
    said = f"profiled over HTTP on {profile.at:%Y-%m-%d %H:%M} UTC (event {profile.position}), not measured again"
    if not profile.kept_up:
        why = (
            f"it did not keep up: {profile.achieved:,.0f} answers/s of {line.rate:g} offered, "
            f"{profile.answered:,} of {profile.offered:,} requests answered; {said}"
        )
        return Judged(describe(line), passed=False, why=why, measured=measured)
    name = name_of(line.quantile)
    found = profile.milliseconds[name]
    beside = ""
    if champion is not None and champion.kept_up:
        beside = f"; the champion's, profiled on {champion.at:%Y-%m-%d}, {number(champion.milliseconds[name])} ms"
    why = (
        f"{name.upper()} {number(found, line.at_most_ms)} ms over {profile.answered:,} one-row requests due at "
        f"{line.rate:g}/s; at most {line.at_most_ms:g} ms{beside}; {said}"
    )
    return Judged(describe(line), passed=found <= line.at_most_ms, why=why, measured=measured)


def _recorded(profile: Profiled) -> Json:
    return {
        "profile": profile.position,
        "at": profile.at.isoformat(),
        "offered": profile.offered,
        "answered": profile.answered,
        "achieved": profile.achieved,
        **profile.milliseconds,
    }


def _why(line: LatencyLine, load: Load, champion: Load | None) -> tuple[bool, str]:
    answered = len(load.milliseconds)
    if not load.kept_up:
        return False, (
            f"it cannot keep up: {load.achieved:,.0f} answers/s of {line.rate:g} offered "
            f"({answered:,} of {load.offered:,} requests answered in {load.seconds:.1f} s)"
        )
    needed = requests_for(line.quantile)
    if not load.shows(line.quantile):
        return False, (
            f"{answered:,} requests cannot show P{line.quantile * 100:g}, which needs {needed:,}: "
            f"raise seconds to {ceil(needed / line.rate)}"
        )
    found = load.quantile(line.quantile)
    return found <= line.at_most_ms, (
        f"P{line.quantile * 100:g} {number(found, line.at_most_ms)} ms over {answered:,} one-row requests due at "
        f"{line.rate:g}/s (measured now, in process, without HTTP); at most {line.at_most_ms:g} ms"
        f"{_beside(champion, line.quantile)}"
    )


def _beside(champion: Load | None, quantile: float) -> str:
    if champion is None:
        return ""
    if not champion.kept_up:
        return "; the champion, beside it, did not keep up"
    return f"; the champion's beside it {number(champion.quantile(quantile))} ms"


def _numbers(load: Load, quantile: float) -> Json:
    if not load.milliseconds:
        return {"offered": load.offered, "answered": 0}
    quantiles = {f"p{share * 100:g}": load.quantile(share) for share in sorted({*SHOWN, quantile}) if load.shows(share)}
    return {
        "offered": load.offered,
        "answered": len(load.milliseconds),
        "achieved": load.achieved,
        "max": load.milliseconds[-1],
        **quantiles,
    }
