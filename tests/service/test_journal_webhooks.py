"""Webhooks against a receiver on this machine: what arrives, what is refused, and several ticks at once."""

import contextlib
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from headgate.adapters.webhook.sender import HttpSender
from headgate.base.clock import SystemClock
from headgate.journal.event import NewEvent
from headgate.journal.outbox import holds
from headgate.journal.steps import deliver_due
from headgate.policy.model import WebhookPolicy
from headgate.testing.postgres import fresh_database
from headgate.testing.waiting import LONGEST
from headgate.testing.writer import open_store


class Receiver(BaseHTTPRequestHandler):
    got: ClassVar[list[tuple[str, dict[str, str], bytes]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append((self.path, dict(self.headers), body))
        match self.path:
            case "/redirect":
                self.send_response(302)
                self.send_header("Location", "/ok")
                self.send_header("Content-Length", "0")
                self.end_headers()
            case "/endless":
                self.send_response(200)
                self.end_headers()
                self._pour(b"x" * 65536, 0)
            case "/drip":
                self.send_response(200)
                self.end_headers()
                self._pour(b"x", 0.05)
            case "/later":
                self.send_response(429)
                self.send_header("Retry-After", "120")
                self.send_header("Content-Length", "0")
                self.end_headers()
            case _:
                self.send_response(204)
                self.end_headers()

    def _pour(self, piece: bytes, pause: float) -> None:
        try:
            while True:
                self.wfile.write(piece)
                time.sleep(pause)
        except OSError:
            return  # the sender has had enough, which is what is tested

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


def to(*addresses: str) -> Callable[..., object]:
    async def resolve(_host: str, _port: int) -> list[str]:
        return list(addresses)

    return resolve


def test_it_connects_to_the_address_it_judged_and_keeps_the_name(receiver: ThreadingHTTPServer) -> None:
    """The name exists nowhere else: a second look at it would fail."""
    sender = HttpSender(resolve=to("127.0.0.1"))  # type: ignore[arg-type]
    url = f"http://hooks.example.test:{receiver.server_port}/ok?x=1"
    assert sender.send(url, {"A": "b"}, b"hi", allow_private=True).status == 204
    ((path, headers, body),) = Receiver.got
    assert (path, headers["Host"], headers["A"], body) == (
        "/ok?x=1",
        f"hooks.example.test:{receiver.server_port}",
        "b",
        b"hi",
    )


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1"])
def test_a_name_that_leads_inside_is_refused_before_anything_is_sent(
    receiver: ThreadingHTTPServer, address: str
) -> None:
    sender = HttpSender(resolve=to("8.8.8.8", address))  # type: ignore[arg-type]
    sent = sender.send(f"http://hooks.example.test:{receiver.server_port}/", {}, b"", allow_private=False)
    assert sent.status is None
    assert "the URL is refused: hooks.example.test leads to" in sent.why
    assert Receiver.got == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "[::ffff:7f00:1]"])
def test_no_way_to_write_loopback_passes(receiver: ThreadingHTTPServer, host: str) -> None:
    sent = HttpSender().send(f"http://{host}:{receiver.server_port}/", {}, b"", allow_private=False)
    assert sent.status is None
    assert "refused" in sent.why
    assert Receiver.got == []


def test_redirects_are_not_followed(receiver: ThreadingHTTPServer) -> None:
    sent = HttpSender().send(f"http://127.0.0.1:{receiver.server_port}/redirect", {}, b"", allow_private=True)
    assert (sent.status, sent.why) == (302, "it answered with a redirect, and none is followed")
    assert len(Receiver.got) == 1


def test_an_endless_answer_is_cut_and_a_dripping_one_ends_in_time(receiver: ThreadingHTTPServer) -> None:
    base = f"http://127.0.0.1:{receiver.server_port}"
    assert HttpSender(seconds=LONGEST).send(f"{base}/endless", {}, b"", allow_private=True).status == 200
    sent = HttpSender(seconds=1.0).send(f"{base}/drip", {}, b"", allow_private=True)
    assert (sent.status, sent.why) == (None, "no answer within 1 s")


