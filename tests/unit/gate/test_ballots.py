"""Ballots with keys: what counts, what is void, and what a forger gains (nothing)."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from headgate.base.errors import Refused, Tampered
from headgate.gate.ballots import Ballot, ballots_of, flaw
from headgate.gate.enrol import Voucher, revoke_person
from headgate.gate.people import People
from headgate.loop.replay import replay
from headgate.registry.version import Version
from headgate.release.steps import read_ledger
from headgate.testing.signers import SeededSigner
from headgate.testing.supply import MODEL, Supply, policy_of

GRACE, LINUS, EVE = SeededSigner("grace"), SeededSigner("linus"), SeededSigner("eve")


@pytest.fixture
def supply(tmp_path: Path) -> Supply:
    """A project whose people have keys, and which counts only those."""
    supply = Supply(tmp_path, policy_of(approval={"allow_unauthenticated": False}))
    supply.add("grace", GRACE)
    supply.add("linus", LINUS, Voucher("grace", GRACE))
    supply.sign_off("grace", GRACE)
    return supply


def judged(supply: Supply) -> Version:
    version = supply.register()
    supply.judge(version)
    return version


def people(supply: Supply) -> People:
    return read_ledger(supply.store, MODEL)[1]


def test_signed_ballots_make_an_authenticated_champion(supply: Supply) -> None:
    version = judged(supply)
    said = supply.approve(version, "grace", GRACE)
    assert said.authenticated
    assert said.event.body["authenticated"] is True
    supply.promote(version)
    assert supply.ledger.moves[-1].authenticated


def test_an_unsigned_ballot_of_somebody_with_a_key_is_refused(supply: Supply) -> None:
    with pytest.raises(Refused, match="not signed, though grace has a key"):
        supply.approve(judged(supply), "grace")


def test_another_spelling_is_no_way_around_a_key(supply: Supply) -> None:
    for name in ("Grace", " GRACE", "person:grace"):
        with pytest.raises(Refused, match="not signed, though grace has a key"):
            supply.approve(judged(supply), name)


def test_a_ballot_signed_with_anothers_key_is_refused(supply: Supply) -> None:
    with pytest.raises(Refused, match="which is not grace's key now"):
        supply.approve(judged(supply), "grace", EVE)


def test_somebody_without_a_key_does_not_count_where_keys_are_demanded(supply: Supply) -> None:
    with pytest.raises(Refused, match="joe has no key, and only signed ballots count here"):
        supply.approve(judged(supply), "joe")


def test_a_revoked_key_supports_nothing_to_come_and_what_was_decided_stays(supply: Supply) -> None:
    first, second = judged(supply), judged(supply)
    supply.approve(first, "linus", LINUS)
    supply.promote(first)
    supply.approve(second, "linus", LINUS)
    revoke_person(supply.store, supply.clock, "linus", "left", Voucher("grace", GRACE))
    with pytest.raises(Refused, match="the key was revoked"):
        supply.promote(second)
    assert supply.route.champion.version == first.number
    with pytest.raises(Refused, match="the key was revoked"):
        supply.approve(second, "linus")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("project", "other"),
        ("model", "other"),
        ("version", "2"),
        ("digest", "sha256:other"),
        ("scorecard", "sha256:other"),
        ("choice", "reject"),
        ("because", "other"),
        ("nonce", "other"),
    ],
)
def test_whatever_is_changed_breaks_the_signature(supply: Supply, field: str, value: str) -> None:
    ballot = supply.approve(judged(supply), "grace", GRACE).ballot
    changed: dict[str, Any] = {field: value}
    assert not flaw(ballot, people(supply))
    assert flaw(replace(ballot, **changed), people(supply)) == "the signature is not grace's"


def test_a_copied_ballot_does_not_undo_a_later_rejection(supply: Supply) -> None:
    version = judged(supply)
    yes = supply.approve(version, "grace", GRACE)
    supply.approve(version, "linus", LINUS)
    supply.reject(version, "grace", GRACE)
    supply.record("ballot.cast", dict(yes.event.body), actor="person:grace")
    with pytest.raises(Refused, match="grace rejects version 1"):
        supply.promote(version)


def test_a_ballot_that_is_recorded_much_later_does_not_count(supply: Supply) -> None:
    version = judged(supply)
    ballot = supply.approve(version, "grace", GRACE).ballot
    late = replace(ballot, at=ballot.at + timedelta(hours=2))
    assert "recorded at" in flaw(late, people(supply))


def test_a_forged_line_in_the_journal_neither_approves_nor_replaces(supply: Supply) -> None:
    version = judged(supply)
    said = supply.approve(version, "grace", GRACE)
    supply.record("ballot.cast", {**said.event.body, "choice": "reject", "nonce": "1"}, actor="person:grace")
    supply.record(
        "ballot.cast",
        {**said.event.body, "choice": "reject", "nonce": "2", "signature": None, "key_id": None},
        actor="person:grace",
    )
    assert supply.promote(version).version == version.number


def test_who_asked_cannot_hide_behind_whom_they_vouched_for(tmp_path: Path) -> None:
    supply = Supply(tmp_path)
    supply.add("ada", SeededSigner("ada"))
    supply.add("eve", EVE, Voucher("ada", SeededSigner("ada")))
    version = judged(supply)
    assert any(
        "ada, who asked for this version, vouched for this key" in line
        for line in supply.approve(version, "eve", EVE).standing.why
    )


def test_two_names_with_one_key_are_one_person(tmp_path: Path) -> None:
    supply = Supply(tmp_path, policy_of(approval={"need": 2}))
    version = judged(supply)
    supply.approve(version, "grace")
    assert supply.approve(version, " Grace").standing.missing == 1


def test_a_ballot_of_a_process_is_none(supply: Supply) -> None:
    with pytest.raises(Refused, match="is not a person"):
        supply.approve(judged(supply), "process:tick")


def test_a_ballot_that_cannot_be_read_is_named(supply: Supply) -> None:
    supply.record("ballot.cast", {"subject": "version"})
    with pytest.raises(Tampered, match="the ballot cannot be read") as caught:
        ballots_of(supply.store.read())
    assert caught.value.where.startswith("journal event ")


def test_a_ballot_comes_back_as_it_was_cast(supply: Supply) -> None:
    cast = supply.approve(judged(supply), "grace", GRACE)
    (*_, read) = ballots_of(supply.store.read())
    assert isinstance(read, Ballot)
    assert read == replace(cast.ballot, position=cast.event.position)


def test_a_rejected_scorecard_passes_nothing_until_the_same_person_signs_it(supply: Supply) -> None:
    from headgate.release import casting
    from headgate.release.casting import Voice

    version = judged(supply)
    supply.approve(version, "grace", GRACE)
    voice = Voice("linus", "the bar is too low", LINUS)
    casting.sign_off(supply.store, supply.clock, supply.policy, MODEL, "reject", voice)
    with pytest.raises(Refused, match=r"the scorecard .* is not signed off .*linus blocks it"):
        supply.promote(version)
    supply.sign_off("linus", LINUS)
    assert supply.promote(version).version == version.number


def keyed(tmp_path: Path) -> Supply:
    """A project under the default policy whose journal knows two keys."""
    supply = Supply(tmp_path)
    supply.add("grace", GRACE)
    supply.add("linus", LINUS, Voucher("grace", GRACE))
    supply.sign_off("grace", GRACE)
    return supply


def test_an_invented_name_does_not_count_once_somebody_has_a_key(tmp_path: Path) -> None:
    supply = keyed(tmp_path)
    version = judged(supply)
    with pytest.raises(Refused, match="bob has no key, and only signed ballots count here") as caught:
        supply.approve(version, "bob")
    assert "`headgate person add bob`" in caught.value.what
    with pytest.raises(Refused, match="1 more approval needed"):
        supply.promote(version)
    supply.approve(version, "linus", LINUS)
    assert supply.promote(version).version == version.number


def test_what_was_approved_before_the_first_key_does_not_count_after_it(tmp_path: Path) -> None:
    supply = Supply(tmp_path)
    version = supply.ready()
    supply.approve(version, "bob")
    supply.add("linus", LINUS)
    with pytest.raises(Refused) as caught:
        supply.promote(version)
    assert "bob approves: void: bob has no key" in caught.value.what


def test_the_rejection_of_an_invented_name_blocks_nothing(tmp_path: Path) -> None:
    supply = Supply(tmp_path)
    version = supply.ready()
    supply.reject(version, "eve")
    supply.add("grace", GRACE)
    supply.sign_off("grace", GRACE)
    said = supply.approve(version, "grace", GRACE)
    assert said.standing.blocked_by == ()
    assert any(line.startswith("eve rejects: void: eve has no key") for line in said.standing.why)
    with pytest.raises(Refused, match="eve has no key"):
        supply.reject(version, "eve")
    assert supply.promote(version).version == version.number


def test_a_key_that_nobody_vouched_for_does_not_count_beside_trusted_ones(tmp_path: Path) -> None:
    supply = keyed(tmp_path)
    supply.add("eve", EVE, Voucher("root"), without="linus is ill")
    with pytest.raises(Refused, match="nobody trusted vouched for eve's key"):
        supply.approve(judged(supply), "eve", EVE)


def test_without_any_key_approvals_count_and_say_that_they_are_unauthenticated(tmp_path: Path) -> None:
    supply = Supply(tmp_path)
    version = supply.ready()
    outcome = supply.promote(version)
    assert not supply.ledger.moves[-1].authenticated
    assert outcome.move is not None
    assert any("(unauthenticated)" in line for line in outcome.move.why)


def test_a_project_may_go_on_counting_names_without_keys(tmp_path: Path) -> None:
    supply = Supply(tmp_path, policy_of(approval={"allow_unauthenticated": True}))
    supply.add("linus", LINUS)
    assert supply.promote(supply.ready()).version == "1"


def test_moves_of_before_the_first_key_still_hold(tmp_path: Path) -> None:
    supply = Supply(tmp_path)
    supply.promote(supply.ready())
    old = Supply(tmp_path / "old", policy_of(approval={"allow_unauthenticated": True}))
    old.promote(old.ready())
    for one in (supply, old):
        one.add("linus", LINUS)
        assert replay(list(one.store.read())).findings == ()


def test_nobody_takes_a_rejection_back_in_anothers_name(supply: Supply) -> None:
    version = judged(supply)
    supply.reject(version, "linus", LINUS)
    with pytest.raises(Refused, match="not signed, though linus has a key"):
        supply.approve(version, "linus")
    assert replay(list(supply.store.read())).findings == ()
