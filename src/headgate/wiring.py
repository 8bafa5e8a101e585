"""Puts a project together: the only file that names an adapter."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headgate.base.clock import Clock, SystemClock
from headgate.base.errors import BadInput
from headgate.base.files import ContentStore
from headgate.policy.model import ProjectPolicy

if TYPE_CHECKING:
    from headgate.adapters.archive.load import Restored
    from headgate.adapters.archive.save import Saved
    from headgate.adapters.keys.ed25519 import KeySigner
    from headgate.adapters.mlflow.registry import MlflowRegistry
    from headgate.adapters.outcomes.history import History
    from headgate.adapters.outcomes.segments import Segments
    from headgate.adapters.parquet.compact import Compacted
    from headgate.adapters.parquet.place import Place
    from headgate.adapters.parquet.read import Predictions
    from headgate.adapters.sql.store import SqlEventStore
    from headgate.features.predictor import MakeRuntime, Predictor
    from headgate.gate.ports import Measurements
    from headgate.gate.profile import Tried
    from headgate.gateway.record import Keeping
    from headgate.journal.event import Event
    from headgate.journal.ports import EventStore, Sender
    from headgate.predictions.rollup import Rollups
    from headgate.registry.bundle import Manifest
    from headgate.registry.ports import ModelRuntime
    from headgate.registry.signature import Columns
    from headgate.registry.version import Version
    from headgate.training.ports import Bench

POLICY = "headgate.yaml"


@dataclass(frozen=True)
class Project:
    """A project folder, its policy, and the outside systems that its settings name; each is opened when first used."""

    folder: Path
    policy: ProjectPolicy
    clock: Clock

    @classmethod
    def open(cls, folder: Path, clock: Clock | None = None) -> "Project":
        """Find headgate.yaml in the folder or above it, read and check it."""
        from headgate.policy.load import load

        found = find_policy(folder)
        return cls(found.parent, load(found, os.environ), clock or SystemClock())

    @property
    def state(self) -> Path:
        """The folder of local state."""
        return self.folder / self.policy.settings.state

    def bundles(self) -> Path:
        """The folder of local copies of bundles: `<hex digest>/`."""
        return self.state / "bundles"

    def content(self) -> ContentStore:
        """The content-addressed store of code and data."""
        return ContentStore(self.state / "content")

    def journal(self) -> "EventStore":
        """The journal."""
        return self._journal

    def renew_head(self, actor: str, reason: str) -> "Event":
        """Start a new signed head at the journal's present end; return the event that says so."""
        return self._journal.renew_head(actor, reason)

    @cached_property
    def _journal(self) -> "SqlEventStore":
        from headgate.adapters.head.keeper import HeadKeeper
        from headgate.adapters.sql.store import SqlEventStore

        settings = self.policy.settings
        url = anchor(settings.database, self.folder) or f"sqlite:///{self.state / 'headgate.db'}"
        head = self.folder / settings.head if settings.head else self.state / "head.json"
        return SqlEventStore(url, self.clock, HeadKeeper(head, self.state / "keys" / "head.pem"))

    def registry(self) -> "MlflowRegistry":
        """The model registry."""
        return self._registry

    @cached_property
    def _registry(self) -> "MlflowRegistry":
        from headgate.adapters.mlflow.registry import MlflowRegistry

        settings = self.policy.settings
        tracking = anchor(settings.tracking, self.folder) or f"sqlite:///{self.state / 'mlflow.db'}"
        artefacts = settings.artefacts or ("" if settings.tracking else str(self.state / "artefacts"))
        if artefacts and "://" not in artefacts:
            artefacts = str((self.folder / artefacts).resolve())
        return MlflowRegistry(tracking, artefacts, self.policy.project)

    def measurements(self) -> "Measurements":
        """What measures a bundle's latency and memory in fresh processes."""
        from headgate.adapters.machine.measure import MachineMeasurements

        return MachineMeasurements("headgate.wiring:open_model")

    @contextmanager
    def measured_worker(
        self, version: "Version", bundle: Path, rows: "Columns"
    ) -> "Iterator[Callable[[float, float], Tried]]":
        """A worker of its own that serves one bundle; yields what puts a rate on it for some seconds."""
        from headgate.adapters.machine.columns import sample
        from headgate.adapters.machine.measure import ROWS
        from headgate.adapters.machine.openloop import drive
        from headgate.adapters.machine.requests import requests
        from headgate.adapters.machine.served import let_serve, policy_text, scratch, serving
        from headgate.registry.bundle import open_bundle
        from headgate.registry.signature import cast

        signature = open_bundle(bundle, version.digest).signature
        inputs = {field.name: cast(field, rows[field.name]) for field in signature.inputs}
        with scratch() as folder:
            (folder / POLICY).write_text(policy_text(version.model, self.policy.models[version.model]))
            store = Project.open(folder, self.clock).journal()
            let_serve(store, version.model, version.number, version.digest, bundle)
            with serving(folder) as (host, port):
                asked = requests(signature, sample(inputs, ROWS), version.model, f"{host}:{port}")
                yield lambda rate, seconds: drive(host, port, asked, rate, seconds)

    def runtimes(self) -> "MakeRuntime":
        """What builds a worker's runtimes: within a budget of memory, where the settings name one."""
        budget = self.policy.settings.model_memory_mb
        if not budget:
            return make_runtime
        from headgate.gateway.residence import Residence

        return Residence(int(budget * 1_000_000), make_runtime)

    def keeping(self) -> "Keeping":
        """What keeps a worker's answers and outcomes; opened by each worker for itself."""
        from headgate.adapters.spool.writer import SpoolLog
        from headgate.gateway.record import Keeping, Tap

        serving = {name: model.serving for name, model in self.policy.models.items()}
        samples = {name: one.log.sample for name, one in serving.items()}
        log = SpoolLog(self.spool(), samples, self.log_hash())
        segments = self.outcome_sink()
        redact = {name: one.log.redact for name, one in serving.items()}
        units = {name: one.unit for name, one in serving.items() if one.unit}

        def close() -> None:
            log.close()
            segments.close()

        return Keeping(Tap(log, redact, units), segments, close, lambda: log.counts.to_json())  # noqa: PLW0108 - read anew

    def rollups(self) -> "Rollups":
        """What every arm did by the second; written by whoever serves."""
        from headgate.adapters.rollups.store import SqliteRollups

        return SqliteRollups(self.state / "rollups.db")

    def predictions(self, model: str) -> "Predictions":
        """The predictions of a model, wherever they lie."""
        from headgate.adapters.parquet.read import Predictions

        return Predictions(self.spool(), self._log_place(model), model)

    def compact(self) -> "dict[str, Compacted]":
        """Turn what workers wrote into Parquet, and let go of what is too old; by model."""
        from headgate.adapters.parquet.compact import Compactor, alone
        from headgate.predictions.outcome import micros

        now, done = micros(self.clock.now()), {}
        with alone(self.spool()):
            for model, policy in self.policy.models.items():
                keep = policy.serving.log.keep // timedelta(microseconds=1)
                done[model] = Compactor(self.spool(), self._log_place(model), model, now, keep).run()
            self.outcomes().compact()
        return done

    def _log_place(self, model: str) -> "Place":
        from headgate.adapters.parquet.place import Place

        to = self.policy.models[model].serving.log.to
        return Place(to if "://" in to else self.folder / to if to else self.state / "predictions")

    def outcomes(self) -> "History":
        """Every outcome that was kept."""
        from headgate.adapters.outcomes.history import History

        return History(self.state / "outcomes")

    def outcome_sink(self) -> "Segments":
        """What keeps outcomes; its owner closes it."""
        from headgate.adapters.outcomes.segments import Segments

        return Segments(self.state / "outcomes" / "segments")

    def log_hash(self) -> Callable[[str], str]:
        """The hash with which the log redacts."""
        from headgate.adapters.spool.salt import salt_of
        from headgate.predictions.redact import hasher

        return hasher(salt_of(self.log_salt()))

    def spool(self) -> Path:
        """Where workers write predictions first."""
        return self.state / "spool"

    def log_salt(self) -> Path:
        """The file of the salt with which the log hashes."""
        return self.state / "keys" / "log-salt"

    def sender(self) -> "Sender":
        """What sends webhooks."""
        from headgate.adapters.webhook.sender import HttpSender

        return HttpSender()

    def save_state(self, target: Path, *, force: bool) -> "Saved":
        """Write the state folder into one file."""
        from headgate.adapters.archive.save import save

        return save(self.state, target, self.clock.now(), self._outside(), force=force)

    def restore_state(self, source: Path, *, force: bool) -> "Restored":
        """Bring the state folder back from a file that save_state wrote."""
        from headgate.adapters.archive.load import restore

        return restore(source, self.state, self.clock.now(), self._outside(), force=force)

    def _outside(self) -> dict[str, Path]:
        """Return the files of the state that the settings put elsewhere, by their name in a backup."""
        head = self.folder / self.policy.settings.head
        inside = not self.policy.settings.head or head.resolve().is_relative_to(self.state.resolve())
        return {} if inside else {"head": head}

    def bench(self, model: str, tell: Callable[[str], None]) -> "Bench":
        """The place where a run of this model works."""
        from headgate.training.ports import Bench

        return Bench(
            project=self.folder,
            state=self.state,
            model=model,
            policy=self.policy.models[model],
            content=self.content(),
            journal=self.journal(),
            registry=self.registry(),
            clock=self.clock,
            open_model=open_model,
            tell=tell,
        )


