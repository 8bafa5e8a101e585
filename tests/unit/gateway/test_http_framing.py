"""Bytes become requests however they are cut, answers go back in order, and nobody is waited for for ever."""

import asyncio
import gc
import weakref
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.gateway.http.connection import Connection
from headgate.gateway.http.door import Door
from headgate.gateway.http.exchange import Exchange
from headgate.gateway.http.head import Handler, Head, answer
from headgate.gateway.http.outlet import LINGER_SECONDS
from headgate.gateway.limits import Limits
from headgate.gateway.refusal import Refusal

LIMITS = Limits(head_bytes=1000, body_bytes=500, connections=3, pipelined=4)


class Wire:
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        self.written = b""
        self.reading = True
        self.ended = self.closed = self.aborted = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        assert not self.ended
        self.written += data

    def get_extra_info(self, _name: str) -> None:
        return None

    def is_closing(self) -> bool:
        return self.closed

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Place:
    """A door whose requests are kept, and answered at once or when the test says."""

    def __init__(self, limits: Limits = LIMITS, *, at_once: bool = True) -> None:
        self.door = Door(self.resolve, limits, self.knock)
        self.closed: Refusal | None = None
        self.at_once = at_once
        self.asked: list[tuple[str, str, bytes]] = []
        self.open: list[Exchange] = []

    def resolve(self, method: str, target: str, _headers: Any) -> Handler:
        if target.startswith("/nowhere"):
            raise Refusal(404, "unknown_path", "there is nothing")

        def handle(exchange: Exchange, body: bytes) -> None:
            if target == "/fault":
                raise ZeroDivisionError
            self.asked.append((method, target, body))
            if self.at_once:
                self.answer(exchange)
            else:
                self.open.append(exchange)

        return handle

    def knock(self, _method: str, _target: str, _headers: Any) -> None:
        if self.closed is not None:
            raise self.closed

    def answer(self, exchange: Exchange) -> None:
        exchange.reply(answer(exchange.head, 200, exchange.head.target.encode()))

    def connect(self) -> tuple[Connection, Wire]:
        connection, wire = Connection(self.door), Wire()
        connection.connection_made(cast("asyncio.Transport", wire))
        return connection, wire


def post(target: str, body: bytes = b"{}", *headers: str, version: str = "1.1") -> bytes:
    lines = [f"POST {target} HTTP/{version}", "Host: x", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(target: str, *pieces: bytes) -> bytes:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return f"POST {target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + chunks + b"0\r\n\r\n"


def statuses(wire: Wire) -> list[int]:
    return [int(part[:3]) for part in wire.written.split(b"HTTP/1.1 ")[1:]]


def feed(connection: Connection, data: bytes, cuts: Sequence[int] = ()) -> None:
    edges = [0, *sorted(cuts), len(data)]
    for start, end in pairwise(edges):
        if start < end:
            connection.data_received(data[start:end])


requests = st.lists(
    st.one_of(
        st.builds(post, st.sampled_from(["/a", "/b", "/nowhere/c"]), st.binary(max_size=60)),
        st.builds(lambda body, key: post("/h", body, f"X-Key: {key}"), st.binary(max_size=9), st.integers(0, 3)),
        st.builds(chunked, st.just("/chunks"), st.binary(min_size=1, max_size=20), st.binary(min_size=1, max_size=20)),
        st.builds(lambda name: f"GET /{name} HTTP/1.1\r\nHost: x\r\n\r\n".encode(), st.sampled_from("abc")),
        st.just(post("/old", b"", "Connection: keep-alive", version="1.0")),
    ),
    min_size=1,
    max_size=12,
)


@given(requests, st.data())
def test_requests_and_answers_are_the_same_however_the_bytes_are_cut(sent: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(sent)
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=20))
    limits = replace(LIMITS, pipelined=100)
    whole, cut, known = Place(limits), Place(limits), Place(limits)
    one_by_one: list[tuple[str, str, bytes]] = []
    for request in sent:  # each on a connection and a door of its own: nothing is known, llhttp reads it all
        place = Place(limits)
        place.connect()[0].data_received(request)
        one_by_one += place.asked
    feed(known.connect()[0], stream)
    known.asked.clear()
    wires = []
    for place, where in ((whole, ()), (cut, cuts), (known, cuts)):
        connection, wire = place.connect()
        feed(connection, stream, where)
        wires.append(wire)
        assert place.asked == one_by_one
    assert wires[0].written == wires[1].written == wires[2].written
    assert len(statuses(wires[0])) == len(sent)


