"""A project and its outside systems; each is opened when it is first used."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from headgate.base.clock import Clock, SystemClock
from headgate.wiring.decisions import Decisions
from headgate.wiring.models import open_model
from headgate.wiring.place import POLICY, anchor, find_policy

if TYPE_CHECKING:
    from headgate.adapters.answers.store import SqliteAnswers
    from headgate.adapters.archive.load import Restored
    from headgate.adapters.archive.save import Saved
    from headgate.adapters.mlflow.registry import MlflowRegistry
    from headgate.gate.ports import Measurements
    from headgate.gate.profile import Settings, Tried
    from headgate.journal.ports import Sender
    from headgate.loop.releases import Controller
    from headgate.registry.signature import Columns
    from headgate.registry.version import Version
    from headgate.release.report_steps import Keeper
    from headgate.training.ports import Bench


class Project(Decisions):
    """A project folder, its policy, and the outside systems that its settings name."""

    @classmethod
    def open(cls, folder: Path, clock: Clock | None = None) -> "Project":
        """Find headgate.yaml in the folder or above it, read and check it."""
        from headgate.policy.load import load

        found = find_policy(folder)
        return cls(found.parent, load(found, os.environ), clock or SystemClock())

    def registry(self) -> "MlflowRegistry":
        """The model registry."""
        return self._registry

    @cached_property
    def _registry(self) -> "MlflowRegistry":
        from headgate.adapters.mlflow.registry import MlflowRegistry

        return MlflowRegistry(*self.tracking_store(), self.policy.project)

    def tracking_store(self) -> tuple[str, str]:
        """MLflow's tracking URI, and where new artefacts go; empty: where its server says."""
        settings = self.policy.settings
        tracking = anchor(settings.tracking, self.folder) or f"sqlite:///{self.state / 'mlflow.db'}"
        artefacts = settings.artefacts or ("" if settings.tracking else str(self.state / "artefacts"))
        if artefacts and "://" not in artefacts:
            artefacts = str((self.folder / artefacts).resolve())
        return tracking, artefacts

    def controller(self) -> "Controller":
        """What leads the releases, or waits until it may; each has a name of its own."""
        import secrets
        import socket

        from headgate.loop.releases import Controller
        from headgate.release.steps import Desk

        holder = f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"
        desk = Desk(self.journal(), self.registry(), self.clock, self.policy, self.bundles())
        return Controller(desk, self.leases(), self.judge(), holder)

    def reporter(self) -> "Keeper":
        """What makes reports of releases, and stores them with the versions."""
        from headgate.gate.record import REPORTS
        from headgate.release.report_steps import Keeper
        from headgate.wiring.meeting import ProjectWitness

        return Keeper(self.journal(), self.registry(), self.state / REPORTS, ProjectWitness(self), self.clock)

    def measurements(self) -> "Measurements":
        """What measures a bundle's latency and memory in fresh processes."""
        from headgate.adapters.machine.measure import MachineMeasurements

        return MachineMeasurements("headgate.wiring:open_model")

    @contextmanager
    def measured_worker(
        self, version: "Version", bundle: Path, rows: "Columns", settings: "Settings"
    ) -> "Iterator[Callable[[float, float], Tried]]":
        """A worker of its own that serves one bundle with these settings; yields what puts a rate on it for seconds."""
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
            (folder / POLICY).write_text(policy_text(version.model, self.policy.models[version.model], settings))
            store = Project.open(folder, self.clock).journal()
            let_serve(store, version.model, version.number, version.digest, bundle)
            with serving(folder) as (host, port):
                asked = requests(signature, sample(inputs, ROWS), version.model, f"{host}:{port}")
                yield lambda rate, seconds: drive(host, port, asked, rate, seconds)

    def answers(self, owner: str) -> "SqliteAnswers":
        """What the control API answered under idempotency keys; `owner` names the process."""
        from headgate.adapters.answers.store import SqliteAnswers

        return SqliteAnswers(self.state / "run" / "answers.db", owner)

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
