"""Run the migrations on the connection that was handed in; it holds the lock and the transaction."""

from alembic import context

from headgate.adapters.sql.schema import METADATA, VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
