"""Check each column against its declaration with pandera: type, range, allowed values, missing, unique."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from headgate.policy.model import ColumnPolicy
from headgate.training.finding import SHOWN, Finding

if TYPE_CHECKING:
    import pandas as pd

DTYPES = {"float": "float64", "int": "Int64", "string": "str", "bool": "boolean", "timestamp": "datetime64[us, UTC]"}
ALL_MISSING = "all_missing"
WAYS = {
    "not_nullable": "declare `missing: true` for columns that may be missing, or fill them",
    "field_uniqueness": "make the id name one row: drop exact repeats, or build the id of more columns",
    "finite": "replace infinite values, or leave them missing",
    ALL_MISSING: "take a column that holds nothing out of headgate.yaml, or repair the export",
    "column_in_dataframe": "declare the column, so that it is read",
}
SAID = {
    "not_nullable": "missing, and may not be",
    "finite": "infinite",
    "column_in_dataframe": "there is no such column",
}
RANGE = "correct the values, or the range that headgate.yaml declares"


def check_columns(table: pa.Table, columns: Mapping[str, ColumnPolicy], unique: str | None = None) -> Iterator[Finding]:
    """Yield what is wrong with the declared columns, one finding for each column and check.

    Args:
        table: As read_table gives it.
        columns: The declarations.
        unique: The column that names rows; its values name rows in the findings too.
    """
    from pandera.errors import SchemaErrors

    empty = {name for name in columns if name in table.column_names and _holds_nothing(table.column(name))}
    yield from (Finding(name, "every value is missing", WAYS[ALL_MISSING]) for name in columns if name in empty)
    checked = {name: column for name, column in columns.items() if name not in empty}
    frame = _frame(table.select([name for name in checked if name in table.column_names]))
    try:
        _schema(checked, unique).validate(frame, lazy=True)
    except SchemaErrors as error:
        yield from _findings(error.failure_cases, table, unique)


def _holds_nothing(column: pa.ChunkedArray) -> bool:
    return len(column) > 0 and column.null_count == len(column)


def _frame(table: pa.Table) -> "pd.DataFrame":
    """Return a DataFrame whose whole numbers and booleans keep their type where some are missing."""
    import pandas as pd

    types = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    frame: pd.DataFrame = table.to_pandas(types_mapper=types.get)
    return frame


def _schema(columns: Mapping[str, ColumnPolicy], unique: str | None) -> Any:
    import pandera.pandas as pandera

    made = {
        name: pandera.Column(DTYPES[column.type], _checks(column), nullable=column.missing, unique=name == unique)
        for name, column in columns.items()
    }
    return pandera.DataFrameSchema(made)


def _checks(column: ColumnPolicy) -> list[Any]:
    import numpy as np
    import pandera.pandas as pandera

    checks = []
    if column.type == "float":
        checks.append(pandera.Check(lambda values: ~np.isinf(values), name="finite"))
    if column.at_least is not None:
        checks.append(pandera.Check.ge(column.at_least, error=f"below at_least {column.at_least:g}"))
    if column.at_most is not None:
        checks.append(pandera.Check.le(column.at_most, error=f"above at_most {column.at_most:g}"))
    if column.one_of is not None:
        checks.append(pandera.Check.isin(list(column.one_of), error=f"not one of {', '.join(column.one_of)}"))
    return checks


def _findings(cases: "pd.DataFrame", table: pa.Table, unique: str | None) -> Iterator[Finding]:
    """Gather pandera's failure cases, one row each, by column and check."""
    named = cases["column"].where(cases["schema_context"] == "Column", cases["failure_case"])
    for (column, check), group in cases.assign(column=named).groupby(["column", "check"], sort=False):
        if group["index"].isna().all():  # it concerns the column: absent, or of another type
            yield _whole_column(str(column), str(check), group["failure_case"].iloc[0])
            continue
        group = group.sort_values("index")  # noqa: PLW2901 - pandera's order is by check, not by row
        rows = [int(index) for index in group["index"]]
        if check == "field_uniqueness":
            yield _repeats(table, str(column))
            continue
        shown = tuple(_row(table, row, unique, str(column)) for row in rows[:SHOWN])
        yield Finding(str(column), SAID.get(str(check), str(check)), WAYS.get(str(check), RANGE), len(rows), shown)


def _whole_column(column: str, check: str, found: object) -> Finding:
    declared = check.removeprefix("dtype('").removesuffix("')")
    what = SAID.get(check) or f"is {found}, not {declared} as declared"
    return Finding(column, what, WAYS.get(check, "declare the type that the column has"))


def _repeats(table: pa.Table, column: str) -> Finding:
    """Name the first values that stand more than once, with their rows."""
    values = table.column(column).combine_chunks()
    counts = values.value_counts()
    many = pc.filter(counts.field("values"), pc.greater(counts.field("counts"), 1))
    rows = int(pc.sum(pc.filter(counts.field("counts"), pc.greater(counts.field("counts"), 1))).as_py())
    shown = []
    for value in many[:SHOWN]:
        places = pc.indices_nonzero(pc.equal(values, value))[:SHOWN].to_pylist()
        shown.append(f"{value.as_py()!r} at rows {', '.join(str(place + 1) for place in places)}")
    what = f"stands more than once on {rows} rows"
    return Finding(column, what, WAYS["field_uniqueness"], len(many), tuple(shown), unit="value")


def _row(table: pa.Table, row: int, unique: str | None, column: str) -> str:
    return f"{name_row(table, row, unique)} is {table.column(column)[row].as_py()!r}"


def name_row(table: pa.Table, row: int, unique: str | None) -> str:
    """Return ``row 3 (id A7)``: rows count from 1, the header is not counted."""
    return f"row {row + 1} (id {table.column(unique)[row].as_py()})" if unique else f"row {row + 1}"
