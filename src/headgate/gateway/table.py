"""The route table of a worker: immutable, swapped whole. Decides what a request for a model and version meets."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from headgate.gateway.refusal import Refusal
from headgate.gateway.version import Loaded
from headgate.registry.bundle import Manifest
from headgate.routing.route import Arm, Route, Shadow


@dataclass(frozen=True, slots=True)
class Serving:
    """A version under an arm's name."""

    arm: Arm
    loaded: Loaded


@dataclass(frozen=True, slots=True)
class Shaded:
    """A shadow whose bundle is here, and is what the route names.

    Attributes:
        shadow: As the route has it.
        folder: Of its bundle.
        manifest: What the bundle holds.
    """

    shadow: Shadow
    folder: Path
    manifest: Manifest


@dataclass(frozen=True, slots=True)
class Entry:
    """What one model has here.

    Attributes:
        model: Its name.
        revision: Of the route that was last followed.
        wanted: The arm that the route wants as champion.
        serving: The champion that serves; None: nothing yet.
        why: Why what serves is not what is wanted; empty when it is.
        others: The other arms that are loaded.
        route: The route that what serves follows; None: the champion has everything.
        shadows: What gets copies of the requests.
    """

    model: str
    revision: int
    wanted: Arm | None
    serving: Serving | None
    why: str = ""
    others: tuple[Serving, ...] = ()
    route: Route | None = None
    shadows: tuple[Shaded, ...] = ()

    @property
    def servings(self) -> tuple[Serving, ...]:
        """Every arm that is loaded, the champion first."""
        return (self.serving, *self.others) if self.serving else ()

    def shares(self) -> Route:
        """Return the arms that are loaded, the champion first, with the shares that were decided.

        Some arm must serve; the champion has the share of those that are not loaded.
        """
        champion, *others = (serving.arm for serving in self.servings)
        champion = replace(champion, weight=1.0 - sum(arm.weight for arm in others))
        route = self.route or Route(self.model, self.revision, (replace(champion, weight=1.0),))
        return replace(route, arms=(champion, *others))


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
        return {serving.loaded for entry in self.entries.values() for serving in entry.servings}

    def find(self, model: str, version: str | None) -> Serving:
        """Return what a model is described by: the champion, or the arm of a version.

        Raises:
            Refusal: 404 for a model or version that is not served, 503 for a model that does not serve yet.
        """
        entry = self.entry(model)
        if entry.serving is None:
            raise Refusal(503, "model_not_ready", f"model {model!r} does not serve: {entry.why}", retry_after=1)
        if version is None:
            return entry.serving
        for serving in entry.servings:
            if serving.arm.version == version:
                return serving
        served = ", ".join(serving.arm.version for serving in entry.servings)
        raise Refusal(404, "unknown_version", f"version {version!r} of model {model!r} is not served; served: {served}")

    def entry(self, model: str) -> Entry:
        """Return the model's entry; raises Refusal when there is none."""
        entry = self.entries.get(model)
        if entry is None and not self.read:
            raise Refusal(503, "starting", "this worker has not read its routes yet", retry_after=1)
        if entry is None:
            served = ", ".join(sorted(self.entries)) or "none"
            raise Refusal(404, "unknown_model", f"model {model!r} is not served; served: {served}")
        return entry
