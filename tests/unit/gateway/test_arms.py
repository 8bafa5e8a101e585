"""Requests meet the arms of a route: by version, unit, column or draw; leases, fuses, limits and deadlines hold."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import ceil
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest

from headgate.base.errors import Tampered
from headgate.features.predictor import Predictor
from headgate.gateway.application import Application
from headgate.gateway.follower import Follower
from headgate.gateway.guard.bucket import Rate
from headgate.gateway.guard.guard import Guard
from headgate.gateway.guard.keys import Key, KeyTable, fingerprint, spell
from headgate.gateway.guard.pace import FIRST_ROOM
from headgate.gateway.http.exchange import Exchange
from headgate.gateway.http.head import Head
from headgate.gateway.limits import Limits
from headgate.gateway.metrics.meter import Meter
from headgate.gateway.refusal import Refusal
from headgate.gateway.turn import Done, Pulse
from headgate.gateway.version import Loaded
from headgate.journal.ports import Document
from headgate.policy.model import LimitPolicy, ServingPolicy
from headgate.predictions.rollup import BUCKETS, bucket_of
from headgate.registry.bundle import Manifest
from headgate.registry.field import Field
from headgate.registry.signature import Columns, Signature
from headgate.routing.route import Arm, Route

START = datetime(2024, 3, 1, tzinfo=UTC)
INPUTS = (Field("x", "float64"), Field("user", "string", missing=True))
OUTPUTS = (Field("prediction", "float32"),)
INFER = "/v2/models/m/infer"


class Model:
    """Answers x plus its version; may be told to break."""

    def __init__(self, version: str) -> None:
        self.version, self.broken, self.rows = float(version), False, 0

    def run(self, features: Columns) -> dict[str, npt.NDArray[Any]]:
        if self.broken:
            raise ZeroDivisionError
        self.rows += len(features["x"])
        return {"prediction": (features["x"] + self.version).astype(np.float32)}

    def close(self) -> None:
        """Do nothing."""


class Endless:
    """Tokens that count what is taken, and give as many as the burst."""

    def __init__(self) -> None:
        self.left: dict[bytes, float] = {}

    def take(self, name: bytes, rate: Rate, wanted: float) -> tuple[float, float]:
        have = self.left.setdefault(name, rate.burst)
        got = float(int(min(have, max(1.0, wanted))))
        self.left[name] = have - got
        return got, 0.0 if got else 5.0


class World:
    """An application with the routes that a test gives it, on clocks that the test moves."""

    def __init__(self, *, runtime: str = "onnx", **policy: Any) -> None:
        self.seconds = 0.0
        self.set_back = 0.0
        self.models: dict[str, Model] = {}
        self.soon: list[Any] = []
        self.aside: list[tuple[Any, Done]] = []
        self.runtime = runtime
        self.revision = 0
        self.torn: set[str] = set()
        serving = ServingPolicy(**policy)
        pulse = Pulse(self.soon.append, lambda work, done: self.aside.append((work, done)), 1000)
        self.guard = Guard(self.now, Endless(), {"m": serving})
        self.meter = Meter(0.0)
        self.app = Application(
            Limits(),
            pulse,
            self.milliseconds,
            lambda count: bytes(range(count)),
            guard=self.guard,
            seconds=lambda: self.seconds,
            meter=self.meter,
        )
        self.documents: list[Document] = []
        self.follower = Follower(lambda: self.documents, self.open, self.app.swap)

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds - self.set_back)

    def milliseconds(self) -> int:
        return int(self.now().timestamp() * 1000)

    def open(self, model: str, arm: Arm) -> Loaded:
        if arm.version in self.torn:
            raise Tampered("it is torn", where=arm.bundle)
        made = self.models[arm.version] = Model(arm.version)
        inputs = INPUTS if arm.version != "9" else INPUTS[::-1]
        signature = Signature(inputs, inputs, OUTPUTS)
        manifest = Manifest(model, "regression", self.runtime, "", signature, (), 1, {})  # type: ignore[arg-type]
        return Loaded(arm.version, arm.digest, Predictor(manifest, made), lambda: None)

    def route(self, share: float, version: str = "2", **more: Any) -> Route:
        self.revision += 1
        arms = [Arm("champion", "1", "sha256:1", 1 - share, "b/1")]
        if version:
            arms.append(Arm("challenger", version, f"sha256:{version}", share, f"b/{version}"))
        wanted = Route("m", self.revision, tuple(arms), salt="m/2/1", **more)
        self.documents = [Document("route", "m", self.revision, wanted.to_json())]
        self.follower.look(again=False)
        return wanted

    def send(self, x: float = 0.5, user: str | None = None, path: str = INFER, rows: int = 1, **headers: str) -> Any:
        named = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
        inputs = [
            {"name": "x", "shape": [rows], "datatype": "FP64", "data": [x] * rows},
            {"name": "user", "shape": [rows], "datatype": "BYTES", "data": [user] * rows},
        ]
        wire = SimpleNamespace(
            waiting=[], direct=False, flowing=True, answers=[], door=SimpleNamespace(refused=Counter())
        )
        handle = self.app.resolve("POST", path, named)
        head = Head("POST", path, named, recent=True, keep_alive=True, length=0, handle=handle)
        exchange = Exchange(cast("Any", wire), head)
        wire.waiting.append(exchange)
        wire.write_answers = lambda: wire.answers.extend(one.answer for one in wire.waiting)
        try:
            handle(exchange, json.dumps({"inputs": inputs}).encode())
        except Refusal as refusal:
            exchange.refuse(refusal)
        return wire

    def tick(self) -> None:
        soon, self.soon[:] = list(self.soon), []
        for call in soon:
            call()

    def land(self) -> None:
        aside, self.aside[:] = list(self.aside), []
        for work, done in aside:
            done(work())

    def ask(self, **more: Any) -> str:
        """Return the version that answered, or the refusal's code; the answer is checked against its version."""
        wire = self.send(**more)
        self.tick()
        return read(wire)


