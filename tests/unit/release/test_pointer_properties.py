"""Whatever people and processes do, in whatever order: nothing serves that may not, and what may serve can."""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.base.errors import HeadgateError, Refused
from headgate.gate.enrol import Voucher, revoke_person
from headgate.loop.inspect import inspect
from headgate.loop.state import fold
from headgate.loop.steps import tick
from headgate.registry.version import Version
from headgate.release.readiness import Rules, readiness
from headgate.release.steps import read_ledger
from headgate.testing.signers import SeededSigner
from headgate.testing.supply import MODEL, Supply, policy_of

NAMES = ("ada", "grace", "linus")
names, versions = st.sampled_from(NAMES), st.integers(1, 3)


@dataclass(frozen=True)
class Act:
    """Somebody tries something, with a version where that takes one."""

    what: str
    number: int
    who: str


def voucher(supply: Supply) -> Voucher:
    people = read_ledger(supply.store, MODEL)[1].trusted()
    return Voucher(people[0], SeededSigner(people[0])) if people else Voucher("root")


def key(supply: Supply, who: str) -> SeededSigner | None:
    return SeededSigner(who) if read_ledger(supply.store, MODEL)[1].active(who) else None


def edit(supply: Supply, act: Act) -> None:
    supply.edit_scorecard(0.5 + act.number / 10)


def wait(supply: Supply, act: Act) -> None:
    supply.clock.advance(timedelta(days=12 * act.number))


def cut(supply: Supply, _: Act) -> None:
    supply.registry.reachable = not supply.registry.reachable


def prepare(supply: Supply, act: Act) -> None:
    """Chance alone seldom gets a version ready."""
    supply.registry.reachable = True
    version = supply.register(f"person:{act.who}")
    supply.judge(version)
    for name in NAMES:
        with suppress(Refused):
            supply.sign_off(name, key(supply, name))
        with suppress(Refused):
            supply.approve(version, name, key(supply, name))


PROJECT: dict[str, Callable[[Supply, Act], object]] = {
    "register": lambda supply, act: supply.register(f"person:{act.who}"),
    "sign off": lambda supply, act: supply.sign_off(act.who, key(supply, act.who)),
    "prepare": prepare,
    "edit": edit,
    "wait": wait,
    "cut": cut,
    "add": lambda supply, act: supply.add(act.who, SeededSigner(act.who), voucher(supply)),
    "revoke": lambda supply, act: revoke_person(supply.store, supply.clock, act.who, "left", voucher(supply)),
    "roll back": lambda supply, _: supply.roll_back(),
    "tick": lambda supply, _: tick(supply.desk, {}),
}
VERSION: dict[str, Callable[[Supply, Act, Version], object]] = {
    "pass": lambda supply, _, version: supply.judge(version),
    "fail": lambda supply, _, version: supply.judge(version, passed=False),
    "approve": lambda supply, act, version: supply.approve(version, act.who, key(supply, act.who)),
    "reject": lambda supply, act, version: supply.reject(version, act.who, key(supply, act.who)),
    "promote": lambda supply, _, version: supply.promote(version),
    "override": lambda supply, _, version: supply.promote(version, override="we must"),
    "roll back to": lambda supply, _, version: supply.roll_back(version),
    "hand": lambda supply, _, version: supply.registry.set_alias(MODEL, "champion", version.number),
}
LIKELY = ["prepare", "prepare", "prepare", "promote", "promote", "promote", "add", "roll back", "hand", "tick"]
acts = st.builds(Act, st.sampled_from([*LIKELY, *LIKELY, *PROJECT, *VERSION]), versions, names)
histories = st.lists(acts, min_size=8, max_size=20).map(lambda done: [Act("prepare", 1, "ada"), *done])


def version_of(supply: Supply, number: int) -> Version | None:
    found = supply.ledger.versions.get(str(number))
    return Version(MODEL, found.version, found.run, found.digest, found.author, None) if found else None