def test_a_known_head_is_not_parsed_again_and_means_the_same() -> None:
    place = Place()
    connection, wire = place.connect()
    connection.data_received(post("/a", b"one"))
    assert len(place.door.heads) == 1
    connection.data_received(post("/a", b"two") * 2 + post("/a", b"six")[:-1])
    connection.data_received(b"x")
    assert [body for _, _, body in place.asked] == [b"one", b"two", b"two", b"six"[:2] + b"x"]
    assert statuses(wire) == [200] * 4
    assert len(place.door.heads) == 1


@given(requests)
def test_requests_that_come_one_by_one_are_answered_as_those_that_come_together(sent: list[bytes]) -> None:
    sent = [request for one in sent for request in (one, one, one)]  # clients repeat themselves
    limits = replace(LIMITS, pipelined=100)
    together, in_turn = Place(limits), Place(limits)
    (first, first_wire), (second, second_wire) = together.connect(), in_turn.connect()
    first.data_received(b"".join(sent))
    for request in sent:
        second.data_received(request)
    assert in_turn.asked == together.asked
    assert second_wire.written == first_wire.written


def test_a_request_like_the_one_before_gets_its_own_answer_while_that_one_waits() -> None:
    place = Place(at_once=False)
    connection, wire = place.connect()
    for body in (b"1", b"2", b"3"):
        connection.data_received(post("/a", body))
    assert len(set(map(id, place.open))) == 3
    for exchange, said in reversed(list(zip(place.open, b"123", strict=True))):
        exchange.reply(answer(exchange.head, 200, bytes([said])))
    assert [part[-1:] for part in wire.written.split(b"HTTP/1.1 ")[1:]] == [b"1", b"2", b"3"]
    connection.data_received(post("/a", b"4"))
    assert len(statuses(wire)) == 3
    place.answer(place.open[-1])
    assert len(statuses(wire)) == 4


def test_an_answer_that_had_to_wait_for_its_client_is_not_given_to_the_next_request() -> None:
    place = Place(at_once=False)
    connection, wire = place.connect()
    for _ in range(3):
        connection.data_received(post("/a"))
        connection.pause_writing()
        place.answer(place.open.pop())
        connection.resume_writing()
        before = wire.written
        connection.data_received(post("/a"))
        assert wire.written == before
        place.answer(place.open.pop())
    assert statuses(wire) == [200] * 6


def test_a_handler_that_fails_after_its_answer_spoils_no_later_one() -> None:
    place = Place()

    def resolve(_method: str, _target: str, _headers: Any) -> Handler:
        def handle(exchange: Exchange, body: bytes) -> None:
            exchange.reply(answer(exchange.head, 200, body))
            if body == b"bad":
                raise ZeroDivisionError

        return handle

    place.door = Door(resolve, LIMITS)
    connection, wire = place.connect()
    for body in (b"one", b"bad", b"two"):
        connection.data_received(post("/a", body))
    assert [part[-3:] for part in wire.written.split(b"HTTP/1.1 ")[1:]] == [b"one", b"bad", b"two"]


@pytest.mark.parametrize(
    "head",
    [
        b"POST /a HTTP/1.1\nContent-Length: 3\r\n\r\n",
        b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\n",
        b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n",
        b"\r\nPOST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n",
    ],
)
def test_a_head_that_could_mean_something_else_is_never_looked_up(head: bytes) -> None:
    place = Place()
    place.connect()[0].data_received(head + b"abc")
    assert head not in place.door.heads


def test_pipelined_answers_keep_their_order_whoever_is_ready_first() -> None:
    place = Place(at_once=False)
    connection, wire = place.connect()
    connection.data_received(post("/1") + post("/2") + post("/3"))
    for exchange in reversed(place.open):
        place.answer(exchange)
    assert [part[-2:] for part in wire.written.split(b"HTTP/1.1 ")[1:]] == [b"/1", b"/2", b"/3"]


def test_too_many_open_requests_stop_the_reading_until_they_are_answered() -> None:
    place = Place(at_once=False)
    connection, wire = place.connect()
    connection.data_received(b"".join(post(f"/{at}") for at in range(4)))
    assert not wire.reading
    place.answer(place.open[0])
    assert wire.reading


def test_a_client_that_does_not_read_is_not_read_from_and_cut_off_in_the_end() -> None:
    place = Place()
    place.door.sweep(100.0)
    connection, wire = place.connect()
    connection.pause_writing()
    assert not wire.reading
    connection.resume_writing()
    assert wire.reading
    connection.pause_writing()
    place.door.sweep(100.0 + LIMITS.write_seconds)
    assert not wire.aborted
    place.door.sweep(101.0 + LIMITS.write_seconds)
    assert wire.aborted


