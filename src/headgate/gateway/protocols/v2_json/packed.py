"""Turn a request of binary tensors into columns: a row whose JSON was seen before by its plan, the rest by `parse`."""

import msgspec

from headgate.gateway.protocols.asked import Asked
from headgate.gateway.protocols.v2_json.parse import BINARY_SIZE, Body, parse
from headgate.gateway.version import Loaded

_body = msgspec.json.Decoder(Body)


def parse_packed(head: bytes, tail: bytes, loaded: Loaded, most_rows: int) -> Asked:
    """Read a request.

    Args:
        head: JSON.
        tail: The bytes behind it.
        loaded: The version.
        most_rows: Of one request.

    Raises:
        Refusal: As `parse` does.
    """
    plan = loaded.plans.get(head)
    if plan is not None and (row := plan.whole(tail)) is not None:
        return Asked(plan.id, row, 1, plan.outputs, plan.write)
    asked = parse(head, loaded.signature, most_rows, tail)
    if plan is None and loaded.plans.wants(head, asked):
        inputs = _body.decode(head).inputs
        sizes = [size for one in inputs if type(size := (one.parameters or {}).get(BINARY_SIZE)) is int]
        if len(sizes) == len(inputs):
            loaded.plans.learn(head, asked, [one.name for one in inputs], sizes, asked.id)
    return asked
