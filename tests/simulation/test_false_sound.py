"""A challenger just worse than the margin is called sound in at most 5 % of the canaries; an equal one soon is.

Looks every second for 1,000 seconds at 5 % of the traffic. Errors: the odds are 2.05 times the champion's, against a
margin of 2; where errors are rare, 1.1 % of the requests, against an absolute margin of 1 %. P95: 32 % slower, against
30 %. Each guard has the whole of alpha, as every required guard must be sound, and one is enough to be wrong about.
"""

from dataclasses import replace

import numpy as np
import pytest
from tests.simulation.figures import RUNS, SECONDS, WHOLE, Figures, at_most
from tests.simulation.watching import ABSOLUTE, REGIMES, SOUND_CUTS, WATCHED, batches, soundly

from headgate.release.statistics.counts import Floats
from headgate.testing.traffic import NO_FAULT, Fault, Regime

BOUND, LIMIT = np.log(20), 0.05
WORSE = Fault(errors=2.05, slowness=1.32)
BEYOND = 1.1  # times the absolute margin


def worse(regime: Regime) -> Fault:
    """Return what is just beyond the margins of both guards."""
    if 2 * regime.errors > ABSOLUTE:
        return WORSE
    rate = BEYOND * ABSOLUTE
    return replace(WORSE, errors=rate / (1 - rate) / (regime.errors / (1 - regime.errors)))


def called_sound(regime: Regime, fault: Fault, runs: int) -> dict[str, Floats]:
    """Return guard -> the challenger's requests when it was first sound [runs]; infinity: never."""
    found: dict[str, list[Floats]] = {}
    for drawn in batches(regime, 21, runs, SECONDS, fault, SOUND_CUTS):
        requests = drawn.requests[:, 0].sum(axis=-1).cumsum(axis=-1)
        for guard, log in soundly(drawn).items():
            over = log >= BOUND
            at = requests[np.arange(len(over)), over.argmax(axis=-1)]
            found.setdefault(guard, []).append(np.where(over.any(axis=-1), at, np.inf))
    return {guard: np.concatenate(of) for guard, of in found.items()}


@pytest.mark.parametrize("regime", WATCHED, ids=lambda regime: regime.name)
def test_just_beyond_the_margin_is_called_sound_in_at_most_5_percent(regime: Regime, figures: Figures) -> None:
    found = called_sound(regime, worse(regime), RUNS)
    shares = {f"{guard}_falsely_sound": float(np.isfinite(of).mean()) for guard, of in found.items()}
    figures.row(regime=regime.name, **shares)
    for share in shares.values():
        assert at_most(share, LIMIT)


@pytest.mark.parametrize("regime", WATCHED, ids=lambda regime: regime.name)
def test_an_equal_challenger_is_sound_in_the_end(regime: Regime, figures: Figures) -> None:
    cells: dict[str, float] = {}
    for guard, found in called_sound(regime, NO_FAULT, max(100, RUNS // 4)).items():
        half, most = np.quantile(found, (0.5, 0.8), method="inverted_cdf")
        cells |= {f"{guard}_sound": float(np.isfinite(found).mean()), f"{guard}_median": half, f"{guard}_80th": most}
    figures.row(regime=regime.name, **cells)
    if regime is REGIMES[0]:
        assert cells["errors_median"] <= 741 * 1.75 * (1.0 if WHOLE else 1.25)
