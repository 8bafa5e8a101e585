"""Load a version: its bundle checked against the route's digest, warmed, and held to its own signature."""

from collections.abc import Callable
from pathlib import Path

from headgate.base.errors import BadInput, HeadgateError, Refused, Tampered, Unavailable
from headgate.features.predictor import MakeRuntime, open_predictor
from headgate.features.warm import warm
from headgate.gateway.table import Shaded
from headgate.gateway.version import Loaded
from headgate.registry.bundle import open_bundle
from headgate.routing.route import Arm, Shadow, bundle_of

__all__ = ["Loader", "warm"]


class Loader:
    """Opens the versions that routes name.

    Args:
        folder: The state folder: bundles lie in it under their digests.
        make: Builds the runtime that a bundle names.
        aside: Runs a call in a thread; closing a version may take a while.
    """

    def __init__(self, folder: Path, make: MakeRuntime, aside: Callable[[Callable[[], None]], object]) -> None:
        self._folder = folder
        self._make = make
        self._aside = aside

    def __call__(self, model: str, arm: Arm) -> Loaded:
        """Return the version, ready to answer.

        Raises:
            HeadgateError: Its bundle is not there, not what was approved, of another model, or does not run.
        """
        try:
            predictor = open_predictor(self._place(arm), arm.digest, self._make)
        except Tampered as error:
            what = f"{bundle_of(arm.digest)}: {error.what}; `headgate tick` brings it again"
            raise Tampered(what, where=error.where, way_out="run `headgate tick`") from error
        except HeadgateError:
            raise
        except Exception as error:  # a damaged bundle raises anything; the version is refused, the worker lives
            raise BadInput(f"it does not load: {type(error).__name__}: {error}", where=arm.bundle) from error
        if predictor.manifest.model != model:
            predictor.close()
            raise Refused(f"the bundle is of model {predictor.manifest.model}, not {model}", where=arm.bundle)
        try:
            warm(predictor)
        except HeadgateError:
            predictor.close()
            raise

        def close() -> None:
            self._aside(predictor.close)

        return Loaded(arm.version, arm.digest, predictor, close)

    def shade(self, model: str, shadow: Shadow) -> Shaded:
        """Return the shadow with its bundle; none of its code runs here.

        Raises:
            HeadgateError: Its bundle is not there, not what the route names, or of another model.
        """
        folder = self._place(shadow)
        try:
            manifest = open_bundle(folder, shadow.digest)
        except OSError as error:
            what = f"its bundle cannot be read now: {error.strerror or error}"
            raise Unavailable(what, where=str(folder), way_out="it is tried again in a few seconds") from error
        if manifest.model != model:
            raise Refused(f"the bundle is of model {manifest.model}, not {model}", where=shadow.bundle)
        return Shaded(shadow, folder, manifest)

    def _place(self, arm: Arm | Shadow) -> Path:
        if "://" in arm.bundle and not arm.bundle.startswith("file://"):
            raise BadInput(
                f"bundles are read from local folders, not from {arm.bundle}",
                where=f"version {arm.version}",
                way_out="copy the bundle to a folder that the worker can read",
            )
        mine, named = self._folder / bundle_of(arm.digest), self._folder / arm.bundle.removeprefix("file://")
        for place in (mine, named):  # a route of old names a whole path; the state folder may have moved since
            if place.exists():
                return place
        raise BadInput(
            f"there is no folder {bundle_of(arm.digest)} in the state folder; `headgate tick` brings it",
            where=str(mine),
            way_out="run `headgate tick` here, or `headgate promote` the version again",
        )
