"""Processes in the background: the lowest class or a share, dead with who started them, stopped by no terminal."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from headgate.adapters.pyfunc.frames import Message
from headgate.adapters.pyfunc.runtime import Host, Patience, PyfuncRuntime
from headgate.cli import compactor
from headgate.registry.bundle import open_bundle
from headgate.testing.serving import pyfunc_bundle

SAYS = """
import json, os
from headgate.base.background import give_way, gives_way
give_way(share={share})
print(json.dumps([os.nice(0), os.sched_getscheduler(0) == os.SCHED_IDLE, gives_way()]))
"""
MODEL = """
class Model:
    def predict(self, frame):
        return list(frame["x"])
def _load_pyfunc(path):
    return Model()
"""


@pytest.mark.parametrize(("share", "said"), [("False", [19, True, True]), ("True", [19, False, False])])
def test_it_takes_only_what_is_left_or_a_share(share: str, said: list[object]) -> None:
    code = SAYS.format(share=share)
    assert json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout) == said


def test_the_compaction_gives_way_before_it_does_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[bool] = []
    monkeypatch.setattr(compactor, "give_way", lambda *, share: given.append(share))
    assert compactor.main(str(tmp_path)) != 0  # there is no project
    assert compactor.main(str(tmp_path), "--share") != 0
    assert given == [False, True]


def test_what_starts_after_it_is_stopped_by_no_terminal() -> None:
    code = "import os, signal; from headgate.base.background import ignore_terminal; ignore_terminal(); "
    code += "os.execv('/bin/cat', ['cat', '/proc/self/status'])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    ignored = int(next(line for line in said.splitlines() if line.startswith("SigIgn")).split()[1], 16)
    for number in (signal.SIGTTOU, signal.SIGTTIN):
        assert ignored >> (number - 1) & 1


def test_a_model_beside_one_that_gives_way_has_ten_times_as_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "bundle"
    pyfunc_bundle(bundle, "simple", MODEL, None)
    asked: list[float] = []
    real = Host.ask

    def note(host: Host, message: Message | None, seconds: float) -> Message:
        asked.append(seconds)
        return real(host, message, seconds)

    monkeypatch.setattr(Host, "ask", note)
    for gives_way in (False, True):
        monkeypatch.setattr("headgate.adapters.pyfunc.runtime.gives_way", lambda gives_way=gives_way: gives_way)
        PyfuncRuntime(bundle, open_bundle(bundle)).close()
    assert asked == [Patience().load, 10 * Patience().load]