def test_a_slow_request_gets_408_and_a_silent_connection_is_closed() -> None:
    place = Place()
    (slow, slow_wire), (_, idle_wire) = place.connect(), place.connect()
    place.door.sweep(50.0)
    slow.data_received(post("/a")[:-1])
    place.door.sweep(50.0 + LIMITS.receive_seconds + 0.5)
    assert statuses(slow_wire) == [408]
    assert slow_wire.ended
    assert idle_wire.written == b""
    place.door.sweep(50.5 + LIMITS.idle_seconds)
    assert idle_wire.ended
    place.door.sweep(60.0 + LIMITS.idle_seconds + LINGER_SECONDS)
    assert slow_wire.aborted
    assert idle_wire.aborted


def test_one_byte_at_a_time_does_not_stretch_the_time_to_send_a_request() -> None:
    place = Place()
    connection, wire = place.connect()
    for second, byte in enumerate(post("/a", b"x" * 50)):
        place.door.sweep(float(second))
        connection.data_received(bytes([byte]))
    assert statuses(wire) == [408]
    assert place.asked == []


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"NONSENSE\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (post("/a", b"x" * 501), 413),
        (chunked("/a", b"x" * 300, b"x" * 300), 413),
        (post("/a", b"", "X-Long: " + "y" * 1000), 431),
        (post("/" + "y" * 1000), 431),
        (b"GET /a HTTP/1.1\r\nHost: x\r\nX-Long: " + b"y" * 600, 0),
        (post("/a", b"ab", "Content-Length: 3"), 400),
        (post("/a", b"ab", "Transfer-Encoding: chunked"), 400),
        (b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n", 400),
        (post("/a", b"ab", "Expect: a-miracle"), 417),
        (b"GET /b HTTP/1.1\r\n\r\n", 400),
        (b"GET /b HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (chunked("/a", b"{}").replace(b"HTTP/1.1", b"HTTP/1.0"), 400),
        (
            chunked("/a", b"{}").replace(b"HTTP/1.1", b"HTTP/1.0").replace(b"Host", b"Connection: keep-alive\r\nHost"),
            400,
        ),
        (b"GET /a\r\n\r\n", 400),
        (b"GET /a HTTP/0.9\r\nHost: x\r\n\r\n", 400),
    ],
)
def test_what_cannot_be_taken_is_refused_and_the_connection_ends(sent: bytes, status: int) -> None:
    place = Place()
    connection, wire = place.connect()
    connection.data_received(sent)
    assert statuses(wire) == ([status] if status else [])
    if status:
        assert b"connection: close" in wire.written or status == 400
        assert b'"code":' in wire.written
        connection.data_received(post("/a"))
        assert len(statuses(wire)) == 1 + (not wire.ended)
    assert [target for _, target, _ in place.asked if target != "/a"] == []


def test_a_head_without_end_is_cut_off_before_it_fills_the_memory() -> None:
    place = Place()
    connection, wire = place.connect()
    connection.data_received(b"GET /a HTTP/1.1\r\nX-Long: ")
    for _ in range(11):
        connection.data_received(b"y" * 100)
    assert statuses(wire) == [431]


def test_a_head_in_many_pieces_is_counted_once() -> None:
    place = Place()
    connection, wire = place.connect()
    head = b"GET /a HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X-%d: %b\r\n" % (at, b"y" * 90) for at in range(9)) + b"\r\n"
    feed(connection, head * 2, range(0, 2 * len(head), 50))
    assert statuses(wire) == [200, 200]


@pytest.mark.parametrize(
    "start", [b"3\r\nabc\r\n0\r\nX: ", b"3\r\nabc\r\n0\r\nX: 1\r\nY: ", b"5;", b"3\r\nabc\r\n5;a="]
)
def test_what_stands_around_chunks_is_cut_off_before_it_fills_the_memory(start: bytes) -> None:
    place = Place()
    connection, wire = place.connect()
    connection.data_received(b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + start)
    for _ in range(9):
        connection.data_received(b"y" * 100)
    assert statuses(wire) == []
    connection.data_received(b"y" * 150)
    assert statuses(wire) == [431]


