"""Every place that says who leads keeps the contract: in memory, in SQLite, in PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from headgate.adapters.head.keeper import HeadKeeper
from headgate.adapters.sql.lease import SqlLeases
from headgate.adapters.sql.store import SqlEventStore
from headgate.testing.clock import FakeClock
from headgate.testing.fakes import MemoryEventStore
from headgate.testing.leases import LeasesContract, MemoryLeases
from headgate.testing.postgres import fresh_database


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


class TestMemory(LeasesContract):
    @pytest.fixture
    def store(self, clock: FakeClock) -> MemoryEventStore:
        return MemoryEventStore(clock)

    @pytest.fixture
    def leases(self, store: MemoryEventStore) -> MemoryLeases:
        return MemoryLeases(store, FakeClock())


class OfSql(LeasesContract):
    @pytest.fixture
    def leases(self, store: SqlEventStore) -> SqlLeases:
        return SqlLeases(store)


class TestSqlite(OfSql):
    @pytest.fixture
    def store(self, clock: FakeClock, tmp_path: Path) -> Iterator[SqlEventStore]:
        url = f"sqlite:///{tmp_path}/journal.db"
        store = SqlEventStore(url, clock, HeadKeeper(tmp_path / "head", tmp_path / "key"))
        yield store
        store.close()


class TestPostgres(OfSql):
    @pytest.fixture
    def store(self, clock: FakeClock, tmp_path: Path) -> Iterator[SqlEventStore]:
        with fresh_database() as url:
            store = SqlEventStore(url, clock, HeadKeeper(tmp_path / "head", tmp_path / "key"))
            yield store
            store.close()
