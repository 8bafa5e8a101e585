"""A real gateway with two arms: one that fails every tenth request is harm by its errors, the same version is not."""

import asyncio
import json
import threading
import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from tests.service.test_serve_shadows import Place

from headgate.journal.event import NewEvent
from headgate.journal.ports import Document
from headgate.predictions.outcome import Outcome, micros
from headgate.release.evidence import Evidence, Verdict
from headgate.release.judging.steps import BEHIND
from headgate.release.move import State
from headgate.release.plan import Side
from headgate.release.standing import Standing
from headgate.routing.route import COLLECTION, Arm, Route
from headgate.testing.load import closed, request
from headgate.testing.releases import plan_of
from headgate.testing.serving import sum_bundle
from headgate.testing.waiting import LONGEST, wait_for

INFER = "/v2/models/simple/infer"
CLIENTS, SECONDS = 8, 3.0
PAIRS, AT_ONCE = 160, 40  # more copies would find no room
FAILING = """\
import numpy as np
def features(columns):
    if (columns["x"] % 10 == 7).any():
        raise ValueError("sevens are beyond this version")
    return {"x": columns["x"]}
"""
SHARE = 0.5


@dataclass
class Judged:
    """What was said of each version."""

    same: Evidence
    failing: Evidence
    shadow: Evidence


class Arms(Place):
    """A gateway whose route has two arms.

    Attributes:
        digests: Of the challengers' bundles, by version.
    """

    digests: dict[str, str]

    def split(self, version: str) -> datetime:
        """Give a version its share; return when every request knows it."""
        self.revision += 1
        arms = [Arm("champion", "1", self.digest, 1 - SHARE, str(self.folder / "bundles" / "1"))]
        arms.append(Arm("challenger", version, self.digests[version], SHARE, str(self.folder / "bundles" / version)))
        wanted = Route("simple", self.revision, tuple(arms), salt="simple/1")
        event = NewEvent("route.set", "person:ada", "a test", wanted.to_json())
        document = Document(COLLECTION, "simple", self.revision, wanted.to_json())
        self.project.journal().append("model/simple", self.revision - 1, [event], [document])
        wait_for(lambda: f"version {version} " in self.log.read_text(), f"version {version} answers")
        return self.project.clock.now()

    def load(self) -> None:
        """Ask from several clients for a while."""
        end = time.monotonic() + SECONDS
        port = int(self.url.rsplit(":", 1)[1])
        asked = [request(INFER, body(float(number))) for number in range(CLIENTS)]
        asyncio.run(closed(port, asked, lambda: time.monotonic() < end))

    def paired(self, since: datetime) -> int:
        return int(self.project.pairs("simple", since=since).num_rows)

    def copied(self) -> tuple[datetime, datetime]:
        """Copy requests to a shadow that answers ten more, and say that the live answers came true; return when."""
        self.route("good")
        wait_for(lambda: "is ready after" in self.log.read_text(), "the shadow is ready")
        since = self.project.clock.now()
        began = ceil(since.timestamp())  # a rung is judged by the seconds that lie wholly in it
        wait_for(lambda: self.project.clock.now().timestamp() >= began, "a whole second begins")
        said: list[tuple[str, float]] = []
        while len(said) < PAIRS:
            said += [self.ask(float(1000 + len(said) + number)) for number in range(AT_ONCE)]
            wait_for(lambda: self.paired(since) == len(said), "pairs are in the log")  # noqa: B023 - called at once
        received = micros(self.project.clock.now())
        found = [Outcome(name, 0, "", "", None, repr(x), x, None, received, "test") for name, x in said]
        sink, kept = self.project.outcome_sink(), threading.Event()
        sink.record(found, lambda error: kept.set() if error is None else None)
        assert kept.wait(LONGEST)
        sink.close()
        return since, self.project.clock.now()

    def judged_shadow(self, since: datetime, until: datetime) -> Evidence:
        """Return what is said of the shadow, an hour later."""
        guards = {"quality": {"metric": "mae", "margin": 1, "maturity": "1s"}}
        plan = replace(plan_of(guards=guards), model="simple", challengers={"good": Side("of-good", "sha256:0")})
        at = Standing("simple-good", plan, State.RUNNING, "1", since, since, since, 0)
        return self.project.judge().evidence(at, until + timedelta(hours=1))

    def load_until(self, version: str, started: datetime, verdict: Verdict) -> None:
        """Ask on until that much was seen of a canary that began then."""

        def seen() -> bool:
            self.load()
            return self.judged(version, started, self.project.clock.now()).verdict is verdict

        wait_for(seen, f"version {version} is {verdict}")

    def judged(self, version: str, started: datetime, until: datetime) -> Evidence:
        """Return what is said of a canary that began then, of all that was final at a time.

        How long answers take is this machine's affair, and decides nothing here.
        """
        guards = {"predictions": None, "latency": {"role": "advisory"}}
        said: Any = {"rungs": [{"share": SHARE}], "guards": guards, "shadow": None}
        plan = replace(plan_of(**said), model="simple", challengers={"challenger": Side(version, "sha256:0")})
        at = Standing(f"simple-{version}", plan, State.RUNNING, "1", started, started, started, 0)
        return self.project.judge().evidence(at, until)


def body(first: float) -> bytes:
    return json.dumps({"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [first]}]}).encode()


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    place = Arms(tmp_path_factory.mktemp("judged") / "project")
    bundles: Path = place.folder / "bundles"
    place.digests = {
        "2": sum_bundle(bundles / "2", "simple", 0.0, FAILING, None),
        "3": sum_bundle(bundles / "3", "simple", 0.0, width=None),
    }
    place.route()
    place.start()
    try:
        place.load()
        same = place.split("3")
        place.load_until("3", same, Verdict.SOUND)
        failing = place.split("2")
        place.load_until("2", failing, Verdict.HARM)
        end = place.project.clock.now() + timedelta(seconds=10)  # the log is read in whole windows
        copied = place.copied()
    finally:
        if place.process.poll() is None:
            place.end()  # whatever it counted is in the rollups then
    final = timedelta(seconds=BEHIND)
    arms = (place.judged("3", same, failing + final), place.judged("2", failing, end + final))
    return Judged(*arms, place.judged_shadow(*copied))


def test_a_version_that_fails_is_harm_by_its_errors(judged: Judged) -> None:
    found = judged.failing
    assert found.verdict is Verdict.HARM, found.why
    errors = next(one for one in found.readings if one.guard == "errors")
    assert errors.verdict is Verdict.HARM
    assert errors.challenger is not None
    assert 0 < errors.challenger < 1
    assert errors.champion == 0
    assert found.requests > 0


def test_the_same_version_is_no_harm(judged: Judged) -> None:
    found = judged.same
    assert found.verdict is Verdict.SOUND, found.why
    errors = next(one for one in found.readings if one.guard == "errors")
    assert errors.verdict is Verdict.SOUND, errors.why
    assert errors.units > 0


def test_a_shadow_is_judged_by_its_pairs_and_the_rows_that_differ_are_shown(judged: Judged) -> None:
    found = judged.shadow
    quality = next(one for one in found.readings if one.guard == "quality")
    assert quality.verdict is Verdict.HARM, quality.why
    assert quality.requests == PAIRS
    assert quality.estimate is not None
    assert quality.estimate > 0
    assert len(found.differing) == 10
    assert found.differing[0].difference == pytest.approx(10)
    assert found.differing[0].live.startswith("prediction ")
    assert found.differing[0].unit.startswith("u1")
