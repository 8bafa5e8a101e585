"""A gRPC call counts as in flight while its answer is made, and no longer, however it ends."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from headgate.gateway.application import Application
from headgate.gateway.grpc.server import Service
from headgate.gateway.http.door import Door
from headgate.gateway.limits import Limits
from headgate.gateway.metrics.catalogue import IN_FLIGHT
from headgate.gateway.metrics.meter import Meter
from headgate.gateway.refusal import Refusal
from headgate.gateway.telling import Caches, Teller
from headgate.gateway.turn import Pulse


class Context:
    async def abort(self, *told: Any, **_: Any) -> None:
        raise ConnectionAbortedError(told[1])


@pytest.mark.parametrize("ends", [None, Refusal(404, "unknown_model", "there is none"), ZeroDivisionError()])
def test_a_call_is_in_flight_until_it_ends(ends: Exception | None) -> None:
    pulse = Pulse(lambda call: call(), lambda _work, _done: None, 1000)
    app = Application(Limits(), pulse, lambda: 0, bytes)
    door = Door(app.resolve, Limits())
    teller = Teller(Meter(0.0, {}), door, None, Caches({}), None, lambda: app.table)
    service = Service(app, Counter(), door.calls)
    during: list[float] = []

    async def answer(_request: Any, _context: Any) -> str:
        during.append(teller.report(1.0, 1.0).levels[IN_FLIGHT.name])
        if ends is not None:
            raise ends
        return "told"

    async def call() -> str:
        return str(await service.guarded(answer, object(), Context()))

    if ends is None:
        assert asyncio.run(call()) == "told"
    else:
        with pytest.raises(ConnectionAbortedError):
            asyncio.run(call())
    assert during == [1.0]
    assert teller.report(2.0, 2.0).levels[IN_FLIGHT.name] == 0.0
