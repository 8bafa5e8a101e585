"""Quality on shadow pairs: bets are fair under the null by enumeration, and win where the challenger is worse."""

from itertools import product
from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.release.statistics.counts import Floats
from headgate.release.statistics.mixture import Running
from headgate.release.statistics.pairs import STAKES, Bets, Flags, farther, first_of, misranked, missed, wrong
from headgate.release.statistics.precision import Precision

BOUND = np.log(20)


@given(st.floats(0.01, 0.3), st.floats(0.0, 0.2), st.sampled_from([1, -1]))
def test_no_bet_has_a_mean_above_one_at_the_margin(discordant: float, margin: float, side: int) -> None:
    """All sequences of three pairs, by enumeration."""
    worse = (discordant + margin) / 2 + margin / 2
    chances = {1.0: worse, -1.0: max(0.0, worse - margin), 0.0: 1 - worse - max(0.0, worse - margin)}
    edge = chances[1.0] - chances[-1.0]
    total = sum(
        prod(chances[d] for d in pairs) * np.exp(Bets(edge, side).log_e(np.array(pairs))[-1])
        for pairs in product(chances, repeat=3)
    )
    assert total == pytest.approx(1.0)


def test_without_margin_it_is_mcnemars_coin() -> None:
    pairs = np.array([1.0, 0.0, 1.0, -1.0])
    expected = np.mean([(1 + stake) ** 2 * (1 - stake) for stake in STAKES])
    assert Bets(0.0, 1).log_e(pairs)[-1] == pytest.approx(np.log(expected))


def test_passes_add_up() -> None:
    pairs = np.random.default_rng(1).choice([-1.0, 0.0, 1.0], 300)
    running, _ = Bets(0.02, -1).fold(Running(), pairs[:100])
    running, found = Bets(0.02, -1).fold(Running.from_json(running.to_json()), pairs[100:])
    assert np.allclose(found, Bets(0.02, -1).log_e(pairs)[100:])


def quality(seed: int, worse: float, n: int = 4000) -> Floats:
    rng = np.random.default_rng(seed)
    return wrong(rng.random(n) > 0.1 + worse, rng.random(n) > 0.1)


def test_a_worse_model_harms_and_an_equal_one_is_sound() -> None:
    assert Bets(0.0, 1).log_e(quality(1, 0.1)).max() > BOUND
    assert Bets(0.03, -1).log_e(quality(2, 0.0)).max() > BOUND
    assert Bets(0.03, -1).log_e(quality(3, 0.06)).max() < BOUND


def test_the_first_pair_of_each_unit_counts() -> None:
    assert first_of(np.array(["a", "b", "a", "c", "b"])).tolist() == [True, True, False, True, False]


def test_what_a_difference_is_for_each_metric() -> None:
    yes, no = True, False
    assert wrong(np.array([yes, no]), np.array([no, yes])).tolist() == [-1, 1]
    label = np.array([yes, yes, no])
    assert missed(label, np.array([yes, no, yes]), np.array([no, yes, no])).tolist() == [-1, 1]
    assert farther(np.array([5.0, 1.0]), np.array([1.0, 1.5]), 2.0).tolist() == [1.0, -0.25]
    label = np.array([yes, no, no])
    assert misranked(label, np.array([0.1, 0.9, 0.0]), np.array([0.9, 0.1, 0.0])).tolist() == [1.0]
    assert misranked(label, np.array([0.5, 0.5, 0.0]), np.array([0.9, 0.1, 0.0])).tolist() == [0.5]


def calls(seed: int, ours: float, theirs: float, n: int = 3000) -> tuple[Flags, Flags, Flags]:
    """Calls with these precisions: each version calls 30 % of the rows, and shares most of them."""
    rng = np.random.default_rng(seed)
    label = rng.random(n) < 0.3

    def called(precision: float) -> Flags:
        right, false = 0.3 * precision / 0.3, 0.3 * (1 - precision) / 0.7
        return np.asarray(common < np.where(label, right, false))

    common = rng.random(n)
    return called(ours), called(theirs), label


def test_a_less_precise_model_harms_and_an_equal_one_is_sound() -> None:
    assert Precision(0.0, 1).fold(Running(), *calls(1, 0.7, 0.8))[1].max() > BOUND
    assert Precision(0.1, -1).fold(Running(), *calls(2, 0.8, 0.8))[1].max() > BOUND
    assert Precision(0.1, -1).fold(Running(), *calls(3, 0.68, 0.8))[1].max() < BOUND
    assert Precision(0.1, 1).fold(Running(), *calls(4, 0.72, 0.8))[1].max() < BOUND


def test_precision_in_passes_is_precision_at_once() -> None:
    ours, theirs, label = calls(5, 0.7, 0.8, 400)
    running, first = Precision(0.0, 1).fold(Running(), ours[:150], theirs[:150], label[:150])
    running, second = Precision(0.0, 1).fold(running, ours[150:], theirs[150:], label[150:])
    whole, at_once = Precision(0.0, 1).fold(Running(), ours, theirs, label)
    assert np.allclose(np.concatenate([first, second]), at_once)
    assert running.seconds == whole.seconds
    assert np.allclose(running.logs, whole.logs)


@given(st.floats(0.3, 0.9), st.sampled_from([1, -1]))
def test_precision_is_fair_at_the_margin_by_enumeration(precision: float, side: int) -> None:
    """Both call one row of two kinds each; the champion's precision is anything, the challenger's the margin below."""
    margin = 0.1
    cases = [(a, b, y) for a in (True, False) for b in (True, False) for y in (True, False)]
    own = {(True, False): precision - margin, (False, True): precision, (False, False): 0.5, (True, True): 0.0}
    chances = [0.0 if a and b else (own[a, b] if y else 1 - own[a, b]) / 3 for a, b, y in cases]
    total = 0.0
    for pairs in product(range(len(cases)), repeat=2):
        chance = prod(chances[at] for at in pairs)
        columns = (np.array(column) for column in zip(*(cases[at] for at in pairs), strict=True))
        total += chance * float(np.exp(Precision(margin, side).fold(Running(), *columns)[1][-1]))
    assert total <= 1 + 1e-9
