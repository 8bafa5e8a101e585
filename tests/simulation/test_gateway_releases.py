"""Releases of the very same version through the real gateway: each ends as champion, or unsure; none is called harm.

A gateway process answers over HTTP and copies to shadows; the controller judges what the gateway wrote down, with
nothing scripted. Several models are released at once.
"""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path
from threading import Event, Thread
from typing import Any

from tests.simulation.figures import SCALE, Figures

from headgate.gate.verdict import Judged, Verdict
from headgate.journal.event import NewEvent
from headgate.loop.releases import Controller
from headgate.release import casting, progress, release_steps, steps
from headgate.release.casting import Voice
from headgate.release.forecast import Traffic
from headgate.release.ledger import stream_of
from headgate.release.move import State
from headgate.release.needs import enough
from headgate.release.readiness import Rules
from headgate.release.standing import Standing
from headgate.release.steps import Desk
from headgate.testing import load
from headgate.testing.registry import MemoryRegistry
from headgate.testing.running import POLICY
from headgate.testing.serving import sum_bundle
from headgate.wiring import Project

RUNS = SCALE  # one in `make test`, twenty in `make simulate`
AT_ONCE = 4
RATE = 400.0  # requests a second, of all models together
WARM = 15.0 if SCALE > 1 else 6.0  # seconds of traffic before a release: they say what is usual
CLIENTS = 8  # of each model
LONGEST = 400.0  # seconds of a release
SAID = """\
    serving: { final_after: 4s, queue_ms: 2000, shadow: { patience: 4s } }
    release:
      shadow: { duration: 5s, requests: 500, patience: 2m }
      rungs: [{ share: 0.5, hold: 5s, patience: 3m }]
      watch: 15s
      renew: 10s
      on_unsure: roll_back
"""


@dataclass
class Ended:
    """How a release ended, and the seconds that it took."""

    at: Standing
    seconds: float
    requests: int

    @property
    def harmed(self) -> bool:
        """Whether it was taken back for harm."""
        return ": harm: " in self.at.why


