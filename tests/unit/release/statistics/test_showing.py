"""Means, shocks, prediction shifts, mismatches, joint budgets, intervals and power: what each says in plain cases."""

from dataclasses import replace
from math import inf, isinf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from headgate.predictions.rollup import bin_of, edge
from headgate.release.statistics import interval, joint, mean, mismatch, power, shock
from headgate.release.statistics.counts import Seconds
from headgate.release.statistics.dispersion import Noise
from headgate.release.statistics.mixture import Running
from headgate.release.statistics.normal import log_mixture, tightest
from headgate.release.statistics.predictions import Shifted, above_cuts

BOUND = np.log(20)


@given(st.floats(-20, 20), st.floats(0.1, 50), st.floats(0.5, 20))
def test_the_normal_mixture_is_the_integral(total: float, variance: float, r: float) -> None:
    def weighed(stake: float) -> float:
        return float(2 * norm.pdf(stake, 0, r**-0.5) * np.exp(stake * total - stake**2 * variance / 2))

    peak = max(0.0, total / (variance + r))
    width = (variance + r) ** -0.5
    found, _ = quad(weighed, max(0.0, peak - 12 * width), peak + 12 * width, limit=200)
    assert float(log_mixture(np.array(total), np.array(variance), r)) == pytest.approx(np.log(found), abs=1e-5)


def test_a_boundary_is_tightest_where_it_was_asked_to_be() -> None:
    def needed(r: float) -> float:
        totals = np.linspace(0, 300, 30_001)
        return float(totals[np.argmax(log_mixture(totals, np.array(1000.0), r) >= BOUND)])

    best = tightest(1000.0, 0.05)
    assert needed(best) <= min(needed(best / 4), needed(best * 4))


