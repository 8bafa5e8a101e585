"""What a person signs changes when the verdict could, and only then."""

import pytest

from headgate.policy.load import examine
from headgate.policy.model import ModelPolicy
from headgate.policy.scorecard import describe, digest


def model(text: str) -> ModelPolicy:
    policy, problems = examine(text)
    assert policy is not None, problems
    return policy.models["late"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("at_least: 0.65", "at_least: 0.6499"),
        ("rule: better", "rule: no_worse"),
        ("may_drop: 0.02", "may_drop: 0.5"),
        ("      - {kind: parity}\n", ""),
        ("holdout: 14d", "holdout: 1d"),
        ("column: late, known_at: landed, true_at: arrived", "column: late, known_at: landed"),
        ("tolerance: 1e-4", "tolerance: 1e-1"),
        ("    task: binary", "    api_version: 2\n    task: binary"),
        ("role: primary", "role: secondary"),
        ("kind: parity", "kind: parity, share: 0.5"),
    ],
)
def test_whatever_could_change_a_verdict_asks_for_a_new_signature(text: str, old: str, new: str) -> None:
    assert old in text
    assert digest(model(text.replace(old, new, 1))) != digest(model(text))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("kind: parity", "kind: parity, share: 0.999"),
        ("kind: size, at_most_mb: 10", "at_most_mb: 10.0, kind: size"),
        ("trees: 100", "trees: 200"),
        ("holdout: 14d", "holdout: 336h"),
        ("until: 2024-03-01", "until: 2024-04-01"),
        ("inputs: [origin, distance]", "inputs: [origin]"),
        ("    scorecard:\n", "    scorecard: # judged each time\n"),
    ],
)
def test_what_only_looks_different_does_not(text: str, old: str, new: str) -> None:
    assert old in text
    assert digest(model(text.replace(old, new, 1))) == digest(model(text))


def test_the_order_of_the_lines_does_not_matter(text: str) -> None:
    first, last = "      - {kind: size, at_most_mb: 10}\n", "      - {kind: parity}\n"
    moved = text.replace(first, "").replace(last, last + first)
    assert digest(model(moved)) == digest(model(text))


def test_every_line_is_said_in_words(text: str) -> None:
    assert [describe(line) for line in model(text).scorecard] == [
        "roc_auc at least 0.65, better than the champion (95% confident)",
        "log_loss at most 0.6, no worse than the champion by more than 0.01 (95% confident)",
        "roc_auc in every origin no worse than the champion by more than 0.02",
        "latency P99 at most 20 ms at 200 requests/s for 3 s",
        "bundle at most 10 MB",
        "peak memory at most 500 MB",
        "packaged and native model agree on at least 99.9% of rows",
    ]
    both = model(text.replace("may_drop: 0.02", "may_drop: 0.02, at_least: 0.5, at_most: 0.9999, least_rows: 50"))
    assert describe(both.scorecard[2]) == (
        "roc_auc in every origin (of 50 rows or more) at least 0.5, at most 0.9999, "
        "no worse than the champion by more than 0.02"
    )
