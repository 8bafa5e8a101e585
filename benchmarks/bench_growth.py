"""How cost grows with arms, models, columns and connections: `python -m benchmarks.bench_growth`.

Workers with everything on, 100 LightGBM trees each. What grows in one table takes turns; the rest stays as it is: 20
floats, one arm, one model, 64 connections. Columns stand beside the bare loop on the same row: its model and JSON grow
as well: what is more than that is ours.
"""

import argparse
import resource
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # runnable as a script

from benchmarks import bundles, rounds, servers, wrk
from benchmarks.project import Routes
from benchmarks.rounds import Seen, Target
from headgate.registry.field import Field

ARMS, MODELS, COLUMNS, CONNECTIONS = (1, 2, 8), (1, 10, 100), (10, 100, 1000), (1, 64, 1024)
FLAT = {"inputs": [bundles.row(Field("x", "float32", width=bundles.FEATURES))]}
FILES = 8192  # a file is a connection


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 0, for there is no budget to miss."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of a second each: shows that all runs")
    parser.add_argument("--check", action="store_true", help="taken as every benchmark takes it; nothing is checked")
    options = parser.parse_args(arguments)
    if not wrk.found():
        print("growth: NOT MEASURED: wrk is not installed (Debian: apt-get install wrk)", file=sys.stderr)
        return 0
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES if most < 0 else min(FILES, most), most))
    print(rounds.machine())
    with tempfile.TemporaryDirectory() as folder:
        growth = Growth(Path(folder), 1 if options.quick else 3, 1 if options.quick else 2)
        for part in (growth.arms, growth.models, growth.columns, growth.connections):
            with ExitStack() as stack:
                part(stack)
    print(f"\n{rounds.machine()}")
    return 0


class Growth:
    """Starts what grows, and loads it.

    Args:
        place: Folder for what is made.
        turns: Rounds.
        seconds: Of each.
    """

    def __init__(self, place: Path, turns: int, seconds: int) -> None:
        self.place, self.turns, self.seconds = place, turns, seconds
        self.digests = [bundles.flat(place / f"flat{at}", seed=at) for at in range(max(ARMS))]

    def arms(self, stack: ExitStack) -> None:
        """Split one model's traffic evenly between more and more versions."""
        targets = {}
        for count in ARMS:
            routes = self.routes(f"arms{count}")
            routes.move(
                "flat", *((str(at + 1), self.digests[at], self.place / f"flat{at}", 1 / count) for at in range(count))
            )
            targets[f"{count} arms"] = self.target(stack, routes, FLAT)
        self.show("arms", targets)

    def models(self, stack: ExitStack) -> None:
        """Ask more and more models in turn."""
        names = [f"m{at}" for at in range(max(MODELS))]
        digests = [bundles.copied(self.place / name, self.place / "flat0", name) for name in names]
        targets = {}
        for count in MODELS:
            routes = self.routes(f"models{count}", names[:count])
            for name, digest in zip(names[:count], digests, strict=False):
                routes.move(name, ("1", digest, self.place / name, 1.0))
            target = self.target(stack, routes, FLAT, [infer(name) for name in names[:count]])
            targets[f"{count} models, ready in {target.server.ready_after:.1f} s"] = target
        self.show("models", targets)

    def columns(self, stack: ExitStack) -> None:
        """Ask for wider and wider rows: one tensor, then a tensor for each column; beside the bare loop of each."""
        one: dict[str, Target] = {}
        many: dict[str, Target] = {}
        for count in COLUMNS:
            field, tensor = Field("x", "float32", width=count), f"tensor{count}"
            one |= self.beside(stack, tensor, "flat", bundles.flat(self.place / tensor, width=count), [field])
            fields, own = bundles.columns(count), f"columns{count}"
            many |= self.beside(stack, own, "columns", bundles.wide(self.place / own, count), fields)
        self.show("values in one tensor", one)
        self.show("columns, a tensor each", many)

    def beside(self, stack: ExitStack, name: str, loop: str, digest: str, fields: Sequence[Field]) -> dict[str, Target]:
        """Start a worker and the bare loop on one bundle."""
        routes = self.routes(f"project-{name}")
        routes.move("flat", ("1", digest, self.place / name, 1.0))
        target = self.target(stack, routes, {"inputs": [bundles.row(field, at) for at, field in enumerate(fields)]})
        bare = stack.enter_context(servers.bare(loop, self.place / name / "model.onnx"))
        count = fields[0].width or len(fields)
        return {f"{count}": target, f"{count}, bare loop": by_wrk(bare, self.place / f"{routes.folder.name}.lua")}

    def connections(self, stack: ExitStack) -> None:
        """Load one worker over more and more connections."""
        routes = self.routes("connections")
        routes.move("flat", ("1", self.digests[0], self.place / "flat0", 1.0))
        target = self.target(stack, routes, FLAT)
        seen: dict[str, Seen] = {}
        for count in CONNECTIONS:
            seen |= rounds.take_turns({f"{count} connections": target}, count, self.turns, self.seconds)
        self.title("connections")
        rounds.show(seen)

    def routes(self, name: str, models: Sequence[str] = ("flat",)) -> Routes:
        """Return a new project."""
        return Routes(self.place / name, models, guarded=True)

    def target(self, stack: ExitStack, routes: Routes, body: dict[str, Any], paths: Sequence[str] = ()) -> Target:
        """Start a worker; return how it is loaded."""
        worker = stack.enter_context(servers.worker(routes))
        lua = self.place / f"{routes.folder.name}.lua"
        return by_wrk(worker, wrk.script(lua, body, {"Authorization": f"Bearer {routes.key}"}, paths))

    def show(self, what: str, targets: Mapping[str, Target]) -> None:
        """Load in turns, and print."""
        seen = rounds.take_turns(targets, 64, self.turns, self.seconds)
        self.title(what)
        rounds.show(seen)

    def title(self, what: str) -> None:
        """Print what the next table is about."""
        print(f"\n{what}; medians of {self.turns} rounds of {self.seconds} s\n")


def infer(model: str) -> str:
    """Return the path of a model's predictions."""
    return f"/v2/models/{model}/infer"


def by_wrk(server: servers.Server, lua: Path) -> Target:
    """Return how a server is loaded."""
    return Target(server, lambda connections, seconds: wrk.drive(server.url + infer("flat"), lua, connections, seconds))


if __name__ == "__main__":
    sys.exit(main())
