"""Events, documents, deliveries and their cursors."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _text(*names: str) -> list["sa.Column[str]"]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def upgrade() -> None:
    """Make the tables; there is no way down: a journal is never unmade by a program."""
    op.create_table(
        "events",
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        *_text("stream"),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        *_text("kind", "at", "actor", "reason", "body", "previous", "hash"),
        sa.UniqueConstraint("stream", "sequence", name="events_stream_sequence"),
    )
    op.create_index("events_stream_position", "events", ["stream", "position"])
    op.create_table(
        "documents",
        sa.Column("collection", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
        *_text("body"),
    )
    op.create_table(
        "delivery_cursors",
        sa.Column("webhook", sa.Text, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "deliveries",
        sa.Column("webhook", sa.Text, primary_key=True),
        sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
        *_text("id", "state"),
        sa.Column("attempts", sa.Integer, nullable=False),
        *_text("due"),
        sa.Column("lease", sa.Text),
        sa.Column("leased_until", sa.Text),
        *_text("why"),
    )
    op.create_index("deliveries_state", "deliveries", ["webhook", "state", "position"])
