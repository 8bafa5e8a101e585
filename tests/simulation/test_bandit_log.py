"""A bandit's log, and segments: an arm's value from logged shares against the plain mean, and false finds by chance.

Two arms of the same rate (0.3), ten windows of 60 units, shares by Thompson with at least 5 % each. Segments: eight, of
one law, two arms.
"""

import numpy as np
from tests.simulation.figures import RUNS, Figures, at_most

from headgate.release.bandit import Tally, shares, tally
from headgate.release.offpolicy import estimate
from headgate.release.segments import cells

TRUE, COVERED = 0.3, 0.85
PLAYED = max(200, RUNS)


def logged(dice: np.random.Generator, windows: int = 10, units: int = 60) -> tuple[float, float, float, bool]:
    """Play a bandit over two equal arms (0.3), and return the weaker arm's naive mean, IPS, SNIPS, and coverage."""
    seen = {"champion": Tally(), "bold": Tally()}
    chosen, value, chance = list[bool](), list[float](), list[float]()
    for window in range(windows):
        split = shares(seen, 0.05, int(dice.integers(2**31)) + window, rates=True)
        mine = dice.random(units) < split["bold"]
        good = (dice.random(units) < TRUE).astype(float)
        seen = {"champion": seen["champion"] + tally(good[~mine]), "bold": seen["bold"] + tally(good[mine])}
        chosen += mine.tolist()
        value += good.tolist()
        chance += [split["bold"]] * units
    found = estimate(np.array(chosen), np.array(value), np.array(chance))
    assert found is not None
    low, high = found.interval
    return found.naive, found.ips, found.snips, low <= TRUE <= high


def test_the_estimate_is_unbiased_where_the_mean_of_what_an_arm_got_is_not(figures: Figures) -> None:
    dice = np.random.default_rng(3)
    played = np.array([logged(dice) for _ in range(PLAYED)])
    naive, ips, snips, covered = played.mean(axis=0)
    error = played.std(axis=0) / np.sqrt(len(played))
    for name, mean, off in (
        ("plain mean", naive, error[0]),
        ("IPS", ips, error[1]),
        ("self-normalised", snips, error[2]),
    ):
        figures.row(estimate=name, true=TRUE, mean=float(mean), monte_carlo_error=float(off))
    figures.row(interval="self-normalised, 95 %", covers=float(covered))
    assert naive < TRUE - 4 * error[0]  # an arm that began badly was hardly asked again
    assert abs(ips - TRUE) < 3 * error[1]
    assert abs(snips - TRUE) < abs(naive - TRUE) / 2
    assert covered > COVERED


def test_segments_of_one_law_are_called_different_in_a_twentieth_of_tests_all_together(figures: Figures) -> None:
    dice, wrong = np.random.default_rng(2), 0
    side = np.repeat(np.array([0, 1]), 2_000)
    for _ in range(RUNS):
        good = (dice.random(4_000) < 0.2).astype(float)
        place = dice.integers(0, 8, 4_000).astype(str).astype(np.object_)
        found = cells(["bold"], side, good, {"place": place})
        assert len(found) == 8
        wrong += any(cell.low > 0 or cell.high < 0 for cell in found)
    figures.row(segments=8, called_different_though_equal=wrong / RUNS)
    assert at_most(wrong / RUNS, 0.05)
