"""From a registered version to the one that serves, and back: who may say yes, and what the record makes of it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from headgate.base.digest import Json
from headgate.base.errors import BadInput, Conflict, Refused, Tampered
from headgate.gate.verdict import SIGNED_OFF, Judged
from headgate.journal.event import Event, NewEvent
from headgate.journal.ports import Document
from headgate.registry.version import Version
from headgate.testing.fakes import MemoryEventStore
from headgate.testing.supply import MODEL, Supply, policy_of


@pytest.fixture
def supply(tmp_path: Path) -> Supply:
    return Supply(tmp_path)


def test_a_version_goes_from_the_registry_to_the_route(supply: Supply) -> None:
    # Given a version that passed, a scorecard that is signed off, and an approval
    version = supply.ready()
    # When it is promoted
    outcome = supply.promote(version)
    # Then the event, the route and the alias name it
    assert outcome.event is not None
    assert outcome.event.body["to"] == supply.route.champion.version == supply.registry.alias(MODEL, "champion") == "1"
    assert supply.route.champion.digest == version.digest
    assert supply.route.revision == outcome.event.body["revision"] == 1
    assert (supply.folder / supply.route.champion.bundle / "model.onnx").read_text() == "run-1"
    assert not outcome.warnings


def test_an_approval_without_a_key_is_said_to_be_unauthenticated(supply: Supply) -> None:
    outcome = supply.promote(supply.ready())
    assert outcome.move is not None
    assert not outcome.move.authenticated
    assert any("unauthenticated" in line for line in outcome.move.why)


def test_nothing_is_promoted_without_verdict_sign_off_and_approval(supply: Supply) -> None:
    version = supply.register()
    with pytest.raises(Refused) as caught:
        supply.promote(version)
    assert "scorecard" in caught.value.what
    assert "no verdict" in caught.value.what
    assert "1 more approval needed" in caught.value.what
    assert supply.store.documents("route") == ()


def test_who_asked_for_a_version_cannot_approve_it(supply: Supply) -> None:
    # Given a version that ada trained because joe asked for it
    version = supply.register("person:ada", requester="person:joe")
    supply.judge(version)
    supply.sign_off()
    # Then neither may approve, however they write their names
    for name in ("ada", "Ada ", "person:ADA", "joe"):
        with pytest.raises(Refused, match="trained or asked for this version"):
            supply.approve(version, name)
    # And somebody else may
    assert supply.approve(version, "grace").standing.approved


def test_the_same_artefact_under_another_version_keeps_its_requester(supply: Supply) -> None:
    version = supply.register("person:ada")
    body = {"version": "2", "run": "x", "digest": version.digest, "author": "person:joe", "requester": "person:joe"}
    supply.record("version.registered", {**body, "trained_until": None, "source": "register"}, actor="person:joe")
    supply.judge(version)
    with pytest.raises(Refused, match="trained or asked"):
        supply.approve(version, "joe")


def test_what_did_not_pass_cannot_be_approved_but_can_be_rejected(supply: Supply) -> None:
    version = supply.register()
    supply.sign_off()
    with pytest.raises(Refused, match="nothing to approve"):
        supply.approve(version)
    supply.judge(version, passed=False)
    with pytest.raises(Refused, match=r"failed the gate at roc_auc at least 0\.6") as caught:
        supply.approve(version)
    assert caught.value.way_out.startswith("train a better version")
    assert supply.reject(version).standing.blocked_by == ("grace",)


def test_a_refusal_says_one_reason_a_line_and_three_at_most(supply: Supply) -> None:
    version = supply.register()
    supply.judge(version)
    verdict = supply.ledger.verdicts[version.number][-1].verdict
    failed = tuple(Judged(f"line {number}", passed=False, why="too low", measured={}) for number in range(4))
    supply.record("verdict.given", replace(verdict, lines=failed).to_json(), actor="process:gate")
    supply.sign_off()
    with pytest.raises(Refused) as caught:
        supply.promote(version)
    assert caught.value.what.split("\n") == [
        "cannot promote 1:",
        "  - version 1 failed the gate at line 0: too low",
        "  - version 1 failed the gate at line 1: too low",
        "  - version 1 failed the gate at line 2: too low",
        "  - and 2 more: `headgate status`",
    ]
    assert caught.value.way_out.startswith("train a better version")


def test_a_verdict_from_before_the_sign_off_asks_for_another_verdict_not_for_another_model(supply: Supply) -> None:
    version = supply.register()
    supply.judge(version)
    verdict = supply.ledger.verdicts[version.number][-1].verdict
    unsigned = Judged(SIGNED_OFF, passed=False, why="not approved yet", measured={})
    supply.record("verdict.given", replace(verdict, lines=(*verdict.lines, unsigned)).to_json(), actor="process:gate")
    with pytest.raises(Refused) as caught:
        supply.approve(version)
    assert caught.value.way_out.startswith("`headgate approve --scorecard delay --because ...`, then `headgate gate 1")
    supply.sign_off()
    with pytest.raises(Refused, match="the verdict was given before the scorecard was signed off") as caught:
        supply.promote(version)
    assert "train" not in caught.value.way_out


@pytest.mark.parametrize("act", [Supply.approve, Supply.promote], ids=["approve", "promote"])
def test_nothing_stands_on_a_verdict_that_was_turned_in_the_database(
    supply: Supply, act: Callable[[Supply, Version], object]
) -> None:
    version = supply.ready()
    store = supply.store
    assert isinstance(store, MemoryEventStore)
    turned = [replace(one, reason="turned") if one.kind == "verdict.given" else one for one in store._events]
    store._events = tuple(turned)
    with pytest.raises(Tampered, match="edited") as caught:
        act(supply, version)
    assert "headgate restore" in caught.value.way_out
    assert "--new-head" not in caught.value.way_out  # it would mend nothing
    assert supply.ledger.champion is None
    # In an emergency, without a backup, somebody answers for it by name
    assert supply.promote(version, override="no backup, and version 0 loses orders").version == version.number


def test_an_edited_event_holds_up_no_rollback(supply: Supply) -> None:
    supply.promote(supply.ready())
    second = supply.register()
    supply.judge(second)
    supply.approve(second)
    supply.promote(second)
    store = supply.store
    assert isinstance(store, MemoryEventStore)
    store._events = (replace(store._events[0], reason="turned"), *store._events[1:])
    assert supply.roll_back().version == "1"


def test_a_scorecard_edited_after_the_approval_voids_it(supply: Supply) -> None:
    version = supply.ready()
    supply.edit_scorecard(0.5)
    supply.judge(version)
    with pytest.raises(Refused) as caught:
        supply.promote(version)
    assert "it was edited since" in caught.value.what
    assert "the scorecard was edited after this approval" in caught.value.what
    # When both are given again it goes
    supply.sign_off()
    supply.approve(version)
    assert supply.promote(version).version == "1"


def test_a_rejection_blocks_until_the_same_person_approves(supply: Supply) -> None:
    version = supply.ready()
    supply.reject(version, "joe")
    with pytest.raises(Refused, match="joe rejects version 1"):
        supply.promote(version)
    supply.approve(version, "linus")
    with pytest.raises(Refused, match="joe rejects"):
        supply.promote(version)
    supply.approve(version, "joe")
    assert supply.promote(version).version == "1"


def test_a_requester_may_reject_and_take_it_back_without_counting(supply: Supply) -> None:
    version = supply.ready()
    supply.reject(version, "ada")
    with pytest.raises(Refused, match="ada rejects"):
        supply.promote(version)
    assert supply.approve(version, "ada").standing.approvers == ("grace",)
    assert supply.promote(version).version == "1"


def test_an_approval_expires(supply: Supply) -> None:
    version = supply.ready()
    supply.clock.advance(supply.policy.approval.expires + timedelta.resolution)
    with pytest.raises(Refused, match="it expired"):
        supply.promote(version)
    supply.approve(version)
    assert supply.promote(version).version == "1"


def test_two_must_approve_where_the_policy_says_two(tmp_path: Path) -> None:
    supply = Supply(tmp_path, policy_of(approval={"need": 2, "of": ["grace", "linus", "ada"]}))
    version = supply.ready()
    with pytest.raises(Refused, match="1 more approval needed"):
        supply.promote(version)
    with pytest.raises(Refused, match="the policy counts only grace, linus, ada"):
        supply.approve(version, "mallory")
    supply.approve(version, "grace")  # once more is still one person
    with pytest.raises(Refused, match="1 more approval needed"):
        supply.promote(version)
    supply.approve(version, "linus")
    assert supply.promote(version).version == "1"


def test_rollback_goes_back_without_a_new_ballot_and_without_the_registry(supply: Supply) -> None:
    # Given two champions one after the other, ballots long expired, an edited scorecard, and no registry
    for _ in range(3):
        supply.promote(supply.ready())
    supply.clock.advance(timedelta(days=365))
    supply.edit_scorecard(0.9)
    supply.registry.reachable = False
    # When the champion is rolled back, it goes; and again, further back; and then no further
    first = supply.roll_back()
    assert (first.version, supply.route.champion.version, supply.route.revision) == ("2", "2", 4)
    assert "headgate tick" in first.warnings[0]
    assert supply.roll_back().version == "1"
    with pytest.raises(Refused, match="no earlier champion to go back to: version 1 is the first"):
        supply.roll_back()


def test_rollback_to_what_never_served_needs_an_override(supply: Supply) -> None:
    supply.promote(supply.ready())
    waiting = supply.ready()
    with pytest.raises(Refused, match=r"version 2 never served \(served before: 1\)"):
        supply.roll_back(waiting)
    outcome = supply.roll_back(waiting, override="1 is down and 2 is all we have")
    assert supply.ledger.moves[-1].override == "1 is down and 2 is all we have"
    assert outcome.version == "2"


def test_what_somebody_rejects_does_not_come_back_by_itself(supply: Supply) -> None:
    first = supply.ready()
    supply.promote(first)
    supply.promote(supply.ready())
    supply.reject(first, "joe")
    with pytest.raises(Refused, match="joe rejects version 1"):
        supply.roll_back()


def test_an_override_needs_a_reason_and_stays_visible(supply: Supply) -> None:
    version = supply.register()
    with pytest.raises(Refused, match="an override needs a reason"):
        supply.promote(version, override="  ")
    outcome = supply.promote(version, override="the champion leaks memory")
    assert outcome.move is not None
    assert not outcome.move.authenticated
    assert "override: the champion leaks memory" in outcome.move.why
    # And when it comes back after another one, it still stands on that override
    supply.promote(supply.ready())
    supply.roll_back()
    assert supply.ledger.moves[-1].override == "the champion leaks memory"


def test_an_override_that_is_not_needed_is_not_recorded(supply: Supply) -> None:
    supply.promote(supply.ready(), override="just in case")
    assert supply.ledger.moves[-1].override is None


def test_promoting_the_champion_again_changes_nothing_and_sets_the_alias(supply: Supply) -> None:
    version = supply.ready()
    supply.promote(version)
    supply.registry.set_alias(MODEL, "champion", None)
    assert supply.promote(version).move is None
    assert len(supply.ledger.moves) == 1
    assert supply.registry.alias(MODEL, "champion") == "1"


def test_a_version_nobody_knows_is_named_with_those_that_exist(supply: Supply) -> None:
    version = supply.ready()
    other = supply.registry.version(MODEL, version.number)
    with pytest.raises(BadInput, match="no version 7") as caught:
        supply.promote(type(other)(MODEL, "7", "", "", "", None))
    assert "versions in the journal: 1" in caught.value.way_out


def test_a_tampered_bundle_is_not_promoted(supply: Supply) -> None:
    version = supply.ready()
    place = supply.folder / "registry" / MODEL / "1" / "bundle" / "model.onnx"
    place.write_text("something else")
    with pytest.raises(Tampered, match=r"changed since it was sealed: model\.onnx"):
        supply.promote(version)
    assert supply.store.documents("route") == ()
    assert not (supply.folder / "bundles" / version.digest.removeprefix("sha256:")).exists()


def test_of_two_promotes_at_once_one_wins_and_the_other_is_told(
    supply: Supply, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given two versions that both may serve
    first, second = supply.ready(), supply.ready()
    _before_next_append(supply, monkeypatch, lambda: supply.promote(second))
    # When the second is promoted between the first one's decision and its append
    with pytest.raises(Conflict, match=r"it is now at version 2 \(promote by person:grace\); version 1 was not moved"):
        supply.promote(first)
    # Then there is one move, and the route is the winner's
    assert [move.version for move in supply.ledger.moves] == ["2"]
    assert (supply.route.champion.version, supply.route.revision) == ("2", 1)


def test_a_ballot_that_comes_in_between_is_decided_on_again(supply: Supply, monkeypatch: pytest.MonkeyPatch) -> None:
    version = supply.ready()
    _before_next_append(supply, monkeypatch, lambda: supply.approve(version, "linus"))
    outcome = supply.promote(version)
    assert outcome.move is not None
    assert outcome.move.approvers == ("grace", "linus")


def test_a_rejection_that_comes_in_between_is_heard(supply: Supply, monkeypatch: pytest.MonkeyPatch) -> None:
    version = supply.ready()
    _before_next_append(supply, monkeypatch, lambda: supply.reject(version, "joe"))
    with pytest.raises(Refused, match="joe rejects"):
        supply.promote(version)
    assert supply.store.documents("route") == ()


def test_a_route_that_ran_ahead_does_not_stop_a_promotion(supply: Supply) -> None:
    version = supply.ready()
    body: Json = {"model": MODEL, "revision": 9, "arms": []}
    sequence = supply.ledger.sequence
    supply.store.append(
        "model/delay", sequence, [NewEvent("x.y", "person:m", "", {})], [Document("route", MODEL, 9, body)]
    )
    assert supply.promote(version).version == supply.route.champion.version
    assert supply.route.revision == 10


def test_a_verdict_against_an_older_champion_is_asked_for_again(tmp_path: Path) -> None:
    line = {"kind": "metric", "metric": "roc_auc", "champion": {"rule": "better"}}
    supply = Supply(tmp_path, policy_of([{**line, "role": "primary"}]))
    first, second = supply.ready(), supply.ready()
    supply.promote(first)
    with pytest.raises(Refused, match="the verdict compares with no champion, and the champion is 1"):
        supply.promote(second)
    supply.judge(second)
    assert supply.promote(second).version == "2"


def _before_next_append(supply: Supply, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Let `act` happen between the decision and its append, once."""
    real, waiting = supply.store.append, [act]

    def append(
        stream: str, expected: int, events: Sequence[NewEvent], documents: Sequence[Document] = ()
    ) -> tuple[Event, ...]:
        if waiting:
            waiting.pop()()
        return real(stream, expected, events, documents)

    monkeypatch.setattr(supply.store, "append", append)
