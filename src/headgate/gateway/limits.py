"""What a worker allows its clients; beyond it they are refused or cut off."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one worker.

    Attributes:
        head_bytes: Request line and headers together.
        body_bytes: One request's body.
        held_bytes: Of all bodies that are being received; beyond it one gets 503 and its connection is closed.
        connections: Open at once; further ones get 503 and are closed.
        pipelined: Unanswered requests of one connection before it is read no further.
        receive_seconds: From a request's first byte to its last.
        idle_seconds: A connection without a request.
        write_seconds: An answer that the client does not read.
        drain_seconds: After SIGTERM, for what is in flight.
        rows: Of one request; more belong in a batch job.
        inline_rows: A larger batch runs in a thread, so that the loop keeps breathing.
    """

    head_bytes: int = 16 * 1024
    body_bytes: int = 16 * 1024 * 1024
    held_bytes: int = 512 * 1024 * 1024
    connections: int = 4096
    pipelined: int = 128
    receive_seconds: float = 10.0
    idle_seconds: float = 75.0
    write_seconds: float = 30.0
    drain_seconds: float = 30.0
    rows: int = 100_000
    inline_rows: int = 2_048
