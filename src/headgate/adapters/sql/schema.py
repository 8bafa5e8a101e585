"""The tables, as the newest migration leaves them.

Times are ISO 8601 text in UTC with microseconds: they sort as text and come back exactly as they were hashed.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, Text, UniqueConstraint

REVISION = "0002"
VERSION_TABLE = "headgate_version"  # a name of its own: MLflow may share the database and has an alembic_version
METADATA = MetaData()

EVENTS = Table(
    "events",
    METADATA,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("stream", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("at", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
    UniqueConstraint("stream", "sequence", name="events_stream_sequence"),
    Index("events_stream_position", "stream", "position"),
)

DOCUMENTS = Table(
    "documents",
    METADATA,
    Column("collection", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
)

CURSORS = Table(
    "delivery_cursors",
    METADATA,
    Column("webhook", Text, primary_key=True),
    Column("position", BigInteger, nullable=False),
)

DELIVERIES = Table(
    "deliveries",
    METADATA,
    Column("webhook", Text, primary_key=True),
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due", Text, nullable=False),
    Column("lease", Text),
    Column("leased_until", Text),
    Column("why", Text, nullable=False),
    Index("deliveries_state", "webhook", "state", "position"),
)

LEASES = Table(
    "leases",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("holder", Text, nullable=False),
    Column("until", Text, nullable=False),
)