def anchor(url: str, folder: Path) -> str:
    """Return a URL in which the path of a SQLite file is taken from the project folder, not from where one stands."""
    path = url.removeprefix("sqlite:///")
    return url if path == url or path.startswith("/") or path == ":memory:" else f"sqlite:///{folder / path}"


def outcome_pieces(path: Path) -> "Iterator[tuple[float, list[dict[str, Any]]]]":
    """Read a file of outcomes."""
    from headgate.adapters.outcomes.files import pieces

    return pieces(path)


def key_path(name: str) -> Path:
    """Return where a person's private key lies unless they say otherwise."""
    from headgate.adapters.keys.ed25519 import default_path

    return default_path(name)


def load_key(path: Path) -> "KeySigner":
    """Read a private key."""
    from headgate.adapters.keys.ed25519 import load_key as load

    return load(path)


def create_key(path: Path) -> "KeySigner":
    """Make a private key."""
    from headgate.adapters.keys.ed25519 import create_key as create

    return create(path)


def find_policy(folder: Path) -> Path:
    """Return the headgate.yaml in a folder or the nearest one above."""
    start = folder.resolve()
    for place in (start, *start.parents):
        if (place / POLICY).is_file():
            return place / POLICY
    raise BadInput(
        f"there is no {POLICY} here or in any folder above",
        where=str(start),
        way_out="run `headgate init`, or name the project folder with --project",
    )


def open_model(folder: Path, expected: str | None = None) -> "Predictor":
    """Open a bundle, its digest checked, with the runtime that it names."""
    from headgate.features.predictor import open_predictor

    return open_predictor(folder, expected, make_runtime)


def make_runtime(folder: Path, manifest: "Manifest") -> "ModelRuntime":
    """Build the runtime that a bundle names."""
    if manifest.runtime == "onnx":
        from headgate.adapters.onnxruntime.runtime import OnnxRuntime

        return OnnxRuntime(folder, manifest)
    if manifest.runtime == "remote":
        from headgate.adapters.remote.runtime import RemoteRuntime

        return RemoteRuntime(folder, manifest)
    from headgate.adapters.pyfunc.runtime import PyfuncRuntime

    return PyfuncRuntime(folder, manifest)
