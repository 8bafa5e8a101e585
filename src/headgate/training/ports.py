"""What training needs from outside: a registry to record in, a journal to tell, a place for copies, and a packager."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from headgate.base.clock import Clock
from headgate.base.files import ContentStore
from headgate.features.predictor import Predictor
from headgate.journal.ports import EventStore
from headgate.policy.model import ModelPolicy
from headgate.registry.ports import Registry


@dataclass(frozen=True, slots=True)
class Bench:
    """Where a run works.

    Attributes:
        project: The project folder.
        state: The folder of local state; runs, stages and bundles lie below it.
        model: The model's name.
        policy: Its policy.
        open_model: Opens a sealed bundle, to check that it answers.
        tell: Called with a line for the person who waits.
    """

    project: Path
    state: Path
    model: str
    policy: ModelPolicy
    content: ContentStore
    journal: EventStore
    registry: Registry
    clock: Clock
    open_model: Callable[[Path, str | None], Predictor]
    tell: Callable[[str], None]

    @property
    def stages(self) -> Path:
        """Finished stages: `<stage>/<key>/`."""
        return self.state / "stages"

    @property
    def runs(self) -> Path:
        """Runs: `<id>/run.json`."""
        return self.state / "runs"

    @property
    def bundles(self) -> Path:
        """Local copies of bundles: `<hex digest>/`."""
        return self.state / "bundles"
