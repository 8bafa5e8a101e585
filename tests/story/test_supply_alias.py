"""The alias follows the pointer: after a crash, after somebody moved it by hand, and while the registry is away."""

from pathlib import Path

import pytest

from headgate.base.errors import Unavailable
from headgate.loop.steps import read_state, tick
from headgate.registry.version import RunRecord
from headgate.testing.supply import MODEL, Supply, policy_of


@pytest.fixture
def supply(tmp_path: Path) -> Supply:
    return Supply(tmp_path)


@pytest.fixture
def honouring(tmp_path: Path) -> Supply:
    return Supply(tmp_path, policy_of(moved_alias="honour"))


def champions(supply: Supply) -> tuple[str | None, str | None]:
    """Return what the registry and the journal say."""
    champion = supply.ledger.champion
    return supply.registry.alias(MODEL, "champion"), champion.version if champion else None


def kinds(supply: Supply) -> list[str]:
    return [event.kind for event in supply.store.read() if event.kind.startswith(("alias", "pointer"))]


def _refuse(*_: object) -> None:
    raise Unavailable("read-only")


def test_a_quiet_project_needs_nothing(supply: Supply) -> None:
    assert tick(supply.desk, {}).parts == ()
    supply.promote(supply.ready())
    assert tick(supply.desk, {}).parts == ()


