"""Compare a candidate with the champion on the rows that neither was trained on.

Refuses to compare where the rows cannot carry it: too few, too few of a class, or not known to be new to both.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from headgate.base.errors import BadInput
from headgate.gate.bootstrap import UNDEFINED, Gain, paired
from headgate.gate.numbers import rows as show_rows
from headgate.gate.rows import Answers, HeldOut, Mask, Silent, unseen
from headgate.training.metrics import METRICS, encode
from headgate.training.resampled import Array

LEAST_ROWS = 200
LEAST_OF_CLASS = 20  # with fewer the percentile bound covers less than it says (tests/simulation)


@dataclass(frozen=True, slots=True)
class Compared:
    """A gain over the champion on some number of rows."""

    champion: str
    rows: int
    gain: Gain


@dataclass(frozen=True, slots=True)
class NotCompared:
    """Why the two could not be compared."""

    why: str


def shared_rows(held_out: HeldOut, candidate: Answers, champion: Answers | Silent) -> Mask | NotCompared:
    """Return the rows later than both training windows, or why there is no comparison on them."""
    if isinstance(champion, Silent):
        return NotCompared(f"champion {champion.version} gave no answers to compare with: {champion.why}")
    if set(candidate.classes) != set(champion.classes) or _positive(candidate) != _positive(champion):
        return NotCompared(
            f"the classes differ: {', '.join(candidate.classes)} against the champion's {', '.join(champion.classes)}"
        )
    rows = unseen(held_out.time, candidate, champion)
    if isinstance(rows, str):
        return NotCompared(rows)
    if rows.sum() < LEAST_ROWS:
        return NotCompared(
            f"only {show_rows(int(rows.sum()))} of {len(held_out):,} are later than the training of both this version "
            f"and champion {champion.version}; {LEAST_ROWS} are needed: hold out a longer span, or wait for newer data"
        )
    return rows


def compare(
    metric: str,
    held_out: HeldOut,
    candidate: Answers,
    champion: Answers | Silent,
    *,
    confidence: float,
    seed: int,
    within: Mask | None = None,
) -> Compared | NotCompared:
    """Return the candidate's gain over the champion in a metric, with its one-sided bootstrap bound.

    Args:
        metric: A name of METRICS.
        held_out: The rows both answered.
        candidate: The version under judgement.
        champion: The version that serves.
        confidence: Of the bound, such as 0.95.
        seed: Of the draws.
        within: Only these rows (a segment); the caller then decides how many rows are enough.
    """
    shared = shared_rows(held_out, candidate, champion)
    if isinstance(shared, NotCompared) or isinstance(champion, Silent):
        return shared if isinstance(shared, NotCompared) else NotCompared(champion.version)
    rows = shared if within is None else shared & within
    try:
        thin = _thin(held_out.labels[rows], candidate.classes) if within is None else None
        if thin:
            return NotCompared(thin)
        ours, theirs = (
            METRICS[metric].kernel(held_out.labels[rows], answers.predictions[rows], answers.classes)
            for answers in (candidate, champion)
        )
    except BadInput as error:
        return NotCompared(error.what)
    higher = METRICS[metric].higher_is_better
    gain = paired(ours, theirs, int(rows.sum()), higher_is_better=higher, confidence=confidence, seed=seed)
    if not np.isfinite(gain.gain) or gain.undefined > UNDEFINED:
        return NotCompared(
            f"{metric} has no value on {gain.undefined:.0%} of the draws from {show_rows(int(rows.sum()))}: "
            "too few rows of some class; hold out a longer span"
        )
    return Compared(champion.version, int(rows.sum()), gain)


def _positive(answers: Answers) -> str | None:
    return answers.classes[1] if len(answers.classes) == 2 else None  # noqa: PLR2004 - binary


def _thin(labels: Array, classes: Sequence[str]) -> str | None:
    """Say that a class of a binary model has too few rows for the bound to mean what it says."""
    if len(classes) != 2:  # noqa: PLR2004 - binary
        return None
    counts = np.bincount(encode(labels, classes), minlength=2)
    least = int(counts.argmin())
    if counts[least] >= LEAST_OF_CLASS:
        return None
    return (
        f"only {show_rows(int(counts[least]))} of {len(labels):,} are {classes[least]}; {LEAST_OF_CLASS} are needed: "
        "hold out a longer span, or wait for newer data"
    )
