"""Compare a candidate with the champion on the rows that neither was trained on.

Refuses to compare where the rows cannot carry it: too few, too few of a class, or not known to be new to both.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from headgate.base.errors import BadInput
from headgate.gate.bootstrap import UNDEFINED, Gain, paired, time_blocks
from headgate.gate.numbers import rows as show_rows
from headgate.gate.rows import Answers, HeldOut, Mask, Silent, unseen
from headgate.training.metrics import METRICS, encode
from headgate.training.resampled import Array, Kernel

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


def shared_rows(
    held_out: HeldOut, candidate: Answers, champion: Answers | Silent, least_rows: int = LEAST_ROWS
) -> Mask | NotCompared:
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
    if rows.sum() < least_rows:
        return NotCompared(
            f"only {show_rows(int(rows.sum()))} of {len(held_out):,} are later than the training of both this version "
            f"and champion {champion.version}; {least_rows} are needed: hold out a longer span, "
            "wait for newer data, or lower least_rows"
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
    least_rows: int = LEAST_ROWS,
) -> Compared | NotCompared:
    """Return the candidate's gain over the champion in a metric, with its one-sided bootstrap bound.

    Args:
        metric: A name of METRICS.
        held_out: The rows both answered.
        candidate: The version under judgement.
        champion: The version that serves.
        confidence: Of the bound, such as 0.95.
        seed: Of the draws.
        least_rows: With fewer rows that are new to both, nothing is compared.
    """
    rows = shared_rows(held_out, candidate, champion, least_rows)
    if isinstance(rows, NotCompared):
        return rows
    if isinstance(champion, Silent):
        return NotCompared(champion.why)
    count = int(rows.sum())
    try:
        thin = _thin(held_out.labels[rows], candidate.classes)
        ours, theirs = (_kernel(metric, held_out, answers, rows) for answers in (candidate, champion))
    except BadInput as error:
        return NotCompared(error.what)
    if thin:
        return NotCompared(thin)
    gain = paired(
        ours,
        theirs,
        count,
        higher_is_better=METRICS[metric].higher_is_better,
        confidence=confidence,
        seed=seed,
        blocks=time_blocks(held_out.time[rows]),
    )
    if not np.isfinite(gain.gain) or gain.undefined > UNDEFINED:
        return NotCompared(
            f"{metric} has no value on {gain.undefined:.0%} of the draws from {show_rows(count)}: "
            "too few rows of some class; hold out a longer span"
        )
    return Compared(champion.version, count, gain)


@dataclass(frozen=True, slots=True)
class Difference:
    """The metric of both versions on the same rows; gain is positive where the candidate is better."""

    rows: int
    candidate: float
    champion: float
    gain: float


def difference(
    metric: str, held_out: HeldOut, candidate: Answers, champion: Answers, rows: Mask
) -> Difference | NotCompared:
    """Return both metrics on some rows; the caller says which rows, and that there are enough."""
    try:
        whole = np.ones((1, int(rows.sum())))
        ours, theirs = (float(_kernel(metric, held_out, answers, rows)(whole)[0]) for answers in (candidate, champion))
    except BadInput as error:
        return NotCompared(error.what)
    if not np.isfinite(ours) or not np.isfinite(theirs):
        return NotCompared(f"{metric} has no value on {show_rows(int(rows.sum()))}")
    gain = ours - theirs if METRICS[metric].higher_is_better else theirs - ours
    return Difference(int(rows.sum()), ours, theirs, gain)


def _kernel(metric: str, held_out: HeldOut, answers: Answers, rows: Mask) -> Kernel:
    return METRICS[metric].kernel(held_out.labels[rows], answers.predictions[rows], answers.classes)


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
