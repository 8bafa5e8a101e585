"""Dispersion is learned from the champion's buckets: one where requests are independent, more where they are not."""

import numpy as np
import pytest

from headgate.release.statistics.counts import Ints
from headgate.release.statistics.dispersion import SPREADS, Dispersion, Noise, learn


def history(seed: int, together: int = 1, unevenness: float = 0.0) -> tuple[Ints, Ints]:
    rng = np.random.default_rng(seed)
    units = rng.poisson(6 / together, (300, 32))
    rate = 0.02 * np.exp(unevenness * rng.standard_normal(32))
    return units * together, rng.binomial(units, rate) * together


def test_independent_requests_have_a_phi_of_about_one() -> None:
    phis = [float(learn(*history(seed)).phi) for seed in range(30)]
    assert all(phi >= 1 for phi in phis)
    assert np.mean(phis) < 1.2


def test_requests_in_clumps_of_three_have_a_phi_of_about_three() -> None:
    phis = [float(learn(*history(seed, 3)).phi) for seed in range(30)]
    assert 2.6 < np.mean(phis) < 3.6


def test_uneven_units_show_as_a_variance_between_buckets() -> None:
    found = [float(learn(*history(seed, 1, 0.3)).bucket_variance) for seed in range(30)]
    assert np.mean(found) == pytest.approx(0.09, rel=0.4)
    even = [float(learn(*history(seed)).bucket_variance) for seed in range(30)]
    assert np.mean(even) < 0.02


def test_only_a_variance_beyond_chance_is_certain() -> None:
    uneven = [float(learn(*history(seed, 1, 0.5)).certain_variance) for seed in range(30)]
    even = [float(learn(*history(seed)).certain_variance) for seed in range(30)]
    assert sum(one > 0 for one in uneven) >= 28
    assert sum(one > 0 for one in even) <= 2


def test_runs_are_learned_at_once_as_one_by_one() -> None:
    pairs = [history(seed) for seed in range(4)]
    together = learn(*(np.stack(part) for part in zip(*pairs, strict=True)))
    assert np.allclose(together.phi, [learn(*pair).phi for pair in pairs])


def test_a_small_arm_has_a_larger_spread_rounded_up() -> None:
    found = Dispersion(1.0, 0.032, 100)
    exact = (0.032 / (32 * 0.05 * 0.95)) ** 0.5
    assert exact <= found.noise(0.05).spread <= 1.1001 * exact  # in steps of 10 %
    assert found.noise(0.5).spread < found.noise(0.05).spread < found.noise(0.01).spread
    assert Dispersion(1.0, 0.0, 0).noise(0.05) == Noise(1.0, 0.0)
    assert Dispersion(1.0, 99.0, 0).noise(0.05).spread == SPREADS[-1]


def test_no_events_are_no_dispersion() -> None:
    units = np.ones((300, 32), np.int64)
    assert learn(units, np.zeros_like(units)).noise(0.05) == Noise(1.0, 0.0)


def test_values_are_normal_laws_around_null_and_alternatives() -> None:
    for spread in (0.05, 0.3):
        values, (above, null) = Noise(1.0, spread).values(2.0, (6.0,))
        logs = np.log(values / 2.0)
        for weights, centre in ((null, 0.0), (above, np.log(3.0))):
            assert weights.sum() == pytest.approx(1)
            assert (weights * logs).sum() == pytest.approx(centre, abs=0.01)
            assert spread < (weights * (logs - centre) ** 2).sum() ** 0.5 < 1.3 * spread


def test_stakes_are_what_is_on_each_alternative_and_their_unit_does_not_matter() -> None:
    _, (above, null) = Noise().values(1.0, (2.0, 4.0), (3.0, 1.0))
    assert above.tolist() == [0.75, 0.25, 0.0]
    assert null.tolist() == [0.0, 0.0, 1.0]
    values, (above, _) = Noise(1.0, 0.05).values(1.0, (2.0, 8.0), (30.0, 10.0))
    assert above[values < 4.0].sum() == pytest.approx(0.75)


def test_without_spread_values_are_the_alternatives_and_the_null() -> None:
    values, weights = Noise().values(2.0, (4.0, 6.0))
    assert np.allclose(values, [4.0, 6.0, 2.0])
    assert weights.tolist() == [[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]


def test_events_of_a_few_seconds_alone_say_no_more_than_they_hold() -> None:
    """Slow answers are known only of the last seconds of a short past: one block holds them all."""
    for seed in range(100):
        rng = np.random.default_rng(seed)
        units = np.zeros((300, 32), np.int64)
        units[-20:] = 2 + rng.integers(0, 2, (20, 32))
        events = np.zeros_like(units)
        events[-8:] = rng.binomial(units[-8:], 0.08)
        assert 1.0 <= float(learn(units, events).phi) < 2.5
