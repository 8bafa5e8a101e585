"""What serves is brought back: a bundle that is gone or tampered with, a lost route, a registry that counts anew."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headgate.base.errors import BadInput, Tampered, Unavailable
from headgate.journal.ports import Document
from headgate.loop.inspect import bundle_flaws, inspect
from headgate.loop.state import fold
from headgate.loop.status import overview
from headgate.loop.steps import tick
from headgate.registry.bundle import open_bundle
from headgate.registry.steps import place_of
from headgate.registry.version import RunRecord, Version
from headgate.testing.registry import MemoryRegistry
from headgate.testing.supply import MODEL, Supply
from headgate.training.ports import Bench
from headgate.training.registration import register_bundle


@pytest.fixture
def supply(tmp_path: Path) -> Supply:
    return Supply(tmp_path)


def tamper(place: Path) -> None:
    (place / "model.onnx").write_text("something else")


DAMAGE: dict[str, Callable[[Path], None]] = {"gone": shutil.rmtree, "tampered": tamper}


def champion(supply: Supply) -> tuple[Version, Path]:
    """Return the promoted version and its local copy."""
    version = supply.ready()
    supply.promote(version)
    return version, place_of(supply.desk.bundles, version.digest)


def counting_anew(supply: Supply) -> Version:
    """Put an empty registry in place of the one that was, and register another artefact there."""
    supply.registry = MemoryRegistry(supply.folder / "new-registry")
    another = Supply(supply.folder / "another")
    another.register()
    another.register()
    bundle = supply.folder / "another" / "built" / "run-2"
    return supply.registry.register(RunRecord(MODEL, "elsewhere", {}, {}, {}, {}), bundle, None, "person:eve")


@pytest.mark.parametrize("damage", DAMAGE)
def test_promoting_the_champion_again_brings_its_bundle_back(supply: Supply, damage: str) -> None:
    # Given a champion whose local copy is gone, or is something else
    version, place = champion(supply)
    DAMAGE[damage](place)
    # When it is promoted again
    outcome = supply.promote(version)
    # Then nothing was moved, the copy is whole, and it is said what was done
    assert outcome.move is None
    assert open_bundle(place, version.digest).digest == version.digest
    assert "it was fetched from the registry again" in outcome.warnings[0]
    assert str(place) in outcome.warnings[0]
    aside = list(place.parent.glob(".*.tampered.*"))
    assert [(one / "model.onnx").read_text() for one in aside] == ["something else"] * (damage == "tampered")


def test_without_the_registry_a_damaged_copy_stays_where_it_is(supply: Supply) -> None:
    version, place = champion(supply)
    tamper(place)
    supply.registry.reachable = False
    with pytest.raises(Tampered, match=r"tampered with.*cannot bring it again") as caught:
        supply.promote(version)
    assert "start the tracking server" in caught.value.way_out
    assert (place / "model.onnx").read_text() == "something else"
    shutil.rmtree(place)
    with pytest.raises(Unavailable, match="is gone from"):
        supply.promote(version)


def test_the_alias_is_never_set_on_another_artefact_of_the_same_number(supply: Supply) -> None:
    # Given a champion 1, and a registry in whose count 1 is something nobody judged
    version, _ = champion(supply)
    counting_anew(supply)
    # When the champion is promoted again
    outcome = supply.promote(version)
    # Then the alias is left alone, and why and the way out are said
    assert supply.registry.alias(MODEL, "champion") is None
    assert "the registry was replaced and counts anew" in outcome.warnings[0]
    assert "mlflow.db" in outcome.warnings[0]


def bench_of(supply: Supply) -> Bench:
    def refuse(*_: object) -> None:
        raise BadInput("nothing is opened here")

    policy = supply.policy.models[MODEL]
    desk, state = supply.desk, supply.folder
    content = type("Nothing", (), {})()
    return Bench(state, state, MODEL, policy, content, desk.store, desk.registry, desk.clock, refuse, refuse)  # type: ignore[arg-type]


def package(supply: Supply, name: str) -> Path:
    """Return a package whose bundle is one that nobody registered yet."""
    other = Supply(supply.folder / name)
    for _ in range(3):
        other.register()
    folder = supply.folder / name / "package"
    shutil.copytree(supply.folder / name / "built" / "run-3", folder / "bundle")
    (folder / "record").mkdir()
    return folder


def register(supply: Supply, name: str) -> Version:
    about = RunRecord(MODEL, name, {}, {}, {"headgate.trained_until": ""}, {})
    return register_bundle(bench_of(supply), about, package(supply, name), "person:ada", name)


def test_an_empty_registry_beside_a_journal_of_versions_is_told_nothing(supply: Supply) -> None:
    # Given a journal with a champion, and the registry's database gone
    champion(supply)
    supply.registry = MemoryRegistry(supply.folder / "new-registry")
    before = supply.ledger.sequence
    # Then nothing is registered, and the way out is named
    with pytest.raises(Tampered, match=r"version 1 of delay is not there.*counts anew") as caught:
        register(supply, "fresh")
    assert "settings.tracking" in caught.value.way_out
    assert supply.registry.versions(MODEL) == ()
    assert supply.ledger.sequence == before


def test_a_number_that_is_another_artefacts_already_is_refused(supply: Supply) -> None:
    champion(supply)
    counting_anew(supply)
    with pytest.raises(Tampered, match="version 1 of delay is sha256:"):
        register(supply, "fresh")
    assert len(supply.registry.versions(MODEL)) == 1
    assert tuple(supply.ledger.versions) == ("1",)


def test_a_number_given_twice_by_the_registry_is_refused(supply: Supply) -> None:
    # Given a registry that lost its newest version, and counts from there
    supply.register()
    kept = MemoryRegistry(supply.folder / "new-registry")
    kept.register(RunRecord(MODEL, "run-1", {}, {}, {}, {}), supply.folder / "built" / "run-1", None, "person:ada")
    supply.register()
    supply.registry = kept
    with pytest.raises(Tampered, match="version 2 of delay"):
        register(supply, "fresh")
    assert tuple(supply.ledger.versions) == ("1", "2")


def test_registering_on_the_registry_of_the_journal_goes_on(supply: Supply) -> None:
    champion(supply)
    version = register(supply, "fresh")
    assert (version.number, supply.ledger.versions["2"].digest) == ("2", version.digest)
    assert open_bundle(place_of(supply.desk.bundles, version.digest)).model == MODEL


def findings(supply: Supply) -> dict[str, str]:
    """Return what an audit finds, by place."""
    report = inspect(supply.store, supply.registry, (MODEL,), supply.desk.bundles)
    return {finding.where: finding.what for finding in report.findings}


@pytest.mark.parametrize("damage", DAMAGE)
def test_audit_and_status_name_a_damaged_bundle_and_tick_brings_it_back(supply: Supply, damage: str) -> None:
    version, place = champion(supply)
    assert findings(supply) == {}
    DAMAGE[damage](place)
    # Then both say where it is and what settles it
    what = findings(supply)[f"bundle {MODEL}"]
    assert str(place) in what
    assert "`headgate tick`" in what
    events = tuple(supply.store.read())
    state, routes = fold(events), supply.store.documents("route")
    flaws = bundle_flaws(state, supply.desk.bundles)
    (one,) = overview(state, events, routes, supply.policy, supply.clock.now(), bundles=flaws)
    assert str(place) in one.wrong[0]
    # And a dry run says what it would do, a pass does it, and a second one has nothing to do
    assert "fetch the bundle of version 1 again" in tick(supply.desk, {}, dry_run=True).parts[0].what
    assert findings(supply)
    assert tick(supply.desk, {}).code == 0
    assert findings(supply) == {}
    assert open_bundle(place, version.digest)
    assert tick(supply.desk, {}).parts == ()


def test_tick_says_that_it_cannot_bring_a_bundle_back(supply: Supply) -> None:
    _, place = champion(supply)
    tamper(place)
    supply.registry.reachable = False
    done = tick(supply.desk, {})
    assert "not done" in done.trouble[0]
    assert done.code == Tampered.exit_code


LOST: dict[str, Callable[[dict[Any, Document]], object]] = {
    "deleted": lambda kept: kept.clear(),
    "unreadable": lambda kept: kept.update({("route", MODEL): Document("route", MODEL, 1, {})}),
    "of another version": lambda kept: kept.update(
        {
            ("route", MODEL): Document(
                "route",
                MODEL,
                7,
                {
                    "model": MODEL,
                    "revision": 7,
                    "arms": [{"name": "champion", "version": "9", "digest": "x", "weight": 1.0, "bundle": ""}],
                },
            )
        }
    ),
}


@pytest.mark.parametrize("loss", LOST)
def test_tick_writes_a_lost_route_again(supply: Supply, loss: str) -> None:
    # Given a champion whose route document was deleted or changed by hand
    version, _ = champion(supply)
    store: Any = supply.store
    before = supply.route
    LOST[loss](store._documents)
    assert "`headgate tick` settles it" in findings(supply)[f"route {MODEL}"]
    # When a tick runs, the journal's route is there again as a new revision, and that is recorded
    done = tick(supply.desk, {})
    assert done.code == 0
    assert "write the journal's route again" in done.parts[0].what
    assert supply.route.arms == before.arms
    assert supply.route.revision > before.revision
    last = [event for event in supply.store.read() if event.kind == "route.restored"]
    assert [event.body["revision"] for event in last] == [supply.route.revision]
    # And all holds, a promotion goes on from there, and so does a rollback
    assert findings(supply) == {}
    assert tick(supply.desk, {}).parts == ()
    supply.promote(supply.ready())
    assert supply.roll_back().version == version.number
    tick(supply.desk, {})
    assert findings(supply) == {}


def test_a_route_that_is_lost_twice_comes_back_with_a_higher_revision(supply: Supply) -> None:
    champion(supply)
    store: Any = supply.store
    seen = [supply.route.revision]
    for _ in range(3):
        store._documents.clear()
        tick(supply.desk, {})
        seen.append(supply.route.revision)
    assert seen == sorted(set(seen))
    assert findings(supply) == {}


def test_a_route_that_nobody_decided_is_no_ticks_to_restore(supply: Supply) -> None:
    supply.register()
    store: Any = supply.store
    LOST["of another version"](store._documents)
    done = tick(supply.desk, {})
    assert "the journal knows of no promotion" in done.trouble[0]
    assert done.code == Tampered.exit_code


def test_tick_and_audit_leave_the_aliases_of_a_registry_that_counts_anew(supply: Supply) -> None:
    champion(supply)
    other = counting_anew(supply)
    done = tick(supply.desk, {})
    assert "aliases are left" in done.trouble[0]
    assert done.code == Tampered.exit_code
    assert supply.registry.alias(MODEL, "champion") is None
    # Even when the alias names the same number already
    supply.registry.set_alias(MODEL, "champion", other.number)
    assert "counts anew" in findings(supply)[f"alias champion of {MODEL}"]
