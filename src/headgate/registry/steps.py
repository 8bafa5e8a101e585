"""What follows the journal and may be repeated at will: aliases in the registry, and local copies of bundles.

A number alone names nothing: a registry that was replaced counts anew. Digests are compared before anything is done.
"""

import secrets
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from headgate.base.errors import BadInput, Conflict, Tampered, Unavailable
from headgate.base.files import make_folder
from headgate.journal.event import Event, NewEvent
from headgate.journal.ports import EventStore
from headgate.registry.bundle import open_bundle
from headgate.registry.ports import Registry
from headgate.registry.version import Version, counts_anew

TRIES = 5
SET = "alias.set"


def same_version(registry: Registry, model: str, number: str, digest: str) -> Version:
    """Return the registry's version of this number, which is the journal's artefact.

    Raises:
        Tampered: The registry has another artefact under this number.
        BadInput: It has none.
        Unavailable: It does not answer.
    """
    found = registry.version(model, number)
    if found.digest != digest:
        raise counts_anew(model, number, digest, found.digest)
    return found


def set_alias(
    store: EventStore,
    registry: Registry,
    model: str,
    alias: str,
    version: tuple[str, str] | None,
    actor: str,
    reason: str,
) -> Event:
    """Let the registry's alias name the version (None: remove it), then record it.

    Args:
        store: The journal.
        registry: Whose alias it is.
        model: Its name.
        alias: ``champion`` or ``challenger``.
        version: Number and digest.
        actor: Who records it.
        reason: Why.

    Raises:
        Tampered: The registry has another artefact under this number; the alias was left.
        Unavailable: The registry did not answer; nothing was recorded.
    """
    if version is not None:
        same_version(registry, model, *version)
    number = None if version is None else version[0]
    registry.set_alias(model, alias, number)
    return record_alias(store, model, alias, number, actor, reason)


def record_alias(store: EventStore, model: str, alias: str, version: str | None, actor: str, reason: str) -> Event:
    """Record that an alias names a version."""
    return note(store, f"model/{model}", NewEvent(SET, actor, reason, {"alias": alias, "version": version}))


def note(store: EventStore, stream: str, new: NewEvent) -> Event:
    """Record what was seen or done: nobody else's event makes it untrue, so a stale sequence is read again."""
    for left in reversed(range(TRIES)):
        sequence = max((event.sequence for event in store.read(stream)), default=0)
        try:
            return store.append(stream, sequence, [new])[0]
        except Conflict:
            if not left:
                raise
    raise AssertionError("unreachable: the last try returns or raises")


def place_of(bundles: Path, digest: str) -> Path:
    """Return where the local copy of a bundle lies."""
    return bundles / digest.removeprefix("sha256:")


def bundle_flaw(bundles: Path, digest: str) -> str:
    """Say what is wrong with the local copy of a bundle, and where it lies; "" when it is whole."""
    place = place_of(bundles, digest)
    try:
        open_bundle(place, digest)
    except Tampered as error:
        return f"the bundle was tampered with: {error.what} ({place})"
    except BadInput:
        return f"the bundle is gone from {place}"
    return ""


def ensure_bundle(bundles: Path, registry: Registry, model: str, number: str, digest: str) -> Path:
    """Return the local copy of a version's bundle, checked; what is missing or tampered with is fetched again.

    A tampered copy is kept aside, in a hidden folder beside it.

    Raises:
        Tampered: The registry's bundle is not the one that was registered, or it does not answer and the copy here is
            not.
        Unavailable: There is no copy here and the registry does not answer.
    """
    flaw = bundle_flaw(bundles, digest)
    if not flaw:
        return place_of(bundles, digest).resolve()
    try:
        version = same_version(registry, model, number, digest)
        return keep_bundle(bundles, digest, lambda beside: _fetch(registry, version, beside))
    except (BadInput, Unavailable) as error:
        kind = Tampered if place_of(bundles, digest).exists() else type(error)
        what = f"{flaw}; the registry cannot bring it again: {error.what}"
        raise kind(what, where=f"model {model}, version {number}", way_out=error.way_out) from error


def keep_bundle(bundles: Path, digest: str, fill: Callable[[Path], None]) -> Path:
    """Return the local copy of a bundle, made by `fill` unless a whole one is there; it never lacks while it is made.

    Raises:
        Tampered: What `fill` made is another bundle; whatever was here stays.
    """
    place = place_of(bundles, digest)
    if bundle_flaw(bundles, digest):
        made = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
        try:
            make_folder(made, fill)
            open_bundle(made, digest)
            _exchange(place, made)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    open_bundle(place, digest)
    return place.resolve()


def _exchange(place: Path, made: Path) -> None:
    """Keep what is at the place aside, and move the new copy there; another process may do the same just now."""
    aside = place.with_name(f".{place.name}.tampered.{secrets.token_hex(4)}")
    try:
        with suppress(FileNotFoundError):
            place.rename(aside)
        made.rename(place)
    except OSError as error:
        if not place.exists():
            raise Unavailable(
                f"cannot write: {error.strerror}", where=str(place), way_out="fix its permissions, then repeat"
            ) from error


def _fetch(registry: Registry, version: Version, target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        got = registry.fetch(version, "bundle", Path(folder) / "bundle")
        try:
            open_bundle(got, version.digest)
        except (Tampered, BadInput) as error:
            raise Tampered(
                f"the registry's bundle of version {version.number}: {error.what}",
                where=f"model {version.model}",
                way_out="bring back the registry's artefacts from a backup, or train the version again",
            ) from error
        shutil.copytree(got, target, dirs_exist_ok=True)