class Place:
    """A project of many models, each with a version that serves and the same one to be released; and its gateway."""

    def __init__(self, folder: Path, models: Sequence[str]) -> None:
        folder.mkdir()
        head, body = POLICY.split("  simple:\n")
        policy = head + "".join(f"  {name}:\n{body}{SAID}" for name in models)
        (folder / "headgate.yaml").write_text(policy)
        self.folder, self.project = folder, Project.open(folder)
        registry = MemoryRegistry(folder / "no-registry")
        registry.reachable = False  # nothing of a release needs it
        project = self.project
        self.desk = Desk(project.journal(), registry, project.clock, project.policy, project.bundles())
        self.leader = Controller(self.desk, project.leases(), project.judge(), f"test/{os.getpid()}")
        self.asked = dict.fromkeys(models, 0)
        self.failed: Counter[int] = Counter()
        for name in models:
            for version in ("1", "2"):
                self.register(name, version)
            steps.promote(self.desk, name, "1", "person:grace", "the first")

    def register(self, model: str, number: str) -> None:
        made = self.folder / f"{model}-{number}"
        digest = sum_bundle(made, model, 1.0, width=None)
        place = self.desk.bundles / digest.removeprefix("sha256:")
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():  # both versions are one bundle
            made.rename(place)
        voice = Voice("grace", "the numbers hold", None)
        if number == "1":
            casting.sign_off(self.desk.store, self.desk.clock, self.desk.policy, model, "approve", voice)
        who = {"author": "person:ada", "requester": "person:ada", "trained_until": None, "source": "train"}
        self.record(model, "version.registered", {"version": number, "run": number, "digest": digest, **who})
        scorecard = Rules.of(self.desk.policy, model).scorecard
        line = Judged("rmse at most 1", passed=True, why="0.5", measured={})
        champion = None if number == "1" else "1"
        said = Verdict(model, number, digest, scorecard, champion, (line,), {})
        self.record(model, "verdict.given", said.to_json())
        casting.vote(self.desk.store, self.desk.clock, self.desk.policy, model, number, "approve", voice)

    def record(self, model: str, kind: str, body: Any) -> None:
        sequence = max((event.sequence for event in self.desk.store.read(stream_of(model))), default=0)
        self.desk.store.append(stream_of(model), sequence, [NewEvent(kind, "person:ada", "because", body)])

    @contextmanager
    def serving(self) -> Iterator[None]:
        command = [sys.executable, "-m", "headgate.cli.main", "serve", "-C", str(self.folder)]
        with (self.folder / "serve.log").open("w") as log:
            more = ["--port", "0", "--admin-port", "0", "--compact-every", "none"]
            gateway = subprocess.Popen([*command, *more], stdout=subprocess.PIPE, stderr=log, text=True)
        assert gateway.stdout is not None
        try:
            found = [re.search(r"http://127\.0\.0\.1:(\d+)/v2", gateway.stdout.readline()) for _ in range(2)]
            self.port = next(int(one[1]) for one in found if one)
            self.wait_ready(gateway)
            yield
        finally:
            gateway.send_signal(signal.SIGTERM)
            code = gateway.wait(60)
            gateway.stdout.close()
        assert code == 0

    def wait_ready(self, gateway: "subprocess.Popen[str]") -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and gateway.poll() is None:
            with suppress(OSError, HTTPException), closing(HTTPConnection("127.0.0.1", self.port, timeout=5)) as asked:
                asked.request("GET", "/v2/health/ready")
                if asked.getresponse().status == HTTPStatus.OK:
                    return
            Event().wait(0.1)
        raise AssertionError((self.folder / "serve.log").read_text())

    @contextmanager
    def asking(self, models: Sequence[str]) -> Iterator[None]:
        """Ask each model at its rate from many units for as long as the block runs."""
        end, broken = Event(), list[BaseException]()

        def work() -> None:
            try:
                asyncio.run(self._ask(models, RATE / len(models), end))
            except Exception as error:  # noqa: BLE001 - said where the thread is joined
                broken.append(error)

        thread = Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            end.set()
            thread.join()
        assert not broken, broken

    async def _ask(self, models: Sequence[str], rate: float, end: Event) -> None:
        began = time.monotonic()
        await asyncio.gather(*(self._client(one, at, rate, began, end) for one in models for at in range(CLIENTS)))

    async def _client(self, model: str, at: int, rate: float, began: float, end: Event) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        for number in count(at, CLIENTS):
            if end.is_set():
                break
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            body = b'{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[%d]}]}' % (number % 100)
            writer.write(load.request(f"/v2/models/{model}/infer", body, headgate_unit=f"u{number}"))
            status, _, _ = await load.read(reader)
            self.asked[model] += 1
            if status != HTTPStatus.OK:
                self.failed[status] += 1
        writer.close()

    def release(self, models: Sequence[str]) -> list[Ended]:
        """Release version 2 of each; return how that ended."""
        traffic = Traffic(RATE / len(models), 0.0)
        for model in models:
            release_steps.start(self.desk, model, {"challenger": "2"}, traffic, enough, "person:ada", "the same again")
        began, ended = time.monotonic(), dict[str, Ended]()
        while len(ended) < len(models) and time.monotonic() < began + LONGEST:
            for part in self.leader.run_pass():
                assert not part.trouble, part
            for model in models:
                at = self.standing(model)
                if at.state.ended and model not in ended:
                    ended[model] = Ended(at, time.monotonic() - began, self.asked[model])
            Event().wait(1)
        assert len(ended) == len(models), [self.standing(model) for model in models]
        return list(ended.values())

    def standing(self, model: str) -> Standing:
        (at,) = progress.releases_of(model, self.desk.store.read(stream_of(model))).all
        return at


def test_the_same_version_becomes_champion_or_is_unsure_and_never_harm(tmp_path: Path, figures: Figures) -> None:
    models = [f"m{number}" for number in range(RUNS)]
    place, found = Place(tmp_path / "project", models), list[Ended]()
    with place.serving():
        for start in range(0, RUNS, AT_ONCE):
            some = models[start : start + AT_ONCE]
            with place.asking(some):
                Event().wait(WARM)
                found += place.release(some)
    for one in found:
        figures.row(
            model=one.at.model, end=str(one.at.state), why=one.at.why, seconds=one.seconds, requests=one.requests
        )  # fmt: skip
    champions = sum(one.at.state is State.FINISHED for one in found)
    figures.row(
        releases=len(found),
        champion=champions,
        harm=sum(one.harmed for one in found),
        failed=sum(place.failed.values()),
    )
    assert not place.failed
    assert [one.at.why for one in found if one.harmed] == []
    assert all(one.at.state is State.FINISHED or "unsure" in one.at.why for one in found)