def test_killed_between_journal_and_alias_the_next_tick_finishes(
    supply: Supply, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a process that dies right after its append
    supply.promote(supply.ready())
    version = supply.ready()
    tick(supply.desk, {})

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(supply.registry, "set_alias", die)
        with pytest.raises(KeyboardInterrupt):
            supply.promote(version)
    assert champions(supply) == ("1", "2")
    # When the next tick runs, it sets the alias, and takes it for no stray
    done = tick(supply.desk, {})
    assert champions(supply) == ("2", "2")
    assert not done.trouble
    assert "alias.strayed" not in kinds(supply)
    assert tick(supply.desk, {}).parts == ()


def test_killed_between_alias_and_its_record_the_next_tick_records_it(
    supply: Supply, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = supply.ready()
    tick(supply.desk, {})
    real = supply.registry.set_alias

    def die(model: str, alias: str, number: str | None) -> None:
        real(model, alias, number)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(supply.registry, "set_alias", die)
        with pytest.raises(KeyboardInterrupt):
            supply.promote(version)
    (record, *_) = tick(supply.desk, {}).parts
    assert record.what == "delay: record that alias champion names 1: it was set already, and not recorded"
    assert read_state(supply.store).model(MODEL).alias("champion").version == "1"


def test_an_alias_that_was_set_and_not_recorded_is_not_taken_for_a_hand(
    honouring: Supply, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given 2 promoted by a process that dies before it records the alias, then 3 promoted with no registry
    honouring.promote(honouring.ready())
    second, third = honouring.ready(), honouring.ready()
    real = honouring.registry.set_alias

    def die(model: str, alias: str, number: str | None) -> None:
        real(model, alias, number)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(honouring.registry, "set_alias", die)
        with pytest.raises(KeyboardInterrupt):
            honouring.promote(second)
        patch.setattr(honouring.registry, "set_alias", _refuse)
        honouring.promote(third)
    assert champions(honouring) == ("2", "3")
    # Then the policy `honour` does not move the pointer back to 2
    tick(honouring.desk, {})
    assert champions(honouring) == ("3", "3")
    assert "alias.strayed" not in kinds(honouring)


def test_a_moved_alias_is_noted_and_put_back(supply: Supply) -> None:
    first = supply.ready()
    supply.promote(first)
    supply.promote(supply.ready())
    # When somebody moves the alias with an MLflow client
    supply.registry.set_alias(MODEL, "champion", "1")
    assert tick(supply.desk, {}, dry_run=True).parts[0].what.startswith("delay: note that alias champion was moved")
    assert champions(supply) == ("1", "2")
    done = tick(supply.desk, {})
    # Then it is noted once, and put back
    assert champions(supply) == ("2", "2")
    assert kinds(supply)[-2:] == ["alias.strayed", "alias.set"]
    assert [part.what.split(":")[1].strip() for part in done.parts] == [
        "note that alias champion was moved by hand",
        "set alias champion to 2",
    ]
    assert tick(supply.desk, {}).parts == ()


def test_a_removed_alias_is_put_back(honouring: Supply) -> None:
    honouring.promote(honouring.ready())
    honouring.registry.set_alias(MODEL, "champion", None)
    tick(honouring.desk, {})
    assert champions(honouring) == ("1", "1")
    assert "alias.strayed" in kinds(honouring)


def test_a_stray_is_noted_once_however_long_it_cannot_be_put_back(
    supply: Supply, monkeypatch: pytest.MonkeyPatch
) -> None:
    supply.promote(supply.ready())
    supply.ready()
    tick(supply.desk, {})
    supply.registry.set_alias(MODEL, "champion", "2")
    with monkeypatch.context() as patch:
        patch.setattr(supply.registry, "set_alias", _refuse)
        for _ in range(3):
            assert "read-only" in tick(supply.desk, {}).trouble[0]
    assert kinds(supply).count("alias.strayed") == 1
    tick(supply.desk, {})
    assert champions(supply) == ("1", "1")


def test_honour_moves_the_pointer_to_an_approved_version(honouring: Supply) -> None:
    honouring.promote(honouring.ready())
    honouring.ready()
    honouring.registry.set_alias(MODEL, "champion", "2")
    tick(honouring.desk, {})
    assert champions(honouring) == ("2", "2")
    assert (honouring.route.champion.version, honouring.route.revision) == ("2", 2)
    assert kinds(honouring)[-3:] == ["alias.strayed", "pointer.moved", "alias.honoured"]
    assert honouring.ledger.moves[-1].cause == "alias"
    assert all("champion" not in part.what for part in tick(honouring.desk, {}).parts)


def test_honour_goes_back_to_what_served_before(honouring: Supply) -> None:
    honouring.promote(honouring.ready())
    honouring.promote(honouring.ready())
    honouring.registry.set_alias(MODEL, "champion", "1")
    tick(honouring.desk, {})
    assert champions(honouring) == ("1", "1")
    assert honouring.ledger.trail == ("1",)


@pytest.mark.parametrize("state", ["unjudged", "failed", "unapproved", "rejected", "unknown"])
def test_honour_is_no_way_around_the_gate(honouring: Supply, state: str) -> None:
    honouring.promote(honouring.ready())
    version = honouring.register()
    if state == "unknown":
        # a version that came into the registry by another way
        name = honouring.folder / "built" / "run-2"
        version = honouring.registry.register(RunRecord(MODEL, "by-hand", {}, {}, {}, {}), name, None, "mallory")
    elif state != "unjudged":
        honouring.judge(version, passed=state != "failed")
    if state == "rejected":
        honouring.approve(version)
        honouring.reject(version, "joe")
    honouring.registry.set_alias(MODEL, "champion", version.number)
    done = tick(honouring.desk, {})
    assert champions(honouring) == ("1", "1")
    assert any("not honoured" in part.what for part in done.parts)
    assert [move.version for move in honouring.ledger.moves] == ["1"]


def test_an_alias_from_before_headgate_is_left_alone(supply: Supply) -> None:
    supply.register()
    supply.registry.set_alias(MODEL, "champion", "1")
    (left,) = tick(supply.desk, {}).parts
    assert "leave alias champion on 1" in left.what
    assert champions(supply) == ("1", None)
    assert kinds(supply) == []


def test_the_challenger_is_what_passed_and_waits(supply: Supply) -> None:
    supply.promote(supply.ready())
    waiting = supply.register()
    tick(supply.desk, {})
    assert supply.registry.alias(MODEL, "challenger") is None
    supply.judge(waiting)
    tick(supply.desk, {})
    assert supply.registry.alias(MODEL, "challenger") == "2"
    # a hand on it is put back; a rejection or a promotion ends it
    supply.registry.set_alias(MODEL, "challenger", "1")
    tick(supply.desk, {})
    assert supply.registry.alias(MODEL, "challenger") == "2"
    supply.approve(waiting)
    supply.promote(waiting)
    tick(supply.desk, {})
    assert supply.registry.alias(MODEL, "challenger") is None
    assert tick(supply.desk, {}).parts == ()


def test_without_the_registry_a_tick_says_so_and_goes_on(supply: Supply) -> None:
    version = supply.ready()
    supply.registry.reachable = False
    with pytest.raises(Unavailable):  # its bundle was never here
        supply.promote(version)
    ran: list[str] = []

    def chore() -> list[str]:
        ran.append("webhooks")
        return ["3 delivered"]

    done = tick(supply.desk, {"webhooks": chore})
    assert done.trouble == ("not looked at: the registry does not answer",)
    assert (ran, done.parts[-1].what) == (["webhooks"], "webhooks: 3 delivered")


def test_a_chore_that_fails_stops_no_other(supply: Supply) -> None:
    def fails() -> list[str]:
        raise Unavailable("the receiver is down")

    done = tick(supply.desk, {"webhooks": fails, "reports": lambda: ["1 stored"]})
    assert done.trouble == ("webhooks: the receiver is down",)
    assert done.parts[-1].what == "reports: 1 stored"


def test_a_dry_run_changes_nothing(supply: Supply) -> None:
    supply.promote(supply.ready())
    supply.registry.set_alias(MODEL, "champion", None)
    before = tuple(supply.store.read())
    done = tick(supply.desk, {"webhooks": lambda: ["never"]}, dry_run=True)
    assert tuple(supply.store.read()) == before
    assert supply.registry.alias(MODEL, "champion") is None
    assert done.parts[-1].what == "webhooks: would run"
