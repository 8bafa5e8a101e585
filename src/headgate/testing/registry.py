"""A registry in memory that can be made unreachable; the contract is Registry's."""

import shutil
from pathlib import Path

from headgate.base.errors import BadInput, Unavailable
from headgate.registry.bundle import open_bundle
from headgate.registry.version import RunRecord, Version


class MemoryRegistry:
    """Keeps versions and aliases in memory and their artefacts in a folder.

    Attributes:
        reachable: Set it to False and every method raises Unavailable.
    """

    def __init__(self, folder: Path) -> None:
        self.reachable = True
        self._folder = folder
        self._versions: dict[str, list[Version]] = {}
        self._names: dict[str, Version] = {}
        self._aliases: dict[tuple[str, str], str] = {}

    def register(self, record: RunRecord, bundle: Path, extra: Path | None, author: str) -> Version:
        """Register a version; the same record gives the same version again."""
        self._reach()
        if record.name in self._names:
            return self._names[record.name]
        mine = self._versions.setdefault(record.model, [])
        digest = open_bundle(bundle).digest
        version = Version(record.model, str(len(mine) + 1), f"run-{record.name}", digest, author, None)
        shutil.copytree(bundle, self._place(version) / "bundle")
        if extra is not None:
            shutil.copytree(extra, self._place(version) / "record")
        mine.append(version)
        self._names[record.name] = version
        return version

    def version(self, model: str, number: str) -> Version:
        """Return a version."""
        self._reach()
        every = self._versions.get(model, [])
        for version in every:
            if version.number == number:
                return version
        known = ", ".join(version.number for version in every) or "none yet"
        raise BadInput(f"model {model} has no version {number}", way_out=f"name one that exists: {known}")

    def versions(self, model: str) -> tuple[Version, ...]:
        """Return every version, oldest first."""
        self._reach()
        return tuple(self._versions.get(model, []))

    def download(self, uri: str, target: Path) -> Path:
        """Copy the bundle behind ``models:/<model>/<version>``."""
        self._reach()
        model, number = uri.removeprefix("models:/").split("/")
        return self.fetch(self.version(model, number), "bundle", target)

    def fetch(self, version: Version, what: str, target: Path) -> Path:
        """Copy an artefact folder."""
        self._reach()
        shutil.copytree(self._place(version) / what, target)
        return target

    def attach(self, version: Version, path: Path, folder: str) -> None:
        """Store a file with a version."""
        self._reach()
        place = self._place(version) / folder
        place.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)

    def alias(self, model: str, alias: str) -> str | None:
        """Return what an alias names."""
        self._reach()
        return self._aliases.get((model, alias))

    def set_alias(self, model: str, alias: str, number: str | None) -> None:
        """Move an alias, or remove it."""
        self._reach()
        if number is None:
            self._aliases.pop((model, alias), None)
        else:
            self.version(model, number)
            self._aliases[(model, alias)] = number

    def _place(self, version: Version) -> Path:
        return self._folder / version.model / version.number

    def _reach(self) -> None:
        if not self.reachable:
            raise Unavailable(
                "the registry does not answer", where=str(self._folder), way_out="start the tracking server, then retry"
            )
