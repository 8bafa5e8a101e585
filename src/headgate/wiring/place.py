"""Where a project lies: its folder, its policy, and the local state below it."""

from dataclasses import dataclass
from pathlib import Path

from headgate.base.clock import Clock
from headgate.base.errors import BadInput
from headgate.base.files import ContentStore
from headgate.policy.model import ProjectPolicy

POLICY = "headgate.yaml"


@dataclass(frozen=True)
class Place:
    """A project folder and its policy, and a clock for what happens in it."""

    folder: Path
    policy: ProjectPolicy
    clock: Clock

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


def anchor(url: str, folder: Path) -> str:
    """Return a URL in which the path of a SQLite file is taken from the project folder, not from where one stands."""
    path = url.removeprefix("sqlite:///")
    return url if path == url or path.startswith("/") or path == ":memory:" else f"sqlite:///{folder / path}"


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
