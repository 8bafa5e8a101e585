"""Runs all parts of a project until a signal: says what starts and what is up, restarts, ends all in order."""

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from headgate.base.clock import Clock
from headgate.base.errors import Unavailable
from headgate.running.guardian import Guardian
from headgate.running.keeper import Keeper
from headgate.running.logs import Echo, RotatingLog, loud
from headgate.running.part import Part, Record
from headgate.running.standing import write

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Supervisor:
    """Runs on one event loop.

    Args:
        parts: In the order in which they are told of.
        state: The state folder.
        clock: Tells the time.
        pid: Of this process.
        tell: Called with lines for people.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        state: Path,
        clock: Clock,
        pid: int,
        tell: Callable[[str], None],
    ) -> None:
        self._state = state
        self._now: Callable[[], str] = lambda: clock.now().isoformat(timespec="milliseconds")
        self._started, self._pid, self._echo = self._now(), pid, tell
        self._logs = {part.name: RotatingLog(state / "logs" / f"{part.name}.log") for part in parts}
        self._echoes = {part.name: Echo() for part in parts}
        self._width = max(len(part.name) for part in parts)
        self._keepers = [Keeper(one, self._hear, self._changed, self._now) for one in parts]
        self._pids = dict.fromkeys(self._logs, 0)
        self._guardian = Guardian()
        self._up = False
        self._end = asyncio.Event()

    async def run(self) -> int:
        """Run the parts until a signal; return 0 when every one ended in time."""
        loop = asyncio.get_running_loop()
        for number in SIGNALS:
            loop.add_signal_handler(number, self._stop, number)
        await self._guardian.start()
        self._write()
        by_name = {keeper.part.name: keeper for keeper in self._keepers}
        keeping = [loop.create_task(one.keep(by_name.get(one.part.after))) for one in self._keepers]
        ended = loop.create_task(self._end.wait())
        await asyncio.wait({ended, *keeping}, return_when=asyncio.FIRST_COMPLETED)
        self._tell("ending; what is in flight is finished first (Ctrl-C again: at once)")
        well = await self._end_all()
        await asyncio.gather(*keeping)
        await self._guardian.close()
        self._write(ended=True)
        for log in self._logs.values():
            log.close()
        return int(not well)

    def _stop(self, number: int) -> None:
        """End in order; a second Ctrl-C waits for nothing."""
        if number == signal.SIGINT and self._end.is_set():
            for keeper in self._keepers:
                if keeper.process is not None:
                    keeper.process.signal(signal.SIGKILL)
        self._end.set()

    async def _end_all(self) -> bool:
        """End what others wait for last."""
        needed = {keeper.part.after for keeper in self._keepers}
        waves = ([one for one in self._keepers if (one.part.name in needed) is last] for last in (False, True))
        well = [ended for wave in waves for ended in await asyncio.gather(*(one.end() for one in wave))]
        return all(well)

    def _changed(self, keeper: Keeper) -> None:
        standing = keeper.standing
        before, after = self._pids[standing.name], standing.pid or 0
        if before != after:
            self._pids[standing.name] = after
            if after:
                self._guardian.add(after)
            if before:
                self._guardian.drop(before)
        self._say(keeper)
        self._write()

    def _say(self, keeper: Keeper) -> None:
        standing = keeper.standing
        head = f"  {standing.name:<{self._width}}  "
        if standing.state == "ready":
            self._tell(f"{head}{standing.address or 'runs'}  ready (process {standing.pid})")
            if not self._up and all(one.standing.state == "ready" for one in self._keepers):
                self._up = True
                self._tell("all is up; Ctrl-C ends it in order, `headgate status` says how it stands")
        elif standing.state == "down":
            self._tell(f"{head}{standing.why}; it is started again (.headgate/logs/{standing.name}.log)")

    def _hear(self, part: Part, line: bytes) -> None:
        try:
            self._logs[part.name].write(line)
        except OSError as error:
            self._shout(part.name, f"its log cannot be written: {error.strerror}")
        text = line.decode(errors="replace").rstrip()
        if loud(text):
            self._shout(part.name, text)

    def _tell(self, line: str) -> None:
        """Tell people, where anybody is left: a terminal that was closed must not end the parts in disorder."""
        with contextlib.suppress(OSError):
            self._echo(line)

    def _shout(self, name: str, text: str) -> None:
        lets = self._echoes[name].lets(time.monotonic())
        if lets is not False:
            self._tell(f"  {name:<{self._width}}  {text if lets else 'and more: see its log'}")

    def _write(self, *, ended: bool = False) -> None:
        standings = tuple(keeper.standing for keeper in self._keepers)
        try:
            write(self._state, Record(self._pid, self._started, standings, ended))
        except Unavailable as error:
            self._tell(f"how the parts stand {error}")