def read(wire: Any) -> str:
    (answer,) = wire.answers
    top, _, content = answer.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in top.decode().split("\r\n")[1:])
    body = json.loads(content)
    if "code" in body:
        return str(body["code"])
    version: str = headers["headgate-version"]
    assert headers["headgate-arm"] == ("champion" if version == "1" else "challenger")
    assert body["model_version"] == version
    assert body["outputs"][0]["data"][0] == 0.5 + float(version)
    return version


def test_without_a_unit_the_arms_are_drawn_by_their_shares() -> None:
    world = World()
    world.route(0.25)
    found = Counter(world.ask() for _ in range(2000))
    assert abs(found["2"] - 500) < 5 * (2000 * 0.25 * 0.75) ** 0.5


def test_a_unit_stays_where_it_is_while_the_share_rises() -> None:
    world = World()
    units = [f"user-{number}" for number in range(200)]
    before: set[str] = set()
    for share in (0.05, 0.3, 0.3, 0.8, 1.0):
        world.route(share)
        now = {unit for unit in units if world.ask(headgate_unit=unit) == "2"}
        assert before <= now
        before = now
    assert before == set(units)


@pytest.mark.parametrize("version", ["2", "9"])  # 9 wants its inputs in another order
def test_a_column_may_name_the_unit_and_a_header_of_the_same_text_means_the_same(version: str) -> None:
    world = World(unit="user")
    world.route(0.4, version)
    for number in range(100):
        unit = f"user-{number}"
        asked = {world.ask(user=unit), world.ask(user=unit, rows=3), world.ask(headgate_unit=unit)}
        assert asked in ({"1"}, {version})
    assert {world.ask() for _ in range(100)} == {"1", version}  # no unit: drawn


def test_the_rollups_put_a_unit_of_the_column_into_the_bucket_of_its_text_as_a_header_does() -> None:
    world = World(unit="user")
    world.route(0.0, "")
    names = [f"user-{number}" for number in range(40)]
    for name in names:
        world.send(user=name)
        world.send(user="somebody else", headgate_unit=name)
        world.send(user=name, rows=2)
    world.tick()
    (arm,) = world.meter.take(0.0, dict).arms
    wanted = Counter(bucket_of(name.encode()) for name in names)
    assert [sum(column) for column in zip(*(second.units for second in arm.seconds), strict=True)] == [
        3 * wanted[bucket] for bucket in range(BUCKETS)
    ]


def test_a_version_that_is_named_answers_whatever_its_share_and_one_that_is_not_served_is_refused() -> None:
    world = World()
    world.route(0.0)
    assert {world.ask() for _ in range(20)} == {"1"}
    assert world.ask(path="/v2/models/m/versions/2/infer") == "2"
    assert world.ask(path="/v2/models/m/versions/7/infer") == "unknown_version"


