"""An admin port that is reached from beyond this machine asks for an API key; any that is not revoked will do."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path

import pytest

from headgate.adapters.rollups.store import SqliteRollups
from headgate.gateway.admin import Admin, Desk
from headgate.gateway.guard.keys import Key, fingerprint, spell
from headgate.gateway.metrics.board import Board
from headgate.journal.ports import Document
from headgate.testing.waiting import LONGEST, wait_for

NOW = datetime(2026, 3, 2, tzinfo=UTC)
ID, KEY = spell(b"abcdef", b"s" * 32)


class Port:
    """An admin port on a loop of its own."""

    def __init__(self, folder: Path) -> None:
        record = Key(ID, "scraper", "00" * 16, fingerprint("00" * 16, KEY), ("predict:other",), NOW)
        self.documents = [Document("key", ID, 1, record.to_json())]
        self.port = 0
        self.listens = threading.Event()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_until_complete, args=(self.run(folder),))
        self.thread.start()
        assert self.listens.wait(LONGEST)

    async def run(self, folder: Path) -> None:
        self.ended = asyncio.Event()

        def listening(_host: str, port: int) -> None:
            self.port = port
            self.listens.set()

        desk = Desk(
            "127.0.0.1", 0, SqliteRollups(folder / "rollups.db"), NOW.timestamp, listening, keys=lambda: self.documents
        )
        self.admin = Admin(desk, Board(), lambda: {"ready": True})
        await self.admin.listen()
        running = asyncio.ensure_future(self.admin.run())
        await self.ended.wait()
        running.cancel()
        await self.admin.close()

    def ask(self, path: str, **headers: str) -> int:
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=LONGEST)) as connection:
            connection.request("GET", path, headers=headers)
            return connection.getresponse().status

    def becomes(self, status: int, path: str, **headers: str) -> None:
        wait_for(lambda: self.ask(path, **headers) == status, f"{path} answers {status}")


@pytest.fixture
def port(tmp_path: Path) -> Iterator[Port]:
    made = Port(tmp_path)
    yield made
    made.loop.call_soon_threadsafe(made.ended.set)
    made.thread.join()
    made.loop.close()


def test_metrics_and_health_are_shown_to_whoever_has_a_key(port: Port) -> None:
    shown = {"Authorization": f"Bearer {KEY}"}
    for path in ("/metrics", "/health"):
        port.becomes(200, path, **shown)
        assert port.ask(path) == 401
        assert port.ask(path, Authorization=f"Bearer {KEY[:-1]}0") == 401
    port.documents = []
    port.becomes(401, "/metrics", **shown)


def test_who_connects_at_once_and_asks_a_moment_later_is_answered(port: Port) -> None:
    with closing(HTTPConnection("127.0.0.1", port.port, timeout=LONGEST)) as early:
        early.connect()
        before = port.admin._door.now
        wait_for(lambda: port.admin._door.now > before, "it looks for the first time who is too slow")
        early.request("GET", "/health")
        assert early.getresponse().status == 401
