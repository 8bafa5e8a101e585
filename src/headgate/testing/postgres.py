"""A private PostgreSQL for tests, started by the tests themselves; every caller gets a database of its own."""

import functools
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg


@contextmanager
def fresh_database() -> Iterator[str]:
    """Give the SQLAlchemy URL of an empty database; it is dropped at the end."""
    name = f"t{uuid.uuid4().hex}"
    uri = _server()
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        try:
            yield uri.replace("/postgres?", f"/{name}?").replace("postgresql://", "postgresql+psycopg://", 1)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@functools.cache
def _server() -> str:
    """Start the server once a process and return its URI; it stops and goes away with it."""
    with warnings.catch_warnings():
        # Where XDG_RUNTIME_DIR is not set (containers, cron) its import warns that it uses /tmp.
        warnings.simplefilter("ignore")
        from pgserver.postgres_server import get_server
    server = get_server(Path(tempfile.mkdtemp(prefix="headgate-pg-")), cleanup_mode="delete")
    server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")  # no test cuts the power
    return str(server.get_uri())
