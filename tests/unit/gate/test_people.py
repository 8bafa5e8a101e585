"""Who may sign: the first is free, later ones are vouched for, and nobody takes another's name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from headgate.adapters.keys.ed25519 import create_key, default_path, load_key
from headgate.base.errors import BadInput, Refused
from headgate.gate.enrol import Voucher, add_person, revoke_person
from headgate.gate.people import ADDED, REVOKED, STREAM, People, genuine, key_id_of, people_of, plain_name
from headgate.journal.event import NewEvent
from headgate.testing.clock import FakeClock
from headgate.testing.fakes import MemoryEventStore
from headgate.testing.signers import SeededSigner

ADA, JOE, EVE = SeededSigner("ada"), SeededSigner("joe"), SeededSigner("eve")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(clock: FakeClock) -> MemoryEventStore:
    return MemoryEventStore(clock)


def add(
    store: MemoryEventStore, name: str, signer: SeededSigner, by: Voucher | None = None, without: str | None = None
) -> People:
    add_person(store, FakeClock(), name, signer.public_key, by or Voucher("root"), without)
    return people_of(store.read())


def inject(store: MemoryEventStore, kind: str, body: Mapping[str, Any]) -> People:
    """Append a line as somebody would who can write to the database."""
    last = max((event.sequence for event in store.read(STREAM)), default=0)
    store.append(STREAM, last, [NewEvent(kind, "person:mallory", "because", body)])
    return people_of(store.read())


def test_the_first_person_is_free_and_trusted(store: MemoryEventStore) -> None:
    people = add(store, "ada", ADA)
    person = people.active("Person:ADA ")
    assert person is not None
    assert person.trusted
    assert person.key_id == key_id_of(ADA.public_key)


def test_a_second_person_needs_a_signature(store: MemoryEventStore) -> None:
    add(store, "ada", ADA)
    with pytest.raises(Refused, match="somebody who has a key must sign for this") as caught:
        add(store, "joe", JOE)
    assert "--their-key" in caught.value.way_out
    people = add(store, "joe", JOE, Voucher("ada", ADA))
    assert people.trusted() == ("ada", "joe")
    assert people.known["joe"].added_by == "ada"


def test_a_voucher_signs_with_their_own_key(store: MemoryEventStore) -> None:
    add(store, "ada", ADA)
    with pytest.raises(BadInput, match="this is not ada's key"):
        add(store, "joe", JOE, Voucher("ada", JOE))
    with pytest.raises(BadInput, match="eve has no key that counts"):
        add(store, "joe", JOE, Voucher("eve", EVE))


def test_who_is_added_without_a_signature_is_not_trusted_and_nor_is_whom_they_add(store: MemoryEventStore) -> None:
    add(store, "ada", ADA)
    with pytest.raises(Refused, match="needs a reason"):
        add(store, "eve", EVE, without=" ")
    people = add(store, "eve", EVE, without="ada is on holiday")
    assert not people.known["eve"].trusted
    people = add(store, "joe", JOE, Voucher("eve", EVE))
    assert not people.known["joe"].trusted
    assert "whom nobody trusted vouched for" in people.known["joe"].why


def test_nobody_takes_another_name_by_adding_a_key(store: MemoryEventStore) -> None:
    add(store, "ada", ADA)
    with pytest.raises(Refused, match="somebody who has a key must sign"):
        add(store, "ada", EVE, without="I am ada, believe me")
    add(store, "eve", EVE, without="new here")
    with pytest.raises(Refused, match="this needs somebody trusted"):
        add(store, "ada", JOE, Voucher("eve", EVE))
    body = {"name": "ada", "key_id": key_id_of(JOE.public_key), "public_key": JOE.public_key, "signature": None}
    assert inject(store, ADDED, body).known["ada"].public_key == ADA.public_key


def test_a_person_replaces_their_own_key(store: MemoryEventStore) -> None:
    add(store, "ada", ADA)
    people = add(store, "ada", JOE, Voucher("ada", ADA))
    assert people.known["ada"].public_key == JOE.public_key
    assert people.known["ada"].trusted


def test_one_key_is_one_person(store: MemoryEventStore) -> None:
    add(store, "ada", ADA)
    with pytest.raises(Refused, match="this key is already ada's"):
        add(store, "grace", ADA, Voucher("ada", ADA))


@pytest.mark.parametrize("name", ["", "Ada", "a b", "ada@x", "-ada", "a" * 64, "ädä"])
def test_names_that_could_be_mistaken_are_refused(store: MemoryEventStore, name: str) -> None:
    with pytest.raises(BadInput, match="cannot be a person's name"):
        add(store, name, ADA)


def test_a_key_is_revoked_by_somebody_trusted_or_its_owner(store: MemoryEventStore, clock: FakeClock) -> None:
    add(store, "ada", ADA)
    add(store, "joe", JOE, Voucher("ada", ADA))
    add(store, "eve", EVE, without="new here")
    with pytest.raises(Refused, match="this needs somebody trusted"):
        revoke_person(store, clock, "ada", "out of spite", Voucher("eve", EVE))
    with pytest.raises(Refused, match="must sign for this"):
        revoke_person(store, clock, "ada", "no key", Voucher("joe"))
    with pytest.raises(BadInput, match="needs a reason"):
        revoke_person(store, clock, "joe", " ", Voucher("ada", ADA))
    assert revoke_person(store, clock, "joe", "left", Voucher("ada", ADA)).revoked
    assert revoke_person(store, clock, "eve", "lost it", Voucher("eve", EVE)).revoked
    with pytest.raises(BadInput, match="nobody called joe has a key that counts"):
        revoke_person(store, clock, "joe", "again", Voucher("ada", ADA))


def test_the_last_trusted_person_stays(store: MemoryEventStore, clock: FakeClock) -> None:
    add(store, "ada", ADA)
    with pytest.raises(Refused, match="ada is the last whose key is trusted"):
        revoke_person(store, clock, "ada", "lost", Voucher("ada", ADA))


def test_a_line_in_the_database_revokes_nobody(store: MemoryEventStore) -> None:
    add(store, "ada", ADA)
    body = {"name": "ada", "key_id": key_id_of(ADA.public_key), "by": "ada", "by_key": "x", "signature": "AAAA"}
    assert inject(store, REVOKED, body).active("ada") is not None


def test_a_key_file_is_its_owners_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADGATE_KEYS", str(tmp_path / "keys"))
    path = default_path("ada")
    made = create_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert genuine(made.public_key, b"x", load_key(path).sign(b"x"))
    assert not genuine(made.public_key, b"y", load_key(path).sign(b"x"))
    with pytest.raises(Refused, match="it is not overwritten"):
        create_key(path)
    path.chmod(0o640)
    with pytest.raises(Refused, match="others may read this private key"):
        load_key(path)


def test_what_is_no_key_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        load_key(tmp_path / "none.pem")
    (tmp_path / "bad.pem").write_text("hello")
    (tmp_path / "bad.pem").chmod(0o600)
    with pytest.raises(BadInput, match="not a private key"):
        load_key(tmp_path / "bad.pem")


def test_a_signature_that_is_not_even_base64_is_not_genuine() -> None:
    assert not genuine(ADA.public_key, b"x", "not base64!")
    assert not genuine("short", b"x", ADA.sign(b"x"))


@pytest.mark.parametrize("name", ["ada", "Ada", " ada ", "person:ada", "PERSON:Ada", "\uff41\uff44\uff41"])
def test_one_person_is_one_person_however_they_are_written(name: str) -> None:
    assert plain_name(name) == "ada"
