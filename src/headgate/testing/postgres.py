"""A private PostgreSQL for tests, started by the tests themselves; every caller gets a database of its own."""

import functools
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def fresh_database() -> Iterator[str]:
    """Give the SQLAlchemy URL of an empty database; it is dropped at the end."""
    name = f"t{uuid.uuid4().hex}"
    server = _server()
    server.psql(f"CREATE DATABASE {name};")
    try:
        yield server.get_uri(name).replace("postgresql://", "postgresql+psycopg://", 1)
    finally:
        server.psql(f"DROP DATABASE {name} WITH (FORCE);")


@functools.cache
def _server() -> Any:
    """Start the server once a process; it stops and goes away with it."""
    with warnings.catch_warnings():
        # Where XDG_RUNTIME_DIR is not set (containers, cron) its import warns that it uses /tmp.
        warnings.simplefilter("ignore")
        from pgserver.postgres_server import get_server
    return get_server(Path(tempfile.mkdtemp(prefix="headgate-pg-")), cleanup_mode="delete")
