"""Every event store and its outbox keep the contract: in memory, in SQLite, in PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from headgate.adapters.head.keeper import HeadKeeper
from headgate.adapters.sql.store import SqlEventStore
from headgate.testing.clock import FakeClock
from headgate.testing.event_store import EventStoreContract
from headgate.testing.fakes import MemoryEventStore
from headgate.testing.outbox import OutboxContract
from headgate.testing.postgres import fresh_database


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


class TestMemory(EventStoreContract, OutboxContract):
    @pytest.fixture
    def store(self, clock: FakeClock) -> MemoryEventStore:
        return MemoryEventStore(clock)


class TestSqlite(EventStoreContract, OutboxContract):
    @pytest.fixture
    def store(self, clock: FakeClock, tmp_path: Path) -> Iterator[SqlEventStore]:
        store = SqlEventStore(
            f"sqlite:///{tmp_path}/journal.db", clock, HeadKeeper(tmp_path / "head", tmp_path / "key")
        )
        yield store
        store.close()


class TestPostgres(EventStoreContract, OutboxContract):
    @pytest.fixture
    def store(self, clock: FakeClock, tmp_path: Path) -> Iterator[SqlEventStore]:
        with fresh_database() as url:
            store = SqlEventStore(url, clock, HeadKeeper(tmp_path / "head", tmp_path / "key"))
            yield store
            store.close()
