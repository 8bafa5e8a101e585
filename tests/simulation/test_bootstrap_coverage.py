"""The paired bootstrap keeps its word: its lower bound lies below the true gain about as often as it says."""

from math import sqrt
from typing import Any

import numpy as np
import pytest
from tests.simulation.figures import RUNS, Figures

from headgate.gate.bootstrap import paired
from headgate.training.metrics import METRICS

CONFIDENCE = 0.95
SLACK = 0.02  # what a percentile bound may miss at 200 rows
RESAMPLES = 400


def sigmoid(values: Any) -> Any:
    return 1 / (1 + np.exp(-values))


def binary(rng: np.random.Generator, rows: int, edge: float, positive: float) -> tuple[Any, Any, Any]:
    """Two scores of the same rows that share most of their noise; the first knows `edge` more of the label."""
    labels = (rng.random(rows) < positive).astype(int)
    common = 0.8 * rng.normal(0, 1, rows)
    ours = labels * (1 + edge) + common + 0.6 * rng.normal(0, 1, rows)
    theirs = labels + common + 0.6 * rng.normal(0, 1, rows)
    return labels, sigmoid(2 * ours - 1), sigmoid(2 * theirs - 1)


def gain(metric: str, seed: int, rows: int, edge: float, positive: float) -> Any:
    rng = np.random.default_rng(seed)
    labels, ours, theirs = binary(rng, rows, edge, positive)
    found = METRICS[metric]
    return paired(
        found.kernel(labels, ours, ("0", "1")),
        found.kernel(labels, theirs, ("0", "1")),
        rows,
        higher_is_better=found.higher_is_better,
        confidence=CONFIDENCE,
        seed=seed,
        resamples=RESAMPLES,
    )


def truth(metric: str, edge: float, positive: float) -> float:
    labels, ours, theirs = binary(np.random.default_rng(1), 400_000, edge, positive)
    found = METRICS[metric]
    difference = found.compute(labels, ours, ("0", "1")) - found.compute(labels, theirs, ("0", "1"))
    return difference if found.higher_is_better else -difference


@pytest.mark.parametrize(
    ("metric", "rows", "positive"),
    [
        ("roc_auc", 200, 0.5),
        ("roc_auc", 200, 0.1),
        ("log_loss", 200, 0.3),
        ("average_precision", 200, 0.2),
        ("f1", 400, 0.3),
    ],
)
def test_the_bound_lies_below_the_true_gain_as_often_as_it_says(
    metric: str, rows: int, positive: float, figures: Figures
) -> None:
    true = truth(metric, 0.2, positive)
    covered = np.mean([gain(metric, seed, rows, 0.2, positive).bound <= true for seed in range(RUNS)])
    figures.row(metric=metric, rows=rows, positive=positive, nominal=CONFIDENCE, covered=float(covered))
    noise = 3 * sqrt(CONFIDENCE * (1 - CONFIDENCE) / RUNS)
    assert covered >= CONFIDENCE - SLACK - noise
    assert covered <= CONFIDENCE + SLACK + noise


def test_a_version_that_is_no_better_is_called_better_no_more_often_than_the_confidence_allows(
    figures: Figures,
) -> None:
    called = np.mean([gain("roc_auc", seed, 300, 0.0, 0.3).bound > 0 for seed in range(RUNS)])
    figures.row(metric="roc_auc", rows=300, no_better_and_called_better=float(called))
    assert called <= 1 - CONFIDENCE + SLACK + 3 * sqrt(0.05 * 0.95 / RUNS)


def test_a_version_that_is_clearly_better_is_called_better_nearly_always() -> None:
    called = np.mean([gain("roc_auc", seed, 1000, 0.5, 0.3).bound > 0 for seed in range(RUNS // 5)])
    assert called > 0.95


def stormy(rng: np.random.Generator, hours: int) -> tuple[Any, Any, Any, Any]:
    """Errors of two models over hours of 30 rows each; in every hour one of the two happens to do better."""
    of = np.repeat(np.arange(hours), 30)
    labels = np.zeros(len(of))
    ours = 1.0 + rng.normal(0, 0.3, hours)[of] + rng.normal(0, 0.5, len(of))
    theirs = 1.1 + rng.normal(0, 0.5, len(of))
    return labels, ours, theirs, of


def stormy_covered(seed: int, hours: int, *, blocks: bool) -> bool:
    labels, ours, theirs, of = stormy(np.random.default_rng(seed), hours)
    rmse = METRICS["rmse"]
    found = paired(
        rmse.kernel(labels, ours, ()),
        rmse.kernel(labels, theirs, ()),
        len(labels),
        higher_is_better=False,
        confidence=CONFIDENCE,
        seed=seed,
        blocks={"hours": of} if blocks else {},
        resamples=RESAMPLES,
    )
    true = np.sqrt(1.1**2 + 0.25) - np.sqrt(1.0 + 0.09 + 0.25)
    return bool(found.bound <= true)


@pytest.mark.parametrize("hours", [12, 40])
def test_rows_that_share_their_hour_are_covered_by_draws_of_hours_and_not_by_draws_of_rows(
    hours: int, figures: Figures
) -> None:
    covered = np.mean([stormy_covered(seed, hours, blocks=True) for seed in range(RUNS)])
    alone = np.mean([stormy_covered(seed, hours, blocks=False) for seed in range(RUNS)])
    figures.row(metric="rmse", hours=hours, covered_by_hours=float(covered), by_rows=float(alone))
    assert covered >= CONFIDENCE - SLACK - 3 * sqrt(0.05 * 0.95 / RUNS)
    assert alone < 0.85
