"""Cost per prediction: an identical version with smaller batches is no harm, also beside all other guards.

A call of n rows costs 30 + 4 n microseconds, times noise: one call in a hundred takes ten times as long, the machine
drifts for both arms alike, and each arm wanders by itself (5 %, for about half a minute). Requests fall into forty
ticks a second, so that the champion's batches hold five rows and the challenger's little more than one. Blind: the past
says nothing of batches. `per row` is a test that knows nothing of batches either, and compares rows.
"""

import numpy as np
import pytest
from tests.simulation.figures import RUNS, SECONDS, Figures, at_most
from tests.simulation.watching import CUTS, WATCHED, WEIGHTS, batches, harmful

from headgate.predictions.spent import NOTHING, Spent
from headgate.release.statistics import cost, joint
from headgate.release.statistics.counts import Floats, Ints
from headgate.testing.drawing import draw
from headgate.testing.traffic import Drawn, Fault, Regime

ALPHA, RATIO = 0.05, 1.5
SHARES = {**{name: weight * 5 / 6 for name, weight in WEIGHTS.items()}, "cost": 1 / 6}
TICKS, SINGLE, START, EACH, PAST = 40, 1000, 30.0, 4.0, 300
FEW = max(20, RUNS // 4)


def wandering(rng: np.random.Generator, shape: tuple[int, ...], size: float, lasts: float) -> Floats:
    """Draw a factor about 1 that forgets itself after so many steps of the last axis."""
    keep = np.exp(-1 / lasts)
    found = np.empty(shape)
    found[..., 0] = rng.standard_normal(shape[:-1])
    for at in range(1, shape[-1]):
        fresh = rng.standard_normal(shape[:-1])
        found[..., at] = keep * found[..., at - 1] + np.sqrt(1 - keep**2) * fresh
    return np.exp(size * found)


def calls_of(rng: np.random.Generator, requests: Ints, factor: Floats, ticks: int = TICKS) -> tuple[Ints, Floats]:
    """Return rows and microseconds of each call [..., ticks]; no rows: there was none."""
    rows = rng.multinomial(requests, np.full(ticks, 1 / ticks))
    noise = rng.lognormal(0.0, 0.5, rows.shape) * np.where(rng.random(rows.shape) < 0.01, 10.0, 1.0)
    return rows, np.where(rows > 0, (START + EACH * rows) * noise, 0.0) * factor[..., None]


def spent_of(rows: Ints, micros: Floats) -> Spent:
    sums = ((rows > 0).sum(), rows.sum(), micros.sum(), (rows**2).sum(), (rows * micros).sum(), (micros**2).sum())
    return Spent.of([float(one) for one in sums])


def blocks_of(rng: np.random.Generator, drawn: Drawn, ratio: float, *, blind: bool, ticks: int = TICKS) -> Floats:
    """Return A and B of every block [2 bounds, 2, runs, blocks]."""
    requests = drawn.requests.sum(axis=-1)
    runs, _, seconds = requests.shape
    factor = wandering(rng, (runs, 1, seconds), 0.2, 60) * wandering(rng, (runs, 2, seconds), 0.05, 30)
    rows, micros = calls_of(rng, requests, factor * np.array([ratio, 1.0])[:, None], ticks)
    sums = np.stack([(rows > 0).sum(axis=-1), rows.sum(axis=-1), micros.sum(axis=-1)]).astype(np.float64)
    usual = max(1, int(requests.sum(axis=1).mean()))
    found = []
    for run in range(runs):
        before = calls_of(rng, rng.poisson(usual, PAST), np.ones(PAST), ticks)
        work = cost.learn(NOTHING if blind else spent_of(*before))
        found.append(cost.held(work, sums[:, run, 0], sums[:, run, 1]))
    each = np.stack(found, axis=2)[..., : seconds // cost.BLOCK_SECONDS * cost.BLOCK_SECONDS]
    blocks: Floats = each.reshape(2, 2, runs, -1, cost.BLOCK_SECONDS).sum(axis=-1)
    return blocks


def looked(
    rng: np.random.Generator, drawn: Drawn, ratio: float = 1.0, *, blind: bool = False, ticks: int = TICKS
) -> tuple[Floats, Floats]:
    """Return log E for harm, and for soundness [runs, blocks]."""
    least, most = cost.differences(blocks_of(rng, drawn, ratio, blind=blind, ticks=ticks), RATIO)
    return cost.log_e(least, 1), cost.log_e(most, -1)


def by_second(logs: Floats) -> Floats:
    """Return log E at the end of each second [runs, t]: a block speaks when it is over."""
    held = np.repeat(logs, cost.BLOCK_SECONDS, axis=-1)
    first = np.zeros((len(logs), cost.BLOCK_SECONDS - 1))
    return np.concatenate([first, held], axis=-1)[:, :SECONDS]


@pytest.mark.parametrize("regime", WATCHED, ids=lambda regime: regime.name)
def test_an_identical_challenger_is_harmful_in_at_most_5_percent_beside_all_other_guards(
    regime: Regime, figures: Figures
) -> None:
    rng, alone, together, per_row = np.random.default_rng(51), list[bool](), list[bool](), list[bool]()
    for drawn in batches(regime, 52, RUNS, SECONDS):
        mine = looked(rng, drawn)[0]
        every = joint.harm({**harmful(drawn, rng), "cost": by_second(mine)}, SHARES)
        alone += (mine.max(axis=-1) >= -np.log(ALPHA)).tolist()
        together += (every.max(axis=-1) >= -np.log(ALPHA)).tolist()
        blocks = blocks_of(rng, drawn, 1.0, blind=True)[1][:, None].repeat(2, axis=1).swapaxes(0, 1)
        naive = cost.differences(blocks, RATIO)[0]
        per_row += (cost.log_e(naive, 1).max(axis=-1) >= -np.log(ALPHA)).tolist()
    shares = {"cost": float(np.mean(alone)), "all": float(np.mean(together)), "per_row": float(np.mean(per_row))}
    figures.row(false_harm=regime.name, **shares)
    assert at_most(shares["cost"], ALPHA)
    assert at_most(shares["all"], ALPHA)
    assert shares["per_row"] > 0.9


@pytest.mark.parametrize("blind", [False, True], ids=["learned", "blind"])
def test_what_costs_as_much_as_the_margin_is_sound_in_at_most_5_percent_and_harmful_in_as_few(
    figures: Figures, *, blind: bool
) -> None:
    rng, sound, harm = np.random.default_rng(53), list[bool](), list[bool]()
    for drawn in batches(Regime("independent"), 54, RUNS, SECONDS):
        worse, good = looked(rng, drawn, RATIO, blind=blind)
        sound += (good.max(axis=-1) >= -np.log(ALPHA)).tolist()
        harm += (worse.max(axis=-1) >= -np.log(ALPHA)).tolist()
    shares = {"sound": float(np.mean(sound)), "harm": float(np.mean(harm))}
    figures.row(at_the_margin="blind" if blind else "learned", **shares)
    assert at_most(shares["sound"], ALPHA)
    assert at_most(shares["harm"], ALPHA)


@pytest.mark.parametrize("ticks", [TICKS, SINGLE], ids=["batches of five and one", "like batches"])
def test_twice_the_cost_is_found_and_an_equal_challenger_is_sound_as_soon_as_was_said(
    ticks: int, figures: Figures
) -> None:
    rng, said = np.random.default_rng(55), cost.needed(RATIO, ALPHA)
    for name, ratio, side in (("harm x 2", 2.0, 0), ("harm x 3", 3.0, 0), ("sound", 1.0, 1)):
        found = list[float]()
        for _ in range(0, FEW, 10):
            drawn = draw(Regime("independent"), rng, 10, 1000, CUTS, Fault(), buckets=False)
            over = looked(rng, drawn, ratio, ticks=ticks)[side] >= -np.log(ALPHA)
            found += np.where(over.any(axis=-1), over.argmax(axis=-1) + 1.0, np.inf).tolist()
        half, most = np.quantile(found, (0.5, 0.9), method="inverted_cdf")
        figures.row(power=name, ticks=ticks, blocks_r50=float(half), blocks_r90=float(most), said=said)
        assert np.isfinite(half)
        assert not side or at_most(float(np.mean(np.array(found) > said)), 0.1, len(found))
