"""Whoever serves compacts the prediction log in a process of its own; a chore that fails or is held up ends nothing."""

import asyncio
import json
import logging
import os
import re
import signal
import subprocess
import sys
import urllib.request
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from headgate.adapters.parquet.compact import alone
from headgate.base.clock import SystemClock
from headgate.gateway.supervise.chore import Chore, do, keep_doing
from headgate.journal.event import NewEvent
from headgate.journal.ports import Document
from headgate.predictions.query import Wanted
from headgate.routing.route import COLLECTION
from headgate.testing.running import POLICY
from headgate.testing.serving import route, sum_bundle
from headgate.testing.waiting import LONGEST, wait_for
from headgate.wiring import Project

ASKED = 40
BODY = json.dumps({"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}]}).encode()


def make_project(folder: Path) -> Project:
    (folder / "headgate.yaml").write_text(POLICY)
    bundle = folder / "bundles" / "1"
    wanted = route("simple", 1, "1", sum_bundle(bundle, "simple", 1.0), bundle)
    event = NewEvent("pointer.moved", "person:ada", "a test", {"to": "1", "revision": 1})
    project = Project.open(folder, SystemClock())
    project.journal().append("model/simple", 0, [event], [Document(COLLECTION, "simple", 1, wanted.to_json())])
    return project


def ask(port: int) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=LONGEST)
    try:
        connection.request("POST", "/v2/models/simple/infer", BODY)
        return connection.getresponse().status
    finally:
        connection.close()


def workers(admin: int) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/health", timeout=LONGEST) as health:
        return list(json.loads(health.read())["workers"])


def logged(project: Project) -> int:
    return int(project.predictions("simple").table(Wanted(None, limit=10_000)).num_rows)


def compacted(folder: Path, admin: int) -> bool:
    """Say whether a Parquet file is there; the metrics are shown meanwhile."""
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/metrics", timeout=LONGEST) as page:
        assert page.status == 200
    return bool(list((folder / ".headgate" / "predictions").rglob("*.parquet")))


def test_a_killed_workers_predictions_become_parquet_while_the_others_serve_and_the_end_is_clean(
    tmp_path: Path,
) -> None:
    project = make_project(tmp_path)
    words = ["serve", "-C", str(tmp_path), "--port", "0", "--workers", "2", "--admin-port", "0"]
    with (tmp_path / "serve.log").open("w") as log:
        command = [sys.executable, "-m", "headgate.cli.main", *words, "--compact-every", "1s"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    try:
        found = [re.search(r"http://127\.0\.0\.1:(\d+)", process.stdout.readline()) for _ in range(2)]
        port, admin = (int(one[1]) for one in found if one)
        said = (tmp_path / "serve.log").read_text
        wait_for(lambda: all(worker["ready"] for worker in workers(admin)), "both are ready", said)
        assert {ask(port) for _ in range(ASKED)} == {200}
        wait_for(lambda: logged(project) == ASKED, "the log is on the disk", said)
        for worker in workers(admin):
            os.kill(worker["pid"], signal.SIGKILL)
        wait_for(lambda: compacted(tmp_path, admin), "the log is compacted", said)
        assert logged(project) == ASKED
        wait_for(lambda: all(worker["ready"] for worker in workers(admin)), "both are back", said)
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(LONGEST)
        process.stdout.close()
    assert code == 0
    assert "compaction of the log" not in (tmp_path / "serve.log").read_text()


def test_one_that_finds_another_at_work_leaves_it_and_says_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    project = make_project(tmp_path)
    command = [sys.executable, "-m", "headgate.cli.compactor", str(tmp_path)]
    with caplog.at_level(logging.WARNING), alone(project.spool()):
        assert asyncio.run(do(Chore("compaction", command, lambda: True, 1))) == 6
    assert caplog.text == ""
    assert asyncio.run(do(Chore("compaction", command, lambda: True, 1))) == 0


def keep_doing_until_said_twice(chore: Chore, words: str, caplog: pytest.LogCaptureFixture) -> None:
    async def some() -> None:
        task = asyncio.create_task(keep_doing(chore))
        async with asyncio.timeout(LONGEST):
            while caplog.text.count(words) < 2:  # noqa: ASYNC110 - the log has no event
                await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with caplog.at_level(logging.WARNING):
        asyncio.run(some())


def test_a_chore_that_fails_is_said_and_tried_again_and_one_that_is_not_due_is_not_started(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = tmp_path / "made"
    script = "import sys; open(sys.argv[1], 'a').write('x'); sys.exit('no room left')"
    due = iter([False, True, False, True])
    chore = Chore("sweeping", [sys.executable, "-c", script, str(made)], lambda: next(due, False), 0.01)
    keep_doing_until_said_twice(chore, "sweeping: ended", caplog)
    assert made.read_text() == "xx"
    assert "sweeping: ended with 1: no room left" in caplog.text


def test_a_chore_that_finds_no_processor_is_ended_and_the_next_one_takes_its_share(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = tmp_path / "made"
    script = (
        "import sys, time; open(sys.argv[1], 'a').write(' '.join(sys.argv[2:]) + '.')\n"
        "if not sys.argv[2:]: time.sleep(3600)"
    )
    chore = Chore("sweeping", [sys.executable, "-c", script, str(made)], lambda: True, 0.01, patience=0.05)
    keep_doing_until_said_twice(chore, "sweeping: not done in 0.05 s", caplog)
    assert "--share." in made.read_text()  # between the two
    assert "sweeping: ended" not in caplog.text
