"""Which trace context goes with a call of the model: of several requests together, the first that has one."""

from headgate.base.trace import PARENT, STATE, Trace, read
from headgate.gateway.call import Batch


def trace_of(batch: Batch) -> Trace | None:
    """Return the trace context of a batch; None: none of its requests has a valid one."""
    for waiting, _ in (*batch.singles, *batch.asked):
        headers = waiting.head.headers
        if PARENT in headers and (trace := read(headers[PARENT], headers.get(STATE))) is not None:
            return trace
    return None
