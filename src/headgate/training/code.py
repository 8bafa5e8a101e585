"""A copy of the project's code, the uncommitted included: one deterministic archive under its digest."""

import io
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from headgate.base.digest import Json, digest_file, digest_json
from headgate.base.errors import BadInput

SUFFIXES = {".py", ".yaml", ".yml", ".toml", ".txt", ".cfg", ".json", ".sql", ".md"}
SKIPPED = {".headgate", ".git", ".venv", "venv", "data", "node_modules", "__pycache__", "build", "dist"}
LARGEST = 1_000_000  # bytes a file; code is small, data has a snapshot of its own


@dataclass(frozen=True, slots=True)
class Code:
    """The code of a run.

    Attributes:
        files: Relative path -> digest.
        revision: Of git, empty outside a repository.
        dirty: Whether anything differed from that revision.
    """

    files: dict[str, str]
    revision: str
    dirty: bool

    @property
    def digest(self) -> str:
        """Over every file."""
        return digest_json(self.files)

    @property
    def running_digest(self) -> str:
        """Over the files that a fit can read: all but the policy, whose parts count by themselves, and prose."""
        passive = {"headgate.yaml", "README.md", "CHANGELOG.md"}
        return digest_json({name: value for name, value in self.files.items() if name not in passive})

    def to_json(self) -> Json:
        """Return what is recorded."""
        return {**asdict(self), "digest": self.digest}


def shown_revision(code: Mapping[str, Any]) -> str:
    """Return the revision of what `Code.to_json` wrote, for a person."""
    if not code["revision"]:
        return "not in git"
    return f"{code['revision']}+dirty" if code["dirty"] else str(code["revision"])


def read_code(folder: Path) -> Code:
    """List the project's code as it lies on disk."""
    revision = _git(folder, "rev-parse", "HEAD")
    dirty = bool(_git(folder, "status", "--porcelain", "--", ".")) if revision else True
    files = {path.relative_to(folder).as_posix(): digest_file(path) for path in _listed(folder)}
    return Code(files, revision, dirty)


def _listed(folder: Path) -> list[Path]:
    found = []
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).parts
        if SKIPPED.intersection(inside) or any(part.startswith(".") for part in inside):
            continue
        if path.is_file() and not path.is_symlink() and path.suffix in SUFFIXES and path.stat().st_size <= LARGEST:
            found.append(path)
    return found


def pack(folder: Path, code: Code, target: Path) -> None:
    """Write the files as a tar whose bytes depend on nothing but them."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        for name in sorted(code.files):
            data = (folder / name).read_bytes()
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))


def unpack(archive: Path, folder: Path) -> None:
    """Write the files of an archive into a folder; nothing may lead out of it."""
    try:
        with tarfile.open(archive) as file:
            file.extractall(folder, filter="data")
    except tarfile.TarError as error:
        raise BadInput(f"the code archive cannot be read: {error}", where=str(archive)) from error


def _git(folder: Path, *words: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - fixed words, no shell
            ["git", "-C", str(folder), *words],  # noqa: S607 - the user's own git
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
