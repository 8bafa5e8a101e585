"""Split rows by time: the past trains, the last span judges, and no label is used before it was known.

    train_from ... train ... held_from ... held out ... until

A row trains when its prediction time lies in [train_from, held_from) and its label was known before held_from: a model
made at held_from could not have learnt from it otherwise. Rows without a label do neither. Pure: times in, masks out.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from headgate.base.errors import BadInput
from headgate.policy.model import SplitPolicy, parse_moment, show_span

Times = npt.NDArray[np.datetime64]
Mask = npt.NDArray[np.bool_]
TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Split:
    """Which rows do what.

    Attributes:
        train: Rows that train, bool [n].
        heldout: Rows that judge, bool [n].
        train_from: No training row is earlier.
        held_from: Training ends and judging begins here.
        until: Rows from here on are not read.
        left_out: Why rows do neither -> how many.
    """

    train: Mask
    heldout: Mask
    train_from: datetime
    held_from: datetime
    until: datetime
    left_out: dict[str, int]


def split(times: Times, labelled: Mask, known_at: Times | None, policy: SplitPolicy, where: str) -> Split:
    """Return which rows train and which are held out.

    Args:
        times: Prediction times, datetime64[us] in UTC, [n], in any order, none missing.
        labelled: Whether a row has a label, [n].
        known_at: When each label became known, [n]; None: at the prediction time.
        policy: Where the cuts are; without `until`, just after the last row.
        where: The data, for messages.

    Raises:
        BadInput: No row is left to train or to judge, with the dates.
    """
    if not len(times):
        raise BadInput("there are no rows to split", where=where)
    first, last = moment(times.min()), moment(times.max())
    until = parse_moment(policy.until) if policy.until else last + TICK
    start = parse_moment(policy.train_from) if policy.train_from else min(first, until)
    cut = until - policy.holdout
    early, late = times < stamp(start), times >= stamp(until)
    before = (times < stamp(cut)) & ~early
    held = (times >= stamp(cut)) & ~late & ~early
    unknown = np.zeros(len(times), np.bool_) if known_at is None else before & labelled & ~(known_at < stamp(cut))
    parts = {
        f"earlier than {start.isoformat()}": early & ~late,
        f"at {until.isoformat()} or later": late,
        "without a label": ~labelled & ~early & ~late,
        f"with a label that was not yet known at {cut.isoformat()}": unknown,
    }
    left_out = {why: int(rows.sum()) for why, rows in parts.items() if rows.any()}
    made = Split(before & labelled & ~unknown, held & labelled, start, cut, until, left_out)
    _refuse_empty(made, first, last, show_span(policy.holdout), where)
    return made


def _refuse_empty(made: Split, first: datetime, last: datetime, holdout: str, where: str) -> None:
    for name, rows, start, end in (
        ("train", made.train, made.train_from, made.held_from),
        ("are held out", made.heldout, made.held_from, made.until),
    ):
        if not rows.any():
            out = "".join(f"; {count} rows are {why}" for why, count in made.left_out.items())
            raise BadInput(
                f"no rows {name}: they would lie from {start.isoformat()} to {end.isoformat()}, "
                f"the data from {first.isoformat()} to {last.isoformat()}{out}",
                where=where,
                way_out=f"change split.train_from, split.until or split.holdout (now {holdout}), or bring more rows",
            )


def moment(value: Any) -> datetime:
    """Return a datetime64[us] in UTC as an aware datetime."""
    found: datetime = value.astype("datetime64[us]").item()
    return found.replace(tzinfo=UTC)


def stamp(value: datetime) -> np.datetime64:
    """Return an aware datetime as datetime64[us] in UTC."""
    return np.datetime64(value.astimezone(UTC).replace(tzinfo=None), "us")
