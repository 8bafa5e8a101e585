"""What simulations watch is what the judge finds: many runs at once, and one release fed row by row, are the same.

Runs are drawn as for the figures, with the guards of their policy, and told to the judge in passes of random length, as
rows of rollups and answers of the log. The evidence of each guard must be that which the simulations compute.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from tests.simulation.watching import (
    CUTS,
    GUARDS,
    MARGIN,
    REGIMES,
    SOUND_CUTS,
    counted,
    harmful,
    less,
    soundly,
)

from headgate.predictions.rollup import LAST, Key, Row, edge
from headgate.release.judging.answers import WINDOW, Answers
from headgate.release.judging.course import Course
from headgate.release.judging.effect import FIRST
from headgate.release.judging.past import learn_past
from headgate.release.move import State
from headgate.release.standing import Standing
from headgate.release.statistics.harm import harm
from headgate.release.statistics.predictions import Shifted, above_cuts
from headgate.testing.clock import START
from headgate.testing.drawing import HISTORY, draw
from headgate.testing.releases import MODEL, plan_of
from headgate.testing.traffic import Cuts, Drawn, Fault, Regime

SECOND = int(START.timestamp())
LENGTH, CHANCE = 300, 20  # seconds; by then the floor of 5 ms, which simulations leave out, has lost its stake
FAULTY = Fault(errors=2.0, slowness=1.2)
CASES = [(regime, cuts) for regime in REGIMES for cuts in (CUTS, SOUND_CUTS)]


def course_of(past: Sequence[Row], p99_ms: float | None = None) -> Course:
    """Begin the rung of 5 % of a release with the guards of the simulations."""
    guards = GUARDS.model_dump()
    guards["latency"]["p99_ms"] = p99_ms
    rungs = [{"share": 0.05, "hold": "1m", "patience": "30m"}]
    at = Standing(
        "late-1", plan_of(shadow=None, rungs=rungs, guards=guards), State.RUNNING, "1", START, START, START, 0
    )
    known = learn_past(past, SECOND)
    assert known is not None
    return Course(at, known, "binary")


def history(drawn: Drawn) -> Iterator[Row]:
    """Yield what the champion did before; its histogram as a whole in the first second."""
    latency = {number: int(count) for number, count in enumerate(drawn.histogram[0]) if count}
    columns = (drawn.past[0], drawn.past_errors[0], drawn.past_slow[0])
    for t, (units, errors, slow) in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        key = Key(SECOND - HISTORY + t, MODEL, "1", "champion", "live")
        yield Row(key, sum(units), sum(errors), {} if t else latency, units, errors, slow, LAST)


def passes(rng: np.random.Generator, step: int = 1) -> list[int]:
    """Return at which seconds somebody looks."""
    return [*np.unique(rng.integers(CHANCE, LENGTH, 12) // step * step).tolist(), LENGTH]


@pytest.mark.parametrize(
    ("regime", "cuts"), CASES, ids=[f"{regime.name}, {'harm' if cuts is CUTS else 'sound'}" for regime, cuts in CASES]
)
def test_errors_and_latency_are_what_the_judge_finds(regime: Regime, cuts: Cuts) -> None:
    rng = np.random.default_rng(len(regime.name))
    drawn = draw(regime, rng, 1, LENGTH, cuts, FAULTY)
    slowest = int(np.rint((drawn.cuts[0, 1, -1] - np.log(edge(0))) / np.log(edge(1) / edge(0))))
    course = course_of(list(history(drawn)), edge(slowest) * 1000 if cuts is CUTS else None)
    rows = list(drawn.rows(0, MODEL, ("2", "1"), SECOND))
    expected = {guard: log[0] for guard, log in (harmful(drawn, rng) if cuts is CUTS else soundly(drawn)).items()}
    since = 0
    for until in passes(rng):
        course.feed_rows([row for row in rows if since <= row.key.second - SECOND < until])
        found = {one.guard: one for one in course.evidence({}).readings}
        for guard in ("errors", "latency"):
            log = found[guard].log_e_harm if cuts is CUTS else found[guard].log_e_sound
            assert log == pytest.approx(expected[guard][until - 1], abs=1e-6), (guard, until)
        since = until


def answered(rng: np.random.Generator, since: int, until: int, rates: tuple[float, float]) -> Answers:
    """Draw answers of champion and challenger, with prices as outcomes that come out as known."""
    counts = rng.poisson(np.array(rates)[:, None], (2, until - since))
    side = np.repeat([0, 1], counts.sum(axis=1))
    second = np.concatenate([np.repeat(np.arange(since, until), row) for row in counts])
    order = np.argsort(second, kind="stable")
    side, second = side[order], second[order]
    price = rng.lognormal(0.0, 0.8, len(side)) * np.where(side == 1, 0.9, 1.0)
    value = np.clip(rng.normal(0.5 - 0.1 * side, 0.2), 0.0, 1.0).astype(object)
    unit = np.array([f"u{number}" for number in range(len(side))], object)
    return Answers(second, side, unit, value, np.full(len(side), "known", object), price)


def test_predictions_and_effects_are_what_the_judge_finds() -> None:
    rng = np.random.default_rng(8)
    before, answers = answered(rng, SECOND - 60, SECOND, (30, 0)), answered(rng, SECOND, SECOND + LENGTH, (190, 30))
    drawn = draw(REGIMES[0], rng, 1, 1, CUTS)
    course = course_of(list(history(drawn)))
    course.learn(before)
    expected = expected_of(answers, np.quantile(before.value.astype(float), (0.2, 0.4, 0.6, 0.8)))
    since = 0
    for until in passes(rng, WINDOW):
        part = answers.where((answers.second >= SECOND + since) & (answers.second < SECOND + until))
        course.feed_answers(part)
        course.feed_outcomes(part)
        found = {one.guard: one.log_e_harm for one in course.evidence({}).readings}
        for guard, logs in expected.items():
            assert found[guard] == pytest.approx(logs[until - 1], abs=1e-6), (guard, until)
        since = until


def expected_of(answers: Answers, cuts: np.ndarray) -> dict[str, np.ndarray]:
    """Return guard -> log E [t], as simulations compute it from counts."""
    t, challenger = answers.second - SECOND, answers.side == 1
    value = answers.value.astype(float)

    def by_arm(weights: np.ndarray) -> np.ndarray:
        return np.stack([np.bincount(t, weights * mine, LENGTH) for mine in (challenger, ~challenger)])[None]

    bins = np.stack([by_arm(np.searchsorted(cuts, value) == b) for b in range(5)], axis=-1).astype(np.int64)
    positive, bad = value >= 0.5, answers.number <= 0.5
    calls = counted(*(by_arm(which).astype(np.int64) for which in (positive, positive & bad)))
    judged = t >= WINDOW  # the first window holds more than a hundred of the champion's: they say what is usual
    assert (~judged & ~challenger).sum() > FIRST
    price = np.minimum(answers.number, np.quantile(answers.number[~judged & ~challenger], 0.99))
    told = [by_arm(judged * of) for of in (np.ones(len(price)), price != 0, price, price**2)]
    return {
        "predictions": Shifted(MARGIN).log_e(above_cuts(np.arange(LENGTH), bins[:, 0], bins[:, 1]))[0],
        "precision": harm().log_e(calls)[0],
        "value": less(*told)[0],
    }
