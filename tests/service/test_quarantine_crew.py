"""What a shadow does to its process counts over all workers of a machine, also when one of them is started again."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from headgate.base.clock import SystemClock
from headgate.journal.event import NewEvent
from headgate.journal.ports import Document
from headgate.routing.route import COLLECTION, Arm, Route, Shadow
from headgate.testing.running import POLICY
from headgate.testing.serving import sum_bundle
from headgate.wiring import Project

LONGEST = 60.0


class Crew:
    """`headgate serve --workers 2` on a project whose route names a shadow."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "headgate.yaml").write_text(POLICY)
        champion, shadow = folder / "bundles" / "1", folder / "bundles" / "2"
        self._champion = Arm("champion", "1", sum_bundle(champion, "simple", 1.0), 1.0, str(champion))
        self._shadow = Shadow("copy", "2", sum_bundle(shadow, "simple", 2.0), 1.0, str(shadow))
        self._journal = Project.open(folder, SystemClock()).journal()
        self._revision = 0
        self.route(shadow=True)
        self.log = folder / "serve.log"
        command = [sys.executable, "-m", "headgate.cli.main", "serve", "-C", str(folder), "--port", "0"]
        with self.log.open("w") as log:
            self.process = subprocess.Popen([*command, "--workers", "2"], stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        said = [self.process.stdout.readline() for _ in range(2)]
        found = re.search(r"(http://127\.0\.0\.1:\d+)/metrics", said[1])
        assert found, self.log.read_text()
        self._admin = found[1]

    def route(self, *, shadow: bool) -> None:
        self._revision += 1
        shadows = (self._shadow,) if shadow else ()
        route = Route("simple", self._revision, (self._champion,), shadows)
        event = NewEvent("pointer.moved", "person:ada", "a test", {"to": "1", "revision": self._revision})
        document = Document(COLLECTION, "simple", self._revision, route.to_json())
        self._journal.append("model/simple", self._revision - 1, [event], [document])

    def show(self, path: str) -> str:
        with urllib.request.urlopen(self._admin + path, timeout=LONGEST) as answer:  # noqa: S310 - our own address
            return str(answer.read().decode())

    def workers(self) -> list[int]:
        return [one["pid"] for one in json.loads(self.show("/health"))["workers"]]

    def notes(self) -> list[str]:
        return list(json.loads(self.show("/health"))["notes"])

    def quarantined(self) -> float:
        found = re.search(r"^headgate_shadow_quarantined ([\d.]+)$", self.show("/metrics"), re.MULTILINE)
        return float(found[1]) if found else -1.0

    def said(self, words: str) -> int:
        return self.log.read_text().count(words)


def shadows_of(worker: int) -> list[int]:
    """Return the processes of a worker's shadows."""
    children: list[str] = []
    for task in Path(f"/proc/{worker}/task").iterdir():
        children += (task / "children").read_text().split()
    return [int(pid) for pid in children if b"shadow.host" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def wait_for(true: Callable[[], object], what: str) -> None:
    end = time.monotonic() + LONGEST
    while not true():
        assert time.monotonic() < end, f"waited in vain until {what}"
        threading.Event().wait(0.05)


@pytest.fixture(scope="module")
def crew(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    one = Crew(tmp_path_factory.mktemp("quarantine") / "project")
    try:
        wait_for(lambda: one.said("version 2, is ready after") == 2, "the shadow is ready beside both workers")
        yield one
    finally:
        one.process.send_signal(signal.SIGTERM)
        one.process.wait(LONGEST)
        if one.process.stdout:
            one.process.stdout.close()


def test_one_end_beside_each_of_two_workers_is_two(crew: Crew) -> None:
    first, second = crew.workers()
    (its,) = shadows_of(first)
    os.kill(its, signal.SIGKILL)
    wait_for(lambda: crew.said("version 2, is ready after") == 3, "it is started once more")
    assert crew.quarantined() == 0
    (its,) = shadows_of(second)
    os.kill(its, signal.SIGKILL)
    wait_for(lambda: crew.quarantined() == 2, "it is in quarantine beside both")
    wait_for(lambda: shadows_of(first) == shadows_of(second) == [], "neither has its process")
    (note,) = crew.notes()
    assert note == (
        "shadow copy of simple (version 2): quarantined, it ended its process 2 times (1 beside other workers); "
        "the last time it was ended by SIGKILL"
    )
    assert crew.said("is quarantined: it ended its process 2 times (1 beside other workers)") == 2


def test_a_worker_that_is_started_again_is_told(crew: Crew) -> None:
    first, second = crew.workers()
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: crew.workers()[0] not in (None, first), "another worker stands in its place")
    wait_for(lambda: crew.quarantined() == 2, "it is in quarantine there, too")
    wait_for(lambda: shadows_of(crew.workers()[0]) == shadows_of(second) == [], "neither has its process")


def test_a_route_that_drops_it_gives_it_another_try(crew: Crew) -> None:
    ready = crew.said("version 2, is ready after")
    crew.route(shadow=False)
    wait_for(lambda: crew.quarantined() == 0, "no worker has it")
    crew.route(shadow=True)
    wait_for(lambda: crew.said("version 2, is ready after") == ready + 2, "both have started it again")
    assert crew.quarantined() == 0