def test_extensions_of_many_chunks_are_cut_off_together() -> None:
    place = Place()
    connection, wire = place.connect()
    connection.data_received(b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(20):
        connection.data_received(b"1;" + b"y" * 90 + b"\r\nx\r\n")
    assert statuses(wire) == [431]


def test_a_body_in_chunks_of_one_byte_is_taken() -> None:
    place = Place()
    connection, wire = place.connect()
    sent = chunked("/a", *[b"x"] * 400)
    feed(connection, sent, range(0, len(sent), 7))
    assert statuses(wire) == [200]
    assert place.asked == [("POST", "/a", b"x" * 400)]


@pytest.mark.parametrize("end", ["lost", "half", "refused"])
def test_a_body_that_was_cut_off_is_freed_without_a_search_for_garbage(end: str) -> None:
    place = Place()
    gc.disable()
    try:
        connection, wire = place.connect()
        connection.data_received(post("/a", b"x" * 400)[:-100])
        reader = connection.reader
        match end:
            case "lost":
                connection.connection_lost(None)
            case "half":
                connection.eof_received()
            case _:
                place.door.sweep(60.0)
                assert statuses(wire) == [408]
        assert reader._body == []
        if end == "lost":
            gone = weakref.ref(connection)
            del connection, reader
            assert gone() is None
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("target", "path"),
    [("http://x/a?b=1", "/a?b=1"), ("HTTPS://x:1", "/"), ("http://x?b=http://y/", "/?b=http://y/"), ("/http://x", "")],
)
def test_a_target_that_names_the_server_as_well_means_its_path(target: str, path: str) -> None:
    place = Place()
    place.connect()[0].data_received(post(target))
    assert place.asked == [("POST", path or target, b"{}")]


def test_a_client_of_old_needs_no_host() -> None:
    place = Place()
    place.connect()[0].data_received(b"GET /a HTTP/1.0\r\n\r\n")
    assert place.asked == [("GET", "/a", b"")]


def test_the_connection_limit_refuses_with_503_and_closes() -> None:
    place = Place()
    wires = [place.connect()[1] for _ in range(4)]
    assert [statuses(wire) for wire in wires] == [[], [], [], [503]]
    assert b"retry-after" in wires[3].written
    assert wires[3].ended


def test_a_fault_of_ours_is_a_500_without_a_traceback_and_the_connection_lives() -> None:
    place = Place()
    connection, wire = place.connect()
    connection.data_received(post("/fault") + post("/a"))
    assert statuses(wire) == [500, 200]
    assert b"ZeroDivision" not in wire.written
    assert b'"code":"internal"' in wire.written


def test_expect_100_continue_is_answered_before_the_body_and_in_turn() -> None:
    place = Place(at_once=False)
    connection, wire = place.connect()
    body = post("/b", b"{}", "Expect: 100-continue")
    connection.data_received(post("/a") + body[:-2])
    assert wire.written == b""
    place.answer(place.open[0])
    assert statuses(wire) == [200, 100]
    connection.data_received(body[-2:])
    place.answer(place.open[1])
    assert statuses(wire) == [200, 100, 200]
    assert not wire.ended


@pytest.mark.parametrize(("target", "status"), [("/nowhere", 404), ("/a", 401)])
def test_a_body_for_nothing_is_neither_asked_for_nor_kept(target: str, status: int) -> None:
    place = Place()
    place.closed = Refusal(401, "no_key", "show a key")
    (asks, asks_wire), (sends, sends_wire) = place.connect(), place.connect()
    asks.data_received(post(target, b"x" * 400, "Expect: 100-continue")[:-400])
    assert statuses(asks_wire) == [status]
    assert asks_wire.ended
    sent = post(target, b"x" * 400)
    feed(sends, sent[:-1], range(0, len(sent), 50))
    assert statuses(sends_wire) == []
    assert place.door.held == 0
    place.closed = None
    sends.data_received(b"x" + sent[:-399])  # the last byte, and the same head again, which is known by now
    assert statuses(sends_wire) == [status]
    sends.data_received(sent[-399:])
    assert statuses(sends_wire) == [status, 404 if status == 404 else 200]
    assert not sends_wire.ended


def test_a_worker_keeps_only_so_many_bytes_of_bodies_that_are_being_received() -> None:
    place = Place(replace(LIMITS, held_bytes=600))
    (first, first_wire), (second, second_wire), (third, third_wire) = (place.connect() for _ in range(3))
    for connection in (first, second):
        connection.data_received(post("/a", b"x" * 400)[:-100])
    assert place.door.held == 600
    third.data_received(post("/a", b"x" * 400)[:-399])
    assert statuses(third_wire) == [503]
    assert b"retry-after" in third_wire.written
    first.connection_lost(None)
    second.data_received(b"x" * 100)
    assert (statuses(first_wire), statuses(second_wire)) == ([], [200])
    assert place.door.held == 0


