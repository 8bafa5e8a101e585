"""A reproduction is the same, or says what differs and what may be why."""

import numpy as np

from headgate.training.likeness import (
    Compared,
    Likeness,
    compare_artefacts,
    compare_metrics,
    compare_predictions,
    differing_surroundings,
)

IDS = ("a", "b", "c")


def test_metrics_are_the_same_within_a_billionth() -> None:
    assert compare_metrics({"auc": 0.7, "loss": 0.5}, {"auc": 0.7 + 5e-10, "loss": 0.5}).same
    apart = compare_metrics({"auc": 0.7, "loss": 0.5}, {"auc": 0.7, "loss": 0.51})
    assert not apart.same
    assert "loss was 0.5 and is 0.51" in apart.why
    assert "only on one side: loss" in compare_metrics({"auc": 0.7, "loss": 1}, {"auc": 0.7}).why


def test_predictions_are_compared_bit_by_bit_and_rows_are_named() -> None:
    values = np.array([0.1, np.nan, 0.3])
    assert compare_predictions(values, values.copy(), IDS).same
    apart = compare_predictions(values, np.array([0.1, np.nan, 0.3000001]), IDS)
    assert not apart.same
    assert "1 of 3 rows differ" in apart.why
    assert "first: c" in apart.why
    assert "shape" in compare_predictions(values, values[:2], IDS).why


def test_one_difference_makes_the_whole_differ() -> None:
    same, apart = compare_artefacts("x", "x"), compare_artefacts("x", "y")
    assert Likeness((same,), (), {}).same
    assert not Likeness((same, apart), (), {}).same
    assert apart == Compared("artefact", same=False, why="was x and is y")


def test_surroundings_name_what_changed() -> None:
    before = {
        "python": "3.11.7",
        "threads": 1,
        "machine": {},
        "implementation": "CPython",
        "packages": ["a==1", "b==1"],
    }
    after = {**before, "python": "3.12.1", "packages": ["a==2", "c==1"]}
    why = differing_surroundings(before, after)
    assert why == ("python: was 3.11.7, is 3.12.1", "a: was 1, is 2", "b: was 1, is absent", "c: was absent, is 1")
    assert differing_surroundings(before, before) == ()
