"""The noncentral hypergeometric law: its normaliser is exact, and its likelihood ratios are e-values."""

from itertools import product
from math import comb, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nchypergeom_fisher

from headgate.release.statistics.counts import Seconds
from headgate.release.statistics.hypergeometric import log_likelihood, log_mean

PSI = np.array([0.15, 0.5, 1.0, 1.25, 3.0, 30.0])


def one(n: int, events: int, m: int, k: int) -> Seconds:
    return Seconds(np.array([0]), *(np.array([value]) for value in (m, n, k, events)))


def direct(psi: float, n: int, events: int, m: int) -> float:
    ways = range(max(0, events - n + m), min(events, m) + 1)
    return sum(comb(m, j) * comb(n - m, events - j) * psi**j for j in ways) / comb(n, events)


@st.composite
def seconds(draw: st.DrawFn) -> tuple[int, int, int]:
    n = draw(st.integers(2, 60))
    return n, draw(st.integers(1, n - 1)), draw(st.integers(1, n - 1))


@given(seconds())
def test_the_normaliser_is_the_direct_sum(numbers: tuple[int, int, int]) -> None:
    found = log_mean(PSI, *(np.array([number]) for number in numbers))[0]
    assert np.allclose(found, [np.log(direct(psi, *numbers)) for psi in PSI])


@pytest.mark.parametrize("numbers", [(5000, 2500, 1200), (3000, 40, 2900), (2000, 1990, 64), (900, 899, 898)])
def test_the_normaliser_of_a_busy_second_is_exact_too(numbers: tuple[int, int, int]) -> None:
    n, events, m = numbers
    ways = range(max(0, events - n + m), min(events, m) + 1)
    exact = [sum(comb(m, j) * comb(n - m, events - j) * base**j for j in ways) for base in (1, 3, 30)]
    found = log_mean(np.array([1.0, 3.0, 30.0]), *(np.array([number]) for number in numbers))[0]
    assert np.allclose(found, [log(whole) - log(comb(n, events)) for whole in exact], atol=1e-8)


@given(seconds())
def test_hoeffding_bounds_the_normaliser(numbers: tuple[int, int, int]) -> None:
    n, events, m = numbers
    found = log_mean(PSI, *(np.array([number]) for number in numbers))[0]
    assert (found <= events * np.log1p(m / n * (PSI - 1)) + 1e-9).all()


@pytest.mark.parametrize("psi", [0.5, 2.0])
def test_differences_of_likelihoods_are_those_of_fishers_law(psi: float) -> None:
    n, events, m = 40, 9, 12
    values = [log_likelihood(one(n, events, m, k), np.array([psi]))[0, 0] for k in (2, 5)]
    law = nchypergeom_fisher(n, events, m, psi)
    hypergeometric = nchypergeom_fisher(n, events, m, 1.0)
    expected = [law.logpmf(k) - hypergeometric.logpmf(k) for k in (2, 5)]
    assert np.allclose(values, expected)


@given(seconds(), st.sampled_from([1.0, 2.0]), st.floats(0.05, 1.0))
def test_the_mean_of_a_ratio_is_one_at_the_null_and_less_on_its_far_side(
    numbers: tuple[int, int, int], null: float, part: float
) -> None:
    """By enumeration of all that can happen in a second."""
    n, events, m = numbers
    ways = np.arange(max(0, events - n + m), min(events, m) + 1)
    for truth, bound in ((null, 1.0), (null * part, 1.0)):
        chance = np.array([comb(m, int(j)) * comb(n - m, events - int(j)) * truth ** int(j) for j in ways], float)
        logs = np.stack([log_likelihood(one(n, events, m, int(k)), np.array([null * 3, null]))[0] for k in ways])
        expected = (chance / chance.sum() * np.exp(logs[:, 0] - logs[:, 1])).sum()
        assert expected <= bound + 1e-9
        if truth == null:
            assert expected == pytest.approx(1.0)


def test_a_second_that_cannot_tell_says_nothing() -> None:
    for n, events, m, k in ((10, 0, 4, 0), (10, 3, 0, 0), (10, 3, 10, 3), (5, 5, 2, 2)):
        assert not log_likelihood(one(n, events, m, k), PSI).any()


def test_many_seconds_give_what_each_gives_alone() -> None:
    triples = list(product((20, 30), (1, 4), (3, 9))) * 2
    together = log_mean(PSI, *(np.array(column) for column in zip(*triples, strict=True)))
    alone = [log_mean(PSI, *(np.array([number]) for number in triple))[0] for triple in triples]
    assert np.allclose(together, alone)
    assert log_mean(PSI, *(np.zeros(0, np.int64),) * 3).shape == (0, len(PSI))
