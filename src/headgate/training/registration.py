"""Register what a run made: in the registry, in the local copies, and in the journal; safe to repeat at any point."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headgate.base.digest import Json
from headgate.base.errors import Conflict
from headgate.journal.event import Event, NewEvent
from headgate.journal.ports import EventStore
from headgate.registry.bundle import open_bundle
from headgate.registry.steps import keep_bundle, same_version
from headgate.registry.version import RunRecord, Version, counts_anew
from headgate.training.code import shown_revision
from headgate.training.ports import Bench
from headgate.training.run import Run, Stage

TRIES = 5  # others may write to the stream between our read and our append


def register_run(bench: Bench, run: Run, folders: Mapping[Stage, Path], content: str) -> tuple[Version, bool]:
    """Make a version of a packaged run; return it, and whether it was one before.

    The registry is told first, idempotently by the run's name, then the journal: killed in between, the next attempt
    finds the registry's version and tells the journal.
    """
    known = _registered(bench, content)
    if known is not None:
        return same_version(bench.registry, bench.model, *known), True
    record = describe(bench, run, folders)
    version = register_bundle(bench, record, folders["package"], run.requester, content)
    return version, False


def register_bundle(bench: Bench, record: RunRecord, package: Path, requester: str, content: str) -> Version:
    """Record a run with its package (`bundle/`, `record/`), keep the bundle, tell the journal.

    Raises:
        Tampered: The registry was replaced and counts anew: it has none of the journal's versions, or would give one's
            number to this artefact.
    """
    check_same_registry(bench)
    bundle = package / "bundle"
    digest = open_bundle(bundle).digest
    keep_bundle(bench.bundles, digest, lambda folder: _copy(bundle, folder))
    version = bench.registry.register(record, bundle, package / "record", requester)
    _tell(bench, version, digest, requester, record, content)
    return version


def check_same_registry(bench: Bench) -> None:
    """Refuse to register beside a past that the registry does not know.

    Raises:
        Tampered: It has another artefact under a number of the journal's, or the journal has versions and it has none.
    """
    recorded = _recorded(bench)
    found = {version.number: version.digest for version in bench.registry.versions(bench.model)}
    for number, digest in recorded.items():
        if not found or found.get(number, digest) != digest:
            raise counts_anew(bench.model, number, digest, found.get(number, ""))


def _recorded(bench: Bench) -> dict[str, str]:
    """Return number and digest of every version in the journal."""
    events = bench.journal.read(f"model/{bench.model}", kinds=("version.registered",))
    return {str(event.body["version"]): str(event.body["digest"]) for event in events}


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, dirs_exist_ok=True)


def describe(bench: Bench, run: Run, folders: Mapping[Stage, Path]) -> RunRecord:
    """Return what the registry shows of a run."""
    record: dict[str, Any] = json.loads((folders["package"] / "record" / "record.json").read_text())
    metrics = json.loads((folders["evaluate"] / "metrics.json").read_text())["metrics"]
    digest = open_bundle(folders["package"] / "bundle").digest
    params = {name: str(value) for name, value in bench.policy.training.params.items()}
    tags = {
        "headgate.model": bench.model,
        "headgate.task": bench.policy.task,
        "headgate.digest": digest,
        "headgate.runtime": record["bundle"]["runtime"],
        "headgate.requester": run.requester,
        "headgate.trained_until": record["trained_until"],
        "headgate.code": record["code"]["digest"],
        "headgate.revision": shown_revision(record["code"]),
        "headgate.environment": record["environment"]["packages_digest"],
        "headgate.python": record["environment"]["python"],
        "headgate.seed": str(record["seed"]),
        **{f"headgate.snapshot.{name}": entry["digest"] for name, entry in record["snapshots"].items()},
    }
    return RunRecord(bench.model, run.id, params, metrics, tags, record)


def _registered(bench: Bench, content: str) -> tuple[str, str] | None:
    """Return number and digest of the version that this content became."""
    for event in bench.journal.read(f"model/{bench.model}", kinds=("version.registered",)):
        if event.body.get("content") == content:
            return str(event.body["version"]), str(event.body["digest"])
    return None


def _tell(bench: Bench, version: Version, digest: str, requester: str, record: RunRecord, content: str) -> None:
    body: dict[str, Json] = {
        "version": version.number,
        "run": version.run,
        "name": record.name,
        "digest": digest,
        "author": requester,
        "requester": requester,
        "trained_until": record.tags.get("headgate.trained_until", ""),
        "source": record.tags.get("headgate.source", "train"),
        "content": content,
    }
    known = _recorded(bench).get(version.number, digest)
    if known != digest:
        raise counts_anew(bench.model, version.number, known, digest)
    event = NewEvent("version.registered", requester, f"run {record.name} became version {version.number}", body)
    append_once(bench.journal, f"model/{bench.model}", event, "version")


def append_once(journal: EventStore, stream: str, new: NewEvent, key: str) -> None:
    """Append an event unless the stream holds one of this kind with the same value under `key`.

    Raises:
        Conflict: Others wrote to the stream between read and append, every time.
    """
    for attempt in range(TRIES):
        events = tuple(journal.read(stream))
        if any(_same(event, new, key) for event in events):
            return
        try:
            journal.append(stream, events[-1].sequence if events else 0, [new])
        except Conflict:
            if attempt == TRIES - 1:
                raise
        else:
            return


def _same(event: Event, new: NewEvent, key: str) -> bool:
    return event.kind == new.kind and event.body.get(key) == new.body.get(key)
