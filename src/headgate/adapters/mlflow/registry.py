"""Keeps runs, artefacts, versions and aliases in MLflow, so that any MLflow client sees them.

A version's artefacts lie in its run: `model/bundle/` (what serves), `model/MLmodel` (lets `mlflow.pyfunc.load_model`
answer through the same bundle) and `record/` (what the run was). Registering is idempotent by the run's name.
"""

import os
import shutil
import tempfile
import warnings
from collections.abc import Callable
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from headgate.adapters.mlflow import runs
from headgate.adapters.mlflow.moved import follow
from headgate.adapters.mlflow.store import alone, create_whole, without_password
from headgate.base.errors import BadInput, HeadgateError, Unavailable
from headgate.registry.version import RunRecord, Version

P = ParamSpec("P")
R = TypeVar("R")
FULL = ("disk is full", "No space left on device")
MLMODEL = """\
flavors:
  python_function:
    data: bundle
    loader_module: headgate.loader
    python_version: 3.11.0
"""


def _reached(
    call: "Callable[Concatenate[MlflowRegistry, P], R]",
) -> "Callable[Concatenate[MlflowRegistry, P], R]":
    """Turn whatever MLflow raises when it cannot answer into Unavailable, without the password of the URL."""

    @wraps(call)
    def wrapped(self: "MlflowRegistry", *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return call(self, *args, **kwargs)
        except HeadgateError:
            raise
        except (
            Exception
        ) as error:  # MLflow raises its own, requests', SQLAlchemy's and boto's: none is a base of others
            raise _away(error, self._tracking, self.shown) from error

    return cast("Callable[Concatenate[MlflowRegistry, P], R]", wrapped)


def _away(error: Exception, tracking: str, shown: str) -> Unavailable:
    """Return the first line of an error, the tracking URI in it without its password, and what to do about it."""
    text = str(error).partition("\n")[0].replace(tracking, shown)[:300]
    said = "no connection" if "Max retries exceeded" in str(error) else text
    full = any(words in str(error) for words in FULL)
    way_out = "free disk space" if full else "start the tracking server or correct settings.tracking"
    return Unavailable(f"MLflow did not do it: {said}", where=shown, way_out=f"{way_out}, then repeat; nothing is lost")


class MlflowRegistry:
    """The Registry port on MLflow.

    Args:
        tracking: MLflow tracking URI (`sqlite:///...`, `postgresql://...`, `http://...`).
        artefacts: Where artefacts of new experiments go: a path or an `s3://` URL; empty: the server's choice.
        project: Name of the project; runs lie in the experiment `<project>/<model>`.
    """

    def __init__(self, tracking: str, artefacts: str, project: str) -> None:
        self._tracking = tracking
        self._artefacts = artefacts
        self._project = project
        self.shown = without_password(tracking)

    @cached_property
    def _client(self) -> Any:
        for key, value in {
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
            "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
            "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
            "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
            "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # what we print may be JSON for a program
        }.items():
            os.environ.setdefault(key, value)
        import logging

        from mlflow.tracking import MlflowClient

        logging.getLogger("alembic").setLevel(logging.WARNING)
        for told_by_us in ("mlflow", "sqlalchemy.pool"):  # they log the traceback of what they raise
            logging.getLogger(told_by_us).setLevel(logging.CRITICAL)
        with alone(self._tracking) as path:
            if path is not None:
                create_whole(path)
                follow(path, self._artefacts, self._project)
            client = MlflowClient(tracking_uri=self._tracking, registry_uri=self._tracking)
            client.search_experiments(max_results=1)
        return client

    @_reached
    def ping(self) -> None:
        """Raise Unavailable when MLflow does not answer."""
        self._client.search_experiments(max_results=1)

    @_reached
    def register(self, record: RunRecord, bundle: Path, extra: Path | None, author: str) -> Version:
        """Record a run with its artefacts and register a version; the same name gives the same version again."""
        run = runs.find_or_create(self._client, f"{self._project}/{record.model}", self._artefacts, record)
        found = self._client.search_model_versions(f"name = '{record.model}' and run_id = '{run.info.run_id}'")
        if found:
            return runs.version_of(found[0])
        runs.log(self._client, run.info.run_id, record)
        with tempfile.TemporaryDirectory() as beside:
            model = Path(beside) / "model"
            shutil.copytree(bundle, model / "bundle")
            (model / "MLmodel").write_text(MLMODEL)
            self._client.log_artifacts(run.info.run_id, str(model), "model")
        if extra is not None:
            self._client.log_artifacts(run.info.run_id, str(extra), "record")
        self._client.set_terminated(run.info.run_id, "FINISHED")
        return runs.create_version(self._client, record, run.info, author)

    @_reached
    def version(self, model: str, number: str) -> Version:
        """Return a version; BadInput names the versions that exist."""
        every = self.versions(model)
        for version in every:
            if version.number == number:
                return version
        known = ", ".join(version.number for version in every) or "none yet"
        raise BadInput(
            f"model {model} has no version {number}", where=self.shown, way_out=f"name one that exists: {known}"
        )

    @_reached
    def versions(self, model: str) -> tuple[Version, ...]:
        """Return every version of a model, oldest first."""
        found = self._client.search_model_versions(f"name = '{model}'", max_results=10_000)
        return tuple(sorted((runs.version_of(entry) for entry in found), key=lambda version: int(version.number)))

    @_reached
    def fetch(self, version: Version, what: str, target: Path) -> Path:
        """Copy `bundle` or `record` of a version into a folder that does not exist yet; return its path."""
        path = {"bundle": "model/bundle"}.get(what, what)
        with tempfile.TemporaryDirectory() as beside:
            got = self._client.download_artifacts(version.run, path, beside)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copytree(got, target)
        return target

    @_reached
    def download(self, uri: str, target: Path) -> Path:
        """Copy the model behind `runs:/...` or `models:/...` to a new folder; return its path.

        Raises:
            BadInput: There is no such run, model or artefact.
        """
        from mlflow.exceptions import MlflowException

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its own type hints, when it is imported
            from mlflow.artifacts import download_artifacts
        target.mkdir(parents=True)
        try:
            place = runs.place_of(self._client, uri)
            return Path(download_artifacts(artifact_uri=place, dst_path=str(target), tracking_uri=self._tracking))
        except MlflowException as error:
            if error.error_code not in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                raise
            raise BadInput(
                f"MLflow has no such model: {str(error).partition(chr(10))[0][:200]}",
                where=uri,
                way_out="name it as MLflow's own pages do: runs:/<run id>/model, models:/<name>/<version>",
            ) from error

    @_reached
    def attach(self, version: Version, path: Path, folder: str) -> None:
        """Store a file with a version under a folder of its artefacts."""
        self._client.log_artifact(version.run, str(path), folder)

    @_reached
    def alias(self, model: str, alias: str) -> str | None:
        """Return the version that an alias names, None where there is no such model or alias."""
        from mlflow.exceptions import MlflowException

        try:
            aliases = self._client.get_registered_model(model).aliases
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise
        return str(aliases[alias]) if alias in aliases else None

    @_reached
    def set_alias(self, model: str, alias: str, number: str | None) -> None:
        """Move an alias to a version, or remove it."""
        if number is None:
            self._client.delete_registered_model_alias(model, alias)
        else:
            self._client.set_registered_model_alias(model, alias, number)
