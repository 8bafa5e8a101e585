"""What runs of a project on this machine, and what is wrong with it: read from `.headgate/run`.

The record of a supervisor counts only while its lock is held: one that was killed has no say.
"""

import json
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from headgate.base.files import write_atomically
from headgate.running.lock import holder
from headgate.running.part import Record, Standing

ASK_SECONDS = 1.0
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # our own address is behind no proxy
REMEMBERED = timedelta(hours=1)  # a part that runs well this long again has nothing wrong with it
SLOW = timedelta(minutes=5)  # to start
QUIET = {"releases": timedelta(minutes=5), "upkeep": timedelta(hours=2)}  # what it reports every few passes takes
FLAPPING = 2  # short lives in a row; one is forgiven, as its restart is


def record_of(state: Path) -> Path:
    """Return where the supervisor writes how its parts stand."""
    return state / "run" / "up.json"


def controller_of(state: Path) -> Path:
    """Return where the controller writes how its passes went."""
    return state / "run" / "controller.json"


def write(state: Path, record: Record) -> None:
    """Write how the parts stand. Raises Unavailable."""
    write_atomically(record_of(state), json.dumps(record.to_json()).encode())


def running(state: Path, now: datetime) -> dict[str, Any]:
    """Return what runs, and what is wrong, as programs are told."""
    pid, record = holder(state), _read_record(state)
    if pid is None or record is None:
        killed = record is not None and not record.ended and pid is None
        wrong = [f"`headgate up` (process {record.pid}) was killed; start it again"] if killed and record else []
        return {"up": pid, "since": None, "parts": [], "wrong": wrong}
    gateway = next((part for part in record.parts if part.admin), None)
    health = _ask(f"{gateway.admin}/health") if gateway and gateway.state == "ready" else {}
    wrong = wrong_of(record.parts, health, _read(controller_of(state)), now)
    return {"up": record.pid, "since": record.since, "parts": [asdict(part) for part in record.parts], "wrong": wrong}


def wrong_of(
    parts: Sequence[Standing], health: Mapping[str, Any], controller: Mapping[str, Any], now: datetime
) -> list[str]:
    """Return what a person should look at, in lines.

    Args:
        parts: How they stand.
        health: What the gateway's admin port says; empty: it was not asked, or did not answer.
        controller: What the controller said last.
        now: The time.
    """
    found = [line for part in parts if (line := _wrong_part(part, now))]
    found += [f"gateway: {note}" for note in health.get("notes", ())]
    found += [
        f"gateway: worker {worker['post']} was started again {worker['restarts']} times"
        for worker in health.get("workers", ())
        if worker.get("restarts")
    ]
    alive = {part.pid for part in parts if part.name == "controller"}
    if controller.get("pid") in alive:
        found += [f"controller: {line}" for line in (*controller.get("trouble", ()), *_quiet(controller, now))]
    return found


def _quiet(controller: Mapping[str, Any], now: datetime) -> list[str]:
    """Return which of its passes hang: a process that lives may do nothing all the same."""
    passed: Mapping[str, str] = controller.get("passed", {})
    return [
        f"nothing was heard of its {part} since {passed[part][:16].replace('T', ' ')} UTC: see "
        ".headgate/logs/controller.log; `headgate up` starts it again when it is killed"
        for part, longest in QUIET.items()
        if part in passed and now - datetime.fromisoformat(passed[part]) > longest
    ]


def _wrong_part(part: Standing, now: datetime) -> str:
    log = f"see .headgate/logs/{part.name}.log"
    if part.quick >= FLAPPING and part.state != "ready":
        return f"{part.name} keeps restarting ({part.restarts} times; it {part.why}): {log}"
    if part.state == "down":
        return f"{part.name} is down (it {part.why}): {log}"
    if part.state == "starting" and now - datetime.fromisoformat(part.since) > SLOW:
        return f"{part.name} starts since {part.since[:16].replace('T', ' ')} UTC, and is not ready: {log}"
    if part.restarts and now - datetime.fromisoformat(part.since) < REMEMBERED:
        return f"{part.name} was started again {part.restarts} times (it {part.why}): {log}"
    return ""


def _read_record(state: Path) -> Record | None:
    try:
        return Record.from_json(_read(record_of(state)))
    except (KeyError, TypeError):
        return None


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _ask(url: str) -> dict[str, Any]:
    try:
        with DIRECT.open(url, timeout=ASK_SECONDS) as answer:
            found = json.loads(answer.read())
    except (OSError, ValueError):
        return {"notes": ["its admin port does not answer"]}
    return found if isinstance(found, dict) else {}
