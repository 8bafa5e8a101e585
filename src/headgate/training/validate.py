"""Judge the rows before anything is trained on them: every problem in one error.

pandera checks each column (type, range, allowed values, missing, unique); what columns mean for each other (label,
times, the future) is in meaning.py, and alarms that are no errors in alarm.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from headgate.base.errors import BadInput, Leak
from headgate.features.asof import join
from headgate.policy.model import ModelPolicy
from headgate.training.alarm import suspects
from headgate.training.columns import check_columns
from headgate.training.finding import Finding
from headgate.training.meaning import check_label, check_plan, check_times, notes


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """What was found in data that may be trained on.

    Attributes:
        rows: How many rows.
        columns: Name -> type, missing values.
        notes: What a reader should know.
        warnings: What a reader should look at.
    """

    rows: int
    columns: Mapping[str, Mapping[str, Any]]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def validate(
    table: pa.Table, policy: ModelPolicy, where: str, stored: Mapping[str, pa.Table] | None = None
) -> ValidationReport:
    """Check the rows, and the stored tables where they are handed in.

    Args:
        table: The rows, as read_table gives them.
        policy: The model's policy.
        where: The data, for messages.
        stored: The stored tables, under the policy's names.

    Raises:
        Leak: Something from the future would reach the model (other problems are listed too).
        BadInput: Anything else is wrong; each problem with column, count and first rows.
    """
    found = [*check_plan(policy), *check_columns(table, policy.data.columns, policy.data.id)]
    found += [*check_label(table, policy), *check_times(table, policy)]
    own, wrong = bool(found), list[str]()
    for name, observations in (stored or {}).items():
        columns = policy.features.stored[name].columns
        problems = [problem.of(f"stored.{name}") for problem in check_columns(observations, columns)]
        found += problems
        wrong += [name] if problems else []
    if found:
        named = [policy.features.stored[name].source for name in wrong]
        raise _error(found, ", ".join([*([where] if own or not named else []), *named]))
    return ValidationReport(
        rows=table.num_rows,
        columns={
            name: {"type": str(table.column(name).type), "missing": table.column(name).null_count}
            for name in policy.data.columns
        },
        notes=tuple(notes(table, policy)),
        warnings=tuple(suspects(_seen(table, policy, stored), policy)),
    )


def _seen(table: pa.Table, policy: ModelPolicy, stored: Mapping[str, pa.Table] | None) -> pa.Table:
    """Return the rows with the stored features that they would see."""
    return join(table, policy.data.time, policy.features.stored, stored) if stored else table


def _error(found: list[Finding], where: str) -> BadInput:
    ways = dict.fromkeys(problem.way_out for problem in found if problem.way_out)
    kind = Leak if any(problem.leak for problem in found) else BadInput
    count = f"{len(found)} problems" if len(found) > 1 else "1 problem"
    return kind(
        f"{count} in the data:\n  " + "\n  ".join(problem.show() for problem in found),
        where=where,
        way_out="; ".join(ways),
    )
