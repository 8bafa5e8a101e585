"""The project whose worker is measured: a policy with everything on, and routes moved as `promote` moves them."""

import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from headgate.base.clock import SystemClock
from headgate.gateway.guard import issue
from headgate.journal.event import NewEvent
from headgate.journal.ports import Document, EventStore
from headgate.routing.route import CHAMPION, COLLECTION, Arm, Route
from headgate.wiring import Project

POLICY = """\
project: bench
settings: {{ ask_keys: {ask} }}
models:
{models}"""
MODEL = """\
  {name}:
    task: binary
    data:
      source: rows.csv
      id: id
      time: at
      label: {{ column: y }}
      columns: {{ id: {{ type: string }}, at: {{ type: timestamp }}, x: {{ type: float }}, y: {{ type: int }} }}
    features: {{ file: null, inputs: [x] }}
    split: {{ holdout: 1d }}
    scorecard: [{{ kind: metric, metric: roc_auc, role: primary, at_least: 0.5 }}]
"""
LIMITED = """\
    serving: { limit: { per_second: 5e6 }, limit_per_key: { per_second: 5e6 } }
"""
HOUR = timedelta(hours=1)


class Routes:
    """A project whose journal routes to bundles.

    Args:
        folder: Made for it.
        models: Their names.
        guarded: Whether everybody must show a key, and each request takes a token of two limits.

    Attributes:
        key: The API key; empty when nobody is asked for one.
    """

    def __init__(self, folder: Path, models: Sequence[str] = ("flat",), *, guarded: bool = False) -> None:
        folder.mkdir(parents=True)
        listed = "".join(MODEL.format(name=name) + (LIMITED if guarded else "") for name in models)
        (folder / "headgate.yaml").write_text(POLICY.format(ask="always" if guarded else "beyond", models=listed))
        self.folder = folder
        self.clock = SystemClock()
        self.journal: EventStore = Project.open(folder, self.clock).journal()
        self.moves: dict[str, int] = {}
        self.key = self._issue() if guarded else ""

    def _issue(self) -> str:
        scopes, now = ["predict:*", "admin"], self.clock.now()
        return issue.create(self.journal, "wrk", scopes, [], now, None, os.urandom, "person:bench", "to measure")[1]

    def move(self, model: str, *arms: tuple[str, str, Path, float]) -> None:
        """Let versions serve: each its number, its bundle's digest and folder, and its share; the champion first."""
        before = self.moves.get(model, 0)
        revision = self.moves[model] = before + 1
        names = [CHAMPION, *(f"challenger{at}" if at else "challenger" for at in range(len(arms) - 1))]
        shares = tuple(
            Arm(name, version, digest, share, str(bundle))
            for name, (version, digest, bundle, share) in zip(names, arms, strict=True)
        )
        until = self.clock.now() + HOUR if len(arms) > 1 else None
        route = Route(model, revision, shares, renewed_until=until)
        event = NewEvent("pointer.moved", "process:bench", "a benchmark", {"to": arms[0][0], "revision": revision})
        document = Document(COLLECTION, model, revision, route.to_json())
        self.journal.append(f"model/{model}", before, [event], [document])
