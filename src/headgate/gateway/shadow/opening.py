"""Give a worker its shadows: real processes, a real clock, real dice."""

import asyncio
import os
import time
from collections.abc import Callable

import numpy as np

from headgate.gateway.metrics import catalogue as of
from headgate.gateway.metrics.meter import Meter
from headgate.gateway.record import Keeping
from headgate.gateway.shadow.feed import Feed
from headgate.gateway.shadow.keeper import Keeper, Start
from headgate.gateway.shadow.shadows import Kept, Kit, Shadows
from headgate.gateway.station import Station
from headgate.gateway.table import Shaded
from headgate.policy.serving import ShadowPolicy

LOAD_SECONDS = 120.0


def open_shadows(station: Station, keeping: Keeping | None, meter: Meter, now: Callable[[], int]) -> Shadows | None:
    """Return the shadows of a worker; None where there is nothing to start them with, or no log to write to.

    Args:
        station: What the worker was given.
        keeping: What it keeps of its work.
        meter: Counts.
        now: Milliseconds since 1970.
    """
    if not station.opener or keeping is None:
        return None
    loop = asyncio.get_running_loop()
    policies = {model: policy.shadow for model, policy in station.serving.items()}
    ending: set[asyncio.Task[None]] = set()

    def count() -> None:
        meter.counts[of.SHADOW_KILLED.name] += 1

    def keep(model: str, shaded: Shaded, feed: Feed) -> Kept:
        policy, shadow = policies.get(model) or ShadowPolicy(), shaded.shadow
        memory, patience = int(policy.memory_mb * 1e6), policy.patience.total_seconds()
        name = f"shadow {shadow.name} of {model}, version {shadow.version},"
        start = Start(name, shaded.folder, shadow.digest, station.opener, memory, patience, LOAD_SECONDS, count)
        return Keeper(start, feed, time.monotonic)

    def close(kept: Kept) -> None:
        task = loop.create_task(kept.close())
        ending.add(task)
        task.add_done_callback(ending.discard)

    draws = np.random.default_rng(int.from_bytes(os.urandom(16), "big")).random
    kit = Kit(keeping.tap, meter, keep, close, time.monotonic, now, loop.call_later, draws, policies)
    return Shadows(kit, ending)
