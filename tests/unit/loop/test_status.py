"""How a project stands, for somebody who has to do the next thing."""

from pathlib import Path

import pytest

from headgate.loop.state import fold
from headgate.loop.status import ModelStatus, overview
from headgate.testing.signers import SeededSigner
from headgate.testing.supply import MODEL, Supply


@pytest.fixture
def supply(tmp_path: Path) -> Supply:
    return Supply(tmp_path)


def status(supply: Supply) -> ModelStatus:
    events = tuple(supply.store.read())
    (found,) = overview(fold(events), events, supply.store.documents("route"), supply.policy, supply.clock.now())
    return found


def test_an_empty_project_has_no_champion_and_an_unsigned_scorecard(supply: Supply) -> None:
    found = status(supply).to_json()
    assert (found["champion"], found["waiting"], found["wrong"]) == (None, [], [])
    assert found["scorecard"]["signed"] is False


def test_every_step_shows_what_is_missing_next(supply: Supply) -> None:
    version = supply.register()
    needs = status(supply).waiting[0].ready.missing
    assert ["scorecard" in needs[0], "no verdict" in needs[1], "approval needed" in needs[2]] == [True] * 3
    supply.sign_off()
    supply.judge(version)
    (need,) = status(supply).waiting[0].ready.missing
    assert need == (
        "1 more approval needed by somebody who did not ask for it: `headgate approve 1 --model delay --because ...`"
    )
    supply.approve(version)
    assert status(supply).waiting[0].to_json()["needs"] == []
    supply.promote(version)
    assert status(supply).waiting == ()


def test_an_unauthenticated_champion_and_an_override_are_said_to_be_wrong(supply: Supply) -> None:
    supply.promote(supply.ready())
    assert status(supply).wrong == ("version 1 serves on unauthenticated approval",)
    supply.promote(supply.register(), override="it burns")
    assert status(supply).wrong == ("version 2 serves by an override: it burns",)


def test_a_champion_that_trusted_keys_carry_has_nothing_wrong(supply: Supply) -> None:
    grace = SeededSigner("grace")
    supply.add("grace", grace)
    version = supply.register()
    supply.judge(version)
    supply.sign_off("grace", grace)
    supply.approve(version, "grace", grace)
    supply.promote(version)
    found = status(supply).to_json()
    assert found["wrong"] == []
    assert found["champion"]["authenticated"] is True
    assert found["scorecard"]["authenticated"] is True


def test_an_alias_that_did_not_follow_is_said(supply: Supply) -> None:
    version = supply.ready()
    supply.keeps_bundles = True
    other = supply.ready()
    supply.promote(version)
    supply.registry.reachable = False
    supply.promote(other)
    assert status(supply).wrong[-1] == "alias champion is at 1 as far as is known; `headgate tick` sets it"


def test_many_waiting_versions_are_counted_and_the_newest_shown(supply: Supply) -> None:
    for _ in range(7):
        supply.register()
    found = status(supply)
    assert [one.registered.version for one in found.waiting] == ["7", "6", "5", "4", "3"]
    assert found.earlier == 2


def test_the_last_events_are_the_models_newest_first(supply: Supply) -> None:
    supply.promote(supply.ready())
    assert [event.kind for event in status(supply).last][:2] == ["alias.set", "pointer.moved"]
    assert {event.stream for event in status(supply).last} == {f"model/{MODEL}"}
