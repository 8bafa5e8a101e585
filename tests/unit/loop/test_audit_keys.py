"""An API key that the journal does not know, or knows otherwise, is found; what the command makes is not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from headgate.gateway.guard import issue
from headgate.journal.event import NewEvent
from headgate.journal.ports import Document
from headgate.loop import keys
from headgate.loop.keys import check_keys
from headgate.testing.clock import FakeClock
from headgate.testing.fakes import MemoryEventStore

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Issued:
    """A journal with three keys: one holds, one was revoked, one ends in an hour."""

    def __init__(self) -> None:
        self.store, self.turn = MemoryEventStore(FakeClock(NOW)), 0
        self.holds, self.gone, self.ends = (self.make(name) for name in ("checkout", "old", "leaving"))
        issue.revoke(self.store, self.gone, NOW, NOW, "person:ada", "leaked")
        issue.revoke(self.store, self.ends, NOW + timedelta(hours=1), NOW, "person:ada", "changed over")

    def make(self, name: str) -> str:
        def entropy(count: int) -> bytes:
            self.turn += 1
            return bytes([self.turn]) * count

        made, _ = issue.create(self.store, name, ["predict:*"], [], NOW, None, entropy, "person:ada", "needs it")
        return made.id

    @property
    def documents(self) -> list[Document]:
        return list(self.store.documents(keys.COLLECTION))

    def found(self, documents: list[Document]) -> list[str]:
        return [str(finding) for finding in check_keys(self.store.read(), documents)]

    def changed(self, name: str, **body: Any) -> list[Document]:
        """Return the documents, one of them changed as somebody with the database's password would."""
        edited: list[Document] = []
        for one in self.documents:
            old: Any = one.body
            edited.append(replace(one, body={**old, **body}) if one.key == name else one)
        return edited


@pytest.fixture
def issued() -> Issued:
    return Issued()


def test_keys_that_were_made_and_revoked_by_the_command_pass(issued: Issued) -> None:
    assert len(issued.documents) == 3
    assert issued.found(issued.documents) == []


def test_a_key_that_nobody_made_is_found(issued: Issued) -> None:
    forged = replace(issued.documents[0], key="ffffffffffff")
    (said,) = issued.found([*issued.documents, forged])
    assert said.startswith("API key ffffffffffff: the gateway takes it, and the journal says nothing of it")


def test_a_revoked_key_that_was_brought_back_is_found(issued: Issued) -> None:
    assert "says otherwise than the journal: revoked" in issued.found(issued.changed(issued.gone, revoked=False))[0]
    assert "says otherwise than the journal: expires" in issued.found(issued.changed(issued.ends, expires=None))[0]


def test_a_key_with_more_scopes_or_another_secret_is_found(issued: Issued) -> None:
    assert "journal: scopes" in issued.found(issued.changed(issued.holds, scopes=["admin"]))[0]
    assert "journal: hash, salt" in issued.found(issued.changed(issued.holds, hash="00", salt="00"))[0]


def test_an_event_that_cannot_be_read_is_a_finding_and_no_crash(issued: Issued) -> None:
    issued.store.append("project", 5, [NewEvent("key.revoked", "person:ada", "", {"id": issued.holds})])
    assert issued.found(issued.documents) == ["API keys: an event of a key cannot be read: KeyError('at')"]


def test_a_key_whose_document_is_gone_is_found(issued: Issued) -> None:
    left = [one for one in issued.documents if one.key != issued.holds]
    assert issued.found(left) == [
        f"API key {issued.holds}: the journal says that it was made, and the gateway knows nothing of it"
    ]
