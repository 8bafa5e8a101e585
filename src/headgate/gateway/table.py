"""The route table of a worker: immutable, swapped whole. Decides what a request for a model and version meets."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from headgate.gateway.refusal import Refusal
from headgate.gateway.version import Loaded
from headgate.routing.route import Arm


@dataclass(frozen=True, slots=True)
class Serving:
    """A version under an arm's name."""

    arm: Arm
    loaded: Loaded


@dataclass(frozen=True, slots=True)
class Entry:
    """What one model has here.

    Attributes:
        model: Its name.
        revision: Of the route that was last followed.
        wanted: The arm that the route wants to serve.
        serving: What serves; None: nothing yet.
        why: Why what serves is not what is wanted; empty when it is.
    """

    model: str
    revision: int
    wanted: Arm | None
    serving: Serving | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Every model of a worker.

    Attributes:
        entries: By model.
        read: Whether the routes were read at least once.
        away: Why the routes cannot be read now; empty when they can.
    """

    entries: Mapping[str, Entry] = field(default_factory=dict)
    read: bool = False
    away: str = ""

    @property
    def ready(self) -> bool:
        """Whether every model of the routes serves."""
        return self.read and all(entry.serving is not None for entry in self.entries.values())

    def loaded(self) -> set[Loaded]:
        """Return every version that some arm serves."""
        return {entry.serving.loaded for entry in self.entries.values() if entry.serving}

    def find(self, model: str, version: str | None) -> Serving:
        """Return what answers a request.

        Raises:
            Refusal: 404 for a model or version that is not served, 503 for a model that does not serve yet.
        """
        entry = self.entry(model)
        if entry.serving is None:
            raise Refusal(503, "model_not_ready", f"model {model!r} does not serve: {entry.why}", retry_after=1)
        if version is not None and version != entry.serving.arm.version:
            what = f"version {version!r} of model {model!r} is not served; served: {entry.serving.arm.version}"
            raise Refusal(404, "unknown_version", what)
        return entry.serving

    def entry(self, model: str) -> Entry:
        """Return the model's entry; raises Refusal when there is none."""
        entry = self.entries.get(model)
        if entry is None and not self.read:
            raise Refusal(503, "starting", "this worker has not read its routes yet", retry_after=1)
        if entry is None:
            served = ", ".join(sorted(self.entries)) or "none"
            raise Refusal(404, "unknown_model", f"model {model!r} is not served; served: {served}")
        return entry
