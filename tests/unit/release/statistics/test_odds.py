"""Harm and sound by odds: what is folded pass by pass is what is computed at once; evidence points the right way."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.release.statistics.absolute import above, below
from headgate.release.statistics.counts import Floats, Seconds
from headgate.release.statistics.dispersion import Noise
from headgate.release.statistics.harm import harm
from headgate.release.statistics.mixture import Running, fold, log_e, restarts
from headgate.release.statistics.odds import Odds
from headgate.release.statistics.sound import sound

BOUND = np.log(20)
WEIGHTS = np.array([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
CALM, NOISY = Noise(), Noise(1.4, 0.2)


def drawn(seed: int, length: int, odds: float = 1.0, rate: float = 0.02, since: int = 0) -> Seconds:
    rng = np.random.default_rng(seed)
    m, rest = rng.poisson(10, length), rng.poisson(90, length)
    ours = np.where(np.arange(length) >= since, rate * odds, rate)
    k = rng.binomial(m, ours)
    return Seconds(np.arange(length), m, m + rest, k, k + rng.binomial(rest, rate))


@given(st.lists(st.integers(0, 200), max_size=6), st.sampled_from([CALM, NOISY]), st.sampled_from([harm(), sound()]))
def test_any_passes_add_up_to_one(cuts: list[int], noise: Noise, test: Odds) -> None:
    seconds = drawn(3, 200, 2.0)
    running, found = Running(), []
    edges = sorted({0, 200, *cuts})
    for start, end in pairwise(edges):
        running, logs = test.fold(running, seconds.slice(slice(start, end)), noise)
        running = Running.from_json(running.to_json())
        found.append(logs)
    whole, at_once = test.fold(Running(), seconds, noise)
    assert running.seconds == whole.seconds == 200
    assert np.allclose(running.logs, whole.logs)
    assert np.allclose(running.bases, whole.bases)
    assert np.allclose(np.concatenate(found), at_once)
    assert np.allclose(at_once, test.log_e(seconds, noise))


def test_a_pass_without_seconds_changes_nothing() -> None:
    running, _ = harm().fold(Running(), drawn(1, 130))
    again, logs = harm().fold(running, drawn(1, 130).slice(slice(130, None)))
    assert again == running
    assert not len(logs)


@pytest.mark.parametrize(("test", "odds"), [(harm(), 4.0), (sound(), 1.0), (above(0.02), 4.0), (below(0.06), 1.0)])
def test_evidence_grows_where_it_should(test: Odds, odds: float) -> None:
    assert test.log_e(drawn(5, 600, odds), Noise(1.1))[-1] > BOUND


@pytest.mark.parametrize(("test", "odds"), [(harm(), 1.0), (sound(), 2.2), (above(0.02), 0.9), (below(0.02), 1.2)])
def test_and_does_not_where_it_should_not(test: Odds, odds: float) -> None:
    runs = [test.log_e(drawn(seed, 300, odds)).max() >= BOUND for seed in range(40)]
    assert np.mean(runs) <= 0.15


def test_restarts_find_a_fresh_fault_sooner_than_the_whole_time_does() -> None:
    seconds = drawn(9, 1000, 3.0, since=720)
    late = [np.argmax(Odds(1.0, harm().alternatives, every).log_e(seconds) >= BOUND) for every in (120, None)]
    assert late[0] > 720
    assert late[0] < late[1] or late[1] == 0


def test_a_shared_outage_harms_nobody() -> None:
    rng = np.random.default_rng(2)
    m, rest = rng.poisson(10, 400), rng.poisson(190, 400)
    rate = np.where((np.arange(400) > 100) & (np.arange(400) < 160), 0.6, 0.01)
    k = rng.binomial(m, rate)
    seconds = Seconds(np.arange(400), m, m + rest, k, k + rng.binomial(rest, rate))
    assert harm().log_e(seconds).max() < BOUND


def test_noise_takes_evidence_away() -> None:
    seconds = drawn(5, 400, 3.0)
    calm, bursts, units = (harm().log_e(seconds, noise)[-1] for noise in (CALM, Noise(2.0), Noise(1.0, 0.4)))
    assert bursts < calm
    assert units < calm


def steps(seed: int, length: int) -> Floats:
    return np.random.default_rng(seed).normal(0, 0.3, (length, 3))


def test_the_stake_adds_up_to_one_while_nothing_happens() -> None:
    path = np.zeros((500, 3))
    assert np.allclose(log_e(path, WEIGHTS), 0.0)


def test_log_e_is_the_mean_that_the_formula_says() -> None:
    path = steps(1, 250).cumsum(axis=0)
    at = path[-1]

    def ratio(logs: Floats) -> float:
        return float(np.exp(logs[:2] - logs[2]).mean())

    bases = [path[119], path[239]]
    expected = (
        0.85 * ratio(at) + sum(0.15 / (j * (j + 1)) * ratio(at - base) for j, base in enumerate(bases, 1)) + 0.15 / 3
    )
    assert log_e(path, WEIGHTS)[-1] == pytest.approx(np.log(expected))
    assert fold(Running(), steps(1, 250), WEIGHTS)[1][-1] == pytest.approx(np.log(expected))


def test_restarts_come_every_two_minutes() -> None:
    assert restarts(0, 300, 120).tolist() == [120, 240]
    assert restarts(120, 240, 120).tolist() == [240]
    assert restarts(0, 300, None).tolist() == []
