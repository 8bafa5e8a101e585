"""Restores a state folder from a backup: whole and checked, or not at all.

Everything is unpacked beside the state folder and compared with the backup's own list before anything is moved. The
present state is moved aside, never deleted.
"""

import hashlib
import json
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from headgate.adapters.archive.save import MANIFEST, STATE
from headgate.base.errors import BadInput, Refused, Tampered, Unavailable
from headgate.base.files import write_atomically


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored: how many files, when the backup was made, and where the former state lies now."""

    files: int
    at: str
    former: Path | None


def restore(source: Path, state: Path, now: datetime, outside: Mapping[str, Path], *, force: bool = False) -> Restored:
    """Restore a backup; arguments as for `save`. Stop every process of the project first.

    Raises:
        Refused: There is a state already, and no force.
        BadInput: The file is no backup, is cut short, or holds a member that would land elsewhere.
        Tampered: A member is not what the backup's list says.
    """
    there = [state] if state.exists() and any(state.iterdir()) else []
    there += [path for path in outside.values() if path.exists()]
    if there and not force:
        way_out = "stop every process of the project, then --force: the present state is moved aside, not deleted"
        raise Refused("there is a state already", where=str(there[0]), way_out=way_out)
    state.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=state.parent, prefix=f".{state.name}.restore-"))
    try:
        found = _unpack(source, beside)
        at = _check(source, beside, found)
        former = _move_aside(state, now)
        (beside / STATE).mkdir(exist_ok=True)
        (beside / STATE).rename(state)
        for name, path in outside.items():
            if (beside / name).exists():
                if path.exists():
                    path.rename(_former(path, now))
                write_atomically(path, (beside / name).read_bytes())
    except OSError as error:
        way_out = "free disk space or fix permissions, then retry"
        raise Unavailable(f"cannot restore: {error.strerror or error}", where=str(source), way_out=way_out) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return Restored(len(found) - 1, at, former)


def _unpack(source: Path, beside: Path) -> dict[str, str]:
    """Unpack plain files only, each under its own name; return their digests."""
    found: dict[str, str] = {}
    try:
        with tarfile.open(source) as tar:
            for member in tar:
                _refuse(source, member, found)
                found[member.name] = _extract(tar, member, beside)
    except FileNotFoundError as error:
        raise BadInput(
            "there is no such file", where=str(source), way_out="name the file `headgate backup` wrote"
        ) from error
    except (tarfile.TarError, EOFError, zlib.error) as error:
        way_out = "take another backup"
        raise BadInput(f"this is no whole backup: {error}", where=str(source), way_out=way_out) from error
    return found


def _refuse(source: Path, member: tarfile.TarInfo, found: Mapping[str, str]) -> None:
    path = PurePosixPath(member.name)
    odd = path.is_absolute() or ".." in path.parts or "\\" in member.name or str(path) != member.name
    why = ""
    if odd:
        why = "would land outside the state folder"
    elif not member.isreg():
        why = "is no plain file"
    elif member.name in found:
        why = "is there twice"
    if why:
        way_out = "do not restore this file: `headgate backup` writes no such thing"
        raise BadInput(f"the member {member.name!r} {why}", where=str(source), way_out=way_out)


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, beside: Path) -> str:
    target, digest, left = beside / member.name, hashlib.sha256(), member.size
    target.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, (member.mode & 0o755) | 0o600)
    opened = tar.extractfile(member)
    with os.fdopen(handle, "wb") as file:
        while opened is not None and left and (piece := opened.read(min(left, 1 << 20))):
            file.write(piece)
            digest.update(piece)
            left -= len(piece)
        file.flush()
        os.fsync(file.fileno())
    return "sha256:" + digest.hexdigest()


def _check(source: Path, beside: Path, found: Mapping[str, str]) -> str:
    """Compare with the backup's own list; return when it was made."""
    try:
        body = json.loads((beside / MANIFEST).read_bytes())
        listed, at = {name: str(entry["digest"]) for name, entry in body["files"].items()}, str(body["at"])
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError) as error:
        way_out = "take another backup"
        raise BadInput(
            "this is no whole backup: it has no readable list", where=str(source), way_out=way_out
        ) from error
    there = {name: digest for name, digest in found.items() if name != MANIFEST}
    if there != listed:
        changed = sorted(name for name in there.keys() | listed.keys() if there.get(name) != listed.get(name))
        shown = ", ".join(changed[:5]) + (f" and {len(changed) - 5} more" if len(changed) > 5 else "")  # noqa: PLR2004
        way_out = "take another backup; nothing was restored"
        raise Tampered(f"not what was backed up: {shown}", where=str(source), way_out=way_out)
    return at


def _move_aside(state: Path, now: datetime) -> Path | None:
    if not state.exists():
        return None
    if not any(state.iterdir()):
        state.rmdir()
        return None
    return state.rename(_former(state, now))


def _former(path: Path, now: datetime) -> Path:
    return path.with_name(f"{path.name}.before-{now.strftime('%Y%m%dT%H%M%S%f')}")
