"""What a worker and the process of a shadow tell each other. Values only; a length goes before each."""

from typing import TypeAlias

import msgspec

from headgate.registry.wire import Column


class Run(msgspec.Struct, tag="run"):
    """Rows to answer.

    Attributes:
        rows: Of each request; None: one each.
        columns: Every input, of all rows together.
    """

    rows: list[int] | None
    columns: dict[str, Column]


class Ready(msgspec.Struct, tag="ready"):
    """The shadow can answer; how many seconds it took to load."""

    seconds: float


class Done(msgspec.Struct, tag="done"):
    """The answer to a Run.

    Attributes:
        statuses: Of each request; empty: 200 each.
        columns: Every output, of the rows of requests with status 200.
        cpu: Seconds of processor time.
    """

    statuses: list[int]
    columns: dict[str, Column]
    cpu: float


class Broken(msgspec.Struct, tag="broken"):
    """The process ends after this, and says why."""

    why: str


Said: TypeAlias = Ready | Done | Broken
encode = msgspec.msgpack.Encoder().encode
_said: msgspec.msgpack.Decoder[Said] = msgspec.msgpack.Decoder(Said)
_run: msgspec.msgpack.Decoder[Run] = msgspec.msgpack.Decoder(Run)
said, run = _said.decode, _run.decode
