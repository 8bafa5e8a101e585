"""A small project in memory, for stories about ballots and the pointer: everything but the training is real."""

import shutil
from pathlib import Path
from typing import Any

from headgate.gate.enrol import Voucher, add_person
from headgate.gate.people import Person, Signer
from headgate.gate.verdict import Judged, Verdict
from headgate.journal.event import NewEvent
from headgate.journal.ports import EventStore
from headgate.policy.model import ProjectPolicy
from headgate.registry.bundle import Manifest, list_files, seal
from headgate.registry.signature import Field, Signature
from headgate.registry.version import RunRecord, Version
from headgate.release import casting, steps
from headgate.release.casting import Said, Voice
from headgate.release.ledger import Ledger, stream_of
from headgate.release.readiness import Rules
from headgate.release.steps import Desk, Outcome, read_ledger
from headgate.routing.route import COLLECTION, Route
from headgate.testing.clock import FakeClock
from headgate.testing.fakes import MemoryEventStore
from headgate.testing.registry import MemoryRegistry

MODEL = "delay"


def policy_of(scorecard: list[dict[str, Any]] | None = None, **project: Any) -> ProjectPolicy:
    """Return a policy of one model, `delay`; `project` replaces top-level keys."""
    model = {
        "task": "binary",
        "data": {
            "source": "rows.csv",
            "id": "id",
            "time": "at",
            "label": {"column": "late"},
            "columns": {
                "id": {"type": "int"},
                "at": {"type": "timestamp"},
                "late": {"type": "bool"},
                "distance": {"type": "float"},
            },
        },
        "features": {"file": None, "inputs": ["distance"]},
        "split": {"holdout": "14d"},
        "scorecard": scorecard or [{"kind": "metric", "metric": "roc_auc", "role": "primary", "at_least": 0.6}],
    }
    return ProjectPolicy.model_validate({"project": "flights", "models": {MODEL: model}, **project})


class Supply:
    """A project with a clock that stands still, a journal and a registry in memory, and bundles in a folder.

    Attributes:
        keeps_bundles: Whether registering leaves a local copy, as it really does; without, promoting fetches it.
    """

    def __init__(self, folder: Path, policy: ProjectPolicy | None = None, store: EventStore | None = None) -> None:
        self.folder = folder
        self.keeps_bundles = False
        self.clock = FakeClock()
        self.store: EventStore = store or MemoryEventStore(self.clock)
        self.registry = MemoryRegistry(folder / "registry")
        self.policy = policy or policy_of()

    @property
    def desk(self) -> Desk:
        """What moving a pointer needs."""
        return Desk(self.store, self.registry, self.clock, self.policy, self.folder / "bundles")

    @property
    def ledger(self) -> Ledger:
        """What the journal says about the model."""
        return read_ledger(self.store, MODEL)[0]

    @property
    def route(self) -> Route:
        """The route that the gateway would read."""
        (document,) = self.store.documents(COLLECTION)
        body: Any = document.body
        return Route.from_json(body)

    def record(self, kind: str, body: Any, *, actor: str = "person:ada", stream: str = stream_of(MODEL)) -> None:
        """Append an event."""
        sequence = max((event.sequence for event in self.store.read(stream)), default=0)
        self.store.append(stream, sequence, [NewEvent(kind, actor, "because", body)])

    def register(self, author: str = "person:ada", requester: str | None = None) -> Version:
        """Train a version, so to speak: a bundle in the registry, and the event."""
        name = f"run-{len(self.ledger.versions) + 1}"
        bundle = self.folder / "built" / name
        bundle.mkdir(parents=True, exist_ok=True)
        (bundle / "model.onnx").write_text(name)
        column = (Field("distance", "float64"),)
        signature = Signature(column, column, (Field("probability", "float32"),))
        seal(bundle, Manifest(MODEL, "binary", "onnx", "", signature, ("0", "1"), 1, list_files(bundle)))
        version = self.registry.register(RunRecord(MODEL, name, {}, {}, {}, {}), bundle, None, author)
        if self.keeps_bundles:
            place = self.desk.bundles / version.digest.removeprefix("sha256:")
            shutil.copytree(bundle, place, dirs_exist_ok=True)
        self.record(
            "version.registered",
            {
                "version": version.number,
                "run": version.run,
                "digest": version.digest,
                "author": author,
                "requester": requester or author,
                "trained_until": None,
                "source": "train",
            },
            actor=author,
        )
        return version

    def judge(self, version: Version, *, passed: bool = True) -> None:
        """Give a verdict under the scorecard as it stands, against the champion as it stands."""
        champion = self.ledger.champion.version if self.ledger.champion else None
        scorecard = Rules.of(self.policy, MODEL).scorecard
        line = Judged("roc_auc at least 0.6", passed, "0.71" if passed else "0.51", {})
        verdict = Verdict(MODEL, version.number, version.digest, scorecard, champion, (line,), {})
        self.record("verdict.given", verdict.to_json(), actor="process:gate")

    def sign_off(self, person: str = "grace", signer: Signer | None = None) -> Said:
        """Sign the scorecard off."""
        return casting.sign_off(
            self.store, self.clock, self.policy, MODEL, "approve", Voice(person, "we agreed on it", signer)
        )

    def approve(self, version: Version, person: str = "grace", signer: Signer | None = None) -> Said:
        """Approve a version."""
        voice = Voice(person, "the numbers hold", signer)
        return casting.vote(self.store, self.clock, self.policy, MODEL, version.number, "approve", voice)

    def reject(self, version: Version, person: str = "grace", signer: Signer | None = None) -> Said:
        """Reject a version."""
        voice = Voice(person, "JFK looks wrong", signer)
        return casting.vote(self.store, self.clock, self.policy, MODEL, version.number, "reject", voice)

    def ready(self, author: str = "person:ada") -> Version:
        """Return a version that passed, was approved, and may be promoted."""
        version = self.register(author)
        self.judge(version)
        self.sign_off()
        self.approve(version)
        return version

    def promote(self, version: Version, override: str | None = None) -> Outcome:
        """Promote a version."""
        return steps.promote(self.desk, MODEL, version.number, "person:grace", "it is time", override)

    def roll_back(self, version: Version | None = None, override: str | None = None) -> Outcome:
        """Roll back."""
        number = version.number if version else None
        return steps.roll_back(self.desk, MODEL, number, "person:grace", "errors went up", override)

    def add(self, name: str, signer: Signer, voucher: Voucher | None = None, without: str | None = None) -> Person:
        """Make a key known as a person's."""
        return add_person(self.store, self.clock, name, signer.public_key, voucher or Voucher("root"), without)

    def edit_scorecard(self, at_least: float) -> None:
        """Change headgate.yaml's bar."""
        edited = policy_of([{"kind": "metric", "metric": "roc_auc", "role": "primary", "at_least": at_least}])
        self.policy = ProjectPolicy.model_validate(
            {**self.policy.model_dump(), "models": edited.model_dump()["models"]}
        )


def again(supply: Supply, store: EventStore) -> Supply:
    """Return the same project as another process sees it, on another journal connection."""
    other = Supply(supply.folder, supply.policy, store)
    other.clock, other.registry = supply.clock, supply.registry
    return other


__all__ = ["MODEL", "Supply", "again", "policy_of"]
