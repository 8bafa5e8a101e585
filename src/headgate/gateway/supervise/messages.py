"""What a worker and its supervisor tell each other. Values only."""

from typing import TypeAlias

import msgspec

from headgate.gateway.metrics.report import Report


class Ready(msgspec.Struct, tag="ready"):
    """The worker can answer for every model of its routes."""


class Slow(msgspec.Struct, tag="slow"):
    """Model to the bin above which a request is slow; told to every worker."""

    bins: dict[str, int]


Told: TypeAlias = Ready | Report | Slow
encode = msgspec.msgpack.Encoder().encode
_decoder: msgspec.msgpack.Decoder[Told] = msgspec.msgpack.Decoder(Told)
decode = _decoder.decode