def test_head_gets_the_length_and_no_body() -> None:
    place = Place()
    connection, wire = place.connect()
    connection.data_received(b"HEAD /abc HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
    assert statuses(wire) == [200, 200]
    assert wire.written.endswith(b"content-length: 4\r\n\r\n")


@pytest.mark.parametrize(
    ("sent", "ends", "says"),
    [
        (post("/a", version="1.0"), True, b"connection: close"),
        (post("/a", b"", "Connection: keep-alive", version="1.0"), False, b"connection: keep-alive"),
        (post("/a", b"", "Connection: close"), True, b"connection: close"),
        (post("/a", b"", "Connection: Upgrade", "Upgrade: h2c"), True, b"connection: close"),
        (post("/a"), False, b""),
    ],
)
def test_the_connection_stays_or_ends_as_the_client_says(sent: bytes, ends: bool, says: bytes) -> None:  # noqa: FBT001
    place = Place()
    connection, wire = place.connect()
    connection.data_received(sent)
    assert statuses(wire) == [200]
    assert wire.ended is ends
    assert says in wire.written
    connection.data_received(post("/b"))
    assert len(place.asked) == (1 if ends else 2)


@pytest.mark.parametrize("method", ["POST", "HEAD"])
@pytest.mark.parametrize("recent", [True, False])
@pytest.mark.parametrize("keep_alive", [True, False])
def test_the_answer_to_a_plain_request_is_made_into_that_to_any_other(
    method: str,
    recent: bool,  # noqa: FBT001
    keep_alive: bool,  # noqa: FBT001
) -> None:
    head = Head(method, "/", {}, recent, keep_alive, 0, lambda _exchange, _body: None)
    plain = Head("POST", "/", {}, recent=True, keep_alive=True, length=0, handle=head.handle)
    made, wanted = (
        set(whole.split(b"\r\n")) for whole in (head.suit(answer(plain, 200, b"{}")), answer(head, 200, b"{}"))
    )
    assert made == wanted


def test_a_client_that_half_closes_still_gets_its_answer() -> None:
    place = Place(at_once=False)
    connection, wire = place.connect()
    connection.data_received(post("/a"))
    assert connection.eof_received()
    place.answer(place.open[0])
    assert statuses(wire) == [200]
    assert wire.closed


def test_a_client_that_is_gone_is_not_written_to() -> None:
    place = Place(at_once=False)
    connection, wire = place.connect()
    connection.data_received(post("/a") + post("/b"))
    connection.connection_lost(None)
    for exchange in place.open:
        place.answer(exchange)
    assert wire.written == b""
    assert place.door.connections == set()


def test_draining_answers_what_was_asked_and_what_is_being_asked_then_closes() -> None:
    place = Place(at_once=False)
    (busy, busy_wire), (_, idle_wire), (halfway, halfway_wire) = place.connect(), place.connect(), place.connect()
    busy.data_received(post("/1") + post("/2"))
    halfway.data_received(post("/3")[:-1])
    place.door.drain()
    assert not idle_wire.ended  # its first request may be under way
    place.door.hurry()
    assert idle_wire.ended
    assert not busy_wire.ended
    busy.data_received(post("/late"))
    halfway.data_received(b"}")
    for exchange in place.open:
        place.answer(exchange)
    assert statuses(busy_wire) == [200, 200]
    assert statuses(halfway_wire) == [200]
    for wire in (busy_wire, halfway_wire):
        assert wire.ended
        assert wire.written.count(b"connection: close") == 1
    assert [target for _, target, _ in place.asked] == ["/1", "/2", "/3"]


def test_draining_answers_a_request_that_was_under_way_on_a_busy_connection_and_hangs_up_on_a_quiet_one() -> None:
    place = Place()
    (busy, busy_wire), (quiet, quiet_wire), (_, third_wire) = place.connect(), place.connect(), place.connect()
    quiet.data_received(post("/q"))
    place.door.sweep(10.0)
    busy.data_received(post("/1"))
    place.door.drain()
    assert quiet_wire.ended
    assert not busy_wire.ended
    busy.data_received(post("/2"))
    assert statuses(busy_wire) == [200, 200]
    assert busy_wire.ended
    assert busy_wire.written.count(b"connection: close") == 1
    place.door.hurry()
    assert third_wire.ended


@given(
    st.binary(max_size=300)
    | st.builds(lambda start, end: start + end, st.sampled_from([post("/a"), b"GET /"]), st.binary(max_size=50))
)
def test_any_bytes_get_4xx_or_nothing_and_never_a_fault(sent: bytes) -> None:
    place = Place()
    connection, wire = place.connect()
    feed(connection, sent, [len(sent) // 2])
    assert all(status < 500 for status in statuses(wire))
