"""Join the stored features that a file lacks, piece by piece, as training joined them.

Pure: the tables are handed in.
"""

from collections.abc import Collection, Mapping, Sequence

import pyarrow as pa

from headgate.base.errors import BadInput
from headgate.features.asof import join
from headgate.policy.model import ModelPolicy
from headgate.registry.field import Field
from headgate.training.table import typed


def lacking(policy: ModelPolicy, fields: Sequence[Field], there: Sequence[str]) -> tuple[str, ...]:
    """Return the stored tables that would give the inputs which a file does not hold."""
    missing = {field.name for field in fields} - set(there)
    return tuple(
        name
        for name, how in policy.features.stored.items()
        if missing & {how.prefix + column for column in how.columns}
    )


def needed(policy: ModelPolicy, tables: Collection[str]) -> tuple[str, ...]:
    """Return the columns of the rows that joining these tables takes: keys and time."""
    keys = (key for name in tables for key in policy.features.stored[name].pairs)
    return tuple(dict.fromkeys((*keys, policy.data.time))) if tables else ()


def join_piece(
    piece: pa.RecordBatch, policy: ModelPolicy, tables: Mapping[str, pa.Table], fields: Sequence[Field], first: int
) -> pa.RecordBatch:
    """Return the piece with every input that it lacks, joined from the tables.

    Raises:
        BadInput: A key or time of the piece is not what the policy declares.
    """
    columns = {name: _key(piece, name, policy, first) for name in needed(policy, tables)}
    stored = {name: policy.features.stored[name] for name in tables}
    joined = join(pa.table(columns), policy.data.time, stored, tables)
    for field in fields:
        if field.name not in piece.schema.names:
            piece = piece.append_column(field.name, joined.column(field.name).combine_chunks())
    return piece


def _key(piece: pa.RecordBatch, name: str, policy: ModelPolicy, first: int) -> pa.Array:
    try:
        return typed(piece.column(name), policy.data.columns[name].type)
    except BadInput as error:
        raise BadInput(
            f"column {name} {error.what} (counted from row {first + 1:,})",
            where="--join",
            way_out=f"{error.way_out}; stored features are joined by it, so such a row cannot be skipped",
        ) from error
