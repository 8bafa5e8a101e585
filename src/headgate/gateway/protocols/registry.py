"""Every protocol that a worker speaks over HTTP, in the order in which they are asked whether a path is theirs."""

from headgate.gateway.protocols.invocations import Invocations
from headgate.gateway.protocols.pages import Pages
from headgate.gateway.protocols.predict import Predict
from headgate.gateway.protocols.speech import Gateway, Speech
from headgate.gateway.protocols.tfserving import TensorFlow
from headgate.gateway.protocols.v2_json.speech import V2


def speeches(gateway: Gateway) -> tuple[Speech, ...]:
    """Return the protocols of a gateway."""
    return (V2(gateway), Predict(gateway), Invocations(gateway), TensorFlow(gateway), Pages(gateway))
