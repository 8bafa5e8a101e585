"""A/A: the same version on both arms is called harmful in at most 5 % of the canaries, with a look every second.

Five guards share one budget, as a policy with all of them has it; each beside them stands alone, at the whole of it.
Next to them, on the same data, what a z-test at each look and "twice the baseline" say.
"""

import numpy as np
import pytest
from tests.simulation.figures import RUNS, SECONDS, Figures, at_most
from tests.simulation.naive import twice_the_baseline, z_test
from tests.simulation.watching import WATCHED, WEIGHTS, batches, error_counts, harmful

from headgate.release.statistics import joint
from headgate.testing.traffic import Regime

ALPHA = 0.05


@pytest.mark.parametrize("regime", WATCHED, ids=lambda regime: regime.name)
def test_an_identical_challenger_is_called_harmful_in_at_most_5_percent(regime: Regime, figures: Figures) -> None:
    rng = np.random.default_rng(7)
    found: dict[str, list[bool]] = {}
    for drawn in batches(regime, 11, RUNS, SECONDS):
        logs = harmful(drawn, rng)
        every = {"all": joint.harm(logs, WEIGHTS), **logs}
        fired = {name: log.max(axis=-1) >= -np.log(ALPHA) for name, log in every.items()}
        fired["z-test"] = z_test(error_counts(drawn)).any(axis=-1)
        fired["2 x"] = twice_the_baseline(error_counts(drawn)).any(axis=-1)
        for name, runs in fired.items():
            found.setdefault(name, []).extend(runs.tolist())
    shares = {name: float(np.mean(runs)) for name, runs in found.items()}
    figures.row(regime=regime.name, **shares)
    assert at_most(shares["all"], ALPHA)
    for guard in WEIGHTS:
        assert at_most(shares[guard], ALPHA), guard
    assert shares["z-test"] > ALPHA  # or nature was too kind to say anything
