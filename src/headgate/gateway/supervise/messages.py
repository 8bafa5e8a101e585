"""What a worker and its supervisor tell each other. Values only."""

from typing import TypeAlias

import msgspec

from headgate.gateway.metrics.report import Report


class Ready(msgspec.Struct, tag="ready"):
    """The worker can answer for every model of its routes."""


class Lesson(msgspec.Struct, tag="lesson"):
    """What a worker is told of what the others see.

    Attributes:
        slow: Model to the bin above which a request is slow.
        kills: How often each shadow ended its process beside the other workers.
    """

    slow: dict[str, int]
    kills: dict[str, int]


Told: TypeAlias = Ready | Report | Lesson
encode = msgspec.msgpack.Encoder().encode
_decoder: msgspec.msgpack.Decoder[Told] = msgspec.msgpack.Decoder(Told)
decode = _decoder.decode
