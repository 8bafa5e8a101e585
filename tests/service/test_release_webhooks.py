"""A whole release is told to a receiver on this machine, while the controller and whoever delivers are killed."""

import json
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from headgate.adapters.webhook.sender import HttpSender
from headgate.journal.outbox import FORMS, delivery_id, holds, wanted
from headgate.journal.ports import Sent
from headgate.journal.steps import deliver_due
from headgate.policy.model import WebhookPolicy
from headgate.release.evidence import Reading, Verdict, weigh
from headgate.release.move import State
from headgate.release.telling import SLACK
from headgate.testing.clock import START
from headgate.testing.release_supply import MINUTE, KilledError, ReleaseSupply, killed_at
from headgate.testing.release_world import verdicts

SECRET = "topsecret"
GOOD = weigh([Reading("errors", required=True, verdict=Verdict.SOUND, why="as measured")], START, 5_000)
BAD = weigh([Reading("errors", required=True, verdict=Verdict.HARM, why="3 % against 1 %")], START, 5_000)


class Receiver(BaseHTTPRequestHandler):
    got: ClassVar[list[tuple[str, Mapping[str, str], bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append((self.path, dict(self.headers), body))
        self.send_response(503 if len(self.got) % 5 == 0 else 200)  # now and then it is away
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def receiver() -> Iterator[ThreadingHTTPServer]:
    Receiver.got.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


class Dying:
    """Sends, and every third time its process ends before it can note that."""

    def __init__(self) -> None:
        self.sender, self.sent = HttpSender(), 0

    def send(self, url: str, headers: Mapping[str, str], body: bytes, *, allow_private: bool) -> Sent:
        found = self.sender.send(url, headers, body, allow_private=allow_private)
        self.sent += 1
        if self.sent % 3 == 0:
            raise KilledError
        return found


def webhooks(port: int) -> dict[str, WebhookPolicy]:
    return {
        name: WebhookPolicy.model_validate(
            {"url": f"http://127.0.0.1:{port}/{name}", "secret_env": "S", "allow_private": True, "format": form}
            | ({"events": ["release.*", "pointer.*"]} if form == "slack" else {})
        )
        for name, form in (("all", "json"), ("chat", "slack"))
    }


def test_every_message_of_a_release_arrives_whoever_is_killed(tmp_path: Path, receiver: ThreadingHTTPServer) -> None:
    supply = ReleaseSupply(tmp_path, verdicts({"shadow": GOOD, "5 %": GOOD, "25 %": BAD}))
    hooks, forms, sender = webhooks(receiver.server_port), {**FORMS, "slack": SLACK}, Dying()
    supply.champion_and_challenger()

    def deliver() -> None:
        try:
            deliver_due(supply.faulty.store, hooks, {"S": SECRET}, sender, supply.clock, forms)
        except KilledError:
            return

    deliver()
    supply.begin()
    # When the controller is killed around each of its first appends, and deliveries are as well
    for minute in range(120):
        supply.faulty.appends, supply.faulty.fault = 0, killed_at(1 + minute % 2, ("before", "after")[minute // 2 % 2])
        try:
            supply.controller.run_pass()
        except KilledError:
            supply.controller = supply.new_controller()
        supply.faulty.fault = lambda _number, _when: None
        deliver()
        supply.clock.advance(MINUTE)
    (at,) = supply.releases.all
    assert at.state is State.ROLLED_BACK
    # Then each event that is one arrived, under the id that belongs to it and with the same body each time
    told: dict[str, dict[str, set[bytes]]] = {name: defaultdict(set) for name in hooks}
    for path, headers, body in Receiver.got:
        told[path.removeprefix("/")][headers["Headgate-Delivery"]].add(body)
        seconds = int(headers["Headgate-Signature"].split(",")[0].removeprefix("t="))
        assert holds(headers["Headgate-Signature"], SECRET, body, START.fromtimestamp(seconds, START.tzinfo))
    assert len(Receiver.got) > sum(map(len, told.values()))  # some of them more than once
    assert all(len(bodies) == 1 for found in told.values() for bodies in found.values())
    events = list(supply.store.read())
    first = next(event.position for event in events if event.kind == "webhook.added")
    assert set(told["all"]) == {delivery_id("all", event) for event in events if event.position >= first}
    messages = {one: json.loads(next(iter(body))) for one, body in told["chat"].items()}
    kinds = [event for event in events if event.position > first and wanted(event.kind, hooks["chat"].events)]
    said = [messages[delivery_id("chat", event)]["text"] for event in kinds if delivery_id("chat", event) in messages]
    assert said == [
        "delay-1: release of version 2 against champion 1 starts",
        "delay-1: enters shadow",
        "delay-1: enters 5 %",
        "delay-1: enters 25 %",
        "delay-1: rolled back; the champion of before has everything",
    ]
    last: Any = messages[delivery_id("chat", next(one for one in kinds if one.kind == "release.rolled_back"))]
    assert "harm" in last["blocks"][2]["text"]["text"]