def test_what_went_wrong_is_told_not_raised(receiver: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")  # not used
    sender = HttpSender(seconds=LONGEST)
    port = receiver.server_port
    later = sender.send(f"http://127.0.0.1:{port}/later", {}, b"", allow_private=True)
    assert later.wait is not None
    assert (later.status, later.wait.total_seconds()) == (429, 120)
    assert "cannot be reached" in sender.send("http://127.0.0.1:1/", {}, b"", allow_private=True).why
    assert "cannot be reached" in sender.send("http://nowhere.invalid/", {}, b"", allow_private=True).why
    assert "only http and https" in sender.send("file:///etc/passwd", {}, b"", allow_private=True).why
    assert "SSL" in sender.send(f"https://127.0.0.1:{port}/", {}, b"", allow_private=True).why


def test_a_resolver_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    answer, came_back = threading.Event(), list[bool]()

    def hangs(*_args: object, **_options: object) -> list[object]:
        came_back.append(answer.wait(LONGEST))
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    sent = HttpSender(seconds=0.2).send("http://hooks.example.test/", {}, b"", allow_private=False)
    assert sent.why == "no answer within 0.2 s"
    assert came_back == []
    answer.set()


def test_an_address_that_takes_no_connection_leaves_time_for_the_next(receiver: ThreadingHTTPServer) -> None:
    port = receiver.server_port
    with contextlib.ExitStack() as held:
        full = held.enter_context(socket.socket())
        full.bind(("127.0.0.2", port))
        full.listen(0)
        for _ in range(4):  # its queue is full then, and the kernel drops whoever knocks
            knock = held.enter_context(socket.socket())
            knock.settimeout(0)
            knock.connect_ex(("127.0.0.2", port))
        sender = HttpSender(seconds=4.0, resolve=to("127.0.0.2", "127.0.0.1"))  # type: ignore[arg-type]
        assert sender.send(f"http://hooks.example.test:{port}/ok", {}, b"", allow_private=True).status == 204


def test_tls_is_checked_against_the_name_and_not_the_address(receiver: ThreadingHTTPServer, tmp_path: Path) -> None:
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    made = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    made += ["-subj", "/CN=hooks.example.test", "-addext", "subjectAltName=DNS:hooks.example.test"]
    subprocess.run([*made, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    receiver.socket = context.wrap_socket(receiver.socket, server_side=True)
    trust = ssl.create_default_context(cafile=str(certificate))
    sender = HttpSender(seconds=LONGEST, resolve=to("127.0.0.1"), trust=trust)  # type: ignore[arg-type]
    port = receiver.server_port
    assert sender.send(f"https://hooks.example.test:{port}/", {}, b"", allow_private=True).status == 204
    assert "mismatch" in sender.send(f"https://other.example.test:{port}/", {}, b"", allow_private=True).why


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/journal.db"
    else:
        with fresh_database() as fresh:
            yield fresh


def test_four_ticks_at_once_deliver_each_event_once_in_order(
    url: str, tmp_path: Path, receiver: ThreadingHTTPServer
) -> None:
    hook = WebhookPolicy(
        url=f"http://127.0.0.1:{receiver.server_port}/ok", secret_env="S", events=("thing.*",), allow_private=True
    )
    clock, env = SystemClock(), {"S": "topsecret"}

    def tick(_: int) -> int:
        store = open_store(url, tmp_path)
        try:
            return deliver_due(store, {"hook": hook}, env, HttpSender(), clock).webhooks[0].sent
        finally:
            store.close()

    tick(0)
    store = open_store(url, tmp_path)
    store.append("model/a", 0, [NewEvent("thing.happened", "person:ada", "", {"n": n}) for n in range(12)])
    store.close()
    with ThreadPoolExecutor(4) as pool:
        first = sum(pool.map(tick, range(4)))
    assert first + tick(5) == 12
    assert [headers["Headgate-Attempt"] for _, headers, _ in Receiver.got] == ["1"] * 12
    assert len({headers["Headgate-Delivery"] for _, headers, _ in Receiver.got}) == 12
    places = [body.index(b'"n":') for _, _, body in Receiver.got]
    order = [int(body[at + 4 :].split(b"}")[0]) for at, (_, _, body) in zip(places, Receiver.got, strict=True)]
    assert order == list(range(12))
    _, headers, body = Receiver.got[0]
    assert holds(headers["Headgate-Signature"], "topsecret", body, clock.now())