def test_a_share_that_nobody_renews_for_an_hour_goes_back_to_the_champion() -> None:
    world = World()
    wanted = world.route(0.5, renewed_until=START + timedelta(seconds=60))
    assert {world.ask() for _ in range(50)} == {"1", "2"}
    found = Counter[str]()
    for world.seconds in range(0, 3600, 10):
        world.app.look()  # nothing is read any more: database and controller are dead
        after = {world.ask(headgate_unit=f"u{number}") for number in range(20)}
        found[",".join(sorted(after))] += 1
        assert world.seconds < 60 or after == {"1"}
    assert found == {"1,2": 6, "1": 354}
    assert world.app.shares("m")[1]["why"] == "the lease of its share was not renewed"
    world.route(0.5, renewed_until=START + timedelta(seconds=9999))
    assert {world.ask() for _ in range(50)} == {"1", "2"}
    assert len(world.models) == 2, f"nothing was loaded again for {wanted}"


def test_a_clock_that_is_set_back_lengthens_no_lease() -> None:
    world = World()
    world.route(0.5, renewed_until=START + timedelta(seconds=60))
    world.seconds = 30
    world.app.look()
    assert {world.ask(headgate_unit=f"u{number}") for number in range(20)} == {"1", "2"}
    world.seconds, world.set_back = 61, 3600.0
    world.app.look()
    assert {world.ask(headgate_unit=f"u{number}") for number in range(20)} == {"1"}
    world.route(0.5, renewed_until=START + timedelta(seconds=60 - 3600 + 61))
    assert {world.ask(headgate_unit=f"u{number}") for number in range(20)} == {"1", "2"}, "a lease that was renewed"


def test_with_database_and_controller_dead_for_an_hour_the_worker_answers_on_and_the_champion_has_everything() -> None:
    world = World()
    arms = (Arm("champion", "1", "sha256:1", 0.5, "b/1"), Arm("challenger", "2", "sha256:2", 0.5, "b/2"))
    route = Route("m", 1, arms, salt="m/2/1", renewed_until=START + timedelta(seconds=60))
    alive = True

    def documents() -> list[Document]:
        if not alive:
            raise ConnectionError("the database is gone")
        return [Document("route", "m", route.revision, route.to_json())]

    follower = Follower(documents, world.open, world.app.swap)
    for world.seconds in range(30):
        follower.look(again=False)
    assert {world.ask() for _ in range(50)} == {"1", "2"}
    alive = False
    for world.seconds in range(30, 3630, 10):
        follower.look(again=world.seconds % 50 == 0)
        world.app.look()
        units = {world.ask(headgate_unit=f"u{number}") for number in range(20)}
        assert units == ({"1", "2"} if world.seconds < 60 else {"1"})
    assert world.app.table.away == "cannot be read: ConnectionError"
    assert world.app.table.ready
    assert len(world.models) == 2, "nothing was loaded again"
    alive, route = True, replace(route, revision=2, renewed_until=START + timedelta(seconds=9999))
    follower.look(again=False)
    assert {world.ask() for _ in range(50)} == {"1", "2"}
    assert not world.app.table.away


def test_a_challenger_that_fails_is_taken_out_and_tried_again_and_the_champion_is_not() -> None:
    world = World(fuse_failures=3, fuse_pause=timedelta(seconds=30))
    world.route(1.0)
    world.models["2"].broken = True
    assert [world.ask() for _ in range(5)] == ["model_failed"] * 3 + ["1", "1"]
    assert world.app.shares("m")[1]["why"] == "taken out: it fails: ZeroDivisionError"
    world.seconds = 31
    world.app.look()
    assert [world.ask() for _ in range(2)] == ["model_failed", "1"]
    world.models["2"].broken = False
    world.seconds = 31 + 61
    world.app.look()
    assert [world.ask() for _ in range(4)] == ["2"] * 4
    assert "why" not in world.app.shares("m")[1]
    world.route(0.0)
    world.models["1"].broken = True
    assert [world.ask() for _ in range(5)] == ["model_failed"] * 5


def test_a_challenger_that_does_not_load_leaves_its_share_with_the_champion() -> None:
    world = World()
    world.torn.add("2")
    world.route(0.5)
    assert {world.ask() for _ in range(20)} == {"1"}
    assert "version 2 (challenger) is refused: it is torn" in world.app.table.entries["m"].why