def means(seed: int, shift: float, n: int = 20_000) -> mean.Means:
    rng = np.random.default_rng(seed)
    ours = rng.random(n) < 0.05
    values = mean.winsorise(rng.exponential(1.0, n) + shift * ours, 4.6)
    return mean.seen(np.arange(n) // 200, ours, values)


def test_a_worse_mean_is_found_and_an_equal_one_is_not() -> None:
    assert mean.log_e(means(1, 0.3)) > BOUND
    assert mean.log_e(means(2, 0.0)) < BOUND
    assert mean.log_e(means(1, 0.3), margin=0.5) < BOUND
    assert mean.log_e(means(1, 0.3), phi=20) < mean.log_e(means(1, 0.3))


def test_means_say_nothing_before_a_hundred_observations() -> None:
    few = mean.seen(np.zeros(60, np.int64), np.arange(60) < 30, np.where(np.arange(60) < 30, 5.0, 0.1))
    assert mean.log_e(few) == 0
    assert mean.log_e(mean.Means()) == 0


def test_in_one_stratum_a_mean_is_the_plain_formula() -> None:
    rng = np.random.default_rng(4)
    ours, values = np.arange(2000) < 500, rng.normal(0, 2, 2000)
    found = mean.seen(np.zeros(2000, np.int64), ours, values)
    s2 = float(np.var(values, ddof=1))
    information = 1 / (s2 * (1 / 500 + 1 / 1500))
    total = (values[ours].mean() - values[~ours].mean()) * information
    expected = log_mixture(np.array(total), np.array(information), tightest(1000, 0.05) / s2)
    assert mean.log_e(found) == pytest.approx(float(expected))
    halves = (mean.seen(np.full(1000, at), ours[at::2], values[at::2]) for at in (0, 1))
    together = sum(halves, start=mean.Means())
    assert together.telling == 500


def lumps(where: slice, extra: int) -> Seconds:
    length = 900
    m, n = np.full(length, 40), np.full(length, 800)
    k, rest = np.full(length, 1), np.full(length, 19)
    k[where] += extra
    return Seconds(np.arange(length), m, n, k, k + rest)


def test_one_lump_never_convinces_and_a_lasting_excess_does() -> None:
    assert shock.log_e(lumps(slice(300, 330), 30)).max() < BOUND
    assert shock.log_e(lumps(slice(300, None), 1)).max() > BOUND
    assert shock.log_e(lumps(slice(0, 0), 0)).shape == (30,)


def shares(seed: int, ours: tuple[float, ...]) -> list[Seconds]:
    rng = np.random.default_rng(seed)
    challenger = rng.multinomial(10, ours, 400)
    return above_cuts(np.arange(400), challenger, rng.multinomial(190, (0.2,) * 5, 400))


def test_a_shifted_distribution_is_found_beyond_the_margin() -> None:
    assert Shifted().log_e(shares(1, (0.05, 0.05, 0.1, 0.2, 0.6))).max() > BOUND
    assert Shifted().log_e(shares(1, (0.6, 0.2, 0.1, 0.05, 0.05))).max() > BOUND
    assert Shifted().log_e(shares(2, (0.18, 0.2, 0.2, 0.2, 0.22))).max() < BOUND


def test_shifts_in_passes_are_shifts_at_once() -> None:
    events = shares(3, (0.1, 0.2, 0.2, 0.2, 0.3))
    states, first = Shifted().fold((), [found.slice(slice(None, 130)) for found in events])
    _, second = Shifted().fold(states, [found.slice(slice(130, None)) for found in events])
    assert np.allclose(np.concatenate([first, second]), Shifted().log_e(events))


def test_cuts_count_what_lies_above() -> None:
    found = above_cuts(np.array([0]), np.array([[1, 2, 3]]), np.array([[10, 20, 30]]))
    assert [(int(each.m[0]), int(each.n[0]), int(each.k[0]), int(each.events[0])) for each in found] == [
        (6, 66, 5, 55),
        (6, 66, 3, 33),
    ]


def test_a_mismatch_is_found_and_the_plan_is_not() -> None:
    plan = np.array([0.05, 0.95])
    assert mismatch.log_e(np.array([1500.0, 28_500.0]), plan) < 0
    assert mismatch.log_e(np.array([1650.0, 28_350.0]), plan) > 0
    assert mismatch.log_e(np.array([1000.0, 9000.0]), plan) > BOUND
    assert mismatch.log_e(np.array([0.0, 0.0]), plan) == 0


def test_a_bayes_factor_is_fair_by_enumeration() -> None:
    plan, n = np.array([0.3, 0.7]), 12
    chances = [norm_binomial(n, k, 0.3) for k in range(n + 1)]
    values = [np.exp(mismatch.log_e(np.array([k, n - k]), plan)) for k in range(n + 1)]
    assert np.dot(chances, values) == pytest.approx(1.0)


def norm_binomial(n: int, k: int, p: float) -> float:
    from math import comb

    return comb(n, k) * p**k * (1 - p) ** (n - k)


def test_harm_is_the_weighted_mean_and_composed_guards_the_least_or_the_mean() -> None:
    logs = {"errors": np.log([50.0]), "latency": np.log([1.0])}
    assert np.exp(joint.harm(logs, {"errors": 0.4, "latency": 0.6})) == pytest.approx(0.4 * 50 + 0.6)
    assert np.exp(joint.both(np.array(3.0), np.array(1.0))) == pytest.approx(np.exp(1.0))
    assert np.exp(joint.either(np.log(30.0), np.log(2.0))) == pytest.approx(16.0)
    assert np.exp(joint.either(np.log(30.0), np.log(2.0), stakes=(0.9, 0.1))) == pytest.approx(27.2)


def counted(odds: float, seed: int = 1) -> Seconds:
    rng = np.random.default_rng(seed)
    m, rest = rng.poisson(10, 800), rng.poisson(190, 800)
    k = rng.binomial(m, 0.02 * odds)
    return Seconds(np.arange(800), m, m + rest, k, k + rng.binomial(rest, 0.02))


@pytest.mark.parametrize("odds", [0.5, 1.0, 3.0])
def test_an_interval_of_the_odds_ratio_narrows_about_the_truth(odds: float) -> None:
    early = interval.fold_odds(Running(), counted(odds).until(100))
    late = interval.fold_odds(early, counted(odds).since(100))
    wide, narrow = (interval.odds_ratio(np.array(running.logs), 0.05) for running in (early, late))
    assert wide.low < narrow.low < odds < narrow.high < wide.high
    assert narrow.low < narrow.estimate < narrow.high
    drawn = interval.odds_ratio(np.array(late.logs), 0.05, Noise(1.0, 0.3))
    assert drawn.low < narrow.low
    assert narrow.high < drawn.high


def test_nothing_seen_is_an_interval_of_everything() -> None:
    found = interval.odds_ratio(np.zeros(len(interval.LOG_PSI)), 0.05)
    assert (float(found.low), float(found.high)) == (0.0, inf)
    assert np.isnan(found.estimate)
    rate = interval.rate(np.array(0), np.array(0), 0.05)
    assert (float(rate.low), float(rate.high)) == (0.0, 1.0)
    quantile = interval.quantile(np.zeros(40, np.int64), 0.95, 0.05)
    assert (float(quantile.low), float(quantile.high)) == (0.0, inf)


@given(st.integers(0, 400), st.integers(1, 400))
def test_an_interval_of_a_rate_ends_where_its_evidence_does(k: int, rest: int) -> None:
    found = interval.rate(np.array(k), np.array(k + rest), 0.05)
    assert found.low <= k / (k + rest) <= found.high
    if k:
        assert interval.log_e_rate(np.array(k), np.array(k + rest), found.low) == pytest.approx(BOUND, abs=1e-3)
    assert interval.rate(np.array(k), np.array(k + rest), 0.05, phi=3).high >= found.high


def test_an_interval_of_a_quantile_lies_at_edges_of_bins() -> None:
    rng = np.random.default_rng(1)
    bins = [bin_of(float(value)) for value in rng.exponential(0.02, 20_000)]
    found = interval.quantile(np.bincount(bins, minlength=1024), 0.95, 0.05)
    truth = 0.02 * np.log(20)
    assert found.low < truth < found.high < 1.2 * found.low
    assert float(found.low) in {edge(number) for number in range(1024)}


QUESTION = power.Question(0.01, 2.0, 0.05)


def test_power_gives_the_fixed_sample_numbers() -> None:
    assert power.fixed(power.Question(0.01, 3.0, 0.05)) == pytest.approx(270, abs=3)
    assert power.shifted(0.01, 3.0) == pytest.approx(0.0294, abs=1e-4)
    assert power.needed(QUESTION) > power.fixed(QUESTION)


@given(st.floats(0.001, 0.3), st.floats(1.2, 5.0), st.floats(0.01, 0.5), st.floats(0.005, 0.05), st.floats(1, 4))
def test_power_is_monotone(rate: float, odds: float, share: float, alpha: float, phi: float) -> None:
    base = power.Question(rate, odds, share, alpha, Noise(phi))
    asked = power.needed(base)
    assert power.needed(replace(base, odds=odds * 1.3)) <= asked
    assert power.needed(replace(base, alpha=alpha / 2)) >= asked
    assert power.needed(replace(base, noise=Noise(phi * 2))) >= asked
    assert power.needed(replace(base, noise=Noise(phi, 0.1))) >= asked


def test_no_traffic_is_enough_where_units_differ_more_than_the_effect() -> None:
    assert isinf(power.needed(replace(QUESTION, noise=Noise(1.0, 0.8))))
    assert isinf(power.seconds(inf, 0.05, 200))
    assert isinf(power.seconds(100, 0.05, 0.0))
    assert power.seconds(1000, 0.05, 200) == 100