def carry_out(supply: Supply, act: Act) -> None:
    """Do it, or be refused: either is fine."""
    version = version_of(supply, act.number)
    with suppress(HeadgateError):
        if act.what in PROJECT:
            PROJECT[act.what](supply, act)
        elif version is not None:
            VERSION[act.what](supply, act, version)


def story(folder: str, done: Sequence[Act], **policy: Any) -> Supply:
    supply = Supply(Path(folder), policy_of(**policy))
    supply.keeps_bundles = True
    if supply.policy.approval.allow_unauthenticated is False:
        for name in NAMES:
            supply.add(name, SeededSigner(name), voucher(supply))
    for act in done:
        carry_out(supply, act)
    supply.registry.reachable = True
    return supply


policies = st.fixed_dictionaries(
    {
        "approval": st.builds(
            lambda need, unsigned: {"need": need, "allow_unauthenticated": unsigned},
            st.integers(1, 2),
            st.sampled_from((None, True, False)),
        ),
        "moved_alias": st.sampled_from(("put_back", "honour")),
    }
)


@settings(max_examples=20, deadline=None)
@given(histories, policies)
def test_no_order_of_things_gets_a_version_to_serve_that_may_not(done: list[Act], policy: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        supply = story(folder, done, **policy)
        tick(supply.desk, {})
        report = inspect(supply.store, supply.registry, (MODEL,))
        # The audit decides every move again from what was known then; and the route is what the last move made.
        assert report.findings == ()
        ledger = supply.ledger
        for move in ledger.moves:
            verdicts = [one.verdict for one in ledger.verdicts.get(move.version, ()) if one.position < move.position]
            assert move.override is not None or (any(one.passed for one in verdicts) and move.approvers)
            asked = ledger.versions[move.version].requesters
            assert not asked.intersection(move.approvers)


@settings(max_examples=20, deadline=None)
@given(histories, policies, versions)
def test_what_needs_nothing_more_can_be_promoted_and_the_rest_says_what_it_needs(
    done: list[Act], policy: dict[str, Any], number: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        supply = story(folder, done, **policy)
        version = version_of(supply, number)
        if version is None:
            return
        ledger, people = read_ledger(supply.store, MODEL)
        ready = readiness(ledger, version.number, Rules.of(supply.policy, MODEL), people, supply.clock.now())
        serves = ledger.champion is not None and ledger.champion.version == version.number
        if ready.missing and not serves:
            with pytest.raises(Refused) as caught:
                supply.promote(version)
            assert all(lack in caught.value.what for lack in ready.missing)
        else:
            supply.promote(version)
            assert supply.route.champion.version == version.number


@settings(max_examples=10, deadline=None)
@given(histories)
def test_somebody_can_always_get_a_good_version_to_serve(done: list[Act]) -> None:
    """Liveness: whatever happened before, judging, signing off, lifting rejections and approving are enough."""
    with tempfile.TemporaryDirectory() as folder:
        supply = story(folder, done)
        version = supply.register("person:newcomer")
        supply.judge(version)
        people = read_ledger(supply.store, MODEL)[1]
        for name in (*NAMES, "outsider"):
            signer = SeededSigner(name) if people.active(name) else None
            with suppress(HeadgateError):
                supply.sign_off(name, signer)
            with suppress(HeadgateError):
                supply.approve(version, name, signer)
        supply.promote(version)
        assert supply.route.champion.version == version.number


@settings(max_examples=7, deadline=None)
@given(histories, st.data())
def test_a_fold_does_not_mind_reading_again(done: list[Act], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as folder:
        events = list(story(folder, done).store.read())
        again = data.draw(st.integers(0, len(events)))
        assert fold([*events, *events[again:]]) == fold(events)


@settings(max_examples=7, deadline=None)
@given(histories)
def test_two_ticks_come_to_rest(done: list[Act]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        supply = story(folder, done, moved_alias="honour")
        tick(supply.desk, {})
        tick(supply.desk, {})
        left = [part.what for part in tick(supply.desk, {}).parts if "leave alias" not in part.what]
        assert left == []
