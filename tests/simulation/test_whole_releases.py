"""Whole releases: traffic as the route splits it, judged every five seconds, moved by the ladder; shadow to the end.

A release of the same version ends as champion within the requests that `release start` prints; one that is a little
worse than the margin seldom does; one with a fault goes back.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from tests.simulation.figures import SCALE, Figures, at_most

from headgate.policy.release import ReleasePolicy
from headgate.release.evidence import Evidence, Verdict
from headgate.release.forecast import Traffic, forecast
from headgate.release.judging.sides import LIVE, SHADOW, Whose
from headgate.release.judging.steps import Observer
from headgate.release.move import State
from headgate.release.needs import enough
from headgate.release.plan import Plan
from headgate.release.standing import Standing
from headgate.testing.arms import MemoryLog, MemoryRollups, Nature, rows_of
from headgate.testing.clock import START
from headgate.testing.release_world import ReleaseWorld
from headgate.testing.releases import MODEL, plan_of

RUNS = 10 * SCALE  # whole releases take half a second each
EVERY = 5  # seconds between looks
PAST = 300
LONGEST = 3600
USUAL = Nature()
SAID: dict[str, Any] = {
    "shadow": {"fraction": 1.0, "requests": 1000, "duration": "1m", "patience": "30m"},
    "rungs": [{"share": share, "hold": "1m", "patience": "30m"} for share in (0.05, 0.25)],
    "guards": {"predictions": None},
    "watch": "2m",
    "on_unsure": "roll_back",
}


@dataclass
class Played:
    """How a release went.

    Attributes:
        end: Its last state.
        why: In words.
        requests: The challenger's requests that were judged when a rung was first sound, by rung.
        met: How many requests the challenger answered for people.
        seconds: How long it took.
    """

    end: State
    why: str
    requests: dict[int, int]
    met: int
    seconds: int

    @property
    def harmed(self) -> bool:
        """Whether it was taken back for harm, on whatever rung."""
        return self.end is State.ROLLED_BACK and ": harm: " in self.why


class Play:
    """One release, on a clock of its own.

    Args:
        plan: The release.
        champion, challenger: How the versions behave.
        seed: Of all chance.
    """

    def __init__(self, plan: Plan, champion: Nature, challenger: Nature, seed: int) -> None:
        self.natures = {plan.champion.version: champion, plan.challengers["challenger"].version: challenger}
        self.plan, self.rng = plan, np.random.default_rng(seed)
        self.rollups = MemoryRollups()
        self.observer = Observer(self.rollups, MemoryLog(), {MODEL: "binary"})
        self.requests: dict[int, int] = {}
        self.met = 0
        self.world = ReleaseWorld(plan, self.see)

    def see(self, at: Standing, now: datetime) -> Evidence:
        found = self.observer.evidence(at, now)
        if found.verdict is Verdict.SOUND and found.requests >= at.at.requests:
            self.requests.setdefault(at.rung, found.requests)
        return found

    def run(self) -> Played:
        begin = int(START.timestamp())
        self.flow(begin - PAST, begin)
        self.world.start(self.plan)
        for second in range(0, LONGEST, EVERY):
            self.world.now = START + timedelta(seconds=second)
            for _ in range(5):
                self.world.tick()
            if not self.world.releases.open:
                break
            self.flow(begin + second, begin + second + EVERY)
        at = self.world.standing()
        return Played(at.state, at.why, self.requests, self.met, second)

    def flow(self, since: int, until: int) -> None:
        """Let traffic pass as the route splits it."""
        route, new = self.world.route, self.plan.challengers["challenger"].version
        for second in range(since, until):
            for arm in route.arms:
                found = self.draw(Whose(arm.name, arm.version, LIVE), second, arm.weight)
                self.met += found if arm.version == new and arm.name != "champion" else 0
            for shadow in route.shadows:
                self.draw(Whose(shadow.name, shadow.version, SHADOW), second, shadow.fraction)

    def draw(self, whose: Whose, second: int, share: float) -> int:
        nature = self.natures[whose.version].part(share)
        rows = list(rows_of(self.rng, MODEL, whose, [second], nature))
        self.rollups.add(rows)
        return sum(row.count for row in rows)


def played(champion: Nature, challenger: Nature, seed: int) -> list[Played]:
    plan = plan_of(**ReleasePolicy.model_validate(SAID).model_dump())
    return [Play(plan, champion, challenger, seed + run).run() for run in range(RUNS)]


@pytest.mark.parametrize("usual", [USUAL, replace(USUAL, errors=0.001)], ids=["usual", "rare errors"])
def test_an_identical_challenger_becomes_champion_within_what_was_printed(usual: Nature, figures: Figures) -> None:
    plan = plan_of(**ReleasePolicy.model_validate(SAID).model_dump())
    needs = forecast(plan, Traffic(usual.per_second, usual.errors), enough)[:-1]
    found = played(usual, usual, 1000)
    harmed = sum(one.harmed for one in found) / RUNS
    finished = [one for one in found if one.end is State.FINISHED]
    looks = [usual.per_second * need.rung.share * EVERY for need in needs]  # what comes in between two looks
    printed = sum(need.requests for need in needs)
    within = sum(sum(one.requests.values()) <= printed + sum(looks) for one in finished) / RUNS
    for at, (need, look) in enumerate(zip(needs, looks, strict=True)):
        seen = [one.requests[at] for one in found if at in one.requests]
        share = sum(requests <= need.requests + look for requests in seen) / RUNS
        figures.row(
            errors=usual.errors, rung=need.rung.name, decided_by=need.guard, printed=need.requests,
            median=float(np.median(seen)), share_within=share,
        )  # fmt: skip
    figures.row(
        errors=usual.errors, runs=RUNS, finished=len(finished) / RUNS, harm=harmed, printed=printed, within=within,
        seconds=float(np.median([one.seconds for one in found])),
    )  # fmt: skip
    assert at_most(harmed, 0.05, RUNS)
    assert at_most(1 - within, 0.1, RUNS)


@pytest.mark.parametrize(
    ("bad", "most"),
    [
        (replace(USUAL, errors=0.0202), 0.05),  # just beyond twice the champion's odds
        (replace(USUAL, errors=0.03), 0.05),
        (replace(USUAL, median=0.0262), 0.05),  # just beyond 30 % slower
        (replace(USUAL, median=0.03), 0.05),
    ],
    ids=["2 x errors", "3 x errors", "1.31 x slow", "1.5 x slow"],
)
def test_a_worse_challenger_goes_back(bad: Nature, most: float, figures: Figures) -> None:
    found = played(USUAL, bad, 5000)
    promoted = sum(one.end is State.FINISHED for one in found) / RUNS
    figures.row(
        errors=bad.errors, median_ms=bad.median * 1000, runs=RUNS, promoted=promoted,
        seconds=float(np.median([one.seconds for one in found])), met=float(np.median([one.met for one in found])),
        largest_rung=max((max(one.requests, default=-1) for one in found), default=-1) + 1,
    )  # fmt: skip
    assert at_most(promoted, most, RUNS)
