"""An audit passes over what was done by the rules, and names the place of whatever was not."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from headgate.gate.enrol import Voucher, revoke_person
from headgate.gate.people import ADDED, STREAM, key_id_of
from headgate.journal.chain import link
from headgate.journal.event import Event, NewEvent
from headgate.journal.ports import Document
from headgate.loop.audit import AuditReport
from headgate.loop.inspect import inspect
from headgate.loop.state import fold
from headgate.testing.signers import SeededSigner
from headgate.testing.supply import MODEL, Supply, policy_of

GRACE, LINUS = SeededSigner("grace"), SeededSigner("linus")


@pytest.fixture
def supply(tmp_path: Path) -> Supply:
    """Two champions one after the other, a rollback, an override; signed where it matters."""
    supply = Supply(tmp_path)
    supply.add("grace", GRACE)
    supply.add("linus", LINUS, Voucher("grace", GRACE))
    supply.sign_off("grace", GRACE)
    for person, signer in (("grace", GRACE), ("linus", LINUS)):
        version = supply.register()
        supply.judge(version)
        supply.approve(version, person, signer)
        supply.promote(version)
    supply.roll_back()
    return supply


def run(supply: Supply) -> AuditReport:
    return inspect(supply.store, supply.registry, (MODEL,))


def events(supply: Supply) -> tuple[Event, ...]:
    return tuple(supply.store.read())


def rewrite(supply: Supply, changed: Sequence[Event]) -> None:
    """Put other events in the store, as somebody with the database's password would."""
    store: Any = supply.store
    store._events = tuple(changed)


def relink(supply: Supply, edit: dict[int, dict[str, Any]]) -> None:
    """Change bodies and compute every hash anew: only signatures and rules can tell."""
    last, linked = None, list[Event]()
    for event in events(supply):
        body = {**event.body, **edit.get(event.position, {})}
        new = NewEvent(event.kind, event.actor, event.reason, body)
        (last,) = link(last, event.stream, event.sequence - 1, [new], event.at)
        linked.append(last)
    rewrite(supply, linked)


def position(supply: Supply, kind: str, nth: int = 0) -> int:
    return [event.position for event in events(supply) if event.kind == kind][nth]


def test_what_was_done_by_the_rules_holds(supply: Supply) -> None:
    report = run(supply)
    assert report.findings == ()
    assert (report.moves, report.ballots) == (3, 3)
    assert report.notes == ()
    assert report.to_json()["first_broken"] is None


def test_every_way_a_pointer_moves_holds(supply: Supply) -> None:
    failed = supply.register()
    supply.judge(failed, passed=False)
    supply.promote(failed, override="nothing else works")
    supply.edit_scorecard(0.7)
    supply.roll_back()
    supply.policy = supply.policy.model_copy(update={"moved_alias": "honour"})
    from headgate.loop.steps import tick

    supply.registry.set_alias(MODEL, "champion", "2")
    tick(supply.desk, {})
    revoke_person(supply.store, supply.clock, "linus", "left", Voucher("grace", GRACE))
    report = run(supply)
    assert report.findings == ()
    assert [move.cause for move in supply.ledger.moves[3:]] == ["promote", "rollback", "alias"]
    assert any("set the rules aside: nothing else works" in note for note in report.notes)


def test_an_edited_row_is_named(supply: Supply) -> None:
    every = list(events(supply))
    at = position(supply, "verdict.given")
    every[at - 1] = replace(every[at - 1], reason="other")
    rewrite(supply, every)
    report = run(supply)
    assert report.findings[0].position == at
    assert "edited" in report.findings[0].what
    assert "headgate restore" in report.findings[0].what


@pytest.mark.parametrize("kind", ["verdict.given", "ballot.cast"])
def test_a_broken_chain_leads_to_one_finding_and_a_true_count(supply: Supply, kind: str) -> None:
    """What comes after the break is counted; routes and aliases are not held against half a journal."""
    every = list(events(supply))
    at = position(supply, kind)
    every[at - 1] = replace(every[at - 1], reason="other")
    rewrite(supply, every)
    report = run(supply)
    assert [finding.position for finding in report.findings] == [at]
    assert (report.events, report.moves, report.ballots) == (len(every), 3, 3)
    assert [note.split(":")[0] for note in report.notes[-2:]] == [
        "routes were not compared",
        "aliases were not compared",
    ]


def test_the_first_person_and_a_new_head_are_told_apart(supply: Supply) -> None:
    """The first person can have no signature, wherever they come; a new head is shown by every audit."""
    assert run(supply).notes == ()
    supply.record("head.renewed", {"key": "00", "position": 3, "hash": "sha256:x"}, stream=STREAM)
    (note,) = run(supply).notes
    assert "started a new signed head after event 3" in note


def test_the_first_person_is_no_news_even_after_other_events(tmp_path: Path) -> None:
    supply = Supply(tmp_path)
    supply.record("webhook.added", {"name": "chat", "events": [], "after": 0}, stream=STREAM)
    supply.add("grace", GRACE)
    assert run(supply).notes == ()


def test_reordered_rows_are_named(supply: Supply) -> None:
    every = list(events(supply))
    every[4], every[5] = every[5], every[4]
    rewrite(supply, every)
    assert run(supply).findings[0].where == "chain"


def test_a_row_taken_from_the_middle_is_named(supply: Supply) -> None:
    every = list(events(supply))
    rewrite(supply, every[:3] + every[4:])
    finding = run(supply).findings[0]
    assert (finding.position, "removed" in finding.what) == (4, True)


