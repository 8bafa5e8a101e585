"""A worker's shadows follow the table: started, kept, ended; quarantine stays as long as the route names the digest."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from headgate.base.errors import BadInput
from headgate.gateway.follow import follow
from headgate.gateway.metrics import catalogue as of
from headgate.gateway.metrics.meter import Meter
from headgate.gateway.record import Tap
from headgate.gateway.shadow.feed import Feed
from headgate.gateway.shadow.life import Life
from headgate.gateway.shadow.messages import run
from headgate.gateway.shadow.shadows import Kept, Kit, Shadows
from headgate.gateway.table import Entry, Shaded, Table
from headgate.gateway.version import Loaded
from headgate.journal.ports import Document
from headgate.predictions.row import Answered, Layout, Source
from headgate.registry.bundle import Manifest
from headgate.registry.field import Field
from headgate.registry.signature import Signature
from headgate.routing.route import Arm, Route, Shadow

X, Y = Field("x", "float32"), Field("y", "float32")


class Log:
    def add(self, batch: Answered) -> None:
        """Nothing is looked at here."""


class Process:
    """What keeps a process that is not there."""

    def __init__(self, shaded: Shaded, feed: Feed) -> None:
        self.shaded, self.feed, self.life = shaded, feed, Life()
        self.closed = False
        self.sent: list[bytes] = []
        feed.open(self.sent.append)

    def look(self) -> None:
        """See nothing."""

    async def close(self) -> None:
        self.closed = True


class Stage:
    def __init__(self) -> None:
        self.kept: list[Process] = []
        self.ended: list[Kept] = []
        self.later: list[Callable[[], None]] = []
        self.meter = Meter(0.0)

        def keep(_model: str, shaded: Shaded, feed: Feed) -> Kept:
            self.kept.append(Process(shaded, feed))
            return self.kept[-1]

        def later(_seconds: float, call: Callable[[], None]) -> None:
            self.later.append(call)

        kit = Kit(Tap(Log()), self.meter, keep, self.ended.append, lambda: 1.0, lambda: 1, later, np.zeros)
        self.shadows = Shadows(kit)

    def follow(self, *shadows: Shaded) -> None:
        self.shadows.swap(Table({"m": Entry("m", 1, None, None, shadows=shadows)}))

    def answer(self, *names: str, count: int = 2) -> None:
        fields = tuple(Field(name, "float32") for name in names)
        column = np.zeros(count, np.float32)
        source = Source(Layout("m", fields, ()), "1", "champion")
        ids = [b"%d" % at for at in range(count)]
        copies = self.shadows.of("m")
        if copies.wanted:
            answered = Answered(source, ids, None, 0, None, dict.fromkeys(names, column), None, 200, 1)
            copies.take(answered, 0.5)

    def settle(self) -> None:
        waiting, self.later = self.later, []
        for call in waiting:
            call()


def shaded(version: str, fraction: float = 1.0, *fields: Field) -> Shaded:
    signature = Signature(fields or (X,), (X,), (Field("p", "float32"),))
    manifest = Manifest("m", "regression", "onnx", "", signature, (), 1, {})
    return Shaded(Shadow(f"shadow-{version}", version, f"sha256:{version}", fraction, "b"), Path("b"), manifest)


def test_a_model_without_shadows_wants_no_copies() -> None:
    stage = Stage()
    stage.follow()
    assert not stage.shadows.of("m").wanted
    stage.follow(shaded("2", 0.0))
    assert not stage.shadows.of("m").wanted
    assert stage.kept == []


def test_answers_of_several_ticks_are_handed_on_together_a_moment_later() -> None:
    stage = Stage()
    stage.follow(shaded("2"), shaded("3"))
    stage.answer("x", "y")
    stage.answer("x", "y")
    assert [len(process.sent) for process in stage.kept] == [0, 0]
    assert len(stage.later) == 1
    stage.settle()
    for process in stage.kept:
        assert sum(len(flight.whole.ids) for flight in process.feed.flights) == 4
        assert list(run(process.sent[0]).columns) == ["x"]
    stage.answer("x")
    assert len(stage.later) == 1


def test_a_shadow_that_stays_keeps_its_process_whatever_its_fraction() -> None:
    stage = Stage()
    stage.follow(shaded("2", 0.5), shaded("3"))
    stage.follow(shaded("2", 1.0))
    assert [process.shaded.shadow.version for process in stage.kept] == ["2", "3"]
    assert stage.ended == [stage.kept[1]]
    stage.follow(replace(shaded("2"), shadow=replace(shaded("2").shadow, digest="sha256:other")))
    assert stage.ended == [stage.kept[1], stage.kept[0]]
    assert len(stage.kept) == 3
    stage.shadows.swap(Table())
    assert stage.ended[-1] is stage.kept[2]
    assert not stage.shadows.of("m").wanted


def test_quarantine_holds_until_the_route_drops_the_shadow() -> None:
    stage = Stage()
    stage.follow(shaded("2"))
    process = stage.kept[0]
    process.life.ended("crashed")
    assert stage.shadows.notes() == {
        "shadow shadow-2 of m (version 2)": "its process had to be started again; it crashed"
    }
    process.life.ended("did not answer within 2 s")
    stage.shadows.look()
    assert not stage.shadows.of("m").wanted
    (note,) = stage.shadows.notes().values()
    assert note == "quarantined, it ended its process 2 times; the last time it did not answer within 2 s"
    assert stage.shadows.levels()[of.SHADOW_QUARANTINED.name] == 1
    stage.follow(shaded("2", 0.25))
    assert not stage.shadows.of("m").wanted
    stage.follow()
    stage.follow(shaded("2"))
    assert stage.shadows.of("m").wanted
    assert stage.shadows.notes() == {}


def test_what_happened_beside_other_workers_counts_and_is_told_to_a_shadow_that_comes_later() -> None:
    stage = Stage()
    stage.follow(shaded("2"))
    stage.kept[0].life.ended("crashed")
    assert stage.shadows.kills() == {"m shadow-2 2 sha256:2": 1}
    stage.shadows.learn({"m shadow-2 2 sha256:2": 1, "m shadow-3 3 sha256:3": 2})
    stage.shadows.look()
    assert not stage.shadows.of("m").wanted
    (note,) = stage.shadows.notes().values()
    assert note == ("quarantined, it ended its process 2 times (1 beside other workers); the last time it crashed")
    stage.shadows.learn({})
    assert stage.kept[0].life.quarantined
    stage.shadows.learn({"m shadow-3 3 sha256:3": 2})
    stage.follow(shaded("2"), shaded("3"))
    assert stage.kept[1].life.note == "quarantined, it ended its process 2 times (2 beside other workers)"
    assert not stage.shadows.of("m").wanted


def test_requests_that_lack_an_input_of_the_shadow_are_counted_and_named() -> None:
    stage = Stage()
    stage.follow(shaded("2", 1.0, X, Y))
    stage.answer("x", count=3)
    stage.answer("x", "y", count=2)
    stage.settle()
    assert stage.meter.counts[of.SHADOW_DROPPED.name] == 3
    assert sum(len(flight.whole.ids) for flight in stage.kept[0].feed.flights) == 2
    assert "requests to version 1 have no such input as its y" in stage.shadows.notes().values()


def test_the_end_of_the_worker_ends_every_process() -> None:
    stage = Stage()
    stage.follow(shaded("2"), shaded("3"))
    asyncio.run(stage.shadows.close())
    assert all(process.closed for process in stage.kept)
    assert not stage.shadows.of("m").wanted


def test_a_shadow_whose_bundle_is_not_there_is_refused_and_everything_else_serves() -> None:
    def open_version(_model: str, arm: Arm) -> Loaded:
        return Loaded(arm.version, arm.digest, Stub(), lambda: None)  # type: ignore[arg-type]

    def shade(_model: str, shadow: Shadow) -> Shaded:
        if shadow.version == "3":
            raise BadInput("there is no folder")
        return shaded(shadow.version)

    arm = Arm("champion", "1", "sha256:1", 1.0, "b")
    route = Route("m", 1, (arm,), (shaded("2").shadow, shaded("3").shadow))
    document = Document("route", "m", 1, route.to_json())
    entry = follow(document, None, open_version, shade)
    assert [one.shadow.version for one in entry.shadows] == ["2"]
    assert entry.why == "version 3 (shadow-3, a shadow) is refused: there is no folder"
    assert entry.serving is not None
    without = follow(document, None, open_version)
    assert without.shadows == ()


class Stub:
    """A predictor that is never asked."""

    manifest = shaded("1").manifest
    apart = False
