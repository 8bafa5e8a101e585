"""What a worker allows its clients; beyond it they are refused or cut off."""

from dataclasses import dataclass, replace

SPARE_FILES = 256  # bundles, logs, the database, pipes


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one worker.

    Attributes:
        head_bytes: Request line and headers together.
        body_bytes: One request's body.
        held_bytes: Of all bodies that are being received; beyond it one gets 503 and its connection is closed.
        connections: Open at once; further ones get 503 and are closed.
        handshakes: TLS clients that have not shaken hands yet, beside the connections; further ones are hung up on.
        calls: gRPC connections, and gRPC calls in flight; further ones are refused.
        pipelined: Unanswered requests of one connection before it is read no further.
        receive_seconds: From a request's first byte to its last, and for a handshake.
        idle_seconds: A connection without a request.
        write_seconds: An answer that the client does not read.
        drain_seconds: After SIGTERM, for what is in flight.
        rows: Of one request; more belong in a batch job.
        inline_rows: A larger request runs in a thread of its own, apart from the small ones.
    """

    head_bytes: int = 16 * 1024
    body_bytes: int = 16 * 1024 * 1024
    held_bytes: int = 512 * 1024 * 1024
    connections: int = 4096
    handshakes: int = 1024
    calls: int = 1024
    pipelined: int = 128
    receive_seconds: float = 10.0
    idle_seconds: float = 75.0
    write_seconds: float = 30.0
    drain_seconds: float = 30.0
    rows: int = 100_000
    inline_rows: int = 2_048

    @property
    def files(self) -> int:
        """Most files that a worker has open when it has as many clients as it may."""
        return SPARE_FILES + self.connections + self.handshakes + self.calls

    def within(self, files: int) -> "Limits":
        """Return these limits with no more clients than this many open files allow."""
        if files >= self.files:
            return self
        share = max(0, files - SPARE_FILES) / (self.files - SPARE_FILES)
        fewer = {name: max(1, int(getattr(self, name) * share)) for name in ("connections", "handshakes", "calls")}
        return replace(self, **fewer)
