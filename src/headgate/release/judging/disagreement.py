"""How often a shadow decides differently than the live version: `shadow.largest_disagreement`. Pure.

A pair differs where the two call different classes; a class is called where its probability is at least one half. The
first pair of each unit counts, whether or not an outcome is known. It judges nothing but that the two are alike: a
better version differs as well. No restarts: they go by seconds, and pairs come in passes, which are longer after a
controller was away.
"""

from dataclasses import replace

import numpy as np

from headgate.release.judging.finding import Finding, Tested, percent
from headgate.release.judging.quality import FirstPairs, Pairs, called
from headgate.release.statistics.absolute import above, below
from headgate.release.statistics.counts import Seconds

NAME = "disagreement"


class Disagreement:
    """Watches on how many pairs one shadow differs.

    Args:
        largest: The largest share that is no harm.
        task: Of the model.
    """

    def __init__(self, largest: float, task: str) -> None:
        self._largest, self._task = largest, task
        self._harm, self._sound = Tested(replace(above(largest), every=None)), Tested(below(largest))
        self._first = FirstPairs()
        self._pairs = self._differ = self._passes = 0

    def feed(self, pairs: Pairs) -> None:
        """Fold new pairs in."""
        pairs = self._first.of(pairs)
        if not len(pairs.unit) or self._task == "regression":
            return
        ours, theirs = ((called(side) if self._task == "binary" else side) for side in (pairs.ours, pairs.theirs))
        differ = int((ours != theirs).sum())
        self._pairs, self._differ, self._passes = self._pairs + len(pairs.unit), self._differ + differ, self._passes + 1
        counts = [np.array([count], np.int64) for count in (len(pairs.unit), len(pairs.unit), differ, differ)]
        found = Seconds(np.array([self._passes], np.int64), *counts)
        self._harm.feed(found)
        self._sound.feed(found)

    def finding(self, guard: str, arm: str) -> Finding:
        """Return what was found."""
        if self._task == "regression":
            why = "a regression decides nothing on which two versions could differ; take largest_disagreement out"
            return Finding(guard, arm, why, open=why)
        if not self._pairs:
            return Finding(guard, arm, "no pair was seen yet", open="no pair was seen yet")
        share = self._differ / self._pairs
        says = f"{self._differ:,} of {self._pairs:,} pairs ({percent(share)}) are decided differently"
        margin = f"at most {percent(self._largest)}"
        return Finding(
            guard, arm, says, margin, self._harm.log, self._sound.log, estimate=share, requests=self._pairs,
            units=self._pairs,
        )  # fmt: skip
