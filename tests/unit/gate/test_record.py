"""A verdict is journalled, and its report stored with the version now or later; it is never lost."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from headgate.base.errors import BadInput, Unavailable
from headgate.gate.record import ATTACHED, GIVEN, Desk, attach, attach_due, due, give, keep
from headgate.gate.verdict import Judged, Verdict
from headgate.journal.event import NewEvent
from headgate.registry.version import Version
from headgate.testing.clock import FakeClock
from headgate.testing.fakes import MemoryEventStore
from headgate.testing.gate import version

LINES = (
    Judged("roc_auc at least 0.65", passed=True, why="roc_auc 0.741 on 9,412 held-out rows", measured={"value": 0.741}),
    Judged("bundle at most 1 MB", passed=False, why="1.2 MB on disk", measured={"bytes": 1_200_000}),
)
VERDICT = Verdict("flights", "7", "sha256:b", "sha256:s", None, LINES, {"cores": 2})


@dataclass
class FakeShelf:
    """Keeps file names; may be away."""

    away: bool = False
    kept: list[tuple[str, str, str]] = field(default_factory=list)

    def attach(self, version: Version, path: Path, folder: str) -> None:
        if self.away:
            raise Unavailable("MLflow did not do it")
        self.kept.append((version.number, folder, path.name))


@pytest.fixture
def store() -> MemoryEventStore:
    return MemoryEventStore(FakeClock())


def desk(store: MemoryEventStore, shelf: FakeShelf, folder: Path) -> Desk:
    return Desk(store, shelf, folder, lambda _, number: version(number))


def test_a_verdict_is_journalled_with_every_line(store: MemoryEventStore) -> None:
    event = give(store, VERDICT, "person:ada")
    assert (event.kind, event.stream, event.actor) == (GIVEN, "model/flights", "person:ada")
    assert event.reason == "the gate: not passed: 1 of 2 lines is not met"
    assert event.body["passed"] is False
    assert Verdict.from_json(event.body) == VERDICT


def test_what_others_recorded_meanwhile_does_not_matter(store: MemoryEventStore) -> None:
    store.append("model/flights", 0, [NewEvent("run.finished", "process:x", "", {})])
    assert give(store, VERDICT, "person:ada").sequence == 2


def test_the_report_is_stored_with_the_version_and_that_is_recorded(store: MemoryEventStore, tmp_path: Path) -> None:
    shelf = FakeShelf()
    event = give(store, VERDICT, "person:ada")
    folder = attach(desk(store, shelf, tmp_path), event)
    assert sorted(shelf.kept) == [("7", "gate/1", f"verdict.{form}") for form in ("html", "json", "md")]
    assert sorted(path.name for path in folder.iterdir()) == ["verdict.html", "verdict.json", "verdict.md"]
    assert [found.kind for found in store.read()] == [GIVEN, ATTACHED]
    assert due(store.read()) == ()


def test_a_report_stays_due_while_the_registry_is_away_and_is_attached_later(
    store: MemoryEventStore, tmp_path: Path
) -> None:
    shelf = FakeShelf(away=True)
    where = desk(store, shelf, tmp_path)
    event = give(store, VERDICT, "person:ada")
    with pytest.raises(Unavailable):
        attach(where, event)
    assert due(store.read()) == (event,)
    assert (tmp_path / "flights" / "7" / "1" / "verdict.md").is_file()
    shelf.away = False
    assert attach_due(where) == (event,)
    assert attach_due(where) == ()
    assert len(shelf.kept) == 3


def test_a_report_that_can_never_be_attached_keeps_no_other_waiting(store: MemoryEventStore, tmp_path: Path) -> None:
    lost, kept = give(store, VERDICT, "person:ada"), give(store, replace(VERDICT, version="8"), "person:ada")

    def known(_model: str, number: str) -> Version:
        if number == "7":
            raise BadInput("the registry does not know version 7")
        return version(number)

    where = Desk(store, FakeShelf(), tmp_path, known)
    with pytest.raises(BadInput, match="does not know version 7"):
        attach_due(where)
    assert due(store.read()) == (lost,)
    assert [event.body["verdict"] for event in store.read(kinds=(ATTACHED,))] == [kept.position]


def test_a_report_is_made_again_from_the_journal_when_its_folder_is_gone(
    store: MemoryEventStore, tmp_path: Path
) -> None:
    event = give(store, VERDICT, "person:ada")
    first = (keep(tmp_path / "one", event) / "verdict.html").read_bytes()
    again = (keep(tmp_path / "two", next(iter(store.read()))) / "verdict.html").read_bytes()
    assert first == again
