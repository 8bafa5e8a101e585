"""Every protocol that a worker speaks over HTTP, in the order in which they are asked whether a path is theirs."""

from headgate.gateway.protocols.speech import Gateway, Speech
from headgate.gateway.protocols.v2_json.speech import V2


def speeches(gateway: Gateway) -> tuple[Speech, ...]:
    """Return the protocols of a gateway."""
    return (V2(gateway),)
