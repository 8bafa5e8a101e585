"""How much of the prediction log a kill -9 takes with it: `python -m benchmarks.bench_loss`.

A worker is killed at random moments under load. Of what its clients were answered, what is not in the log is lost; the
loss reaches from the first answer that is lost to the kill. At most a second of it may be lost.
"""

import argparse
import asyncio
import json
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # runnable as a script

import numpy as np

from benchmarks import bundles, rounds, servers
from benchmarks.budgets import Line, show
from benchmarks.project import Routes
from headgate.base.clock import SystemClock
from headgate.predictions.query import Wanted
from headgate.registry.field import Field
from headgate.testing.load import read, request
from headgate.wiring import Project

CLIENTS, OK = 32, 200
LEAST_SECONDS, MOST_SECONDS = 0.5, 2.5  # from the first answer to the kill
BUDGET_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Loss:
    """What one kill took.

    Attributes:
        answered: How many answers the clients had.
        lost: How many of them are not in the log.
        seconds: From the first answer that is lost to the kill.
    """

    answered: int
    lost: int
    seconds: float


class Clients:
    """Ask until the worker is gone, and remember when each answer came."""

    def __init__(self, port: int, content: bytes) -> None:
        self._port, self._content = port, content
        self.answered: dict[str, float] = {}
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self._thread.start()

    def join(self) -> None:
        """Wait until the last of them has seen that the worker is gone."""
        self._thread.join()

    async def _run(self) -> None:
        await asyncio.gather(*(self._client() for _ in range(CLIENTS)))

    async def _client(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            while True:
                writer.write(self._content)
                status, headers, answer = await read(reader)
                if status != OK:
                    raise RuntimeError(f"the worker answered {status}: {answer.decode()}")
                self.answered[headers["headgate-prediction-id"]] = time.monotonic()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 0, or with --check 1 when more than a second was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three kills: shows that all runs")
    parser.add_argument("--check", action="store_true", help="exit 1 when the budget is missed")
    options = parser.parse_args(arguments)
    print(rounds.machine())
    kills = 3 if options.quick else 50
    with tempfile.TemporaryDirectory() as place:
        losses = measure(Path(place), kills)
    lost = [one.lost for one in losses]
    seconds = [one.seconds for one in losses]
    print(
        f"{kills} kills: {sum(one.answered for one in losses):,} answers, {sum(lost):,} of them lost;"
        f" a kill takes {statistics.median(lost):,.0f} answers and {statistics.median(seconds):.3f} s of the log"
        f" (median), at most {max(lost):,} and {max(seconds):.3f} s"
    )
    met = show([Line("log that a kill -9 takes, at most", max(seconds), BUDGET_SECONDS, "s", at_least=False)])
    print(rounds.machine())
    return int(options.check and not met)


def measure(place: Path, kills: int) -> list[Loss]:
    """Kill a worker that often, and return what each kill took."""
    routes = Routes(place / "project")
    routes.move("flat", ("1", bundles.flat(place / "1"), place / "1", 1.0))
    asked = {"inputs": [bundles.row(Field("x", "float32", width=bundles.FEATURES))]}
    content = request("/v2/models/flat/infer", json.dumps(asked).encode())
    dice, killed = np.random.default_rng(1), list[tuple[dict[str, float], float]]()
    for _ in range(kills):
        with servers.worker(routes) as worker:
            clients = Clients(worker.port, content)
            while not clients.answered:
                time.sleep(0.01)
            time.sleep(dice.uniform(LEAST_SECONDS, MOST_SECONDS))
            at = time.monotonic()
            worker.process.send_signal(signal.SIGKILL)
            clients.join()
        killed.append((clients.answered, at))
    kept = set(Project.open(routes.folder, SystemClock()).predictions("flat").table(Wanted()).column("id").to_pylist())
    return [loss_of(answered, at, kept) for answered, at in killed]


def loss_of(answered: dict[str, float], killed: float, kept: set[str]) -> Loss:
    """Return what is lost of what was answered."""
    lost = [at for name, at in answered.items() if name not in kept]
    return Loss(len(answered), len(lost), max(0.0, killed - min(lost)) if lost else 0.0)


if __name__ == "__main__":
    sys.exit(main())