def test_a_limit_refuses_with_429_and_a_key_is_asked_for_once_the_table_says_so() -> None:
    world = World(limit=LimitPolicy(per_second=10, burst=3))
    world.route(0.0, "")
    assert [world.ask() for _ in range(5)] == ["1"] * 3 + ["rate_limited"] * 2
    world = World()
    world.route(0.5)
    identity, shown = spell(b"\1" * 6, b"\2" * 32)
    key = Key(
        identity, "checkout", "00", fingerprint("00", shown), ("predict:m",), START, START + timedelta(seconds=60)
    )
    handle = {"headgate_key": shown}
    world.app.swap_keys(KeyTable.of([key], needed=True))
    assert world.ask() == "key_missing"
    assert world.ask(**handle) in "12"
    world.app.swap_keys(KeyTable.of([replace(key, scopes=("predict:other",))], needed=True))
    assert world.ask(**handle) == "key_scope"
    world.app.swap_keys(KeyTable.of([key], needed=True))
    world.seconds = 60
    world.app.look()
    assert world.ask(**handle) == "key_expired"


def test_what_was_looked_up_for_a_head_does_not_outlive_a_revoked_key() -> None:
    world = World()
    world.route(0.0, "")
    identity, shown = spell(b"\1" * 6, b"\2" * 32)
    key = Key(identity, "checkout", "00", fingerprint("00", shown), ("admin",), START)
    world.app.swap_keys(KeyTable.of([key], needed=True))
    handle = world.app.resolve("POST", INFER, {b"headgate-key": shown.encode()})
    answers: list[str] = []
    for keys in ([key], [key], []):
        world.app.swap_keys(KeyTable.of(keys, needed=True))
        wire = SimpleNamespace(waiting=[], direct=False, flowing=True)
        head = Head(
            "POST", INFER, {b"headgate-key": shown.encode()}, recent=True, keep_alive=True, length=0, handle=handle
        )
        exchange = Exchange(cast("Any", wire), head)
        wire.write_answers = lambda: None
        try:
            handle(exchange, b"{}")
        except Refusal as refusal:
            answers.append(refusal.code)
    assert answers == ["bad_body", "bad_body", "key_unknown"]


def test_when_too_many_wait_a_request_is_refused_at_once_and_the_room_is_there_again_after() -> None:
    world = World(runtime="pyfunc", queue_ms=101)
    world.route(0.0, "")
    for call in range(36):  # a row costs 5 ms: ten may wait once calls take longer than half the budget
        for _ in range(8 + call % 9):
            world.send()
        world.tick()
        world.seconds += 0.005 * (8 + call % 9)
        world.land()
        world.tick()
    first = world.send()
    world.tick()
    waits = [world.send() for _ in range(30)]
    refused = [wire for wire in waits if wire.answers]
    assert 18 <= len(refused) <= 21
    assert {read(wire) for wire in refused} == {"overloaded"}
    assert b"retry-after: 1" in refused[0].answers[0]
    world.seconds += 0.005
    for _ in range(2):
        world.land()
        world.tick()
    assert {read(wire) for wire in (first, *waits) if wire not in refused} == {"1"}
    assert not world.send().answers


@pytest.mark.parametrize(("version", "rows"), [("2", 1), ("2", 3), ("9", 1)])  # 9 reads a row anew
def test_no_more_wait_for_the_arm_of_a_column_than_may_however_idle_the_champion_is(version: str, rows: int) -> None:
    world = World(runtime="pyfunc", unit="user")
    world.route(1.0, version)
    world.send(user="somebody")
    world.tick()  # the challenger is busy
    waits = [world.send(user="somebody", rows=rows) for _ in range(ceil(FIRST_ROOM / rows) + 10)]
    refused = [wire for wire in waits if wire.answers]
    assert len(refused) == 10
    assert {read(wire) for wire in refused} == {"overloaded"}


def test_work_past_its_deadline_or_whose_client_left_is_not_run() -> None:
    world = World(runtime="pyfunc")
    world.route(0.0, "")
    world.send()
    world.tick()
    late, soon, gone = world.send(headgate_timeout_ms="10"), world.send(headgate_timeout_ms="1000"), world.send()
    gone.flowing = False
    world.seconds += 0.5
    for _ in range(2):
        world.land()
        world.tick()
    world.land()
    assert (read(late), read(soon), gone.answers) == ("deadline_exceeded", "1", [])
    assert world.models["1"].rows == 2
    for text in ("x", "-1", "1.5", "99999999999"):
        assert world.ask(headgate_timeout_ms=text) == "bad_header"
    assert world.ask(headgate_unit="") == "bad_header"
    assert world.ask(headgate_unit="u" * 257) == "bad_header"


def test_answers_name_the_release_that_set_the_shares() -> None:
    world = World()
    world.route(1.0, release="release-7")
    wire = world.send()
    world.tick()
    assert b"headgate-release: release-7\r\n" in wire.answers[0]