def test_a_cut_end_shows_in_the_route_even_without_a_head(supply: Supply) -> None:
    rewrite(supply, events(supply)[: position(supply, "pointer.moved", 2) - 1])
    report = run(supply)
    assert any(finding.where == f"route {MODEL}" for finding in report.findings)
    assert any(finding.where == f"alias champion of {MODEL}" for finding in report.findings)


def test_a_forged_ballot_is_found_though_every_hash_fits(supply: Supply) -> None:
    at = position(supply, "ballot.cast", 1)
    relink(supply, {at: {"because": "I was never asked"}})
    report = run(supply)
    assert report.findings[0].position == at
    assert "the signature is not grace's" in report.findings[0].what
    # and what stood on it falls
    assert any("against the rules" in finding.what for finding in report.findings)


def test_a_verdict_that_was_turned_is_found(supply: Supply) -> None:
    at = position(supply, "verdict.given")
    lines = [{"line": "roc_auc at least 0.6", "passed": False, "why": "0.51", "measured": {}}]
    relink(supply, {at: {"lines": lines}})
    report = run(supply)
    assert (report.findings[0].position, report.findings[0].what) == (
        at,
        "the verdict says passed=True, and its lines say False",
    )
    assert any("failed the gate" in finding.what for finding in report.findings[1:])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"to": "1", "digest": "sha256:x"}, "the move says digest"),
        ({"from": "7"}, "the move says from '7'"),
        ({"approvers": ["linus"]}, "the move says approvers"),
        ({"authenticated": False}, "the move says authenticated False"),
        ({"override": "because I can"}, "the move says override 'because I can'"),
        ({"revision": 0}, "the route's revision went from 0 to 0"),
        ({"cause": "magic"}, "nothing moves a pointer for the cause 'magic'"),
        ({"at": "2020-01-01T00:00:00+00:00"}, "decided at 2020-01-01"),
    ],
)
def test_a_move_that_was_changed_is_found(supply: Supply, change: dict[str, Any], says: str) -> None:
    at = position(supply, "pointer.moved")
    relink(supply, {at: change})
    first = run(supply).findings[0]
    assert first.position == at
    assert says in first.what


def test_a_move_without_approval_is_found(supply: Supply) -> None:
    version = supply.register()
    supply.judge(version)
    said = supply.ledger.moves[-1].body
    revision = said["revision"] + 1
    body = {
        **said,
        "from": "1",
        "to": version.number,
        "digest": version.digest,
        "revision": revision,
        "cause": "promote",
    }
    supply.record("pointer.moved", body)
    (finding, *_) = run(supply).findings
    assert "moved to 3 against the rules: cannot promote 3: 1 more approval needed" in finding.what


def test_a_copied_ballot_is_found(supply: Supply) -> None:
    said = next(event for event in events(supply) if event.kind == "ballot.cast")
    supply.record("ballot.cast", dict(said.body))
    assert "recorded before: it is a copy" in run(supply).findings[0].what


def test_an_unsigned_addition_is_noted_and_a_forged_one_found(supply: Supply) -> None:
    eve = SeededSigner("eve")
    supply.add("eve", eve, without="new here")
    report = run(supply)
    assert report.holds
    assert "eve was added by person:root without a signature" in report.notes[-1]
    mallory = SeededSigner("mallory")
    body = {"name": "mallory", "key_id": key_id_of(mallory.public_key), "public_key": mallory.public_key}
    forged = {**body, "by": "grace", "by_key": key_id_of(GRACE.public_key), "at": "x", "signature": "AAAA"}
    supply.record(ADDED, forged, stream=STREAM)
    assert "the signature is not grace's" in run(supply).findings[0].what
    assert not fold(supply.store.read()).people.known["mallory"].trusted


def test_a_line_that_cannot_be_read_is_named_and_the_rest_is_checked(supply: Supply) -> None:
    supply.record("version.registered", {"version": "9"})
    supply.record("pointer.moved", {"to": "9"})
    supply.record("person.added", {}, stream=STREAM)
    found = run(supply).findings
    assert [finding.where.split()[0] for finding in found] == ["version.registered", "pointer.moved", "person.added"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"arms": []}, "it cannot be read"),
        ({"revision": 2}, "its revision is 2, and the journal's is 3"),
        ({"renewed_until": "2026-03-01T12:00:00"}, "it cannot be read: renewed_until has no zone"),
        ({"model": MODEL}, ""),
    ],
)
def test_a_route_that_was_changed_is_found(supply: Supply, body: dict[str, Any], says: str) -> None:
    (document,) = supply.store.documents("route")
    stored: Any = document.body
    changed = Document("route", MODEL, document.revision, {**stored, **body})
    store: Any = supply.store
    store._documents[("route", MODEL)] = changed
    findings = run(supply).findings
    assert [says in finding.what for finding in findings] == ([True] if says else [])


def test_a_route_that_nobody_decided_is_found(tmp_path: Path) -> None:
    supply = Supply(tmp_path)
    store: Any = supply.store
    store._documents[("route", MODEL)] = Document("route", MODEL, 1, {})
    assert "the journal knows of no promotion" in run(supply).findings[0].what


def test_a_registry_that_is_away_is_noted(supply: Supply) -> None:
    supply.registry.reachable = False
    report = run(supply)
    assert report.holds
    assert report.notes == ("aliases were not compared: the registry does not answer",)


def test_a_champion_without_keys_is_noted(tmp_path: Path) -> None:
    supply = Supply(tmp_path, policy_of())
    supply.promote(supply.ready())
    report = run(supply)
    assert report.holds
    assert "promoted on unauthenticated approval" in report.notes[0]


def test_reading_again_changes_nothing(supply: Supply) -> None:
    every = events(supply)
    assert fold((*every, *every)) == fold(every)
    assert fold([*every[:5], *every[2:]]) == fold(every)
