"""A release over HTTP: a real gateway, a real journal, controllers that are processes, killed and stopped.

What is measured is scripted; that the registry does not answer is part of it.
"""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import pytest

from headgate.gate.verdict import Judged
from headgate.gate.verdict import Verdict as Passed
from headgate.journal.event import NewEvent
from headgate.release import casting, release_steps, steps
from headgate.release.casting import Voice
from headgate.release.ledger import stream_of
from headgate.release.readiness import Rules
from headgate.release.route_steps import read_route
from headgate.release.standing import Standing
from headgate.release.steps import Desk
from headgate.testing.controlling import EVIDENCE
from headgate.testing.registry import MemoryRegistry
from headgate.testing.release_supply import BUSY, plenty
from headgate.testing.running import POLICY
from headgate.testing.serving import sum_bundle
from headgate.testing.waiting import LONGEST, wait_for
from headgate.wiring import Project

MODEL = "simple"
RELEASE = """\
    release:
      shadow: { duration: 1s, requests: 1 }
      rungs: [{ share: 0.05, hold: 1s }]
      watch: 1s
"""
RUNGS = ("shadow", "5 %", "full")
GOOD = dict.fromkeys(RUNGS, "sound")


class Place:
    """A project whose version n answers the row's number plus 100 n, its gateway, and its controllers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "headgate.yaml").write_text(POLICY + RELEASE)
        self.project = Project.open(folder)
        registry = MemoryRegistry(folder / "no-registry")
        registry.reachable = False
        project = self.project
        self.desk = Desk(project.journal(), registry, project.clock, project.policy, project.bundles())
        self.voice = Voice("grace", "the numbers hold", None)
        casting.sign_off(self.desk.store, self.desk.clock, self.desk.policy, MODEL, "approve", self.voice)
        self.controllers: list[subprocess.Popen[str]] = []

    def register(self, number: str) -> None:
        made = self.folder / f"built-{number}"
        digest = sum_bundle(made, MODEL, 100.0 * int(number), width=None)
        place = self.desk.bundles / digest.removeprefix("sha256:")
        place.parent.mkdir(parents=True, exist_ok=True)
        made.rename(place)
        who = {"author": "person:ada", "requester": "person:ada", "trained_until": None, "source": "train"}
        self.record("version.registered", {"version": number, "run": f"run-{number}", "digest": digest, **who})
        champion = steps.read_ledger(self.desk.store, MODEL)[0].champion
        scorecard = Rules.of(self.desk.policy, MODEL).scorecard
        line = Judged("rmse at most 1", passed=True, why="0.5", measured={})
        before = champion.version if champion else None
        self.record("verdict.given", Passed(MODEL, number, digest, scorecard, before, (line,), {}).to_json())
        casting.vote(self.desk.store, self.desk.clock, self.desk.policy, MODEL, number, "approve", self.voice)

    def record(self, kind: str, body: Any) -> None:
        sequence = max((event.sequence for event in self.desk.store.read(stream_of(MODEL))), default=0)
        self.desk.store.append(stream_of(MODEL), sequence, [NewEvent(kind, "person:ada", "because", body)])

    def begin(self, number: str, **seen: str) -> str:
        self.see(**seen)
        self.register(number)
        arms = {"challenger": number}
        return release_steps.start(self.desk, MODEL, arms, BUSY, plenty, "person:ada", "better").release

    def see(self, **seen: str) -> None:
        """Say what is seen: `shadow`, `five` (for 5 %), `full`."""
        named = {"5 %" if rung == "five" else rung: verdict for rung, verdict in seen.items()}
        draft = self.folder / "evidence.draft"
        draft.write_text(json.dumps(named))
        draft.replace(self.folder / EVIDENCE)

    def control(self, name: str, *options: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "headgate.testing.controlling", str(self.folder), name, *options]
        with (self.folder / f"{name}.out").open("w") as out:
            process = subprocess.Popen(command, stdout=out, text=True)
        self.controllers.append(process)
        return process

    def told(self, name: str) -> str:
        return (self.folder / f"{name}.out").read_text()

    def standing(self, release: str) -> Standing:
        return release_steps.find_release(self.desk.store, {MODEL: None}, release)[1]

    def weights(self) -> dict[str, float]:
        route = read_route(self.desk.store, MODEL)
        return {arm.version: round(arm.weight, 9) for arm in route.arms} if route else {}

    def events(self, release: str) -> list[Any]:
        return [one for one in self.desk.store.read(stream_of(MODEL)) if one.body.get("release") == release]

    def routes_after(self, position: int) -> list[dict[str, float]]:
        """Return the shares by version of every route that was set since."""
        found: list[Any] = [one.body for one in self.desk.store.read(after=position, kinds=["route.set"])]
        return [{arm["version"]: round(arm["weight"], 9) for arm in body["arms"]} for body in found]

    def moves(self, release: str) -> list[tuple[str, str]]:
        done = {"release.moved", "release.finished", "release.rolled_back"}
        return [(one.body["key"], one.body["act"]) for one in self.events(release) if one.kind in done]

    def holder(self) -> str:
        term = self.project.leases().read("controller")
        return term.holder if term else ""

    def serve(self) -> None:
        command = [sys.executable, "-m", "headgate.cli.main", "serve", "-C", str(self.folder), "--workers", "2"]
        self.log = self.folder / "serve.log"
        more = ["--port", "0", "--admin-port", "0"]
        with self.log.open("w") as log:
            self.gateway = subprocess.Popen([*command, *more], stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.gateway.stdout is not None
        found = [re.search(r"(http://127\.0\.0\.1:\d+)/(\w+)", self.gateway.stdout.readline()) for _ in range(2)]
        urls = {one[2]: one[1] for one in found if one}
        self.url, self.admin = urls["v2"], urls["metrics"]
        wait_for(lambda: self.ask(1), "the gateway answers")

    def ask(self, units: int) -> Counter[str]:
        """Return how many of so many callers each version answered; a caller without an answer is not counted."""
        counts: Counter[str] = Counter()
        for start in range(0, units, 40):  # each connection may meet another worker
            with suppress(OSError, HTTPException):
                counts += self._ask(range(start, min(start + 40, units)))
        return counts

    def _ask(self, units: range) -> Counter[str]:
        counts: Counter[str] = Counter()
        with closing(HTTPConnection(self.url.removeprefix("http://"), timeout=LONGEST)) as connection:
            for unit in units:
                body = {"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [1.0]}]}
                where = f"/v2/models/{MODEL}/infer"
                connection.request("POST", where, json.dumps(body), {"headgate-unit": f"unit-{unit}"})
                answer = connection.getresponse()
                said = json.loads(answer.read())
                if answer.status == HTTPStatus.OK:
                    counts[str(int(said["outputs"][0]["data"][0] - 1) // 100)] += 1
        return counts

    def workers(self) -> set[int]:
        with urllib.request.urlopen(f"{self.admin}/health", timeout=LONGEST) as answer:  # noqa: S310 - our own address
            return {int(one["pid"]) for one in json.loads(answer.read())["workers"] if one["pid"]}

    def end(self) -> None:
        for process in self.controllers:
            end(process)
        self.gateway.send_signal(signal.SIGTERM)
        self.gateway.wait(LONGEST)
        assert self.gateway.stdout is not None
        self.gateway.stdout.close()
        self.project.journal().close()  # type: ignore[attr-defined]


def end(process: "subprocess.Popen[str]") -> int:
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)
        process.terminate()
    return process.wait(LONGEST)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    one = Place(tmp_path_factory.mktemp("release") / "project")
    one.register("1")
    steps.promote(one.desk, MODEL, "1", "person:grace", "first")
    one.serve()
    try:
        yield one
    finally:
        one.end()


def is_share(counts: Counter[str], version: str) -> bool:
    return 0.02 < counts[version] / max(counts.total(), 1) < 0.09


def test_from_shadow_over_five_percent_to_everybody_as_callers_see_it(place: Place) -> None:
    # Given a controller, and a version that is sound in shadow
    controller = place.control("first")
    release = place.begin("2", shadow="sound")
    # When it has its share
    wait_for(lambda: place.weights() == {"1": 0.95, "2": 0.05}, "the share is set")
    wait_for(lambda: is_share(place.ask(600), "2"), "both workers follow, and one caller in twenty meets it")
    # Then a worker that is killed comes back with the same share
    before = place.workers()
    killed = min(before)
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: killed not in place.workers() and len(place.workers()) == len(before), "another worker is there")
    wait_for(lambda: is_share(place.ask(600), "2"), "it serves the same share")
    # And once it is sound there it serves everybody, and the release ends
    place.see(shadow="sound", five="sound")
    wait_for(lambda: place.standing(release).state.ended, "the release ends")
    wait_for(lambda: place.ask(400) == {"2": 400}, "it serves everybody")
    acts = [act for _, act in place.moves(release)]
    assert acts == ["advance", "advance", "promote", "finish"]
    assert end(controller) == 0


def test_harm_takes_the_share_back_in_one_revision(place: Place) -> None:
    # Given a release whose challenger has its share
    controller = place.control("second")
    release = place.begin("3", shadow="sound")
    champion = next(iter(place.weights()))
    wait_for(lambda: place.weights() == {champion: 0.95, "3": 0.05}, "the share is set")
    wait_for(lambda: place.ask(40)["3"], "callers meet it")
    # When harm is seen
    place.see(shadow="sound", five="harm")
    wait_for(lambda: place.standing(release).state.ended, "it is rolled back")
    # Then the route changed once after the evidence, and nobody meets the challenger any more
    harm = [one for one in place.events(release) if one.kind == "release.evidence"][-1]
    assert harm.body["evidence"]["verdict"] == "harm"
    assert place.routes_after(harm.position) == [{champion: 1.0}]
    wait_for(lambda: place.ask(600) == {champion: 600}, "both workers follow, and the champion answers everybody")
    assert end(controller) == 0


def test_controllers_that_are_killed_one_after_the_other_still_finish_it(place: Place) -> None:
    # Given a good challenger
    champion = next(iter(place.weights()))
    release = place.begin("4", shadow="sound", five="sound", full="sound")
    # When each controller is killed at one of its first appends, before or after the commit
    for number in range(40):
        when = ("before:2", "after:1", "after:2", "before:3", "after:3")[number % 5]
        process = place.control(f"killed-{number}", "--kill", when)
        wait_for(lambda: process.poll() is not None or place.standing(release).state.ended, "it ends")  # noqa: B023
        if place.standing(release).state.ended:
            end(process)
            break
        assert process.returncode == -signal.SIGKILL
    # Then it ended as it would have, and each move was made once
    assert place.standing(release).state.value == "finished"
    assert place.moves(release) == [
        (f"{release}/{step}", act) for step, act in enumerate(["advance", "advance", "promote", "finish"], start=1)
    ]
    allowed = [{champion: 1.0}, {champion: 0.95, "4": 0.05}, {"4": 1.0}]
    shares = place.routes_after(place.events(release)[0].position)
    assert shares[:2] == allowed[:2]
    assert all(one in allowed for one in shares)
    wait_for(lambda: place.ask(40) == {"4": 40}, "it serves everybody")


def test_a_controller_that_was_stopped_beyond_its_lease_is_refused_when_it_goes_on(place: Place) -> None:
    # Given a leader that is stopped between reading and writing, about to raise the share
    champion = next(iter(place.weights()))
    release = place.begin("5", shadow="unsure")
    stopped = place.control("stopped", "--stop", "shadow")
    wait_for(lambda: state_of(stopped) == "T", "it is stopped")
    # When its lease is over, another one leads, which sees nothing that would let it write
    other = place.control("other")
    wait_for(lambda: place.holder() == "other", "another one leads")
    sequence = len(place.events(release))
    # Then what it writes when it goes on is refused, whatever it believes
    stopped.send_signal(signal.SIGCONT)
    wait_for(lambda: "may record nothing: other leads since" in place.told("stopped"), "it is refused")
    assert len(place.events(release)) == sequence
    assert place.weights() == {champion: 1.0}
    # And the one that leads carries on
    place.see(shadow="sound", five="sound", full="sound")
    wait_for(lambda: place.standing(release).state.ended, "the release ends")
    assert place.weights() == {"5": 1.0}
    assert [end(stopped), end(other)] == [0, 0]


def state_of(process: "subprocess.Popen[str]") -> str:
    return Path(f"/proc/{process.pid}/stat").read_text().rsplit(") ", 1)[1][0]
