"""What a worker tells its supervisor. Values only."""

import msgspec


class Ready(msgspec.Struct, tag="ready"):
    """The worker can answer for every model of its routes."""


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Ready).decode
