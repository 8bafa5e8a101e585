"""Tables of the log as the columns that are judged. Pure: Arrow tables in, numpy columns out."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from headgate.base.errors import Unavailable
from headgate.predictions.pairs import LIVE, SHADOW
from headgate.predictions.row import OUTPUT
from headgate.release.evidence import Differing
from headgate.release.judging.answers import Answers, Texts, side_of
from headgate.release.judging.quality import Pairs
from headgate.release.judging.sides import Sides
from headgate.release.statistics.counts import Floats, Ints

MAIN = {"binary": "probability", "multiclass": "label", "regression": "prediction"}
LONGEST = 200  # characters of an answer that is shown


def answers_of(table: Any, who: Sides, task: str, since: int, until: int) -> Answers:
    """Return predictions as answers, in order of their seconds of dispatch.

    Args:
        table: Of the log; with outcomes (predictions.join) or without.
        who: Whose they may be; others are left out.
        task: Of the model.
        since: The first second.
        until: The second after the last.
    """
    second = _seconds(table)
    keys = zip(*(table.column(name).to_pylist() for name in ("arm", "version", "role")), strict=True)
    numbers: dict[tuple[str, str, str], int] = {}
    side = np.array([_number(numbers, who, key) for key in keys], np.int64)
    kept = np.flatnonzero((side >= 0) & (second >= since) & (second < until))
    kept = kept[np.argsort(second[kept], kind="stable")]
    value = _column(table, OUTPUT + MAIN[task]) if len(kept) else np.empty(len(side), np.object_)
    unit, outcome, number = _column(table, "unit"), _outcome(table), _outcome_number(table)
    return Answers(second[kept], side[kept], unit[kept], value[kept], outcome[kept], number[kept])


def pairs_of(table: Any, task: str) -> Pairs:
    """Return pairs that both answered, in order of their time.

    Args:
        table: As predictions.pairs says, with outcomes.
        task: Of the model.
    """
    good = [(one, other) == (200, 200) for one, other in zip(*_lists(table, "status", "shadow_status"), strict=True)]
    order = sorted(np.flatnonzero(good).tolist(), key=_order(table))
    ours, theirs = (_column(table, prefix + MAIN[task]) if order else _none(table) for prefix in (SHADOW, LIVE))
    unit, outcome, number = _column(table, "unit"), _outcome(table), _outcome_number(table)
    return Pairs(unit[order], ours[order], theirs[order], outcome[order], number[order])


def differing_of(table: Any) -> list[Differing]:
    """Return pairs that differ as people are shown them."""
    return [
        Differing(
            row["id"], row["row"], row["unit"] or "", _said(row, LIVE), _said(row, SHADOW), float(row["difference"])
        )
        for row in table.to_pylist()
        if row["difference"]
    ]


def _said(row: Mapping[str, Any], prefix: str) -> str:
    parts = {name.removeprefix(prefix): value for name, value in row.items() if name.startswith(prefix)}
    texts = [f"{name} {value:.6g}" if isinstance(value, float) else f"{name} {value}" for name, value in parts.items()]
    return ", ".join(texts)[:LONGEST]


def _number(known: dict[tuple[str, str, str], int], who: Sides, key: tuple[str, str, str]) -> int:
    if key not in known:
        known[key] = side_of(who, *key)
    return known[key]


def _seconds(table: Any) -> Ints:
    """Return when requests came in: the log says when they were answered, and how long that took."""
    time = table.column("time").cast("int64").to_numpy()
    found: Ints = (time - table.column("latency_us").to_numpy()) // 1_000_000
    return found


def _order(table: Any) -> Any:
    times, ids, rows = _lists(table, "time", "id", "row")
    return lambda at: (times[at], ids[at], rows[at])


def _lists(table: Any, *names: str) -> list[list[Any]]:
    return [table.column(name).to_pylist() for name in names]


def _none(table: Any) -> Texts:
    return np.full(table.num_rows, None, np.object_)


def _column(table: Any, name: str) -> Texts:
    if name not in table.column_names:
        raise Unavailable(
            f"the log holds no column {name}",
            where="prediction log",
            way_out="see models.NAME.serving.log.redact; the guard needs what was predicted",
        )
    found = _none(table)
    found[:] = table.column(name).to_pylist()
    return found


def _outcome(table: Any) -> Texts:
    return _column(table, "outcome") if "outcome" in table.column_names else _none(table)


def _outcome_number(table: Any) -> Floats:
    if "outcome_number" not in table.column_names:
        return np.full(table.num_rows, np.nan)
    found: Floats = _column(table, "outcome_number").astype(np.float64)
    return found
